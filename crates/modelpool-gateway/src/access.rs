//! Who calls, and what they may use.
//!
//! Keys are looked up by their SHA-256, so that the time a lookup takes tells nothing about a
//! key. A slow password hash would let anyone keep the gateway busy with wrong keys.

use std::collections::HashMap;
use std::fmt;
use std::num::NonZeroU64;
use std::sync::Arc;

use http::HeaderMap;
use modelpool::config::FileKey;
use modelpool::{BuildError, CallerLimits, ModelPool, Requirements, Resolved, Scope};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

/// A caller of the gateway.
#[derive(Clone, Debug)]
pub struct CallerKey {
    /// Who calls with it.
    pub name: String,
    /// What the caller sends.
    pub key: SecretString,
    /// Aliases, pools and wildcards the caller may name; `None` for all.
    pub models: Option<Vec<String>>,
    /// What every model must meet that is given to this caller.
    pub requirements: Requirements,
    /// Requests in any minute; `None` for any number.
    pub requests_per_minute: Option<NonZeroU64>,
    /// Tokens in any minute, input and output; `None` for any number.
    pub tokens_per_minute: Option<NonZeroU64>,
}

impl CallerKey {
    /// A caller that may name every model and use as much as it likes.
    #[must_use]
    pub fn new(name: impl Into<String>, key: SecretString) -> Self {
        Self {
            name: name.into(),
            key,
            models: None,
            requirements: Requirements::new(),
            requests_per_minute: None,
            tokens_per_minute: None,
        }
    }

    /// The caller that a key of a configuration stands for.
    ///
    /// # Errors
    /// Requirements that are wrong.
    pub fn from_file(key: &FileKey) -> Result<Self, BuildError> {
        Ok(Self {
            name: key.name.clone(),
            key: key.key.clone(),
            models: key.models.clone(),
            requirements: key.required()?,
            requests_per_minute: key.requests_per_minute,
            tokens_per_minute: key.tokens_per_minute,
        })
    }
}

/// The callers of the gateway. Without any, everyone is let in.
#[derive(Default)]
pub struct Access {
    by_digest: HashMap<[u8; 32], Scope>,
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access")
            .field("callers", &self.by_digest.len())
            .finish()
    }
}

/// Why a caller is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    Missing,
    Wrong,
}

impl Access {
    /// These callers and nobody else; everyone where there are none.
    #[must_use]
    pub fn new(keys: impl IntoIterator<Item = CallerKey>) -> Self {
        let scope = |key: CallerKey| {
            let (requests, tokens) = (key.requests_per_minute, key.tokens_per_minute);
            let limited = requests.is_some() || tokens.is_some();
            let scope = Scope {
                caller: Some(key.name.into()),
                models: key
                    .models
                    .map(|names| names.into_iter().map(Into::into).collect()),
                requirements: key.requirements,
                limits: limited.then(|| Arc::new(CallerLimits::per_minute(requests, tokens))),
            };
            (digest(key.key.expose_secret()), scope)
        };
        Self {
            by_digest: keys.into_iter().map(scope).collect(),
        }
    }

    /// What the caller of a request may do.
    pub(crate) fn admit(&self, headers: &HeaderMap) -> Result<Scope, Refusal> {
        if self.by_digest.is_empty() {
            return Ok(Scope::default());
        }
        let key = presented_key(headers).ok_or(Refusal::Missing)?;
        self.by_digest.get(&digest(key)).cloned().ok_or(Refusal::Wrong)
    }
}

/// Gemini's clients send the key here.
pub(crate) const GEMINI_KEY: &str = "x-goog-api-key";

/// `Authorization: Bearer KEY`, or `x-api-key: KEY` and the like as other dialects' clients send it.
fn presented_key(headers: &HeaderMap) -> Option<&str> {
    let bearer = headers
        .get(http::header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| {
            let (scheme, key) = value.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
        });
    let other = |name| headers.get(name)?.to_str().ok().map(str::trim);
    bearer
        .or_else(|| other("x-api-key"))
        .or_else(|| other(GEMINI_KEY))
}

fn digest(key: &str) -> [u8; 32] {
    Sha256::digest(key.as_bytes()).into()
}

/// Whether a caller may name this: it is in the key's list, or the list has a wildcard entry or
/// pool of the pool that it stands for.
pub(crate) fn may_name(pool: &ModelPool, scope: &Scope, name: &str) -> bool {
    let Some(names) = &scope.models else { return true };
    if names.iter().any(|allowed| **allowed == *name) {
        return true;
    }
    let snapshot = pool.snapshot();
    let allowed = |index| {
        let alias = snapshot.entry(index).alias();
        names.iter().any(|name| **name == *alias)
    };
    match snapshot.resolve(name) {
        Ok(Resolved::Model(index, _)) => allowed(index),
        Ok(Resolved::Pool(pool)) => pool.order().iter().any(|index| allowed(*index)),
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &'static str, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(http::HeaderName::from_static(name), value.parse().unwrap())])
    }

    #[test]
    fn keys_are_found_in_both_headers() {
        let access = Access::new([CallerKey::new("team", SecretString::from("secret-key"))]);
        let admitted = |headers: &HeaderMap| {
            access
                .admit(headers)
                .map(|scope| scope.caller.unwrap().to_string())
        };
        assert_eq!(
            admitted(&headers("authorization", "Bearer secret-key")).as_deref(),
            Ok("team")
        );
        assert_eq!(
            admitted(&headers("authorization", "bearer secret-key")).as_deref(),
            Ok("team")
        );
        assert_eq!(
            admitted(&headers("x-api-key", "secret-key")).as_deref(),
            Ok("team")
        );
        assert_eq!(
            admitted(&headers("authorization", "Bearer other")),
            Err(Refusal::Wrong)
        );
        assert_eq!(
            admitted(&headers("authorization", "Basic secret-key")),
            Err(Refusal::Missing)
        );
        assert_eq!(admitted(&HeaderMap::new()), Err(Refusal::Missing));
        assert!(!format!("{access:?}").contains("secret"));
    }

    #[test]
    fn without_keys_anything_is_let_in() {
        assert!(
            Access::default()
                .admit(&headers("authorization", "Bearer x"))
                .is_ok()
        );
        assert!(Access::default().admit(&HeaderMap::new()).is_ok());
    }
}
