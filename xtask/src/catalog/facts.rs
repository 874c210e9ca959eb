//! What is believed of an entry of the list.
//!
//! A flag that is absent is unknown, not *no*. Prices are US dollars per token there and per million
//! tokens here. A price of zero is believed of a model that runs at the user's own place, and of
//! nobody else: what a vendor sells it does not give away, and a zero that is wrong would make the
//! model win every comparison. A zero output price is believed where nothing is put out: of
//! embeddings, rankings and moderation.

use serde_json::Value;

/// Flags, each with its letter in the data file: small for yes, capital for no.
const FLAGS: [(char, &str); 8] = [
    ('t', "supports_function_calling"),
    ('v', "supports_vision"),
    ('p', "supports_pdf_input"),
    ('r', "supports_reasoning"),
    ('j', "supports_response_schema"),
    ('l', "supports_parallel_function_calling"),
    ('f', "supports_assistant_prefill"),
    ('s', "supports_system_messages"),
];

/// Modes that are kept, each with its letter in the data file.
const MODES: [(char, &str); 11] = [
    ('c', "chat"),
    ('r', "responses"),
    ('t', "completion"),
    ('e', "embedding"),
    ('i', "image_generation"),
    ('d', "image_edit"),
    ('a', "audio_transcription"),
    ('s', "audio_speech"),
    ('l', "realtime"),
    ('k', "rerank"),
    ('m', "moderation"),
];

/// The context lengths above which the list knows other prices.
const STEPS: [u64; 7] = [32, 100, 128, 200, 256, 272, 512];

/// Prices of tokens, in US dollars per million.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Prices {
    pub(super) input: Option<f64>,
    pub(super) output: Option<f64>,
    pub(super) cached_input: Option<f64>,
    pub(super) cache_write: Option<f64>,
    /// Of what is kept for an hour.
    pub(super) cache_write_1h: Option<f64>,
    pub(super) reasoning: Option<f64>,
}

/// One model.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Facts {
    pub(super) mode: char,
    pub(super) context: Option<u64>,
    pub(super) max_output: Option<u64>,
    pub(super) prices: Prices,
    pub(super) flags: String,
    pub(super) deprecation: Option<String>,
    pub(super) image_input: Option<f64>,
    pub(super) image_output: Option<f64>,
    /// Prices of requests with more input tokens than so many.
    pub(super) tiers: Vec<(u64, Prices)>,
    /// US dollars per call.
    pub(super) request: Option<f64>,
}

impl Facts {
    /// Reads an entry; `None` for a mode that is not kept.
    ///
    /// # Errors
    /// A number that cannot be one of these.
    pub(super) fn read(vendor: &str, name: &str, entry: &Value) -> Result<Option<Self>, String> {
        let mode = entry.get("mode").and_then(Value::as_str);
        let Some((mode, _)) = MODES.into_iter().find(|(_, known)| mode == Some(*known)) else {
            return Ok(None);
        };
        let beliefs = Beliefs {
            zero: vendor == "ollama" && !name.ends_with("-cloud"),
            zero_output: matches!(mode, 'e' | 'k' | 'm'),
        };
        let first = entry.pointer("/tiered_pricing/0").unwrap_or(&Value::Null);
        let mut prices = beliefs.prices(entry, "")?;
        if prices.input.is_none() && prices.output.is_none() {
            prices = beliefs.prices(first, "")?;
        }
        if prices.reasoning.is_none() {
            prices.reasoning = beliefs.per_million(first, "output_cost_per_reasoning_token")?;
        }
        if matches!(mode, 'i' | 'd') && prices.output.is_none() {
            // All that comes out of it is images.
            prices.output = beliefs.per_million(entry, "output_cost_per_image_token")?;
        }
        Ok(Some(Self {
            mode,
            context: tokens(entry, "max_input_tokens"),
            max_output: tokens(entry, "max_output_tokens"),
            prices,
            flags: flags(entry),
            deprecation: date(entry),
            image_input: beliefs.dollars(entry, "input_cost_per_image")?,
            image_output: beliefs.dollars(entry, "output_cost_per_image")?,
            tiers: beliefs.tiers(entry)?,
            request: beliefs.request(entry, mode)?,
        }))
    }

    /// How much is said of the model, to compare two entries of one name.
    pub(super) fn said(&self) -> usize {
        let prices = self.prices;
        let priced = [
            prices.input,
            prices.output,
            prices.cached_input,
            prices.cache_write,
            prices.cache_write_1h,
        ];
        priced.iter().flatten().count() * 4
            + self.flags.len()
            + usize::from(self.context.is_some())
            + usize::from(self.max_output.is_some())
    }
}

/// Which zeros are believed.
#[derive(Clone, Copy)]
struct Beliefs {
    zero: bool,
    zero_output: bool,
}

impl Beliefs {
    /// The prices whose names end in `suffix`.
    fn prices(self, entry: &Value, suffix: &str) -> Result<Prices, String> {
        let named = |name: &str| per_million(entry, &format!("{name}{suffix}"));
        let (input, output) = (named("input_cost_per_token")?, named("output_cost_per_token")?);
        if !self.zero && (input == Some(0.0) || (output == Some(0.0) && !self.zero_output)) {
            return Ok(Prices::default());
        }
        let cached = match self.per_million(entry, &format!("cache_read_input_token_cost{suffix}"))? {
            None if suffix.is_empty() => self.per_million(entry, "input_cost_per_token_cache_hit")?,
            known => known,
        };
        Ok(Prices {
            input,
            output,
            cached_input: cached,
            cache_write: self.per_million(entry, &format!("cache_creation_input_token_cost{suffix}"))?,
            cache_write_1h: self.per_million(
                entry,
                &format!("cache_creation_input_token_cost_above_1hr{suffix}"),
            )?,
            reasoning: self.per_million(entry, &format!("output_cost_per_reasoning_token{suffix}"))?,
        })
    }

    /// A query is a whole call only where documents are ranked; elsewhere it is a search within a call, which not
    /// every call makes.
    fn request(self, entry: &Value, mode: char) -> Result<Option<f64>, String> {
        match mode {
            'k' => self.dollars(entry, "input_cost_per_query"),
            _ => self.dollars(entry, "input_cost_per_request"),
        }
    }

    fn per_million(self, entry: &Value, name: &str) -> Result<Option<f64>, String> {
        let price = per_million(entry, name)?;
        Ok(price.filter(|price| self.zero || *price > 0.0))
    }

    fn dollars(self, entry: &Value, name: &str) -> Result<Option<f64>, String> {
        let price = number(entry, name)?;
        Ok(price.filter(|price| self.zero || *price > 0.0).map(rounded))
    }

    fn tiers(self, entry: &Value) -> Result<Vec<(u64, Prices)>, String> {
        let mut tiers = Vec::new();
        for step in STEPS {
            let prices = self.prices(entry, &format!("_above_{step}k_tokens"))?;
            if prices.input.is_some() {
                tiers.push((step * 1000, prices));
            }
        }
        if let Some(written) = entry.get("tiered_pricing").and_then(Value::as_array) {
            for tier in written {
                let from = tier.pointer("/range/0").and_then(Value::as_f64).unwrap_or(0.0);
                let prices = self.prices(tier, "")?;
                if from > 0.0 && prices.input.is_some() {
                    tiers.push((from as u64, prices));
                }
            }
        }
        tiers.sort_by_key(|(above, _)| *above);
        tiers.dedup_by_key(|(above, _)| *above);
        Ok(tiers)
    }
}

fn per_million(entry: &Value, name: &str) -> Result<Option<f64>, String> {
    Ok(number(entry, name)?.map(|dollars| rounded(dollars * 1_000_000.0)))
}

fn number(entry: &Value, name: &str) -> Result<Option<f64>, String> {
    let Some(number) = entry.get(name).and_then(Value::as_f64) else {
        return Ok(None);
    };
    if number.is_finite() && number >= 0.0 {
        return Ok(Some(number));
    }
    Err(format!("{name} is {number}, no price"))
}

/// Nine significant digits: what a price has, without what floating point adds.
fn rounded(number: f64) -> f64 {
    format!("{number:.8e}").parse().unwrap_or(number)
}

fn tokens(entry: &Value, name: &str) -> Option<u64> {
    let number = entry.get(name)?;
    let whole = number.as_u64().or_else(|| Some(number.as_f64()?.max(0.0) as u64));
    whole.filter(|tokens| *tokens > 0)
}

fn date(entry: &Value) -> Option<String> {
    let date = entry.get("deprecation_date")?.as_str()?;
    let fits = date.len() == 10
        && date.bytes().enumerate().all(|(at, byte)| match at {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    fits.then(|| date.to_owned())
}

fn flags(entry: &Value) -> String {
    let said = |name: &str| entry.get(name).and_then(Value::as_bool);
    let mut letters = String::new();
    let mut push = |letter: char, said: Option<bool>| match said {
        Some(true) => letters.push(letter),
        Some(false) => letters.push(letter.to_ascii_uppercase()),
        None => {}
    };
    for (letter, name) in FLAGS {
        push(letter, said(name));
    }
    // Hearing and speaking are one flag here: a *no* to one of them says nothing of the other.
    let audio = match (said("supports_audio_input"), said("supports_audio_output")) {
        (Some(true), _) | (_, Some(true)) => Some(true),
        (Some(false), _) => Some(false),
        _ => None,
    };
    push('a', audio);
    letters
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(vendor: &str, entry: Value) -> Facts {
        Facts::read(vendor, "m", &entry).unwrap().unwrap()
    }

    #[test]
    fn a_zero_is_believed_only_of_what_runs_at_home() {
        for (vendor, mode, input, output, expected) in [
            ("openai", "chat", 1e-6, 2e-6, (Some(1.0), Some(2.0))),
            ("openai", "chat", 0.0, 0.0, (None, None)),
            ("openai", "chat", 1e-6, 0.0, (None, None)),
            ("openai", "chat", 0.0, 2e-6, (None, None)),
            ("openai", "embedding", 2e-8, 0.0, (Some(0.02), Some(0.0))),
            ("openai", "embedding", 0.0, 0.0, (None, None)),
            ("ollama", "chat", 0.0, 0.0, (Some(0.0), Some(0.0))),
        ] {
            let entry = json!({"mode": mode, "input_cost_per_token": input, "output_cost_per_token": output});
            let prices = read(vendor, entry).prices;
            assert_eq!(
                (prices.input, prices.output),
                expected,
                "{vendor} {mode} {input} {output}"
            );
        }
        let cloud = json!({"mode": "chat", "input_cost_per_token": 0, "output_cost_per_token": 0});
        let cloud = Facts::read("ollama", "gpt-oss:120b-cloud", &cloud)
            .unwrap()
            .unwrap();
        assert_eq!(cloud.prices, Prices::default());
    }

    #[test]
    fn absent_flags_are_unknown() {
        let entry = json!({"mode": "chat", "supports_vision": false, "supports_function_calling": true});
        assert_eq!(read("openai", entry).flags, "tV");
        let hears_not_but_speaks =
            json!({"mode": "chat", "supports_audio_input": false, "supports_audio_output": true});
        assert_eq!(read("openai", hears_not_but_speaks).flags, "a");
    }

    #[test]
    fn tiers_come_in_two_forms() {
        let named = json!({"mode": "chat", "input_cost_per_token": 1e-6, "output_cost_per_token": 1e-6,
            "input_cost_per_token_above_200k_tokens": 2e-6, "output_cost_per_token_above_200k_tokens": 4e-6});
        let told = read("gemini", named).tiers;
        let [(200_000, prices)] = told.as_slice() else {
            panic!("{told:?}");
        };
        assert_eq!((prices.input, prices.output), (Some(2.0), Some(4.0)));
        let listed = read(
            "qwen",
            json!({"mode": "chat", "tiered_pricing": [
                {"range": [0, 256000.0], "input_cost_per_token": 5e-8, "output_cost_per_token": 4e-7},
                {"range": [256000.0, 1e6], "input_cost_per_token": 2.5e-7, "output_cost_per_token": 2e-6}]}),
        );
        assert_eq!(
            (listed.prices.input, listed.prices.output),
            (Some(0.05), Some(0.4))
        );
        assert_eq!(listed.tiers.len(), 1);
        assert_eq!(listed.tiers[0].0, 256_000);
    }

    #[test]
    fn what_is_billed_besides_is_kept() {
        let claude = read(
            "anthropic",
            json!({"mode": "chat", "input_cost_per_token": 3e-6, "output_cost_per_token": 15e-6,
                "cache_creation_input_token_cost": 3.75e-6, "cache_creation_input_token_cost_above_1hr": 6e-6,
                "input_cost_per_token_above_200k_tokens": 6e-6, "output_cost_per_token_above_200k_tokens": 22.5e-6,
                "cache_creation_input_token_cost_above_1hr_above_200k_tokens": 12e-6}),
        );
        assert_eq!(claude.prices.cache_write_1h, Some(6.0));
        assert_eq!(claude.tiers[0].1.cache_write_1h, Some(12.0));
        let queries = |mode: &str| {
            let entry = json!({"mode": mode, "input_cost_per_query": 0.002, "input_cost_per_token": 0.0});
            read("cohere", entry).request
        };
        assert_eq!((queries("rerank"), queries("chat")), (Some(0.002), None));
        let requests = json!({"mode": "chat", "input_cost_per_request": 0.005});
        assert_eq!(read("perplexity", requests).request, Some(0.005));
        let images = |mode: &str| {
            let entry =
                json!({"mode": mode, "input_cost_per_token": 5e-6, "output_cost_per_image_token": 4e-5});
            read("openai", entry).prices.output
        };
        assert_eq!((images("image_generation"), images("chat")), (Some(40.0), None));
    }

    #[test]
    fn what_is_no_price_is_a_mistake_and_what_is_no_mode_is_left_out() {
        let negative = json!({"mode": "chat", "input_cost_per_token": -1.0});
        assert!(Facts::read("openai", "m", &negative).is_err());
        assert_eq!(Facts::read("openai", "m", &json!({"mode": "search"})), Ok(None));
        assert_eq!(Facts::read("openai", "m", &json!({})), Ok(None));
        let odd = json!({"mode": "chat", "deprecation_date": "soon", "max_input_tokens": "many"});
        let odd = read("openai", odd);
        assert_eq!((odd.deprecation, odd.context), (None, None));
    }
}
