//! Making the calls of probes, within the budget.

use std::sync::Arc;

use modelpool_core::facts::estimate_tokens;
use modelpool_core::requirement::Bound;
use modelpool_core::{
    Error, ErrorKind, FinishReason, Flag, Found, ModelEntry, Numeric, Operation, Requirements, Support,
};
use serde_json::{Map, Value, json};

use super::judge::{Judged, Verdict};
use super::report::ProbeResult;
use super::table::{Answers, ProbeRow};
use crate::answer::{Answer, AnswerBody, AnswerStream};
use crate::call::{Call, Probe};
use crate::pool::ModelPool;

/// Output tokens of one call: enough for a word, a tool call, a small object.
const OUTPUT: u64 = 64;

/// The same of a model that thinks first.
const OUTPUT_REASONING: u64 = 1_024;

/// Output tokens of one call of a model.
pub(super) fn output_of(entry: &ModelEntry) -> u64 {
    match entry.config().capabilities.flag(Flag::Reasoning).value {
        Support::Yes => OUTPUT_REASONING,
        _ => OUTPUT,
    }
}

/// Input tokens and calls of the greeting that comes before the probes: asked again where the model names the
/// limit on its output in another way.
pub(super) const GREETING_INPUT: u64 = 40;
pub(super) const GREETING_CALLS: u64 = 2;

/// What was used so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Spent {
    pub(super) calls: u32,
    pub(super) tokens: u64,
    pub(super) cost_usd: Option<f64>,
}

/// What a model answered.
#[derive(Debug)]
pub(super) struct Heard {
    pub(super) text: String,
    /// The message of the first choice, as it came.
    pub(super) message: Value,
    /// The whole answer.
    pub(super) json: Value,
    /// Input tokens, where the vendor counted them.
    pub(super) input_tokens: Option<u64>,
    finish: Option<FinishReason>,
}

/// Asks one model.
pub(super) struct Asker {
    pool: ModelPool,
    alias: Arc<str>,
    budget: u64,
    spent: Spent,
    output: u64,
    /// How the model calls the limit on its output.
    limit_key: &'static str,
    /// The window to verify.
    pub(super) claimed_window: Option<u64>,
}

impl Asker {
    pub(super) fn new(pool: ModelPool, entry: &ModelEntry, budget: u64) -> Self {
        Self {
            pool,
            alias: Arc::clone(&entry.config().alias),
            budget,
            spent: Spent::default(),
            output: output_of(entry),
            limit_key: "max_tokens",
            claimed_window: None,
        }
    }

    pub(super) fn spent(&self) -> Spent {
        self.spent
    }

    /// Tokens that the input of one more call may have.
    pub(super) fn left(&self) -> u64 {
        self.budget
            .saturating_sub(self.spent.tokens)
            .saturating_sub(self.output)
    }

    /// Makes a probe.
    pub(super) async fn probe(&mut self, row: &ProbeRow) -> ProbeResult {
        let judged = (row.ask)(self).await;
        let found = match (row.answers, judged.verdict) {
            (Answers::Flag(flag), Verdict::Yes) => Some(Found::Flag(flag, true)),
            (Answers::Flag(flag), Verdict::No) => Some(Found::Flag(flag, false)),
            (Answers::Window, _) => judged
                .number
                .map(|tokens| Found::Number(Numeric::ContextWindow, tokens)),
            _ => None,
        };
        ProbeResult {
            probe: row.name,
            verdict: judged.verdict,
            evidence: judged.evidence,
            found,
        }
    }

    /// A plain request, which every model that chats answers: who does not is not probed further. Learns on the
    /// way how the model calls the limit on its output, and whether it thinks before it speaks.
    pub(super) async fn greet(&mut self) -> Result<(), Error> {
        let hello = json!([{"role": "user", "content": "Say hello in one word."}]);
        let heard = match self.chat(&hello, json!({})).await {
            Err(error) if wants_another_limit(&error) => {
                self.limit_key = "max_completion_tokens";
                self.chat(&hello, json!({})).await?
            }
            other => other?,
        };
        if heard.text.trim().is_empty() && heard.finish == Some(FinishReason::Length) {
            self.output = OUTPUT_REASONING;
        }
        Ok(())
    }

    /// A chat; `members` are put into the body.
    pub(super) async fn chat(&mut self, messages: &Value, members: Value) -> Result<Heard, Error> {
        self.whole(Operation::Chat, self.body(messages, members), None, 0)
            .await
    }

    /// A chat of which the input has about that many tokens.
    pub(super) async fn long_chat(&mut self, messages: &Value, tokens: u64) -> Result<Heard, Error> {
        let body = self.body(messages, json!({}));
        self.whole(Operation::Chat, body, None, tokens).await
    }

    /// The text of a streamed answer that begins with `prefill`. Streamed, as it is needed where a stream was lost; a whole
    /// answer of llama.cpp's server holds the prefill once more (b11549, 2026-11-27), its streams do not.
    pub(super) async fn prefilled(&mut self, messages: &Value, prefill: &str) -> Result<String, Error> {
        let mut stream = self.open_stream(messages, Some(prefill.into())).await?;
        let text = stream.text().await;
        self.streamed(&stream);
        text
    }

    /// Vectors of a text.
    pub(super) async fn embed(&mut self, text: &str) -> Result<Heard, Error> {
        let body = json!({"model": *self.alias, "input": text});
        let Value::Object(body) = body else {
            return Err(no_answer());
        };
        self.whole(Operation::Embeddings, body, None, 0).await
    }

    /// A chat, event by event.
    pub(super) async fn stream(&mut self, messages: &Value) -> Result<AnswerStream, Error> {
        self.open_stream(messages, None).await
    }

    async fn open_stream(
        &mut self,
        messages: &Value,
        prefill: Option<Arc<str>>,
    ) -> Result<AnswerStream, Error> {
        let mut body = self.body(messages, json!({}));
        body.insert("stream".to_owned(), true.into());
        match self.send(Operation::Chat, body, prefill, 0).await?.0.body {
            AnswerBody::Stream(stream) => Ok(*stream),
            AnswerBody::Whole(_) => Err(no_answer()),
        }
    }

    /// A stream was read to its end, or as far as it came.
    pub(super) fn streamed(&mut self, stream: &AnswerStream) {
        let summary = stream.summary();
        self.used(summary.usage.total_tokens(), summary.cost_usd);
    }

    fn body(&self, messages: &Value, members: Value) -> Map<String, Value> {
        let mut body = Map::new();
        body.insert("model".to_owned(), (*self.alias).into());
        body.insert("messages".to_owned(), messages.clone());
        body.insert(self.limit_key.to_owned(), self.output.into());
        if let Value::Object(members) = members {
            body.extend(members);
        }
        body
    }

    async fn whole(
        &mut self,
        operation: Operation,
        body: Map<String, Value>,
        prefill: Option<Arc<str>>,
        tokens: u64,
    ) -> Result<Heard, Error> {
        let (answer, estimate) = self.send(operation, body, prefill, tokens).await?;
        let AnswerBody::Whole(whole) = answer.body else {
            return Err(no_answer());
        };
        let counted = !whole.usage.estimated;
        self.used(
            if counted {
                whole.usage.total_tokens()
            } else {
                estimate
            },
            whole.cost_usd,
        );
        let json = whole.json().unwrap_or_default();
        Ok(Heard {
            text: whole.text(),
            message: json["choices"][0]["message"].clone(),
            input_tokens: counted.then_some(whole.usage.input_tokens),
            finish: whole.finish,
            json,
        })
    }

    /// Makes a call that fits into the budget at its longest. Returns what it may use at most, too.
    async fn send(
        &mut self,
        operation: Operation,
        body: Map<String, Value>,
        prefill: Option<Arc<str>>,
        tokens: u64,
    ) -> Result<(Answer, u64), Error> {
        let mut call = Call::read(operation, Value::Object(body).to_string().into())?;
        let prefilled = prefill.as_deref().map_or(0, estimate_tokens);
        let output = match operation {
            Operation::Chat => self.output,
            _ => 0,
        };
        let estimate = (call.facts.input_tokens + prefilled).max(tokens) + output;
        let left = self.budget.saturating_sub(self.spent.tokens);
        if estimate > left {
            let message = format!("it may use {estimate} tokens, and {left} are left of the budget");
            return Err(Error::new(ErrorKind::BudgetExceeded, message));
        }
        call.probe = Some(Probe { prefill });
        call.options.requirements = anything();
        call.options.fallbacks = Some(Vec::new());
        self.spent.calls += 1;
        match self.pool.call(call).await {
            Ok(answer) => Ok((answer, estimate)),
            Err(error) => {
                // What was refused was read all the same; nobody says what of it is billed.
                self.used(estimate.saturating_sub(output), None);
                Err(error)
            }
        }
    }

    fn used(&mut self, tokens: u64, cost_usd: Option<f64>) {
        self.spent.tokens = self.spent.tokens.saturating_add(tokens);
        if let Some(cost) = cost_usd {
            self.spent.cost_usd = Some(self.spent.cost_usd.unwrap_or(0.0) + cost);
        }
    }
}

/// What a probe requires of the model: nothing, whatever would be inferred from it and whatever is known.
fn anything() -> Requirements {
    let mut anything = Requirements::new()
        .bound(Numeric::ContextWindow, Bound::AtLeast(0.0))
        .number(Numeric::MaxTokens, 0.0);
    for flag in Flag::ALL {
        let nothing = Requirements::from_json(&json!({flag.key(): false}));
        anything = anything.and(&nothing.unwrap_or_default());
    }
    anything
}

/// Newer models of OpenAI know the limit on the output by another name, and say so.
fn wants_another_limit(error: &Error) -> bool {
    error.message().contains("max_completion_tokens")
}

fn no_answer() -> Error {
    Error::new(
        ErrorKind::Protocol,
        "the answer is not of the form that was asked for",
    )
}

impl Judged {
    /// What became of a call, where an answer is judged by `judge`.
    pub(super) fn of(heard: Result<Heard, Error>, judge: impl FnOnce(&Heard) -> Judged) -> Judged {
        match heard {
            Ok(heard) => judge(&heard),
            Err(error) => Judged::failed(&error),
        }
    }
}
