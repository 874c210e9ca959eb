//! How far a run may go.
//!
//! Limits hold for the whole run: all rounds, failovers and recoveries. Time ends it at any moment. Rounds, tokens
//! and dollars are looked at before each round, so a run oversteps tokens by what one round uses at most; dollars
//! also go with each call to the pool, which calls no model that is not known to stay within what is left.

use std::fmt;
use std::time::Duration;

use modelpool::Usage;

/// How far a run may go.
///
/// ```
/// use std::time::Duration;
/// use modelpool_agent::Limits;
/// let limits = Limits { rounds: 4, cost_usd: Some(0.05), time: Some(Duration::from_secs(60)), ..Limits::default() };
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// Rounds: answers of models.
    pub rounds: u32,
    /// Tokens of all rounds, input and output together.
    pub tokens: Option<u64>,
    /// US dollars of all rounds. Models without a known price are then not called.
    pub cost_usd: Option<f64>,
    /// Time from the beginning of the run.
    pub time: Option<Duration>,
    /// Mishaps that are got over: a context that was too long, an answer that was lost, a tool that failed.
    pub recoveries: u32,
    /// Failures of one tool in a row after which it is no longer offered.
    pub failures_of_a_tool: u32,
}

impl Default for Limits {
    /// 24 rounds, 24 recoveries, 3 failures of one tool; no limit of tokens, dollars or time.
    fn default() -> Self {
        Self {
            rounds: 24,
            tokens: None,
            cost_usd: None,
            time: None,
            recoveries: 24,
            failures_of_a_tool: 3,
        }
    }
}

/// The limit that was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Of rounds.
    Rounds,
    /// Of tokens.
    Tokens,
    /// Of dollars.
    Cost,
    /// Of time.
    Time,
    /// Of recoveries.
    Recoveries,
}

impl Limit {
    /// In one word: `rounds`, `tokens`, `cost`, `time`, `recoveries`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Limit::Rounds => "rounds",
            Limit::Tokens => "tokens",
            Limit::Cost => "cost",
            Limit::Time => "time",
            Limit::Recoveries => "recoveries",
        }
    }

    /// What is said of it.
    pub(crate) fn told(self, limits: &Limits) -> String {
        let many = match self {
            Limit::Rounds => format!("{} rounds", limits.rounds),
            Limit::Tokens => format!("{} tokens", limits.tokens.unwrap_or_default()),
            Limit::Cost => format!("{} US dollars", limits.cost_usd.unwrap_or_default()),
            Limit::Time => format!("{} ms", limits.time.unwrap_or_default().as_millis()),
            Limit::Recoveries => format!("{} recoveries", limits.recoveries),
        };
        format!("the run ends here: its limit of {many} is reached")
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// What a run has used so far.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Spent {
    /// Rounds.
    pub rounds: u32,
    /// Tokens.
    pub usage: Usage,
    /// US dollars, as far as prices are known.
    pub cost_usd: f64,
    /// Recoveries.
    pub recoveries: u32,
}

impl Limits {
    /// The limit that stands in the way of another round.
    pub(crate) fn reached(&self, spent: &Spent) -> Option<Limit> {
        if spent.rounds >= self.rounds {
            return Some(Limit::Rounds);
        }
        if self.tokens.is_some_and(|most| spent.usage.total_tokens() >= most) {
            return Some(Limit::Tokens);
        }
        if self.cost_left(spent).is_some_and(|left| left <= 0.0) {
            return Some(Limit::Cost);
        }
        None
    }

    /// US dollars that are left; `None` where there is no such limit.
    pub(crate) fn cost_left(&self, spent: &Spent) -> Option<f64> {
        Some(self.cost_usd? - spent.cost_usd)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_limit_stands_in_the_way() {
        let usage = |input_tokens| Usage {
            input_tokens,
            ..Usage::default()
        };
        let spent = |rounds, tokens, cost_usd| Spent {
            rounds,
            usage: usage(tokens),
            cost_usd,
            recoveries: 0,
        };
        let limits = Limits {
            rounds: 3,
            tokens: Some(100),
            cost_usd: Some(0.5),
            ..Limits::default()
        };
        for (spent, limit) in [
            (spent(2, 99, 0.4), None),
            (spent(3, 0, 0.0), Some(Limit::Rounds)),
            (spent(0, 100, 0.0), Some(Limit::Tokens)),
            (spent(0, 0, 0.5), Some(Limit::Cost)),
        ] {
            assert_eq!(limits.reached(&spent), limit);
        }
        assert_eq!(Limits::default().reached(&spent(23, u64::MAX, 1e9)), None);
    }
}
