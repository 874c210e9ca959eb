use proptest::prelude::*;

use super::*;

fn asked(body: &str) -> (ToEmbed, Encoding) {
    read(body.as_bytes()).unwrap()
}

#[test]
fn every_form_of_input_is_read() {
    let texts = |list: &[&str]| Inputs::Texts(list.iter().map(|text| (*text).to_owned()).collect());
    for (input, expected) in [
        (r#""one""#, texts(&["one"])),
        (r#"["one","图"]"#, texts(&["one", "图"])),
        ("[1,2]", Inputs::Tokens(vec![vec![1, 2]])),
        ("[[1,2],[3]]", Inputs::Tokens(vec![vec![1, 2], vec![3]])),
    ] {
        let (read, encoding) = asked(&format!(r#"{{"model":"m","input":{input}}}"#));
        assert_eq!((read.inputs, encoding), (expected, Encoding::Float), "{input}");
    }
    let (read, encoding) = asked(
        r#"{"model":"m","input":"a","dimensions":8,"encoding_format":"base64","user":"u",
            "input_type":"search_query","modelpool":{},"x":null}"#,
    );
    assert_eq!((read.dimensions, encoding), (Some(8), Encoding::Base64));
    assert_eq!(read.purpose.as_deref(), Some("search_query"));
    assert_eq!(read.dropped, ["user"]);
}

#[test]
fn what_cannot_be_embedded_is_named() {
    let many = format!(r#"{{"input":{:?}}}"#, vec!["a"; MAX_INPUTS + 1]);
    for (body, param) in [
        ("[]", None),
        ("{}", Some("input")),
        (r#"{"input":[]}"#, Some("input")),
        (r#"{"input":""}"#, Some("input")),
        (r#"{"input":["a",""]}"#, Some("input")),
        (r#"{"input":["a",1]}"#, Some("input")),
        (r#"{"input":[1,"a"]}"#, Some("input")),
        (r#"{"input":[[]]}"#, Some("input")),
        (r#"{"input":[-1]}"#, Some("input")),
        (r#"{"input":{}}"#, Some("input")),
        (many.as_str(), Some("input")),
        (r#"{"input":"a","dimensions":0}"#, Some("dimensions")),
        (
            r#"{"input":"a","encoding_format":"int8"}"#,
            Some("encoding_format"),
        ),
    ] {
        assert_eq!(
            read(body.as_bytes()).unwrap_err().param.as_deref(),
            param,
            "{body}"
        );
    }
}

#[test]
fn an_answer_has_openai_s_shape() {
    let answer = Embeddings {
        vectors: vec![vec![0.1, -1.0], vec![2e-7, 3.0]],
        input_tokens: None,
    };
    assert_eq!(
        write_answer(&answer, Encoding::Float, "m\"", 7),
        concat!(
            r#"{"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.1,-1.0]},"#,
            r#"{"object":"embedding","index":1,"embedding":[2e-7,3.0]}],"#,
            r#""model":"m\"","usage":{"prompt_tokens":7,"total_tokens":7}}"#
        )
    );
    let text = write_answer(&answer, Encoding::Base64, "m", 7);
    let read: Value = serde_json::from_slice(&text).unwrap();
    assert_eq!(read["data"][0]["embedding"], "zczMPQAAgL8=");
}

#[test]
fn a_model_s_side() {
    let ask = ToEmbed {
        inputs: Inputs::Texts(vec!["a".into()]),
        dimensions: Some(4),
        purpose: Some("search_query".into()),
        ..ToEmbed::default()
    };
    let written = body("m", &ask).unwrap();
    assert_eq!(
        written.body,
        r#"{"model":"m","encoding_format":"float","input":["a"],"dimensions":4}"#
    );
    assert_eq!(written.dropped, ["input_type"]);
    let answer =
        br#"{"data":[{"index":1,"embedding":[2]},{"index":0,"embedding":[1]}],"usage":{"prompt_tokens":3}}"#;
    let expected = Embeddings {
        vectors: vec![vec![1.0], vec![2.0]],
        input_tokens: Some(3),
    };
    assert_eq!(read_answer(answer, 2).unwrap(), expected);
    assert!(matches!(
        read_answer(br#"{"error":{"message":"no"}}"#, 1),
        Err(Broken::Refusal(_))
    ));
    for broken in ["", "{}", r#"{"data":[]}"#, r#"{"data":[{"embedding":"AAAA"}]}"#] {
        assert!(matches!(
            read_answer(broken.as_bytes(), 1),
            Err(Broken::Protocol(_))
        ));
    }
}

proptest! {
    #[test]
    fn both_encodings_are_the_same_vectors(vector in prop::collection::vec(-2.0_f32..2.0, 1..50)) {
        let answer = Embeddings { vectors: vec![vector.clone()], input_tokens: None };
        let read = |encoding| -> Value {
            serde_json::from_slice(&write_answer(&answer, encoding, "m", 1)).unwrap()
        };
        let floats = read(Encoding::Float)["data"][0]["embedding"].clone();
        let floats: Vec<f32> = serde_json::from_value(floats).unwrap();
        let packed = read(Encoding::Base64)["data"][0]["embedding"].as_str().unwrap().to_owned();
        let packed = STANDARD.decode(packed).unwrap();
        let packed: Vec<f32> = packed
            .chunks(4)
            .map(|four| f32::from_le_bytes(four.try_into().unwrap()))
            .collect();
        prop_assert_eq!(&floats, &vector);
        prop_assert_eq!(packed, vector);
    }
}
