//! What a caller understands of an answer, by the rules of its dialect, and strictly: what a client of the dialect
//! would stumble over panics here.

use serde_json::Value;

use crate::dialect::Dialect;

/// Why an answer ended, in words of no dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Stop,
    Length,
    Tools,
}

/// A call of a tool.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Call {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) arguments: String,
}

/// What was understood.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Told {
    pub(crate) text: String,
    /// What can be read of its reasoning.
    pub(crate) thought: String,
    pub(crate) calls: Vec<Call>,
    pub(crate) end: Option<End>,
    /// Input and output.
    pub(crate) usage: Option<(u64, u64)>,
    pub(crate) model: String,
    pub(crate) error: Option<Value>,
    /// The dialect's own mark of the end was read.
    pub(crate) marked: bool,
}

impl Told {
    /// A client of the dialect takes it for a whole answer.
    pub(crate) fn looks_complete(&self) -> bool {
        self.error.is_none() && (self.end.is_some() || self.marked)
    }

    fn take_usage(&mut self, usage: &Value, names: [&str; 2]) {
        let [input, output] = names.map(|name| usage[name].as_u64());
        if let (Some(input), Some(output)) = (input, output) {
            self.usage = Some((input, output));
        }
    }

    fn take_model(&mut self, model: &Value) {
        if let Some(model) = model.as_str() {
            self.model = model.to_owned();
        }
    }

    fn call(&mut self, at: usize) -> &mut Call {
        if self.calls.len() <= at {
            self.calls.resize(at + 1, Call::default());
        }
        &mut self.calls[at]
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// A whole answer.
pub(crate) fn whole(dialect: Dialect, answer: &Value) -> Told {
    let mut told = Told::default();
    match dialect {
        Dialect::Chat => chat_whole(answer, &mut told),
        Dialect::Responses => response(answer, &mut told),
        Dialect::Anthropic => message(answer, &mut told),
        Dialect::Gemini => chunk(answer, &mut told),
    }
    // That is a matter of streams.
    told.marked = false;
    told
}

/// A streamed one, from all its bytes.
pub(crate) fn stream(dialect: Dialect, body: &str) -> Told {
    let mut told = Told::default();
    // An event without the blank line at its end is none.
    let whole = body.rfind("\n\n").map_or("", |at| &body[..at]);
    for block in whole.split("\n\n") {
        let Some(data) = block.lines().find_map(|line| line.strip_prefix("data: ")) else {
            assert!(block.is_empty() || block.starts_with(':'), "no event: {block:?}");
            continue;
        };
        assert!(
            !told.marked && told.error.is_none(),
            "{block} comes after the end: {body}"
        );
        if dialect == Dialect::Chat && data == "[DONE]" {
            told.marked = true;
            continue;
        }
        let event: Value = serde_json::from_str(data).unwrap_or_else(|error| panic!("{error}: {block}"));
        let name = block.lines().find_map(|line| line.strip_prefix("event: "));
        match dialect {
            Dialect::Chat => chat_chunk(&event, &mut told),
            Dialect::Gemini => chunk(&event, &mut told),
            Dialect::Responses | Dialect::Anthropic => {
                assert_eq!(name, event["type"].as_str(), "the event's name: {block}");
                match dialect {
                    Dialect::Responses => response_event(&event, &mut told),
                    _ => message_event(&event, &mut told),
                }
            }
        }
    }
    told
}

fn chat_end(word: &Value) -> Option<End> {
    Some(match word.as_str()? {
        "stop" => End::Stop,
        "length" => End::Length,
        "tool_calls" => End::Tools,
        other => panic!("finish_reason {other}"),
    })
}

fn chat_whole(answer: &Value, told: &mut Told) {
    assert_eq!(answer["object"], "chat.completion", "{answer}");
    let choice = &answer["choices"][0];
    text(&choice["message"]["content"]).clone_into(&mut told.text);
    text(&choice["message"]["reasoning_content"]).clone_into(&mut told.thought);
    for call in list(&choice["message"]["tool_calls"]) {
        told.calls.push(Call {
            id: text(&call["id"]).to_owned(),
            name: text(&call["function"]["name"]).to_owned(),
            arguments: text(&call["function"]["arguments"]).to_owned(),
        });
    }
    told.end = chat_end(&choice["finish_reason"]);
    told.take_usage(&answer["usage"], ["prompt_tokens", "completion_tokens"]);
    told.take_model(&answer["model"]);
}

fn chat_chunk(event: &Value, told: &mut Told) {
    if let Some(error) = event.get("error") {
        told.error = Some(error.clone());
        return;
    }
    assert_eq!(event["object"], "chat.completion.chunk", "{event}");
    told.take_model(&event["model"]);
    told.take_usage(&event["usage"], ["prompt_tokens", "completion_tokens"]);
    for choice in list(&event["choices"]) {
        assert_eq!(told.end, None, "a choice goes on after its end: {event}");
        told.text.push_str(text(&choice["delta"]["content"]));
        told.thought.push_str(text(&choice["delta"]["reasoning_content"]));
        for piece in list(&choice["delta"]["tool_calls"]) {
            let index = piece["index"].as_u64().expect("a call has its index");
            let call = told.call(usize::try_from(index).unwrap());
            call.id.push_str(text(&piece["id"]));
            call.name.push_str(text(&piece["function"]["name"]));
            call.arguments.push_str(text(&piece["function"]["arguments"]));
        }
        told.end = chat_end(&choice["finish_reason"]);
    }
}

fn response(answer: &Value, told: &mut Told) {
    assert_eq!(answer["object"], "response", "{answer}");
    told.take_model(&answer["model"]);
    told.take_usage(&answer["usage"], ["input_tokens", "output_tokens"]);
    told.text.clear();
    told.thought.clear();
    told.calls.clear();
    for item in list(&answer["output"]) {
        match text(&item["type"]) {
            "message" => {
                for part in list(&item["content"]) {
                    told.text.push_str(text(&part["text"]));
                }
            }
            "function_call" => told.calls.push(Call {
                id: text(&item["call_id"]).to_owned(),
                name: text(&item["name"]).to_owned(),
                arguments: text(&item["arguments"]).to_owned(),
            }),
            "reasoning" => {
                for part in list(&item["summary"]) {
                    told.thought.push_str(text(&part["text"]));
                }
            }
            other => panic!("{other}: {item}"),
        }
    }
    told.end = match text(&answer["status"]) {
        "completed" if told.calls.is_empty() => Some(End::Stop),
        "completed" => Some(End::Tools),
        "incomplete" => Some(End::Length),
        _ => None,
    };
}

fn response_event(event: &Value, told: &mut Told) {
    match text(&event["type"]) {
        "error" => told.error = Some(event.clone()),
        "response.failed" => told.error = Some(event["response"]["error"].clone()),
        "response.reasoning_summary_text.delta" => told.thought.push_str(text(&event["delta"])),
        "response.output_text.delta" => told.text.push_str(text(&event["delta"])),
        kind @ ("response.completed" | "response.incomplete") => {
            let grown = (told.text.clone(), told.thought.clone());
            response(&event["response"], told);
            assert_eq!(
                grown,
                (told.text.clone(), told.thought.clone()),
                "the deltas are the text"
            );
            assert!(kind.ends_with(text(&event["response"]["status"])), "{event}");
            told.marked = true;
        }
        _ => {}
    }
}

fn anthropic_end(word: &Value) -> Option<End> {
    Some(match word.as_str()? {
        "end_turn" => End::Stop,
        "max_tokens" => End::Length,
        "tool_use" => End::Tools,
        other => panic!("stop_reason {other}"),
    })
}

fn message(answer: &Value, told: &mut Told) {
    assert_eq!(answer["type"], "message", "{answer}");
    for block in list(&answer["content"]) {
        told.text.push_str(text(&block["text"]));
        told.thought.push_str(text(&block["thinking"]));
        if block["type"] == "tool_use" {
            told.calls.push(Call {
                id: text(&block["id"]).to_owned(),
                name: text(&block["name"]).to_owned(),
                arguments: block["input"].to_string(),
            });
        }
    }
    told.end = anthropic_end(&answer["stop_reason"]);
    told.take_usage(&answer["usage"], ["input_tokens", "output_tokens"]);
    told.take_model(&answer["model"]);
}

fn message_event(event: &Value, told: &mut Told) {
    match text(&event["type"]) {
        "error" => told.error = Some(event["error"].clone()),
        "message_start" => {
            told.take_model(&event["message"]["model"]);
            told.take_usage(&event["message"]["usage"], ["input_tokens", "output_tokens"]);
        }
        "content_block_start" if event["content_block"]["type"] == "tool_use" => told.calls.push(Call {
            id: text(&event["content_block"]["id"]).to_owned(),
            name: text(&event["content_block"]["name"]).to_owned(),
            arguments: String::new(),
        }),
        "content_block_delta" => {
            told.text.push_str(text(&event["delta"]["text"]));
            told.thought.push_str(text(&event["delta"]["thinking"]));
            if let Some(call) = told.calls.last_mut() {
                call.arguments.push_str(text(&event["delta"]["partial_json"]));
            }
        }
        "message_delta" => {
            told.end = anthropic_end(&event["delta"]["stop_reason"]);
            // Cumulative, and the input only where it is said again.
            let before = told.usage.unwrap_or_default();
            let count = |name: &str| event["usage"][name].as_u64();
            told.usage = Some((
                count("input_tokens").unwrap_or(before.0),
                count("output_tokens").unwrap_or(before.1),
            ));
        }
        "message_stop" => told.marked = true,
        _ => {}
    }
}

fn chunk(answer: &Value, told: &mut Told) {
    if let Some(error) = answer.get("error") {
        told.error = Some(error.clone());
        return;
    }
    told.take_model(&answer["modelVersion"]);
    told.take_usage(
        &answer["usageMetadata"],
        ["promptTokenCount", "candidatesTokenCount"],
    );
    for candidate in list(&answer["candidates"]) {
        assert_eq!(told.end, None, "a candidate goes on after its end: {answer}");
        for part in list(&candidate["content"]["parts"]) {
            match part["thought"] == true {
                true => told.thought.push_str(text(&part["text"])),
                false => told.text.push_str(text(&part["text"])),
            }
            if let Some(call) = part.get("functionCall") {
                told.calls.push(Call {
                    id: text(&call["id"]).to_owned(),
                    name: text(&call["name"]).to_owned(),
                    arguments: call["args"].to_string(),
                });
            }
        }
        told.end = match candidate["finishReason"].as_str() {
            None => None,
            Some("STOP") if told.calls.is_empty() => Some(End::Stop),
            Some("STOP") => Some(End::Tools),
            Some("MAX_TOKENS") => Some(End::Length),
            Some(other) => panic!("finishReason {other}"),
        };
        told.marked = told.end.is_some();
    }
}
