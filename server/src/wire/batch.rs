//! `POST /batch`: many operations in one request, each with the fields of its own call.

use super::append::{ConditionRequest, append, check_reserved, condition};
use super::envelope::{push, push_list};
use super::fields::{Fields, Problems, short};
use super::refs::{Made, Refs};
use super::shape;
use super::task;
use super::work::{
    acquire_lease, add_context, add_progress, add_relationship, complete_progress, register_agent,
    renew_lease, start_session,
};
use crate::context::Provenance;
use crate::error::Error;
use crate::group::Step;
use domain::{Command, is_id};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::collections::btree_map::Entry;
use std::fmt;
use std::sync::Arc;
use store::{Append, EventId, Text};

/// Most operations of one batch: more would hold up the writer; send several.
pub(crate) const OPS_MAX: usize = 1_000;

/// What an operation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Op {
    CreateTask,
    UpdateTask,
    TransitionTask,
    ArchiveTask,
    RestoreTask,
    CompleteTask,
    FailTask,
    ReleaseTask,
    AddRelationship,
    RemoveRelationship,
    AddProgress,
    CompleteProgress,
    AddContext,
    AcquireLease,
    RenewLease,
    ReleaseLease,
    RegisterAgent,
    StartSession,
    EndSession,
    Append,
}

impl Op {
    /// All of them.
    pub(crate) const ALL: &[Self] = &[
        Self::CreateTask,
        Self::UpdateTask,
        Self::TransitionTask,
        Self::ArchiveTask,
        Self::RestoreTask,
        Self::CompleteTask,
        Self::FailTask,
        Self::ReleaseTask,
        Self::AddRelationship,
        Self::RemoveRelationship,
        Self::AddProgress,
        Self::CompleteProgress,
        Self::AddContext,
        Self::AcquireLease,
        Self::RenewLease,
        Self::ReleaseLease,
        Self::RegisterAgent,
        Self::StartSession,
        Self::EndSession,
        Self::Append,
    ];

    const fn as_str(self) -> &'static str {
        match self {
            Self::CreateTask => "create_task",
            Self::UpdateTask => "update_task",
            Self::TransitionTask => "transition_task",
            Self::ArchiveTask => "archive_task",
            Self::RestoreTask => "restore_task",
            Self::CompleteTask => "complete_task",
            Self::FailTask => "fail_task",
            Self::ReleaseTask => "release_task",
            Self::AddRelationship => "add_relationship",
            Self::RemoveRelationship => "remove_relationship",
            Self::AddProgress => "add_progress",
            Self::CompleteProgress => "complete_progress",
            Self::AddContext => "add_context",
            Self::AcquireLease => "acquire_lease",
            Self::RenewLease => "renew_lease",
            Self::ReleaseLease => "release_lease",
            Self::RegisterAgent => "register_agent",
            Self::StartSession => "start_session",
            Self::EndSession => "end_session",
            Self::Append => "append",
        }
    }

    /// Whether it makes something with an id, which a `ref` can stand for.
    const fn makes(self) -> bool {
        matches!(
            self,
            Self::CreateTask
                | Self::AddRelationship
                | Self::AddProgress
                | Self::AddContext
                | Self::AcquireLease
                | Self::RegisterAgent
                | Self::StartSession
        )
    }
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A batch as it came.
#[derive(Debug)]
pub(crate) struct BatchRequest {
    pub(crate) atomic: bool,
    pub(crate) ops: Vec<OpRequest>,
}

/// One of its operations; its data has not been looked at.
#[derive(Debug)]
pub(crate) struct OpRequest {
    /// What it does; or why that cannot be told, where each operation is for itself.
    what: Result<(Op, Box<RawValue>), Error>,
    name: Option<Text>,
}

/// `{"ops":[{"op","data","ref"?}],"atomic"?}`
pub(crate) fn batch(fields: &mut Fields<'_, '_>) -> BatchRequest {
    let mut places = 0;
    let atomic = fields.take("atomic", |item| item.bool()).unwrap_or(true);
    let ops = fields.require("ops", |item| {
        item.list(|item| {
            places += 1;
            match atomic || item.is_asking() {
                true => item.whole(op).flatten(),
                false => Some(by_itself(&item.raw_value())),
            }
        })
    });
    fields.note("ops", || json!({ "minItems": 1, "maxItems": OPS_MAX }));
    match places {
        0 if !fields.is_faulty() => fields.problem("ops", "must not be empty"),
        0..=OPS_MAX => {}
        ops => fields.problem("ops", format!("{ops} operations in one batch, at most {OPS_MAX}")),
    }
    BatchRequest { atomic, ops }
}

/// An operation whose mistakes are its own.
fn by_itself(raw: &RawValue) -> OpRequest {
    let problems = Problems::default();
    let read = Fields::root(raw.get(), &problems).and_then(|mut fields| {
        let read = op(&mut fields);
        fields.finish();
        read
    });
    let name = read.as_ref().and_then(|read| read.name.clone());
    match (problems.into_error(), read) {
        (None, Some(read)) => read,
        (error, _) => OpRequest { what: Err(error.unwrap_or_else(no_operation)), name },
    }
}

fn no_operation() -> Error {
    Error::problem("", "the operation does not hold")
}

fn op(fields: &mut Fields<'_, '_>) -> Option<OpRequest> {
    let op = fields.require("op", |item| Some(item.word(Op::ALL)));
    let name = fields.take("ref", |item| {
        let name = item.like_an_id()?;
        match is_id(&name) {
            true => Some(name),
            false => item.problem(format!(
                "expected characters of A-Z a-z 0-9 . _ : -, found `{}`; `$` goes before it where it is used",
                short(&name)
            )),
        }
    });
    let data = fields.take("data", |item| {
        item.object()?;
        item.note(|| json!({ "description": "The fields of the operation's own call, with what its path has as `id`." }));
        Some(item.raw_value())
    });
    fields.restrict(of_each_op);
    if let Some(op) = op.filter(|op| name.is_some() && !op.makes()) {
        fields.problem("ref", format!("{op} makes nothing that a ref could stand for"));
    }
    let data = data.unwrap_or_else(|| RawValue::from_string("{}".into()).expect("an object"));
    Some(OpRequest { what: op.map(|op| (op, data)).ok_or_else(no_operation), name })
}

/// Operations as they are read, in their order: each may name what those before it make.
#[derive(Debug)]
pub(crate) struct Reader {
    refs: Arc<Refs>,
    session_timeout_ms: i64,
}

/// An operation that could be read.
#[derive(Debug)]
pub(crate) struct Planned {
    pub(crate) step: Step,
    /// The operations before it whose refs it names.
    pub(crate) needs: Vec<usize>,
}

/// What the data of each operation is, for the published schema.
fn of_each_op() -> Value {
    let each = Op::ALL.iter().map(|op| {
        let data = shape::body(|fields| read(*op, fields, &Provenance::default(), 0));
        json!({
            "if": { "properties": { "op": { "const": op.as_str() } } },
            "then": { "properties": { "data": data } },
        })
    });
    json!({ "allOf": each.collect::<Vec<_>>() })
}

impl Reader {
    /// A reader that knows no names yet; sessions it reads may be silent for so long.
    pub(crate) fn new(session_timeout_ms: i64) -> Self {
        Self { refs: Arc::default(), session_timeout_ms }
    }

    /// Reads the operation of that number, which makes its ids from `seed`.
    ///
    /// # Errors
    /// `ERR_VALIDATION` and the others of its own call, with places within its data.
    pub(crate) fn step(
        &mut self,
        index: usize,
        request: &OpRequest,
        by: &Provenance,
        seed: EventId,
    ) -> Result<Planned, Error> {
        let mut planned = self.read(request, by);
        if let Some(name) = &request.name {
            // The first id that a command makes is its seed.
            let made = |planned: &Planned| given_id(&planned.step).unwrap_or_else(|| seed.to_text());
            let id = planned.as_ref().ok().map(made);
            let refs = Arc::make_mut(&mut self.refs);
            match refs.entry(name.clone()) {
                Entry::Vacant(free) => drop(free.insert(Made { op: index, id })),
                Entry::Occupied(_) if planned.is_ok() => {
                    let message = format!("`{name}` is the ref of an operation before");
                    planned = Err(Error::problem("/ref", message));
                }
                Entry::Occupied(_) => {}
            }
        }
        planned
    }

    fn read(&self, request: &OpRequest, by: &Provenance) -> Result<Planned, Error> {
        let (op, data) = request.what.as_ref().map_err(Error::clone)?;
        let problems = Problems::with_refs(Arc::clone(&self.refs));
        let step = Fields::root(data.get(), &problems).and_then(|mut fields| {
            let step = read(*op, &mut fields, by, self.session_timeout_ms);
            fields.finish();
            step
        });
        let needs = problems.used();
        if let Some(error) = problems.into_error() {
            return Err(error);
        }
        let step = step.ok_or_else(no_operation)?;
        if let Step::Append(append, _) = &step {
            check_reserved(append)?;
        }
        Ok(Planned { step, needs })
    }
}

/// The id that its caller gave to what a step makes.
fn given_id(step: &Step) -> Option<Text> {
    match step {
        Step::Command(Command::CreateTask(command)) => command.id.clone(),
        Step::Command(Command::RegisterAgent(command)) => command.id.clone(),
        Step::Command(Command::StartSession(command)) => command.id.clone(),
        _ => None,
    }
}

/// What the call has in its path is the member `id`; its name in other calls is taken, too.
fn path_id(fields: &mut Fields<'_, '_>, other: &'static str) -> Text {
    match fields.has(other) && !fields.has("id") {
        true => fields.required_id(other),
        false => fields.required_id("id"),
    }
}

fn read(op: Op, fields: &mut Fields<'_, '_>, by: &Provenance, session_timeout_ms: i64) -> Option<Step> {
    if op == Op::Append {
        let (append, condition): (Append, Option<ConditionRequest>) = (append(fields, by), condition(fields));
        return Some(Step::Append(append, condition));
    }
    let task = |fields: &mut Fields<'_, '_>| path_id(fields, "task_id");
    let command = match op {
        Op::CreateTask => Command::CreateTask(task::create(fields)),
        Op::UpdateTask => Command::UpdateTask(task::update(task(fields), fields)),
        Op::TransitionTask => Command::TransitionTask(task::transition(task(fields), fields)?),
        Op::ArchiveTask => Command::ArchiveTask { task_id: task(fields) },
        Op::RestoreTask => Command::RestoreTask { task_id: task(fields) },
        Op::CompleteTask => Command::CompleteTask(task::complete(task(fields), fields)),
        Op::FailTask => Command::FailTask(task::fail(task(fields), fields)?),
        Op::ReleaseTask => task::release(task(fields), fields),
        Op::AddRelationship => Command::AddRelationship(add_relationship(fields)?),
        Op::RemoveRelationship => {
            Command::RemoveRelationship { relationship_id: path_id(fields, "relationship_id") }
        }
        Op::AddProgress => add_progress(fields),
        Op::CompleteProgress => complete_progress(path_id(fields, "item_id"), fields),
        Op::AddContext => Command::AddContext(add_context(fields)?),
        Op::AcquireLease => Command::AcquireLease(acquire_lease(fields)),
        Op::RenewLease => renew_lease(path_id(fields, "lease_id"), fields),
        Op::ReleaseLease => Command::ReleaseLease { lease_id: path_id(fields, "lease_id") },
        Op::RegisterAgent => Command::RegisterAgent(register_agent(fields)),
        Op::StartSession => Command::StartSession(start_session(session_timeout_ms, fields)),
        Op::EndSession => Command::EndSession { session_id: path_id(fields, "session_id") },
        Op::Append => return None,
    };
    Some(Step::Command(command))
}

/// Appends `{"results":[{"ok","data","error"}…]}`; each result is written by `write`, or is an error.
pub(crate) fn push_results<T>(
    out: &mut Vec<u8>,
    results: impl IntoIterator<Item = Result<T, Error>>,
    mut write: impl FnMut(&mut Vec<u8>, T),
) {
    out.extend_from_slice(b"{\"results\":");
    push_list(out, results, |out, result| match result {
        Ok(done) => {
            out.extend_from_slice(br#"{"ok":true,"data":"#);
            write(out, done);
            out.extend_from_slice(br#","error":null}"#);
        }
        Err(error) => {
            out.extend_from_slice(br#"{"ok":false,"data":null,"error":"#);
            push(out, &error.wire());
            out.push(b'}');
        }
    });
    out.push(b'}');
}
