//! One entry of the pool.

use std::fmt;
use std::num::{NonZeroU64, NonZeroUsize};
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, HeaderValue};
use secrecy::SecretString;
use serde_json::{Map, Value};

use crate::capability::Capabilities;

/// How to reach a model, and what it can do.
///
/// ```
/// use modelpool_core::{Capabilities, ModelConfig};
/// let model = ModelConfig::new("local-llama", "local", "llama-3-70b")
///     .base_url("http://localhost:8000")
///     .capabilities(Capabilities::new().custom("runs_locally", true));
/// assert_eq!(&*model.alias, "local-llama");
/// ```
#[derive(Clone)]
pub struct ModelConfig {
    /// The user's name of the entry. One that ends in `*` stands for every name that begins so.
    pub alias: Arc<str>,
    /// Who serves it: a vendor, a wire protocol, or a name registered by the user.
    pub provider: String,
    /// The vendor's name of the model. Empty for a wildcard, whose matched part takes its place.
    pub model_name: Arc<str>,
    /// The key to call it with.
    pub api_key: Option<SecretString>,
    /// Its address, where the vendor has none or another is wanted.
    pub base_url: Option<String>,
    /// What it can do.
    pub capabilities: Capabilities,
    /// Whether the catalog of known models says what it can do, where nothing was declared.
    pub catalog: bool,
    /// Aliases to fail over to when a caller named this one.
    pub fallbacks: Vec<Arc<str>>,
    /// Limits of its own; what is unset takes those of the pool.
    pub timeouts: Timeouts,
    /// How much of it may be used at most.
    pub limits: ModelLimits,
    /// Entries of one group share a vendor-side limit: what one is told to wait, all wait. `None` is a group
    /// of its own.
    pub quota_group: Option<Arc<str>>,
    /// Headers and body members of the user's own.
    pub extra: Extra,
    /// Whether it is made ready at the start, before anybody asks for it.
    pub warm_up: bool,
}

impl ModelConfig {
    /// An entry of which the catalog says what it can do, if the catalog knows it, and which has
    /// default capabilities otherwise.
    pub fn new(
        alias: impl Into<Arc<str>>,
        provider: impl Into<String>,
        model_name: impl Into<Arc<str>>,
    ) -> Self {
        Self {
            alias: alias.into(),
            provider: provider.into(),
            model_name: model_name.into(),
            api_key: None,
            base_url: None,
            capabilities: Capabilities::new(),
            catalog: true,
            fallbacks: Vec::new(),
            timeouts: Timeouts::default(),
            limits: ModelLimits::default(),
            quota_group: None,
            extra: Extra::default(),
            warm_up: false,
        }
    }

    /// Sets the key.
    #[must_use]
    pub fn api_key(mut self, key: impl Into<String>) -> Self {
        self.api_key = Some(SecretString::from(key.into()));
        self
    }

    /// Sets the address.
    #[must_use]
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.base_url = Some(url.into());
        self
    }

    /// Sets what the model can do. That is complete: what it leaves out takes the defaults, and the
    /// catalog fills nothing in.
    #[must_use]
    pub fn capabilities(mut self, capabilities: Capabilities) -> Self {
        self.capabilities = capabilities;
        self.catalog = false;
        self
    }

    /// Sets whether the catalog of known models says what it can do, where nothing was declared.
    #[must_use]
    pub fn catalog(mut self, catalog: bool) -> Self {
        self.catalog = catalog;
        self
    }

    /// Sets the aliases to fail over to when a caller named this one.
    #[must_use]
    pub fn fallbacks<A: Into<Arc<str>>>(mut self, aliases: impl IntoIterator<Item = A>) -> Self {
        self.fallbacks = aliases.into_iter().map(Into::into).collect();
        self
    }

    /// Sets how much of it may be used at most.
    #[must_use]
    pub fn limits(mut self, limits: ModelLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Puts it into a quota group.
    #[must_use]
    pub fn quota_group(mut self, group: impl Into<Arc<str>>) -> Self {
        self.quota_group = Some(group.into());
        self
    }

    /// Sets whether it is made ready at the start, before anybody asks for it.
    #[must_use]
    pub fn warm_up(mut self, warm_up: bool) -> Self {
        self.warm_up = warm_up;
        self
    }

    /// Whether the alias is a wildcard such as `groq/*`.
    #[must_use]
    pub fn is_wildcard(&self) -> bool {
        self.alias.ends_with('*')
    }
}

impl fmt::Debug for ModelConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ModelConfig")
            .field("alias", &self.alias)
            .field("provider", &self.provider)
            .field("model_name", &self.model_name)
            .field("api_key", &self.api_key.as_ref().map(|_| "[redacted]"))
            .field("base_url", &self.base_url)
            .field("extra", &self.extra)
            .finish_non_exhaustive()
    }
}

/// What the user adds to every call of a model.
#[derive(Clone, Default)]
pub struct Extra {
    /// Headers; their values may be secrets and are never shown.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Members of the request body, for those the caller did not set.
    pub body: Map<String, Value>,
    /// Settings for a provider of the user's own, which may be secrets; those shipped look at none.
    pub settings: Map<String, Value>,
}

impl fmt::Debug for Extra {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let headers: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        let body: Vec<&String> = self.body.keys().collect();
        let settings: Vec<&String> = self.settings.keys().collect();
        f.debug_struct("Extra")
            .field("headers", &headers)
            .field("body", &body)
            .field("settings", &settings)
            .finish()
    }
}

/// How much of a model may be used at most. `None` is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ModelLimits {
    /// Calls in any minute.
    pub requests_per_minute: Option<NonZeroU64>,
    /// Tokens in any minute, input and output.
    pub tokens_per_minute: Option<NonZeroU64>,
    /// Calls at the same time; more wait their turn.
    pub max_concurrent: Option<NonZeroUsize>,
}

/// Limits on time. `None` takes the pool's limit, or the default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timeouts {
    /// Connecting, TLS included. Default 3 s.
    pub connect: Option<Duration>,
    /// First meaningful event of a stream. Default 60 s, 300 s for models that reason.
    pub first_token: Option<Duration>,
    /// Head of a plain answer. Default 300 s.
    pub response: Option<Duration>,
    /// Pause within an answer. Default 30 s.
    pub idle: Option<Duration>,
    /// The whole request, failovers included. Default 600 s.
    pub total: Option<Duration>,
}

impl Timeouts {
    /// These limits, and `outer` where they are unset.
    #[must_use]
    pub fn or(self, outer: Timeouts) -> Timeouts {
        Timeouts {
            connect: self.connect.or(outer.connect),
            first_token: self.first_token.or(outer.first_token),
            response: self.response.or(outer.response),
            idle: self.idle.or(outer.idle),
            total: self.total.or(outer.total),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_secret() {
        let mut model = ModelConfig::new("a", "openai", "m").api_key("sk-very-secret");
        model.extra.headers.push((
            HeaderName::from_static("x-token"),
            HeaderValue::from_static("hidden-value"),
        ));
        model.extra.body.insert("password".into(), "hunter2".into());
        let licence = "licence-of-mine".into();
        model.extra.settings.insert("licence".into(), licence);
        let shown = format!("{model:?}");
        for secret in ["sk-very-secret", "hidden-value", "hunter2", "licence-of-mine"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
}
