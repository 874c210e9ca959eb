//! The line of a request in the log. It stands alone in its program: who listens to a log is remembered for all
//! threads together.

#![allow(clippy::unwrap_used)] // a test fails by panicking

mod common;

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use common::House;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// Everything that is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        log.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn the_line_of_the_request_has_the_callers_trace() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_writer(move || writer.clone())
        .with_ansi(false);
    // The tasks of this test's runtime run on this thread.
    let _guard = tracing::subscriber::set_default(subscriber.finish());
    let house = House::new().await;
    let body = r#"{"model":"a","messages":[{"role":"user","content":"hi"}]}"#;
    let mut request = house.request("POST", "/v1/chat/completions", body);
    let parent = format!("00-{TRACE}-00f067aa0ba902b7-01");
    request
        .headers_mut()
        .insert("traceparent", parent.parse().unwrap());
    assert_eq!(house.send(request).await.status, 200);
    let logged = log.0.lock().unwrap().clone();
    let logged = String::from_utf8(logged).unwrap();
    let line = logged
        .lines()
        .find(|line| line.contains("modelpool::access"))
        .unwrap();
    assert!(line.contains(&format!("trace_id={TRACE}")), "{line}");
}
