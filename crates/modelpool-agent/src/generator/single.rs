//! One provider, no selection.

use std::sync::Arc;

use futures_util::StreamExt as _;
use modelpool::{Error, FinishReason, Usage};
use serde_json::{Map, Value};
use tokio::time::Instant;

use super::gather::Gathered;
use super::provider::{LlmProvider, ProviderChunk};
use super::{Chunk, Generation, GenerationRequest, Picked, tools_of};
use crate::emitting::Emitter;

/// There is no choice: the provider it is.
pub(super) fn picked(provider: &dyn LlmProvider) -> Picked {
    let name: Arc<str> = provider.name().into();
    Picked {
        alias: Arc::clone(&name),
        model_name: name,
        ..Picked::default()
    }
}

/// Asks the provider.
pub(super) async fn generate(
    provider: Arc<dyn LlmProvider>,
    options: Map<String, Value>,
    request: GenerationRequest,
    number: u64,
    emitter: Emitter<Result<Chunk, Error>>,
) {
    let began = Instant::now();
    let picked = picked(&*provider);
    // Told with its first word: until then a failure is one before the answer began.
    let mut untold = Some(picked.clone());
    let mut stream = provider.generate_stream(request.messages, tools_of(&request.tools), options);
    let mut gathered = Gathered::default();
    let mut usage = Usage::default();
    while let Some(chunk) = stream.next().await {
        let chunk = match chunk {
            Ok(chunk) => chunk,
            Err(error) => {
                emitter.emit(Err(error.at(&picked.alias))).await;
                return;
            }
        };
        if let Some(picked) = untold.take() {
            emitter.emit(Ok(Chunk::Picked(picked))).await;
        }
        let chunk = match chunk {
            ProviderChunk::Text(text) => {
                gathered.text("content", &text);
                Some(Chunk::Text(text))
            }
            ProviderChunk::Thinking(text) => {
                gathered.text("reasoning_content", &text);
                Some(Chunk::Thinking(text))
            }
            ProviderChunk::ToolCall(call) => {
                gathered.call(&call);
                None
            }
            ProviderChunk::Delta(delta) => {
                gathered.delta(&delta);
                delta["content"].as_str().map(|text| Chunk::Text(text.to_owned()))
            }
            ProviderChunk::Usage(used) => {
                usage = used;
                None
            }
            ProviderChunk::Finish(finish) => {
                gathered.finish = Some(finish);
                None
            }
        };
        if let Some(chunk) = chunk {
            emitter.emit(Ok(chunk)).await;
        }
    }
    if let Some(picked) = untold {
        emitter.emit(Ok(Chunk::Picked(picked))).await;
    }
    let finish = gathered.finish.take();
    let message = gathered.into_message(&number.to_string());
    let finish = finish.unwrap_or(match message.tool_calls().is_empty() {
        true => FinishReason::Stop,
        false => FinishReason::ToolCalls,
    });
    let generation = Generation {
        picked,
        message,
        finish: Some(finish),
        usage,
        cost_usd: None,
        attempts: 1,
        continued: 0,
        elapsed: began.elapsed(),
    };
    emitter.emit(Ok(Chunk::Done(Box::new(generation)))).await;
}
