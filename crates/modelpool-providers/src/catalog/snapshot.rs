//! The data file, read once.
//!
//! ```text
//! # source: …                  what it was made from
//! # date: 2026-11-27
//! [vendor]
//! 0name|mode|context|max output|input|output|cached|write|1h write|reasoning|flags|deprecation|image in|image out|tiers|request
//! ```
//!
//! Models are sorted by name in lower case. The first character of a line is a digit of base 62:
//! how many letters the name has in common with the one before. Prices are US dollars per million
//! tokens, empty fields are unknown, fields at the end are left out. Tiers are
//! `above:input:output:cached:write:1h write:reasoning`, joined by `;`.

use std::sync::OnceLock;

use modelpool_core::Flag;

use super::entry::{CatalogEntry, CatalogFlags, ImagePrice, Mode, PriceTier, TokenPrices};

const DATA: &str = include_str!("data.txt");

/// The catalog, read.
#[derive(Debug, Default)]
pub(super) struct Snapshot {
    pub(super) source: &'static str,
    pub(super) date: &'static str,
    /// Sorted by vendor, the models of each by their keys.
    vendors: Vec<(&'static str, Vec<CatalogEntry>)>,
}

/// The catalog of this build.
pub(super) fn snapshot() -> &'static Snapshot {
    static SNAPSHOT: OnceLock<Snapshot> = OnceLock::new();
    SNAPSHOT.get_or_init(|| Snapshot::read(DATA))
}

impl Snapshot {
    /// A line that cannot be read is passed over: the file is ours, and a test reads all of it.
    fn read(text: &'static str) -> Self {
        let mut snapshot = Self::default();
        let mut name = String::new();
        for line in text.lines() {
            if let Some(comment) = line.strip_prefix("# ") {
                snapshot.note(comment);
            } else if let Some(vendor) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
                snapshot.vendors.push((vendor, Vec::new()));
                name.clear();
            } else if let Some((vendor, models)) = snapshot.vendors.last_mut() {
                models.extend(read_model(vendor, &mut name, line));
            }
        }
        snapshot
    }

    fn note(&mut self, comment: &'static str) {
        if let Some(source) = comment.strip_prefix("source: ") {
            self.source = source;
        } else if let Some(date) = comment.strip_prefix("date: ") {
            self.date = date;
        }
    }

    /// The models of a vendor, sorted by their keys.
    pub(super) fn of_vendor(&self, vendor: &str) -> &[CatalogEntry] {
        let found = self.vendors.iter().find(|(name, _)| *name == vendor);
        found.map_or(&[], |(_, models)| models)
    }

    /// All models.
    pub(super) fn entries(&self) -> impl Iterator<Item = &CatalogEntry> {
        self.vendors.iter().flat_map(|(_, models)| models)
    }
}

/// `before` is the name of the line before, and then that of this one.
fn read_model(provider: &'static str, before: &mut String, line: &str) -> Option<CatalogEntry> {
    let mut fields = line.split('|');
    let coded = fields.next()?;
    let shared = digit(coded.bytes().next()?)?;
    before.truncate(shared);
    before.push_str(coded.get(1..)?);
    let mode = Mode::from_letter(fields.next()?)?;
    let mut field = || fields.next().unwrap_or_default();
    let context_window = field().parse().ok();
    let max_output_tokens = field().parse().ok();
    let prices = TokenPrices {
        input: field().parse().ok(),
        output: field().parse().ok(),
        cached_input: field().parse().ok(),
        cache_write: field().parse().ok(),
        cache_write_1h: field().parse().ok(),
        reasoning: field().parse().ok(),
    };
    let mut flags = CatalogFlags::from_letters(field());
    // Any model that runs here can be asked for embeddings, so nothing is known of those.
    if mode == Mode::Embedding || provider != "ollama" {
        flags.set(Flag::Embeddings, mode == Mode::Embedding);
    }
    Some(CatalogEntry {
        provider,
        model_name: before.clone(),
        mode,
        context_window,
        max_output_tokens,
        prices,
        flags,
        deprecation_date: Some(field()).filter(|date| !date.is_empty()).map(str::to_owned),
        image_price: ImagePrice {
            input: field().parse().ok(),
            output: field().parse().ok(),
        },
        tiers: field().split(';').filter_map(tier).collect(),
        request_price: field().parse().ok(),
        key: before.to_lowercase(),
    })
}

fn digit(byte: u8) -> Option<usize> {
    Some(usize::from(match byte {
        b'0'..=b'9' => byte - b'0',
        b'A'..=b'Z' => byte - b'A' + 10,
        b'a'..=b'z' => byte - b'a' + 36,
        _ => return None,
    }))
}

fn tier(text: &str) -> Option<PriceTier> {
    let mut fields = text.split(':');
    let above_input_tokens = fields.next()?.parse().ok()?;
    let mut price = || fields.next().and_then(|field| field.parse().ok());
    Some(PriceTier {
        above_input_tokens,
        prices: TokenPrices {
            input: price(),
            output: price(),
            cached_input: price(),
            cache_write: price(),
            cache_write_1h: price(),
            reasoning: price(),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_a_model_and_they_are_sorted() {
        let lines = DATA.lines().filter(|line| !line.starts_with(['#', '[']));
        assert_eq!(snapshot().entries().count(), lines.count());
        for (vendor, models) in &snapshot().vendors {
            assert!(
                models.windows(2).all(|pair| pair[0].key < pair[1].key),
                "{vendor}"
            );
        }
        assert!(DATA.len() < 150_000, "{} bytes", DATA.len());
    }

    #[test]
    fn names_are_decoded_and_fields_may_be_missing() {
        let read = Snapshot::read(
            "# date: 2026-01-02\n[v]\n0abc|c|10|5|1|2|0.5||1.5||tV|2027-01-01|||200000:2:4::1:2:5;300000:3|0.01\n2D|e\n3e|?\n",
        );
        assert_eq!(read.date, "2026-01-02");
        let [first, second] = read.of_vendor("v") else {
            panic!("two models, got {read:?}");
        };
        assert_eq!(
            (first.model_name.as_str(), second.model_name.as_str()),
            ("abc", "abD")
        );
        assert_eq!(second.key, "abd");
        assert_eq!(first.flags.get(Flag::Tools), Some(true));
        assert_eq!(first.flags.get(Flag::Vision), Some(false));
        assert_eq!(first.flags.get(Flag::Audio), None);
        assert_eq!(first.prices.cached_input, Some(0.5));
        assert_eq!(first.prices.cache_write_1h, Some(1.5));
        assert_eq!(first.request_price, Some(0.01));
        assert_eq!(first.deprecation_date.as_deref(), Some("2027-01-01"));
        assert_eq!(first.tiers.len(), 2);
        assert_eq!(first.tiers[0].prices.cache_write, Some(1.0));
        assert_eq!(first.tiers[0].prices.cache_write_1h, Some(2.0));
        assert_eq!(first.tiers[0].prices.reasoning, Some(5.0));
        assert_eq!(first.tiers[1].prices.output, None);
        assert_eq!(second.prices, TokenPrices::default());
        assert_eq!(second.flags.get(Flag::Embeddings), Some(true));
    }
}
