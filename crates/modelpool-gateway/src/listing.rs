//! What a caller may name: `auto`, pools and aliases, in the shape of the caller's dialect.
//!
//! `/v1/models` is OpenAI's path and Anthropic's; the header `anthropic-version`, which all of Anthropic's clients
//! send, tells which is meant. `/v1beta/models` is Gemini's.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::Response;
use http::{HeaderMap, Request, StatusCode, Uri};
use modelpool::{Dialect, Flag, Numeric, Provenance, Resolved, Scope, Snapshot, Support};
use serde_json::{Value, json};

use crate::Gateway;
use crate::access_log;
use crate::calls::json_response;
use crate::endpoint::key_to_header;
use crate::failure::Failure;
use crate::request_head::{check_size, request_id};

pub(crate) async fn list(State(gateway): State<Arc<Gateway>>, request: Request<Body>) -> Response {
    answer(&gateway, request, |scope, dialect| {
        let snapshot = gateway.pool.snapshot();
        let listed = snapshot
            .names()
            .filter(|name| !name.ends_with('*') && gateway.may_name(scope, name));
        let listed: Vec<Value> = listed
            .filter_map(|name| describe(&snapshot, name, dialect))
            .collect();
        Ok(match dialect {
            Dialect::Anthropic => {
                let id = |model: Option<&Value>| model.map(|model| model["id"].clone());
                // All of them, whatever page was asked for.
                json!({"first_id": id(listed.first()), "last_id": id(listed.last()), "has_more": false, "data": listed})
            }
            Dialect::Gemini => json!({"models": listed}),
            _ => json!({"object": "list", "data": listed}),
        })
    })
}

pub(crate) async fn get(
    State(gateway): State<Arc<Gateway>>,
    Path(name): Path<String>,
    request: Request<Body>,
) -> Response {
    answer(&gateway, request, |scope, dialect| {
        let snapshot = gateway.pool.snapshot();
        let described = describe(&snapshot, &name, dialect).filter(|_| gateway.may_name(scope, &name));
        described.ok_or_else(|| {
            let near = modelpool::parts::core::nearest::did_you_mean(
                &name,
                snapshot.names().filter(|known| gateway.may_name(scope, known)),
            );
            let message = format!("no model or pool is called `{name}`{near}");
            Failure::new(StatusCode::NOT_FOUND, "model_not_found", message)
        })
    })
}

fn answer(
    gateway: &Gateway,
    mut request: Request<Body>,
    read: impl FnOnce(&Scope, Dialect) -> Result<Value, Failure>,
) -> Response {
    let id = request_id(gateway, request.headers());
    let dialect = dialect_of(request.uri(), request.headers());
    if dialect == Dialect::Gemini {
        let uri = request.uri().clone();
        key_to_header(&uri, request.headers_mut());
    }
    let outcome = check_size(request.headers())
        .and_then(|()| {
            gateway
                .access
                .admit(request.headers())
                .map_err(Failure::not_admitted)
        })
        .and_then(|scope| read(&scope, dialect));
    match outcome {
        Ok(value) => json_response(&value, &id),
        Err(failure) => {
            access_log::refused(&id, request.uri().path(), &failure);
            failure.into_response_in(dialect, &id)
        }
    }
}

fn dialect_of(uri: &Uri, headers: &HeaderMap) -> Dialect {
    match headers.contains_key("anthropic-version") {
        _ if uri.path().starts_with("/v1beta/") => Dialect::Gemini,
        true => Dialect::Anthropic,
        false => Dialect::OpenAiChat,
    }
}

/// One name in the dialect's shape, with what the pool knows of it beside.
fn describe(snapshot: &Snapshot, name: &str, dialect: Dialect) -> Option<Value> {
    let resolved = snapshot.resolve(name).ok()?;
    let (owner, ours) = match &resolved {
        Resolved::Pool(pool) => {
            let members: Vec<&str> = pool
                .order()
                .iter()
                .map(|index| snapshot.entry(*index).alias())
                .collect();
            ("modelpool", json!({"kind": "pool", "models": members}))
        }
        Resolved::Model(index, model_name) => {
            let config = snapshot.entry(*index).config();
            let ours = json!({
                "kind": "model", "provider": config.provider, "model_name": **model_name,
                "capabilities": config.capabilities,
            });
            (config.provider.as_str(), ours)
        }
    };
    let mut described = match dialect {
        // When a model came to be is not known here; the shape wants a time.
        Dialect::Anthropic => json!({
            "type": "model", "id": name, "display_name": name, "created_at": "1970-01-01T00:00:00Z",
        }),
        Dialect::Gemini => gemini(snapshot, &resolved, name),
        _ => json!({"id": name, "object": "model", "created": 0, "owned_by": owner}),
    };
    described["modelpool"] = ours;
    Some(described)
}

/// <https://ai.google.dev/api/models>; limits only where they are known.
fn gemini(snapshot: &Snapshot, resolved: &Resolved, name: &str) -> Value {
    let mut methods = vec!["generateContent", "streamGenerateContent", "countTokens"];
    let mut described = json!({"name": format!("models/{name}"), "version": "1", "displayName": name});
    if let Resolved::Model(index, _) = resolved {
        let capabilities = &snapshot.entry(*index).config().capabilities;
        if capabilities.flag(Flag::Embeddings).value == Support::Yes {
            methods.extend(["embedContent", "batchEmbedContents"]);
        }
        for (key, limit) in [
            ("inputTokenLimit", Numeric::ContextWindow),
            ("outputTokenLimit", Numeric::MaxTokens),
        ] {
            let limit = capabilities.number(limit);
            if limit.provenance != Provenance::Default {
                described[key] = json!(limit.value as u64);
            }
        }
    }
    described["supportedGenerationMethods"] = json!(methods);
    described
}
