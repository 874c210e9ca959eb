//! Phases 1 and 2 until the real ones are there.

use crate::context::*;
use crate::{BoxFuture, Message};

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Plain;

impl ContextEngine for Plain {
    fn retrieve<'a>(&'a self, query: Query<'a>) -> BoxFuture<'a, Result<Retrieved, PhaseError>> {
        let mut found = Retrieved::default();
        for (place, message) in query.session.history.iter().enumerate() {
            let tokens = super::context::tokens_of(message);
            found.items.push(ContextItem::new(
                Source::History(place),
                message.clone(),
                1.0,
                tokens,
            ));
        }
        for document in &query.session.documents {
            let message = Message::user(document.text.clone());
            let tokens = super::context::tokens_of(&message);
            found.items.push(ContextItem::new(
                Source::Document(document.name.clone()),
                message,
                1.0,
                tokens,
            ));
        }
        found.tokens = found.items.iter().map(|item| item.tokens).sum();
        found.characters = found
            .items
            .iter()
            .map(|item| item.message.text().chars().count() as u64)
            .sum();
        Box::pin(std::future::ready(Ok(found)))
    }
}

impl ContextProcessor for Plain {
    fn process<'a>(
        &'a self,
        _: Query<'a>,
        mut found: Retrieved,
        demand: TokenDemand,
    ) -> BoxFuture<'a, Result<Retrieved, PhaseError>> {
        while found.tokens > demand.for_context() && !found.items.is_empty() {
            let item = found.items.remove(0);
            found.tokens -= item.tokens;
        }
        Box::pin(std::future::ready(Ok(found)))
    }
}

impl ContextManager for Plain {
    fn assemble<'a>(
        &'a self,
        query: Query<'a>,
        context: Retrieved,
    ) -> BoxFuture<'a, Result<ManagedContext, PhaseError>> {
        let mut messages: Vec<Message> = query.session.instructions.iter().map(Message::system).collect();
        messages.extend(context.items.into_iter().map(|item| item.message));
        messages.push(query.message.clone());
        let tokens = messages.iter().map(super::context::tokens_of).sum();
        Box::pin(std::future::ready(Ok(ManagedContext {
            messages,
            tokens,
            ..ManagedContext::default()
        })))
    }
}
