//! What a request may carry, said in each dialect, and how to find it in what a model is asked.

use serde_json::{Value, json};

use crate::ask::with_tools;
use crate::dialect::Dialect;

/// Something a request may carry.
#[derive(Clone, Copy)]
pub(crate) struct Feature {
    pub(crate) name: &'static str,
    /// A request with it; `None` where the dialect has no word for it.
    pub(crate) said: fn(Dialect) -> Option<Value>,
    /// Whether a body sent to a model has it.
    pub(crate) found: fn(&Value) -> bool,
    /// Whether it has it as the caller said it, and not in steps or by other means.
    pub(crate) exact: fn(Dialect, &Value) -> bool,
}

const PNG: &str = "iVBORw0KGgo=";
const PDF: &str = "JVBERi0xLjQ=";
const WAV: &str = "UklGRiQ=";
const ADDRESS: &str = "https://pictures.example/cat.png";

const fn feature(
    name: &'static str,
    said: fn(Dialect) -> Option<Value>,
    found: fn(&Value) -> bool,
) -> Feature {
    Feature {
        name,
        said,
        found,
        exact: |_, _| true,
    }
}

impl Feature {
    const fn exactly(self, exact: fn(Dialect, &Value) -> bool) -> Self {
        Self { exact, ..self }
    }
}

/// In the order of the table.
pub(crate) const FEATURES: [Feature; 21] = [
    feature(
        "system message",
        |dialect| Some(system(dialect)),
        |body| holds(body, "Be brief, said once."),
    ),
    feature("image by data URL", image_by_data, |body| holds(body, PNG)),
    feature("image by address", image_by_address, |body| holds(body, ADDRESS)),
    feature("document (PDF)", document, |body| holds(body, PDF)),
    feature("audio", audio, |body| holds(body, WAV)),
    feature(
        "tools",
        |dialect| Some(tools(dialect)),
        |body| holds(body, "\"weather\""),
    ),
    feature(
        "tool choice, named",
        |dialect| Some(named_tool(dialect)),
        chooses_clock,
    )
    .exactly(|_, body| holds(body, "\"weather\"")),
    feature("parallel tools off", parallel_off, calls_one),
    feature("the same, with one tool", parallel_off_of_one, calls_one),
    feature("prefill", prefill, |body| {
        let said = body.to_string();
        let ours = said.rfind("The quick brown");
        ours > said.rfind("Which animal jumps?") && ours.is_some()
    }),
    feature("JSON mode", json_mode, |body| {
        holds(body, "json_object")
            || holds(body, "application/json")
            || has(body, &["format"], &json!("json"))
    }),
    feature("JSON schema", json_schema, |body| holds(body, "animal_name")),
    feature("stop sequences", stop, |body| holds(body, "STOP-HERE")),
    feature(
        "temperature",
        |dialect| asking(dialect, "temperature", json!(0.25)),
        |body| has(body, &["temperature"], &json!(0.25)),
    ),
    feature("top_k", top_k, |body| {
        has(body, &["top_k", "topK", "k"], &json!(17))
    }),
    feature("seed", seed, |body| has(body, &["seed"], &json!(4242))),
    feature("n (several answers)", several, |body| {
        has(body, &["n", "candidateCount"], &json!(2))
    }),
    feature("logprobs", logprobs, |body| {
        holds(body, "logprobs") || has(body, &["responseLogprobs"], &json!(true))
    }),
    feature("reasoning effort", effort, reasons).exactly(|dialect, body| match dialect {
        Dialect::Chat | Dialect::Responses => holds(body, "\"low\""),
        Dialect::Anthropic | Dialect::Gemini => holds(body, "2048"),
    }),
    feature("reasoning of an earlier turn", thoughts, |body| {
        holds(body, "Foxes jump, I thought.")
    }),
    feature("its signature", thoughts, |body| holds(body, "U0lHTkFUVVJF")),
];

fn holds(body: &Value, needle: &str) -> bool {
    body.to_string().contains(needle)
}

/// Whether a member of one of these names has that value, anywhere.
fn has(body: &Value, names: &[&str], expected: &Value) -> bool {
    match body {
        Value::Object(members) => members.iter().any(|(name, value)| {
            (names.contains(&name.as_str()) && value == expected) || has(value, names, expected)
        }),
        Value::Array(items) => items.iter().any(|item| has(item, names, expected)),
        _ => false,
    }
}

/// The clock alone is left, or is named once more than in its definition.
fn chooses_clock(body: &Value) -> bool {
    let said = body.to_string();
    said.matches("\"clock\"").count() > 1 || (said.contains("\"clock\"") && !said.contains("\"weather\""))
}

fn reasons(body: &Value) -> bool {
    let names = [
        "reasoning_effort",
        "reasoning",
        "thinking",
        "thinkingConfig",
        "think",
        "effort",
        "output_config",
    ];
    match body {
        Value::Object(members) => members
            .iter()
            .any(|(name, value)| names.contains(&name.as_str()) || reasons(value)),
        _ => false,
    }
}

fn with(mut body: Value, name: &str, value: Value) -> Option<Value> {
    body[name] = value;
    Some(body)
}

/// A question with a member, under the name each dialect has for it.
fn asking(dialect: Dialect, name: &str, value: Value) -> Option<Value> {
    match dialect {
        Dialect::Gemini => with(dialect.question(), "generationConfig", json!({ name: value })),
        _ => with(dialect.question(), name, value),
    }
}

fn system(dialect: Dialect) -> Value {
    let text = "Be brief, said once.";
    let mut body = dialect.question();
    match dialect {
        Dialect::Chat => {
            body["messages"] = json!([
                {"role": "system", "content": text}, {"role": "user", "content": "Which animal jumps?"},
            ]);
        }
        Dialect::Responses => body["instructions"] = text.into(),
        Dialect::Anthropic => body["system"] = text.into(),
        Dialect::Gemini => body["systemInstruction"] = json!({"parts": [{"text": text}]}),
    }
    body
}

/// A question with a part beside its text.
fn showing(dialect: Dialect, part: &Value) -> Value {
    let what = "What is this?";
    match dialect {
        Dialect::Chat => {
            json!({"messages": [{"role": "user", "content": [{"type": "text", "text": what}, part]}]})
        }
        Dialect::Responses => {
            json!({"input": [{"role": "user", "content": [{"type": "input_text", "text": what}, part]}]})
        }
        Dialect::Anthropic => json!({
            "max_tokens": 500, "messages": [{"role": "user", "content": [{"type": "text", "text": what}, part]}],
        }),
        Dialect::Gemini => json!({"contents": [{"role": "user", "parts": [{"text": what}, part]}]}),
    }
}

fn image_by_data(dialect: Dialect) -> Option<Value> {
    let url = format!("data:image/png;base64,{PNG}");
    Some(showing(
        dialect,
        &match dialect {
            Dialect::Chat => json!({"type": "image_url", "image_url": {"url": url}}),
            Dialect::Responses => json!({"type": "input_image", "image_url": url}),
            Dialect::Anthropic => {
                json!({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}})
            }
            Dialect::Gemini => json!({"inlineData": {"mimeType": "image/png", "data": PNG}}),
        },
    ))
}

fn image_by_address(dialect: Dialect) -> Option<Value> {
    Some(showing(
        dialect,
        &match dialect {
            Dialect::Chat => json!({"type": "image_url", "image_url": {"url": ADDRESS}}),
            Dialect::Responses => json!({"type": "input_image", "image_url": ADDRESS}),
            Dialect::Anthropic => json!({"type": "image", "source": {"type": "url", "url": ADDRESS}}),
            Dialect::Gemini => json!({"fileData": {"mimeType": "image/png", "fileUri": ADDRESS}}),
        },
    ))
}

fn document(dialect: Dialect) -> Option<Value> {
    let data = format!("data:application/pdf;base64,{PDF}");
    Some(showing(
        dialect,
        &match dialect {
            Dialect::Chat => json!({"type": "file", "file": {"filename": "a.pdf", "file_data": data}}),
            Dialect::Responses => json!({"type": "input_file", "filename": "a.pdf", "file_data": data}),
            Dialect::Anthropic => {
                let source = json!({"type": "base64", "media_type": "application/pdf", "data": PDF});
                json!({"type": "document", "source": source})
            }
            Dialect::Gemini => json!({"inlineData": {"mimeType": "application/pdf", "data": PDF}}),
        },
    ))
}

fn audio(dialect: Dialect) -> Option<Value> {
    let part = match dialect {
        Dialect::Chat => json!({"type": "input_audio", "input_audio": {"data": WAV, "format": "wav"}}),
        Dialect::Gemini => json!({"inlineData": {"mimeType": "audio/wav", "data": WAV}}),
        Dialect::Responses | Dialect::Anthropic => return None,
    };
    Some(showing(dialect, &part))
}

fn tools(dialect: Dialect) -> Value {
    with_tools(dialect, dialect.question(), &["weather", "clock"])
}

fn named_tool(dialect: Dialect) -> Value {
    let mut body = tools(dialect);
    match dialect {
        Dialect::Chat => body["tool_choice"] = json!({"type": "function", "function": {"name": "clock"}}),
        Dialect::Responses => body["tool_choice"] = json!({"type": "function", "name": "clock"}),
        Dialect::Anthropic => body["tool_choice"] = json!({"type": "tool", "name": "clock"}),
        Dialect::Gemini => {
            let calling = json!({"mode": "ANY", "allowedFunctionNames": ["clock"]});
            body["toolConfig"] = json!({ "functionCallingConfig": calling });
        }
    }
    body
}

fn calls_one(body: &Value) -> bool {
    has(body, &["parallel_tool_calls"], &json!(false))
        || has(body, &["disable_parallel_tool_use"], &json!(true))
}

fn parallel_off(dialect: Dialect) -> Option<Value> {
    parallel(dialect, tools(dialect))
}

fn parallel_off_of_one(dialect: Dialect) -> Option<Value> {
    parallel(dialect, with_tools(dialect, dialect.question(), &["weather"]))
}

/// A request in which no two calls are to come at once.
pub(crate) fn parallel(dialect: Dialect, body: Value) -> Option<Value> {
    match dialect {
        Dialect::Chat | Dialect::Responses => with(body, "parallel_tool_calls", json!(false)),
        Dialect::Anthropic => {
            let choice = json!({"type": "auto", "disable_parallel_tool_use": true});
            with(body, "tool_choice", choice)
        }
        Dialect::Gemini => None,
    }
}

/// The last message is the assistant's, and the model is to go on with it.
fn prefill(dialect: Dialect) -> Option<Value> {
    Some(dialect.conversation(&[("user", "Which animal jumps?"), ("assistant", "The quick brown")]))
}

fn json_mode(dialect: Dialect) -> Option<Value> {
    match dialect {
        Dialect::Chat => asking(dialect, "response_format", json!({"type": "json_object"})),
        Dialect::Responses => asking(dialect, "text", json!({"format": {"type": "json_object"}})),
        Dialect::Gemini => asking(dialect, "responseMimeType", json!("application/json")),
        Dialect::Anthropic => None,
    }
}

fn json_schema(dialect: Dialect) -> Option<Value> {
    let schema = json!({
        "type": "object", "properties": {"animal_name": {"type": "string"}}, "required": ["animal_name"],
        "additionalProperties": false,
    });
    match dialect {
        Dialect::Chat => {
            let format = json!({"name": "animal", "schema": schema, "strict": true});
            asking(
                dialect,
                "response_format",
                json!({"type": "json_schema", "json_schema": format}),
            )
        }
        Dialect::Responses => {
            let format = json!({"type": "json_schema", "name": "animal", "schema": schema, "strict": true});
            asking(dialect, "text", json!({ "format": format }))
        }
        Dialect::Anthropic => {
            let format = json!({"type": "json_schema", "schema": schema});
            asking(dialect, "output_config", json!({ "format": format }))
        }
        Dialect::Gemini => {
            let config = json!({"responseMimeType": "application/json", "responseJsonSchema": schema});
            with(dialect.question(), "generationConfig", config)
        }
    }
}

fn stop(dialect: Dialect) -> Option<Value> {
    let name = match dialect {
        Dialect::Chat => "stop",
        Dialect::Anthropic => "stop_sequences",
        Dialect::Gemini => "stopSequences",
        Dialect::Responses => return None,
    };
    asking(dialect, name, json!(["STOP-HERE"]))
}

fn top_k(dialect: Dialect) -> Option<Value> {
    match dialect {
        Dialect::Anthropic => asking(dialect, "top_k", json!(17)),
        Dialect::Gemini => asking(dialect, "topK", json!(17)),
        Dialect::Chat | Dialect::Responses => None,
    }
}

fn seed(dialect: Dialect) -> Option<Value> {
    match dialect {
        Dialect::Chat | Dialect::Gemini => asking(dialect, "seed", json!(4242)),
        Dialect::Responses | Dialect::Anthropic => None,
    }
}

fn several(dialect: Dialect) -> Option<Value> {
    match dialect {
        Dialect::Chat => asking(dialect, "n", json!(2)),
        Dialect::Gemini => asking(dialect, "candidateCount", json!(2)),
        Dialect::Responses | Dialect::Anthropic => None,
    }
}

fn logprobs(dialect: Dialect) -> Option<Value> {
    match dialect {
        Dialect::Chat => asking(dialect, "logprobs", json!(true)),
        Dialect::Responses => {
            let body = asking(dialect, "include", json!(["message.output_text.logprobs"]));
            with(body?, "top_logprobs", json!(2))
        }
        Dialect::Gemini => asking(dialect, "responseLogprobs", json!(true)),
        Dialect::Anthropic => None,
    }
}

fn effort(dialect: Dialect) -> Option<Value> {
    match dialect {
        Dialect::Chat => asking(dialect, "reasoning_effort", json!("low")),
        Dialect::Responses => asking(dialect, "reasoning", json!({"effort": "low"})),
        Dialect::Anthropic => {
            let body = asking(
                dialect,
                "thinking",
                json!({"type": "enabled", "budget_tokens": 2048}),
            );
            with(body?, "max_tokens", json!(4096))
        }
        Dialect::Gemini => asking(dialect, "thinkingConfig", json!({"thinkingBudget": 2048})),
    }
}

/// A turn with reasoning that its vendor has signed, and what came of it.
fn thoughts(dialect: Dialect) -> Option<Value> {
    let (thought, signature, said) = ("Foxes jump, I thought.", "U0lHTkFUVVJF", "The fox.");
    let mut body = dialect.conversation(&[
        ("user", "Which animal jumps?"),
        ("assistant", said),
        ("user", "Sure?"),
    ]);
    match dialect {
        Dialect::Chat => {
            let detail = json!({"type": "reasoning.text", "text": thought, "signature": signature});
            body["messages"][1]["reasoning_content"] = thought.into();
            body["messages"][1]["reasoning_details"] = json!([detail]);
        }
        Dialect::Responses => {
            let summary = json!([{"type": "summary_text", "text": thought}]);
            let item = json!({"type": "reasoning", "id": "rs_1", "summary": summary, "encrypted_content": signature});
            body["input"].as_array_mut()?.insert(1, item);
        }
        Dialect::Anthropic => {
            body["messages"][1]["content"] = json!([
                {"type": "thinking", "thinking": thought, "signature": signature}, {"type": "text", "text": said},
            ]);
        }
        Dialect::Gemini => {
            body["contents"][1]["parts"] = json!([
                {"text": thought, "thought": true}, {"text": said, "thoughtSignature": signature},
            ]);
        }
    }
    Some(body)
}
