use proptest::prelude::*;

use super::super::adding_up::added_up;
use super::super::answer;
use super::super::decoder::ResponsesDecoder;
use super::*;
use crate::neutral::{Answer, Choice, Content, ReasoningPart, Signature, Text, ToolCall};
use crate::sse;
use crate::wire::Decoder;

/// The events of a stream, checked for what holds for each: its name, its number.
fn written(events: &[Event]) -> (Vec<Value>, Vec<Bytes>) {
    let mut encoder = ResponsesEncoder::new("m");
    let mut raw: Vec<Bytes> = events.iter().flat_map(|event| encoder.write(event)).collect();
    raw.extend(encoder.end());
    assert!(encoder.end().is_empty() && encoder.write(&events[0]).is_empty());
    let values: Vec<Value> = raw
        .iter()
        .map(|event| serde_json::from_slice(&sse::data(event).unwrap()).unwrap())
        .collect();
    for (number, (value, raw)) in values.iter().zip(&raw).enumerate() {
        let kind = value["type"].as_str().unwrap();
        assert!(raw.starts_with(format!("event: {kind}\ndata: {{").as_bytes()));
        assert!(raw.ends_with(b"}\n\n"));
        assert_eq!(value["sequence_number"], number);
    }
    (values, raw)
}

fn kinds(events: &[Value]) -> Vec<&str> {
    events
        .iter()
        .filter_map(|event| event["type"].as_str())
        .map(|kind| kind.trim_start_matches("response."))
        .collect()
}

fn text(text: &str) -> Event {
    Event::piece(Piece::Text(text.into()))
}

fn call(index: u32, id: Option<&str>, arguments: &str, signature: Option<Signature>) -> Event {
    Event::piece(Piece::ToolCall(ToolCallPiece {
        index,
        id: id.map(Into::into),
        name: id.map(|_| "f".into()),
        arguments: arguments.into(),
        signature,
    }))
}

fn finish(reason: FinishReason) -> Event {
    Event::Finish {
        choice: 0,
        reason,
        stop_sequence: None,
    }
}

fn head() -> Head {
    Head {
        id: Some("resp_1".into()),
        model: Some("gpt".into()),
        created: Some(17),
    }
}

#[test]
fn the_events_of_a_text() {
    let (events, raw) = written(&[
        Event::Begin(head()),
        text("a"),
        text(""),
        text("b"),
        finish(FinishReason::Stop),
    ]);
    let expected = [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ];
    assert_eq!(kinds(&events), expected);
    let response = added_up(&events);
    assert_eq!(
        (&response["id"], &response["model"]),
        (&json!("resp_1"), &json!("gpt"))
    );
    assert_eq!(response["output"][0]["content"][0]["text"], "ab");
    assert!(
        !raw.iter()
            .any(|event| event.windows(6).any(|bytes| bytes == b"[DONE]"))
    );
}

#[test]
fn an_event_says_what_its_last_one_says() {
    let mut encoder = ResponsesEncoder::new("m");
    for (event, last) in [
        (Event::Begin(head()), Some("response.in_progress")),
        (
            Event::piece(Piece::Reasoning("r".into())),
            Some("response.reasoning_summary_text.delta"),
        ),
        (text("a"), Some("response.output_text.delta")),
        (
            Event::piece(Piece::Refusal("n".into())),
            Some("response.refusal.delta"),
        ),
        (call(0, Some("c"), "", None), Some("response.output_item.added")),
        (
            call(0, None, "{", None),
            Some("response.function_call_arguments.delta"),
        ),
        (finish(FinishReason::Stop), None),
    ] {
        let written = encoder.write(&event);
        let data: Option<Value> = written
            .last()
            .map(|event| serde_json::from_slice(&sse::data(event).unwrap()).unwrap());
        assert_eq!(
            data.as_ref().and_then(|data| data["type"].as_str()),
            last,
            "{event:?}"
        );
    }
}

#[test]
fn what_is_not_whole_ends_incomplete() {
    for (reason, kind, status, why) in [
        (Some(FinishReason::Stop), "completed", "completed", Value::Null),
        (
            Some(FinishReason::ToolCalls),
            "completed",
            "completed",
            Value::Null,
        ),
        (
            Some(FinishReason::Length),
            "incomplete",
            "incomplete",
            json!({"reason": "max_output_tokens"}),
        ),
        (
            Some(FinishReason::ContentFilter),
            "incomplete",
            "incomplete",
            json!({"reason": "content_filter"}),
        ),
        (
            Some(FinishReason::Other("x".into())),
            "incomplete",
            "incomplete",
            json!({"reason": "x"}),
        ),
        (None, "incomplete", "incomplete", Value::Null),
    ] {
        let mut events = vec![text("a"), call(0, Some("c"), "{}", None), text("b")];
        events.extend(reason.map(finish));
        let (events, _) = written(&events);
        assert_eq!(kinds(&events).last(), Some(&kind));
        let response = added_up(&events);
        assert_eq!(
            (&response["status"], &response["incomplete_details"]),
            (&json!(status), &why)
        );
        let items: Vec<&Value> = list(&response, "output").map(|item| &item["status"]).collect();
        assert_eq!(items, ["completed", "completed", status]);
    }
}

#[test]
fn other_answers_of_the_same_request_are_not_mixed_in() {
    let other = Event::Piece {
        choice: 1,
        piece: Piece::Text("no".into()),
    };
    let (events, _) = written(&[text("a"), other, finish(FinishReason::Stop)]);
    assert_eq!(added_up(&events)["output"][0]["content"][0]["text"], "a");
}

#[test]
fn calls_may_grow_side_by_side() {
    let (events, _) = written(&[
        call(0, Some("c0"), "{\"a\"", None),
        call(1, Some("c1"), "", Some(Signature::new(Issuer::Gemini, "sig"))),
        call(0, None, ":1}", None),
        finish(FinishReason::ToolCalls),
    ]);
    let response = added_up(&events);
    let output: Vec<_> = list(&response, "output").collect();
    assert_eq!(
        (&output[0]["call_id"], &output[0]["arguments"]),
        (&json!("c0"), &json!("{\"a\":1}"))
    );
    assert_eq!(output[1]["encrypted_content"], "modelpool:gemini:call:c1|sig");
    assert_eq!(
        (&output[2]["call_id"], &output[2]["arguments"]),
        (&json!("c1"), &json!("{}"))
    );
}

/// Neutral content, as pieces and as the whole of it.
fn contents() -> impl Strategy<Value = (Vec<Event>, Content)> {
    let issuer = prop::sample::select(vec![Issuer::OpenAi, Issuer::Anthropic, Issuer::Gemini]);
    let signature = issuer.prop_map(|issuer| Signature::new(issuer, "s|g:="));
    let fragments = || prop::collection::vec("[a-z图\u{1F600}\"\\\\\n ]{1,4}", 1..4);
    let grow = |texts: &[String], piece: fn(String) -> Piece| -> Vec<Event> {
        texts
            .iter()
            .map(|text| Event::piece(piece(text.clone())))
            .collect()
    };
    prop_oneof![
        fragments().prop_map(move |texts| (grow(&texts, Piece::Text), Content::text(texts.concat()))),
        fragments().prop_map(move |texts| (grow(&texts, Piece::Refusal), Content::Refusal(texts.concat()))),
        (fragments(), signature.clone()).prop_map(move |(texts, signature)| {
            let mut events = grow(&texts, Piece::Reasoning);
            events.push(Event::piece(Piece::Signature(signature.clone())));
            let part = ReasoningPart {
                text: texts.concat(),
                signature: Some(signature),
                encrypted: None,
            };
            (events, Content::Reasoning(part))
        }),
        signature.prop_map(|sealed| {
            let part = ReasoningPart {
                encrypted: Some(sealed.clone()),
                ..ReasoningPart::default()
            };
            (
                vec![Event::piece(Piece::EncryptedReasoning(sealed))],
                Content::Reasoning(part),
            )
        }),
        fragments().prop_map(|texts| {
            let call = ToolCall {
                name: "f".into(),
                arguments: texts.concat(),
                ..ToolCall::default()
            };
            (Vec::new(), Content::ToolCall(call))
        }),
    ]
}

/// Calls get their numbers and ids, and neighbours of one kind become one.
fn whole(parts: Vec<(Vec<Event>, Content)>) -> (Vec<Event>, Vec<Content>) {
    let (mut events, mut contents, mut calls) = (Vec::new(), Vec::<Content>::new(), 0);
    for (pieces, content) in parts {
        events.extend(pieces);
        match (contents.last_mut(), content) {
            (Some(Content::Text(before)), Content::Text(text)) => before.text += &text.text,
            (Some(Content::Refusal(before)), Content::Refusal(text)) => *before += &text,
            (_, Content::ToolCall(mut tool)) => {
                tool.id = format!("call_{calls}");
                events.push(call(calls, Some(&tool.id), &tool.arguments, None));
                calls += 1;
                contents.push(Content::ToolCall(tool));
            }
            (_, content) => contents.push(content),
        }
    }
    (events, contents)
}

proptest! {
    /// Streamed or whole, a caller gets the same response; and reading the stream gives what was said.
    #[test]
    fn a_stream_adds_up_to_the_whole_answer(parts in prop::collection::vec(contents(), 0..6)) {
        let (pieces, content) = whole(parts);
        let usage = Usage { input_tokens: 3, output_tokens: 4, ..Usage::default() };
        let mut events = vec![Event::Begin(head())];
        events.extend(pieces);
        events.extend([Event::Usage(usage), finish(FinishReason::Stop)]);
        let choice = Choice { content, finish: Some(FinishReason::Stop), ..Choice::default() };
        let answer = Answer { head: head(), choices: vec![choice], usage: Some(usage) };

        let (values, raw) = written(&events);
        let response = added_up(&values);
        let whole: Value = serde_json::from_slice(&answer::write(&answer, "m")).unwrap();
        prop_assert_eq!(&response, &whole);

        let mut decoder = ResponsesDecoder::default();
        let mut said = [String::new(), String::new(), String::new(), String::new()];
        let mut add = |piece: &Piece| match piece {
            Piece::Text(text) => said[0] += text,
            Piece::Refusal(text) => said[1] += text,
            Piece::Reasoning(text) => said[2] += text,
            Piece::ToolCall(call) => said[3] += &call.arguments,
            _ => {}
        };
        for frame in &raw {
            for event in decoder.read(frame).unwrap().events {
                if let Event::Piece { piece, .. } = event {
                    add(&piece);
                }
            }
        }
        let mut expected = [String::new(), String::new(), String::new(), String::new()];
        for content in &answer.choices[0].content {
            match content {
                Content::Text(Text { text, .. }) => expected[0] += text,
                Content::Refusal(text) => expected[1] += text,
                Content::Reasoning(part) => expected[2] += &part.text,
                Content::ToolCall(call) => expected[3] += &call.arguments,
                _ => {}
            }
        }
        prop_assert_eq!(said, expected);
    }
}
