use modelpool::{Call, CallerTrace, ChatRequest, TraceParent};

use super::super::settings::Settings;
use super::*;

/// Spans that nobody takes.
fn spans() -> Spans {
    let settings = Settings::read(|name| {
        (name == "OTEL_EXPORTER_OTLP_ENDPOINT").then(|| "http://127.0.0.1:9".to_owned())
    });
    let settings = settings.unwrap().unwrap();
    Spans::new(Sender::new(settings.traces.unwrap()), settings.resource)
}

fn call() -> Call {
    ChatRequest::new()
        .user("nobody is there")
        .into_call(false)
        .unwrap()
}

#[tokio::test]
async fn what_there_is_no_room_for_is_left_out_and_counted() {
    let spans = spans();
    let pool = ModelPool::builder().sink(spans.sink()).traced(true).build();
    for _ in 0..MOST_WAITING + 3 {
        pool.call(call()).await.unwrap_err();
    }
    assert_eq!(spans.queue.len(), MOST_WAITING);
    assert_eq!(spans.left_out.load(Ordering::Relaxed), 3);
}

#[tokio::test]
async fn what_the_caller_does_not_record_is_not_recorded() {
    let mut spans = spans();
    let pool = ModelPool::builder().sink(spans.sink()).traced(true).build();
    for flags in ["00", "01"] {
        let header = format!("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-{flags}");
        let parent = TraceParent::parse(header.as_bytes()).unwrap();
        let trace = Some(CallerTrace { parent, state: None });
        pool.call(Call { trace, ..call() }).await.unwrap_err();
    }
    let recorded = spans.queue.try_recv().unwrap();
    assert!(recorded.span.sampled);
    assert_eq!(
        recorded.span.trace_id.to_string(),
        "4bf92f3577b34da6a3ce929d0e0e4736"
    );
    assert!(spans.queue.is_empty());
    assert_eq!(spans.left_out.load(Ordering::Relaxed), 0);
}
