//! Requests about what surrounds tasks: agents, relationships, contexts, progress, leases, runs, claims.

use super::fields::{Fields, Item};
use super::task::{guard, new_context, noted};
use domain::Command;
use domain::command::{
    AcquireLease, AddContext, AddRelationship, Heartbeat, Progress, RegisterAgent, RunEvent, StartSession,
    TransferLease,
};
use domain::rows::{RelationshipType, Role};
use serde_json::json;
use store::Text;

/// `POST /agents/register`
pub(crate) fn register_agent(fields: &mut Fields<'_, '_>) -> RegisterAgent {
    RegisterAgent {
        id: fields.take("id", |item| item.new_id()),
        name: fields.required_text("name"),
        role: fields.take("role", |item| item.word(Role::ALL)),
        caps: fields.take("caps", |item| item.set()).unwrap_or_default(),
        metadata: fields.json_object("metadata"),
    }
}

/// `POST /relationships`; none when the type does not hold (which is noted).
pub(crate) fn add_relationship(fields: &mut Fields<'_, '_>) -> Option<AddRelationship> {
    let from_task_id = fields.required_id("from_task_id");
    let to_task_id = fields.required_id("to_task_id");
    let kind = fields.require("type", |item| Some(item.word(RelationshipType::ALL)));
    let metadata = fields.json_object("metadata");
    Some(AddRelationship { from_task_id, to_task_id, kind: kind?, metadata })
}

/// `POST /contexts`; none when the type does not hold (which is noted).
pub(crate) fn add_context(fields: &mut Fields<'_, '_>) -> Option<AddContext> {
    let task_id = fields.required_id("task_id");
    let context = new_context(fields);
    let supersedes = fields.id("supersedes");
    Some(AddContext { task_id, context: context?, supersedes })
}

/// `POST /progress_items`
pub(crate) fn add_progress(fields: &mut Fields<'_, '_>) -> Command {
    Command::AddProgress {
        task_id: fields.required_id("task_id"),
        items: fields.require("items", |item| {
            let items = item.list(|item| item.some_text());
            noted(&item, items, || json!({ "minItems": 1, "maxItems": domain::ITEMS_MAX }))
        }),
        guard: guard(fields),
    }
}

/// `PATCH /progress_items/{id}`
pub(crate) fn complete_progress(item_id: Text, fields: &mut Fields<'_, '_>) -> Command {
    Command::CompleteProgress {
        item_id,
        completed: fields.require("completed", |item| item.bool()),
        guard: guard(fields),
    }
}

/// How long a lease lasts, in milliseconds; the model checks it.
fn ttl(item: &Item<'_, '_>) -> Option<i64> {
    let bounds = || json!({ "minimum": domain::TTL_MIN_MS / 1_000, "maximum": domain::TTL_MAX_MS / 1_000 });
    noted(item, item.seconds_as_ms(), bounds)
}

/// `POST /leases`
pub(crate) fn acquire_lease(fields: &mut Fields<'_, '_>) -> AcquireLease {
    AcquireLease {
        task_id: fields.required_id("task_id"),
        agent_id: fields.required_id("agent_id"),
        session_id: fields.id("session_id"),
        ttl_ms: fields.take("ttl_s", |item| ttl(&item)),
    }
}

/// `PATCH /leases/{id}/renew`
pub(crate) fn renew_lease(lease_id: Text, fields: &mut Fields<'_, '_>) -> Command {
    Command::RenewLease { lease_id, ttl_ms: fields.take("ttl_s", |item| ttl(&item)) }
}

/// `POST /leases/{id}/transfer`
pub(crate) fn transfer_lease(lease_id: Text, fields: &mut Fields<'_, '_>) -> TransferLease {
    TransferLease { lease_id, agent_id: fields.required_id("agent_id"), session_id: fields.id("session_id") }
}

/// `POST /sessions/start`; how long it may be silent is the server's setting.
pub(crate) fn start_session(timeout_ms: i64, fields: &mut Fields<'_, '_>) -> StartSession {
    StartSession {
        id: fields.take("id", |item| item.new_id()),
        agent_id: fields.required_id("agent_id"),
        metadata: fields.take("metadata", |item| item.json_object()),
        timeout_ms,
    }
}

/// `POST /sessions/{id}/heartbeat`
pub(crate) fn heartbeat(session_id: Text, fields: &mut Fields<'_, '_>) -> Heartbeat {
    Heartbeat {
        session_id,
        leases: fields.take("leases", |item| item.texts()),
        progress: fields
            .take("progress", |item| item.list(|item| item.whole(progress_entry).flatten()))
            .unwrap_or_default(),
    }
}

/// `{id, completed}` or `{task_id, items}`; none when it is neither (which is noted).
fn progress_entry(fields: &mut Fields<'_, '_>) -> Option<Progress> {
    let (id, completed) = (fields.text("id"), fields.take("completed", |item| item.bool()));
    let (task_id, items) = (fields.text("task_id"), fields.take("items", |item| item.texts()));
    match (id, completed, task_id, items) {
        (Some(item_id), Some(completed), None, None) => Some(Progress::Complete { item_id, completed }),
        (None, None, Some(task_id), Some(items)) => Some(Progress::Add { task_id, items }),
        _ => {
            fields.problem_of_all("expected {id, completed} for an item, or {task_id, items} for new ones");
            None
        }
    }
}

/// `POST /runs/{id}/events`
pub(crate) fn run_events(run_id: Text, fields: &mut Fields<'_, '_>) -> Command {
    let lease_id = fields.required_id("lease_id");
    let events = fields.require("events", |item| {
        item.note(|| json!({ "minItems": 1, "maxItems": domain::RUN_EVENTS_MAX }));
        item.list(|item| {
            item.whole(|fields| RunEvent {
                kind: fields.required_text("type"),
                data: super::append::data(fields),
            })
        })
    });
    Command::AppendRunEvents { run_id, lease_id, events }
}

/// What `POST /tasks/claim` asks for.
#[derive(Debug, Default)]
pub(crate) struct ClaimRequest {
    /// For whom.
    pub(crate) agent_id: Text,
    /// In which session.
    pub(crate) session_id: Option<Text>,
    /// A row predicate over tasks, in PQL.
    pub(crate) filter: Option<Text>,
    /// Its parameters: a JSON object or list.
    pub(crate) params: Option<Text>,
    /// How long the lease lasts.
    pub(crate) ttl_ms: Option<i64>,
    /// How many tasks.
    pub(crate) limit: Option<u32>,
    /// How long to wait for work when there is none.
    pub(crate) wait_ms: u64,
}

/// Values for `$1`, `$name`: a list or an object.
pub(crate) fn params(fields: &mut Fields<'_, '_>) -> Option<Text> {
    fields.take("params", |item| {
        item.note(|| json!({ "anyOf": [{ "type": "object" }, { "type": "array" }] }));
        item.json()
    })
}

/// Longest wait of one claim: below what proxies and clients cut idle requests at.
pub(crate) const CLAIM_WAIT_MS_MAX: u32 = 30_000;

/// `POST /tasks/claim`
pub(crate) fn claim(fields: &mut Fields<'_, '_>) -> ClaimRequest {
    let int = |fields: &mut Fields<'_, '_>, name, range| {
        fields.take(name, |item| item.int_in(range)).and_then(|value| u32::try_from(value).ok())
    };
    ClaimRequest {
        agent_id: fields.required_id("agent_id"),
        session_id: fields.id("session_id"),
        filter: fields.text("where"),
        params: params(fields),
        ttl_ms: fields.take("lease_s", |item| ttl(&item)),
        limit: int(fields, "limit", 1..=i64::from(domain::CLAIM_LIMIT_MAX)),
        wait_ms: int(fields, "wait_ms", 0..=i64::from(CLAIM_WAIT_MS_MAX)).unwrap_or(0).into(),
    }
}
