//! Spans for OpenTelemetry: one per request, one per call made for it.
//!
//! They are made of what was settled, after the request has ended, and sent in batches as OTLP over HTTP in JSON. A
//! request waits for none of it: where the queue is full it is left out and counted. Off unless
//! `OTEL_EXPORTER_OTLP_ENDPOINT` is set.
//!
//! No crate of OpenTelemetry's is used: its batches are sent by a thread that knows nothing of our transport, its
//! spans are made while the work goes on, and the shape of the JSON is one file here.

mod finished;
mod otlp;
mod settings;

use std::convert::Infallible;
use std::hash::RandomState;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use modelpool::{Clock, ModelPool, Settlement, SettlementSink, SystemClock};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use tracing::warn;

use crate::exit::Failure;
use crate::http::Client;
use finished::Finished;
use settings::Settings;

/// Most requests that wait to be sent, and most that are sent together: the sizes that OpenTelemetry's own batches
/// have by default, <https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/>.
const MOST_WAITING: usize = 2048;
const MOST_TOGETHER: usize = 512;

/// How long the first of a batch waits for others.
const PAUSE: Duration = Duration::from_secs(1);

/// How long a collector has to answer.
const LIMIT: Duration = Duration::from_secs(10);

/// The pauses before a batch is sent again that the collector could not take.
const RETRIES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(4)];

/// How long sending what is left may hold up the end of the program.
const FINISH: Duration = Duration::from_secs(2);

/// What the environment asks for.
pub(crate) fn from_environment() -> Result<Option<Exporter>, Failure> {
    let settings = Settings::read(|name| std::env::var(name).ok())?;
    Ok(settings.map(Exporter::new))
}

/// Takes requests as they end.
#[derive(Debug)]
pub(crate) struct Spans {
    queue: mpsc::Sender<Finished>,
    left_out: Arc<AtomicU64>,
}

impl SettlementSink for Spans {
    fn settled(&self, settlement: &Settlement) {
        let Ok(place) = self.queue.try_reserve() else {
            self.left_out.fetch_add(1, Ordering::Relaxed);
            return;
        };
        place.send(Finished::new(settlement, SystemClock.now()));
    }
}

/// Sends what the sink took.
pub(crate) struct Exporter {
    settings: Settings,
    client: Client,
    sink: Arc<Spans>,
    queue: mpsc::Receiver<Finished>,
    /// What is sent at the moment, or was when sending was broken off.
    batch: Vec<Finished>,
    left_out: Arc<AtomicU64>,
    ids: RandomState,
}

impl Exporter {
    fn new(settings: Settings) -> Self {
        let (sender, queue) = mpsc::channel(MOST_WAITING);
        let left_out = Arc::new(AtomicU64::new(0));
        let sink = Spans {
            queue: sender,
            left_out: Arc::clone(&left_out),
        };
        Self {
            settings,
            client: Client::new(LIMIT),
            sink: Arc::new(sink),
            queue,
            batch: Vec::new(),
            left_out,
            ids: RandomState::new(),
        }
    }

    /// What the pool is to be given.
    pub(crate) fn sink(&self) -> Arc<dyn SettlementSink> {
        Arc::clone(&self.sink) as Arc<dyn SettlementSink>
    }

    /// Sends batch after batch, for as long as it is polled.
    pub(crate) async fn run(&mut self, pool: &ModelPool) -> Infallible {
        loop {
            self.collect().await;
            self.send(pool, &RETRIES).await;
        }
    }

    /// Sends what is left, within a limit.
    pub(crate) async fn finish(&mut self, pool: &ModelPool) {
        let rest = async {
            loop {
                while self.batch.len() < MOST_TOGETHER
                    && let Ok(finished) = self.queue.try_recv()
                {
                    self.batch.push(finished);
                }
                if self.batch.is_empty() {
                    return;
                }
                self.send(pool, &[]).await;
            }
        };
        if timeout(FINISH, rest).await.is_err() {
            warn!("some spans could not be sent before the end");
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

    /// Sends the batch, again after each of the pauses where the collector could not take it.
    async fn send(&mut self, pool: &ModelPool, pauses: &[Duration]) {
        let provider = |alias: &str| Some(pool.get(alias)?.config().provider.clone());
        let body = otlp::request(&self.batch, &self.settings.service, provider, &self.ids);
        let mut pauses = pauses.iter();
        let failure = loop {
            let Settings { url, headers, .. } = &self.settings;
            let sent = self.client.post_with(headers.clone(), url, &body).await;
            let (why, may_pass) = match sent {
                Ok(reply) if (200..300).contains(&reply.status) => break None,
                Ok(reply) => (
                    format!("status {}", reply.status),
                    matches!(reply.status, 429 | 502 | 503 | 504),
                ),
                Err(why) => (why, true),
            };
            match pauses.next() {
                Some(pause) if may_pass => sleep(*pause).await,
                _ => break Some(why),
            }
        };
        let mut left_out = self.left_out.swap(0, Ordering::Relaxed);
        if failure.is_some() {
            left_out += self.batch.len() as u64;
        }
        self.batch.clear();
        if left_out > 0 {
            let why = failure.as_deref().unwrap_or("more requests ended than were sent");
            warn!(requests = left_out, why, "left out of the spans");
        }
    }
}

#[cfg(test)]
mod tests {
    use modelpool::ChatRequest;

    use super::*;

    #[tokio::test]
    async fn what_there_is_no_room_for_is_left_out_and_counted() {
        let settings = Settings::read(|name| {
            (name == "OTEL_EXPORTER_OTLP_ENDPOINT").then(|| "http://127.0.0.1:9".to_owned())
        });
        let exporter = Exporter::new(settings.unwrap().unwrap());
        let pool = ModelPool::builder().sink(exporter.sink()).build();
        for _ in 0..MOST_WAITING + 3 {
            pool.chat(ChatRequest::new().user("nobody is there"))
                .await
                .unwrap_err();
        }
        assert_eq!(exporter.queue.len(), MOST_WAITING);
        assert_eq!(exporter.left_out.load(Ordering::Relaxed), 3);
    }
}
