//! Address, headers, and who reads and writes.

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderName, Uri};
use modelpool_core::Operation;

use super::{answer, decoder, embed, write};
use crate::framing::Framing;
use crate::model_list::ModelList;
use crate::neutral::embeddings::{Embeddings, ToEmbed};
use crate::neutral::{Answer, Conversation, Untranslatable, Written};
use crate::wire::{Broken, Decoder, Target, Wire};

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
        let given = given.to_string();
        let given = given.trim_end_matches('/');
        let base = PATHS.iter().find_map(|path| given.strip_suffix(path));
        base.unwrap_or(given).trim_end_matches('/').to_owned()
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
        let key = key.map(str::trim).filter(|key| !key.is_empty());
        key.map(|key| (AUTHORIZATION, format!("Bearer {key}")))
            .into_iter()
            .collect()
    }

    fn write(&self, conversation: &Conversation, target: &Target<'_>) -> Result<Written, Untranslatable> {
        write::body(conversation, target, self.context_window)
    }

    fn read(&self, body: &Bytes) -> Result<Answer, Broken> {
        answer::read(body)
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
