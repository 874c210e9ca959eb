//! Phase 6: whether there is another round, and on which model.
//!
//! A turn goes on while the model calls tools. Whose turn it is in the next round follows one rule with three
//! exceptions:
//!
//! - A tool loop stays with the model that called the tools ([`Move::Stay`]): the pool's own rule, since only that
//!   model understands what it reasoned.
//! - A model that is [stuck](Stuck) is left for a stronger one ([`Move::Stronger`]).
//! - After a stronger one did a round without being stuck, the model before is asked again ([`Move::Back`]).
//! - Where the user says so ([`Reading`]), what tools gave is read by a cheaper model, or by whichever the pool picks.
//!
//! A round on another model is sent without what the models before it reasoned; all else that was said and done
//! goes along.

mod stuck;

use std::fmt;
use std::sync::Arc;

use modelpool::FinishReason;

use crate::BoxFuture;
use crate::context::PhaseError;

pub use stuck::{Stuck, stuck};

/// What is known of a round that is over.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RoundReport {
    /// Its number, from 1.
    pub round: u32,
    /// The model that answered.
    pub model_alias: Arc<str>,
    /// How it came to be asked.
    pub by: Move,
    /// Whether it said something.
    pub has_text: bool,
    /// Why it stopped.
    pub finish: Option<FinishReason>,
    /// The tools it called, in its order.
    pub calls: Vec<CallReport>,
}

/// What is known of a call of a tool.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallReport {
    /// The tool.
    pub name: String,
    /// What it was called with, as the model wrote it.
    pub arguments: String,
    /// It was refused before it ran: there is no such tool, or the arguments do not fit its schema.
    pub refused: bool,
    /// It failed, or was refused.
    pub failed: bool,
    /// What the model was told.
    pub result: Arc<str>,
}

/// Who answers the next round.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Move {
    /// The model of the tool loop; where there is none, whichever the pool picks.
    #[default]
    Stay,
    /// Whichever the pool picks, tool loop or not.
    Anew,
    /// A model that is stronger than the last one, if there is one.
    Stronger,
    /// A model that is cheaper than the last one, if there is one.
    Cheaper,
    /// This one.
    Back(Arc<str>),
}

/// Whether there is another round.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The turn is over.
    Stop,
    /// There is.
    Next {
        /// Who answers it.
        by: Move,
        /// Why it is not simply the one before, in a few words; events carry them.
        because: Option<Arc<str>>,
    },
}

/// Phase 6: decides after each round.
pub trait Decider: Send + Sync + fmt::Debug {
    /// Decides from the rounds of this turn, the last of them just over. There is at least one. An error ends the turn.
    fn decide<'a>(&'a self, rounds: &'a [RoundReport]) -> BoxFuture<'a, Result<Decision, PhaseError>>;
}

/// Who reads what tools gave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reading {
    /// The model that called them.
    #[default]
    Same,
    /// A cheaper one than that of the first round, if one fits. It then stays with it.
    Cheaper,
    /// Whichever the pool picks for each round.
    Anew,
}

/// The decider that comes with the crate.
///
/// ```
/// use modelpool_agent::decide::{Reading, UntilDone};
/// let thrifty = UntilDone::new().reading(Reading::Cheaper);
/// let stubborn = UntilDone::new().stays_when_stuck();
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UntilDone {
    reading: Reading,
    stays_when_stuck: bool,
}

impl UntilDone {
    /// Goes on until no tool is called; a model that is stuck is left for a stronger one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Who reads what tools gave. Default: the model that called them.
    #[must_use]
    pub fn reading(mut self, reading: Reading) -> Self {
        self.reading = reading;
        self
    }

    /// Leaves no model for being stuck.
    #[must_use]
    pub fn stays_when_stuck(mut self) -> Self {
        self.stays_when_stuck = true;
        self
    }

    fn decided(&self, rounds: &[RoundReport]) -> Decision {
        let Some(last) = rounds.last() else {
            return Decision::Stop;
        };
        if let Some(stuck) = stuck(rounds).filter(|_| !self.stays_when_stuck) {
            return Decision::Next {
                by: Move::Stronger,
                because: Some(stuck.word().into()),
            };
        }
        if last.calls.is_empty() {
            return Decision::Stop;
        }
        if last.by == Move::Stronger
            && let Some(before) = rounds.iter().rev().find(|round| round.by != Move::Stronger)
        {
            return Decision::Next {
                by: Move::Back(Arc::clone(&before.model_alias)),
                because: Some("back again".into()),
            };
        }
        let cheaper_already = rounds.iter().any(|round| round.by == Move::Cheaper);
        let (by, because) = match self.reading {
            Reading::Cheaper if !cheaper_already => (Move::Cheaper, Some("reads results".into())),
            Reading::Anew => (Move::Anew, None),
            Reading::Same | Reading::Cheaper => (Move::Stay, None),
        };
        Decision::Next { by, because }
    }
}

impl Decider for UntilDone {
    fn decide<'a>(&'a self, rounds: &'a [RoundReport]) -> BoxFuture<'a, Result<Decision, PhaseError>> {
        Box::pin(std::future::ready(Ok(self.decided(rounds))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(alias: &str, by: Move, calls: &[(&str, &str)]) -> RoundReport {
        let call = |(arguments, result): &(&str, &str)| CallReport {
            name: "look".to_owned(),
            arguments: (*arguments).to_owned(),
            result: (*result).into(),
            ..CallReport::default()
        };
        RoundReport {
            model_alias: alias.into(),
            by,
            has_text: calls.is_empty(),
            calls: calls.iter().map(call).collect(),
            ..RoundReport::default()
        }
    }

    fn next(by: Move, because: Option<&'static str>) -> Decision {
        let because = because.map(Into::into);
        Decision::Next { by, because }
    }

    #[test]
    fn a_stuck_model_is_left_and_asked_again_after() {
        let decider = UntilDone::new();
        let mut rounds = vec![round("cheap", Move::Stay, &[("{}", "a")])];
        assert_eq!(decider.decided(&rounds), next(Move::Stay, None));
        rounds.push(round("cheap", Move::Stay, &[("{ }", "a")]));
        assert_eq!(
            decider.decided(&rounds),
            next(Move::Stronger, Some("stuck: same call"))
        );
        assert_eq!(
            UntilDone::new().stays_when_stuck().decided(&rounds),
            next(Move::Stay, None)
        );
        rounds.push(round("strong", Move::Stronger, &[("{\"x\": 1}", "b")]));
        assert_eq!(
            decider.decided(&rounds),
            next(Move::Back("cheap".into()), Some("back again"))
        );
        rounds.push(round("cheap", Move::Back("cheap".into()), &[("{\"x\": 2}", "c")]));
        assert_eq!(decider.decided(&rounds), next(Move::Stay, None));
        rounds.push(round("cheap", Move::Stay, &[]));
        assert_eq!(decider.decided(&rounds), Decision::Stop);
    }

    #[test]
    fn a_stronger_one_that_is_stuck_leads_to_the_next() {
        let mut rounds = vec![round("cheap", Move::Stay, &[])];
        rounds[0].has_text = false;
        let decider = UntilDone::new();
        assert_eq!(
            decider.decided(&rounds),
            next(Move::Stronger, Some("stuck: empty answer"))
        );
        rounds.push(RoundReport {
            model_alias: "strong".into(),
            by: Move::Stronger,
            ..rounds[0].clone()
        });
        assert_eq!(
            decider.decided(&rounds),
            next(Move::Stronger, Some("stuck: empty answer"))
        );
        rounds.push(round("strongest", Move::Stronger, &[("{}", "")]));
        assert_eq!(
            decider.decided(&rounds),
            next(Move::Back("cheap".into()), Some("back again"))
        );
    }

    #[test]
    fn results_are_read_by_whom_the_user_says() {
        let rounds = vec![round("strong", Move::Stay, &[("{}", "a")])];
        let decided = |reading| UntilDone::new().reading(reading).decided(&rounds);
        assert_eq!(decided(Reading::Same), next(Move::Stay, None));
        assert_eq!(decided(Reading::Anew), next(Move::Anew, None));
        assert_eq!(
            decided(Reading::Cheaper),
            next(Move::Cheaper, Some("reads results"))
        );
        let again = vec![
            rounds[0].clone(),
            round("cheap", Move::Cheaper, &[("{\"x\": 1}", "b")]),
        ];
        let decider = UntilDone::new().reading(Reading::Cheaper);
        assert_eq!(decider.decided(&again), next(Move::Stay, None));
    }
}
