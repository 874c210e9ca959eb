//! What goes wrong in a phase is got over, or said.

use modelpool::{Capabilities, Flag, ModelPool, Requirements};
use modelpool_agent::context::SessionContext;
use modelpool_agent::{AgentController, AgentEvent, Limits, Message, Stopped, StreamingGenerator};
use serde_json::{Value, json};

use crate::stage::{Does, Models, Ran, agent_of, calls, pool_with, ran, says, too_long};

fn long_history(turns: usize) -> SessionContext {
    let turn = |number: usize| {
        let said = format!(
            "turn {number}: {}",
            "the sea is wide and the boat is small ".repeat(20)
        );
        [Message::user(said.as_str()), Message::assistant(said)]
    };
    SessionContext {
        history: (0..turns).flat_map(turn).collect(),
        ..SessionContext::default()
    }
}

fn size(asked: &Value) -> usize {
    asked["messages"].to_string().len()
}

#[tokio::test(start_paused = true)]
async fn a_context_that_is_too_long_is_trimmed() {
    let models = Models::default();
    models.next(
        "a",
        [too_long(4_000), too_long(3_000), says("I read what was left.")],
    );
    let agent = agent_of(&models, &["a"]);
    let ran = Ran::of(agent.stream_run("and now?", long_history(40), None)).await;
    assert_eq!(
        (ran.summary().stopped, ran.answer()),
        (Stopped::Done, "I read what was left.")
    );
    assert_eq!(
        ran.errors(),
        [
            ("context_length", "stream", true),
            ("context_length", "stream", true)
        ]
    );
    assert_eq!(ran.summary().recoveries, 2);
    assert_eq!(ran.contents("context_update").len(), 2);
    let sizes: Vec<usize> = models.asked().iter().map(|(_, asked)| size(asked)).collect();
    assert!(sizes[0] > sizes[1] && sizes[1] > sizes[2], "{sizes:?}");
    // 3,000 tokens were told at last, of which three quarters may be used.
    assert!(sizes[2] < 3_000 * 4, "{sizes:?}");
    // What the user says is never left out.
    for (_, asked) in models.asked() {
        let last = asked["messages"].as_array().unwrap().last().unwrap().clone();
        assert_eq!(last["content"], "and now?");
    }
}

#[tokio::test(start_paused = true)]
async fn results_that_are_too_long_are_shortened() {
    let models = Models::default();
    models.next("a", [calls("long", json!({})), too_long(1_500), says("done")]);
    let ran = ran(&agent_of(&models, &["a"]), "go").await;
    assert_eq!(
        (ran.summary().stopped, ran.answer()),
        (Stopped::Done, "done"),
        "{:?}",
        ran.errors()
    );
    let asked = models.asked();
    let result = |asked: &Value| asked["messages"][2]["content"].as_str().unwrap().to_owned();
    assert!(result(&asked[1].1).len() > 9_000);
    assert!(
        result(&asked[2].1).ends_with("the conversation became too long]"),
        "{}",
        result(&asked[2].1)
    );
}

#[tokio::test(start_paused = true)]
async fn a_message_that_is_too_long_for_every_model_is_said_to_be() {
    let models = Models::default();
    models.next("a", (0..9).map(|_| too_long(10)));
    let ran = ran(&agent_of(&models, &["a"]), "a question").await;
    assert_eq!(ran.summary().stopped, Stopped::Failed);
    assert_eq!(ran.errors().last(), Some(&("context_length", "stream", false)));
    assert!(models.asked().len() <= 2);
    assert!(ran.summary().messages.is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_history_is_trimmed_before_anybody_is_asked() {
    let models = Models::default();
    let small = Capabilities::new().supports(Flag::Tools).context_window(2_000);
    let larger = Capabilities::new().supports(Flag::Tools).context_window(4_000);
    let pool = pool_with(&models, vec![("a", small), ("b", larger)], ModelPool::builder());
    let agent = AgentController::new(StreamingGenerator::of_pool(pool));
    // Where the history decides, to that of the largest model; else of the model that the message needs.
    let plain = Ran::of(agent.stream_run("and now?", long_history(40), None)).await;
    assert_eq!((plain.aliases(), plain.errors().len()), (vec!["a".to_owned()], 0));
    assert!(size(&models.asked()[0].1) < 2_000 * 4);
    let ran = Ran::of(
        agent
            .history_decides()
            .stream_run("and now?", long_history(40), None),
    )
    .await;
    assert_eq!(ran.summary().stopped, Stopped::Done, "{:?}", ran.errors());
    assert_eq!((ran.aliases(), ran.errors().len()), (vec!["b".to_owned()], 0));
    assert!(size(&models.asked()[1].1) < 4_000 * 4 && size(&models.asked()[1].1) > 2_000 * 4);
}

#[tokio::test(start_paused = true)]
async fn a_tool_that_fails_is_told_to_the_model() {
    let models = Models::default();
    models.next("a", [calls("fail", json!({})), says("Then not.")]);
    let ran = ran(&agent_of(&models, &["a"]), "go").await;
    assert_eq!(
        (ran.summary().stopped, ran.answer()),
        (Stopped::Done, "Then not.")
    );
    assert_eq!(ran.contents("tool_result"), ["error: the disk is on fire"]);
    let asked = models.asked();
    assert_eq!(asked[1].1["messages"][2]["content"], "error: the disk is on fire");
    assert_eq!(ran.summary().recoveries, 1);
}

#[tokio::test(start_paused = true)]
async fn a_tool_that_fails_again_and_again_is_taken_away() {
    let models = Models::default();
    let tries = (0..4).map(|_| Does::Calls(vec![("fail".to_owned(), "{}".to_owned())]));
    models.next("a", tries.chain([says("I give up.")]));
    let limits = Limits {
        failures_of_a_tool: 3,
        ..Limits::default()
    };
    let ran = ran(&agent_of(&models, &["a"]).limits(limits), "go").await;
    assert_eq!(ran.answer(), "I give up.");
    let offered: Vec<bool> = models
        .asked()
        .iter()
        .map(|(_, asked)| asked["tools"].to_string().contains("\"fail\""))
        .collect();
    assert_eq!(offered, [true, true, true, false, false]);
    let results = ran.contents("tool_result");
    assert!(
        results[2].contains("`fail` failed 3 times in a row and is not offered any more"),
        "{results:?}"
    );
    // Whoever calls it all the same is told that there is none.
    assert!(
        results[3].starts_with("error:") && !results[3].contains("disk"),
        "{results:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn the_last_tool_is_named_but_may_not_be_called() {
    let models = Models::default();
    models.next("a", [calls("fail", json!({})), says("I give up.")]);
    let only = crate::stage::tools().subset(["fail"]).unwrap();
    let limits = Limits {
        failures_of_a_tool: 1,
        ..Limits::default()
    };
    let ran = ran(&agent_of(&models, &["a"]).tools(only).limits(limits), "go").await;
    assert_eq!(ran.answer(), "I give up.");
    let asked = models.asked();
    assert_eq!(asked[1].1["tools"], asked[0].1["tools"]);
    assert_eq!(asked[1].1["tool_choice"], "none");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_lost_in_a_call_is_asked_for_again() {
    let models = Models::default();
    models.next("a", [Does::BreaksInCall, says("again")]);
    let ran = ran(&agent_of(&models, &["a"]), "go").await;
    assert_eq!(
        (ran.summary().stopped, ran.answer()),
        (Stopped::Done, "again"),
        "{:?}",
        ran.contents("error")
    );
    assert_eq!(ran.aliases(), ["a", "a"]);
    let errors = ran.errors();
    assert_eq!((errors.len(), errors[0].1, errors[0].2), (1, "stream", true));
}

#[tokio::test(start_paused = true)]
async fn a_text_that_is_lost_is_gone_on_with_by_the_next_model() {
    let models = Models::default();
    let refused = Does::Refuses(401, "invalid_api_key", "no".to_owned());
    models.next("a", [Does::BreaksAfter("It was a ".to_owned()), refused]);
    models.next("b", [says("dark night.")]);
    let ran = ran(&agent_of(&models, &["a", "b"]), "go").await;
    assert_eq!(
        (ran.summary().stopped, ran.answer()),
        (Stopped::Done, "It was a dark night.")
    );
    assert_eq!(ran.contents("response_delta").concat(), "It was a dark night.");
    let continues = |event: &modelpool_agent::AgentEvent| event.to_json()["metadata"]["continues"].as_bool();
    let continues: Vec<bool> = ran.events.iter().filter_map(continues).collect();
    assert_eq!(
        (ran.aliases(), continues),
        (vec!["a".to_owned(), "b".to_owned()], vec![false, true])
    );
    assert_eq!(ran.summary().rounds.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_lost_again_and_again_is_given_up() {
    let models = Models::default();
    models.next("a", std::iter::repeat_n(Does::BreaksInCall, 9));
    let ran = ran(&agent_of(&models, &["a"]), "go").await;
    assert_eq!(ran.summary().stopped, Stopped::Failed);
    let got_over: Vec<bool> = ran.errors().iter().map(|error| error.2).collect();
    assert_eq!(got_over, [true, true, false]);
}

#[tokio::test(start_paused = true)]
async fn what_nobody_can_do_names_what_is_missing() {
    let models = Models::default();
    let blind = Capabilities::new().lacks(Flag::Vision).context_window(9_000);
    let pool = pool_with(&models, vec![("a", blind)], ModelPool::builder());
    let agent = AgentController::new(StreamingGenerator::of_pool(pool));
    let picture = Message::user_with_images("what is it?", ["data:image/png;base64,AAAA"]);
    let ran = ran(&agent, picture).await;
    assert_eq!(ran.summary().stopped, Stopped::Failed);
    assert_eq!(ran.errors(), [("no_model_fits", "stream", false)]);
    let words = ran.contents("error")[0];
    assert!(
        words.contains("a lacks") && words.contains("supports_vision"),
        "{words}"
    );
    let facts = ran.events.iter().find_map(|event| match event {
        AgentEvent::Error { metadata, .. } => Some(metadata),
        _ => None,
    });
    let facts = facts.unwrap();
    assert_eq!(facts.missing.len(), 1);
    assert_eq!(facts.missing[0].alias, "a");
    assert!(
        facts.missing[0]
            .missing
            .iter()
            .any(|lack| lack.key == "supports_vision")
    );
    assert!(facts.unknown_keys.is_empty() && !facts.input_too_long);
    let told = ran
        .events
        .iter()
        .find(|event| event.kind() == "error")
        .unwrap()
        .to_json();
    assert_eq!(
        told["metadata"]["missing"],
        json!([{"alias": "a", "missing": [
            {"key": "supports_vision", "wanted": true, "has": false, "provenance": "declared"},
        ]}])
    );
    assert!(models.asked().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_requirement_that_nobody_knows_is_named() {
    let models = Models::default();
    let agent = agent_of(&models, &["a"]);
    let required = Requirements::from_json(&json!({"suports_vision": true})).unwrap();
    let ran = Ran::of(agent.stream_run("go", SessionContext::default(), Some(required))).await;
    let error = ran.events.iter().find(|event| event.kind() == "error").unwrap();
    assert_eq!(
        error.to_json()["metadata"]["unknown_keys"],
        json!([{"key": "suports_vision", "nearest": "supports_vision"}])
    );
    // Other errors lack nothing.
    let failed = crate::stage::ran(&agent_of(&models, &[]), "go").await;
    assert!(
        failed
            .events
            .iter()
            .any(|event| event.kind() == "error" && event.to_json()["metadata"]["missing"] == json!([]))
    );
}
