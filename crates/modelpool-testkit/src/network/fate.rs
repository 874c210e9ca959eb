//! What becomes of one call: drawn from a seed, or written down by a test.
//!
//! A [`Fate`] is a good answer with things changed about it, so any of them go together: a
//! connection that takes long, a head that comes late, a body in small parts that breaks off in
//! the middle of a character.

use std::time::Duration;

/// What becomes of one call.
#[derive(Clone, Debug, PartialEq)]
pub struct Fate {
    /// Whether there is a connection.
    pub connect: Connect,
    /// When the head of the answer comes, if it does.
    pub head: Head,
    /// What the answer is.
    pub reply: Reply,
    /// What is peculiar about a stream that is otherwise good.
    pub stream: StreamShape,
    /// In which parts the body comes.
    pub pace: Pace,
    /// How the body ends.
    pub end: End,
    /// How the server goes on from an answer that another began.
    pub going_on: GoingOn,
}

/// Whether there is a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connect {
    /// It is made after this time.
    After(Duration),
    /// It is refused at once.
    Refused,
    /// Nobody says anything: the limit to connect runs out.
    Silent,
}

/// When the head of the answer comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Head {
    /// After this time.
    After(Duration),
    /// The connection breaks instead, after this time.
    BreaksAfter(Duration),
    /// Never.
    Never,
}

/// What the answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// What was asked for.
    Answer,
    /// A refusal.
    Refusal(Refusal),
    /// Status 200, and an error object in place of the answer.
    ErrorObject {
        /// Whether its message repeats the caller's key.
        repeats_key: bool,
    },
    /// Status 200, and a page for people.
    Html,
    /// Status 200, and no body.
    Empty,
    /// A whole answer where a stream was asked for, and the other way round.
    OtherShape,
}

/// A refusal: a status that is no success, and words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The status.
    pub status: u16,
    /// The vendor's code.
    pub code: &'static str,
    /// The vendor's words.
    pub message: &'static str,
    /// The time to wait: whole seconds stand in `retry-after`, others in `retry-after-ms`.
    pub retry_after: Option<Duration>,
    /// How the words are wrapped.
    pub body: RefusalBody,
}

/// How the words of a refusal are wrapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalBody {
    /// `{"error": {"message", "type", "code"}}`.
    Json,
    /// The same, and the message repeats the caller's key after so many bytes of padding.
    RepeatsKey {
        /// How far into the message the key stands.
        padding: u16,
    },
    /// A page of a proxy.
    Html,
    /// The words alone.
    Plain,
    /// Nothing.
    Nothing,
}

/// What is peculiar about a stream. All of it is harmless except `noise`, `content_type` and a
/// missing finish reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamShape {
    /// Lines end in CR LF.
    pub crlf: bool,
    /// Comments stand between the events.
    pub comments: bool,
    /// The finish reason is sent.
    pub finish: bool,
    /// `[DONE]` is sent.
    pub end_mark: bool,
    /// Usage is sent where it was asked for.
    pub usage: bool,
    /// Characters of text in one event.
    pub characters: usize,
    /// Something that is no event of an answer, before the event of this number.
    pub noise: Option<(usize, Noise)>,
    /// The content type.
    pub content_type: &'static str,
}

/// Something that is no event of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Noise {
    /// JSON that stops in the middle.
    BadJson,
    /// Bytes that are no UTF-8.
    BadUtf8,
    /// A page for people.
    Html,
    /// An error object; the upstream gives up, though more may follow.
    Error,
}

/// In which parts a body comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Bytes of one part.
    pub part_bytes: usize,
    /// The pause between two parts.
    pub gap: Duration,
}

/// How a body ends. Places are in bytes, taken modulo the length of the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// After all of it.
    Whole,
    /// There, as if that were all.
    Cut(usize),
    /// There, with an error of the connection.
    Breaks(usize),
    /// There nothing comes any more.
    Silent(usize),
}

/// How a server goes on from an answer that another began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GoingOn {
    /// Exactly there.
    Exactly,
    /// It repeats the last words first.
    RepeatsWords,
    /// It starts over.
    StartsOver,
    /// It refuses a request whose last message is the assistant's.
    RefusesPrefill,
}

/// The content type of streams.
pub(super) const EVENT_STREAM: &str = "text/event-stream; charset=utf-8";

impl Default for Fate {
    /// A good answer, at once.
    fn default() -> Self {
        Self {
            connect: Connect::After(Duration::ZERO),
            head: Head::After(Duration::ZERO),
            reply: Reply::Answer,
            stream: StreamShape {
                crlf: false,
                comments: false,
                finish: true,
                end_mark: true,
                usage: true,
                characters: 8,
                noise: None,
                content_type: EVENT_STREAM,
            },
            pace: Pace {
                part_bytes: usize::MAX,
                gap: Duration::ZERO,
            },
            end: End::Whole,
            going_on: GoingOn::Exactly,
        }
    }
}

impl Fate {
    /// A refusal, at once.
    #[must_use]
    pub fn refusal(status: u16, code: &'static str, message: &'static str) -> Self {
        let refusal = Refusal {
            status,
            code,
            message,
            retry_after: None,
            body: RefusalBody::Json,
        };
        Self {
            reply: Reply::Refusal(refusal),
            ..Self::default()
        }
    }

    /// A refusal for too many requests, with the time to wait.
    #[must_use]
    pub fn rate_limited(retry_after: Option<Duration>) -> Self {
        let mut fate = Self::refusal(429, "rate_limit_exceeded", "Rate limit reached");
        if let Reply::Refusal(refusal) = &mut fate.reply {
            refusal.retry_after = retry_after;
        }
        fate
    }
}
