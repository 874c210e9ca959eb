//! Between Python's objects and JSON.
//!
//! Python's own `json` reads its objects: it is as fast as walking them from here, notices circles and numbers that JSON
//! lacks, and takes along what knows how to become plain. A few scalars by name, as most requirements are, are read
//! without it.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyBytes, PyDict, PyFloat, PyInt, PyString};
use pythonize::pythonize;
use serde_json::{Map, Number, Value};

use crate::errors;

/// An object of Python as written JSON; `what` names it in the error.
pub(crate) fn written<'py>(object: &Bound<'py, PyAny>, what: &str) -> PyResult<Bound<'py, PyBytes>> {
    static WRITTEN: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let write = WRITTEN.import(object.py(), "modelpool._plain", "written")?;
    Ok(write.call1((object, what))?.cast_into()?)
}

/// The same as a value.
pub(crate) fn from_python(object: &Bound<'_, PyAny>, what: &str) -> PyResult<Value> {
    if let Ok(dict) = object.cast_exact::<PyDict>()
        && let Some(members) = scalars(dict)
    {
        return Ok(Value::Object(members));
    }
    let bytes = written(object, what)?;
    serde_json::from_slice(bytes.as_bytes())
        .map_err(|error| errors::value(object.py(), format!("{what}: {error}")))
}

/// The members of a dict that has names and scalars alone.
fn scalars(dict: &Bound<'_, PyDict>) -> Option<Map<String, Value>> {
    let mut members = Map::new();
    for (key, value) in dict {
        let key = key.cast_exact::<PyString>().ok()?.to_str().ok()?.to_owned();
        let value = if let Ok(truth) = value.cast_exact::<PyBool>() {
            Value::Bool(truth.is_true())
        } else if let Ok(text) = value.cast_exact::<PyString>() {
            Value::String(text.to_str().ok()?.to_owned())
        } else if value.cast_exact::<PyInt>().is_ok() {
            Value::from(value.extract::<i64>().ok()?)
        } else if let Ok(number) = value.cast_exact::<PyFloat>() {
            Value::Number(Number::from_f64(number.value())?)
        } else {
            return None;
        };
        members.insert(key, value);
    }
    Some(members)
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
