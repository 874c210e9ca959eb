//! What a checked file becomes: plain structs, still in the words of the file.
//!
//! They are built only from a tree that has no mistake left. Building the pool from them is for
//! others: what stands in `capabilities`, `requirements`, `prefer` and `selector` stays JSON here,
//! with its place, so that whoever reads it can still name the line.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU64;
use std::time::Duration;

use modelpool_core::{BreakerSettings, ModelLimits, Timeouts};
use modelpool_engine::{Hedging, OnLoss, RetryPolicy};
use secrecy::SecretString;
use serde_json::Value as Json;

use super::fields::Section;
use super::node::{Node, Position};
use super::path::Path;
use super::view::View;
use super::{policies, tables};

/// A whole configuration.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FileConfig {
    /// The name of the file it was read from, as it was given to the reader.
    pub file_name: String,
    /// Where the gateway listens.
    pub listen: SocketAddr,
    /// The alias of the default model.
    pub default: Option<String>,
    /// The selector: a string or a mapping. `None` is the selector `capability`.
    pub selector: Option<Located>,
    /// Whether words in plain text ask for a model that can see.
    pub infer_words: bool,
    /// Whether the catalog fills in what models do not declare, where they do not say it themselves.
    pub catalog: bool,
    /// The models, in the order of the file.
    pub models: Vec<FileModel>,
    /// The named pools, in the order of the file.
    pub pools: Vec<FilePool>,
    /// Limits on time that were written at the top of the file.
    pub timeouts: Timeouts,
    /// How far a request goes to get an answer.
    pub retry: RetryPolicy,
    /// When a model that fails is left alone, and for how long.
    pub breaker: BreakerSettings,
    /// A second call where the first is slow to begin. `None` is never.
    pub hedging: Option<Hedging>,
    /// The pause between two checks of servers that are shut off. `None` is never.
    pub health_check: Option<Duration>,
    /// What happens when a stream is lost after the caller has seen some of it.
    pub on_loss: OnLoss,
    /// After so long a silence the gateway tells a caller that the answer is still awaited.
    pub keepalive: Duration,
    /// Where state is kept.
    pub store: Store,
    /// The callers of the gateway; empty if anyone who reaches it may call.
    pub keys: Vec<FileKey>,
    /// What opens the gateway's administration. `None` keeps it closed.
    pub admin_key: Option<SecretString>,
    /// The longest request body the gateway reads, in bytes.
    pub max_body_bytes: usize,
    /// How long requests under way may go on after the gateway was told to stop.
    pub shutdown: Duration,
}

/// One entry of `models`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FileModel {
    /// The user's name for it; a wildcard ends in `*`.
    pub alias: String,
    /// The provider's name, as written.
    pub provider: String,
    /// The vendor's name for it; `None` only for a wildcard.
    pub model_name: Option<String>,
    /// The provider's key.
    pub api_key: Option<SecretString>,
    /// The address of the API: http or https, without credentials, query or fragment.
    pub base_url: Option<String>,
    /// What it can do: a mapping.
    pub capabilities: Option<Located>,
    /// Whether the catalog fills in what is not declared. `None` is as the file says.
    pub catalog: Option<bool>,
    /// Headers added to every call, valid as HTTP headers.
    pub headers: Vec<(String, SecretString)>,
    /// Members added to every request body: a mapping.
    pub body: Option<Located>,
    /// Where a call that named this model fails over to: aliases of other models.
    pub fallbacks: Vec<String>,
    /// Limits on time that were written for this model.
    pub timeouts: Timeouts,
    /// How much of it is used at most.
    pub limits: ModelLimits,
    /// The group it shares its vendor's limits with. `None` is a group of its own.
    pub quota_group: Option<String>,
    /// Whether it is made ready at the start.
    pub warmup: bool,
    /// Where it stands in the configuration, such as `models[1]`.
    pub path: Path,
    /// Where it stands in the file.
    pub position: Position,
}

/// One entry of `pools`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FilePool {
    /// Its name.
    pub name: String,
    /// The aliases of its models; at least one, none twice.
    pub models: Vec<String>,
    /// Its selector: a string or a mapping. `None` is that of the file.
    pub selector: Option<Located>,
    /// What a model has to meet: a mapping.
    pub requirements: Option<Located>,
    /// What is wished of a model: a mapping.
    pub prefer: Option<Located>,
    /// Limits on time that were written for this pool.
    pub timeouts: Timeouts,
    /// Whether words in plain text ask for a model that can see. `None` is as the file says.
    pub infer_words: Option<bool>,
    /// Where it stands in the configuration, such as `pools.support`.
    pub path: Path,
    /// Where it stands in the file.
    pub position: Position,
}

/// One entry of `keys`: a caller of the gateway.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FileKey {
    /// Who calls with it.
    pub name: String,
    /// What the caller sends.
    pub key: SecretString,
    /// What the caller may name as a model. `None` is everything.
    pub models: Option<Vec<String>>,
    /// What a model has to meet for this caller: a mapping.
    pub requirements: Option<Located>,
    /// Requests in any minute.
    pub requests_per_minute: Option<NonZeroU64>,
    /// Tokens in any minute, input and output.
    pub tokens_per_minute: Option<NonZeroU64>,
    /// Where it stands in the configuration, such as `keys[0]`.
    pub path: Path,
    /// Where it stands in the file.
    pub position: Position,
}

/// Where state is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Store {
    /// In the process, until it ends.
    Memory,
}

/// A free part of the configuration and its place. `Debug` leaves the value out: it may hold secrets.
#[derive(Clone)]
#[non_exhaustive]
pub struct Located {
    /// The value, variables put in.
    pub value: Json,
    /// Where it stands in the configuration, such as `models[1].capabilities`.
    pub path: Path,
    /// Where it stands in the file.
    pub position: Position,
}

impl fmt::Debug for Located {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Located({})", self.path)
    }
}

impl FileConfig {
    /// Whether anyone who can reach the address may call: no keys, and not only loopback.
    ///
    /// A file like that is refused; a program that listens elsewhere than its file says asks again.
    #[must_use]
    pub fn is_open_to_strangers(&self, listen: SocketAddr) -> bool {
        self.keys.is_empty() && !listen.ip().to_canonical().is_loopback()
    }

    /// Builds the structs of a tree without mistakes.
    pub(super) fn build(file_name: &str, file: &View<'_>) -> Self {
        let listen = file.text("listen").and_then(|text| text.parse().ok());
        Self {
            file_name: file_name.to_owned(),
            listen: listen.unwrap_or_else(|| (Ipv4Addr::LOCALHOST, 8080).into()),
            default: owned(file, "default"),
            selector: located(file, "selector"),
            infer_words: file.boolean("infer_words").unwrap_or_default(),
            catalog: file.boolean("catalog").unwrap_or(true),
            models: file
                .list("models", &tables::MODEL)
                .iter()
                .map(FileModel::build)
                .collect(),
            pools: sections(file, "pools", &tables::POOL)
                .map(|(name, view)| FilePool::build(name, &view))
                .collect(),
            timeouts: policies::timeouts(file),
            retry: policies::retry(file),
            breaker: policies::breaker(file),
            hedging: policies::hedging(file),
            health_check: policies::health_check(file),
            on_loss: policies::on_loss(file),
            keepalive: policies::keepalive(file),
            store: Store::Memory,
            keys: file
                .list("keys", &tables::KEY)
                .iter()
                .map(FileKey::build)
                .collect(),
            admin_key: file.text("admin_key").map(SecretString::from),
            max_body_bytes: file.number("max_body_bytes").map_or(0, saturating),
            shutdown: file.time("shutdown_ms").unwrap_or_default(),
        }
    }
}

impl FileModel {
    pub(super) fn build(view: &View<'_>) -> Self {
        let extra = view.below("extra", &tables::EXTRA);
        let headers = extra.map("headers").filter_map(|(entry, _)| {
            let text = entry.value.text()?;
            Some((entry.key.clone(), SecretString::from(text.text.as_str())))
        });
        Self {
            alias: owned(view, "alias").unwrap_or_default(),
            provider: owned(view, "provider").unwrap_or_default(),
            model_name: owned(view, "model_name"),
            api_key: view.text("api_key").map(SecretString::from),
            base_url: owned(view, "base_url"),
            capabilities: located(view, "capabilities"),
            catalog: view.boolean("catalog"),
            headers: headers.collect(),
            body: located(&extra, "body"),
            fallbacks: owned_list(view, "fallbacks"),
            timeouts: policies::timeouts(view),
            limits: policies::limits(view),
            quota_group: owned(view, "quota_group"),
            warmup: view.boolean("warmup").unwrap_or(false),
            path: view.path.clone(),
            position: position(view),
        }
    }
}

impl FilePool {
    fn build(name: &str, view: &View<'_>) -> Self {
        Self {
            name: name.to_owned(),
            models: owned_list(view, "models"),
            selector: located(view, "selector"),
            requirements: located(view, "requirements"),
            prefer: located(view, "prefer"),
            timeouts: policies::timeouts(view),
            infer_words: view.boolean("infer_words"),
            path: view.path.clone(),
            position: position(view),
        }
    }
}

impl FileKey {
    fn build(view: &View<'_>) -> Self {
        Self {
            name: owned(view, "name").unwrap_or_default(),
            key: SecretString::from(view.text("key").unwrap_or_default()),
            models: view.has("models").then(|| owned_list(view, "models")),
            requirements: located(view, "requirements"),
            requests_per_minute: view.nonzero("rpm"),
            tokens_per_minute: view.nonzero("tpm"),
            path: view.path.clone(),
            position: position(view),
        }
    }
}

/// The sections of a map, with their names.
pub(super) fn sections<'a>(
    view: &View<'a>,
    name: &str,
    section: &'static Section,
) -> impl Iterator<Item = (&'a str, View<'a>)> {
    view.map(name).map(move |(entry, path)| {
        let view = View::new(section, Some(&entry.value), path);
        (entry.key.as_str(), view)
    })
}

/// A node as JSON with its place; `None` if a variable in it is missing.
pub(super) fn locate(node: &Node, path: Path) -> Option<Located> {
    let value = node.to_json(&path, &mut |_, _, _| {})?;
    let position = node.span.start;
    Some(Located {
        value,
        path,
        position,
    })
}

fn located(view: &View<'_>, name: &str) -> Option<Located> {
    let (node, path) = view.node(name)?;
    locate(node, path)
}

fn owned(view: &View<'_>, name: &str) -> Option<String> {
    view.text(name).map(str::to_owned)
}

fn owned_list(view: &View<'_>, name: &str) -> Vec<String> {
    let words = view.words(name).into_iter();
    words.map(|word| word.text.to_owned()).collect()
}

fn position(view: &View<'_>) -> Position {
    view.span().map_or(Position::START, |span| span.start)
}

fn saturating(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
