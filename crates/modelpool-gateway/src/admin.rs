//! What the gateway tells whoever runs it: models, statistics, breakers, what became of a request.
//!
//! | path | |
//! |---|---|
//! | `GET /admin/v1/models` | the models, without secrets |
//! | `GET /admin/v1/stats`, `/stats/{alias}` | how models performed |
//! | `GET /admin/v1/breakers` | which of them are shut off |
//! | `POST /admin/v1/detect/{alias}` | asks a model what it can do |
//! | `POST /admin/v1/warmup/{alias}` | makes a model ready |
//! | `GET /admin/v1/requests/{id}` | one of the last requests: its attempts and its plan |

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::{get, post};
use http::{Request, StatusCode};
use modelpool::parts::core::nearest::did_you_mean;
use modelpool::parts::core::statistics::{FlatStatistics, StatisticsReport};
use modelpool::parts::engine::traces::MOST_TRACES;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::Gateway;
use crate::access_log;
use crate::calls::json_response;
use crate::failure::Failure;
use crate::request_head::{check_size, request_id};

mod asking;
mod key;

pub(crate) use key::AdminKey;

/// Adds the admin paths. Aliases and ids of requests may hold slashes.
pub(crate) fn routes(router: Router<Arc<Gateway>>) -> Router<Arc<Gateway>> {
    router
        .route("/admin/v1/models", get(models))
        .route("/admin/v1/stats", get(all_statistics))
        .route("/admin/v1/stats/{*alias}", get(statistics))
        .route("/admin/v1/breakers", get(breakers))
        .route("/admin/v1/detect/{*alias}", post(asking::detect))
        .route("/admin/v1/warmup/{*alias}", post(asking::warm_up))
        .route("/admin/v1/requests/{*id}", get(trace))
}

/// What is known of a model: the four figures that are asked for most, and then everything.
#[derive(Serialize)]
struct ModelStatistics {
    #[serde(flatten)]
    flat: FlatStatistics,
    #[serde(flatten)]
    periods: StatisticsReport,
}

impl ModelStatistics {
    fn of(gateway: &Gateway, alias: &str) -> Option<Value> {
        let periods = gateway.pool.performance_stats(alias)?;
        let flat = periods.flat_ever();
        serde_json::to_value(Self { flat, periods }).ok()
    }
}

async fn models(State(gateway): State<Arc<Gateway>>, request: Request<Body>) -> Response {
    answer(&gateway, &request, || {
        let default = gateway.pool.get_default();
        let default = default.as_ref().map(|entry| entry.alias());
        Ok(json!({"models": gateway.pool.list_models(), "default": default}))
    })
}

async fn all_statistics(State(gateway): State<Arc<Gateway>>, request: Request<Body>) -> Response {
    answer(&gateway, &request, || {
        let snapshot = gateway.pool.snapshot();
        let aliases = snapshot.entries().map(|(_, entry)| entry.alias());
        let statistics =
            aliases.filter_map(|alias| Some((alias.to_owned(), ModelStatistics::of(&gateway, alias)?)));
        Ok(json!({"models": statistics.collect::<Map<_, _>>()}))
    })
}

async fn statistics(
    State(gateway): State<Arc<Gateway>>,
    Path(alias): Path<String>,
    request: Request<Body>,
) -> Response {
    answer(&gateway, &request, || {
        ModelStatistics::of(&gateway, &alias).ok_or_else(|| {
            let snapshot = gateway.pool.snapshot();
            let near = did_you_mean(&alias, snapshot.entries().map(|(_, entry)| entry.alias()));
            not_found(
                "model_not_found",
                format!("no model has the alias `{alias}`{near}"),
            )
        })
    })
}

async fn breakers(State(gateway): State<Arc<Gateway>>, request: Request<Body>) -> Response {
    answer(&gateway, &request, || {
        Ok(json!({"breakers": gateway.pool.breakers()}))
    })
}

async fn trace(
    State(gateway): State<Arc<Gateway>>,
    Path(id): Path<String>,
    request: Request<Body>,
) -> Response {
    answer(&gateway, &request, || {
        let trace = gateway.pool.trace(&id).ok_or_else(|| {
            let message = format!("no request `{id}` is remembered; the last {MOST_TRACES} that ended are");
            not_found("request_not_found", message)
        })?;
        Ok(json!(trace))
    })
}

fn not_found(code: &str, message: String) -> Failure {
    Failure::new(StatusCode::NOT_FOUND, code, message)
}

fn answer(
    gateway: &Gateway,
    request: &Request<Body>,
    read: impl FnOnce() -> Result<Value, Failure>,
) -> Response {
    let id = request_id(gateway, request.headers());
    let outcome = check_size(request.headers())
        .and_then(|()| key::admit(gateway.admin_key.as_ref(), request.headers()))
        .and_then(|()| read());
    match outcome {
        Ok(value) => json_response(&value, &id),
        Err(failure) => {
            access_log::refused(&id, request.uri().path(), &failure);
            failure.into_response(&id)
        }
    }
}
