use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::splice::{self, Splice};

fn form(body: &[u8]) -> Result<ReadRequest, BodyError> {
    let kind = HeaderValue::from_static("multipart/form-data; charset=utf-8; boundary=\"b=1\"");
    read_form(Operation::Transcriptions, Bytes::copy_from_slice(body), &kind)
}

fn part(head: &str, value: &str) -> String {
    format!("--b=1\r\nContent-Disposition: form-data; {head}\r\n\r\n{value}\r\n")
}

fn whole(parts: &[String]) -> Vec<u8> {
    format!("{}--b=1--\r\n", parts.concat()).into_bytes()
}

fn sent(request: &ReadRequest, defaults: Value) -> String {
    let defaults = defaults.as_object().cloned().unwrap_or_default();
    let splice = Splice {
        model_name: Some("whisper \"x\""),
        ask_for_usage: false,
        without_stream_options: false,
        defaults: &defaults,
    };
    String::from_utf8_lossy(&splice::body(&request.body, &splice)).into_owned()
}

#[test]
fn the_boundary_is_found() {
    for (kind, expected) in [
        ("multipart/form-data; boundary=x", Some("x")),
        (
            "Multipart/Form-Data; charset=utf-8; Boundary=\"a b\"",
            Some("a b"),
        ),
        ("multipart/form-data;boundary=----WebKit7", Some("----WebKit7")),
        ("multipart/form-data", None),
        ("multipart/form-data; boundary=", None),
        ("multipart/mixed; boundary=x", None),
        ("application/json", None),
    ] {
        assert_eq!(boundary(&HeaderValue::from_static(kind)), expected, "{kind}");
    }
}

#[test]
fn only_the_model_changes() {
    let sound = "RIFF\u{0}\r\n--b\r\n\r\n--b=\r\nmodel";
    let parts = |model: &str| {
        let body = whole(&[
            "preamble\r\n".to_owned(),
            part(
                "name=\"file\"; filename=\"a;name=\\\"model\\\".wav\"\r\nContent-Type: audio/wav",
                sound,
            ),
            part("name=model", model),
            part("name=\"prompt\"", "abcdefgh"),
            part("name=\"empty\"", ""),
        ]);
        String::from_utf8(body).unwrap()
    };
    let request = form(parts("auto").as_bytes()).unwrap();
    assert_eq!(request.model, "auto");
    assert_eq!((request.facts.input_tokens, request.facts.audio), (2, 0));
    assert_eq!(sent(&request, json!({})), parts("whisper \"x\""));
}

#[test]
fn our_own_part_is_taken_out_and_configured_ones_are_added() {
    let ours = part("name=\"modelpool\"", r#"{"tags": ["x"]}"#);
    let (model, language) = (part("name=\"model\"", "a"), part("name=\"language\"", "en"));
    let request = form(&whole(&[model, ours, language.clone()])).unwrap();
    assert_eq!(request.extension.as_ref().unwrap().get(), r#"{"tags": ["x"]}"#);
    let expected = whole(&[
        part("name=\"temperature\"", "0"),
        part("name=\"model\"", "whisper \"x\""),
        language,
    ]);
    assert_eq!(
        sent(&request, json!({"language": "de", "temperature": 0})).as_bytes(),
        expected
    );
}

#[test]
fn what_is_no_form_is_refused() {
    let model = || part("name=\"model\"", "a");
    for (body, message) in [
        (b"".to_vec(), "the form has no part"),
        (b"{}".to_vec(), "the form has no part"),
        (b"--b=1--".to_vec(), "`model` is missing"),
        (whole(&[part("name=\"x\"", "a")]), "`model` is missing"),
        (whole(&[model(), model()]), "`model` stands twice in the form"),
        (
            whole(&[part("name=\"model\"; filename=\"m\"", "a")]),
            "`model` is not a text",
        ),
        (
            whole(&[model(), part("name*=utf-8''model", "b")]),
            "a part of the form has its name in `name*`",
        ),
        (
            whole(&[part("name=x; name=model", "a")]),
            "a part of the form has two names",
        ),
        (
            whole(&[model(), part("name=\"modelpool\"", "{")]),
            "`modelpool` is not JSON: EOF while parsing an object at line 1 column 1",
        ),
        (model().into_bytes(), "the form breaks off within a part"),
        (b"--b=1\r\nX: y".to_vec(), "the headers of a part do not end"),
        (
            b"--b=1\r\n\r\nx\r\n--b=1--".to_vec(),
            "a part of the form has no `Content-Disposition`",
        ),
        (
            b"--b=12\r\n".to_vec(),
            "the form breaks off, or its boundary is not `b=1`",
        ),
        (
            part("name=x", "").repeat(MAX_PARTS + 1).into_bytes(),
            "the form has more than 1000 parts",
        ),
    ] {
        let error = form(&body).unwrap_err();
        assert_eq!(error.message, message, "{}", String::from_utf8_lossy(&body));
    }
}

proptest! {
    #[test]
    fn no_bytes_do_harm(pieces in prop::collection::vec(prop_oneof![
        Just(b"--b=1".to_vec()), Just(b"\r\n".to_vec()), Just(b"--".to_vec()), Just(b"Content-Disposition:".to_vec()),
        Just(b"form-data; name=\"model\"".to_vec()), Just(b"\"".to_vec()), Just(b";".to_vec()), Just(b"=".to_vec()),
        prop::collection::vec(any::<u8>(), 0..10),
    ], 0..30)) {
        if let Ok(request) = form(&pieces.concat()) {
            sent(&request, json!({"a": 1}));
        }
    }
}
