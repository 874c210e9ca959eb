//! Requests with tools, in each dialect.

use serde_json::{Value, json};

use crate::dialect::Dialect;

/// The arguments of `weather`.
fn schema() -> Value {
    json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]})
}

/// Adds functions of these names to a request; all take a city.
pub(crate) fn with_tools(dialect: Dialect, mut body: Value, names: &[&str]) -> Value {
    let of = |tool: &dyn Fn(&str) -> Value| names.iter().map(|name| tool(name)).collect::<Value>();
    let about = "Tells of a city";
    body["tools"] = match dialect {
        Dialect::Chat => of(&|name| {
            let function = json!({"name": name, "description": about, "parameters": schema()});
            json!({"type": "function", "function": function})
        }),
        Dialect::Responses => of(&|name| {
            json!({
                "type": "function", "name": name, "description": about, "parameters": schema(), "strict": false,
            })
        }),
        Dialect::Anthropic => {
            of(&|name| json!({"name": name, "description": about, "input_schema": schema()}))
        }
        Dialect::Gemini => {
            let functions = of(&|name| json!({"name": name, "description": about, "parameters": schema()}));
            json!([{"functionDeclarations": functions}])
        }
    };
    body
}

/// A question, a call of `weather` for Oslo with that id, and what it said.
pub(crate) fn with_result(dialect: Dialect, id: &str, result: &str) -> Value {
    let arguments = json!({"city": "Oslo"});
    let question = "How is the weather in Oslo?";
    match dialect {
        Dialect::Chat => json!({"messages": [
            {"role": "user", "content": question},
            {"role": "assistant", "content": null, "tool_calls": [{
                "id": id, "type": "function", "function": {"name": "weather", "arguments": arguments.to_string()},
            }]},
            {"role": "tool", "tool_call_id": id, "content": result},
        ]}),
        Dialect::Responses => json!({"input": [
            {"role": "user", "content": question},
            {"type": "function_call", "call_id": id, "name": "weather", "arguments": arguments.to_string()},
            {"type": "function_call_output", "call_id": id, "output": result},
        ]}),
        Dialect::Anthropic => json!({"max_tokens": 500, "messages": [
            {"role": "user", "content": question},
            {"role": "assistant", "content": [
                {"type": "tool_use", "id": id, "name": "weather", "input": arguments},
            ]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": id, "content": result}]},
        ]}),
        Dialect::Gemini => json!({"contents": [
            {"role": "user", "parts": [{"text": question}]},
            {"role": "model", "parts": [{"functionCall": {"name": "weather", "args": arguments}}]},
            {"role": "user", "parts": [
                {"functionResponse": {"name": "weather", "response": {"result": result}}},
            ]},
        ]}),
    }
}
