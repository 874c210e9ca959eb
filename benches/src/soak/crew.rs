//! What all callers of a load share.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

use super::SoakError;
use super::caller::{Caller, Seen};
use super::ledger::{Ledger, request_id};
use super::requests::{Asked, EMBEDDED, Kind};
use super::tally::{Tally, known};
use super::upstreams::{ANSWER, Upstreams};
use super::verdict::{Canon, Told};

/// The callers' common books, one tally for each phase of the load.
pub(super) struct Crew {
    pub(super) ledger: Arc<Ledger>,
    canon: Canon,
    tallies: Vec<Mutex<Tally>>,
    requests: AtomicU64,
}

impl Crew {
    /// Asks an upstream what the vectors are, and makes it forget that it was asked.
    pub(super) async fn new(upstreams: &Upstreams, phases: usize) -> Result<Self, SoakError> {
        let body = json!({"input": EMBEDDED, "model": "any"}).to_string();
        let asked = Asked {
            kind: Kind::Embeddings,
            body: body.into(),
            leaves_after: None,
        };
        let seen = Caller::new(upstreams.simulator(0).address())
            .ask(&asked, "vectors")
            .await;
        let vectors = match &seen {
            Seen::Answer(answer, _) => serde_json::from_slice::<Value>(&answer.body).ok(),
            _ => None,
        };
        let vectors = vectors.and_then(|answer| answer["data"].as_array().cloned());
        upstreams.simulator(0).reset();
        let none = || std::io::Error::other(format!("{seen:?}"));
        Ok(Self {
            ledger: Arc::default(),
            canon: Canon {
                text: ANSWER.to_owned(),
                vectors: vectors.ok_or_else(|| SoakError::io("an upstream did not embed")(none()))?,
            },
            tallies: (0..phases).map(|_| Mutex::default()).collect(),
            requests: AtomicU64::new(0),
        })
    }

    /// Asks once and enters what was seen, in the tally of the phase; what the gateway told.
    pub(super) async fn ask(&self, caller: &mut Caller, asked: &Asked, phase: usize) -> Told {
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        let seen = caller.ask(asked, &request_id(number)).await;
        let told = self.tally(phase).note(number, asked.kind, &self.canon, &seen);
        self.ledger.told(number, known(&seen, &told));
        told
    }

    /// Held for a few moves of memory and the judging of one answer, never across an await.
    pub(super) fn tally(&self, phase: usize) -> MutexGuard<'_, Tally> {
        self.tallies[phase].lock().unwrap_or_else(PoisonError::into_inner)
    }
}
