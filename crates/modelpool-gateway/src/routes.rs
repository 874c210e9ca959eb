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
use bytes::Bytes;
use http::{Method, Request, StatusCode};
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;
use modelpool::parts::core::BoxFuture;

use crate::endpoint::Endpoint;
use crate::failure::Failure;
use crate::metrics::Asked;
use crate::request_body;
use crate::request_head::request_id;
use crate::{Gateway, access_log, admin, calls, health, listing, metrics};

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

/// For bodies from the network, and for those that are there already.
impl<B> Service<Request<B>> for Routes
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<axum::BoxError>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response, Infallible>>;

    fn call(&self, request: Request<B>) -> Self::Future {
        let gateway = Arc::clone(&self.gateway);
        let uri = request.uri();
        let endpoint = Endpoint::of(uri.path(), uri.query()).filter(|_| request.method() == Method::POST);
        match endpoint {
            Some(endpoint) => {
                let request = request.map(Body::new);
                Box::pin(async move {
                    let response = calls::call(Arc::clone(&gateway), request, endpoint).await;
                    gateway.answered.count(Asked::Call, response.status());
                    Ok(response)
                })
            }
            None => {
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
    // Calls never get here; what has their paths has the wrong method.
    let calls = Endpoint::fixed_paths().fold(Router::new(), |router, path| {
        router.route(path, post(wrong_method))
    });
    admin::routes(calls)
        .route("/v1/models", get(listing::list))
        .route("/v1/models/{*name}", get(listing::get))
        .route("/v1beta/models", get(listing::list))
        .route("/v1beta/models/{*name}", get(listing::get))
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
