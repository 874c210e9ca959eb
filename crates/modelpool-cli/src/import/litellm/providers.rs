//! LiteLLM's names of providers, and ours.

/// A provider both of us know.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Row {
    /// Before the slash in `model`, or in `custom_llm_provider`.
    pub(super) prefix: &'static str,
    /// Our name.
    pub(super) provider: &'static str,
    /// The variable LiteLLM takes the key from where the file names none.
    pub(super) key_variable: Option<&'static str>,
    /// Where LiteLLM calls it, if that is not our provider's own address.
    pub(super) address: Address,
}

/// Where LiteLLM calls a provider if the file does not say.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Address {
    /// Where we would.
    Ours,
    /// Elsewhere: the same vendor under another address, with other keys.
    Fixed(&'static str),
    /// Where this variable says.
    Variable(&'static str),
    /// Nowhere: the file has to say.
    None,
}

const fn hosted(prefix: &'static str, provider: &'static str, key_variable: &'static str) -> Row {
    Row {
        prefix,
        provider,
        key_variable: Some(key_variable),
        address: Address::Ours,
    }
}

const fn own(prefix: &'static str, provider: &'static str, address: Address) -> Row {
    Row {
        prefix,
        provider,
        key_variable: None,
        address,
    }
}

/// Prefixes, variables and addresses of <https://docs.litellm.ai/docs/providers> and the pages
/// below it, as generally known; not checked against those pages yet.
pub(super) static ROWS: [Row; 21] = [
    hosted("openai", "openai", "OPENAI_API_KEY"),
    hosted("mistral", "mistral", "MISTRAL_API_KEY"),
    hosted("groq", "groq", "GROQ_API_KEY"),
    hosted("deepseek", "deepseek", "DEEPSEEK_API_KEY"),
    hosted("xai", "xai", "XAI_API_KEY"),
    hosted("together_ai", "together", "TOGETHERAI_API_KEY"),
    hosted("fireworks_ai", "fireworks", "FIREWORKS_AI_API_KEY"),
    hosted("openrouter", "openrouter", "OPENROUTER_API_KEY"),
    hosted("perplexity", "perplexity", "PERPLEXITYAI_API_KEY"),
    hosted("cerebras", "cerebras", "CEREBRAS_API_KEY"),
    hosted("sambanova", "sambanova", "SAMBANOVA_API_KEY"),
    hosted("nebius", "nebius", "NEBIUS_API_KEY"),
    hosted("nvidia_nim", "nvidia", "NVIDIA_NIM_API_KEY"),
    hosted("moonshot", "moonshot", "MOONSHOT_API_KEY"),
    Row {
        address: Address::Fixed("https://api.z.ai/api/paas/v4"),
        ..hosted("zai", "zhipu", "ZAI_API_KEY")
    },
    Row {
        address: Address::Fixed("https://dashscope-intl.aliyuncs.com/compatible-mode/v1"),
        ..hosted("dashscope", "qwen", "DASHSCOPE_API_KEY")
    },
    own("hosted_vllm", "vllm", Address::Variable("HOSTED_VLLM_API_BASE")),
    own("lm_studio", "lm_studio", Address::Variable("LM_STUDIO_API_BASE")),
    own("llamafile", "llama_cpp", Address::Ours),
    own("openai_like", "openai_compatible", Address::None),
    own("custom_openai", "openai_compatible", Address::None),
];

/// What `model` and `custom_llm_provider` name together.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Named<'a> {
    pub(super) row: &'static Row,
    pub(super) model_name: &'a str,
}

/// Finds the provider, or says why there is none.
pub(super) fn find<'a>(model: &'a str, custom_provider: Option<&str>) -> Result<Named<'a>, String> {
    let (prefix, rest) = match model.split_once('/') {
        Some((prefix, rest)) => (Some(prefix), rest),
        None => (None, model),
    };
    if let Some(custom) = custom_provider {
        let model_name = if prefix == Some(custom) { rest } else { model };
        return row(custom)
            .map(|row| Named { row, model_name })
            .ok_or_else(|| not_available(custom));
    }
    let Some(prefix) = prefix else {
        return bare(model);
    };
    row(prefix)
        .map(|row| Named {
            row,
            model_name: rest,
        })
        .ok_or_else(|| not_available(prefix))
}

fn row(prefix: &str) -> Option<&'static Row> {
    ROWS.iter().find(|row| row.prefix == prefix)
}

/// A name without a provider. LiteLLM looks it up in its table of models; the names of OpenAI's
/// are plain enough to be told without one.
fn bare(model: &str) -> Result<Named<'_>, String> {
    const OPENAI: [&str; 8] = [
        "gpt-",
        "chatgpt-",
        "o1",
        "o3",
        "o4",
        "text-embedding-",
        "ft:gpt-",
        "ft:o",
    ];
    if let Some(row) = row("openai")
        && OPENAI.iter().any(|start| model.starts_with(start))
    {
        return Ok(Named {
            row,
            model_name: model,
        });
    }
    for (start, provider) in [
        ("claude", "anthropic"),
        ("gemini", "gemini"),
        ("command", "cohere"),
    ] {
        if model.starts_with(start) {
            return Err(not_available(provider));
        }
    }
    Err(format!(
        "the provider of `{model}` is not named: write it as PROVIDER/{model}"
    ))
}

fn not_available(provider: &str) -> String {
    let advice = match provider {
        "ollama" | "ollama_chat" => {
            "; its OpenAI-compatible address works, as openai_compatible at http://HOST:11434/v1"
        }
        _ => "",
    };
    format!("the provider `{provider}` is not available in this version{advice}")
}
