//! A stream that is lost half-way is gone on with by another call, and the caller reads one answer.

#![allow(clippy::unwrap_used)] // a test fails by panicking

mod common;

use modelpool_core::ErrorKind;
use modelpool_engine::{ModelPool, Purpose, RetryPolicy};
use modelpool_testkit::network::{End, Fate, GoingOn, Server, Turn};

use common::continued;
use common::simulated::{SECOND, Stage, answer, ask, cut, good, server_error};
use common::{no_retries, told};

/// What the second call is asked for, in order.
fn turns(stage: &Stage) -> Vec<Turn> {
    stage.calls().iter().map(|call| call.turn).collect()
}

#[tokio::test(start_paused = true)]
async fn cut_at_every_event_and_gone_on_with_in_every_way() {
    use Turn::{Answer, GoOn, Prefill};
    let (ends, text, finish) = continued::event_ends().await;
    for (prefill, going_on, asked) in [
        (true, GoingOn::Exactly, &[Answer, Prefill][..]),
        (true, GoingOn::RepeatsWords, &[Answer, Prefill]),
        (true, GoingOn::StartsOver, &[Answer, Prefill]),
        (true, GoingOn::RefusesPrefill, &[Answer, Prefill, Answer]),
        (false, GoingOn::Exactly, &[Answer, GoOn]),
        (false, GoingOn::RepeatsWords, &[Answer, GoOn]),
        (false, GoingOn::StartsOver, &[Answer, GoOn]),
    ] {
        for (event, at) in ends.iter().enumerate() {
            let stage = continued::pair(prefill);
            stage.next("a", [cut(*at)]);
            stage.next("b", std::iter::repeat_n(Fate { going_on, ..good() }, 2));
            let read = stage.stream(ask()).await.unwrap();
            let case = format!(
                "{going_on:?}, prefill {prefill}, after event {event}: {}",
                stage.order()
            );
            assert_eq!(read.text, answer(), "{case}");
            assert!(read.is_whole(), "{case}: {:?}", read.end);
            let finishes = read.events.iter().filter(|event| event.finish.is_some());
            assert_eq!(finishes.count(), 1, "{case}");
            assert!(stage.calls().iter().all(|call| !call.strayed), "{case}");
            let (continued, expected) = if event <= text {
                (0, &[Answer, Answer][..])
            } else if event <= finish {
                (1, asked)
            } else {
                (0, &[Answer][..])
            };
            assert_eq!(turns(&stage), expected, "{case}");
            assert_eq!(read.summary.continued, continued, "{case}");
            assert_eq!(read.summary.attempts as usize, expected.len(), "{case}");
            stage.is_at_rest();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_of_prefill_never_shows() {
    let stage = continued::pair(true);
    let refuses = Fate {
        going_on: GoingOn::RefusesPrefill,
        ..good()
    };
    stage
        .next("a", [cut(continued::middle().await)])
        .next("b", [refuses, good()]);
    let read = stage.stream(ask()).await.unwrap();
    assert_eq!((read.text, read.summary.continued), (answer(), 1));
    let settlement = stage.settled.one();
    assert_eq!(
        told(&settlement),
        "completed; a: stream_lost, b: prefill_refused, b: ok"
    );
    let purposes = settlement.outcomes.iter().map(|outcome| outcome.purpose);
    assert_eq!(
        purposes.collect::<Vec<_>>(),
        [Purpose::Answer, Purpose::Continue, Purpose::Continue]
    );
    // Nobody is to blame for it.
    let now = tokio::time::Instant::now().into_std();
    assert!(
        stage
            .pool
            .get("b")
            .unwrap()
            .live()
            .breaker(&"b".into(), now)
            .open_until(now)
            .is_none()
    );
}

#[tokio::test(start_paused = true)]
async fn every_kind_of_loss_is_made_good() {
    let at = continued::middle().await;
    let noise = modelpool_testkit::network::Noise::Error;
    let mut gives_up = good();
    gives_up.stream.noise = Some((4, noise));
    let mut no_finish = good();
    no_finish.stream.finish = false;
    for (fate, code, waited) in [
        (cut(at), "stream_lost", 0),
        (
            Fate {
                end: End::Breaks(at),
                ..good()
            },
            "stream_lost",
            0,
        ),
        (
            Fate {
                end: End::Silent(at),
                ..good()
            },
            "timeout",
            30,
        ),
        (gives_up, "overloaded", 0),
    ] {
        let stage = continued::pair(false);
        stage.next("a", [fate]).next("b", [good()]);
        let read = stage.stream(ask()).await.unwrap();
        assert_eq!((read.text, read.end.is_ok()), (answer(), true), "{code}");
        assert_eq!(told(&stage.settled.one()), format!("completed; a: {code}, b: ok"));
        assert_eq!(stage.network.elapsed(), waited * SECOND, "{code}");
        stage.is_at_rest();
    }
    // All of the text came, and only the finish reason did not.
    let stage = continued::pair(false);
    stage.next("a", [no_finish]).next("b", [good()]);
    let read = stage.stream(ask()).await.unwrap();
    assert!(read.is_whole(), "{:?}", read.end);
    assert_eq!(read.text, answer());
}

#[tokio::test(start_paused = true)]
async fn another_loss_is_made_good_as_well() {
    let at = continued::middle().await;
    let stage = continued::models(&["a", "b", "c"], false, ModelPool::builder());
    stage
        .next("a", [cut(at / 2)])
        .next("b", [cut(at)])
        .next("c", [good()]);
    let read = stage.stream(ask()).await.unwrap();
    assert_eq!(
        (read.text, read.summary.continued, read.alias.as_str()),
        (answer(), 2, "c")
    );
    assert_eq!(turns(&stage), [Turn::Answer, Turn::GoOn, Turn::GoOn]);
}

#[tokio::test(start_paused = true)]
async fn failures_on_the_way_to_go_on_are_unseen() {
    let stage = continued::models(&["a", "b", "c"], false, ModelPool::builder());
    stage
        .next("a", [cut(continued::middle().await)])
        .always("b", &server_error())
        .next("c", [good()]);
    let read = stage.stream(ask()).await.unwrap();
    assert_eq!(read.text, answer());
    assert_eq!(
        told(&stage.settled.one()),
        "completed; a: stream_lost, b: server, b: server, c: ok"
    );
}

#[tokio::test(start_paused = true)]
async fn a_named_model_without_fallbacks_goes_on_itself_once() {
    let at = continued::middle().await;
    let named = || ask().model("a");
    let stage = continued::pair(false);
    stage.next("a", [cut(at), good()]);
    assert_eq!(stage.stream(named()).await.unwrap().text, answer());
    assert_eq!(stage.order(), "a a");

    let stage = continued::pair(false);
    stage.next("a", [cut(at / 2), cut(at / 2), good()]);
    let read = stage.stream(named()).await.unwrap();
    assert_eq!(*read.end.unwrap_err().kind(), ErrorKind::StreamLost);
    assert_eq!((stage.order().as_str(), read.summary.continued), ("a a", 1));
    assert!(answer().starts_with(&read.text));
    assert_eq!(
        told(&stage.settled.one()),
        "failed stream_lost; a: stream_lost, a: stream_lost"
    );
}

#[tokio::test(start_paused = true)]
async fn nobody_who_can_go_on_is_the_loss_itself() {
    let stage = continued::models(&["a", "b"], false, ModelPool::builder().retry(no_retries()));
    stage
        .next("a", [cut(continued::middle().await)])
        .next("b", [server_error()]);
    let read = stage.stream(ask()).await.unwrap();
    let error = read.end.unwrap_err();
    assert_eq!((error.kind(), error.alias()), (&ErrorKind::StreamLost, Some("a")));
    assert_eq!(error.attempts(), 2);
    assert_eq!(
        told(&stage.settled.one()),
        "failed stream_lost; a: stream_lost, b: server"
    );
    assert!(
        read.events
            .iter()
            .all(|event| event.finish.is_none() && !event.end_mark)
    );
}

#[tokio::test(start_paused = true)]
async fn another_answer_is_never_taken_for_the_rest_of_this_one() {
    // A restart that says something else is left, for one that says the same or for the error.
    for third in [true, false] {
        let aliases: &[&str] = if third { &["a", "b", "c"] } else { &["a", "b"] };
        let stage = continued::models(
            aliases,
            true,
            ModelPool::builder().retry(RetryPolicy {
                same_model: 1,
                ..no_retries()
            }),
        );
        stage.network.serve(
            "b.test",
            Server {
                voice: 1,
                ..Server::default()
            },
        );
        let refuses = Fate {
            going_on: GoingOn::RefusesPrefill,
            ..good()
        };
        stage
            .next("a", [cut(continued::middle().await)])
            .always("b", &refuses)
            .next("c", [good()]);
        // Each model may be asked twice, so that there is no third call of `b` and of `a`.
        stage.next("a", [server_error()]);
        let read = stage.stream(ask()).await.unwrap();
        assert!(answer().starts_with(&read.text), "{}", read.text);
        assert_eq!(read.is_whole(), third, "{}: {:?}", stage.order(), read.end);
        if !third {
            assert!(read.end.is_err());
        }
        stage.is_at_rest();
    }
}
