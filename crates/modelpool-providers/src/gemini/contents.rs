//! Messages as `contents`: a turn each, results of tools in a turn of their own right after their calls.

use serde_json::{Map, Value, json};

use super::generation::Generation;
use super::media;
use super::parts::{To, call_part, push_reasoning, text_part};
use super::signature::PLACEHOLDER;
use crate::neutral::{Content, Conversation, Media, Message, Role, ToolResult, Untranslatable};

/// Writes the messages of one conversation.
pub(super) struct Contents<'a> {
    conversation: &'a Conversation,
    generation: Generation,
    to: To,
    dropped: &'a mut Vec<String>,
    turns: Vec<Turn>,
}

/// A content: parts that follow each other without a change of speaker.
struct Turn {
    kind: Kind,
    parts: Vec<Value>,
}

/// Who speaks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    User,
    /// The user's too, but models count these parts against the calls before them.
    Results,
    Model,
}

impl<'a> Contents<'a> {
    pub(super) fn new(
        conversation: &'a Conversation,
        generation: Generation,
        to: To,
        dropped: &'a mut Vec<String>,
    ) -> Self {
        Self {
            conversation,
            generation,
            to,
            dropped,
            turns: Vec::new(),
        }
    }

    pub(super) fn write(mut self) -> Result<Vec<Value>, Untranslatable> {
        let conversation = self.conversation;
        for (at, message) in conversation.messages.iter().enumerate() {
            if message.name.is_some() && message.role != Role::Tool {
                self.dropped.push(format!("messages[{at}].name"));
            }
            if message.role != Role::System {
                self.message(at, message)?;
            }
        }
        self.turns.retain(|turn| !turn.parts.is_empty());
        if self.turns.is_empty() {
            return Err(Untranslatable::new(
                "messages",
                "hold nothing but instructions, and Gemini's wire needs something to answer",
            ));
        }
        if self.generation.checks_signatures() {
            let of_model = self.turns.iter_mut().filter(|turn| turn.kind == Kind::Model);
            of_model.for_each(|turn| sign_first_call(&mut turn.parts));
        }
        Ok(self.turns.into_iter().map(Turn::into_content).collect())
    }

    fn message(&mut self, at: usize, message: &Message) -> Result<(), Untranslatable> {
        for (part_at, content) in message.content.iter().enumerate() {
            let field = || format!("messages[{at}].content[{part_at}]");
            let kind = match (content, message.role) {
                (Content::ToolResult(_), _) => Kind::Results,
                (_, Role::Assistant) => Kind::Model,
                _ => Kind::User,
            };
            match content {
                Content::Text(text) => self.text(kind, &text.text),
                Content::Refusal(text) => self.text(kind, text),
                Content::Image(media) | Content::Audio(media) | Content::Document(media) => {
                    self.media(kind, media, &field())?;
                }
                Content::Reasoning(reasoning) => {
                    let to = self.to;
                    push_reasoning(self.turn(kind), reasoning, to);
                }
                Content::ToolCall(call) => {
                    let part = call_part(call, self.to).ok_or_else(|| {
                        Untranslatable::new(
                            format!("messages[{at}].tool_calls"),
                            format!(
                                "has a call of `{}` whose arguments are not a JSON object",
                                call.name
                            ),
                        )
                    })?;
                    self.turn(kind).push(part);
                }
                Content::ToolResult(result) => {
                    let part = self.result(result, &field(), at)?;
                    self.turn(kind).push(part);
                }
            }
        }
        Ok(())
    }

    /// The parts of the present turn, or of a new one where another speaks.
    fn turn(&mut self, kind: Kind) -> &mut Vec<Value> {
        let at = match self.turns.last() {
            Some(turn) if turn.kind == kind => self.turns.len() - 1,
            _ => {
                self.turns.push(Turn {
                    kind,
                    parts: Vec::new(),
                });
                self.turns.len() - 1
            }
        };
        &mut self.turns[at].parts
    }

    /// The wire refuses empty texts, and they say nothing.
    fn text(&mut self, kind: Kind, text: &str) {
        if !text.is_empty() {
            self.turn(kind).push(text_part(text));
        }
    }

    fn media(&mut self, kind: Kind, media: &Media, field: &str) -> Result<(), Untranslatable> {
        if media.detail.as_deref().is_some_and(|detail| detail != "auto") {
            self.dropped.push(format!("{field}.detail"));
        }
        if media.name.is_some() {
            self.dropped.push(format!("{field}.filename"));
        }
        let part = media::written(media).map_err(|reason| Untranslatable::new(field, reason))?;
        self.turn(kind).push(part);
        Ok(())
    }

    fn result(&self, result: &ToolResult, field: &str, at: usize) -> Result<Value, Untranslatable> {
        let name = self.conversation.tool_name_of(result).ok_or_else(|| {
            let reason = format!(
                "names no call before it: `{}`; Gemini's wire needs its tool's name",
                result.call_id
            );
            Untranslatable::new(format!("messages[{at}].tool_call_id"), reason)
        })?;
        let mut response = json!({"name": name, "response": response_of(result)});
        if self.to.knows_ids() && !result.call_id.is_empty() {
            response["id"] = result.call_id.as_str().into();
        }
        let media = result
            .content
            .iter()
            .filter(|content| !matches!(content, Content::Text(_)));
        let mut parts = Vec::new();
        for content in media {
            let (Content::Image(media) | Content::Audio(media) | Content::Document(media)) = content else {
                return Err(Untranslatable::new(
                    field,
                    "holds what is neither text nor a medium",
                ));
            };
            if !self.generation.is_third() {
                return Err(Untranslatable::new(
                    field,
                    "holds a medium, which Gemini takes from version 3 on",
                ));
            }
            parts.push(media::written(media).map_err(|reason| Untranslatable::new(field, reason))?);
        }
        if !parts.is_empty() {
            response["parts"] = parts.into();
        }
        Ok(json!({"functionResponse": response}))
    }
}

impl Turn {
    fn into_content(self) -> Value {
        let role = match self.kind {
            Kind::Model => "model",
            Kind::User | Kind::Results => "user",
        };
        json!({"role": role, "parts": self.parts})
    }
}

/// What a tool answered, as the object the wire wants: `output` and `error` are the reference's names for what is
/// none, <https://ai.google.dev/api/caching#FunctionResponse>.
fn response_of(result: &ToolResult) -> Map<String, Value> {
    let texts = result.content.iter().filter_map(|content| match content {
        Content::Text(text) => Some(text.text.as_str()),
        _ => None,
    });
    let text: String = texts.collect();
    let object = match serde_json::from_str(&text) {
        Ok(Value::Object(object)) if object.values().all(is_exact) => Some(object),
        _ => None,
    };
    match object {
        Some(object) if !result.is_error => object,
        _ => {
            let name = if result.is_error { "error" } else { "output" };
            Map::from_iter([(name.to_owned(), text.into())])
        }
    }
}

/// Whether a value survives the wire, whose numbers are doubles: long ids as numbers would come out as others.
fn is_exact(value: &Value) -> bool {
    const LARGEST: u64 = 1 << 53;
    match value {
        Value::Number(number) => match (number.as_u64(), number.as_i64()) {
            (Some(number), _) => number <= LARGEST,
            (None, Some(number)) => number.unsigned_abs() <= LARGEST,
            // Whole numbers of more than 64 bits were rounded when they were read.
            (None, None) => number
                .as_f64()
                .is_some_and(|number| number.abs() < LARGEST as f64),
        },
        Value::Array(each) => each.iter().all(is_exact),
        Value::Object(each) => each.values().all(is_exact),
        _ => true,
    }
}

/// The first call of a turn must be signed; one that Gemini did not make says so.
fn sign_first_call(parts: &mut [Value]) {
    let mut calls = parts.iter_mut().filter(|part| part.get("functionCall").is_some());
    if let Some(first) = calls.next().filter(|part| part.get("thoughtSignature").is_none()) {
        first["thoughtSignature"] = PLACEHOLDER.into();
    }
}
