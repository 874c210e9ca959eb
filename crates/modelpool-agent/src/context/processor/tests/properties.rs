use std::collections::HashSet;

use proptest::prelude::*;

use super::*;
use crate::context::block::frame_tokens;
use crate::context::{ContextManager, PromptManager};

#[derive(Clone, Debug)]
enum Said {
    System(usize),
    User(usize),
    Assistant(usize),
    /// Calls, results that are there, words of each.
    Calls(usize, usize, usize),
    Orphan,
}

fn anything_said() -> impl Strategy<Value = Said> {
    let words = 0..120_usize;
    prop_oneof![
        1 => words.clone().prop_map(Said::System),
        4 => words.clone().prop_map(Said::User),
        4 => words.clone().prop_map(Said::Assistant),
        4 => (1..4_usize, 0..4_usize, words).prop_map(|(calls, results, words)| Said::Calls(calls, results, words)),
        1 => Just(Said::Orphan),
    ]
}

/// Messages without two that say the same.
fn messages(said: &[Said]) -> Vec<Message> {
    let mut messages = Vec::new();
    for (at, said) in said.iter().enumerate() {
        let text = |count: &usize| words(&format!("m{at}w"), *count);
        match said {
            Said::System(count) => messages.push(Message::system(text(count))),
            Said::User(count) => messages.push(Message::user(text(count))),
            Said::Assistant(count) => messages.push(Message::assistant(text(count))),
            Said::Orphan => messages.push(Message::tool("none", "orphan")),
            Said::Calls(calls, results, count) => {
                let id = |number: usize| format!("c{at}n{number}");
                let call = |number| ToolCall {
                    id: id(number),
                    name: "read".to_owned(),
                    arguments: "{}".to_owned(),
                };
                messages.push(Message::calling("", &(0..*calls).map(call).collect::<Vec<_>>()));
                messages.extend(
                    (0..*results)
                        .map(|number| Message::tool(id(number), words(&format!("r{at}n{number}w"), *count))),
                );
            }
        }
    }
    messages
}

fn items(said_ones: &[Said], passages: &[(usize, u8)]) -> Vec<ContextItem> {
    let mut items = said(messages(said_ones));
    items.extend(passages.iter().enumerate().map(|(at, (count, score))| {
        passage(
            &format!("p{at}"),
            &words(&format!("p{at}w"), *count),
            f64::from(*score) / 10.0,
        )
    }));
    items
}

fn is_conversation(context: &Retrieved) -> bool {
    let (message, session) = (Message::user("the question"), SessionContext::default());
    let manager = PromptManager::default();
    let managed = manager.assemble(Query::new(&message, &session), context.clone());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    runtime.block_on(managed).is_ok()
}

fn strategy() -> impl Strategy<Value = Vec<ContextItem>> {
    let passages = proptest::collection::vec((1..200_usize, 0..10_u8), 0..6);
    (proptest::collection::vec(anything_said(), 0..16), passages)
        .prop_map(|(said, passages)| items(&said, &passages))
}

proptest! {
    #[test]
    fn the_result_fits_and_is_a_conversation(items in strategy(), tokens in 0_u64..3_000) {
        let count = items.len();
        let context = process(items, tokens);
        let searched = context.items.iter().any(|item| !matches!(item.source, Source::History(_)));
        let frame = if searched { frame_tokens(&counter()) } else { 0 };
        prop_assert!(context.tokens + frame <= tokens);
        prop_assert_eq!(context.tokens, context.items.iter().map(|item| item.tokens).sum::<u64>());
        prop_assert!(is_conversation(&context));
        let cut = context.left_out.iter().filter(|left| left.why == Omission::Cut).count();
        prop_assert_eq!(context.items.len() + context.left_out.len() - cut, count);
        // As it is sent it is no larger than what the pieces were said to be.
        let block = block::block(context.items.iter().filter(|item| !matches!(item.source, Source::History(_))));
        let block = block.map_or(0, |block| counter().message(&Message::user(block)));
        let history = context.items.iter().filter(|item| matches!(item.source, Source::History(_)));
        prop_assert!(block + history.map(|item| counter().message(&item.message)).sum::<u64>() <= tokens);
    }

    #[test]
    fn once_more_changes_nothing(items in strategy(), tokens in 0_u64..3_000) {
        let once = process(items, tokens);
        let twice = process(once.items.clone(), tokens);
        prop_assert_eq!(&once.items, &twice.items);
        prop_assert!(twice.left_out.is_empty());
    }

    #[test]
    fn the_history_stays_in_its_order(items in strategy(), tokens in 0_u64..3_000) {
        let context = process(items.clone(), tokens);
        let kept = places(&context);
        prop_assert!(kept.windows(2).all(|pair| pair[0] < pair[1]));
        let mut mixed = items;
        mixed.reverse();
        prop_assert_eq!(places(&process(mixed, tokens)), kept);
    }

    /// What more room takes away had to make way for something of higher rank. Here: two rooms, and the first piece in rank that
    /// differs between them is one that the larger one has more of.
    #[test]
    fn more_room_takes_away_only_for_better(items in strategy(), tokens in 400_u64..3_000, more in 1_u64..2_000) {
        let counter = counter();
        let pieces = Pieces::new(items.clone(), &counter);
        let kept = |tokens: u64| -> (HashSet<usize>, HashSet<String>) {
            let context = process(items.clone(), tokens);
            (places(&context).into_iter().collect(), names(&context).into_iter().map(str::to_owned).collect())
        };
        let (small, large) = (kept(tokens), kept(tokens + more));
        if let Some(last) = pieces.turns().last() {
            let count = |(history, _): &(HashSet<usize>, _)| pieces::places(last).filter(|at| history.contains(at)).count();
            prop_assert!(count(&small) <= count(&large), "of the last turn");
            if count(&small) < count(&large) {
                return Ok(());
            }
        }
        for at in pieces.parts.lead.clone() {
            let has = |(history, _): &(HashSet<usize>, _)| history.contains(&at);
            prop_assert!(has(&large) || !has(&small), "of the instructions");
            if has(&small) != has(&large) {
                return Ok(());
            }
        }
        for candidate in pieces.ranked() {
            let count = |(history, names): &(HashSet<usize>, HashSet<String>)| match candidate {
                pieces::Candidate::Turn(turn) => pieces::places(&pieces.turns()[turn]).filter(|at| history.contains(at)).count(),
                pieces::Candidate::Passage(at) => match &pieces.passages[at].source {
                    Source::Document(name) => usize::from(names.contains(name)),
                    _ => 0,
                },
            };
            prop_assert!(count(&small) <= count(&large), "{candidate:?}");
            if count(&small) < count(&large) {
                return Ok(());
            }
        }
    }
}
