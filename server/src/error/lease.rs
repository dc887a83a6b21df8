//! A lease that is good for nothing any more: who holds its task now, and what to do about it. The model forgets leases
//! that are over; the tables know what they were.

use super::{Code, Error};
use crate::clock;
use crate::wire::time::rfc3339;
use domain::rows::{Lease, LeaseStatus, TaskStatus};
use query::Pinned;
use serde_json::Value;
use std::sync::Arc;

impl Error {
    /// Says of a lease that was refused whose its task is now, by the tables, and what to do.
    pub(crate) fn with_holder(self, pin: impl FnOnce() -> Pinned) -> Self {
        match self.0.code {
            Code::LeaseExpired => self.of_lease(&pin()),
            _ => self,
        }
    }

    fn of_lease(mut self, pinned: &Pinned) -> Self {
        let text = |name: &str| self.0.details[name].as_str().map(str::to_owned);
        let asked = text("lease_id").and_then(|id| pinned.lease(&id));
        let task_id = text("task_id").or_else(|| Some(asked.as_ref()?.task_id.to_string()));
        let Some((task_id, (task, _))) = task_id.and_then(|id| Some((id.clone(), pinned.bare_task(&id)?)))
        else {
            return self;
        };
        let now = clock::now();
        let holds = |lease: &Arc<Lease>| lease.status == LeaseStatus::Active && lease.expires_at > now;
        let holding = pinned.leases_of(&task_id).into_iter().find(holds);
        let details = &mut self.0.details;
        details["task_id"] = (*task_id).into();
        if let Some(holding) = &holding {
            details["holder"] = Value::from(&*holding.agent_id);
            details["since"] = rfc3339(holding.created_at).into();
            details["expires_at"] = rfc3339(holding.expires_at).into();
        }
        let next = format!("agentpm task get {task_id}");
        match (holding, asked) {
            (Some(holding), Some(asked)) if holding.id == asked.id => self.hint(format!(
                "this lease is that of `{}`, with fence {}: send it as that agent and with that fence, or override: true",
                holding.agent_id, holding.fence
            )),
            (Some(holding), _) => self.hint(format!(
                "stop working on task `{task_id}`: `{}` holds it now, until {}",
                holding.agent_id,
                rfc3339(holding.expires_at)
            )),
            (None, asked) if task.status == TaskStatus::Open => {
                let agent = asked.map_or_else(|| "AGENT".into(), |lease| lease.agent_id.clone());
                self.hint(format!(
                    "stop working on task `{task_id}` under this lease: it is over; the task is open, and nobody holds it: \
                     take it again to go on"
                ))
                .next(format!("agentpm lease acquire --task-id {task_id} --agent-id {agent}"))
            }
            (None, _) => self.hint(format!(
                "stop working on task `{task_id}`: its lease is over, and it is {} now",
                task.status.as_str()
            )),
        }
        .next(next)
    }
}
