//! Comparing an answer with what the upstream said.
//!
//! Compared is what it means, not its bytes: a gateway may write JSON anew, add keys, or send comments
//! between the events of a stream. The text, the number of chunks, the finish reason and the end of a stream
//! have to be right.

use std::borrow::Cow;

use serde::Deserialize;

use crate::upstream::{PLAIN_CONTENT, stream_content};

#[derive(Deserialize)]
struct Completion<'body> {
    #[serde(borrow)]
    choices: Vec<Choice<'body>>,
}

/// A choice of a plain answer, or of a chunk.
#[derive(Deserialize)]
struct Choice<'body> {
    #[serde(borrow, alias = "delta")]
    message: Message<'body>,
    #[serde(borrow)]
    finish_reason: Option<Cow<'body, str>>,
}

#[derive(Deserialize)]
struct Message<'body> {
    #[serde(borrow, default)]
    content: Option<Text<'body>>,
}

/// A string that is borrowed where it has no escapes; serde does not borrow inside an `Option` by itself.
#[derive(Deserialize)]
struct Text<'body>(#[serde(borrow)] Cow<'body, str>);

/// Checks a plain answer; the error says what is wrong.
pub(super) fn plain(answer: &[u8]) -> Result<(), String> {
    let choice = only_choice(answer)?;
    if choice.message.content.as_ref().map(|text| &*text.0) != Some(PLAIN_CONTENT) {
        return Err("another text than the upstream's".to_owned());
    }
    if choice.finish_reason.as_deref() != Some("stop") {
        return Err("a finish reason other than `stop`".to_owned());
    }
    Ok(())
}

/// Checks a stream of `chunks` chunks, one choice in each and no usage; the error says what is wrong.
pub(super) fn stream(answer: &[u8], chunks: usize) -> Result<(), String> {
    let answer = std::str::from_utf8(answer).map_err(|error| error.to_string())?;
    let Some(events) = answer.strip_suffix("data: [DONE]\n\n") else {
        return Err("a stream that does not end in [DONE]".to_owned());
    };
    let mut seen = 0;
    for data in events.lines().filter_map(|line| line.strip_prefix("data: ")) {
        seen += 1;
        let choice = only_choice(data.as_bytes()).map_err(|what| format!("chunk {seen}: {what}"))?;
        let expected = match seen {
            1 => "",
            last if last >= chunks => "",
            token => stream_content(token - 2),
        };
        if choice.message.content.as_ref().map_or("", |text| &*text.0) != expected {
            return Err(format!("chunk {seen}: another text than the upstream's"));
        }
        if choice.finish_reason.is_some() != (seen == chunks) {
            return Err(format!(
                "chunk {seen}: a finish reason missing, or before the last chunk"
            ));
        }
    }
    if seen != chunks {
        return Err(format!("{seen} chunks instead of {chunks}"));
    }
    Ok(())
}

/// An answer in Anthropic's Messages.
#[derive(Deserialize)]
struct WholeMessage<'body> {
    #[serde(borrow)]
    content: Vec<Block<'body>>,
    #[serde(borrow)]
    stop_reason: Option<Cow<'body, str>>,
}

#[derive(Deserialize)]
struct Block<'body> {
    #[serde(borrow)]
    text: Cow<'body, str>,
}

/// Checks a whole answer in Anthropic's Messages; the error says what is wrong.
pub(super) fn message(answer: &[u8]) -> Result<(), String> {
    let message: WholeMessage<'_> = serde_json::from_slice(answer).map_err(|error| error.to_string())?;
    match &message.content[..] {
        [block] if block.text == PLAIN_CONTENT => {}
        _ => return Err("another text than the upstream's".to_owned()),
    }
    if message.stop_reason.as_deref() != Some("end_turn") {
        return Err("a stop reason other than `end_turn`".to_owned());
    }
    Ok(())
}

/// An event of a stream in Anthropic's Messages.
#[derive(Deserialize)]
struct MessageEvent<'body> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'body, str>,
    #[serde(borrow, default)]
    delta: MessageDelta<'body>,
}

#[derive(Default, Deserialize)]
struct MessageDelta<'body> {
    #[serde(borrow, default)]
    text: Option<Text<'body>>,
    #[serde(borrow, default)]
    stop_reason: Option<Text<'body>>,
}

/// Checks a stream in Anthropic's Messages of what the upstream said in `chunks` chunks, of which the first and the last
/// have no text; the error says what is wrong.
pub(super) fn message_stream(answer: &[u8], chunks: usize) -> Result<(), String> {
    let answer = std::str::from_utf8(answer).map_err(|error| error.to_string())?;
    let (mut texts, mut reason, mut stopped) = (0, false, false);
    for data in answer.lines().filter_map(|line| line.strip_prefix("data: ")) {
        let event: MessageEvent<'_> = serde_json::from_str(data).map_err(|error| error.to_string())?;
        if stopped {
            return Err(format!("`{}` after the end", event.kind));
        }
        if let Some(text) = &event.delta.text {
            if text.0 != stream_content(texts) {
                return Err(format!("text {texts}: another than the upstream's"));
            }
            texts += 1;
        }
        reason |= event
            .delta
            .stop_reason
            .is_some_and(|reason| reason.0 == "end_turn");
        stopped = event.kind == "message_stop";
    }
    if texts + 2 != chunks {
        return Err(format!("{texts} texts of {chunks} chunks"));
    }
    if !reason || !stopped {
        return Err("a stream without its reason or its end".to_owned());
    }
    Ok(())
}

fn only_choice(json: &[u8]) -> Result<Choice<'_>, String> {
    let completion: Completion<'_> = serde_json::from_slice(json).map_err(|error| error.to_string())?;
    let count = completion.choices.len();
    match completion.choices.into_iter().next() {
        Some(choice) if count == 1 => Ok(choice),
        _ => Err(format!("{count} choices instead of 1")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(content: &str, finish_reason: &str) -> String {
        format!(
            "data: {{\"choices\":[{{\"delta\":{{\"content\":{content}}},\"finish_reason\":{finish_reason}}}]}}\n\n"
        )
    }

    fn events() -> Vec<String> {
        vec![
            chunk("\"\"", "null"),
            chunk(&format!("{:?}", stream_content(0)), "null"),
            chunk(&format!("{:?}", stream_content(1)), "null"),
            chunk("null", "\"stop\""),
            "data: [DONE]\n\n".to_owned(),
        ]
    }

    #[test]
    fn a_whole_stream_passes_with_comments_in_it() {
        stream(events().concat().as_bytes(), 4).unwrap();
        let mut commented = events();
        commented.insert(3, ": modelpool {\"attempts\":1}\n\n".to_owned());
        stream(commented.concat().as_bytes(), 4).unwrap();
    }

    #[test]
    fn a_stream_with_anything_missing_or_added_is_wrong() {
        for missing in 0..events().len() {
            let mut damaged = events();
            damaged.remove(missing);
            assert!(
                stream(damaged.concat().as_bytes(), 4).is_err(),
                "without event {missing}"
            );
        }
        let mut doubled = events();
        doubled.insert(1, chunk("\" pools\"", "null"));
        assert!(stream(doubled.concat().as_bytes(), 4).is_err());
        let mut with_usage = events();
        with_usage.insert(4, "data: {\"choices\":[],\"usage\":{}}\n\n".to_owned());
        assert!(stream(with_usage.concat().as_bytes(), 4).is_err());
        let mut swapped = events();
        swapped.swap(1, 2);
        assert!(stream(swapped.concat().as_bytes(), 4).is_err());
    }

    fn message_events() -> Vec<String> {
        let text = |at| {
            let delta = serde_json::json!({"type": "text_delta", "text": stream_content(at)});
            let event = serde_json::json!({"type": "content_block_delta", "index": 0, "delta": delta});
            format!("event: content_block_delta\ndata: {event}\n\n")
        };
        vec![
            text(0),
            text(1),
            "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"}}\n\n".to_owned(),
            "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n".to_owned(),
        ]
    }

    #[test]
    fn a_stream_of_messages_with_anything_missing_or_added_is_wrong() {
        message_stream(message_events().concat().as_bytes(), 4).unwrap();
        for at in 0..message_events().len() {
            let mut damaged = message_events();
            damaged.remove(at);
            assert!(
                message_stream(damaged.concat().as_bytes(), 4).is_err(),
                "without event {at}"
            );
            let mut doubled = message_events();
            doubled.push(message_events().swap_remove(at));
            assert!(
                message_stream(doubled.concat().as_bytes(), 4).is_err(),
                "event {at} twice"
            );
        }
    }

    #[test]
    fn a_whole_message_has_to_have_text_and_reason() {
        let answer = |text: &str, reason: &str| {
            let answer =
                serde_json::json!({"content": [{"type": "text", "text": text}], "stop_reason": reason});
            message(answer.to_string().as_bytes())
        };
        answer(PLAIN_CONTENT, "end_turn").unwrap();
        assert!(answer("", "end_turn").is_err());
        assert!(answer(PLAIN_CONTENT, "max_tokens").is_err());
        assert!(message(b"{\"type\":\"error\"}").is_err());
    }

    #[test]
    fn a_plain_answer_has_to_have_text_and_finish_reason() {
        let answer = |content: &str, finish_reason: &str| {
            let answer = serde_json::json!(
                {"choices": [{"message": {"content": content}, "finish_reason": finish_reason}]}
            );
            plain(answer.to_string().as_bytes())
        };
        answer(PLAIN_CONTENT, "stop").unwrap();
        assert!(answer("", "stop").is_err());
        assert!(answer(PLAIN_CONTENT, "length").is_err());
        assert!(plain(b"").is_err());
        assert!(plain(b"{\"error\":{}}").is_err());
    }
}
