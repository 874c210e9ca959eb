//! Setup shared by the tests of this folder: a gateway on a real socket in front of simulated
//! upstreams, and a client that shows what it got.

#![allow(dead_code, unreachable_pub, clippy::unwrap_used)] // every test binary uses another part

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use modelpool::{Capabilities, Flag, ModelConfig, ModelPool, ModelPoolBuilder};
use modelpool_gateway::{Access, AccessLog, CallerKey, Gateway, GatewayLimits, GatewayOptions, Server};
use modelpool_testkit::Simulator;
use modelpool_testkit::simulator::{Fault, FaultRule, ModelBehaviour, SimulatorOptions};
use secrecy::SecretString;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// The key that opens the upstream; no caller knows it.
pub const UPSTREAM_KEY: &str = "upstream-secret-0123456789";

/// A gateway that serves, and what is behind it.
pub struct House {
    pub upstream: Simulator,
    pub pool: ModelPool,
    pub address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    pub serving: JoinHandle<bool>,
}

/// How a [`House`] is built.
pub struct Plan {
    pub behaviour: ModelBehaviour,
    pub builder: ModelPoolBuilder,
    pub keys: Vec<CallerKey>,
    pub limits: GatewayLimits,
    pub admin_key: Option<&'static str>,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            behaviour: ModelBehaviour::default(),
            builder: ModelPool::builder(),
            keys: Vec::new(),
            limits: GatewayLimits::default(),
            admin_key: None,
        }
    }
}

pub fn caller(name: &str, key: &str, models: Option<&[&str]>) -> CallerKey {
    CallerKey {
        models: models.map(|names| names.iter().map(|name| (*name).to_owned()).collect()),
        ..CallerKey::new(name, SecretString::from(key))
    }
}

/// What every model can do unless the test says otherwise.
pub fn able() -> Capabilities {
    let can = [Flag::Tools, Flag::Vision, Flag::Embeddings];
    let all = can.into_iter().fold(Capabilities::new(), Capabilities::supports);
    all.context_window(20_000_000).max_tokens(1_000_000)
}

impl House {
    /// A gateway in front of the models `a` and `b`, `a` the cheaper.
    pub async fn new() -> House {
        House::of(Plan::default()).await
    }

    pub async fn of(plan: Plan) -> House {
        let house = House::empty(plan).await;
        house.add("a", able().cost_per_1k_tokens(0.001));
        house.add("b", able().cost_per_1k_tokens(0.002));
        house
    }

    /// A gateway without models.
    pub async fn empty(plan: Plan) -> House {
        let options = SimulatorOptions {
            behaviour: plan.behaviour,
            ..SimulatorOptions::default()
        };
        let upstream = Simulator::builder()
            .options(options)
            .api_key(UPSTREAM_KEY)
            .start();
        let pool = plan.builder.sink(Arc::new(AccessLog)).build();
        let options = GatewayOptions {
            access: Access::new(plan.keys),
            limits: plan.limits,
            admin_key: plan.admin_key.map(SecretString::from),
        };
        let gateway = Gateway::new(pool.clone(), options);
        let server = Server::bind(gateway, SocketAddr::from(([127, 0, 0, 1], 0)))
            .await
            .unwrap();
        let address = server.address();
        let (stop, stopped) = oneshot::channel();
        let serving = tokio::spawn(server.serve(async move {
            let _ = stopped.await;
        }));
        House {
            upstream: upstream.await.unwrap(),
            pool,
            address,
            stop: Some(stop),
            serving,
        }
    }

    /// Adds a model of that alias, called `ALIAS-name` upstream.
    pub fn add(&self, alias: &str, capabilities: Capabilities) -> &Self {
        let name = match alias.ends_with('*') {
            true => String::new(),
            false => format!("{alias}-name"),
        };
        let config = ModelConfig::new(alias, "custom", name).base_url(self.upstream.base_url());
        self.pool
            .add(config.api_key(UPSTREAM_KEY).capabilities(capabilities))
            .unwrap();
        self
    }

    /// Lets every call of a model meet a fault.
    pub fn fails(&self, alias: &str, fault: Fault) -> &Self {
        let rule = FaultRule::new(fault).for_model(format!("{alias}-name")).forever();
        self.upstream.add_fault(rule).unwrap();
        self
    }

    /// Tells the server to stop.
    pub fn stop(&mut self) {
        let _ = self.stop.take().unwrap().send(());
    }

    pub fn request(&self, method: &str, path: &str, body: impl Into<Bytes>) -> Request<Full<Bytes>> {
        let request = Request::builder().method(method).uri(path);
        let request = request
            .header("host", "gateway.test")
            .header("content-type", "application/json");
        request.body(Full::new(body.into())).unwrap()
    }

    /// Sends a request over a connection of its own and waits for the head of the answer.
    pub async fn open(&self, request: Request<Full<Bytes>>) -> Open {
        let stream = soon(TcpStream::connect(self.address)).await.unwrap();
        let (mut sender, connection) = soon(http1::handshake(TokioIo::new(stream))).await.unwrap();
        let connection = tokio::spawn(async move {
            let _ = connection.await;
        });
        Open {
            response: soon(sender.send_request(request)).await.unwrap(),
            connection,
        }
    }

    pub async fn send(&self, request: Request<Full<Bytes>>) -> Answer {
        self.open(request).await.read().await
    }

    pub async fn post(&self, path: &str, body: impl Into<Bytes>) -> Answer {
        self.send(self.request("POST", path, body)).await
    }

    pub async fn chat(&self, body: Value) -> Answer {
        self.post("/v1/chat/completions", body.to_string()).await
    }

    /// With a key, or another header.
    pub async fn with(
        &self,
        name: &'static str,
        value: &str,
        method: &str,
        path: &str,
        body: &str,
    ) -> Answer {
        let mut request = self.request(method, path, body.to_owned());
        request.headers_mut().insert(name, value.parse().unwrap());
        self.send(request).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.request("GET", path, "")).await
    }

    /// Writes bytes as they are, closes the writing side if asked to, and reads to the end.
    pub async fn raw(&self, bytes: &[u8], close: bool) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let _ = stream.write_all(bytes).await;
        if close {
            let _ = stream.shutdown().await;
        }
        let mut answer = Vec::new();
        let _ = soon(stream.read_to_end(&mut answer)).await;
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// Fails unless the upstream sees within 100 ms that nobody waits for it any more.
    pub async fn upstream_is_left(&self) {
        let left = self.upstream.wait_until(|counts| counts.in_flight == 0);
        let counts = timeout(Duration::from_millis(100), left).await;
        assert_eq!(counts.expect("the upstream goes on").cancelled, 1);
    }
}

/// An answer under way. Dropping it closes the connection.
pub struct Open {
    pub response: Response<Incoming>,
    connection: JoinHandle<()>,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

impl Open {
    /// The next part of the body; `None` at its end.
    pub async fn part(&mut self) -> Option<String> {
        let frame = soon(self.response.body_mut().frame()).await?;
        let data = frame.unwrap().into_data().unwrap_or_default();
        Some(String::from_utf8(data.to_vec()).unwrap())
    }

    pub async fn read(mut self) -> Answer {
        let collected = soon(self.response.body_mut().collect()).await;
        Answer {
            status: self.response.status(),
            headers: self.response.headers().clone(),
            body: collected.unwrap().to_bytes(),
        }
    }
}

/// An answer, read to its end.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The error, after checking that it has OpenAI's shape and the headers every answer has.
    pub fn error(&self) -> Value {
        let body = self.json();
        assert_eq!(body.as_object().unwrap().len(), 1, "{body}");
        let error = body["error"].clone();
        assert!(
            error["message"]
                .as_str()
                .is_some_and(|message| !message.is_empty()),
            "{body}"
        );
        assert!(error["type"].is_string(), "{body}");
        for key in ["param", "code"] {
            let value = error.get(key).unwrap_or_else(|| panic!("no `{key}`: {body}"));
            assert!(value.is_string() || value.is_null(), "{body}");
        }
        assert_eq!(self.header("content-type"), Some("application/json"));
        assert!(self.header("x-modelpool-request-id").is_some());
        error
    }

    /// Status and code, after the same checks.
    pub fn failure(&self) -> (u16, String) {
        let code = self.error()["code"].as_str().unwrap_or_default().to_owned();
        (self.status.as_u16(), code)
    }
}

/// Fails rather than waits for something that never comes.
pub async fn soon<T>(work: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(30), work)
        .await
        .expect("it takes too long")
}
