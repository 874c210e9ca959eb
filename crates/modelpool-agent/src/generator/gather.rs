//! From the pieces of a stream to the message they make.
//!
//! Every member of every delta is kept, known or not: what a model reasons, with the signature that proves it, has
//! to come back to it with the results of its tools. Texts grow, names and numbers are set, objects grow member by
//! member, and lists grow at the end or, where their items say an `index`, at that item.

use modelpool::FinishReason;
use serde_json::{Map, Value};

use crate::{Message, ToolCall};

/// Members that come whole, however often they come.
const SET: [&str; 8] = [
    "index",
    "type",
    "role",
    "id",
    "name",
    "format",
    "signature",
    "thought_signature",
];

/// How deep a delta is followed; what lies deeper is set as it comes.
const DEEPEST: usize = 16;

/// Items of one list that are kept: no answer has as many calls.
const MOST_ITEMS: usize = 4096;

/// A message that grows, for generators that make one of pieces.
///
/// ```
/// use modelpool_agent::generator::Gathered;
/// use serde_json::json;
///
/// let mut gathered = Gathered::default();
/// gathered.text("content", "Hel");
/// gathered.delta(&json!({"content": "lo"}));
/// assert_eq!(gathered.into_message("1").text(), "Hello");
/// ```
#[derive(Clone, Debug, Default)]
pub struct Gathered {
    members: Map<String, Value>,
    pub(super) finish: Option<FinishReason>,
}

impl Gathered {
    /// A delta of OpenAI's shape.
    pub fn delta(&mut self, delta: &Value) {
        if let Value::Object(delta) = delta {
            grow_object(&mut self.members, delta, 0);
        }
    }

    /// A member's text grows.
    pub fn text(&mut self, member: &str, text: &str) {
        grow_member(&mut self.members, member, &Value::from(text), 0);
    }

    /// A whole call.
    pub fn call(&mut self, call: &ToolCall) {
        let function = serde_json::json!({"name": call.name, "arguments": call.arguments});
        let call = serde_json::json!({"id": call.id, "type": "function", "function": function});
        let calls = self
            .members
            .entry("tool_calls")
            .or_insert_with(|| Value::Array(Vec::new()));
        if let Value::Array(calls) = calls {
            calls.push(call);
        }
    }

    /// The message. Calls without an id of their own get one that has `number` in it, since their results have to name it.
    #[must_use]
    pub fn into_message(mut self, number: &str) -> Message {
        let mut members = Map::new();
        members.insert("role".to_owned(), "assistant".into());
        self.members.shift_remove("role");
        let content = self.members.shift_remove("content").unwrap_or_default();
        let calls = match self.members.shift_remove("tool_calls") {
            Some(Value::Array(calls)) => calls,
            _ => Vec::new(),
        };
        let content = match content {
            Value::Null if calls.is_empty() => Value::from(""),
            content => content,
        };
        members.insert("content".to_owned(), content);
        members.extend(self.members.into_iter().filter(|(_, value)| !value.is_null()));
        if !calls.is_empty() {
            let mut finished: Vec<Value> = Vec::with_capacity(calls.len());
            for (place, call) in calls.into_iter().enumerate() {
                let is_new = !finished.iter().any(|known| known["id"] == call["id"]);
                finished.push(finished_call(call, place, number, is_new));
            }
            members.insert("tool_calls".to_owned(), finished.into());
        }
        Message::of_members(members)
    }
}

fn finished_call(mut call: Value, place: usize, number: &str, keeps_id: bool) -> Value {
    let Value::Object(members) = &mut call else {
        return call;
    };
    members.shift_remove("index");
    let id = members.get("id").and_then(Value::as_str).unwrap_or_default();
    if id.is_empty() || !keeps_id {
        members.insert("id".to_owned(), format!("call_{number}_{place}").into());
    }
    members.entry("type").or_insert_with(|| "function".into());
    if let Some(Value::Object(function)) = members.get_mut("function") {
        let arguments = function.entry("arguments").or_insert_with(|| "{}".into());
        // A tool without arguments may be called without a word about them.
        if arguments.as_str().is_some_and(|text| text.trim().is_empty()) {
            *arguments = "{}".into();
        }
    }
    call
}

fn grow_object(whole: &mut Map<String, Value>, delta: &Map<String, Value>, depth: usize) {
    for (key, value) in delta {
        grow_member(whole, key, value, depth);
    }
}

fn grow_member(whole: &mut Map<String, Value>, key: &str, value: &Value, depth: usize) {
    if value.is_null() {
        whole.entry(key).or_insert(Value::Null);
        return;
    }
    match whole.get_mut(key) {
        Some(known) if !known.is_null() => grow(known, key, value, depth),
        _ => {
            // A first list is grown into as well: two items of it may have one index.
            let first = match value {
                Value::Array(items) => {
                    let mut list = Value::Array(Vec::new());
                    grow_list(&mut list, items, depth);
                    list
                }
                value => value.clone(),
            };
            whole.insert(key.to_owned(), first);
        }
    }
}

fn grow(known: &mut Value, key: &str, value: &Value, depth: usize) {
    match (&mut *known, value) {
        (Value::String(_), Value::String(text)) if SET.contains(&key) => {
            if !text.is_empty() {
                *known = value.clone();
            }
        }
        (Value::String(known), Value::String(text)) => known.push_str(text),
        (Value::Object(known), Value::Object(delta)) if depth < DEEPEST => {
            grow_object(known, delta, depth + 1);
        }
        (Value::Array(_), Value::Array(items)) if depth < DEEPEST => grow_list(known, items, depth),
        _ => *known = value.clone(),
    }
}

fn grow_list(list: &mut Value, items: &[Value], depth: usize) {
    let Value::Array(list) = list else {
        return;
    };
    for item in items {
        let index = item.get("index").filter(|index| index.is_number());
        let known = list
            .iter()
            .position(|known| index.is_some() && known.get("index") == index);
        let known = known.and_then(|place| list.get_mut(place));
        if let (Some(Value::Object(known)), Value::Object(delta)) = (known, item) {
            grow_object(known, delta, depth + 1);
        } else if list.len() < MOST_ITEMS {
            list.push(item.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn gathered(deltas: &[Value]) -> Value {
        let mut gathered = Gathered::default();
        for delta in deltas {
            gathered.delta(delta);
        }
        gathered.into_message("7").to_json()
    }

    #[test]
    fn text_and_calls_grow() {
        let message = gathered(&[
            json!({"role": "assistant", "content": null}),
            json!({"tool_calls": [{"index": 0, "id": "a", "type": "function", "function": {"name": "read", "arguments": ""}}]}),
            json!({"tool_calls": [{"index": 0, "function": {"arguments": "{\"path\""}}]}),
            json!({"tool_calls": [{"index": 1, "id": "b", "type": "function", "function": {"name": "list", "arguments": ""}}]}),
            json!({"tool_calls": [{"index": 0, "id": "a", "function": {"name": "read", "arguments": ":1}"}}]}),
        ]);
        assert_eq!(
            message,
            json!({"role": "assistant", "content": null, "tool_calls": [
                {"id": "a", "type": "function", "function": {"name": "read", "arguments": "{\"path\":1}"}},
                {"id": "b", "type": "function", "function": {"name": "list", "arguments": "{}"}},
            ]})
        );
        assert_eq!(
            gathered(&[
                json!({"role": "assistant", "content": ""}),
                json!({"content": "he"}),
                json!({"content": "llo"})
            ]),
            json!({"role": "assistant", "content": "hello"})
        );
        assert_eq!(gathered(&[]), json!({"role": "assistant", "content": ""}));
    }

    #[test]
    fn what_nobody_knows_is_kept() {
        let message = gathered(&[
            json!({"content": null, "reasoning_content": "I ", "x": {"a": 1}}),
            json!({"reasoning_content": "see", "x": {"b": "t"}}),
            json!({"reasoning_details": [{"type": "reasoning.text", "text": "I see", "signature": "s"}]}),
            json!({"reasoning_details": [{"type": "reasoning.encrypted", "data": "e"}]}),
            json!({"tool_calls": [{"index": 0, "id": "a", "function": {"name": "n", "arguments": "{}"},
                "extra_content": {"google": {"thought_signature": "g"}}}]}),
        ]);
        assert_eq!(message["reasoning_content"], "I see");
        assert_eq!(message["x"], json!({"a": 1, "b": "t"}));
        assert_eq!(
            message["reasoning_details"],
            json!([{"type": "reasoning.text", "text": "I see", "signature": "s"}, {"type": "reasoning.encrypted", "data": "e"}])
        );
        assert_eq!(
            message["tool_calls"][0]["extra_content"]["google"]["thought_signature"],
            "g"
        );
    }

    #[test]
    fn calls_without_an_id_get_one() {
        let mut gathered = Gathered::default();
        for name in ["a", "b"] {
            gathered.call(&ToolCall {
                id: String::new(),
                name: name.to_owned(),
                arguments: String::new(),
            });
        }
        let calls = gathered.into_message("7").tool_calls();
        let told: Vec<_> = calls
            .iter()
            .map(|call| (call.id.as_str(), call.arguments.as_str()))
            .collect();
        assert_eq!(told, [("call_7_0", "{}"), ("call_7_1", "{}")]);
        let mut gathered = Gathered::default();
        for name in ["a", "b"] {
            gathered.call(&ToolCall {
                id: "same".to_owned(),
                name: name.to_owned(),
                arguments: String::new(),
            });
        }
        let calls = gathered.into_message("7").tool_calls();
        assert_eq!((calls[0].id.as_str(), calls[1].id.as_str()), ("same", "call_7_1"));
    }

    #[test]
    fn pieces_of_one_index_are_one_item() {
        let message = gathered(&[
            json!({"reasoning_details": [{"index": 0, "type": "reasoning.text", "text": "a"}]}),
            json!({"reasoning_details": [{"index": 0, "type": "reasoning.text", "text": "b", "signature": "s1"}]}),
        ]);
        assert_eq!(
            message["reasoning_details"],
            json!([{"index": 0, "type": "reasoning.text", "text": "ab", "signature": "s1"}])
        );
    }
}
