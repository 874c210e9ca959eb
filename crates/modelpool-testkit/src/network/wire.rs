//! Writing answers, in the words of OpenAI's chat completions.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::{Value, json};

use super::asked::{Asked, Turn};
use super::fate::{Fate, GoingOn, Noise, Refusal, RefusalBody, Reply, StreamShape};
use super::text::answer_to;

/// Characters a server repeats at least, where it repeats: fewer could not be told from an answer
/// that happens to say the same twice.
const REPEATED_CHARACTERS: usize = 20;

const PAGE: &str = "<!DOCTYPE html><html><body><h1>Bad Gateway</h1></body></html>";

/// An answer as a server would send it, before its end is tampered with.
#[derive(Debug, Default)]
pub(super) struct Written {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    /// Where the finish reason is complete, in bytes.
    pub(super) finish_at: Option<usize>,
    /// Where usage is complete.
    pub(super) usage_at: Option<usize>,
}

/// Writes the answer to a request.
pub(super) fn write(asked: &Asked, fate: &Fate, voice: u8) -> Written {
    if asked.turn == Turn::Prefill && fate.going_on == GoingOn::RefusesPrefill {
        let message = "This model does not support assistant message prefill. \
                       The conversation must end with a user message.";
        let refusal = Fate::refusal(400, "invalid_request_error", message);
        let Reply::Refusal(refusal) = refusal.reply else {
            return Written::default();
        };
        return refused(asked, &refusal);
    }
    let text = remaining(asked, fate.going_on, voice);
    match fate.reply {
        Reply::Answer if asked.stream => streamed(asked, &fate.stream, &text),
        Reply::Answer => whole(asked, &text),
        Reply::OtherShape if asked.stream => whole(asked, &text),
        Reply::OtherShape => streamed(asked, &fate.stream, &text),
        Reply::Refusal(refusal) => refused(asked, &refusal),
        Reply::ErrorObject { repeats_key } => {
            let key = asked.key.as_deref().filter(|_| repeats_key).unwrap_or_default();
            let error = json!({"error": {"message": format!("something went wrong {key}"), "code": 500}});
            answer(200, "application/json", error.to_string())
        }
        Reply::Html => answer(200, "text/html", PAGE),
        Reply::Empty => answer(200, "application/json", ""),
    }
}

/// The text this server has still to write.
fn remaining(asked: &Asked, going_on: GoingOn, voice: u8) -> String {
    let own = || answer_to(&asked.prompt, voice);
    let Some(whole) = asked.begun().filter(|_| asked.turn != Turn::Answer) else {
        return own();
    };
    let delivered = &asked.delivered;
    let mut last = delivered.char_indices().rev();
    let repeated_from = last.nth(REPEATED_CHARACTERS - 1).map(|(at, _)| at);
    let from = match (going_on, repeated_from) {
        (GoingOn::RepeatsWords, Some(at)) => at,
        (GoingOn::StartsOver, Some(_)) => 0,
        _ => delivered.len(),
    };
    whole[from..].to_owned()
}

fn answer(status: u16, content_type: &'static str, body: impl Into<Bytes>) -> Written {
    Written {
        status: StatusCode::from_u16(status).unwrap_or_default(),
        headers: HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(content_type))]),
        body: body.into(),
        ..Written::default()
    }
}

fn refused(asked: &Asked, refusal: &Refusal) -> Written {
    let object = |message: &str| {
        let error = json!({"message": message, "type": "invalid_request_error", "code": refusal.code});
        json!({ "error": error }).to_string()
    };
    let (content_type, body) = match refusal.body {
        RefusalBody::Json => ("application/json", object(refusal.message)),
        RefusalBody::RepeatsKey { padding } => {
            let key = asked.key.as_deref().unwrap_or_default();
            let padding = "x".repeat(padding.into());
            let message = format!("{}: {padding} {key}", refusal.message);
            ("application/json", object(&message))
        }
        RefusalBody::Html => ("text/html", PAGE.to_owned()),
        RefusalBody::Plain => ("text/plain", refusal.message.to_owned()),
        RefusalBody::Nothing => ("text/plain", String::new()),
    };
    let mut written = answer(refusal.status, content_type, body);
    if let Some(wait) = refusal.retry_after {
        let (name, count) = if wait.subsec_millis() == 0 {
            ("retry-after", wait.as_secs())
        } else {
            (
                "retry-after-ms",
                u64::try_from(wait.as_millis()).unwrap_or(u64::MAX),
            )
        };
        written.headers.insert(name, HeaderValue::from(count));
    }
    written
}

/// What the answer used: a token for a word.
fn usage(text: &str) -> Value {
    let output = text.split_whitespace().count();
    json!({"prompt_tokens": 5, "completion_tokens": output, "total_tokens": output + 5})
}

fn whole(asked: &Asked, text: &str) -> Written {
    let message = json!({"role": "assistant", "content": text});
    let body = json!({
        "id": "chatcmpl-simulated", "object": "chat.completion", "created": 1, "model": asked.model,
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": usage(text),
    });
    let written = answer(200, "application/json", body.to_string());
    Written {
        finish_at: Some(written.body.len()),
        usage_at: Some(written.body.len()),
        ..written
    }
}

fn streamed(asked: &Asked, shape: &StreamShape, text: &str) -> Written {
    let mut events = Events {
        bytes: Vec::with_capacity(2048),
        line_end: if shape.crlf { "\r\n" } else { "\n" },
        count: 0,
        noise: shape.noise,
    };
    let chunk = |delta: Value, finish: Value| {
        json!({
            "id": "chatcmpl-simulated", "object": "chat.completion.chunk", "created": 1,
            "model": asked.model,
            "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
        })
    };
    events.data(&chunk(json!({"role": "assistant", "content": ""}), Value::Null));
    let mut rest = text;
    while !rest.is_empty() {
        if shape.comments {
            events.line(b": still here");
            events.line(b"");
        }
        let mut ends = rest.char_indices().map(|(at, _)| at);
        let (piece, further) = rest.split_at(ends.nth(shape.characters.max(1)).unwrap_or(rest.len()));
        events.data(&chunk(json!({ "content": piece }), Value::Null));
        rest = further;
    }
    let mut written = answer(200, shape.content_type, "");
    if shape.finish {
        written.finish_at = Some(events.data(&chunk(json!({}), json!("stop"))));
    }
    if shape.usage && asked.usage {
        let usage = usage(text);
        let last = json!({
            "id": "chatcmpl-simulated", "object": "chat.completion.chunk", "created": 1,
            "model": asked.model, "choices": [], "usage": usage,
        });
        written.usage_at = Some(events.data(&last));
    }
    if shape.end_mark {
        events.line(b"data: [DONE]");
        events.line(b"");
    }
    written.body = events.bytes.into();
    written
}

/// Events of a stream, as they are written.
struct Events {
    bytes: Vec<u8>,
    line_end: &'static str,
    count: usize,
    noise: Option<(usize, Noise)>,
}

impl Events {
    fn line(&mut self, line: &[u8]) {
        self.bytes.extend_from_slice(line);
        self.bytes.extend_from_slice(self.line_end.as_bytes());
    }

    /// An event, after the noise where it is due. Answers where its data ends.
    fn data(&mut self, data: &Value) -> usize {
        if let Some((_, noise)) = self.noise.filter(|(at, _)| *at == self.count) {
            self.line(match noise {
                Noise::BadJson => b"data: {\"choices\":[{\"index\":0,\"delta\":{\"con",
                Noise::BadUtf8 => b"data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\xe5\x9b\"}}]}",
                Noise::Html => b"data: <html><body>502</body></html>",
                Noise::Error => b"data: {\"error\":{\"message\":\"gave up\",\"code\":503}}",
            });
            self.line(b"");
        }
        self.count += 1;
        self.line(format!("data: {data}").as_bytes());
        let end = self.bytes.len() - self.line_end.len();
        self.line(b"");
        end
    }
}
