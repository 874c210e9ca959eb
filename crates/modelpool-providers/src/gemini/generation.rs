//! What the name of a model tells of what it takes.
//!
//! Names that tell nothing (`gemini-flash-latest`, tuned models) are taken for the newest models.

/// A family of models.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Generation {
    /// Does not think: all before 2.5, and Gemma.
    BeforeThinking,
    /// Thinks within a budget of tokens: 2.5.
    Budget {
        /// Cannot be told not to think.
        pro: bool,
    },
    /// Thinks at levels, and checks signatures: 3 and later.
    Levels {
        /// Its lowest level is `low`.
        pro: bool,
    },
}

impl Generation {
    pub(super) fn of(model: &str) -> Self {
        let name = model.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
        let pro = name.split('-').any(|word| word == "pro");
        if name.starts_with("gemma") || name.starts_with("learnlm") {
            return Generation::BeforeThinking;
        }
        let version = name
            .strip_prefix("gemini-")
            .and_then(|rest| rest.split('-').next());
        let mut numbers = version.unwrap_or_default().split('.');
        let mut number = || numbers.next().and_then(|number| number.parse::<u32>().ok());
        match (number(), number()) {
            (Some(0 | 1), _) | (Some(2), None | Some(0..5)) => Generation::BeforeThinking,
            (Some(2), _) => Generation::Budget { pro },
            _ => Generation::Levels { pro },
        }
    }

    /// It refuses calls that come back without a signature.
    pub(super) fn checks_signatures(self) -> bool {
        matches!(self, Generation::Levels { .. })
    }

    /// Results of tools may hold media (<https://ai.google.dev/gemini-api/docs/function-calling>, multimodal
    /// function responses), and JSON may be asked for beside tools
    /// (<https://ai.google.dev/gemini-api/docs/structured-output>).
    pub(super) fn is_third(self) -> bool {
        matches!(self, Generation::Levels { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_names_tell() {
        for (model, expected) in [
            ("gemini-1.5-pro-002", Generation::BeforeThinking),
            ("gemini-2.0-flash", Generation::BeforeThinking),
            ("gemma-3-27b-it", Generation::BeforeThinking),
            ("gemini-2.5-flash-lite", Generation::Budget { pro: false }),
            ("models/gemini-2.5-pro", Generation::Budget { pro: true }),
            ("gemini-3-pro-preview", Generation::Levels { pro: true }),
            ("gemini-3.5-flash", Generation::Levels { pro: false }),
            ("gemini-flash-latest", Generation::Levels { pro: false }),
            ("tunedModels/mine", Generation::Levels { pro: false }),
            ("", Generation::Levels { pro: false }),
        ] {
            assert_eq!(Generation::of(model), expected, "{model}");
        }
    }
}
