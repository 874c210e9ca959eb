//! Between Python's objects and JSON.

use pyo3::prelude::*;
use pyo3::types::PyDict;
use pythonize::{depythonize, pythonize};
use serde_json::{Map, Value};

use crate::errors;

/// Plain objects of Python as JSON; `what` names them in the error.
///
/// What is not plain but knows how to become so (models of pydantic, other mappings) is made plain by Python first.
pub(crate) fn from_python(object: &Bound<'_, PyAny>, what: &str) -> PyResult<Value> {
    if let Ok(value) = depythonize(object) {
        return Ok(value);
    }
    let py = object.py();
    let plain = py
        .import("modelpool._plain")?
        .call_method1("plain", (object, what))?;
    depythonize(&plain).map_err(|error| errors::value(py, format!("{what}: {error}")))
}

/// The same for an object with members; `None` is one without.
pub(crate) fn members(object: Option<&Bound<'_, PyAny>>, what: &str) -> PyResult<Map<String, Value>> {
    let Some(object) = object.filter(|object| !object.is_none()) else {
        return Ok(Map::new());
    };
    match from_python(object, what)? {
        Value::Object(members) => Ok(members),
        other => Err(errors::value(
            object.py(),
            format!("{what}: expected a dict, got {other}"),
        )),
    }
}

/// JSON as plain objects of Python.
pub(crate) fn to_python<'py, T: serde::Serialize + ?Sized>(
    py: Python<'py>,
    value: &T,
) -> PyResult<Bound<'py, PyAny>> {
    Ok(pythonize(py, value)?)
}

/// Members as a dict.
pub(crate) fn dict<'py>(py: Python<'py>, members: &Map<String, Value>) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    for (key, value) in members {
        dict.set_item(key, to_python(py, value)?)?;
    }
    Ok(dict)
}
