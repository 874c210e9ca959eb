//! A gateway without a socket: the same answers, for callers in the same process.
//!
//! Clients that were written for HTTP, and can be given another way out, are served here exactly as they would be over
//! the network. Nothing listens, and nothing is stopped: dropping an answer ends its call.

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::service::Service;

use crate::Gateway;
use crate::routes::Routes;

/// The body of an answer.
pub type AnswerBody = axum::body::Body;

/// Asks a gateway within the process; cheap to clone.
#[derive(Clone)]
pub struct InProcess {
    routes: Routes,
}

impl fmt::Debug for InProcess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InProcess").finish_non_exhaustive()
    }
}

impl InProcess {
    /// All paths of a gateway.
    #[must_use]
    pub fn new(gateway: Arc<Gateway>) -> Self {
        Self {
            routes: Routes::new(gateway),
        }
    }

    /// Answers a request; what is wrong with it is told in the answer, as over the network.
    pub async fn ask(&self, request: Request<Bytes>) -> Response<AnswerBody> {
        let answer: Result<_, Infallible> = self.routes.call(request.map(Full::new)).await;
        match answer {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }
}
