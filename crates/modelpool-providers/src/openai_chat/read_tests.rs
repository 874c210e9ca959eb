use super::*;
use serde_json::json;

fn chat(body: &str) -> Result<ReadRequest, BodyError> {
    read(Operation::Chat, Bytes::copy_from_slice(body.as_bytes()))
}

#[test]
fn facts_of_a_rich_request() {
    let body = json!({
        "model": "auto", "stream": true, "stream_options": {"include_usage": true},
        "tools": [{"type": "function", "function": {"name": "a"}}, {"type": "function", "function": {"name": "b"}}],
        "parallel_tool_calls": true, "n": 2, "logprobs": true, "max_tokens": 5, "max_completion_tokens": 100,
        "response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {}}},
        "messages": [
            {"role": "developer", "content": "be brief"},
            {"role": "user", "content": [
                {"type": "text", "text": "图片图片图片图片图片"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
                {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
                {"type": "file", "file": {"file_id": "x"}},
            ]},
            {"role": "assistant", "content": null, "tool_calls": []},
        ],
    });
    let read = chat(&body.to_string()).unwrap();
    let facts = &read.facts;
    assert!(
        facts.stream && facts.parallel_tools && facts.logprobs && facts.json_schema && facts.system_message
    );
    assert!(!facts.json_mode && read.body.wants_usage);
    assert_eq!(
        (
            facts.messages,
            facts.tools,
            facts.images,
            facts.audio,
            facts.files
        ),
        (3, 2, 1, 1, 1)
    );
    assert_eq!((facts.output_tokens, facts.choices), (Some(100), 2));
    assert_eq!(facts.text_characters, 8 + 10 + 2);
}

#[test]
fn any_format_but_text_is_a_prescribed_form() {
    for (format, prescribed) in [
        (json!(null), false),
        (json!({"type": "text"}), false),
        (json!({"type": "json_object"}), true),
        (json!({"type": "json_schema", "json_schema": {}}), true),
        (json!({"type": "grammar", "grammar": "root ::= x"}), true),
    ] {
        let body = json!({"model": "auto", "messages": [{}], "response_format": format});
        let facts = chat(&body.to_string()).unwrap().facts;
        assert_eq!(facts.output_format, prescribed, "{format}");
    }
}

#[test]
fn escaped_text_counts_as_the_characters_it_stands_for() {
    let read =
        chat(r#"{"model":"auto","messages":[{"role":"user","content":"\u56fe\u7247\n\ud83d\ude00"}]}"#)
            .unwrap();
    assert_eq!(read.facts.text_characters, 4);
}

#[test]
fn an_image_is_not_counted_as_text() {
    let image = "A".repeat(1_000_000);
    let body = json!({"model": "auto", "messages": [{"role": "user", "content": [
        {"type": "image_url", "image_url": {"url": format!("data:image/png;base64,{image}")}}]}]});
    assert_eq!(
        chat(&body.to_string()).unwrap().facts.input_tokens,
        TOKENS_PER_IMAGE
    );
}

#[test]
fn what_no_parser_of_values_survives_is_read() {
    let body = r#"{"model":"auto","temperature":1.0,"x":1e400,"y":-0,"x":2,"messages":[{"role":"user","content":"\ud800 \u0000"}]}"#;
    assert_eq!(chat(body).unwrap().facts.messages, 1);
}

#[test]
fn mistakes_name_the_member() {
    for (body, param, message) in [
        ("", None, "the body is empty; expected a JSON object"),
        ("  \n", None, "the body is empty; expected a JSON object"),
        ("[]", None, "the body is not a JSON object"),
        ("\"x\"", None, "the body is not a JSON object"),
        ("null", None, "the body is not a JSON object"),
        (
            "{\"model\": \"a\"",
            None,
            "the body is not valid JSON: EOF while parsing an object at line 1 column 13",
        ),
        ("{}", Some("model"), "`model` is missing"),
        (
            r#"{"model": 5, "messages": []}"#,
            Some("model"),
            "`model` is not a string: 5",
        ),
        (r#"{"model": "a"}"#, Some("messages"), "`messages` is missing"),
        (
            r#"{"model": "a", "messages": {}}"#,
            Some("messages"),
            "`messages` is not a list",
        ),
        (
            r#"{"model": "a", "messages": "hi"}"#,
            Some("messages"),
            "`messages` is not a list",
        ),
        (
            r#"{"model": "a", "messages": null}"#,
            Some("messages"),
            "`messages` is not a list",
        ),
        (
            r#"{"model": "a", "messages": []}"#,
            Some("messages"),
            "`messages` is empty; expected at least one message",
        ),
        (
            r#"{"model": "a", "messages": ["hi"]}"#,
            Some("messages"),
            "`messages` holds something that is not an object",
        ),
        (
            r#"{"model": "a", "stream": "yes", "messages": [{}]}"#,
            Some("stream"),
            "`stream` is not true or false: \"yes\"",
        ),
        (
            r#"{"model": "a", "model": "b", "messages": [{}]}"#,
            Some("model"),
            "`model` stands twice in the body",
        ),
        (
            r#"{"model": "a", "stream": true, "stream": false, "messages": [{}]}"#,
            Some("stream"),
            "`stream` stands twice in the body",
        ),
        (
            r#"{"model": "a", "modelpool": {}, "modelpool": {}, "messages": [{}]}"#,
            Some("modelpool"),
            "`modelpool` stands twice in the body",
        ),
        (
            r#"{"mod\u0065l": "a", "model": "b", "messages": [{}]}"#,
            Some("model"),
            "`model` stands twice in the body",
        ),
        (
            "{\"model\": \"a\", \"messages\": [{}]} x",
            None,
            "the body is not valid JSON: trailing characters at line 1 column 34",
        ),
    ] {
        let error = chat(body).unwrap_err();
        assert_eq!(
            (error.param.as_deref(), error.message.as_str()),
            (param, message),
            "{body}"
        );
    }
    let error = read(Operation::Chat, Bytes::from_static(b"{\"model\": \"\xff\"}")).unwrap_err();
    assert_eq!(
        error.message,
        "the body is not UTF-8: byte 11 is not part of a character"
    );
    let error = read(Operation::Embeddings, Bytes::from_static(b"{\"model\": \"a\"}")).unwrap_err();
    assert_eq!(error.param.as_deref(), Some("input"));
}

#[test]
fn the_member_modelpool_is_found_wherever_it_stands() {
    for (body, without) in [
        (
            r#"{"modelpool":{"a":1},"model":"m","messages":[{}]}"#,
            r#"{"model":"m","messages":[{}]}"#,
        ),
        (
            r#"{"model":"m", "modelpool" : {"a":1} , "messages":[{}]}"#,
            r#"{"model":"m",  "messages":[{}]}"#,
        ),
        (
            r#"{"model":"m","messages":[{}] , "modelpool":{"a":1} }"#,
            r#"{"model":"m","messages":[{}]  }"#,
        ),
        (
            r#"{"model":"m","messages":[{}],"modelpoo\u006c":{"a":1}}"#,
            r#"{"model":"m","messages":[{}]}"#,
        ),
    ] {
        let read = chat(body).unwrap();
        let range = read.body.spots.extension.clone().unwrap();
        let mut cut = body.to_owned();
        cut.replace_range(range, "");
        assert_eq!(cut, without);
        assert_eq!(read.extension.unwrap().get(), r#"{"a":1}"#);
    }
}

#[test]
fn words_for_a_picture_are_looked_for_in_the_last_message_of_the_user() {
    let speaks = |body: serde_json::Value| last_message_speaks_of_images(body.to_string().as_bytes());
    assert!(speaks(
        json!({"messages": [{"role": "user", "content": "请分析这张图片"}]})
    ));
    assert!(speaks(
        json!({"messages": [{"role": "user", "content": [{"type": "text", "text": "an image?"}]},
                                       {"role": "assistant", "content": "yes"}]})
    ));
    assert!(!speaks(
        json!({"messages": [{"role": "user", "content": "an image"}, {"role": "user", "content": "no"}]})
    ));
}
