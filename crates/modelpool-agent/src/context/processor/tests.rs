use super::*;
use crate::context::block;
use crate::context::tokens::Counter;
use crate::context::{ContextItem, LeftOut, Omission, SessionContext, Source};
use crate::{Message, Role, ToolCall};

pub(super) fn said(messages: Vec<Message>) -> Vec<ContextItem> {
    let items = messages.into_iter().enumerate();
    items
        .map(|(at, message)| ContextItem::new(Source::History(at), message, 0.0, 0))
        .collect()
}

pub(super) fn passage(name: &str, text: &str, score: f64) -> ContextItem {
    ContextItem::new(Source::Document(name.to_owned()), Message::user(text), score, 0)
}

pub(super) fn call(id: &str) -> Message {
    let call = ToolCall {
        id: id.to_owned(),
        name: "read".to_owned(),
        arguments: "{}".to_owned(),
    };
    Message::calling("", &[call])
}

pub(super) fn counter() -> Counter {
    Tokenizers::default().of(None)
}

pub(super) fn room(tokens: u64) -> TokenDemand {
    TokenDemand {
        window: tokens,
        output: 0,
        fixed: 0,
    }
}

pub(super) fn process(items: Vec<ContextItem>, tokens: u64) -> Retrieved {
    let (message, session) = (Message::user("the question"), SessionContext::default());
    let found = Retrieved {
        items,
        ..Retrieved::default()
    };
    let processor = TrimmingProcessor::default();
    processor.trim(Query::new(&message, &session), found, room(tokens))
}

fn places(context: &Retrieved) -> Vec<usize> {
    let place = |item: &ContextItem| match item.source {
        Source::History(at) => Some(at),
        _ => None,
    };
    context.items.iter().filter_map(place).collect()
}

fn names(context: &Retrieved) -> Vec<&str> {
    context
        .items
        .iter()
        .filter_map(|item| match &item.source {
            Source::Document(name) => Some(name.as_str()),
            _ => None,
        })
        .collect()
}

fn why(context: &Retrieved) -> Vec<(Source, Omission)> {
    context
        .left_out
        .iter()
        .map(|LeftOut { source, why, .. }| (source.clone(), *why))
        .collect()
}

/// `count` different words.
fn words(beginning: &str, count: usize) -> String {
    (0..count)
        .map(|at| format!("{beginning}{at}"))
        .collect::<Vec<_>>()
        .join(" ")
}

#[test]
fn where_all_fits_all_stays() {
    let mut items = vec![
        passage("low", "Dogs bark.", 0.2),
        passage("high", "Cats purr.", 0.9),
    ];
    items.extend(said(vec![
        Message::user("a"),
        Message::assistant("b"),
        Message::user("c"),
        Message::assistant("d"),
    ]));
    let context = process(items, 10_000);
    assert_eq!(
        (places(&context), names(&context)),
        (vec![0, 1, 2, 3], vec!["high", "low"])
    );
    assert!(context.left_out.is_empty());
    assert!(context.tokens > 0 && context.characters == 4 + 20);
}

#[test]
fn old_turns_go_first() {
    let turn = |at: usize| {
        [
            Message::user(words(&format!("q{at}x"), 100)),
            Message::assistant(words(&format!("a{at}x"), 100)),
        ]
    };
    let items = said((0..6).flat_map(turn).collect());
    let of_turn = items[..2]
        .iter()
        .map(|item| counter().message(&item.message))
        .sum::<u64>();
    assert_eq!(places(&process(items.clone(), of_turn * 3)), [6, 7, 8, 9, 10, 11]);
    let context = process(items, of_turn);
    assert_eq!(places(&context), [10, 11]);
    assert!(context.left_out.len() == 10 && why(&context).iter().all(|(_, why)| *why == Omission::Room));
}

#[test]
fn a_call_is_never_without_its_result() {
    let items = said(vec![
        Message::tool("0", "an orphan"),
        Message::user("a"),
        call("1"),
        Message::tool("1", words("w", 400)),
        Message::assistant("b"),
        call("2"),
        Message::user("c"),
        call("3"),
        Message::tool("3", "d"),
        Message::assistant("e"),
    ]);
    let context = process(items, 200);
    // The old turn goes on without the exchange that does not fit.
    assert_eq!(places(&context), [1, 4, 6, 7, 8, 9]);
    let reasons: Vec<_> = why(&context).into_iter().map(|(_, why)| why).collect();
    assert_eq!(
        reasons,
        [
            Omission::Incomplete,
            Omission::Room,
            Omission::Room,
            Omission::Incomplete
        ]
    );
}

#[test]
fn the_last_turn_keeps_its_newest_exchanges_then_is_cut() {
    let items = said(vec![
        Message::user("read both"),
        call("1"),
        Message::tool("1", words("one", 300)),
        call("2"),
        Message::tool("2", words("two", 300)),
    ]);
    let last = counter().message(&items[4].message);
    assert_eq!(places(&process(items.clone(), last + 100)), [0, 3, 4]);
    let context = process(items, last / 2);
    assert_eq!(places(&context), [0, 3, 4]);
    let result = &context.items[2].message;
    assert!(result.tool_call_id() == Some("2") && result.text().ends_with("did not fit]"));
    assert!(context.tokens <= last / 2 && context.tokens > last / 2 - 10);
    assert!(why(&context).contains(&(Source::History(4), Omission::Cut)));
}

#[test]
fn nothing_is_kept_where_nothing_fits() {
    let items = said(vec![Message::user("a"), Message::assistant("b")]);
    for tokens in [0, 3] {
        let context = process(items.clone(), tokens);
        assert_eq!(
            (context.items.len(), context.tokens, context.left_out.len()),
            (0, 0, 2)
        );
    }
}

#[test]
fn instructions_of_the_history_stay() {
    let items = said(vec![
        Message::system("Speak French."),
        Message::user(words("a", 200)),
        Message::assistant(words("b", 200)),
        Message::user("c"),
    ]);
    assert_eq!(places(&process(items, 60)), [0, 3]);
}

#[test]
fn passages_that_say_the_same_are_there_once() {
    let text = words("word", 60);
    let other = text.replace("word30", "changed");
    let items = vec![
        passage("worse", &format!("{}!", text.to_uppercase()), 0.5),
        passage("better", &text, 0.9),
        passage("near", &other, 0.4),
        passage("different", &words("other", 60), 0.3),
    ];
    let context = process(items, 10_000);
    assert_eq!(names(&context), ["better", "different"]);
    let repeated = |name: &str| (Source::Document(name.to_owned()), Omission::Repeated);
    assert_eq!(why(&context), [repeated("worse"), repeated("near")]);
}

#[test]
fn what_the_history_says_is_not_told_again() {
    let file = words("line", 400);
    let part = words("line", 50);
    let mut items = said(vec![
        Message::user("read it"),
        call("1"),
        Message::tool("1", &file),
        Message::assistant("done"),
    ]);
    items.push(passage("part", &part, 1.0));
    assert!(names(&process(items.clone(), 10_000)).is_empty());
    // Where the message goes for its size, the passage stays.
    items.extend(
        said(vec![Message::user("next"), Message::assistant("yes")])
            .into_iter()
            .zip(4..)
            .map(|(item, at)| ContextItem {
                source: Source::History(at),
                ..item
            }),
    );
    let context = process(items, 450);
    assert_eq!(
        (places(&context), names(&context)),
        (vec![0, 3, 4, 5], vec!["part"])
    );
}

#[test]
fn what_the_user_says_is_not_told_again() {
    let text = words("word", 40);
    let message = Message::user(format!("Look: {text}. What is it?"));
    let session = SessionContext::default();
    let found = Retrieved {
        items: vec![passage("same", &text, 1.0)],
        ..Retrieved::default()
    };
    let context = TrimmingProcessor::default().trim(Query::new(&message, &session), found, room(10_000));
    assert!(context.items.is_empty());
}

#[test]
fn a_turn_that_was_said_before_is_there_once() {
    let items = said(vec![
        Message::user("Ping"),
        Message::assistant("pong"),
        Message::user("ping"),
        Message::assistant("Pong"),
    ]);
    let context = process(items, 10_000);
    assert_eq!(places(&context), [2, 3]);
    assert!(why(&context).iter().all(|(_, why)| *why == Omission::Repeated));
}

#[test]
fn a_passage_that_is_too_large_is_cut_at_a_sentence() {
    let text = (0..60)
        .map(|at| format!("This is sentence number {at}."))
        .collect::<Vec<_>>()
        .join("\n");
    let mut large = passage("large", &text, 1.0);
    large.place = Some(crate::context::Place {
        bytes: 100..100 + text.len(),
        first_line: 5,
        last_line: 64,
    });
    let tokens = block::frame_tokens(&counter()) + 150;
    let context = process(vec![large], tokens);
    let item = &context.items[0];
    let kept = item.message.text();
    let kept = kept.strip_suffix(super::super::cut::MARK).expect("a mark");
    assert!(kept.ends_with('.') && text.starts_with(kept));
    let place = item.place.clone().expect("a place");
    assert_eq!(place.bytes, 100..100 + kept.len());
    assert_eq!((place.first_line, place.last_line), (5, 4 + kept.lines().count()));
    assert!(context.tokens > 120 && context.tokens <= 150);
    assert_eq!(
        why(&context),
        [(Source::Document("large".to_owned()), Omission::Cut)]
    );
}

#[test]
fn good_passages_come_before_old_talk() {
    let mut items = said(
        (0..40)
            .flat_map(|at| {
                [
                    Message::user(words(&format!("q{at}x"), 50)),
                    Message::assistant(format!("a{at}")),
                ]
            })
            .collect(),
    );
    items.push(passage("good", &words("good", 60), 1.0));
    let context = process(items, 1_000);
    assert_eq!(names(&context), ["good"]);
    let kept = places(&context);
    assert!(
        kept.len() > 4 && kept.windows(2).all(|pair| pair[1] == pair[0] + 1) && kept.last() == Some(&79),
        "{kept:?}"
    );
}

#[test]
fn roles_begin_a_conversation_as_they_may() {
    let items = said(vec![
        Message::assistant("hello"),
        Message::user("a"),
        Message::assistant("b"),
    ]);
    assert_eq!(process(items, 10_000).items[0].message.role(), Role::Assistant);
}

mod properties;
