//! Bodies of callers.

use serde_json::{Value, json};

use crate::gemini::GeminiCaller;
use crate::neutral::{
    Content, Conversation, Effort, Issuer, Media, OutputForm, Reasoning, ReasoningPart, Role, Signature,
    Source, ToolCall, ToolChoice, ToolResult,
};
use crate::openai_chat::read::BodyError;
use crate::wire::Caller;

pub(super) fn read(body: &Value) -> Result<Conversation, BodyError> {
    GeminiCaller.conversation(body.to_string().as_bytes())
}

fn ask() -> Value {
    json!({"contents": [{"role": "user", "parts": [{"text": "?"}]}]})
}

/// A body that asks, with one more member.
pub(super) fn with(name: &str, value: Value) -> Value {
    let mut body = ask();
    body[name] = value;
    body
}

fn contents_of(conversation: &Conversation) -> Vec<(Role, Vec<Content>)> {
    let messages = conversation.messages.iter();
    messages
        .map(|message| (message.role, message.content.clone()))
        .collect()
}

#[test]
fn messages_in_both_forms_of_names() {
    for body in [
        json!({"systemInstruction": {"parts": [{"text": "Be brief."}]},
            "contents": [{"parts": [{"text": "?"}, {"inlineData": {"mimeType": "image/png", "data": "iVB"}}]},
                {"role": "model", "parts": []}, {"role": "model", "parts": [{"text": "!"}]}]}),
        json!({"system_instruction": {"parts": {"text": "Be brief."}},
            "contents": [{"role": "user", "parts": [{"text": "?"}, {"inline_data": {"mime_type": "image/png", "data": "iVB"}}]},
                {"role": "model", "parts": [{"text": "!"}]}]}),
    ] {
        let read = read(&body).unwrap();
        let image = Content::Image(Media::of(Source::from_url("data:image/png;base64,iVB")));
        let expected = [
            (Role::System, vec![Content::text("Be brief.")]),
            (Role::User, vec![Content::text("?"), image]),
            (Role::Assistant, vec![Content::text("!")]),
        ];
        assert_eq!(contents_of(&read), expected);
        assert!(read.untranslatable.is_empty() && read.hints.is_empty());
    }
}

#[test]
fn a_request_whose_tokens_are_counted_may_stand_within() {
    let counted = read(&json!({"generateContentRequest": ask()})).unwrap();
    assert_eq!(counted, read(&ask()).unwrap());
}

#[test]
fn an_answer_that_was_kept_in_pieces_is_one_turn() {
    let said = |text: &str| json!({"role": "model", "parts": [{"text": text}]});
    let body = json!({"contents": [
        {"role": "user", "parts": [{"text": "?"}]},
        {"role": "model", "parts": [{"text": "hm", "thought": true}]}, said("It "), said("is"), said(""), said(" so."),
        {"role": "model", "parts": [{"functionCall": {"id": "i", "name": "f", "args": {}}}]},
        {"role": "user", "parts": [{"text": "!"}]}, said("Yes."),
    ]});
    let read = read(&body).unwrap();
    let roles: Vec<Role> = read.messages.iter().map(|message| message.role).collect();
    assert_eq!(roles, [Role::User, Role::Assistant, Role::User, Role::Assistant]);
    let answer = &read.messages[1];
    assert_eq!((answer.content.len(), answer.text()), (3, "It is so.".to_owned()));
}

#[test]
fn results_find_their_calls() {
    let call = |id: Option<&str>| json!({"functionCall": {"name": "f", "id": id}});
    let response = |id: Option<&str>, said: Value| json!({"functionResponse": {"name": "f", "id": id, "response": said}});
    let body = json!({"contents": [
        {"role": "user", "parts": [{"text": "?"}]},
        {"role": "model", "parts": [call(None), call(Some("own")), call(None)]},
        {"role": "user", "parts": [{"text": "and"}, response(Some("own"), json!({"output": "1"})),
            response(None, json!({"error": {"code": 5}})), response(None, json!({"a": 1, "b": 2}))]},
    ]});
    let read = read(&body).unwrap();
    let of_role = |role| read.messages.iter().find(|message| message.role == role).unwrap();
    let ids: Vec<&str> = of_role(Role::Assistant)
        .content
        .iter()
        .map(|content| match content {
            Content::ToolCall(ToolCall { id, .. }) => id.as_str(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert!(ids[1] == "own" && ids[0] != ids[2] && ids[0].starts_with("call_"));
    let result = |id: &str, text: &str, is_error| {
        Content::ToolResult(ToolResult {
            call_id: id.into(),
            name: Some("f".into()),
            content: vec![Content::text(text)],
            is_error,
        })
    };
    let expected = [
        result("own", "1", false),
        result(ids[0], r#"{"code":5}"#, true),
        result(ids[2], r#"{"a":1,"b":2}"#, false),
    ];
    assert_eq!(of_role(Role::Tool).content, expected);
    let roles: Vec<Role> = read.messages.iter().map(|message| message.role).collect();
    assert_eq!(roles, [Role::User, Role::Assistant, Role::Tool, Role::User]);
}

#[test]
fn thoughts_are_one_up_to_their_signature() {
    let body = json!({"contents": [{"role": "model", "parts": [
        {"text": "a", "thought": true}, {"text": "b", "thought": true}, {"text": "", "thought": true, "thoughtSignature": "c2ln"},
        {"text": "c", "thought": true},
        {"text": "x", "thoughtSignature": "dGV4dA=="},
        {"functionCall": {"name": "f", "args": {"a": 1}, "id": "i"}, "thought_signature": "Y2FsbA=="},
    ]}]});
    let gemini = |value: &str| Some(Signature::new(Issuer::Gemini, value));
    let reasoning = |text: &str, signature, encrypted| {
        Content::Reasoning(ReasoningPart {
            text: text.into(),
            signature,
            encrypted,
        })
    };
    let call = ToolCall {
        id: "i".into(),
        name: "f".into(),
        arguments: r#"{"a":1}"#.into(),
        signature: gemini("Y2FsbA=="),
    };
    let expected = vec![
        reasoning("ab", gemini("c2ln"), None),
        reasoning("c", None, None),
        Content::text("x"),
        reasoning("", None, gemini("dGV4dA==")),
        Content::ToolCall(call),
    ];
    assert_eq!(contents_of(&read(&body).unwrap()), [(Role::Assistant, expected)]);
}

#[test]
fn how_the_answer_is_to_be_drawn() {
    let config = json!({"temperature": 0.5, "top_p": "0.9", "topK": 40.0, "candidateCount": 2, "maxOutputTokens": "9",
        "stopSequences": ["END"], "presencePenalty": 1, "frequencyPenalty": 2, "seed": -7, "responseLogprobs": true, "logprobs": 3,
        "responseMimeType": "application/json", "responseSchema": {"type": "STRING", "nullable": true},
        "thinkingConfig": {"thinkingBudget": -1, "thinkingLevel": "HIGH", "includeThoughts": true},
        "mediaResolution": "MEDIA_RESOLUTION_LOW", "responseModalities": ["TEXT"]});
    let read = read(&with("generation_config", config)).unwrap();
    let sampling = &read.sampling;
    assert_eq!(
        (sampling.temperature, sampling.top_p, sampling.top_k),
        (Some(0.5), Some(0.9), Some(40))
    );
    assert_eq!(
        (sampling.presence_penalty, sampling.frequency_penalty),
        (Some(1.0), Some(2.0))
    );
    assert_eq!(
        (sampling.seed, sampling.stop.as_slice()),
        (Some(-7), &["END".to_owned()][..])
    );
    assert_eq!(
        (read.choices, read.max_output_tokens, read.logprobs),
        (Some(2), Some(9), Some(3))
    );
    let expected = Reasoning {
        effort: Some(Effort::High),
        budget_tokens: None,
        visible: Some(true),
    };
    assert_eq!(read.reasoning, Some(expected));
    assert!(
        matches!(&read.output, OutputForm::Schema { schema, .. } if *schema == json!({"type": ["string", "null"]}))
    );
    assert_eq!(
        read.hints.keys().collect::<Vec<_>>(),
        ["generationConfig.mediaResolution"]
    );
    assert!(read.untranslatable.is_empty());
}

#[test]
fn tools_and_the_choice_among_them() {
    let tools = json!([{"functionDeclarations": [
        {"name": "f", "description": "d", "parameters": {"type": "OBJECT", "properties": {"a": {"type": "STRING"}}}},
        {"name": "g", "parametersJsonSchema": {"type": "object", "$comment": "x"}}, {"name": "h"}]}]);
    let all = ["f", "g", "h"];
    for (calling, choice, names, strict) in [
        (json!({}), None, &all[..], None),
        (json!({"mode": "auto"}), Some(ToolChoice::Auto), &all, None),
        (json!({"mode": "ANY"}), Some(ToolChoice::Required), &all, None),
        (json!({"mode": "NONE"}), Some(ToolChoice::None), &all, None),
        (
            json!({"mode": "VALIDATED"}),
            Some(ToolChoice::Auto),
            &all,
            Some(true),
        ),
        (
            json!({"mode": "ANY", "allowed_function_names": ["g"]}),
            Some(ToolChoice::Named("g".into())),
            &all,
            None,
        ),
        (
            json!({"mode": "ANY", "allowedFunctionNames": ["f", "h"]}),
            Some(ToolChoice::Required),
            &["f", "h"],
            None,
        ),
    ] {
        let mut body = with("tools", tools.clone());
        body["tool_config"] = json!({"function_calling_config": calling, "retrievalConfig": {}});
        let read = read(&body).unwrap();
        assert_eq!(read.tool_choice, choice, "{calling}");
        assert_eq!(
            read.tools
                .iter()
                .map(|tool| tool.name.as_str())
                .collect::<Vec<_>>(),
            names
        );
        assert_eq!(read.tools[0].strict, strict);
        assert_eq!(
            read.tools[0].parameters,
            Some(json!({"type": "object", "properties": {"a": {"type": "string"}}}))
        );
        assert!(read.hints.contains_key("toolConfig.retrievalConfig"));
    }
}

#[test]
fn what_no_other_wire_can_say_is_named() {
    let part = |part: Value| json!([{"role": "model", "parts": [part]}]);
    for (name, value, expected) in [
        ("cachedContent", json!("cachedContents/x"), "cachedContent"),
        ("tools", json!([{"googleSearch": {}}]), "tools[0].googleSearch"),
        (
            "tools",
            json!([{"functionDeclarations": []}, {"code_execution": {}}]),
            "tools[1].codeExecution",
        ),
        ("tools", json!({"urlContext": {}}), "tools[0].urlContext"),
        (
            "contents",
            part(json!({"executableCode": {"code": "1"}})),
            "contents[0].parts[0].executableCode",
        ),
        (
            "contents",
            part(json!({"codeExecutionResult": {}})),
            "contents[0].parts[0].codeExecutionResult",
        ),
        (
            "contents",
            json!([{"parts": [{"fileData": {"fileUri": "https://youtu.be/x"}}]}]),
            "contents[0].parts[0].fileData",
        ),
        (
            "generationConfig",
            json!({"responseModalities": ["TEXT", "IMAGE"]}),
            "generationConfig.responseModalities",
        ),
        (
            "generationConfig",
            json!({"speechConfig": {}}),
            "generationConfig.speechConfig",
        ),
        (
            "generationConfig",
            json!({"responseMimeType": "text/x.enum"}),
            "generationConfig.responseMimeType",
        ),
        (
            "systemInstruction",
            json!({"parts": [{"inlineData": {}}]}),
            "systemInstruction.parts[0]",
        ),
    ] {
        assert_eq!(read(&with(name, value)).unwrap().untranslatable, [expected]);
    }
    let mut body = with("safetySettings", json!([]));
    body["labels"] = json!({"a": "b"});
    body["newMember"] = json!(1);
    let hints = read(&body).unwrap().hints;
    assert_eq!(
        hints.keys().collect::<Vec<_>>(),
        ["safetySettings", "labels", "newMember"]
    );
}

#[test]
fn faults_say_what_would_be_accepted() {
    let answers_nothing = json!([{"parts": [{"functionResponse": {"name": "f", "response": {}}}]}]);
    for (body, param, message) in [
        (json!([]), None, "the body is not a JSON object"),
        (
            json!({}),
            Some("contents"),
            "`contents` is missing; expected a list of turns",
        ),
        (
            with("contents", json!([])),
            Some("contents"),
            "`contents` is []; expected at least one turn",
        ),
        (
            with("contents", json!("hi")),
            Some("contents"),
            "`contents` is \"hi\"; expected a list of turns",
        ),
        (
            with("contents", json!([1])),
            Some("contents[0]"),
            "`contents[0]` is 1; expected an object with `parts`",
        ),
        (
            with("contents", json!([{"role": "assistant", "parts": []}])),
            Some("contents[0].role"),
            "`contents[0].role` is \"assistant\"; expected `user` or `model`",
        ),
        (
            with("contents", json!([{"parts": ["x"]}])),
            Some("contents[0].parts[0]"),
            "`contents[0].parts[0]` is \"x\"; expected an object",
        ),
        (
            with("contents", answers_nothing),
            Some("contents[0].parts[0].functionResponse"),
            "`contents[0].parts[0].functionResponse` answers no call: expected a `functionCall` of `f` before it",
        ),
        (
            with("generationConfig", json!({"temperature": "hot"})),
            Some("generationConfig.temperature"),
            "`generationConfig.temperature` is \"hot\"; expected a number",
        ),
        (
            with("toolConfig", json!({"functionCallingConfig": {"mode": "MAYBE"}})),
            Some("toolConfig.functionCallingConfig.mode"),
            "`toolConfig.functionCallingConfig.mode` is \"MAYBE\"; expected `AUTO`, `ANY`, `NONE` or `VALIDATED`",
        ),
        (
            with("tools", json!([{"functionDeclarations": [{}]}])),
            Some("tools[0].functionDeclarations[0]"),
            "`tools[0].functionDeclarations[0]` is {}; expected a function with a `name`",
        ),
    ] {
        let error = read(&body).unwrap_err();
        assert_eq!((error.param.as_deref(), error.message.as_str()), (param, message));
    }
    assert!(GeminiCaller.conversation(b"{\"contents\"").is_err());
}
