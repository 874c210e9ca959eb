//! What a deployment can do and what it costs: `model_info`, and the prices in `litellm_params`.

use serde_json::{Map, Number, Value as Json, json};

use super::fields::{Fields, Item, Report, number};

/// LiteLLM's flags, and ours.
const FLAGS: [(&str, &str); 10] = [
    ("supports_function_calling", "supports_tools"),
    ("supports_parallel_function_calling", "supports_parallel_tools"),
    ("supports_vision", "supports_vision"),
    ("supports_response_schema", "supports_json_schema"),
    ("supports_system_messages", "supports_system_message"),
    ("supports_audio_input", "supports_audio"),
    ("supports_pdf_input", "supports_pdf"),
    ("supports_reasoning", "supports_reasoning"),
    ("supports_assistant_prefill", "supports_prefill"),
    ("supports_native_streaming", "supports_streaming"),
];

/// LiteLLM's prices in US dollars per token, and ours per million.
const PRICES: [(&str, &str); 3] = [
    ("input_cost_per_token", "input"),
    ("output_cost_per_token", "output"),
    ("cache_read_input_token_cost", "cached_input"),
];

/// Reads the capabilities; `None` if the deployment does what no model of ours does, which is
/// reported.
pub(super) fn read(
    params: &mut Fields<'_>,
    info: Option<Item<'_>>,
    report: &mut Report,
) -> Option<Map<String, Json>> {
    let mut info = info.and_then(|info| info.fields(report));
    let mut capabilities = Map::new();
    let mut embeds = false;
    if let Some(mode) = info.as_mut().and_then(|info| info.take("mode")) {
        match mode.plain_text(report) {
            Some("chat") | None => {}
            Some("embedding") => embeds = true,
            Some(other) => {
                let reason =
                    format!("the mode `{other}` is not available in this version; the model is left out");
                report.item(&mode, reason);
                return None;
            }
        }
    }
    if embeds {
        capabilities.insert("supports_embeddings".to_owned(), true.into());
    }
    if let Some(info) = &mut info {
        for (theirs, ours) in FLAGS {
            if let Some(value) = info.take(theirs).and_then(|item| item.boolean(report)) {
                capabilities.insert(ours.to_owned(), value.into());
            }
        }
        windows(info, &mut capabilities, report);
    }
    price(params, info.as_mut(), embeds, &mut capabilities, report);
    if let Some(info) = info {
        info.report_rest(report, |_| "it has no counterpart here");
    }
    Some(capabilities)
}

fn windows(info: &mut Fields<'_>, capabilities: &mut Map<String, Json>, report: &mut Report) {
    let mut whole = |key: &str| {
        let item = info.take(key)?;
        let number = item.number(report)?;
        Some((number.trunc() as u64, item))
    };
    // `max_tokens` is the older word for the limit on the output; the newer one holds.
    let (output, older, input) = (
        whole("max_output_tokens"),
        whole("max_tokens"),
        whole("max_input_tokens"),
    );
    match (output, older) {
        (Some((output, _)), Some((older, item))) if output != older => {
            capabilities.insert("max_tokens".to_owned(), output.into());
            report.item(&item, "`max_output_tokens` says otherwise, and holds");
        }
        (Some((limit, _)), _) | (None, Some((limit, _))) => {
            capabilities.insert("max_tokens".to_owned(), limit.into());
        }
        (None, None) => {}
    }
    if let Some((window, _)) = input {
        capabilities.insert("context_window".to_owned(), window.into());
    }
}

/// Prices may stand in either place; those with the parameters hold.
fn price(
    params: &mut Fields<'_>,
    mut info: Option<&mut Fields<'_>>,
    embeds: bool,
    capabilities: &mut Map<String, Json>,
    report: &mut Report,
) {
    let mut price = Map::new();
    let mut first = None;
    for (theirs, ours) in PRICES {
        let with_params = params.take(theirs);
        let with_info = info.as_mut().and_then(|info| info.take(theirs));
        let Some(item) = with_params.or(with_info) else {
            continue;
        };
        if let Some(dollars) = item.number(report) {
            price.insert(ours.to_owned(), Json::Number(per_million(dollars)));
            first.get_or_insert(item);
        }
    }
    if embeds && price.contains_key("input") {
        price.entry("output").or_insert(json!(0));
    }
    match first {
        Some(item) if !(price.contains_key("input") && price.contains_key("output")) => {
            report.item(
                &item,
                "a price needs both `input_cost_per_token` and `output_cost_per_token`",
            );
        }
        Some(_) => {
            capabilities.insert("price".to_owned(), Json::Object(price));
        }
        None => {}
    }
}

/// US dollars per token as US dollars per million tokens, without what binary fractions add:
/// 0.0000025 per token is 2.5, not 2.4999999999999996.
fn per_million(dollars: f64) -> Number {
    let per_million = dollars * 1e6;
    number(format!("{per_million:.6}").parse().unwrap_or(per_million))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_are_as_round_as_they_were() {
        for (per_token, expected) in [
            (0.0000025, "2.5"),
            (1e-5, "10"),
            (1.5e-7, "0.15"),
            (0.0, "0"),
            (2.75e-8, "0.0275"),
        ] {
            assert_eq!(per_million(per_token).to_string(), expected);
        }
    }
}
