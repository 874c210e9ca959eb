//! One batch to the collector, and what became of it:
//! <https://opentelemetry.io/docs/specs/otlp/#otlphttp-response>.

use serde_json::Value;

use super::settings::Destination;
use crate::http::Client;

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
            Ok(reply) => judged(reply.status),
            Err(why) => Sent::NotNow(why),
        }
    }
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
    use super::*;

    #[test]
    fn only_what_may_pass_is_tried_again() {
        assert_eq!(judged(202), Sent::Taken);
        assert_eq!(judged(503), Sent::NotNow("status 503".to_owned()));
        assert_eq!(judged(400), Sent::Refused("status 400".to_owned()));
        assert_eq!(judged(500), Sent::Refused("status 500".to_owned()));
    }
}
