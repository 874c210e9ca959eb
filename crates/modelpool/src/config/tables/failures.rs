//! The keys of what the pool does when something is slow or fails.

use super::super::fields::{Default, Field, Kind, Section, Unit};
use super::{MAX_WAIT_MS, now};

/// A day, the longest time a breaker can be asked to look back or stay open.
const MAX_SECONDS: u64 = MAX_WAIT_MS / 1000;

const LIMIT: Kind = Kind::Integer {
    min: 1,
    max: MAX_WAIT_MS,
    unit: Unit::Milliseconds,
};

const PAUSE: Kind = Kind::Integer {
    min: 0,
    max: MAX_WAIT_MS,
    unit: Unit::Milliseconds,
};

pub(in crate::config) static TIMEOUTS: Section = Section {
    name: "timeouts",
    doc: "Limits on time, at the top of the file, of a model or of a pool. None may be longer than `total_ms`.",
    fields: &[
        Field::optional(
            "connect_ms",
            LIMIT,
            "connecting, TLS included; 3000 if nobody says otherwise",
        ),
        Field::optional(
            "first_token_ms",
            LIMIT,
            "first piece of a stream; 60000 if nobody says otherwise, 300000 for models that reason",
        ),
        Field::optional(
            "response_ms",
            LIMIT,
            "head of an answer that is not streamed; 300000 if nobody says otherwise",
        ),
        Field::optional(
            "idle_ms",
            LIMIT,
            "pause within an answer; 30000 if nobody says otherwise",
        ),
        Field::optional(
            "total_ms",
            LIMIT,
            "the whole request, failovers included; 600000 if nobody says otherwise",
        ),
    ],
};

pub(in crate::config) static RETRY: Section = Section {
    name: "retry",
    doc: "How far a request goes to get an answer. It makes at most `max_models` × (1 + `same_model`) calls.",
    fields: &[
        Field::default(
            "max_models",
            Kind::Integer {
                min: 1,
                max: 32,
                unit: Unit::None,
            },
            Default::Number(4),
            "how many models one request may try",
        ),
        Field::default(
            "same_model",
            Kind::Integer {
                min: 0,
                max: 10,
                unit: Unit::None,
            },
            Default::Number(1),
            "calls of one model beyond its first, within one request",
        ),
        Field::default(
            "backoff_ms",
            Kind::FirstAndCap {
                of: &PAUSE,
                or_fixed: false,
            },
            Default::FirstAndCap(250, 4000),
            "the pause before such a call, and the longest it becomes by doubling; a random part of it is waited",
        ),
        Field::default(
            "max_wait_ms",
            PAUSE,
            Default::Number(3000),
            "longest wait for a model that may not be called yet, when no other can take the request and it has no deadline of its own",
        ),
        Field::default(
            "content_filter",
            Kind::Word(&[now("stop"), now("fail_over")]),
            Default::Text("stop"),
            "what becomes of a request that a vendor refuses for its content: `stop` passes the refusal on, `fail_over` shows it to the next model",
        ),
    ],
};

pub(in crate::config) static HEALTH: Section = Section {
    name: "health",
    doc: "Asking servers that could not be reached whether they can be again, by their list of models, which is free. Requests find that out by themselves; a pool with little traffic finds it out sooner this way.",
    fields: &[Field::required(
        "check_every_s",
        Kind::Seconds { max: MAX_SECONDS },
        "the pause between two checks",
    )],
};

pub(in crate::config) static BREAKER: Section = Section {
    name: "breaker",
    doc: "When a model that fails is left alone, and for how long. After that one call tries it again.",
    fields: &[
        Field::default(
            "failures",
            Kind::Integer {
                min: 1,
                max: 10_000,
                unit: Unit::None,
            },
            Default::Number(5),
            "so many failures in a row, or so many within `window_s` if they are half of the calls in it",
        ),
        Field::default(
            "window_s",
            Kind::Seconds { max: MAX_SECONDS },
            Default::Number(30),
            "how far back the share of failures looks",
        ),
        Field::default(
            "open_s",
            Kind::FirstAndCap {
                of: &Kind::Seconds { max: MAX_SECONDS },
                or_fixed: true,
            },
            Default::FirstAndCap(1, 15),
            "how long the model is left alone, and the longest that becomes by doubling; one number is always the same",
        ),
    ],
};

pub(in crate::config) static HEDGING: Section = Section {
    name: "hedging",
    doc: "A second call, of another model, where the first is slower to begin than it usually is; the first to begin answers.",
    fields: &[Field::required(
        "max_share",
        Kind::Share,
        "most such calls, as a share of all calls",
    )],
};

pub(in crate::config) static STREAMING: Section = Section {
    name: "streaming",
    doc: "What happens when a stream is lost or silent.",
    fields: &[
        Field::default(
            "on_loss",
            Kind::Word(&[now("continue"), now("error"), now("buffer")]),
            Default::Text("continue"),
            "`continue` lets another call go on from what was delivered where that is possible, `error` ends the stream with an error event, `buffer` delivers nothing before all of the answer is there",
        ),
        Field::default(
            "keepalive_ms",
            Kind::Integer {
                min: 10,
                max: MAX_WAIT_MS,
                unit: Unit::Milliseconds,
            },
            Default::Number(15_000),
            "after so long a silence a comment tells the caller that the answer is still awaited",
        ),
    ],
};
