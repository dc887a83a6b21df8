//! `next_task`: the work that could be taken now, best first.

use super::{TableSchema, tasks};

/// Tasks that are ready: status `open`, not archived, no unfinished blocker, `not_before` passed, and
/// unassigned or, with FOR, assigned to the asking agent and within its capabilities. In order of class,
/// score (descending), created_at and id.
pub static SCHEMA: TableSchema = TableSchema {
    name: "next_task",
    doc: "Tasks that could be taken now, best first: open, not archived, without unfinished blocker, \
          not_before passed, unassigned or (with FOR) within the reach of the asking agent.",
    columns: tasks::SCHEMA.columns,
    aliases: tasks::SCHEMA.aliases,
    has_history: false,
};
