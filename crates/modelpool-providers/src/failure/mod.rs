//! From a vendor's refusal to a kind of failure, for every wire.
//!
//! Vendors agree on little more than the status, so the code, the type and the words of the
//! message are looked at too. A refusal is read in three steps, each of which a wire can use alone:
//!
//! 1. `body`: the bytes become [`Signals`], whatever the shape: OpenAI's and Anthropic's error
//!    objects, Google's with details, FastAPI's `detail`, an error within an array, JSON within a
//!    string, plain text, HTML from a proxy, nothing at all.
//! 2. [`classify`]: one table of [`rules`] makes an [`ErrorKind`](modelpool_core::ErrorKind) of
//!    them. A vendor's habit is a row there.
//! 3. [`waiting`] and [`quota_report`]: how long the vendor asks to wait, and what its headers say
//!    of the account's limits.
//!
//! [`from_answer`] and [`from_object`] do all of it. The corpus the rules are tested against lies
//! in `tests/fixtures/failures`, one text of a vendor a file, with where it is from.

mod body;
mod capability;
mod error;
mod quota;
pub mod rules;
mod signals;
mod time;
mod waiting;
mod window;

pub use error::{from_answer, from_object};
pub use quota::quota_report;
pub use rules::classify;
pub use signals::Signals;
pub use waiting::waiting;
