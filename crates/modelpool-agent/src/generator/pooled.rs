//! A pool, which picks for every round.
//!
//! What a round needs is inferred as for any request (tools, pictures, sizes), and besides from the words of the
//! user's message and the length of all text, whatever the pool does for others. The request is an ordinary call of
//! the pool, so failover, continuation, breakers, statistics and the rule of tool loops are the engine's.

use std::sync::Arc;

use futures_util::StreamExt as _;
use modelpool::parts::core::facts::speaks_of_images;
use modelpool::parts::core::plan::Rejected;
use modelpool::parts::core::stream::Part;
use modelpool::parts::engine::infer::most_characters;
use modelpool::{
    AnswerBody, AnswerStream, Call, ChatRequest, Delta, Error, ErrorKind, Explanation, Flag, ModelPool,
    Numeric, Provenance, StreamEvent, Support,
};
use serde_json::{Map, Value};
use tokio::time::Instant;

use super::gather::Gathered;
use super::{Among, Chunk, Expected, Generation, GenerationRequest, Ladder, Picked, Rung, Senses, tools_of};
use crate::emitting::Emitter;

/// What every request of a generator has.
#[derive(Clone, Debug)]
pub(super) struct Asking {
    pub(super) pool: ModelPool,
    /// `auto`, a pool, an alias.
    pub(super) model: String,
    /// Further members of the body.
    pub(super) options: Map<String, Value>,
}

impl Asking {
    /// The call that a request is.
    fn call(&self, request: &GenerationRequest) -> Result<Call, Error> {
        let mut chat = ChatRequest::new().model(&self.model);
        for (member, value) in &self.options {
            chat = chat.with(member, value.clone());
        }
        for message in &request.messages {
            chat = chat.message(message.to_json());
        }
        if !request.tools.is_empty() {
            chat = chat.with("tools", tools_of(&request.tools));
            if request.calls_forbidden {
                chat = chat.with("tool_choice", "none");
            }
        }
        if let Some(session_id) = &request.session_id {
            chat = chat.option("session", session_id.as_str());
        }
        let mut call = chat.into_call(true)?;
        call.options.requirements = request.requirements.clone();
        call.options.max_cost_usd = request.max_cost_usd;
        call.options.infer_words = true;
        match &request.among {
            Among::Staying => {}
            Among::All => call.options.leaves_tool_loop = true,
            Among::These(aliases) => {
                call.options.leaves_tool_loop = true;
                call.options.models = Some(aliases.clone());
            }
        }
        if speaks_of_images(&request.user_message.text()) {
            Arc::make_mut(&mut call.facts).speaks_of_images = true;
        }
        Ok(call)
    }

    fn picked(&self, alias: &Arc<str>, explanation: &Explanation) -> Picked {
        let entry = self.pool.get(alias);
        let mut requirements = explanation.requirements.clone();
        if let (Value::Object(all), Value::Object(inferred)) = (&mut requirements, &explanation.inferred) {
            all.extend(inferred.clone());
        }
        Picked {
            alias: Arc::clone(alias),
            model_name: entry.map_or_else(|| "".into(), |entry| Arc::clone(&entry.config().model_name)),
            requirements,
            notes: explanation.notes.clone(),
            anew: false,
        }
    }

    pub(super) fn expected(&self, request: &GenerationRequest) -> Option<Expected> {
        let explanation = self.pool.explain_call(&self.call(request).ok()?).ok()?;
        let alias = match &explanation.selected {
            Some(alias) => alias.clone(),
            None => self.largest(&explanation)?,
        };
        let alias: Arc<str> = alias.into();
        let snapshot = self.pool.snapshot();
        let capabilities = snapshot.capabilities(snapshot.index_of(&alias)?).clone();
        let known = |numeric: Numeric| {
            let fact = capabilities.number(numeric);
            (fact.provenance != Provenance::Default).then_some(fact.value as u64)
        };
        let lacks = |flag: Flag| capabilities.flag(flag).value != Support::Yes;
        let window = known(Numeric::ContextWindow);
        Some(Expected {
            picked: self.picked(&alias, &explanation),
            window,
            max_output: known(Numeric::MaxTokens),
            most_characters: window.and_then(most_characters),
            lacks: Senses {
                pictures: lacks(Flag::Vision),
                recordings: lacks(Flag::Audio),
                files: lacks(Flag::Pdf),
            },
        })
    }

    /// The model with the largest window of those that lack nothing but the window.
    fn largest(&self, explanation: &Explanation) -> Option<String> {
        let lacks_window = |rejected: &&Rejected| {
            !rejected.missing.is_empty() && rejected.missing.iter().all(|missing| missing.key == WINDOW)
        };
        let snapshot = self.pool.snapshot();
        let window = |rejected: &Rejected| {
            let index = snapshot.index_of(&rejected.alias);
            index.map_or(0.0, |index| {
                snapshot.capabilities(index).number(Numeric::ContextWindow).value
            })
        };
        let rejected = explanation.rejected.iter().filter(lacks_window);
        let largest = rejected.max_by(|one, other| window(one).total_cmp(&window(other)));
        largest.map(|rejected| rejected.alias.clone())
    }

    pub(super) fn ladder(&self, request: &GenerationRequest) -> Ladder {
        let explained = self.call(request).and_then(|call| {
            let explanation = self.pool.explain_call(&call)?;
            Ok((explanation, call.facts.input_tokens))
        });
        let Ok((explanation, input_tokens)) = explained else {
            return Ladder::default();
        };
        // A named model is no choice, and its fallbacks are for when it fails.
        if explanation.pool.is_none() {
            return Ladder::default();
        }
        let snapshot = self.pool.snapshot();
        let rung = |alias: &String| {
            let index = snapshot.index_of(alias)?;
            let cost = snapshot.capabilities(index).cost_per_1k_at(input_tokens);
            Some(Rung {
                alias: alias.as_str().into(),
                cost_per_1k_tokens: cost,
            })
        };
        let mut rungs: Vec<Rung> = explanation
            .ranking
            .iter()
            .filter_map(|model| rung(&model.alias))
            .collect();
        rungs.sort_by(|one, other| one.cost_per_1k_tokens.total_cmp(&other.cost_per_1k_tokens));
        Ladder(rungs)
    }

    pub(super) async fn generate(self, request: GenerationRequest, emitter: Emitter<Result<Chunk, Error>>) {
        if let Err(error) = self.answered(&request, &emitter).await {
            emitter.emit(Err(error)).await;
        }
    }

    async fn answered(
        &self,
        request: &GenerationRequest,
        emitter: &Emitter<Result<Chunk, Error>>,
    ) -> Result<(), Error> {
        let began = Instant::now();
        let call = self.call(request)?;
        let explanation = self.pool.explain_call(&call)?;
        let answer = self.pool.call(call).await?;
        let AnswerBody::Stream(mut stream) = answer.body else {
            let message = "a stream was asked for, and something else came";
            return Err(Error::new(ErrorKind::Protocol, message).at(&answer.alias));
        };
        let mut alias: Arc<str> = Arc::clone(&answer.alias);
        emitter
            .emit(Ok(Chunk::Picked(self.picked(&alias, &explanation))))
            .await;
        let mut gathered = Gathered::default();
        while let Some(event) = stream.next().await {
            let event = event?;
            if stream.alias() != &*alias {
                alias = stream.alias().into();
                emitter
                    .emit(Ok(Chunk::Picked(self.picked(&alias, &explanation))))
                    .await;
            }
            for chunk in chunks(&event, &mut gathered) {
                emitter.emit(Ok(chunk)).await;
            }
        }
        let generation = self.done(
            &stream,
            gathered,
            &answer.request_id,
            self.picked(&alias, &explanation),
            began,
        );
        emitter.emit(Ok(Chunk::Done(Box::new(generation)))).await;
        Ok(())
    }

    fn done(
        &self,
        stream: &AnswerStream,
        gathered: Gathered,
        request_id: &str,
        picked: Picked,
        began: Instant,
    ) -> Generation {
        let summary = stream.summary();
        Generation {
            picked,
            message: gathered.into_message(request_id),
            finish: stream.finish().cloned(),
            usage: summary.usage,
            cost_usd: summary.cost_usd,
            attempts: summary.attempts,
            continued: summary.continued,
            elapsed: began.elapsed(),
        }
    }
}

/// The requirement that is inferred from the length of a request.
const WINDOW: &str = "min_context_window";

/// What an event says to the reader; the rest of it is gathered.
fn chunks(event: &StreamEvent, gathered: &mut Gathered) -> Vec<Chunk> {
    if !event.meaningful {
        return Vec::new();
    }
    let deltas = event.deltas();
    for delta in deltas_of(&event.raw) {
        gathered.delta(&delta);
    }
    let first = deltas.into_iter().filter(|delta: &Delta| delta.choice == 0);
    let said = first.filter_map(|delta| match delta.part {
        Part::Text(text) | Part::Refusal(text) if !text.is_empty() => Some(Chunk::Text(text)),
        Part::Reasoning(text) if !text.is_empty() => Some(Chunk::Thinking(text)),
        _ => None,
    });
    said.collect()
}

/// The deltas of the first choice, as they stand in an event's bytes.
fn deltas_of(raw: &[u8]) -> Vec<Value> {
    let text = String::from_utf8_lossy(raw);
    // A server-sent event may write its data over several lines.
    let lines = text.lines().filter_map(|line| line.strip_prefix("data:"));
    let data = lines
        .map(|line| line.strip_prefix(' ').unwrap_or(line))
        .collect::<Vec<_>>()
        .join("\n");
    let Ok(chunk) = serde_json::from_str::<Value>(&data) else {
        return Vec::new();
    };
    let choices = chunk["choices"].as_array().map(Vec::as_slice).unwrap_or_default();
    let first = choices
        .iter()
        .filter(|choice| choice["index"].as_u64().unwrap_or(0) == 0);
    first.map(|choice| choice["delta"].clone()).collect()
}
