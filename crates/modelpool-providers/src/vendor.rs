//! Who serves models, as rows of data.

use crate::openai_chat::ChatWire;

/// How a vendor comes to send usage at the end of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamUsage {
    /// When `stream_options.include_usage` asks for it, as OpenAI does.
    OnRequest,
    /// Always; it does not take the option.
    Unasked,
}

/// How a request says that its last message, the assistant's, is the beginning of the answer.
///
/// Whether a model takes one is its capability `supports_prefill`, not a matter of the vendor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PrefillForm {
    /// By standing last.
    LastMessage,
    /// By a member of the message that is `true`.
    MessageMember(&'static str),
    /// By members of the body.
    BodyMembers(&'static [(&'static str, bool)]),
}

/// One vendor: which wire it speaks, with which differences.
#[derive(Clone, Copy, Debug)]
pub struct Vendor {
    /// The name in a configuration.
    pub name: &'static str,
    /// Other names for the same.
    pub other_names: &'static [&'static str],
    /// Its address, up to but without `/chat/completions`; `None` where the user gives one.
    pub base_url: Option<&'static str>,
    /// The environment variable that usually holds its key.
    pub key_variable: Option<&'static str>,
    /// How usage comes at the end of a stream.
    pub stream_usage: StreamUsage,
    /// How a prefill is marked.
    pub prefill: PrefillForm,
    /// Its address for requests with a prefill, where that is another.
    pub prefill_base_url: Option<&'static str>,
    /// The wire protocol it speaks.
    pub wire: WireProtocol,
    /// The header that shows the key, where it is not `Authorization: Bearer`.
    pub key_header: Option<&'static str>,
    /// What is added to an address without a path, in place of `/v1`, where chat completions are its wire.
    pub path: &'static str,
    /// What it takes of the members of OpenAI's chat completions, where that is its wire.
    pub(crate) chat: ChatWire,
}

/// A wire protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WireProtocol {
    /// OpenAI's chat completions.
    OpenAiChat,
    /// OpenAI's responses.
    OpenAiResponses,
    /// Anthropic's messages.
    Anthropic,
    /// Gemini's `generateContent`.
    Gemini,
    /// Amazon Bedrock's Converse.
    Bedrock,
    /// Ollama's own.
    Ollama,
    /// Cohere's v2.
    Cohere,
}

impl Vendor {
    /// Whether a call to the vendor's own address needs a key.
    #[must_use]
    pub fn needs_key(&self) -> bool {
        self.key_variable.is_some()
    }
}

const fn hosted(name: &'static str, base_url: &'static str, key_variable: &'static str) -> Vendor {
    Vendor {
        name,
        other_names: &[],
        base_url: Some(base_url),
        key_variable: Some(key_variable),
        stream_usage: StreamUsage::OnRequest,
        prefill: PrefillForm::LastMessage,
        prefill_base_url: None,
        wire: WireProtocol::OpenAiChat,
        key_header: None,
        path: "/v1",
        chat: ChatWire::COMMON,
    }
}

const fn local(name: &'static str, base_url: Option<&'static str>) -> Vendor {
    Vendor {
        name,
        other_names: &[],
        base_url,
        key_variable: None,
        stream_usage: StreamUsage::OnRequest,
        prefill: PrefillForm::LastMessage,
        prefill_base_url: None,
        wire: WireProtocol::OpenAiChat,
        key_header: None,
        path: "/v1",
        chat: ChatWire::COMMON,
    }
}

/// Addresses and variables as they are generally known; not checked against each vendor's own
/// documentation yet. So is the form of a prefill where no page is named.
static VENDORS: [Vendor; 31] = [
    Vendor {
        chat: ChatWire::OPENAI,
        ..hosted("openai", "https://api.openai.com/v1", "OPENAI_API_KEY")
    },
    Vendor {
        // Sends usage in the last chunk by itself, and refuses parameters it does not know:
        // https://docs.mistral.ai/api/#tag/chat
        stream_usage: StreamUsage::Unasked,
        // `prefix` of an assistant message: https://docs.mistral.ai/api/#tag/chat
        prefill: PrefillForm::MessageMember("prefix"),
        ..hosted("mistral", "https://api.mistral.ai/v1", "MISTRAL_API_KEY")
    },
    Vendor {
        // Responses, for models and tools that chat completions do not have.
        wire: WireProtocol::OpenAiResponses,
        ..hosted("openai_responses", "https://api.openai.com/v1", "OPENAI_API_KEY")
    },
    Vendor {
        // The path before `/v1/messages`: https://docs.anthropic.com/en/api/overview
        wire: WireProtocol::Anthropic,
        ..hosted("anthropic", "https://api.anthropic.com", "ANTHROPIC_API_KEY")
    },
    Vendor {
        // https://ai.google.dev/api
        other_names: &["google"],
        wire: WireProtocol::Gemini,
        ..hosted(
            "gemini",
            "https://generativelanguage.googleapis.com/v1beta",
            "GEMINI_API_KEY",
        )
    },
    Vendor {
        // `https://REGION-aiplatform.googleapis.com/v1/projects/PROJECT/locations/REGION/publishers/google`, with
        // an access token as the key.
        other_names: &["vertex_ai"],
        wire: WireProtocol::Gemini,
        ..local("vertex", None)
    },
    Vendor {
        // The address has the region in it, and the key may sign: see `bedrock` in the registry.
        other_names: &["aws_bedrock", "amazon_bedrock"],
        wire: WireProtocol::Bedrock,
        ..local("bedrock", None)
    },
    Vendor {
        // Its v1 addresses take the model in the body and no api-version; older ones are given with their
        // path and query: `https://NAME.openai.azure.com/openai/deployments/MODEL?api-version=2024-10-21`.
        // https://learn.microsoft.com/en-us/azure/ai-foundry/openai/api-version-lifecycle
        other_names: &["azure_openai"],
        key_header: Some("api-key"),
        path: "/openai/v1",
        chat: ChatWire::OPENAI,
        ..local("azure", None)
    },
    hosted("groq", "https://api.groq.com/openai/v1", "GROQ_API_KEY"),
    Vendor {
        // Beta, and at an address of its own:
        // https://api-docs.deepseek.com/guides/chat_prefix_completion
        prefill: PrefillForm::MessageMember("prefix"),
        prefill_base_url: Some("https://api.deepseek.com/beta"),
        ..hosted("deepseek", "https://api.deepseek.com/v1", "DEEPSEEK_API_KEY")
    },
    hosted("xai", "https://api.x.ai/v1", "XAI_API_KEY"),
    hosted("together", "https://api.together.xyz/v1", "TOGETHER_API_KEY"),
    hosted(
        "fireworks",
        "https://api.fireworks.ai/inference/v1",
        "FIREWORKS_API_KEY",
    ),
    hosted("openrouter", "https://openrouter.ai/api/v1", "OPENROUTER_API_KEY"),
    Vendor {
        // Usage comes with every chunk: https://docs.perplexity.ai/api-reference
        stream_usage: StreamUsage::Unasked,
        ..hosted("perplexity", "https://api.perplexity.ai", "PERPLEXITY_API_KEY")
    },
    hosted("cerebras", "https://api.cerebras.ai/v1", "CEREBRAS_API_KEY"),
    // Address, bearer key and `stream_options`: https://docs.sambanova.ai/cloud/docs/resources/glossary; the variable:
    // https://docs.pipecat.ai/server/services/llm/sambanova. Read on 2026-11-27.
    hosted("sambanova", "https://api.sambanova.ai/v1", "SAMBANOVA_API_KEY"),
    // Address and variable: https://docs.tokenfactory.nebius.com/api-reference/introduction, read on 2026-11-27. Its
    // address was `api.studio.nebius.com` before.
    hosted(
        "nebius",
        "https://api.tokenfactory.nebius.com/v1",
        "NEBIUS_API_KEY",
    ),
    hosted("nvidia", "https://integrate.api.nvidia.com/v1", "NVIDIA_API_KEY"),
    Vendor {
        // https://platform.kimi.ai/docs/guide/use-partial-mode-feature-of-kimi-api
        prefill: PrefillForm::MessageMember("partial"),
        ..hosted("moonshot", "https://api.moonshot.ai/v1", "MOONSHOT_API_KEY")
    },
    Vendor {
        other_names: &["zhipuai", "bigmodel"],
        ..hosted("zhipu", "https://open.bigmodel.cn/api/paas/v4", "ZHIPUAI_API_KEY")
    },
    Vendor {
        other_names: &["dashscope"],
        // https://help.aliyun.com/en/model-studio/partial-mode
        prefill: PrefillForm::MessageMember("partial"),
        ..hosted(
            "qwen",
            "https://dashscope.aliyuncs.com/compatible-mode/v1",
            "DASHSCOPE_API_KEY",
        )
    },
    Vendor {
        // Not both at once, says its own description of the two, which
        // https://github.com/ggml-org/llama.cpp/issues/11755 quotes.
        prefill: PrefillForm::BodyMembers(&[
            ("continue_final_message", true),
            ("add_generation_prompt", false),
        ]),
        ..local("vllm", Some("http://127.0.0.1:8000/v1"))
    },
    Vendor {
        // An assistant message that stands last is a prefill, unless the server was started with
        // that switched off; see https://github.com/ggml-org/llama.cpp/pull/23012.
        other_names: &["llama.cpp", "llamacpp", "llama-server"],
        ..local("llama_cpp", Some("http://127.0.0.1:8080/v1"))
    },
    Vendor {
        other_names: &["lmstudio", "lm studio", "lm-studio"],
        ..local("lm_studio", Some("http://127.0.0.1:1234/v1"))
    },
    Vendor {
        // Its own wire, which loads models and says so; its `/v1` is reached as `openai_compatible`.
        wire: WireProtocol::Ollama,
        ..local("ollama", Some("http://127.0.0.1:11434"))
    },
    Vendor {
        wire: WireProtocol::Cohere,
        ..hosted("cohere", "https://api.cohere.com", "COHERE_API_KEY")
    },
    local("openai_compatible", None),
    local("openai_chat", None),
    local("local", None),
    local("custom", None),
];

/// All vendors of the table.
#[must_use]
pub fn vendors() -> &'static [Vendor] {
    &VENDORS
}

/// The vendor of that name, or of that other name.
///
/// ```
/// use modelpool_providers::find_vendor;
/// assert_eq!(find_vendor("dashscope").unwrap().name, "qwen");
/// assert!(find_vendor("opnai").is_none());
/// ```
#[must_use]
pub fn find_vendor(name: &str) -> Option<&'static Vendor> {
    VENDORS
        .iter()
        .find(|vendor| vendor.name == name || vendor.other_names.contains(&name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn names_are_unique_and_addresses_are_addresses() {
        let mut names = HashSet::new();
        for vendor in vendors() {
            for name in std::iter::once(&vendor.name).chain(vendor.other_names) {
                assert!(names.insert(*name), "{name} stands twice");
            }
            for url in vendor.base_url.iter().chain(&vendor.prefill_base_url) {
                let uri: http::Uri = url.parse().unwrap();
                assert!(uri.host().is_some() && !url.ends_with('/'), "{url}");
            }
        }
    }
}
