//! One entry of the pool, as Python sees it.

use std::sync::{Arc, Weak};

use modelpool::{Capabilities, ModelEntry};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use secrecy::ExposeSecret;
use serde_json::{Map, Value};

use crate::capabilities::ModelCapabilities;
use crate::pool::Held;
use crate::{json, settings};

/// One entry of the pool: alias, provider, model name, and what goes with them.
#[pyclass(frozen, module = "modelpool", name = "ModelConfig")]
pub(crate) struct ModelConfig {
    inner: modelpool::ModelConfig,
    capabilities: Py<ModelCapabilities>,
    /// What was given besides, as it was written.
    extra: Map<String, Value>,
    origin: Option<Origin>,
}

/// The pool an object was read from.
pub(crate) struct Origin {
    /// The pool, which must not be kept alive by what it hands out.
    pub(crate) pool: Weak<Held>,
    /// The entry it shows.
    pub(crate) entry: Arc<ModelEntry>,
}

#[pymethods]
impl ModelConfig {
    #[new]
    #[pyo3(signature = (alias, provider, model_name, api_key=None, base_url=None, capabilities=None, extra_config=None))]
    #[allow(clippy::too_many_arguments)] // the fields of a dataclass
    fn new(
        py: Python<'_>,
        alias: String,
        provider: String,
        model_name: String,
        api_key: Option<String>,
        base_url: Option<String>,
        capabilities: Option<Py<ModelCapabilities>>,
        extra_config: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let mut inner = modelpool::ModelConfig::new(alias, provider, model_name);
        inner.api_key = api_key.map(Into::into);
        inner.base_url = base_url;
        // An object is complete; where there is none the catalog says what it knows.
        inner.catalog = capabilities.is_none();
        if let Some(capabilities) = &capabilities {
            inner.capabilities = capabilities.get().inner.clone();
        }
        let extra = json::members(extra_config, "extra_config")?;
        settings::apply(py, &mut inner, &extra)?;
        modelpool::catalog::fill_undeclared(&mut inner);
        let capabilities = match capabilities {
            Some(capabilities) => capabilities,
            None => shown(py, inner.capabilities.clone())?,
        };
        Ok(Self {
            inner,
            capabilities,
            extra,
            origin: None,
        })
    }

    /// The user's name of the entry.
    #[getter]
    fn alias(&self) -> &str {
        &self.inner.alias
    }

    /// Who serves it.
    #[getter]
    fn provider(&self) -> &str {
        &self.inner.provider
    }

    /// The vendor's name of the model.
    #[getter]
    fn model_name(&self) -> &str {
        &self.inner.model_name
    }

    /// The key to call it with; never shown in `repr`.
    #[getter]
    fn api_key(&self) -> Option<&str> {
        self.inner.api_key.as_ref().map(ExposeSecret::expose_secret)
    }

    /// Its address, where the vendor has none or another is wanted.
    #[getter]
    fn base_url(&self) -> Option<&str> {
        self.inner.base_url.as_deref()
    }

    /// What it can do, as far as is known at this moment.
    #[getter]
    fn capabilities(&self, py: Python<'_>) -> Py<ModelCapabilities> {
        self.capabilities.clone_ref(py)
    }

    /// What was given besides: settings of the pool, and of providers and selectors of one's own.
    #[getter]
    fn extra_config<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        json::dict(py, &self.extra)
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> PyResult<bool> {
        let py = other.py();
        let Ok(other) = other.cast::<Self>() else {
            return Ok(false);
        };
        let other = other.get();
        let plain = |config: &Self| {
            let inner = &config.inner;
            (
                Arc::clone(&inner.alias),
                inner.provider.clone(),
                Arc::clone(&inner.model_name),
                config.api_key().map(str::to_owned),
                inner.base_url.clone(),
            )
        };
        Ok(plain(self) == plain(other)
            && self.extra == other.extra
            && self.capabilities.bind(py).eq(other.capabilities.bind(py))?)
    }

    fn __hash__(&self) -> u64 {
        use std::hash::{DefaultHasher, Hash, Hasher};
        let mut hasher = DefaultHasher::new();
        (&self.inner.alias, &self.inner.provider, &self.inner.model_name).hash(&mut hasher);
        hasher.finish()
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let text = |text: &str| {
            pyo3::types::PyString::new(py, text)
                .repr()
                .map(|repr| repr.to_string())
        };
        let optional = |value: Option<&str>| value.map_or_else(|| Ok("None".to_owned()), text);
        // Settings may be secrets: only their names are shown.
        let extra: Vec<String> = self.extra.keys().cloned().collect();
        Ok(format!(
            "ModelConfig(alias={}, provider={}, model_name={}, api_key={}, base_url={}, capabilities={}, \
             extra_config={})",
            text(self.alias())?,
            text(self.provider())?,
            text(self.model_name())?,
            optional(self.api_key().map(|_| "[redacted]"))?,
            optional(self.base_url())?,
            self.capabilities.bind(py).repr()?,
            match extra.as_slice() {
                [] => "{}".to_owned(),
                names => format!("{{{}: …}}", names.join(": …, ")),
            },
        ))
    }

    fn __getnewargs__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        (
            self.alias(),
            self.provider(),
            self.model_name(),
            self.api_key(),
            self.base_url(),
            self.capabilities.clone_ref(py),
            self.extra_config(py)?,
        )
            .into_pyobject(py)
    }
}

impl ModelConfig {
    /// What shows an entry of a pool.
    pub(crate) fn of_entry(py: Python<'_>, entry: &Arc<ModelEntry>, pool: Weak<Held>) -> PyResult<Self> {
        let mut shown = Self::of_config(py, entry.config())?;
        shown.origin = Some(Origin {
            pool,
            entry: Arc::clone(entry),
        });
        Ok(shown)
    }

    /// What shows a model of no pool that Python knows.
    pub(crate) fn of_config(py: Python<'_>, config: &modelpool::ModelConfig) -> PyResult<Self> {
        Ok(Self {
            capabilities: shown(py, config.capabilities.clone())?,
            extra: settings::written(config),
            inner: config.clone(),
            origin: None,
        })
    }

    pub(crate) fn inner(&self) -> &modelpool::ModelConfig {
        &self.inner
    }

    pub(crate) fn origin(&self) -> Option<&Origin> {
        self.origin.as_ref()
    }
}

fn shown(py: Python<'_>, inner: Capabilities) -> PyResult<Py<ModelCapabilities>> {
    Py::new(py, ModelCapabilities { inner })
}
