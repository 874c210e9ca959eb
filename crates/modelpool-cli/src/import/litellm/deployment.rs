//! One entry of `model_list`: a deployment.

use serde_json::{Map, Value as Json};

use super::fields::{Fields, Item, Report};
use super::model_info;
use super::providers::{self, Address, Row};
use super::tree::Place;

/// A deployment, in our words.
#[derive(Debug)]
pub(super) struct Deployment {
    /// The name clients use. Several deployments may share it.
    pub(super) group: String,
    /// Where that name stands, for what there is still to be said about it.
    pub(super) place: Place,
    pub(super) path: String,
    pub(super) provider: &'static str,
    /// `None` for a wildcard.
    pub(super) model_name: Option<String>,
    pub(super) api_key: Option<String>,
    pub(super) base_url: Option<String>,
    pub(super) capabilities: Map<String, Json>,
    /// Whether it embeds and does not chat.
    pub(super) embeds: bool,
    pub(super) headers: Map<String, Json>,
    pub(super) body: Map<String, Json>,
    pub(super) total_ms: Option<u64>,
    /// Its share of the group's requests.
    pub(super) weight: Option<f64>,
    pub(super) limits: Limits,
}

/// How much of it may be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Limits {
    pub(super) rpm: Option<u64>,
    pub(super) tpm: Option<u64>,
    pub(super) max_concurrent: Option<u64>,
}

/// The most calls at the same time that our file takes.
pub(super) const MAX_CONCURRENT: u64 = 1_000_000;

/// The most requests or tokens per minute that our file takes.
const MAX_PER_MINUTE: u64 = 1_000_000_000_000;

/// Parameters of a call. As a default of ours they go into the body of requests that do not set
/// them, which is what LiteLLM does with them.
const BODY_PARAMETERS: [&str; 20] = [
    "temperature",
    "top_p",
    "max_tokens",
    "max_completion_tokens",
    "presence_penalty",
    "frequency_penalty",
    "seed",
    "stop",
    "n",
    "logit_bias",
    "logprobs",
    "top_logprobs",
    "user",
    "response_format",
    "reasoning_effort",
    "parallel_tool_calls",
    "service_tier",
    "verbosity",
    "tools",
    "tool_choice",
];

/// Reads all entries. One that cannot be carried over is reported and left out.
pub(super) fn read_all(list: Option<Item<'_>>, report: &mut Report) -> Vec<Deployment> {
    let items = list.map(|list| list.list(report)).unwrap_or_default();
    items.iter().filter_map(|item| read(item, report)).collect()
}

fn read(item: &Item<'_>, report: &mut Report) -> Option<Deployment> {
    let mut entry = item.fields(report)?;
    let (Some(name), Some(params)) = (entry.take("model_name"), entry.take("litellm_params")) else {
        report.item(
            item,
            "an entry needs `model_name` and `litellm_params`; it is left out",
        );
        return None;
    };
    let group = name.text(report)?;
    let mut params = params.fields(report)?;
    let (named_at, found) = provider(&mut params, &name, report)?;
    let is_wildcard = group.contains('*');
    if let Some(reason) = unusable(&group, found.model_name) {
        report.item(&name, reason);
        return None;
    }
    let address = address(found.row, &mut params, &named_at, report)?;
    let capabilities = model_info::read(&mut params, entry.take("model_info"), report)?;
    let mut deployment = Deployment {
        place: name.place,
        path: name.path.clone(),
        provider: address.provider,
        model_name: (!is_wildcard).then(|| found.model_name.to_owned()),
        api_key: key(&address, &mut params, report),
        base_url: address.base_url,
        embeds: capabilities.contains_key("supports_embeddings"),
        capabilities,
        headers: Map::new(),
        body: Map::new(),
        total_ms: params
            .take("timeout")
            .and_then(|limit| limit.milliseconds(report)),
        weight: params.take("weight").and_then(|weight| weight.number(report)),
        limits: limits(&mut params, report),
        group,
    };
    additions(&mut deployment, &mut params, report);
    params.report_rest(report, reason);
    entry.report_rest(report, |_| "unknown here");
    Some(deployment)
}

/// Finds who serves the model, and where that was said; reports if nobody is known to.
fn provider<'a>(
    params: &mut Fields<'a>,
    name: &Item<'_>,
    report: &mut Report,
) -> Option<(Item<'a>, providers::Named<'a>)> {
    let custom = params.take("custom_llm_provider");
    let custom = custom.and_then(|custom| custom.plain_text(report));
    let Some(model) = params.take("model") else {
        report.item(name, "its `litellm_params` name no `model`; it is left out");
        return None;
    };
    let text = model.plain_text(report)?;
    if text.starts_with("os.environ/") {
        report.item(
            &model,
            "a model named by a variable says nothing of its provider; it is left out",
        );
        return None;
    }
    match providers::find(text, custom) {
        Ok(found) => Some((model, found)),
        Err(reason) => {
            report.item(&model, format!("{reason}; the model is left out"));
            None
        }
    }
}

/// Why a name cannot be one of ours, or does not go with its model.
fn unusable(group: &str, model_name: &str) -> Option<&'static str> {
    if group == "auto" {
        return Some(
            "`auto` is what a client writes to leave the choice to the pool: rename it; it is left out",
        );
    }
    let Some(prefix) = group.strip_suffix('*') else {
        if group.contains('*') {
            return Some("only `*` and names such as `groq/*` are wildcards here; it is left out");
        }
        return model_name
            .contains('*')
            .then_some("a name without `*` cannot stand for many models; it is left out");
    };
    if prefix.contains('*') || !(prefix.is_empty() || (prefix.len() > 1 && prefix.ends_with('/'))) {
        return Some("only `*` and names such as `groq/*` are wildcards here; it is left out");
    }
    (model_name != "*").then_some(
        "a wildcard takes the model's name from the request, as in `model: groq/*`; it is left out",
    )
}

/// Who serves it, and where.
struct Reached {
    provider: &'static str,
    base_url: Option<String>,
    /// The variable that holds its key where the file names none.
    key_variable: Option<&'static str>,
}

fn address(
    row: &'static Row,
    params: &mut Fields<'_>,
    named_at: &Item<'_>,
    report: &mut Report,
) -> Option<Reached> {
    let written = params.take("api_base").or_else(|| params.take("base_url"));
    if let Some(written) = written {
        let base_url = written.text(report)?;
        let is_openai = row.provider == "openai" && base_url.contains("//api.openai.com");
        return Some(if row.provider == "openai" && !is_openai {
            // `openai/NAME` with an address is LiteLLM's way to say "compatible with OpenAI". The
            // key of OpenAI has no business there.
            Reached {
                provider: "openai_compatible",
                base_url: Some(base_url),
                key_variable: None,
            }
        } else {
            Reached {
                provider: row.provider,
                base_url: Some(base_url),
                key_variable: row.key_variable,
            }
        });
    }
    let base_url = match row.address {
        Address::Ours => None,
        Address::Fixed(url) => Some(url.to_owned()),
        Address::Variable(variable) => Some(format!("${{{variable}}}")),
        Address::None => {
            report.item(
                named_at,
                "the provider needs an `api_base`; the model is left out",
            );
            return None;
        }
    };
    Some(Reached {
        provider: row.provider,
        base_url,
        key_variable: row.key_variable,
    })
}

fn key(reached: &Reached, params: &mut Fields<'_>, report: &mut Report) -> Option<String> {
    match params.take("api_key") {
        Some(written) => written.text(report).filter(|key| !key.is_empty()),
        None => reached.key_variable.map(|variable| format!("${{{variable}}}")),
    }
}

fn limits(params: &mut Fields<'_>, report: &mut Report) -> Limits {
    let mut limit = |key: &str, most: u64| params.take(key)?.whole(1..=most, report);
    Limits {
        rpm: limit("rpm", MAX_PER_MINUTE),
        tpm: limit("tpm", MAX_PER_MINUTE),
        max_concurrent: limit("max_parallel_requests", MAX_CONCURRENT),
    }
}

/// Headers and members of the body that are added to every call.
fn additions(deployment: &mut Deployment, params: &mut Fields<'_>, report: &mut Report) {
    for key in ["extra_headers", "headers"] {
        let Some(headers) = params.take(key) else { continue };
        for (name, value) in headers.fields(report).iter_mut().flat_map(Fields::take_rest) {
            if let Some(value) = value.text(report) {
                deployment.headers.insert(name.to_owned(), value.into());
            }
        }
    }
    if let Some(organization) = params.take("organization").and_then(|item| item.text(report)) {
        let header = "OpenAI-Organization".to_owned();
        deployment.headers.insert(header, organization.into());
    }
    for parameter in BODY_PARAMETERS {
        if let Some(value) = params.take(parameter) {
            deployment.body.insert(parameter.to_owned(), value.json());
        }
    }
    if let Some(extra) = params.take("extra_body")
        && let Some(mut members) = extra.fields(report)
    {
        let members = members.take_rest().into_iter();
        deployment
            .body
            .extend(members.map(|(key, value)| (key.to_owned(), value.json())));
    }
}

fn reason(key: &str) -> &'static str {
    match key {
        "num_retries" | "max_retries" | "retry_policy" => {
            "retries are the same for all models here: `retry: {same_model: …}`"
        }
        "max_budget" | "budget_duration" => "budgets are not available in this version",
        "stream_timeout" => "write `timeouts: {first_token_ms: …}` or `{idle_ms: …}` for what is meant",
        "order" => "write a pool with `selector: {kind: tiers, …}` for what is meant",
        "cooldown_time" => "breakers are the same for all models here: `breaker: {open_s: …}`",
        "litellm_credential_name" => "write the key and the address with the model",
        _ => "it has no counterpart here",
    }
}
