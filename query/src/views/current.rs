//! The current rows of every table at one head, and what they are found by besides their key.

use super::chunked::Chunked;
use super::depths::{Depths, blocks, unfinished};
use super::rows::{Entry, Rows};
use super::tally::{Counts, Tally};
use domain::rows::{Row, Table, TaskGraph};
use std::sync::{Arc, OnceLock};
use store::{Commit, Head, ReadError, Reader, RowChange, Text, Timestamp, Version};

/// (task, key of the row): which rows of a table are about a task.
type ByTask = Chunked<(Text, Text), ()>;

/// One place per table of the model; tables are few and their numbers small.
const PLACES: usize = 12;

/// All tables at one head. A clone shares everything; a change copies the one chunk it touches.
#[derive(Debug, Clone, Default)]
pub(crate) struct Current {
    pub(crate) head: Head,
    tables: [Arc<Rows>; PLACES],
    by_task: [Arc<ByTask>; PLACES],
    tally: Tally,
    /// Worked out when somebody asks, and shared with what comes after for as long as nothing they are made of changes.
    depths: Arc<OnceLock<Arc<Depths>>>,
}

impl Current {
    /// Every row that `reader` has.
    pub(crate) fn load(reader: &Reader<Row>) -> Result<Self, ReadError> {
        let mut current = Self { head: reader.head(), ..Self::default() };
        for table in Table::ALL {
            let mut rows = Rows::default();
            let mut about = Vec::new();
            for row in reader.rows(table.id()) {
                let (key, version) = row?;
                about.extend(
                    tasks_of(&version.row).into_iter().flatten().map(|task| (task.clone(), key.clone())),
                );
                rows.insert(key, Entry::new(version));
            }
            about.sort_unstable();
            about.dedup();
            current.by_task[place(table)] =
                Arc::new(ByTask::from_sorted(about.into_iter().map(|pair| (pair, ()))));
            current.tables[place(table)] = Arc::new(rows);
        }
        let graphs = current.tables[place(Table::TaskGraph)].clone();
        let tasks = current.rows_mut(Table::Tasks);
        for (key, entry) in graphs.iter() {
            if let Row::TaskGraph(graph) = entry.version.row {
                tasks.update(|other| other.cmp(key), |task| task.graph = graph);
            }
        }
        for table in Table::ALL {
            for (_, entry) in current.tables[place(table)].iter() {
                current.tally.add(&entry.version.row, &entry.graph);
            }
        }
        Ok(current)
    }

    /// The rows of a table.
    pub(crate) fn rows(&self, table: Table) -> &Arc<Rows> {
        &self.tables[place(table)]
    }

    /// Keys of the rows of `table` that are about `task`, in order.
    pub(crate) fn about<'a>(&'a self, table: Table, task: &'a str) -> impl Iterator<Item = &'a Text> {
        self.by_task[place(table)].range(|(other, _)| (**other).cmp(task)).map(|((_, key), ())| key)
    }

    /// How deep work is stacked on each task.
    pub(crate) fn depths(&self) -> Arc<Depths> {
        let of = || Arc::new(Depths::of(self.rows(Table::Relationships), self.rows(Table::Tasks)));
        self.depths.get_or_init(of).clone()
    }

    /// How many tasks and leases there are of each kind, with times as of `now`.
    pub(crate) fn counts(&self, now: Timestamp) -> Counts {
        self.tally.counts(now)
    }

    /// Takes in what a commit changed.
    pub(crate) fn apply(&mut self, commit: &Commit<Row>) {
        if commit.last <= self.head.position {
            return;
        }
        for change in &commit.changes {
            self.change(change);
        }
        self.head = Head { position: commit.last, time: commit.time };
    }

    fn change(&mut self, change: &RowChange<Row>) {
        let Some(table) = Table::from_id(change.table) else { return };
        let before = match &change.after {
            Some(row) => {
                let mut entry = Entry::new(Version { row: row.clone(), from: change.at.clone() });
                if table == Table::Tasks {
                    entry.graph = self.graph(&change.key);
                }
                self.tally.add(&entry.version.row, &entry.graph);
                self.rows_mut(table).insert(change.key.clone(), entry)
            }
            None => self.rows_mut(table).remove(|key| key.cmp(&change.key)),
        };
        if let Some(entry) = &before {
            self.tally.take(&entry.version.row, &entry.graph);
        }
        if table == Table::TaskGraph {
            let graph = match change.after {
                Some(Row::TaskGraph(graph)) => graph,
                _ => TaskGraph::default(),
            };
            let Self { tables, tally, .. } = self;
            Arc::make_mut(&mut tables[place(Table::Tasks)]).update(
                |key| key.cmp(&change.key),
                |task| {
                    tally.take(&task.version.row, &task.graph);
                    task.graph = graph;
                    tally.add(&task.version.row, &task.graph);
                },
            );
        }
        let before_row = before.as_ref().map(|entry| &entry.version.row);
        if changes_depths(before_row, change.after.as_ref()) {
            self.depths = Arc::default();
        }
        let was = before.as_ref().map_or([None, None], |entry| tasks_of(&entry.version.row));
        let is = change.after.as_ref().map_or([None, None], tasks_of);
        if was != is {
            let index = Arc::make_mut(&mut self.by_task[place(table)]);
            for task in was.into_iter().flatten() {
                index.remove(|(other, key)| (**other).cmp(task).then_with(|| key.cmp(&change.key)));
            }
            for task in is.into_iter().flatten() {
                index.insert((task.clone(), change.key.clone()), ());
            }
        }
    }

    fn graph(&self, task: &str) -> TaskGraph {
        match self.rows(Table::TaskGraph).row(task) {
            Some((_, Entry { version: Version { row: Row::TaskGraph(graph), .. }, .. })) => *graph,
            _ => TaskGraph::default(),
        }
    }

    fn rows_mut(&mut self, table: Table) -> &mut Rows {
        Arc::make_mut(&mut self.tables[place(table)])
    }
}

/// Whether depths may be others after a change of a row.
fn changes_depths(before: Option<&Row>, after: Option<&Row>) -> bool {
    let ends = |row: Option<&Row>| {
        row.and_then(blocks).map(|edge| (edge.from_task_id.clone(), edge.to_task_id.clone()))
    };
    let stands = |row: Option<&Row>| row.and_then(unfinished).is_some();
    stands(before) != stands(after) || ends(before) != ends(after)
}

fn place(table: Table) -> usize {
    usize::from(table.id())
}

/// The tasks a row is about, its own table's tasks left out.
fn tasks_of(row: &Row) -> [Option<&Text>; 2] {
    match row {
        Row::Task(_) | Row::TaskGraph(_) | Row::Agent(_) | Row::Session(_) | Row::Clock(_) => [None, None],
        Row::Run(row) => [Some(&row.task_id), None],
        Row::Relationship(row) => [Some(&row.from_task_id), Some(&row.to_task_id)],
        Row::ProgressItem(row) => [Some(&row.task_id), None],
        Row::Context(row) => [Some(&row.task_id), None],
        Row::Lease(row) => [Some(&row.task_id), None],
        Row::Conflict(row) => row.subject_ids().map(Some),
    }
}
