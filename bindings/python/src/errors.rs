//! Errors of the pool as exceptions of Python.
//!
//! The classes are written in Python (`modelpool/_errors.py`), one for each kind; here they are found by the
//! kind's code and filled with what is known of the failure.

use modelpool::{Error, ErrorKind};
use pyo3::exceptions::PyException;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::json;

/// The exception that stands for a failed call.
pub(crate) fn of_call(py: Python<'_>, error: &Error, request_id: Option<&str>) -> PyErr {
    made(py, error.code(), error.to_string(), |attributes| {
        attributes.set_item("alias", error.alias())?;
        attributes.set_item("status", error.status())?;
        attributes.set_item("attempts", error.attempts())?;
        attributes.set_item("request_id", request_id)?;
        attributes.set_item("upstream_request_id", error.upstream_request_id())?;
        attributes.set_item(
            "retry_after_s",
            error.retry_after().map(|wait| wait.as_secs_f64()),
        )?;
        if let Some(vendor) = error.vendor() {
            attributes.set_item("param", vendor.param.as_deref())?;
            attributes.set_item("vendor_message", vendor.message.as_str())?;
            attributes.set_item("vendor_code", vendor.code.as_deref())?;
        }
        match error.kind() {
            ErrorKind::NoModelFits(reason) => {
                attributes.set_item("missing", json::to_python(py, &reason.rejected)?)?;
                attributes.set_item("unknown_keys", json::to_python(py, &reason.unknown_keys)?)?;
            }
            ErrorKind::Timeout(which) => attributes.set_item("limit", which.key())?,
            ErrorKind::ContextLength { window } => attributes.set_item("window", *window)?,
            ErrorKind::Unsupported { capability } => {
                attributes.set_item("capability", capability.map(|flag| flag.key()))?;
            }
            _ => {}
        }
        Ok(())
    })
}

/// An exception of the class for `code`, one of `_errors.BY_CODE`.
pub(crate) fn of_code(py: Python<'_>, code: &str, message: impl Into<String>) -> PyErr {
    made(py, code, message.into(), |_| Ok(()))
}

/// A value that is not what it should be.
pub(crate) fn value(py: Python<'_>, message: impl Into<String>) -> PyErr {
    of_code(py, "invalid_value", message)
}

fn made(
    py: Python<'_>,
    code: &str,
    message: String,
    fill: impl FnOnce(&Bound<'_, PyDict>) -> PyResult<()>,
) -> PyErr {
    let make = || {
        let attributes = PyDict::new(py);
        fill(&attributes)?;
        let module = py.import("modelpool._errors")?;
        module.call_method1("made", (code, &message, attributes))
    };
    match make() {
        Ok(exception) => PyErr::from_value(exception),
        // Only where the package itself is broken.
        Err(error) => error,
    }
}

/// `exception` with another as its cause, as `raise … from …` has it.
pub(crate) fn caused_by(py: Python<'_>, exception: PyErr, cause: PyErr) -> PyErr {
    if !cause.is_instance_of::<PyException>(py) {
        // Nothing that ends the program is hidden behind an error.
        return cause;
    }
    exception.set_cause(py, Some(cause));
    exception
}
