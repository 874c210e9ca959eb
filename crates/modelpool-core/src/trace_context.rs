//! Which trace a request belongs to, in the words of W3C: <https://www.w3.org/TR/trace-context/> (read 2026-11-27).
//!
//! A caller who traces says so in two headers. `traceparent` names the trace and the caller's span, and is read
//! strictly: one that is malformed in any way is as if it were not there, and the request begins a trace of its own.
//! `tracestate` is what other tracing systems want to be told again; it is only looked at where `traceparent` is
//! right, and is dropped alone where it is wrong.
//!
//! What goes upstream is a `traceparent` written here, of the span of the call. No header of a caller's does.

use std::fmt;
use std::num::NonZeroU64;
use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue};

mod ids;
mod state;

pub use ids::TraceIds;

/// The header that names a trace and a span.
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The header of what other tracing systems keep.
pub const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// Bytes of a `traceparent` of version 00; those of later versions begin with as many.
const LENGTH: usize = 55;

/// Of the flags, the one that says that spans are recorded. All others are set to zero in what is sent on.
const SAMPLED: u8 = 1;

/// The id of a trace: 16 bytes, not all of them zero.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceId([u64; 2]);

/// The id of a span: 8 bytes, not all of them zero.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SpanId(NonZeroU64);

impl TraceId {
    /// The id of these bytes, the high ones first; `None` where all are zero.
    #[must_use]
    pub fn new(high: u64, low: u64) -> Option<Self> {
        (high | low != 0).then_some(Self([high, low]))
    }
}

impl SpanId {
    /// The id of these bytes; `None` where all are zero.
    #[must_use]
    pub fn new(id: u64) -> Option<Self> {
        NonZeroU64::new(id).map(Self)
    }
}

/// 32 lower-case hexadecimal digits.
impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [high, low] = self.0;
        write!(f, "{high:016x}{low:016x}")
    }
}

/// 16 lower-case hexadecimal digits.
impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A span of a trace, and whether it is recorded: what the header `traceparent` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TraceParent {
    /// The trace.
    pub trace_id: TraceId,
    /// The span that calls.
    pub span_id: SpanId,
    /// Whether the caller records its spans, and wants to have ours.
    pub sampled: bool,
}

impl TraceParent {
    /// Reads the value of a header; `None` where it is malformed. Of versions to come the part that is known is read.
    #[must_use]
    pub fn parse(value: &[u8]) -> Option<Self> {
        let (known, more) = value.split_at_checked(LENGTH)?;
        let dashes = [2, 35, 52].into_iter().all(|place| known[place] == b'-');
        let version = hexadecimal(&known[..2])?;
        let ends_well = match version {
            0 => more.is_empty(),
            0xff => false,
            _ => more.first().is_none_or(|next| *next == b'-'),
        };
        if !dashes || !ends_well {
            return None;
        }
        let flags = hexadecimal(&known[53..])?;
        Some(Self {
            trace_id: TraceId::new(hexadecimal(&known[3..19])?, hexadecimal(&known[19..35])?)?,
            span_id: SpanId::new(hexadecimal(&known[36..52])?)?,
            sampled: flags & u64::from(SAMPLED) != 0,
        })
    }

    /// The value of the header.
    #[must_use]
    pub fn header(&self) -> HeaderValue {
        let [high, low] = self.trace_id.0;
        let mut text = *b"00-00000000000000000000000000000000-0000000000000000-00";
        write_hexadecimal(&mut text[3..19], high);
        write_hexadecimal(&mut text[19..35], low);
        write_hexadecimal(&mut text[36..52], self.span_id.0.get());
        write_hexadecimal(&mut text[53..], u64::from(self.sampled));
        // Digits and dashes stand in any header, so the other value is never taken.
        HeaderValue::from_bytes(&text).unwrap_or(HeaderValue::from_static(""))
    }
}

/// What a caller says of the trace that a request belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallerTrace {
    /// The caller's span.
    pub parent: TraceParent,
    /// What other tracing systems keep, checked and cut to a length.
    pub state: Option<Arc<str>>,
}

impl CallerTrace {
    /// Reads the headers of a request; `None` where they name no trace, or more than one.
    #[must_use]
    pub fn read(headers: &HeaderMap) -> Option<Self> {
        let mut parents = headers.get_all(&TRACEPARENT).iter();
        let parent = TraceParent::parse(parents.next()?.as_bytes())?;
        if parents.next().is_some() {
            return None;
        }
        Some(Self {
            parent,
            state: state::read(headers.get_all(&TRACESTATE).iter()),
        })
    }
}

/// The span of a request within its trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestSpan {
    /// The trace: the caller's, or one of its own.
    pub trace_id: TraceId,
    /// The span of the request.
    pub span_id: SpanId,
    /// The caller's span.
    pub parent: Option<SpanId>,
    /// Whether spans are recorded: what the caller said, and yes where it said nothing.
    pub sampled: bool,
    /// What other tracing systems keep.
    pub state: Option<Arc<str>>,
}

impl RequestSpan {
    /// The span of a request of a caller who says that, or nothing.
    #[must_use]
    pub fn begin(caller: Option<&CallerTrace>, ids: &TraceIds) -> Self {
        let parent = caller.map(|caller| caller.parent);
        Self {
            trace_id: parent.map_or_else(|| ids.trace(), |parent| parent.trace_id),
            span_id: ids.span(),
            parent: parent.map(|parent| parent.span_id),
            sampled: parent.is_none_or(|parent| parent.sampled),
            state: caller.and_then(|caller| caller.state.clone()),
        }
    }

    /// What is said upstream by a call with that span.
    #[must_use]
    pub fn parent_of_upstream(&self, call: SpanId) -> TraceParent {
        TraceParent {
            trace_id: self.trace_id,
            span_id: call,
            sampled: self.sampled,
        }
    }
}

/// A number of up to 16 digits, none of them in upper case.
fn hexadecimal(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0, |number: u64, digit| {
        let digit = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(number << 4 | u64::from(digit))
    })
}

/// The lowest digits of a number, as many as there is room for.
fn write_hexadecimal(digits: &mut [u8], mut number: u64) {
    for digit in digits.iter_mut().rev() {
        *digit = b"0123456789abcdef"[(number % 16) as usize];
        number /= 16;
    }
}

#[cfg(test)]
mod tests;
