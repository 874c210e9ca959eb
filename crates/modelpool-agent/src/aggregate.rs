//! Phase 5: what was said, which model was used for what, and what it took.

use std::fmt;
use std::sync::Arc;

use modelpool::Usage;

use crate::context::PhaseError;
use crate::event::{ModelShare, RoundSummary};
use crate::{BoxFuture, Generation, Message};

/// A turn, as far as it is known.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TurnRecord {
    /// What was said after the user's message, in order.
    pub messages: Vec<Spoken>,
    /// The rounds, in order.
    pub rounds: Vec<RoundSummary>,
    /// What each model did, in the order of their coming.
    pub models: Vec<ModelShare>,
    /// Tokens of all rounds.
    pub usage: Usage,
    /// US dollars of all rounds together, where the price of at least one is known.
    pub cost_usd: Option<f64>,
    /// The price of a round is not known.
    pub cost_is_partial: bool,
    /// Tools that were called.
    pub tool_calls: u32,
    /// The answer so far: the text of the last round that had one.
    pub answer: String,
}

/// A message and whose it is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Spoken {
    /// The message.
    pub message: Message,
    /// The model that said it; `None` for what tools said.
    pub model_alias: Option<Arc<str>>,
}

/// A round in which a model has answered.
#[derive(Clone, Copy, Debug)]
pub struct Answered<'a> {
    /// Its number, from 1.
    pub round: u32,
    /// Why it was another model than before.
    pub moved: Option<&'a Arc<str>>,
    /// The answer.
    pub generation: &'a Generation,
}

/// Phase 5: keeps the record of a turn. An error ends the turn.
pub trait Aggregator: Send + Sync + fmt::Debug {
    /// A model has answered.
    fn answered<'a>(
        &'a self,
        turn: &'a mut TurnRecord,
        round: Answered<'a>,
    ) -> BoxFuture<'a, Result<(), PhaseError>>;

    /// The tools it called have run; a message for each, in its order.
    fn tools_ran<'a>(
        &'a self,
        turn: &'a mut TurnRecord,
        results: Vec<Message>,
    ) -> BoxFuture<'a, Result<(), PhaseError>>;
}

/// The aggregator that comes with the crate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ledger;

impl Aggregator for Ledger {
    fn answered<'a>(
        &'a self,
        turn: &'a mut TurnRecord,
        round: Answered<'a>,
    ) -> BoxFuture<'a, Result<(), PhaseError>> {
        Box::pin(async move {
            turn.answered(round);
            Ok(())
        })
    }

    fn tools_ran<'a>(
        &'a self,
        turn: &'a mut TurnRecord,
        results: Vec<Message>,
    ) -> BoxFuture<'a, Result<(), PhaseError>> {
        Box::pin(async move {
            turn.tools_ran(results);
            Ok(())
        })
    }
}

impl TurnRecord {
    fn answered(&mut self, round: Answered<'_>) {
        let generation = round.generation;
        let alias = &generation.picked.alias;
        let purpose = match self.messages.last() {
            Some(last) if last.model_alias.is_none() => "tool_results",
            _ => "answer",
        };
        let text = generation.message.text();
        let calls = generation.calls();
        self.usage = self.usage.plus(&generation.usage);
        match generation.cost_usd {
            Some(cost) => *self.cost_usd.get_or_insert_default() += cost,
            None => self.cost_is_partial = true,
        }
        self.rounds.push(RoundSummary {
            round: round.round,
            model_alias: Arc::clone(alias),
            model_name: Arc::clone(&generation.picked.model_name),
            purpose,
            moved: round.moved.cloned(),
            finish_reason: generation.finish.as_ref().map(crate::event::finish_word),
            usage: generation.usage,
            cost_usd: generation.cost_usd,
            elapsed_ms: u64::try_from(generation.elapsed.as_millis()).unwrap_or(u64::MAX),
            attempts: generation.attempts,
            tools: calls.iter().map(|call| call.name.clone()).collect(),
        });
        share(self, alias).add(round.round, generation);
        // An answer that says nothing is none, and not every model takes it back.
        if !text.is_empty() || !calls.is_empty() {
            self.messages.push(Spoken {
                message: generation.message.clone(),
                model_alias: Some(Arc::clone(alias)),
            });
        }
        if !text.is_empty() {
            self.answer = text;
        }
    }

    fn tools_ran(&mut self, results: Vec<Message>) {
        self.tool_calls += u32::try_from(results.len()).unwrap_or(u32::MAX);
        let results = results.into_iter().map(|message| Spoken {
            message,
            model_alias: None,
        });
        self.messages.extend(results);
    }
}

fn share<'a>(turn: &'a mut TurnRecord, alias: &Arc<str>) -> &'a mut ModelShare {
    let known = turn.models.iter().position(|share| share.model_alias == *alias);
    let place = known.unwrap_or_else(|| {
        turn.models.push(ModelShare {
            model_alias: Arc::clone(alias),
            ..ModelShare::default()
        });
        turn.models.len() - 1
    });
    &mut turn.models[place]
}

impl ModelShare {
    fn add(&mut self, round: u32, generation: &Generation) {
        self.rounds.push(round);
        self.usage = self.usage.plus(&generation.usage);
        if let Some(cost) = generation.cost_usd {
            *self.cost_usd.get_or_insert_default() += cost;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ToolCall;
    use crate::generator::Picked;

    fn generation(alias: &str, text: &str, calls: &[ToolCall], cost_usd: Option<f64>) -> Generation {
        Generation {
            picked: Picked {
                alias: alias.into(),
                ..Picked::default()
            },
            message: Message::calling(text, calls),
            usage: Usage {
                input_tokens: 10,
                output_tokens: 2,
                ..Usage::default()
            },
            cost_usd,
            ..Generation::default()
        }
    }

    #[test]
    fn a_turn_is_the_sum_of_its_rounds() {
        let call = ToolCall {
            id: "1".to_owned(),
            name: "look".to_owned(),
            arguments: "{}".to_owned(),
        };
        let mut turn = TurnRecord::default();
        let rounds = [
            generation("strong", "", std::slice::from_ref(&call), Some(0.25)),
            generation("cheap", "", &[], None),
            generation("strong", "done", &[], Some(0.5)),
        ];
        for (place, generation) in rounds.iter().enumerate() {
            let round = place as u32 + 1;
            turn.answered(Answered {
                round,
                moved: None,
                generation,
            });
            if place == 0 {
                turn.tools_ran(vec![Message::tool("1", "seen")]);
            }
        }
        assert_eq!((turn.cost_usd, turn.cost_is_partial), (Some(0.75), true));
        assert_eq!((turn.usage.total_tokens(), turn.tool_calls), (36, 1));
        let purposes: Vec<_> = turn.rounds.iter().map(|round| round.purpose).collect();
        assert_eq!(purposes, ["answer", "tool_results", "tool_results"]);
        let shares: Vec<_> = turn
            .models
            .iter()
            .map(|share| (&*share.model_alias, share.rounds.as_slice()))
            .collect();
        assert_eq!(shares, [("strong", &[1, 3][..]), ("cheap", &[2])]);
        // The empty answer of the second round is not sent back.
        assert_eq!(turn.messages.len(), 3);
        assert_eq!(turn.answer, "done");
    }
}
