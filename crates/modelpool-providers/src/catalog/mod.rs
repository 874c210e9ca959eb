//! The catalog of known models: what is public about a model, so that nobody has to write it down.
//!
//! It is a snapshot of LiteLLM's price list (MIT licence, its notice stands beside this file), cut
//! down to the vendors that can be called here, and made by `cargo xtask catalog`. It is read once,
//! at the first question.
//!
//! - [`find`] knows a model under the names people write: with the vendor's prefix, another date, a
//!   region. It never takes one model for another whose name begins the same: what it does not know
//!   it does not guess.
//! - [`CatalogEntry::fill`] fills in what nobody declared, with the provenance *catalog*. The user's
//!   word wins always.
//! - What the list does not say is unknown: a flag that is absent is not *no*, and a price of zero
//!   is believed only of models that run at the user's own place.
//!
//! Prices are list prices of the snapshot's day. Discounts, batches, priority and regions with
//! another price are not in it.

mod bill;
mod entry;
mod names;
mod snapshot;

#[cfg(test)]
mod bill_tests;
#[cfg(test)]
mod tests;

use modelpool_core::ModelConfig;

pub use entry::{CatalogEntry, CatalogFlags, ImagePrice, Mode, PriceTier, TokenPrices};

use names::{Stem, vendor_of};
use snapshot::snapshot;

/// Where the catalog comes from.
#[must_use]
pub fn source() -> &'static str {
    snapshot().source
}

/// The day the snapshot was made, as `2026-11-27`.
#[must_use]
pub fn date() -> &'static str {
    snapshot().date
}

/// What is known of a model.
///
/// `provider` is the name of a vendor or one of its other names, `model_name` what the vendor calls
/// the model, more or less.
///
/// ```
/// use modelpool_providers::catalog::find;
/// let known = find("openai", "openai/gpt-4o").unwrap();
/// assert_eq!((known.model_name.as_str(), known.prices.input), ("gpt-4o", Some(2.5)));
/// assert!(find("openai", "gpt-4o-nano").is_none());
/// assert!(find("openai_compatible", "gpt-4o").is_none(), "nobody knows who serves it");
/// ```
#[must_use]
pub fn find(provider: &str, model_name: &str) -> Option<&'static CatalogEntry> {
    let vendor = vendor_of(provider)?;
    let models = snapshot().of_vendor(vendor);
    let exact = |name: &str| {
        let at = models
            .binary_search_by(|entry| entry.key.as_str().cmp(name))
            .ok()?;
        models.get(at)
    };
    let name = names::bare(vendor, model_name);
    // As it stands first: `nvidia/nemotron` is called so at `nvidia`, too.
    let found = exact(&model_name.trim().to_lowercase()).or_else(|| exact(&name));
    if found.is_some() {
        return found;
    }
    let wanted = Stem::of(vendor, &name);
    let same_model = models.iter().filter_map(|entry| {
        let stem = Stem::of(vendor, &entry.key);
        let fits = stem.name == wanted.name
            && (stem.region == wanted.region || stem.region.is_empty())
            && wanted.may_be_of(stem.age);
        fits.then(|| ((stem.region.len(), stem.age == wanted.age, stem.age), entry))
    });
    // The region asked for before none, and the same date before the name without one, `-latest` and
    // the newest date.
    let best = same_model.max_by_key(|(rank, _)| *rank);
    best.map(|(_, entry)| entry)
}

/// The models whose provider, name and mode contain every one of these words, sorted by provider
/// and name. No word finds all.
#[must_use]
pub fn search(words: &str) -> Vec<&'static CatalogEntry> {
    let words = words.to_lowercase();
    let words: Vec<&str> = words.split_whitespace().collect();
    let fits = |entry: &&CatalogEntry| {
        let text = format!("{}/{} {}", entry.provider, entry.key, entry.mode.word());
        words.iter().all(|word| text.contains(word))
    };
    snapshot().entries().filter(fits).collect()
}

/// Fills in what the catalog knows of a model that was added without capabilities.
///
/// An object passed in code is complete: what it leaves out keeps its default.
pub fn fill_undeclared(model: &mut ModelConfig) {
    let is_undeclared = model.capabilities.provenances().next().is_none();
    if !(model.catalog && is_undeclared) {
        return;
    }
    if let Some(known) = find(&model.provider, &model.model_name) {
        known.fill(&mut model.capabilities);
    }
}
