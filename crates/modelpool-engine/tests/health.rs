//! Servers that could not be reached are asked whether they can be.

#![allow(clippy::unwrap_used)] // a test fails by panicking

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use modelpool_core::{
    BoxFuture, BreakerSettings, Error, ErrorKind, ModelConfig, Provider, ProviderRequest, Reply,
};
use modelpool_engine::{ChatRequest, ModelPool, RetryPolicy};
use modelpool_providers::ProviderRegistry;

/// A server that is there or not, and counts what it is asked.
#[derive(Debug, Default)]
struct Server {
    there: AtomicBool,
    calls: AtomicU32,
    lists: AtomicU32,
}

impl Server {
    fn unreachable<T>() -> Result<T, Error> {
        Err(Error::new(ErrorKind::Connect, "connection refused"))
    }
}

#[derive(Debug)]
struct Client(Arc<Server>);

impl Provider for Client {
    fn call(&self, _: ProviderRequest) -> BoxFuture<'_, Result<Reply, Error>> {
        self.0.calls.fetch_add(1, Ordering::Relaxed);
        Box::pin(async { Server::unreachable() })
    }

    fn list_models(&self) -> BoxFuture<'_, Result<Vec<String>, Error>> {
        self.0.lists.fetch_add(1, Ordering::Relaxed);
        let there = self.0.there.load(Ordering::Relaxed);
        Box::pin(async move {
            if there {
                // Any answer shows that it can be reached.
                Err(Error::new(ErrorKind::Auth, "who are you"))
            } else {
                Server::unreachable()
            }
        })
    }
}

fn pool(server: &Arc<Server>) -> ModelPool {
    let mut registry = ProviderRegistry::new();
    let server = Arc::clone(server);
    registry.register("test", move |_: &ModelConfig, _: &_| {
        Ok(Arc::new(Client(Arc::clone(&server))) as Arc<dyn Provider>)
    });
    let pool = ModelPool::builder()
        .registry(registry)
        .retry(RetryPolicy {
            same_model: 0,
            max_wait: Duration::ZERO,
            ..RetryPolicy::default()
        })
        .breakers(BreakerSettings {
            failures: 1,
            ..BreakerSettings::default()
        })
        .build();
    for alias in ["a", "b"] {
        pool.add(ModelConfig::new(alias, "test", alias)).unwrap();
    }
    pool
}

#[tokio::test(start_paused = true)]
async fn a_server_is_asked_only_while_it_is_shut_off_and_once_for_all_its_models() {
    let server = Arc::new(Server::default());
    let pool = pool(&server);
    assert!(pool.check_health().await.is_empty());
    assert!(pool.chat(ChatRequest::new().user("hello")).await.is_err());
    assert!(pool.check_health().await.is_empty(), "it is left alone at first");
    tokio::time::advance(Duration::from_secs(2)).await;
    let found = pool.check_health().await;
    assert_eq!(found.len(), 1);
    assert!(found[0].error.is_some());
    assert_eq!(server.lists.load(Ordering::Relaxed), 1);

    server.there.store(true, Ordering::Relaxed);
    assert!(
        pool.check_health().await.is_empty(),
        "it is shut off for longer now"
    );
    tokio::time::advance(Duration::from_secs(3)).await;
    let found = pool.check_health().await;
    assert!(found[0].error.is_none());
    let endpoint = pool.get("a").unwrap();
    let now = tokio::time::Instant::now().into_std();
    assert!(endpoint.live().endpoint().open_until(now).is_none());
    assert!(pool.check_health().await.is_empty(), "nothing is shut off");
}
