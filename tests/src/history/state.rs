//! The tasks as the log has them at every position: no more of them than the checks ask about.

use crate::time;
use serde_json::Value;
use std::collections::BTreeMap;

/// A task at some position.
#[derive(Debug, Clone, Default)]
pub(super) struct Task {
    pub(super) version: u64,
    pub(super) status: String,
    pub(super) owner: Option<String>,
    pub(super) not_before: i64,
    pub(super) fence: u64,
    pub(super) lease: Option<Lease>,
}

/// The lease that holds it.
#[derive(Debug, Clone)]
pub(super) struct Lease {
    pub(super) id: String,
    pub(super) agent: String,
    pub(super) expires_at: i64,
}

impl Task {
    /// Whether somebody may hold it at some moment until then.
    pub(super) fn held(&self, at: i64) -> bool {
        self.lease.as_ref().is_some_and(|lease| at < lease.expires_at)
    }

    /// Whether that lease holds it then, and is that agent's.
    pub(super) fn held_by(&self, agent: &str, lease: &str, at: i64) -> bool {
        self.held(at) && self.lease.as_ref().is_some_and(|held| held.id == lease && held.agent == agent)
    }

    /// Whether that agent may claim it then.
    pub(super) fn on_offer(&self, agent: &str, at: i64) -> bool {
        self.status == "open"
            && self.not_before <= at
            && self.owner.as_deref().is_none_or(|owner| owner == agent)
            && self.lease.is_none()
    }
}

/// Every task at every position.
#[derive(Debug, Default)]
pub(super) struct Timeline {
    tasks: BTreeMap<String, Vec<(u64, Task)>>,
    /// Which task a lease is of.
    leases: BTreeMap<String, String>,
    /// What the log alone shows to be wrong.
    pub(super) wrong: Vec<String>,
}

impl Timeline {
    pub(super) fn of(events: &[Value]) -> Self {
        let mut timeline = Self::default();
        events.iter().for_each(|event| timeline.apply(event));
        timeline
    }

    /// A task as it was right after that position.
    pub(super) fn at(&self, task: &str, position: u64) -> Task {
        let versions = self.tasks.get(task).map_or(&[][..], Vec::as_slice);
        let after = versions.partition_point(|(from, _)| *from <= position);
        after.checked_sub(1).map(|last| versions[last].1.clone()).unwrap_or_default()
    }

    /// All tasks.
    pub(super) fn tasks(&self) -> impl Iterator<Item = &str> {
        self.tasks.keys().map(String::as_str)
    }

    /// The positions of a stretch at which a task became another, and where the stretch begins.
    pub(super) fn steps(&self, task: &str, from: u64, to: u64) -> Vec<u64> {
        let versions = self.tasks.get(task).map_or(&[][..], Vec::as_slice);
        let first = versions.partition_point(|(position, _)| *position <= from);
        let inside = versions[first..].iter().map(|(position, _)| *position);
        [from].into_iter().chain(inside.take_while(|position| *position <= to)).collect()
    }

    fn apply(&mut self, event: &Value) {
        let (data, text) = (&event["data"], |value: &Value| value.as_str().map(str::to_owned));
        let position = event["position"].as_u64().unwrap_or_default();
        let kind = event["type"].as_str().unwrap_or_default();
        let of_lease = |timeline: &Self| data["id"].as_str().and_then(|id| timeline.leases.get(id).cloned());
        let of_task = event["stream"].as_str().unwrap_or_default().strip_prefix("task-").map(str::to_owned);
        let task = match kind {
            "LeaseAcquired" => text(&data["task_id"]),
            "LeaseRenewed" | "LeaseReleased" | "LeaseTransferred" | "LeaseExpired" => of_lease(self),
            _ => of_task,
        };
        let Some(task) = task else { return };
        let mut now = self.at(&task, position);
        let mut wrong = |what: String| self.wrong.push(format!("at {position}, task {task}: {what}"));
        let when = |value: &Value| value.as_str().map_or(0, time::micros);
        match kind {
            "TaskCreated" => now.status = text(&data["status"]).unwrap_or_else(|| "open".to_owned()),
            "TaskStatusChanged" => {
                now.status = text(&data["status"]).unwrap_or_default();
                now.owner = text(&data["owner_agent_id"]);
                now.not_before = when(&data["not_before"]);
            }
            "LeaseAcquired" => {
                let id = text(&data["id"]).unwrap_or_default();
                if let Some(held) = &now.lease {
                    wrong(format!("taken under {id} while {} holds it", held.id));
                }
                let fence = data["fence"].as_u64().unwrap_or_default();
                if fence != now.fence + 1 {
                    wrong(format!("fence {fence} after {}", now.fence));
                }
                now.fence = fence;
                now.lease = Some(Lease {
                    id: id.clone(),
                    agent: text(&data["agent_id"]).unwrap_or_default(),
                    expires_at: when(&data["expires_at"]),
                });
                self.leases.insert(id, task.clone());
            }
            "LeaseRenewed" => {
                let expires_at = when(&data["expires_at"]);
                if let Some(lease) = now.lease.as_mut() {
                    lease.expires_at = expires_at;
                }
            }
            "LeaseReleased" | "LeaseTransferred" | "LeaseExpired" => {
                let id = data["id"].as_str().unwrap_or_default();
                if now.lease.take_if(|held| held.id == id).is_none() {
                    wrong(format!("lease {id} ended, which did not hold it"));
                }
            }
            _ => {}
        }
        if event["stream"].as_str().is_some_and(|stream| stream.starts_with("task-")) {
            now.version += 1;
            if event["revision"] != now.version {
                let told = format!("revision {} after {}", event["revision"], now.version - 1);
                self.wrong.push(format!("at {position}, task {task}: {told}"));
            }
        }
        self.tasks.entry(task).or_default().push((position, now));
    }
}
