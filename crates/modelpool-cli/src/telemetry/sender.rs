//! One batch to the collector, and what became of it:
//! <https://opentelemetry.io/docs/specs/otlp/#otlphttp-response>.

use serde_json::Value;
use tracing::warn;

use super::settings::Destination;
use crate::http::Client;

/// The longest message of a collector's that is logged, in characters.
const LONGEST_MESSAGE: usize = 200;

/// Sends to one path of a collector.
#[derive(Debug)]
pub(super) struct Sender {
    destination: Destination,
    client: Client,
}

/// What became of a batch.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Sent {
    /// The collector has it.
    Taken,
    /// The collector may take it later.
    NotNow(String),
    /// The collector will never take it.
    Refused(String),
}

impl Sender {
    pub(super) fn new(destination: Destination) -> Self {
        let client = Client::new(destination.limit);
        Self { destination, client }
    }

    pub(super) async fn send(&self, body: &Value) -> Sent {
        let Destination { url, headers, .. } = &self.destination;
        match self.client.post_with(headers.clone(), url, body).await {
            Ok(reply) => {
                if let Some(why) = refused_in_part(&reply.json()) {
                    warn!(why, "the collector refused a part of what it was sent");
                }
                judged(reply.status)
            }
            Err(why) => Sent::NotNow(why),
        }
    }
}

/// Why a part was refused of what was taken; it is not to be sent again.
fn refused_in_part(reply: &Value) -> Option<String> {
    let part = reply.get("partialSuccess")?;
    // Whole numbers of 64 bits are strings in this JSON.
    let refused = ["rejectedSpans", "rejectedDataPoints"]
        .into_iter()
        .filter_map(|key| part[key].as_u64().or_else(|| part[key].as_str()?.parse().ok()))
        .find(|count| *count > 0)?;
    let message = part["errorMessage"].as_str().unwrap_or_default();
    let message: String = message.chars().take(LONGEST_MESSAGE).collect();
    Some(format!("{refused} refused: {message}"))
}

fn judged(status: u16) -> Sent {
    match status {
        200..300 => Sent::Taken,
        429 | 502 | 503 | 504 => Sent::NotNow(format!("status {status}")),
        _ => Sent::Refused(format!("status {status}")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_refused_in_part_is_told_within_a_length() {
        assert_eq!(refused_in_part(&json!({})), None);
        assert_eq!(
            refused_in_part(&json!({"partialSuccess": {"rejectedSpans": "0"}})),
            None
        );
        let long = json!({"partialSuccess": {"rejectedSpans": "3", "errorMessage": "x".repeat(5_000)}});
        let why = refused_in_part(&long).unwrap();
        assert!(why.starts_with("3 refused: xxx") && why.len() < 250, "{why}");
        let points = json!({"partialSuccess": {"rejectedDataPoints": 2}});
        assert_eq!(refused_in_part(&points).as_deref(), Some("2 refused: "));
    }

    #[test]
    fn only_what_may_pass_is_tried_again() {
        assert_eq!(judged(202), Sent::Taken);
        assert_eq!(judged(503), Sent::NotNow("status 503".to_owned()));
        assert_eq!(judged(400), Sent::Refused("status 400".to_owned()));
        assert_eq!(judged(500), Sent::Refused("status 500".to_owned()));
    }
}
