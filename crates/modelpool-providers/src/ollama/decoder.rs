//! The lines of a stream.
//!
//! Each is a whole JSON object with a piece of the message; the last one says `done: true`, why, and what was
//! used. A call of a tool is never cut: it stands whole in one line.

use serde_json::Value;

use super::answer;
use crate::neutral::{Event, Events, Piece, ToolCallPiece};
use crate::wire::{Broken, Decoded, Decoder};

/// Reads the lines of one stream.
#[derive(Debug, Default)]
pub(super) struct Lines {
    begun: bool,
    /// Calls so far.
    calls: u32,
}

impl Decoder for Lines {
    fn read(&mut self, frame: &[u8]) -> Result<Decoded, Broken> {
        let line = frame.trim_ascii();
        if line.is_empty() {
            return Ok(Decoded::nothing());
        }
        let Ok(value @ Value::Object(_)) = serde_json::from_slice::<Value>(line) else {
            return Ok(Decoded::malformed());
        };
        answer::refused(&value)?;
        let mut events = Events::new();
        if !std::mem::replace(&mut self.begun, true) {
            events.push(Event::Begin(answer::head(&value)));
        }
        self.pieces(&value, line, &mut events);
        let finish = answer::finish(&value, self.calls > 0);
        let end_mark = finish.is_some();
        if let Some(reason) = finish {
            events.extend(answer::usage(&value).map(Event::Usage));
            events.push(Event::Finish {
                choice: 0,
                reason,
                stop_sequence: None,
            });
        }
        Ok(Decoded {
            events,
            end_mark,
            malformed: false,
        })
    }
}

impl Lines {
    fn pieces(&mut self, value: &Value, line: &[u8], events: &mut Events) {
        let Some(message) = value.get("message").and_then(Value::as_object) else {
            return;
        };
        let text = |name: &str| {
            let text = message.get(name).and_then(Value::as_str);
            text.filter(|text| !text.is_empty()).map(str::to_owned)
        };
        events.extend(text("thinking").map(|text| Event::piece(Piece::Reasoning(text))));
        events.extend(text("content").map(|text| Event::piece(Piece::Text(text))));
        events.extend(answer::logprobs(value).map(|items| Event::piece(Piece::Logprobs(items))));
        for call in answer::tool_calls(message, line) {
            events.push(Event::piece(Piece::ToolCall(ToolCallPiece {
                index: self.calls,
                id: Some(call.id),
                name: Some(call.name),
                arguments: call.arguments,
                signature: None,
            })));
            self.calls = self.calls.saturating_add(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::framing::{Frames, Framing};
    use bytes::Bytes;
    use modelpool_core::{FinishReason, Usage};
    use proptest::prelude::*;
    use serde_json::json;

    const STREAM: &str = concat!(
        r#"{"model":"qwen3","created_at":"2025-07-07T20:22:19Z","message":{"role":"assistant","content":"","thinking":"Ah, 图"},"done":false}"#,
        "\n",
        r#"{"model":"qwen3","created_at":"2025-07-07T20:22:20Z","message":{"role":"assistant","content":"Hi"},"done":false}"#,
        "\r\n\n",
        r#"{"message":{"role":"assistant","content":"","tool_calls":[{"function":{"name":"f","arguments":{"a":1}}}]},"done":false}"#,
        "\n",
        r#"{"message":{"tool_calls":[{"id":"c2","function":{"name":"g","arguments":{}}}]},"done":false}"#,
        "\n",
        r#"{"message":{"role":"assistant","content":""},"done":true,"done_reason":"stop","prompt_eval_count":26,"eval_count":9}"#,
        "\n",
    );

    /// What the parts say, and whether the mark of the end was among it.
    fn decoded(parts: &[&[u8]]) -> Result<(Vec<Event>, bool), Broken> {
        let mut frames = Frames::new(Framing::Lines);
        let mut decoder = Lines::default();
        let (mut events, mut ended) = (Vec::new(), false);
        for part in parts {
            frames.push(Bytes::copy_from_slice(part));
            while let Some(frame) = frames.next().unwrap() {
                let read = decoder.read(&frame)?;
                events.extend(read.events);
                ended |= read.end_mark;
            }
        }
        Ok((events, ended))
    }

    fn call(index: u32, id: &str, name: &str, arguments: &str) -> Event {
        Event::piece(Piece::ToolCall(ToolCallPiece {
            index,
            id: Some(id.to_owned()),
            name: Some(name.to_owned()),
            arguments: arguments.to_owned(),
            signature: None,
        }))
    }

    #[test]
    fn a_stream_is_read_wherever_its_parts_end() {
        let (events, ended) = decoded(&[STREAM.as_bytes()]).unwrap();
        assert!(ended);
        let Some(Event::Piece {
            piece: Piece::ToolCall(ToolCallPiece { id: Some(id), .. }),
            ..
        }) = events.get(3)
        else {
            panic!("{events:?}")
        };
        assert!(id.starts_with("call_"));
        let usage = Usage {
            input_tokens: 26,
            output_tokens: 9,
            ..Usage::default()
        };
        let expected = [
            Event::Begin(answer::head(
                &json!({"model": "qwen3", "created_at": "2025-07-07T20:22:19Z"}),
            )),
            Event::piece(Piece::Reasoning("Ah, 图".to_owned())),
            Event::piece(Piece::Text("Hi".to_owned())),
            call(0, id, "f", r#"{"a":1}"#),
            call(1, "c2", "g", "{}"),
            Event::Usage(usage),
            Event::Finish {
                choice: 0,
                reason: FinishReason::ToolCalls,
                stop_sequence: None,
            },
        ];
        assert_eq!(events, expected);
        for at in 0..STREAM.len() {
            let (head, tail) = STREAM.as_bytes().split_at(at);
            assert_eq!(
                decoded(&[head, tail]).unwrap(),
                (events.clone(), true),
                "cut at {at}"
            );
        }
    }

    #[test]
    fn a_stream_without_its_last_line_is_not_whole() {
        let cut = STREAM.rfind(r#"{"message""#).unwrap();
        let (events, ended) = decoded(&[&STREAM.as_bytes()[..cut]]).unwrap();
        assert!(!ended);
        assert!(!events.iter().any(|event| matches!(event, Event::Finish { .. })));
    }

    #[test]
    fn a_last_line_needs_no_line_end() {
        let mut decoder = Lines::default();
        let read = decoder.read(br#"{"message":{"content":"x"},"done":true,"done_reason":"length"}"#);
        let read = read.unwrap();
        let finish = Event::Finish {
            choice: 0,
            reason: FinishReason::Length,
            stop_sequence: None,
        };
        assert_eq!((read.events.last(), read.end_mark), (Some(&finish), true));
    }

    #[test]
    fn an_error_may_be_a_line_of_the_stream() {
        let object = json!({"error": "an error was encountered while running the model"});
        let stream = format!("{{\"message\":{{\"content\":\"x\"}}}}\n{object}\n");
        assert_eq!(
            decoded(&[stream.as_bytes()]).unwrap_err(),
            Broken::Refusal(object)
        );
    }

    #[test]
    fn lines_that_are_none_are_told() {
        for (line, malformed) in [
            ("", false),
            (" \r\n", false),
            ("{}", false),
            ("[]", true),
            ("data: {}", true),
            ("{\"message\":", true),
        ] {
            let read = Lines::default().read(line.as_bytes()).unwrap();
            assert_eq!(read.malformed, malformed, "{line}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_do_harm(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Lines::default().read(&bytes);
            let _ = answer::read(&Bytes::from(bytes));
        }

        #[test]
        fn no_json_does_harm(
            name in prop::sample::select(vec!["message", "done", "error", "logprobs", "created_at"]),
            value in prop::sample::select(vec!["null", "7", "\"x\"", "[[]]", "{\"tool_calls\":{}}", "{\"tool_calls\":[{\"function\":3}]}", "true"]),
        ) {
            let line = format!("{{\"{name}\":{value}}}");
            let _ = Lines::default().read(line.as_bytes());
            let _ = answer::read(&Bytes::from(line));
        }
    }
}
