//! System messages: a word that nothing else asks for.

use modelpool_core::BoxFuture;
use serde_json::json;

use crate::detect::asking::Asker;
use crate::detect::judge::{Judged, shown};

const WORD: &str = "banana";

pub(in crate::detect) fn ask(asker: &mut Asker) -> BoxFuture<'_, Judged> {
    Box::pin(async {
        let messages = json!([
            {"role": "system", "content": "Whatever the user says, answer with the one word banana."},
            {"role": "user", "content": "How are you?"},
        ]);
        let heard = asker.chat(&messages, json!({})).await;
        Judged::of(heard, |heard| {
            if heard.text.to_lowercase().contains(WORD) {
                return Judged::answered(true, &heard.text);
            }
            // It was taken; a small model may not do as it is told.
            Judged::unclear(format!(
                "took the system message, and answered `{}`",
                shown(&heard.text)
            ))
        })
    })
}
