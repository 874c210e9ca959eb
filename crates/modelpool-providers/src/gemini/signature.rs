//! `thoughtSignature`: the proof that a thought or a call is the model's own.
//!
//! The member is bytes, in base64, and Google's own clients decode it. So what belongs to another issuer, and
//! travels here until the caller sends it back, is base64 too, of a text that says whose it is.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use crate::neutral::{Issuer, Signature};

/// A signature as it stands on a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// Proves what stands beside it.
    Proof(Signature),
    /// Is the reasoning itself, readable to its issuer alone.
    Sealed(Signature),
}

/// Stands before a stranger's sealed reasoning, within the base64.
const SEALED: &str = "sealed ";

/// Skips the check of a call's signature, for calls that Gemini did not make. Both doors document this one:
/// <https://ai.google.dev/gemini-api/docs/thought-signatures#faqs> and
/// <https://docs.cloud.google.com/vertex-ai/generative-ai/docs/thought-signatures>.
pub(super) const PLACEHOLDER: &str = "skip_thought_signature_validator";

impl Mark {
    /// From the member's text.
    pub(super) fn read(text: &str) -> Self {
        let stranger = decoded(text).and_then(|text| {
            let (sealed, text) = match text.strip_prefix(SEALED) {
                Some(rest) => (true, rest),
                None => (false, text.as_str()),
            };
            let signature = Signature::read_from(Issuer::Gemini, text);
            (signature.issuer != Issuer::Gemini).then_some((sealed, signature))
        });
        match stranger {
            Some((true, signature)) => Mark::Sealed(signature),
            Some((false, signature)) => Mark::Proof(signature),
            None => Mark::Proof(Signature::new(Issuer::Gemini, text)),
        }
    }

    pub(super) fn into_signature(self) -> Signature {
        match self {
            Mark::Proof(signature) | Mark::Sealed(signature) => signature,
        }
    }
}

/// A proof, as the member's text.
pub(super) fn written(signature: &Signature) -> String {
    match signature.for_issuer(Issuer::Gemini) {
        Some(own) => own.to_owned(),
        None => STANDARD.encode(signature.written_for(Issuer::Gemini)),
    }
}

/// Sealed reasoning, as the member's text.
pub(super) fn written_sealed(signature: &Signature) -> String {
    match signature.for_issuer(Issuer::Gemini) {
        Some(own) => own.to_owned(),
        None => STANDARD.encode(format!("{SEALED}{}", signature.written_for(Issuer::Gemini))),
    }
}

/// Clients write it back in either alphabet of base64, with or without padding.
fn decoded(text: &str) -> Option<String> {
    let plain: String = text
        .trim_end_matches('=')
        .chars()
        .map(|letter| match letter {
            '+' => '-',
            '/' => '_',
            other => other,
        })
        .collect();
    String::from_utf8(URL_SAFE_NO_PAD.decode(plain).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stranger_s_signature_travels_as_base64() {
        let stranger = Signature::new(Issuer::Anthropic, "Eq>>??QB==");
        for (travelling, expected) in [
            (written(&stranger), Mark::Proof(stranger.clone())),
            (written_sealed(&stranger), Mark::Sealed(stranger.clone())),
        ] {
            assert!(STANDARD.decode(&travelling).is_ok(), "{travelling}");
            assert_eq!(Mark::read(&travelling), expected);
            let in_the_other_alphabet = travelling.replace('+', "-").replace('/', "_");
            assert_eq!(Mark::read(in_the_other_alphabet.trim_end_matches('=')), expected);
        }
    }

    #[test]
    fn its_own_stays_as_it_is() {
        for text in ["CiQB+/8=", "not base64 at all", PLACEHOLDER, ""] {
            let own = Signature::new(Issuer::Gemini, text);
            assert_eq!(Mark::read(text), Mark::Proof(own.clone()));
            assert_eq!((written(&own), written_sealed(&own)), (text.into(), text.into()));
        }
    }
}
