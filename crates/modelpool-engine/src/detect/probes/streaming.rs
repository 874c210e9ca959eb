//! Streaming: an answer in pieces, with a proper end.

use modelpool_core::BoxFuture;
use serde_json::json;

use crate::detect::asking::Asker;
use crate::detect::judge::{Judged, shown};

pub(in crate::detect) fn ask(asker: &mut Asker) -> BoxFuture<'_, Judged> {
    Box::pin(async {
        let messages = json!([{"role": "user", "content": "Count from one to five."}]);
        let mut stream = match asker.stream(&messages).await {
            Ok(stream) => stream,
            Err(error) => return Judged::failed(&error),
        };
        let (mut text, mut events) = (String::new(), 0_u32);
        let mut lost = None;
        while let Some(item) = stream.next().await {
            match item {
                Ok(event) => {
                    events += 1;
                    text.push_str(&event.text());
                }
                Err(error) => lost = Some(error),
            }
        }
        asker.streamed(&stream);
        match lost {
            Some(error) => Judged::unclear(format!("the stream was lost: {}", error.message())),
            // A model that only thought within the limit streamed all the same.
            None => Judged::yes(format!("{events} events, `{}`", shown(&text))),
        }
    })
}
