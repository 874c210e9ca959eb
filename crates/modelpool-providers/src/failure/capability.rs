//! Which capability a refusal denies the model.

use modelpool_core::Flag;

use super::Signals;

/// Words that are told of one capability, the narrower first.
static WORDS: [(&str, Flag); 23] = [
    ("parallel_tool_calls", Flag::ParallelTools),
    ("parallel tool", Flag::ParallelTools),
    ("image", Flag::Vision),
    (" vision", Flag::Vision),
    ("multimodal", Flag::Vision),
    ("audio", Flag::Audio),
    ("pdf", Flag::Pdf),
    ("json_schema", Flag::JsonSchema),
    ("structured output", Flag::JsonSchema),
    ("response_format", Flag::JsonMode),
    ("json mode", Flag::JsonMode),
    ("tools", Flag::Tools),
    ("tool use", Flag::Tools),
    ("tool call", Flag::Tools),
    ("tool choice", Flag::Tools),
    ("function call", Flag::Tools),
    ("system message", Flag::SystemMessage),
    ("system role", Flag::SystemMessage),
    ("'system'", Flag::SystemMessage),
    ("developer instruction", Flag::SystemMessage),
    ("not support thinking", Flag::Reasoning),
    ("not support embed", Flag::Embeddings),
    ("not support stream", Flag::Streaming),
];

/// Words after which nothing is said of a capability: the model has it, and refuses how it was used.
static ABOUT_SOMETHING_ELSE: [&str; 8] = [
    "unsupported image",
    "image format",
    "image url",
    "mime",
    "media type",
    "media_type",
    "tool_choice",
    "output tokens",
];

/// The capability the model lacks, where the refusal tells. Models are kept from requests by
/// this, so it says rather nothing than what may be wrong.
pub(super) fn capability(signals: &Signals) -> Option<Flag> {
    if let Some(param) = signals.param.as_deref() {
        // `messages[0].content` and the like say nothing by themselves.
        match param.split(['.', '[']).next().unwrap_or(param) {
            "tools" | "functions" => return Some(Flag::Tools),
            "parallel_tool_calls" => return Some(Flag::ParallelTools),
            "messages" | "response_format" | "" => {}
            _ => return None,
        }
    }
    if ABOUT_SOMETHING_ELSE
        .iter()
        .any(|words| signals.message.contains(words))
    {
        return None;
    }
    WORDS
        .iter()
        .find(|(word, _)| signals.message.contains(word))
        .map(|(_, flag)| *flag)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lacks(message: &str, param: Option<&str>) -> Option<Flag> {
        capability(&Signals {
            message: message.to_owned(),
            param: param.map(str::to_owned),
            ..Signals::default()
        })
    }

    #[test]
    fn by_words_and_by_parameter() {
        assert_eq!(lacks("llama3 does not support tools", None), Some(Flag::Tools));
        assert_eq!(
            lacks(
                "image_url is only supported by certain models",
                Some("messages[0]")
            ),
            Some(Flag::Vision)
        );
        assert_eq!(lacks("not supported", Some("tools")), Some(Flag::Tools));
        let schema = "'response_format' of type 'json_schema' is not supported";
        assert_eq!(lacks(schema, Some("response_format")), Some(Flag::JsonSchema));
    }

    #[test]
    fn how_it_was_used_is_not_that_it_lacks() {
        assert_eq!(lacks("unsupported image format: tiff", None), None);
        assert_eq!(lacks("tool_choice 'required' is not supported", None), None);
        assert_eq!(
            lacks("'temperature' is not supported with tools", Some("temperature")),
            None
        );
        assert_eq!(
            lacks("this revision of the function is not supported", None),
            None
        );
    }
}
