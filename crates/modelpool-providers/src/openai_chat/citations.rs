//! Where a text is from, in the words of this wire.
//!
//! An annotation here is an address with a title and the place in the text, counted in characters:
//! <https://platform.openai.com/docs/api-reference/chat/object>. Other issuers' citations become one where they
//! name an address; what points into a caller's own document has no form here and is left out.

use std::ops::Range;

use serde_json::{Value, json};

/// The annotation for a citation of any issuer; `place` is that of the text it belongs to, where that is known.
pub(super) fn annotation(citation: &Value, place: Option<Range<usize>>) -> Option<Value> {
    let own = &citation["url_citation"];
    if own.is_object() {
        return Some(citation.clone());
    }
    // Gemini's name of the address is `uri`, in what it calls a web chunk.
    let sources = [citation, &citation["web"]];
    let text = |keys: [&str; 2]| {
        let mut found = sources
            .iter()
            .flat_map(|source| keys.map(|key| source[key].as_str()));
        found.find_map(|text| text.filter(|text| !text.is_empty()))
    };
    let url = text(["url", "uri"])?;
    let index = |keys: [&str; 2]| keys.iter().find_map(|key| citation[*key].as_u64());
    let (start, end) = place.map_or((0, 0), |place| (place.start as u64, place.end as u64));
    Some(json!({
        "type": "url_citation",
        "url_citation": {
            "start_index": index(["start_index", "startIndex"]).unwrap_or(start),
            "end_index": index(["end_index", "endIndex"]).unwrap_or(end),
            "url": url,
            "title": text(["title", "document_title"]).unwrap_or(url),
        },
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_names_an_address_becomes_an_annotation() {
        let of = |url: &str, title: &str, start: u64, end: u64| {
            let citation = json!({"start_index": start, "end_index": end, "url": url, "title": title});
            Some(json!({"type": "url_citation", "url_citation": citation}))
        };
        let own = of("https://a", "A", 1, 2).unwrap();
        for (citation, expected) in [
            (own.clone(), Some(own)),
            (
                json!({"type": "url_citation", "url": "https://a", "title": "A", "start_index": 4, "end_index": 6}),
                of("https://a", "A", 4, 6),
            ),
            (
                json!({"type": "web_search_result_location", "url": "https://a", "title": "A", "cited_text": "x"}),
                of("https://a", "A", 3, 9),
            ),
            (
                json!({"web": {"uri": "https://a"}}),
                of("https://a", "https://a", 3, 9),
            ),
            (json!({"type": "char_location", "document_index": 0}), None),
            (json!("https://a"), None),
        ] {
            assert_eq!(annotation(&citation, Some(3..9)), expected, "{citation}");
        }
    }
}
