//! Writing a conversation as the body of a chat completion.
//!
//! Nothing is written that was not asked for, so that the vendor's own defaults hold. What the server does not
//! take and only advises is named as dropped: see the members of [`ChatWire`].

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::wire::ChatWire;
use super::write_messages;
use crate::neutral::{
    Conversation, Effort, OutputForm, Reasoning, Sampling, Tool, ToolChoice, Untranslatable, Written,
};
use crate::wire::Target;

/// The name of a schema that has none; the wire wants one.
const SCHEMA_NAME: &str = "answer";

/// The body, and what was left out of it.
pub(super) fn write(
    wire: &ChatWire,
    conversation: &Conversation,
    target: &Target<'_>,
) -> Result<Written, Untranslatable> {
    if let Some(field) = conversation.untranslatable.first() {
        let reason = "cannot be said in OpenAI's chat completions";
        return Err(Untranslatable::new(field.as_str(), reason));
    }
    let mut body = Writing::default();
    body.set("model", target.model);
    let messages = write_messages::write(wire, conversation, &mut body.dropped)?;
    body.set("messages", messages);
    if target.stream {
        body.set("stream", true);
        if wire.ask_for_usage {
            body.set("stream_options", json!({"include_usage": true}));
        }
    }
    body.tools(conversation);
    body.output(&conversation.output);
    let limit = if wire.max_completion_tokens {
        "max_completion_tokens"
    } else {
        "max_tokens"
    };
    body.set_some(limit, conversation.max_output_tokens);
    body.sampling(wire, &conversation.sampling);
    if let Some(reasoning) = &conversation.reasoning {
        body.reasoning(wire, reasoning);
    }
    body.set_some("n", conversation.choices.filter(|count| *count > 1));
    if let Some(alternatives) = conversation.logprobs {
        body.set("logprobs", true);
        body.set_some("top_logprobs", Some(alternatives).filter(|count| *count > 0));
    }
    body.hints(wire, &conversation.hints);
    Ok(Written {
        body: Bytes::from(Value::Object(body.members).to_string()),
        dropped: body.dropped,
    })
}

/// A body as far as it is written.
#[derive(Debug, Default)]
struct Writing {
    members: Map<String, Value>,
    dropped: Vec<String>,
}

impl Writing {
    fn set(&mut self, key: &str, value: impl Into<Value>) {
        self.members.insert(key.to_owned(), value.into());
    }

    fn set_some(&mut self, key: &str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.set(key, value);
        }
    }

    fn tools(&mut self, conversation: &Conversation) {
        let tools: Vec<Value> = conversation.tools.iter().map(tool).collect();
        let any = !tools.is_empty();
        if any {
            self.set("tools", tools);
            // Without tools the member is refused, and means nothing.
            self.set_some("parallel_tool_calls", conversation.parallel_tools);
        }
        match &conversation.tool_choice {
            Some(ToolChoice::Auto) if any => self.set("tool_choice", "auto"),
            Some(ToolChoice::None) if any => self.set("tool_choice", "none"),
            Some(ToolChoice::Required) => self.set("tool_choice", "required"),
            Some(ToolChoice::Named(name)) => {
                self.set(
                    "tool_choice",
                    json!({"type": "function", "function": {"name": name}}),
                );
            }
            // Without tools there is nothing to choose.
            Some(ToolChoice::Auto | ToolChoice::None) | None => {}
        }
    }

    fn output(&mut self, form: &OutputForm) {
        match form {
            OutputForm::Text => {}
            OutputForm::Json => self.set("response_format", json!({"type": "json_object"})),
            OutputForm::Schema {
                name,
                description,
                schema,
                strict,
            } => {
                let mut of = Map::new();
                let name = name.as_deref().unwrap_or(SCHEMA_NAME);
                of.insert("name".to_owned(), Value::from(name));
                of.extend(member("description", description.as_deref()));
                of.insert("schema".to_owned(), schema.clone());
                of.extend(member("strict", *strict));
                self.set(
                    "response_format",
                    json!({"type": "json_schema", "json_schema": of}),
                );
            }
        }
    }

    fn sampling(&mut self, wire: &ChatWire, sampling: &Sampling) {
        self.set_some("temperature", sampling.temperature);
        self.set_some("top_p", sampling.top_p);
        if wire.top_k {
            self.set_some("top_k", sampling.top_k);
        } else if sampling.top_k.is_some() {
            self.dropped.push("top_k".to_owned());
        }
        self.set_some("frequency_penalty", sampling.frequency_penalty);
        self.set_some("presence_penalty", sampling.presence_penalty);
        self.set_some("seed", sampling.seed);
        if !sampling.stop.is_empty() {
            self.set("stop", sampling.stop.as_slice());
        }
    }

    fn reasoning(&mut self, wire: &ChatWire, reasoning: &Reasoning) {
        let Some(effort) = reasoning.as_effort() else {
            return;
        };
        // A model that does not reason refuses the member. So a caller of another dialect who only switches
        // reasoning off, by a budget of 0, gets what such a model does anyway.
        let switched_off = effort == Effort::None && reasoning.effort.is_none();
        if wire.reasoning_effort && !switched_off {
            self.set("reasoning_effort", effort.word());
        } else {
            self.dropped.push("reasoning_effort".to_owned());
        }
    }

    fn hints(&mut self, wire: &ChatWire, hints: &Map<String, Value>) {
        let stored = hints.get("store") == Some(&Value::Bool(true));
        for (name, value) in hints {
            let taken = wire.hints.contains(&name.as_str()) && is_of_this_wire(name, value, stored);
            if taken && !self.members.contains_key(name) {
                self.set(name, value.clone());
            } else {
                self.dropped.push(name.clone());
            }
        }
    }
}

/// Other dialects have hints of the same names that are something else.
fn is_of_this_wire(name: &str, value: &Value, stored: bool) -> bool {
    match name {
        "store" => value.is_boolean(),
        // Texts only, and only with an answer that is stored.
        "metadata" => {
            let texts = |members: &Map<String, Value>| members.values().all(Value::is_string);
            stored && value.as_object().is_some_and(texts)
        }
        "service_tier" => matches!(
            value.as_str(),
            Some("auto" | "default" | "flex" | "priority" | "scale")
        ),
        "logit_bias" | "prediction" => value.is_object(),
        _ => value.is_string(),
    }
}

fn tool(tool: &Tool) -> Value {
    let mut function = Map::new();
    function.insert("name".to_owned(), Value::from(tool.name.as_str()));
    function.extend(member("description", tool.description.as_deref()));
    function.extend(member("parameters", tool.parameters.clone()));
    function.extend(member("strict", tool.strict));
    json!({"type": "function", "function": function})
}

fn member(key: &str, value: Option<impl Into<Value>>) -> Option<(String, Value)> {
    value.map(|value| (key.to_owned(), value.into()))
}

#[cfg(test)]
#[path = "write_tests.rs"]
mod tests;
