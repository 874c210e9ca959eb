//! Vision: the number in a small picture.

use modelpool_core::BoxFuture;
use serde_json::json;

use crate::detect::asking::Asker;
use crate::detect::judge::Judged;
use crate::detect::picture;

/// What is drawn: two digits, so that a guess is seldom right.
const NUMBER: &str = "47";

pub(in crate::detect) fn ask(asker: &mut Asker) -> BoxFuture<'_, Judged> {
    Box::pin(async {
        let messages = json!([{"role": "user", "content": [
            {"type": "text", "text": "Which number stands in this picture? Answer with its digits alone."},
            {"type": "image_url", "image_url": {"url": picture::data_url(NUMBER)}},
        ]}]);
        let heard = asker.chat(&messages, json!({})).await;
        Judged::of(heard, |heard| {
            Judged::answered(heard.text.contains(NUMBER), &heard.text)
        })
    })
}
