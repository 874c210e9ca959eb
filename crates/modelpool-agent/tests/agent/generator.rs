//! The streaming generator by itself.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use futures_util::StreamExt as _;
use modelpool::{Capabilities, ErrorKind, Flag, ModelPool, Requirements, Usage};
use modelpool_agent::context::{ManagedContext, SessionContext};
use modelpool_agent::tool::ToolDefinition;
use modelpool_agent::{
    AgentController, Chunk, Generation, GenerationStream, LlmProvider, Message, ProviderChunk,
    ProviderStream, Stopped, StreamingGenerator, ToolCall,
};
use serde_json::{Map, Value, json};

use crate::stage::{Models, Ran, pool_with, says, tools};

async fn done(mut chunks: GenerationStream) -> Result<Generation, modelpool::Error> {
    while let Some(chunk) = chunks.next().await {
        if let Chunk::Done(generation) = chunk? {
            return Ok(*generation);
        }
    }
    panic!("the stream ended before the answer was done");
}

/// Windows of 8,000, 20,000 and 100,000 tokens; the second sees, the third calls tools.
fn generator(models: &Models) -> StreamingGenerator {
    let plain = || Capabilities::new().lacks(Flag::Tools).lacks(Flag::Vision);
    let all = vec![
        ("plain", plain().context_window(8_000)),
        ("sees", plain().supports(Flag::Vision).context_window(20_000)),
        ("large", plain().supports(Flag::Tools).context_window(100_000)),
    ];
    StreamingGenerator::of_pool(pool_with(models, all, ModelPool::builder()))
}

async fn alias(
    generator: &StreamingGenerator,
    message: &str,
    tools: &[ToolDefinition],
    wanted: Value,
) -> String {
    let wanted = Requirements::from_json(&wanted).unwrap();
    let message = Message::user(message);
    let context = ManagedContext::default();
    let answer = done(generator.stream_response(&message, &context, tools, Some(&wanted)))
        .await
        .unwrap();
    answer.picked.alias.to_string()
}

#[tokio::test(start_paused = true)]
async fn what_is_needed_is_inferred_and_overridden() {
    let models = Models::default();
    let generator = generator(&models);
    let set = tools();
    let definitions: Vec<ToolDefinition> = set.iter().map(|tool| tool.definition().clone()).collect();
    for (message, tools, wanted, expected) in [
        ("hello", &[][..], json!({}), "plain"),
        ("请分析这张图片", &[], json!({}), "sees"),
        ("what is in this image?", &[], json!({}), "sees"),
        (
            "what is in this image?",
            &[],
            json!({"supports_vision": false}),
            "plain",
        ),
        ("imagine a photon", &[], json!({}), "plain"),
        ("hello", &definitions, json!({}), "large"),
        ("hello", &[], json!({"min_context_window": 50_000}), "large"),
        // Over 20,000 characters ask for 16,000 tokens, over 50,000 for 32,000.
        (&"ab ".repeat(6_600), &[], json!({}), "plain"),
        (&"ab ".repeat(6_700), &[], json!({}), "sees"),
        (&"ab ".repeat(16_700), &[], json!({}), "large"),
    ] {
        let alias = alias(&generator, message, tools, wanted.clone()).await;
        assert_eq!(alias, expected, "{} {wanted}", &message[..message.len().min(40)]);
    }
}

#[tokio::test(start_paused = true)]
async fn words_alone_need_nobody_who_sees_where_nobody_does() {
    let models = Models::default();
    let blind = Capabilities::new().lacks(Flag::Vision);
    let pool = pool_with(&models, vec![("blind", blind)], ModelPool::builder());
    let generator = StreamingGenerator::of_pool(pool);
    let message = Message::user("build a docker image");
    let answer = done(generator.stream_response(&message, &ManagedContext::default(), &[], None))
        .await
        .unwrap();
    assert_eq!(&*answer.picked.alias, "blind");
    assert!(
        answer.picked.notes[0].contains("no model is known to see"),
        "{:?}",
        answer.picked.notes
    );
}

#[tokio::test(start_paused = true)]
async fn a_selection_that_finds_nothing_says_what_is_missing() {
    let models = Models::default();
    let wanted = Requirements::from_json(&json!({"speaks": "latin"})).unwrap();
    let message = Message::user("salve");
    let failed =
        done(generator(&models).stream_response(&message, &ManagedContext::default(), &[], Some(&wanted)))
            .await;
    let error = failed.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::NoModelFits(_)));
    assert!(error.message().contains("no model knows `speaks`"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn members_of_the_users_go_along() {
    let models = Models::default();
    models.next("plain", [says("ok")]);
    let generator = generator(&models).with("temperature", 0.5).model("plain");
    let message = Message::user("hello");
    let context = ManagedContext {
        messages: vec![Message::system("be brief"), message.clone()],
        ..ManagedContext::default()
    };
    done(generator.stream_response(&message, &context, &[], None))
        .await
        .unwrap();
    let asked = models.asked()[0].1.clone();
    assert_eq!(asked["temperature"], 0.5);
    // The message stands in the context already.
    assert_eq!(asked["messages"].as_array().unwrap().len(), 2);
}

/// A provider of the old way, which calls a tool first.
#[derive(Debug, Default)]
struct Old(Mutex<Vec<Asked>>);

/// What was asked: messages, how many tools, further members.
type Asked = (Vec<Message>, usize, Map<String, Value>);

impl LlmProvider for Old {
    fn name(&self) -> &str {
        "old"
    }

    fn generate_stream(
        &self,
        messages: Vec<Message>,
        tools: Vec<Value>,
        options: Map<String, Value>,
    ) -> ProviderStream {
        let answers = messages.iter().any(|message| message.tool_call_id().is_some());
        self.0.lock().unwrap().push((messages, tools.len(), options));
        let call = ToolCall {
            id: String::new(),
            name: "read".to_owned(),
            arguments: r#"{"path": "x"}"#.to_owned(),
        };
        let chunks = match answers {
            false => vec![
                ProviderChunk::Thinking("hm".to_owned()),
                ProviderChunk::ToolCall(call),
            ],
            true => vec![
                ProviderChunk::Text("It is ".to_owned()),
                ProviderChunk::Delta(json!({"content": "x."})),
                ProviderChunk::Usage(Usage {
                    input_tokens: 5,
                    output_tokens: 2,
                    ..Usage::default()
                }),
            ],
        };
        Box::pin(futures_util::stream::iter(chunks.into_iter().map(Ok)))
    }
}

#[tokio::test(start_paused = true)]
async fn the_old_way_is_one_provider_without_selection() {
    let provider = Arc::new(Old::default());
    let generator =
        StreamingGenerator::of_provider(Arc::clone(&provider) as Arc<dyn LlmProvider>).with("top_p", 0.1);
    let agent = AgentController::new(generator).tools(tools());
    let ran = Ran::of(agent.stream_run("请分析这张图片", SessionContext::default(), None)).await;
    assert_eq!((ran.answer(), ran.summary().stopped), ("It is x.", Stopped::Done));
    assert_eq!(ran.aliases(), ["old", "old"]);
    assert_eq!(ran.summary().usage.total_tokens(), 7);
    let asked = provider.0.lock().unwrap();
    assert_eq!((asked[0].1, asked[0].2["top_p"].clone()), (4, json!(0.1)));
    let result = &asked[1].0[2];
    assert_eq!(result.tool_call_id(), Some("call_0_0"));
}

/// A provider that is gone.
#[derive(Debug, Default)]
struct Gone(AtomicU32);

impl LlmProvider for Gone {
    fn name(&self) -> &str {
        "gone"
    }

    fn generate_stream(&self, _: Vec<Message>, _: Vec<Value>, _: Map<String, Value>) -> ProviderStream {
        self.0.fetch_add(1, Ordering::Relaxed);
        let error = modelpool::Error::new(ErrorKind::Connect, "nobody is there");
        Box::pin(futures_util::stream::iter([Err(error)]))
    }
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_fails_before_its_first_word_is_asked_once() {
    let provider = Arc::new(Gone::default());
    let generator = StreamingGenerator::of_provider(Arc::clone(&provider) as Arc<dyn LlmProvider>);
    let agent = AgentController::new(generator);
    let ran = Ran::of(agent.stream_run("hello", SessionContext::default(), None)).await;
    assert_eq!(ran.summary().stopped, Stopped::Failed);
    assert_eq!(provider.0.load(Ordering::Relaxed), 1);
    assert_eq!(ran.aliases(), [""; 0]);
}
