//! The body of a caller's request, read: all but its blocks.
//!
//! `max_tokens` may be missing, as it is where only tokens are to be counted. Members that are not known are taken
//! for hints, those that carry meaning nobody else can say are named as such.

use serde_json::{Map, Value};

use super::{blocks, filled, type_of};
use crate::neutral::{Content, Conversation, Effort, Message, OutputForm, Reasoning, Role, Tool, ToolChoice};
use crate::openai_chat::read::BodyError;

/// Members that only Anthropic can act on.
const OWN: [&str; 4] = ["container", "mcp_servers", "context_management", "fallbacks"];

/// A conversation that the server keeps.
const THREAD: &str = "thread";

/// Reads a request.
pub(super) fn read(body: &[u8]) -> Result<Conversation, BodyError> {
    let body: Value = serde_json::from_slice(body)
        .map_err(|error| wrong("", format!("the body is not valid JSON: {error}")))?;
    let Value::Object(body) = body else {
        return Err(wrong("", "the body is not a JSON object"));
    };
    let mut read = Conversation::default();
    if let Some(system) = body.get("system").filter(|system| !system.is_null()) {
        read_system(system, &mut read)?;
    }
    let messages = body.get("messages").and_then(Value::as_array);
    let messages = messages.ok_or_else(|| wrong("messages", "`messages` is missing or not a list"))?;
    for (at, message) in messages.iter().enumerate() {
        read_message(at, message, &mut read)?;
    }
    for (key, value) in body.iter().filter(|(_, value)| !value.is_null()) {
        member(key, value, &mut read)?;
    }
    Ok(read)
}

/// A mistake in a member.
pub(super) fn wrong(param: &str, message: impl Into<String>) -> BodyError {
    BodyError {
        param: (!param.is_empty()).then(|| param.to_owned()),
        message: message.into(),
    }
}

fn member(key: &str, value: &Value, read: &mut Conversation) -> Result<(), BodyError> {
    match key {
        // Read elsewhere; `modelpool` is ours.
        "model" | "messages" | "system" | "modelpool" => {}
        "max_tokens" => read.max_output_tokens = Some(count(key, value)?),
        "stream" => {
            let stream = value.as_bool();
            read.stream =
                stream.ok_or_else(|| wrong(key, format!("`stream` is not true or false: {value}")))?;
        }
        "temperature" => read.sampling.temperature = Some(number(key, value)?),
        "top_p" => read.sampling.top_p = Some(number(key, value)?),
        "top_k" => read.sampling.top_k = Some(count(key, value)?),
        "stop_sequences" => read.sampling.stop = strings(key, value)?,
        "tools" => read_tools(value, read)?,
        "tool_choice" => read_tool_choice(value, read)?,
        "thinking" => read_thinking(value, read)?,
        "output_config" => read_output_config(value, read)?,
        // Its place before it moved into `output_config`.
        "output_format" => read_format(key, value, read)?,
        // What came before is kept by Anthropic alone, for the answer of one of its models: the next answer may be
        // another's, and without the conversation it would be an answer to something else.
        THREAD => {
            let message = "`thread` is not kept here: send the whole conversation without it";
            return Err(wrong(key, message));
        }
        _ if OWN.contains(&key) => {
            if is_filled(value) {
                read.untranslatable.push(key.to_owned());
            }
        }
        _ => {
            read.hints.insert(key.to_owned(), value.clone());
        }
    }
    Ok(())
}

/// An empty list of servers asks for nothing.
fn is_filled(value: &Value) -> bool {
    !value.as_array().is_some_and(Vec::is_empty) && !value.as_object().is_some_and(Map::is_empty)
}

fn count(key: &str, value: &Value) -> Result<u64, BodyError> {
    let count = value.as_u64();
    count.ok_or_else(|| wrong(key, format!("`{key}` is not a whole number from 0: {value}")))
}

fn number(key: &str, value: &Value) -> Result<f64, BodyError> {
    let number = value.as_f64();
    number.ok_or_else(|| wrong(key, format!("`{key}` is not a number: {value}")))
}

fn strings(key: &str, value: &Value) -> Result<Vec<String>, BodyError> {
    let strings = value.as_array().and_then(|items| {
        let items = items.iter().map(|item| item.as_str().map(str::to_owned));
        items.collect::<Option<Vec<String>>>()
    });
    strings.ok_or_else(|| wrong(key, format!("`{key}` is not a list of strings")))
}

/// A string, or blocks of text. Together they are one message: templates of models take no second one.
fn read_system(system: &Value, read: &mut Conversation) -> Result<(), BodyError> {
    let parts = blocks::contents("system", system, read)?;
    if let Some(at) = parts.iter().position(|part| !matches!(part, Content::Text(_))) {
        let name = format!("system[{at}]");
        return Err(wrong(&name, format!("`{name}` is not a text")));
    }
    if !parts.is_empty() {
        read.messages.push(Message::new(Role::System, parts));
    }
    Ok(())
}

fn read_message(at: usize, message: &Value, read: &mut Conversation) -> Result<(), BodyError> {
    let param = format!("messages[{at}]");
    let role = match super::text_of(message, "role") {
        Some("user") => Role::User,
        Some("assistant") => Role::Assistant,
        // Later models take instructions within the conversation.
        Some("system") => Role::System,
        _ => {
            let message = format!("`{param}.role` is not `user` or `assistant`");
            return Err(wrong(&format!("{param}.role"), message));
        }
    };
    let param = format!("{param}.content");
    let content = message.get("content").unwrap_or(&Value::Null);
    let parts = blocks::contents(&param, content, read)?;
    if role != Role::User {
        read.messages.push(Message::new(role, parts));
        return Ok(());
    }
    // Results of tools are messages of their own, in the order in which they and the rest stand.
    let (results, rest): (Vec<_>, Vec<_>) = parts
        .into_iter()
        .partition(|part| matches!(part, Content::ToolResult(_)));
    let only_results = rest.is_empty() && !results.is_empty();
    if !results.is_empty() {
        read.messages.push(Message::new(Role::Tool, results));
    }
    if !only_results {
        read.messages.push(Message::new(role, rest));
    }
    Ok(())
}

fn read_tools(tools: &Value, read: &mut Conversation) -> Result<(), BodyError> {
    let tools = tools
        .as_array()
        .ok_or_else(|| wrong("tools", "`tools` is not a list"))?;
    for (at, tool) in tools.iter().enumerate() {
        let param = format!("tools[{at}]");
        // Other types are run by Anthropic, or known to its models alone: `web_search_20250305`, `bash_20250124`.
        if !matches!(type_of(tool), "" | "custom") {
            read.untranslatable.push(param);
            continue;
        }
        let name = filled(tool, "name").ok_or_else(|| {
            wrong(
                &format!("{param}.name"),
                format!("`{param}.name` is missing or not a string"),
            )
        })?;
        let schema = tool.get("input_schema").filter(|schema| !schema.is_null());
        if schema.is_some_and(|schema| !schema.is_object()) {
            let message = format!("`{param}.input_schema` is not a JSON schema");
            return Err(wrong(&format!("{param}.input_schema"), message));
        }
        read.tools.push(Tool {
            name: name.to_owned(),
            description: filled(tool, "description").map(str::to_owned),
            parameters: schema.cloned(),
            strict: tool.get("strict").and_then(Value::as_bool),
        });
        const READ: [&str; 5] = ["type", "name", "description", "input_schema", "strict"];
        let others = tool.as_object().into_iter().flatten();
        for (key, value) in others.filter(|(key, value)| !READ.contains(&key.as_str()) && !value.is_null()) {
            blocks::hint(&param, key, value, read);
        }
    }
    Ok(())
}

fn read_tool_choice(choice: &Value, read: &mut Conversation) -> Result<(), BodyError> {
    read.tool_choice = Some(match type_of(choice) {
        "auto" => ToolChoice::Auto,
        "any" => ToolChoice::Required,
        "none" => ToolChoice::None,
        "tool" => {
            let name = filled(choice, "name");
            let name = name.ok_or_else(|| {
                wrong(
                    "tool_choice.name",
                    "`tool_choice.name` is missing or not a string",
                )
            })?;
            ToolChoice::Named(name.to_owned())
        }
        _ => {
            let message = "`tool_choice.type` is not `auto`, `any`, `tool` or `none`";
            return Err(wrong("tool_choice.type", message));
        }
    });
    let disabled = choice.get("disable_parallel_tool_use").and_then(Value::as_bool);
    read.parallel_tools = disabled.map(|disabled| !disabled);
    Ok(())
}

fn read_thinking(thinking: &Value, read: &mut Conversation) -> Result<(), BodyError> {
    let reasoning = read.reasoning.get_or_insert_with(Reasoning::default);
    match type_of(thinking) {
        "disabled" => {
            // Whatever the effort: without thinking it is for the length of the answer.
            reasoning.effort = Some(Effort::None);
            reasoning.budget_tokens = Some(0);
        }
        "enabled" => {
            let budget = thinking.get("budget_tokens").and_then(Value::as_u64);
            let budget = budget.ok_or_else(|| {
                let message = "`thinking.budget_tokens` is missing or not a whole number";
                wrong("thinking.budget_tokens", message)
            })?;
            reasoning.budget_tokens = Some(budget);
        }
        "adaptive" => {}
        _ => {
            let message = "`thinking.type` is not `enabled`, `adaptive` or `disabled`";
            return Err(wrong("thinking.type", message));
        }
    }
    reasoning.visible = match super::text_of(thinking, "display") {
        Some("summarized") => Some(true),
        Some("omitted") => Some(false),
        _ => None,
    };
    Ok(())
}

fn read_output_config(config: &Value, read: &mut Conversation) -> Result<(), BodyError> {
    let Some(config) = config.as_object() else {
        return Err(wrong("output_config", "`output_config` is not an object"));
    };
    for (key, value) in config.iter().filter(|(_, value)| !value.is_null()) {
        match key.as_str() {
            "format" => read_format("output_config.format", value, read)?,
            "effort" => match value.as_str().and_then(Effort::from_word) {
                Some(effort) => {
                    let reasoning = read.reasoning.get_or_insert_with(Reasoning::default);
                    // Thinking that is switched off stays so.
                    reasoning.effort = reasoning.effort.or(Some(effort));
                }
                None => blocks::hint("output_config", key, value, read),
            },
            _ => blocks::hint("output_config", key, value, read),
        }
    }
    Ok(())
}

fn read_format(param: &str, format: &Value, read: &mut Conversation) -> Result<(), BodyError> {
    let schema = format.get("schema").filter(|schema| schema.is_object());
    match (type_of(format), schema) {
        ("json_schema", Some(schema)) => {
            read.output = OutputForm::Schema {
                name: None,
                description: None,
                schema: schema.clone(),
                strict: Some(true),
            };
            Ok(())
        }
        ("json_schema", None) => Err(wrong(
            &format!("{param}.schema"),
            format!("`{param}.schema` is missing or not an object"),
        )),
        _ => Err(wrong(
            &format!("{param}.type"),
            format!("`{param}.type` is not `json_schema`"),
        )),
    }
}
