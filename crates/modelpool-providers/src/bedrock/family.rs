//! What only some of the models behind Bedrock take, by their names. A name that says nothing of its family, such as
//! an application inference profile's, gets only what Converse itself knows.

/// A family of models.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    Claude(Claude),
    Nova,
    Other,
}

/// Generations of Claude, by how they think:
/// <https://docs.aws.amazon.com/bedrock/latest/userguide/claude-messages-adaptive-thinking.html> (read 2026-11-27).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Claude {
    /// Not at all: up to 3.5.
    Plain,
    /// Within a budget of tokens: 3.7 to 4.5.
    Budget,
    /// As it sees fit, to an effort: 4.6.
    Adaptive,
    /// The same, and sampling cannot be set: those after 4.6.
    Fixed,
}

/// Parts of names, the first that is found holds. What is named `claude` besides is newer.
const GENERATIONS: &[(&str, Claude)] = &[
    ("claude-3-7", Claude::Budget),
    ("claude-3", Claude::Plain),
    ("claude-v", Claude::Plain),
    ("claude-instant", Claude::Plain),
    // Their names go on with a date.
    ("claude-opus-4-20", Claude::Budget),
    ("claude-sonnet-4-20", Claude::Budget),
    ("claude-opus-4-1", Claude::Budget),
    ("claude-opus-4-5", Claude::Budget),
    ("claude-sonnet-4-5", Claude::Budget),
    ("claude-haiku-4-5", Claude::Budget),
    ("claude-opus-4-6", Claude::Adaptive),
    ("claude-sonnet-4-6", Claude::Adaptive),
];

impl Family {
    pub(super) fn of(model: &str) -> Self {
        let model = model.to_ascii_lowercase();
        if model.contains("claude") {
            let known = GENERATIONS.iter().find(|(part, _)| model.contains(part));
            Family::Claude(known.map_or(Claude::Fixed, |(_, claude)| *claude))
        } else if model.contains("amazon.nova") {
            Family::Nova
        } else {
            Family::Other
        }
    }
}

impl Family {
    /// Whether the model takes Claude's `tool_choice` among the additional fields: those from 4.5 on. Shown with real
    /// calls in <https://github.com/BerriAI/litellm/pull/34347>, the conflict with a choice of Converse's in
    /// <https://github.com/BerriAI/litellm/issues/36536> (read 2026-11-27).
    pub(super) fn takes_claudes_choice(model: &str) -> bool {
        match Family::of(model) {
            Family::Claude(Claude::Adaptive | Claude::Fixed) => true,
            Family::Claude(Claude::Budget) => model.to_ascii_lowercase().contains("-4-5"),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for (model, expected) in [
            ("anthropic.claude-v2:1", Family::Claude(Claude::Plain)),
            (
                "anthropic.claude-3-haiku-20240307-v1:0",
                Family::Claude(Claude::Plain),
            ),
            (
                "us.anthropic.claude-3-5-sonnet-20241022-v2:0",
                Family::Claude(Claude::Plain),
            ),
            (
                "us.anthropic.claude-3-7-sonnet-20250219-v1:0",
                Family::Claude(Claude::Budget),
            ),
            (
                "eu.anthropic.claude-sonnet-4-20250514-v1:0",
                Family::Claude(Claude::Budget),
            ),
            (
                "global.anthropic.claude-haiku-4-5-20251001-v1:0",
                Family::Claude(Claude::Budget),
            ),
            (
                "us.anthropic.claude-opus-4-6-v1",
                Family::Claude(Claude::Adaptive),
            ),
            ("anthropic.claude-opus-4-7", Family::Claude(Claude::Fixed)),
            ("anthropic.claude-opus-5", Family::Claude(Claude::Fixed)),
            (
                "arn:aws:bedrock:us-east-1:1:inference-profile/us.amazon.nova-pro-v1:0",
                Family::Nova,
            ),
            ("meta.llama3-3-70b-instruct-v1:0", Family::Other),
            (
                "arn:aws:bedrock:us-east-1:1:application-inference-profile/ab12",
                Family::Other,
            ),
        ] {
            assert_eq!(Family::of(model), expected, "{model}");
            let takes = matches!(expected, Family::Claude(Claude::Adaptive | Claude::Fixed))
                || model.contains("haiku-4-5");
            assert_eq!(Family::takes_claudes_choice(model), takes, "{model}");
        }
    }
}
