//! EXPLAIN next_task: the tasks that wait for somebody and are not offered, with the reasons.

use super::exec::{ScanExec, Source};
use super::{ROWS_PER_TURN, World, past};
use crate::json::write_time;
use crate::plan::AsOf;
use crate::predicate::RowPredicate;
use crate::tables::left_out::{LeftOut, SCHEMA};
use crate::tables::{self, TaskFields};
use crate::views::{Depths, Entry, Rows};
use async_trait::async_trait;
use datafusion::arrow::array::{RecordBatch, RecordBatchOptions};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::{Session, TableProvider};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryPool, MemoryReservation};
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::ExecutionPlan;
use domain::offer;
use domain::rows::{Agent, RelationshipType, Row, Table, Task, TaskStatus};
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use rustc_hash::FxHashMap;
use std::fmt::Write;
use std::sync::Arc;
use store::{Text, Timestamp};

/// Blockers that a reason names; of more it says how many.
const BLOCKERS_NAMED_MAX: usize = 5;

/// Tasks left out of the offer of a moment.
#[derive(Debug, Clone)]
pub(crate) struct LeftOutTable {
    world: World,
    agent: Option<Arc<Agent>>,
    filter: Option<RowPredicate>,
    at: AsOf,
}

impl LeftOutTable {
    pub(crate) fn new(
        world: World,
        agent: Option<Arc<Agent>>,
        filter: Option<RowPredicate>,
        at: AsOf,
    ) -> Self {
        Self { world, agent, filter, at }
    }
}

#[async_trait]
impl TableProvider for LeftOutTable {
    fn schema(&self) -> SchemaRef {
        SCHEMA.arrow(false)
    }

    fn table_type(&self) -> TableType {
        TableType::Temporary
    }

    async fn scan(
        &self,
        _: &dyn Session,
        projection: Option<&Vec<usize>>,
        _: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let columns = projection.cloned().unwrap_or_else(|| (0..SCHEMA.columns.len()).collect());
        let arrow = Arc::new(SCHEMA.arrow(false).project(&columns)?);
        let source = LeftOutSource { table: self.clone(), columns, arrow };
        Ok(Arc::new(ScanExec::new(Arc::new(source), limit)))
    }
}

#[derive(Debug, Clone)]
struct LeftOutSource {
    table: LeftOutTable,
    columns: Vec<usize>,
    arrow: SchemaRef,
}

impl Source for LeftOutSource {
    fn describe(&self) -> String {
        format!("left out of next_task at {}", self.table.at.position)
    }

    fn schema(&self) -> SchemaRef {
        self.arrow.clone()
    }

    fn open(
        &self,
        _: Option<usize>,
        memory: &Arc<dyn MemoryPool>,
    ) -> BoxStream<'static, Result<RecordBatch>> {
        let scan = self.clone();
        let mut reservation = MemoryConsumer::new(self.describe()).register(memory);
        let batches = async move {
            let tasks = scan.rows(Table::Tasks, &mut reservation).await?;
            let relationships = scan.rows(Table::Relationships, &mut reservation).await?;
            let blockers = Blockers::of(&relationships, &tasks);
            // Only WHERE may look at them.
            let depths = match scan.table.filter {
                Some(_) => scan.depths(&mut reservation).await?,
                None => Arc::default(),
            };
            let batches = (0..tasks.chunks().len()).map(move |chunk| {
                let entries = tasks.chunks()[chunk].entries().iter();
                let left_out: Vec<LeftOut> = entries
                    .filter_map(|(id, entry)| scan.table.explain(entry, &blockers, depths.get(id)))
                    .collect();
                scan.batch(&left_out)
            });
            Ok::<_, DataFusionError>(stream::iter(batches).inspect(move |_| _ = &reservation))
        };
        stream::once(batches).try_flatten().boxed()
    }
}

impl LeftOutSource {
    async fn rows(&self, table: Table, reservation: &mut MemoryReservation) -> Result<Arc<Rows>> {
        let LeftOutTable { world, at, .. } = &self.table;
        if at.is_head {
            return Ok(world.current.rows(table).clone());
        }
        past::rows_at(world, table, at.position, reservation).await
    }

    async fn depths(&self, reservation: &mut MemoryReservation) -> Result<Arc<Depths>> {
        let LeftOutTable { world, at, .. } = &self.table;
        if at.is_head {
            return Ok(world.current.depths());
        }
        past::depths_at(world, at.position, reservation).await
    }

    fn batch(&self, rows: &[LeftOut]) -> Result<RecordBatch> {
        debug_assert!(rows.len() <= 2 * ROWS_PER_TURN, "a chunk at a time");
        let arrays = self
            .columns
            .iter()
            .map(|&column| tables::array(SCHEMA.columns[column].ty, column, rows))
            .collect();
        let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
        Ok(RecordBatch::try_new_with_options(self.arrow.clone(), arrays, &options)?)
    }
}

/// Per task the unfinished tasks that block it.
struct Blockers(FxHashMap<Text, Vec<Text>>);

impl Blockers {
    fn of(relationships: &Rows, tasks: &Rows) -> Self {
        let mut blockers: FxHashMap<Text, Vec<Text>> = FxHashMap::default();
        let is_unfinished = |id: &str| match tasks.row(id) {
            Some((_, entry)) => matches!(&entry.version.row, Row::Task(task) if task.is_unfinished()),
            None => false,
        };
        for (_, entry) in relationships.iter() {
            if let Row::Relationship(edge) = &entry.version.row
                && edge.kind == RelationshipType::Blocks
                && is_unfinished(&edge.from_task_id)
            {
                blockers.entry(edge.to_task_id.clone()).or_default().push(edge.from_task_id.clone());
            }
        }
        blockers.values_mut().for_each(|ids| ids.sort_unstable());
        Self(blockers)
    }
}

/// Reasons, each a word and a phrase.
#[derive(Default)]
struct Reasons {
    words: Vec<Text>,
    phrases: Vec<String>,
}

impl Reasons {
    fn add(&mut self, word: &str, phrase: String) {
        if self.words.iter().all(|known| **known != *word) {
            self.words.push(word.into());
        }
        self.phrases.push(phrase);
    }
}

impl LeftOutTable {
    /// Every reason why a task is not offered; none for one that is, and for one that nobody waits for: one
    /// that is final or archived.
    fn explain(&self, entry: &Entry, blockers: &Blockers, depth: u32) -> Option<LeftOut> {
        let Row::Task(task) = &entry.version.row else { return None };
        if !task.is_unfinished() {
            return None;
        }
        let mut reasons = Reasons::default();
        if let Some(ids) = blockers.0.get(&task.id) {
            reasons.add("blocked", waits_for(ids));
        }
        self.explain_status(task, blockers, &mut reasons);
        if let Some(until) = task.not_before.filter(|until| *until > self.at.time) {
            reasons.add("not_before", format!("not before {}", time(until)));
        }
        if entry.graph.held {
            reasons.add("lease", "leased here, from before it was changed elsewhere".to_owned());
        }
        self.explain_agent(task, &mut reasons);
        let fields = TaskFields { task, graph: &entry.graph, depth, now: self.at.time };
        if let Some(filter) = &self.filter
            && filter.holds(&fields) != Some(true)
        {
            reasons.add("where", "WHERE does not hold for it".to_owned());
        }
        let offered =
            offer::is_ready(task, &entry.graph, self.at.time) && offer::may_take(task, self.agent.as_deref());
        debug_assert!(
            !offered || reasons.words.iter().all(|word| &**word == "where"),
            "{} is offered, but for {:?}",
            task.id,
            reasons.phrases
        );
        if reasons.words.is_empty() {
            debug_assert!(offered, "{} is left out for no reason", task.id);
            return None;
        }
        let Reasons { mut words, phrases } = reasons;
        words.sort_unstable();
        Some(LeftOut {
            id: task.id.clone(),
            title: task.title.clone(),
            status: task.status.as_str(),
            reasons: words,
            why: phrases.join("; "),
        })
    }

    fn explain_status(&self, task: &Task, blockers: &Blockers, reasons: &mut Reasons) {
        match task.status {
            TaskStatus::Open | TaskStatus::Completed | TaskStatus::Cancelled => {}
            TaskStatus::InProgress => {
                let by = task.owner_agent_id.as_deref().unwrap_or("an agent not named");
                reasons.add("status", format!("in progress by {by}"));
            }
            TaskStatus::Blocked if task.blocked_by_rule && blockers.0.contains_key(&task.id) => {
                reasons.add("status", "opens by itself when the last of them ends".to_owned());
            }
            TaskStatus::Blocked => {
                reasons.add(
                    "status",
                    "blocked until a transition opens it: see its blocker contexts".to_owned(),
                );
            }
        }
    }

    fn explain_agent(&self, task: &Task, reasons: &mut Reasons) {
        let asking = self.agent.as_deref();
        if let Some(owner) = &task.owner_agent_id
            && task.status != TaskStatus::InProgress
            && asking.is_none_or(|agent| agent.id != *owner)
        {
            reasons.add("owner", format!("assigned to {owner}"));
        }
        if let Some(agent) = asking
            && !task.caps.is_subset(&agent.caps)
        {
            let lacking: Vec<&str> = task
                .caps
                .as_slice()
                .iter()
                .map(|word| &**word)
                .filter(|word| !agent.caps.contains(word))
                .collect();
            reasons.add("caps", format!("needs {{{}}}, which {} lacks", lacking.join(", "), agent.id));
        }
    }
}

fn waits_for(ids: &[Text]) -> String {
    let named: Vec<&str> = ids.iter().take(BLOCKERS_NAMED_MAX).map(|id| &**id).collect();
    let mut text = format!("waits for {}", named.join(", "));
    if ids.len() > named.len() {
        let _ = write!(text, " and {} more", ids.len() - named.len());
    }
    text
}

fn time(time: Timestamp) -> String {
    let mut text = Vec::new();
    write_time(time.0, &mut text);
    String::from_utf8_lossy(&text).into_owned()
}
