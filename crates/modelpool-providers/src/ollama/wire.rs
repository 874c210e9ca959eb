//! Address, headers, and who reads and writes.

use bytes::Bytes;
use http::{HeaderName, Uri};
use modelpool_core::{Operation, Warmth};
use serde_json::{Map, Value, json};

use super::{answer, decoder, embed, write};
use crate::framing::Framing;
use crate::model_list::ModelList;
use crate::neutral::embeddings::{Embeddings, ToEmbed};
use crate::neutral::{Answer, Conversation, Untranslatable, Written};
use crate::wire::{Broken, Decoder, Question, Target, Wire, bearer, without_ends};

/// Ends of addresses that users copy, which are not part of the base. The last is where Ollama speaks OpenAI's wire.
const PATHS: [&str; 4] = ["/api/chat", "/api/embed", "/api", "/v1"];

/// Ollama's own wire.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct OllamaWire {
    /// Tokens of the conversation and its answer that the model is to see. Without it Ollama takes a few thousand,
    /// whatever the model could do, and cuts what is longer without a word.
    pub(crate) context_window: Option<u64>,
}

impl Wire for OllamaWire {
    fn base_url(&self, given: &Uri) -> String {
        without_ends(given, &PATHS)
    }

    fn url(&self, base: &str, target: &Target<'_>) -> Result<String, String> {
        match target.operation {
            Operation::Chat => Ok(format!("{base}/api/chat")),
            Operation::Embeddings => Ok(format!("{base}/api/embed")),
            other => Err(format!("Ollama's wire has no {}", other.words())),
        }
    }

    /// A server of one's own needs no key; one behind a proxy, and Ollama's cloud, do.
    fn headers(&self, key: Option<&str>) -> Vec<(HeaderName, String)> {
        bearer(key)
    }

    fn write(&self, conversation: &Conversation, target: &Target<'_>) -> Result<Written, Untranslatable> {
        write::body(conversation, target, self.context_window)
    }

    fn read(&self, body: &Bytes) -> Result<Answer, Broken> {
        answer::read(body)
    }

    fn describe(&self, base: &str, model: &str) -> Option<Question> {
        let body = json!({"model": model});
        Some(Question::post(format!("{base}/api/show"), &body))
    }

    /// A chat without messages loads the model and says nothing. It is loaded anew where a call asks for another
    /// window, so the same is asked for here; how long it stays is as the user says, or the server.
    fn warm_up(&self, base: &str, model: &str, defaults: &Map<String, Value>) -> (Question, Warmth) {
        let mut body = json!({"model": model, "messages": [], "stream": false});
        if let Some(time) = defaults.get("keep_alive") {
            body["keep_alive"] = time.clone();
        }
        if let Some(window) = self.context_window {
            body["options"] = json!({"num_ctx": window});
        }
        let question = Question::post(format!("{base}/api/chat"), &body);
        (question, Warmth::Model)
    }

    fn write_embeddings(&self, asked: &ToEmbed, target: &Target<'_>) -> Result<Written, Untranslatable> {
        embed::body(target.model, asked)
    }

    fn read_embeddings(&self, body: &Bytes, inputs: usize) -> Result<Embeddings, Broken> {
        embed::read(body, inputs)
    }

    fn model_list(&self) -> Result<ModelList, &'static str> {
        Ok(ModelList {
            path: "/api/tags",
            list: "models",
            name: "name",
            prefix: "",
        })
    }

    fn framing(&self) -> Framing {
        Framing::Lines
    }

    fn decoder(&self) -> Box<dyn Decoder> {
        Box::<decoder::Lines>::default()
    }
}

#[cfg(test)]
mod tests {
    use http::header::AUTHORIZATION;

    use super::*;

    #[test]
    fn the_base_is_what_stands_before_the_wire_s_paths() {
        for (given, base) in [
            ("http://localhost:11434", "http://localhost:11434"),
            ("http://localhost:11434/", "http://localhost:11434"),
            ("http://localhost:11434/api", "http://localhost:11434"),
            ("http://localhost:11434/api/", "http://localhost:11434"),
            ("http://localhost:11434/api/chat", "http://localhost:11434"),
            ("http://localhost:11434/v1", "http://localhost:11434"),
            ("https://gpu.example/ollama/api", "https://gpu.example/ollama"),
        ] {
            let given: Uri = given.parse().unwrap();
            assert_eq!(OllamaWire::default().base_url(&given), base, "{given}");
        }
    }

    #[test]
    fn operations_have_addresses_or_are_refused() {
        let url = |operation| {
            let target = Target {
                operation,
                model: "m",
                stream: true,
            };
            OllamaWire::default().url("http://h", &target)
        };
        assert_eq!(url(Operation::Chat).unwrap(), "http://h/api/chat");
        assert_eq!(url(Operation::Embeddings).unwrap(), "http://h/api/embed");
        assert!(url(Operation::Images).unwrap_err().ends_with("images"));
    }

    #[test]
    fn warming_up_loads_the_model_as_calls_will_ask_for_it() {
        let wire = OllamaWire {
            context_window: Some(8192),
        };
        let defaults = json!({"keep_alive": "1h", "top_p": 0.5});
        let (question, warmth) = wire.warm_up("http://h", "m", defaults.as_object().unwrap());
        assert_eq!(
            (question.url.as_str(), warmth),
            ("http://h/api/chat", Warmth::Model)
        );
        let body: Value = serde_json::from_slice(&question.body).unwrap();
        let expected = json!({"model": "m", "messages": [], "stream": false, "keep_alive": "1h",
            "options": {"num_ctx": 8192}});
        assert_eq!(body, expected);
        let (question, _) = OllamaWire::default().warm_up("http://h", "m", &Map::new());
        let body: Value = serde_json::from_slice(&question.body).unwrap();
        assert_eq!(body, json!({"model": "m", "messages": [], "stream": false}));
    }

    #[test]
    fn a_key_is_shown_where_there_is_one() {
        let wire = OllamaWire::default();
        assert_eq!(wire.headers(None), []);
        assert_eq!(wire.headers(Some(" \n")), []);
        assert_eq!(
            wire.headers(Some("k\n")),
            [(AUTHORIZATION, "Bearer k".to_owned())]
        );
    }
}
