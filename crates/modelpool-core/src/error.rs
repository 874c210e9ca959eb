//! Why a call failed, and what to do about it.
//!
//! An [`Error`] says what happened ([`ErrorKind`]), at which model, what the upstream answered
//! (bounded and redacted), and through its [`Verdict`] whether the next model may succeed where
//! this one failed. Faces map it to their dialect in one place each.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::plan::NoModelFits;
use crate::quota::QuotaReport;

mod excerpt;
mod kind;
#[cfg(test)]
mod tests;

pub use excerpt::excerpt;
pub use kind::{ErrorKind, TimeoutKind, Verdict};

/// The vendor's own words, as its error body said them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct VendorError {
    /// The message, redacted and bounded.
    pub message: String,
    /// The vendor's type, such as `invalid_request_error`.
    pub kind: Option<String>,
    /// The parameter at fault.
    pub param: Option<String>,
    /// The vendor's code, such as `context_length_exceeded`.
    pub code: Option<String>,
}

/// A failed call. One pointer wide, because results are returned on the hot path.
#[derive(Clone, Debug)]
pub struct Error(Box<Inner>);

#[derive(Clone, Debug)]
struct Inner {
    kind: ErrorKind,
    message: Cow<'static, str>,
    alias: Option<Arc<str>>,
    status: Option<u16>,
    vendor: Option<VendorError>,
    upstream_request_id: Option<String>,
    attempts: u32,
    reached: bool,
    no_retry: bool,
    quota: QuotaReport,
}

impl Error {
    /// An error of that kind; the message is lower case, without a full stop, and has no secrets.
    pub fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Inner {
            kind,
            message: message.into(),
            alias: None,
            status: None,
            vendor: None,
            upstream_request_id: None,
            attempts: 0,
            reached: false,
            no_retry: false,
            quota: QuotaReport::default(),
        }))
    }

    /// No model of the pool meets the requirements.
    #[must_use]
    pub fn no_model_fits(reason: NoModelFits) -> Self {
        let message = reason.to_string();
        Self::new(ErrorKind::NoModelFits(Arc::new(reason)), message)
    }

    /// Names the model at which it happened, unless one is named already.
    #[must_use]
    pub fn at(mut self, alias: &Arc<str>) -> Self {
        self.0.alias.get_or_insert_with(|| Arc::clone(alias));
        self
    }

    /// The same with another kind, where more was learned of it.
    #[must_use]
    pub fn with_kind(mut self, kind: ErrorKind) -> Self {
        self.0.kind = kind;
        self
    }

    /// Notes that the server had been reached before it failed: a connection that broke later says nothing about
    /// whether another can be made.
    #[must_use]
    pub fn after_reaching(mut self) -> Self {
        self.0.reached = true;
        self
    }

    /// Whether the server is known to have been reached.
    #[must_use]
    pub fn reached(&self) -> bool {
        self.0.reached || self.0.status.is_some()
    }

    /// Notes that the same model would fail again: it is not asked once more, whatever the kind.
    #[must_use]
    pub fn without_retry(mut self) -> Self {
        self.0.no_retry = true;
        self
    }

    /// Whether the same model is known to fail again.
    #[must_use]
    pub fn forbids_retry(&self) -> bool {
        self.0.no_retry
    }

    /// Adds the HTTP status of the upstream's answer.
    #[must_use]
    pub fn with_status(mut self, status: u16) -> Self {
        self.0.status = Some(status);
        self
    }

    /// Adds what the vendor said.
    #[must_use]
    pub fn with_vendor(mut self, vendor: VendorError) -> Self {
        self.0.vendor = Some(vendor);
        self
    }

    /// Names the parameter of the request that is at fault.
    #[must_use]
    pub fn with_param(mut self, param: impl Into<String>) -> Self {
        self.0.vendor.get_or_insert_default().param = Some(param.into());
        self
    }

    /// Adds the vendor's id of the request.
    #[must_use]
    pub fn with_upstream_request_id(mut self, id: Option<String>) -> Self {
        self.0.upstream_request_id = id;
        self
    }

    /// Notes how many attempts were made before this error was given to the caller.
    #[must_use]
    pub fn after_attempts(mut self, attempts: u32) -> Self {
        self.0.attempts = attempts;
        self
    }

    /// Adds what the headers of the refusal said about the account's limits.
    #[must_use]
    pub fn with_quota(mut self, quota: QuotaReport) -> Self {
        self.0.quota = quota;
        self
    }

    /// What happened.
    #[must_use]
    pub fn kind(&self) -> &ErrorKind {
        &self.0.kind
    }

    /// What happened, in words, with the vendor's message where there is one.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The model at which it happened.
    #[must_use]
    pub fn alias(&self) -> Option<&str> {
        self.0.alias.as_deref()
    }

    /// The HTTP status of the upstream's answer.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        self.0.status
    }

    /// What the vendor said.
    #[must_use]
    pub fn vendor(&self) -> Option<&VendorError> {
        self.0.vendor.as_ref()
    }

    /// The vendor's id of the request.
    #[must_use]
    pub fn upstream_request_id(&self) -> Option<&str> {
        self.0.upstream_request_id.as_deref()
    }

    /// How many attempts were made before this error was given to the caller.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.0.attempts
    }

    /// What the headers of the refusal said about the account's limits; empty where they said nothing.
    #[must_use]
    pub fn quota(&self) -> &QuotaReport {
        &self.0.quota
    }

    /// How long to wait before asking again, where it is known.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self.0.kind {
            ErrorKind::RateLimited { retry_after } | ErrorKind::Overloaded { retry_after } => retry_after,
            _ => None,
        }
    }

    /// What to do about it; see [`ErrorKind::verdict`]. Where the same model would fail again it is left to the next.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        match self.0.kind.verdict() {
            Verdict::RetrySame if self.0.no_retry => Verdict::FailOver,
            verdict => verdict,
        }
    }

    /// A short, fixed name of the kind, for logs and labels; see [`ErrorKind::code`].
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.0.kind.code()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(alias) = &self.0.alias {
            write!(f, "model `{alias}`: ")?;
        }
        f.write_str(&self.0.message)?;
        if let Some(status) = self.0.status {
            write!(f, " (status {status})")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}
