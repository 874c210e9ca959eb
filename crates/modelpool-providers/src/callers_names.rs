//! What a caller calls a member of its request.
//!
//! Wires name what they cannot say by the words of OpenAI's chat completions, for they write from a neutral form. A
//! caller of another dialect would look for such a member in vain. What stands in a message is told by the name of the
//! list alone: instructions are messages in neutral form, and places shift by them.

use modelpool_core::provider::Dialect;

use crate::neutral::Conversation;

/// The names of one request.
pub(crate) struct CallersNames<'a> {
    dialect: Dialect,
    conversation: &'a Conversation,
}

const RESPONSES: &[(&str, &str)] = &[
    ("messages", "input"),
    ("response_format", "text.format"),
    ("reasoning_effort", "reasoning.effort"),
    ("logprobs", "top_logprobs"),
    ("max_tokens", "max_output_tokens"),
];

const ANTHROPIC: &[(&str, &str)] = &[
    ("messages", "messages"),
    ("stop", "stop_sequences"),
    ("parallel_tool_calls", "tool_choice.disable_parallel_tool_use"),
    ("reasoning_effort", "thinking"),
    ("response_format", "output_config.format"),
];

const GEMINI: &[(&str, &str)] = &[
    ("messages", "contents"),
    ("n", "generationConfig.candidateCount"),
    ("logprobs", "generationConfig.responseLogprobs"),
    ("top_logprobs", "generationConfig.logprobs"),
    ("response_format", "generationConfig.responseMimeType"),
    ("stop", "generationConfig.stopSequences"),
    ("seed", "generationConfig.seed"),
    ("temperature", "generationConfig.temperature"),
    ("top_p", "generationConfig.topP"),
    ("top_k", "generationConfig.topK"),
    ("frequency_penalty", "generationConfig.frequencyPenalty"),
    ("presence_penalty", "generationConfig.presencePenalty"),
    ("max_tokens", "generationConfig.maxOutputTokens"),
    ("reasoning_effort", "generationConfig.thinkingConfig"),
    ("tool_choice", "toolConfig.functionCallingConfig"),
];

impl<'a> CallersNames<'a> {
    /// Of a request in that dialect.
    pub(crate) fn of(dialect: Dialect, conversation: &'a Conversation) -> Self {
        Self {
            dialect,
            conversation,
        }
    }

    /// The caller's name of a field.
    pub(crate) fn of_field(&self, field: String) -> String {
        let names = match self.dialect {
            Dialect::OpenAiResponses => RESPONSES,
            Dialect::Anthropic => ANTHROPIC,
            Dialect::Gemini => GEMINI,
            _ => return field,
        };
        let conversation = self.conversation;
        if conversation.untranslatable.contains(&field) || conversation.hints.contains_key(&field) {
            // These are the caller's words already.
            return field;
        }
        let member = field.split(['[', '.']).next().unwrap_or_default();
        match names.iter().find(|(neutral, _)| *neutral == member) {
            Some((_, name)) => (*name).to_owned(),
            None => field,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_have_the_names_of_the_dialect() {
        let conversation = Conversation {
            untranslatable: vec!["messages[1].content[0]".to_owned()],
            ..Conversation::default()
        };
        for (dialect, field, expected) in [
            (
                Dialect::OpenAiChat,
                "messages[2].content[0]",
                "messages[2].content[0]",
            ),
            (Dialect::OpenAiResponses, "messages[2].content[0]", "input"),
            (
                Dialect::Anthropic,
                "messages[1].content[0]",
                "messages[1].content[0]",
            ),
            (Dialect::Anthropic, "messages[2].content[0]", "messages"),
            (Dialect::Anthropic, "stop", "stop_sequences"),
            (Dialect::Gemini, "n", "generationConfig.candidateCount"),
            (Dialect::Gemini, "tools[0].strict", "tools[0].strict"),
        ] {
            let names = CallersNames::of(dialect, &conversation);
            assert_eq!(names.of_field(field.to_owned()), expected, "{dialect:?}");
        }
    }
}
