//! Log-probabilities: `logprobsResult` and OpenAI's shape, which is the neutral one.

use serde_json::{Value, json};

use super::names::{member, text};

/// From `logprobsResult`; `None` where it holds no token.
pub(super) fn read(result: &Value) -> Option<Value> {
    let chosen = member(result, "chosenCandidates")?.as_array()?;
    let alternatives = member(result, "topCandidates").and_then(Value::as_array);
    let tokens: Vec<Value> = chosen
        .iter()
        .enumerate()
        .map(|(at, candidate)| {
            let top = alternatives.and_then(|each| member(each.get(at)?, "candidates")?.as_array());
            let top: Vec<Value> = top.into_iter().flatten().map(token).collect();
            let mut read = token(candidate);
            read["top_logprobs"] = top.into();
            read
        })
        .collect();
    (!tokens.is_empty()).then(|| json!({"content": tokens}))
}

fn token(candidate: &Value) -> Value {
    let token = text(candidate, "token").unwrap_or_default();
    let logprob = member(candidate, "logProbability").cloned();
    json!({"token": token, "logprob": logprob, "bytes": token.as_bytes()})
}

/// As `logprobsResult`, of several pieces in order; `None` where they hold no token.
pub(super) fn written(pieces: &[Value]) -> Option<Value> {
    let contents = pieces.iter().filter_map(|piece| piece.get("content")?.as_array());
    let tokens: Vec<&Value> = contents.flatten().collect();
    let chosen: Vec<Value> = tokens.iter().map(|token| candidate(token)).collect();
    let top: Vec<Value> = tokens
        .iter()
        .map(|token| {
            let each = token.get("top_logprobs").and_then(Value::as_array);
            let each: Vec<Value> = each.into_iter().flatten().map(candidate).collect();
            json!({"candidates": each})
        })
        .collect();
    (!chosen.is_empty()).then(|| json!({"topCandidates": top, "chosenCandidates": chosen}))
}

fn candidate(token: &Value) -> Value {
    json!({"token": token.get("token"), "logProbability": token.get("logprob")})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        let result = json!({
            "topCandidates": [{"candidates": [{"token": "é", "logProbability": -0.5}, {"token": "f", "logProbability": -1.5}]}],
            "chosenCandidates": [{"token": "é", "logProbability": -0.5}],
        });
        let read = read(&result).unwrap();
        let expected = json!({"content": [{"token": "é", "logprob": -0.5, "bytes": [195, 169], "top_logprobs": [
            {"token": "é", "logprob": -0.5, "bytes": [195, 169]}, {"token": "f", "logprob": -1.5, "bytes": [102]}]}]});
        assert_eq!(read, expected);
        assert_eq!(written(&[read]), Some(result));
    }

    #[test]
    fn nothing_of_nothing() {
        for result in [
            json!({}),
            json!({"chosenCandidates": []}),
            json!({"chosenCandidates": 1}),
        ] {
            assert_eq!(read(&result), None);
        }
        assert_eq!(written(&[json!({"content": null}), json!(1)]), None);
    }
}
