//! Embeddings: the vector of two words.

use modelpool_core::{BoxFuture, ErrorKind};

use crate::detect::asking::Asker;
use crate::detect::judge::Judged;

pub(in crate::detect) fn ask(asker: &mut Asker) -> BoxFuture<'_, Judged> {
    Box::pin(async {
        match asker.embed("warm rain").await {
            Ok(heard) => {
                let vector = heard.json["data"][0]["embedding"].as_array();
                match vector.map_or(0, Vec::len) {
                    0 => Judged::no("the answer holds no vector"),
                    length => Judged::yes(format!("a vector of {length} numbers")),
                }
            }
            // The model chats, so it is there: what is missing is this operation of it.
            Err(error) if *error.kind() == ErrorKind::ModelNotFound => {
                Judged::no(format!("{}: {}", error.code(), error.message()))
            }
            Err(error) => Judged::failed(&error),
        }
    })
}
