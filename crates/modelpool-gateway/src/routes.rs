//! The table of paths.
//!
//! Calls are found before the router is asked: it costs some microseconds, and they are what
//! nearly all requests are.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};
use http::{Method, Request, StatusCode};
use hyper::body::Incoming;
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;
use modelpool::Operation;
use modelpool::parts::core::BoxFuture;

use crate::failure::Failure;
use crate::metrics::Asked;
use crate::request_body;
use crate::request_head::request_id;
use crate::{Gateway, access_log, admin, calls, health, listing, metrics};

/// Paths of calls, all of them POST.
const CALLS: [(&str, Operation); 3] = [
    ("/v1/chat/completions", Operation::Chat),
    ("/v1/embeddings", Operation::Embeddings),
    ("/v1/images/generations", Operation::Images),
];

/// All paths of a gateway, as hyper asks for them.
#[derive(Clone)]
pub(crate) struct Routes {
    gateway: Arc<Gateway>,
    router: TowerToHyperService<Router>,
}

impl Routes {
    pub(crate) fn new(gateway: Arc<Gateway>) -> Self {
        Self {
            router: TowerToHyperService::new(router(Arc::clone(&gateway))),
            gateway,
        }
    }
}

impl Service<Request<Incoming>> for Routes {
    type Response = Response;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response, Infallible>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let is_call = |(path, _): &&(&str, Operation)| *path == request.uri().path();
        let gateway = Arc::clone(&self.gateway);
        match CALLS.iter().find(is_call) {
            Some((path, operation)) if request.method() == Method::POST => {
                let request = request.map(Body::new);
                Box::pin(async move {
                    let response = calls::call(Arc::clone(&gateway), request, path, *operation).await;
                    gateway.answered.count(Asked::Call, response.status());
                    Ok(response)
                })
            }
            _ => {
                let answer = self.router.call(request);
                Box::pin(async move {
                    let response = answer.await?;
                    gateway.answered.count(Asked::Other, response.status());
                    Ok(response)
                })
            }
        }
    }
}

fn router(gateway: Arc<Gateway>) -> Router {
    let calls = CALLS
        .into_iter()
        .fold(Router::new(), |router, (path, operation)| {
            let call = move |State(gateway), request| calls::call(gateway, request, path, operation);
            router.route(path, post(call))
        });
    admin::routes(calls)
        .route("/v1/models", get(listing::list))
        .route("/v1/models/{*name}", get(listing::get))
        .route("/v1/route", post(calls::route))
        .route("/health/live", get(health::live))
        .route("/health/ready", get(health::ready))
        .route("/metrics", get(metrics::metrics))
        .fallback(not_found)
        .method_not_allowed_fallback(wrong_method)
        .with_state(gateway)
}

async fn not_found(State(gateway): State<Arc<Gateway>>, request: Request<Body>) -> Response {
    let message = format!(
        "there is nothing at {} {}",
        request.method(),
        request.uri().path()
    );
    refuse(
        &gateway,
        request,
        Failure::new(StatusCode::NOT_FOUND, "not_found", message),
    )
}

async fn wrong_method(State(gateway): State<Arc<Gateway>>, request: Request<Body>) -> Response {
    let message = format!("{} does not take {}", request.uri().path(), request.method());
    refuse(
        &gateway,
        request,
        Failure::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message),
    )
}

fn refuse(gateway: &Gateway, request: Request<Body>, failure: Failure) -> Response {
    let id = request_id(gateway, request.headers());
    access_log::refused(&id, request.uri().path(), &failure);
    request_body::discard(request.into_body());
    failure.into_response(&id)
}
