//! A history as turns: what has to stay together so that models take it.
//!
//! A turn begins with what the user says and goes on to the next; within it every answer of the model is an *exchange*, together
//! with the results of the tools it calls. A call without its results, or a result without its call, is *incomplete*: vendors
//! refuse a conversation with either.

use std::ops::Range;

use crate::{Message, Role};

/// What the user said and what came of it; ranges are places in the list of messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Turn {
    /// What the user says, instructions before it included. Empty where a history begins with the model.
    pub(super) head: Range<usize>,
    /// The model's answers, each with the results of its calls.
    pub(super) exchanges: Vec<Range<usize>>,
}

/// A history, taken apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Turns {
    /// Instructions that the history begins with.
    pub(super) lead: Range<usize>,
    /// The turns, oldest first.
    pub(super) turns: Vec<Turn>,
    /// Messages that belong to nothing.
    pub(super) incomplete: Vec<usize>,
}

/// Takes a history apart.
pub(super) fn turns(messages: &[&Message]) -> Turns {
    let lead = messages
        .iter()
        .take_while(|message| message.role() == Role::System)
        .count();
    let mut found = Turns {
        lead: 0..lead,
        ..Turns::default()
    };
    let mut at = lead;
    // Whether a head may still grow: instructions within the conversation stand before what the user says.
    let mut open = false;
    while let Some(message) = messages.get(at) {
        match message.role() {
            Role::System | Role::User => {
                match found.turns.last_mut().filter(|_| open) {
                    Some(turn) => turn.head.end = at + 1,
                    None => found.turns.push(Turn {
                        head: at..at + 1,
                        exchanges: Vec::new(),
                    }),
                }
                open = message.role() == Role::System;
                at += 1;
            }
            Role::Assistant => {
                open = false;
                let (end, is_complete) = exchange(messages, at);
                if is_complete {
                    if found.turns.is_empty() {
                        found.turns.push(Turn {
                            head: at..at,
                            exchanges: Vec::new(),
                        });
                    }
                    if let Some(turn) = found.turns.last_mut() {
                        turn.exchanges.push(at..end);
                    }
                } else {
                    found.incomplete.extend(at..end);
                }
                at = end;
            }
            Role::Tool => {
                open = false;
                found.incomplete.push(at);
                at += 1;
            }
        }
    }
    found
}

/// Where the answer that stands there ends with the results of its calls, and whether all are there.
fn exchange(messages: &[&Message], at: usize) -> (usize, bool) {
    let mut calls: Vec<String> = messages[at]
        .tool_calls()
        .into_iter()
        .map(|call| call.id)
        .collect();
    let mut end = at + 1;
    while let Some(result) = messages.get(end).filter(|message| message.role() == Role::Tool) {
        let Some(call) = calls
            .iter()
            .position(|call| Some(call.as_str()) == result.tool_call_id())
        else {
            break;
        };
        calls.swap_remove(call);
        end += 1;
    }
    (end, calls.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ToolCall;

    fn calling(ids: &[&str]) -> Message {
        let call = |id: &&str| ToolCall {
            id: (*id).to_owned(),
            name: "read".to_owned(),
            arguments: "{}".to_owned(),
        };
        Message::calling("", &ids.iter().map(call).collect::<Vec<_>>())
    }

    fn taken_apart(messages: &[Message]) -> Turns {
        turns(&messages.iter().collect::<Vec<_>>())
    }

    #[test]
    fn answers_stay_with_the_results_of_their_calls() {
        let found = taken_apart(&[
            Message::system("s"),
            Message::user("a"),
            calling(&["1", "2"]),
            Message::tool("2", "two"),
            Message::tool("1", "one"),
            Message::assistant("b"),
            Message::user("c"),
        ]);
        let turn = |head, exchanges| Turn { head, exchanges };
        assert_eq!(found.lead, 0..1);
        assert_eq!(found.turns, [turn(1..2, vec![2..5, 5..6]), turn(6..7, vec![])]);
        assert!(found.incomplete.is_empty());
    }

    #[test]
    fn what_belongs_to_nothing_is_named() {
        let found = taken_apart(&[
            Message::tool("0", "an orphan"),
            Message::user("a"),
            calling(&["1", "2"]),
            Message::tool("1", "one"),
            Message::user("b"),
            calling(&["3"]),
            Message::tool("3", "three"),
            Message::tool("3", "again"),
        ]);
        assert_eq!(found.incomplete, [0, 2, 3, 7]);
        assert_eq!(found.turns.len(), 2);
    }

    #[test]
    fn a_head_has_no_gap() {
        let found = taken_apart(&[
            Message::user("a"),
            Message::system("s"),
            Message::tool("0", "an orphan"),
            Message::user("b"),
        ]);
        let heads: Vec<_> = found.turns.iter().map(|turn| turn.head.clone()).collect();
        assert_eq!((heads, found.incomplete), (vec![0..1, 1..2, 3..4], vec![2]));
    }

    #[test]
    fn a_history_may_begin_with_the_model() {
        let found = taken_apart(&[
            Message::assistant("hello"),
            Message::system("s"),
            Message::user("a"),
        ]);
        let heads: Vec<_> = found.turns.iter().map(|turn| turn.head.clone()).collect();
        assert_eq!(heads, [0..0, 1..3]);
    }
}
