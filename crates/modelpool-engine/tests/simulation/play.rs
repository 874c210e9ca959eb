//! Playing a schedule.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use modelpool_core::{Clock, ModelEntry, UnixMillis};
use modelpool_engine::{Ending, ModelPool, Settlement, SettlementSink};
use modelpool_testkit::network::{CallRecord, SimulatedNetwork};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::caller::{self, Report};
use crate::schedule::{Schedule, What};
use crate::world::{Model, World};

/// Far beyond every deadline: what has not ended by then hangs.
const FOREVER: Duration = Duration::from_secs(24 * 3600);

/// The time in which calls that nobody waits for must have ended.
pub const LEAVING: Duration = Duration::from_millis(100);

/// What was seen of a schedule.
#[derive(Debug, Default)]
pub struct Played {
    pub reports: Vec<Report>,
    pub calls: Vec<CallRecord>,
    pub settlements: Vec<Settlement>,
    /// Names of models that count calls under way at the end.
    pub busy: Vec<String>,
    /// What went wrong in a way no promise is needed for: panics, hangs.
    pub accidents: Vec<String>,
}

impl Played {
    /// Where the same schedule took another course, if it did.
    pub fn differs_from(&self, other: &Played) -> Option<String> {
        let (first, second) = (self.told(), other.told());
        let mut lines = first.lines().zip(second.lines());
        let differs = lines.find(|(first, second)| first != second);
        (first != second).then(|| format!("it is played in two ways, which differ in {differs:#?}"))
    }

    /// What has to be the same whenever a schedule is played.
    fn told(&self) -> String {
        let settled: Vec<String> = self.settlements.iter().map(line).collect();
        format!("{:#?}\n{:#?}\n{settled:#?}", self.reports, self.calls)
    }

    /// The whole story, for people.
    pub fn story(&self, schedule: &Schedule) -> String {
        let mut story = format!("{schedule}calls:\n");
        for call in &self.calls {
            let ended = call.ended.unwrap_or_default();
            let _ = writeln!(
                story,
                "  {:?} .. {ended:?} {} {} {:?} for `{}`: {:?} {:?}, {} bytes, finish {}; {:?}",
                call.began,
                call.server,
                call.model,
                call.turn,
                call.prompt,
                call.end,
                call.status,
                call.bytes_sent,
                call.finish_sent,
                call.fate
            );
        }
        story.push_str("callers:\n");
        for report in &self.reports {
            let aliases = |models: &Vec<Model>| models.iter().map(|model| model.alias).collect();
            let candidates: Option<Vec<&str>> = report.candidates.as_ref().map(aliases);
            let Report {
                number,
                began,
                ended,
                seen,
                end,
                ..
            } = report;
            let _ = writeln!(
                story,
                "  {number} {began:?} .. {ended:?}: {end}; {seen:?}, could go to {candidates:?}"
            );
        }
        story.push_str("settled:\n");
        for settlement in &self.settlements {
            let _ = writeln!(story, "  {}", line(settlement));
        }
        story
    }
}

fn line(settlement: &Settlement) -> String {
    let ending = match &settlement.ending {
        Ending::Completed => "completed",
        Ending::Failed(error) => error.code(),
        Ending::Cancelled => "left",
    };
    let outcomes = settlement.outcomes.iter().map(|outcome| {
        let how = outcome.error.as_ref().map_or("ok", |error| error.code());
        format!("{} {how} after {:?}", outcome.alias, outcome.latency)
    });
    let outcomes: Vec<String> = outcomes.collect();
    format!("{}: {ending}; {}", settlement.request_id, outcomes.join(", "))
}

/// Keeps what was settled.
#[derive(Debug, Default)]
struct Settled(Mutex<Vec<Settlement>>);

impl SettlementSink for Settled {
    fn settled(&self, settlement: &Settlement) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.push(settlement.clone());
    }
}

/// A wall clock that goes with the simulation's time.
#[derive(Debug)]
struct SimulatedClock(SimulatedNetwork);

impl Clock for SimulatedClock {
    fn now(&self) -> UnixMillis {
        let since = u64::try_from(self.0.elapsed().as_millis()).unwrap_or(u64::MAX);
        UnixMillis(1_700_000_000_000 + since)
    }
}

/// Where a schedule is played.
struct Stage {
    pool: ModelPool,
    network: SimulatedNetwork,
    world: Mutex<World>,
    /// Every entry there ever was.
    entries: Mutex<Vec<Arc<ModelEntry>>>,
}

/// Plays a schedule, in time that is paused.
pub fn play(schedule: &Schedule) -> Played {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(play_in_time(schedule))
}

async fn play_in_time(schedule: &Schedule) -> Played {
    let network = SimulatedNetwork::new(schedule.seed);
    for (name, server) in &schedule.servers {
        network.serve(name, server.clone());
    }
    let settled = Arc::new(Settled::default());
    let pool = ModelPool::builder()
        .selector(Arc::clone(&schedule.selector))
        .transport(Arc::new(network.clone()))
        .clock(Arc::new(SimulatedClock(network.clone())))
        .sink(Arc::clone(&settled) as Arc<dyn SettlementSink>)
        .environment(Arc::new(|_| None))
        .timeouts(schedule.timeouts)
        .retry(schedule.retry)
        .on_loss(schedule.on_loss)
        .hedging(schedule.hedging)
        .seed(schedule.seed)
        .build();
    let stage = Arc::new(Stage::new(schedule, pool, network));
    let mut callers: Vec<JoinHandle<Option<Report>>> = Vec::new();
    for (number, event) in schedule.events.iter().cloned().enumerate() {
        let stage = Arc::clone(&stage);
        callers.push(tokio::spawn(async move {
            sleep(event.at).await;
            stage.perform(number, event.what).await
        }));
    }
    let mut played = Played::default();
    for (number, caller) in callers.into_iter().enumerate() {
        match timeout(FOREVER, caller).await {
            Ok(Ok(report)) => played.reports.extend(report),
            Ok(Err(error)) => played.accidents.push(format!("event {number}: {error}")),
            Err(_) => played.accidents.push(format!("event {number} never ends")),
        }
    }
    sleep(2 * LEAVING).await;
    played.calls = stage.network.calls();
    played.settlements = settled.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
    played.busy = stage.busy();
    played
}

impl Stage {
    fn new(schedule: &Schedule, pool: ModelPool, network: SimulatedNetwork) -> Self {
        for model in &schedule.models {
            pool.add(model.config()).unwrap();
        }
        for named in &schedule.pools {
            pool.add_pool(named.definition()).unwrap();
        }
        let world = World {
            models: schedule.models.clone(),
            pools: schedule.pools.clone(),
        };
        let stage = Self {
            pool,
            network,
            world: Mutex::new(world),
            entries: Mutex::default(),
        };
        stage.note_entries();
        stage
    }

    async fn perform(&self, number: usize, what: What) -> Option<Report> {
        if let What::Ask(request) = what {
            let call = caller::call(number, &request);
            let candidates = self.with_world(|world| world.candidates(&request, call.facts.input_tokens));
            let began = self.network.elapsed();
            let (seen, end) = caller::ask(&self.pool, &self.network, call, &request).await;
            return Some(Report {
                number,
                request,
                candidates,
                began,
                ended: self.network.elapsed(),
                seen,
                end,
            });
        }
        self.with_world(|world| self.change(world, what));
        self.note_entries();
        None
    }

    fn change(&self, world: &mut World, what: What) {
        match what {
            What::Add(model) => {
                let is_new = world.get(model.alias).is_none();
                assert_eq!(self.pool.add(model.config()).is_ok(), is_new);
                world.models.extend(is_new.then_some(model));
            }
            What::Remove(alias) => assert_eq!(self.pool.remove(alias), world.remove(alias)),
            What::Replace(model) => {
                let replaced = self.pool.change(|draft| {
                    draft.remove(model.alias);
                    draft.add(model.config()).map(drop)
                });
                replaced.unwrap();
                world.remove(model.alias);
                world.models.push(model);
            }
            What::Reload => {
                let reloaded = self.pool.change(|draft| {
                    world.models.iter().try_for_each(|model| {
                        draft.remove(model.alias);
                        draft.add(model.config()).map(drop)
                    })
                });
                reloaded.unwrap();
            }
            What::Ask(_) => {}
        }
    }

    fn with_world<T>(&self, look: impl FnOnce(&mut World) -> T) -> T {
        look(&mut self.world.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn note_entries(&self) {
        let snapshot = self.pool.snapshot();
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.extend(snapshot.entries().map(|(_, entry)| Arc::clone(entry)));
    }

    fn busy(&self) -> Vec<String> {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let busy = entries.iter().filter(|entry| entry.live().in_flight() > 0);
        busy.map(|entry| entry.alias().to_owned()).collect()
    }
}
