//! Connections that wait for the next request.
//!
//! Nobody polls them meanwhile; that a server has closed one is noticed when it is taken out.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http::uri::Authority;
use tokio::time::Instant;

use super::connection::Connection;

/// A connection that nobody used for this long is closed; servers keep them for a minute or so.
const LONGEST_IDLE: Duration = Duration::from_secs(55);

/// Unused connections kept per server.
const MOST_PER_SERVER: usize = 256;

/// Where a connection leads.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Server {
    pub(super) encrypted: bool,
    pub(super) authority: Authority,
}

/// Servers come from the configuration, so nobody can choose names that collide.
type Waiting = HashMap<Server, Vec<(Instant, Connection)>, foldhash::fast::RandomState>;

/// Connections that wait, the one used last on top.
#[derive(Default)]
pub(super) struct Idle {
    by_server: Mutex<Waiting>,
}

impl fmt::Debug for Idle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Idle").finish_non_exhaustive()
    }
}

impl Idle {
    /// A connection to `server` that was usable a moment ago.
    pub(super) fn take(&self, server: &Server) -> Option<Connection> {
        loop {
            let (since, mut connection) = self.lock().get_mut(server)?.pop()?;
            if since.elapsed() < LONGEST_IDLE && connection.is_usable() {
                return Some(connection);
            }
        }
    }

    /// Keeps a connection for the next request, if it can take one and there is room.
    pub(super) fn keep(&self, server: &Server, mut connection: Connection) {
        if !connection.is_usable() {
            return;
        }
        let now = Instant::now();
        let mut by_server = self.lock();
        let Some(waiting) = by_server.get_mut(server) else {
            // A new server is the occasion to let go of those that nobody asks any more.
            by_server.retain(|_, waiting| {
                waiting.retain(|(since, _)| now.duration_since(*since) < LONGEST_IDLE);
                !waiting.is_empty()
            });
            by_server.insert(server.clone(), vec![(now, connection)]);
            return;
        };
        // Taken from the top, the oldest sink to the bottom.
        let expired = waiting
            .iter()
            .take_while(|(since, _)| now.duration_since(*since) >= LONGEST_IDLE)
            .count();
        waiting.drain(..expired);
        if waiting.len() < MOST_PER_SERVER {
            waiting.push((now, connection));
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Waiting> {
        self.by_server.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
