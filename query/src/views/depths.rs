//! How deep work is stacked on tasks at one moment. No row has it: it is worked out from the relationships that
//! hold and the tasks that are unfinished then, for whoever asks for a column that needs it.

use super::current::Current;
use super::rows::Rows;
use domain::depth::Downstream;
use domain::rows::{Relationship, RelationshipType, Row, Table, Task};
use rustc_hash::FxHashMap;
use std::convert::Infallible;
use store::Text;

/// The depths of all tasks of a moment.
#[derive(Debug, Default)]
pub(crate) struct Depths {
    /// Those that are not zero.
    by_task: FxHashMap<Text, u32>,
}

impl Depths {
    /// Of a moment with these rows.
    pub(crate) fn of(relationships: &Rows, tasks: &Rows) -> Self {
        let mut waits = Waits::default();
        for (_, entry) in relationships.iter() {
            if let Some(edge) = blocks(&entry.version.row)
                && is_unfinished(tasks, &edge.to_task_id)
            {
                waits.add(&edge.from_task_id, &edge.to_task_id);
            }
        }
        let mut depths = domain::depth::Depths::unknown(waits.by_number.len());
        let by_task = waits.numbers.iter().map(|(id, &number)| (id.clone(), depths.depth(number, &waits)));
        Self { by_task: by_task.filter(|(_, depth)| *depth > 0).collect() }
    }

    /// The depth of a task.
    pub(crate) fn get(&self, task: &str) -> u32 {
        self.by_task.get(task).copied().unwrap_or(0)
    }
}

/// Who waits for whom at a moment.
pub(crate) trait Waiting {
    /// Why that may not be found.
    type Error;

    /// Adds the unfinished tasks that wait for this one. Some may come twice.
    fn waiting(&self, task: &Text, found: &mut Vec<Text>) -> Result<(), Self::Error>;
}

impl Waiting for Current {
    type Error = Infallible;

    fn waiting(&self, task: &Text, found: &mut Vec<Text>) -> Result<(), Infallible> {
        for key in self.about(Table::Relationships, task) {
            let row = self.rows(Table::Relationships).row(key);
            if let Some(edge) = row.and_then(|(_, entry)| blocks(&entry.version.row))
                && edge.from_task_id == *task
                && is_unfinished(self.rows(Table::Tasks), &edge.to_task_id)
            {
                found.push(edge.to_task_id.clone());
            }
        }
        Ok(())
    }
}

/// The depths of some tasks of a moment: what each costs is what waits for it, however many others there are.
#[derive(Debug, Default)]
pub(crate) struct SomeDepths {
    waits: Waits,
    depths: domain::depth::Depths,
}

impl SomeDepths {
    /// The depth of a task; each time of the same moment. After an error nothing more may be asked.
    pub(crate) fn get<W: Waiting>(&mut self, task: &Text, moment: &W) -> Result<u32, W::Error> {
        // Who waits for whom is read as far as it leads and was not read before. So nothing that is known changes.
        let known = self.waits.numbers.len();
        let node = self.waits.number(task);
        let mut ahead: Vec<Text> = Vec::new();
        if self.waits.numbers.len() > known {
            ahead.push(task.clone());
        }
        let mut waiting = Vec::new();
        while let Some(task) = ahead.pop() {
            moment.waiting(&task, &mut waiting)?;
            for waiting in waiting.drain(..) {
                let known = self.waits.numbers.len();
                self.waits.add(&task, &waiting);
                if self.waits.numbers.len() > known {
                    ahead.push(waiting);
                }
            }
        }
        self.depths.grow(self.waits.by_number.len());
        Ok(self.depths.depth(node, &self.waits))
    }
}

/// Who waits for whom, by numbers.
#[derive(Debug, Default)]
struct Waits {
    numbers: FxHashMap<Text, u32>,
    by_number: Vec<Vec<u32>>,
}

impl Waits {
    fn number(&mut self, task: &Text) -> u32 {
        if let Some(&number) = self.numbers.get(task) {
            return number;
        }
        // Rows are in memory: it ends before they are 4 billion.
        let number = self.by_number.len() as u32;
        self.numbers.insert(task.clone(), number);
        self.by_number.push(Vec::new());
        number
    }

    fn add(&mut self, blocker: &Text, waiting: &Text) {
        let (blocker, waiting) = (self.number(blocker), self.number(waiting));
        self.by_number[blocker as usize].push(waiting);
    }
}

impl Downstream for Waits {
    fn waiting(&self, node: u32) -> impl Iterator<Item = u32> {
        self.by_number[node as usize].iter().copied()
    }
}

/// The row as a relationship of that type.
pub(crate) fn blocks(row: &Row) -> Option<&Relationship> {
    match row {
        Row::Relationship(row) if row.kind == RelationshipType::Blocks => Some(row),
        _ => None,
    }
}

/// Whether a row is a task that others still wait for.
pub(crate) fn unfinished(row: &Row) -> Option<&Task> {
    match row {
        Row::Task(task) if task.is_unfinished() => Some(task),
        _ => None,
    }
}

fn is_unfinished(tasks: &Rows, id: &str) -> bool {
    tasks.row(id).is_some_and(|(_, entry)| unfinished(&entry.version.row).is_some())
}
