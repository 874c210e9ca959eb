//! What the pool was told, kept beside it: which models a request may go to is worked out from
//! this a second time, without the engine.

use std::sync::Arc;

use modelpool_core::{Capabilities, Flag, ModelConfig, PoolDefinition, Requirements};
use modelpool_engine::selectors::Capability;
use serde_json::{Map, Value, json};

use crate::schedule::Request;

/// A model. Its key tells it from all others that ever had its name.
#[derive(Clone, Debug)]
pub struct Model {
    pub alias: &'static str,
    pub model_name: String,
    pub key: String,
    pub server: String,
    pub vision: Option<bool>,
    pub tools: Option<bool>,
    pub streaming: Option<bool>,
    pub prefill: Option<bool>,
    pub window: u64,
    pub max_tokens: u64,
    pub tier: Option<Tier>,
    pub cost: f64,
    pub fallbacks: Vec<&'static str>,
}

/// A named pool.
#[derive(Clone, Debug)]
pub struct Named {
    pub name: &'static str,
    pub members: Vec<&'static str>,
    pub needs: Vec<Need>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tier {
    Gold,
    Tin,
}

/// A hard requirement, said by the caller or a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    Vision,
    Tools,
    Window(u64),
    Tier(Tier),
}

impl Tier {
    fn word(self) -> &'static str {
        match self {
            Tier::Gold => "gold",
            Tier::Tin => "tin",
        }
    }
}

impl Need {
    /// As a caller writes it.
    pub fn json(self) -> (String, Value) {
        let (key, value) = match self {
            Need::Vision => ("supports_vision", true.into()),
            Need::Tools => ("supports_tools", true.into()),
            Need::Window(tokens) => ("min_context_window", tokens.into()),
            Need::Tier(tier) => ("tier", tier.word().into()),
        };
        (key.to_owned(), value)
    }

    fn is_met_by(self, model: &Model) -> bool {
        match self {
            Need::Vision => model.vision == Some(true),
            Need::Tools => model.tools == Some(true),
            Need::Window(tokens) => model.window >= tokens,
            Need::Tier(tier) => model.tier == Some(tier),
        }
    }
}

impl Model {
    pub fn config(&self) -> ModelConfig {
        let flags = [
            (Flag::Vision, self.vision),
            (Flag::Tools, self.tools),
            (Flag::Streaming, self.streaming),
            (Flag::Prefill, self.prefill),
        ];
        let mut capabilities = Capabilities::new()
            .context_window(self.window)
            .max_tokens(self.max_tokens)
            .cost_per_1k_tokens(self.cost);
        for (flag, known) in flags {
            capabilities = match known {
                Some(true) => capabilities.supports(flag),
                Some(false) => capabilities.lacks(flag),
                None => capabilities,
            };
        }
        if let Some(tier) = self.tier {
            capabilities = capabilities.custom("tier", json!(tier.word()));
        }
        ModelConfig::new(self.alias, "custom", self.model_name.as_str())
            .base_url(format!("http://{}", self.server))
            .api_key(self.key.as_str())
            .fallbacks(self.fallbacks.iter().copied())
            .capabilities(capabilities)
    }

    /// Whether it meets all that is asked, and is not known to miss what is inferred.
    fn fits(&self, request: &Request, further: &[Need], input_tokens: u64) -> bool {
        let may = |asks: bool, known: Option<bool>| !asks || known != Some(false);
        let said_window = request.needs.iter().any(|need| matches!(need, Need::Window(_)));
        let output_tokens = request.max_tokens.unwrap_or(0);
        request
            .needs
            .iter()
            .chain(further)
            .all(|need| need.is_met_by(self))
            && may(request.stream, self.streaming)
            && may(request.image, self.vision)
            && may(request.tools, self.tools)
            && self.max_tokens >= output_tokens
            && (said_window || self.window >= input_tokens + output_tokens)
    }
}

impl Named {
    pub fn definition(&self) -> PoolDefinition {
        let needs: Map<String, Value> = self.needs.iter().map(|need| need.json()).collect();
        let mut definition =
            PoolDefinition::new(self.name, self.members.iter().copied(), Arc::new(Capability));
        definition.requirements = Requirements::from_json(&needs.into()).unwrap();
        definition
    }
}

/// What the pool holds at a moment.
#[derive(Clone, Debug, Default)]
pub struct World {
    pub models: Vec<Model>,
    pub pools: Vec<Named>,
}

impl World {
    pub fn get(&self, alias: &str) -> Option<&Model> {
        self.models.iter().find(|model| model.alias == alias)
    }

    pub fn remove(&mut self, alias: &str) -> bool {
        let before = self.models.len();
        self.models.retain(|model| model.alias != alias);
        for pool in &mut self.pools {
            pool.members.retain(|member| *member != alias);
        }
        self.models.len() < before
    }

    /// The models a request may go to; `None` where it names what is not there.
    pub fn candidates(&self, request: &Request, input_tokens: u64) -> Option<Vec<Model>> {
        let named = |names: &[&'static str]| -> Option<Vec<&Model>> {
            names.iter().map(|alias| self.get(alias)).collect()
        };
        let restricted_to = match &request.models {
            Some(names) => Some(named(names)?),
            None => None,
        };
        let fallbacks = match &request.fallbacks {
            Some(names) => Some(named(names)?),
            None => None,
        };
        let pool = self.pools.iter().find(|pool| pool.name == request.model);
        let (models, further) = match (request.model, pool) {
            ("auto", _) => (self.models.iter().collect(), &[][..]),
            (_, Some(pool)) => (named(&pool.members)?, &pool.needs[..]),
            (alias, None) => {
                let first = self.get(alias)?;
                let own = || {
                    first
                        .fallbacks
                        .iter()
                        .filter_map(|alias| self.get(alias))
                        .collect()
                };
                let mut models = fallbacks.unwrap_or_else(own);
                models.push(first);
                (models, &[][..])
            }
        };
        let allowed = |model: &Model| {
            let among = |models: &Vec<&Model>| models.iter().any(|other| other.alias == model.alias);
            restricted_to.as_ref().is_none_or(among)
        };
        let fitting = models
            .into_iter()
            .filter(|model| allowed(model) && model.fits(request, further, input_tokens));
        Some(fitting.cloned().collect())
    }
}
