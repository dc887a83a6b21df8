//! `runs`: every attempt of an agent at a task.

use super::define::table;
use crate::value::Value;
use domain::rows::Run;
use std::borrow::Cow;

table! {
    /// Attempts, one row each: one agent at one task, from claim to end.
    "runs", Run, history: true, aliases: &[];

    /// Its name.
    "id": Text = |row| Value::Text(Cow::Borrowed(&row.id));
    /// The task.
    "task_id": Text = |row| Value::Text(Cow::Borrowed(&row.task_id));
    /// The agent.
    "agent_id": Text = |row| Value::Text(Cow::Borrowed(&row.agent_id));
    /// The agent's session, if it named one.
    "session_id": Text = |row| Value::text(row.session_id.as_deref());
    /// The lease it runs under.
    "lease_id": Text = |row| Value::Text(Cow::Borrowed(&row.lease_id));
    /// 1 for the task's first attempt.
    "attempt": Int = |row| Value::Int(row.attempt.into());
    /// `running`, `completed`, `failed`, `cancelled`, `released` or `expired`.
    "status": Text = |row| Value::Text(Cow::Borrowed(row.status.as_str()));
    /// Why it failed: `transient`, `terminal`, `policy`, `validation`, `dependency` or `capacity`.
    "failure_class": Text = |row| Value::text(row.failure_class.map(|class| class.as_str()));
    /// What it said when it failed.
    "failure_message": Text = |row| Value::text(row.failure_message.as_deref());
    /// When the task was claimed.
    "started_at": Time = |row| Value::Time(row.started_at.0);
    /// When it ended.
    "ended_at": Time = |row| Value::time(row.ended_at);
    /// How long it took, in whole milliseconds, once it has ended.
    "duration_ms": Int = |row| row.duration_ms().map_or(Value::Null, Value::Int);
    /// What it cost, in the caller's currency.
    "cost": Float = |row| row.cost.map_or(Value::Null, Value::Float);
    /// Tokens it used.
    "tokens": Int = |row| row.tokens.map_or(Value::Null, Value::Int);
    /// JSON: what it gave.
    "output": Json = |row| Value::json(row.output.as_deref());
}
