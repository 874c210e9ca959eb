//! Spans: one per request, one per call made for it, with the ids that callers and upstreams were told.
//!
//! Requests that ended wait in a queue and are sent in batches. A batch that the collector cannot take now is sent
//! again until it does, while the queue fills; what there is no room for is left out and counted. What a caller does
//! not record is not recorded here.

mod finished;
mod otlp;

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use modelpool::{Clock, ModelPool, Settlement, SettlementSink, SystemClock};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::task::yield_now;
use tokio::time::sleep;
use tracing::warn;

use super::resource::Resource;
use super::sender::{Sender, Sent};
use finished::Finished;

/// Most requests that wait to be sent, and most that are sent together: the sizes that OpenTelemetry's own batches
/// have by default, <https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/>.
const MOST_WAITING: usize = 2048;
const MOST_TOGETHER: usize = 512;

/// Requests that are made into spans at a time, which takes less than a millisecond.
const AT_A_TIME: usize = 16;

/// How long the first of a batch waits for others.
const PAUSE: Duration = Duration::from_secs(1);

/// The pauses before a batch is sent again that the collector could not take; the last of them for good.
const FIRST_RETRY: Duration = Duration::from_secs(1);
const LAST_RETRY: Duration = Duration::from_secs(30);

/// Takes requests as they end.
#[derive(Debug)]
struct Sink {
    queue: mpsc::Sender<Finished>,
    left_out: Arc<AtomicU64>,
}

impl SettlementSink for Sink {
    fn settled(&self, settlement: &Settlement) {
        let Some(span) = settlement.trace.as_ref().filter(|span| span.sampled) else {
            return;
        };
        match self.queue.try_reserve() {
            Ok(place) => place.send(Finished::new(settlement, span, SystemClock.now())),
            Err(_) => {
                self.left_out.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

/// Sends what the sink took.
#[derive(Debug)]
pub(super) struct Spans {
    sender: Sender,
    resource: Resource,
    sink: Arc<Sink>,
    queue: mpsc::Receiver<Finished>,
    /// What is sent at the moment, or was when sending was broken off.
    batch: Vec<Finished>,
    left_out: Arc<AtomicU64>,
    /// How many of those the log has told of.
    told: u64,
}

impl Spans {
    pub(super) fn new(sender: Sender, resource: Resource) -> Self {
        let (queue_sender, queue) = mpsc::channel(MOST_WAITING);
        let left_out = Arc::new(AtomicU64::new(0));
        let sink = Sink {
            queue: queue_sender,
            left_out: Arc::clone(&left_out),
        };
        Self {
            sender,
            resource,
            sink: Arc::new(sink),
            queue,
            batch: Vec::new(),
            left_out,
            told: 0,
        }
    }

    /// What the pool is to be given.
    pub(super) fn sink(&self) -> Arc<dyn SettlementSink> {
        Arc::clone(&self.sink) as Arc<dyn SettlementSink>
    }

    /// How many requests have no spans for want of room, or of a collector that takes them.
    pub(super) fn left_out(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.left_out)
    }

    /// Sends batch after batch, for as long as it is polled.
    pub(super) async fn run(&mut self, pool: &ModelPool) -> Infallible {
        loop {
            self.collect().await;
            let body = self.body(pool).await;
            let mut pause = FIRST_RETRY;
            while let Sent::NotNow(why) = self.send(&body).await {
                if pause == FIRST_RETRY {
                    warn!(
                        why,
                        "the collector does not take spans; they are sent again until it does"
                    );
                }
                self.tell(&why);
                sleep(pause).await;
                pause = (pause * 3).min(LAST_RETRY);
            }
            self.tell("more requests ended than were sent");
        }
    }

    /// Sends what is left; each batch once, and none after one that the collector cannot take.
    pub(super) async fn send_rest(&mut self, pool: &ModelPool) {
        loop {
            while self.batch.len() < MOST_TOGETHER
                && let Ok(finished) = self.queue.try_recv()
            {
                self.batch.push(finished);
            }
            if self.batch.is_empty() {
                return;
            }
            let body = self.body(pool).await;
            if let Sent::NotNow(why) = self.send(&body).await {
                let lost = self.batch.len() + self.queue.len();
                self.left_out.fetch_add(lost as u64, Ordering::Relaxed);
                self.tell(&why);
                return;
            }
        }
    }

    /// Waits for a request, and a little longer for more.
    async fn collect(&mut self) {
        if self.batch.is_empty()
            && let Some(first) = self.queue.recv().await
        {
            self.batch.push(first);
        }
        let mut pause = std::pin::pin!(sleep(PAUSE));
        while self.batch.len() < MOST_TOGETHER {
            tokio::select! {
                // The sink holds a sender, so there is always a next one.
                Some(next) = self.queue.recv() => self.batch.push(next),
                () = &mut pause => break,
            }
        }
    }

    /// The batch as it is sent. The server's task polls this, so others have their turn in between.
    async fn body(&self, pool: &ModelPool) -> Value {
        let provider = |alias: &str| Some(pool.get(alias)?.config().provider.clone());
        let mut spans = Vec::new();
        for some in self.batch.chunks(AT_A_TIME) {
            spans.extend(some.iter().flat_map(|finished| otlp::spans(finished, &provider)));
            yield_now().await;
        }
        otlp::request(spans, &self.resource)
    }

    /// Sends the batch once. It is gone unless it may be sent again.
    async fn send(&mut self, body: &Value) -> Sent {
        let sent = self.sender.send(body).await;
        if let Sent::Refused(why) = &sent {
            self.left_out
                .fetch_add(self.batch.len() as u64, Ordering::Relaxed);
            self.tell(why);
        }
        if !matches!(sent, Sent::NotNow(_)) {
            self.batch.clear();
        }
        sent
    }

    /// Tells the log what was left out since it was told last.
    fn tell(&mut self, why: &str) {
        let left_out = self.left_out.load(Ordering::Relaxed);
        let more = left_out - self.told;
        if more > 0 {
            self.told = left_out;
            warn!(requests = more, why, "left out of the spans");
        }
    }
}

#[cfg(test)]
mod tests;
