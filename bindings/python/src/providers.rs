//! Providers that are written in Python.
//!
//! Such a provider is OpenAI's wire over a transport that asks an object of Python in place of a server. So everything
//! that holds for that wire holds here: other dialects are translated to it, failures are told apart and fail over,
//! streams that are lost are continued, usage is counted.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use bytes::Bytes;
use futures_util::stream;
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use modelpool::parts::core::BoxFuture;
use modelpool::parts::core::transport::{BodyStream, TransportError, TransportErrorKind};
use modelpool::parts::providers::Constructor;
use modelpool::{
    Error, ErrorKind, FurtherProviders, ModelConfig, Provider, ProviderContext, ProviderRegistry, Transport,
};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::bridge::Pull;
use crate::config::ModelConfig as PythonConfig;
use crate::pool::registry;
use crate::{errors, interpreter};

/// The vendor whose wire it is.
const WIRE: &str = "openai_compatible";

/// Where no server is: nothing is resolved, the object is asked.
const NOWHERE: &str = "http://provider.invalid/v1";

/// The objects that serve the models of one pool, for the garbage collector: an object that refers to its pool is garbage with it.
#[derive(Default)]
pub(crate) struct Serving {
    objects: Mutex<Vec<Weak<Served>>>,
}

/// An object that serves a model.
struct Served {
    /// Taken away where it is garbage together with its pool.
    object: Mutex<Option<Py<PyAny>>>,
}

impl Serving {
    fn add(&self, object: Py<PyAny>) -> Arc<Served> {
        let served = Arc::new(Served {
            object: Mutex::new(Some(object)),
        });
        let mut objects = self.objects.lock().unwrap_or_else(PoisonError::into_inner);
        // Those of models that were removed are gone.
        objects.retain(|known| known.strong_count() > 0);
        objects.push(Arc::downgrade(&served));
        served
    }

    /// Shows the garbage collector what it holds.
    pub(crate) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        // Whoever has a lock is using it, and it is no garbage.
        let Ok(objects) = self.objects.try_lock() else {
            return Ok(());
        };
        for served in objects.iter().filter_map(Weak::upgrade) {
            if let Ok(object) = served.object.try_lock() {
                visit.call(&*object)?;
            }
        }
        Ok(())
    }

    /// Lets go of what is garbage.
    pub(crate) fn clear(&self) {
        let objects = {
            let objects = self.objects.lock().unwrap_or_else(PoisonError::into_inner);
            objects.iter().filter_map(Weak::upgrade).collect::<Vec<_>>()
        };
        for served in objects {
            let object = served
                .object
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take();
            drop(object);
        }
    }
}

/// What `ProviderFactory` of Python knows, for one pool.
#[derive(Default)]
pub(crate) struct PythonProviders {
    pub(crate) serving: Arc<Serving>,
}

impl FurtherProviders for PythonProviders {
    fn find(&self, name: &str) -> Option<Constructor> {
        let registered = interpreter::attempted(|py| -> PyResult<bool> {
            let module = py.import("modelpool._providers")?;
            module.call_method1("is_registered", (name,))?.extract()
        });
        if !registered.unwrap_or(false) {
            return None;
        }
        let serving = Arc::clone(&self.serving);
        Some(Arc::new(
            move |config: &ModelConfig, context: &ProviderContext| provider(config, context, &serving),
        ))
    }

    fn names(&self) -> Vec<String> {
        let names = interpreter::attempted(|py| -> PyResult<Vec<String>> {
            let module = py.import("modelpool._providers")?;
            module.call_method0("registered_names")?.extract()
        });
        names.unwrap_or_default()
    }
}

fn provider(
    config: &ModelConfig,
    context: &ProviderContext,
    serving: &Serving,
) -> Result<Arc<dyn Provider>, Error> {
    let made = interpreter::attempted(|py| {
        let shown = Py::new(py, PythonConfig::of_config(py, config)?)?;
        let module = py.import("modelpool._providers")?;
        module.call_method1("made", (shown,)).map(Bound::unbind)
    });
    let object = made.map_err(|error| {
        let message = format!(
            "the provider `{}` could not be made: {}",
            config.provider,
            words(&error)
        );
        Error::new(ErrorKind::Configuration, message)
    })?;
    over(serving.add(object), config, context)
}

/// OpenAI's wire over an object of Python.
fn over(
    served: Arc<Served>,
    config: &ModelConfig,
    context: &ProviderContext,
) -> Result<Arc<dyn Provider>, Error> {
    let mut config = config.clone();
    let transport = PythonTransport {
        served,
        provider: std::mem::replace(&mut config.provider, WIRE.to_owned()),
    };
    // Key and address are the object's own affair.
    config.base_url = Some(NOWHERE.to_owned());
    config.api_key = None;
    let context = ProviderContext {
        transport: Arc::new(transport),
        ..context.clone()
    };
    ProviderRegistry::new().create(&config, &context)
}

struct PythonTransport {
    served: Arc<Served>,
    provider: String,
}

impl fmt::Debug for PythonTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PythonTransport")
            .field("provider", &self.provider)
            .finish_non_exhaustive()
    }
}

impl Transport for PythonTransport {
    fn send(&self, request: Request<Bytes>) -> BoxFuture<'_, Result<Response<BodyStream>, TransportError>> {
        Box::pin(async move {
            let asked = interpreter::attempted(|py| self.ask(py, &request));
            let (content_type, mut parts) = asked.map_err(|error| broken(&error))?;
            // A failure before the first part is an answer of its own kind.
            let first = match parts.next().await {
                Ok(first) => first,
                Err(error) => return refusal(&error),
            };
            let body = stream::unfold((first, Some(parts)), |(first, parts)| async {
                if let Some(first) = first {
                    return Some((Ok(first), (None, parts)));
                }
                let mut parts = parts?;
                match parts.next().await {
                    Ok(Some(part)) => Some((Ok(part), (None, Some(parts)))),
                    Ok(None) => None,
                    Err(error) => Some((Err(broken(&error)), (None, None))),
                }
            });
            let mut response: Response<BodyStream> = Response::new(Box::pin(body));
            response.headers_mut().insert(CONTENT_TYPE, content_type);
            Ok(response)
        })
    }
}

impl PythonTransport {
    /// Asks the object: the content type of what it will answer, and the answer part by part.
    fn ask(&self, py: Python<'_>, request: &Request<Bytes>) -> PyResult<(HeaderValue, Pull)> {
        let object = {
            let held = self.served.object.lock().unwrap_or_else(PoisonError::into_inner);
            held.as_ref().map(|object| object.clone_ref(py))
        };
        let Some(object) = object else {
            return Err(errors::of_code(py, "pool", "the provider is gone with its pool"));
        };
        let module = py.import("modelpool._providers")?;
        let body = PyBytes::new(py, request.body());
        let asked = (object, request.method().as_str(), request.uri().path(), body);
        let answer = module.call_method1("answer", asked)?;
        let (content_type, parts): (String, Bound<'_, PyAny>) = answer.extract()?;
        let content_type = HeaderValue::from_str(&content_type)
            .unwrap_or_else(|_| HeaderValue::from_static("application/json"));
        Ok((content_type, Pull::new(py, &parts)?))
    }
}

/// Status, headers, body.
type Refusal = (u16, Vec<(String, String)>, Vec<u8>);

/// What was raised, as the answer a server would have refused with.
fn refusal(error: &PyErr) -> Result<Response<BodyStream>, TransportError> {
    let told = interpreter::attempted(|py| -> PyResult<Refusal> {
        let module = py.import("modelpool._providers")?;
        module.call_method1("refusal", (error.value(py),))?.extract()
    });
    let (status, headers, body) = told.map_err(|error| broken(&error))?;
    let parts: [Result<Bytes, TransportError>; 1] = [Ok(body.into())];
    let body: BodyStream = Box::pin(stream::iter(parts));
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in headers {
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), value.parse::<HeaderValue>()) {
            response.headers_mut().insert(name, value);
        }
    }
    Ok(response)
}

/// An exception in words, which Python has to be asked for.
fn words(error: &PyErr) -> String {
    interpreter::attached(|_| error.to_string()).unwrap_or_else(|| interpreter::ENDING.to_owned())
}

fn broken(error: &PyErr) -> TransportError {
    let is_mistake = interpreter::attempted(|py| -> PyResult<bool> {
        let module = py.import("modelpool._failures")?;
        module.call_method1("is_mistake", (error.value(py),))?.extract()
    });
    TransportError {
        kind: match is_mistake {
            Ok(false) => TransportErrorKind::Broken,
            _ => TransportErrorKind::Faulty,
        },
        message: format!("the provider written in Python raised {}", words(error)),
    }
}

/// Every name of a provider that is known.
#[pyfunction]
pub(crate) fn provider_names() -> Vec<String> {
    registry().names()
}

/// Raises where no provider has that name.
#[pyfunction]
pub(crate) fn check_provider(py: Python<'_>, name: &str) -> PyResult<()> {
    registry()
        .check(name)
        .map_err(|message| errors::of_code(py, "configuration", message))
}
