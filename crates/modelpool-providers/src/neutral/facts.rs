//! What the engine looks at in a request, from its neutral form.

use modelpool_core::facts::{TextSize, estimate_tokens, speaks_of_images};
use modelpool_core::{Operation, RequestFacts};

use super::{Content, Conversation, Message, OutputForm, Role};

/// Tokens an image is taken for: between a small and a large one of today's models.
pub(crate) const TOKENS_PER_IMAGE: u64 = 1_000;

/// Facts of a request whose body has so many bytes.
pub(crate) fn facts_of(conversation: &Conversation, body_bytes: usize) -> RequestFacts {
    let mut facts = RequestFacts {
        operation: Operation::Chat,
        stream: conversation.stream,
        body_bytes,
        output_tokens: conversation.max_output_tokens,
        messages: count(conversation.messages.len()),
        tools: count(conversation.tools.len()),
        parallel_tools: conversation.parallel_tools == Some(true),
        json_mode: conversation.output == OutputForm::Json,
        json_schema: matches!(conversation.output, OutputForm::Schema { .. }),
        output_format: conversation.output != OutputForm::Text,
        choices: conversation.choices.unwrap_or(1),
        logprobs: conversation.logprobs.is_some(),
        goes_on_from: answered_call(conversation),
        speaks_of_images: false,
        ..RequestFacts::default()
    };
    for message in &conversation.messages {
        facts.system_message |= message.role == Role::System;
        for content in &message.content {
            add(&mut facts, content);
        }
    }
    facts.input_tokens += u64::from(facts.images) * TOKENS_PER_IMAGE;
    for tool in &conversation.tools {
        let schema = tool
            .parameters
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default();
        let words = [
            &tool.name,
            tool.description.as_deref().unwrap_or_default(),
            &schema,
        ];
        facts.input_tokens += words.into_iter().map(estimate_tokens).sum::<u64>();
    }
    facts
}

/// Whether the last message of the user speaks of a picture.
pub(crate) fn last_message_speaks_of_images(conversation: &Conversation) -> bool {
    let is_user = |message: &&Message| message.role == Role::User;
    let last = conversation.messages.iter().rev().find(is_user);
    last.is_some_and(|message| speaks_of_images(&message.text()))
}

/// The call that the last message is the result of.
fn answered_call(conversation: &Conversation) -> Option<Box<str>> {
    match conversation.messages.last()?.content.last()? {
        Content::ToolResult(result) => Some(result.call_id.as_str().into()),
        _ => None,
    }
}

fn add(facts: &mut RequestFacts, content: &Content) {
    let mut add_text = |text: &str| {
        let size = TextSize::of(text);
        facts.text_characters += size.characters();
        facts.input_tokens += size.tokens();
    };
    match content {
        Content::Text(text) => add_text(&text.text),
        Content::Refusal(text) => add_text(text),
        Content::Reasoning(reasoning) => add_text(&reasoning.text),
        Content::ToolCall(call) => add_text(&call.arguments),
        Content::Image(_) => facts.images += 1,
        Content::Audio(_) => facts.audio += 1,
        Content::Document(_) => facts.files += 1,
        Content::ToolResult(result) => {
            for part in &result.content {
                add(facts, part);
            }
        }
    }
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::{Media, Source, Tool, ToolResult};
    use super::*;

    #[test]
    fn everything_is_counted_wherever_it_stands() {
        let image = || Content::Image(Media::of(Source::Url("https://a/b.png".to_owned())));
        let result = ToolResult {
            call_id: "call-1".to_owned(),
            content: vec![Content::text("1234"), image()],
            ..ToolResult::default()
        };
        let conversation = Conversation {
            messages: vec![
                Message::new(Role::System, vec![Content::text("be brief")]),
                Message::new(Role::User, vec![Content::text("请看图片"), image()]),
                Message::new(Role::Tool, vec![Content::ToolResult(result)]),
            ],
            tools: vec![Tool::default()],
            output: OutputForm::Json,
            max_output_tokens: Some(7),
            stream: true,
            ..Conversation::default()
        };
        let facts = facts_of(&conversation, 99);
        assert_eq!(
            (facts.messages, facts.images, facts.tools, facts.body_bytes),
            (3, 2, 1, 99)
        );
        assert_eq!(facts.text_characters, 8 + 4 + 4);
        assert_eq!((facts.output_tokens, facts.choices), (Some(7), 1));
        assert!(facts.stream && facts.system_message && facts.json_mode && facts.output_format);
        assert!(!facts.json_schema && !facts.logprobs);
        assert!(facts.input_tokens > 2 * TOKENS_PER_IMAGE);
        assert!(last_message_speaks_of_images(&conversation));
        assert_eq!(facts.goes_on_from.as_deref(), Some("call-1"));
    }
}
