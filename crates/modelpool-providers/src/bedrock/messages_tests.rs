use proptest::prelude::*;

use super::super::samples::{
    CLAUDE_3, CLAUDE_4_5, LLAMA, NOVA, asks, body, call, data, result, said, with_tool, written,
};
use super::super::write;
use super::*;

#[test]
fn turns_alternate_and_instructions_stand_apart() {
    let conversation = asks(vec![
        said(Role::System, "be brief"),
        said(Role::User, "a"),
        said(Role::User, "b"),
        said(Role::Assistant, ""),
        said(Role::System, "and kind"),
        said(Role::User, " "),
        said(Role::Assistant, "c"),
        Message::new(Role::Assistant, vec![Content::Refusal("no".to_owned())]),
        said(Role::User, "d"),
    ]);
    assert_eq!(
        body(&conversation, LLAMA),
        json!({
            "messages": [
                {"role": "user", "content": [{"text": "a"}, {"text": "b"}]},
                {"role": "assistant", "content": [{"text": "c"}, {"text": "no"}]},
                {"role": "user", "content": [{"text": "d"}]},
            ],
            "system": [{"text": "be brief"}, {"text": "and kind"}],
        })
    );
}

#[test]
fn the_last_message_of_the_assistant_is_a_prefill() {
    let conversation = asks(vec![said(Role::User, "a"), said(Role::Assistant, "b ")]);
    assert_eq!(
        body(&conversation, CLAUDE_3)["messages"][1],
        json!({"role": "assistant", "content": [{"text": "b "}]})
    );
}

#[test]
fn calls_and_results_of_tools() {
    let conversation = with_tool(vec![
        said(Role::User, "weather?"),
        Message::new(
            Role::Assistant,
            vec![
                Content::text("let me look"),
                call("c1", "weather", r#"{"city":"Köln"}"#),
                call("functions.weather:1", "weather", ""),
            ],
        ),
        Message::new(
            Role::User,
            vec![
                Content::text("hurry"),
                result("c1", vec![Content::text("rain")], false),
            ],
        ),
        Message::new(
            Role::Tool,
            vec![result(
                "functions.weather:1",
                vec![Content::Image(data("image/png"))],
                true,
            )],
        ),
    ]);
    let id = made_up_id("call_", b"functions.weather:1", 0);
    let body = body(&conversation, CLAUDE_3);
    assert_eq!(
        body["messages"][1]["content"],
        json!([
            {"text": "let me look"},
            {"toolUse": {"toolUseId": "c1", "name": "weather", "input": {"city": "Köln"}}},
            {"toolUse": {"toolUseId": id, "name": "weather", "input": {}}},
        ])
    );
    assert_eq!(
        body["messages"][2]["content"],
        json!([
            {"toolResult": {"toolUseId": "c1", "content": [{"text": "rain"}]}},
            {"toolResult": {
                "toolUseId": id,
                "content": [{"image": {"format": "png", "source": {"bytes": "QQ=="}}}],
                "status": "error",
            }},
            {"text": "hurry"},
        ])
    );
}

#[test]
fn a_tool_s_failure_is_said_where_the_model_knows_how() {
    let conversation = with_tool(vec![
        said(Role::User, "a"),
        Message::new(Role::Assistant, vec![call("c", "weather", "")]),
        Message::new(
            Role::Tool,
            vec![result("c", vec![Content::text("no such city")], true)],
        ),
    ]);
    for (model, status, left_out) in [
        (NOVA, json!("error"), vec![]),
        (LLAMA, Value::Null, vec!["messages[2].content[0].is_error"]),
    ] {
        let (body, dropped) = written(&conversation, model);
        let block = &body["messages"][2]["content"][0]["toolResult"];
        assert_eq!(
            (&block["status"], dropped),
            (&status, left_out.into_iter().map(String::from).collect())
        );
    }
}

#[test]
fn media_and_what_goes_with_them() {
    let mut picture = data("image/png");
    picture.detail = Some("high".to_owned());
    let mut paper = data("application/pdf");
    paper.name = Some("Report: 1.pdf".to_owned());
    let content = vec![
        Content::text("look"),
        Content::Image(picture),
        Content::Document(paper),
        Content::Audio(data("audio/wav")),
    ];
    let (body, dropped) = written(&asks(vec![Message::new(Role::User, content)]), NOVA);
    assert_eq!(
        body["messages"][0]["content"],
        json!([
            {"text": "look"},
            {"image": {"format": "png", "source": {"bytes": "QQ=="}}},
            {"document": {"format": "pdf", "name": "Report- 1", "source": {"bytes": "QQ=="}}},
            {"audio": {"format": "wav", "source": {"bytes": "QQ=="}}},
        ])
    );
    assert_eq!(dropped, ["messages[0].content[1].detail"]);
}

#[test]
fn reasoning_goes_back_to_claude_with_a_signature_of_claude_s() {
    let part = |signature: Option<Issuer>, encrypted: Option<Issuer>| {
        Content::Reasoning(ReasoningPart {
            text: "hm".to_owned(),
            signature: signature.map(|issuer| Signature::new(issuer, "s")),
            encrypted: encrypted.map(|issuer| Signature::new(issuer, "e")),
        })
    };
    let signed =
        json!([{"reasoningContent": {"reasoningText": {"text": "hm", "signature": "s"}}}, {"text": "b"}]);
    let encrypted = json!([{"reasoningContent": {"redactedContent": "e"}}, {"text": "b"}]);
    let nothing = json!([{"text": "b"}]);
    for (model, part, expected) in [
        (CLAUDE_4_5, part(Some(Issuer::Bedrock), None), &signed),
        (CLAUDE_4_5, part(Some(Issuer::Anthropic), None), &signed),
        (CLAUDE_4_5, part(None, Some(Issuer::Bedrock)), &encrypted),
        (CLAUDE_4_5, part(None, Some(Issuer::Anthropic)), &nothing),
        (CLAUDE_4_5, part(Some(Issuer::Gemini), None), &nothing),
        (CLAUDE_4_5, part(None, None), &nothing),
        (LLAMA, part(Some(Issuer::Bedrock), None), &nothing),
    ] {
        let conversation = asks(vec![
            said(Role::User, "a"),
            Message::new(Role::Assistant, vec![part.clone(), Content::text("b")]),
            said(Role::User, "c"),
        ]);
        assert_eq!(
            &body(&conversation, model)["messages"][1]["content"],
            expected,
            "{model} {part:?}"
        );
    }
}

proptest! {
    /// Whoever speaks in whatever order, turns alternate, the user's first, and no block is empty.
    #[test]
    fn turns_always_alternate(
        spoken in prop::collection::vec(
            (prop::sample::select(vec![Role::System, Role::User, Role::Assistant]), "[a ]{0,3}"),
            0..12,
        ),
    ) {
        let conversation = asks(spoken.iter().map(|(role, text)| said(*role, text)).collect());
        if let Ok(written) = write::write(&conversation, CLAUDE_3) {
            let body: Value = serde_json::from_slice(&written.body).unwrap();
            for (at, turn) in body["messages"].as_array().unwrap().iter().enumerate() {
                prop_assert_eq!(&turn["role"], if at % 2 == 0 { "user" } else { "assistant" });
                for block in turn["content"].as_array().unwrap() {
                    prop_assert!(!block["text"].as_str().unwrap().trim().is_empty());
                }
            }
        }
    }
}
