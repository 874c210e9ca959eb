//! Reading a caller's request into a conversation.
//!
//! Members whose meaning is known become parts of the [`Conversation`]; those that only advise the vendor, and
//! those nobody knows, are kept as hints under the caller's names; what carries meaning but belongs to OpenAI
//! alone (searches the vendor makes, audio as output, tools without a schema) is named as untranslatable, so
//! that a model of another wire is not asked for something else.
//!
//! The deprecated `functions`, `function_call` and the role `function` are read as tools.

use serde_json::{Map, Value};

use super::members::{Members, fault};
use super::messages;
use super::read::BodyError;
use crate::neutral::{Conversation, Effort, OutputForm, Reasoning, Sampling, Tool, ToolChoice};

/// Members that become parts of the conversation, or are the gateway's own business.
const READ: &[&str] = &[
    "model",
    "modelpool",
    "messages",
    "stream",
    "stream_options",
    "tools",
    "functions",
    "tool_choice",
    "function_call",
    "parallel_tool_calls",
    "response_format",
    "max_tokens",
    "max_completion_tokens",
    "temperature",
    "top_p",
    "top_k",
    "frequency_penalty",
    "presence_penalty",
    "seed",
    "stop",
    "n",
    "logprobs",
    "top_logprobs",
    "reasoning_effort",
    "reasoning",
    "modalities",
    "web_search_options",
];

/// Reads a request.
pub(super) fn read(body: &[u8]) -> Result<Conversation, BodyError> {
    let body: Value = serde_json::from_slice(body).map_err(|error| BodyError {
        param: None,
        message: format!("the body is not valid JSON: {error}"),
    })?;
    let body = Members::of(&body, "")?;
    let mut untranslatable = Vec::new();
    if body.get("messages").is_none() {
        return Err(body.missing("messages", "a list of messages"));
    }
    let messages = messages::read(&body, &mut untranslatable)?;
    let tools = tools(&body, &mut untranslatable)?;
    let conversation = Conversation {
        messages,
        tools,
        tool_choice: tool_choice(&body, &mut untranslatable)?,
        parallel_tools: body.flag("parallel_tool_calls")?,
        output: output(&body, &mut untranslatable)?,
        max_output_tokens: max_output_tokens(&body)?,
        sampling: sampling(&body)?,
        reasoning: reasoning(&body)?,
        choices: choices(&body)?,
        logprobs: logprobs(&body)?,
        stream: body.flag("stream")?.unwrap_or(false),
        hints: hints(&body),
        untranslatable: Vec::new(),
    };
    untranslatable.extend(vendors_own(&body)?);
    Ok(Conversation {
        untranslatable,
        ..conversation
    })
}

/// What the vendor would do of its own, and an answer that is not only text.
fn vendors_own(body: &Members<'_>) -> Result<Vec<String>, BodyError> {
    let mut names = Vec::new();
    let modalities = body.list("modalities")?.map(Vec::as_slice).unwrap_or_default();
    if modalities
        .iter()
        .any(|modality| modality.as_str() != Some("text"))
    {
        names.push("modalities".to_owned());
    }
    if body.get("web_search_options").is_some() {
        names.push("web_search_options".to_owned());
    }
    Ok(names)
}

fn hints(body: &Members<'_>) -> Map<String, Value> {
    body.iter()
        .filter(|(key, _)| !READ.contains(&key.as_str()))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

fn tools(body: &Members<'_>, untranslatable: &mut Vec<String>) -> Result<Vec<Tool>, BodyError> {
    let mut tools = Vec::new();
    for item in body.objects("tools")? {
        // Some callers leave the type out; it is then what it was before there were others.
        match item.text("type")? {
            None | Some("function") => tools.push(function(&item.required_object("function")?)?),
            Some(_) => untranslatable.push(item.own_path().to_owned()),
        }
    }
    for item in body.objects("functions")? {
        tools.push(function(&item)?);
    }
    Ok(tools)
}

fn function(item: &Members<'_>) -> Result<Tool, BodyError> {
    Ok(Tool {
        name: item.required_text("name")?.to_owned(),
        description: item.text("description")?.map(str::to_owned),
        parameters: item.get("parameters").cloned(),
        strict: item.flag("strict")?,
    })
}

fn tool_choice(
    body: &Members<'_>,
    untranslatable: &mut Vec<String>,
) -> Result<Option<ToolChoice>, BodyError> {
    const EXPECTED: &str = "\"auto\", \"none\", \"required\", or an object that names a function";
    let key = if body.get("tool_choice").is_some() {
        "tool_choice"
    } else {
        "function_call"
    };
    let Some(value) = body.get(key) else {
        return Ok(None);
    };
    if let Some(word) = value.as_str() {
        return match word {
            "auto" => Ok(Some(ToolChoice::Auto)),
            "none" => Ok(Some(ToolChoice::None)),
            // Mistral's callers say `any`.
            "required" | "any" => Ok(Some(ToolChoice::Required)),
            _ => Err(body.fault(key, value, EXPECTED)),
        };
    }
    let choice = Members::of(value, key).map_err(|_| body.fault(key, value, EXPECTED))?;
    let named = if key == "function_call" {
        choice
    } else if let None | Some("function") = choice.text("type")? {
        choice.required_object("function")?
    } else {
        // A part of the tools, or a tool without a schema.
        untranslatable.push(key.to_owned());
        return Ok(None);
    };
    Ok(Some(ToolChoice::Named(named.required_text("name")?.to_owned())))
}

fn output(body: &Members<'_>, untranslatable: &mut Vec<String>) -> Result<OutputForm, BodyError> {
    let Some(format) = body.object("response_format")? else {
        return Ok(OutputForm::Text);
    };
    match format.required_text("type")? {
        "text" => Ok(OutputForm::Text),
        "json_object" => Ok(OutputForm::Json),
        "json_schema" => {
            let of = format.required_object("json_schema")?;
            Ok(OutputForm::Schema {
                name: of.text("name")?.map(str::to_owned),
                description: of.text("description")?.map(str::to_owned),
                schema: of
                    .get("schema")
                    .cloned()
                    .unwrap_or_else(|| Value::Object(Map::new())),
                strict: of.flag("strict")?,
            })
        }
        // Grammars and the like of some servers.
        _ => {
            untranslatable.push("response_format".to_owned());
            Ok(OutputForm::Text)
        }
    }
}

fn max_output_tokens(body: &Members<'_>) -> Result<Option<u64>, BodyError> {
    // Both are looked at, so that a fault in the one that does not count is said too.
    let (new, old) = (body.count("max_completion_tokens")?, body.count("max_tokens")?);
    match new.or(old) {
        Some(0) => {
            let key = if new.is_some() {
                "max_completion_tokens"
            } else {
                "max_tokens"
            };
            Err(body.fault(key, &Value::from(0), "a whole number of at least 1"))
        }
        limit => Ok(limit),
    }
}

fn sampling(body: &Members<'_>) -> Result<Sampling, BodyError> {
    Ok(Sampling {
        temperature: body.number("temperature")?,
        top_p: body.number("top_p")?,
        top_k: top_k(body)?,
        frequency_penalty: body.number("frequency_penalty")?,
        presence_penalty: body.number("presence_penalty")?,
        seed: body.integer("seed")?,
        stop: stop(body)?,
    })
}

/// Servers that take `top_k` take -1 for all tokens, which is what they do without it.
fn top_k(body: &Members<'_>) -> Result<Option<u64>, BodyError> {
    match body.get("top_k").and_then(Value::as_i64) {
        Some(-1) => Ok(None),
        _ => body.count("top_k"),
    }
}

fn stop(body: &Members<'_>) -> Result<Vec<String>, BodyError> {
    const EXPECTED: &str = "a string or a list of strings";
    match body.get("stop") {
        None => Ok(Vec::new()),
        Some(Value::String(text)) => Ok(vec![text.clone()]),
        Some(value @ Value::Array(items)) => items
            .iter()
            .map(|item| item.as_str().map(str::to_owned))
            .collect::<Option<Vec<String>>>()
            .ok_or_else(|| body.fault("stop", value, EXPECTED)),
        Some(value) => Err(body.fault("stop", value, EXPECTED)),
    }
}

/// `reasoning_effort`, or the object other gateways take in its place.
fn reasoning(body: &Members<'_>) -> Result<Option<Reasoning>, BodyError> {
    let mut reasoning = Reasoning {
        effort: effort(body, "reasoning_effort")?,
        ..Reasoning::default()
    };
    if let Some(object) = body.object("reasoning")? {
        reasoning.effort = reasoning.effort.or(effort(&object, "effort")?);
        reasoning.budget_tokens = object.count("max_tokens")?;
        reasoning.visible = object.flag("exclude")?.map(|exclude| !exclude);
        if object.flag("enabled")? == Some(false) {
            reasoning.effort = Some(Effort::None);
        }
    }
    Ok((reasoning != Reasoning::default()).then_some(reasoning))
}

fn effort(of: &Members<'_>, key: &str) -> Result<Option<Effort>, BodyError> {
    let Some(word) = of.text(key)? else {
        return Ok(None);
    };
    let expected = "one of none, minimal, low, medium, high, xhigh";
    Effort::from_word(word)
        .map(Some)
        .ok_or_else(|| fault(&of.path(key), &Value::from(word), expected))
}

/// `None` for one answer too, which every wire gives.
fn choices(body: &Members<'_>) -> Result<Option<u32>, BodyError> {
    let Some(count) = body.count("n")? else {
        return Ok(None);
    };
    match u32::try_from(count) {
        Ok(1) => Ok(None),
        Ok(count) if count > 1 => Ok(Some(count)),
        _ => Err(body.fault("n", &Value::from(count), "a whole number of at least 1")),
    }
}

fn logprobs(body: &Members<'_>) -> Result<Option<u32>, BodyError> {
    let asked = body.flag("logprobs")?.unwrap_or(false);
    let Some(alternatives) = body.count("top_logprobs")? else {
        return Ok(asked.then_some(0));
    };
    let alternatives = u32::try_from(alternatives).unwrap_or(u32::MAX);
    if !asked && alternatives > 0 {
        let expected = "`logprobs` to be true beside it";
        return Err(body.fault("top_logprobs", &Value::from(alternatives), expected));
    }
    Ok(asked.then_some(alternatives))
}

#[cfg(test)]
#[path = "conversation_tests.rs"]
mod tests;
