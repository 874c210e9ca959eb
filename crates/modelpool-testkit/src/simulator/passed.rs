//! What gateways pass through: the older completions, moderations, reranking,
//! recordings to text and back, changed pictures.
//!
//! <https://platform.openai.com/docs/api-reference>; reranking as Cohere, Jina
//! and vLLM answer it: <https://docs.cohere.com/reference/rerank>.

use bytes::Bytes;
use serde_json::{Value, json};

use super::CREATED;
use super::api_error::ApiError;
use super::call::read_json;
use super::embeddings::embed;
use super::endpoint::Endpoint;
use super::form;
use super::images::PIXEL;
use super::reply::Reply;
use super::script::{Script, Step};
use super::state::SimulatedModel;
use super::tokens::estimate;

/// A request, with its members; of a form those that are texts and are known.
pub(super) struct Passed {
    endpoint: Endpoint,
    members: Value,
}

/// Fields of forms that change the answer; the first two are files.
const FIELDS: [&str; 5] = ["file", "image", "model", "prompt", "response_format"];

impl Passed {
    pub(super) fn parse(endpoint: Endpoint, body: &Bytes) -> Result<Self, ApiError> {
        let is_form = matches!(endpoint, Endpoint::Transcriptions | Endpoint::ImageForms);
        let members = match is_form {
            false => read_json(body)?,
            true => {
                let mut members = json!({});
                for name in FIELDS {
                    if let Some(value) = form::field(body, name) {
                        // Of a file only its size matters.
                        members[name] = match name {
                            "file" | "image" => json!(value.len()),
                            _ => json!(String::from_utf8_lossy(&value)),
                        };
                    }
                }
                members
            }
        };
        let needed: &[&str] = match endpoint {
            Endpoint::Completions => &["model", "prompt"],
            Endpoint::Moderations => &["input"],
            Endpoint::Rerank => &["model", "query", "documents"],
            Endpoint::Transcriptions => &["model", "file"],
            Endpoint::Speech => &["model", "input"],
            _ => &["image"],
        };
        match needed.iter().find(|name| members[**name].is_null()) {
            Some(name) => Err(ApiError::missing_parameter(name)),
            None => Ok(Passed { endpoint, members }),
        }
    }

    pub(super) fn model(&self) -> &str {
        self.members["model"].as_str().unwrap_or("unknown")
    }

    fn text(&self, name: &str) -> &str {
        self.members[name].as_str().unwrap_or_default()
    }

    pub(super) fn answer(&self, model: &SimulatedModel) -> Result<Reply, ApiError> {
        Ok(match self.endpoint {
            Endpoint::Completions => self.completion(model),
            Endpoint::Moderations => self.moderation(),
            Endpoint::Rerank => self.ranking(),
            Endpoint::Transcriptions => self.transcription(),
            Endpoint::Speech => Reply::whole("audio/mpeg", recording(self.text("input"))),
            _ => Reply::json(&json!({
                "created": CREATED, "data": [{"b64_json": PIXEL}],
                "usage": {"input_tokens": 10, "output_tokens": 20, "total_tokens": 30},
            })),
        })
    }

    fn completion(&self, model: &SimulatedModel) -> Reply {
        let prompt = self.text("prompt");
        let behaviour = &model.behaviour;
        let own = behaviour.answer.clone();
        let text = own.unwrap_or_else(|| format!("{prompt}, and so on."));
        let usage = json!({
            "prompt_tokens": estimate(prompt), "completion_tokens": estimate(&text),
            "total_tokens": estimate(prompt) + estimate(&text),
        });
        let completion = |choices: Value| {
            json!({
                "id": "cmpl-sim", "object": "text_completion", "created": CREATED,
                "model": self.model(), "choices": choices,
            })
        };
        let choice = |text: &str, finish: Option<&str>| json!([{"text": text, "index": 0, "logprobs": null, "finish_reason": finish}]);
        if self.members["stream"] != true {
            let mut whole = completion(choice(&text, Some("stop")));
            whole["usage"] = usage;
            return Reply::json(&whole);
        }
        let mut events: Vec<Value> = text
            .split_inclusive(' ')
            .map(|word| completion(choice(word, None)))
            .collect();
        events.push(completion(choice("", Some("stop"))));
        if self.members["stream_options"]["include_usage"] == true {
            let mut last = completion(json!([]));
            last["usage"] = usage;
            events.push(last);
        }
        let written = events.into_iter().map(|event| format!("data: {event}\n\n"));
        let written: Vec<String> = written.chain(["data: [DONE]\n\n".to_owned()]).collect();
        let script: Script = Box::new(written.into_iter().map(|event| Step::Write(event.into())));
        Reply::events(script, behaviour.framing.clone())
    }

    fn moderation(&self) -> Reply {
        let texts = match &self.members["input"] {
            Value::Array(list) => list.len(),
            _ => 1,
        };
        let result = json!({"flagged": false, "categories": {}, "category_scores": {}});
        Reply::json(&json!({
            "id": "modr-sim", "model": self.model(), "results": vec![result; texts],
        }))
    }

    /// Documents that share words with the query come first.
    fn ranking(&self) -> Reply {
        const DIMENSIONS: usize = 64;
        let query = embed(self.text("query"), DIMENSIONS);
        let documents = self.members["documents"].as_array().map(Vec::as_slice);
        let score = |document: &Value| {
            let text = document.as_str().or(document["text"].as_str());
            let vector = embed(text.unwrap_or_default(), DIMENSIONS);
            query
                .iter()
                .zip(&vector)
                .map(|(left, right)| left * right)
                .sum::<f32>()
        };
        let scores = documents.unwrap_or_default().iter().map(score);
        let mut scores: Vec<(usize, f32)> = scores.enumerate().collect();
        scores.sort_by(|left, right| right.1.total_cmp(&left.1));
        let results: Vec<Value> = scores
            .iter()
            .map(|(index, score)| json!({"index": index, "relevance_score": score}))
            .collect();
        Reply::json(&json!({
            "id": "rerank-sim", "model": self.model(), "results": results,
            "usage": {"total_tokens": estimate(&self.members["documents"].to_string())},
        }))
    }

    fn transcription(&self) -> Reply {
        let text = format!("A simulated recording of {} bytes.", self.members["file"]);
        match self.text("response_format") {
            "text" => Reply::whole("text/plain; charset=utf-8", format!("{text}\n")),
            _ => Reply::json(&json!({
                "text": text,
                "usage": {"type": "tokens", "input_tokens": 14, "output_tokens": 8, "total_tokens": 22},
            })),
        }
    }
}

/// Bytes that are no text, in any encoding.
fn recording(text: &str) -> Vec<u8> {
    let all = (0..=u8::MAX).cycle().take(text.len() * 64);
    b"ID3".iter().copied().chain(all).collect()
}
