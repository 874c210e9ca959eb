//! An answer on its way to the caller.
//!
//! A whole answer is settled before it is handed over. A stream is committed with its first
//! meaningful event; from then on [`AnswerStream`] watches it. A stream that is lost (it ends without a
//! finish reason, breaks, or pauses too long) is continued by another call where that is possible;
//! else it ends with an error item, never with a clean-looking end. Dropping it ends the upstream call
//! and settles what was used.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_core::Stream;
use modelpool_core::continuation::{MAX_DELIVERED_BYTES, may_continue};
use modelpool_core::provider::Dialect;
use modelpool_core::stream::Part;
use modelpool_core::{
    BoxFuture, Error, ErrorKind, FinishReason, ModelIndex, ReplyHead, StreamEvent, TimeoutKind, Usage,
    WholeReply,
};
use modelpool_providers::{Sequel, kept_answer, sequel};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::attempt::{Accepted, AcceptedBody, Flow, incomplete, malformed};
use crate::continuing::Join;
use crate::limits::Limits;
use crate::policy::OnLoss;
use crate::run::first_answer;
use crate::settle::{CallNumber, Ending, Settling};
use crate::walk::Walk;

/// The answer to a call.
#[derive(Debug)]
pub struct Answer {
    /// The id of the request.
    pub request_id: Arc<str>,
    /// The model that answers.
    pub alias: Arc<str>,
    /// Calls made, the one that answers included.
    pub attempts: u32,
    /// What came before the body.
    pub head: ReplyHead,
    /// The answer itself.
    pub body: AnswerBody,
}

/// The answer itself.
#[derive(Debug)]
pub enum AnswerBody {
    /// All of it, settled.
    Whole(WholeAnswer),
    /// Event by event.
    Stream(Box<AnswerStream>),
}

/// A whole answer.
#[derive(Clone, Debug)]
pub struct WholeAnswer {
    /// The bytes as the model sent them, in OpenAI's shape.
    pub bytes: Bytes,
    /// What it used.
    pub usage: Usage,
    /// What the request cost in US dollars; `None` where no price is known.
    pub cost_usd: Option<f64>,
    /// Why the model stopped.
    pub finish: Option<FinishReason>,
}

impl WholeAnswer {
    pub(crate) fn settle(reply: WholeReply, number: CallNumber, settling: &mut Settling) -> Self {
        match reply.usage {
            Some(usage) => settling.used(number, usage),
            None => settling.saw_output(number, estimate_output(&reply.bytes)),
        }
        settling.saw_output(number, 0);
        let usage = settling.usage();
        let cost_usd = settling.cost_usd();
        settling.end(Ending::Completed);
        Self {
            bytes: reply.bytes,
            usage,
            cost_usd,
            finish: reply.finish,
        }
    }

    /// The answer as JSON.
    ///
    /// # Errors
    /// The bytes are no JSON that fits memory's types (a number out of range, say).
    pub fn json(&self) -> Result<serde_json::Value, serde_json::Error> {
        serde_json::from_slice(&self.bytes)
    }

    /// The text of the first choice; empty where there is none.
    #[must_use]
    pub fn text(&self) -> String {
        let answer = self.json().unwrap_or_default();
        answer["choices"][0]["message"]["content"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }
}

/// Tokens of an answer that came without usage: of the text of its choices.
fn estimate_output(bytes: &[u8]) -> u64 {
    let answer: serde_json::Value = serde_json::from_slice(bytes).unwrap_or_default();
    let choices = answer["choices"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let texts = choices
        .iter()
        .filter_map(|choice| choice["message"]["content"].as_str());
    texts.map(modelpool_core::facts::estimate_tokens).sum()
}

/// How long the end of the body is waited for after the wire's own mark of the end.
const AFTER_END_MARK: Duration = Duration::from_millis(500);

/// A committed stream.
pub struct AnswerStream {
    state: State,
    /// What stays the same when another call goes on.
    dialect: Dialect,
    withhold_usage: bool,
    on_loss: OnLoss,
    deadline: Instant,
    /// Of the call under way.
    alias: Arc<str>,
    idle: Duration,
    last_event: Instant,
    /// Fires at the nearest limit; armed lazily, so that an event costs no timer.
    timer: Pin<Box<Sleep>>,
    /// Events that were read and are the next to be given out.
    ready: VecDeque<StreamEvent>,
    delivered: Delivered,
    finish: Option<FinishReason>,
    continued: u32,
    summary: Option<StreamSummary>,
}

enum State {
    Flowing(Box<Flowing>),
    /// Another call is asked to go on.
    Resuming {
        resumed: BoxFuture<'static, (Box<Walk>, Result<Accepted, Error>)>,
        /// Why the one before was lost.
        loss: Error,
    },
    Ended,
}

/// A call whose stream is read.
struct Flowing {
    walk: Box<Walk>,
    number: CallNumber,
    index: ModelIndex,
    flow: Flow,
    /// Where it goes on from another.
    join: Option<Join>,
}

/// What the caller has read, for a call that goes on from there.
struct Delivered {
    /// False where the answer could not be continued anyway; nothing is kept then.
    kept: bool,
    text: String,
    /// `None` where nothing was kept from the beginning.
    sequel: Option<Box<dyn Sequel>>,
}

impl Delivered {
    fn note(&mut self, event: &StreamEvent) {
        let Some(sequel) = self.sequel.as_mut().filter(|_| self.kept) else {
            return;
        };
        let text = if event.meaningful { event.text() } else { "".into() };
        self.text.push_str(&text);
        let remembered = event.end_mark || event.raw.is_empty() || sequel.told(event, &text);
        if event.other_output || !remembered || self.text.len() > MAX_DELIVERED_BYTES {
            self.kept = false;
            self.text = String::new();
        }
    }
}

/// What a stream used and cost, known at its end.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct StreamSummary {
    /// What all calls used; estimated where a vendor sent no usage.
    pub usage: Usage,
    /// What the request cost in US dollars; `None` where no price is known.
    pub cost_usd: Option<f64>,
    /// Calls made.
    pub attempts: u32,
    /// How often the stream was lost and another call went on.
    pub continued: u32,
    /// Malformed events that were left out.
    pub skipped_events: u32,
}

impl fmt::Debug for AnswerStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnswerStream")
            .field("alias", &self.alias)
            .field("ended", &matches!(self.state, State::Ended))
            .finish_non_exhaustive()
    }
}

impl AnswerStream {
    pub(crate) fn new(
        mut walk: Box<Walk>,
        number: CallNumber,
        index: ModelIndex,
        alias: Arc<str>,
        limits: Limits,
        flow: Flow,
    ) -> Self {
        let now = Instant::now();
        let on_loss = walk.pool.inner.on_loss;
        let kept = on_loss == OnLoss::Continue && may_continue(&walk.call.facts, 0).is_ok();
        if !kept {
            // Nobody will send the body again.
            walk.call.body.bytes = Bytes::new();
        }
        Self {
            dialect: walk.call.body.dialect,
            withhold_usage: !walk.call.body.wants_usage,
            on_loss,
            deadline: walk.deadline,
            alias,
            idle: limits.idle,
            last_event: now,
            timer: Box::pin(sleep_until((now + limits.idle).min(walk.deadline))),
            ready: VecDeque::new(),
            delivered: Delivered {
                kept,
                text: String::new(),
                sequel: kept.then(|| sequel(walk.call.body.dialect)),
            },
            finish: None,
            continued: 0,
            summary: None,
            state: State::Flowing(Box::new(Flowing {
                walk,
                number,
                index,
                flow,
                join: None,
            })),
        }
    }

    /// The model that answers.
    #[must_use]
    pub fn alias(&self) -> &str {
        &self.alias
    }

    /// Why the model stopped, once it has.
    #[must_use]
    pub fn finish(&self) -> Option<&FinishReason> {
        self.finish.as_ref()
    }

    /// What was used and what it cost so far; final once the stream has ended.
    #[must_use]
    pub fn summary(&self) -> StreamSummary {
        let settling = match (&self.summary, &self.state) {
            (None, State::Flowing(flowing)) => &flowing.walk.settling,
            _ => return self.summary.unwrap_or_default(),
        };
        StreamSummary {
            usage: settling.usage(),
            cost_usd: settling.cost_usd(),
            attempts: settling.calls(),
            continued: self.continued,
            skipped_events: settling.skipped_events(),
        }
    }

    /// The next event, for callers that have no `Stream` at hand.
    pub async fn next(&mut self) -> Option<Result<StreamEvent, Error>> {
        std::future::poll_fn(|context| Pin::new(&mut *self).poll_next(context)).await
    }

    /// The text of all events that are left.
    ///
    /// # Errors
    /// The stream was lost.
    pub async fn text(&mut self) -> Result<String, Error> {
        let mut text = String::new();
        while let Some(event) = self.next().await {
            text.push_str(&event?.text());
        }
        Ok(text)
    }

    fn settling(&mut self) -> Option<(&mut Settling, CallNumber)> {
        match &mut self.state {
            State::Flowing(flowing) => Some((&mut flowing.walk.settling, flowing.number)),
            _ => None,
        }
    }

    /// An event of the model. What is to be given out comes back, or, where it is more or less than
    /// this one event, goes to `ready`.
    fn arrived(&mut self, event: StreamEvent) -> Result<Option<StreamEvent>, Error> {
        self.last_event = Instant::now();
        let on_loss = self.on_loss;
        let State::Flowing(flowing) = &mut self.state else {
            return Ok(None);
        };
        if event.malformed {
            if on_loss == OnLoss::Error {
                return Err(malformed());
            }
            flowing.walk.settling.skipped_event();
            return Ok(None);
        }
        // On some wires the event that says why the answer ends is the mark of the end as well.
        let finished = event.finish.is_some() || self.finish.is_some() || event_finish(&self.ready).is_some();
        if event.end_mark && !finished {
            return Err(incomplete());
        }
        if event.meaningful {
            flowing.walk.settling.saw_output(flowing.number, 1);
        }
        // After that, since the vendor counts the output of this event, too.
        if let Some(usage) = event.usage {
            flowing.walk.settling.used(flowing.number, usage);
        }
        if event.other_output || event.opens {
            note_issued(flowing, self.dialect, &event, &self.alias);
        }
        let (Some(join), Some(sequel)) = (&mut flowing.join, &mut self.delivered.sequel) else {
            return Ok(Some(event));
        };
        let total = flowing.walk.settling.usage();
        let joined = join.take(event, sequel.as_mut(), &total).inspect_err(|_| {
            flowing.walk.restart(flowing.index);
        })?;
        self.ready.extend(joined);
        Ok(None)
    }

    /// An event is given out; `None` where the caller is not to see it.
    fn give_out(&mut self, event: StreamEvent) -> Option<StreamEvent> {
        self.delivered.note(&event);
        if event.meaningful {
            // None where another choice began after the first was done.
            self.finish.clone_from(&event.finish);
        }
        if event.end_mark {
            // What follows is only the end of the body. It is waited for a moment, so that the
            // connection can be used again, but not as long as for a token; and a caller who
            // leaves now has had everything.
            self.idle = self.idle.min(AFTER_END_MARK);
            let soon = self.last_event + self.idle;
            self.timer.as_mut().reset(soon.min(self.deadline));
            self.summary = Some(self.summary());
            if let Some((settling, _)) = self.settling() {
                settling.end(Ending::Completed);
            }
        }
        // An event without bytes says something to us alone.
        let withheld = event.raw.is_empty() || (event.usage_only && self.withhold_usage);
        (!withheld).then_some(event)
    }

    /// The stream ends here, well or with that error. The upstream call ends too, and not when the
    /// caller gets round to dropping the stream.
    fn end(&mut self, error: Option<Error>) -> Option<Result<StreamEvent, Error>> {
        self.summary = Some(self.summary());
        let State::Flowing(mut flowing) = std::mem::replace(&mut self.state, State::Ended) else {
            return error.map(Err);
        };
        let settling = &mut flowing.walk.settling;
        match error {
            None => {
                settling.end(Ending::Completed);
                None
            }
            Some(error) => {
                let error = error.at(&self.alias).after_attempts(settling.calls());
                settling.end(Ending::Failed(error.clone()));
                Some(Err(error))
            }
        }
    }

    /// The upstream has nothing more to say. Completion is judged by the finish reason; without one the
    /// stream is lost, and another call is asked to go on if that is possible. `None` where one is.
    fn upstream_ended(&mut self, error: Option<Error>) -> Option<Option<Result<StreamEvent, Error>>> {
        if self.finish.is_some() {
            return Some(self.end(None));
        }
        let error = error.unwrap_or_else(incomplete);
        if !self.may_resume(&error) {
            return Some(self.end(Some(error)));
        }
        let State::Flowing(flowing) = std::mem::replace(&mut self.state, State::Ended) else {
            return Some(None);
        };
        // The upstream call ends with its stream.
        let Flowing {
            mut walk,
            number,
            index,
            ..
        } = *flowing;
        let loss = error.at(&self.alias);
        walk.settling.end_call(number, Some(&loss));
        walk.lost(index, loss.clone());
        let delivered: Arc<str> = self.delivered.text.as_str().into();
        let resumed = async move {
            let outcome = first_answer(&mut walk, Some(&delivered)).await;
            (walk, outcome)
        };
        self.state = State::Resuming {
            resumed: Box::pin(resumed),
            loss,
        };
        None
    }

    fn may_resume(&self, error: &Error) -> bool {
        let hopeless = matches!(
            error.kind(),
            ErrorKind::Timeout(TimeoutKind::Total) | ErrorKind::ContentFilter
        );
        self.delivered.kept && self.delivered.text.len() <= MAX_DELIVERED_BYTES && !hopeless
    }

    /// Another call answers, or none does.
    fn resumed(
        &mut self,
        mut walk: Box<Walk>,
        outcome: Result<Accepted, Error>,
        loss: Error,
    ) -> Option<Result<StreamEvent, Error>> {
        let accepted = outcome.ok().and_then(|accepted| {
            let continuation = accepted.continuation.as_ref()?;
            self.delivered.sequel.as_mut()?.take_over();
            let join = Join::new(continuation);
            match accepted.body {
                AcceptedBody::Stream(flow) => Some((
                    accepted.number,
                    accepted.index,
                    accepted.alias,
                    accepted.limits,
                    flow,
                    join,
                )),
                AcceptedBody::Whole(_) => None,
            }
        });
        let Some((number, index, alias, limits, flow, join)) = accepted else {
            // Nobody could go on: the caller is told of the loss itself.
            let loss = loss.after_attempts(walk.settling.calls());
            self.summary = Some(StreamSummary {
                usage: walk.settling.usage(),
                cost_usd: walk.settling.cost_usd(),
                attempts: walk.settling.calls(),
                continued: self.continued,
                skipped_events: walk.settling.skipped_events(),
            });
            walk.settling.end(Ending::Failed(loss.clone()));
            return Some(Err(loss));
        };
        self.continued += 1;
        self.alias = alias;
        self.idle = limits.idle;
        self.last_event = Instant::now();
        self.timer
            .as_mut()
            .reset((self.last_event + self.idle).min(self.deadline));
        self.state = State::Flowing(Box::new(Flowing {
            walk,
            number,
            index,
            flow,
            join: Some(join),
        }));
        None
    }

    /// The limit that has passed, if one has; the timer is set to the next otherwise.
    fn poll_limits(&mut self, context: &mut Context<'_>) -> Option<Error> {
        while self.timer.as_mut().poll(context).is_ready() {
            let now = Instant::now();
            let silent_until = self.last_event + self.idle;
            let passed = if now >= self.deadline {
                TimeoutKind::Total
            } else if now >= silent_until {
                TimeoutKind::Idle
            } else {
                self.timer.as_mut().reset(silent_until.min(self.deadline));
                continue;
            };
            let message = format!("the stream ran into the limit `{}`", passed.key());
            return Some(Error::new(ErrorKind::Timeout(passed), message));
        }
        None
    }

    /// The next event of the upstream, or its end.
    fn poll_upstream(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<StreamEvent, Error>>> {
        let State::Flowing(flowing) = &mut self.state else {
            return Poll::Ready(None);
        };
        if let Some(event) = flowing.flow.held.pop_front() {
            return Poll::Ready(Some(Ok(event)));
        }
        match flowing.flow.events.as_mut().poll_next(context) {
            Poll::Pending => match self.poll_limits(context) {
                None => Poll::Pending,
                Some(error) => Poll::Ready(Some(Err(error))),
            },
            item => item,
        }
    }
}

/// Remembers what of an event a later request may go on from.
fn note_issued(flowing: &Flowing, dialect: Dialect, event: &StreamEvent, alias: &Arc<str>) {
    let stays = &flowing.walk.pool.inner.stays;
    for delta in event.deltas() {
        if let Part::ToolCall { id: Some(id), .. } = delta.part {
            stays.note([id.as_str()], alias);
        }
    }
    stays.note(kept_answer(dialect, event).as_deref(), alias);
}

fn event_finish(events: &VecDeque<StreamEvent>) -> Option<&FinishReason> {
    events.iter().find_map(|event| event.finish.as_ref())
}

impl Stream for AnswerStream {
    type Item = Result<StreamEvent, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        loop {
            if let Some(event) = this.ready.pop_front() {
                match this.give_out(event) {
                    Some(event) => return Poll::Ready(Some(Ok(event))),
                    None => continue,
                }
            }
            match &mut this.state {
                State::Ended => return Poll::Ready(None),
                State::Resuming { resumed, .. } => {
                    let (walk, outcome) = std::task::ready!(resumed.as_mut().poll(context));
                    if let State::Resuming { loss, .. } = std::mem::replace(&mut this.state, State::Ended)
                        && let Some(item) = this.resumed(walk, outcome, loss)
                    {
                        return Poll::Ready(Some(item));
                    }
                }
                State::Flowing(_) => {
                    let loss = match std::task::ready!(this.poll_upstream(context)) {
                        Some(Ok(event)) => match this.arrived(event) {
                            Ok(event) => match event.and_then(|event| this.give_out(event)) {
                                Some(event) => return Poll::Ready(Some(Ok(event))),
                                None => continue,
                            },
                            Err(error) => Some(error),
                        },
                        Some(Err(error)) => Some(error),
                        None => None,
                    };
                    if let Some(end) = this.upstream_ended(loss) {
                        return Poll::Ready(end);
                    }
                }
            }
        }
    }
}
