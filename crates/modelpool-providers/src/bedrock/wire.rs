//! Where a request goes, and how it shows its key.

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderName, Request, Uri};
use modelpool_core::{Operation, UnixMillis};

use super::decoder::BedrockDecoder;
use super::sign::{Credentials, Scope, encoded, sign};
use super::{answer, write};
use crate::framing::Framing;
use crate::model_list::ModelList;
use crate::neutral::{Answer, Conversation, Untranslatable, Written};
use crate::wire::{Broken, Decoder, Target, Wire, without_ends};

/// The name that requests to Bedrock are signed for.
const SERVICE: &str = "bedrock";

/// Amazon Bedrock's Converse.
#[derive(Clone, Debug)]
pub(crate) struct BedrockWire {
    region: String,
    /// Where they are given, requests are signed; else a Bedrock API key is shown:
    /// <https://docs.aws.amazon.com/bedrock/latest/userguide/api-keys-use.html>.
    credentials: Option<Credentials>,
}

impl BedrockWire {
    /// For models of a region, such as `us-east-1`.
    pub(crate) fn new(region: impl Into<String>, credentials: Option<Credentials>) -> Self {
        Self {
            region: region.into(),
            credentials,
        }
    }

    /// The address of a region:
    /// <https://docs.aws.amazon.com/general/latest/gr/bedrock.html>.
    pub(crate) fn default_base(region: &str) -> String {
        let domain = if region.starts_with("cn-") {
            "amazonaws.com.cn"
        } else {
            "amazonaws.com"
        };
        format!("https://bedrock-runtime.{region}.{domain}")
    }
}

impl Wire for BedrockWire {
    fn base_url(&self, given: &Uri) -> String {
        without_ends(given, &[])
    }

    fn url(&self, base: &str, target: &Target<'_>) -> Result<String, String> {
        match target.operation {
            Operation::Chat => {}
            other => return Err(format!("Amazon Bedrock's Converse has no {}", other.words())),
        }
        let operation = if target.stream {
            "converse-stream"
        } else {
            "converse"
        };
        // Names hold colons, and those that are ARNs slashes: all of it is one segment of the path.
        Ok(format!("{base}/model/{}/{operation}", encoded(target.model)))
    }

    fn headers(&self, key: Option<&str>) -> Vec<(HeaderName, String)> {
        match key {
            Some(key) if self.credentials.is_none() => vec![(AUTHORIZATION, format!("Bearer {key}"))],
            _ => Vec::new(),
        }
    }

    fn sign(&self, request: &mut Request<Bytes>, at: UnixMillis) -> Result<(), String> {
        let scope = Scope {
            region: &self.region,
            service: SERVICE,
        };
        match &self.credentials {
            Some(credentials) => sign(request, scope, credentials, at),
            None => Ok(()),
        }
    }

    fn write(&self, conversation: &Conversation, target: &Target<'_>) -> Result<Written, Untranslatable> {
        write::write(conversation, target.model)
    }

    fn read(&self, body: &Bytes) -> Result<Answer, Broken> {
        answer::read(body)
    }

    fn model_list(&self) -> Result<ModelList, &'static str> {
        Err("Amazon Bedrock lists its models at another address than the one that runs them")
    }

    fn framing(&self) -> Framing {
        Framing::Aws
    }

    fn decoder(&self) -> Box<dyn Decoder> {
        Box::<BedrockDecoder>::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(operation: Operation, model: &str, stream: bool) -> Target<'_> {
        Target {
            operation,
            model,
            stream,
        }
    }

    #[test]
    fn addresses() {
        let wire = BedrockWire::new("us-east-1", None);
        let base = BedrockWire::default_base("us-east-1");
        assert_eq!(base, "https://bedrock-runtime.us-east-1.amazonaws.com");
        assert_eq!(
            BedrockWire::default_base("cn-north-1"),
            "https://bedrock-runtime.cn-north-1.amazonaws.com.cn"
        );
        for (given, expected) in [
            ("https://a.example", "https://a.example"),
            ("https://a.example/", "https://a.example"),
            ("http://a.example:8080/bedrock/", "http://a.example:8080/bedrock"),
        ] {
            assert_eq!(wire.base_url(&given.parse().unwrap()), expected);
        }
        for (model, stream, expected) in [
            (
                "anthropic.claude-3-haiku-20240307-v1:0",
                false,
                "/model/anthropic.claude-3-haiku-20240307-v1%3A0/converse",
            ),
            (
                "arn:aws:bedrock:eu-west-1:1:inference-profile/eu.amazon.nova-lite-v1:0",
                true,
                "/model/arn%3Aaws%3Abedrock%3Aeu-west-1%3A1%3Ainference-profile%2Feu.amazon.nova-lite-v1%3A0/converse-stream",
            ),
        ] {
            let url = wire.url(&base, &target(Operation::Chat, model, stream)).unwrap();
            assert_eq!(url, format!("{base}{expected}"));
        }
        assert!(
            wire.url(&base, &target(Operation::Embeddings, "m", false))
                .unwrap_err()
                .contains("embeddings")
        );
    }

    #[test]
    fn a_key_is_shown_and_credentials_sign() {
        let mut request = Request::new(Bytes::from_static(b"{}"));
        *request.uri_mut() = "https://a.example/model/m/converse".parse().unwrap();
        let wire = BedrockWire::new("us-east-1", None);
        let shown = vec![(AUTHORIZATION, "Bearer ABSK-1".to_owned())];
        assert_eq!(wire.headers(Some("ABSK-1")), shown);
        assert_eq!(wire.headers(None), []);
        wire.sign(&mut request, UnixMillis(0)).unwrap();
        assert!(request.headers().is_empty());

        let wire = BedrockWire::new("us-east-1", Some(Credentials::new("AKID", "secret-1", None)));
        assert_eq!(wire.headers(Some("ABSK-1")), []);
        wire.sign(&mut request, UnixMillis(0)).unwrap();
        let shown = request.headers()[AUTHORIZATION].to_str().unwrap();
        assert!(
            shown.starts_with("AWS4-HMAC-SHA256 Credential=AKID/19700101/us-east-1/bedrock/aws4_request, "),
            "{shown}"
        );
        assert!(!format!("{wire:?} {request:?}").contains("secret-1"));
    }
}
