//! The pool at one moment.
//!
//! A [`Snapshot`] never changes. Adding or removing a model makes the next one from it
//! ([`Snapshot::edit`]), and requests under way keep the one they began with. What filtering
//! looks at is packed beside the entries, so that a scan of a thousand models reads memory in
//! order.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::{Arc, OnceLock};

use serde_json::{Value, json};

use crate::breaker::BreakerSettings;
use crate::capability::{Capabilities, CapabilityError};
use crate::clock::UnixMillis;
use crate::finding;
use crate::live::{LiveBook, LiveState};
use crate::model::{ModelConfig, Timeouts};
use crate::nearest::nearest;
use crate::provider::Provider;
use crate::requirement::{Fit, Packed, Requirements};
use crate::selector::Selector;

mod model_set;

pub(crate) use model_set::KeptSet;
pub use model_set::{ModelIndex, ModelSet};

/// The name under which a request asks the pool to pick among all models.
pub const AUTO: &str = "auto";

/// A model of the pool with what belongs to it beyond one snapshot.
#[derive(Debug)]
pub struct ModelEntry {
    config: ModelConfig,
    /// What was said of it, where something was found that lies over that.
    said: Option<Box<Capabilities>>,
    live: Arc<LiveState>,
    provider: OnceLock<Arc<dyn Provider>>,
}

impl ModelEntry {
    /// The user's name of it.
    #[must_use]
    pub fn alias(&self) -> &str {
        &self.config.alias
    }

    /// How it is reached, and what it can do as far as is known at this moment.
    #[must_use]
    pub fn config(&self) -> &ModelConfig {
        &self.config
    }

    /// What the user, the catalog and the defaults say it can do, whatever was found out.
    #[must_use]
    pub fn said(&self) -> &Capabilities {
        self.said.as_deref().unwrap_or(&self.config.capabilities)
    }

    /// The entry with what was found laid over what was said, and when to look again. `None` where it stays as
    /// it is.
    fn renewed(&self, now: UnixMillis) -> (Option<Self>, UnixMillis) {
        let found = self.live.findings().over(self.said(), now);
        let (known, until) = match found {
            Some((known, until)) => (known, until),
            None if self.said.is_none() => return (None, NEVER),
            None => (self.said().clone(), NEVER),
        };
        if known == self.config.capabilities {
            return (None, until);
        }
        let said = self.said();
        let renewed = Self {
            said: (*said != known).then(|| Box::new(said.clone())),
            config: ModelConfig {
                capabilities: known,
                ..self.config.clone()
            },
            live: Arc::clone(&self.live),
            // Connections, and what was learned of the address, stay.
            provider: self.provider.clone(),
        };
        (Some(renewed), until)
    }

    /// What is measured of it.
    #[must_use]
    pub fn live(&self) -> &Arc<LiveState> {
        &self.live
    }

    /// The provider bound to it, made by `make` at the first call.
    ///
    /// # Errors
    /// Those of `make`, which is asked again at the next call.
    pub fn provider<E>(
        &self,
        make: impl FnOnce(&ModelConfig) -> Result<Arc<dyn Provider>, E>,
    ) -> Result<&Arc<dyn Provider>, E> {
        match self.provider.get() {
            Some(provider) => Ok(provider),
            None => {
                let provider = make(&self.config)?;
                Ok(self.provider.get_or_init(|| provider))
            }
        }
    }
}

/// A named pool, as it is defined.
#[derive(Clone, Debug)]
pub struct PoolDefinition {
    /// Its name, which a caller gives as the model.
    pub name: Arc<str>,
    /// Aliases of its members, in order.
    pub models: Vec<Arc<str>>,
    /// How its members are ranked.
    pub selector: Arc<dyn Selector>,
    /// What every request to it needs, besides its own requirements.
    pub requirements: Requirements,
    /// What every request to it would like.
    pub preferences: Requirements,
    /// Limits for its requests.
    pub timeouts: Timeouts,
    /// Whether words such as 图片 or "image" in plain text infer that a picture is to be read.
    pub infer_words: bool,
}

impl PoolDefinition {
    /// A pool of these models with no requirements of its own.
    pub fn new<A: Into<Arc<str>>>(
        name: impl Into<Arc<str>>,
        models: impl IntoIterator<Item = A>,
        selector: Arc<dyn Selector>,
    ) -> Self {
        Self {
            name: name.into(),
            models: models.into_iter().map(Into::into).collect(),
            selector,
            requirements: Requirements::new(),
            preferences: Requirements::new(),
            timeouts: Timeouts::default(),
            infer_words: false,
        }
    }
}

/// A pool with its members found.
#[derive(Clone, Debug)]
pub struct Pool {
    /// As it is defined. The pool `auto` lists no models: all but wildcards are its members.
    pub definition: Arc<PoolDefinition>,
    pub(crate) members: ModelSet,
    pub(crate) order: Vec<ModelIndex>,
}

impl Pool {
    /// Its members.
    #[must_use]
    pub fn members(&self) -> &ModelSet {
        &self.members
    }

    /// Its members in the order the user listed them.
    #[must_use]
    pub fn order(&self) -> &[ModelIndex] {
        &self.order
    }
}

/// What a name stands for.
#[derive(Clone, Debug)]
pub enum Resolved {
    /// A pool: pick among its members.
    Pool(Arc<Pool>),
    /// One model, and the vendor's name of it (for a wildcard, from the part that matched).
    Model(ModelIndex, Arc<str>),
}

/// No moment at all.
const NEVER: UnixMillis = UnixMillis(u64::MAX);

/// The pool at one moment.
#[derive(Debug)]
pub struct Snapshot {
    draft: Draft,
    packed: Vec<Packed>,
    by_alias: HashMap<Arc<str>, ModelIndex>,
    /// Longest first.
    wildcards: Vec<ModelIndex>,
    pools: HashMap<Arc<str>, Arc<Pool>>,
    auto: Arc<Pool>,
    default: Option<ModelIndex>,
}

/// What the next snapshot is made of.
#[derive(Clone, Debug)]
pub struct Draft {
    entries: Vec<Arc<ModelEntry>>,
    book: LiveBook,
    auto: Arc<PoolDefinition>,
    pools: Vec<Arc<PoolDefinition>>,
    default: Option<Arc<str>>,
    /// The default was removed, and the next is chosen by the user alone.
    default_removed: bool,
    /// When something that was found stops counting.
    renew_at: UnixMillis,
}

/// A change to the pool that cannot be made.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum PoolError {
    /// The name is taken by a model or a pool, or stands for something else.
    NameTaken(String),
    /// The alias is empty, or has `*` elsewhere than at its end.
    BadAlias(String),
    /// No model has that alias; with the nearest that is known.
    UnknownAlias {
        /// The alias asked for.
        alias: String,
        /// The nearest known one.
        nearest: Option<String>,
    },
    /// The model's capabilities have values no model can have.
    BadCapabilities {
        /// The model.
        alias: String,
        /// What is wrong with them.
        mistakes: Vec<CapabilityError>,
    },
}

impl fmt::Display for PoolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PoolError::NameTaken(name) if name == AUTO => {
                write!(
                    f,
                    "`{AUTO}` stands for the whole pool and cannot be a name of its own"
                )
            }
            PoolError::NameTaken(name) => write!(
                f,
                "the name `{name}` is taken; names of models and pools are unique"
            ),
            PoolError::BadAlias(alias) => {
                write!(
                    f,
                    "`{alias}` is not an alias: expected a name, or one that ends in a single `*`"
                )
            }
            PoolError::UnknownAlias { alias, nearest } => {
                write!(f, "no model has the alias `{alias}`")?;
                nearest
                    .as_ref()
                    .map_or(Ok(()), |near| write!(f, ", did you mean `{near}`?"))
            }
            PoolError::BadCapabilities { alias, mistakes } => {
                write!(f, "capabilities of `{alias}`: ")?;
                for (at, mistake) in mistakes.iter().enumerate() {
                    write!(f, "{}{mistake}", if at == 0 { "" } else { "; " })?;
                }
                Ok(())
            }
        }
    }
}

impl std::error::Error for PoolError {}

impl Draft {
    /// An empty pool whose models are ranked by `selector`.
    #[must_use]
    pub fn new(selector: Arc<dyn Selector>) -> Self {
        let auto = PoolDefinition::new(AUTO, Vec::<Arc<str>>::new(), selector);
        Self {
            entries: Vec::new(),
            book: LiveBook::default(),
            auto: Arc::new(auto),
            pools: Vec::new(),
            default: None,
            default_removed: false,
            renew_at: NEVER,
        }
    }

    /// Adds a model. The first one becomes the default, unless a default was chosen or removed.
    ///
    /// # Errors
    /// A name that is taken or not an alias, or capabilities no model can have.
    pub fn add(&mut self, config: ModelConfig) -> Result<&mut Self, PoolError> {
        self.check_name(&config.alias)?;
        let stem = config.alias.strip_suffix('*').unwrap_or(&config.alias);
        if config.alias.trim().is_empty() || stem.contains('*') {
            return Err(PoolError::BadAlias(config.alias.to_string()));
        }
        let mistakes = config.capabilities.check();
        if !mistakes.is_empty() {
            return Err(PoolError::BadCapabilities {
                alias: config.alias.to_string(),
                mistakes,
            });
        }
        let is_first = self.entries.iter().all(|entry| entry.config.is_wildcard());
        if is_first && self.default.is_none() && !self.default_removed && !config.is_wildcard() {
            self.default = Some(Arc::clone(&config.alias));
        }
        self.entries.push(Arc::new(ModelEntry {
            live: self.book.state_of(&config),
            config,
            said: None,
            provider: OnceLock::new(),
        }));
        Ok(self)
    }

    /// Removes a model, from the named pools too. Returns whether it was there.
    ///
    /// If it was the default there is none afterwards: the next is chosen by
    /// [`set_default`](Draft::set_default), never by itself.
    pub fn remove(&mut self, alias: &str) -> bool {
        let before = self.entries.len();
        self.entries.retain(|entry| &*entry.config.alias != alias);
        if self.entries.len() == before {
            return false;
        }
        if self.default.as_deref() == Some(alias) {
            self.default = None;
            self.default_removed = true;
        }
        for pool in &mut self.pools {
            if pool.models.iter().any(|member| &**member == alias) {
                Arc::make_mut(pool).models.retain(|member| &**member != alias);
            }
        }
        true
    }

    /// Chooses the default model.
    ///
    /// # Errors
    /// No model has that alias.
    pub fn set_default(&mut self, alias: &str) -> Result<&mut Self, PoolError> {
        self.check_known(alias)?;
        self.default = Some(alias.into());
        Ok(self)
    }

    /// Lays what was found out about the models over what was said of them.
    pub fn renew(&mut self, now: UnixMillis) -> &mut Self {
        self.renew_at = NEVER;
        for entry in &mut self.entries {
            let (renewed, until) = entry.renewed(now);
            self.renew_at = self.renew_at.min(until);
            if let Some(renewed) = renewed {
                *entry = Arc::new(renewed);
            }
        }
        self
    }

    /// Sets when breakers open, for the entries added from now on.
    pub fn set_breakers(&mut self, settings: BreakerSettings) -> &mut Self {
        self.book = LiveBook::new(settings);
        self
    }

    /// Changes how the pool of all models ranks and what it asks.
    pub fn edit_auto(&mut self, edit: impl FnOnce(&mut PoolDefinition)) -> &mut Self {
        edit(Arc::make_mut(&mut self.auto));
        self
    }

    /// Adds a named pool.
    ///
    /// # Errors
    /// A name that is taken, or a member that is not in the pool.
    pub fn add_pool(&mut self, definition: PoolDefinition) -> Result<&mut Self, PoolError> {
        self.check_name(&definition.name)?;
        for alias in &definition.models {
            self.check_known(alias)?;
        }
        self.pools.push(Arc::new(definition));
        Ok(self)
    }

    fn check_name(&self, name: &str) -> Result<(), PoolError> {
        let taken = name == AUTO
            || self.entries.iter().any(|entry| &*entry.config.alias == name)
            || self.pools.iter().any(|pool| &*pool.name == name);
        if taken {
            Err(PoolError::NameTaken(name.to_owned()))
        } else {
            Ok(())
        }
    }

    fn check_known(&self, alias: &str) -> Result<(), PoolError> {
        if self.entries.iter().any(|entry| &*entry.config.alias == alias) {
            return Ok(());
        }
        let known = self.entries.iter().map(|entry| &*entry.config.alias);
        Err(PoolError::UnknownAlias {
            alias: alias.to_owned(),
            nearest: nearest(alias, known).map(str::to_owned),
        })
    }

    /// The snapshot of this draft.
    #[must_use]
    pub fn build(self) -> Snapshot {
        let by_alias: HashMap<Arc<str>, ModelIndex> = self
            .entries
            .iter()
            .enumerate()
            .map(|(place, entry)| (Arc::clone(&entry.config.alias), ModelIndex::at(place)))
            .collect();
        let of_kind = |wildcard: bool| {
            let entries = self.entries.iter().enumerate();
            entries
                .filter(move |(_, entry)| entry.config.is_wildcard() == wildcard)
                .map(|(place, _)| ModelIndex::at(place))
        };
        let mut wildcards: Vec<ModelIndex> = of_kind(true).collect();
        wildcards.sort_by_key(|index| std::cmp::Reverse(self.entries[index.place()].config.alias.len()));
        let auto = pool_of(&self.auto, of_kind(false).collect());
        let pools = self
            .pools
            .iter()
            .map(|pool| {
                let order = pool
                    .models
                    .iter()
                    .filter_map(|alias| by_alias.get(alias).copied())
                    .collect();
                (Arc::clone(&pool.name), pool_of(pool, order))
            })
            .collect();
        Snapshot {
            packed: self
                .entries
                .iter()
                .map(|entry| Packed::new(&entry.config.capabilities))
                .collect(),
            default: self
                .default
                .as_ref()
                .and_then(|alias| by_alias.get(alias).copied()),
            by_alias,
            wildcards,
            pools,
            auto,
            draft: self,
        }
    }
}

fn pool_of(definition: &Arc<PoolDefinition>, order: Vec<ModelIndex>) -> Arc<Pool> {
    Arc::new(Pool {
        definition: Arc::clone(definition),
        members: order.iter().copied().collect(),
        order,
    })
}

impl Snapshot {
    /// What the next snapshot is made from; this one stays as it is.
    #[must_use]
    pub fn edit(&self) -> Draft {
        self.draft.clone()
    }

    /// Whether something that was found has stopped counting by now, so that the next snapshot knows better.
    #[inline]
    #[must_use]
    pub fn is_outdated(&self, now: UnixMillis) -> bool {
        now >= self.draft.renew_at
    }

    /// The model at a place of **this** snapshot.
    #[must_use]
    pub fn entry(&self, index: ModelIndex) -> &Arc<ModelEntry> {
        &self.draft.entries[index.place()]
    }

    #[inline]
    pub(crate) fn packed(&self, index: ModelIndex) -> &Packed {
        &self.packed[index.place()]
    }

    /// The place of the model of that alias.
    #[must_use]
    pub fn index_of(&self, alias: &str) -> Option<ModelIndex> {
        self.by_alias.get(alias).copied()
    }

    /// The model of that alias.
    #[must_use]
    pub fn get(&self, alias: &str) -> Option<&ModelConfig> {
        self.index_of(alias).map(|index| self.entry(index).config())
    }

    /// Models in the order in which they were added.
    pub fn entries(&self) -> impl Iterator<Item = (ModelIndex, &Arc<ModelEntry>)> {
        self.draft
            .entries
            .iter()
            .enumerate()
            .map(|(place, entry)| (ModelIndex::at(place), entry))
    }

    /// Number of models.
    #[must_use]
    pub fn len(&self) -> usize {
        self.draft.entries.len()
    }

    /// Whether there is no model.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.draft.entries.is_empty()
    }

    /// The default model.
    #[must_use]
    pub fn default_model(&self) -> Option<ModelIndex> {
        self.default
    }

    /// The pool of all models but wildcards.
    #[must_use]
    pub fn auto(&self) -> &Arc<Pool> {
        &self.auto
    }

    /// Named pools, sorted by name.
    #[must_use]
    pub fn pools(&self) -> Vec<&Arc<Pool>> {
        let mut pools: Vec<&Arc<Pool>> = self.pools.values().collect();
        pools.sort_by(|a, b| a.definition.name.cmp(&b.definition.name));
        pools
    }

    /// What `name` stands for: `auto`, else a pool, an alias, or the longest wildcard.
    ///
    /// A bare `*` stands for names without `/`; `groq/*` for everything below it.
    ///
    /// # Errors
    /// Nothing has that name.
    pub fn resolve(&self, name: &str) -> Result<Resolved, PoolError> {
        if name == AUTO {
            return Ok(Resolved::Pool(Arc::clone(&self.auto)));
        }
        if let Some(pool) = self.pools.get(name) {
            return Ok(Resolved::Pool(Arc::clone(pool)));
        }
        if let Some(index) = self.index_of(name) {
            let config = self.entry(index).config();
            if !config.is_wildcard() {
                return Ok(Resolved::Model(index, Arc::clone(&config.model_name)));
            }
        }
        for index in &self.wildcards {
            let config = self.entry(*index).config();
            let prefix = config.alias.strip_suffix('*').unwrap_or_default();
            let matched = name.strip_prefix(prefix).filter(|rest| !rest.is_empty());
            if let Some(rest) = matched.filter(|rest| !prefix.is_empty() || !rest.contains('/')) {
                return Ok(Resolved::Model(*index, rest.into()));
            }
        }
        let near = nearest(name, self.names());
        Err(PoolError::UnknownAlias {
            alias: name.to_owned(),
            nearest: near.map(str::to_owned),
        })
    }

    /// Every name a caller may give: `auto`, pools, aliases (wildcards as they are written).
    pub fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(AUTO)
            .chain(self.draft.pools.iter().map(|pool| &*pool.name))
            .chain(self.draft.entries.iter().map(|entry| &*entry.config.alias))
    }

    /// Models of `base` that are known to meet `requirements`, and those that merely may.
    #[must_use]
    pub fn filter(&self, base: &ModelSet, requirements: &Requirements) -> (ModelSet, ModelSet) {
        let (mut known, mut unsure) = (ModelSet::default(), ModelSet::default());
        for index in base.iter() {
            match requirements.fit(self.packed(index), self.capabilities(index)) {
                Fit::Yes => known.insert(index),
                Fit::Unknown => unsure.insert(index),
                Fit::No => {}
            }
        }
        (known, unsure)
    }

    /// What a model can do.
    #[must_use]
    pub fn capabilities(&self, index: ModelIndex) -> &Capabilities {
        &self.draft.entries[index.place()].config.capabilities
    }

    /// Custom capability keys of all models, sorted.
    #[must_use]
    pub fn custom_keys(&self) -> Vec<&str> {
        let keys: BTreeSet<&str> = self
            .draft
            .entries
            .iter()
            .flat_map(|entry| entry.config.capabilities.custom_values().map(|(key, _)| key))
            .collect();
        keys.into_iter().collect()
    }

    /// What was found out about a model, each with what shows it.
    fn found(&self, entry: &ModelEntry) -> Vec<Value> {
        // A snapshot is made anew when a finding stops counting, so all that are there count.
        let findings = entry.live().findings().current(UnixMillis(0));
        findings
            .iter()
            .map(|finding| finding::describe(finding, entry.said()))
            .collect()
    }

    /// Every model as a JSON object, in the order of adding; no secrets.
    #[must_use]
    pub fn list_models(&self) -> Vec<Value> {
        self.entries()
            .map(|(index, entry)| {
                let config = entry.config();
                let provenance: serde_json::Map<String, Value> = config
                    .capabilities
                    .provenances()
                    .map(|(key, provenance)| (key.to_owned(), json!(provenance)))
                    .collect();
                let mut model = json!({
                    "alias": *config.alias,
                    "provider": config.provider,
                    "model_name": *config.model_name,
                    "base_url": config.base_url,
                    "default": self.default == Some(index),
                    "capabilities": config.capabilities,
                    "provenance": provenance,
                });
                let found = self.found(entry);
                if !found.is_empty() {
                    model["found"] = found.into();
                }
                model
            })
            .collect()
    }
}
