//! The models that a vendor offers, by whatever list its wire has.

use bytes::Bytes;
use http::{Method, Uri};
use modelpool_core::provider::CallLimits;
use modelpool_core::{Error, ErrorKind};
use serde_json::Value;
use std::time::Duration;

use crate::exchange::Exchange;

/// Limits, which nobody configures.
const LIMITS: CallLimits = CallLimits {
    connect: Duration::from_secs(3),
    response: Duration::from_secs(30),
    idle: Duration::from_secs(30),
};

/// A list of models.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ModelList {
    /// What comes after the base of the wire's addresses. It asks for as many at once as the vendor gives: there is
    /// one page.
    pub(crate) path: &'static str,
    /// The member that holds the list; some servers answer with nothing but the list.
    pub(crate) list: &'static str,
    /// The member of each that names it.
    pub(crate) name: &'static str,
    /// What stands before each name, and is no part of it.
    pub(crate) prefix: &'static str,
}

impl ModelList {
    /// OpenAI's, and its likes'.
    pub(crate) const OPENAI: ModelList = ModelList {
        path: "/models",
        list: "data",
        name: "id",
        prefix: "",
    };

    /// Asks for the list.
    ///
    /// # Errors
    /// No answer, a refusal, or no list of models.
    pub(crate) async fn fetch(
        &self,
        exchange: &Exchange,
        uri: &Uri,
        sign: impl FnOnce(&mut http::Request<Bytes>) -> Result<(), Error>,
    ) -> Result<Vec<String>, Error> {
        let mut request = exchange.request(Method::GET, uri, Bytes::new());
        sign(&mut request)?;
        let answered = exchange.send(request, &LIMITS, false).await?;
        let (_, bytes) = answered.whole(LIMITS.idle).await?;
        let answer: Value = serde_json::from_slice(&bytes).map_err(|error| {
            let message = format!("the list of models is not JSON: {error}");
            Error::new(ErrorKind::Protocol, message)
        })?;
        self.names(&answer).ok_or_else(|| {
            let message = format!("the list of models has no `{}`", self.list);
            Error::new(ErrorKind::Protocol, message)
        })
    }

    fn names(&self, answer: &Value) -> Option<Vec<String>> {
        let list = answer[self.list].as_array().or(answer.as_array())?;
        let name = |model: &Value| {
            let name = model[self.name].as_str()?;
            Some(name.strip_prefix(self.prefix).unwrap_or(name).to_owned())
        };
        Some(list.iter().filter_map(name).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn names_are_read() {
        let gemini = ModelList {
            path: "/models",
            list: "models",
            name: "name",
            prefix: "models/",
        };
        let answer = json!({"models": [{"name": "models/a"}, {"name": "tunedModels/b"}, {}]});
        assert_eq!(gemini.names(&answer).unwrap(), ["a", "tunedModels/b"]);
        // Together's is the list alone.
        assert_eq!(ModelList::OPENAI.names(&json!([{"id": "x"}])).unwrap(), ["x"]);
        assert_eq!(ModelList::OPENAI.names(&json!({"data": []})).unwrap(), [""; 0]);
        assert_eq!(ModelList::OPENAI.names(&json!({"error": "no"})), None);
    }
}
