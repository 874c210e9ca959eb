//! Reads a price as users write it, and names every mistake by its key.

use serde_json::{Map, Value};

use super::{Price, PriceTier};
use crate::nearest::did_you_mean;

/// Where, within the price, and what is wrong there.
pub(crate) type Mistake = (String, String);

const ABOVE: &str = "above_input_tokens";
const TIERS: &str = "tiers";

/// Rates, which a price and its tiers have in common.
const RATES: [&str; 7] = [
    "input",
    "output",
    "cached_input",
    "cache_write",
    "cache_write_1h",
    "reasoning",
    "output_after_reasoning",
];

/// What only a price has.
const EACH: [&str; 2] = ["image", "request"];

/// Reads the object of a price.
///
/// # Errors
/// All mistakes: keys that are unknown or missing, values that are no price.
pub(crate) fn read(value: &Value) -> Result<Price, Vec<Mistake>> {
    let mut mistakes = Vec::new();
    let known: Vec<&str> = RATES.iter().chain(&EACH).copied().chain([TIERS]).collect();
    let mut price = Price::default();
    if let Some(members) = object(value, "", &mut mistakes) {
        let mut reader = Reader::new(members, "", &known, &mut mistakes);
        price = Price {
            input: reader.needed("input"),
            output: reader.needed("output"),
            cached_input: reader.dollars("cached_input"),
            cache_write: reader.dollars("cache_write"),
            cache_write_1h: reader.dollars("cache_write_1h"),
            reasoning: reader.dollars("reasoning"),
            output_after_reasoning: reader.dollars("output_after_reasoning"),
            image: reader.dollars("image"),
            request: reader.dollars("request"),
            tiers: Vec::new(),
        };
        match members.get(TIERS) {
            None | Some(Value::Null) => {}
            Some(Value::Array(tiers)) => {
                let read = tiers.iter().enumerate();
                price.tiers = read
                    .filter_map(|(at, tier)| read_tier(at, tier, &mut mistakes))
                    .collect();
            }
            Some(other) => mistakes.push((
                TIERS.to_owned(),
                format!("expected a list of tiers, each {{{ABOVE}, input, output, …}}, got {other}"),
            )),
        }
    }
    if mistakes.is_empty() {
        mistakes = check(&price);
    }
    if mistakes.is_empty() {
        Ok(price)
    } else {
        Err(mistakes)
    }
}

fn read_tier(at: usize, value: &Value, mistakes: &mut Vec<Mistake>) -> Option<PriceTier> {
    let path = format!("{TIERS}[{at}]");
    let members = object(value, &path, mistakes)?;
    let known: Vec<&str> = [ABOVE].into_iter().chain(RATES).collect();
    let mut reader = Reader::new(members, &path, &known, mistakes);
    Some(PriceTier {
        above_input_tokens: reader.tokens(ABOVE),
        input: reader.needed("input"),
        output: reader.needed("output"),
        cached_input: reader.dollars("cached_input"),
        cache_write: reader.dollars("cache_write"),
        cache_write_1h: reader.dollars("cache_write_1h"),
        reasoning: reader.dollars("reasoning"),
        output_after_reasoning: reader.dollars("output_after_reasoning"),
    })
}

fn object<'a>(value: &'a Value, path: &str, mistakes: &mut Vec<Mistake>) -> Option<&'a Map<String, Value>> {
    let members = value.as_object();
    if members.is_none() {
        let what = "expected {input, output, …} in US dollars per million tokens";
        mistakes.push((path.to_owned(), format!("{what}, got {value}")));
    }
    members
}

/// Reads the members of one object.
struct Reader<'a> {
    members: &'a Map<String, Value>,
    path: &'a str,
    mistakes: &'a mut Vec<Mistake>,
}

impl<'a> Reader<'a> {
    fn new(
        members: &'a Map<String, Value>,
        path: &'a str,
        known: &[&'static str],
        mistakes: &'a mut Vec<Mistake>,
    ) -> Self {
        for key in members.keys().filter(|key| !known.contains(&key.as_str())) {
            let hint = did_you_mean(key, known.iter().copied());
            let told = format!("no part of a price{hint} (known: {})", known.join(", "));
            mistakes.push((join(path, key), told));
        }
        Self {
            members,
            path,
            mistakes,
        }
    }

    fn wrong(&mut self, key: &str, told: String) {
        self.mistakes.push((join(self.path, key), told));
    }

    fn dollars(&mut self, key: &str) -> Option<f64> {
        let value = self.members.get(key).filter(|value| !value.is_null())?;
        let dollars = value.as_f64();
        if dollars.is_none() {
            self.wrong(key, format!("expected {}, got {value}", unit(key)));
        }
        dollars
    }

    fn needed(&mut self, key: &str) -> f64 {
        if self.members.get(key).is_none_or(Value::is_null) {
            self.wrong(
                key,
                format!("missing: a price needs `input` and `output`, {}", unit(key)),
            );
        }
        self.dollars(key).unwrap_or(0.0)
    }

    fn tokens(&mut self, key: &str) -> u64 {
        let value = self.members.get(key);
        let tokens = value.and_then(Value::as_u64);
        if tokens.is_none() {
            let got = value.map_or_else(|| "nothing".to_owned(), Value::to_string);
            self.wrong(key, format!("expected a whole number of tokens, got {got}"));
        }
        tokens.unwrap_or(0)
    }
}

fn unit(key: &str) -> &'static str {
    match key {
        "image" => "US dollars per image made",
        "request" => "US dollars per call",
        _ => "US dollars per million tokens",
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() {
        key.to_owned()
    } else {
        format!("{path}.{key}")
    }
}

/// Values no price can have.
pub(crate) fn check(price: &Price) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    let mut number = |path: String, value: Option<f64>| {
        if let Some(value) = value.filter(|value| !value.is_finite() || *value < 0.0) {
            mistakes.push((path, format!("expected a number of at least 0, got {value}")));
        }
    };
    for (key, value) in RATES.into_iter().zip(price.base().members()) {
        number(key.to_owned(), value);
    }
    for (key, value) in EACH.into_iter().zip([price.image, price.request]) {
        number(key.to_owned(), value);
    }
    for (at, tier) in price.tiers.iter().enumerate() {
        for (key, value) in RATES.into_iter().zip(tier.members()) {
            number(format!("{TIERS}[{at}].{key}"), value);
        }
    }
    for (at, tier) in price.tiers.iter().enumerate() {
        let above = tier.above_input_tokens;
        if price
            .tiers
            .iter()
            .take(at)
            .any(|other| other.above_input_tokens == above)
        {
            let told = format!("a second tier above {above} tokens");
            mistakes.push((format!("{TIERS}[{at}].{ABOVE}"), told));
        }
    }
    mistakes
}

impl PriceTier {
    /// In the order of [`RATES`].
    fn members(&self) -> [Option<f64>; 7] {
        [
            Some(self.input),
            Some(self.output),
            self.cached_input,
            self.cache_write,
            self.cache_write_1h,
            self.reasoning,
            self.output_after_reasoning,
        ]
    }
}
