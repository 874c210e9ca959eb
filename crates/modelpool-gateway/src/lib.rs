//! The HTTP gateway of modelpool.
//!
//! A program that speaks OpenAI's, Anthropic's or Gemini's API names `auto`, a pool or an alias as its model and gets the
//! model that fits. The gateway reads what it needs of a request, hands the caller's bytes to the
//! pool, and forwards the answer's bytes as they come; the pool does the rest.
//!
//! | path | |
//! |---|---|
//! | `POST /v1/chat/completions`, `/v1/responses`, `/v1/embeddings`, `/v1/images/generations` | calls in OpenAI's dialects |
//! | `POST /v1/messages`, `/v1/messages/count_tokens` | in Anthropic's |
//! | `POST /v1beta/models/{model}:generateContent`, `:streamGenerateContent`, `:countTokens`, also below `/v1` | in Gemini's |
//! | `GET /v1/models`, `/v1/models/{id}` | what a caller may name |
//! | `POST /v1/route` | where a chat body would go, and why, without calling anyone |
//! | `GET /health/live`, `/health/ready` | for load balancers; no key |
//! | `GET /metrics` | for Prometheus; no key |
//! | `GET /admin/v1/…` | statistics, breakers, traces of requests; behind the admin key |
//!
//! One file per subject: `server` accepts connections and stops gracefully, `access` knows the
//! callers, `calls` makes calls, `streaming` writes streams, `failure` is the one place where
//! errors become HTTP.

mod access;
mod access_log;
mod admin;
mod calls;
mod dialects;
mod endpoint;
mod failure;
mod head_timer;
mod health;
mod in_place;
mod in_process;
mod listing;
mod metrics;
mod request_body;
mod request_head;
mod routes;
mod server;
mod streaming;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use admin::AdminKey;
use metrics::Answered;
use modelpool::{ModelPool, Scope};
use secrecy::SecretString;

pub use access::{Access, CallerKey};
pub use access_log::AccessLog;
pub use in_process::{AnswerBody, InProcess};
pub use server::{Server, ServerError};

/// What the gateway serves.
#[derive(Debug)]
pub struct Gateway {
    pool: ModelPool,
    access: Access,
    limits: GatewayLimits,
    admin_key: Option<AdminKey>,
    answered: Answered,
    stopping: AtomicBool,
}

/// How a gateway serves.
#[derive(Debug, Default)]
pub struct GatewayOptions {
    /// The callers; everyone where there are none.
    pub access: Access,
    /// Limits of the gateway itself.
    pub limits: GatewayLimits,
    /// What opens the admin paths. Without it they are shut.
    pub admin_key: Option<SecretString>,
}

/// Limits of the gateway itself.
#[derive(Clone, Copy, Debug)]
pub struct GatewayLimits {
    /// Longest request body, in bytes; a longer one is a 413.
    pub max_body_bytes: usize,
    /// How long requests under way may go on once the gateway was told to stop.
    pub shutdown: Duration,
    /// How long a streamed answer may be silent before a comment says that it is still awaited.
    pub keepalive: Duration,
}

impl Default for GatewayLimits {
    fn default() -> Self {
        Self {
            max_body_bytes: 32 * 1024 * 1024,
            shutdown: Duration::from_secs(30),
            keepalive: Duration::from_secs(15),
        }
    }
}

impl Gateway {
    /// A gateway in front of a pool.
    #[must_use]
    pub fn new(pool: ModelPool, options: GatewayOptions) -> Arc<Self> {
        Arc::new(Self {
            pool,
            access: options.access,
            limits: options.limits,
            admin_key: options.admin_key.as_ref().map(AdminKey::new),
            answered: Answered::default(),
            stopping: AtomicBool::new(false),
        })
    }

    /// The pool behind it.
    #[must_use]
    pub fn pool(&self) -> &ModelPool {
        &self.pool
    }

    fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    fn may_name(&self, scope: &Scope, name: &str) -> bool {
        access::may_name(&self.pool, scope, name)
    }
}
