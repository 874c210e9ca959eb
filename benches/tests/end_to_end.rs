//! The upstream, the bare proxy and the load together, and loads that have to notice a broken server.

#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has to fail")]

use std::net::SocketAddr;
use std::time::Duration;

use modelpool_benches::bare_proxy::{BareProxy, BareProxySettings};
use modelpool_benches::load::{Kind, Load, LoadError, LoadSettings, open_streams, run_load};
use modelpool_benches::upstream::{self, Upstream, UpstreamSettings};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const CHUNKS: usize = 50;

async fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

async fn start_upstream(gap: Duration) -> SocketAddr {
    let (listener, address) = listener().await;
    tokio::spawn(Upstream::new(UpstreamSettings { chunks: CHUNKS, gap }).serve(listener));
    address
}

async fn start_proxy(upstream: SocketAddr, api_key: &str) -> SocketAddr {
    let (listener, address) = listener().await;
    let settings = BareProxySettings {
        upstream: format!("http://{upstream}").parse().unwrap(),
        model: upstream::MODEL.to_owned(),
        api_key: api_key.to_owned(),
    };
    tokio::spawn(BareProxy::new(&settings).unwrap().serve(listener));
    address
}

/// A server that reads one request and answers with these bytes, whatever was asked.
async fn start_fixed(answer: &'static str) -> SocketAddr {
    let (listener, address) = listener().await;
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = vec![0; 64 * 1024];
            if stream.read(&mut request).await.is_ok() {
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        }
    });
    address
}

fn load(target: SocketAddr, kind: Kind) -> LoadSettings {
    LoadSettings {
        target,
        model: "fast".to_owned(),
        key: "caller".to_owned(),
        kind,
        chunks: CHUNKS,
        requests: 40,
        connections: 4,
        time_limit: Duration::from_secs(30),
    }
}

#[tokio::test]
async fn every_kind_is_answered_through_the_proxy() {
    let upstream = start_upstream(Duration::ZERO).await;
    let proxy = start_proxy(upstream, upstream::API_KEY).await;
    // It translates nothing.
    for kind in [Kind::Plain, Kind::Stream, Kind::Large] {
        let mut load = Load::open(&load(proxy, kind)).await.unwrap();
        for _ in 0..2 {
            let outcome = load.run().await.unwrap();
            assert!(outcome.first_byte.median() <= outcome.whole.median());
            assert!(outcome.whole.percentile(1.0) <= outcome.elapsed);
        }
    }
}

#[tokio::test]
async fn the_upstream_refuses_what_no_proxy_changed() {
    let upstream = start_upstream(Duration::ZERO).await;
    let direct = run_load(&load(upstream, Kind::Plain)).await;
    assert!(
        matches!(direct, Err(LoadError::Status { status, .. }) if status == 401),
        "{direct:?}"
    );

    let with_key = LoadSettings {
        key: upstream::API_KEY.to_owned(),
        ..load(upstream, Kind::Plain)
    };
    let with_key = run_load(&with_key).await;
    assert!(
        matches!(with_key, Err(LoadError::Status { status, .. }) if status == 404),
        "{with_key:?}"
    );

    let proxy = start_proxy(upstream, "another-key").await;
    let wrong_key = run_load(&load(proxy, Kind::Stream)).await;
    assert!(
        matches!(wrong_key, Err(LoadError::Status { status, .. }) if status == 401),
        "{wrong_key:?}"
    );
}

#[tokio::test]
async fn an_upstream_that_is_gone_is_a_502() {
    let (gone, upstream) = listener().await;
    drop(gone);
    let proxy = start_proxy(upstream, upstream::API_KEY).await;
    let result = run_load(&load(proxy, Kind::Plain)).await;
    assert!(
        matches!(result, Err(LoadError::Status { status, .. }) if status == 502),
        "{result:?}"
    );
}

#[tokio::test]
async fn broken_answers_never_count() {
    let empty = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
    let only_done = "HTTP/1.1 200 OK\r\ncontent-length: 14\r\n\r\ndata: [DONE]\n\n";
    for (answer, kind) in [
        (empty, Kind::Plain),
        (empty, Kind::Stream),
        (empty, Kind::Messages),
        (empty, Kind::MessagesStream),
        (only_done, Kind::Stream),
    ] {
        let result = run_load(&load(start_fixed(answer).await, kind)).await;
        assert!(matches!(result, Err(LoadError::Wrong(_))), "{kind:?}: {result:?}");
    }

    let mut load = Load::open(&load(start_fixed(empty).await, Kind::Plain))
        .await
        .unwrap();
    assert!(matches!(load.run().await, Err(LoadError::Wrong(_))));
    assert!(matches!(load.run().await, Err(LoadError::Closed)));
}

#[tokio::test]
async fn a_connection_that_is_lost_is_an_error() {
    let cut = "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{";
    let result = run_load(&load(start_fixed(cut).await, Kind::Plain)).await;
    assert!(matches!(result, Err(LoadError::Http(_))), "{result:?}");
}

#[tokio::test]
async fn streams_can_be_held_open() {
    let upstream = start_upstream(Duration::from_secs(60)).await;
    let proxy = start_proxy(upstream, upstream::API_KEY).await;
    let settings = LoadSettings {
        connections: 20,
        ..load(proxy, Kind::Stream)
    };
    assert_eq!(open_streams(&settings).await.unwrap().count(), 20);

    let refused = LoadSettings {
        key: "caller".to_owned(),
        ..load(upstream, Kind::Stream)
    };
    assert!(matches!(
        open_streams(&refused).await,
        Err(LoadError::Status { .. })
    ));
}

#[tokio::test]
async fn only_loopback_is_loaded_and_only_within_bounds() {
    let target: SocketAddr = "192.0.2.1:80".parse().unwrap();
    assert!(matches!(
        run_load(&load(target, Kind::Plain)).await,
        Err(LoadError::NotLoopback(_))
    ));
    let target: SocketAddr = "127.0.0.1:1".parse().unwrap();
    for (requests, connections) in [(0, 1), (1, 0), (1_000_001, 1), (1, 2_001)] {
        let settings = LoadSettings {
            requests,
            connections,
            ..load(target, Kind::Plain)
        };
        assert!(matches!(run_load(&settings).await, Err(LoadError::Size { .. })));
    }
}
