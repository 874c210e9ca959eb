//! A conversation whose turns need different things, each answered by the model that fits it: no model is named
//! anywhere. Against the testkit's simulator, over real sockets.

use modelpool::{Capabilities, Flag, ModelConfig, ModelPool};
use modelpool_agent::context::SessionContext;
use modelpool_agent::{AgentController, Message, Stopped, StreamingGenerator};
use modelpool_testkit::Simulator;
use modelpool_testkit::simulator::{Fault, FaultRule};

use crate::stage::{Ran, tools};

const PIXEL: &str = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

/// A plain model, one that calls tools, one that sees, one with a large window: each dearer than the one before.
fn pool(upstream: &Simulator) -> ModelPool {
    let plain = || {
        let lacks = Capabilities::new().lacks(Flag::Tools).lacks(Flag::Vision);
        lacks.context_window(8_000)
    };
    let models = [
        ("plain", plain(), 0.001),
        ("handy", plain().supports(Flag::Tools), 0.002),
        ("sees", plain().supports(Flag::Vision), 0.003),
        ("large", plain().context_window(200_000), 0.004),
    ];
    let pool = ModelPool::new();
    for (alias, capabilities, cost) in models {
        let config = ModelConfig::new(alias, "custom", alias).base_url(upstream.base_url());
        pool.add(config.capabilities(capabilities.cost_per_1k_tokens(cost)))
            .unwrap();
    }
    pool
}

/// One turn; what was said goes on into the next.
async fn turn(agent: &AgentController, session: &mut SessionContext, message: impl Into<Message>) -> Ran {
    let ran = Ran::of(agent.stream_run(message, session.clone(), None)).await;
    assert_eq!(ran.summary().stopped, Stopped::Done, "{:?}", ran.events);
    ran.summary().add_to(session);
    ran
}

#[tokio::test]
async fn one_conversation_on_four_models() {
    let upstream = Simulator::builder().start().await.unwrap();
    let agent = AgentController::new(StreamingGenerator::of_pool(pool(&upstream)));
    let with_tools = agent.clone().tools(tools());
    let mut session = SessionContext::default();

    // A turn that needs tools: two rounds, both on the model that calls them.
    let first = turn(&with_tools, &mut session, "Please use the tool read for me.").await;
    assert_eq!(first.aliases(), ["handy", "handy"]);
    assert_eq!(first.contents("tool_result").len(), 1);
    assert!(first.answer().contains("The tool answered"), "{}", first.answer());
    assert_eq!(first.summary().rounds[1].purpose, "tool_results");

    // A picture.
    let look = Message::user_with_images("What do you see?", [PIXEL]);
    let second = turn(&agent, &mut session, look).await;
    assert_eq!(second.aliases(), ["sees"]);
    assert!(second.answer().contains("1 image"), "{}", second.answer());

    // A document too long for the others; the picture of the turn before is told in words.
    let report = "The quarterly figures of the lighthouse keepers rose by a third. ".repeat(1_200);
    let third = turn(&agent, &mut session, format!("Sum this report up.\n{report}")).await;
    assert_eq!(third.aliases(), ["large"]);
    assert!(!third.answer().contains("image"), "{}", third.answer());

    // Nothing special: the history is trimmed to what the plain model takes.
    let fourth = turn(&agent, &mut session, "Good morning!").await;
    assert_eq!(fourth.aliases(), ["plain"]);
    assert_eq!(upstream.counts().requests, 5);
    assert_eq!(session.history.len(), 10);
}

#[tokio::test]
async fn words_of_a_picture_count_for_an_agent() {
    let upstream = Simulator::builder().start().await.unwrap();
    let agent = AgentController::new(StreamingGenerator::of_pool(pool(&upstream)));
    let ran = turn(&agent, &mut SessionContext::default(), "请分析这张图片").await;
    assert_eq!(ran.aliases(), ["sees"]);
}

#[tokio::test]
async fn the_history_decides_where_the_user_says_so() {
    let upstream = Simulator::builder().start().await.unwrap();
    let agent = AgentController::new(StreamingGenerator::of_pool(pool(&upstream)));
    let said = "The keeper of the lighthouse wrote about storms and lamps and ships. ".repeat(900);
    let history = vec![Message::user(said), Message::assistant("I see.")];
    let session = SessionContext {
        history,
        ..SessionContext::default()
    };
    let plain = turn(&agent, &mut session.clone(), "Good morning!").await;
    assert_eq!(plain.aliases(), ["plain"]);
    let deciding = agent.history_decides();
    let large = turn(&deciding, &mut session.clone(), "Good morning!").await;
    assert_eq!(large.aliases(), ["large"]);
    let pictures = vec![
        Message::user_with_images("look", [PIXEL]),
        Message::assistant("I see."),
    ];
    let session = SessionContext {
        history: pictures,
        ..SessionContext::default()
    };
    assert_eq!(
        turn(&deciding, &mut session.clone(), "Good morning!")
            .await
            .aliases(),
        ["sees"]
    );
}

#[tokio::test]
async fn a_provider_that_is_gone_is_the_pools_business() {
    let rule = FaultRule::new(Fault::status(401)).for_model("plain").forever();
    let upstream = Simulator::builder().fault(rule).start().await.unwrap();
    let agent = AgentController::new(StreamingGenerator::of_pool(pool(&upstream)));
    let ran = turn(&agent, &mut SessionContext::default(), "Good morning!").await;
    assert_eq!(ran.aliases(), ["handy"]);
    assert_eq!(
        (ran.summary().recoveries, ran.summary().rounds[0].attempts),
        (0, 2)
    );
}
