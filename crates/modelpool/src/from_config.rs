//! From a configuration to a pool.
//!
//! Reading a file checks everything that building the pool could fail on, with the line of each
//! mistake: providers exist and have the address and key they need, capabilities, requirements
//! and selectors are what they should be.

use std::fmt;
use std::path::Path as FilePath;
use std::sync::Arc;

use http::{HeaderName, HeaderValue};
use modelpool_core::{
    Capabilities, Error, Extra, ModelConfig, PoolDefinition, PoolError, Requirements, Selector, SystemClock,
};
use modelpool_engine::selectors::{self, Capability};
use modelpool_engine::{ModelPool, ModelPoolBuilder};
use modelpool_providers::{Environment, HttpTransport, ProviderContext, ProviderRegistry, catalog};
use secrecy::ExposeSecret;

use crate::config::{
    self, FileConfig, FileModel, FilePool, Finding, Located, Path, Problems, Question, SemanticChecks,
    Subject,
};

/// Reads and checks a configuration file.
///
/// # Errors
/// All its mistakes, each with line and column.
pub fn read_config(
    file: &FilePath,
    environment: &Environment,
    registry: &ProviderRegistry,
) -> Result<FileConfig, Problems> {
    let checks = PoolChecks::new(registry.clone(), Arc::clone(environment));
    let lookup = |name: &str| environment(name);
    config::read_file(file, &lookup, &checks)
}

/// Makes the pool of a configuration. `builder` brings what a file cannot: providers of the
/// user's own, a transport, receivers of settled requests.
///
/// # Errors
/// Something that reading the file would have found, where it was not read with [`PoolChecks`].
pub fn pool_from_config(config: &FileConfig, builder: ModelPoolBuilder) -> Result<ModelPool, BuildError> {
    let selector = selector(config.selector.as_ref())?.unwrap_or_else(|| Arc::new(Capability));
    let pool = builder
        .selector(Arc::clone(&selector))
        .timeouts(config.timeouts)
        .infer_words(config.infer_words)
        .retry(config.retry)
        .breakers(config.breaker)
        .hedging(config.hedging)
        .on_loss(config.on_loss)
        .build();
    let models = config
        .models
        .iter()
        .map(|model| {
            let mut entry = model_config(model)?;
            fill_in(&mut entry, model.catalog.unwrap_or(config.catalog));
            Ok(entry)
        })
        .collect::<Result<Vec<_>, BuildError>>()?;
    let pools = config
        .pools
        .iter()
        .map(|pool| pool_definition(config, pool, &selector))
        .collect::<Result<Vec<_>, _>>()?;
    pool.change(|draft| {
        for model in models {
            draft.add(model)?;
        }
        if let Some(alias) = &config.default {
            draft.set_default(alias)?;
        }
        for definition in pools {
            draft.add_pool(definition)?;
        }
        Ok(())
    })?;
    Ok(pool)
}

fn pool_definition(
    config: &FileConfig,
    pool: &FilePool,
    selector: &Arc<dyn Selector>,
) -> Result<PoolDefinition, BuildError> {
    let own = self::selector(pool.selector.as_ref())?;
    let aliases = pool.models.iter().map(String::as_str);
    let mut definition = PoolDefinition::new(
        pool.name.as_str(),
        aliases,
        own.unwrap_or_else(|| Arc::clone(selector)),
    );
    definition.requirements = requirements(pool.requirements.as_ref())?;
    definition.preferences = requirements(pool.prefer.as_ref())?;
    definition.timeouts = pool.timeouts;
    definition.infer_words = pool.infer_words.unwrap_or(config.infer_words);
    Ok(definition)
}

/// Requirements that stand in a configuration; none where it has none.
pub(crate) fn requirements(located: Option<&Located>) -> Result<Requirements, BuildError> {
    let Some(located) = located else {
        return Ok(Requirements::new());
    };
    Requirements::from_json(&located.value).map_err(|mistake| BuildError::at(&located.path, mistake))
}

impl config::FileKey {
    /// What every model must meet that is given to this caller.
    ///
    /// # Errors
    /// Something that reading the file would have found.
    pub fn required(&self) -> Result<Requirements, BuildError> {
        requirements(self.requirements.as_ref())
    }
}

fn selector(located: Option<&Located>) -> Result<Option<Arc<dyn Selector>>, BuildError> {
    let Some(located) = located else { return Ok(None) };
    selectors::from_json(&located.value, None)
        .map(Some)
        .map_err(|mistakes| {
            let all: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
            BuildError::at(&located.path, all.join("; "))
        })
}

/// The entry of the pool that a model of a configuration stands for.
fn model_config(model: &FileModel) -> Result<ModelConfig, BuildError> {
    let name = model.model_name.clone().unwrap_or_default();
    let mut entry = ModelConfig::new(model.alias.as_str(), model.provider.as_str(), name);
    entry.api_key.clone_from(&model.api_key);
    entry.base_url.clone_from(&model.base_url);
    entry.fallbacks = model
        .fallbacks
        .iter()
        .map(|alias| alias.as_str().into())
        .collect();
    entry.timeouts = model.timeouts;
    entry.limits = model.limits;
    entry.quota_group = model.quota_group.as_deref().map(Into::into);
    entry.warm_up = model.warmup;
    if let Some(located) = &model.capabilities {
        entry.capabilities = Capabilities::from_json(&located.value).map_err(|mistakes| {
            let all: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
            BuildError::at(&located.path, all.join("; "))
        })?;
    }
    entry.extra = Extra {
        headers: model
            .headers
            .iter()
            .filter_map(|(name, value)| header(name, value.expose_secret()))
            .collect(),
        body: model
            .body
            .as_ref()
            .and_then(|located| located.value.as_object().cloned())
            .unwrap_or_default(),
        settings: serde_json::Map::new(),
    };
    Ok(entry)
}

/// Fills in what a file does not declare of a model. Unlike an object in code, a mapping in a file
/// says only what differs from what is known.
fn fill_in(entry: &mut ModelConfig, catalog: bool) {
    if catalog && let Some(known) = catalog::find(&entry.provider, &entry.model_name) {
        known.fill(&mut entry.capabilities);
    }
    entry.catalog = false;
}

/// The reader has checked that these are headers.
fn header(name: &str, value: &str) -> Option<(HeaderName, HeaderValue)> {
    let mut value = HeaderValue::from_str(value).ok()?;
    value.set_sensitive(true);
    Some((name.parse().ok()?, value))
}

/// A configuration that cannot become a pool.
#[derive(Debug)]
pub enum BuildError {
    /// Names, capabilities or members do not fit together.
    Pool(PoolError),
    /// A free part of the configuration is not what it should be.
    Part {
        /// Where it stands, such as `pools.support.selector`.
        path: String,
        /// What is wrong.
        message: String,
    },
}

impl BuildError {
    fn at(path: &Path, message: impl fmt::Display) -> Self {
        Self::Part {
            path: path.to_string(),
            message: message.to_string(),
        }
    }
}

impl From<PoolError> for BuildError {
    fn from(error: PoolError) -> Self {
        Self::Pool(error)
    }
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BuildError::Pool(error) => error.fmt(f),
            BuildError::Part { path, message } => write!(f, "{path}: {message}"),
        }
    }
}

impl std::error::Error for BuildError {}

/// Checks the parts of a configuration that only the pool understands.
#[derive(Debug)]
pub struct PoolChecks {
    registry: ProviderRegistry,
    context: ProviderContext,
}

impl PoolChecks {
    /// Checks against these providers, with keys looked up in `environment`.
    #[must_use]
    pub fn new(registry: ProviderRegistry, environment: Environment) -> Self {
        // Nothing is sent: a provider is only made, to see whether it can be.
        let transport = Arc::new(HttpTransport::new());
        Self {
            registry,
            context: ProviderContext {
                transport,
                environment,
                clock: Arc::new(SystemClock),
            },
        }
    }
}

impl SemanticChecks for PoolChecks {
    fn value(&self, question: &Question<'_>) -> Vec<Finding> {
        let value = question.value;
        match question.subject {
            Subject::Provider => match self.registry.check(value.as_str().unwrap_or_default()) {
                Ok(()) => Vec::new(),
                Err(message) => vec![Finding::in_value(Path::root(), message)],
            },
            Subject::Capabilities => findings(Capabilities::from_json(value).err(), |mistake| {
                (mistake.path.clone(), mistake.message.clone())
            }),
            Subject::Requirements | Subject::Preferences => {
                findings(Some(Requirements::mistakes_in(value)), |mistake| {
                    (mistake.key.clone(), mistake.message.clone())
                })
            }
            Subject::Selector => findings(
                selectors::from_json(value, Some(question.aliases)).err(),
                |mistake| (mistake.path.clone(), mistake.message.clone()),
            ),
        }
    }

    fn model(&self, model: &FileModel) -> Vec<Finding> {
        // What is wrong with the free parts is reported where they stand.
        let Ok(entry) = model_config(model) else {
            return Vec::new();
        };
        // An unknown provider is reported at its own line.
        if self.registry.check(&entry.provider).is_err() {
            return Vec::new();
        }
        match self.registry.create(&entry, &self.context) {
            Ok(_) => Vec::new(),
            Err(error) => vec![Finding::in_value(Path::root(), lack(&error))],
        }
    }
}

fn lack(error: &Error) -> String {
    error.message().to_owned()
}

fn findings<M>(mistakes: Option<Vec<M>>, place: impl Fn(&M) -> (String, String)) -> Vec<Finding> {
    let to_finding = |mistake: &M| {
        let (path, message) = place(mistake);
        Finding::in_value(parse_path(&path), message)
    };
    mistakes.unwrap_or_default().iter().map(to_finding).collect()
}

/// `windows[0].from` as a path.
fn parse_path(dotted: &str) -> Path {
    let mut path = Path::root();
    for part in dotted.split('.').filter(|part| !part.is_empty()) {
        let (name, indices) = part.split_at(part.find('[').unwrap_or(part.len()));
        if !name.is_empty() {
            path = path.key(name);
        }
        for index in indices.split(['[', ']']).filter_map(|digits| digits.parse().ok()) {
            path = path.index(index);
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;

    use modelpool_core::{Numeric, Provenance};

    use super::*;

    #[test]
    fn a_model_keeps_its_limits_and_its_group() {
        let source = "models:\n- {alias: a, provider: local, model_name: m, base_url: http://h/, limits: {rpm: 7}, \
                      quota_group: g}\n- {alias: b, provider: local, model_name: m, base_url: http://h/}\n";
        let nothing = |_: &str| None;
        let config = config::read(source, config::Format::Yaml, "m", &nothing, &config::NoChecks);
        let pool = pool_from_config(&config.unwrap(), ModelPool::builder()).unwrap();
        let told = |alias: &str| {
            let entry = pool.get(alias).unwrap();
            let limits = entry.config().limits.requests_per_minute;
            (limits.map(NonZeroU64::get), entry.config().quota_group.clone())
        };
        assert_eq!(told("a"), (Some(7), Some("g".into())));
        assert_eq!(told("b"), (None, None));
    }

    #[test]
    fn the_catalog_fills_in_what_is_not_declared() {
        let read = |source: &str| {
            let nothing = |_: &str| None;
            let config = config::read(source, config::Format::Yaml, "m", &nothing, &config::NoChecks);
            pool_from_config(&config.unwrap(), ModelPool::builder()).unwrap()
        };
        let models = "models:\n- {alias: a, provider: openai, model_name: gpt-4o}\n\
                      - {alias: own, provider: openai, model_name: gpt-4o, capabilities: {context_window: 5}}\n\
                      - {alias: off, provider: openai, model_name: gpt-4o, catalog: false}\n\
                      - {alias: on, provider: openai, model_name: gpt-4o, catalog: true}\n\
                      - {alias: stranger, provider: openai, model_name: no-such-model}\n\
                      - {alias: \"w/*\", provider: openai}\n";
        let known = |pool: &ModelPool, alias: &str| {
            let entry = pool.get(alias).unwrap();
            let capabilities = &entry.config().capabilities;
            let window = capabilities.number(Numeric::ContextWindow);
            let price = capabilities.declared_price().is_some();
            (window.value, window.provenance, price)
        };
        let (catalog, default) = (Provenance::Catalog, Provenance::Default);
        let pool = read(models);
        assert_eq!(known(&pool, "a"), (128_000.0, catalog, true));
        assert_eq!(known(&pool, "own"), (5.0, Provenance::Declared, true));
        for alias in ["off", "stranger", "w/*"] {
            assert_eq!(known(&pool, alias), (4096.0, default, false), "{alias}");
        }
        let pool = read(&format!("catalog: false\n{models}"));
        for alias in ["a", "off", "stranger"] {
            assert_eq!(known(&pool, alias), (4096.0, default, false), "{alias}");
        }
        assert_eq!(known(&pool, "own"), (5.0, Provenance::Declared, false));
        assert_eq!(known(&pool, "on"), (128_000.0, catalog, true));
    }

    #[test]
    fn in_code_a_model_without_capabilities_is_filled_in() {
        let pool = ModelPool::new();
        let model = |alias: &str| ModelConfig::new(alias, "openai", "gpt-4o");
        pool.add(model("bare")).unwrap();
        pool.add(model("told").capabilities(Capabilities::new())).unwrap();
        let price = |alias: &str| {
            let entry = pool.get(alias).unwrap();
            entry.config().capabilities.declared_price().cloned()
        };
        assert_eq!(price("bare").map(|price| price.input), Some(2.5));
        assert_eq!(price("told"), None);
    }

    #[test]
    fn dotted_paths_are_read() {
        let path = parse_path("windows[12].of[0].from");
        assert_eq!(path.to_string(), "windows[12].of[0].from");
        assert!(matches!(path.segments()[1], config::Segment::Index(12)));
        assert_eq!(parse_path("").segments().len(), 0);
    }
}
