//! What goes wrong on demand.
//!
//! A [`FaultRule`] says which requests it hits (a model, an endpoint, after
//! how many, how often) and what happens to them: a wait, a [`Fault`], another
//! [`Framing`], or all three. Rules are asked in the order they were queued and
//! the first that matches is taken, so a scenario such as "two failures, then a
//! good answer" is a queue of one rule with `times: 2`.
//!
//! Faults of the connection itself (nobody listening) are not here, because no
//! request exists yet that a rule could match: see
//! [`ConnectionOrder`](super::ConnectionOrder).

use std::collections::BTreeMap;
use std::time::Duration;

use http::{HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::behaviour::Framing;
use super::endpoint::Endpoint;
use super::fault_mix::FaultMix;
use super::options::SimulatorError;

/// The most rules that wait at a time.
const MAX_RULES: usize = 1024;

/// Which requests meet which fault.
///
/// ```
/// use modelpool_testkit::simulator::{Fault, FaultRule};
///
/// let twice = FaultRule::new(Fault::status(503)).for_model("fast").times(2);
/// let json = r#"{"model": "fast", "times": 2, "fault": {"kind": "status", "status": 503}}"#;
/// assert_eq!(serde_json::from_str::<FaultRule>(json)?, twice);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultRule {
    /// Only requests for this model. Default: any.
    #[serde(default)]
    pub model: Option<String>,
    /// Only requests to this endpoint. Default: any.
    #[serde(default)]
    pub endpoint: Option<Endpoint>,
    /// Let this many matching requests pass first. Default 0.
    #[serde(default)]
    pub skip: u64,
    /// How many requests are hit; `null` is forever. Default 1.
    #[serde(default = "once")]
    pub times: Option<u64>,
    /// Wait before the head of the answer, in milliseconds, besides whatever
    /// the fault does. Default 0.
    #[serde(default)]
    pub delay_ms: u64,
    /// Lay the stream of these requests into writes in another way.
    #[serde(default)]
    pub framing: Option<Framing>,
    /// What happens. Default: nothing more than the delay and the framing.
    #[serde(default)]
    pub fault: Fault,
}

#[allow(clippy::unnecessary_wraps, reason = "the default of an optional field")]
fn once() -> Option<u64> {
    Some(1)
}

impl FaultRule {
    /// Hits the next request, whatever it is.
    pub fn new(fault: Fault) -> Self {
        FaultRule {
            model: None,
            endpoint: None,
            skip: 0,
            times: once(),
            delay_ms: 0,
            framing: None,
            fault,
        }
    }

    /// Only requests for this model.
    #[must_use]
    pub fn for_model(mut self, model: impl Into<String>) -> Self {
        self.model = Some(model.into());
        self
    }

    /// Only requests to this endpoint.
    #[must_use]
    pub fn for_endpoint(mut self, endpoint: Endpoint) -> Self {
        self.endpoint = Some(endpoint);
        self
    }

    /// Lets this many matching requests pass first.
    #[must_use]
    pub fn after(mut self, requests: u64) -> Self {
        self.skip = requests;
        self
    }

    /// Hits this many requests.
    #[must_use]
    pub fn times(mut self, times: u64) -> Self {
        self.times = Some(times);
        self
    }

    /// Hits every matching request until the faults are cleared.
    #[must_use]
    pub fn forever(mut self) -> Self {
        self.times = None;
        self
    }

    /// Waits before the head of the answer.
    #[must_use]
    pub fn delayed(mut self, delay: Duration) -> Self {
        self.delay_ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
        self
    }

    /// Lays the stream into writes in another way.
    #[must_use]
    pub fn framed(mut self, framing: Framing) -> Self {
        self.framing = Some(framing);
        self
    }

    pub(super) fn validate(&self) -> Result<(), SimulatorError> {
        if let Some(framing) = &self.framing {
            framing.validate("fault rule")?;
        }
        let Fault::Status { status, headers, .. } = &self.fault else {
            return Ok(());
        };
        if !(200..=599).contains(status) {
            return Err(SimulatorError::invalid("fault.status", status, "200 to 599"));
        }
        for (name, value) in headers {
            let valid = name.parse::<HeaderName>().is_ok() && value.parse::<HeaderValue>().is_ok();
            if !valid {
                return Err(SimulatorError::invalid(
                    format!("fault.headers.{name}"),
                    format!("{value:?}"),
                    "a header name of RFC 9110 and a value without line breaks",
                ));
            }
        }
        Ok(())
    }

    pub(super) fn matches(&self, model: Option<&str>, endpoint: Endpoint) -> bool {
        self.endpoint.is_none_or(|wanted| wanted == endpoint)
            && self.model.as_deref().is_none_or(|wanted| model == Some(wanted))
    }
}

/// What goes wrong with one request.
///
/// *Chunks* are the events of a stream, the first one (which only names the
/// role) included. A plain answer counts as two chunks, its halves. A stream
/// that ends before the chunk a fault waits for is not disturbed.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Fault {
    /// Nothing: a rule with a delay or a framing alone.
    #[default]
    None,
    /// This status instead of an answer.
    Status {
        /// The status, 200 to 599.
        status: u16,
        /// More headers, such as `retry-after`.
        #[serde(default)]
        headers: BTreeMap<String, String>,
        /// Which of the errors that share the status, by OpenAI's `code`: for
        /// example `insufficient_quota` with a 429. Default: the usual one.
        #[serde(default)]
        code: Option<String>,
        /// The body to send as it stands. Default: what an OpenAI-compatible
        /// server says with this status; a 502 is a proxy's HTML page.
        #[serde(default)]
        body: Option<String>,
    },
    /// The request is read, and nothing is ever answered.
    StallBeforeHead,
    /// A 200 and its headers, and then nothing.
    StallAfterHead,
    /// So many chunks, and then nothing; the connection stays open.
    StallAfterChunks {
        /// How many chunks come first.
        chunks: u64,
    },
    /// The request is read and the connection closed.
    CutBeforeHead {
        /// Close with a TCP reset instead of an orderly end.
        #[serde(default)]
        reset: bool,
    },
    /// So many chunks, and then the connection is closed inside the body.
    CutAfterChunks {
        /// How many chunks come first.
        chunks: u64,
        /// Close with a TCP reset instead of an orderly end.
        #[serde(default)]
        reset: bool,
    },
    /// So many bytes of the body, and then the connection is closed.
    CutAfterBytes {
        /// How many bytes of the body come first.
        bytes: u64,
        /// Close with a TCP reset instead of an orderly end.
        #[serde(default)]
        reset: bool,
    },
    /// So many chunks, and then an orderly end of the body, without a finish
    /// reason. A plain answer ends in the middle of its JSON.
    EndAfterChunks {
        /// How many chunks come first.
        chunks: u64,
        /// Send `[DONE]` all the same.
        #[serde(default)]
        done: bool,
    },
    /// So many chunks, then an event that is not JSON, then the rest.
    MalformedAfterChunks {
        /// How many chunks come first.
        chunks: u64,
        /// The broken data. Default: an event cut in the middle.
        #[serde(default)]
        data: Option<String>,
    },
    /// So many chunks, then an event with an `error`, then an orderly end.
    ErrorAfterChunks {
        /// How many chunks come first.
        chunks: u64,
        /// The value of `error`. Default: OpenAI's server error.
        #[serde(default)]
        error: Option<Value>,
    },
    /// A page of HTML with status 200, as captive portals and misconfigured
    /// proxies send it.
    Html,
    /// Status 200 and no body at all.
    EmptyBody,
    /// The answer with bytes that are not UTF-8 inside its text.
    InvalidUtf8,
    /// An answer that is far too long. Made on the fly: costs no memory here.
    OversizedBody {
        /// How many bytes to add.
        bytes: u64,
        /// Keep the answer valid JSON (a very long text); otherwise the body is
        /// that many bytes of the letter x, in one line that never ends.
        json: bool,
    },
    /// JSON that ends too early; a stream ends inside its second event.
    TruncatedJson {
        /// How many bytes of a plain answer are kept. Default: half.
        #[serde(default)]
        keep_bytes: Option<u64>,
        /// Announce the length that is really sent, so that only a JSON parser
        /// can see the loss; otherwise the connection closes before the
        /// announced length was sent.
        honest_length: bool,
    },
}

impl Fault {
    /// The usual error of this status.
    pub fn status(status: u16) -> Self {
        Fault::Status {
            status,
            headers: BTreeMap::new(),
            code: None,
            body: None,
        }
    }

    /// A rate limit that asks to wait so many seconds.
    pub fn rate_limited(retry_after_seconds: u64) -> Self {
        Fault::Status {
            status: 429,
            headers: BTreeMap::from([("retry-after".to_owned(), retry_after_seconds.to_string())]),
            code: None,
            body: None,
        }
    }

    /// The word that stands for this fault in JSON and in records.
    pub fn kind(&self) -> &'static str {
        match self {
            Fault::None => "none",
            Fault::Status { .. } => "status",
            Fault::StallBeforeHead => "stall_before_head",
            Fault::StallAfterHead => "stall_after_head",
            Fault::StallAfterChunks { .. } => "stall_after_chunks",
            Fault::CutBeforeHead { .. } => "cut_before_head",
            Fault::CutAfterChunks { .. } => "cut_after_chunks",
            Fault::CutAfterBytes { .. } => "cut_after_bytes",
            Fault::EndAfterChunks { .. } => "end_after_chunks",
            Fault::MalformedAfterChunks { .. } => "malformed_after_chunks",
            Fault::ErrorAfterChunks { .. } => "error_after_chunks",
            Fault::Html => "html",
            Fault::EmptyBody => "empty_body",
            Fault::InvalidUtf8 => "invalid_utf8",
            Fault::OversizedBody { .. } => "oversized_body",
            Fault::TruncatedJson { .. } => "truncated_json",
        }
    }
}

/// The rules that still wait for requests, in their order.
#[derive(Debug, Default)]
pub(super) struct FaultQueue {
    rules: Vec<FaultRule>,
    /// Asked when no rule hits.
    mix: Option<FaultMix>,
}

impl FaultQueue {
    /// Adds all of the rules, or none if one of them makes no sense.
    pub(super) fn add(&mut self, rules: Vec<FaultRule>) -> Result<(), SimulatorError> {
        for rule in &rules {
            rule.validate()?;
        }
        let total = self.rules.len() + rules.len();
        if total > MAX_RULES {
            return Err(SimulatorError::invalid(
                "number of fault rules",
                total,
                "at most 1024 at a time",
            ));
        }
        self.rules.extend(rules);
        Ok(())
    }

    pub(super) fn mix(&mut self, mix: FaultMix) {
        self.mix = Some(mix);
    }

    pub(super) fn mixed(&self) -> Option<FaultMix> {
        self.mix.clone()
    }

    pub(super) fn clear(&mut self) {
        self.rules.clear();
        self.mix = None;
    }

    pub(super) fn rules(&self) -> Vec<FaultRule> {
        self.rules.clone()
    }

    /// The rule that hits this request, if any; counts it as used.
    pub(super) fn take(&mut self, model: Option<&str>, endpoint: Endpoint) -> Option<FaultRule> {
        let mut hit = None;
        for (index, rule) in self.rules.iter_mut().enumerate() {
            if rule.times == Some(0) || !rule.matches(model, endpoint) {
                continue;
            }
            if rule.skip > 0 {
                rule.skip -= 1;
                continue;
            }
            rule.times = rule.times.map(|times| times - 1);
            hit = Some(index);
            break;
        }
        let Some(hit) = hit else {
            return self.mix.as_mut()?.draw(model, endpoint);
        };
        let rule = self.rules[hit].clone();
        self.rules.retain(|rule| rule.times != Some(0));
        Some(rule)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_taken_in_order_and_used_up() {
        let mut queue = FaultQueue::default();
        queue
            .add(vec![
                FaultRule::new(Fault::status(500)).for_model("a").after(1),
                FaultRule::new(Fault::EmptyBody).times(2),
            ])
            .unwrap();
        let mut take = |model| {
            queue
                .take(Some(model), Endpoint::ChatCompletions)
                .map(|rule| rule.fault.kind())
        };
        assert_eq!(take("b"), Some("empty_body"));
        assert_eq!(take("a"), Some("empty_body"), "the first rule skips one");
        assert_eq!(take("b"), None, "the second rule is used up");
        assert_eq!(take("a"), Some("status"));
        assert_eq!(take("a"), None);
        assert!(queue.rules().is_empty());
    }

    #[test]
    fn a_rule_keeps_to_its_endpoint_and_may_last_forever() {
        let mut queue = FaultQueue::default();
        let rule = FaultRule::new(Fault::Html)
            .for_endpoint(Endpoint::Embeddings)
            .forever();
        queue.add(vec![rule]).unwrap();
        assert!(queue.take(None, Endpoint::ChatCompletions).is_none());
        for _ in 0..5 {
            assert!(queue.take(None, Endpoint::Embeddings).is_some());
        }
    }

    #[test]
    fn a_mix_hits_what_the_queue_leaves() {
        let mut queue = FaultQueue::default();
        queue.add(vec![FaultRule::new(Fault::Html)]).unwrap();
        queue.mix(FaultMix::new(1.0, 1, [FaultRule::new(Fault::EmptyBody)]).unwrap());
        let mut take = || queue.take(None, Endpoint::Models).map(|rule| rule.fault.kind());
        assert_eq!([take(), take()], [Some("html"), Some("empty_body")]);
        assert_eq!(queue.mixed().unwrap().hits(), [1]);
        queue.clear();
        assert!(queue.take(None, Endpoint::Models).is_none());
    }

    #[test]
    fn senseless_rules_are_refused_by_name() {
        let mut queue = FaultQueue::default();
        let error = queue.add(vec![FaultRule::new(Fault::status(99))]).unwrap_err();
        assert_eq!(error.to_string(), "fault.status is 99: expected 200 to 599");
        let unknown = r#"{"fault": {"kind": "status", "status": 500, "colour": 1}}"#;
        assert!(serde_json::from_str::<FaultRule>(unknown).is_err());
        let misspelt = r#"{"faults": {"kind": "html"}}"#;
        assert!(serde_json::from_str::<FaultRule>(misspelt).is_err());
    }

    #[test]
    fn the_kind_is_the_word_used_in_json() {
        for fault in [
            Fault::None,
            Fault::status(500),
            Fault::StallAfterChunks { chunks: 1 },
            Fault::InvalidUtf8,
        ] {
            let json = serde_json::to_value(&fault).unwrap();
            assert_eq!(json["kind"], fault.kind());
        }
    }
}
