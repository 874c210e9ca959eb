//! From a call to a plan: what the caller named, what it may use, what it needs.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use modelpool_core::plan::{Plan, PlanRequest};
use modelpool_core::snapshot::{ModelSet, Pool};
use modelpool_core::{
    Error, ErrorKind, Flag, ModelIndex, Operation, PoolError, RequestFacts, Requirements, Resolved,
    SelectorError, Snapshot, Support, UnixMillis,
};
use modelpool_providers::speaks_of_images;

use crate::call::Call;
use crate::infer::infer;

/// Plans a call over a snapshot.
///
/// # Errors
/// Nothing of that name, a name the key may not use, or a selector that failed. That no model
/// fits is not an error here: the plan says so.
pub(crate) fn plan(
    snapshot: &Arc<Snapshot>,
    call: &Call,
    now: UnixMillis,
    counter: &AtomicU64,
    seed: u64,
) -> Result<Plan, Error> {
    let resolved = snapshot
        .resolve(&call.model)
        .map_err(|error| unknown_model(&call.model, &error))?;
    let mut facts = Arc::clone(&call.facts);
    let mut notes = Vec::new();
    let (pool_requirements, preferences, infer_words) = match &resolved {
        Resolved::Pool(pool) => {
            let definition = &pool.definition;
            (
                definition.requirements.clone(),
                definition.preferences.clone(),
                definition.infer_words || call.options.infer_words,
            )
        }
        Resolved::Model(..) => (Requirements::new(), Requirements::new(), false),
    };
    if infer_words && facts.operation == Operation::Chat {
        // A face may have looked at more than the last message already.
        if !facts.speaks_of_images {
            Arc::make_mut(&mut facts).speaks_of_images = speaks_of_images(&call.body);
        }
    }
    let explicit = &call.options.requirements;
    let mut inferred = infer(&facts, infer_words);
    if !explicit.is_empty() {
        inferred = inferred.overridden_by(explicit);
    }
    let only_words = facts.speaks_of_images && facts.images == 0;
    if only_words && inferred.get(Flag::Vision.key()).is_some() && !somebody_sees(snapshot, &resolved) {
        inferred = inferred.without(Flag::Vision.key());
        notes.push(
            "the words speak of a picture, but no model is known to see; the requirement was dropped"
                .to_owned(),
        );
    }
    // Most requests ask for nothing but what they are; nothing is copied for them.
    let mut requirements = match explicit.is_empty() {
        true => inferred,
        false => explicit.clone().and(&inferred),
    };
    for further in [&pool_requirements, &call.scope.requirements] {
        if !further.is_empty() {
            requirements = requirements.and(further);
        }
    }
    let fallbacks = call
        .options
        .fallbacks
        .as_ref()
        .map(|aliases| find_all(snapshot, aliases, "fallbacks"))
        .transpose()?;
    snapshot
        .plan(PlanRequest {
            allowed: allowed(snapshot, call, &resolved)?,
            resolved,
            fallbacks,
            requirements,
            preferences: call.options.preferences.clone().and(&preferences),
            notes,
            facts,
            values: Arc::clone(&call.options.values),
            now,
            counter,
            seed,
        })
        .map_err(|error| selector_failed(&error))
}

pub(crate) fn selector_failed(error: &SelectorError) -> Error {
    Error::new(ErrorKind::Configuration, error.to_string())
}

fn unknown_model(name: &str, error: &PoolError) -> Error {
    let hint = match error {
        PoolError::UnknownAlias {
            nearest: Some(near), ..
        } => format!(", did you mean `{near}`?"),
        _ => String::new(),
    };
    Error::new(
        ErrorKind::ModelNotFound,
        format!("no model or pool is called `{name}`{hint}"),
    )
    .with_param("model")
}

/// Whether a model the request may go to is known to see.
fn somebody_sees(snapshot: &Snapshot, resolved: &Resolved) -> bool {
    let sees = |index: ModelIndex| snapshot.capabilities(index).flag(Flag::Vision).value == Support::Yes;
    match resolved {
        Resolved::Pool(pool) => pool.members().iter().any(sees),
        Resolved::Model(index, _) => sees(*index),
    }
}

/// The models the caller may use and asked for; `None` for all.
fn allowed(snapshot: &Snapshot, call: &Call, resolved: &Resolved) -> Result<Option<ModelSet>, Error> {
    let mut allowed = match &call.scope.models {
        None => None,
        Some(names) => allowed_by_key(snapshot, names, &call.model, resolved)?,
    };
    if let Some(aliases) = &call.options.models {
        let asked: ModelSet = find_all(snapshot, aliases, "models")?.into_iter().collect();
        allowed = Some(allowed.map_or(asked.clone(), |allowed| allowed.intersection(&asked)));
    }
    Ok(allowed)
}

/// The models that a key's list opens to a request for `asked`; `None` for all.
///
/// A name of the list opens itself: an alias its model, a wildcard as it is written all its names,
/// one name of a wildcard that name, and a pool its members, but only to requests for the pool,
/// whose requirements then hold. What is open may be a fallback too.
fn allowed_by_key(
    snapshot: &Snapshot,
    names: &[Arc<str>],
    asked: &str,
    resolved: &Resolved,
) -> Result<Option<ModelSet>, Error> {
    let mut open: ModelSet = names.iter().filter_map(|name| snapshot.index_of(name)).collect();
    let is_listed = names.iter().any(|name| **name == *asked);
    let may_use = match resolved {
        Resolved::Pool(_) if is_listed => return Ok(None),
        Resolved::Pool(pool) => !pool.members().intersection(&open).is_empty(),
        Resolved::Model(index, _) => {
            if is_listed {
                open.insert(*index);
            }
            open.contains(*index)
        }
    };
    if may_use {
        return Ok(Some(open));
    }
    let message = format!("this key may not use `{asked}`; it may use {}", names.join(", "));
    Err(Error::new(ErrorKind::Forbidden, message).with_param("model"))
}

fn find_all(snapshot: &Snapshot, aliases: &[String], key: &str) -> Result<Vec<ModelIndex>, Error> {
    let path = format!("modelpool.{key}");
    let wrong = |message: String| {
        Error::new(ErrorKind::InvalidRequest, format!("{path}: {message}")).with_param(path.as_str())
    };
    let find = |alias: &String| match snapshot.resolve(alias) {
        // The name that a wildcard would stand for is known only of the model that was asked for.
        Ok(Resolved::Model(index, _)) if snapshot.entry(index).config().is_wildcard() => {
            let wildcard = snapshot.entry(index).alias();
            Err(wrong(format!(
                "`{alias}` is one of `{wildcard}`; expected aliases of models"
            )))
        }
        Ok(Resolved::Model(index, _)) => Ok(index),
        Ok(Resolved::Pool(_)) => Err(wrong(format!("`{alias}` is a pool; expected aliases of models"))),
        Err(error) => Err(wrong(error.to_string())),
    };
    aliases.iter().map(find).collect()
}

/// A plan for requirements alone, without a request: `select` and `explain` of the pool.
pub(crate) fn plan_for_requirements(
    snapshot: &Arc<Snapshot>,
    pool: Arc<Pool>,
    requirements: &Requirements,
    preferences: &Requirements,
    now: UnixMillis,
    counter: &AtomicU64,
    seed: u64,
) -> Result<Plan, SelectorError> {
    snapshot.plan(PlanRequest {
        requirements: requirements.clone().and(&pool.definition.requirements),
        preferences: preferences.clone().and(&pool.definition.preferences),
        resolved: Resolved::Pool(pool),
        fallbacks: None,
        allowed: None,
        notes: Vec::new(),
        facts: Arc::new(RequestFacts::default()),
        values: Arc::default(),
        now,
        counter,
        seed,
    })
}
