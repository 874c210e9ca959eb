//! When a model is stuck.

use std::fmt;

use serde_json::Value;

use super::{CallReport, RoundReport};

/// How a model is stuck.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stuck {
    /// In two rounds, one after the other, it called the same tool with the same arguments (the same JSON, however
    /// it is written) and was told the same.
    SameCall,
    /// In two rounds, one after the other, a call of its was refused before it ran: no such tool, or arguments that
    /// do not fit.
    RefusedCalls,
    /// It said nothing and called nothing, though its answer was not cut off for its content or its length.
    EmptyAnswer,
}

impl Stuck {
    /// In a few words: `stuck: same call`, `stuck: refused calls`, `stuck: empty answer`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Stuck::SameCall => "stuck: same call",
            Stuck::RefusedCalls => "stuck: refused calls",
            Stuck::EmptyAnswer => "stuck: empty answer",
        }
    }
}

impl fmt::Display for Stuck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// Whether the model of the last round is stuck, and how.
///
/// ```
/// use modelpool_agent::decide::{RoundReport, Stuck, stuck};
/// let silent = RoundReport { model_alias: "cheap".into(), ..RoundReport::default() };
/// assert_eq!(stuck(&[silent.clone()]), Some(Stuck::EmptyAnswer));
/// assert_eq!(stuck(&[RoundReport { has_text: true, ..silent }]), None);
/// ```
#[must_use]
pub fn stuck(rounds: &[RoundReport]) -> Option<Stuck> {
    use modelpool::FinishReason::{ContentFilter, Length};
    let (last, before) = rounds.split_last()?;
    if last.calls.is_empty() {
        let cut = matches!(last.finish, Some(ContentFilter | Length));
        return (!last.has_text && !cut).then_some(Stuck::EmptyAnswer);
    }
    let before = before
        .last()
        .filter(|before| before.model_alias == last.model_alias)?;
    let refused = |round: &RoundReport| round.calls.iter().any(|call| call.refused);
    if refused(last) && refused(before) {
        return Some(Stuck::RefusedCalls);
    }
    let again = |call: &CallReport| before.calls.iter().any(|earlier| is_same(earlier, call));
    last.calls.iter().any(again).then_some(Stuck::SameCall)
}

fn is_same(one: &CallReport, other: &CallReport) -> bool {
    one.name == other.name && one.result == other.result && is_same_json(&one.arguments, &other.arguments)
}

fn is_same_json(one: &str, other: &str) -> bool {
    if one == other {
        return true;
    }
    let read = |text: &str| serde_json::from_str::<Value>(text).ok();
    match (read(one), read(other)) {
        (Some(one), Some(other)) => one == other,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(arguments: &str, result: &str) -> CallReport {
        CallReport {
            name: "look".to_owned(),
            arguments: arguments.to_owned(),
            result: result.into(),
            ..CallReport::default()
        }
    }

    fn round(alias: &str, calls: Vec<CallReport>) -> RoundReport {
        RoundReport {
            model_alias: alias.into(),
            calls,
            ..RoundReport::default()
        }
    }

    #[test]
    fn the_same_call_twice_with_the_same_result() {
        let first = round(
            "a",
            vec![call(r#"{"x": 1, "y": 2}"#, "same"), call("{}", "other")],
        );
        for (second, expected) in [
            (
                round("a", vec![call(r#"{"y":2,"x":1}"#, "same")]),
                Some(Stuck::SameCall),
            ),
            (round("a", vec![call(r#"{"x": 1, "y": 2}"#, "new")]), None),
            (round("a", vec![call(r#"{"x": 2, "y": 2}"#, "same")]), None),
            (round("b", vec![call(r#"{"x": 1, "y": 2}"#, "same")]), None),
        ] {
            assert_eq!(stuck(&[first.clone(), second.clone()]), expected, "{second:?}");
        }
        assert_eq!(stuck(&[first]), None);
        assert_eq!(stuck(&[]), None);
    }

    #[test]
    fn refused_twice() {
        let refused = |arguments: &str| CallReport {
            refused: true,
            failed: true,
            ..call(arguments, arguments)
        };
        let failed = CallReport {
            failed: true,
            ..call("{}", "no such file")
        };
        let first = round("a", vec![refused("{")]);
        assert_eq!(
            stuck(&[first.clone(), round("a", vec![refused("{{")])]),
            Some(Stuck::RefusedCalls)
        );
        assert_eq!(stuck(&[first.clone(), round("b", vec![refused("{{")])]), None);
        assert_eq!(stuck(&[first, round("a", vec![failed])]), None);
    }

    #[test]
    fn an_answer_that_was_cut_is_no_empty_answer() {
        let mut silent = round("a", vec![]);
        assert_eq!(stuck(std::slice::from_ref(&silent)), Some(Stuck::EmptyAnswer));
        silent.finish = Some(modelpool::FinishReason::Length);
        assert_eq!(stuck(&[silent]), None);
    }
}
