//! A conversation, as the body of a request to `/api/chat`.

use bytes::Bytes;
use serde_json::{Map, Value, json};

use crate::neutral::{
    Content, Conversation, Effort, Media, Message, OutputForm, Reasoning, Role, Source, ToolCall, ToolChoice,
    ToolResult, Untranslatable, Written,
};
use crate::wire::Target;

/// Hints with a place of the same name in `options`.
const OPTION_HINTS: [&str; 2] = ["min_p", "repeat_penalty"];

/// Writes the body, and names what was left out.
pub(super) fn body(
    conversation: &Conversation,
    target: &Target<'_>,
    context_window: Option<u64>,
) -> Result<Written, Untranslatable> {
    refuse(conversation)?;
    let mut dropped = Vec::new();
    let mut body = Map::new();
    body.insert("model".to_owned(), target.model.into());
    body.insert(
        "messages".to_owned(),
        messages(conversation, &mut dropped)?.into(),
    );
    conversation.one_call_at_a_time("Ollama's wire", &mut dropped)?;
    // Ollama streams where a request does not say.
    body.insert("stream".to_owned(), target.stream.into());
    // A model that does not know of its tools calls none.
    if !conversation.tools.is_empty() && conversation.tool_choice != Some(ToolChoice::None) {
        body.insert("tools".to_owned(), tools(conversation, &mut dropped));
    }
    match &conversation.output {
        OutputForm::Text => {}
        OutputForm::Json => {
            body.insert("format".to_owned(), "json".into());
        }
        OutputForm::Schema { schema, .. } => {
            body.insert("format".to_owned(), schema.clone());
        }
    }
    if let Some(think) = conversation.reasoning.as_ref().and_then(think) {
        body.insert("think".to_owned(), think);
    }
    if let Some(alternatives) = conversation.logprobs {
        body.insert("logprobs".to_owned(), true.into());
        if alternatives > 0 {
            body.insert("top_logprobs".to_owned(), alternatives.into());
        }
    }
    let mut options = options(conversation, context_window);
    for (name, value) in &conversation.hints {
        if name == "keep_alive" {
            body.insert(name.clone(), value.clone());
        } else if OPTION_HINTS.contains(&name.as_str()) {
            options.insert(name.clone(), value.clone());
        } else {
            dropped.push(name.clone());
        }
    }
    if !options.is_empty() {
        body.insert("options".to_owned(), options.into());
    }
    Ok(Written {
        body: Bytes::from(Value::Object(body).to_string()),
        dropped,
    })
}

/// What the wire cannot say of the request as a whole.
fn refuse(conversation: &Conversation) -> Result<(), Untranslatable> {
    let unknown = |field: &str| Err(Untranslatable::new(field, "is not known to Ollama's wire"));
    if let Some(field) = conversation.untranslatable.first() {
        return unknown(field);
    }
    if conversation.choices.is_some_and(|choices| choices > 1) {
        return Err(Untranslatable::new(
            "n",
            "asks for several answers, and Ollama's wire gives one",
        ));
    }
    if matches!(
        conversation.tool_choice,
        Some(ToolChoice::Required | ToolChoice::Named(_))
    ) {
        return Err(Untranslatable::new(
            "tool_choice",
            "demands a call, and Ollama's wire leaves that to the model",
        ));
    }
    Ok(())
}

fn messages(conversation: &Conversation, dropped: &mut Vec<String>) -> Result<Vec<Value>, Untranslatable> {
    let mut written = Vec::with_capacity(conversation.messages.len());
    for (index, message) in conversation.messages.iter().enumerate() {
        let at = format!("messages[{index}]");
        if message.name.is_some() {
            dropped.push(format!("{at}.name"));
        }
        if message.role == Role::Tool {
            for (part, content) in message.content.iter().enumerate() {
                let at = format!("{at}.content[{part}]");
                let Content::ToolResult(result) = content else {
                    return Err(misplaced(&at, message.role));
                };
                written.push(tool_result(conversation, result, &at, dropped)?);
            }
        } else {
            written.push(plain_message(message, &at, dropped)?);
        }
    }
    Ok(written)
}

/// A message of anybody but a tool. Its texts are joined, and its pictures stand beside them: the wire does not say
/// where between the texts they were.
fn plain_message(message: &Message, at: &str, dropped: &mut Vec<String>) -> Result<Value, Untranslatable> {
    let mut text = String::new();
    let mut thinking = String::new();
    let mut images = Vec::new();
    let mut calls = Vec::new();
    for (part, content) in message.content.iter().enumerate() {
        let at_part = format!("{at}.content[{part}]");
        match (content, message.role) {
            (Content::Text(part), of) => {
                // Parts of instructions are paragraphs, those of what is said are pieces.
                if of == Role::System && !text.is_empty() {
                    text.push_str("\n\n");
                }
                text.push_str(&part.text);
            }
            (Content::Refusal(said), Role::Assistant) => text.push_str(said),
            // Nothing proves it to Ollama, so anybody's will do. What only its issuer can read is left out.
            (Content::Reasoning(reasoning), Role::Assistant) => thinking.push_str(&reasoning.text),
            (Content::ToolCall(call), Role::Assistant) => calls.push(tool_call(call, calls.len(), at)?),
            (Content::Image(media), Role::User) => images.push(image(media, &at_part, dropped)?),
            _ => return Err(misplaced(&at_part, message.role)),
        }
    }
    let mut written = json!({"role": role(message.role), "content": text});
    for (name, values) in [("images", images), ("tool_calls", calls)] {
        if !values.is_empty() {
            written[name] = values.into();
        }
    }
    if !thinking.is_empty() {
        written["thinking"] = thinking.into();
    }
    Ok(written)
}

fn role(role: Role) -> &'static str {
    match role {
        Role::System => "system",
        Role::User => "user",
        Role::Assistant => "assistant",
        Role::Tool => "tool",
    }
}

fn misplaced(at: &str, of: Role) -> Untranslatable {
    let role = role(of);
    Untranslatable::new(
        at,
        format!("is of a kind that Ollama's wire does not take in a message of the role `{role}`"),
    )
}

fn image(media: &Media, at: &str, dropped: &mut Vec<String>) -> Result<Value, Untranslatable> {
    if media.detail.is_some() {
        dropped.push(format!("{at}.detail"));
    }
    let reason = match &media.source {
        Source::Data { base64, .. } => return Ok(base64.as_str().into()),
        Source::Url(_) => "is a picture by its address, and Ollama's wire takes only its bytes",
        Source::FileId(_) => "is a file that only another vendor has",
    };
    Err(Untranslatable::new(at, reason))
}

/// `index` counts the calls of the message, whose own place is `at`. Servers that know ids tie a result to its call
/// with them; those that do not pass over them.
fn tool_call(call: &ToolCall, index: usize, at: &str) -> Result<Value, Untranslatable> {
    let arguments = call.arguments_value().filter(Value::is_object);
    let arguments = arguments.ok_or_else(|| {
        Untranslatable::new(
            format!("{at}.tool_calls[{index}].function.arguments"),
            "is not a JSON object, as Ollama's wire needs it",
        )
    })?;
    Ok(json!({"id": call.id, "function": {"name": call.name, "arguments": arguments}}))
}

fn tool_result(
    conversation: &Conversation,
    result: &ToolResult,
    at: &str,
    dropped: &mut Vec<String>,
) -> Result<Value, Untranslatable> {
    let mut text = String::new();
    for content in &result.content {
        match content {
            Content::Text(part) => text.push_str(&part.text),
            _ => {
                return Err(Untranslatable::new(
                    at,
                    "holds more than text, which Ollama's wire does not take from a tool",
                ));
            }
        }
    }
    // The text itself says what went wrong.
    if result.is_error {
        dropped.push(format!("{at}.is_error"));
    }
    let mut written = json!({"role": "tool", "content": text});
    if let Some(name) = conversation.tool_name_of(result) {
        written["tool_name"] = name.into();
    }
    written["tool_call_id"] = result.call_id.as_str().into();
    Ok(written)
}

fn tools(conversation: &Conversation, dropped: &mut Vec<String>) -> Value {
    let tools = conversation.tools.iter().enumerate().map(|(index, tool)| {
        if tool.strict == Some(true) {
            dropped.push(format!("tools[{index}].strict"));
        }
        // The wire wants a schema, even of no arguments.
        let none = || json!({"type": "object", "properties": {}});
        let mut function = json!({"name": tool.name});
        if let Some(description) = &tool.description {
            function["description"] = description.as_str().into();
        }
        function["parameters"] = tool.parameters.clone().unwrap_or_else(none);
        json!({"type": "function", "function": function})
    });
    tools.collect()
}

/// Steps where the caller gave any, or a budget that is near one: <https://docs.ollama.com/capabilities/thinking>.
/// `None` where the model is to do as it does.
fn think(reasoning: &Reasoning) -> Option<Value> {
    let step = match reasoning.as_effort() {
        None => return (reasoning.visible == Some(true)).then(|| true.into()),
        Some(Effort::None) => return Some(false.into()),
        Some(Effort::Minimal | Effort::Low) => "low",
        Some(Effort::Medium) => "medium",
        Some(Effort::High | Effort::ExtraHigh) => "high",
    };
    Some(step.into())
}

fn options(conversation: &Conversation, context_window: Option<u64>) -> Map<String, Value> {
    let sampling = &conversation.sampling;
    let stop = (!sampling.stop.is_empty()).then(|| sampling.stop.clone().into());
    let members: [(&str, Option<Value>); 9] = [
        ("num_ctx", context_window.map(Value::from)),
        ("num_predict", conversation.max_output_tokens.map(Value::from)),
        ("temperature", sampling.temperature.map(Value::from)),
        ("top_p", sampling.top_p.map(Value::from)),
        ("top_k", sampling.top_k.map(Value::from)),
        ("seed", sampling.seed.map(Value::from)),
        ("stop", stop),
        ("presence_penalty", sampling.presence_penalty.map(Value::from)),
        ("frequency_penalty", sampling.frequency_penalty.map(Value::from)),
    ];
    let given = members
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)));
    given.collect()
}
