//! What is passed through whole, whatever it is: forms and recordings, texts, lists of scores.
//!
//! The answer is read only as far as telling whether it is one, and what it used.

use bytes::Bytes;
use http::Uri;
use http::header::CONTENT_TYPE;
use modelpool_core::provider::WholeReply;
use modelpool_core::{Error, Operation, ProviderRequest, Reply, ReplyBody, Usage};
use serde_json::Value;

use crate::counts::ToldCost;
use crate::exchange::{Answered, Exchange};
use crate::json::{self, Count, Items, Presence, lenient_object};
use crate::translate::error_of;
use crate::wire::Broken;

lenient_object! {
    /// OpenAI's names for images and audio, and the older ones that other servers use.
    struct PassedUsage<'a> {
        input: Count = "input_tokens",
        output: Count = "output_tokens",
        prompt: Count = "prompt_tokens",
        completion: Count = "completion_tokens",
        total: Count = "total_tokens",
        details: Details<'a> = "input_tokens_details",
        ticks: Option<&'a str> = "cost_in_usd_ticks",
        cost: Option<&'a str> = "cost",
        is_byok: Option<&'a str> = "is_byok",
    }
}

lenient_object! {
    struct Details<'a> {
        cached: Count = "cached_tokens",
        written: Count = "cache_write_tokens",
    }
}

lenient_object! {
    struct PassedAnswer<'a> {
        data: Items = "data",
        results: Presence = "results",
        usage: PassedUsage<'a> = "usage",
        error: Option<&'a str> = "error",
    }
}

impl PassedUsage<'_> {
    /// `None` where nothing is counted in tokens, nor in dollars.
    fn counts(&self) -> Option<Usage> {
        let output_tokens = self.output.0.max(self.completion.0);
        let input = self.input.0.max(self.prompt.0);
        // Servers that rerank count everything together, and it is all input.
        let input_tokens = match input.saturating_add(output_tokens) {
            0 => self.total.0,
            _ => input,
        };
        let usage = Usage {
            input_tokens,
            cached_input_tokens: self.details.cached.0.min(input_tokens),
            cache_write_tokens: self.details.written.0.min(input_tokens),
            output_tokens,
            told_nano_usd: ToldCost {
                ticks: self.ticks,
                cost: self.cost,
                is_byok: self.is_byok,
            }
            .nano_usd(),
            ..Usage::default()
        };
        (usage.total_tokens() > 0 || usage.told_nano_usd.is_some()).then_some(usage)
    }
}

/// Images are counted by themselves, since there are vendors who bill by them and count no tokens.
fn with_images(counted: Option<Usage>, images: u64) -> Usage {
    Usage {
        images,
        estimated: counted.is_none(),
        ..counted.unwrap_or_default()
    }
}

/// What an answer is, by its content type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Json,
    Events,
    Html,
    Other,
}

/// A request with a caller's body, in the form the caller gave it.
pub(crate) fn request(
    exchange: &Exchange,
    uri: &Uri,
    body: Bytes,
    call: &ProviderRequest,
) -> http::Request<Bytes> {
    let mut request = exchange.call(uri, body, call.trace);
    if let Some(kind) = &call.body.form {
        request.headers_mut().insert(CONTENT_TYPE, kind.clone());
    }
    request
}

/// Sends it, and reads the answer.
///
/// # Errors
/// Any failure before the end of the answer.
pub(crate) async fn answer(
    exchange: &Exchange,
    sent: http::Request<Bytes>,
    request: &ProviderRequest,
) -> Result<Reply, Error> {
    let answered = exchange.send(sent, &request.limits, false).await?;
    let kind = kind_of(&answered);
    let (head, bytes) = answered.whole(request.limits.idle).await?;
    let usage =
        read(request.facts.operation, kind, &bytes).map_err(|broken| error_of(broken, exchange.secrets()))?;
    // What was not counted is what it was reckoned to be.
    let usage = usage.map(|usage| match usage.estimated {
        true => Usage {
            input_tokens: request.facts.input_tokens,
            ..usage
        },
        false => usage,
    });
    Ok(Reply {
        head,
        body: ReplyBody::Whole(WholeReply {
            bytes,
            usage,
            finish: None,
            issued: Vec::new(),
        }),
    })
}

fn kind_of(answered: &Answered) -> Kind {
    let kinds: [(&[u8], Kind); 3] = [
        (b"application/json", Kind::Json),
        (b"text/event-stream", Kind::Events),
        (b"text/html", Kind::Html),
    ];
    let found = kinds.into_iter().find(|(kind, _)| answered.is(kind));
    found.map_or(Kind::Other, |(_, kind)| kind)
}

/// What an answer used, if it is one.
fn read(operation: Operation, kind: Kind, bytes: &[u8]) -> Result<Option<Usage>, Broken> {
    let protocol = |message: String| Err(Broken::Protocol(message));
    if bytes.is_empty() {
        return protocol("the answer is empty".to_owned());
    }
    let needed = match operation {
        Operation::Moderations | Operation::Rerank => Some("results"),
        Operation::Images | Operation::ImageEdits | Operation::ImageVariations => Some("data"),
        _ => None,
    };
    match (kind, needed) {
        (Kind::Html, _) => return protocol("the answer is HTML".to_owned()),
        // Who asked for events gets them, all at once.
        (Kind::Events, _) | (Kind::Other, None) => return Ok(None),
        (Kind::Json | Kind::Other, _) => {}
    }
    let answer: PassedAnswer<'_> = match json::read_bytes(bytes) {
        Ok(answer) => answer,
        Err(_) => {
            let why = match std::str::from_utf8(bytes) {
                Ok(text) => json::what_is_wrong(text),
                Err(error) => error.to_string(),
            };
            return protocol(format!("the answer is not JSON: {why}"));
        }
    };
    if let Some(error) = answer.error {
        let object: Value = serde_json::from_str(error).unwrap_or(Value::Null);
        return Err(Broken::Refusal(object));
    }
    match needed {
        Some("results") if !answer.results.0 => protocol("the answer has no `results`".to_owned()),
        Some("data") if !answer.data.present => protocol("the answer has no `data`".to_owned()),
        Some("data") => Ok(Some(with_images(answer.usage.counts(), answer.data.count))),
        _ => Ok(answer.usage.counts()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_text_is_told_as_that() {
        let read = read(Operation::Rerank, Kind::Json, b"{\"results\": [\"\xff\"]}");
        let Err(Broken::Protocol(told)) = read else {
            panic!("it is no answer")
        };
        assert!(told.contains("invalid utf-8 sequence"), "{told}");
    }

    #[test]
    fn counts_beyond_all_measure_are_counts() {
        let body = r#"{"results":[{}],"usage":{"input_tokens":1e30,"output_tokens":99999999999999999999}}"#;
        let used = used(Operation::Rerank, Kind::Json, body);
        assert_eq!(used, Ok(Some((u64::MAX, u64::MAX))));
    }

    fn used(operation: Operation, kind: Kind, body: &str) -> Result<Option<(u64, u64)>, String> {
        match read(operation, kind, body.as_bytes()) {
            Ok(usage) => Ok(usage.map(|usage| (usage.input_tokens, usage.output_tokens))),
            Err(Broken::Protocol(message)) => Err(message),
            Err(Broken::Refusal(object)) => Err(object.to_string()),
        }
    }

    #[test]
    fn usage_is_found_by_all_its_names() {
        for (operation, body, expected) in [
            (Operation::Moderations, r#"{"results":[{}]}"#, None),
            (
                Operation::Rerank,
                r#"{"results":[{}],"usage":{"total_tokens":9}}"#,
                Some((9, 0)),
            ),
            (
                Operation::ImageEdits,
                r#"{"data":[{}],"usage":{"input_tokens":5,"output_tokens":7,"total_tokens":12}}"#,
                Some((5, 7)),
            ),
            (
                Operation::Images,
                r#"{"data":[{}],"usage":{"prompt_tokens":5}}"#,
                Some((5, 0)),
            ),
            (
                Operation::Transcriptions,
                r#"{"text":"","usage":{"type":"duration","seconds":3}}"#,
                None,
            ),
        ] {
            assert_eq!(used(operation, Kind::Json, body), Ok(expected), "{body}");
        }
        for kind in [Kind::Other, Kind::Events] {
            assert_eq!(used(Operation::Speech, kind, "\u{0}ID3"), Ok(None));
        }
    }

    #[test]
    fn images_are_counted_whatever_else_is() {
        let read = |body: &str| {
            read(Operation::Images, Kind::Json, body.as_bytes())
                .unwrap()
                .unwrap()
        };
        let counted = read(
            r#"{"data":[{"b64_json":"x"},{"b64_json":"[,]"}],"usage":{"input_tokens":5,"output_tokens":9,
                "input_tokens_details":{"cache_write_tokens":4}}}"#,
        );
        let expected = Usage {
            input_tokens: 5,
            cache_write_tokens: 4,
            output_tokens: 9,
            images: 2,
            ..Usage::default()
        };
        assert_eq!(counted, expected);
        let uncounted = read(r#"{"data":[{"url":"x"}]}"#);
        assert_eq!((uncounted.images, uncounted.estimated), (1, true));
    }

    #[test]
    fn what_is_no_answer_is_an_error() {
        let error = r#"{"error":{"message":"no"}}"#;
        for (operation, kind, body, expected) in [
            (Operation::Speech, Kind::Other, "", "the answer is empty"),
            (Operation::Speech, Kind::Html, "<p>", "the answer is HTML"),
            (Operation::Speech, Kind::Json, error, r#"{"message":"no"}"#),
            (
                Operation::Transcriptions,
                Kind::Json,
                error,
                r#"{"message":"no"}"#,
            ),
            (
                Operation::Rerank,
                Kind::Other,
                "{}",
                "the answer has no `results`",
            ),
            (
                Operation::ImageEdits,
                Kind::Json,
                "{}",
                "the answer has no `data`",
            ),
        ] {
            assert_eq!(used(operation, kind, body), Err(expected.to_owned()), "{body}");
        }
        let broken = used(Operation::Moderations, Kind::Other, "no").unwrap_err();
        assert!(broken.starts_with("the answer is not JSON"), "{broken}");
    }
}
