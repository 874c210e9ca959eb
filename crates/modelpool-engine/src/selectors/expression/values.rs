//! What an expression sees: `model`, `request` and `stats`.
//!
//! They are views on what is there already, and give a field when it is asked for; nothing is
//! built in advance. Every number is a double (see [`numbers`](super::numbers)).

use std::any::Any;
use std::collections::HashMap;

use cel::ExecutionError;
use cel::common::traits::{Container, Indexer};
use cel::common::types::{CelBool, CelDouble, CelList, CelMap, CelMapKey, CelNull, CelString, Type};
use cel::common::value::{CowVal, Val};
use modelpool_core::{Capabilities, Flag, LiveState, ModelConfig, Numeric, RequestFacts, Support};
use serde_json::{Map, Value};

/// A value of the language that may borrow from the pool and the request.
type Owned<'v> = Box<dyn Val + 'v>;

/// An object of the language.
#[derive(Clone, Copy, Debug)]
pub(super) enum Object<'v> {
    /// `model`
    Model(&'v ModelConfig),
    /// `model.custom`
    Custom(&'v Capabilities),
    /// `request`: its facts, and what the caller passed.
    Request(&'v RequestFacts, &'v Map<String, Value>),
    /// `stats`
    Stats(&'v LiveState),
}

/// The variables there are.
pub(super) const VARIABLES: [&str; 3] = ["model", "request", "stats"];

const MODEL: [&str; 4] = ["alias", "provider", "model_name", "custom"];
const PASSED: [&str; 2] = ["session", "tags"];
const STATS: [&str; 3] = ["in_flight", "latency_ms", "tokens_per_second"];

/// How a fact of the request is read.
type ReadFact = fn(&RequestFacts) -> Owned<'static>;

const FACTS: [(&str, ReadFact); 18] = [
    ("operation", |facts| {
        Box::new(CelString::from(facts.operation.name()))
    }),
    ("stream", |facts| flag(facts.stream)),
    ("body_bytes", |facts| number(facts.body_bytes as f64)),
    ("text_characters", |facts| number(facts.text_characters as f64)),
    ("input_tokens", |facts| number(facts.input_tokens as f64)),
    ("output_tokens", |facts| {
        number_or_null(facts.output_tokens.map(|tokens| tokens as f64))
    }),
    ("messages", |facts| number(f64::from(facts.messages))),
    ("tools", |facts| number(f64::from(facts.tools))),
    ("parallel_tools", |facts| flag(facts.parallel_tools)),
    ("images", |facts| number(f64::from(facts.images))),
    ("audio", |facts| number(f64::from(facts.audio))),
    ("files", |facts| number(f64::from(facts.files))),
    ("system_message", |facts| flag(facts.system_message)),
    ("json_mode", |facts| flag(facts.json_mode)),
    ("json_schema", |facts| flag(facts.json_schema)),
    ("choices", |facts| number(f64::from(facts.choices))),
    ("logprobs", |facts| flag(facts.logprobs)),
    ("speaks_of_images", |facts| flag(facts.speaks_of_images)),
];

/// The fields of a variable; `None` for one that does not exist.
pub(super) fn fields_of(variable: &str) -> Option<Vec<&'static str>> {
    Some(match variable {
        "model" => (MODEL.into_iter())
            .chain(Flag::ALL.map(Flag::key))
            .chain(Numeric::ALL.map(Numeric::key))
            .collect(),
        "request" => (PASSED.into_iter()).chain(FACTS.map(|(name, _)| name)).collect(),
        "stats" => STATS.to_vec(),
        _ => return None,
    })
}

impl<'v> Object<'v> {
    fn field(self, name: &str) -> Option<Owned<'v>> {
        match self {
            Object::Model(config) => model_field(config, name),
            Object::Custom(capabilities) => capabilities.custom_value(name).map(|fact| json(&fact.value)),
            Object::Request(facts, passed) => request_field(facts, passed, name),
            Object::Stats(live) => stats_field(live, name),
        }
    }
}

fn model_field<'v>(config: &'v ModelConfig, name: &str) -> Option<Owned<'v>> {
    match name {
        "alias" => return Some(text(&config.alias)),
        "provider" => return Some(text(&config.provider)),
        "model_name" => return Some(text(&config.model_name)),
        "custom" => return Some(Box::new(Object::Custom(&config.capabilities))),
        _ => {}
    }
    if let Some(known) = Flag::from_key(name) {
        return Some(flag(config.capabilities.flag(known).value == Support::Yes));
    }
    Numeric::from_key(name).map(|numeric| number(config.capabilities.number(numeric).value))
}

fn request_field<'v>(
    facts: &'v RequestFacts,
    passed: &'v Map<String, Value>,
    name: &str,
) -> Option<Owned<'v>> {
    match (name, passed.get(name)) {
        ("session" | "tags", Some(value)) if !value.is_null() => Some(json(value)),
        ("session", _) => Some(text("")),
        ("tags", _) => Some(Box::new(CelList::from(Vec::new()))),
        _ => (FACTS.iter())
            .find(|(fact, _)| *fact == name)
            .map(|(_, read)| read(facts) as Owned<'v>),
    }
}

fn stats_field(live: &LiveState, name: &str) -> Option<Owned<'static>> {
    match name {
        "in_flight" => Some(number(f64::from(live.in_flight()))),
        "latency_ms" => Some(number_or_null(live.latency_ms())),
        "tokens_per_second" => Some(number_or_null(live.tokens_per_second())),
        _ => None,
    }
}

fn text(text: &str) -> Owned<'_> {
    Box::new(CelString::from(text))
}

fn flag(flag: bool) -> Owned<'static> {
    Box::new(CelBool::from(flag))
}

fn number(number: f64) -> Owned<'static> {
    Box::new(CelDouble::from(number))
}

fn number_or_null(known: Option<f64>) -> Owned<'static> {
    known.map_or_else(|| Box::new(CelNull) as Owned<'static>, number)
}

fn json(value: &Value) -> Owned<'_> {
    match value {
        Value::Null => Box::new(CelNull),
        Value::Bool(value) => flag(*value),
        Value::Number(value) => number_or_null(value.as_f64()),
        Value::String(value) => text(value),
        Value::Array(items) => {
            let items: Vec<Owned<'_>> = items.iter().map(json).collect();
            Box::new(CelList::from(items))
        }
        Value::Object(members) => {
            let members: HashMap<CelMapKey<'_>, Owned<'_>> = members
                .iter()
                .map(|(key, value)| (CelMapKey::from(key.as_str()), json(value)))
                .collect();
            Box::new(CelMap::from(members))
        }
    }
}

static OBJECT: Type = Type::new_unspecified_type("object");

impl Val for Object<'_> {
    fn get_type(&self) -> &Type {
        &OBJECT
    }

    fn cel_type() -> &'static Type {
        &OBJECT
    }

    fn as_indexer<'b, 'w>(&'b self) -> Option<&'b (dyn Indexer + 'w)>
    where
        Self: 'w,
    {
        Some(self)
    }

    fn as_container(&self) -> Option<&dyn Container> {
        Some(self)
    }

    fn clone_as_boxed<'w>(&self) -> Box<dyn Val + 'w>
    where
        Self: 'w,
    {
        Box::new(*self)
    }

    fn as_any(&self) -> Option<&dyn Any> {
        None
    }
}

impl Indexer for Object<'_> {
    fn get<'b, 'w>(&'b self, index: &dyn Val) -> Result<CowVal<'b, 'w>, ExecutionError>
    where
        Self: 'w,
    {
        let name = name_of(index)?;
        match self.field(name) {
            Some(value) => Ok(CowVal::Owned(value)),
            None => Err(ExecutionError::no_such_key(name)),
        }
    }

    fn steal<'w>(self: Box<Self>, index: &dyn Val) -> Result<Box<dyn Val + 'w>, ExecutionError>
    where
        Self: 'w,
    {
        Ok(self.get(index)?.into_owned())
    }
}

/// `"x" in model.custom`
impl Container for Object<'_> {
    fn contains(&self, key: &dyn Val) -> Result<bool, ExecutionError> {
        Ok(self.field(name_of(key)?).is_some())
    }
}

fn name_of(value: &dyn Val) -> Result<&str, ExecutionError> {
    match value.downcast_ref::<CelString<'_>>() {
        Some(name) => Ok(name.inner()),
        None => Err(ExecutionError::UnexpectedType {
            got: value.get_type().name().to_owned(),
            want: "string".to_owned(),
        }),
    }
}
