//! Every key of the configuration.
//!
//! A new key is a line here, and a line where `file.rs` builds the struct that carries it; the
//! checks, the JSON Schema and the reference page follow by themselves. A key that a later version
//! brings is listed as `not_yet`: it is refused by name instead of being called unknown.

use super::fields::{Default, Field, Kind, Section, Unit, Word};

mod failures;

pub(super) use self::failures::{BREAKER, HEALTH, HEDGING, RETRY, STREAMING, TIMEOUTS};

/// How long the whole of a request may take where nothing else is said.
pub(super) const TOTAL_MS: u64 = 600_000;

/// A day, the longest wait that can be asked for.
const MAX_WAIT_MS: u64 = 86_400_000;

const PER_MINUTE: Kind = Kind::Integer {
    min: 1,
    max: 1_000_000_000_000,
    unit: Unit::None,
};

const ALIASES: Kind = Kind::List {
    item: &Kind::Text,
    min: 1,
};

const fn now(word: &'static str) -> Word {
    Word {
        word,
        available: true,
    }
}

const fn later(word: &'static str) -> Word {
    Word {
        word,
        available: false,
    }
}

pub(super) static FILE: Section = Section {
    name: "file",
    doc: "The keys at the top of the file.",
    fields: &[
        Field::default(
            "listen",
            Kind::Text,
            Default::Text("127.0.0.1:8080"),
            "address and port of the gateway; without `keys` only a loopback address is accepted",
        ),
        Field::optional(
            "default",
            Kind::Text,
            "alias that wins ties, and stands first where nothing else decides",
        ),
        Field::optional(
            "selector",
            Kind::Selector,
            "how a model is chosen among those that fit: a selector's name, or a mapping with `kind`; `capability` if it is left out",
        ),
        Field::default(
            "infer_words",
            Kind::Boolean,
            Default::Boolean(false),
            "whether words such as `image` or `图片` in plain text ask for a model that can see",
        ),
        Field::required(
            "models",
            Kind::List {
                item: &Kind::Section(&MODEL),
                min: 0,
            },
            "the models, each under an alias",
        ),
        Field::optional(
            "pools",
            Kind::Map(&Kind::Section(&POOL)),
            "named pools; a client names one as its `model`",
        ),
        Field::optional(
            "timeouts",
            Kind::Section(&TIMEOUTS),
            "limits on time, for all models and pools that do not set their own",
        ),
        Field::optional(
            "retry",
            Kind::Section(&RETRY),
            "how far a request goes to get an answer",
        ),
        Field::optional(
            "breaker",
            Kind::Section(&BREAKER),
            "when a model that fails is left alone, and for how long",
        ),
        Field::optional(
            "hedging",
            Kind::Section(&HEDGING),
            "a second call where the first is slower to begin than it usually is; never if it is left out",
        ),
        Field::optional(
            "health",
            Kind::Section(&HEALTH),
            "active checks of servers that are shut off; none if it is left out",
        ),
        Field::optional(
            "streaming",
            Kind::Section(&STREAMING),
            "what happens when a stream is lost or silent",
        ),
        Field::optional("state", Kind::Section(&STATE), "where state is kept"),
        Field::optional(
            "keys",
            Kind::List {
                item: &Kind::Section(&KEY),
                min: 0,
            },
            "callers of the gateway; with none listed anyone who reaches it may call",
        ),
        Field::optional(
            "admin_key",
            Kind::Secret,
            "what opens the gateway's administration, best written as `${NAME}`; closed if it is left out",
        ),
        Field::default(
            "catalog",
            Kind::Boolean,
            Default::Boolean(true),
            "whether the catalog of known models fills in what `capabilities` leaves out: abilities, windows and list prices",
        ),
        Field::default(
            "max_body_bytes",
            Kind::Integer {
                min: 1,
                max: 1 << 30,
                unit: Unit::Bytes,
            },
            Default::Number(32 << 20),
            "longest request body the gateway reads; a longer one is a 413",
        ),
        Field::default(
            "shutdown_ms",
            Kind::Integer {
                min: 0,
                max: MAX_WAIT_MS,
                unit: Unit::Milliseconds,
            },
            Default::Number(30_000),
            "how long requests under way may go on after the gateway was told to stop",
        ),
        Field::not_yet("experiments"),
    ],
};

pub(super) static MODEL: Section = Section {
    name: "model",
    doc: "One entry of `models`.",
    fields: &[
        Field::required(
            "alias",
            Kind::Text,
            "the name you give it; `groq/*` takes every `groq/NAME`, and `*` every other name without a slash",
        ),
        Field::required(
            "provider",
            Kind::Text,
            "who serves it: a vendor, a wire protocol, or a provider of your own",
        ),
        Field::optional(
            "model_name",
            Kind::Text,
            "the vendor's name for it; required, unless the alias is a wildcard",
        ),
        Field::optional(
            "api_key",
            Kind::Secret,
            "the provider's key, best written as `${NAME}`",
        ),
        Field::optional(
            "base_url",
            Kind::Text,
            "http or https address of the API, instead of the vendor's own",
        ),
        Field::optional(
            "capabilities",
            Kind::Free,
            "what the model can do and what it costs; see *Prices*",
        ),
        Field::optional(
            "extra",
            Kind::Section(&EXTRA),
            "what is added to every call of the model",
        ),
        Field::optional(
            "fallbacks",
            ALIASES,
            "aliases to fail over to when a caller named this one",
        ),
        Field::optional(
            "timeouts",
            Kind::Section(&TIMEOUTS),
            "limits on time for this model",
        ),
        Field::optional(
            "catalog",
            Kind::Boolean,
            "as at the top of the file, for this model; `capabilities` win over the catalog always",
        ),
        Field::optional(
            "limits",
            Kind::Section(&LIMITS),
            "how much of the model is used at most",
        ),
        Field::optional(
            "quota_group",
            Kind::Text,
            "models of one group share a limit of their vendor: what one is told to wait, all wait; a group of its own if it is left out",
        ),
        Field::default(
            "warmup",
            Kind::Boolean,
            Default::Boolean(false),
            "whether the gateway makes the model ready at its start, and before it is tried again after failures: connection, TLS, and the load where the server loads models on demand",
        ),
    ],
};

pub(super) static LIMITS: Section = Section {
    name: "limits",
    doc: "`limits` of a model. A call that one of them forbids goes to another model, or waits.",
    fields: &[
        Field::optional("rpm", PER_MINUTE, "calls in any minute"),
        Field::optional("tpm", PER_MINUTE, "tokens in any minute, input and output"),
        Field::optional(
            "max_concurrent",
            Kind::Integer {
                min: 1,
                max: 1_000_000,
                unit: Unit::None,
            },
            "calls at the same time",
        ),
    ],
};

pub(super) static EXTRA: Section = Section {
    name: "extra",
    doc: "`extra` of a model.",
    fields: &[
        Field::optional(
            "headers",
            Kind::Map(&Kind::Secret),
            "HTTP headers by name; their values are never shown",
        ),
        Field::optional(
            "body",
            Kind::Body,
            "members of the request body, for those the caller did not set",
        ),
    ],
};

pub(super) static POOL: Section = Section {
    name: "pool",
    doc: "One entry of `pools`, under its name.",
    fields: &[
        Field::required("models", ALIASES, "aliases of its models"),
        Field::optional(
            "selector",
            Kind::Selector,
            "how a model of the pool is chosen; that of the file if it is left out",
        ),
        Field::optional(
            "requirements",
            Kind::Free,
            "what a model has to meet, in addition to what the request needs",
        ),
        Field::optional(
            "prefer",
            Kind::Free,
            "what is wished of a model; it changes the order and excludes nothing",
        ),
        Field::optional(
            "timeouts",
            Kind::Section(&TIMEOUTS),
            "limits on time for requests to this pool",
        ),
        Field::optional(
            "infer_words",
            Kind::Boolean,
            "as at the top of the file, for this pool",
        ),
    ],
};

pub(super) static STATE: Section = Section {
    name: "state",
    doc: "Where state is kept.",
    fields: &[
        Field::default(
            "store",
            Kind::Word(&[now("memory"), later("sqlite"), later("postgres")]),
            Default::Text("memory"),
            "`memory` keeps it in the process, until that ends",
        ),
        Field::not_yet("path"),
        Field::not_yet("shared"),
    ],
};

pub(super) static KEY: Section = Section {
    name: "key",
    doc: "One entry of `keys`: a caller of the gateway.",
    fields: &[
        Field::required("name", Kind::Text, "who calls with it; shown in logs"),
        Field::required(
            "key",
            Kind::Secret,
            "what the caller sends, best written as `${NAME}`",
        ),
        Field::optional(
            "models",
            ALIASES,
            "aliases, pools and wildcards the caller may name; all if it is left out",
        ),
        Field::optional(
            "requirements",
            Kind::Free,
            "what a model has to meet for this caller, in addition to what the request needs",
        ),
        Field::optional(
            "rpm",
            PER_MINUTE,
            "requests of the caller in any minute; the next one is a 429 with the time to wait",
        ),
        Field::optional(
            "tpm",
            PER_MINUTE,
            "tokens of the caller in any minute, input and output, estimated until they are known",
        ),
        Field::not_yet("budget"),
    ],
};
