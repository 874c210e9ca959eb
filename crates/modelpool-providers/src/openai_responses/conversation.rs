//! Reading a caller's request: <https://platform.openai.com/docs/api-reference/responses/create>.
//!
//! Nothing is guessed: a member of another form than the reference gives it is refused with what would be
//! accepted. Members that nobody here knows are hints, since OpenAI adds new ones all the time.

use serde_json::{Map, Value};

use super::input;
use super::value::{member, missing, text, wrong};
use crate::neutral::{Content, Conversation, Effort, Message, OutputForm, Reasoning, Role, Tool, ToolChoice};
use crate::openai_chat::read::BodyError;

/// An entry of `include`.
pub(super) const INCLUDE_LOGPROBS: &str = "message.output_text.logprobs";
/// An entry of `include`.
pub(super) const INCLUDE_REASONING: &str = "reasoning.encrypted_content";

/// Members with their own forms of state at OpenAI's.
const KEPT_BY_OPENAI: [&str; 3] = ["previous_response_id", "conversation", "prompt"];

pub(super) fn read(body: &[u8]) -> Result<Conversation, BodyError> {
    let body: Value = serde_json::from_slice(body).map_err(|error| BodyError {
        param: None,
        message: format!("the body is not valid JSON: {error}"),
    })?;
    let Value::Object(members) = &body else {
        return Err(BodyError {
            param: None,
            message: "the body is not a JSON object".to_owned(),
        });
    };
    let mut read = Conversation::default();
    for (name, value) in members.iter().filter(|(_, value)| !value.is_null()) {
        read_member(name, value, &mut read)?;
    }
    if let Some(instructions) = member(&body, "instructions") {
        let text = instructions
            .as_str()
            .ok_or_else(|| wrong("instructions", instructions, "a text"))?;
        read.messages
            .push(Message::new(Role::System, vec![Content::text(text)]));
    }
    match member(&body, "input") {
        Some(input) => input::read(input, &mut read)?,
        // What OpenAI keeps may be all there is to go on from.
        None if !read.untranslatable.is_empty() => {}
        None => return Err(missing("input", input::EXPECTED)),
    }
    Ok(read)
}

fn read_member(name: &str, value: &Value, read: &mut Conversation) -> Result<(), BodyError> {
    match name {
        // The first two are the gateway's to read, the others come after all else.
        "model" | "modelpool" | "instructions" | "input" => {}
        "stream" => read.stream = boolean(name, value)?,
        "tools" => read_tools(value, read)?,
        "tool_choice" => read_tool_choice(value, read)?,
        "parallel_tool_calls" => read.parallel_tools = Some(boolean(name, value)?),
        "max_output_tokens" => read.max_output_tokens = Some(whole_number(name, value)?),
        "temperature" => read.sampling.temperature = Some(number(name, value)?),
        "top_p" => read.sampling.top_p = Some(number(name, value)?),
        "top_logprobs" => {
            let alternatives = whole_number(name, value)?;
            let alternatives =
                u32::try_from(alternatives).map_err(|_| wrong(name, value, "a number from 0 to 20"))?;
            // 0 is what it is without being said.
            if alternatives > 0 {
                read.logprobs = Some(alternatives);
            }
        }
        "include" => read_include(value, read)?,
        "text" => read_text(value, read)?,
        "reasoning" => read_reasoning(value, read)?,
        "background" => {
            if boolean(name, value)? {
                read.untranslatable.push(name.to_owned());
            }
        }
        _ if KEPT_BY_OPENAI.contains(&name) => read.untranslatable.push(name.to_owned()),
        _ => hint(name, value, read),
    }
    Ok(())
}

fn hint(name: &str, value: &Value, read: &mut Conversation) {
    read.hints.insert(name.to_owned(), value.clone());
}

/// Tools that the vendor runs (`web_search`, `mcp`, …) and those without a schema (`custom`) have no neutral form.
fn read_tools(value: &Value, read: &mut Conversation) -> Result<(), BodyError> {
    let tools = value
        .as_array()
        .ok_or_else(|| wrong("tools", value, "a list of tools"))?;
    for (index, tool) in tools.iter().enumerate() {
        let at = format!("tools[{index}]");
        match text(tool, "type") {
            Some("function") => read.tools.push(function(tool, &at)?),
            Some(_) => read.untranslatable.push(at),
            None => return Err(wrong(&at, tool, "a tool with a `type`, such as `function`")),
        }
    }
    Ok(())
}

fn function(tool: &Value, at: &str) -> Result<Tool, BodyError> {
    // Written for chat completions, where the function is nested, tools come here by mistake often.
    let name = text(tool, "name").ok_or_else(|| {
        missing(
            &format!("{at}.name"),
            "the function's name, beside `type` and not within `function`",
        )
    })?;
    let parameters = member(tool, "parameters");
    if let Some(other) = parameters.filter(|schema| !schema.is_object()) {
        return Err(wrong(&format!("{at}.parameters"), other, "a JSON Schema"));
    }
    Ok(Tool {
        name: name.to_owned(),
        description: text(tool, "description").map(str::to_owned),
        parameters: parameters.cloned(),
        strict: tool.get("strict").and_then(Value::as_bool),
    })
}

fn read_tool_choice(value: &Value, read: &mut Conversation) -> Result<(), BodyError> {
    const EXPECTED: &str = "`auto`, `none`, `required`, or an object with a `type`, such as `function`";
    let choice = match (value.as_str(), text(value, "type")) {
        (Some("auto"), _) => ToolChoice::Auto,
        (Some("none"), _) => ToolChoice::None,
        (Some("required"), _) => ToolChoice::Required,
        (_, Some("function")) => {
            let name =
                text(value, "name").ok_or_else(|| missing("tool_choice.name", "the function's name"))?;
            ToolChoice::Named(name.to_owned())
        }
        // A tool that the vendor runs, or a choice among some of the tools.
        (_, Some(_)) => {
            read.untranslatable.push("tool_choice".to_owned());
            return Ok(());
        }
        _ => return Err(wrong("tool_choice", value, EXPECTED)),
    };
    read.tool_choice = Some(choice);
    Ok(())
}

/// The other entries ask for what tools of the vendor left.
fn read_include(value: &Value, read: &mut Conversation) -> Result<(), BodyError> {
    let entries = value
        .as_array()
        .ok_or_else(|| wrong("include", value, "a list of texts"))?;
    let mut others = Vec::new();
    for entry in entries {
        match entry.as_str() {
            Some(INCLUDE_LOGPROBS) => read.logprobs = Some(read.logprobs.unwrap_or(0)),
            // Every translation hands reasoning on.
            Some(INCLUDE_REASONING) => {}
            _ => others.push(entry.clone()),
        }
    }
    if !others.is_empty() {
        hint("include", &Value::Array(others), read);
    }
    Ok(())
}

fn read_text(value: &Value, read: &mut Conversation) -> Result<(), BodyError> {
    let members = object("text", value)?;
    for (name, value) in members.iter().filter(|(_, value)| !value.is_null()) {
        match name.as_str() {
            "format" => read_format(value, read)?,
            _ => hint(&format!("text.{name}"), value, read),
        }
    }
    Ok(())
}

fn read_format(value: &Value, read: &mut Conversation) -> Result<(), BodyError> {
    read.output = match text(value, "type") {
        Some("text") => OutputForm::Text,
        Some("json_object") => OutputForm::Json,
        Some("json_schema") => OutputForm::Schema {
            name: text(value, "name").map(str::to_owned),
            description: text(value, "description").map(str::to_owned),
            schema: member(value, "schema")
                .filter(|schema| schema.is_object())
                .cloned()
                .ok_or_else(|| missing("text.format.schema", "a JSON Schema"))?,
            strict: value.get("strict").and_then(Value::as_bool),
        },
        Some(_) => {
            read.untranslatable.push("text.format".to_owned());
            return Ok(());
        }
        None => {
            return Err(wrong(
                "text.format",
                value,
                "an object with `type`: `text`, `json_object` or `json_schema`",
            ));
        }
    };
    Ok(())
}

fn read_reasoning(value: &Value, read: &mut Conversation) -> Result<(), BodyError> {
    let members = object("reasoning", value)?;
    let mut reasoning = Reasoning::default();
    for (name, value) in members.iter().filter(|(_, value)| !value.is_null()) {
        match (name.as_str(), value.as_str()) {
            ("effort", Some(word)) if Effort::from_word(word).is_some() => {
                reasoning.effort = Effort::from_word(word);
            }
            // The second is the first's old name.
            ("summary" | "generate_summary", Some(word)) => {
                reasoning.visible = Some(true);
                if word != "auto" {
                    hint("reasoning.summary", value, read);
                }
            }
            // An effort of a later day among them.
            _ => hint(&format!("reasoning.{name}"), value, read),
        }
    }
    if reasoning != Reasoning::default() {
        read.reasoning = Some(reasoning);
    }
    Ok(())
}

fn object<'a>(name: &str, value: &'a Value) -> Result<&'a Map<String, Value>, BodyError> {
    value.as_object().ok_or_else(|| wrong(name, value, "an object"))
}

fn boolean(name: &str, value: &Value) -> Result<bool, BodyError> {
    value.as_bool().ok_or_else(|| wrong(name, value, "true or false"))
}

fn number(name: &str, value: &Value) -> Result<f64, BodyError> {
    value.as_f64().ok_or_else(|| wrong(name, value, "a number"))
}

fn whole_number(name: &str, value: &Value) -> Result<u64, BodyError> {
    value
        .as_u64()
        .ok_or_else(|| wrong(name, value, "a whole number of at least 0"))
}

#[cfg(test)]
#[path = "conversation_tests.rs"]
mod tests;
