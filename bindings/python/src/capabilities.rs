//! What a model can do, as Python sees it.

use modelpool::{Capabilities, Flag, Numeric, Price, Requirements, Support};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use serde_json::{Map, Value, json};

use crate::{errors, json as plain};

/// What a model can do. What is left out takes the defaults; an unknown yes/no reads `False`.
#[pyclass(frozen, module = "modelpool", name = "ModelCapabilities")]
pub(crate) struct ModelCapabilities {
    pub(crate) inner: Capabilities,
}

#[pymethods]
impl ModelCapabilities {
    #[new]
    #[pyo3(signature = (
        supports_tools=None, supports_vision=None, supports_streaming=None, max_tokens=None, context_window=None,
        avg_latency_ms=None, cost_per_1k_tokens=None, custom_capabilities=None, *, supports_json_mode=None,
        supports_json_schema=None, supports_system_message=None, supports_audio=None, supports_pdf=None,
        supports_reasoning=None, supports_parallel_tools=None, supports_prefill=None, supports_embeddings=None,
        price=None
    ))]
    #[allow(clippy::too_many_arguments)] // the fields of a dataclass
    fn new(
        py: Python<'_>,
        supports_tools: Option<bool>,
        supports_vision: Option<bool>,
        supports_streaming: Option<bool>,
        max_tokens: Option<u64>,
        context_window: Option<u64>,
        avg_latency_ms: Option<f64>,
        cost_per_1k_tokens: Option<f64>,
        custom_capabilities: Option<&Bound<'_, PyAny>>,
        supports_json_mode: Option<bool>,
        supports_json_schema: Option<bool>,
        supports_system_message: Option<bool>,
        supports_audio: Option<bool>,
        supports_pdf: Option<bool>,
        supports_reasoning: Option<bool>,
        supports_parallel_tools: Option<bool>,
        supports_prefill: Option<bool>,
        supports_embeddings: Option<bool>,
        price: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let mut members = Map::new();
        let mut put = |key: &str, value: Option<Value>| {
            if let Some(value) = value {
                members.insert(key.to_owned(), value);
            }
        };
        for (flag, value) in [
            (Flag::Tools, supports_tools),
            (Flag::Vision, supports_vision),
            (Flag::Streaming, supports_streaming),
            (Flag::JsonMode, supports_json_mode),
            (Flag::JsonSchema, supports_json_schema),
            (Flag::SystemMessage, supports_system_message),
            (Flag::Audio, supports_audio),
            (Flag::Pdf, supports_pdf),
            (Flag::Reasoning, supports_reasoning),
            (Flag::ParallelTools, supports_parallel_tools),
            (Flag::Prefill, supports_prefill),
            (Flag::Embeddings, supports_embeddings),
        ] {
            put(flag.key(), value.map(Value::Bool));
        }
        put(Numeric::MaxTokens.key(), max_tokens.map(Value::from));
        put(Numeric::ContextWindow.key(), context_window.map(Value::from));
        put(Numeric::AvgLatencyMs.key(), avg_latency_ms.map(number));
        put(Numeric::CostPer1kTokens.key(), cost_per_1k_tokens.map(number));
        if let Some(price) = price {
            put("price", Some(plain::from_python(price, "price")?));
        }
        let custom = plain::members(custom_capabilities, "custom_capabilities")?;
        if !custom.is_empty() {
            put("custom", Some(Value::Object(custom)));
        }
        Self::read(py, &Value::Object(members))
    }

    /// The price, mostly in US dollars per million tokens (`input`, `output`, `cached_input`, `tiers`, …); `None`
    /// where nobody said it.
    #[getter]
    fn price<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let price = self.inner.declared_price();
        price.map(|price| plain::to_python(py, price)).transpose()
    }

    /// Capabilities of the user's own.
    #[getter]
    fn custom_capabilities<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        for (key, fact) in self.inner.custom_values() {
            dict.set_item(key, plain::to_python(py, &fact.value)?)?;
        }
        Ok(dict)
    }

    #[getter]
    fn supports_tools(&self) -> bool {
        self.has(Flag::Tools)
    }

    #[getter]
    fn supports_vision(&self) -> bool {
        self.has(Flag::Vision)
    }

    #[getter]
    fn supports_streaming(&self) -> bool {
        self.has(Flag::Streaming)
    }

    #[getter]
    fn supports_json_mode(&self) -> bool {
        self.has(Flag::JsonMode)
    }

    #[getter]
    fn supports_json_schema(&self) -> bool {
        self.has(Flag::JsonSchema)
    }

    #[getter]
    fn supports_system_message(&self) -> bool {
        self.has(Flag::SystemMessage)
    }

    #[getter]
    fn supports_audio(&self) -> bool {
        self.has(Flag::Audio)
    }

    #[getter]
    fn supports_pdf(&self) -> bool {
        self.has(Flag::Pdf)
    }

    #[getter]
    fn supports_reasoning(&self) -> bool {
        self.has(Flag::Reasoning)
    }

    #[getter]
    fn supports_parallel_tools(&self) -> bool {
        self.has(Flag::ParallelTools)
    }

    #[getter]
    fn supports_prefill(&self) -> bool {
        self.has(Flag::Prefill)
    }

    #[getter]
    fn supports_embeddings(&self) -> bool {
        self.has(Flag::Embeddings)
    }

    #[getter]
    fn max_tokens(&self) -> u64 {
        self.number(Numeric::MaxTokens) as u64
    }

    #[getter]
    fn context_window(&self) -> u64 {
        self.number(Numeric::ContextWindow) as u64
    }

    #[getter]
    fn avg_latency_ms(&self) -> f64 {
        self.number(Numeric::AvgLatencyMs)
    }

    #[getter]
    fn cost_per_1k_tokens(&self) -> f64 {
        self.number(Numeric::CostPer1kTokens)
    }

    /// Whether a model with these capabilities meets the requirements.
    #[pyo3(signature = (requirements=None))]
    fn meets_requirements(&self, requirements: Option<&Bound<'_, PyAny>>) -> PyResult<bool> {
        let requirements = read_requirements(requirements)?;
        Ok(self.inner.meets(&requirements).is_ok())
    }

    /// What of the requirements is not met, as dicts with `key`, `wanted`, `has`, `provenance`; empty where all is.
    #[pyo3(signature = (requirements=None))]
    fn missing<'py>(
        &self,
        py: Python<'py>,
        requirements: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let requirements = read_requirements(requirements)?;
        plain::to_python(py, &self.inner.meets(&requirements).err().unwrap_or_default())
    }

    /// How a capability is known: `default`, `declared`, `catalog`, `probed` or `observed`; `None` where it is no
    /// capability of this model.
    fn provenance<'py>(&self, py: Python<'py>, key: &str) -> PyResult<Option<Bound<'py, PyAny>>> {
        let found = self.inner.lookup(key);
        found
            .map(|(_, provenance)| plain::to_python(py, &provenance))
            .transpose()
    }

    /// The same with some fields changed.
    #[pyo3(signature = (**changes))]
    fn replace<'py>(
        slf: &Bound<'py, Self>,
        changes: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let fields = slf.get().declared(py)?;
        if let Some(changes) = changes {
            // One of the two says the price.
            for (this, other) in [("price", "cost_per_1k_tokens"), ("cost_per_1k_tokens", "price")] {
                if changes.contains(this)? && fields.contains(other)? {
                    fields.del_item(other)?;
                }
            }
            fields.update(changes.as_mapping())?;
        }
        slf.get_type().call((), Some(&fields))
    }

    /// Every field and its value, as plain objects.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        for flag in Flag::ALL {
            dict.set_item(flag.key(), self.has(flag))?;
        }
        dict.set_item("max_tokens", self.max_tokens())?;
        dict.set_item("context_window", self.context_window())?;
        dict.set_item("avg_latency_ms", self.avg_latency_ms())?;
        dict.set_item("cost_per_1k_tokens", self.cost_per_1k_tokens())?;
        dict.set_item("price", self.price(py)?)?;
        dict.set_item("custom_capabilities", self.custom_capabilities(py)?)?;
        Ok(dict)
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> bool {
        let Ok(other) = other.cast::<Self>() else {
            return false;
        };
        let (a, b) = (self, other.get());
        Flag::ALL.iter().all(|flag| a.has(*flag) == b.has(*flag))
            && Numeric::ALL.iter().all(|key| a.number(*key) == b.number(*key))
            && a.effective_price() == b.effective_price()
            && a.custom() == b.custom()
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let mut fields = Vec::new();
        // Only one of the two can be given.
        let left_out = match self.separate_price() {
            Some(_) => Numeric::CostPer1kTokens.key(),
            None => "price",
        };
        let all = self.to_dict(py)?;
        all.del_item(left_out)?;
        for (key, value) in all {
            fields.push(format!("{key}={}", value.repr()?));
        }
        Ok(format!("ModelCapabilities({})", fields.join(", ")))
    }

    fn __getnewargs_ex__<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyTuple>, Bound<'py, PyDict>)> {
        Ok((PyTuple::empty(py), self.declared(py)?))
    }
}

impl ModelCapabilities {
    fn read(py: Python<'_>, value: &Value) -> PyResult<Self> {
        let inner = Capabilities::from_json(value).map_err(|mistakes| {
            let all: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
            errors::value(py, all.join("; "))
        })?;
        Ok(Self { inner })
    }

    fn has(&self, flag: Flag) -> bool {
        self.inner.flag(flag).value == Support::Yes
    }

    fn number(&self, numeric: Numeric) -> f64 {
        self.inner.number(numeric).value
    }

    /// The price that models are compared by, where nobody said one, too.
    fn effective_price(&self) -> Price {
        let blended = || Price::per_1k(self.number(Numeric::CostPer1kTokens));
        self.inner.declared_price().cloned().unwrap_or_else(blended)
    }

    /// The price, where it says more than one number for input and output does.
    fn separate_price(&self) -> Option<&Price> {
        let price = self.inner.declared_price()?;
        (*price != Price::per_1k(self.number(Numeric::CostPer1kTokens))).then_some(price)
    }

    fn custom(&self) -> Vec<(&str, &Value)> {
        let values = self.inner.custom_values();
        values.map(|(key, fact)| (key, &fact.value)).collect()
    }

    /// The arguments that make the same object: what is more than a default.
    fn declared<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let is_default = |key: &str| {
            let known = self.inner.lookup(key);
            known.is_none_or(|(_, provenance)| provenance == modelpool::Provenance::Default)
        };
        let fields = self.to_dict(py)?;
        let mut left_out = vec!["custom_capabilities"; usize::from(self.custom().is_empty())];
        left_out.push(match self.separate_price() {
            Some(_) => Numeric::CostPer1kTokens.key(),
            None => "price",
        });
        let built_in = Flag::ALL.iter().map(|flag| flag.key());
        let built_in = built_in.chain(Numeric::ALL.iter().map(|numeric| numeric.key()));
        left_out.extend(built_in.filter(|key| is_default(key)));
        for key in left_out {
            if fields.contains(key)? {
                fields.del_item(key)?;
            }
        }
        Ok(fields)
    }
}

/// Numbers that JSON does not have are told as what they are.
fn number(value: f64) -> Value {
    serde_json::Number::from_f64(value).map_or_else(|| json!(value.to_string()), Value::Number)
}

/// The requirements users write.
pub(crate) fn read_requirements(object: Option<&Bound<'_, PyAny>>) -> PyResult<Requirements> {
    let Some(object) = object.filter(|object| !object.is_none()) else {
        return Ok(Requirements::new());
    };
    let members = plain::members(Some(object), "requirements")?;
    requirements_of(object.py(), &Value::Object(members))
}

/// The same, from JSON.
pub(crate) fn requirements_of(py: Python<'_>, value: &Value) -> PyResult<Requirements> {
    Requirements::from_json(value).map_err(|mistake| errors::value(py, format!("requirements: {mistake}")))
}
