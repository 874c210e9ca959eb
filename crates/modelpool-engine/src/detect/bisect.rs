//! Which lengths to try for the longest context: pure, so that the budget can be proved.
//!
//! Where a window is claimed its end is tried first: one answer confirms it. Without a claim lengths double until
//! one is refused. Between what was accepted and what was refused the middle is tried, until both are near enough.
//! A length that is more than half of what is left waits for a shorter one, so that a refusal leaves something
//! to go on with.

/// Lengths tried at most.
const MOST_TRIES: u32 = 12;

/// The first length without a claim.
const FIRST: u64 = 2_048;

/// Accepted and refused lengths this near to each other are near enough: a share, and tokens.
const NEAR_SHARE: u64 = 16;
const NEAR_TOKENS: u64 = 128;

/// The search.
#[derive(Clone, Debug)]
pub(super) struct Bisect {
    /// The longest that was accepted.
    accepted: u64,
    /// The shortest that was refused.
    refused: Option<u64>,
    claimed: Option<u64>,
    tries: u32,
}

/// What the search came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// What was claimed holds.
    Confirmed(u64),
    /// The longest accepted, with a refused one above it.
    Between { accepted: u64, refused: u64 },
    /// Nothing was refused; the budget or the tries ended.
    AtLeast(u64),
}

impl Bisect {
    pub(super) fn new(accepted: u64, claimed: Option<u64>) -> Self {
        Self {
            accepted,
            refused: None,
            claimed,
            tries: 0,
        }
    }

    /// The next length to try, of `left` tokens that may be used; `None` at the end.
    pub(super) fn next(&self, left: u64) -> Option<u64> {
        if self.tries >= MOST_TRIES {
            return None;
        }
        let wanted = match (self.refused, self.claimed) {
            (Some(refused), _) => {
                let near = (refused / NEAR_SHARE).max(NEAR_TOKENS);
                if refused.saturating_sub(self.accepted) <= near {
                    return None;
                }
                self.accepted.midpoint(refused)
            }
            (None, Some(_)) if self.is_confirmed() => return None,
            (None, Some(claimed)) => end_of(claimed),
            (None, None) => (self.accepted * 2).max(FIRST),
        };
        let length = match self.refused {
            None if wanted > left => left / 2,
            _ => wanted,
        };
        // Without a refusal above it, less than a tenth longer than what is known says nothing.
        let least = match self.refused {
            None => self.accepted + self.accepted / 10,
            Some(_) => self.accepted,
        };
        (length <= left && length > least).then_some(length)
    }

    pub(super) fn was_accepted(&mut self, tokens: u64) {
        self.tries += 1;
        self.accepted = self.accepted.max(tokens);
    }

    pub(super) fn was_refused(&mut self, tokens: u64) {
        self.tries += 1;
        self.refused = Some(self.refused.map_or(tokens, |refused| refused.min(tokens)));
    }

    pub(super) fn outcome(&self) -> Outcome {
        match (self.refused, self.claimed) {
            (Some(refused), _) => Outcome::Between {
                accepted: self.accepted,
                refused,
            },
            (None, Some(claimed)) if self.is_confirmed() => Outcome::Confirmed(claimed),
            _ => Outcome::AtLeast(self.accepted),
        }
    }

    fn is_confirmed(&self) -> bool {
        self.claimed
            .is_some_and(|claimed| self.accepted >= end_of(claimed) - end_of(claimed) / 20)
    }
}

/// A length that fills a window but for the answer, and for what tokens are miscounted.
fn end_of(window: u64) -> u64 {
    (window - window / 16).saturating_sub(128).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Searches a window, and returns what it came to and the tokens used.
    fn search(window: u64, claimed: Option<u64>, budget: u64) -> (Outcome, u64) {
        let mut bisect = Bisect::new(50, claimed);
        let mut used = 0;
        while let Some(length) = bisect.next(budget - used) {
            used += length;
            if length <= window {
                bisect.was_accepted(length);
            } else {
                bisect.was_refused(length);
            }
        }
        (bisect.outcome(), used)
    }

    #[test]
    fn a_claim_that_holds_takes_one_call() {
        let (outcome, used) = search(8_192, Some(8_192), 20_000);
        assert_eq!(outcome, Outcome::Confirmed(8_192));
        assert!(used < 8_192);
    }

    #[test]
    fn a_claim_that_does_not_hold_is_narrowed_down() {
        let (outcome, _) = search(2_000, Some(8_192), 40_000);
        let Outcome::Between { accepted, refused } = outcome else {
            panic!("{outcome:?}");
        };
        assert!(accepted <= 2_000 && 2_000 < refused, "{outcome:?}");
        assert!(refused - accepted <= 128, "{outcome:?}");
    }

    #[test]
    fn the_budget_is_kept_to_whatever_the_window() {
        for budget in [0, 10, 500, 5_000, 50_000] {
            for window in [0, 100, 3_000, 40_000, 1_000_000] {
                for claimed in [None, Some(1), Some(4_096), Some(1_000_000)] {
                    let (outcome, used) = search(window, claimed, budget);
                    assert!(used <= budget, "{used} of {budget}: {outcome:?}");
                }
            }
        }
    }

    #[test]
    fn a_window_beyond_the_budget_is_at_least_that() {
        let (outcome, used) = search(1_000_000, Some(1_000_000), 20_000);
        assert_eq!(outcome, Outcome::AtLeast(10_000));
        assert!(used <= 20_000);
        assert!(matches!(search(1_000_000, None, 20_000).0, Outcome::AtLeast(tokens) if tokens > 8_000));
    }
}
