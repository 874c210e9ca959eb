//! The list of models of each wire: where it is asked for, and how it is read.

#![allow(clippy::unwrap_used)] // a test fails by panicking

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_core::Stream;
use modelpool_core::transport::{BodyStream, TransportError};
use modelpool_core::{BoxFuture, Error, ErrorKind, ModelConfig, SystemClock, Transport};
use modelpool_providers::{ProviderContext, ProviderRegistry};

/// Answers always the same, and notes what it was asked.
#[derive(Debug)]
struct Vendor {
    answer: &'static str,
    asked: Mutex<Vec<http::Request<Bytes>>>,
}

struct Once(Option<Bytes>);

impl Stream for Once {
    type Item = Result<Bytes, TransportError>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(self.0.take().map(Ok))
    }
}

impl Transport for Vendor {
    fn send(
        &self,
        request: http::Request<Bytes>,
    ) -> BoxFuture<'_, Result<http::Response<BodyStream>, TransportError>> {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.push(request);
        let body: BodyStream = Box::pin(Once(Some(Bytes::from_static(self.answer.as_bytes()))));
        Box::pin(async { Ok(http::Response::new(body)) })
    }
}

/// The names, and what was asked: address, and the header that shows the key.
async fn listed(
    provider: &str,
    base_url: Option<&str>,
    answer: &'static str,
) -> (Result<Vec<String>, Error>, Vec<(String, String)>) {
    let vendor = Arc::new(Vendor {
        answer,
        asked: Mutex::default(),
    });
    let context = ProviderContext {
        transport: Arc::clone(&vendor) as Arc<dyn Transport>,
        environment: Arc::new(|name| (name == "AWS_REGION").then(|| "us-east-1".to_owned())),
        clock: Arc::new(SystemClock),
    };
    let mut config = ModelConfig::new("a", provider, "m").api_key("key-1");
    config.base_url = base_url.map(str::to_owned);
    let provider = ProviderRegistry::new().create(&config, &context).unwrap();
    let names = provider.list_models().await;
    let asked = vendor.asked.lock().unwrap_or_else(PoisonError::into_inner);
    let shown = |request: &http::Request<Bytes>| {
        assert_eq!(request.method(), "GET");
        let headers = ["authorization", "x-api-key", "x-goog-api-key"];
        let key = headers.iter().find_map(|name| request.headers().get(*name));
        (
            request.uri().to_string(),
            key.unwrap().to_str().unwrap().to_owned(),
        )
    };
    (names, asked.iter().map(shown).collect())
}

#[tokio::test]
async fn every_wire_is_asked_where_its_list_is() {
    const OPENAI: &str = r#"{"data": [{"id": "one"}, {"id": "two"}]}"#;
    const NAMED: &str = r#"{"models": [{"name": "one"}, {"name": "two"}]}"#;
    const GEMINI: &str = r#"{"models": [{"name": "models/one"}, {"name": "models/two"}]}"#;
    for (provider, base, answer, address, key) in [
        (
            "openai",
            None,
            OPENAI,
            "https://api.openai.com/v1/models",
            "Bearer key-1",
        ),
        (
            "custom",
            Some("http://h?version=1"),
            OPENAI,
            "http://h/v1/models?version=1",
            "Bearer key-1",
        ),
        (
            "openai_responses",
            None,
            OPENAI,
            "https://api.openai.com/v1/models",
            "Bearer key-1",
        ),
        (
            "anthropic",
            None,
            OPENAI,
            "https://api.anthropic.com/v1/models?limit=1000",
            "key-1",
        ),
        (
            "gemini",
            None,
            GEMINI,
            "https://generativelanguage.googleapis.com/v1beta/models?pageSize=1000",
            "key-1",
        ),
        (
            "ollama",
            Some("http://h:11434/v1"),
            NAMED,
            "http://h:11434/api/tags",
            "Bearer key-1",
        ),
        (
            "cohere",
            None,
            NAMED,
            "https://api.cohere.com/v1/models?page_size=1000",
            "Bearer key-1",
        ),
    ] {
        let (names, asked) = listed(provider, base, answer).await;
        assert_eq!(names.unwrap(), ["one", "two"], "{provider}");
        assert_eq!(asked, [(address.to_owned(), key.to_owned())], "{provider}");
    }
}

#[tokio::test]
async fn who_has_no_list_says_so() {
    let vertex = "https://europe-west1-aiplatform.googleapis.com/v1/projects/p/locations/europe-west1/publishers/google";
    for (provider, base, words) in [
        (
            "bedrock",
            None,
            "Amazon Bedrock lists its models at another address",
        ),
        ("gemini", Some(vertex), "Vertex AI has no list of models"),
    ] {
        let (names, asked) = listed(provider, base, "{}").await;
        let error = names.unwrap_err();
        assert!(error.message().starts_with(words), "{error}");
        assert_eq!(*error.kind(), ErrorKind::Unsupported { capability: None });
        assert!(asked.is_empty());
    }
}

#[tokio::test]
async fn what_is_no_list_is_an_error() {
    for (answer, words) in [
        ("<html>", "the list of models is not JSON"),
        ("{}", "the list of models has no `data`"),
    ] {
        let error = listed("anthropic", None, answer).await.0.unwrap_err();
        assert!(error.message().starts_with(words), "{error}");
    }
}
