//! Phase 3 in Python: a generator of the user's own, which may extend `StreamingGenerator`.
//!
//! It is read as an asynchronous generator of Python (`modelpool._generating`), one piece when the run asks for one. What is
//! asked of models beforehand (who would answer, who else could) it is not asked: that the generator it extends knows.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use futures_util::stream;
use modelpool::{Error, ErrorKind};
use modelpool_agent::generator::{Among, Expected, GenerationStream, Generator, Ladder, Picked};
use modelpool_agent::tool::ToolDefinition;
use modelpool_agent::{Chunk, GenerationRequest, StreamingGenerator};
use pyo3::prelude::*;
use serde_json::{Value, json};

use super::answer::Answer;
use super::failures::raised;
use super::{host, shapes};
use crate::bridge::Pull;
use crate::json;

/// In the words of errors.
const WHO: &str = "the generator";

/// An object with `stream_response`.
#[derive(Debug)]
pub(super) struct PythonGenerator {
    /// What it extends, where it does.
    extends: Option<StreamingGenerator>,
    name: Arc<str>,
    context_window: Option<u64>,
    answers: AtomicU64,
}

impl PythonGenerator {
    pub(super) fn new(extends: Option<StreamingGenerator>, name: &str, context_window: Option<u64>) -> Self {
        Self {
            extends,
            name: name.into(),
            context_window,
            answers: AtomicU64::new(0),
        }
    }
}

impl Generator for PythonGenerator {
    fn generate(&self, request: GenerationRequest) -> GenerationStream {
        let reading = Reading {
            state: State::Asked(Box::new(request)),
            answer: Some(Answer::new(&self.name)),
            number: self.answers.fetch_add(1, Ordering::Relaxed),
            ready: VecDeque::new(),
        };
        Box::pin(stream::unfold(reading, |mut reading| async {
            let next = reading.next().await?;
            Some((next, reading))
        }))
    }

    fn expected(&self, request: &GenerationRequest) -> Option<Expected> {
        if let Some(extended) = &self.extends {
            return extended.expected(request);
        }
        let picked = Picked {
            alias: Arc::clone(&self.name),
            model_name: Arc::clone(&self.name),
            ..Picked::default()
        };
        Some(Expected {
            picked,
            window: self.context_window,
            ..Expected::default()
        })
    }

    fn ladder(&self, request: &GenerationRequest) -> Ladder {
        self.extends
            .as_ref()
            .map(|extended| extended.ladder(request))
            .unwrap_or_default()
    }
}

/// An answer that is read.
struct Reading {
    state: State,
    /// Taken when it ends.
    answer: Option<Answer>,
    number: u64,
    ready: VecDeque<Chunk>,
}

enum State {
    Asked(Box<GenerationRequest>),
    Begun(Pull),
    Ended,
}

impl Reading {
    async fn next(&mut self) -> Option<Result<Chunk, Error>> {
        loop {
            if let Some(chunk) = self.ready.pop_front() {
                return Some(Ok(chunk));
            }
            match self.read().await {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) => {
                    self.state = State::Ended;
                    return Some(Err(error));
                }
            }
        }
    }

    /// Reads on; false at the end.
    async fn read(&mut self) -> Result<bool, Error> {
        if let State::Asked(request) = &self.state {
            self.state = State::Begun(begin(request).map_err(|error| raised(WHO, &error))?);
        }
        let State::Begun(pull) = &mut self.state else {
            return Ok(false);
        };
        let item = pull.next().await.map_err(|error| raised(WHO, &error))?;
        let Some(answer) = &mut self.answer else {
            return Ok(false);
        };
        match item {
            Some(item) => self.ready.extend(answer.take(read(&item)?)),
            None => {
                self.state = State::Ended;
                if let Some(answer) = self.answer.take() {
                    self.ready.extend(answer.end(self.number)?);
                }
            }
        }
        Ok(true)
    }
}

fn read(item: &Bytes) -> Result<Value, Error> {
    serde_json::from_slice(item).map_err(|error| {
        Error::new(ErrorKind::Protocol, format!("{WHO} gave no JSON: {error}")).without_retry()
    })
}

fn begin(request: &GenerationRequest) -> PyResult<Pull> {
    let tool = |tool: &ToolDefinition| shapes::tool_value(tool);
    let asked = json!({
        "user_message": request.user_message,
        "messages": request.messages,
        "tools": request.tools.iter().map(tool).collect::<Vec<_>>(),
        "requirements": request.requirements.to_json(),
        "calls_forbidden": request.calls_forbidden,
        "models": among_value(&request.among),
        "session_id": request.session_id,
        "max_cost_usd": request.max_cost_usd,
    });
    host::feed("generate", |py, _| {
        (json::to_python(py, &asked)?,).into_pyobject(py)
    })
}

/// Which models may answer, as the rule `models` of a context.
fn among_value(among: &Among) -> Value {
    match among {
        Among::Staying => Value::Null,
        Among::All => "all".into(),
        Among::These(aliases) => json!(aliases),
    }
}

/// What a round has to keep to, put into its request.
pub(super) fn keep_to(request: &mut GenerationRequest, rules: Value) -> Result<(), String> {
    let Value::Object(rules) = rules else {
        return Ok(());
    };
    for (rule, value) in rules {
        let wrong = |wanted: &str| format!("context.{rule}: expected {wanted}, got {value}");
        match rule.as_str() {
            _ if value.is_null() => {}
            "calls_forbidden" => {
                request.calls_forbidden = value.as_bool().ok_or_else(|| wrong("True or False"))?;
            }
            "session_id" => {
                let id = value.as_str().ok_or_else(|| wrong("a string"))?;
                request.session_id = Some(id.to_owned());
            }
            "max_cost_usd" => {
                let dollars = value.as_f64().filter(|dollars| *dollars >= 0.0);
                request.max_cost_usd = Some(dollars.ok_or_else(|| wrong("dollars from 0"))?);
            }
            "models" => {
                let aliases = || -> Option<Vec<String>> {
                    let aliases = value.as_array()?.iter();
                    aliases.map(|alias| alias.as_str().map(str::to_owned)).collect()
                };
                request.among = match value.as_str() {
                    Some("all") => Among::All,
                    _ => Among::These(aliases().ok_or_else(|| wrong("\"all\" or a list of aliases"))?),
                };
            }
            _ => return Err(format!("context: unknown rule `{rule}`")),
        }
    }
    Ok(())
}
