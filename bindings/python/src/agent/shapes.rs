//! Contexts as plain objects: what phases written in Python are handed and give back.
//!
//! | what | members |
//! |---|---|
//! | session | `session_id`, `instructions`, `history`, `documents` (`name`, `text`, `note`), `metadata` |
//! | item | `source` (`{"document": name}`, …), `message`, `score`, `tokens`, `place` |
//! | retrieved | `items`, `tokens`, `characters`, `left_out`, `failed` |
//! | demand | `window`, `output`, `fixed`, `for_context` |
//! | managed | `messages`, `tokens`, `characters`, `left_out` |
//!
//! Sizes that are not given are counted.

use modelpool_agent::Message;
use modelpool_agent::context::tokens::Counter;
use modelpool_agent::context::{
    ContextItem, Document, LeftOut, ManagedContext, Omission, PhaseError, Place, Query, Retrieved,
    SessionContext, Source, TokenDemand,
};
use modelpool_agent::tool::ToolDefinition;
use serde_json::{Map, Value, json};

type Read<T> = Result<T, String>;

pub(super) fn message(value: Value, what: &str) -> Read<Message> {
    if let Value::String(text) = value {
        return Ok(Message::user(text));
    }
    Message::from_json(value).map_err(|error| format!("{what}: {error}"))
}

pub(super) fn messages(value: Value, what: &str) -> Read<Vec<Message>> {
    let messages = list(value, what)?.into_iter().enumerate();
    messages
        .map(|(at, value)| message(value, &format!("{what}[{at}]")))
        .collect()
}

pub(super) fn session(value: Value) -> Read<SessionContext> {
    let mut session = SessionContext::default();
    for (key, value) in members(value, "session_context")? {
        let what = format!("session_context.{key}");
        match key.as_str() {
            _ if value.is_null() => {}
            "session_id" => session.session_id = Some(text(&value, &what)?),
            "instructions" => session.instructions = Some(text(&value, &what)?),
            "history" => session.history = messages(value, &what)?,
            "documents" => {
                session.documents = list(value, &what)?
                    .into_iter()
                    .map(document)
                    .collect::<Read<_>>()?;
            }
            "metadata" => session.metadata = members(value, &what)?,
            other => {
                return Err(format!(
                    "session_context: unknown key `{other}` (known: session_id, instructions, history, documents, metadata)"
                ));
            }
        }
    }
    Ok(session)
}

fn document(value: Value) -> Read<Document> {
    let what = "session_context.documents";
    let members = members(value, what)?;
    Ok(Document {
        name: text(
            members.get("name").unwrap_or(&Value::Null),
            &format!("{what}.name"),
        )?,
        text: text(
            members.get("text").unwrap_or(&Value::Null),
            &format!("{what}.text"),
        )?,
        note: members.get("note").and_then(Value::as_bool).unwrap_or_default(),
    })
}

pub(super) fn session_value(session: &SessionContext) -> Value {
    let document =
        |document: &Document| json!({"name": document.name, "text": document.text, "note": document.note});
    json!({
        "session_id": session.session_id,
        "instructions": session.instructions,
        "history": session.history,
        "documents": session.documents.iter().map(document).collect::<Vec<_>>(),
        "metadata": session.metadata,
    })
}

/// A question that is held, since those of phases are borrowed.
pub(super) struct Asked {
    message: Message,
    session: SessionContext,
    model_name: Option<String>,
}

impl Asked {
    pub(super) fn read(value: Value) -> Read<Self> {
        let mut members = members(value, "query")?;
        let mut take = |key: &str| members.remove(key).unwrap_or_default();
        Ok(Self {
            message: message(take("message"), "query.message")?,
            session: session(take("session"))?,
            model_name: take("model_name").as_str().map(str::to_owned),
        })
    }

    pub(super) fn query(&self) -> Query<'_> {
        let query = Query::new(&self.message, &self.session);
        match &self.model_name {
            Some(name) => query.answered_by(name),
            None => query,
        }
    }
}

pub(super) fn query_value(query: Query<'_>) -> Value {
    json!({
        "message": query.message,
        "session": session_value(query.session),
        "model_name": query.model_name,
    })
}

pub(super) fn demand_value(demand: TokenDemand) -> Value {
    json!({
        "window": demand.window,
        "output": demand.output,
        "fixed": demand.fixed,
        "for_context": demand.for_context(),
    })
}

pub(super) fn demand(value: &Value) -> Read<TokenDemand> {
    let count = |key: &str| number(&value[key], &format!("demand.{key}"));
    Ok(TokenDemand {
        window: count("window")?,
        output: count("output")?,
        fixed: count("fixed")?,
    })
}

pub(super) fn retrieved_value(retrieved: &Retrieved) -> Value {
    let item = |item: &ContextItem| {
        json!({
            "source": source_value(&item.source),
            "place": item.place.as_ref().map(place_value),
            "message": item.message,
            "score": item.score,
            "tokens": item.tokens,
        })
    };
    let left = |left: &LeftOut| {
        json!({
            "source": source_value(&left.source),
            "place": left.place.as_ref().map(place_value),
            "tokens": left.tokens,
            "why": omission_word(left.why),
        })
    };
    let failed = |failed: &PhaseError| json!({"phase": failed.phase, "message": failed.message});
    json!({
        "items": retrieved.items.iter().map(item).collect::<Vec<_>>(),
        "tokens": retrieved.tokens,
        "characters": retrieved.characters,
        "left_out": retrieved.left_out.iter().map(left).collect::<Vec<_>>(),
        "failed": retrieved.failed.iter().map(failed).collect::<Vec<_>>(),
    })
}

/// What a phase gave: all of it, the pieces alone, or nothing.
pub(super) fn retrieved(value: Value, counter: &Counter) -> Read<Retrieved> {
    let mut members = match value {
        Value::Null => return Ok(Retrieved::default()),
        Value::Array(items) => Map::from_iter([("items".to_owned(), Value::Array(items))]),
        other => members(other, "retrieved")?,
    };
    let items = list(members.remove("items").unwrap_or_else(|| json!([])), "items")?;
    let items = items.into_iter().enumerate();
    let items = items
        .map(|(at, value)| item(value, at, counter))
        .collect::<Read<Vec<_>>>()?;
    let left_out = list(
        members.remove("left_out").unwrap_or_else(|| json!([])),
        "left_out",
    )?;
    let failed = list(members.remove("failed").unwrap_or_else(|| json!([])), "failed")?;
    Ok(Retrieved {
        tokens: items.iter().map(|item| item.tokens).fold(0, u64::saturating_add),
        characters: items.iter().map(|item| characters(&item.message)).sum(),
        left_out: left_out.into_iter().map(left_out_item).collect::<Read<_>>()?,
        failed: failed
            .into_iter()
            .map(|value| failed_part(&value))
            .collect::<Read<_>>()?,
        items,
    })
}

/// A piece: with its members, or its text alone.
fn item(value: Value, at: usize, counter: &Counter) -> Read<ContextItem> {
    let what = format!("items[{at}]");
    let mut members = match value {
        Value::String(text) => Map::from_iter([("text".to_owned(), text.into())]),
        other => members(other, &what)?,
    };
    let mut take = |key: &str| members.remove(key).unwrap_or_default();
    let message = match (take("message"), take("text")) {
        (Value::Null, Value::String(text)) => Message::user(text),
        (Value::Null, other) => return Err(format!("{what}: expected a `message` or a `text`, got {other}")),
        (value, _) => message(value, &format!("{what}.message"))?,
    };
    let source = match take("source") {
        Value::Null => Source::Store(at.to_string()),
        Value::String(word) => Source::Store(word),
        value => source(&value, &what)?,
    };
    let score = take("score").as_f64().unwrap_or_default();
    let tokens = take("tokens");
    let place = take("place");
    let tokens = if tokens.is_null() {
        counter.message(&message)
    } else {
        number(&tokens, &format!("{what}.tokens"))?
    };
    let mut item = ContextItem::new(source, message, score, tokens);
    if !place.is_null() {
        item.place = Some(self::place(&place, &what)?);
    }
    Ok(item)
}

fn source_value(source: &Source) -> Value {
    match source {
        Source::History(at) => json!({"history": at}),
        Source::Document(name) => json!({"document": name}),
        Source::Note(name) => json!({"note": name}),
        Source::Store(word) => json!({"store": word}),
    }
}

fn source(value: &Value, what: &str) -> Read<Source> {
    let wrong = || {
        format!(
            "{what}.source: expected a string, or a dict with `history`, `document`, `note` or `store`, got {value}"
        )
    };
    let (kind, of) = value
        .as_object()
        .and_then(|members| members.iter().next())
        .ok_or_else(wrong)?;
    let name = || of.as_str().map(str::to_owned).ok_or_else(wrong);
    match kind.as_str() {
        "history" => {
            let at = of.as_u64().and_then(|at| usize::try_from(at).ok());
            at.map(Source::History).ok_or_else(wrong)
        }
        "document" => name().map(Source::Document),
        "note" => name().map(Source::Note),
        "store" => name().map(Source::Store),
        _ => Err(wrong()),
    }
}

fn place_value(place: &Place) -> Value {
    json!({
        "bytes": [place.bytes.start, place.bytes.end],
        "first_line": place.first_line,
        "last_line": place.last_line,
    })
}

fn place(value: &Value, what: &str) -> Read<Place> {
    let count = |value: &Value, key: &str| -> Read<usize> {
        let number = number(value, &format!("{what}.place.{key}"))?;
        usize::try_from(number).map_err(|error| format!("{what}.place.{key}: {error}"))
    };
    Ok(Place {
        bytes: count(&value["bytes"][0], "bytes")?..count(&value["bytes"][1], "bytes")?,
        first_line: count(&value["first_line"], "first_line")?,
        last_line: count(&value["last_line"], "last_line")?,
    })
}

fn omission_word(why: Omission) -> &'static str {
    match why {
        Omission::Room => "room",
        Omission::Cut => "cut",
        Omission::Repeated => "repeated",
        Omission::Incomplete => "incomplete",
    }
}

fn left_out_item(value: Value) -> Read<LeftOut> {
    let what = "left_out";
    let why = match value["why"].as_str() {
        Some("room") | None => Omission::Room,
        Some("cut") => Omission::Cut,
        Some("repeated") => Omission::Repeated,
        Some("incomplete") => Omission::Incomplete,
        Some(other) => {
            return Err(format!(
                "{what}.why: expected room, cut, repeated or incomplete, got {other}"
            ));
        }
    };
    let place = Some(&value["place"]).filter(|place| !place.is_null());
    Ok(LeftOut {
        source: source(&value["source"], what)?,
        place: place.map(|place| self::place(place, what)).transpose()?,
        tokens: value["tokens"].as_u64().unwrap_or_default(),
        why,
    })
}

fn failed_part(value: &Value) -> Read<PhaseError> {
    Ok(PhaseError {
        phase: "retrieve",
        message: text(&value["message"], "failed.message")?,
    })
}

pub(super) fn managed_value(managed: &ManagedContext) -> Value {
    json!({
        "messages": managed.messages,
        "tokens": managed.tokens,
        "characters": managed.characters,
        "left_out": managed.left_out,
    })
}

/// What a phase gave: all of it, or the messages alone.
pub(super) fn managed(value: Value, counter: &Counter) -> Read<ManagedContext> {
    let mut members = match value {
        Value::Array(messages) => Map::from_iter([("messages".to_owned(), Value::Array(messages))]),
        other => members(other, "context")?,
    };
    let messages = messages(members.remove("messages").unwrap_or_default(), "messages")?;
    let left_out = members
        .get("left_out")
        .and_then(Value::as_u64)
        .unwrap_or_default();
    Ok(ManagedContext {
        tokens: counter.messages(&messages),
        characters: messages.iter().map(characters).sum(),
        left_out: usize::try_from(left_out).unwrap_or(usize::MAX),
        messages,
    })
}

fn characters(message: &Message) -> u64 {
    message.text().chars().count() as u64
}

/// A tool in OpenAI's shape.
pub(super) fn tool_value(tool: &ToolDefinition) -> Value {
    json!({"type": "function", "function": {
        "name": tool.name,
        "description": tool.description,
        "parameters": tool.parameters,
    }})
}

fn members(value: Value, what: &str) -> Read<Map<String, Value>> {
    match value {
        Value::Object(members) => Ok(members),
        other => Err(format!("{what}: expected a dict, got {other}")),
    }
}

fn list(value: Value, what: &str) -> Read<Vec<Value>> {
    match value {
        Value::Array(items) => Ok(items),
        other => Err(format!("{what}: expected a list, got {other}")),
    }
}

fn text(value: &Value, what: &str) -> Read<String> {
    value
        .as_str()
        .map(str::to_owned)
        .ok_or_else(|| format!("{what}: expected a string, got {value}"))
}

fn number(value: &Value, what: &str) -> Read<u64> {
    value
        .as_u64()
        .ok_or_else(|| format!("{what}: expected a whole number from 0, got {value}"))
}
