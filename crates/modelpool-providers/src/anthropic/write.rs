//! A conversation as the body of a request: all but its messages.
//!
//! Reference: <https://platform.claude.com/docs/en/api/messages>.

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::generation::Generation;
use super::{messages, thinking};
use crate::neutral::{Conversation, OutputForm, Sampling, Tool, ToolChoice, Untranslatable, Written};
use crate::wire::Target;

/// The output limit of a request whose caller gave none, since the wire demands one. No Claude has a smaller
/// limit; a larger one would be refused by some. A budget of thinking is added to it.
const DEFAULT_MAX_TOKENS: u64 = 4_096;

/// The body of a request.
pub(super) fn write(conversation: &Conversation, target: &Target<'_>) -> Result<Written, Untranslatable> {
    let generation = Generation::of(target.model);
    refuse(conversation, generation)?;
    let mut dropped = Vec::new();
    let written = messages::write(conversation, generation, &mut dropped)?;
    let thinking = thinking::thinking(conversation, generation, written.prefill, &mut dropped);

    let mut body = Map::new();
    body.insert("model".to_owned(), target.model.into());
    let max_tokens = conversation
        .max_output_tokens
        .unwrap_or_else(|| DEFAULT_MAX_TOKENS.saturating_add(thinking.budget));
    body.insert("max_tokens".to_owned(), max_tokens.into());
    if let Some(system) = written.system {
        body.insert("system".to_owned(), system.into());
    }
    body.insert("messages".to_owned(), Value::Array(written.turns));
    write_tools(&mut body, conversation, generation, &mut dropped);
    write_sampling(
        &mut body,
        &conversation.sampling,
        generation,
        thinking.on,
        &mut dropped,
    )?;
    let output = output_config(&conversation.output, thinking.effort, &mut dropped);
    body.extend(output.map(|output| ("output_config".to_owned(), output)));
    body.extend(thinking.member.map(|member| ("thinking".to_owned(), member)));
    if target.stream {
        body.insert("stream".to_owned(), true.into());
    }
    write_hints(&mut body, &conversation.hints, &mut dropped);
    Ok(Written {
        body: Bytes::from(Value::Object(body).to_string()),
        dropped,
    })
}

/// What carries meaning and has no place here.
fn refuse(conversation: &Conversation, generation: Generation) -> Result<(), Untranslatable> {
    if let Some(field) = conversation.untranslatable.first() {
        return Err(Untranslatable::new(
            field,
            "has no counterpart in Anthropic's wire",
        ));
    }
    if conversation.choices.is_some_and(|choices| choices > 1) {
        return Err(Untranslatable::new(
            "n",
            "is not known to Anthropic's wire, which gives one answer",
        ));
    }
    if conversation.logprobs.is_some() {
        return Err(Untranslatable::new(
            "logprobs",
            "is not known to Anthropic's wire",
        ));
    }
    if conversation.output == OutputForm::Json {
        return Err(Untranslatable::new(
            "response_format",
            "asks for JSON without a schema, which Anthropic's wire cannot promise",
        ));
    }
    let forced = matches!(
        conversation.tool_choice,
        Some(ToolChoice::Required | ToolChoice::Named(_))
    );
    if forced && !generation.takes_forced_tools() {
        return Err(Untranslatable::new(
            "tool_choice",
            "forces a tool call, which this Claude refuses",
        ));
    }
    Ok(())
}

fn write_tools(
    body: &mut Map<String, Value>,
    conversation: &Conversation,
    generation: Generation,
    dropped: &mut Vec<String>,
) {
    if !conversation.tools.is_empty() {
        let tools = conversation.tools.iter().enumerate();
        let tools = tools.map(|(at, tool)| tool_value(at, tool, generation, dropped));
        body.insert("tools".to_owned(), tools.collect());
    }
    if let Some(choice) = tool_choice(conversation) {
        body.insert("tool_choice".to_owned(), choice);
    }
}

fn tool_value(at: usize, tool: &Tool, generation: Generation, dropped: &mut Vec<String>) -> Value {
    let mut schema = tool
        .parameters
        .clone()
        .unwrap_or_else(|| json!({"properties": {}}));
    // The wire wants the type said; schemas of other dialects may leave it out.
    if let Some(schema) = schema.as_object_mut() {
        schema.entry("type").or_insert_with(|| "object".into());
    }
    let mut value = json!({"name": tool.name, "input_schema": schema});
    if let Some(description) = &tool.description {
        value["description"] = description.as_str().into();
    }
    if tool.strict == Some(true) {
        if generation.is_strict() {
            value["strict"] = true.into();
        } else {
            dropped.push(format!("tools[{at}].strict"));
        }
    }
    value
}

/// `None` where it is what the wire does without.
fn tool_choice(conversation: &Conversation) -> Option<Value> {
    let mut choice = match &conversation.tool_choice {
        // Without tools the wire takes no choice, and none can be made.
        None | Some(ToolChoice::Auto | ToolChoice::None) if conversation.tools.is_empty() => return None,
        None if conversation.parallel_tools != Some(false) => return None,
        None | Some(ToolChoice::Auto) => json!({"type": "auto"}),
        Some(ToolChoice::None) => return Some(json!({"type": "none"})),
        Some(ToolChoice::Required) => json!({"type": "any"}),
        Some(ToolChoice::Named(name)) => json!({"type": "tool", "name": name}),
    };
    if conversation.parallel_tools == Some(false) {
        choice["disable_parallel_tool_use"] = true.into();
    }
    Some(choice)
}

fn write_sampling(
    body: &mut Map<String, Value>,
    sampling: &Sampling,
    generation: Generation,
    thinks: bool,
    dropped: &mut Vec<String>,
) -> Result<(), Untranslatable> {
    let free = generation.samples() && !thinks;
    // Thinking leaves the temperature at 1, which need not be written.
    if let Some(temperature) = sampling.temperature.filter(|own| free || *own != 1.0) {
        // Above 1 is only other dialects' way to say "as freely as may be".
        if !free || !(0.0..=1.0).contains(&temperature) {
            dropped.push("temperature".to_owned());
        }
        if free {
            body.insert("temperature".to_owned(), temperature.clamp(0.0, 1.0).into());
        }
    }
    if let Some(top_p) = sampling.top_p.filter(|own| free || *own != 1.0) {
        // 1 says nothing, and some models take only one of the two.
        if free && (sampling.temperature.is_none() || generation.samples_by_both()) {
            body.insert("top_p".to_owned(), top_p.into());
        } else if top_p != 1.0 {
            dropped.push("top_p".to_owned());
        }
    }
    if let Some(top_k) = sampling.top_k {
        if free {
            body.insert("top_k".to_owned(), top_k.into());
        } else {
            dropped.push("top_k".to_owned());
        }
    }
    let lacking = [
        ("frequency_penalty", sampling.frequency_penalty.is_some()),
        ("presence_penalty", sampling.presence_penalty.is_some()),
        ("seed", sampling.seed.is_some()),
    ];
    dropped.extend(
        lacking
            .iter()
            .filter(|(_, given)| *given)
            .map(|(name, _)| (*name).to_owned()),
    );
    if sampling.stop.iter().any(|stop| stop.trim().is_empty()) {
        return Err(Untranslatable::new(
            "stop",
            "holds a sequence of white space alone, which Anthropic's wire refuses",
        ));
    }
    if !sampling.stop.is_empty() {
        body.insert("stop_sequences".to_owned(), sampling.stop.clone().into());
    }
    Ok(())
}

/// <https://platform.claude.com/docs/en/build-with-claude/structured-outputs>. The schema's name is of no
/// use there, and the form is always strict.
fn output_config(output: &OutputForm, effort: Option<&str>, dropped: &mut Vec<String>) -> Option<Value> {
    let mut config = Map::new();
    if let Some(effort) = effort {
        config.insert("effort".to_owned(), effort.into());
    }
    if let OutputForm::Schema {
        schema, description, ..
    } = output
    {
        config.insert(
            "format".to_owned(),
            json!({"type": "json_schema", "schema": schema}),
        );
        if description.is_some() {
            dropped.push("response_format.json_schema.description".to_owned());
        }
    }
    (!config.is_empty()).then_some(Value::Object(config))
}

/// Hints with a place here: who the user is, and a tier of service that is Anthropic's.
fn write_hints(body: &mut Map<String, Value>, hints: &Map<String, Value>, dropped: &mut Vec<String>) {
    for (name, value) in hints {
        let written = match name.as_str() {
            "user" | "safety_identifier" if value.is_string() => {
                let place = body
                    .entry("metadata")
                    .or_insert_with(|| json!({"user_id": value}));
                place.get("user_id") == Some(value)
            }
            "metadata" if is_user_alone(value) => {
                body.insert("metadata".to_owned(), value.clone());
                true
            }
            "service_tier" if matches!(value.as_str(), Some("auto" | "standard_only")) => {
                body.insert("service_tier".to_owned(), value.clone());
                true
            }
            _ => false,
        };
        if !written {
            dropped.push(name.clone());
        }
    }
}

/// Anthropic's metadata hold the user and nothing else; OpenAI's may hold anything.
fn is_user_alone(metadata: &Value) -> bool {
    let members = metadata.as_object();
    members.is_some_and(|members| members.len() == 1 && members.get("user_id").is_some_and(Value::is_string))
}
