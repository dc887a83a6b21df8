//! How deep work is stacked on tasks at one moment. No row has it: it is worked out from the relationships that
//! hold and the tasks that are unfinished then, for whoever asks for a column that needs it.

use super::current::Current;
use super::rows::Rows;
use domain::depth::Downstream;
use domain::rows::{Relationship, RelationshipType, Row, Table, Task};
use rustc_hash::FxHashMap;
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

/// The depths of some tasks of a moment: what each costs is what waits for it, however many others there are.
#[derive(Debug)]
pub(crate) struct SomeDepths<'a> {
    current: &'a Current,
    waits: Waits,
    depths: domain::depth::Depths,
}

impl<'a> SomeDepths<'a> {
    pub(crate) fn new(current: &'a Current) -> Self {
        Self { current, waits: Waits::default(), depths: domain::depth::Depths::default() }
    }

    /// The depth of a task.
    pub(crate) fn get(&mut self, task: &Text) -> u32 {
        // Who waits for whom is read as far as it leads and was not read before. So nothing that is known changes.
        let known = self.waits.numbers.len();
        let node = self.waits.number(task);
        let mut ahead: Vec<Text> = Vec::new();
        if self.waits.numbers.len() > known {
            ahead.push(task.clone());
        }
        while let Some(task) = ahead.pop() {
            for key in self.current.about(Table::Relationships, &task) {
                let row = self.current.rows(Table::Relationships).row(key);
                if let Some(edge) = row.and_then(|(_, entry)| blocks(&entry.version.row))
                    && edge.from_task_id == task
                    && is_unfinished(self.current.rows(Table::Tasks), &edge.to_task_id)
                {
                    let known = self.waits.numbers.len();
                    self.waits.add(&edge.from_task_id, &edge.to_task_id);
                    if self.waits.numbers.len() > known {
                        ahead.push(edge.to_task_id.clone());
                    }
                }
            }
        }
        self.depths.grow(self.waits.by_number.len());
        self.depths.depth(node, &self.waits)
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
