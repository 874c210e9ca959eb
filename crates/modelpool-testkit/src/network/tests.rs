#![allow(clippy::unwrap_used)] // a test fails by panicking

use std::collections::BTreeSet;
use std::future::poll_fn;

use serde_json::{Value, json};
use tokio::time::{Instant, timeout};

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn network(fate: Fate) -> SimulatedNetwork {
    let network = SimulatedNetwork::new(1);
    network.serve("a.test", Server::default());
    network.next("a.test", fate);
    network
}

fn request(messages: &Value, stream: bool) -> http::Request<Bytes> {
    let body = json!({
        "model": "m", "messages": messages, "stream": stream,
        "stream_options": {"include_usage": stream},
    });
    http::Request::post("http://a.test/v1/chat/completions")
        .header("authorization", "Bearer sk-1")
        .extension(ConnectLimit(SECOND))
        .body(Bytes::from(body.to_string()))
        .unwrap()
}

fn why() -> Value {
    json!([{"role": "user", "content": "why?"}])
}

/// The body, and whether it ended without an error.
async fn read(body: &mut BodyStream) -> (Vec<u8>, bool) {
    let mut bytes = Vec::new();
    while let Some(part) = poll_fn(|context| body.as_mut().poll_next(context)).await {
        match part {
            Ok(part) => bytes.extend_from_slice(&part),
            Err(_) => return (bytes, false),
        }
    }
    (bytes, true)
}

async fn answered(network: &SimulatedNetwork, messages: &Value, stream: bool) -> (u16, Vec<u8>) {
    let mut response = network.send(request(messages, stream)).await.unwrap();
    let (bytes, _) = read(response.body_mut()).await;
    (response.status().as_u16(), bytes)
}

/// The text of a stream, its finish reasons and whether `[DONE]` came.
fn told(bytes: &[u8]) -> (String, usize, bool) {
    let text = std::str::from_utf8(bytes).unwrap();
    let (mut said, mut finished, mut done) = (String::new(), 0, false);
    for data in text.lines().filter_map(|line| line.strip_prefix("data: ")) {
        if data == "[DONE]" {
            done = true;
            continue;
        }
        let chunk: Value = serde_json::from_str(data).unwrap();
        said.push_str(
            chunk["choices"][0]["delta"]["content"]
                .as_str()
                .unwrap_or_default(),
        );
        finished += usize::from(chunk["choices"][0]["finish_reason"].is_string());
    }
    (said, finished, done)
}

#[tokio::test(start_paused = true)]
async fn a_good_answer_is_the_same_whole_and_streamed_in_any_parts() {
    let expected = answer_to("why?", 0);
    let (status, bytes) = answered(&network(Fate::default()), &why(), false).await;
    let answer: Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(
        (status, answer["choices"][0]["message"]["content"].as_str()),
        (200, Some(&*expected))
    );
    for (part_bytes, crlf, characters) in [(1, true, 1), (7, false, 3), (usize::MAX, true, 50)] {
        let mut fate = Fate::default();
        fate.pace.part_bytes = part_bytes;
        (fate.stream.crlf, fate.stream.characters, fate.stream.comments) = (crlf, characters, true);
        let network = network(fate);
        let (_, bytes) = answered(&network, &why(), true).await;
        assert_eq!(told(&bytes), (expected.clone(), 1, true));
        let call = &network.calls()[0];
        assert_eq!((call.end, call.bytes_sent), (CallEnd::Read, bytes.len()));
        assert!(call.finish_sent && call.usage_sent);
        assert_eq!(
            (&*call.model, call.key.as_deref(), &*call.prompt),
            ("m", Some("sk-1"), "why?")
        );
    }
}

#[tokio::test(start_paused = true)]
async fn connections_fail_in_their_time() {
    let cases = [
        (
            Connect::Refused,
            Head::Never,
            Duration::ZERO,
            TransportErrorKind::Connect,
        ),
        (
            Connect::Silent,
            Head::Never,
            SECOND,
            TransportErrorKind::ConnectTimeout,
        ),
        (
            Connect::After(2 * SECOND),
            Head::Never,
            SECOND,
            TransportErrorKind::ConnectTimeout,
        ),
        (
            Connect::After(SECOND),
            Head::BreaksAfter(SECOND),
            2 * SECOND,
            TransportErrorKind::Broken,
        ),
    ];
    for (connect, head, takes, kind) in cases {
        let network = network(Fate {
            connect,
            head,
            ..Fate::default()
        });
        let error = network.send(request(&why(), true)).await.err().unwrap();
        assert_eq!((error.kind, network.elapsed()), (kind, takes));
        assert_eq!(network.calls()[0].end, CallEnd::NotAnswered);
    }
    let stranger = SimulatedNetwork::new(1);
    assert!(stranger.send(request(&why(), true)).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_body_ends_where_it_is_told_to() {
    for at in [0, 1, 150, 400] {
        for (end, expected) in [
            (End::Cut(at), CallEnd::Read),
            (End::Breaks(at), CallEnd::Broken),
            (End::Silent(at), CallEnd::Dropped),
        ] {
            let network = network(Fate {
                end,
                ..Fate::default()
            });
            let mut response = network.send(request(&why(), true)).await.unwrap();
            let read = timeout(SECOND, read(response.body_mut())).await;
            assert_eq!(read.is_err(), expected == CallEnd::Dropped, "{end:?}");
            drop(response);
            let call = &network.calls()[0];
            assert_eq!(
                (call.end, call.bytes_sent, call.finish_sent),
                (expected, at, false)
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn leaving_is_entered_at_that_instant() {
    let network = network(Fate {
        head: Head::Never,
        ..Fate::default()
    });
    assert!(
        timeout(SECOND, network.send(request(&why(), true)))
            .await
            .is_err()
    );
    let call = &network.calls()[0];
    assert_eq!((call.end, call.ended), (CallEnd::Dropped, Some(SECOND)));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_was_begun_is_gone_on_from() {
    let whole = answer_to("why?", 0);
    let cut = whole.char_indices().nth(22).unwrap().0;
    let begun = json!({"role": "assistant", "content": whole[..cut]});
    let prefill = json!([why()[0], begun]);
    let go_on = json!([why()[0], begun, {"role": "user", "content": "go on"}]);
    for (messages, turn) in [(&prefill, Turn::Prefill), (&go_on, Turn::GoOn)] {
        for (going_on, repeated) in [
            (GoingOn::Exactly, 0),
            (GoingOn::RepeatsWords, 20),
            (GoingOn::StartsOver, 22),
        ] {
            let network = network(Fate {
                going_on,
                ..Fate::default()
            });
            let (_, bytes) = answered(&network, messages, true).await;
            let (text, ..) = told(&bytes);
            assert!(whole.ends_with(&text));
            let repeats = text.chars().count() - whole[cut..].chars().count();
            assert_eq!((repeats, network.calls()[0].turn), (repeated, turn));
        }
    }
    let refuses = Fate {
        going_on: GoingOn::RefusesPrefill,
        ..Fate::default()
    };
    assert_eq!(answered(&network(refuses.clone()), &prefill, true).await.0, 400);
    assert_eq!(answered(&network(refuses), &go_on, true).await.0, 200);

    let garbled = json!([why()[0], {"role": "assistant", "content": "something else"}]);
    let network = network(Fate::default());
    answered(&network, &garbled, true).await;
    assert!(network.calls()[0].strayed);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_down_refuses_until_it_is_up() {
    let network = SimulatedNetwork::new(1);
    let down = Some(Duration::ZERO..SECOND);
    network.serve(
        "a.test",
        Server {
            down,
            ..Server::default()
        },
    );
    assert!(network.send(request(&why(), false)).await.is_err());
    tokio::time::sleep(SECOND).await;
    assert!(network.send(request(&why(), false)).await.is_ok());
}

#[test]
fn fates_are_those_of_their_seed_and_of_every_kind() {
    let draw = |seed| Fate::draw(&mut fastrand::Rng::with_seed(seed), 100);
    assert_eq!(draw(7), draw(7));
    let fates: Vec<Fate> = (0..2000).map(draw).collect();
    let replies: BTreeSet<_> = fates.iter().map(|fate| format!("{:?}", fate.reply)).collect();
    for kind in [
        "Answer",
        "status: 401",
        "retry_after: Some",
        "Html",
        "OtherShape",
        "ErrorObject",
    ] {
        assert!(replies.iter().any(|reply| reply.contains(kind)), "{kind}");
    }
    assert!(fates.iter().any(|fate| fate.connect == Connect::Silent));
    assert!(fates.iter().any(|fate| fate.head == Head::Never));
    assert!(fates.iter().any(|fate| matches!(fate.end, End::Breaks(_))));
    let harmless = Fate::draw(&mut fastrand::Rng::with_seed(7), 0);
    assert_eq!((harmless.reply, harmless.end), (Reply::Answer, End::Whole));
}

#[tokio::test(start_paused = true)]
async fn a_journal_is_bounded() {
    let network = SimulatedNetwork::new(1);
    let began = Instant::now();
    for _ in 0..journal::MOST_CALLS {
        assert!(network.send(request(&why(), false)).await.is_err());
    }
    assert!(
        timeout(SECOND, network.send(request(&why(), false)))
            .await
            .is_err()
    );
    assert_eq!(
        (began.elapsed(), network.calls().len()),
        (SECOND, journal::MOST_CALLS)
    );
}
