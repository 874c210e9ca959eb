//! The next round may run on another model.

use modelpool::ModelPool;
use modelpool::selectors;
use modelpool_agent::decide::{Reading, UntilDone};
use modelpool_agent::{AgentController, AgentEvent, Stopped, StreamingGenerator};
use serde_json::json;

use crate::stage::{Does, Models, Ran, able, agent_of, calls, pool_with, ran, says, tools};

fn moves(ran: &Ran) -> Vec<(&str, Option<&str>)> {
    let streaming = ran.events.iter().filter_map(|event| match event {
        AgentEvent::LlmStreaming { metadata, .. } => {
            Some((&*metadata.model_alias, metadata.moved.as_deref()))
        }
        _ => None,
    });
    streaming.collect()
}

#[tokio::test(start_paused = true)]
async fn a_stuck_model_is_left_for_a_stronger_one_and_asked_again_after() {
    let models = Models::default();
    let same = || calls("read", json!({"path": "x"}));
    models.next("cheap", [same(), same(), says("Thank you, I see it now.")]);
    models.next("strong", [calls("read", json!({"path": "y"}))]);
    let ran = ran(&agent_of(&models, &["cheap", "strong"]), "go").await;
    assert_eq!(
        ran.summary().stopped,
        Stopped::Done,
        "{:?}",
        ran.contents("error")
    );
    assert_eq!(
        moves(&ran),
        [
            ("cheap", None),
            ("cheap", None),
            ("strong", Some("stuck: same call")),
            ("cheap", Some("back again"))
        ]
    );
    assert_eq!(ran.answer(), "Thank you, I see it now.");
    let summary = ran.summary();
    let shares: Vec<_> = summary
        .models
        .iter()
        .map(|share| (&*share.model_alias, share.rounds.clone()))
        .collect();
    assert_eq!(shares, [("cheap", vec![1, 2, 4]), ("strong", vec![3])]);
}

#[tokio::test(start_paused = true)]
async fn what_a_model_reasoned_goes_to_nobody_else() {
    let models = Models::default();
    let same = || calls("read", json!({"path": "x"}));
    models.next("cheap", [same(), same(), says("done")]);
    models.next("strong", [calls("read", json!({"path": "y"}))]);
    let ran = ran(&agent_of(&models, &["cheap", "strong"]), "go").await;
    let reasoned = |request: usize| -> Vec<bool> {
        let asked = models.asked();
        let messages = asked[request].1["messages"].as_array().unwrap().clone();
        let said = messages
            .into_iter()
            .filter(|message| message["role"] == "assistant");
        said.map(|message| message.get("reasoning_content").is_some())
            .collect()
    };
    // The cheap one sees its own, the strong one nothing of it, the cheap one then not the strong one's.
    assert_eq!(reasoned(1), [true]);
    assert_eq!(reasoned(2), [false, false]);
    assert_eq!(reasoned(3), [true, true, false]);
    // It ends with the turn.
    let history = serde_json::to_string(&ran.summary().messages).unwrap();
    assert!(!history.contains("reasoning"), "{history}");
}

#[tokio::test(start_paused = true)]
async fn an_empty_answer_is_asked_of_a_stronger_one() {
    let models = Models::default();
    models.next("cheap", [says("")]);
    models.next("strong", [says("here")]);
    let both = ran(&agent_of(&models, &["cheap", "strong"]), "go").await;
    assert_eq!(
        moves(&both),
        [("cheap", None), ("strong", Some("stuck: empty answer"))]
    );
    assert_eq!(both.answer(), "here");
    // Where there is none, a loop goes on, and nothing is said of a move.
    let same = || calls("read", json!({"path": "x"}));
    models.next("cheap", [same(), same(), says("I see.")]);
    let looping = ran(&agent_of(&models, &["cheap"]), "go").await;
    assert_eq!(
        moves(&looping),
        [("cheap", None), ("cheap", None), ("cheap", None)]
    );
    // An empty answer ends the turn.
    models.next("cheap", [says("")]);
    let alone = ran(&agent_of(&models, &["cheap"]), "go").await;
    assert_eq!(alone.summary().stopped, Stopped::Failed);
    assert_eq!(alone.errors(), [("empty_answer", "decide", false)]);
}

#[tokio::test(start_paused = true)]
async fn arguments_that_never_fit_are_left_to_a_stronger_one() {
    let models = Models::default();
    let wrong = |arguments: &str| Does::Calls(vec![("read".to_owned(), arguments.to_owned())]);
    models.next("cheap", [wrong("{"), wrong("{\"pth\": 1}"), says("done")]);
    models.next("strong", [calls("read", json!({"path": "x"}))]);
    let ran = ran(&agent_of(&models, &["cheap", "strong"]), "go").await;
    let aliases: Vec<&str> = moves(&ran).iter().map(|(alias, _)| *alias).collect();
    assert_eq!(aliases, ["cheap", "cheap", "strong", "cheap"]);
    assert_eq!(moves(&ran)[2].1, Some("stuck: refused calls"));
    // Refusals are the model's failures, not the tool's.
    assert!(ran.contents("tool_result")[2].contains("text of x"));
}

#[tokio::test(start_paused = true)]
async fn a_stronger_one_that_fails_is_got_over() {
    let models = Models::default();
    models.next("cheap", [says(""), says("second try")]);
    models.next(
        "strong",
        (0..4).map(|_| Does::Refuses(401, "invalid_api_key", "no".to_owned())),
    );
    let ran = ran(&agent_of(&models, &["cheap", "strong"]), "go").await;
    assert_eq!(ran.answer(), "second try");
    assert_eq!(ran.errors(), [("auth", "stream", true)]);
}

#[tokio::test(start_paused = true)]
async fn strength_is_the_users_word_where_it_is_given() {
    let models = Models::default();
    models.next("dear", [says("")]);
    models.next("cheap", [says("")]);
    models.next("middle", [says("it is I")]);
    let agent = agent_of(&models, &["cheap", "middle", "dear"]).strength(["dear", "cheap", "middle"]);
    let ran = ran(&agent, "go").await;
    assert_eq!(ran.aliases(), ["cheap", "middle"]);
}

#[tokio::test(start_paused = true)]
async fn a_cheap_one_reads_what_tools_gave() {
    let models = Models::default();
    let read = |path: &str| calls("read", json!({"path": path}));
    models.next("first", [read("x")]);
    models.next("reader", [read("y"), says("It says x and y.")]);
    let agent = agent_of(&models, &["first", "reader"]).strength(["reader", "first"]);
    let ran = ran(&agent.decider(UntilDone::new().reading(Reading::Cheaper)), "go").await;
    assert_eq!(
        moves(&ran),
        [
            ("first", None),
            ("reader", Some("reads results")),
            ("reader", None)
        ]
    );
    assert_eq!(ran.answer(), "It says x and y.");
}

#[tokio::test(start_paused = true)]
async fn a_loop_stays_with_its_model_whatever_the_selector_says() {
    let models = Models::default();
    let builder = ModelPool::builder().selector(std::sync::Arc::new(selectors::RoundRobin));
    let pool = pool_with(&models, vec![("a", able()), ("b", able())], builder);
    for alias in ["a", "b"] {
        models.next(
            alias,
            [
                calls("read", json!({"path": "x"})),
                calls("read", json!({"path": "y"})),
                says("done"),
            ],
        );
    }
    let staying = AgentController::new(StreamingGenerator::of_pool(pool)).tools(tools());
    let first = ran(&staying, "go").await;
    let alias = first.aliases()[0].clone();
    assert_eq!(first.aliases(), vec![alias; 3]);
    // Where the user says so, each round goes where the pool sends it.
    let moving = staying.decider(UntilDone::new().reading(Reading::Anew));
    for alias in ["a", "b"] {
        models.next(alias, [calls("read", json!({"path": "1"})), says("done")]);
    }
    let second = ran(&moving, "go").await;
    assert!(
        second.aliases().windows(2).all(|pair| pair[0] != pair[1]),
        "{:?}",
        second.aliases()
    );
}
