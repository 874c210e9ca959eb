//! Metrics for OpenTelemetry: counted as requests end, sent from time to time.
//!
//! Counting is a few additions under a lock. What is sent is the state of the sums, so nothing waits to be sent and
//! nothing is lost where the collector is gone for a while: its next sending says it all.

mod histogram;
mod otlp;
mod sink;
mod table;
#[cfg(test)]
mod tests;

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use modelpool::{Clock, SettlementSink, SystemClock, UnixMillis};
use tokio::time::{Instant, MissedTickBehavior, interval_at};
use tracing::{info, warn};

use super::resource::Resource;
use super::sender::{Sender, Sent};
use otlp::Period;
use sink::Counts;

/// Rows that are copied under one lock and sent in one request: so that requests which end meanwhile wait for
/// microseconds, and no body is larger than collectors take.
const ROWS_TOGETHER: usize = 64;

/// Counts, and sends what was counted.
#[derive(Debug)]
pub(super) struct Metrics {
    sender: Sender,
    interval: Duration,
    resource: Resource,
    counts: Arc<Counts>,
    /// Requests whose spans were not sent, where spans are sent.
    left_out: Option<Arc<AtomicU64>>,
    began: UnixMillis,
    /// The collector did not take the last sending.
    failing: bool,
}

impl Metrics {
    pub(super) fn new(
        sender: Sender,
        interval: Duration,
        resource: Resource,
        left_out: Option<Arc<AtomicU64>>,
    ) -> Self {
        Self {
            sender,
            interval,
            resource,
            counts: Arc::default(),
            left_out,
            began: SystemClock.now(),
            failing: false,
        }
    }

    /// What the pool is to be given.
    pub(super) fn sink(&self) -> Arc<dyn SettlementSink> {
        Arc::clone(&self.counts) as Arc<dyn SettlementSink>
    }

    /// Sends from time to time, for as long as it is polled.
    pub(super) async fn run(&mut self) -> Infallible {
        let mut ticks = interval_at(Instant::now() + self.interval, self.interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.send().await;
        }
    }

    /// Sends what was counted, all of it or up to the first part that the collector does not take.
    pub(super) async fn send(&mut self) {
        let period = Period {
            began: self.began,
            now: SystemClock.now(),
        };
        let mut sent = 0;
        loop {
            let rows = self.counts.copy(sent, ROWS_TOGETHER);
            let left_out = self.left_out.as_ref().filter(|_| sent == 0);
            let left_out = left_out.map(|count| count.load(Ordering::Relaxed));
            if rows.is_empty() && left_out.is_none() {
                break;
            }
            let body = otlp::request(&rows, left_out, &self.resource, period);
            if !self.is_taken(self.sender.send(&body).await) {
                return;
            }
            sent += rows.len();
            if rows.len() < ROWS_TOGETHER {
                break;
            }
        }
        if std::mem::take(&mut self.failing) {
            info!("the collector takes metrics again");
        }
    }

    /// Whether that is so; the first time it is not, the log says why.
    fn is_taken(&mut self, sent: Sent) -> bool {
        let (Sent::NotNow(why) | Sent::Refused(why)) = sent else {
            return true;
        };
        if !std::mem::replace(&mut self.failing, true) {
            warn!(
                why,
                "the collector does not take metrics; the next sending makes up for it"
            );
        }
        false
    }
}
