//! JSON of a schema: an object that nothing but the schema describes.

use modelpool_core::BoxFuture;
use serde_json::{Value, json};

use crate::detect::asking::Asker;
use crate::detect::judge::Judged;

pub(in crate::detect) fn ask(asker: &mut Asker) -> BoxFuture<'_, Judged> {
    Box::pin(async {
        let messages = json!([{"role": "user", "content": "Say hello."}]);
        let schema = json!({
            "type": "object",
            "properties": {"signal": {"type": "string", "enum": ["zulu"]}},
            "required": ["signal"],
            "additionalProperties": false,
        });
        let format = json!({"response_format": {
            "type": "json_schema",
            "json_schema": {"name": "signal", "strict": true, "schema": schema},
        }});
        let heard = asker.chat(&messages, format).await;
        Judged::of(heard, |heard| {
            let object: Value = serde_json::from_str(&heard.text).unwrap_or_default();
            Judged::answered(object == json!({"signal": "zulu"}), &heard.text)
        })
    })
}
