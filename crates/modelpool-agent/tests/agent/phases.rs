//! Any phase can be replaced, and one that fails is named.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use modelpool_agent::aggregate::{Aggregator, Answered, Ledger, TurnRecord};
use modelpool_agent::context::{
    ContextEngine, ContextManager, ContextProcessor, Document, ManagedContext, PhaseError, Query, Retrieved,
    SessionContext, TokenDemand,
};
use modelpool_agent::controller::{ToolEvents, ToolRunner};
use modelpool_agent::decide::{Decider, Decision, Move, RoundReport};
use modelpool_agent::generator::{Expected, Picked};
use modelpool_agent::tool::{ToolEvent, ToolResult, ToolSet};
use modelpool_agent::{
    AgentController, AgentEvent, BoxFuture, Chunk, Generation, GenerationRequest, GenerationStream,
    Generator, Message, Stopped, ToolCall,
};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::stage::{Does, Models, Ran, agent_of, calls, ran, says};

fn failing(phase: &'static str) -> PhaseError {
    PhaseError {
        phase,
        message: "the library is closed".to_owned(),
    }
}

#[derive(Debug)]
struct Fails;

impl ContextEngine for Fails {
    fn retrieve<'a>(&'a self, _: Query<'a>) -> BoxFuture<'a, Result<Retrieved, PhaseError>> {
        Box::pin(std::future::ready(Err(failing("retrieve"))))
    }
}

impl ContextProcessor for Fails {
    fn process<'a>(
        &'a self,
        _: Query<'a>,
        _: Retrieved,
        _: TokenDemand,
    ) -> BoxFuture<'a, Result<Retrieved, PhaseError>> {
        Box::pin(std::future::ready(Err(failing("process"))))
    }
}

impl ContextManager for Fails {
    fn assemble<'a>(
        &'a self,
        _: Query<'a>,
        _: Retrieved,
    ) -> BoxFuture<'a, Result<ManagedContext, PhaseError>> {
        Box::pin(std::future::ready(Err(failing("assemble"))))
    }
}

#[tokio::test(start_paused = true)]
async fn a_phase_that_fails_is_named() {
    let models = Models::default();
    let agent = agent_of(&models, &["a"]);
    for (agent, phase) in [
        (agent.clone().context_engine(Fails), "retrieve"),
        (agent.clone().context_processor(Fails), "process"),
        (agent.clone().context_manager(Fails), "assemble"),
    ] {
        let failed = ran(&agent, "go").await;
        assert_eq!(failed.errors(), [("phase_failed", phase, false)]);
        assert_eq!(
            failed.contents("error"),
            [format!("phase `{phase}`: the library is closed")]
        );
        assert_eq!(failed.summary().stopped, Stopped::Failed);
    }
    assert!(models.asked().is_empty());
    let goes_on = agent
        .context_engine(Fails)
        .context_processor(Fails)
        .goes_on_without_context();
    let went_on = ran(&goes_on, "go").await;
    assert_eq!((went_on.answer(), went_on.errors().len()), ("I am a", 2));
}

/// Says what it was asked for, and gives one message of its own.
#[derive(Debug)]
struct Pirate;

impl ContextManager for Pirate {
    fn assemble<'a>(
        &'a self,
        query: Query<'a>,
        _: Retrieved,
    ) -> BoxFuture<'a, Result<ManagedContext, PhaseError>> {
        let messages = vec![Message::system("Speak as a pirate."), query.message.clone()];
        Box::pin(std::future::ready(Ok(ManagedContext {
            messages,
            ..ManagedContext::default()
        })))
    }
}

#[tokio::test(start_paused = true)]
async fn a_phase_of_ones_own() {
    let models = Models::default();
    ran(&agent_of(&models, &["a"]).context_manager(Pirate), "go").await;
    assert_eq!(
        models.asked()[0].1["messages"][0]["content"],
        "Speak as a pirate."
    );
}

/// Has every turn answered twice, the second time by a model of its choice.
#[derive(Debug, Default)]
struct Twice(Arc<Mutex<Vec<usize>>>);

impl Decider for Twice {
    fn decide<'a>(&'a self, rounds: &'a [RoundReport]) -> BoxFuture<'a, Result<Decision, PhaseError>> {
        self.0.lock().unwrap().push(rounds.len());
        let decision = match rounds.len() {
            1 => Decision::Next {
                by: Move::Back("b".into()),
                because: Some("second opinion".into()),
            },
            _ => Decision::Stop,
        };
        Box::pin(std::future::ready(Ok(decision)))
    }
}

#[tokio::test(start_paused = true)]
async fn a_decision_of_ones_own() {
    let models = Models::default();
    let decider = Twice::default();
    let seen = Arc::clone(&decider.0);
    let ran = ran(&agent_of(&models, &["a", "b"]).decider(decider), "go").await;
    assert_eq!(
        (ran.aliases(), ran.answer()),
        (vec!["a".to_owned(), "b".to_owned()], "I am b")
    );
    assert_eq!(*seen.lock().unwrap(), [1, 2]);
}

/// Cannot decide.
impl Decider for Fails {
    fn decide<'a>(&'a self, _: &'a [RoundReport]) -> BoxFuture<'a, Result<Decision, PhaseError>> {
        Box::pin(std::future::ready(Err(failing("decide"))))
    }
}

/// Runs the first call, and fails.
impl ToolRunner for Fails {
    fn run(&self, calls: Vec<ToolCall>, _: &ToolSet, _: CancellationToken) -> ToolEvents {
        let first = ToolEvent::Finished {
            call_id: calls[0].id.clone(),
            result: ToolResult::bounded("seen".to_owned(), false, 100, Duration::ZERO),
        };
        Box::pin(futures_util::stream::iter([Ok(first), Err(failing("tools"))]))
    }
}

/// Keeps no books: `answered` works, unless it is the one that is to fail.
#[derive(Debug)]
struct Forgets(&'static str);

impl Aggregator for Forgets {
    fn answered<'a>(
        &'a self,
        turn: &'a mut TurnRecord,
        round: Answered<'a>,
    ) -> BoxFuture<'a, Result<(), PhaseError>> {
        if self.0 == "answered" {
            return Box::pin(std::future::ready(Err(failing("aggregate"))));
        }
        Ledger.answered(turn, round)
    }

    fn tools_ran<'a>(
        &'a self,
        _: &'a mut TurnRecord,
        _: Vec<Message>,
    ) -> BoxFuture<'a, Result<(), PhaseError>> {
        Box::pin(std::future::ready(Err(failing("aggregate"))))
    }
}

#[tokio::test(start_paused = true)]
async fn a_phase_that_fails_later_keeps_what_was_said() {
    let models = Models::default();
    let both = || {
        let call = |path: &str| ("read".to_owned(), json!({"path": path}).to_string());
        Does::Calls(vec![call("x"), call("y")])
    };
    let agent = agent_of(&models, &["a"]);
    let roles = |ran: &Ran| -> Vec<String> {
        let messages = ran.summary().messages.iter();
        messages
            .map(|message| format!("{:?} {}", message.role(), message.text()))
            .collect()
    };
    for (agent, phase, said) in [
        (
            agent.clone().decider(Fails),
            "decide",
            vec!["Tool text of x", "Tool text of y"],
        ),
        (
            agent.clone().tool_runner(Fails),
            "tools",
            vec!["Tool seen", "Tool error: the run ended before this tool did"],
        ),
        (
            agent.clone().aggregator(Forgets("tools_ran")),
            "aggregate",
            vec!["Tool text of x", "Tool text of y"],
        ),
    ] {
        models.next("a", [both()]);
        let failed = ran(&agent, "go").await;
        assert_eq!(failed.errors(), [("phase_failed", phase, false)]);
        assert_eq!(failed.summary().stopped, Stopped::Failed);
        assert_eq!(roles(&failed)[..2], ["User go", "Assistant "], "{phase}");
        assert_eq!(roles(&failed)[2..], said, "{phase}");
    }
    models.next("a", [says("a word")]);
    let failed = ran(&agent.aggregator(Forgets("answered")), "go").await;
    assert_eq!(failed.errors(), [("phase_failed", "aggregate", false)]);
    assert_eq!(roles(&failed), ["User go", "Assistant a word"]);
}

/// Has two models answer one after the other; the second one begins anew or goes on.
#[derive(Debug)]
struct TwoVoices {
    anew: bool,
}

impl Generator for TwoVoices {
    fn generate(&self, _: GenerationRequest) -> GenerationStream {
        let picked = |alias: &str, anew| Picked {
            alias: alias.into(),
            anew,
            ..Picked::default()
        };
        let second = picked("b", self.anew);
        let answer = if self.anew { "two" } else { "one two" };
        let chunks = [
            Chunk::Picked(picked("a", false)),
            Chunk::Text("one ".to_owned()),
            Chunk::Picked(second.clone()),
            Chunk::Text("two".to_owned()),
            Chunk::Done(Box::new(Generation {
                picked: second,
                message: Message::assistant(answer),
                ..Generation::default()
            })),
        ];
        Box::pin(futures_util::stream::iter(chunks.map(Ok)))
    }

    fn expected(&self, _: &GenerationRequest) -> Option<Expected> {
        None
    }
}

#[tokio::test(start_paused = true)]
async fn a_generator_of_ones_own_may_begin_anew() {
    for anew in [false, true] {
        let ran = ran(&AgentController::new(TwoVoices { anew }), "go").await;
        let continues = ran.events.iter().filter_map(|event| match event {
            AgentEvent::LlmStreaming { metadata, .. } => Some(metadata.continues),
            _ => None,
        });
        assert_eq!(continues.collect::<Vec<_>>(), [false, !anew]);
        assert_eq!(ran.aliases(), ["a", "b"]);
        // What is void is not said where the run ends in the middle.
        let mut events =
            AgentController::new(TwoVoices { anew }).stream_run("go", SessionContext::default(), None);
        while let Some(event) = events.next().await {
            if event.kind() == "response_delta" && event.content() == "two" {
                events.cancel();
            }
            if let Some(summary) = event.summary() {
                let said = summary.messages.last().map(Message::text);
                assert_eq!(said.as_deref(), Some(if anew { "two" } else { "one two" }));
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn documents_are_found_and_told() {
    let models = Models::default();
    let document = |name: &str, text: &str| Document {
        name: name.to_owned(),
        text: text.to_owned(),
        note: false,
    };
    let session = SessionContext {
        instructions: Some("Be brief.".to_owned()),
        documents: vec![
            document("lamps.md", "The lamp of the lighthouse burns whale oil."),
            document("fish.md", "Herring is best smoked."),
        ],
        history: vec![Message::user("hello"), Message::assistant("good day")],
        ..SessionContext::default()
    };
    let agent = agent_of(&models, &["a"]);
    let found = Ran::of(agent.stream_run("what does the lighthouse lamp burn?", session, None)).await;
    let context = found
        .events
        .iter()
        .find(|event| event.kind() == "context")
        .unwrap()
        .to_json();
    let kept = context["metadata"]["kept"].to_string();
    assert!(
        kept.contains("lamps.md") && kept.contains("{\"history\":0}"),
        "{kept}"
    );
    let asked = models.asked()[0].1["messages"].clone();
    assert_eq!(asked[0]["content"], "Be brief.");
    assert!(asked.to_string().contains("whale oil") && asked.to_string().contains("good day"));
    assert_eq!(
        asked.as_array().unwrap().last().unwrap()["content"],
        "what does the lighthouse lamp burn?"
    );
}

#[tokio::test(start_paused = true)]
async fn events_are_objects_of_type_content_and_metadata() {
    let models = Models::default();
    models.next("a", [calls("read", json!({"path": "x"})), says("done")]);
    let ran = ran(&agent_of(&models, &["a"]), "go").await;
    for event in &ran.events {
        let json = event.to_json();
        let members: Vec<&String> = json.as_object().unwrap().keys().collect();
        assert_eq!(members, ["type", "content", "metadata"], "{json}");
        assert_eq!(json["type"], event.kind());
        let concerns_a_model = !matches!(event.kind(), "tool_progress" | "context_update");
        assert_eq!(
            json["metadata"].get("model_alias").is_some(),
            concerns_a_model,
            "{json}"
        );
    }
    let last = ran.events.last().unwrap().to_json();
    assert_eq!(last["metadata"]["stopped"], "done");
    assert_eq!(last["metadata"]["model_alias"], "a");
    assert_eq!(last["metadata"]["messages"].as_array().unwrap().len(), 4);
}
