//! Vectors for texts: `:batchEmbedContents`, and for callers `:embedContent` too,
//! <https://ai.google.dev/api/embeddings>.
//!
//! To a model texts always go as a batch, which takes one as well. Only text is embedded: pictures and sounds,
//! which newest models take, are refused and named.

use bytes::Bytes;
use serde_json::{Value, json};

use super::answer::refuse;
use super::conversation::fault;
use super::names::{camel, count, member, text};
use crate::neutral::embeddings::{Embeddings, Inputs, MAX_INPUTS, ToEmbed, vectors};
use crate::neutral::{Untranslatable, Written};
use crate::openai_chat::read::BodyError;
use crate::wire::Broken;

/// Most texts of one batch, by the service's own refusal of more.
pub(super) const MAX_BATCH: usize = 100;

/// Our words for what vectors are for, and Google's.
const PURPOSES: [(&str, &str); 4] = [
    ("search_document", "RETRIEVAL_DOCUMENT"),
    ("search_query", "RETRIEVAL_QUERY"),
    ("classification", "CLASSIFICATION"),
    ("clustering", "CLUSTERING"),
];

/// Whether a caller asked for one vector or for a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Batch {
    One,
    Many,
}

/// The body for a model; `path` is its name with the folder.
pub(super) fn body(path: &str, asked: &ToEmbed) -> Result<Written, Untranslatable> {
    let Inputs::Texts(texts) = &asked.inputs else {
        return Err(Untranslatable::new(
            "input",
            "holds numbers of tokens, and Gemini's wire takes texts",
        ));
    };
    let request = |said: &String| {
        let mut request = json!({"model": path, "content": {"parts": [{"text": said}]}});
        if let Some(purpose) = &asked.purpose {
            let known = PURPOSES.iter().find(|(ours, _)| ours == purpose);
            request["taskType"] = match known {
                Some((_, theirs)) => (*theirs).into(),
                None => purpose.to_ascii_uppercase().into(),
            };
        }
        if let Some(dimensions) = asked.dimensions {
            request["outputDimensionality"] = dimensions.into();
        }
        request
    };
    let requests: Vec<Value> = texts.iter().map(request).collect();
    Ok(Written {
        body: Bytes::from(json!({"requests": requests}).to_string()),
        dropped: asked.dropped.clone(),
    })
}

/// A model's answer to so many inputs.
pub(super) fn read_answer(body: &[u8], inputs: usize) -> Result<Embeddings, Broken> {
    let answer: Value = serde_json::from_slice(body)
        .map_err(|error| Broken::Protocol(format!("the answer is not JSON: {error}")))?;
    refuse(&answer)?;
    let Some(list) = member(&answer, "embeddings").and_then(Value::as_array) else {
        return Err(Broken::Protocol("the answer has no `embeddings`".to_owned()));
    };
    let vectors =
        vectors(list, inputs, "embeddings", |item| member(item, "values")).map_err(Broken::Protocol)?;
    let usage = member(&answer, "usageMetadata").and_then(|usage| member(usage, "promptTokenCount"));
    Ok(Embeddings {
        vectors,
        input_tokens: usage.and_then(count),
    })
}

/// Reads a caller's request: a batch where it holds `requests`.
pub(crate) fn read(body: &[u8]) -> Result<(ToEmbed, Batch), BodyError> {
    let body: Value = serde_json::from_slice(body)
        .map_err(|error| BodyError::new(None, format!("the body is not valid JSON: {error}")))?;
    let Some(requests) = member(&body, "requests") else {
        return Ok((one(&body, "")?, Batch::One));
    };
    let list = requests.as_array().filter(|list| !list.is_empty());
    let list = list.ok_or_else(|| fault("requests", requests, "a list of requests"))?;
    if list.len() > MAX_INPUTS {
        let message = format!(
            "`requests` holds {} texts; expected at most {MAX_INPUTS}",
            list.len()
        );
        return Err(BodyError::new(Some("requests"), message));
    }
    let mut texts = Vec::with_capacity(list.len());
    let mut all: Option<ToEmbed> = None;
    for (at, request) in list.iter().enumerate() {
        let place = format!("requests[{at}].");
        let next = one(request, &place)?;
        if let Some(first) = &all
            && (&first.purpose, first.dimensions) != (&next.purpose, next.dimensions)
        {
            let message =
                format!("`requests[{at}]` differs in `taskType` or `outputDimensionality` from the first");
            return Err(BodyError::new(Some(&format!("requests[{at}]")), message));
        }
        if let Inputs::Texts(said) = &next.inputs {
            texts.extend(said.iter().cloned());
        }
        all.get_or_insert(next);
    }
    let all = ToEmbed {
        inputs: Inputs::Texts(texts),
        ..all.unwrap_or_default()
    };
    Ok((all, Batch::Many))
}

fn one(request: &Value, place: &str) -> Result<ToEmbed, BodyError> {
    let mut asked = ToEmbed::default();
    let members = request.as_object().into_iter().flatten();
    for (name, value) in members.filter(|(_, value)| !value.is_null()) {
        match camel(name).as_ref() {
            // The model stands in the address; `modelpool` is ours.
            "model" | "modelpool" => {}
            "content" => asked.inputs = Inputs::Texts(vec![said(value, &format!("{place}content"))?]),
            "taskType" => asked.purpose = value.as_str().and_then(purpose),
            "outputDimensionality" => {
                let number = count(value).and_then(|number| u32::try_from(number).ok());
                let number = number.filter(|number| *number > 0);
                asked.dimensions =
                    Some(number.ok_or_else(|| {
                        fault(format!("{place}{name}"), value, "a whole number of at least 1")
                    })?);
            }
            other => asked.dropped.push(other.to_owned()),
        }
    }
    match asked.inputs.len() {
        0 => {
            let content = format!("{place}content");
            Err(BodyError::new(Some(&content), format!("`{content}` is missing")))
        }
        _ => Ok(asked),
    }
}

/// Our word for a purpose of Google's; `None` where it is none in particular.
fn purpose(word: &str) -> Option<String> {
    if word == "TASK_TYPE_UNSPECIFIED" {
        return None;
    }
    let known = PURPOSES.iter().find(|(_, theirs)| *theirs == word);
    Some(known.map_or_else(|| word.to_ascii_lowercase(), |(ours, _)| (*ours).to_owned()))
}

/// The text of a content.
fn said(content: &Value, place: &str) -> Result<String, BodyError> {
    let parts = member(content, "parts");
    let parts = match parts {
        Some(Value::Array(list)) => list.as_slice(),
        Some(one) => std::slice::from_ref(one),
        None => &[],
    };
    let mut whole = String::new();
    for (at, part) in parts.iter().enumerate() {
        let part_text = text(part, "text");
        whole.push_str(part_text.ok_or_else(|| fault(format!("{place}.parts[{at}]"), part, "a text"))?);
    }
    match whole.is_empty() {
        true => Err(fault(place, content, "a content with a text")),
        false => Ok(whole),
    }
}

/// The caller's answer.
pub(crate) fn write_answer(answer: &Embeddings, batch: Batch, tokens: u64) -> Bytes {
    let vectors: Vec<String> = answer
        .vectors
        .iter()
        .map(|vector| {
            let numbers = serde_json::to_string(vector).unwrap_or_default();
            format!(r#"{{"values":{numbers}}}"#)
        })
        .collect();
    let usage = format!(r#""usageMetadata":{{"promptTokenCount":{tokens},"totalTokenCount":{tokens}}}"#);
    Bytes::from(match batch {
        Batch::One => format!(r#"{{"embedding":{},{usage}}}"#, vectors.join(",")),
        Batch::Many => format!(r#"{{"embeddings":[{}],{usage}}}"#, vectors.join(",")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_a_batch() {
        let asked = ToEmbed {
            inputs: Inputs::Texts(vec!["a".into(), "图".into()]),
            dimensions: Some(256),
            purpose: Some("search_query".into()),
            dropped: vec!["user".into()],
        };
        let written = body("models/m", &asked).unwrap();
        let request = |text: &str| {
            format!(
                r#"{{"model":"models/m","content":{{"parts":[{{"text":"{text}"}}]}},"taskType":"RETRIEVAL_QUERY","outputDimensionality":256}}"#
            )
        };
        let expected = format!(r#"{{"requests":[{},{}]}}"#, request("a"), request("图"));
        assert_eq!((written.body, written.dropped), (expected.into(), asked.dropped));
        let tokens = ToEmbed {
            inputs: Inputs::Tokens(vec![vec![1]]),
            ..ToEmbed::default()
        };
        assert_eq!(body("models/m", &tokens).unwrap_err().field, "input");
    }

    #[test]
    fn vectors_are_read() {
        let answer = br#"{"embeddings":[{"values":[0.5,-1]},{"values":[0,1]}],"usageMetadata":{"promptTokenCount":5}}"#;
        let expected = Embeddings {
            vectors: vec![vec![0.5, -1.0], vec![0.0, 1.0]],
            input_tokens: Some(5),
        };
        assert_eq!(read_answer(answer, 2).unwrap(), expected);
        assert!(matches!(
            read_answer(br#"{"error":{"code":400,"message":"no"}}"#, 1),
            Err(Broken::Refusal(_))
        ));
        for broken in ["", "{}", r#"{"embeddings":[{}]}"#, r#"{"embeddings":[]}"#] {
            assert!(matches!(
                read_answer(broken.as_bytes(), 1),
                Err(Broken::Protocol(_))
            ));
        }
    }

    #[test]
    fn callers_ask_for_one_or_many() {
        let (one, batch) =
            read(br#"{"model":"models/x","content":{"parts":[{"text":"a"},{"text":"b"}]},"taskType":"CLUSTERING","title":"t"}"#)
                .unwrap();
        assert_eq!(
            (one.inputs, batch),
            (Inputs::Texts(vec!["ab".into()]), Batch::One)
        );
        assert_eq!(
            (one.purpose.as_deref(), one.dropped),
            (Some("clustering"), vec!["title".to_owned()])
        );
        let (many, batch) = read(
            br#"{"requests":[{"content":{"parts":[{"text":"a"}]},"output_dimensionality":3},
                {"content":{"parts":[{"text":"b"}]},"outputDimensionality":3}]}"#,
        )
        .unwrap();
        assert_eq!(
            (many.inputs.len(), many.dimensions, batch),
            (2, Some(3), Batch::Many)
        );
        for (body, param) in [
            ("{}", "content"),
            (r#"{"content":{"parts":[{"inlineData":{}}]}}"#, "content.parts[0]"),
            (r#"{"requests":[]}"#, "requests"),
            (r#"{"requests":[{}]}"#, "requests[0].content"),
            (
                r#"{"requests":[{"content":{"parts":[{"text":"a"}]}},{"content":{"parts":[{"text":"b"}]},"taskType":"CLUSTERING"}]}"#,
                "requests[1]",
            ),
        ] {
            assert_eq!(
                read(body.as_bytes()).unwrap_err().param.as_deref(),
                Some(param),
                "{body}"
            );
        }
    }

    #[test]
    fn answers_have_the_shape_that_was_asked_for() {
        let answer = Embeddings {
            vectors: vec![vec![0.1]],
            input_tokens: None,
        };
        assert_eq!(
            write_answer(&answer, Batch::One, 2),
            r#"{"embedding":{"values":[0.1]},"usageMetadata":{"promptTokenCount":2,"totalTokenCount":2}}"#
        );
        assert!(write_answer(&answer, Batch::Many, 2).starts_with(br#"{"embeddings":[{"values":[0.1]}],"#));
    }
}
