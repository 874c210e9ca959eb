//! A provider of your own: a model that lives in this process, beside any other of the pool.
//!
//! A provider takes the caller's body, in OpenAI's shape, and answers in it: whole, or event by
//! event where a stream is asked for. Registered under a name, it is named in a model's
//! configuration like any vendor. (`modelpool_testkit::provider_suite` puts providers that call a
//! server to the test.)
//!
//! Run it with `cargo run -p modelpool --example own_provider`.

#![allow(clippy::print_stdout)] // an example talks

use std::sync::Arc;

use futures_util::stream;
use modelpool::parts::core::BoxFuture;
use modelpool::parts::providers::openai_chat::text_event;
use modelpool::{
    Capabilities, ChatRequest, Error, ErrorKind, FinishReason, Flag, ModelConfig, ModelPool, Provider,
    ProviderRegistry, ProviderRequest, Reply, ReplyBody, ReplyHead, StreamEvent, WholeReply,
};
use serde_json::{Value, json};

/// Says what it is told, only louder.
#[derive(Debug)]
struct Echo {
    /// What it adds, from the model's configuration.
    mark: String,
}

impl Echo {
    fn answer_to(&self, request: &ProviderRequest) -> Result<String, Error> {
        let body: Value = serde_json::from_slice(&request.body.bytes)
            .map_err(|error| Error::new(ErrorKind::InvalidRequest, error.to_string()))?;
        let messages = body["messages"].as_array().map(Vec::as_slice).unwrap_or_default();
        let said = messages
            .iter()
            .rev()
            .find_map(|message| message["content"].as_str());
        match said {
            Some(said) => Ok(format!("{}{}", said.to_uppercase(), self.mark)),
            // Another model may see more than text: the pool goes on to the next.
            None => Err(Error::new(
                ErrorKind::Unsupported { capability: None },
                "the echo hears text only",
            )),
        }
    }
}

impl Provider for Echo {
    fn call(&self, request: ProviderRequest) -> BoxFuture<'_, Result<Reply, Error>> {
        Box::pin(async move {
            let text = self.answer_to(&request)?;
            let body = if request.facts.stream {
                let words = text
                    .split_inclusive(' ')
                    .map(|word| text_event("echo", word, None));
                let end = text_event("echo", "", Some("stop"));
                let events: Vec<Result<StreamEvent, Error>> = words.chain([end]).map(Ok).collect();
                ReplyBody::Stream(Box::pin(stream::iter(events)))
            } else {
                let message = json!({"role": "assistant", "content": text});
                let choice = json!({"index": 0, "message": message, "finish_reason": "stop"});
                let answer = json!({"object": "chat.completion", "model": "echo", "choices": [choice]});
                ReplyBody::Whole(WholeReply {
                    bytes: answer.to_string().into(),
                    usage: None, // estimated, and marked so
                    finish: Some(FinishReason::Stop),
                    issued: Vec::new(),
                })
            };
            Ok(Reply {
                head: ReplyHead::default(),
                body,
            })
        })
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut registry = ProviderRegistry::new();
    registry.register("echo", |config, _| {
        let mark = config
            .extra
            .body
            .get("mark")
            .and_then(Value::as_str)
            .unwrap_or("!");
        Ok(Arc::new(Echo {
            mark: mark.to_owned(),
        }) as Arc<dyn Provider>)
    });
    let pool = ModelPool::builder().registry(registry).build();
    let at_home = Capabilities::new().custom("runs_locally", true);
    pool.add(ModelConfig::new("parrot", "echo", "parrot-1").capabilities(at_home))?
        .add(
            ModelConfig::new("fast", "openai", "gpt-4o-mini")
                .capabilities(Capabilities::new().supports(Flag::Vision)),
        )?;

    let here = || {
        ChatRequest::new()
            .user("hello out there")
            .require(json!({"runs_locally": true}))
    };
    let answer = pool.chat(here()).await?;
    println!("{}: {}", answer.alias, answer.text());

    let mut stream = pool.chat_stream(here()).await?;
    while let Some(event) = stream.next().await {
        print!("{}", event?.text());
    }
    println!(" (about {} tokens)", stream.summary().usage.output_tokens);
    Ok(())
}
