//! The sections beside `model_list`: `litellm_settings`, `router_settings` and `general_settings`.

use serde_json::Number;

use super::deployment::MAX_CONCURRENT;
use super::fields::{Fields, Item, Report};
use super::groups::Groups;

/// The most further calls of a model that our file takes.
const MAX_RETRIES: u64 = 10;

/// One less than the most failures before a breaker opens that our file takes.
const MAX_ALLOWED_FAILS: u64 = 9_999;

/// What was read of them.
#[derive(Debug, Default)]
pub(super) struct Settings {
    pub(super) strategy: Strategy,
    /// For a name, the names to fail over to, in order.
    pub(super) fallbacks: Vec<(String, Vec<String>)>,
    /// For every name that has none of its own.
    pub(super) default_fallbacks: Vec<String>,
    /// Other names for a group: (name, group).
    pub(super) other_names: Vec<(String, String)>,
    pub(super) total_ms: Option<u64>,
    pub(super) master_key: Option<String>,
    /// Further calls of a model that failed.
    pub(super) retries: Option<u64>,
    /// Failures in a minute that a deployment is allowed; one more, and it is left alone.
    pub(super) allowed_fails: Option<u64>,
    /// Seconds for which it is left alone.
    pub(super) cooldown: Option<Number>,
    /// Calls at the same time, of a deployment without limits of its own.
    pub(super) max_concurrent: Option<u64>,
}

/// How a deployment of a group is chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Strategy {
    /// `simple-shuffle`: in turn, or by weight where weights are set.
    #[default]
    Shuffle,
    LeastBusy,
    Latency,
    Cost,
}

/// Reads them; the keys that are left in each are reported.
pub(super) fn read(file: &mut Fields<'_>, groups: &Groups, report: &mut Report) -> Settings {
    let mut settings = Settings::default();
    // What the router says holds over what the library says, so it comes first.
    for section in ["router_settings", "litellm_settings"] {
        let fields = file.take(section).and_then(|section| section.fields(report));
        let Some(mut fields) = fields else { continue };
        routing(&mut fields, &mut settings, groups, report);
        fallbacks(&mut fields, &mut settings, groups, report);
        limits(&mut fields, &mut settings, report);
        fields.report_rest(report, reason);
    }
    let general = file
        .take("general_settings")
        .and_then(|section| section.fields(report));
    if let Some(mut general) = general {
        let key = general.take("master_key");
        settings.master_key = key.and_then(|key| key.text(report)).filter(|key| !key.is_empty());
        general.report_rest(report, reason);
    }
    settings
}

/// Limits on time, on failures and on use.
fn limits(fields: &mut Fields<'_>, settings: &mut Settings, report: &mut Report) {
    for key in ["timeout", "request_timeout"] {
        set(
            &mut settings.total_ms,
            fields.take(key),
            report,
            Item::milliseconds,
        );
    }
    let retries = fields.take("num_retries");
    set(&mut settings.retries, retries, report, |item, report| {
        item.whole(0..=MAX_RETRIES, report)
    });
    let allowed_fails = fields.take("allowed_fails");
    set(
        &mut settings.allowed_fails,
        allowed_fails,
        report,
        |item, report| item.whole(0..=MAX_ALLOWED_FAILS, report),
    );
    let cooldown = fields.take("cooldown_time");
    set(&mut settings.cooldown, cooldown, report, Item::seconds);
    let max_concurrent = fields.take("default_max_parallel_requests");
    set(
        &mut settings.max_concurrent,
        max_concurrent,
        report,
        |item, report| item.whole(1..=MAX_CONCURRENT, report),
    );
}

/// Sets what is not set yet.
fn set<'a, T>(
    setting: &mut Option<T>,
    item: Option<Item<'a>>,
    report: &mut Report,
    read: impl FnOnce(&Item<'a>, &mut Report) -> Option<T>,
) {
    match item {
        Some(item) if setting.is_some() => report.item(&item, "what was said elsewhere holds over this"),
        Some(item) => *setting = read(&item, report),
        None => {}
    }
}

fn routing(fields: &mut Fields<'_>, settings: &mut Settings, groups: &Groups, report: &mut Report) {
    if let Some(item) = fields.take("routing_strategy") {
        match item.plain_text(report) {
            Some("simple-shuffle") | None => {}
            Some("least-busy") => settings.strategy = Strategy::LeastBusy,
            Some("latency-based-routing") => settings.strategy = Strategy::Latency,
            Some("cost-based-routing") => settings.strategy = Strategy::Cost,
            Some(_) => report.item(
                &item,
                "there is no such selector here; pools take their models in turn",
            ),
        }
    }
    let names = fields
        .take("model_group_alias")
        .and_then(|item| item.fields(report));
    for (name, item) in names.into_iter().flat_map(|mut names| names.take_rest()) {
        let Some(group) = item.plain_text(report) else {
            continue;
        };
        match groups.get(group) {
            _ if groups.get(name).is_some() || name == "auto" || name.contains('*') => {
                report.item(&item, format!("`{name}` cannot be the name of a pool here"));
            }
            Some(found) if !found.is_wildcard() => {
                settings.other_names.push((name.to_owned(), group.to_owned()));
            }
            _ => report.item(&item, not_there(group)),
        }
    }
}

/// `fallbacks: [{a: [b, c]}]` and its siblings. They differ in the errors after which they are
/// taken; here one list serves all, because a model that cannot take the request is passed over.
fn fallbacks(fields: &mut Fields<'_>, settings: &mut Settings, groups: &Groups, report: &mut Report) {
    for key in [
        "fallbacks",
        "context_window_fallbacks",
        "content_policy_fallbacks",
    ] {
        let Some(item) = fields.take(key) else { continue };
        if key == "content_policy_fallbacks" {
            report.lines(&item, "a refusal for its content is not taken to another model");
            continue;
        }
        for entry in item.list(report) {
            let names = entry.fields(report);
            for (name, targets) in names.into_iter().flat_map(|mut names| names.take_rest()) {
                let found = targets_of(&targets, groups, report);
                if name == "*" {
                    extend(&mut settings.default_fallbacks, found);
                } else if groups.get(name).is_none_or(super::groups::Group::is_wildcard) {
                    report.item(&targets, not_there(name));
                } else {
                    match settings.fallbacks.iter_mut().find(|(known, _)| known == name) {
                        Some((_, present)) => extend(present, found),
                        None => settings.fallbacks.push((name.to_owned(), found)),
                    }
                }
            }
        }
    }
    if let Some(item) = fields.take("default_fallbacks") {
        let found = targets_of(&item, groups, report);
        extend(&mut settings.default_fallbacks, found);
    }
}

fn targets_of(item: &Item<'_>, groups: &Groups, report: &mut Report) -> Vec<String> {
    let mut found = Vec::new();
    for target in item.list(report) {
        let Some(name) = target.plain_text(report) else {
            continue;
        };
        match groups.get(name) {
            Some(group) if !group.is_wildcard() => found.push(name.to_owned()),
            _ => report.item(&target, not_there(name)),
        }
    }
    found
}

fn extend(list: &mut Vec<String>, more: Vec<String>) {
    for name in more {
        if !list.contains(&name) {
            list.push(name);
        }
    }
}

fn not_there(name: &str) -> String {
    format!("no model that was carried over has the name `{name}`")
}

/// Why a key of these sections, or of the top of the file, is not carried over.
pub(super) fn reason(key: &str) -> &'static str {
    match key {
        "max_retries" | "retry_policy" | "model_group_retry_policy" => {
            "what failed decides here whether a model is asked again; `retry: {same_model: …}` says how often"
        }
        "retry_after" => "write `retry: {backoff_ms: [FIRST, LONGEST]}` for what is meant",
        "allowed_fails_policy" => "what failed decides here whether it counts against a model",
        "disable_cooldowns" => {
            "breakers are always on here; a higher `breaker: {failures: …}` opens them later"
        }
        "max_budget" | "budget_duration" | "max_internal_user_budget" | "provider_budget_config" => {
            "budgets are not available in this version"
        }
        "max_parallel_requests" | "global_max_parallel_requests" => {
            "write `limits` with each model, or `rpm` and `tpm` with a key, for what is meant"
        }
        "redis_host" | "redis_port" | "redis_password" | "redis_url" | "redis_db" => {
            "shared state is not available in this version"
        }
        "database_url" | "database_connection_pool_limit" | "store_model_in_db" => {
            "keys and spend kept in a database are not available in this version"
        }
        "cache"
        | "cache_params"
        | "cache_responses"
        | "enable_caching_on_provider_specific_optional_params" => "there is no cache of answers here",
        "callbacks" | "success_callback" | "failure_callback" | "service_callback" => {
            "there are no callbacks here"
        }
        "drop_params" | "modify_params" => "requests pass through unchanged here",
        "set_verbose" | "debug" | "detailed_debug" | "json_logs" => {
            "a flag of `modelpool serve`: --log and --log-format"
        }
        "environment_variables" => "set them in the environment of the gateway",
        "include" => "files are not put together here, import each of them",
        "enable_pre_call_checks" => "this is always so here",
        "max_fallbacks" => "write `retry: {max_models: …}` for what is meant",
        "stream_timeout" => "write `timeouts: {first_token_ms: …}` or `{idle_ms: …}` for what is meant",
        "alerting" | "alerting_threshold" | "alerting_args" => "there are no alerts here",
        _ => "it has no counterpart here",
    }
}
