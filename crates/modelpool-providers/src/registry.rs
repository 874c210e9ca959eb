//! The provider factory: from a provider's name to a provider.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use modelpool_core::nearest::did_you_mean;
use modelpool_core::provider::Dialect;
use modelpool_core::{Clock, Error, ErrorKind, ModelConfig, Numeric, Provenance, Provider, Transport};
use secrecy::SecretString;

use crate::anthropic::AnthropicWire;
use crate::bedrock::{BedrockWire, Credentials};
use crate::cohere::CohereWire;
use crate::gemini::GeminiWire;
use crate::ollama::OllamaWire;
use crate::openai_chat::OpenAiChat;
use crate::openai_responses::ResponsesWire;
use crate::provider::{WireProvider, address, key_of};
use crate::vendor::{Vendor, WireProtocol, find_vendor, vendors};
use crate::wire::Wire;

/// Reads a variable of the environment; passed in, so that tests and servers decide what is read.
pub type Environment = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// What a provider is made with, besides the entry itself.
#[derive(Clone)]
pub struct ProviderContext {
    /// The way out.
    pub transport: Arc<dyn Transport>,
    /// Where keys are looked up that the entry does not give.
    pub environment: Environment,
    /// What tells the time, for keys that sign.
    pub clock: Arc<dyn Clock>,
}

impl fmt::Debug for ProviderContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProviderContext")
            .field("transport", &self.transport)
            .finish_non_exhaustive()
    }
}

/// Makes a provider for an entry.
pub type Constructor =
    Arc<dyn Fn(&ModelConfig, &ProviderContext) -> Result<Arc<dyn Provider>, Error> + Send + Sync>;

/// The open list of providers: the vendors of the table, and what the user registers.
///
/// ```
/// use std::sync::Arc;
/// use modelpool_core::{BoxFuture, Error, ModelConfig, Provider, ProviderRequest, Reply, ErrorKind};
/// use modelpool_providers::ProviderRegistry;
///
/// #[derive(Debug)]
/// struct Mine;
/// impl Provider for Mine {
///     fn call(&self, _: ProviderRequest) -> BoxFuture<'_, Result<Reply, Error>> {
///         Box::pin(async { Err(Error::new(ErrorKind::Server, "not today")) })
///     }
/// }
///
/// let mut registry = ProviderRegistry::new();
/// registry.register("mine", |_, _| Ok(Arc::new(Mine)));
/// assert!(registry.check("mine").is_ok());
/// assert!(registry.check("opnai").unwrap_err()
///     .starts_with("unknown provider `opnai`, did you mean `openai`? (known: mine, openai, "));
/// ```
#[derive(Clone, Default)]
pub struct ProviderRegistry {
    registered: BTreeMap<String, Constructor>,
    elsewhere: Option<Arc<dyn FurtherProviders>>,
}

/// Providers that are registered elsewhere, also after the pool was made.
pub trait FurtherProviders: Send + Sync {
    /// What makes the provider of that name.
    fn find(&self, name: &str) -> Option<Constructor>;

    /// Every name that is known at this moment.
    fn names(&self) -> Vec<String>;
}

impl fmt::Debug for ProviderRegistry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProviderRegistry")
            .field("names", &self.names())
            .finish()
    }
}

impl ProviderRegistry {
    /// The vendors of the table.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Registers a provider under a name; it takes precedence over a vendor of the same name.
    pub fn register(
        &mut self,
        name: impl Into<String>,
        constructor: impl Fn(&ModelConfig, &ProviderContext) -> Result<Arc<dyn Provider>, Error>
        + Send
        + Sync
        + 'static,
    ) {
        self.registered.insert(name.into(), Arc::new(constructor));
    }

    /// Asks `further` for providers that are not registered here; they take precedence over vendors, too.
    pub fn look_up(&mut self, further: Arc<dyn FurtherProviders>) {
        self.elsewhere = Some(further);
    }

    /// Every name that is known.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.registered.keys().cloned().collect();
        names.extend(self.elsewhere.iter().flat_map(|further| further.names()));
        names.extend(vendors().iter().map(|vendor| vendor.name.to_owned()));
        names
    }

    fn constructor(&self, name: &str) -> Option<Constructor> {
        let registered = self.registered.get(name).cloned();
        registered.or_else(|| self.elsewhere.as_ref()?.find(name))
    }

    /// Whether a provider of that name can be made.
    ///
    /// # Errors
    /// What is known, and the nearest.
    pub fn check(&self, name: &str) -> Result<(), String> {
        if self.constructor(name).is_some() || find_vendor(name).is_some() {
            return Ok(());
        }
        let known = self.names();
        let hint = did_you_mean(name, known.iter().map(String::as_str));
        Err(format!(
            "unknown provider `{name}`{hint} (known: {})",
            known.join(", ")
        ))
    }

    /// The provider of an entry.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`]: an unknown provider, or what the entry lacks to be called.
    pub fn create(
        &self,
        config: &ModelConfig,
        context: &ProviderContext,
    ) -> Result<Arc<dyn Provider>, Error> {
        if let Some(constructor) = self.constructor(&config.provider) {
            return constructor(config, context).map_err(|error| error.at(&config.alias));
        }
        let Some(vendor) = find_vendor(&config.provider) else {
            let message = self.check(&config.provider).err().unwrap_or_default();
            return Err(Error::new(ErrorKind::Configuration, message).at(&config.alias));
        };
        by_wire(vendor, config, context)
            .map_err(|lack| Error::new(ErrorKind::Configuration, lack).at(&config.alias))
    }
}

/// A provider of the vendor's wire: the one place where wires are told apart.
fn by_wire(
    vendor: &Vendor,
    config: &ModelConfig,
    context: &ProviderContext,
) -> Result<Arc<dyn Provider>, String> {
    let (wire, own): (Arc<dyn Wire>, Option<Dialect>) = match vendor.wire {
        WireProtocol::OpenAiChat => return Ok(Arc::new(OpenAiChat::new(vendor, config, context)?)),
        WireProtocol::OpenAiResponses => (Arc::new(ResponsesWire), Some(Dialect::OpenAiResponses)),
        WireProtocol::Anthropic => (Arc::new(AnthropicWire), Some(Dialect::Anthropic)),
        WireProtocol::Gemini => {
            let given = config.base_url.as_deref().map(address).transpose()?;
            let wire = given.as_ref().map(GeminiWire::of_address).unwrap_or_default();
            (Arc::new(wire), Some(Dialect::Gemini))
        }
        WireProtocol::Bedrock => return bedrock(vendor, config, context),
        WireProtocol::Ollama => {
            let window = config.capabilities.number(Numeric::ContextWindow);
            let known = window.provenance != Provenance::Default;
            let context_window = known.then_some(window.value as u64);
            (Arc::new(OllamaWire { context_window }), None)
        }
        WireProtocol::Cohere => (Arc::new(CohereWire), None),
    };
    let key = key_of(vendor, config, context)?;
    let provider = WireProvider::new(wire, own, vendor.base_url, key, Vec::new(), config, context)?;
    Ok(Arc::new(provider))
}

/// Bedrock's addresses have the region in them. A key is shown; without one, requests are signed with the
/// credentials of the environment.
fn bedrock(
    vendor: &Vendor,
    config: &ModelConfig,
    context: &ProviderContext,
) -> Result<Arc<dyn Provider>, String> {
    let variable = |name: &str| (context.environment)(name).filter(|value| !value.is_empty());
    let host = match &config.base_url {
        Some(given) => address(given)?.host().map(str::to_owned),
        None => None,
    };
    let region_of_address = || {
        let rest = host.as_deref()?.strip_prefix("bedrock-runtime.")?;
        rest.split('.').next().map(str::to_owned)
    };
    let region = region_of_address()
        .or_else(|| variable("AWS_REGION"))
        .or_else(|| variable("AWS_DEFAULT_REGION"));
    // What the environment holds for Amazon goes to Amazon's own addresses and nowhere else.
    let is_amazon = host
        .as_deref()
        .is_none_or(|host| host.ends_with(".amazonaws.com") || host.ends_with(".amazonaws.com.cn"));
    if region.is_none() && is_amazon {
        return Err("no region: set the environment variable AWS_REGION".to_owned());
    }
    // Elsewhere nothing is signed, and no region is spoken of.
    let region = region.unwrap_or_default();
    let own_key = key_of(vendor, config, context)?;
    let key = match config.base_url {
        None => own_key.or_else(|| variable("AWS_BEARER_TOKEN_BEDROCK")),
        Some(_) => own_key,
    };
    let mut hidden = Vec::new();
    let credentials = match (variable("AWS_ACCESS_KEY_ID"), variable("AWS_SECRET_ACCESS_KEY")) {
        (Some(id), Some(secret)) if key.is_none() && is_amazon => {
            let session = variable("AWS_SESSION_TOKEN");
            hidden.push(SecretString::from(secret.as_str()));
            hidden.extend(session.as_deref().map(SecretString::from));
            Some(Credentials::new(&id, &secret, session.as_deref()))
        }
        _ => None,
    };
    if key.is_none() && credentials.is_none() && config.base_url.is_none() {
        return Err(
            "no key: set `api_key`, or the environment variable AWS_BEARER_TOKEN_BEDROCK, or \
                    AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
                .to_owned(),
        );
    }
    let base = BedrockWire::default_base(&region);
    let wire = Arc::new(BedrockWire::new(region, credentials));
    let provider = WireProvider::new(wire, None, Some(&base), key, hidden, config, context)?;
    Ok(Arc::new(provider))
}

#[cfg(test)]
mod tests {
    use modelpool_core::SystemClock;

    use super::*;
    use crate::HttpTransport;

    fn bedrock_with(base_url: Option<&str>, variables: &'static [(&'static str, &'static str)]) -> String {
        let context = ProviderContext {
            transport: Arc::new(HttpTransport::new()),
            environment: Arc::new(move |name| {
                let found = variables.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| (*value).to_owned())
            }),
            clock: Arc::new(SystemClock),
        };
        let config = ModelConfig::new("a", "bedrock", "a-model");
        let config = match base_url {
            Some(base_url) => config.base_url(base_url),
            None => config,
        };
        match ProviderRegistry::new().create(&config, &context) {
            Ok(provider) => format!("{provider:?}"),
            Err(error) => error.message().to_owned(),
        }
    }

    struct Elsewhere;

    impl FurtherProviders for Elsewhere {
        fn find(&self, name: &str) -> Option<Constructor> {
            let make = |_: &ModelConfig, _: &ProviderContext| {
                Err(Error::new(ErrorKind::Configuration, "found, and asked"))
            };
            ["mine", "openai"]
                .contains(&name)
                .then(|| Arc::new(make) as Constructor)
        }

        fn names(&self) -> Vec<String> {
            vec!["mine".to_owned()]
        }
    }

    #[test]
    fn providers_registered_elsewhere_come_before_vendors() {
        let context = ProviderContext {
            transport: Arc::new(HttpTransport::new()),
            environment: Arc::new(|_| None),
            clock: Arc::new(SystemClock),
        };
        let mut registry = ProviderRegistry::new();
        assert!(registry.check("mine").is_err());
        registry.look_up(Arc::new(Elsewhere));
        for provider in ["mine", "openai"] {
            let refused = registry.create(&ModelConfig::new("a", provider, "m"), &context);
            let error = refused.unwrap_err();
            assert_eq!((error.message(), error.alias()), ("found, and asked", Some("a")));
        }
        let message = registry.check("mines").unwrap_err();
        assert!(message.contains("did you mean `mine`?"), "{message}");
    }

    const CREDENTIALS: &[(&str, &str)] = &[
        ("AWS_ACCESS_KEY_ID", "AKID"),
        ("AWS_SECRET_ACCESS_KEY", "not-shown"),
        ("AWS_REGION", "eu-west-1"),
    ];

    #[test]
    fn credentials_of_the_environment_sign_for_amazon_and_nobody_else() {
        for (base_url, signs) in [
            (None, true),
            (
                Some("https://vpce-1.bedrock-runtime.eu-west-1.vpce.amazonaws.com"),
                true,
            ),
            (Some("https://bedrock-runtime.eu-west-1.amazonaws.com"), true),
            (Some("https://amazonaws.com.example.org"), false),
            (Some("http://127.0.0.1:9000"), false),
        ] {
            let shown = bedrock_with(base_url, CREDENTIALS);
            assert_eq!(
                shown.contains("credentials: Some"),
                signs,
                "{base_url:?}: {shown}"
            );
            assert!(!shown.contains("not-shown"), "{shown}");
        }
    }

    #[test]
    fn amazon_needs_a_region_and_a_key() {
        assert!(bedrock_with(None, &[]).contains("AWS_REGION"));
        assert!(bedrock_with(None, &[("AWS_REGION", "eu-west-1")]).contains("AWS_BEARER_TOKEN_BEDROCK"));
    }
}
