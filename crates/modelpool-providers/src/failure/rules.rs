//! The table that makes a kind of failure of a refusal.
//!
//! The first row holds whose filled columns all hold: the status, one of the names, one of the
//! phrases (`…` stands for a few words in between). The order is the point of the table:
//!
//! - What names its cause goes before what only has a status, since vendors send the same cause
//!   with statuses of their own choice: no money is a 400, 401, 402, 403 or 429.
//! - Google calls a limit per minute and an empty account by one name and one sentence; its rows
//!   go first, and tell them apart by the limit that was violated.
//! - A request that is larger than a limit per minute is a rate limit, not a small window: another
//!   account takes it.
//! - Context length goes before prefill, because llama.cpp calls reading the prompt "prefill".
//! - A place or a model that is "not supported" goes before parameters that are not.
//! - Phrases are long enough that the name of a caller's function, which vendors repeat, is none.
//!
#![doc = include_str!("rules.md")]

use modelpool_core::ErrorKind;

use super::Signals;
use super::capability::capability;
use super::window::window;

use Class::*;
use Status::{Any, Client, Is, Server as Failing};

/// The kind a row stands for, without what is read from the refusal besides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    RateLimited,
    Overloaded,
    Server,
    ContextLength,
    ContentFilter,
    Unsupported,
    PrefillRefused,
    InvalidRequest,
    Auth,
    Billing,
    ModelNotFound,
    Protocol,
}

/// Statuses a row holds for.
#[derive(Clone, Copy, Debug)]
enum Status {
    Any,
    /// 400 to 499.
    Client,
    /// 500 and above.
    Server,
    Is(&'static [u16]),
}

/// One row.
struct Rule {
    class: Class,
    status: Status,
    names: &'static [&'static str],
    says: &'static [&'static str],
}

const fn by_name(class: Class, status: Status, names: &'static [&'static str]) -> Rule {
    row(class, status, names, &[])
}

const fn by_words(class: Class, status: Status, says: &'static [&'static str]) -> Rule {
    row(class, status, &[], says)
}

const fn by_status(class: Class, status: Status) -> Rule {
    row(class, status, &[], &[])
}

const fn row(
    class: Class,
    status: Status,
    names: &'static [&'static str],
    says: &'static [&'static str],
) -> Rule {
    Rule {
        class,
        status,
        names,
        says,
    }
}

#[rustfmt::skip]
static RULES: &[Rule] = &[
    // Google's limits, and sizes beyond a limit.
    row(Billing, Any, &["resource_exhausted"], &["perday", "per day", "credits are depleted", "spending cap"]),
    by_name(RateLimited, Any, &["resource_exhausted"]),
    row(RateLimited, Client, &["rate_limit_exceeded"], &["request too large"]),

    // No money, or none left of what was granted.
    by_name(Billing, Any, &[
        "insufficient_quota", "billing_hard_limit_reached", "billing_not_active", "insufficient_balance",
        "insufficient_credits", "insufficient_user_quota", "exceeded_current_quota_error", "creditserror",
        "billing_error", "accountoverdueerror", "arrearage", "1113",
    ]),
    by_words(Billing, Client, &[
        "insufficient balance", "insufficient credit", "balance is insufficient", "credit balance is too low",
        "exceeded your current quota", "exceeded current quota", "check your plan and billing",
        "requires more credits", "run out of credits", "have any credits", "used all available credits",
        "spending limit", "account is in good standing", "overdue account", "overdue balance", "overdue-payment",
        "余额不足", "余额已用尽", "欠费", "额度不足",
    ]),
    by_status(Billing, Is(&[402])),

    // Content.
    by_name(ContentFilter, Any, &[
        "content_filter", "content_policy_violation", "responsibleaipolicyviolation", "moderation_blocked",
        "data_inspection_failed", "datainspectionfailed", "prohibited_content", "sensitivecontentdetected",
        "inputtextsensitivecontentdetected", "inputimagesensitivecontentdetected",
        "outputtextsensitivecontentdetected", "1301",
    ]),
    by_words(ContentFilter, Any, &[
        "content management policy", "content filtering policy", "violating our usage policy", "our safety system",
        "inappropriate content", "content exists risk", "considered high risk", "prohibited content",
        "datainspectionfailed", "blocked by safety", "blocked due to safety", "prompt was blocked",
        "input was flagged", "new_sensitive", "敏感内容", "敏感信息",
    ]),

    // The window.
    by_name(ContextLength, Any, &[
        "context_length_exceeded", "exceed_context_size_error", "model_context_window_exceeded",
        "model_max_prompt_tokens_exceeded", "string_above_max_length", "request_too_large", "1261",
    ]),
    by_words(ContextLength, Any, &[
        "maximum context length", "maximum prompt length", "maximum model length", "maximum input length",
        "context window",
        "context length", "context size", "exceed context limit", "exceed n_ctx", "max context",
        "prompt is too long", "prompt too long", "input is too long", "too long to fit", "too large for model with",
        "maximum number of tokens allowed", "range of input length should be", "reduce the length of the messages",
        "exceeded model token limit", "exceed max message tokens", "prompt token count of", "input token count is",
        "too many tokens: total", "max_seq_len", "`inputs` tokens + `max_new_tokens` must be",
        "max_tokens must be at least 1, got -", "prompt 超长", "prompt超长", "上下文长度", "超过最大长度",
    ]),

    // A partial answer to go on from, or roles in an order the model has no template for.
    by_name(PrefillRefused, Any, &["invalid_request_message_order"]),
    by_words(PrefillRefused, Any, &[
        "message prefill", "response prefill", "support prefill", "prefill is not",
        "must end with a user message", "ends with a user role", "roles must alternate", "alternate between user",
        "should interleave the user/assistant", "expected last role user", "turn comes immediately after",
        "final assistant content cannot end with trailing whitespace", "assistant messages at the end of the list",
        "last message…must be", "last message should be", "last message cannot be", "continue_final_message",
    ]),

    // No capacity at the moment.
    by_name(Overloaded, Any, &[
        "overloaded_error", "engine_overloaded_error", "overloaded", "service_tier_capacity_exceeded",
        "model_capacity_exhausted", "unavailable_error", "unavailable", "serveroverloaded", "modelnotreadyexception",
    ]),
    by_words(Overloaded, Is(&[429, 498, 500, 502, 503, 504, 529]), &[
        "overloaded", "model is loading", "currently loading", "server busy", "server is busy", "high demand",
        "no slots available", "requires more system memory", "out of memory", "capacity exceeded", "no capacity", "at capacity", "out of capacity", "over capacity",
    ]),
    by_status(Overloaded, Is(&[498, 503, 529])),

    // Too many requests.
    by_name(RateLimited, Any, &[
        "rate_limit_exceeded", "rate_limit_error", "rate_limit_reached_error", "rate_limited", "ratelimitexceeded",
        "throttling", "throttling.ratequota", "throttling.allocationquota", "throttlingexception",
        "servicequotaexceededexception",
        "limit_requests", "limit_burst_rate", "too_many_requests", "toomanyrequests", "1302", "1303",
    ]),
    by_status(RateLimited, Is(&[429])),

    // Our key, and where we are.
    by_name(Auth, Any, &[
        "invalid_api_key", "api_key_invalid", "invalidapikey", "authentication_error", "invalid_authentication_error",
        "unauthenticated", "permission_error", "permission_denied", "accessdenied", "accessdeniedexception",
        "unrecognizedclientexception", "expiredtokenexception", "request_forbidden",
        "unsupported_country_region_territory",
    ]),
    by_words(Auth, Client, &[
        "api key not valid", "invalid api key", "incorrect api key", "api key expired", "location is not supported",
        "country, region, or territory not supported",
    ]),
    by_status(Auth, Is(&[401, 407])),

    // No model speaks HTML.
    by_name(ContextLength, Is(&[413]), &[Signals::HTML]),
    by_name(Protocol, Client, &[Signals::HTML]),
    by_status(Auth, Is(&[403])),

    // The model answered, but not as it should have.
    by_name(Protocol, Any, &["tool_use_failed", "json_validate_failed"]),

    // What only some models can do. The last phrases are of images and limits a capability does not tell.
    by_words(ModelNotFound, Any, &[
        "decommissioned", "model…has been deprecated", "model…no longer supported", "model…no longer available",
        "model…has been retired", "not found for api version", "model identifier is invalid",
    ]),
    by_name(Unsupported, Any, &[
        "unsupported_parameter", "unsupported_value", "unsupported_model", "unsupported_image", "extra_forbidden",
        "image_parse_error", "invalid_image_format",
    ]),
    by_words(Unsupported, Any, &[
        "not support", "unsupported", "only supported", "not available for this model", "is unavailable now",
        "unrecognized request argument", "unknown variant", "extra inputs are not permitted", "not a multimodal",
        "at most 0 image", "at most 0 audio", "endpoints found that support", "tool choice requires", "is not enabled",
        "maximum allowed number of output tokens", "exceeds the model limit of", "model supports at most", "valid range of max_tokens",
        "content must be a string", "throughput isn't supported", "throughput isn’t supported",
        "`signature` in `thinking`",
    ]),

    // The model.
    by_name(ModelNotFound, Any, &[
        "model_not_found", "modelnotfound", "model_decommissioned", "model_deprecated", "deploymentnotfound",
        "invalid_model", "not_found_error", "resourcenotfoundexception", "1211",
    ]),
    by_words(ModelNotFound, Client, &[
        "model…not found", "model…does not exist", "model not exist", "not a valid model", "unknown model",
        "invalid model", "模型不存在",
    ]),
    by_status(ModelNotFound, Is(&[404, 410])),

    // The rest goes by the status.
    by_status(ContextLength, Is(&[413])),
    by_status(Server, Is(&[408, 424, 425, 499])),
    by_status(Server, Failing),
    by_status(Protocol, Is(&[405])),
    by_status(InvalidRequest, Client),
];

/// The kind of failure. What no row knows is an answer the wire does not have.
#[must_use]
pub fn classify(signals: &Signals) -> ErrorKind {
    let class = RULES
        .iter()
        .find(|rule| rule.holds(signals))
        .map_or(Protocol, |rule| rule.class);
    let retry_after = signals.retry_after;
    match class {
        RateLimited => ErrorKind::RateLimited { retry_after },
        Overloaded => ErrorKind::Overloaded { retry_after },
        Server => ErrorKind::Server,
        ContextLength => ErrorKind::ContextLength {
            window: signals.window.or_else(|| window(&signals.message)),
        },
        ContentFilter => ErrorKind::ContentFilter,
        Unsupported => ErrorKind::Unsupported {
            capability: capability(signals),
        },
        PrefillRefused => ErrorKind::PrefillRefused,
        InvalidRequest => ErrorKind::InvalidRequest,
        Auth => ErrorKind::Auth,
        Billing => ErrorKind::Billing,
        ModelNotFound => ErrorKind::ModelNotFound,
        Protocol => ErrorKind::Protocol,
    }
}

impl Rule {
    fn holds(&self, signals: &Signals) -> bool {
        let status = match self.status {
            Any => true,
            Client => (400..500).contains(&signals.status),
            Failing => signals.status >= 500,
            Is(statuses) => statuses.contains(&signals.status),
        };
        status
            && (self.names.is_empty() || signals.is_named(self.names))
            && (self.says.is_empty() || signals.says(self.says))
    }
}

#[cfg(test)]
mod tests;
