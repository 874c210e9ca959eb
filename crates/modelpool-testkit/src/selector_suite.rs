//! What every selector has to do, as functions that a test calls with the selector of its author.
//!
//! A selector is put into pools as it will be in use: through a snapshot and a plan, with
//! candidates that a requirement filtered, with and without a default model, measurements and
//! preferences, with one candidate and with hundreds, and with figures at the edge of what a
//! model may declare. Each function holds one promise and panics with the pool, the request and
//! what was broken.
//!
//! | function | promise | for |
//! |---|---|---|
//! | [`ranks_candidates_only_once_each`] | names only candidates, none twice | all |
//! | [`best_is_first_of_rank`] | `best` is the first of `rank` | all |
//! | [`repeats_itself`] | the same context gives the same ranking | all |
//! | [`scores_are_numbers_that_fall`] | scores are finite and never rise along a ranking, reasons are not empty | all |
//! | [`check_all`] | these four | all |
//! | [`ranks_every_candidate`] | leaves no candidate out | selectors that never exclude |
//! | [`never_asks_the_worse`] | no candidate beats the first in what it optimises | selectors with one figure to optimise |
//!
//! ```
//! use std::sync::Arc;
//! use modelpool_core::{Candidates, Numeric, Ranking, SelectContext, Selector, SelectorError};
//! use modelpool_testkit::selector_suite;
//!
//! #[derive(Debug)]
//! struct WidestWindow;
//!
//! impl Selector for WidestWindow {
//!     fn name(&self) -> &str { "widest_window" }
//!     fn rank(&self, candidates: &Candidates<'_>, context: &SelectContext<'_>)
//!         -> Result<Ranking, SelectorError>
//!     {
//!         Ok(Ranking::by_score(candidates, context,
//!             |model| model.number(Numeric::ContextWindow),
//!             |_, tokens| format!("{tokens} tokens")))
//!     }
//! }
//!
//! let selector: Arc<dyn Selector> = Arc::new(WidestWindow);
//! selector_suite::check_all(&selector);
//! selector_suite::ranks_every_candidate(&selector);
//! selector_suite::never_asks_the_worse(&selector, |model| {
//!     -model.config().capabilities.number(Numeric::ContextWindow).value
//! });
//! ```
//!
//! The models of the pools are called `fast`, `strong`, `vision`, `large-context`, `sql-expert`,
//! `local`, and `m0`, `m1`, …; a selector that is configured by alias should name some of them.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use modelpool_core::live::ENOUGH_SAMPLES;
use modelpool_core::snapshot::{Draft, ModelIndex, ModelSet};
use modelpool_core::{
    Candidates, Capabilities, Flag, ModelConfig, ModelEntry, Plan, PlanRequest, Price, Ranking, RequestFacts,
    Requirements, Resolved, SelectContext, Selector, SelectorError, Snapshot, UnixMillis,
};
use serde_json::{Map, Value, json};

/// Requests put to each pool.
const REQUESTS: [u64; 8] = [0, 1, 2, 3, 7, 100, 12_345, u64::MAX];

/// Times of the requests: the epoch, a winter's noon and a summer's night, the end of time.
const TIMES: [u64; 4] = [0, 1_768_478_400_000, 1_783_036_800_000, u64::MAX];

/// All promises that hold for every selector.
pub fn check_all(selector: &Arc<dyn Selector>) {
    ranks_candidates_only_once_each(selector);
    best_is_first_of_rank(selector);
    repeats_itself(selector);
    scores_are_numbers_that_fall(selector);
}

/// Ranks candidates and nothing else, each at most once.
pub fn ranks_candidates_only_once_each(selector: &Arc<dyn Selector>) {
    // A plan passes over a second place, so the selector is looked at before the plan is.
    let watched: Arc<dyn Selector> = Arc::new(Watched(Arc::clone(selector)));
    for_each_trial(&watched, |_| {});
}

/// The answer of `best` is the first of `rank` in the same context.
pub fn best_is_first_of_rank(selector: &Arc<dyn Selector>) {
    for_each_trial(selector, |trial| {
        let first = trial.ranking.first().map(|ranked| trial.alias(ranked.model));
        let best = trial.best.map(|index| trial.alias(index));
        assert_eq!(best, first, "{trial}: `best` is not the first of `rank`");
    });
}

/// The same context, drawn number included, gives the same best and the same ranking.
pub fn repeats_itself(selector: &Arc<dyn Selector>) {
    for_each_trial(selector, |trial| {
        let again = trial.pool.put(&trial.request);
        assert_eq!(
            again.first(),
            trial.best,
            "{trial} chose another model for the same request"
        );
        assert_eq!(
            trial.pool.ranking(&again),
            trial.ranking,
            "{trial} ranked the same request otherwise"
        );
    });
}

/// Scores are finite and never rise along a ranking, and every place has a reason.
pub fn scores_are_numbers_that_fall(selector: &Arc<dyn Selector>) {
    for_each_trial(selector, |trial| {
        let mut last = f64::INFINITY;
        for ranked in trial.ranking.iter() {
            let (alias, score) = (trial.alias(ranked.model), ranked.score);
            assert!(score.is_finite(), "{trial} gave {alias} the score {score}");
            assert!(
                score <= last,
                "{trial} gave {alias} the score {score} after {last}"
            );
            assert!(
                !ranked.reason.trim().is_empty(),
                "{trial} gave no reason for {alias}"
            );
            last = score;
        }
    });
}

/// Every candidate has a place in the ranking, so that failover can reach it.
pub fn ranks_every_candidate(selector: &Arc<dyn Selector>) {
    for_each_trial(selector, |trial| {
        for index in trial.candidates.iter() {
            let is_ranked = trial.ranking.iter().any(|ranked| ranked.model == index);
            assert!(is_ranked, "{trial} left out {}", trial.alias(index));
        }
    });
}

/// No candidate has a smaller figure than the one that comes first: monotone in what the selector
/// claims to optimise. `figure` is what it keeps small, of a model with its measurements.
pub fn never_asks_the_worse(selector: &Arc<dyn Selector>, figure: impl Fn(&ModelEntry) -> f64) {
    for_each_trial(selector, |trial| {
        let Some(first) = trial.ranking.first() else {
            return;
        };
        let least = figure(trial.pool.snapshot.entry(first.model));
        for index in trial.candidates.iter() {
            let other = figure(trial.pool.snapshot.entry(index));
            assert!(
                least <= other,
                "{trial} put {} ({least}) before {} ({other})",
                trial.alias(first.model),
                trial.alias(index)
            );
        }
    });
}

/// A selector whose rankings are checked as it gives them.
#[derive(Debug)]
struct Watched(Arc<dyn Selector>);

impl Selector for Watched {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn rank(
        &self,
        candidates: &Candidates<'_>,
        context: &SelectContext<'_>,
    ) -> Result<Ranking, SelectorError> {
        let ranking = self.0.rank(candidates, context)?;
        let (name, count) = (self.name(), candidates.len());
        let mut seen = ModelSet::default();
        for ranked in ranking.iter() {
            let Some(candidate) = candidates.at(ranked.model) else {
                panic!("`{name}` ranked a model that is none of its {count} candidates");
            };
            let alias = candidate.alias();
            assert!(
                !seen.contains(ranked.model),
                "`{name}` ranked `{alias}` twice, of {count} candidates"
            );
            seen.insert(ranked.model);
        }
        Ok(ranking)
    }

    fn best(
        &self,
        candidates: &Candidates<'_>,
        context: &SelectContext<'_>,
    ) -> Result<Option<ModelIndex>, SelectorError> {
        self.0.best(candidates, context)
    }

    fn applies(&self, candidates: &Candidates<'_>, context: &SelectContext<'_>) -> bool {
        self.0.applies(candidates, context)
    }
}

/// One request put to one pool, and what the selector made of it.
struct Trial<'a> {
    selector: &'a str,
    pool: &'a Pool,
    request: Request,
    candidates: ModelSet,
    best: Option<ModelIndex>,
    ranking: Ranking,
}

impl Trial<'_> {
    fn alias(&self, index: ModelIndex) -> String {
        self.pool.snapshot.entry(index).config().alias.to_string()
    }
}

impl std::fmt::Display for Trial<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Request {
            number,
            now,
            requirements,
            preferences,
        } = &self.request;
        write!(
            f,
            "`{}` over {} ({} candidates), request {number} at {} ms, requirements {requirements}, preferences {preferences}:",
            self.selector,
            self.pool.name,
            self.candidates.len(),
            now.0
        )
    }
}

fn for_each_trial(selector: &Arc<dyn Selector>, check: impl Fn(&Trial<'_>)) {
    for pool in pools(selector) {
        for request in requests() {
            let requirements = read(&request.requirements);
            let (candidates, _) = pool
                .snapshot
                .filter(pool.snapshot.auto().members(), &requirements);
            if candidates.is_empty() {
                continue;
            }
            let plan = pool.put(&request);
            check(&Trial {
                selector: selector.name(),
                best: plan.first(),
                ranking: pool.ranking(&plan),
                pool: &pool,
                request,
                candidates,
            });
        }
    }
}

#[derive(Clone)]
struct Request {
    number: u64,
    now: UnixMillis,
    requirements: Value,
    preferences: Value,
}

fn requests() -> Vec<Request> {
    let mut requests = Vec::new();
    for (at, number) in REQUESTS.into_iter().enumerate() {
        for requirements in [json!({}), json!({"supports_vision": true})] {
            for preferences in [
                json!({}),
                json!({"min_context_window": 16_000, "runs_locally": true}),
            ] {
                requests.push(Request {
                    number,
                    now: UnixMillis(TIMES[at % TIMES.len()]),
                    requirements: requirements.clone(),
                    preferences,
                });
            }
        }
    }
    requests
}

struct Pool {
    name: &'static str,
    snapshot: Arc<Snapshot>,
}

impl Pool {
    fn put(&self, request: &Request) -> Plan {
        let mut values = Map::new();
        values.insert("session".to_owned(), json!("session-1"));
        let planned = self.snapshot.plan(PlanRequest {
            resolved: Resolved::Pool(Arc::clone(self.snapshot.auto())),
            fallbacks: None,
            allowed: None,
            requirements: read(&request.requirements),
            preferences: read(&request.preferences),
            notes: Vec::new(),
            facts: Arc::new(RequestFacts {
                input_tokens: 1_000,
                ..RequestFacts::default()
            }),
            values: Arc::new(values),
            now: request.now,
            counter: &AtomicU64::new(request.number),
            seed: 42,
        });
        match planned {
            Ok(plan) => plan,
            Err(error) => panic!("{}: request {}: {error}", self.name, request.number),
        }
    }

    fn ranking(&self, plan: &Plan) -> Ranking {
        match plan.ranking() {
            Ok(ranking) => ranking,
            Err(error) => panic!("{}: {error}", self.name),
        }
    }
}

fn read(requirements: &Value) -> Requirements {
    match Requirements::from_json(requirements) {
        Ok(requirements) => requirements,
        Err(error) => panic!("{requirements}: {error:?}"),
    }
}

fn pools(selector: &Arc<dyn Selector>) -> Vec<Pool> {
    let pool = |name, models: Vec<ModelConfig>, default: Option<&str>| {
        let mut draft = Draft::new(Arc::clone(selector));
        // The first model becomes the default; once it is removed there is none.
        let absent = model("removed");
        let models = std::iter::once(absent).chain(models);
        for model in models {
            if let Err(error) = draft.add(model) {
                panic!("{name}: {error}");
            }
        }
        draft.remove("removed");
        let chosen = default.map(|alias| draft.set_default(alias).map(drop));
        if let Some(Err(error)) = chosen {
            panic!("{name}: {error}");
        }
        Pool {
            name,
            snapshot: Arc::new(draft.build()),
        }
    };
    let measured = pool("six measured models", six_models(), Some("strong"));
    for (at, (_, entry)) in measured.snapshot.entries().enumerate().skip(1) {
        for _ in 0..ENOUGH_SAMPLES {
            entry
                .live()
                .record_success(100.0 * (7 - at) as f64, 10 + at as u64);
        }
    }
    vec![
        pool(
            "one model",
            vec![model("vision").capabilities(seeing())],
            Some("vision"),
        ),
        pool("six models, the default one of them", six_models(), Some("fast")),
        pool("six models without a default", six_models(), None),
        measured,
        pool("300 models", many_models(), Some("m7")),
        pool("models at the edges", extreme_models(), Some("m0")),
        pool("models that are all alike", alike_models(), None),
    ]
}

fn model(alias: &str) -> ModelConfig {
    ModelConfig::new(alias, "test", alias)
}

fn seeing() -> Capabilities {
    Capabilities::new().supports(Flag::Vision)
}

fn six_models() -> Vec<ModelConfig> {
    let price = Price {
        input: 3.0,
        output: 15.0,
        cached_input: Some(0.3),
        ..Price::default()
    };
    vec![
        model("fast").capabilities(
            Capabilities::new()
                .cost_per_1k_tokens(0.002)
                .avg_latency_ms(300.0),
        ),
        model("strong").capabilities(
            seeing()
                .price(price)
                .avg_latency_ms(2500.0)
                .context_window(200_000),
        ),
        model("vision").capabilities(seeing().cost_per_1k_tokens(0.04).custom("tokens_per_second", 60)),
        model("large-context").capabilities(seeing().context_window(1_000_000).cost_per_1k_tokens(0.015)),
        model("sql-expert").capabilities(Capabilities::new().custom("specialized_for", "sql_generation")),
        model("local").capabilities(seeing().cost_per_1k_tokens(0.0).custom("runs_locally", true)),
    ]
}

fn many_models() -> Vec<ModelConfig> {
    // Multiplying by numbers prime to 300 gives every model figures of its own, in no order.
    let models = (0..300_u32).map(|at| {
        let capabilities = Capabilities::new()
            .cost_per_1k_tokens(f64::from(at * 7 % 300) / 1e4)
            .avg_latency_ms(f64::from(at * 11 % 300 + 50))
            .context_window(u64::from(at * 13 % 300) * 1_000);
        let capabilities = if at % 3 == 0 {
            capabilities.supports(Flag::Vision)
        } else {
            capabilities
        };
        model(&format!("m{at}")).capabilities(capabilities)
    });
    models.collect()
}

fn extreme_models() -> Vec<ModelConfig> {
    let figures = [0.0, -0.0, f64::MIN_POSITIVE, 1e-320, 1.0, 1e300];
    let models = figures.into_iter().enumerate().map(|(at, figure)| {
        let capabilities = seeing()
            .cost_per_1k_tokens(figure)
            .avg_latency_ms(figure)
            .max_tokens(u64::MAX)
            .context_window(u64::MAX)
            .custom("tokens_per_second", json!(figure));
        model(&format!("m{at}")).capabilities(capabilities)
    });
    let odd = [json!(null), json!("many"), json!(-1), json!([1, 2])];
    let odd = odd.into_iter().enumerate().map(|(at, value)| {
        model(&format!("odd{at}")).capabilities(seeing().custom("tokens_per_second", value))
    });
    models.chain(odd).collect()
}

fn alike_models() -> Vec<ModelConfig> {
    ["strong", "fast", "m2", "m10"]
        .into_iter()
        .map(|alias| model(alias).capabilities(seeing()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use modelpool_core::Numeric;
    use std::sync::OnceLock;

    /// A selector that breaks one promise.
    #[derive(Debug)]
    enum Broken {
        RanksTwice,
        OtherBest,
        Forgetful(AtomicU64),
        RisingScores,
        LeavesOut,
        Dearest,
        Stale(OnceLock<Ranking>),
    }

    impl Selector for Broken {
        fn name(&self) -> &str {
            "broken"
        }

        fn rank(
            &self,
            candidates: &Candidates<'_>,
            context: &SelectContext<'_>,
        ) -> Result<Ranking, SelectorError> {
            let sign = match self {
                Broken::Forgetful(calls) => {
                    let calls = calls.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    if calls / 2 % 2 == 0 { 1.0 } else { -1.0 }
                }
                Broken::Dearest => -1.0,
                _ => 1.0,
            };
            if let Broken::Stale(kept) = self
                && let Some(kept) = kept.get()
            {
                return Ok(kept.clone());
            }
            let ranking = Ranking::by_score(
                candidates,
                context,
                |candidate| 0.0 - sign * candidate.number(Numeric::CostPer1kTokens),
                |_, score| score.to_string(),
            );
            if let Broken::Stale(kept) = self {
                kept.get_or_init(|| ranking.clone());
            }
            let mut changed = Ranking::new();
            for (place, ranked) in ranking.iter().enumerate() {
                let Some(candidate) = candidates.at(ranked.model) else {
                    continue;
                };
                let score = if matches!(self, Broken::RisingScores) {
                    place as f64
                } else {
                    ranked.score
                };
                if !matches!(self, Broken::LeavesOut) || place == 0 {
                    changed.push(candidate, score, ranked.reason.clone());
                }
                if matches!(self, Broken::RanksTwice) {
                    changed.push(candidate, score, ranked.reason.clone());
                }
            }
            Ok(changed)
        }

        fn best(
            &self,
            candidates: &Candidates<'_>,
            context: &SelectContext<'_>,
        ) -> Result<Option<ModelIndex>, SelectorError> {
            let ranking = self.rank(candidates, context)?;
            let place = usize::from(matches!(self, Broken::OtherBest) && ranking.len() > 1);
            Ok(ranking.iter().nth(place).map(|ranked| ranked.model))
        }
    }

    fn broken(how: Broken) -> Arc<dyn Selector> {
        Arc::new(how)
    }

    #[test]
    #[should_panic(expected = "twice")]
    fn ranking_twice_is_found() {
        check_all(&broken(Broken::RanksTwice));
    }

    #[test]
    #[should_panic(expected = "not among the candidates")]
    fn a_ranking_kept_from_another_request_is_found() {
        check_all(&broken(Broken::Stale(OnceLock::new())));
    }

    #[test]
    #[should_panic(expected = "`best` is not the first of `rank`")]
    fn another_best_is_found() {
        check_all(&broken(Broken::OtherBest));
    }

    #[test]
    #[should_panic(expected = "the same request otherwise")]
    fn hidden_state_is_found() {
        repeats_itself(&broken(Broken::Forgetful(AtomicU64::new(0))));
    }

    #[test]
    #[should_panic(expected = "after")]
    fn rising_scores_are_found() {
        check_all(&broken(Broken::RisingScores));
    }

    #[test]
    #[should_panic(expected = "left out")]
    fn leaving_out_is_found() {
        check_all(&broken(Broken::LeavesOut));
        ranks_every_candidate(&broken(Broken::LeavesOut));
    }

    #[test]
    #[should_panic(expected = "before")]
    fn asking_the_worse_is_found() {
        check_all(&broken(Broken::Dearest));
        never_asks_the_worse(&broken(Broken::Dearest), |model| {
            model.config().capabilities.number(Numeric::CostPer1kTokens).value
        });
    }
}
