//! Fates drawn from a seed.

use std::time::Duration;

use super::fate::{
    Connect, EVENT_STREAM, End, Fate, GoingOn, Head, Noise, Pace, Refusal, RefusalBody, Reply, StreamShape,
};

/// What vendors refuse with, besides too many requests. Statuses, codes and words as they are
/// generally known, from memory.
const REFUSALS: [(u16, &str, &str); 12] = [
    (400, "invalid_value", "Invalid value for 'temperature'"),
    (
        400,
        "context_length_exceeded",
        "This model's maximum context length is 8192 tokens",
    ),
    (
        400,
        "content_filter",
        "The response was filtered due to the prompt",
    ),
    (400, "unsupported_parameter", "Unsupported parameter: 'tools'"),
    (401, "invalid_api_key", "Incorrect API key provided"),
    (402, "insufficient_quota", "Insufficient Balance"),
    (
        403,
        "unsupported_country",
        "Country, region, or territory not supported",
    ),
    (404, "model_not_found", "The model does not exist"),
    (429, "insufficient_quota", "You exceeded your current quota"),
    (
        500,
        "server_error",
        "The server had an error while processing your request",
    ),
    (502, "bad_gateway", "Bad Gateway"),
    (504, "timeout", "Gateway Timeout"),
];

const NOISES: [Noise; 4] = [Noise::BadJson, Noise::BadUtf8, Noise::Html, Noise::Error];

fn millis(random: &mut fastrand::Rng, most: u64) -> Duration {
    Duration::from_millis(random.u64(0..=most))
}

impl Fate {
    /// Draws a fate: with a probability of `fault_percent` something goes wrong, else the answer
    /// is good, in one of the many ways in which good answers differ.
    #[must_use]
    pub fn draw(random: &mut fastrand::Rng, fault_percent: u8) -> Self {
        let mut fate = Self::good(random);
        if random.u8(0..100) < fault_percent {
            fate.spoil(random);
        }
        fate
    }

    fn good(random: &mut fastrand::Rng) -> Self {
        let pace = match random.u8(0..8) {
            0 => (1, 0),
            1 => (random.usize(2..50), 0),
            2 => (random.usize(40..400), 10),
            3 => (random.usize(100..400), 60),
            4 => (200, 400),
            _ => (usize::MAX, 0),
        };
        let going_on = [
            GoingOn::Exactly,
            GoingOn::Exactly,
            GoingOn::RepeatsWords,
            GoingOn::StartsOver,
            GoingOn::RefusesPrefill,
        ];
        Self {
            connect: Connect::After(millis(random, 20)),
            head: Head::After(millis(random, 300)),
            reply: Reply::Answer,
            stream: StreamShape {
                crlf: random.u8(0..4) == 0,
                comments: random.u8(0..4) == 0,
                finish: true,
                end_mark: random.u8(0..5) != 0,
                usage: random.u8(0..5) != 0,
                characters: random.usize(1..40),
                noise: None,
                content_type: if random.bool() {
                    EVENT_STREAM
                } else {
                    "Text/Event-Stream"
                },
            },
            pace: Pace {
                part_bytes: pace.0,
                gap: millis(random, pace.1),
            },
            end: End::Whole,
            going_on: going_on[random.usize(0..going_on.len())],
        }
    }

    /// Lets one thing go wrong.
    fn spoil(&mut self, random: &mut fastrand::Rng) {
        let place = random.usize(0..1 << 20);
        match random.u8(0..20) {
            0 => self.connect = Connect::Refused,
            1 => self.connect = Connect::Silent,
            2 => self.connect = Connect::After(millis(random, 2000)),
            3 => self.head = Head::BreaksAfter(millis(random, 200)),
            4 => self.head = Head::Never,
            5 => self.head = Head::After(millis(random, 5000)),
            6..=8 => self.reply = Reply::Refusal(refusal(random)),
            9 | 10 => self.reply = Reply::Refusal(too_many(random)),
            11 => {
                let repeats_key = random.bool();
                self.reply = Reply::ErrorObject { repeats_key };
            }
            12 => {
                let others = [Reply::Html, Reply::Empty, Reply::OtherShape];
                self.reply = others[random.usize(0..others.len())];
            }
            13 => self.stream.content_type = "application/json",
            14 => self.stream.finish = false,
            15 | 16 => {
                let noise = NOISES[random.usize(0..NOISES.len())];
                self.stream.noise = Some((random.usize(0..12), noise));
            }
            17 => self.end = End::Cut(place),
            18 => self.end = End::Breaks(place),
            _ => self.end = End::Silent(place),
        }
    }
}

fn refusal(random: &mut fastrand::Rng) -> Refusal {
    let (status, code, message) = REFUSALS[random.usize(0..REFUSALS.len())];
    Refusal {
        status,
        code,
        message,
        retry_after: None,
        body: match random.u8(0..8) {
            0 => RefusalBody::Html,
            1 => RefusalBody::Plain,
            2 => RefusalBody::Nothing,
            // Around the length at which an error's words are cut, so that keys are cut too.
            3 | 4 => RefusalBody::RepeatsKey {
                padding: random.u16(0..520),
            },
            _ => RefusalBody::Json,
        },
    }
}

/// Too many requests, or no capacity; most say when to come again.
fn too_many(random: &mut fastrand::Rng) -> Refusal {
    let (status, code, message) = match random.u8(0..4) {
        0 => (503, "overloaded", "The engine is currently overloaded"),
        1 => (529, "overloaded_error", "Overloaded"),
        _ => (429, "rate_limit_exceeded", "Rate limit reached"),
    };
    Refusal {
        status,
        code,
        message,
        retry_after: match random.u8(0..4) {
            0 => None,
            1 => Some(Duration::from_secs(random.u64(0..5))),
            _ => Some(millis(random, 5000)),
        },
        body: RefusalBody::Json,
    }
}
