//! `POST /v1/images/generations`: always the same picture of one pixel.

use serde::Deserialize;
use serde_json::{Value, json};

use super::CREATED;
use super::api_error::ApiError;
use super::reply::Reply;

/// A transparent PNG of one pixel, in base64.
pub(super) const PIXEL: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
/// OpenAI's limit.
const MAX_IMAGES: u32 = 10;

#[derive(Debug, Deserialize)]
pub(super) struct ImagesRequest {
    prompt: String,
    model: Option<String>,
    n: Option<u32>,
    response_format: Option<String>,
}

impl ImagesRequest {
    /// The one parameter of this endpoint that has a default at OpenAI.
    pub(super) fn model(&self) -> &str {
        self.model.as_deref().unwrap_or("dall-e-2")
    }

    pub(super) fn answer(&self) -> Result<Reply, ApiError> {
        let count = self.n.unwrap_or(1);
        if !(1..=MAX_IMAGES).contains(&count) {
            return Err(ApiError::invalid_value(
                "n",
                format!("Invalid 'n': {count}. Expected a value between 1 and {MAX_IMAGES}."),
            ));
        }
        let as_url = self.response_format.as_deref() == Some("url");
        let image = || {
            let revised = format!("(simulated) {}", self.prompt);
            if as_url {
                let url = format!("data:image/png;base64,{PIXEL}");
                json!({ "url": url, "revised_prompt": revised })
            } else {
                json!({ "b64_json": PIXEL, "revised_prompt": revised })
            }
        };
        let data: Vec<Value> = (0..count).map(|_| image()).collect();
        Ok(Reply::json(&json!({ "created": CREATED, "data": data })))
    }
}
