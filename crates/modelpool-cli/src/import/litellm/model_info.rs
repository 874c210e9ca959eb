//! What a deployment can do: `model_info`. What it costs may stand there, too, and is read in `prices`.

use serde_json::{Map, Value as Json};

use super::fields::{Fields, Item, Report};
use super::prices;

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

/// Reads the capabilities; `None` if the deployment does what no model of ours does, which is
/// reported.
pub(super) fn read<'a>(
    params: &mut Fields<'a>,
    info: Option<Item<'a>>,
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
    if let Some(price) = prices::read(params, info.as_mut(), embeds, report) {
        capabilities.insert("price".to_owned(), price);
    }
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
