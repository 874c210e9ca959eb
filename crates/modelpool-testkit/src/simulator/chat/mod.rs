//! `POST /v1/chat/completions`, plain and streamed.
//!
//! [`request`] reads what is asked, [`compose`] decides what to say (text,
//! tool calls or structured output), and [`plain`] and [`stream`] write it in
//! the two forms. Shapes follow
//! <https://platform.openai.com/docs/api-reference/chat>.

mod compose;
mod plain;
mod request;
mod stream;
mod tools;

use std::time::Duration;

pub(super) use request::ChatRequest;

use super::api_error::ApiError;
use super::behaviour::ModelBehaviour;
use super::reply::Reply;
use super::state::SimulatedModel;
use super::tokens::TokenText;

impl ChatRequest<'_> {
    /// The answer when nothing goes wrong; `id` is the number of the request.
    pub(super) fn answer(&self, model: &SimulatedModel, id: u64) -> Result<Reply, ApiError> {
        let behaviour = &model.behaviour;
        if behaviour.reject_unknown_parameters {
            self.refuse_unknown_parameters()?;
        }
        if behaviour.reject_images
            && let Some(place) = self.first_image()
        {
            let message = "Invalid content type. image_url is only supported by certain models.";
            return Err(ApiError::invalid_request(message).about(place));
        }
        self.refuse_what_it_lacks(behaviour)?;
        let sent_tokens = self.prompt_tokens();
        let prompt_tokens = behaviour.reads_tokens.unwrap_or(u64::MAX).min(sent_tokens);
        if let Some(window) = behaviour.context_window
            && prompt_tokens.saturating_add(self.max_output().unwrap_or(0)) > window
        {
            return Err(ApiError::context_length(window, prompt_tokens, self.max_output()));
        }
        let answer = compose::compose(self, model, prompt_tokens, id);
        let mut reply = if self.wants_stream() {
            let flags = stream::Flags::new(self, behaviour);
            let script = stream::script(answer, flags, behaviour);
            Reply::events(script, behaviour.framing.clone())
        } else {
            let gaps = u32::try_from(answer.longest_choice()).unwrap_or(u32::MAX);
            let mut reply = Reply::json(&plain::completion(&answer));
            reply.head_after = Duration::from_millis(behaviour.first_token_ms)
                .saturating_add(behaviour.gap().saturating_mul(gaps.saturating_sub(1)));
            reply
        };
        reply.head_after = reply
            .head_after
            .saturating_add(Duration::from_millis(behaviour.head_after_ms));
        Ok(reply)
    }
}

impl ChatRequest<'_> {
    /// Refuses what the model has not got, each in the words of a server that does.
    fn refuse_what_it_lacks(&self, behaviour: &ModelBehaviour) -> Result<(), ApiError> {
        let model = &self.model;
        if behaviour.reject_tools && !self.functions().is_empty() {
            let message = format!("registry.ollama.ai/library/{model} does not support tools");
            return Err(ApiError::invalid_request(message));
        }
        let format = self.response_format().and_then(|format| format.get("type"));
        if behaviour.reject_json_schema && format.is_some_and(|kind| kind == "json_schema") {
            let message = "Invalid parameter: 'response_format' of type 'json_schema' is not supported with this \
                 model.";
            return Err(ApiError::invalid_request(message).about("response_format"));
        }
        if behaviour.reject_prefill && self.last_said_by("assistant").is_some() {
            let message = "This model does not support assistant message prefill. The conversation must end with \
                 a user message.";
            return Err(ApiError::invalid_request(message));
        }
        Ok(())
    }
}

/// What a chat completion says, before it is written in either form.
struct Answer {
    /// `chatcmpl-sim` and the number of the request.
    id: String,
    model: String,
    choices: Vec<Choice>,
    usage: Usage,
}

impl Answer {
    /// The tokens of the longest choice; choices are generated side by side.
    fn longest_choice(&self) -> usize {
        self.choices.iter().map(Choice::tokens).max().unwrap_or(0)
    }
}

/// One of the `n` answers to a request.
#[derive(Debug, Clone, Default)]
struct Choice {
    reasoning: Option<TokenText>,
    /// `None` where tool calls stand in its place.
    content: Option<TokenText>,
    tool_calls: Vec<ToolCall>,
    finish_reason: FinishReason,
}

impl Choice {
    fn tokens(&self) -> usize {
        let text = |text: &Option<TokenText>| text.as_ref().map_or(0, TokenText::len);
        let calls: usize = self.tool_calls.iter().map(|call| call.arguments.len()).sum();
        text(&self.reasoning) + text(&self.content) + calls
    }
}

/// A call of one tool.
#[derive(Debug, Clone)]
struct ToolCall {
    id: String,
    name: String,
    /// JSON, unless `max_tokens` cut it.
    arguments: TokenText,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum FinishReason {
    #[default]
    Stop,
    Length,
    ToolCalls,
}

impl FinishReason {
    fn name(self) -> &'static str {
        match self {
            FinishReason::Stop => "stop",
            FinishReason::Length => "length",
            FinishReason::ToolCalls => "tool_calls",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Usage {
    prompt_tokens: u64,
    cached_tokens: u64,
    completion_tokens: u64,
    reasoning_tokens: u64,
}
