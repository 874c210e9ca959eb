//! The end of phase 2: what is left becomes the messages of the call.
//!
//! ```text
//! system   the instructions
//! system   instructions that the history begins with
//! user     one block of passages, each with its name and place
//! …        the history, in its order
//! user     the user's message, images included
//! ```
//!
//! The passages speak as the user does, not as instructions do: vendors train their models to obey what stands in `system`, and
//! a document is nobody to obey. Where a model's template wants user and assistant by turns, [`PromptManager::passages_in_system`] puts
//! the block behind the instructions, in one message with them.

use std::sync::Arc;

use super::tokens::Tokenizers;
use super::turns::turns;
use super::{ContextManager, ManagedContext, Omission, PhaseError, Query, Retrieved, Source, block};
use crate::{BoxFuture, Message, Role};

/// The default of the end of phase 2.
#[derive(Clone, Debug, Default)]
pub struct PromptManager {
    tokenizers: Arc<Tokenizers>,
    in_system: bool,
}

impl PromptManager {
    /// One that counts with these tokenizers.
    #[must_use]
    pub fn new(tokenizers: Arc<Tokenizers>) -> Self {
        Self {
            tokenizers,
            in_system: false,
        }
    }

    /// Puts the passages behind the instructions, in the same message: for models that want user and assistant by turns.
    #[must_use]
    pub fn passages_in_system(mut self) -> Self {
        self.in_system = true;
        self
    }

    fn messages(&self, query: Query<'_>, context: &Retrieved) -> Result<Vec<Message>, PhaseError> {
        let fail = |message: String| PhaseError {
            phase: "assemble",
            message,
        };
        if query.message.role() != Role::User {
            return Err(fail(format!(
                "the user's message has the role {:?}, not user",
                query.message.role()
            )));
        }
        let mut history: Vec<(usize, &Message)> = Vec::new();
        let mut passages = Vec::new();
        for item in &context.items {
            match item.source {
                Source::History(at) => history.push((at, &item.message)),
                _ => passages.push(item),
            }
        }
        history.sort_by_key(|(at, _)| *at);
        let said: Vec<&Message> = history.iter().map(|(_, message)| *message).collect();
        let parts = turns(&said);
        if let Some(at) = parts.incomplete.first() {
            let what = "is a call of tools without their results, or a result without its call";
            return Err(fail(format!("message {} of the history {what}", history[*at].0)));
        }
        let (lead, said) = said.split_at(parts.lead.end);

        let mut instructions = query.session.instructions.clone().unwrap_or_default();
        let mut passages = block::block(passages);
        if let Some(passages) = passages.take_if(|_| self.in_system) {
            if !instructions.is_empty() {
                instructions.push_str("\n\n");
            }
            instructions.push_str(&passages);
        }
        let mut messages = Vec::with_capacity(history.len() + 3);
        if !instructions.trim().is_empty() {
            messages.push(Message::system(instructions));
        }
        messages.extend(lead.iter().copied().cloned());
        messages.extend(passages.map(Message::user));
        messages.extend(said.iter().copied().cloned());
        messages.push(query.message.clone());
        Ok(messages)
    }
}

impl ContextManager for PromptManager {
    fn assemble<'a>(
        &'a self,
        query: Query<'a>,
        context: Retrieved,
    ) -> BoxFuture<'a, Result<ManagedContext, PhaseError>> {
        Box::pin(async move {
            let messages = self.messages(query, &context)?;
            let for_size = |why: &Omission| matches!(why, Omission::Room | Omission::Cut);
            Ok(ManagedContext {
                tokens: self.tokenizers.of(query.model_name).messages(&messages),
                characters: messages
                    .iter()
                    .map(|message| message.text().chars().count() as u64)
                    .sum(),
                left_out: context.left_out.iter().filter(|left| for_size(&left.why)).count(),
                messages,
            })
        })
    }
}

#[cfg(test)]
mod tests;
