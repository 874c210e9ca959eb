//! Measures the agent's first two phases in process: retrieval from 1,000 documents of 4 KB, and the choice among
//! 500 messages of history.
//!
//! Documents are made of words drawn from a vocabulary whose frequencies fall as those of a language do, so that posting lists are as long
//! as real ones. The first turn of a session reads all documents into the index; later ones only compare them with it.

#![allow(clippy::print_stdout)] // a program that prints its result

use std::hint::black_box;
use std::time::Duration;

use modelpool_agent::context::bm25::Index;
use modelpool_agent::context::{
    ContextEngine, ContextItem, ContextProcessor, Document, PhaseError, Query, Retrieved, SearchEngine,
    SessionContext, Source, TokenDemand, TrimmingProcessor,
};
use modelpool_agent::{Message, ToolCall};
use tokio::time::Instant;

const DOCUMENTS: usize = 1_000;
const DOCUMENT_BYTES: usize = 4_096;
const MESSAGES: usize = 500;
const VOCABULARY: u32 = 20_000;
const ROUNDS: usize = 15;
const QUESTION: &str = "Which w17 keeps w1234 and w9876 from the w402 of a w55?";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), PhaseError> {
    let mut random = fastrand::Rng::with_seed(7);
    let documents: Vec<_> = (0..DOCUMENTS)
        .map(|number| document(number, &mut random))
        .collect();
    println!("| what | median |");
    println!("|---|---|");

    let building = median(|| {
        let mut index = Index::default();
        index.update(&documents);
        index.passages()
    });
    let mut index = Index::default();
    index.update(&documents);
    println!(
        "| index of {DOCUMENTS} documents of 4 KB, {} passages | {building:?} |",
        index.passages()
    );
    println!(
        "| search for 5 terms in it | {:?} |",
        median(|| index.search(QUESTION, 8))
    );
    println!(
        "| one document changed in it | {:?} |",
        median(|| {
            let changed = document(random.usize(DOCUMENTS..), &mut random);
            index.insert(&changed);
            index.remove(&changed)
        })
    );

    let session = SessionContext {
        session_id: Some("bench".to_owned()),
        history: history(&mut random),
        documents,
        ..SessionContext::default()
    };
    let message = Message::user(QUESTION);
    let query = Query::new(&message, &session);
    let engine = SearchEngine::default();
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let started = Instant::now();
        black_box(engine.retrieve(query).await?);
        times.push(started.elapsed());
    }
    println!("| phase 1, first turn | {:?} |", times[0]);
    times.sort_unstable();
    println!(
        "| phase 1, a later turn, {MESSAGES} messages | {:?} |",
        times[ROUNDS / 2]
    );

    let found = engine.retrieve(query).await?;
    let processor = TrimmingProcessor::default();
    for share in [4, 1] {
        let demand = TokenDemand {
            window: found.tokens / share + 1_000,
            output: 0,
            fixed: 0,
        };
        let mut times = Vec::new();
        let mut kept = 0;
        for _ in 0..ROUNDS {
            let found = found.clone();
            let started = Instant::now();
            let context = processor.process(query, found, demand).await?;
            times.push(started.elapsed());
            kept = context.items.len();
        }
        times.sort_unstable();
        let all = found.items.len();
        println!(
            "| phase 2, {kept} of {all} pieces kept, {} of {} tokens | {:?} |",
            demand.window,
            found.tokens,
            times[ROUNDS / 2]
        );
    }
    repeated(&processor, &message).await
}

/// The worst for finding repetitions: many passages that are not, against a long history.
async fn repeated(processor: &TrimmingProcessor, message: &Message) -> Result<(), PhaseError> {
    let mut random = fastrand::Rng::with_seed(8);
    let session = SessionContext::default();
    let said = history(&mut random).into_iter().enumerate();
    let mut items: Vec<_> = said
        .map(|(at, message)| ContextItem::new(Source::History(at), message, 0.0, 0))
        .collect();
    items.extend((0..200).map(|number| {
        let text = words(1_200, &mut random);
        ContextItem::new(Source::Store(number.to_string()), Message::user(text), 1.0, 0)
    }));
    let found = Retrieved {
        items,
        ..Retrieved::default()
    };
    let demand = TokenDemand {
        window: 10_000_000,
        output: 0,
        fixed: 0,
    };
    let started = Instant::now();
    black_box(
        processor
            .process(Query::new(message, &session), found, demand)
            .await?,
    );
    println!(
        "| phase 2, 200 passages against {MESSAGES} messages | {:?} |",
        started.elapsed()
    );
    Ok(())
}

fn document(number: usize, random: &mut fastrand::Rng) -> Document {
    Document {
        name: format!("documents/{number}.md"),
        text: words(DOCUMENT_BYTES, random),
        note: false,
    }
}

/// Words by Zipf's law: the word of rank r about 1/r as often as the first. A paragraph has some 80.
fn words(bytes: usize, random: &mut fastrand::Rng) -> String {
    let mut text = String::with_capacity(bytes + 16);
    let mut count = 0;
    while text.len() < bytes {
        let rank = f64::from(VOCABULARY).powf(random.f64()) as u32;
        text.push_str(&format!("w{rank}"));
        count += 1;
        text.push_str(match count % 80 {
            0 => ".\n\n",
            20 | 40 | 60 => ". ",
            _ => " ",
        });
    }
    text
}

/// Turns of a question, a call, its result of 2 KB, and an answer.
fn history(random: &mut fastrand::Rng) -> Vec<Message> {
    let turns = (0..MESSAGES / 4).flat_map(|turn| {
        let call = ToolCall {
            id: format!("call_{turn}"),
            name: "read_file".to_owned(),
            arguments: format!(r#"{{"path":"documents/{turn}.md"}}"#),
        };
        [
            Message::user(words(200, random)),
            Message::calling("", std::slice::from_ref(&call)),
            Message::tool(call.id, words(2_048, random)),
            Message::assistant(words(600, random)),
        ]
    });
    turns.collect()
}

fn median<T>(mut run: impl FnMut() -> T) -> Duration {
    let times = (0..ROUNDS).map(|_| {
        let started = Instant::now();
        let _ = black_box(run());
        started.elapsed()
    });
    let mut times: Vec<_> = times.collect();
    times.sort_unstable();
    times[ROUNDS / 2]
}
