//! Making calls: read the body, hand it to the pool, hand the answer back.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode};
use modelpool::{Answer, AnswerBody, Call, CallerTrace, Dialect, Operation, Scope};
use serde_json::json;

use crate::Gateway;
use crate::access_log;
use crate::endpoint::{Endpoint, key_to_header};
use crate::failure::Failure;
use crate::request_body;
use crate::request_head::{add_requirements, beta, check_size, request_id};
use crate::streaming::{Calling, Speech, StreamBody};

/// A call, from its request to the beginning of its answer.
///
/// Not an `async fn`, which would keep its arguments twice.
pub(crate) fn call(
    gateway: Arc<Gateway>,
    request: Request<Body>,
    endpoint: Endpoint,
) -> impl Future<Output = Response> + Send {
    let id = request_id(&gateway, request.headers());
    let (mut head, mut body) = request.into_parts();
    async move {
        let mut call = match read(&gateway, &mut head, &mut body, &endpoint).await {
            Ok(call) => call,
            Err(failure) => {
                access_log::refused(&id, endpoint.path, &failure);
                return failure.into_response_in(endpoint.dialect, &id);
            }
        };
        if endpoint.counts_tokens {
            return counted(&call, endpoint.dialect, &id);
        }
        call.request_id = Arc::clone(&id);
        let speech = Speech {
            dialect: endpoint.dialect,
            in_array: endpoint.in_array,
            keepalive: gateway.limits.keepalive,
        };
        let stream = call.facts.stream;
        let mut calling: Calling = gateway.pool.call(call);
        let outcome = if stream {
            match tokio::time::timeout(speech.keepalive, &mut calling).await {
                Ok(outcome) => outcome,
                Err(_) => {
                    return still_calling(StreamBody::calling(calling, Arc::clone(&id), speech), &id, speech);
                }
            }
        } else {
            calling.await
        };
        match outcome {
            Ok(answer) => respond(answer, speech),
            Err(error) => Failure::from_error(&error).into_response_in(endpoint.dialect, &id),
        }
    }
}

/// How many tokens a request has, by the estimate that plans are made with: no model is asked.
fn counted(call: &Call, dialect: Dialect, id: &Arc<str>) -> Response {
    let tokens = call.facts.input_tokens;
    match dialect {
        Dialect::Gemini => json_response(&json!({"totalTokens": tokens}), id),
        _ => json_response(&json!({"input_tokens": tokens}), id),
    }
}

/// The head of a stream that has nothing to say yet. Which model will answer is not known; the comment
/// before its last event says so.
fn still_calling(body: StreamBody, id: &Arc<str>, speech: Speech) -> Response {
    let mut response = Response::new(Body::new(body));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(speech.content_type()));
    set(headers, REQUEST_ID, id);
    set(headers, VENDOR_REQUEST_ID, id);
    unbuffered(headers);
    response
}

/// Nobody on the way is to hold events back.
fn unbuffered(headers: &mut HeaderMap) {
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    // Asks nginx and its like.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
}

/// Where a chat body would go, without calling anyone.
pub(crate) async fn route(State(gateway): State<Arc<Gateway>>, request: Request<Body>) -> Response {
    let id = request_id(&gateway, request.headers());
    let chat = Endpoint::chat();
    let (mut head, mut body) = request.into_parts();
    let explained = match read(&gateway, &mut head, &mut body, &chat).await {
        Ok(call) => gateway
            .pool
            .explain_call(&call)
            .map_err(|error| Failure::from_error(&error)),
        Err(failure) => Err(failure),
    };
    match explained {
        Ok(explanation) => json_response(&explanation, &id),
        Err(failure) => {
            access_log::refused(&id, "/v1/route", &failure);
            failure.into_response(&id)
        }
    }
}

/// A JSON answer of our own.
pub(crate) fn json_response(value: &impl serde::Serialize, id: &Arc<str>) -> Response {
    match serde_json::to_vec(value) {
        Ok(body) => {
            let mut response = Response::new(Body::from(body));
            response
                .headers_mut()
                .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            set(response.headers_mut(), REQUEST_ID, id);
            response
        }
        Err(error) => {
            Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", error.to_string()).into_response(id)
        }
    }
}

/// Who calls, and what for.
async fn read(
    gateway: &Gateway,
    head: &mut Parts,
    body: &mut Body,
    endpoint: &Endpoint,
) -> Result<Call, Failure> {
    if endpoint.dialect == Dialect::Gemini {
        key_to_header(&head.uri, &mut head.headers);
    }
    let (scope, bytes) = match admit(gateway, &head.headers, body).await {
        Ok(admitted) => admitted,
        Err(failure) => {
            request_body::discard(std::mem::take(body));
            return Err(failure);
        }
    };
    let call = match (endpoint.operation, endpoint.dialect) {
        (operation, Dialect::OpenAiChat) => match head.headers.get(CONTENT_TYPE) {
            Some(kind) if operation.takes_form() && !is_json(kind) => Call::read_form(operation, bytes, kind),
            _ => Call::read(operation, bytes),
        },
        (Operation::Embeddings, dialect) => Call::read_embeddings(dialect, bytes, &endpoint.address),
        (_, dialect) => Call::read_chat(dialect, bytes, &endpoint.address),
    };
    let mut call = call.map_err(|error| Failure::from_error(&error))?;
    add_requirements(&head.headers, &mut call.options).map_err(|error| Failure::from_error(&error))?;
    if endpoint.dialect == Dialect::Anthropic {
        call.body.beta = beta(&head.headers).map_err(|error| Failure::from_error(&error))?;
    }
    call.scope = scope;
    call.trace = CallerTrace::read(&head.headers);
    Ok(call)
}

fn is_json(kind: &HeaderValue) -> bool {
    const JSON: &[u8] = b"application/json";
    let start = kind.as_bytes().get(..JSON.len());
    start.is_some_and(|start| start.eq_ignore_ascii_case(JSON))
}

/// What the caller may do, and then the body, which is not read for strangers.
async fn admit(gateway: &Gateway, headers: &HeaderMap, body: &mut Body) -> Result<(Scope, Bytes), Failure> {
    if gateway.is_stopping() {
        return Err(Failure::stopping());
    }
    check_size(headers)?;
    let scope = gateway.access.admit(headers).map_err(Failure::not_admitted)?;
    let bytes = request_body::read(body, headers, gateway.limits.max_body_bytes).await?;
    Ok((scope, bytes))
}

const REQUEST_ID: HeaderName = HeaderName::from_static("x-modelpool-request-id");
const VENDOR_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const ANTHROPIC_REQUEST_ID: HeaderName = HeaderName::from_static("request-id");
const MODEL: HeaderName = HeaderName::from_static("x-modelpool-model");
const ATTEMPTS: HeaderName = HeaderName::from_static("x-modelpool-attempts");
const COST: HeaderName = HeaderName::from_static("x-modelpool-cost-usd");

const DROPPED: HeaderName = HeaderName::from_static("x-modelpool-dropped");

fn respond(answer: Answer, speech: Speech) -> Response {
    let Answer {
        request_id,
        alias,
        attempts,
        head,
        body,
    } = answer;
    let mut headers = head.headers;
    set(&mut headers, REQUEST_ID, &request_id);
    let vendor_id = head.upstream_request_id.as_deref().unwrap_or(&request_id);
    set(&mut headers, VENDOR_REQUEST_ID, vendor_id);
    if speech.dialect == Dialect::Anthropic {
        set(&mut headers, ANTHROPIC_REQUEST_ID, vendor_id);
    }
    if !head.dropped.is_empty() {
        set(&mut headers, DROPPED, &head.dropped.join(", "));
    }
    set(&mut headers, MODEL, &alias);
    headers.insert(ATTEMPTS, HeaderValue::from(attempts));
    let body = match body {
        AnswerBody::Whole(whole) => {
            if let Some(cost) = whole.cost_usd {
                set(&mut headers, COST, &dollars(cost));
            }
            Body::from(whole.bytes)
        }
        AnswerBody::Stream(stream) => {
            unbuffered(&mut headers);
            if speech.in_array {
                headers.insert(CONTENT_TYPE, HeaderValue::from_static(speech.content_type()));
            }
            Body::new(StreamBody::new(stream, request_id, speech))
        }
    };
    let mut response = Response::new(body);
    *response.headers_mut() = headers;
    response
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    // An alias may hold any character but controls; as bytes they all stand in a header.
    if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
        headers.insert(name, value);
    }
}

/// Without an exponent, which not everyone reads.
pub(crate) fn dollars(cost: f64) -> String {
    let text = format!("{cost:.12}");
    let trimmed = text.trim_end_matches('0').trim_end_matches('.');
    trimmed.to_owned()
}

#[cfg(test)]
mod tests {
    use super::dollars;

    #[test]
    fn dollars_have_no_exponent() {
        assert_eq!(dollars(0.000_012_5), "0.0000125");
        assert_eq!(dollars(0.0), "0");
        assert_eq!(dollars(2.5), "2.5");
    }
}
