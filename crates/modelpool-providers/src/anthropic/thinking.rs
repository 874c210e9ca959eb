//! How much a model is to think: the members `thinking` and `output_config.effort` of a request.
//!
//! Thinking is a matter of how well and how dear, not of what is said. So where a model or the rest of a request
//! stands against it, it is left out and named, and the request is made. With a budget
//! (<https://platform.claude.com/docs/en/build-with-claude/extended-thinking>) it is at least 1024 tokens and fewer
//! than `max_tokens`.

use serde_json::{Value, json};

use super::generation::Generation;
use crate::neutral::{Content, Conversation, Effort, Issuer, Message, Reasoning, Role, ToolChoice};

/// The least budget the wire takes.
const LEAST_BUDGET: u64 = 1_024;

/// What is written.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Thinking {
    /// The member `thinking`.
    pub(super) member: Option<Value>,
    pub(super) effort: Option<&'static str>,
    /// Tokens it may take of the answer's.
    pub(super) budget: u64,
    /// The model is told to think, which binds its sampling.
    pub(super) on: bool,
}

/// What is written of the caller's wish. `prefill`: the answer begins with the assistant's last message.
pub(super) fn thinking(
    conversation: &Conversation,
    generation: Generation,
    prefill: bool,
    dropped: &mut Vec<String>,
) -> Thinking {
    let Some(reasoning) = &conversation.reasoning else {
        return Thinking::default();
    };
    let name = if reasoning.effort.is_some() {
        "reasoning_effort"
    } else {
        "thinking"
    };
    if reasoning.as_budget_tokens() == Some(0) {
        return off(generation, name, dropped);
    }
    let forced = matches!(
        conversation.tool_choice,
        Some(ToolChoice::Required | ToolChoice::Named(_))
    );
    let against = !generation.thinks() || forced || prefill;
    if generation.is_adaptive() {
        if against && !generation.always_thinks() {
            dropped.push("thinking".to_owned());
            return without(reasoning, generation);
        }
        return adaptive(reasoning, generation);
    }
    if against || in_a_turn_of_others(conversation) {
        dropped.push(name.to_owned());
        return Thinking::default();
    }
    if reasoning.visible == Some(false) {
        dropped.push("thinking.display".to_owned());
    }
    within_budget(reasoning, conversation.max_output_tokens, name, dropped)
}

fn off(generation: Generation, name: &str, dropped: &mut Vec<String>) -> Thinking {
    let mut thinking = Thinking::default();
    if generation.always_thinks() {
        dropped.push(name.to_owned());
        thinking.effort = Some(generation.word(Effort::None));
    } else if !generation.thinks_only_when_asked() {
        thinking.member = Some(json!({"type": "disabled"}));
    }
    thinking
}

fn adaptive(reasoning: &Reasoning, generation: Generation) -> Thinking {
    let mut member = json!({"type": "adaptive"});
    if let Some(visible) = reasoning.visible {
        member["display"] = Value::from(if visible { "summarized" } else { "omitted" });
    }
    Thinking {
        member: Some(member),
        effort: reasoning.as_effort().map(|effort| generation.word(effort)),
        budget: 0,
        on: true,
    }
}

/// Thinking that is not to be, with its effort, which leads the rest of the answer too. More than a high one is
/// refused without thinking.
fn without(reasoning: &Reasoning, generation: Generation) -> Thinking {
    let effort = reasoning.as_effort().map(|effort| effort.min(Effort::High));
    Thinking {
        member: Some(json!({"type": "disabled"})),
        effort: effort.map(|effort| generation.word(effort)),
        ..Thinking::default()
    }
}

fn within_budget(
    reasoning: &Reasoning,
    max_tokens: Option<u64>,
    name: &str,
    dropped: &mut Vec<String>,
) -> Thinking {
    let wanted = reasoning
        .as_budget_tokens()
        .unwrap_or_else(|| Effort::Medium.budget_tokens());
    // Without a limit of the caller's, the budget is added to the limit that is written.
    let most = max_tokens.map_or(u64::MAX, |tokens| tokens.saturating_sub(1));
    if most < LEAST_BUDGET {
        dropped.push(name.to_owned());
        return Thinking::default();
    }
    let budget = wanted.clamp(LEAST_BUDGET, most);
    if reasoning.budget_tokens.is_some_and(|own| own != budget) {
        dropped.push("thinking.budget_tokens".to_owned());
    }
    Thinking {
        member: Some(json!({"type": "enabled", "budget_tokens": budget})),
        effort: None,
        budget,
        on: true,
    }
}

/// Tools were called in the turn that goes on, and no thinking of Anthropic's stands before the calls. With a
/// budget the wire wants it there; adaptive thinking does not.
fn in_a_turn_of_others(conversation: &Conversation) -> bool {
    let said = conversation.messages.iter();
    let said: Vec<&Message> = said.filter(|message| message.role != Role::System).collect();
    // What a user says beside results of tools begins no turn.
    let begins = said.iter().enumerate().rposition(|(at, message)| {
        let before = at.checked_sub(1).and_then(|before| said.get(before));
        message.role == Role::User && before.is_none_or(|before| before.role != Role::Tool)
    });
    let turn = said.iter().skip(begins.unwrap_or_default());
    let contents: Vec<&Content> = turn
        .filter(|message| message.role == Role::Assistant)
        .flat_map(|message| &message.content)
        .collect();
    let calls = contents.iter().any(|part| matches!(part, Content::ToolCall(_)));
    calls && !contents.iter().any(|part| is_own_thinking(part))
}

fn is_own_thinking(part: &Content) -> bool {
    let Content::Reasoning(part) = part else {
        return false;
    };
    let signatures = part.signature.iter().chain(&part.encrypted);
    signatures.into_iter().any(|own| own.issuer == Issuer::Anthropic)
}
