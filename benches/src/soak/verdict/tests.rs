//! What the judge lets pass, and what it does not.

use hyper::HeaderMap;
use hyper::header::HeaderValue;
use proptest::prelude::*;
use serde_json::json;

use super::*;

const TEXT: &str = "one two three";
const COMMENT: &str = ": modelpool {\"request_id\":\"r\",\"model\":\"beta\",\"attempts\":2,\"cost_usd\":null,\"continued\":1}\n\n";

fn canon() -> Canon {
    Canon {
        text: TEXT.to_owned(),
        vectors: vec![json!({"index": 0, "embedding": [0.5]})],
    }
}

fn answer(status: StatusCode, body: &str) -> Answer {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert("x-modelpool-attempts", HeaderValue::from_static("3"));
    Answer {
        status,
        headers,
        body: body.as_bytes().to_vec(),
    }
}

fn piece(text: &str) -> String {
    let event =
        json!({"id": "a", "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": null}]});
    format!("data: {event}\n\n")
}

fn finish() -> String {
    let event = json!({"id": "a", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]});
    format!("data: {event}\n\n")
}

fn judged(events: &[&str]) -> Verdict {
    judge(Kind::Stream, &canon(), &answer(StatusCode::OK, &events.concat()))
}

fn is_wrong(events: &[&str], why: &str) {
    match judged(events) {
        Verdict::Wrong(said) => assert!(said.starts_with(why), "{said}"),
        other => panic!("{events:?} was let pass as {other:?}"),
    }
}

#[test]
fn a_whole_stream_is_right_and_its_comment_is_read() {
    let usage = "data: {\"id\":\"a\",\"choices\":[],\"usage\":{}}\r\n\r\n";
    let events = [
        ": waiting\n\n",
        &piece("one two"),
        &piece(" three"),
        &finish(),
        usage,
        COMMENT,
        "data: [DONE]\n\n",
    ];
    let told = Told {
        attempts: Some(2),
        continued: 1,
        model: Some("beta".to_owned()),
    };
    assert_eq!(judged(&events), Verdict::Right(told));
}

#[test]
fn a_stream_that_looks_whole_and_is_not_is_wrong() {
    let done = "data: [DONE]\n\n";
    for text in ["one three", "one two two three", "one two", "one two three!"] {
        is_wrong(&[&piece(text), &finish(), COMMENT, done], "another text");
    }
    is_wrong(&[&piece(TEXT), COMMENT, done], "[DONE] without a finish reason");
    is_wrong(&[&piece(TEXT), &finish()], "neither [DONE] nor an error");
    is_wrong(&[&piece(TEXT), &finish(), done], "no closing comment");
    is_wrong(
        &[&piece(TEXT), &finish(), COMMENT, "data: [DONE]\n"],
        "an event that was begun",
    );
    is_wrong(&["data: {\"id\":\n\n"], "a broken event was passed on");
    is_wrong(&[&piece(TEXT), &finish(), &finish()], "two finish reasons");
    is_wrong(&[&finish(), &piece(TEXT)], "text after the finish reason");
    is_wrong(
        &[&piece("one"), &piece(" two").replace("\"a\"", "\"b\"")],
        "two ids in one stream",
    );
    is_wrong(&[done, &piece(TEXT)], "an event after the end");
}

#[test]
fn an_error_event_is_honest_if_it_is_the_end_and_nothing_wrong_was_said() {
    let error = "data: {\"error\":{\"message\":\"m\",\"type\":\"server_error\",\"param\":null,\"code\":\"timeout\"}}\n\n";
    let Verdict::Honest {
        code,
        in_stream,
        told,
    } = judged(&[&piece("one"), COMMENT, error])
    else {
        panic!("an honest end was called wrong");
    };
    assert_eq!(
        (code.as_str(), in_stream, told.attempts),
        ("timeout", true, Some(2))
    );
    is_wrong(&[&piece("two"), error], "an error after a text that was wrong");
    is_wrong(
        &[&piece("one"), error, "data: [DONE]\n\n"],
        "an event after the end",
    );
}

#[test]
fn a_refusal_needs_a_status_and_an_object() {
    let body = r#"{"error":{"message":"m","type":"server_error","param":null,"code":null}}"#;
    let refused = |status, body| judge(Kind::Plain, &canon(), &answer(status, body));
    let Verdict::Honest { code, told, .. } = refused(StatusCode::BAD_GATEWAY, body) else {
        panic!("an honest refusal was called wrong");
    };
    assert_eq!((code.as_str(), told.attempts), ("502 server_error", Some(3)));
    assert!(matches!(
        refused(StatusCode::BAD_REQUEST, body),
        Verdict::Wrong(_)
    ));
    assert!(matches!(
        refused(StatusCode::BAD_GATEWAY, "<html>"),
        Verdict::Wrong(_)
    ));
}

#[test]
fn plain_answers_and_vectors_are_compared() {
    let plain = |text: &str| {
        let body = json!({"id": "a", "choices": [{"message": {"content": text}, "finish_reason": "stop"}]});
        judge(Kind::Plain, &canon(), &answer(StatusCode::OK, &body.to_string()))
    };
    assert!(matches!(plain(TEXT), Verdict::Right(_)));
    assert!(matches!(plain("one"), Verdict::Wrong(_)));
    let vectors = |value: f64| {
        let body = json!({"data": [{"index": 0, "embedding": [value]}]});
        judge(
            Kind::Embeddings,
            &canon(),
            &answer(StatusCode::OK, &body.to_string()),
        )
    };
    assert!(matches!(vectors(0.5), Verdict::Right(_)));
    assert!(matches!(vectors(0.25), Verdict::Wrong(_)));
}

proptest! {
    #[test]
    fn any_bytes_are_judged(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let answer = Answer { status: StatusCode::OK, headers: HeaderMap::new(), body: bytes };
        for kind in [Kind::Stream, Kind::Plain, Kind::Embeddings] {
            prop_assert!(matches!(judge(kind, &canon(), &answer), Verdict::Wrong(_)));
        }
    }

    /// However a right stream is cut short, it is not right any more.
    #[test]
    fn no_cut_is_let_pass(cut in 0_usize..1000) {
        let whole = [&piece("one two"), &piece(" three"), &finish(), COMMENT, "data: [DONE]\n\n"].concat();
        let cut = cut % (whole.len() - 1);
        let verdict = judge(Kind::Stream, &canon(), &answer(StatusCode::OK, &whole[..cut]));
        prop_assert!(matches!(verdict, Verdict::Wrong(_)), "{cut}");
    }
}
