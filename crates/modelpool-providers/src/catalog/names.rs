//! The names people write for a model, and which of them mean the same.
//!
//! Two names mean the same model if they are equal without what is known to be decoration: the
//! vendor's prefix, a path of a cloud, a date in full, `latest`, a region of Bedrock. Everything
//! else is part of the name, so that `gpt-4o-mini` is not `gpt-4o`. In particular these are not
//! decoration: a date of four digits (`gpt-4-0613`), a size or quantisation (`llama3:70b`), a number
//! such as the one in `text-embedding-004`.

use crate::vendor::find_vendor;

/// Vendors of the catalog, with names people write that the table of vendors does not have.
const VENDORS: [(&str, &[&str]); 20] = [
    ("anthropic", &["claude"]),
    ("azure", &["azure_openai", "azure_ai"]),
    ("bedrock", &["aws_bedrock", "amazon_bedrock", "bedrock_converse"]),
    ("cerebras", &[]),
    ("cohere", &["cohere_chat"]),
    ("deepseek", &[]),
    ("fireworks", &["fireworks_ai"]),
    ("gemini", &["google", "google_ai", "google_gemini"]),
    ("groq", &[]),
    ("mistral", &["mistralai"]),
    ("moonshot", &["moonshotai", "kimi"]),
    ("nvidia", &["nvidia_nim"]),
    ("ollama", &[]),
    ("openai", &["openai_responses"]),
    ("perplexity", &[]),
    ("qwen", &["dashscope", "alibaba"]),
    ("together", &["together_ai", "togetherai"]),
    ("vertex_ai", &["vertex", "vertexai", "google_vertex"]),
    ("xai", &["x-ai", "x.ai", "grok"]),
    ("zhipu", &["zhipuai", "bigmodel", "zai", "z.ai"]),
];

/// Regions that stand before a model's name at Bedrock, the longer before the shorter.
const REGIONS: [&str; 12] = [
    "global.", "us-gov.", "apac.", "us.", "eu.", "jp.", "au.", "ca.", "in.", "sa.", "me.", "af.",
];

/// The vendor of the catalog that a provider's name stands for.
pub(super) fn vendor_of(provider: &str) -> Option<&'static str> {
    let lower = provider.trim().to_lowercase();
    let ours = find_vendor(&lower).map_or(lower.as_str(), |vendor| vendor.name);
    let mut vendors = VENDORS.iter();
    vendors
        .find(|(name, others)| *name == ours || others.contains(&ours))
        .map(|(name, _)| *name)
}

/// The name as the vendor's wire has it, in lower case: without the vendor's prefix and without the
/// path a cloud puts before it.
pub(super) fn bare(vendor: &str, model_name: &str) -> String {
    let lower = model_name.trim().to_lowercase();
    let mut name = lower.as_str();
    if let Some((head, rest)) = name.split_once('/')
        && vendor_of(head) == Some(vendor)
    {
        name = rest;
    }
    match vendor {
        // An ARN, or a region as LiteLLM writes it.
        "bedrock" => name = name.rsplit('/').next().unwrap_or(name),
        "gemini" | "vertex_ai" => {
            // `projects/…/publishers/google/models/NAME`
            let path = name.rsplit_once("/models/").map(|(_, last)| last);
            name = path.or_else(|| name.strip_prefix("models/")).unwrap_or(name);
        }
        // Models of other accounts are those of strangers.
        "fireworks" => name = name.strip_prefix("accounts/fireworks/models/").unwrap_or(name),
        "openai" | "azure" if name.starts_with("ft:") => {
            // `ft:BASE:organisation:suffix:id`
            let end = name.match_indices(':').nth(1).map_or(name.len(), |(at, _)| at);
            name = name.get(..end).unwrap_or(name);
        }
        _ => {}
    }
    name.to_owned()
}

/// How new a name says its model is. The last is preferred.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Age {
    /// A revision or a date, as a number.
    Dated(u32),
    Latest,
    /// It says nothing, which is what vendors call the one they recommend.
    Unsaid,
}

/// A name without its decoration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stem<'a> {
    /// Of Bedrock, with its dot; empty for none.
    pub(super) region: &'a str,
    pub(super) name: &'a str,
    pub(super) age: Age,
}

impl<'a> Stem<'a> {
    /// `name` is bare, and in lower case.
    pub(super) fn of(vendor: &str, name: &'a str) -> Self {
        let (mut region, mut rest) = ("", name);
        if vendor == "bedrock" {
            if let Some(known) = REGIONS.iter().find(|known| name.starts_with(**known)) {
                (region, rest) = name.split_at(known.len());
            }
            rest = without_version(rest);
        }
        let (rest, age) = without_age(vendor, rest);
        Self {
            region,
            name: rest,
            age,
        }
    }
}

impl Stem<'_> {
    /// Whether a model of that age may be meant. A date names one release, and another date another,
    /// with other prices; only a name without a date stands for all of them.
    pub(super) fn may_be_of(&self, age: Age) -> bool {
        match (self.age, age) {
            (Age::Dated(wanted), Age::Dated(known)) => wanted == known,
            _ => true,
        }
    }
}

/// Takes Bedrock's `-v1:0` off, and any `-vN:0` after a date. Elsewhere a number is a generation:
/// `anthropic.claude-v2:1` is not `anthropic.claude-v2`.
fn without_version(name: &str) -> &str {
    if let Some(rest) = name.strip_suffix("-v1:0") {
        return rest;
    }
    let Some((rest, version)) = name.rsplit_once("-v") else {
        return name;
    };
    let number = version.strip_suffix(":0").unwrap_or_default();
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    if is_number && dated(rest).is_some() {
        rest
    } else {
        name
    }
}

fn without_age<'a>(vendor: &str, name: &'a str) -> (&'a str, Age) {
    for ending in ["-latest", "@latest", ":latest", "@default"] {
        if let Some(rest) = name.strip_suffix(ending).filter(|rest| !rest.is_empty()) {
            return (rest, Age::Latest);
        }
    }
    if let Some((rest, date)) = dated(name) {
        return (rest, Age::Dated(date));
    }
    if matches!(vendor, "gemini" | "vertex_ai")
        && let Some((rest, revision)) = gemini_revision(name)
    {
        return (rest, Age::Dated(revision));
    }
    (name, Age::Unsaid)
}

/// `gemini-2.0-flash-001`; the number of an embedding model or of Imagen is its name.
fn gemini_revision(name: &str) -> Option<(&str, u32)> {
    let family = name.strip_prefix("gemini-")?;
    let (rest, revision) = name.rsplit_once('-')?;
    let is_revision = revision.len() == 3 && revision.starts_with("00");
    if !family.starts_with(|first: char| first.is_ascii_digit()) || !is_revision {
        return None;
    }
    Some((rest, revision.parse().ok()?))
}

/// A name with a date in full at its end: `-20250929`, `@20250929` or `-2024-08-06`.
fn dated(name: &str) -> Option<(&str, u32)> {
    let long = name
        .len()
        .checked_sub(11)
        .and_then(|at| name.split_at_checked(at));
    if let Some((rest, date)) = long
        && let ["", year, month, day] = date.split('-').collect::<Vec<_>>().as_slice()
        && (year.len(), month.len(), day.len()) == (4, 2, 2)
    {
        return named_day(rest, &[*year, *month, *day].concat());
    }
    let (rest, date) = name
        .len()
        .checked_sub(9)
        .and_then(|at| name.split_at_checked(at))?;
    named_day(rest, date.strip_prefix(['-', '@'])?)
}

fn named_day<'a>(rest: &'a str, digits: &str) -> Option<(&'a str, u32)> {
    let is_number = digits.len() == 8 && digits.bytes().all(|byte| byte.is_ascii_digit());
    let date: u32 = digits.parse().ok().filter(|_| is_number)?;
    let (year, month, day) = (date / 10_000, date / 100 % 100, date % 100);
    let is_day = (2020..2100).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day);
    (is_day && !rest.is_empty()).then_some((rest, date))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_decoration_is_taken_off() {
        for (vendor, name, expected) in [
            ("openai", "gpt-4o-2024-08-06", "gpt-4o"),
            ("openai", "gpt-4o-mini", "gpt-4o-mini"),
            ("openai", "gpt-4-0613", "gpt-4-0613"),
            ("openai", "gpt-4-2024-13-01", "gpt-4-2024-13-01"),
            ("anthropic", "claude-sonnet-4-5-20250929", "claude-sonnet-4-5"),
            ("vertex_ai", "claude-sonnet-4-5@20250929", "claude-sonnet-4-5"),
            ("anthropic", "claude-3-5-sonnet-latest", "claude-3-5-sonnet"),
            ("anthropic", "-latest", "-latest"),
            ("gemini", "gemini-2.0-flash-001", "gemini-2.0-flash"),
            ("gemini", "gemini-embedding-001", "gemini-embedding-001"),
            ("vertex_ai", "text-embedding-004", "text-embedding-004"),
            ("ollama", "llama3:70b", "llama3:70b"),
            ("ollama", "llama3:latest", "llama3"),
            (
                "bedrock",
                "eu.anthropic.claude-x-20240620-v2:0",
                "anthropic.claude-x",
            ),
            ("bedrock", "anthropic.claude-v2:1", "anthropic.claude-v2:1"),
            (
                "bedrock",
                "amazon.titan-embed-text-v2:0",
                "amazon.titan-embed-text-v2:0",
            ),
            ("bedrock", "amazon.nova-pro-v1:0", "amazon.nova-pro"),
            ("openai", "", ""),
            ("openai", "20240806", "20240806"),
        ] {
            assert_eq!(Stem::of(vendor, name).name, expected, "{name}");
        }
    }

    #[test]
    fn prefixes_and_paths_are_taken_off() {
        for (vendor, name, expected) in [
            ("openai", "OpenAI/GPT-4o", "gpt-4o"),
            ("groq", "openai/gpt-oss-120b", "openai/gpt-oss-120b"),
            ("groq", "groq/openai/gpt-oss-120b", "openai/gpt-oss-120b"),
            ("gemini", "models/gemini-2.5-pro", "gemini-2.5-pro"),
            (
                "vertex_ai",
                "projects/p/locations/l/publishers/google/models/gemini-2.5-pro",
                "gemini-2.5-pro",
            ),
            (
                "bedrock",
                "arn:aws:bedrock:us-east-1:1:inference-profile/us.anthropic.claude",
                "us.anthropic.claude",
            ),
            ("fireworks", "accounts/fireworks/models/glm-4p5", "glm-4p5"),
            (
                "fireworks",
                "accounts/me/models/glm-4p5",
                "accounts/me/models/glm-4p5",
            ),
            ("openai", "ft:gpt-4o-2024-08-06:org::id", "ft:gpt-4o-2024-08-06"),
        ] {
            assert_eq!(bare(vendor, name), expected);
        }
    }

    #[test]
    fn vendors_have_the_names_of_the_table() {
        for (provider, vendor) in [
            ("dashscope", Some("qwen")),
            ("zhipuai", Some("zhipu")),
            ("Google", Some("gemini")),
            ("openai_compatible", None),
            ("vllm", None),
            ("custom", None),
            ("", None),
        ] {
            assert_eq!(vendor_of(provider), vendor, "{provider}");
        }
    }
}
