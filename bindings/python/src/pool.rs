//! The pool's own words: holding models and picking among them.
//!
//! This is the part that Python's `ModelPool` (`modelpool/_pool.py`) is a dress of; calls are in `calls`.

use std::path::PathBuf;
use std::sync::Arc;

use modelpool::{
    ModelPool, ModelPoolBuilder, PoolError, ProviderRegistry, SelectError, Selector, pool_from_config,
    read_config,
};
use pyo3::exceptions::PyUserWarning;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use serde_json::{Value, json};

use crate::capabilities::{ModelCapabilities, read_requirements};
use crate::config::ModelConfig;
use crate::entries::Entries;
use crate::providers::{PythonProviders, Serving};
use crate::selectors::{self, PythonSelector};
use crate::testing::TestTransport;
use crate::{errors, json as plain, settings};

/// A pool with what Python needs beside it.
pub(crate) struct Held {
    pub(crate) pool: ModelPool,
    /// The selector, where it is written in Python.
    pub(crate) selector: Option<Arc<PythonSelector>>,
    /// The providers that are written in Python.
    serving: Arc<Serving>,
    entries: Arc<Entries>,
    /// The alias that is to be the default once it is added.
    wanted_default: Option<String>,
}

/// A pool of language models.
#[pyclass(frozen, module = "modelpool._native")]
pub(crate) struct NativePool {
    pub(crate) held: Arc<Held>,
}

#[pymethods]
impl NativePool {
    #[new]
    #[pyo3(signature = (selector=None, default_alias=None))]
    fn new(
        py: Python<'_>,
        selector: Option<&Bound<'_, PyAny>>,
        default_alias: Option<String>,
    ) -> PyResult<Self> {
        let (builder, serving) = builder();
        Self::build(py, builder, serving, selector, default_alias)
    }

    /// A pool whose calls are answered within this process, by a transport for tests and measurements.
    #[staticmethod]
    #[pyo3(signature = (waits, selector=None))]
    fn with_test_transport(
        py: Python<'_>,
        waits: bool,
        selector: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let transport = Arc::new(TestTransport { waits });
        let (builder, serving) = builder();
        Self::build(py, builder.transport(transport), serving, selector, None)
    }

    /// The pool of a configuration file.
    #[staticmethod]
    fn from_config(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        let environment: modelpool::Environment =
            Arc::new(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
        let wrong = |problem: String| errors::of_code(py, "configuration", problem);
        let config = py
            .detach(|| read_config(&path, &environment, &registry()))
            .map_err(|problems| wrong(problems.to_string()))?;
        let (builder, serving) = builder();
        let pool = pool_from_config(&config, builder).map_err(|error| wrong(error.to_string()))?;
        Ok(Self::holding(pool, None, serving, Arc::default(), None))
    }

    #[pyo3(signature = (alias, provider, model_name, capabilities=None, api_key=None, base_url=None, extra=None))]
    #[allow(clippy::too_many_arguments)] // the fields of an entry
    fn add(
        &self,
        py: Python<'_>,
        alias: String,
        provider: String,
        model_name: String,
        capabilities: Option<&Bound<'_, ModelCapabilities>>,
        api_key: Option<String>,
        base_url: Option<String>,
        extra: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let mut config = modelpool::ModelConfig::new(alias, provider, model_name);
        config.api_key = api_key.map(Into::into);
        config.base_url = base_url;
        if let Some(capabilities) = capabilities {
            config = config.capabilities(capabilities.get().inner.clone());
        }
        settings::apply(py, &mut config, &plain::members(extra, "extra")?)?;
        self.add_one(py, config)
    }

    fn add_config(&self, py: Python<'_>, config: &Bound<'_, ModelConfig>) -> PyResult<()> {
        self.add_one(py, config.get().inner().clone())
    }

    fn get(&self, py: Python<'_>, alias: &str) -> PyResult<Option<Py<ModelConfig>>> {
        let entry = self.held.pool.get(alias);
        entry.map(|entry| self.held.entries.show(py, &entry)).transpose()
    }

    fn remove(&self, alias: &str) -> bool {
        let removed = self.held.pool.remove(alias);
        self.held.entries.forget(alias);
        removed
    }

    fn get_default(&self, py: Python<'_>) -> PyResult<Option<Py<ModelConfig>>> {
        if let Some(wanted) = &self.held.wanted_default
            && self
                .held
                .pool
                .get_default()
                .is_some_and(|entry| entry.alias() != wanted)
            && !self.held.pool.contains(wanted)
        {
            return Ok(None);
        }
        let entry = self.held.pool.get_default();
        entry.map(|entry| self.held.entries.show(py, &entry)).transpose()
    }

    fn set_default(&self, py: Python<'_>, alias: &str) -> PyResult<()> {
        let set = self.held.pool.set_default(alias).map(|_| ());
        set.map_err(|error| of_pool(py, &error))
    }

    fn list_models<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        plain::to_python(py, &self.held.pool.list_models())
    }

    fn aliases(&self) -> Vec<String> {
        let snapshot = self.held.pool.snapshot();
        snapshot
            .entries()
            .map(|(_, entry)| entry.alias().to_owned())
            .collect()
    }

    fn __len__(&self) -> usize {
        self.held.pool.len()
    }

    fn __contains__(&self, alias: &Bound<'_, PyAny>) -> bool {
        alias
            .extract::<&str>()
            .is_ok_and(|alias| self.held.pool.contains(alias))
    }

    #[pyo3(signature = (requirements=None, context=None))]
    fn select(
        &self,
        py: Python<'_>,
        requirements: Option<&Bound<'_, PyAny>>,
        context: Option<Py<PyAny>>,
    ) -> PyResult<Option<Py<ModelConfig>>> {
        let requirements = read_requirements(requirements)?;
        let pool = &self.held.pool;
        let selected = match &self.held.selector {
            None => pool.select(&requirements),
            Some(_) => {
                let given = context.unwrap_or_else(|| py.None());
                selectors::with_context(Some(given), || pool.select(&requirements))
            }
        };
        match selected {
            Ok(entry) => Ok(Some(self.held.entries.show(py, &entry)?)),
            Err(SelectError::Selector(error)) => Err(selectors::failed(
                py,
                self.held.selector.as_deref(),
                &error.to_string(),
            )),
            Err(SelectError::NoModelFits(reason)) => {
                for unknown in &reason.unknown_keys {
                    let near = unknown.nearest.as_ref();
                    let near = near
                        .map(|near| format!(", did you mean `{near}`?"))
                        .unwrap_or_default();
                    warn(
                        py,
                        &format!("no model knows the requirement `{}`{near}", unknown.key),
                    )?;
                }
                Ok(None)
            }
        }
    }

    /// Why a request of this shape would go where it would go: what `modelpool select --json` prints.
    #[pyo3(signature = (requirements=None, prefer=None, model="auto"))]
    fn explain<'py>(
        &self,
        py: Python<'py>,
        requirements: Option<&Bound<'_, PyAny>>,
        prefer: Option<&Bound<'_, PyAny>>,
        model: &str,
    ) -> PyResult<Bound<'py, PyAny>> {
        let body = json!({"model": model, "messages": [{"role": "user", "content": ""}]});
        let mut call = modelpool::Call::read(modelpool::Operation::Chat, body.to_string().into())
            .map_err(|error| errors::of_call(py, &error, None))?;
        // Without a message only what is written counts.
        call.facts = Arc::default();
        call.options.requirements = read_requirements(requirements)?;
        call.options.preferences = read_requirements(prefer)?;
        let explanation = self.held.pool.explain_call(&call).map_err(|error| {
            selectors::call_failed(py, self.held.selector.as_deref(), &error, &call.request_id)
        })?;
        plain::to_python(py, &explanation)
    }

    /// How a model did.
    fn performance_stats<'py>(&self, py: Python<'py>, alias: &str) -> PyResult<Bound<'py, PyAny>> {
        let Some(report) = self.held.pool.performance_stats(alias) else {
            return Err(self.unknown(py, alias));
        };
        let flat = plain::to_python(py, &report.flat_ever())?;
        let dict = flat.cast_into::<PyDict>()?;
        let periods = plain::to_python(py, &report)?.cast_into::<PyDict>()?;
        dict.update(periods.as_mapping())?;
        Ok(dict.into_any())
    }

    /// A selector and providers that refer to their pool are garbage with it, unless a call is under way.
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        if Arc::strong_count(&self.held) > 1 {
            return Ok(());
        }
        if let Some(selector) = &self.held.selector {
            selector.traverse(&visit)?;
        }
        self.held.serving.traverse(&visit)
    }

    fn __clear__(&self) {
        if Arc::strong_count(&self.held) > 1 {
            return;
        }
        if let Some(selector) = &self.held.selector {
            selector.clear();
        }
        self.held.serving.clear();
    }

    /// The breakers of all models.
    fn breakers<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        plain::to_python(py, &self.held.pool.breakers())
    }
}

impl NativePool {
    fn build(
        py: Python<'_>,
        builder: ModelPoolBuilder,
        serving: Arc<Serving>,
        selector: Option<&Bound<'_, PyAny>>,
        default_alias: Option<String>,
    ) -> PyResult<Self> {
        let entries: Arc<Entries> = Arc::default();
        let mut in_python = None;
        let builder = match selector.filter(|selector| !selector.is_none()) {
            None => builder,
            Some(given) => match shipped(py, given)? {
                Some(shipped) => builder.selector(shipped),
                None => {
                    let selector = Arc::new(PythonSelector::new(given, Arc::clone(&entries))?);
                    in_python = Some(Arc::clone(&selector));
                    builder.selector(selector)
                }
            },
        };
        Ok(Self::holding(
            builder.build(),
            in_python,
            serving,
            entries,
            default_alias,
        ))
    }

    fn holding(
        pool: ModelPool,
        selector: Option<Arc<PythonSelector>>,
        serving: Arc<Serving>,
        entries: Arc<Entries>,
        wanted_default: Option<String>,
    ) -> Self {
        let held = Arc::new(Held {
            pool,
            selector,
            serving,
            entries,
            wanted_default,
        });
        held.entries.belong_to(&held);
        Self { held }
    }

    fn add_one(&self, py: Python<'_>, mut config: modelpool::ModelConfig) -> PyResult<()> {
        modelpool::catalog::fill_undeclared(&mut config);
        let becomes_default = self.held.wanted_default.as_deref() == Some(&*config.alias);
        let alias = Arc::clone(&config.alias);
        let added = self.held.pool.change(|draft| {
            draft.add(config)?;
            if becomes_default {
                draft.set_default(&alias)?;
            }
            Ok(())
        });
        added.map_err(|error| of_pool(py, &error))
    }

    /// The error for an alias that no model has.
    pub(crate) fn unknown(&self, py: Python<'_>, alias: &str) -> PyErr {
        let aliases = self.aliases();
        let near = modelpool::parts::core::nearest::did_you_mean(alias, aliases.iter().map(String::as_str));
        errors::of_code(
            py,
            "model_not_found",
            format!("no model has the alias `{alias}`{near}"),
        )
    }
}

/// A selector that is not asked in Python: a name, a description, or a shipped one as it is.
fn shipped(py: Python<'_>, given: &Bound<'_, PyAny>) -> PyResult<Option<Arc<dyn Selector>>> {
    let description = if given.is_instance_of::<PyDict>() || given.extract::<&str>().is_ok() {
        plain::from_python(given, "selector")?
    } else {
        let native = py
            .import("modelpool._selectors")?
            .call_method1("native_kind", (given,))?;
        match native.extract::<Option<String>>()? {
            Some(kind) => Value::from(kind),
            None => return Ok(None),
        }
    };
    selectors::named(py, &description).map(Some)
}

/// Providers: the vendors, and those registered in Python.
pub(crate) fn registry() -> ProviderRegistry {
    registry_of(PythonProviders::default())
}

fn registry_of(providers: PythonProviders) -> ProviderRegistry {
    let mut registry = ProviderRegistry::new();
    registry.look_up(Arc::new(providers));
    registry
}

/// What builds a pool, and what will hold its providers written in Python.
fn builder() -> (ModelPoolBuilder, Arc<Serving>) {
    let serving: Arc<Serving> = Arc::default();
    let providers = PythonProviders {
        serving: Arc::clone(&serving),
    };
    (ModelPool::builder().registry(registry_of(providers)), serving)
}

fn of_pool(py: Python<'_>, error: &PoolError) -> PyErr {
    let code = match error {
        PoolError::UnknownAlias { .. } => "model_not_found",
        _ => "invalid_value",
    };
    errors::of_code(py, code, error.to_string())
}

fn warn(py: Python<'_>, message: &str) -> PyResult<()> {
    let category = py
        .import("modelpool._errors")?
        .getattr("UnknownRequirementWarning");
    let category = category.unwrap_or_else(|_| py.get_type::<PyUserWarning>().into_any());
    let warnings = py.import("warnings")?;
    let keywords = PyDict::new(py);
    // The line that asked: `select` of the pool in Python stands between.
    keywords.set_item("stacklevel", 2)?;
    warnings.call_method("warn", (message, category), Some(&keywords))?;
    Ok(())
}

/// The pool an object was read from, if it is still there.
#[pyfunction]
pub(crate) fn pool_of(config: &Bound<'_, ModelConfig>) -> Option<NativePool> {
    let held = config.get().origin()?.pool.upgrade()?;
    Some(NativePool { held })
}
