//! What a turn does, from the message to the answer.

use modelpool_agent::Stopped;
use serde_json::json;

use crate::stage::{Does, Models, agent_of, calls, ran, says};

#[tokio::test(start_paused = true)]
async fn a_turn_with_a_tool() {
    let models = Models::default();
    models.next("a", [calls("read", json!({"path": "x"})), says("It says x.")]);
    let ran = ran(&agent_of(&models, &["a", "b"]), "what is in x?").await;
    assert_eq!(ran.answer(), "It says x.");
    assert_eq!(ran.aliases(), ["a", "a"]);
    assert_eq!(ran.contents("tool_result"), ["text of x"]);
    assert_eq!(ran.contents("response_delta").concat(), "It says x.");
    let summary = ran.summary();
    assert_eq!(summary.stopped, Stopped::Done);
    assert_eq!(
        (
            summary.rounds.len(),
            summary.usage.total_tokens(),
            summary.tool_calls
        ),
        (2, 220, 1)
    );
    let cost = summary.cost_usd.unwrap();
    assert!((cost - 0.00022).abs() < 1e-9, "{cost}");
    let roles: Vec<String> = summary
        .messages
        .iter()
        .map(|message| format!("{:?}", message.role()))
        .collect();
    assert_eq!(roles, ["User", "Assistant", "Tool", "Assistant"]);
    assert_eq!(
        ran.kinds(),
        [
            "thinking",
            "thinking",
            "context",
            "thinking",
            "llm_streaming",
            "thinking",
            "thinking",
            "tool_call",
            "tool_result",
            "context_update",
            "thinking",
            "llm_streaming",
            "response_delta",
            "response_delta",
            "response_delta",
            "turn_complete",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn tools_of_one_round_have_their_results_in_order() {
    let models = Models::default();
    let both = ["1", "2", "3"].map(|path| ("read".to_owned(), json!({"path": path}).to_string()));
    models.next("a", [Does::Calls(both.to_vec()), says("done")]);
    let ran = ran(&agent_of(&models, &["a"]), "read").await;
    let asked = models.asked();
    let results: Vec<&str> = asked[1].1["messages"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|message| message["role"] == "tool")
        .map(|message| message["content"].as_str().unwrap())
        .collect();
    assert_eq!(results, ["text of 1", "text of 2", "text of 3"]);
    assert_eq!(ran.summary().tool_calls, 3);
}
