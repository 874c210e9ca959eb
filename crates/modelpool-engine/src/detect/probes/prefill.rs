//! Prefill: going on from where the answer stands, in the form the vendor has for it.

use modelpool_core::BoxFuture;
use serde_json::json;

use crate::detect::asking::Asker;
use crate::detect::judge::Judged;

pub(in crate::detect) fn ask(asker: &mut Asker) -> BoxFuture<'_, Judged> {
    Box::pin(async {
        let messages = json!([
            {"role": "user", "content": "Count from one to six in words, and write nothing else."},
        ]);
        match asker.prefilled(&messages, "one two three").await {
            Err(error) => Judged::failed(&error),
            Ok(said) => {
                let text = said.to_lowercase();
                // Who begins anew says `one` again.
                Judged::answered(text.contains("four") && !text.contains("one"), &said)
            }
        }
    })
}
