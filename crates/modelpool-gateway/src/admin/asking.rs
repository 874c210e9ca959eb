//! Having the pool ask its models: what they can do, and to be ready.
//!
//! Unlike the rest of the administration this calls upstreams and costs what it costs, so it is a POST. Who leaves
//! ends it.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::Response;
use http::{Request, StatusCode};
use modelpool::DetectOptions;
use modelpool::parts::core::nearest::did_you_mean;
use serde_json::{Value, json};

use super::key;
use crate::calls::json_response;
use crate::failure::Failure;
use crate::request_head::{check_size, request_id};
use crate::{Gateway, access_log, request_body};

/// Members of the body of a detection.
const MEMBERS: [&str; 3] = ["token_budget", "probes", "dry_run"];

/// Longest body: a few names.
const MOST_BYTES: usize = 16 * 1024;

pub(super) async fn detect(
    State(gateway): State<Arc<Gateway>>,
    Path(alias): Path<String>,
    request: Request<Body>,
) -> Response {
    let id = request_id(&gateway, request.headers());
    let path = request.uri().path().to_owned();
    // Boxed: this is rare, and large.
    let outcome = Box::pin(detected(&gateway, &alias, request)).await;
    respond(outcome, &path, &id)
}

pub(super) async fn warm_up(
    State(gateway): State<Arc<Gateway>>,
    Path(alias): Path<String>,
    request: Request<Body>,
) -> Response {
    let id = request_id(&gateway, request.headers());
    let path = request.uri().path().to_owned();
    let outcome = Box::pin(warmed_up(&gateway, &alias, request)).await;
    respond(outcome, &path, &id)
}

fn respond(outcome: Result<Value, Failure>, path: &str, id: &Arc<str>) -> Response {
    match outcome {
        Ok(value) => json_response(&value, id),
        Err(failure) => {
            access_log::refused(id, path, &failure);
            failure.into_response(id)
        }
    }
}

async fn detected(gateway: &Gateway, alias: &str, mut request: Request<Body>) -> Result<Value, Failure> {
    admit(gateway, &request)?;
    let headers = request.headers().clone();
    let body = request_body::read(request.body_mut(), &headers, MOST_BYTES).await?;
    let (options, dry_run) = options(&body)?;
    let failed = |error| Failure::from_error(&error);
    if dry_run {
        let plan = gateway.pool.plan_detection(alias, &options).map_err(failed)?;
        return Ok(json!(plan));
    }
    let detection = Box::pin(gateway.pool.detect(alias, &options)).await;
    Ok(detection.map_err(failed)?.to_json())
}

async fn warmed_up(gateway: &Gateway, alias: &str, request: Request<Body>) -> Result<Value, Failure> {
    admit(gateway, &request)?;
    let warmed = Box::pin(gateway.pool.warmup(alias)).await;
    let warmed = warmed.map_err(|error| Failure::from_error(&error))?;
    Ok(json!({
        "alias": *warmed.alias,
        "ready": warmed.warmth,
        "warmup_ms": warmed.took.as_secs_f64() * 1000.0,
    }))
}

fn admit(gateway: &Gateway, request: &Request<Body>) -> Result<(), Failure> {
    check_size(request.headers())?;
    key::admit(gateway.admin_key.as_ref(), request.headers())
}

/// What the body asks for; an empty one asks for everything as usual. Nothing is ignored.
fn options(body: &[u8]) -> Result<(DetectOptions, bool), Failure> {
    let mut options = DetectOptions::default();
    let mut dry_run = false;
    if body.trim_ascii().is_empty() {
        return Ok((options, dry_run));
    }
    let read: Value =
        serde_json::from_slice(body).map_err(|error| wrong(format!("the body is not JSON: {error}")))?;
    let members = read.as_object().ok_or_else(|| {
        wrong(format!(
            "the body is not an object with some of {}",
            MEMBERS.join(", ")
        ))
    })?;
    for (key, value) in members {
        let expected = |what: &str| wrong(format!("{key}: expected {what}, got {value}"));
        match key.as_str() {
            "token_budget" => {
                options.token_budget = value
                    .as_u64()
                    .ok_or_else(|| expected("a whole number of tokens"))?;
            }
            "probes" => {
                let names = value.as_array().ok_or_else(|| expected("a list of names"))?;
                let names = names.iter().map(|name| name.as_str().map(str::to_owned));
                options.probes = names
                    .collect::<Option<Vec<String>>>()
                    .ok_or_else(|| expected("a list of names"))?;
            }
            "dry_run" => dry_run = value.as_bool().ok_or_else(|| expected("true or false"))?,
            _ => {
                let near = did_you_mean(key, MEMBERS);
                return Err(wrong(format!(
                    "{key}: unknown key{near} (known: {})",
                    MEMBERS.join(", ")
                )));
            }
        }
    }
    Ok((options, dry_run))
}

fn wrong(message: String) -> Failure {
    Failure::new(StatusCode::BAD_REQUEST, "", message)
}
