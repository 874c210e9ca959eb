//! The defaults of both phases, one after the other.

use std::sync::Arc;

use serde_json::json;

use super::demand::{Capacity, Needs, demand, tighten};
use super::tokens::Tokenizers;
use super::*;
use crate::ToolCall;

const CHINESE: &str = "模型池把语言模型放在别名之下,为每个请求挑选合适的模型,调用它,并在它失败时换用另一个。";
const ENGLISH: &str = "The pool holds language models under aliases, picks for every request the model that fits, and calls it. ";

fn session() -> SessionContext {
    let turns = (0..30).flat_map(|turn| {
        let call = ToolCall {
            id: format!("call_{turn}"),
            name: "read_file".to_owned(),
            arguments: format!(r#"{{"path": "src/file_{turn}.rs"}}"#),
        };
        [
            Message::user(format!("Question {turn}: {CHINESE}")),
            Message::calling("", std::slice::from_ref(&call)),
            Message::tool(call.id, format!("fn file_{turn}() {{ }}\n").repeat(turn * 5)),
            Message::assistant(format!("Answer {turn}: {}", ENGLISH.repeat(turn % 7))),
        ]
    });
    let documents = (0..20).map(|number| Document {
        name: format!("docs/{number}.md"),
        text: format!("{ENGLISH}\n\n{CHINESE}\n\nParagraph of its own, number {number}.\n\n").repeat(number),
        note: number % 5 == 0,
    });
    SessionContext {
        instructions: Some("Answer in one sentence.".to_owned()),
        history: turns.collect(),
        documents: documents.collect(),
        ..SessionContext::default()
    }
}

struct Phases {
    engine: SearchEngine,
    processor: TrimmingProcessor,
    manager: PromptManager,
    tokenizers: Arc<Tokenizers>,
}

impl Phases {
    fn new() -> Self {
        let tokenizers = Arc::new(Tokenizers::default());
        Self {
            engine: SearchEngine::new(Arc::clone(&tokenizers)),
            processor: TrimmingProcessor::new(Arc::clone(&tokenizers)),
            manager: PromptManager::new(Arc::clone(&tokenizers)),
            tokenizers,
        }
    }

    async fn run(&self, query: Query<'_>, demand: TokenDemand) -> Result<ManagedContext, PhaseError> {
        let found = self.engine.retrieve(query).await?;
        let kept = self.processor.process(query, found, demand).await?;
        self.manager.assemble(query, kept).await
    }
}

/// Names of models with and without a tokenizer of their own; the first counts exactly with the feature `tokenizer`.
const MODELS: [&str; 2] = ["gpt-4o", "some-model"];

#[tokio::test]
async fn what_is_sent_fits_the_window() -> Result<(), PhaseError> {
    let (phases, session) = (Phases::new(), session());
    let message = Message::user("Which 模型 fits file_7?");
    let tools =
        [json!({"type": "function", "function": {"name": "read_file", "parameters": {"type": "object"}}})];
    for model in MODELS {
        let query = Query::new(&message, &session).answered_by(model);
        let counter = phases.tokenizers.of(Some(model));
        let mut sizes = Vec::new();
        for window in [300, 1_000, 2_000, 4_000, 8_000, 16_000, 128_000] {
            let needs = Needs {
                fixed: counter.fixed(session.instructions.as_deref(), &message, &tools),
                output: None,
                margin: counter.margin(),
            };
            let demand = demand(
                Capacity {
                    window,
                    max_output: 4_096,
                },
                needs,
            );
            let managed = phases.run(query, demand).await?;
            let sent = managed.tokens + counter.tools(&tools);
            assert!(sent + demand.output <= window, "{model}: {sent} of {window}");
            assert_eq!(managed.messages.last(), Some(&message));
            sizes.push(sent);
        }
        assert!(sizes.is_sorted() && sizes[6] > 8 * sizes[0], "{model}: {sizes:?}");
    }
    Ok(())
}

#[tokio::test]
async fn tightening_sends_less_until_nothing_is_left() -> Result<(), PhaseError> {
    let (phases, session) = (Phases::new(), session());
    let message = Message::user("Which 模型 fits file_7?");
    let query = Query::new(&message, &session);
    let mut demand = TokenDemand {
        window: 9_000,
        output: 1_000,
        fixed: 100,
    };
    let mut before = phases.run(query, demand).await?;
    while let Some(tighter) = tighten(demand, None) {
        demand = tighter;
        let managed = phases.run(query, demand).await?;
        assert!(managed.tokens <= before.tokens);
        before = managed;
    }
    assert_eq!(before.messages.len(), 2);
    Ok(())
}
