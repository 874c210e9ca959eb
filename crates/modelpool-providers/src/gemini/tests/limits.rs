//! What a conversation says that the wire cannot: hints are dropped by name, all else is refused.

use serde_json::{Value, json};

use super::requests::{asks, call, refused, result, tool, write_for};
use crate::neutral::{
    Content, Conversation, Effort, Media, Message, OutputForm, Reasoning, Role, Source, ToolChoice,
};

#[test]
fn hints_without_a_place_are_named() {
    let mut conversation = asks("?");
    conversation.sampling.seed = Some(1 << 40);
    conversation.messages[0].name = Some("Ann".into());
    conversation.messages[0].content.push(Content::Image(Media {
        detail: Some("low".into()),
        name: Some("a.png".into()),
        ..Media::of(Source::Url("https://a.example/a.png".into()))
    }));
    conversation.reasoning = Some(Reasoning {
        effort: Some(Effort::High),
        ..Reasoning::default()
    });
    conversation.hints =
        json!({"user": "u", "safetySettings": [], "generationConfig.mediaResolution": "LOW"})
            .as_object()
            .cloned()
            .unwrap();
    let written = write_for("gemini-2.0-flash", &conversation).unwrap();
    let expected = [
        "messages[0].name",
        "messages[0].content[1].detail",
        "messages[0].content[1].filename",
        "seed",
        "reasoning_effort",
        "user",
    ];
    assert_eq!(written.dropped, expected);
    let body: Value = serde_json::from_slice(&written.body).unwrap();
    assert_eq!(body["safetySettings"], json!([]));
    assert_eq!(body["generationConfig"], json!({"mediaResolution": "LOW"}));
}

#[test]
fn what_cannot_be_said_is_refused() {
    let with = |change: fn(&mut Conversation)| {
        let mut conversation = asks("?");
        conversation.tools = vec![tool(None)];
        change(&mut conversation);
        refused(&conversation)
    };
    type Case = (fn(&mut Conversation), &'static str);
    let cases: [Case; 11] = [
        (
            |c| c.untranslatable = vec!["previous_response_id".into()],
            "previous_response_id",
        ),
        (
            |c| {
                c.parallel_tools = Some(false);
                c.tools.push(tool(None));
            },
            "parallel_tool_calls",
        ),
        (|c| c.output = OutputForm::Json, "response_format"),
        (|c| c.sampling.stop = vec!["a".into(); 6], "stop"),
        (|c| c.logprobs = Some(21), "top_logprobs"),
        (|c| c.messages[0].role = Role::System, "messages"),
        (
            |c| c.messages.push(result("nobody", "x")),
            "messages[1].tool_call_id",
        ),
        (
            |c| {
                c.messages
                    .push(Message::new(Role::Assistant, vec![call("a", "{\"a\":", None)]));
            },
            "messages[1].tool_calls",
        ),
        (
            |c| {
                c.messages
                    .push(Message::new(Role::Assistant, vec![call("a", "[1]", None)]));
            },
            "messages[1].tool_calls",
        ),
        (
            |c| {
                c.messages[0]
                    .content
                    .push(Content::Image(Media::of(Source::FileId("file-1".into()))));
            },
            "messages[0].content[1]",
        ),
        (
            |c| {
                let image = Content::Image(Media::of(Source::Url("https://a.example/a.png".into())));
                c.messages.push(Message::new(Role::System, vec![image]));
            },
            "messages[1].content[0]",
        ),
    ];
    for (change, field) in cases {
        assert_eq!(with(change), field);
    }
    let mut conversation = asks("?");
    conversation.tool_choice = Some(ToolChoice::Required);
    assert_eq!(refused(&conversation), "tool_choice");
}
