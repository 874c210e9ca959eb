//! A transport for tests and measurements: it answers within this process, without a network.
//!
//! What it answers is a chat completion of about a kilobyte, whatever it is asked. It is reached through
//! `NativePool.with_test_transport` alone and is no provider anybody could configure.

use bytes::Bytes;
use futures_util::stream;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Request, Response};
use modelpool::Transport;
use modelpool::parts::core::BoxFuture;
use modelpool::parts::core::transport::{BodyStream, TransportError};
use serde_json::json;

/// Answers at once, or after giving way to other tasks as a network would.
#[derive(Debug)]
pub(crate) struct TestTransport {
    /// Whether an answer has to be waited for.
    pub(crate) waits: bool,
}

/// Characters of the answer's text; with what stands around it the body has about a kilobyte.
const TEXT: usize = 700;

impl Transport for TestTransport {
    fn send(&self, _request: Request<Bytes>) -> BoxFuture<'_, Result<Response<BodyStream>, TransportError>> {
        Box::pin(async move {
            if self.waits {
                tokio::task::yield_now().await;
            }
            let body = json!({
                "id": "chatcmpl-test", "object": "chat.completion", "created": 1_700_000_000, "model": "test-model",
                "choices": [{
                    "index": 0, "finish_reason": "stop",
                    "message": {"role": "assistant", "content": "x".repeat(TEXT)},
                }],
                "usage": {"prompt_tokens": 200, "completion_tokens": 100, "total_tokens": 300},
            });
            let part = Ok(Bytes::from(body.to_string()));
            let stream: BodyStream = Box::pin(stream::iter([part]));
            let mut response = Response::new(stream);
            response
                .headers_mut()
                .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            Ok(response)
        })
    }
}
