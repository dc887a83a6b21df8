//! The engine: statements in, rows out.

use crate::error::{QueryError, runtime_error};
use crate::options::{BATCH_ROWS, BATCHES_WAITING_MAX, Options, THREAD_STACK_BYTES};
use crate::output;
use crate::params::Params;
use crate::plan::{self, Claim, EventPredicate, OutputColumn, Planned, Subscription};
use crate::scan::{PastCache, StorageNow, World};
use crate::stream::{Item, RowStream};
use crate::types::Type;
use crate::views::{Pinned, Views};
use datafusion::arrow::array::{RecordBatch, StringArray};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::error::DataFusionError;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::GreedyMemoryPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::execution::{SessionState, SessionStateBuilder, TaskContext};
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
use datafusion::physical_plan::display::DisplayableExecutionPlan;
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use datafusion::prelude::SessionConfig;
use domain::Work;
use domain::command::CandidateFilter;
use domain::rows::Row;
use futures::StreamExt;
use grammar::Code;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use store::{Commit, ObserverError, Position, ReadError, Store, Timestamp};
use thiserror::Error as ThisError;
use tokio::runtime::Runtime;
use tokio::sync::{Semaphore, mpsc};
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
}

/// Answers statements over one store. A handle: clones are the same engine.
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

struct Inner {
    store: Store<Work>,
    views: Arc<Views>,
    past: Arc<PastCache>,
    storage: StorageNow,
    session: SessionState,
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

/// A statement that is understood and ready to be carried out.
#[derive(Debug)]
pub enum Prepared {
    /// [`Engine::run`] it.
    Query(PreparedQuery),
    /// The writer carries it out: it is a command.
    Claim(Claim),
    /// The server follows the log with it.
    Subscribe(Subscription),
}

/// A query bound to one head: running it twice gives the same rows.
#[derive(Debug, Clone)]
pub struct PreparedQuery {
    text: Arc<str>,
    columns: Arc<[OutputColumn]>,
    position: Position,
    plan: Box<LogicalPlan>,
    /// Show the plan in place of its rows.
    explain: Option<Explained>,
}

/// How a plan is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Explained {
    /// As it would run.
    Planned,
    /// As it ran, with what each step cost.
    Analyzed,
}

impl PreparedQuery {
    fn new(pql: &str, planned: Planned) -> Self {
        Self {
            text: pql.into(),
            position: planned.at.position,
            columns: planned.columns.into(),
            plan: Box::new(planned.plan),
            explain: None,
        }
    }

    fn explaining(pql: &str, planned: Planned, analyze: bool) -> Self {
        let columns = [OutputColumn { name: "plan".to_owned(), ty: Type::Text }];
        let explain = if analyze { Explained::Analyzed } else { Explained::Planned };
        Self { columns: columns.into(), explain: Some(explain), ..Self::new(pql, planned) }
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
            past: Arc::default(),
            storage,
            session: session(),
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
            plan::Command::Query(planned) => Prepared::Query(PreparedQuery::new(pql, *planned)),
            plan::Command::Explain { planned, analyze } => {
                Prepared::Query(PreparedQuery::explaining(pql, *planned, analyze))
            }
            plan::Command::Claim(claim) => Prepared::Claim(claim),
            plan::Command::Subscribe(subscription) => Prepared::Subscribe(subscription),
        })
    }

    /// Starts a query; it runs on the engine's own threads. Waits for its turn when too many run.
    ///
    /// # Errors
    /// When the time is over before it began, or it cannot be planned.
    pub async fn run(&self, query: PreparedQuery) -> Result<RowStream, QueryError> {
        let PreparedQuery { text, columns, position, plan, explain } = query;
        let (sender, batches) = mpsc::channel(BATCHES_WAITING_MAX);
        let time_max = self.0.options.time_max;
        let begun = Instant::now();
        let turn = tokio::time::timeout(time_max, self.0.turns.clone().acquire_owned())
            .await
            .map_err(|_| too_late(&text, time_max))?
            .map_err(|error| QueryError::internal(&text, error))?;
        let run = Run {
            engine: self.clone(),
            text: text.clone(),
            schema: output::schema(&columns),
            left: time_max.saturating_sub(begun.elapsed()),
        };
        let Some(runtime) = &self.0.runtime else {
            return Err(QueryError::internal(&text, "the engine is shutting down"));
        };
        let task = runtime.spawn(async move {
            let _turn = turn;
            let last = match run.rows(&plan, explain, &sender).await {
                Ok(()) => Item::Done,
                Err(error) => Item::Failed(error),
            };
            // Nobody waits for it if this fails.
            let _ = sender.send(last).await;
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

    /// What a statement of this moment sees. The views come first: the store shows a commit to readers
    /// before it hands it to the views, so the reader is at their head or past it.
    fn world(&self, now: Timestamp) -> World {
        let current = self.0.views.pin();
        let reader = self.0.store.reader();
        debug_assert!(reader.head().position >= current.head.position, "readers are never behind the views");
        let now = now.max(current.head.time);
        World { current, reader, now, storage: self.0.storage.clone(), past: self.0.past.clone() }
    }

    /// A failure of the engine below as the caller's error, where it is the statement's fault.
    fn failed(&self, text: &str, error: &DataFusionError) -> QueryError {
        if let Some(error) = runtime_error(error) {
            return QueryError::statement(text, vec![plan::named(error, text)]);
        }
        match error.find_root() {
            DataFusionError::ResourcesExhausted(_) => QueryError::limit(
                text,
                Code::MemoryLimit,
                format!("the query needs more than {} MiB of memory", self.0.options.memory_bytes_max >> 20),
                "narrow it with WHERE, or sort and group fewer rows",
            ),
            _ => QueryError::internal(text, error),
        }
    }
}

/// A query on its way.
struct Run {
    engine: Engine,
    text: Arc<str>,
    schema: SchemaRef,
    /// Time it may still compute.
    left: Duration,
}

impl Run {
    /// Sends every batch, or the lines of the plan.
    async fn rows(
        mut self,
        plan: &LogicalPlan,
        explain: Option<Explained>,
        sender: &mpsc::Sender<Item>,
    ) -> Result<(), QueryError> {
        let engine = self.engine.clone();
        let plan = self.timed(engine.0.session.create_physical_plan(plan)).await?;
        let sender = match explain {
            None => Some(sender),
            Some(explain) => {
                if explain == Explained::Analyzed {
                    self.batches(plan.clone(), None).await?;
                }
                // A reader that is gone needs no lines.
                let _ = sender.send(Item::Batch(self.lines(plan.as_ref(), explain)?)).await;
                return Ok(());
            }
        };
        self.batches(plan, sender).await
    }

    /// Runs a plan to its end. What the reader takes to take the batches is not on the query's clock.
    async fn batches(
        &mut self,
        plan: Arc<dyn ExecutionPlan>,
        sender: Option<&mpsc::Sender<Item>>,
    ) -> Result<(), QueryError> {
        let context = self.context()?;
        let mut batches = execute_stream(plan, context).map_err(|error| self.failed(&error))?;
        while let Some(batch) = self.timed(async { batches.next().await.transpose() }).await? {
            let Some(sender) = sender.filter(|_| batch.num_rows() > 0) else { continue };
            let batch = output::conform(&batch, &self.schema)
                .map_err(|error| QueryError::internal(&self.text, error))?;
            if sender.send(Item::Batch(batch)).await.is_err() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// A plan as rows of text.
    fn lines(&self, plan: &dyn ExecutionPlan, explain: Explained) -> Result<RecordBatch, QueryError> {
        let shown = match explain {
            Explained::Planned => DisplayableExecutionPlan::new(plan),
            Explained::Analyzed => DisplayableExecutionPlan::with_metrics(plan),
        };
        let text = shown.indent(false).to_string();
        let lines = StringArray::from(text.lines().collect::<Vec<_>>());
        RecordBatch::try_new(self.schema.clone(), vec![Arc::new(lines)])
            .map_err(|error| QueryError::internal(&self.text, error))
    }

    /// Each query has a memory pool of its own, so that one that needs too much fails alone.
    fn context(&self) -> Result<Arc<TaskContext>, QueryError> {
        let runtime = RuntimeEnvBuilder::new()
            .with_memory_pool(Arc::new(GreedyMemoryPool::new(self.engine.0.options.memory_bytes_max)))
            .with_disk_manager_builder(DiskManagerBuilder::default().with_mode(DiskManagerMode::Disabled))
            .build_arc()
            .map_err(|error| self.failed(&error))?;
        Ok(Arc::new(TaskContext::from(&self.engine.0.session).with_runtime(runtime)))
    }

    async fn timed<T>(
        &mut self,
        work: impl Future<Output = Result<T, DataFusionError>>,
    ) -> Result<T, QueryError> {
        let begun = Instant::now();
        let done = tokio::time::timeout(self.left, work).await;
        self.left = self.left.saturating_sub(begun.elapsed());
        match done {
            Ok(Err(error)) => Err(self.failed(&error)),
            // Work that never had to wait is done, however late.
            Ok(Ok(value)) if !self.left.is_zero() => Ok(value),
            Ok(Ok(_)) | Err(_) => Err(too_late(&self.text, self.engine.0.options.time_max)),
        }
    }

    fn failed(&self, error: &DataFusionError) -> QueryError {
        self.engine.failed(&self.text, error)
    }
}

fn too_late(text: &str, time_max: Duration) -> QueryError {
    QueryError::limit(
        text,
        Code::TimeLimit,
        format!("the query took longer than {time_max:?}"),
        "narrow it: a condition on position, time, type, stream or a tag of events, on id of a table",
    )
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
    SessionStateBuilder::new().with_config(config).with_physical_optimizer_rules(rules.collect()).build()
}
