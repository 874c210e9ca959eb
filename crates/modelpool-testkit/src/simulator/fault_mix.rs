//! Faults that hit a share of all requests, for loads that last.

use super::endpoint::Endpoint;
use super::fault::FaultRule;
use super::options::SimulatorError;

/// The most rules of one mix.
const MAX_RULES: usize = 256;

/// Hits a share of the requests that no queued rule hits, each with one rule out of a list.
///
/// What is hit and with which rule is drawn from a seed, in the order in which requests arrive. The
/// `skip` and `times` of the rules say nothing here; a rule that is for another model or endpoint is
/// left out of the draw.
///
/// ```
/// use modelpool_testkit::simulator::{Fault, FaultMix, FaultRule};
///
/// let rules = [Fault::status(503), Fault::EmptyBody].map(FaultRule::new);
/// let mix = FaultMix::new(0.1, 7, rules)?;
/// assert_eq!(mix.hits(), [0, 0]);
/// # Ok::<(), modelpool_testkit::simulator::SimulatorError>(())
/// ```
#[derive(Debug, Clone)]
pub struct FaultMix {
    share: f64,
    rules: Vec<FaultRule>,
    hits: Vec<u64>,
    random: fastrand::Rng,
}

impl FaultMix {
    /// Hits this share of requests (0..=1) with these rules, all of them equally often.
    ///
    /// # Errors
    /// [`SimulatorError::InvalidOption`] if the share or a rule makes no sense, or if there are no
    /// rules or more than 256.
    pub fn new(
        share: f64,
        seed: u64,
        rules: impl IntoIterator<Item = FaultRule>,
    ) -> Result<Self, SimulatorError> {
        if !(0.0..=1.0).contains(&share) {
            return Err(SimulatorError::invalid("fault mix.share", share, "0 to 1"));
        }
        let rules: Vec<FaultRule> = rules.into_iter().collect();
        if !(1..=MAX_RULES).contains(&rules.len()) {
            let count = rules.len();
            return Err(SimulatorError::invalid(
                "fault mix.rules",
                count,
                "1 to 256 rules",
            ));
        }
        for rule in &rules {
            rule.validate()?;
        }
        Ok(FaultMix {
            share,
            hits: vec![0; rules.len()],
            rules,
            random: fastrand::Rng::with_seed(seed),
        })
    }

    /// How many requests each rule has hit, in the order of the rules.
    pub fn hits(&self) -> &[u64] {
        &self.hits
    }

    /// The rule that hits this request, if any.
    pub(super) fn draw(&mut self, model: Option<&str>, endpoint: Endpoint) -> Option<FaultRule> {
        if self.random.f64() >= self.share {
            return None;
        }
        let fitting = |rule: &FaultRule| rule.matches(model, endpoint);
        let count = self.rules.iter().filter(|rule| fitting(rule)).count();
        if count == 0 {
            return None;
        }
        let drawn = self.random.usize(..count);
        let (index, rule) = self
            .rules
            .iter()
            .enumerate()
            .filter(|(_, rule)| fitting(rule))
            .nth(drawn)?;
        self.hits[index] += 1;
        Some(rule.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::super::fault::Fault;
    use super::*;

    fn mix(share: f64) -> FaultMix {
        let rules = [
            FaultRule::new(Fault::EmptyBody),
            FaultRule::new(Fault::Html).for_model("a"),
            FaultRule::new(Fault::status(500)).for_endpoint(Endpoint::Embeddings),
        ];
        FaultMix::new(share, 7, rules).unwrap()
    }

    fn kinds(mix: &mut FaultMix, model: &str, count: usize) -> Vec<Option<&'static str>> {
        let draw = |mix: &mut FaultMix| mix.draw(Some(model), Endpoint::ChatCompletions);
        (0..count)
            .map(|_| draw(mix).map(|rule| rule.fault.kind()))
            .collect()
    }

    #[test]
    fn the_share_is_kept_and_rules_that_fit_are_equally_likely() {
        let mut mix = mix(0.2);
        let hit = kinds(&mut mix, "a", 10_000).into_iter().flatten().count();
        assert!((1_850..2_150).contains(&hit), "{hit}");
        let [first, second, third] = mix.hits() else {
            panic!("one count for each rule")
        };
        assert_eq!((first + second, *third), (hit as u64, 0));
        assert!(first.abs_diff(*second) < 150, "{first} and {second}");
    }

    #[test]
    fn the_same_seed_draws_the_same() {
        assert_eq!(kinds(&mut mix(0.5), "b", 200), kinds(&mut mix(0.5), "b", 200));
        assert!(
            kinds(&mut mix(1.0), "b", 50)
                .iter()
                .all(|kind| *kind == Some("empty_body"))
        );
        assert!(kinds(&mut mix(0.0), "b", 50).iter().all(Option::is_none));
    }

    #[test]
    fn senseless_mixes_are_refused() {
        let error = |share, rules: Vec<FaultRule>| FaultMix::new(share, 1, rules).unwrap_err().to_string();
        let rule = FaultRule::new(Fault::EmptyBody);
        assert_eq!(error(1.5, vec![rule]), "fault mix.share is 1.5: expected 0 to 1");
        assert!(error(0.1, Vec::new()).starts_with("fault mix.rules is 0"));
        assert!(error(0.1, vec![FaultRule::new(Fault::status(99))]).starts_with("fault.status"));
    }
}
