//! A server of Ollama's wire in memory that loads its model when it is first asked for, for time that is paused.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use modelpool_core::transport::{BodyStream, TransportError};
use modelpool_core::{BoxFuture, Transport};
use serde_json::{Value, json};

pub const LOAD: Duration = Duration::from_secs(8);

/// What it answers: every word that a probe may ask for.
pub const ANSWER: &str = "hello banana four 47 7351 8264";

#[derive(Debug, Default)]
pub struct LazyOllama {
    loaded: AtomicBool,
    pub loads: AtomicU32,
    pub fails: AtomicBool,
    pub asked: Mutex<Vec<(String, Value)>>,
}

impl LazyOllama {
    pub fn asked(&self) -> Vec<(String, Value)> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn answer(&self, path: &str, body: &Value) -> (StatusCode, String) {
        if self.fails.load(Ordering::Relaxed) {
            let error = json!({"error": "model runner has unexpectedly stopped"});
            return (StatusCode::INTERNAL_SERVER_ERROR, error.to_string());
        }
        match path {
            "/api/show" => {
                let shown = json!({"capabilities": ["completion", "vision"]});
                return (StatusCode::OK, shown.to_string());
            }
            "/api/embed" => {
                let error = json!({"error": "this model does not support embeddings"});
                return (StatusCode::BAD_REQUEST, error.to_string());
            }
            _ => {}
        }
        if body["tools"].is_array() {
            let error = json!({"error": "registry.ollama.ai/library/m does not support tools"});
            return (StatusCode::BAD_REQUEST, error.to_string());
        }
        if !self.loaded.load(Ordering::Relaxed) {
            tokio::time::sleep(LOAD).await;
            self.loaded.store(true, Ordering::Relaxed);
            self.loads.fetch_add(1, Ordering::Relaxed);
        }
        let messages = body["messages"].as_array().map_or(0, Vec::len);
        let line = match messages {
            0 => json!({"model": "m", "message": {"role": "assistant", "content": ""}, "done": true,
                "done_reason": "load"}),
            _ => json!({"model": "m", "message": {"role": "assistant", "content": ANSWER}, "done": true,
                "done_reason": "stop", "prompt_eval_count": body["messages"].to_string().len() / 4,
                "eval_count": 8}),
        };
        (StatusCode::OK, format!("{line}\n"))
    }
}

impl Transport for LazyOllama {
    fn send(&self, request: Request<Bytes>) -> BoxFuture<'_, Result<Response<BodyStream>, TransportError>> {
        Box::pin(async move {
            let path = request.uri().path().to_owned();
            let body: Value = serde_json::from_slice(request.body()).unwrap_or_default();
            self.asked
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push((path.clone(), body.clone()));
            let (status, text) = self.answer(&path, &body).await;
            let mut response = Response::new(Box::pin(Once(Some(text.into()))) as BodyStream);
            *response.status_mut() = status;
            Ok(response)
        })
    }
}

/// A body in one part.
struct Once(Option<Bytes>);

impl futures_core::Stream for Once {
    type Item = Result<Bytes, TransportError>;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        _context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        std::task::Poll::Ready(self.0.take().map(Ok))
    }
}

/// A pool of one such model.
pub fn pool_over(
    server: &Arc<LazyOllama>,
    config: modelpool_core::ModelConfig,
) -> modelpool_engine::ModelPool {
    let pool = modelpool_engine::ModelPool::builder()
        .transport(Arc::clone(server) as Arc<dyn Transport>)
        .environment(Arc::new(|_| None))
        .build();
    pool.add(config.base_url("http://ollama.test")).unwrap();
    pool
}
