//! The key that opens the admin paths.

use std::fmt;

use http::header::AUTHORIZATION;
use http::{HeaderMap, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use crate::failure::Failure;

/// The key, as its SHA-256: how long a comparison takes then tells nothing about the key.
pub(crate) struct AdminKey([u8; 32]);

impl fmt::Debug for AdminKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AdminKey")
    }
}

impl AdminKey {
    pub(crate) fn new(key: &SecretString) -> Self {
        Self(digest(key.expose_secret()))
    }

    fn opens_with(&self, presented: &str) -> bool {
        digest(presented) == self.0
    }
}

/// Lets in who presents the key. Without a key nobody is let in: what is told here is of all callers.
pub(super) fn admit(key: Option<&AdminKey>, headers: &HeaderMap) -> Result<(), Failure> {
    let Some(key) = key else {
        let message = "the admin paths are off: set `admin_key` in the configuration";
        return Err(Failure::new(StatusCode::FORBIDDEN, "admin_off", message));
    };
    let message = match presented(headers) {
        Some(presented) if key.opens_with(presented) => return Ok(()),
        Some(_) => "this is not the admin key",
        None => "no key: send `Authorization: Bearer ADMIN_KEY`",
    };
    Err(Failure::new(StatusCode::UNAUTHORIZED, "invalid_api_key", message))
}

fn presented(headers: &HeaderMap) -> Option<&str> {
    let (scheme, key) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
}

fn digest(key: &str) -> [u8; 32] {
    Sha256::digest(key.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(key: Option<&str>, authorization: Option<&str>) -> u16 {
        let key = key.map(|key| AdminKey::new(&SecretString::from(key)));
        let headers = authorization.map(|value| (AUTHORIZATION, value.parse().unwrap()));
        match admit(key.as_ref(), &HeaderMap::from_iter(headers)) {
            Ok(()) => 200,
            Err(failure) => failure.status.as_u16(),
        }
    }

    #[test]
    fn only_the_key_opens_and_without_one_nothing_does() {
        for (key, authorization, expected) in [
            (Some("k"), Some("Bearer k"), 200),
            (Some("k"), Some("bearer  k "), 200),
            (Some("k"), Some("Bearer kk"), 401),
            (Some("k"), Some("Bearer "), 401),
            (Some("k"), Some("Basic k"), 401),
            (Some("k"), None, 401),
            (None, Some("Bearer k"), 403),
            (None, Some("Bearer "), 403),
            (None, None, 403),
        ] {
            assert_eq!(status(key, authorization), expected, "{key:?} {authorization:?}");
        }
    }

    #[test]
    fn it_is_not_shown() {
        let key = AdminKey::new(&SecretString::from("k"));
        assert_eq!(format!("{key:?}"), "AdminKey");
    }
}
