//! Vectors from a model of any wire that has them, for callers of the dialects that ask for them.
//!
//! Texts that are too many for one request of the wire are sent in several, one after the other, and the vectors
//! put together: the caller's clients send as many as OpenAI takes. Either all of them come or none.

use bytes::Bytes;
use http::Uri;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use modelpool_core::facts::{TextSize, estimate_tokens};
use modelpool_core::provider::{Dialect, RequestBody, Spots, WholeReply};
use modelpool_core::{Error, Operation, ProviderRequest, Reply, ReplyBody, ReplyHead, RequestFacts, Usage};

use crate::dialect::AddressedCall;
use crate::exchange::Exchange;
use crate::gemini;
use crate::neutral::embeddings::{Embeddings, Inputs, ToEmbed};
use crate::openai_chat::embed::{self as openai, Encoding};
use crate::openai_chat::read::{self as openai_read, BodyError, ReadRequest};
use crate::provider::{invalid, untranslatable};
use crate::translate::error_of;
use crate::wire::{Target, Wire};

/// How the caller wants its answer.
#[derive(Clone, Copy, Debug)]
enum Shape {
    OpenAi(Encoding),
    Gemini(gemini::Batch),
}

/// Asks a model for vectors.
///
/// # Errors
/// The request cannot be said in the wire, or any failure before the end of the last answer.
pub(crate) async fn embed(
    wire: &dyn Wire,
    exchange: &Exchange,
    uri: &Uri,
    request: &ProviderRequest,
    sign: impl Fn(&mut http::Request<Bytes>) -> Result<(), Error>,
) -> Result<Reply, Error> {
    let (asked, shape) = read(request.body.dialect, &request.body.bytes).map_err(invalid)?;
    let target = Target {
        operation: Operation::Embeddings,
        model: &request.model_name,
        stream: false,
    };
    let mut head: Option<ReplyHead> = None;
    let mut all: Option<Embeddings> = None;
    for part in asked.parts(wire.most_inputs()) {
        let written = wire.write_embeddings(&part, &target).map_err(untranslatable)?;
        let mut sent = exchange.call(uri, written.body, request.trace);
        sign(&mut sent)?;
        let answered = exchange.send(sent, &request.limits, false).await?;
        let (answered, bytes) = answered.whole(request.limits.idle).await?;
        let vectors = wire.read_embeddings(&bytes, part.inputs.len());
        let vectors = vectors.map_err(|broken| error_of(broken, exchange.secrets()))?;
        match &mut all {
            None => all = Some(vectors),
            Some(all) => all.extend(vectors),
        }
        // The last says most truly what is left of a quota.
        head = Some(ReplyHead {
            dropped: written.dropped,
            ..answered
        });
    }
    let all = all.unwrap_or_default();
    let usage = Usage {
        input_tokens: all.input_tokens.unwrap_or(request.facts.input_tokens),
        estimated: all.input_tokens.is_none(),
        ..Usage::default()
    };
    let bytes = match shape {
        Shape::OpenAi(encoding) => {
            openai::write_answer(&all, encoding, &request.model_name, usage.input_tokens)
        }
        Shape::Gemini(batch) => gemini::write_embeddings(&all, batch, usage.input_tokens),
    };
    let mut headers = HeaderMap::with_capacity(8);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(Reply {
        head: ReplyHead {
            headers,
            ..head.unwrap_or_default()
        },
        body: ReplyBody::Whole(WholeReply {
            bytes,
            usage: Some(usage),
            finish: None,
            issued: Vec::new(),
        }),
    })
}

fn read(dialect: Dialect, body: &[u8]) -> Result<(ToEmbed, Shape), BodyError> {
    match dialect {
        Dialect::Gemini => gemini::read_embeddings(body).map(|(asked, batch)| (asked, Shape::Gemini(batch))),
        _ => openai::read(body).map(|(asked, encoding)| (asked, Shape::OpenAi(encoding))),
    }
}

/// Reads a caller's request for vectors, in a dialect that names the model in the address.
///
/// # Errors
/// It is no request of the dialect; the message says what would be accepted.
pub fn read_embeddings(
    dialect: Dialect,
    bytes: Bytes,
    address: &AddressedCall,
) -> Result<ReadRequest, BodyError> {
    let Some(model) = address.model.as_ref().filter(|_| dialect == Dialect::Gemini) else {
        return openai_read::read(Operation::Embeddings, bytes);
    };
    let text = openai_read::object_text(&bytes)?;
    let extension = crate::dialect::extension_of(text)?;
    let (asked, _) = gemini::read_embeddings(&bytes)?;
    let texts = match &asked.inputs {
        Inputs::Texts(texts) => texts.as_slice(),
        Inputs::Tokens(_) => &[],
    };
    let tokens = || texts.iter().map(|text| estimate_tokens(text));
    let facts = RequestFacts {
        operation: Operation::Embeddings,
        body_bytes: bytes.len(),
        text_characters: texts.iter().map(|text| TextSize::of(text).characters()).sum(),
        input_tokens: tokens().sum(),
        longest_text_tokens: tokens().max().unwrap_or(0),
        choices: 1,
        ..RequestFacts::default()
    };
    Ok(ReadRequest {
        model: model.clone(),
        body: RequestBody {
            dialect,
            bytes: bytes.clone(),
            spots: Spots::default(),
            form: None,
            beta: None,
            wants_usage: true,
        },
        facts,
        extension,
    })
}
