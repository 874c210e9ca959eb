//! The gateway, asked within this process: what `as_openai` of a pool stands on.
//!
//! A client written for HTTP is answered exactly as `modelpool serve` would answer it, errors and streams included,
//! because it is the same code that answers; only the socket is left out.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, Response, Uri};
use http_body_util::BodyExt;
use modelpool_gateway::{Gateway, GatewayOptions, InProcess};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::pool::{Held, NativePool};
use crate::{errors, runtime};

/// Answers requests of HTTP within this process.
#[pyclass(frozen, module = "modelpool._native")]
pub(crate) struct NativeGateway {
    inner: InProcess,
    /// Whoever looks whether the pool is in use finds it so.
    _held: Arc<Held>,
}

/// What the answer's body comes from.
type Body = modelpool_gateway::AnswerBody;

type Headers = Vec<(String, Vec<u8>)>;

#[pymethods]
impl NativeGateway {
    #[new]
    fn new(pool: &Bound<'_, NativePool>) -> Self {
        let held = Arc::clone(&pool.get().held);
        let gateway = Gateway::new(held.pool.clone(), GatewayOptions::default());
        Self {
            inner: InProcess::new(gateway),
            _held: held,
        }
    }

    /// What is to be awaited for the answer: `(status, headers, body)`.
    fn ask<'py>(
        &self,
        py: Python<'py>,
        method: &str,
        target: &str,
        headers: Vec<(String, Vec<u8>)>,
        body: &Bound<'py, PyBytes>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let request = request(py, method, target, headers, body)?;
        runtime::start(py, ask(self.inner.clone(), request), answered)
    }

    /// The same while the caller's thread waits.
    fn ask_blocking(
        &self,
        py: Python<'_>,
        method: &str,
        target: &str,
        headers: Vec<(String, Vec<u8>)>,
        body: &Bound<'_, PyBytes>,
    ) -> PyResult<Py<PyAny>> {
        let request = request(py, method, target, headers, body)?;
        let response = runtime::block(py, ask(self.inner.clone(), request))?;
        answered(py, response)
    }
}

async fn ask(gateway: InProcess, request: Request<Bytes>) -> Response<Body> {
    gateway.ask(request).await
}

fn request(
    py: Python<'_>,
    method: &str,
    target: &str,
    headers: Headers,
    body: &Bound<'_, PyBytes>,
) -> PyResult<Request<Bytes>> {
    let wrong = |what: &str| errors::value(py, format!("{method} {target}: {what}"));
    let mut request = Request::new(Bytes::copy_from_slice(body.as_bytes()));
    *request.method_mut() = Method::from_bytes(method.as_bytes()).map_err(|_| wrong("no method"))?;
    *request.uri_mut() = target.parse::<Uri>().map_err(|_| wrong("no path"))?;
    for (name, value) in headers {
        let name = HeaderName::try_from(name).map_err(|_| wrong("a name is no header"))?;
        let value = HeaderValue::try_from(value).map_err(|_| wrong("a value is no header"))?;
        request.headers_mut().append(name, value);
    }
    Ok(request)
}

fn answered(py: Python<'_>, response: Response<Body>) -> PyResult<Py<PyAny>> {
    let (head, body) = response.into_parts();
    let headers: Vec<(&str, Bound<'_, PyBytes>)> = head
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), PyBytes::new(py, value.as_bytes())))
        .collect();
    let body = NativeBody {
        body: Mutex::new(Some(body)),
    };
    let answer = (head.status.as_u16(), headers, Py::new(py, body)?).into_pyobject(py)?;
    Ok(answer.into_any().unbind())
}

/// The body of an answer, part by part.
#[pyclass(frozen, module = "modelpool._native")]
pub(crate) struct NativeBody {
    body: Mutex<Option<Body>>,
}

/// A part, and the body that is left.
type Part = (Option<Result<Bytes, String>>, Option<Body>);

#[pymethods]
impl NativeBody {
    /// What is to be awaited for the next part; `None` at the end.
    fn next<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let work = part(slf.get().take());
        let body = slf.clone().unbind();
        runtime::start(py, work, move |py, part| body.get().handed_over(py, part))
    }

    /// The same while the caller's thread waits.
    fn next_blocking(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let part = runtime::block(py, part(self.take()))?;
        self.handed_over(py, part)
    }

    /// Ends the call. Harmless where it has ended.
    fn close(&self, py: Python<'_>) {
        runtime::release(py, self.take());
    }
}

impl NativeBody {
    fn take(&self) -> Option<Body> {
        self.body.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn handed_over(&self, py: Python<'_>, (part, rest): Part) -> PyResult<Py<PyAny>> {
        *self.body.lock().unwrap_or_else(PoisonError::into_inner) = rest;
        match part {
            None => Ok(py.None()),
            Some(Ok(part)) => Ok(PyBytes::new(py, &part).into_any().unbind()),
            Some(Err(message)) => Err(errors::of_code(py, "stream_lost", message)),
        }
    }
}

/// The next part that has bytes.
async fn part(body: Option<Body>) -> Part {
    let Some(mut body) = body else {
        return (None, None);
    };
    loop {
        match body.frame().await {
            None => return (None, None),
            Some(Err(error)) => return (Some(Err(format!("the answer broke off: {error}"))), None),
            Some(Ok(frame)) => {
                if let Ok(part) = frame.into_data() {
                    return (Some(Ok(part)), Some(body));
                }
            }
        }
    }
}

impl Drop for NativeBody {
    fn drop(&mut self) {
        runtime::released(self.take());
    }
}
