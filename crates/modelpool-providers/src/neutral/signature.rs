//! What only its issuer understands.

use serde::Serialize;

/// Whose signature it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Issuer {
    OpenAi,
    Anthropic,
    Gemini,
    Bedrock,
}

/// An opaque text that a model gave, and wants back as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Signature {
    pub(crate) issuer: Issuer,
    pub(crate) value: String,
}

impl Issuer {
    const ALL: [(Issuer, &'static str); 4] = [
        (Issuer::OpenAi, "openai"),
        (Issuer::Anthropic, "anthropic"),
        (Issuer::Gemini, "gemini"),
        (Issuer::Bedrock, "bedrock"),
    ];

    fn word(self) -> &'static str {
        Issuer::ALL
            .iter()
            .find(|(issuer, _)| *issuer == self)
            .map_or("", |(_, word)| word)
    }
}

impl Signature {
    /// Stands before the issuer's name where a signature travels in another wire's member.
    pub(crate) const MARK: &str = "modelpool:";

    pub(crate) fn new(issuer: Issuer, value: impl Into<String>) -> Self {
        Self {
            issuer,
            value: value.into(),
        }
    }

    /// As it stands in a dialect whose own signatures are `own`'s: a stranger's says whose it is.
    pub(crate) fn written_for(&self, own: Issuer) -> String {
        if self.issuer == own {
            self.value.clone()
        } else {
            self.marked()
        }
    }

    /// As it stands in a dialect whose own signatures are nobody's in particular.
    pub(crate) fn marked(&self) -> String {
        format!("{}{}:{}", Self::MARK, self.issuer.word(), self.value)
    }

    /// The other way round.
    pub(crate) fn read_from(own: Issuer, text: &str) -> Self {
        Self::from_marked(text).unwrap_or_else(|| Self::new(own, text))
    }

    /// One that says whose it is; `None` for any other text.
    pub(crate) fn from_marked(text: &str) -> Option<Self> {
        let (word, value) = text.strip_prefix(Self::MARK)?.split_once(':')?;
        let (issuer, _) = Issuer::ALL.iter().find(|(_, known)| *known == word)?;
        Some(Self::new(*issuer, value))
    }

    /// The text, if that issuer understands it.
    pub(crate) fn for_issuer(&self, issuer: Issuer) -> Option<&str> {
        (self.issuer == issuer).then_some(self.value.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stranger_s_signature_finds_its_way_back() {
        let signature = Signature::new(Issuer::Gemini, "a:b==");
        let travelling = signature.written_for(Issuer::Anthropic);
        assert_eq!(travelling, "modelpool:gemini:a:b==");
        assert_eq!(Signature::read_from(Issuer::Anthropic, &travelling), signature);
        let own = Signature::new(Issuer::Anthropic, "EqQB");
        assert_eq!(own.written_for(Issuer::Anthropic), "EqQB");
        assert_eq!(Signature::read_from(Issuer::Anthropic, "EqQB"), own);
        assert_eq!(own.for_issuer(Issuer::Gemini), None);
        assert_eq!(Signature::from_marked(&own.marked()), Some(own));
        assert_eq!(Signature::from_marked("EqQB"), None);
    }
}
