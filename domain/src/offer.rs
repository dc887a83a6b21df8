//! What is offered, to whom, in which order. The index in `state/ready.rs` and the `next_task` table both
//! go by these, and tests hold the index to them.

use crate::TextSet;
use crate::decide::rules::{Stand, Step};
use crate::rows::{Agent, Class, Task, TaskGraph};
use crate::score::order_key;
use std::cmp::Reverse;
use store::{Text, Timestamp};

/// Whether the task waits for nothing but somebody to take it: open, not archived, no unfinished blocker, no lease that
/// outlived its status, `not_before` passed.
#[must_use]
pub fn is_ready(task: &Task, graph: &TaskGraph, now: Timestamp) -> bool {
    is_ready_but_for_time(task, graph) && task.not_before.is_none_or(|until| until <= now)
}

/// Whether it waits for nothing but somebody to take it, or for its `not_before`.
#[must_use]
pub fn is_ready_but_for_time(task: &Task, graph: &TaskGraph) -> bool {
    Stand::of(task, graph.blocked_by_count).permits(Step::Claim) && !graph.held
}

/// Whether this agent may take the task: it is nobody's or its own, and it can do what is needed. Without
/// an agent: whether it is nobody's.
#[must_use]
pub fn may_take(task: &Task, agent: Option<&Agent>) -> bool {
    match agent {
        Some(agent) => may_take_as(task, &agent.id, &agent.caps),
        None => task.owner_agent_id.is_none(),
    }
}

/// [`may_take`] for an agent that may not be registered: it can do what `caps` says.
#[must_use]
pub fn may_take_as(task: &Task, agent_id: &str, caps: &TextSet) -> bool {
    task.owner_agent_id.as_deref().is_none_or(|owner| owner == agent_id) && task.caps.is_subset(caps)
}

/// A task's place among offers, the best first: class, then score, then the older, then the id by its bytes. The same
/// at every moment.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank {
    class: Class,
    key: Reverse<i64>,
    created_at: Timestamp,
    id: Text,
}

impl Rank {
    /// That of a task on which work is stacked so deep.
    #[must_use]
    pub fn of(task: &Task, depth: u32) -> Self {
        let key = Reverse(order_key(task, depth));
        Self { class: task.class, key, created_at: task.created_at, id: task.id.clone() }
    }

    /// The task.
    #[must_use]
    pub fn id(&self) -> &Text {
        &self.id
    }
}
