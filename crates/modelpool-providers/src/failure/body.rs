//! What the body of a refusal says, whatever its shape.

use http::{HeaderMap, HeaderName, HeaderValue};
use modelpool_core::error::{VendorError, excerpt};
use serde_json::{Map, Value};

use super::Signals;
use super::time::{seconds, span};

/// Most bytes of text the rules look at.
const MAX_WORDS: usize = 8 * 1024;
/// Most codes, types and reasons that are kept.
const MAX_NAMES: usize = 32;
/// Longest of these, in bytes.
const MAX_NAME: usize = 200;
/// Most items of a list that are looked at.
const MAX_ITEMS: usize = 8;
/// Deepest level that is looked at, JSON within strings included.
const MAX_DEPTH: usize = 8;

/// What a body said: in the vendor's words for people, and as signals for the rules.
#[derive(Debug, Default)]
pub(super) struct Body {
    /// Redacted and bounded.
    pub(super) vendor: VendorError,
    /// Without status.
    pub(super) signals: Signals,
    /// Headers the body tells of, as OpenRouter does of its limits.
    pub(super) headers: HeaderMap,
}

impl Body {
    pub(super) fn read(body: &[u8], secrets: &[&str]) -> Self {
        if let Ok(value) = serde_json::from_slice::<Value>(body) {
            return Self::of(&value, secrets);
        }
        let text = String::from_utf8_lossy(body);
        let mut read = Self::default();
        if text.trim_start().starts_with('<') {
            let title = title(&text).unwrap_or_default();
            read.vendor.message = match excerpt(title, secrets) {
                title if title.is_empty() => "the upstream answered with HTML, not JSON".to_owned(),
                title => format!("the upstream answered with HTML, not JSON: {title}"),
            };
            read.add_words(title);
            read.add_name(Signals::HTML);
        } else {
            read.vendor.message = excerpt(&text, secrets);
            read.add_words(&text);
        }
        read
    }

    pub(super) fn of(value: &Value, secrets: &[&str]) -> Self {
        // An error within a list, as Google's endpoint for OpenAI's wire sends it.
        let value = value.as_array().and_then(|list| list.first()).unwrap_or(value);
        let object = match value.get("error") {
            Some(error) if !error.is_null() => error,
            _ => value,
        };
        let mut read = Self {
            vendor: vendor_error(object, value, secrets),
            ..Self::default()
        };
        read.gather(value, 0);
        read.signals.param = object.get("param").and_then(Value::as_str).map(str::to_lowercase);
        read
    }

    /// Collects names and words. Only from members that speak of the error: others may repeat
    /// what the caller sent.
    fn gather(&mut self, value: &Value, depth: usize) {
        if depth > MAX_DEPTH {
            return;
        }
        match value {
            Value::String(text) => match json_within(text) {
                Some(inner) => self.gather(&inner, depth + 1),
                None => self.add_words(text),
            },
            Value::Array(items) => {
                for item in items.iter().take(MAX_ITEMS) {
                    self.gather(item, depth + 1);
                }
            }
            Value::Object(members) => self.gather_members(members, depth),
            _ => {}
        }
    }

    fn gather_members(&mut self, members: &Map<String, Value>, depth: usize) {
        for (key, value) in members {
            match key.to_ascii_lowercase().as_str() {
                "error"
                | "errors"
                | "innererror"
                | "inner_error"
                | "detail"
                | "details"
                | "metadata"
                | "provider_specific_fields"
                | "violations"
                | "base_resp"
                | "raw"
                | "message"
                | "msg"
                | "error_message"
                | "error_msg"
                | "errormessage"
                | "status_msg"
                | "description"
                | "quotaid"
                | "quotametric" => self.gather(value, depth + 1),
                "code" | "type" | "status" | "reason" | "error_type" | "error_code" | "status_code"
                | "__type" => match value {
                    Value::String(name) => self.add_name(name),
                    Value::Number(number) => self.add_name(&number.to_string()),
                    _ => {}
                },
                "n_ctx" => self.signals.window = self.signals.window.or(value.as_u64()),
                "retrydelay" => {
                    let delay = value.as_str().and_then(span);
                    self.signals.retry_after = self.signals.retry_after.or(delay);
                }
                "estimated_time" | "retry_after" | "retry_after_seconds" => {
                    let wait = value.as_f64().and_then(seconds);
                    self.signals.retry_after = self.signals.retry_after.or(wait);
                }
                "headers" => self.add_headers(value),
                _ => {}
            }
        }
    }

    fn add_words(&mut self, text: &str) {
        let words = &mut self.signals.message;
        let room = MAX_WORDS.saturating_sub(words.len());
        if room == 0 {
            return;
        }
        if !words.is_empty() {
            words.push('\n');
        }
        words.push_str(&beginning(text, room).to_lowercase());
    }

    fn add_name(&mut self, name: &str) {
        if self.signals.names.len() < MAX_NAMES {
            // Of `com.amazon.coral.service#ThrottlingException` the last part is the name.
            let name = name.rsplit('#').next().unwrap_or(name);
            self.signals.names.push(beginning(name, MAX_NAME).to_lowercase());
        }
    }

    fn add_headers(&mut self, value: &Value) {
        let Some(headers) = value.as_object() else { return };
        for (name, value) in headers.iter().take(MAX_ITEMS) {
            let name = HeaderName::from_bytes(name.as_bytes());
            let value = value.as_str().map(HeaderValue::from_str);
            if let (Ok(name), Some(Ok(value))) = (name, value) {
                self.headers.insert(name, value);
            }
        }
    }
}

/// `{message, type, param, code}`, Google's `{message, status, code}`, FastAPI's `{detail}`, or a
/// bare string; what is missing in the error stands beside it.
fn vendor_error(object: &Value, around: &Value, secrets: &[&str]) -> VendorError {
    let word = |key: &str| match object.get(key).or_else(|| around.get(key))? {
        Value::String(text) if text.is_empty() => None,
        Value::String(text) => Some(excerpt(text, secrets)),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    let said = message(object, 0);
    VendorError {
        message: excerpt(&said.unwrap_or_else(|| object.to_string()), secrets),
        kind: word("type").or_else(|| word("status")),
        param: word("param"),
        code: word("code"),
    }
}

/// The message for people: what a gateway passed on in a string or a member of its own is part of it.
fn message(value: &Value, depth: usize) -> Option<String> {
    if depth > MAX_DEPTH {
        return None;
    }
    let text = match value {
        Value::String(text) => {
            let inner = json_within(text).and_then(|inner| message(&inner, depth + 1));
            return Some(inner.unwrap_or_else(|| text.clone()));
        }
        Value::Object(_) => ["message", "error", "detail", "msg", "error_msg"]
            .into_iter()
            .filter_map(|key| value.get(key))
            .find_map(|said| message(said, depth + 1)),
        _ => None,
    };
    let raw = value
        .pointer("/metadata/raw")
        .and_then(|raw| message(raw, depth + 1));
    match (text, raw) {
        (Some(text), Some(raw)) => Some(format!("{text}: {raw}")),
        (text, raw) => text.or(raw),
    }
    .or_else(|| value.get("detail").map(Value::to_string))
}

/// JSON that stands in a string, as gateways wrap what they were answered.
fn json_within(text: &str) -> Option<Value> {
    let text = text.trim();
    let looks_so = text.starts_with(['{', '[']);
    looks_so.then(|| serde_json::from_str(text).ok()).flatten()
}

/// The beginning of a text, at most that many bytes of it.
fn beginning(text: &str, bytes: usize) -> &str {
    let end = (0..=bytes.min(text.len()))
        .rev()
        .find(|end| text.is_char_boundary(*end));
    &text[..end.unwrap_or(0)]
}

/// The title of a page.
fn title(page: &str) -> Option<&str> {
    let (_, after) = page.split_once("<title>")?;
    Some(after.split_once("</title>")?.0.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Body {
        Body::read(body.as_bytes(), &["tok-secret-1"])
    }

    #[test]
    fn shapes() {
        for (body, message) in [
            (r#"{"error":{"message":"a"}}"#, "a"),
            (r#"[{"error":{"message":"a"}}]"#, "a"),
            (r#"{"error":"a"}"#, "a"),
            (r#"{"type":"error","error":{"type":"t","message":"a"}}"#, "a"),
            (r#"{"object":"error","message":"a","code":400}"#, "a"),
            (r#"{"detail":"a"}"#, "a"),
            (r#"{"detail":[{"msg":"a"}]}"#, r#"[{"msg":"a"}]"#),
            (r#"{"error":{"message":"{\"error\":{\"message\":\"a\"}}"}}"#, "a"),
            (r#"{"error":{"message":"b","metadata":{"raw":"a"}}}"#, "b: a"),
            (r#"{"code":"C","error":"a"}"#, "a"),
            ("a\r\n", "a"),
            ("\"a\"", "a"),
            ("", ""),
            ("<html>a</html>", "the upstream answered with HTML, not JSON"),
            (
                "<html><title>502 Bad Gateway</title></html>",
                "the upstream answered with HTML, not JSON: 502 Bad Gateway",
            ),
        ] {
            assert_eq!(read(body).vendor.message, message, "{body}");
        }
    }

    #[test]
    fn names_are_found_where_vendors_put_them() {
        let body = r#"{"error":{"code":429,"status":"RESOURCE_EXHAUSTED","innererror":{"code":"Inner"},
            "details":[{"reason":"R"},{"retryDelay":"34s"}]}}"#;
        let signals = read(body).signals;
        assert_eq!(signals.names, ["429", "resource_exhausted", "inner", "r"]);
        assert_eq!(signals.retry_after.map(|wait| wait.as_secs()), Some(34));
    }

    #[test]
    fn what_the_caller_sent_is_not_looked_at() {
        let body = r#"{"detail":[{"type":"missing","msg":"field required","input":"my context window"}]}"#;
        let signals = read(body).signals;
        assert_eq!(signals.message, "field required");
    }

    #[test]
    fn words_for_people_are_redacted_and_bounded() {
        let body = format!(
            r#"{{"error":{{"message":"bad tok-secret-1 {}","type":"tok-secret-1","param":"tok-secret-1","code":"sk-0123456789"}}}}"#,
            "x".repeat(5000)
        );
        let vendor = read(&body).vendor;
        assert!(vendor.message.chars().count() <= 501);
        let shown = format!("{vendor:?}");
        assert!(
            !shown.contains("tok-secret-1") && !shown.contains("0123456789"),
            "{shown}"
        );
    }
}
