//! OpenTelemetry: spans of requests and of the calls made for them, and metrics.
//!
//! Both are made of what was settled, after a request has ended, and sent as OTLP over HTTP in JSON. A request waits
//! for none of it. Off unless `OTEL_EXPORTER_OTLP_ENDPOINT` or the like is set.
//!
//! No crate of OpenTelemetry's is used: its batches are sent by a thread that knows nothing of our transport, its
//! spans are made while the work goes on, and the shape of the JSON is a file here for each of the two.

mod attributes;
mod metrics;
mod names;
mod resource;
mod sender;
mod settings;
mod spans;

use std::convert::Infallible;
use std::time::Duration;

use modelpool::{ModelPool, ModelPoolBuilder};
use tokio::time::timeout;
use tracing::warn;

use crate::exit::Failure;
use metrics::Metrics;
use sender::Sender;
use settings::Settings;
use spans::Spans;

/// How long sending what is left may hold up the end of the program.
const FINISH: Duration = Duration::from_secs(2);

/// What the environment asks for.
pub(crate) fn from_environment() -> Result<Telemetry, Failure> {
    let settings = Settings::read(|name| std::env::var(name).ok())?;
    Ok(settings.map_or_else(Telemetry::default, Telemetry::new))
}

/// Sends what there is somebody to take.
#[derive(Debug, Default)]
pub(crate) struct Telemetry {
    spans: Option<Spans>,
    metrics: Option<Metrics>,
}

impl Telemetry {
    fn new(settings: Settings) -> Self {
        let Settings {
            resource,
            traces,
            metrics,
        } = settings;
        let spans = traces.map(|traces| Spans::new(Sender::new(traces), resource.clone()));
        let left_out = spans.as_ref().map(Spans::left_out);
        let metrics = metrics.map(|(destination, interval)| {
            Metrics::new(Sender::new(destination), interval, resource, left_out)
        });
        Self { spans, metrics }
    }

    /// A pool that tells of its requests.
    pub(crate) fn observe(&self, mut builder: ModelPoolBuilder) -> ModelPoolBuilder {
        if let Some(spans) = &self.spans {
            builder = builder.sink(spans.sink()).traced(true);
        }
        if let Some(metrics) = &self.metrics {
            builder = builder.sink(metrics.sink());
        }
        builder
    }

    /// Sends, for as long as it is polled.
    pub(crate) async fn run(&mut self, pool: &ModelPool) -> Infallible {
        let spans = async {
            match &mut self.spans {
                Some(spans) => spans.run(pool).await,
                None => std::future::pending().await,
            }
        };
        let metrics = async {
            match &mut self.metrics {
                Some(metrics) => metrics.run().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            never = spans => never,
            never = metrics => never,
        }
    }

    /// Sends what is left, within a limit.
    pub(crate) async fn finish(&mut self, pool: &ModelPool) {
        let spans = async {
            if let Some(spans) = &mut self.spans {
                spans.send_rest(pool).await;
            }
        };
        let metrics = async {
            if let Some(metrics) = &mut self.metrics {
                metrics.send().await;
            }
        };
        let rest = async { tokio::join!(spans, metrics) };
        if timeout(FINISH, rest).await.is_err() {
            warn!("some spans or metrics could not be sent before the end");
        }
    }
}
