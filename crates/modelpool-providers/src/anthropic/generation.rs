//! What a model takes, by its name.
//!
//! Anthropic's wire is one, but its models are not: from 4.6 on thinking is adaptive and the assistant's last
//! message is not continued, from 4.7 on there is no temperature, from 5.5 on thinking cannot be switched off nor a tool
//! be forced. A request that holds what a model refuses is lost, so the name decides what is written. Names of other vendors' models on this wire tell nothing; they are
//! taken for what copies of the wire began with: budgets of thinking, and all of sampling.
//!
//! <https://platform.claude.com/docs/en/build-with-claude/adaptive-thinking>,
//! <https://platform.claude.com/docs/en/build-with-claude/effort>,
//! <https://platform.claude.com/docs/en/about-claude/models/migration-guide>,
//! <https://platform.claude.com/docs/en/models/opus-5-5/whats-new-opus-5-5>.

use crate::neutral::Effort;

/// What a model takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Generation {
    claude: bool,
    /// `None` where the name has none; a Claude without one is taken for a new one.
    version: Option<(u32, u32)>,
    /// Of the families that think always, ahead of the others.
    ahead: bool,
}

impl Generation {
    pub(super) fn of(model: &str) -> Self {
        let name = model.to_ascii_lowercase();
        let after = name.find("claude").and_then(|at| name.get(at..));
        Self {
            claude: after.is_some(),
            version: after.and_then(version),
            ahead: after.is_some_and(|name| name.contains("fable") || name.contains("mythos")),
        }
    }

    /// A Claude of that version or a later one.
    fn since(self, version: (u32, u32)) -> bool {
        self.claude && self.version.is_none_or(|own| own >= version)
    }

    /// It can be told to think.
    pub(super) fn thinks(self) -> bool {
        !self.claude || self.since((3, 7))
    }

    /// It thinks as much as it finds right, led by an effort; else within a budget.
    pub(super) fn is_adaptive(self) -> bool {
        self.since((4, 6))
    }

    /// It cannot be told not to think.
    pub(super) fn always_thinks(self) -> bool {
        self.ahead || (self.version.is_some() && self.since((5, 5)))
    }

    /// It can be told which tool to call, or that one is to be called.
    pub(super) fn takes_forced_tools(self) -> bool {
        let until = if self.ahead { (5, 1) } else { (5, 5) };
        self.version.is_none() || !self.since(until)
    }

    /// It does not think unless it is told to, and need not be told not to.
    pub(super) fn thinks_only_when_asked(self) -> bool {
        self.claude && !self.is_adaptive()
    }

    /// It takes temperature, `top_p` and `top_k`.
    pub(super) fn samples(self) -> bool {
        !self.since((4, 7))
    }

    /// It takes temperature and `top_p` together.
    pub(super) fn samples_by_both(self) -> bool {
        !self.since((4, 1))
    }

    /// It takes tools whose arguments follow their schema strictly.
    pub(super) fn is_strict(self) -> bool {
        self.since((4, 5))
    }

    /// It goes on where the assistant's last message ends. A model of unknown version is not refused for it.
    pub(super) fn continues(self) -> bool {
        self.version.is_none() || !self.since((4, 6))
    }

    /// The word of an effort. The highest is `xhigh` from 4.7 on, `max` before.
    pub(super) fn word(self, effort: Effort) -> &'static str {
        match effort {
            Effort::None | Effort::Minimal | Effort::Low => "low",
            Effort::Medium => "medium",
            Effort::High => "high",
            Effort::ExtraHigh if self.version.is_some() && self.since((4, 7)) => "xhigh",
            Effort::ExtraHigh => "max",
        }
    }
}

/// The first one or two small numbers of a name such as `claude-opus-4-1-20250805` or `claude-3-7-sonnet`.
fn version(name: &str) -> Option<(u32, u32)> {
    let parts = name.split(|c: char| !c.is_ascii_alphanumeric());
    let mut numbers = parts
        // A date, or a word.
        .map(|part| part.parse::<u32>().ok().filter(|number| *number < 100))
        .skip_while(Option::is_none);
    let major = numbers.next().flatten()?;
    Some((major, numbers.next().flatten().unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_in_names() {
        for (name, expected) in [
            ("claude-3-5-sonnet-20241022", Some((3, 5))),
            ("claude-3-opus-20240229", Some((3, 0))),
            ("claude-sonnet-4-20250514", Some((4, 0))),
            ("claude-opus-4-1-20250805", Some((4, 1))),
            ("claude-haiku-4-5@20251001", Some((4, 5))),
            ("anthropic/claude-opus-4.6", Some((4, 6))),
            ("us.anthropic.claude-opus-4-6-v1", Some((4, 6))),
            ("claude-opus-5", Some((5, 0))),
            ("claude-instant-1.2", Some((1, 2))),
            ("claude-mythos-preview", None),
            ("glm-4.6", None),
        ] {
            assert_eq!(Generation::of(name).version, expected, "{name}");
        }
    }

    #[test]
    fn what_a_generation_takes() {
        // Adaptive, sampling, both, continues, strict, the highest effort.
        for (name, expected) in [
            (
                "claude-3-5-sonnet-20241022",
                (false, true, true, true, false, "max"),
            ),
            (
                "claude-opus-4-1-20250805",
                (false, true, false, true, false, "max"),
            ),
            ("claude-sonnet-4-5", (false, true, false, true, true, "max")),
            ("claude-opus-4-6", (true, true, false, false, true, "max")),
            ("claude-opus-4-7", (true, false, false, false, true, "xhigh")),
            ("claude-sonnet-5", (true, false, false, false, true, "xhigh")),
            ("claude-mythos-preview", (true, false, false, true, true, "max")),
            ("glm-4.6", (false, true, true, true, false, "max")),
        ] {
            let of = Generation::of(name);
            let has = (
                of.is_adaptive(),
                of.samples(),
                of.samples_by_both(),
                of.continues(),
                of.is_strict(),
                of.word(Effort::ExtraHigh),
            );
            assert_eq!(has, expected, "{name}");
        }
        assert!(!Generation::of("claude-3-5-haiku").thinks());
        assert!(Generation::of("claude-3-7-sonnet").thinks() && Generation::of("kimi-k2").thinks());
        for (name, always, forced) in [
            ("claude-sonnet-5", false, true),
            ("claude-opus-5-5", true, false),
            ("claude-fable-5", true, true),
            ("claude-fable-5-1", true, false),
            ("glm-5.5", false, true),
        ] {
            let of = Generation::of(name);
            assert_eq!(
                (of.always_thinks(), of.takes_forced_tools()),
                (always, forced),
                "{name}"
            );
        }
    }
}
