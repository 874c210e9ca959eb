//! The simulated upstreams, which all say the same, and the gateway's configuration for them.

use std::fmt::Write as _;

use modelpool_testkit::Simulator;
use modelpool_testkit::simulator::{Fault, FaultMix, FaultRule, Framing, ModelBehaviour, Split};

use super::SoakError;
use super::faults::every_fault;
use super::requests::ORDERED_POOL;

/// The answer of every model. It repeats nothing that is long, so a join in a wrong place cannot look
/// right, and it has what is easily broken: escapes, and characters of two, three and four bytes.
pub(super) const ANSWER: &str = "First, \"nothing\" is lost: each word of this stands once.\n\
    Zweitens geht es über Brücken, größer als zuvor.\n第三，汉字不能少也不能多。\n\
    4: 🦀 crabs, 🐧 penguins and 🐝 bees travel whole.\n\
    Fifthly backslashes \\ survive; tabs\tlikewise.\nAt last the finish comes after exactly these letters: omega.";

/// Events of a stream of it up to the finish reason: the role, the pieces, the reason.
const EVENTS: u64 = 89;

/// Pause between two pieces, in milliseconds.
const GAP_MS: u64 = 2;

/// Dimensions of an embedding: enough to compare.
const DIMENSIONS: u32 = 16;

/// The models, in the order of the pool that has one.
pub(super) const ALIASES: [&str; 3] = ["alpha", "beta", "gamma"];

/// An upstream for each model.
pub(super) struct Upstreams {
    simulators: Vec<Simulator>,
    fault_names: Vec<String>,
}

impl Upstreams {
    /// Starts an upstream for each of the first so many models. They lay out their streams differently.
    pub(super) async fn start(count: usize) -> Result<Self, SoakError> {
        let framings = [
            Framing::default(),
            Framing {
                crlf: true,
                comments: true,
                ..Framing::default()
            },
            Framing {
                split: Split::Awkward,
                events_per_write: 3,
                ..Framing::default()
            },
        ];
        let mut simulators = Vec::with_capacity(count);
        for framing in framings.into_iter().take(count) {
            let behaviour = ModelBehaviour {
                gap_ms: GAP_MS,
                embedding_dimensions: DIMENSIONS,
                framing,
                ..ModelBehaviour::answering(ANSWER)
            };
            simulators.push(Simulator::builder().behaviour(behaviour).start().await?);
        }
        Ok(Self {
            simulators,
            fault_names: Vec::new(),
        })
    }

    /// Fails this share of all calls from now on, in every way.
    pub(super) fn fail_a_share(&mut self, share: f64, seed: u64) -> Result<(), SoakError> {
        let faults = every_fault(EVENTS);
        for (simulator, number) in self.simulators.iter().zip(0..) {
            let rules = faults.iter().map(|(_, rule)| rule.clone());
            simulator.mix_faults(FaultMix::new(share, seed.wrapping_add(number), rules)?);
        }
        self.fault_names = faults.into_iter().map(|(name, _)| name).collect();
        Ok(())
    }

    /// One model is silent from now on: before the head, after it, or after an event that says nothing.
    pub(super) fn silence(&self, index: usize) -> Result<(), SoakError> {
        let silences = [
            Fault::StallBeforeHead,
            Fault::StallAfterHead,
            Fault::StallAfterChunks { chunks: 1 },
        ];
        self.simulators[index].mix_faults(FaultMix::new(1.0, 0, silences.map(FaultRule::new))?);
        Ok(())
    }

    pub(super) fn simulator(&self, index: usize) -> &Simulator {
        &self.simulators[index]
    }

    /// Calls of models that arrived at any of them.
    pub(super) fn calls(&self) -> u64 {
        let of = |simulator: &Simulator| simulator.counts().by_model.values().sum::<u64>();
        self.simulators.iter().map(of).sum()
    }

    /// How often each fault of the mix was met, by its name.
    pub(super) fn faults_met(&self) -> Vec<(&str, u64)> {
        let mixes: Vec<FaultMix> = self.simulators.iter().filter_map(Simulator::fault_mix).collect();
        let met = |index: usize| mixes.iter().filter_map(|mix| mix.hits().get(index)).sum();
        let names = self.fault_names.iter().enumerate();
        names.map(|(index, name)| (name.as_str(), met(index))).collect()
    }

    /// A configuration with these upstreams: a pool of all, [`ORDERED_POOL`] in their order, the first with
    /// the others as its fallbacks, the last with embeddings. `rest` is what else the file says.
    pub(super) fn configuration(&self, rest: &str) -> String {
        let aliases = &ALIASES[..self.simulators.len()];
        let mut yaml = "listen: 127.0.0.1:0\nselector: round_robin\nmodels:\n".to_owned();
        for (index, (alias, simulator)) in aliases.iter().zip(&self.simulators).enumerate() {
            let fallbacks = match index {
                0 => format!(", fallbacks: [{}]", aliases[1..].join(", ")),
                _ => String::new(),
            };
            // Writing to a string cannot fail.
            let _ = writeln!(
                yaml,
                "  - {{alias: {alias}, provider: openai_compatible, model_name: {alias}-1, api_key: simulated, \
                 base_url: \"{}\", capabilities: {{context_window: 200000, supports_embeddings: {}}}{fallbacks}}}",
                simulator.base_url(),
                index + 1 == aliases.len(),
            );
        }
        let _ = writeln!(
            yaml,
            "pools:\n  {ORDERED_POOL}: {{models: [{}], selector: priority}}\n{rest}",
            aliases.join(", ")
        );
        yaml
    }
}

#[cfg(test)]
mod tests {
    use super::super::caller::{Caller, Seen};
    use super::super::requests::{Asked, Kind};
    use super::*;

    /// Faults are placed by the number of events.
    #[tokio::test]
    async fn a_stream_has_as_many_events_as_the_faults_count_on() {
        let upstreams = Upstreams::start(1).await.unwrap();
        let mut caller = Caller::new(upstreams.simulator(0).address());
        let seen = caller.ask(&Asked::chat(Kind::Stream, "any"), "one").await;
        let Seen::Answer(answer, _) = seen else {
            panic!("{seen:?}")
        };
        let body = String::from_utf8(answer.body).unwrap();
        let events = body.lines().filter(|line| line.starts_with("data: {")).count();
        assert_eq!(events as u64, EVENTS);
    }

    #[tokio::test]
    async fn every_fault_is_met_in_time() {
        let mut upstreams = Upstreams::start(1).await.unwrap();
        upstreams.fail_a_share(1.0, 1).unwrap();
        let mut caller = Caller::new(upstreams.simulator(0).address());
        let mut asked = Asked::chat(Kind::Plain, "any");
        asked.leaves_after = Some(std::time::Duration::from_millis(1));
        for _ in 0..10 {
            caller.ask(&asked, "one").await;
        }
        let met: u64 = upstreams.faults_met().iter().map(|(_, times)| times).sum();
        assert_eq!((met, upstreams.calls()), (10, 10));
    }

    #[tokio::test]
    async fn a_configuration_names_every_upstream() {
        let upstreams = Upstreams::start(2).await.unwrap();
        let yaml = upstreams.configuration("retry: {max_models: 2}");
        for index in 0..2 {
            assert!(yaml.contains(upstreams.simulator(index).base_url()), "{yaml}");
        }
        assert!(yaml.contains("fallbacks: [beta]"), "{yaml}");
        assert!(
            yaml.contains("ordered: {models: [alpha, beta], selector: priority}"),
            "{yaml}"
        );
        assert!(yaml.ends_with("retry: {max_models: 2}\n"), "{yaml}");
    }
}
