//! EXPLAIN next_task: the tasks that wait for somebody and are not offered, with the reasons.

use super::exec::{ScanExec, Source};
use super::{ROWS_PER_TURN, World, asking};
use crate::json::write_time;
use crate::past::{BLOCKED_BY_RULE, HELD, Past, Slot};
use crate::plan::AsOf;
use crate::predicate::RowPredicate;
use crate::tables::left_out::{LeftOut, SCHEMA};
use crate::tables::{self, TaskFields, relationships, tasks};
use crate::views::{blocks, unfinished};
use async_trait::async_trait;
use datafusion::arrow::array::{RecordBatch, RecordBatchOptions};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::{Session, TableProvider};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryPool, MemoryReservation};
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::ExecutionPlan;
use domain::offer;
use domain::rows::{Agent, RelationshipType, Row, Table, Task, TaskGraph, TaskStatus};
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
    agent: Option<Text>,
    filter: Option<RowPredicate>,
    at: AsOf,
}

impl LeftOutTable {
    pub(crate) fn new(world: World, agent: Option<Text>, filter: Option<RowPredicate>, at: AsOf) -> Self {
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
        let agent = match &self.agent {
            Some(id) => Some(asking::agent(&self.world, id, self.at).await?),
            None => None,
        };
        let source = LeftOutSource { table: self.clone(), agent, columns, arrow };
        Ok(Arc::new(ScanExec::new(Arc::new(source), limit)))
    }
}

#[derive(Debug, Clone)]
struct LeftOutSource {
    table: LeftOutTable,
    agent: Option<Arc<Agent>>,
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
            let batches = match scan.table.at.is_head {
                true => scan.now(),
                false => scan.then(&mut reservation).await?,
            };
            Ok::<_, DataFusionError>(batches.inspect(move |_| _ = &reservation))
        };
        stream::once(batches).try_flatten().boxed()
    }
}

impl LeftOutSource {
    /// What is left out at the statement's head.
    fn now(self) -> BoxStream<'static, Result<RecordBatch>> {
        let current = &self.table.world.current;
        let tasks = current.rows(Table::Tasks).clone();
        let edges = current.rows(Table::Relationships).iter();
        let edges = edges.filter_map(|(_, entry)| blocks(&entry.version.row));
        let is_unfinished =
            |id: &str| tasks.row(id).is_some_and(|(_, entry)| unfinished(&entry.version.row).is_some());
        let blockers = Blockers::of(edges.map(|edge| (&edge.from_task_id, &edge.to_task_id)), is_unfinished);
        // Only WHERE may look at them.
        let depths = self.table.filter.as_ref().map(|_| current.depths());
        let batches = (0..tasks.chunks().len()).map(move |chunk| {
            let left_out = tasks.chunks()[chunk].entries().iter().filter_map(|(id, entry)| {
                let Row::Task(task) = &entry.version.row else { return None };
                let depth = depths.as_ref().map_or(0, |depths| depths.get(id));
                self.explain(task, &entry.graph, &blockers, depth)
            });
            self.batch(&left_out.collect::<Vec<_>>())
        });
        stream::iter(batches).boxed()
    }

    /// What was left out at a past moment.
    async fn then(
        self,
        reservation: &mut MemoryReservation,
    ) -> Result<BoxStream<'static, Result<RecordBatch>>> {
        let LeftOutTable { world, at, .. } = &self.table;
        let every = (0..tasks::SCHEMA.columns.len()).chain([BLOCKED_BY_RULE, HELD]);
        let tasks = Past::at(world, Table::Tasks, *at, every, reservation).await?;
        let columns = [relationships::FROM, relationships::TO, relationships::TYPE];
        let edges = Past::at(world, Table::Relationships, *at, columns, reservation).await?;
        let blockers = {
            let text = |column, edge| edges.column(column).and_then(|texts| texts.text(edge));
            let blocks = |edge: &Slot| {
                text(relationships::TYPE, *edge)
                    .is_some_and(|kind| **kind == *RelationshipType::Blocks.as_str())
            };
            let ends = edges
                .rows()
                .filter(blocks)
                .filter_map(|edge| Some((text(relationships::FROM, edge)?, text(relationships::TO, edge)?)));
            Blockers::of(ends, |id| tasks.slot(id).is_some_and(|slot| tasks.task(slot).is_unfinished()))
        };
        let slots: Vec<Slot> = tasks.rows().collect();
        reservation.try_grow(slots.capacity() * size_of::<Slot>())?;
        let batches = (0..slots.len()).step_by(ROWS_PER_TURN).map(move |first| {
            let some = &slots[first..slots.len().min(first + ROWS_PER_TURN)];
            let left_out = some.iter().filter_map(|slot| {
                let (task, graph) = (tasks.task(*slot), tasks.graph(*slot));
                self.explain(&task, &graph, &blockers, tasks.depth(*slot))
            });
            self.batch(&left_out.collect::<Vec<_>>())
        });
        Ok(stream::iter(batches).boxed())
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
    /// Of these (blocker, blocked).
    fn of<'a>(
        edges: impl Iterator<Item = (&'a Text, &'a Text)>,
        is_unfinished: impl Fn(&str) -> bool,
    ) -> Self {
        let mut blockers: FxHashMap<Text, Vec<Text>> = FxHashMap::default();
        for (from, to) in edges.filter(|(from, _)| is_unfinished(from)) {
            blockers.entry(to.clone()).or_default().push(from.clone());
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

impl LeftOutSource {
    /// Every reason why a task is not offered; none for one that is, and for one that nobody waits for: one
    /// that is final or archived.
    fn explain(&self, task: &Task, graph: &TaskGraph, blockers: &Blockers, depth: u32) -> Option<LeftOut> {
        if !task.is_unfinished() {
            return None;
        }
        let mut reasons = Reasons::default();
        if let Some(ids) = blockers.0.get(&task.id) {
            reasons.add("blocked", waits_for(ids));
        }
        self.explain_status(task, blockers, &mut reasons);
        if let Some(until) = task.not_before.filter(|until| *until > self.table.at.time) {
            reasons.add("not_before", format!("not before {}", time(until)));
        }
        if graph.held {
            reasons.add("lease", "leased here, from before it was changed elsewhere".to_owned());
        }
        self.explain_agent(task, &mut reasons);
        let fields = TaskFields { task, graph, depth, now: self.table.at.time };
        if let Some(filter) = &self.table.filter
            && filter.holds(&fields) != Some(true)
        {
            reasons.add("where", "WHERE does not hold for it".to_owned());
        }
        let offered =
            offer::is_ready(task, graph, self.table.at.time) && offer::may_take(task, self.agent.as_deref());
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
