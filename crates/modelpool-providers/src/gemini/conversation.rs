//! Reading a caller's body.
//!
//! What is read here are the messages; `settings` reads the rest. Calls without an id get one made up, and each
//! result finds its call by the id, or by the name: the first of that name that has no result yet.

use serde_json::Value;

use super::names::{camel, member, shown, text};
use super::parts::{Part, push_text};
use super::settings;
use super::{media, parts};
use crate::neutral::{Content, Conversation, Message, Role, ToolCall, ToolResult, made_up_id};
use crate::openai_chat::read::BodyError;

/// Reads a request.
pub(super) fn read(body: &[u8]) -> Result<Conversation, BodyError> {
    let body: Value = serde_json::from_slice(body).map_err(|error| BodyError {
        param: None,
        message: format!("the body is not valid JSON: {error}"),
    })?;
    // Where only tokens are counted the request may stand within: https://ai.google.dev/api/tokens.
    let body = member(&body, "generateContentRequest").unwrap_or(&body);
    let Some(members) = body.as_object() else {
        return Err(BodyError {
            param: None,
            message: "the body is not a JSON object".to_owned(),
        });
    };
    let mut conversation = Conversation::default();
    if let Some(instructions) = member(body, "systemInstruction") {
        let message = self::instructions(instructions, &mut conversation)?;
        conversation.messages.extend(message);
    }
    Reader::new(&mut conversation).contents(member(body, "contents"))?;
    for (name, value) in members.iter().filter(|(_, value)| !value.is_null()) {
        match camel(name).as_ref() {
            // The model stands in the address; `modelpool` is ours.
            "contents" | "systemInstruction" | "model" | "modelpool" => {}
            "generationConfig" => settings::generation_config(value, &mut conversation)?,
            "tools" => settings::tools(value, &mut conversation)?,
            // After the tools, which it may narrow.
            "toolConfig" => {}
            "cachedContent" => conversation.untranslatable.push("cachedContent".to_owned()),
            other => {
                conversation.hints.insert(other.to_owned(), value.clone());
            }
        }
    }
    if let Some(config) = member(body, "toolConfig") {
        settings::tool_config(config, &mut conversation)?;
    }
    Ok(conversation)
}

/// What is wrong with a member, and what would be accepted.
pub(super) fn fault(param: impl Into<String>, found: &Value, expected: &str) -> BodyError {
    let param = param.into();
    BodyError {
        message: format!("`{param}` is {}; expected {expected}", shown(found)),
        param: Some(param),
    }
}

fn missing(param: impl Into<String>, expected: &str) -> BodyError {
    let param = param.into();
    BodyError {
        message: format!("`{param}` is missing; expected {expected}"),
        param: Some(param),
    }
}

/// A content, or a text as some clients write it.
fn instructions(value: &Value, conversation: &mut Conversation) -> Result<Option<Message>, BodyError> {
    let mut content = Vec::new();
    if let Some(text) = value.as_str() {
        content.push(Content::text(text));
    } else {
        for (at, part) in parts_of(value, "systemInstruction")?.iter().enumerate() {
            match Part::read(part) {
                Part::Text { text: "", .. } => {}
                Part::Text { text, .. } => content.push(Content::text(text)),
                Part::Nothing => {}
                _ => conversation
                    .untranslatable
                    .push(format!("systemInstruction.parts[{at}]")),
            }
        }
    }
    Ok((!content.is_empty()).then(|| Message::new(Role::System, content)))
}

/// The parts of a content; none where it has none, as a turn without an answer has.
fn parts_of<'a>(content: &'a Value, param: &str) -> Result<&'a [Value], BodyError> {
    if !content.is_object() {
        return Err(fault(param, content, "an object with `parts`"));
    }
    match member(content, "parts") {
        None => Ok(&[]),
        Some(Value::Array(parts)) => match parts.iter().enumerate().find(|(_, part)| !part.is_object()) {
            None => Ok(parts),
            Some((at, part)) => Err(fault(format!("{param}.parts[{at}]"), part, "an object")),
        },
        // The wire's JSON takes one for a list of one, and so do its clients.
        Some(part @ Value::Object(_)) => Ok(std::slice::from_ref(part)),
        Some(other) => Err(fault(format!("{param}.parts"), other, "a list of parts")),
    }
}

/// Reads the turns.
struct Reader<'a> {
    conversation: &'a mut Conversation,
    /// Ids and names of calls whose results have not come.
    open: Vec<(String, String)>,
    calls: usize,
}

impl<'a> Reader<'a> {
    fn new(conversation: &'a mut Conversation) -> Self {
        Self {
            conversation,
            open: Vec::new(),
            calls: 0,
        }
    }

    fn contents(&mut self, contents: Option<&Value>) -> Result<(), BodyError> {
        let contents = contents.ok_or_else(|| missing("contents", "a list of turns"))?;
        let list = match contents {
            Value::Array(list) => list.as_slice(),
            one @ Value::Object(_) => std::slice::from_ref(one),
            other => return Err(fault("contents", other, "a list of turns")),
        };
        if list.is_empty() {
            return Err(fault("contents", contents, "at least one turn"));
        }
        for (at, content) in list.iter().enumerate() {
            let param = format!("contents[{at}]");
            let parts = parts_of(content, &param)?;
            match member(content, "role").map(Value::as_str) {
                None | Some(Some("user" | "function" | "")) => self.user(parts, &param)?,
                Some(Some("model")) => self.model(parts, &param),
                Some(_) => {
                    let role = member(content, "role").unwrap_or(&Value::Null);
                    return Err(fault(format!("{param}.role"), role, "`user` or `model`"));
                }
            }
        }
        Ok(())
    }

    fn model(&mut self, parts: &[Value], param: &str) {
        // Google's clients keep an answer that was streamed as a turn for each of its chunks.
        let messages = &mut self.conversation.messages;
        let before = messages.pop_if(|message| message.role == Role::Assistant);
        let mut content = before.map(|message| message.content).unwrap_or_default();
        for (at, part) in parts.iter().enumerate() {
            match Part::read(part) {
                Part::Text { text, thought, mark } => push_text(&mut content, text, thought, mark),
                Part::Call(call) => content.push(Content::ToolCall(self.call(call))),
                Part::Nothing => {}
                Part::Media(data, name) => {
                    content.extend(self.media(part, data, || format!("{param}.parts[{at}].{name}")));
                }
                Part::Response(_) => self.strange(format!("{param}.parts[{at}].functionResponse")),
                Part::Other(name) => self.strange(format!("{param}.parts[{at}].{name}")),
            }
        }
        self.push(Role::Assistant, content);
    }

    fn call(&mut self, call: parts::Call<'_>) -> ToolCall {
        let id = call.id.map_or_else(
            || {
                let of = format!("{}\n{}", call.name, call.arguments);
                made_up_id("call_", of.as_bytes(), self.calls)
            },
            str::to_owned,
        );
        self.calls += 1;
        self.open.push((id.clone(), call.name.to_owned()));
        ToolCall {
            id,
            name: call.name.to_owned(),
            arguments: call.arguments,
            signature: call.signature,
        }
    }

    fn user(&mut self, parts: &[Value], param: &str) -> Result<(), BodyError> {
        let mut results = Vec::new();
        let mut content = Vec::new();
        for (at, part) in parts.iter().enumerate() {
            let here = |name: &str| format!("{param}.parts[{at}].{name}");
            match Part::read(part) {
                Part::Text { text: "", .. } => {}
                Part::Text { text, .. } => content.push(Content::text(text)),
                Part::Media(data, name) => content.extend(self.media(part, data, || here(name))),
                Part::Response(response) => {
                    results.push(Content::ToolResult(
                        self.result(response, &here("functionResponse"))?,
                    ));
                }
                Part::Nothing => {}
                Part::Call(_) => self.strange(here("functionCall")),
                Part::Other(name) => self.strange(here(&name)),
            }
        }
        // Results belong right behind their calls.
        self.push(Role::Tool, results);
        self.push(Role::User, content);
        Ok(())
    }

    fn result(&mut self, response: &Value, param: &str) -> Result<ToolResult, BodyError> {
        let Some(name) = text(response, "name") else {
            return Err(missing(
                format!("{param}.name"),
                "the name of the function that was called",
            ));
        };
        let stated = text(response, "id").filter(|id| !id.is_empty());
        let by_id = stated.and_then(|stated| self.open.iter().position(|(id, _)| id == stated));
        let at = by_id.or_else(|| self.open.iter().position(|(_, of)| of == name));
        let Some(at) = at else {
            return Err(BodyError {
                param: Some(param.to_owned()),
                message: format!(
                    "`{param}` answers no call: expected a `functionCall` of `{name}` before it"
                ),
            });
        };
        let (call_id, _) = self.open.remove(at);
        let (said, is_error) = said_by(member(response, "response"));
        let mut content = vec![Content::text(said)];
        if let Some(Value::Array(parts)) = member(response, "parts") {
            for (at, part) in parts.iter().enumerate() {
                match Part::read(part) {
                    Part::Media(data, name) => {
                        content.extend(self.media(part, data, || format!("{param}.parts[{at}].{name}")));
                    }
                    _ => self.strange(format!("{param}.parts[{at}]")),
                }
            }
        }
        Ok(ToolResult {
            call_id,
            name: Some(name.to_owned()),
            content,
            is_error,
        })
    }

    fn media(&mut self, part: &Value, data: &Value, field: impl Fn() -> String) -> Option<Content> {
        let read = media::read(data, media::detail(part));
        if read.is_none() {
            self.strange(field());
        }
        read
    }

    fn strange(&mut self, field: String) {
        self.conversation.untranslatable.push(field);
    }

    fn push(&mut self, role: Role, content: Vec<Content>) {
        if !content.is_empty() {
            self.conversation.messages.push(Message::new(role, content));
        }
    }
}

/// The text of a tool's answer, and whether it failed. `output` and `error` alone are only wrapping.
fn said_by(response: Option<&Value>) -> (String, bool) {
    let Some(response) = response else {
        return ("{}".to_owned(), false);
    };
    let as_text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let mut members = response.as_object().into_iter().flatten();
    match (members.next(), members.next()) {
        (Some((name, value)), None) if name == "error" => (as_text(value), true),
        (Some((name, value)), None) if name == "output" => (as_text(value), false),
        _ => (as_text(response), false),
    }
}
