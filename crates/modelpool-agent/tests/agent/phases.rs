//! Any phase can be replaced, and one that fails is named.

use std::sync::{Arc, Mutex};

use modelpool_agent::context::{
    ContextEngine, ContextManager, ContextProcessor, Document, ManagedContext, PhaseError, Query, Retrieved,
    SessionContext, TokenDemand,
};
use modelpool_agent::decide::{Decider, Decision, Move, RoundReport};
use modelpool_agent::{BoxFuture, Message, Stopped};
use serde_json::json;

use crate::stage::{Models, Ran, agent_of, calls, ran, says};

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
