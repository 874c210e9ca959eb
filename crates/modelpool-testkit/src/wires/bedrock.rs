//! Amazon Bedrock's Converse:
//! <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html>.

use serde_json::{Value, json};

use super::{Cache, Frames, Said, Speech};

pub(super) struct Bedrock;

fn usage(said: &Said) -> Value {
    let cache = said.cache;
    let mut usage = json!({
        "inputTokens": said.fresh_tokens(), "outputTokens": said.output_tokens,
        "totalTokens": said.input_tokens + said.output_tokens,
    });
    if cache != Cache::default() {
        usage["cacheReadInputTokens"] = cache.read.into();
        usage["cacheWriteInputTokens"] = cache.written.into();
        usage["cacheDetails"] = json!([
            {"ttl": "1h", "inputTokens": cache.written_for_an_hour},
            {"ttl": "5m", "inputTokens": cache.written - cache.written_for_an_hour},
        ]);
    }
    usage
}

/// CRC-32 as in IEEE 802.3, bit by bit: messages here are short.
fn checksum(bytes: &[u8]) -> [u8; 4] {
    let mut rest = u32::MAX;
    for byte in bytes {
        rest ^= u32::from(*byte);
        for _ in 0..8 {
            rest = (rest >> 1) ^ (0xedb8_8320 & 0_u32.wrapping_sub(rest & 1));
        }
    }
    (!rest).to_be_bytes()
}

fn length(bytes: usize) -> [u8; 4] {
    u32::try_from(bytes).unwrap_or(u32::MAX).to_be_bytes()
}

/// A header whose value is a text: its type is 7.
fn header(name: &str, value: &str) -> Vec<u8> {
    let name_length = u8::try_from(name.len()).unwrap_or(u8::MAX);
    let value_length = u16::try_from(value.len()).unwrap_or(u16::MAX).to_be_bytes();
    let mut written = vec![name_length];
    written.extend_from_slice(name.as_bytes());
    written.push(7);
    written.extend_from_slice(&value_length);
    written.extend_from_slice(value.as_bytes());
    written
}

/// A binary message: lengths and their checksum, headers, payload, and a checksum of it all.
fn message(event: &str, payload: &Value) -> Vec<u8> {
    framed(event, payload.to_string().as_bytes())
}

fn framed(event: &str, payload: &[u8]) -> Vec<u8> {
    let headers = [
        header(":event-type", event),
        header(":content-type", "application/json"),
        header(":message-type", "event"),
    ]
    .concat();
    let mut written = Vec::new();
    written.extend_from_slice(&length(16 + headers.len() + payload.len()));
    written.extend_from_slice(&length(headers.len()));
    written.extend_from_slice(&checksum(&written));
    written.extend_from_slice(&headers);
    written.extend_from_slice(payload);
    written.extend_from_slice(&checksum(&written));
    written
}

fn grown(index: usize, delta: &Value) -> Vec<u8> {
    message(
        "contentBlockDelta",
        &json!({"contentBlockIndex": index, "delta": delta}),
    )
}

fn closed(index: usize) -> Vec<u8> {
    message("contentBlockStop", &json!({"contentBlockIndex": index}))
}

impl Speech for Bedrock {
    fn wants_stream(&self, path: &str, _body: &Value) -> bool {
        path.ends_with("/converse-stream")
    }

    fn stream_type(&self) -> &'static str {
        "application/vnd.amazon.eventstream"
    }

    fn whole(&self, said: &Said) -> Value {
        let block = match &said.call {
            Some(call) => {
                json!({"toolUse": {"toolUseId": call.id, "name": call.name, "input": call.arguments}})
            }
            None => json!({"text": said.whole_text()}),
        };
        let thought = said.thought.as_ref().map(|thought| {
            let text = json!({"text": thought.text, "signature": thought.signature});
            json!({"reasoningContent": {"reasoningText": text}})
        });
        let content: Value = thought.into_iter().chain([block]).collect();
        json!({
            "output": {"message": {"role": "assistant", "content": content}},
            "stopReason": said.word("end_turn", "max_tokens", "tool_use"),
            "usage": usage(said), "metrics": {"latencyMs": 7},
        })
    }

    fn stream(&self, said: &Said) -> Frames {
        let mut head = vec![message("messageStart", &json!({"role": "assistant"}))];
        if let Some(thought) = &said.thought {
            head.push(grown(0, &json!({"reasoningContent": {"text": thought.text}})));
            head.push(grown(
                0,
                &json!({"reasoningContent": {"signature": thought.signature}}),
            ));
            head.push(closed(0));
        }
        let index = usize::from(said.thought.is_some());
        let text = |text: &String| grown(index, &json!({"text": text}));
        let mut pieces: Vec<Vec<u8>> = said.pieces.iter().map(text).collect();
        if let Some(call) = &said.call {
            let start = json!({"toolUse": {"toolUseId": call.id, "name": call.name}});
            head.push(message(
                "contentBlockStart",
                &json!({"contentBlockIndex": index, "start": start}),
            ));
            pieces.push(grown(
                index,
                &json!({"toolUse": {"input": call.arguments.to_string()}}),
            ));
        }
        let mut tail = vec![closed(index)];
        if said.finish.is_some() {
            let word = said.word("end_turn", "max_tokens", "tool_use");
            tail.push(message("messageStop", &json!({"stopReason": word})));
        }
        tail.push(message(
            "metadata",
            &json!({"usage": usage(said), "metrics": {"latencyMs": 7}}),
        ));
        Frames { head, pieces, tail }
    }

    fn refusal(&self, status: u16) -> Value {
        let message = match status {
            400 => "The value at 'inferenceConfig.temperature' failed to satisfy constraint",
            401 => "The security token included in the request is invalid.",
            404 => "Could not resolve the foundation model from the provided model identifier.",
            429 => "Too many requests, please wait before trying again.",
            503 | 529 => "The service is unable to process your request, try again later.",
            _ => "The system encountered an unexpected error during processing. Try your request again.",
        };
        json!({ "message": message })
    }

    /// An event whose payload is no JSON, with checksums that are right.
    fn malformed(&self) -> Vec<u8> {
        framed("contentBlockDelta", b"{\"del")
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_checksum_is_the_known_one() {
        assert_eq!(super::checksum(b"123456789"), 0xcbf4_3926_u32.to_be_bytes());
    }
}
