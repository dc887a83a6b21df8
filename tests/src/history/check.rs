//! Whether the log explains what every client saw.

use super::state::{Task, Timeline};
use super::{Kind, Op, Told};
use crate::time;
use serde_json::Value;
use std::collections::BTreeMap;

/// Everything that the log does not explain; nothing, if the history is linearizable.
#[must_use]
pub fn check(events: &[Value], ops: &[Op]) -> Vec<String> {
    let timeline = Timeline::of(events);
    let mut made: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    for event in events {
        if let Some(id) = event["metadata"]["correlation_id"].as_str() {
            made.entry(id).or_default().push(event);
        }
    }
    let mut wrong = timeline.wrong.clone();
    for op in ops {
        let made = made.get(op.id.as_str()).map_or(&[][..], Vec::as_slice);
        for what in (Look { timeline: &timeline, op, made }).all() {
            wrong.push(format!("{} of {} ({:?}): {what}", op.id, op.agent, op.kind));
        }
    }
    wrong
}

fn position(event: &Value) -> u64 {
    event["position"].as_u64().unwrap_or_default()
}

/// One operation, and the events it made.
struct Look<'a> {
    timeline: &'a Timeline,
    op: &'a Op,
    made: &'a [&'a Value],
}

impl Look<'_> {
    fn all(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        if let (Some(first), Some(last)) = (self.made.first(), self.made.last()) {
            wrong.extend(self.carried_out(position(first), position(last), &first["time"]));
        }
        for told in &self.op.answers {
            wrong.extend(match told {
                told if told.ok() && told.data.is_null() => self.told_nothing(told),
                told if told.ok() => self.told_done(told),
                told => self.told_no(told),
            });
        }
        let mut done = self.op.answers.iter().filter(|told| told.ok() && !told.data.is_null());
        if let Some(first) = done.next()
            && done.any(|again| (&again.data, again.position) != (&first.data, first.position))
        {
            wrong.push("it has two answers".to_owned());
        }
        wrong
    }

    /// It happened, once, after what was known, and when it was allowed.
    fn carried_out(&self, first: u64, last: u64, at: &Value) -> Vec<String> {
        let mut wrong = Vec::new();
        if first <= self.op.known {
            wrong.push(format!("it happened at {first}, and {} was known before", self.op.known));
        }
        if last - first + 1 != self.made.len() as u64 {
            wrong.push(format!("it happened in pieces, or twice, between {first} and {last}"));
        }
        let at = at.as_str().map_or(0, time::micros);
        let before = |task: &str| self.timeline.at(task, first - 1);
        let allowed = match &self.op.kind {
            Kind::Claim => self.taken().is_some_and(|task| before(&task).on_offer(&self.op.agent, at)),
            kind => kind.task().is_some_and(|task| kind.is_allowed(&self.op.agent, &before(task), at)),
        };
        if !allowed {
            wrong.push(format!("it was not allowed at {first}"));
        }
        if self.op.kind == Kind::Claim {
            let count = self.made.iter().filter(|event| event["type"] == "LeaseAcquired").count();
            if count != 1 {
                wrong.push(format!("one claim took {count} tasks"));
            }
        }
        wrong
    }

    /// The task that a claim took.
    fn taken(&self) -> Option<String> {
        let taken = self.made.iter().find(|event| event["type"] == "LeaseAcquired")?;
        taken["data"]["task_id"].as_str().map(str::to_owned)
    }

    /// The answer of what was carried out.
    fn told_done(&self, told: &Told) -> Vec<String> {
        let Some(last) = self.made.last().map(|event| position(event)) else {
            return vec![format!("it was told to be done at {}, and is not in the log", told.position)];
        };
        let mut wrong = Vec::new();
        if told.position != last {
            wrong.push(format!("it was told to be done at {}, and was at {last}", told.position));
        }
        let row = if self.op.kind == Kind::Claim { &told.data["task"] } else { &told.data };
        if let (Some(id), Some(version)) = (row["id"].as_str(), row["version"].as_u64()) {
            let is = self.timeline.at(id, last).version;
            if is != version {
                wrong.push(format!("task {id} was told to be at version {version}, and was at {is}"));
            }
        }
        if self.made.iter().any(|event| event["type"] == "LeaseAcquired") {
            // Claimed, or handed over: then the lease is all of the answer.
            let lease = if self.op.kind == Kind::Claim { &told.data["lease"] } else { &told.data };
            let now = self.taken().map(|task| self.timeline.at(&task, last)).unwrap_or_default();
            let held = now.lease.as_ref().map(|lease| lease.id.as_str());
            if (lease["id"].as_str(), lease["fence"].as_u64()) != (held, Some(now.fence)) {
                wrong.push(format!("told {lease}, and {held:?} holds with fence {}", now.fence));
            }
        }
        wrong
    }

    /// A claim that found nothing.
    fn told_nothing(&self, told: &Told) -> Vec<String> {
        // Asked again with the same key, it may have taken something later.
        if self.made.first().is_some_and(|first| position(first) <= told.position) {
            return vec!["it was told that there is nothing, and it had taken something".to_owned()];
        }
        let tasks: Vec<&str> = self.timeline.tasks().collect();
        let mut places: Vec<u64> =
            tasks.iter().flat_map(|task| self.timeline.steps(task, self.op.known, told.position)).collect();
        places.sort_unstable();
        places.dedup();
        let nothing = |place: &u64| {
            tasks.iter().all(|task| !self.timeline.at(task, *place).on_offer(&self.op.agent, self.op.sent))
        };
        match places.iter().any(nothing) {
            true => Vec::new(),
            false => vec![format!("there was work all the time from {} to {}", self.op.known, told.position)],
        }
    }

    /// A refusal.
    fn told_no(&self, told: &Told) -> Vec<String> {
        // Of another attempt with the same key.
        let is_done = self.op.answers.iter().any(Told::ok);
        if !self.made.is_empty() && !is_done {
            return vec![format!("it was refused with {}, and happened", told.code)];
        }
        match told.status {
            503 => Vec::new(),
            409 | 423 if is_done => Vec::new(),
            409 | 423 => {
                let Some(task) = self.op.kind.task() else {
                    return vec![format!("refused with {}", told.code)];
                };
                let places = self.timeline.steps(task, self.op.known, told.position);
                let refused = |place: &u64| {
                    let state = self.timeline.at(task, *place);
                    let is_allowed = |at| self.op.kind.is_allowed(&self.op.agent, &state, at);
                    !(is_allowed(self.op.sent) && is_allowed(self.op.got))
                };
                match places.iter().any(refused) {
                    true => Vec::new(),
                    false => vec![format!(
                        "it was refused with {}, and was allowed all the time from {} to {}",
                        told.code, self.op.known, told.position
                    )],
                }
            }
            status => vec![format!("status {status}, {}", told.code)],
        }
    }
}

impl Kind {
    /// The task that it names.
    fn task(&self) -> Option<&str> {
        match self {
            Self::Claim => None,
            Self::Held { task, .. } | Self::Seen { task, .. } | Self::Added { task } => Some(task),
        }
    }

    /// Whether that agent may do it to the task as it is then.
    fn is_allowed(&self, agent: &str, state: &Task, at: i64) -> bool {
        match self {
            Self::Claim => false,
            Self::Held { lease, .. } => state.held_by(agent, lease, at),
            Self::Seen { version, from, .. } => {
                state.version == *version && !state.held(at) && from.contains(&state.status.as_str())
            }
            Self::Added { .. } => state.version > 0,
        }
    }
}
