//! Judging what a caller read.
//!
//! There are two good ends: the whole answer, word for word, or one honest error. Everything between them is
//! a fault of the gateway, whatever the upstreams did: a text with a hole or a repetition that ends like a
//! whole one, an end without a reason, a broken event that was passed on, two ends.

use std::borrow::Cow;

use hyper::StatusCode;
use hyper::header::CONTENT_TYPE;
use serde::Deserialize;
use serde_json::Value;

use super::caller::Answer;
use super::requests::Kind;

/// The statuses of an honest error: a rate limit, a failed upstream, overload, a time that ran out. The
/// requests themselves have no fault, so a status that says so is a wrong one.
const HONEST: [StatusCode; 4] = [
    StatusCode::TOO_MANY_REQUESTS,
    StatusCode::BAD_GATEWAY,
    StatusCode::SERVICE_UNAVAILABLE,
    StatusCode::GATEWAY_TIMEOUT,
];

/// How much of an answer is quoted, in bytes.
const QUOTED: usize = 400;

/// What every right answer says.
#[derive(Debug, Clone)]
pub(super) struct Canon {
    /// The text of a chat.
    pub(super) text: String,
    /// The vectors, as they stand in `data`.
    pub(super) vectors: Vec<Value>,
}

/// What became of a request, as its caller reads it.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Verdict {
    /// The whole answer.
    Right(Told),
    /// One error, said in the right form.
    Honest {
        code: String,
        in_stream: bool,
        told: Told,
    },
    /// Neither; why, and what it looked like.
    Wrong(String),
}

/// What the gateway told of its attempts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Told {
    /// Calls that were made.
    pub(super) attempts: Option<u32>,
    /// How often the answer was gone on with.
    pub(super) continued: u32,
    /// Who answered last.
    pub(super) model: Option<String>,
}

/// Judges an answer of that kind.
pub(super) fn judge(kind: Kind, canon: &Canon, answer: &Answer) -> Verdict {
    let told = told_by_headers(answer);
    let judged = if answer.status != StatusCode::OK {
        refusal(answer).map(|code| Verdict::Honest {
            code,
            in_stream: false,
            told,
        })
    } else {
        match kind {
            Kind::Stream => stream(canon, &answer.body),
            Kind::Plain => plain(canon, &answer.body).map(|()| Verdict::Right(told)),
            Kind::Embeddings => embeddings(canon, &answer.body).map(|()| Verdict::Right(told)),
        }
    };
    judged.unwrap_or_else(|why| Verdict::Wrong(format!("{why}: {} {}", answer.status, quoted(&answer.body))))
}

fn told_by_headers(answer: &Answer) -> Told {
    let header = |name: &str| answer.headers.get(name).and_then(|value| value.to_str().ok());
    Told {
        attempts: header("x-modelpool-attempts").and_then(|text| text.parse().ok()),
        continued: 0,
        model: header("x-modelpool-model").map(str::to_owned),
    }
}

#[derive(Deserialize)]
struct ErrorBody {
    error: ErrorObject,
}

/// OpenAI's error object, the members that an SDK reads.
#[derive(Deserialize)]
struct ErrorObject {
    message: String,
    r#type: String,
    code: Option<Value>,
}

impl ErrorObject {
    fn code(&self) -> Result<String, String> {
        if self.message.is_empty() || self.r#type.is_empty() {
            return Err("an error without message or type".to_owned());
        }
        Ok(match &self.code {
            Some(Value::String(code)) => code.clone(),
            _ => self.r#type.clone(),
        })
    }
}

/// The code of a refusal that is an honest one.
fn refusal(answer: &Answer) -> Result<String, String> {
    if !HONEST.contains(&answer.status) {
        return Err("a status that fits no failure of an upstream".to_owned());
    }
    let json = answer
        .headers
        .get(CONTENT_TYPE)
        .is_some_and(|is| is == "application/json");
    let body: ErrorBody = serde_json::from_slice(&answer.body)
        .map_err(|error| format!("a refusal that is no error object ({error})"))?;
    if !json {
        return Err("a refusal that does not say it is JSON".to_owned());
    }
    Ok(format!("{} {}", answer.status.as_u16(), body.error.code()?))
}

#[derive(Deserialize)]
struct Completion<'body> {
    #[serde(borrow)]
    id: Cow<'body, str>,
    #[serde(borrow)]
    choices: Vec<Choice<'body>>,
}

/// A choice of a plain answer, or of an event.
#[derive(Deserialize)]
struct Choice<'body> {
    #[serde(alias = "delta")]
    message: Message,
    #[serde(borrow)]
    finish_reason: Option<Cow<'body, str>>,
}

#[derive(Deserialize)]
struct Message {
    content: Option<String>,
}

fn plain(canon: &Canon, body: &[u8]) -> Result<(), String> {
    let completion: Completion<'_> =
        serde_json::from_slice(body).map_err(|error| format!("no answer ({error})"))?;
    let [choice] = completion.choices.as_slice() else {
        return Err("not one choice".to_owned());
    };
    if choice.finish_reason.as_deref() != Some("stop") {
        return Err("another finish reason".to_owned());
    }
    same_text(&canon.text, choice.message.content.as_deref().unwrap_or_default())
}

fn embeddings(canon: &Canon, body: &[u8]) -> Result<(), String> {
    let answer: Value = serde_json::from_slice(body).map_err(|error| format!("no answer ({error})"))?;
    if answer["data"].as_array() == Some(&canon.vectors) {
        return Ok(());
    }
    Err("other vectors".to_owned())
}

fn same_text(expected: &str, text: &str) -> Result<(), String> {
    if text == expected {
        return Ok(());
    }
    let same = expected
        .bytes()
        .zip(text.bytes())
        .take_while(|(a, b)| a == b)
        .count();
    Err(format!(
        "another text ({} bytes instead of {}, the first {same} are right)",
        text.len(),
        expected.len()
    ))
}

/// A stream, as far as it was read.
#[derive(Default)]
struct Stream {
    id: Option<String>,
    text: String,
    finish_reason: Option<String>,
    done: bool,
    error: Option<String>,
    told: Option<Told>,
}

/// The comment before the last event.
#[derive(Deserialize)]
struct Comment {
    model: String,
    attempts: u32,
    continued: u32,
}

/// Judges events, by <https://html.spec.whatwg.org/multipage/server-sent-events.html>.
fn stream(canon: &Canon, body: &[u8]) -> Result<Verdict, String> {
    let body = std::str::from_utf8(body).map_err(|error| error.to_string())?;
    let mut stream = Stream::default();
    let mut data = String::new();
    for line in body.lines() {
        if line.is_empty() {
            if !data.is_empty() {
                stream.event(&data)?;
                data.clear();
            }
        } else if let Some(comment) = line.strip_prefix(": modelpool ") {
            stream.comment(comment)?;
        } else if let Some(more) = line.strip_prefix("data:") {
            data.push_str(more.strip_prefix(' ').unwrap_or(more));
        } else if !line.starts_with(':') {
            return Err("a line that is neither data nor a comment".to_owned());
        }
    }
    if !data.is_empty() {
        return Err("an event that was begun and not ended".to_owned());
    }
    stream.verdict(canon)
}

impl Stream {
    fn comment(&mut self, comment: &str) -> Result<(), String> {
        let comment: Comment = serde_json::from_str(comment)
            .map_err(|error| format!("a comment that is not readable ({error})"))?;
        let told = Told {
            attempts: Some(comment.attempts),
            continued: comment.continued,
            model: Some(comment.model),
        };
        match self.told.replace(told) {
            None => Ok(()),
            Some(_) => Err("two closing comments".to_owned()),
        }
    }

    fn event(&mut self, data: &str) -> Result<(), String> {
        if self.done || self.error.is_some() {
            return Err("an event after the end".to_owned());
        }
        if data == "[DONE]" {
            self.done = true;
            return Ok(());
        }
        if let Ok(body) = serde_json::from_str::<ErrorBody>(data) {
            self.error = Some(body.error.code()?);
            return Ok(());
        }
        let chunk: Completion<'_> =
            serde_json::from_str(data).map_err(|error| format!("a broken event was passed on ({error})"))?;
        if self
            .id
            .get_or_insert_with(|| chunk.id.clone().into_owned())
            .as_str()
            != chunk.id
        {
            return Err("two ids in one stream".to_owned());
        }
        for choice in &chunk.choices {
            let piece = choice.message.content.as_deref().unwrap_or_default();
            if self.finish_reason.is_some() && !piece.is_empty() {
                return Err("text after the finish reason".to_owned());
            }
            self.text.push_str(piece);
            if let Some(reason) = &choice.finish_reason
                && self.finish_reason.replace(reason.clone().into_owned()).is_some()
            {
                return Err("two finish reasons".to_owned());
            }
        }
        Ok(())
    }

    fn verdict(self, canon: &Canon) -> Result<Verdict, String> {
        if let Some(code) = self.error {
            if !canon.text.starts_with(&self.text) {
                return Err("an error after a text that was wrong already".to_owned());
            }
            return Ok(Verdict::Honest {
                code,
                in_stream: true,
                told: self.told.unwrap_or_default(),
            });
        }
        match (self.finish_reason.as_deref(), self.done) {
            (Some("stop"), true) => same_text(&canon.text, &self.text)?,
            (Some(_), true) => return Err("another finish reason".to_owned()),
            (None, true) => return Err("[DONE] without a finish reason or an error".to_owned()),
            (_, false) => return Err("neither [DONE] nor an error".to_owned()),
        }
        let told = self.told.ok_or("no closing comment")?;
        Ok(Verdict::Right(told))
    }
}

fn quoted(body: &[u8]) -> String {
    let end = body.len().min(QUOTED);
    let start = body.len().saturating_sub(QUOTED).max(end);
    let [first, last] = [&body[..end], &body[start..]].map(String::from_utf8_lossy);
    if last.is_empty() {
        format!("{first:?}")
    } else {
        format!("{first:?} … {last:?}")
    }
}

#[cfg(test)]
mod tests;
