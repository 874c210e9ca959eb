//! Events as a stream of the dialect.
//!
//! Blocks follow each other, numbered from 0, one open at a time. Two things of the neutral events do not fit that,
//! and are held back: the beginning, until the first piece comes, so that it can say the input's tokens; and pieces of a
//! tool call that come before the call in front of it is complete. The reason and the usage stand in one event here:
//! a reason waits for the usage, or for the end.
//!
//! What ends without a reason, or was in an order that cannot be told, ends in an error event.

use std::collections::VecDeque;
use std::mem;

use bytes::Bytes;
use modelpool_core::{FinishReason, Usage};
use serde::de::IgnoredAny;
use serde_json::{Value, json};

use super::{answer, stop_reason, usage};
use crate::neutral::{Event, Head, Issuer, Piece, ToolCallPiece, made_up_id};
use crate::wire::Encoder;

/// Writes one stream.
#[derive(Debug)]
pub(super) struct MessagesEncoder {
    model: String,
    head: Head,
    usage: Option<Usage>,
    started: bool,
    open: Option<Open>,
    /// Blocks that have begun.
    blocks: u64,
    /// Numbers of the tool calls that have begun.
    calls: Vec<u32>,
    /// Pieces of calls that wait for the open call.
    held: Vec<ToolCallPiece>,
    finish: Option<(FinishReason, Option<String>)>,
    /// The reason and the usage are written.
    finished: bool,
    /// A piece came for a call that had ended.
    astray: bool,
}

/// The block that is open.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Open {
    Text,
    Thinking,
    Call {
        index: u32,
        /// Arguments so far.
        arguments: String,
    },
}

impl Encoder for MessagesEncoder {
    fn write(&mut self, event: &Event) -> Vec<Bytes> {
        let mut out = Vec::new();
        match event {
            _ if self.finished => {}
            Event::Begin(head) if !self.started => self.head = head.clone(),
            Event::Begin(_) => {}
            Event::Piece { choice: 0, piece } => self.piece(piece, &mut out),
            Event::Finish {
                choice: 0,
                reason,
                stop_sequence,
            } => self.finish = Some((reason.clone(), stop_sequence.clone())),
            // The dialect knows one answer.
            Event::Piece { .. } | Event::Finish { .. } => {}
            Event::Usage(usage) => {
                self.usage = Some(*usage);
                self.end_of_message(&mut out);
            }
        }
        out
    }

    fn end(&mut self) -> Vec<Bytes> {
        let mut out = Vec::new();
        self.end_of_message(&mut out);
        if self.finished {
            out.push(event("message_stop", &json!({"type": "message_stop"})));
        } else {
            let message = "the answer ended before it was complete";
            let error = json!({"type": "error", "error": {"type": "api_error", "message": message}});
            out.push(event("error", &error));
        }
        out
    }
}

impl MessagesEncoder {
    pub(super) fn new(model: &str) -> Self {
        Self {
            model: model.to_owned(),
            head: Head::default(),
            usage: None,
            started: false,
            open: None,
            blocks: 0,
            calls: Vec::new(),
            held: Vec::new(),
            finish: None,
            finished: false,
            astray: false,
        }
    }

    /// In the middle of a message of so many blocks, of which the last may be open.
    pub(super) fn standing(blocks: u64, open: Option<Open>) -> Self {
        Self {
            started: true,
            open,
            blocks,
            ..Self::new("")
        }
    }

    fn piece(&mut self, piece: &Piece, out: &mut Vec<Bytes>) {
        match piece {
            Piece::Text(text) | Piece::Refusal(text) if !text.is_empty() => {
                self.switch(Open::Text, || json!({"type": "text", "text": ""}), out);
                self.delta(&json!({"type": "text_delta", "text": text}), out);
            }
            Piece::Reasoning(text) if !text.is_empty() => {
                self.switch(Open::Thinking, empty_thinking, out);
                self.delta(&json!({"type": "thinking_delta", "thinking": text}), out);
            }
            Piece::Signature(signature) => {
                self.switch(Open::Thinking, empty_thinking, out);
                let signature = signature.written_for(Issuer::Anthropic);
                self.delta(&json!({"type": "signature_delta", "signature": signature}), out);
                // What is reasoned next has a signature of its own.
                self.close(out);
            }
            Piece::EncryptedReasoning(signature) => self.whole_block(&answer::redacted(signature), out),
            Piece::ToolCall(call) => self.call(call, out),
            Piece::Citation(citation)
                if self.open == Some(Open::Text) && answer::is_own_citation(citation) =>
            {
                self.delta(&json!({"type": "citations_delta", "citation": citation}), out);
            }
            // Empty, or without a place here.
            Piece::Text(_)
            | Piece::Refusal(_)
            | Piece::Reasoning(_)
            | Piece::Citation(_)
            | Piece::Logprobs(_) => {}
        }
    }

    fn call(&mut self, piece: &ToolCallPiece, out: &mut Vec<Bytes>) {
        match &mut self.open {
            Some(Open::Call { index, arguments }) if *index == piece.index => {
                arguments.push_str(&piece.arguments);
                self.arguments(&piece.arguments, out);
            }
            // It may still grow: what comes for another call waits.
            Some(Open::Call { arguments, .. }) if !is_whole(arguments) => self.held.push(piece.clone()),
            _ => {
                self.held.push(piece.clone());
                self.next_calls(out);
            }
        }
    }

    /// Goes on to the calls that wait, as far as they are whole; the one after them stays open.
    fn next_calls(&mut self, out: &mut Vec<Bytes>) {
        self.stop_open(out);
        let mut calls = VecDeque::from(whole_calls(mem::take(&mut self.held)));
        while let Some(call) = calls.pop_front() {
            self.open_call(&call, out);
            if calls.is_empty() || !is_whole(&call.arguments) {
                self.held = calls.into();
                return;
            }
            self.stop_open(out);
        }
    }

    fn open_call(&mut self, piece: &ToolCallPiece, out: &mut Vec<Bytes>) {
        if self.calls.contains(&piece.index) {
            // Some close a call with a piece that says nothing.
            self.astray |= !piece.arguments.trim().is_empty();
            return;
        }
        self.calls.push(piece.index);
        if let Some(signature) = &piece.signature {
            self.whole_block(&answer::call_signature(signature), out);
        }
        let name = piece.name.as_deref().unwrap_or_default();
        let id = piece.id.clone();
        let id = id.unwrap_or_else(|| made_up_id("toolu_", name.as_bytes(), piece.index as usize));
        let open = Open::Call {
            index: piece.index,
            arguments: piece.arguments.clone(),
        };
        self.switch(open, || answer::tool_use(&id, name, json!({})), out);
        self.arguments(&piece.arguments, out);
    }

    fn arguments(&self, arguments: &str, out: &mut Vec<Bytes>) {
        if !arguments.is_empty() {
            self.delta(
                &json!({"type": "input_json_delta", "partial_json": arguments}),
                out,
            );
        }
    }

    /// Begins the message, where that has not been done.
    fn start(&mut self, out: &mut Vec<Bytes>) {
        if mem::replace(&mut self.started, true) {
            return;
        }
        let message = answer::message(&self.head, &self.model, &self.usage.unwrap_or_default());
        out.push(event(
            "message_start",
            &json!({"type": "message_start", "message": message}),
        ));
    }

    /// Sees to it that a block of that kind is open.
    fn switch(&mut self, open: Open, block: impl FnOnce() -> Value, out: &mut Vec<Bytes>) {
        if self.open.as_ref() == Some(&open) {
            return;
        }
        self.close(out);
        self.start(out);
        let start = json!({"type": "content_block_start", "index": self.blocks, "content_block": block()});
        out.push(event("content_block_start", &start));
        self.blocks += 1;
        self.open = Some(open);
    }

    /// A block that begins and ends at once.
    fn whole_block(&mut self, block: &Value, out: &mut Vec<Bytes>) {
        self.close(out);
        self.start(out);
        let start = json!({"type": "content_block_start", "index": self.blocks, "content_block": block});
        out.push(event("content_block_start", &start));
        self.blocks += 1;
        self.stop(out);
    }

    fn delta(&self, delta: &Value, out: &mut Vec<Bytes>) {
        let index = self.blocks.saturating_sub(1);
        let grown = json!({"type": "content_block_delta", "index": index, "delta": delta});
        out.push(event("content_block_delta", &grown));
    }

    /// Ends the open block, and writes the calls that waited for it.
    fn close(&mut self, out: &mut Vec<Bytes>) {
        self.stop_open(out);
        for call in whole_calls(mem::take(&mut self.held)) {
            self.open_call(&call, out);
            self.stop_open(out);
        }
    }

    fn stop_open(&mut self, out: &mut Vec<Bytes>) {
        if self.open.take().is_some() {
            self.stop(out);
        }
    }

    fn stop(&self, out: &mut Vec<Bytes>) {
        let index = self.blocks.saturating_sub(1);
        let stop = json!({"type": "content_block_stop", "index": index});
        out.push(event("content_block_stop", &stop));
    }

    /// Writes the reason and the usage, if there is a reason and nothing went astray.
    fn end_of_message(&mut self, out: &mut Vec<Bytes>) {
        if self.finished || self.astray {
            return;
        }
        let Some((reason, stop_sequence)) = self.finish.take() else {
            return;
        };
        self.start(out);
        self.close(out);
        if self.astray {
            return;
        }
        let stopped_at = stop_sequence.as_deref();
        let delta =
            json!({"stop_reason": stop_reason::word(&reason, stopped_at), "stop_sequence": stopped_at});
        let usage = usage::value(&self.usage.unwrap_or_default());
        out.push(event(
            "message_delta",
            &json!({"type": "message_delta", "delta": delta, "usage": usage}),
        ));
        self.finished = true;
    }
}

/// A server-sent event of the dialect, with its name.
pub(super) fn event(name: &str, data: &Value) -> Bytes {
    Bytes::from(format!("event: {name}\ndata: {data}\n\n"))
}

fn empty_thinking() -> Value {
    json!({"type": "thinking", "thinking": "", "signature": ""})
}

/// Arguments to which nothing can be added.
fn is_whole(arguments: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(arguments).is_ok()
}

/// Pieces of several calls, put together call by call.
fn whole_calls(pieces: Vec<ToolCallPiece>) -> Vec<ToolCallPiece> {
    let mut calls: Vec<ToolCallPiece> = Vec::new();
    for piece in pieces {
        match calls.iter_mut().find(|call| call.index == piece.index) {
            Some(call) => {
                call.arguments.push_str(&piece.arguments);
                call.signature = call.signature.take().or(piece.signature);
            }
            None => calls.push(piece),
        }
    }
    calls
}
