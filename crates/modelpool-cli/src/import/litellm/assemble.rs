//! The configuration as a whole, as the value our file stands for.

use serde_json::{Map, Value as Json, json};

use super::deployment::{Deployment, Limits};
use super::fields::number;
use super::groups::{Group, Groups};
use super::settings::{Settings, Strategy};

/// Puts models, pools and settings together.
pub(super) fn assemble(groups: &Groups, settings: &Settings) -> Json {
    let mut file = Map::new();
    if let Some(total) = settings.total_ms {
        file.insert("timeouts".to_owned(), json!({ "total_ms": total }));
    }
    if let Some(retries) = settings.retries {
        file.insert("retry".to_owned(), json!({ "same_model": retries }));
    }
    let breaker = breaker(settings);
    if !breaker.is_empty() {
        file.insert("breaker".to_owned(), breaker.into());
    }
    if let Some(key) = &settings.master_key {
        file.insert("keys".to_owned(), json!([{"name": "master", "key": key}]));
    }
    let mut models = Vec::new();
    for group in groups.iter() {
        for (alias, deployment) in &group.members {
            let fallbacks = if group.is_pool() || group.is_wildcard() {
                Vec::new()
            } else {
                fallbacks_of(&group.name, groups, settings)
            };
            models.push(model(alias, deployment, fallbacks, settings));
        }
    }
    file.insert("models".to_owned(), Json::Array(models));
    let pools = pools(groups, settings);
    if !pools.is_empty() {
        file.insert("pools".to_owned(), Json::Object(pools));
    }
    Json::Object(file)
}

/// LiteLLM leaves a deployment alone after more failures in a minute than are allowed.
fn breaker(settings: &Settings) -> Map<String, Json> {
    let mut breaker = Map::new();
    if let Some(allowed) = settings.allowed_fails {
        breaker.insert("failures".to_owned(), (allowed + 1).into());
        breaker.insert("window_s".to_owned(), 60.into());
    }
    if let Some(cooldown) = &settings.cooldown {
        breaker.insert("open_s".to_owned(), cooldown.clone().into());
    }
    breaker
}

/// A default of the router is for deployments that have no limits of their own.
fn limits(deployment: &Deployment, settings: &Settings) -> Map<String, Json> {
    let limits = match deployment.limits {
        none if none == Limits::default() => Limits {
            max_concurrent: settings.max_concurrent,
            ..none
        },
        own => own,
    };
    let members = [
        ("rpm", limits.rpm),
        ("tpm", limits.tpm),
        ("max_concurrent", limits.max_concurrent),
    ];
    let members = members.into_iter();
    members
        .filter_map(|(key, limit)| Some((key.to_owned(), limit?.into())))
        .collect()
}

fn model(alias: &str, deployment: &Deployment, fallbacks: Vec<&str>, settings: &Settings) -> Json {
    let mut model = Map::new();
    model.insert("alias".to_owned(), alias.into());
    model.insert("provider".to_owned(), deployment.provider.into());
    let optional = [
        ("model_name", &deployment.model_name),
        ("base_url", &deployment.base_url),
        ("api_key", &deployment.api_key),
    ];
    for (key, value) in optional {
        if let Some(value) = value {
            model.insert(key.to_owned(), value.as_str().into());
        }
    }
    if !deployment.capabilities.is_empty() {
        model.insert("capabilities".to_owned(), deployment.capabilities.clone().into());
    }
    let mut extra = Map::new();
    for (key, members) in [("headers", &deployment.headers), ("body", &deployment.body)] {
        if !members.is_empty() {
            extra.insert(key.to_owned(), members.clone().into());
        }
    }
    if !extra.is_empty() {
        model.insert("extra".to_owned(), extra.into());
    }
    if let Some(total) = deployment.total_ms {
        model.insert("timeouts".to_owned(), json!({ "total_ms": total }));
    }
    let limits = limits(deployment, settings);
    if !limits.is_empty() {
        model.insert("limits".to_owned(), limits.into());
    }
    if !fallbacks.is_empty() {
        model.insert("fallbacks".to_owned(), fallbacks.into());
    }
    Json::Object(model)
}

/// The aliases a model fails over to: a group among its targets stands for all of its members.
fn fallbacks_of<'a>(name: &str, groups: &'a Groups, settings: &'a Settings) -> Vec<&'a str> {
    let mut aliases = Vec::new();
    for group in fallback_groups(name, groups, settings) {
        aliases.extend(group.aliases());
    }
    aliases
}

fn fallback_groups<'a>(name: &str, groups: &'a Groups, settings: &'a Settings) -> Vec<&'a Group> {
    let own = settings.fallbacks.iter().find(|(from, _)| from == name);
    let embeds = groups.get(name).is_some_and(Group::embeds);
    let targets = match own {
        Some((_, targets)) => targets.as_slice(),
        // The vectors of one model mean nothing to another, and a model that chats makes none.
        None if embeds => &[],
        None => &settings.default_fallbacks,
    };
    let targets = targets.iter().filter(|target| *target != name);
    targets.filter_map(|target| groups.get(target)).collect()
}

fn pools(groups: &Groups, settings: &Settings) -> Map<String, Json> {
    let mut pools = Map::new();
    for group in groups.iter().filter(|group| group.is_pool()) {
        pools.insert(group.name.clone(), pool(group, groups, settings));
    }
    for (name, group) in &settings.other_names {
        if let Some(group) = groups.get(group) {
            pools.insert(name.clone(), pool(group, groups, settings));
        }
    }
    pools
}

/// A pool over a group. Its fallbacks are further tiers, which are reached when those before them
/// have failed or do not fit.
fn pool(group: &Group, groups: &Groups, settings: &Settings) -> Json {
    let selector = selector(group, settings.strategy);
    let mut members = group.aliases();
    let mut tiers = vec![members.clone()];
    for fallback in fallback_groups(&group.name, groups, settings) {
        members.extend(fallback.aliases());
        tiers.push(fallback.aliases());
    }
    if tiers.len() == 1 {
        return match group.is_pool() {
            true => json!({"models": members, "selector": selector}),
            false => json!({ "models": members }),
        };
    }
    json!({"models": members, "selector": {"kind": "tiers", "tiers": tiers, "within": selector}})
}

fn selector(group: &Group, strategy: Strategy) -> Json {
    match strategy {
        Strategy::LeastBusy => json!("least_busy"),
        Strategy::Latency => json!("latency"),
        Strategy::Cost => json!("cost"),
        Strategy::Shuffle => {
            let weights = weights(group);
            // Weights of nothing but 0 would never choose.
            if weights.values().any(|weight| *weight != json!(0)) {
                json!({"kind": "weighted", "weights": weights})
            } else {
                json!("round_robin")
            }
        }
    }
}

/// What LiteLLM shares requests out by: weights, or else the limits.
fn weights(group: &Group) -> Map<String, Json> {
    let by: [fn(&Deployment) -> Option<f64>; 3] = [
        |deployment| deployment.weight,
        |deployment| deployment.limits.rpm.map(|rpm| rpm as f64),
        |deployment| deployment.limits.tpm.map(|tpm| tpm as f64),
    ];
    let weights = by.map(|weight| {
        let members = group.members.iter();
        members
            .filter_map(|(alias, deployment)| Some((alias.clone(), number(weight(deployment)?).into())))
            .collect::<Map<_, _>>()
    });
    let mut weights = weights.into_iter();
    weights.find(|weights| !weights.is_empty()).unwrap_or_default()
}
