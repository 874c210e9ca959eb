//! Messages of a conversation, in OpenAI's shape.
//!
//! A [`Message`] keeps every member it came with, known or not, so that what one model says (its
//! reasoning with a signature, say) reaches the next call unchanged.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::generator::Senses;

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Instructions (`system`, `developer`).
    System,
    /// The user.
    User,
    /// The model.
    Assistant,
    /// The result of a tool.
    Tool,
}

/// A call of a tool that a model asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolCall {
    /// The model's id of this call; its result carries the same.
    pub id: String,
    /// The tool's name.
    pub name: String,
    /// The arguments, JSON as the model wrote it, which need not be valid.
    pub arguments: String,
}

/// One message.
///
/// ```
/// use modelpool_agent::{Message, Role};
/// let message = Message::user("hello");
/// assert_eq!((message.role(), message.text().as_str()), (Role::User, "hello"));
/// ```
///
/// The default is an empty message of the user's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Message(Map<String, Value>);

impl Message {
    /// Instructions.
    pub fn system(text: impl Into<String>) -> Self {
        Self::of("system", text.into())
    }

    /// What the user says.
    pub fn user(text: impl Into<String>) -> Self {
        Self::of("user", text.into())
    }

    /// What the model said.
    pub fn assistant(text: impl Into<String>) -> Self {
        Self::of("assistant", text.into())
    }

    /// The result of the call of that id.
    pub fn tool(call_id: impl Into<String>, text: impl Into<String>) -> Self {
        let mut message = Self::of("tool", text.into());
        message.0.insert("tool_call_id".to_owned(), call_id.into().into());
        message
    }

    /// What the model said, with the tools it calls.
    pub fn calling(text: impl Into<String>, calls: &[ToolCall]) -> Self {
        let mut message = Self::of("assistant", text.into());
        if !calls.is_empty() {
            let calls = calls.iter().map(|call| {
                json!({"id": call.id, "type": "function",
                       "function": {"name": call.name, "arguments": call.arguments}})
            });
            message
                .0
                .insert("tool_calls".to_owned(), calls.collect::<Vec<_>>().into());
        }
        message
    }

    /// What the user says, with pictures: their addresses, which may be `data:` URLs.
    ///
    /// ```
    /// use modelpool_agent::Message;
    /// let message = Message::user_with_images("What is this?", ["data:image/png;base64,AAAA"]);
    /// assert_eq!(message.text(), "What is this?");
    /// ```
    pub fn user_with_images<U: Into<String>>(
        text: impl Into<String>,
        urls: impl IntoIterator<Item = U>,
    ) -> Self {
        let mut parts = vec![json!({"type": "text", "text": text.into()})];
        parts.extend(
            urls.into_iter()
                .map(|url| json!({"type": "image_url", "image_url": {"url": url.into()}})),
        );
        let mut message = Self::of("user", String::new());
        message.0.insert("content".to_owned(), parts.into());
        message
    }

    /// A message of these members, which include a role.
    pub(crate) fn of_members(members: Map<String, Value>) -> Self {
        Self(members)
    }

    /// The same with words in place of what a model does not take; `None` where it holds nothing of it.
    pub(crate) fn in_words(&self, lacks: Senses) -> Option<Self> {
        let Some(Value::Array(parts)) = self.0.get("content") else {
            return None;
        };
        let words = |part: &Value| match part["type"].as_str() {
            Some("image_url") if lacks.pictures => Some("[a picture was shown here]"),
            Some("input_audio") if lacks.recordings => Some("[a recording was played here]"),
            Some("file") if lacks.files => Some("[a file was given here]"),
            _ => None,
        };
        parts.iter().find_map(words)?;
        let parts = parts.iter().map(|part| match words(part) {
            Some(words) => json!({"type": "text", "text": words}),
            None => part.clone(),
        });
        let mut message = self.clone();
        message
            .0
            .insert("content".to_owned(), parts.collect::<Vec<_>>().into());
        Some(message)
    }

    /// The same without what its model reasoned, which nobody else can use and which ends with its tool loop.
    pub(crate) fn without_reasoning(mut self) -> Self {
        for member in ["reasoning", "reasoning_content", "reasoning_details"] {
            self.0.shift_remove(member);
        }
        self
    }

    fn of(role: &str, text: String) -> Self {
        let mut members = Map::new();
        members.insert("role".to_owned(), role.into());
        members.insert("content".to_owned(), text.into());
        Self(members)
    }

    /// A message of OpenAI's shape.
    ///
    /// # Errors
    /// It is no object, or its `role` is none of `system`, `developer`, `user`, `assistant`, `tool`.
    pub fn from_json(value: Value) -> Result<Self, MessageError> {
        let Value::Object(members) = value else {
            return Err(MessageError(format!(
                "a message is an object with `role` and `content`, not {value}"
            )));
        };
        let message = Self(members);
        match message.role_word() {
            "system" | "developer" | "user" | "assistant" | "tool" => Ok(message),
            other => Err(MessageError(format!(
                "the role `{other}` is none of system, developer, user, assistant, tool"
            ))),
        }
    }

    /// The message as JSON.
    #[must_use]
    pub fn to_json(&self) -> Value {
        Value::Object(self.0.clone())
    }

    /// Who speaks.
    #[must_use]
    pub fn role(&self) -> Role {
        match self.role_word() {
            "system" | "developer" => Role::System,
            "assistant" => Role::Assistant,
            "tool" => Role::Tool,
            _ => Role::User,
        }
    }

    fn role_word(&self) -> &str {
        self.0.get("role").and_then(Value::as_str).unwrap_or_default()
    }

    /// Its text: of all text parts where the content is a list.
    #[must_use]
    pub fn text(&self) -> String {
        match self.0.get("content") {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Array(parts)) => {
                let texts = parts
                    .iter()
                    .filter_map(|part| part.get("text").and_then(Value::as_str));
                texts.collect::<Vec<_>>().join("\n")
            }
            _ => String::new(),
        }
    }

    /// The tools it calls, in the model's order.
    #[must_use]
    pub fn tool_calls(&self) -> Vec<ToolCall> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let calls = self.0.get("tool_calls").and_then(Value::as_array);
        let calls = calls.map(Vec::as_slice).unwrap_or_default();
        calls
            .iter()
            .map(|call| ToolCall {
                id: text(&call["id"]),
                name: text(&call["function"]["name"]),
                arguments: text(&call["function"]["arguments"]),
            })
            .collect()
    }

    /// The id of the call whose result it is.
    #[must_use]
    pub fn tool_call_id(&self) -> Option<&str> {
        self.0.get("tool_call_id").and_then(Value::as_str)
    }
}

impl Default for Message {
    fn default() -> Self {
        Self::user("")
    }
}

impl From<&str> for Message {
    /// What the user says.
    fn from(text: &str) -> Self {
        Self::user(text)
    }
}

impl From<String> for Message {
    /// What the user says.
    fn from(text: String) -> Self {
        Self::user(text)
    }
}

/// What is no message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageError(String);

impl std::fmt::Display for MessageError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for MessageError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_come_back_as_they_were_given() {
        let call = ToolCall {
            id: "call_1".to_owned(),
            name: "read".to_owned(),
            arguments: r#"{"path":"a"}"#.to_owned(),
        };
        let message = Message::calling("", std::slice::from_ref(&call));
        assert_eq!(
            (message.role(), message.tool_calls()),
            (Role::Assistant, vec![call])
        );
    }

    #[test]
    fn what_is_no_message_says_so() {
        for (value, words) in [
            (json!("hello"), "an object"),
            (json!({"role": "judge"}), "`judge`"),
        ] {
            let mistake = Message::from_json(value).expect_err("no message").to_string();
            assert!(mistake.contains(words), "{mistake}");
        }
    }

    #[test]
    fn what_a_model_does_not_take_is_told_in_words() {
        let lacks = |pictures, files| Senses {
            pictures,
            files,
            ..Senses::default()
        };
        let message = Message::user_with_images("look", ["data:,"]);
        assert_eq!(message.in_words(lacks(false, true)), None);
        let told = message.in_words(lacks(true, false)).map(|told| told.text());
        assert_eq!(told.as_deref(), Some("look\n[a picture was shown here]"));
        assert_eq!(Message::user("look").in_words(lacks(true, true)), None);
    }

    #[test]
    fn text_of_parts_leaves_pictures_out() {
        let message = Message::from_json(json!({"role": "user", "content": [
            {"type": "text", "text": "a"}, {"type": "image_url", "image_url": {"url": "data:,"}}, {"type": "text", "text": "b"},
        ]}));
        assert_eq!(message.map(|message| message.text()), Ok("a\nb".to_owned()));
    }
}
