//! A server at an address, played by a transport: what it is sent, and what is made of its answers.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use http::{Method, Request, Response, StatusCode};
use modelpool::Transport;
use modelpool::parts::core::BoxFuture;
use modelpool::parts::core::transport::{BodyStream, TransportError, TransportErrorKind};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::{McpError, McpServer, McpSettings};
use crate::ToolCall;
use crate::tool::{ToolLimits, ToolSet, run};

/// What a request was.
#[derive(Clone, Debug)]
struct Seen {
    method: Method,
    /// The method of the protocol.
    said: String,
    session: Option<String>,
    key: Option<String>,
    version: Option<String>,
}

/// How the server behaves at the moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Mood {
    #[default]
    Well,
    /// Wants to know who calls.
    Unknown401,
    /// Fails, and repeats the caller's key.
    Fails500,
    /// Cannot be reached.
    Away,
    /// Has forgotten its sessions.
    Forgetful,
}

#[derive(Clone, Debug, Default)]
struct FakeServer(Arc<Mutex<(Mood, Vec<Seen>)>>);

const KEY: &str = "t0ken-value";

impl FakeServer {
    fn is_now(&self, mood: Mood) {
        self.0.lock().expect("no panic holds it").0 = mood;
    }

    fn seen(&self) -> Vec<Seen> {
        self.0.lock().expect("no panic holds it").1.clone()
    }

    fn count(&self, said: &str) -> usize {
        self.seen().iter().filter(|seen| seen.said == said).count()
    }

    async fn connect(&self) -> Result<McpServer, McpError> {
        let settings = McpSettings::http("far", "https://mcp.example/mcp", [("x-key", KEY)]);
        settings.transport(Arc::new(self.clone())).connect().await
    }

    async fn tools(&self) -> (ToolSet, Arc<McpServer>) {
        let server = Arc::new(self.connect().await.expect("it answers"));
        let mut tools = ToolSet::new();
        tools.add_source(server.clone());
        (tools.current().await.0, server)
    }
}

impl Transport for FakeServer {
    fn send(&self, request: Request<Bytes>) -> BoxFuture<'_, Result<Response<BodyStream>, TransportError>> {
        let header = |name: &str| Some(request.headers().get(name)?.to_str().ok()?.to_owned());
        let body: Value = serde_json::from_slice(request.body()).unwrap_or_default();
        let said = body["method"].as_str().unwrap_or_default().to_owned();
        let seen = Seen {
            method: request.method().clone(),
            said: said.clone(),
            session: header("mcp-session-id"),
            key: header("x-key"),
            version: header("mcp-protocol-version"),
        };
        let mut state = self.0.lock().expect("no panic holds it");
        let first = said == "initialize";
        let answer = match (state.0, request.method().as_str()) {
            (Mood::Away, _) => Err(TransportError {
                kind: TransportErrorKind::Connect,
                message: "connection refused".to_owned(),
            }),
            (Mood::Unknown401, _) => Ok(whole(401, &[("www-authenticate", "Bearer")], String::new())),
            (Mood::Fails500, _) => Ok(whole(500, &[], format!("bad key {KEY}"))),
            (_, "GET") => Ok(whole(405, &[], String::new())),
            (_, "DELETE") => Ok(whole(200, &[], String::new())),
            (Mood::Forgetful, _) if !first => {
                state.0 = Mood::Well;
                Ok(whole(404, &[], String::new()))
            }
            _ => Ok(answer(&said, &body)),
        };
        state.1.push(seen);
        Box::pin(std::future::ready(answer))
    }
}

fn whole(status: u16, headers: &[(&str, &str)], body: String) -> Response<BodyStream> {
    let body: BodyStream = Box::pin(futures_util::stream::iter([Ok(Bytes::from(body))]));
    let mut response = Response::builder().status(StatusCode::from_u16(status).expect("a status"));
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    response.body(body).expect("an answer")
}

fn answer(said: &str, body: &Value) -> Response<BodyStream> {
    let result = match said {
        "initialize" => json!({
            "protocolVersion": "2025-06-18",
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "far", "version": "1"},
        }),
        "tools/list" => json!({"tools": [{"name": "add", "inputSchema": {"type": "object"}}]}),
        "tools/call" => json!({"content": [{"type": "text", "text": "added"}]}),
        _ => return whole(202, &[], String::new()),
    };
    let message = json!({"jsonrpc": "2.0", "id": body["id"], "result": result}).to_string();
    if said == "tools/call" {
        let events = format!("event: message\r\ndata: {message}\r\n\r\n");
        return whole(
            200,
            &[("content-type", "text/event-stream; charset=utf-8")],
            events,
        );
    }
    let headers = [
        ("content-type", "Application/JSON"),
        ("mcp-session-id", "session-1"),
    ];
    whole(200, &headers, message)
}

async fn told(tools: &ToolSet) -> String {
    let call = ToolCall {
        id: "1".to_owned(),
        name: "far__add".to_owned(),
        arguments: "{}".to_owned(),
    };
    let mut run = run(vec![call], tools, ToolLimits::default(), CancellationToken::new());
    while run.next().await.is_some() {}
    run.messages()[0].text()
}

#[tokio::test(start_paused = true)]
async fn every_request_carries_the_key_and_the_session() {
    let fake = FakeServer::default();
    let (tools, server) = fake.tools().await;
    assert_eq!(told(&tools).await, "added");
    let server = Arc::into_inner(server).expect("nobody else holds it");
    server.close().await;
    let seen = fake.seen();
    assert!(
        seen.iter().all(|seen| seen.key.as_deref() == Some(KEY)),
        "{seen:?}"
    );
    let (first, later) = seen.split_first().expect("it was asked");
    assert_eq!(
        (first.said.as_str(), first.session.as_deref()),
        ("initialize", None)
    );
    let in_session = |seen: &Seen| seen.session.as_deref() == Some("session-1");
    assert!(later.iter().all(in_session), "{later:?}");
    assert!(
        later
            .iter()
            .all(|seen| seen.version.as_deref() == Some("2025-06-18")),
        "{later:?}"
    );
    assert!(
        seen.iter().any(|seen| seen.method == Method::DELETE),
        "the session is ended"
    );
}

#[tokio::test(start_paused = true)]
async fn refusals_are_told_without_secrets() {
    for (mood, words) in [
        (Mood::Unknown401, "Auth required"),
        (Mood::Fails500, "HTTP 500: bad key [redacted]"),
    ] {
        let fake = FakeServer::default();
        fake.is_now(mood);
        let mistake = fake.connect().await.map(drop).expect_err("refused").to_string();
        assert!(mistake.contains(words) && !mistake.contains(KEY), "{mistake}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_cannot_be_reached_is_told_and_reached_again() {
    let fake = FakeServer::default();
    let (tools, _server) = fake.tools().await;
    fake.is_now(Mood::Away);
    let lost = told(&tools).await;
    assert!(
        lost.contains("was lost") && lost.contains("connection refused"),
        "{lost}"
    );
    let away = told(&tools).await;
    assert!(away.contains("could not be started"), "{away}");
    fake.is_now(Mood::Well);
    assert_eq!(told(&tools).await, "added");
    assert_eq!(fake.count("initialize"), 3);
}

#[tokio::test(start_paused = true)]
async fn a_forgotten_session_is_made_anew() {
    let fake = FakeServer::default();
    let (tools, _server) = fake.tools().await;
    fake.is_now(Mood::Forgetful);
    assert_eq!(told(&tools).await, "added");
    assert_eq!(fake.count("initialize"), 2);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_never_answers_is_given_up() {
    /// Takes requests and never answers.
    #[derive(Debug)]
    struct Silent;
    impl Transport for Silent {
        fn send(&self, _: Request<Bytes>) -> BoxFuture<'_, Result<Response<BodyStream>, TransportError>> {
            Box::pin(std::future::pending())
        }
    }
    let none: [(&str, &str); 0] = [];
    let settings = McpSettings::http("far", "https://mcp.example/mcp", none).transport(Arc::new(Silent));
    let mistake = settings
        .start_timeout(Duration::from_secs(5))
        .connect()
        .await
        .map(drop);
    let mistake = mistake.expect_err("no answer").to_string();
    assert_eq!(mistake, "MCP server `far` did not answer within 5 s");
}
