//! What happens in one simulation, drawn from its seed.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use modelpool_core::{Selector, Timeouts};
use modelpool_engine::selectors::{Capability, Cost, Latency, LeastBusy, RoundRobin};
use modelpool_engine::{Hedging, OnLoss, RetryPolicy};
use modelpool_testkit::network::Server;

use crate::world::{Model, Named, Need, Tier};

/// Names models can have. A request may name one that is not there at the time.
pub const ALIASES: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

/// Names of pools.
const POOLS: [&str; 2] = ["p0", "p1"];

/// The time within which everything begins.
const BEGINS_WITHIN_MS: u64 = 6_000;

#[derive(Clone, Debug)]
pub struct Schedule {
    pub seed: u64,
    pub selector: Arc<dyn Selector>,
    pub retry: RetryPolicy,
    pub on_loss: OnLoss,
    pub hedging: Option<Hedging>,
    pub timeouts: Timeouts,
    pub servers: Vec<(String, Server)>,
    pub models: Vec<Model>,
    pub pools: Vec<Named>,
    /// In the order of time.
    pub events: Vec<Event>,
}

#[derive(Clone, Debug)]
pub struct Event {
    pub at: Duration,
    pub what: What,
}

#[derive(Clone, Debug)]
pub enum What {
    Ask(Request),
    Add(Model),
    Remove(&'static str),
    /// Another model under the same name, in one step.
    Replace(Model),
    /// All entries anew, as they were.
    Reload,
}

#[derive(Clone, Debug, Default)]
pub struct Request {
    pub model: &'static str,
    pub stream: bool,
    pub image: bool,
    pub tools: bool,
    pub wants_usage: bool,
    pub max_tokens: Option<u64>,
    pub needs: Vec<Need>,
    pub models: Option<Vec<&'static str>>,
    pub fallbacks: Option<Vec<&'static str>>,
    pub deadline: Option<Duration>,
    pub leaves: Option<Leaves>,
    /// The caller reads nothing for this long after so many events.
    pub pause: Option<(usize, Duration)>,
}

/// When a caller leaves.
#[derive(Clone, Copy, Debug)]
pub enum Leaves {
    After(Duration),
    AfterEvents(usize),
}

impl Schedule {
    pub fn draw(seed: u64) -> Self {
        let mut random = Rng::with_seed(seed);
        let servers = servers(&mut random);
        let count = random.usize(2..=5);
        let mut drawn = Draw {
            servers: servers.iter().map(|(name, _)| name.clone()).collect(),
            present: &ALIASES[..count],
            models: 0,
            random,
        };
        let models = drawn.present.iter().map(|alias| drawn.model(alias)).collect();
        let pools = drawn.pools();
        let mut events: Vec<Event> = Vec::new();
        // Most schedules are small: the rare ones are as likely among them, and more are played.
        let most = [2, 3, 4, 6, 12][drawn.random.usize(0..5)];
        for _ in 0..drawn.random.usize(1..=most) {
            let what = What::Ask(drawn.request(&pools));
            events.push(drawn.event(what));
        }
        for _ in 0..drawn.random.usize(0..4) {
            let what = drawn.change(pools.is_empty());
            events.push(drawn.event(what));
        }
        events.sort_by_key(|event| event.at);
        Self {
            seed,
            selector: drawn.selector(),
            retry: drawn.retry(),
            on_loss: drawn.some(&[OnLoss::Continue, OnLoss::Continue, OnLoss::Error, OnLoss::Buffer]),
            hedging: drawn.one_in(4).then_some(Hedging { max_share: 1.0 }),
            timeouts: drawn.timeouts(),
            servers,
            models,
            pools,
            events,
        }
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:?}, {:?}, {:?}", self.selector, self.on_loss, self.hedging)?;
        writeln!(f, "{:?}\n{:?}", self.retry, self.timeouts)?;
        self.servers
            .iter()
            .try_for_each(|server| writeln!(f, "  {server:?}"))?;
        self.models
            .iter()
            .try_for_each(|model| writeln!(f, "  {model:?}"))?;
        self.pools.iter().try_for_each(|pool| writeln!(f, "  {pool:?}"))?;
        writeln!(f, "events:")?;
        let mut events = self.events.iter().enumerate();
        events.try_for_each(|(number, event)| writeln!(f, "  {number} at {:?} {:?}", event.at, event.what))
    }
}

fn servers(random: &mut Rng) -> Vec<(String, Server)> {
    // A fair day, a bad one, and one on which hardly anything works.
    let weather = [15, 60, 95][random.usize(0..3)];
    let voices = random.u8(0..6) == 0;
    let server = |place: usize| {
        let from = random.u64(0..BEGINS_WITHIN_MS);
        let down = from..from + random.u64(100..3000);
        let server = Server {
            fault_percent: random.u8(0..=weather),
            voice: if voices { random.u8(0..2) } else { 0 },
            down: (random.u8(0..6) == 0)
                .then(|| Duration::from_millis(down.start)..Duration::from_millis(down.end)),
        };
        (format!("s{place}.test"), server)
    };
    (0..3).map(server).collect()
}

struct Draw {
    random: Rng,
    servers: Vec<String>,
    /// Names that have a model at the beginning.
    present: &'static [&'static str],
    models: usize,
}

impl Draw {
    fn one_in(&mut self, count: u32) -> bool {
        self.random.u32(0..count) == 0
    }

    fn some<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.random.usize(0..of.len())]
    }

    fn millis(&mut self, least: u64, most: u64) -> Duration {
        Duration::from_millis(self.random.u64(least..=most))
    }

    /// Mostly one that is there.
    fn alias(&mut self) -> &'static str {
        let among = if self.one_in(12) { &ALIASES } else { self.present };
        self.some(among)
    }

    fn aliases(&mut self, most: usize) -> Vec<&'static str> {
        let count = self.random.usize(0..=most);
        let mut aliases: Vec<&'static str> = (0..count).map(|_| self.alias()).collect();
        aliases.sort_unstable();
        aliases.dedup();
        self.random.shuffle(&mut aliases);
        aliases
    }

    fn event(&mut self, what: What) -> Event {
        // Often several at the same moment.
        let at = self.millis(0, BEGINS_WITHIN_MS / 500) * 500;
        let further = if self.random.bool() {
            self.millis(0, 500)
        } else {
            Duration::ZERO
        };
        Event {
            at: at + further,
            what,
        }
    }

    fn model(&mut self, alias: &'static str) -> Model {
        self.models += 1;
        // Two entries for one model of one server, with two keys, say.
        let shares = self.one_in(5);
        let (named, server) = if shares {
            (0, 0)
        } else {
            (self.models, self.random.usize(0..self.servers.len()))
        };
        let unsure = [Some(true), Some(true), Some(true), Some(true), Some(false), None];
        Model {
            alias,
            model_name: format!("m{named}"),
            // Of no form that keys are known by: it is this very key that may not be told.
            key: format!("{:016x}-{}", self.random.u64(..), self.models),
            server: self.servers[server].clone(),
            vision: self.some(&unsure),
            tools: self.some(&unsure),
            streaming: self.some(&[None, None, None, None, None, None, Some(false)]),
            prefill: self.some(&[Some(true), Some(false), None]),
            window: self.some(&[64, 4_096, 16_000, 32_000, 128_000]),
            max_tokens: self.some(&[16, 4_096, 32_000]),
            tier: self.some(&[None, Some(Tier::Gold), Some(Tier::Tin)]),
            cost: f64::from(self.random.u32(1..5)) / 1000.0,
            fallbacks: self
                .aliases(3)
                .into_iter()
                .filter(|other| *other != alias)
                .collect(),
        }
    }

    fn pools(&mut self) -> Vec<Named> {
        let count = self.some(&[0, 0, 1, 2]);
        let pool = |name: &&'static str| {
            let mut members = self.present.to_vec();
            self.random.shuffle(&mut members);
            members.truncate(self.random.usize(1..=members.len()));
            Named {
                name,
                members,
                needs: if self.one_in(4) {
                    vec![self.need()]
                } else {
                    Vec::new()
                },
            }
        };
        POOLS[..count].iter().map(pool).collect()
    }

    fn need(&mut self) -> Need {
        match self.random.u8(0..6) {
            0 | 1 => Need::Vision,
            2 | 3 => Need::Tools,
            4 => Need::Window(self.some(&[2_000, 8_000, 32_000])),
            _ => Need::Tier(self.some(&[Tier::Gold, Tier::Tin])),
        }
    }

    fn request(&mut self, pools: &[Named]) -> Request {
        let model = match self.random.u8(0..40) {
            0 => "nobody",
            1..=10 if !pools.is_empty() => pools[self.random.usize(0..pools.len())].name,
            11..=22 => self.alias(),
            _ => "auto",
        };
        let stream = self.one_in(3) || self.random.bool();
        let leaves = match self.random.u8(0..12) {
            0..=2 => Some(Leaves::After(self.millis(0, 2_000))),
            3 if stream => Some(Leaves::AfterEvents(self.random.usize(1..8))),
            _ => None,
        };
        Request {
            model,
            stream,
            image: self.one_in(6),
            tools: self.one_in(8),
            wants_usage: self.random.bool(),
            max_tokens: if self.one_in(4) {
                Some(self.some(&[10, 500, 8_000]))
            } else {
                None
            },
            needs: if self.one_in(4) {
                vec![self.need()]
            } else {
                Vec::new()
            },
            models: if self.one_in(12) {
                Some(self.aliases(3))
            } else {
                None
            },
            fallbacks: if self.one_in(6) {
                Some(self.aliases(3))
            } else {
                None
            },
            deadline: if self.one_in(3) {
                Some(self.millis(1, 4_000))
            } else {
                None
            },
            leaves,
            pause: (stream && self.one_in(8)).then(|| (self.random.usize(0..6), self.millis(1, 3_000))),
        }
    }

    fn change(&mut self, may_reload: bool) -> What {
        let alias = self.some(&ALIASES);
        match self.random.u8(0..6) {
            0 | 1 => What::Remove(alias),
            2 | 3 => What::Add(self.model(alias)),
            4 if may_reload => What::Reload,
            _ => What::Replace(self.model(alias)),
        }
    }

    fn selector(&mut self) -> Arc<dyn Selector> {
        match self.random.u8(0..6) {
            0 => Arc::new(RoundRobin),
            1 => Arc::new(LeastBusy),
            2 => Arc::new(Latency),
            3 => Arc::new(Cost),
            _ => Arc::new(Capability),
        }
    }

    fn retry(&mut self) -> RetryPolicy {
        RetryPolicy {
            max_models: self.some(&[1, 2, 3, 4, 4]),
            same_model: self.some(&[0, 1, 1, 2]),
            backoff_first: self.millis(0, 250),
            backoff_cap: self.millis(250, 2_000),
            max_wait: self.millis(0, 3_000),
            refusals_fail_over: false,
        }
    }

    fn timeouts(&mut self) -> Timeouts {
        Timeouts {
            connect: Some(self.millis(100, 1_500)),
            first_token: Some(self.millis(300, 3_000)),
            response: Some(self.millis(300, 4_000)),
            idle: Some(self.millis(100, 1_500)),
            total: Some(self.millis(1_000, 10_000)),
        }
    }
}
