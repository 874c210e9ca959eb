//! Writing a conversation as a request: <https://platform.openai.com/docs/api-reference/responses/create>.
//!
//! The wire lacks several answers and stop sequences, which are refused; what it lacks of the draws
//! (`top_k`, penalties, `seed`) changes no meaning and is left out.

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::conversation::{INCLUDE_LOGPROBS, INCLUDE_REASONING};
use super::hints::{self, set};
use super::items;
use crate::neutral::{
    Content, Conversation, Effort, Issuer, OutputForm, Reasoning, Sampling, Tool, ToolChoice, Untranslatable,
    Written,
};
use crate::wire::Target;

/// The name of a schema that has none; the wire demands one.
const SCHEMA_NAME: &str = "answer";

pub(super) fn write(conversation: &Conversation, target: &Target<'_>) -> Result<Written, Untranslatable> {
    refuse(conversation)?;
    let mut dropped = Vec::new();
    let mut body = Map::new();
    body.insert("model".to_owned(), target.model.into());
    let input = items::input(&conversation.messages, &mut dropped)?;
    body.insert("input".to_owned(), Value::Array(input));
    if target.stream {
        body.insert("stream".to_owned(), true.into());
    }
    write_tools(conversation, &mut body);
    if let Some(tokens) = conversation.max_output_tokens {
        body.insert("max_output_tokens".to_owned(), tokens.into());
    }
    write_sampling(&conversation.sampling, &mut body, &mut dropped);
    if let Some(format) = format(&conversation.output) {
        set(&mut body, Some("text"), "format", format);
    }
    write_reasoning(conversation.reasoning.as_ref(), &mut body);
    if let Some(alternatives) = conversation.logprobs {
        body.insert("top_logprobs".to_owned(), alternatives.into());
    }
    let mut include = includes(conversation);
    for (name, value) in &conversation.hints {
        match (name.as_str(), value.as_array()) {
            ("include", Some(entries)) => include.extend(entries.iter().cloned()),
            // This wire tells usage always.
            ("stream_options", _) => {}
            _ if hints::write(name, value, &mut body) => {}
            _ => dropped.push(name.clone()),
        }
    }
    if !include.is_empty() {
        body.insert("include".to_owned(), Value::Array(include));
    }
    Ok(Written {
        body: Bytes::from(Value::Object(body).to_string()),
        dropped,
    })
}

fn refuse(conversation: &Conversation) -> Result<(), Untranslatable> {
    if let Some(field) = conversation.untranslatable.first() {
        return Err(Untranslatable::new(
            field.as_str(),
            "cannot be said in the Responses wire",
        ));
    }
    if conversation.choices.is_some_and(|choices| choices > 1) {
        return Err(Untranslatable::new(
            "n",
            "asks for several answers, and the Responses wire gives one",
        ));
    }
    if !conversation.sampling.stop.is_empty() {
        return Err(Untranslatable::new("stop", "is not known to the Responses wire"));
    }
    Ok(())
}

fn write_tools(conversation: &Conversation, body: &mut Map<String, Value>) {
    if !conversation.tools.is_empty() {
        let tools: Vec<Value> = conversation.tools.iter().map(tool).collect();
        body.insert("tools".to_owned(), Value::Array(tools));
    }
    let choice = conversation.tool_choice.as_ref().map(|choice| match choice {
        ToolChoice::Auto => json!("auto"),
        ToolChoice::None => json!("none"),
        ToolChoice::Required => json!("required"),
        ToolChoice::Named(name) => json!({"type": "function", "name": name}),
    });
    // Where nothing can be called there is nothing to say of calls.
    let parallel = conversation
        .parallel_tools
        .filter(|_| !conversation.tools.is_empty());
    let parallel = parallel.map(Value::from);
    for (key, value) in [("tool_choice", choice), ("parallel_tool_calls", parallel)] {
        if let Some(value) = value {
            body.insert(key.to_owned(), value);
        }
    }
}

/// Functions are strict here unless it is said that they are not, and strictness refuses many schemas, see
/// <https://platform.openai.com/docs/guides/migrate-to-responses>: so it is always said.
fn tool(tool: &Tool) -> Value {
    let parameters = tool.parameters.clone();
    let mut written = json!({
        "type": "function",
        "name": tool.name,
        "parameters": parameters.unwrap_or_else(|| json!({"type": "object", "properties": {}})),
        "strict": tool.strict.unwrap_or(false),
    });
    if let Some(description) = &tool.description {
        written["description"] = description.as_str().into();
    }
    written
}

fn write_sampling(sampling: &Sampling, body: &mut Map<String, Value>, dropped: &mut Vec<String>) {
    for (key, value) in [("temperature", sampling.temperature), ("top_p", sampling.top_p)] {
        if let Some(value) = value {
            body.insert(key.to_owned(), value.into());
        }
    }
    let lacking = [
        ("top_k", sampling.top_k.is_some()),
        ("frequency_penalty", sampling.frequency_penalty.is_some()),
        ("presence_penalty", sampling.presence_penalty.is_some()),
        ("seed", sampling.seed.is_some()),
    ];
    let set = lacking.iter().filter(|(_, is_set)| *is_set);
    dropped.extend(set.map(|(name, _)| (*name).to_owned()));
}

fn format(output: &OutputForm) -> Option<Value> {
    match output {
        OutputForm::Text => None,
        OutputForm::Json => Some(json!({"type": "json_object"})),
        OutputForm::Schema {
            name,
            description,
            schema,
            strict,
        } => {
            let name = name.as_deref().unwrap_or(SCHEMA_NAME);
            let mut format = json!({"type": "json_schema", "name": name, "schema": schema});
            if let Some(description) = description {
                format["description"] = description.as_str().into();
            }
            if let Some(strict) = strict {
                format["strict"] = (*strict).into();
            }
            Some(format)
        }
    }
}

fn write_reasoning(reasoning: Option<&Reasoning>, body: &mut Map<String, Value>) {
    let Some(reasoning) = reasoning else { return };
    if let Some(effort) = reasoning.as_effort() {
        set(body, Some("reasoning"), "effort", effort.word().into());
    }
    if reasoning.visible == Some(true) {
        set(body, Some("reasoning"), "summary", "auto".into());
    }
}

/// What is asked for beyond the text. Reasoning is asked for only where the request shows that the model reasons:
/// OpenAI refuses the entry for models that do not.
fn includes(conversation: &Conversation) -> Vec<Value> {
    let mut include = Vec::new();
    let asks = conversation
        .reasoning
        .as_ref()
        .is_some_and(|reasoning| reasoning.as_effort() != Some(Effort::None));
    if asks || has_own_reasoning(conversation) {
        include.push(INCLUDE_REASONING.into());
    }
    if conversation.logprobs.is_some() {
        include.push(INCLUDE_LOGPROBS.into());
    }
    include
}

fn has_own_reasoning(conversation: &Conversation) -> bool {
    let mut contents = conversation.messages.iter().flat_map(|message| &message.content);
    contents.any(|content| match content {
        Content::Reasoning(part) => {
            let mut sealed = part.encrypted.iter().chain(&part.signature);
            sealed.any(|signature| signature.issuer == Issuer::OpenAi)
        }
        _ => false,
    })
}

#[cfg(test)]
#[path = "write_tests.rs"]
mod tests;
