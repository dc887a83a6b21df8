//! The engine: statements in, rows out.

use crate::error::{QueryError, runtime_error};
use crate::explain;
use crate::joins::SortedJoins;
use crate::live::{Live, LiveSubscription};
use crate::options::{BATCH_ROWS, BATCHES_WAITING_MAX, Options, THREAD_STACK_BYTES};
use crate::output;
use crate::params::Params;
use crate::past::Past;
use crate::plan::{self, Claim, Direct, EventPredicate, OutputColumn, Planned, Subscription};
use crate::run::{Run, too_late};
use crate::scan::{StorageNow, SubscriptionsNow, World};
use crate::spill::Room;
use crate::stream::RowStream;
use crate::tables::subscriptions::DurableSubscription;
use crate::views::{Current, Pinned, Views};
use crate::watch::{CheckedJoins, PatientJoins, Watch};
use datafusion::error::DataFusionError;
use datafusion::execution::{SessionState, SessionStateBuilder};
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
use datafusion::prelude::SessionConfig;
use domain::Work;
use domain::command::CandidateFilter;
use domain::rows::Row;
use grammar::Code;
use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use store::{Commit, ObserverError, Position, ReadError, Store, Timestamp};
use thiserror::Error as ThisError;
use tokio::runtime::Runtime;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::Instant;

/// Why an engine could not be started.
#[derive(Debug, ThisError)]
#[allow(missing_docs)]
pub enum StartError {
    #[error("the store has an observer already: one engine per store")]
    Observed(#[from] ObserverError),
    #[error("the tables cannot be read: {0}")]
    Read(#[from] ReadError),
    #[error("the engine's threads cannot be started: {0}")]
    Threads(#[from] std::io::Error),
    #[error("the directory for what queries cannot keep in memory cannot be made: {0}")]
    Spill(#[source] std::io::Error),
}

/// Answers statements over one store. A handle: clones are the same engine.
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

/// DataFusion, as it plans first and as it does when that takes too much memory.
pub(crate) struct Sessions {
    pub(crate) quick: SessionState,
    /// Its joins sort both sides.
    pub(crate) sorted: SessionState,
}

struct Inner {
    store: Store<Work>,
    views: Arc<Views>,
    past: Arc<Past>,
    storage: StorageNow,
    subscriptions: Arc<OnceLock<Arc<SubscriptionsNow>>>,
    sessions: Sessions,
    room: Room,
    counted: Arc<Counted>,
    options: Options,
    turns: Arc<Semaphore>,
    /// None only while it is being dropped.
    runtime: Option<Runtime>,
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine")
            .field("head", &self.0.store.head())
            .field("options", &self.0.options)
            .finish()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // Waiting for its threads is not allowed where the last handle may be dropped: in async code.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// What the engine's threads are at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Activity {
    /// Queries that run.
    pub running: usize,
    /// Queries that were given up before their end because nobody took their rows any more, since the start.
    pub cancelled: u64,
    /// Bytes on disk of what does not fit into memory.
    pub spilled_bytes: u64,
    /// Bytes that the past of the tables takes in memory.
    pub past_bytes: usize,
}

#[derive(Debug, Default)]
struct Counted {
    running: AtomicUsize,
    cancelled: AtomicU64,
}

/// Counts one query for as long as it lives. Its turn goes back once that is done: whoever has the next one sees how
/// this one ended.
struct Running {
    counted: Arc<Counted>,
    _turn: OwnedSemaphorePermit,
    /// Its reader knows how it ended.
    is_told: bool,
}

impl Running {
    fn new(counted: &Arc<Counted>, turn: OwnedSemaphorePermit) -> Self {
        counted.running.fetch_add(1, Ordering::Relaxed);
        Self { counted: counted.clone(), _turn: turn, is_told: false }
    }

    fn ended(&mut self, is_told: bool) {
        self.is_told = is_told;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.is_told {
            self.counted.cancelled.fetch_add(1, Ordering::Relaxed);
        }
        self.counted.running.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A statement that is understood and ready to be carried out.
#[derive(Debug)]
pub enum Prepared {
    /// [`Engine::run`] it.
    Query(PreparedQuery),
    /// The writer carries it out: it is a command.
    Claim(Claim),
    /// The server follows the log with it.
    Subscribe(Subscription),
    /// [`Engine::live`] follows the tables with it.
    Live(LiveSubscription),
}

/// A query bound to one head: running it twice gives the same rows.
#[derive(Debug, Clone)]
pub struct PreparedQuery {
    text: Arc<str>,
    columns: Arc<[OutputColumn]>,
    position: Position,
    plan: Box<LogicalPlan>,
    /// The plan's answer without the plan, where a few rows give it, and the rows it is looked up in.
    direct: Option<(Box<Direct>, World)>,
    /// Show how these columns come to be in place of their rows.
    explain: Option<(Explained, Arc<[OutputColumn]>)>,
}

/// How a plan is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Explained {
    /// As it would run.
    Planned,
    /// As it ran, with what each step cost.
    Analyzed,
}

impl PreparedQuery {
    fn new(pql: &str, planned: Planned, world: &World) -> Self {
        Self {
            direct: planned.direct.map(|direct| (direct, world.clone())),
            text: pql.into(),
            position: planned.at.position,
            columns: planned.columns.into(),
            plan: Box::new(planned.plan),
            explain: None,
        }
    }

    fn explaining(pql: &str, planned: Planned, world: &World, analyze: bool) -> Self {
        let explain = if analyze { Explained::Analyzed } else { Explained::Planned };
        let given = planned.columns.clone().into();
        Self {
            columns: explain::columns(analyze).into(),
            explain: Some((explain, given)),
            ..Self::new(pql, planned, world)
        }
    }

    /// Whether it is answered without its plan.
    #[cfg(test)]
    pub(crate) fn answers_directly(&self) -> bool {
        let until = (Instant::now() + std::time::Duration::from_secs(60)).into_std();
        let schema = output::schema(&self.columns);
        self.direct.as_ref().is_some_and(|(direct, world)| direct.answer(world, &schema, until).is_some())
    }

    /// The same, by its plan.
    #[cfg(test)]
    pub(crate) fn by_plan(self) -> Self {
        Self { direct: None, ..self }
    }

    /// The columns of its rows.
    #[must_use]
    pub fn columns(&self) -> &[OutputColumn] {
        &self.columns
    }
}

impl Engine {
    /// An engine over `store`: reads all current rows into memory and follows the store from then on.
    ///
    /// # Errors
    /// See [`StartError`].
    pub fn new(store: Store<Work>, options: Options) -> Result<Self, StartError> {
        Self::observed(store, options, |_| {})
    }

    /// The same; `also` is called with every commit, as a [`store::Observer`] is.
    ///
    /// # Errors
    /// See [`StartError`].
    pub fn observed(
        store: Store<Work>,
        options: Options,
        also: impl Fn(&Commit<Row>) + Send + Sync + 'static,
    ) -> Result<Self, StartError> {
        let views = Arc::new(Views::new());
        let observing = views.clone();
        store.set_observer(Arc::new(move |commit| {
            observing.push(commit);
            also(commit);
        }))?;
        views.load(|| store.reader())?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(options.threads.max(1))
            .thread_name("agentpm-query")
            .thread_stack_size(THREAD_STACK_BYTES)
            .enable_time()
            .build()?;
        runtime.spawn(views.clone().keep_up());
        let asked = store.clone();
        let storage: StorageNow = Arc::new(move || asked.storage());
        Ok(Self(Arc::new(Inner {
            store,
            views,
            past: Arc::new(Past::new(options.past_bytes_max)),
            storage,
            subscriptions: Arc::default(),
            sessions: Sessions { quick: session(), sorted: sorted(session()) },
            room: Room::new(&options).map_err(StartError::Spill)?,
            counted: Arc::default(),
            turns: Arc::new(Semaphore::new(options.concurrency_max.max(1))),
            options,
            runtime: Some(runtime),
        })))
    }

    /// The store it answers from.
    #[must_use]
    pub fn store(&self) -> &Store<Work> {
        &self.0.store
    }

    /// Sets who tells how the durable subscriptions stand, when the log ends at the position given; once. Before, there
    /// are none.
    pub fn set_subscriptions(
        &self,
        tell: impl Fn(Position) -> Vec<DurableSubscription> + Send + Sync + 'static,
    ) {
        // The first stays.
        let _ = self.0.subscriptions.set(Arc::new(tell));
    }

    /// Its bounds.
    #[must_use]
    pub fn options(&self) -> &Options {
        &self.0.options
    }

    /// The current rows of every table, as of the head of this moment.
    #[must_use]
    pub fn pin(&self) -> Pinned {
        Pinned::new(self.0.views.pin())
    }

    /// What runs now, and what was given up.
    #[must_use]
    pub fn activity(&self) -> Activity {
        let Counted { running, cancelled } = &*self.0.counted;
        Activity {
            running: running.load(Ordering::Relaxed),
            cancelled: cancelled.load(Ordering::Relaxed),
            spilled_bytes: self.0.room.disk_bytes(),
            past_bytes: self.0.past.bytes(),
        }
    }

    /// How plans are made.
    pub(crate) fn sessions(&self) -> &Sessions {
        &self.0.sessions
    }

    /// What queries run in.
    pub(crate) fn room(&self) -> &Room {
        &self.0.room
    }

    /// Position that the current rows have taken in; a [pin](Engine::pin) takes in what is left.
    #[must_use]
    pub fn views_position(&self) -> Position {
        self.0.views.position()
    }

    /// Understands a statement. Everything it reads is of the head of this moment; `now` is the server's
    /// clock.
    ///
    /// # Errors
    /// Everything that is wrong with the statement.
    pub fn prepare(&self, pql: &str, params: Params, now: Timestamp) -> Result<Prepared, QueryError> {
        let wrong = |errors| QueryError::statement(pql, errors);
        let statement = grammar::parse(pql).map_err(|error| wrong(vec![error]))?;
        let world = self.world(now);
        Ok(match plan::statement(&statement, pql, &world, &params).map_err(wrong)? {
            plan::Command::Query(planned) => Prepared::Query(PreparedQuery::new(pql, *planned, &world)),
            plan::Command::Explain { planned, analyze } => {
                Prepared::Query(PreparedQuery::explaining(pql, *planned, &world, analyze))
            }
            plan::Command::Claim(claim) => Prepared::Claim(claim),
            plan::Command::Subscribe(subscription) => Prepared::Subscribe(subscription),
            plan::Command::Live(subscription) => Prepared::Live(subscription),
        })
    }

    /// Follows the rows of a query from where the subscription says.
    ///
    /// # Errors
    /// `moment_after_head`: it is to begin after a position that is not there yet.
    pub fn live(&self, subscription: LiveSubscription) -> Result<Live, QueryError> {
        Live::new(self.clone(), subscription)
    }

    /// The current rows, as [`Engine::pin`] pins them.
    pub(crate) fn current(&self) -> Arc<Current> {
        self.0.views.pin()
    }

    /// Starts a query; it runs on the engine's own threads. Waits for its turn when too many run.
    ///
    /// # Errors
    /// When the time is over before it began, or it cannot be planned.
    pub async fn run(&self, query: PreparedQuery) -> Result<RowStream, QueryError> {
        let PreparedQuery { text, columns, position, plan, direct, explain } = query;
        let time_max = self.0.options.time_max;
        let begun = Instant::now();
        let schema = output::schema(&columns);
        if let Some((direct, world)) = direct {
            let until = (begun + time_max).into_std();
            let given = explain.as_ref().map_or(&columns, |(_, given)| given);
            if let Some(answer) = direct.answer(&world, &output::schema(given), until) {
                let batch = match &explain {
                    None => answer.batch,
                    Some((_, given)) => {
                        let steps = explain::of_direct(&direct, &answer, given, &text, begun.elapsed());
                        explain::batch(&steps, &schema).map_err(|error| QueryError::internal(&text, error))?
                    }
                };
                return Ok(RowStream::whole(text, columns, position, batch));
            }
        }
        let explain = explain.map(|(explain, _)| explain);
        let (sender, batches) = mpsc::channel(BATCHES_WAITING_MAX);
        let turn = tokio::time::timeout(time_max, self.0.turns.clone().acquire_owned())
            .await
            .map_err(|_| too_late(&text, time_max))?
            .map_err(|error| QueryError::internal(&text, error))?;
        let watch = Watch::of(sender.clone());
        let run =
            Run::new(self.clone(), text.clone(), schema, time_max.saturating_sub(begun.elapsed()), sender);
        let Some(runtime) = &self.0.runtime else {
            return Err(QueryError::internal(&text, "the engine is shutting down"));
        };
        let mut running = Running::new(&self.0.counted, turn);
        let task = runtime.spawn(async move {
            running.ended(watch.over(run.finish(&plan, explain)).await);
        });
        Ok(RowStream::new(text, columns, position, batches, task.abort_handle()))
    }

    /// The row predicate of a claim (`POST /tasks/claim {"where"}`): over the columns of `next_task`.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn candidate_filter(&self, predicate: &str, params: Params) -> Result<CandidateFilter, QueryError> {
        crate::predicate::candidate_filter(predicate, &params)
            .map_err(|errors| QueryError::statement(predicate, errors))
    }

    /// The condition of an append (`fail_if` of `POST /append`): a row predicate over events.
    ///
    /// # Errors
    /// Everything that is wrong with it; `condition_not_indexed` when only the whole log could answer it.
    pub fn append_condition(&self, predicate: &str, params: &Params) -> Result<EventPredicate, QueryError> {
        plan::append_condition(predicate, params).map_err(|errors| QueryError::statement(predicate, errors))
    }

    /// What is told of a search for `text` that takes longer than a query may.
    #[must_use]
    pub fn too_late(&self, text: &str) -> QueryError {
        too_late(text, self.0.options.time_max)
    }

    fn too_large(&self) -> String {
        let memory = self.0.options.memory_bytes_max >> 20;
        match self.0.room.disk_bytes_max {
            0 => format!("the query needs more than {memory} MiB of memory"),
            disk => format!(
                "the query needs more than {memory} MiB of memory, and what it may put on disk ({} MiB for all queries) \
                 does not help",
                disk >> 20
            ),
        }
    }

    /// What a statement of this moment sees. The views come first: the store shows a commit to readers
    /// before it hands it to the views, so the reader is at their head or past it.
    fn world(&self, now: Timestamp) -> World {
        let current = self.0.views.pin();
        let reader = self.0.store.reader();
        debug_assert!(reader.head().position >= current.head.position, "readers are never behind the views");
        let now = now.max(current.head.time);
        let Inner { storage, subscriptions, past, .. } = &*self.0;
        let (storage, subscriptions, past) = (storage.clone(), subscriptions.clone(), past.clone());
        World { current, reader, now, storage, subscriptions, past }
    }

    /// A failure of the engine below as the caller's error, where it is the statement's fault.
    pub(crate) fn failed(&self, text: &str, error: &DataFusionError) -> QueryError {
        if let Some(error) = runtime_error(error) {
            return QueryError::statement(text, vec![plan::named(error, text)]);
        }
        if is_out_of_room(error) {
            let hint = "narrow it with WHERE, or sort, group and join fewer rows";
            return QueryError::limit(text, Code::MemoryLimit, self.too_large(), hint);
        }
        QueryError::internal(text, error)
    }
}

/// Whether a query failed for want of memory, or of the disk that stands in for it: of that DataFusion tells in words alone.
fn is_out_of_room(error: &DataFusionError) -> bool {
    matches!(error.find_root(), DataFusionError::ResourcesExhausted(_))
        || error
            .to_string()
            .contains("used disk space during the spilling process has exceeded the allowable limit")
}

/// DataFusion, as little of it as PQL needs: no SQL, no catalogs, no functions by name, one partition.
///
/// Filters are pushed down while the plan is logical. The physical rule that does it once more is left out:
/// it sees through the columns that `lower::filter` computes and merges what can fail into the filters that
/// guard it, in front of them.
pub(crate) fn session() -> SessionState {
    let mut config = SessionConfig::new()
        .with_target_partitions(1)
        .with_batch_size(BATCH_ROWS)
        .with_information_schema(false)
        .with_create_default_catalog_and_schema(false)
        .with_repartition_joins(false)
        .with_repartition_aggregations(false)
        .with_repartition_sorts(false)
        .with_repartition_windows(false);
    config.options_mut().explain.physical_plan_only = true;
    let rules = PhysicalOptimizer::new().rules.into_iter().filter(|rule| rule.name() != "FilterPushdown");
    let mut all: Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> = vec![Arc::new(CheckedJoins)];
    all.extend(rules);
    all.push(Arc::new(PatientJoins));
    SessionStateBuilder::new().with_config(config).with_physical_optimizer_rules(all).build()
}

/// The same for what does not fit into memory: the rule comes right after the first, so that those after it sort the sides.
fn sorted(session: SessionState) -> SessionState {
    let mut rules: Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> = session.physical_optimizers().to_vec();
    rules.insert(1, Arc::new(SortedJoins));
    SessionStateBuilder::new_from_existing(session).with_physical_optimizer_rules(rules).build()
}
