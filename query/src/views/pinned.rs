//! The current rows at one head, for those who look things up.

use super::current::Current;
use super::depths::SomeDepths;
use super::rows::Entry;
use super::tally::Counts;
use domain::command::TaskView;
use domain::rows::{
    Agent, Context, Lease, ProgressItem, Relationship, Row, Run, Session, Table, Task, TaskGraph,
};
use std::sync::Arc;
use store::{Head, Text, Timestamp, Version};

/// Every table as it stood at one head; never changes. Cheap to clone, and to hold for a while: what changes
/// meanwhile is copied a chunk at a time.
#[derive(Debug, Clone)]
pub struct Pinned {
    pub(crate) current: Arc<Current>,
    now: Timestamp,
}

macro_rules! typed {
    ($($(#[$doc:meta])* $one:ident, $(#[$docs:meta])* $about:ident: $variant:ident in $table:ident;)+) => {$(
        $(#[$doc])*
        #[must_use]
        pub fn $one(&self, id: &str) -> Option<Arc<$variant>> {
            match &self.entry(Table::$table, id)?.version.row {
                Row::$variant(row) => Some(row.clone()),
                _ => None,
            }
        }

        $(#[$docs])*
        #[must_use]
        pub fn $about(&self, task: &str) -> Vec<Arc<$variant>> {
            self.current.about(Table::$table, task).filter_map(|key| self.$one(key)).collect()
        }
    )+};
}

impl Pinned {
    pub(crate) fn new(current: Arc<Current>) -> Self {
        let now = current.head.time;
        Self { current, now }
    }

    /// The same rows, with scores as of `now` (or the head's time, if that is later). Without this, scores
    /// are as of the head.
    #[must_use]
    pub fn at(self, now: Timestamp) -> Self {
        let now = now.max(self.current.head.time);
        Self { now, ..self }
    }

    /// The head these rows are of.
    #[must_use]
    pub fn head(&self) -> Head {
        self.current.head
    }

    /// A row of any table.
    #[must_use]
    pub fn get(&self, table: Table, key: &str) -> Option<Row> {
        self.entry(table, key).map(|entry| entry.version.row.clone())
    }

    /// A row of any table with the event that made it what it is.
    #[must_use]
    pub fn version(&self, table: Table, key: &str) -> Option<&Version<Row>> {
        self.entry(table, key).map(|entry| &entry.version)
    }

    /// Every row of a table, in order of key.
    pub fn iter(&self, table: Table) -> impl DoubleEndedIterator<Item = (&Text, &Version<Row>)> {
        self.current.rows(table).iter().map(|(key, entry)| (key, &entry.version))
    }

    /// How many rows a table has.
    #[must_use]
    pub fn count(&self, table: Table) -> usize {
        self.current.rows(table).len()
    }

    /// How many tasks and leases there are of each kind, as of the moment of [`Pinned::at`].
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.current.counts(self.now)
    }

    /// A task with its computed columns. Costs what waits for it, one after another.
    #[must_use]
    pub fn task(&self, id: &str) -> Option<TaskView> {
        let (task, graph) = self.bare_task(id)?;
        Some(self.views().of(task, *graph))
    }

    /// A task, with what its neighbours alone decide.
    #[must_use]
    pub fn bare_task(&self, id: &str) -> Option<(&Arc<Task>, &TaskGraph)> {
        bare(self.entry(Table::Tasks, id)?)
    }

    /// Every task, with what its neighbours alone decide, in order of id. [`Pinned::views`] has the rest.
    pub fn bare_tasks(&self) -> impl DoubleEndedIterator<Item = (&Arc<Task>, &TaskGraph)> {
        self.current.rows(Table::Tasks).iter().filter_map(|(_, entry)| bare(entry))
    }

    /// What makes views of several tasks, and works out nothing twice for them.
    #[must_use]
    pub fn views(&self) -> TaskViews<'_> {
        TaskViews { current: &self.current, depths: SomeDepths::default(), now: self.now }
    }

    /// What the relationships say of a task; all zero for one that has none.
    #[must_use]
    pub fn graph(&self, task: &str) -> TaskGraph {
        self.entry(Table::Tasks, task).map_or_else(TaskGraph::default, |entry| entry.graph)
    }

    /// An agent.
    #[must_use]
    pub fn agent(&self, id: &str) -> Option<Arc<Agent>> {
        match &self.entry(Table::Agents, id)?.version.row {
            Row::Agent(row) => Some(row.clone()),
            _ => None,
        }
    }

    /// A session.
    #[must_use]
    pub fn session(&self, id: &str) -> Option<Arc<Session>> {
        match &self.entry(Table::Sessions, id)?.version.row {
            Row::Session(row) => Some(row.clone()),
            _ => None,
        }
    }

    typed! {
        /// A run.
        run,
        /// Every attempt at a task, in order of id.
        runs_of: Run in Runs;
        /// A relationship.
        relationship,
        /// Every relationship from or to a task, in order of id.
        relationships_of: Relationship in Relationships;
        /// A progress item.
        progress_item,
        /// The progress items of a task, in order of id.
        progress_of: ProgressItem in ProgressItems;
        /// A context.
        context,
        /// The contexts of a task, superseded ones included, in order of id.
        contexts_of: Context in Contexts;
        /// A lease.
        lease,
        /// Every acquisition of a task, in order of id.
        leases_of: Lease in Leases;
    }

    fn entry(&self, table: Table, key: &str) -> Option<&Entry> {
        self.current.rows(table).row(key).map(|(_, entry)| entry)
    }
}

fn bare(entry: &Entry) -> Option<(&Arc<Task>, &TaskGraph)> {
    match &entry.version.row {
        Row::Task(task) => Some((task, &entry.graph)),
        _ => None,
    }
}

/// Makes views of tasks of a [`Pinned`].
#[derive(Debug)]
pub struct TaskViews<'a> {
    current: &'a Current,
    depths: SomeDepths,
    now: Timestamp,
}

impl TaskViews<'_> {
    /// A task of [`Pinned::bare_task`] with its computed columns.
    #[must_use]
    pub fn of(&mut self, task: &Arc<Task>, graph: TaskGraph) -> TaskView {
        let Ok(depth) = self.depths.get(&task.id, self.current);
        TaskView { task: task.clone(), graph, depth, now: self.now }
    }
}
