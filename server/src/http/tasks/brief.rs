use super::show::{End, contexts, others, progress, recent_events, runs};
use crate::app::Shared;
use crate::brief::{self, Draft, Part, Worth};
use crate::error::Error;
use crate::http::{Answer, blocking};
use crate::wire::args::Args;
use crate::wire::envelope::{answer, push};
use axum::extract::{Path, State};
use axum::http::Uri;
use domain::command::TaskView;
use domain::rows::{Context, Lease, LeaseStatus, ProgressItem, RelationshipType, Run, RunStatus};
use query::tables::{Fields, RowFields, TableSchema, TaskFields, tasks};
use query::{Pinned, Value, json};
use serde_json::{Map, Value as Json};
use std::sync::Arc;
use store::Event;

/// Columns of other tasks: enough to know which they are and where they stand.
const OF_OTHERS: &[&str] =
    &["id", "title", "type", "status", "owner_agent_id", "class", "blocked_by_count", "child_count"];

/// Columns of what is told of the task alone need not say which task.
const OF_CONTEXTS: &[&str] = &["id", "type", "content", "metadata", "created_at"];
const OF_PROGRESS: &[&str] = &["id", "content", "completed"];
const OF_RUNS: &[&str] =
    &["id", "agent_id", "attempt", "status", "failure_class", "failure_message", "output", "ended_at"];
const OF_LEASES: &[&str] = &["id", "agent_id", "session_id", "fence", "expires_at"];

/// Members of an event's data that tell what it changed in a word.
const OF_EVENTS: &[&str] = &["status", "reason", "class", "message", "note"];

/// The parameters of `GET /tasks/{id}/brief`: the budget.
pub(super) fn parameters(args: &mut Args) -> u64 {
    args.int_in("max_tokens", brief::TOKENS_MIN..=brief::TOKENS_MAX).unwrap_or(brief::TOKENS_DEFAULT)
}

/// `GET /tasks/{id}/brief?max_tokens=`
pub(super) async fn brief(State(app): State<Shared>, Path(id): Path<String>, uri: Uri) -> Answer {
    let tokens_max = Args::decode(&uri, parameters)?;
    let tokens_max = usize::try_from(tokens_max).expect("it is bounded");
    let pinned = app.engine.pin();
    let position = pinned.head().position;
    let view = pinned.task(&id).ok_or_else(|| Error::not_found("task", &id))?;
    let recent = recent_events(&app, id, position).await?;
    // The texts of a task may be long, and counting them is not a moment's work.
    let fitted = blocking(move || brief::fit(draft(&pinned, &view, &recent, tokens_max), tokens_max)).await?;
    Ok(answer(position, |out| push(out, &fitted)))
}

/// What a part is made from.
enum Source<'a> {
    Context(Arc<Context>),
    Step(Arc<ProgressItem>),
    Run(Arc<Run>),
    Lease(Arc<Lease>),
    Other(TaskView),
    Event(&'a Event),
}

/// All there is to tell of a task, as far as a budget can hold it.
fn draft(pinned: &Pinned, view: &TaskView, recent: &[Event], tokens_max: usize) -> Draft {
    let mut draft = Draft { task: columns(&tasks::SCHEMA, &TaskFields::of(view), None), ..Draft::default() };
    // It is a number of this moment, and the order of others' offers: of no use to who has the task.
    draft.task.shift_remove("score");
    let mut sources = sources(pinned, view, recent);
    let room = brief::parts_max(tokens_max);
    if sources.len() > room {
        let mut kept = vec![false; sources.len()];
        let best = brief::best_first(sources.iter().map(|(worth, _)| *worth));
        best.into_iter().take(room).for_each(|at| kept[at] = true);
        let mut kept = kept.into_iter();
        sources.retain(|(worth, _)| {
            let keep = kept.next().unwrap_or_default();
            if !keep {
                *draft.left_out.entry(worth.name()).or_default() += 1;
            }
            keep
        });
    }
    draft.parts = sources.into_iter().map(|(worth, source)| Part { worth, value: source.value() }).collect();
    draft
}

/// The parts, within each kind the oldest (or first) first.
fn sources<'a>(pinned: &Pinned, view: &TaskView, recent: &'a [Event]) -> Vec<(Worth, Source<'a>)> {
    let id = &*view.task.id;
    let mut sources: Vec<(Worth, Source<'a>)> = Vec::new();
    let parent = view.task.parent_id.as_deref().and_then(|parent| pinned.task(parent));
    sources.extend(parent.map(|parent| (Worth::Parent, Source::Other(parent))));
    let blockers = others(pinned, id, RelationshipType::Blocks, End::From, |view| view.task.is_unfinished());
    sources.extend(blockers.map(|view| (Worth::BlockedBy, Source::Other(view))));
    let leases = pinned.leases_of(id).into_iter().filter(|lease| lease.status == LeaseStatus::Active);
    sources.extend(leases.map(|lease| (Worth::Lease, Source::Lease(lease))));
    sources.extend(progress(pinned, id).into_iter().map(|step| {
        let worth = if step.completed { Worth::FinishedStep } else { Worth::OpenStep };
        (worth, Source::Step(step))
    }));
    let contexts = contexts(pinned, id, |row| row.superseded_by.is_none());
    sources.extend(contexts.into_iter().map(|row| (Worth::of_context(row.kind), Source::Context(row))));
    let children =
        others(pinned, id, RelationshipType::ParentOf, End::To, |view| view.task.archived_at.is_none());
    sources.extend(children.map(|view| {
        let worth = if view.task.status.is_final() { Worth::FinishedChild } else { Worth::Child };
        (worth, Source::Other(view))
    }));
    sources.extend(runs(pinned, id).into_iter().map(|run| {
        let worth = if run.status == RunStatus::Running { Worth::Running } else { Worth::EndedRun };
        (worth, Source::Run(run))
    }));
    sources.extend(recent.iter().map(|event| (Worth::RecentEvent, Source::Event(event))));
    sources
}

impl Source<'_> {
    fn value(&self) -> Map<String, Json> {
        let row = |row: RowFields<'_>, names| columns(row.schema(), &row, Some(names));
        match self {
            Self::Context(context) => row(RowFields::Context(context), OF_CONTEXTS),
            Self::Step(step) => row(RowFields::ProgressItem(step), OF_PROGRESS),
            Self::Run(run) => row(RowFields::Run(run), OF_RUNS),
            Self::Lease(lease) => row(RowFields::Lease(lease), OF_LEASES),
            Self::Other(view) => columns(&tasks::SCHEMA, &TaskFields::of(view), Some(OF_OTHERS)),
            Self::Event(event) => short(event),
        }
    }
}

/// Some columns of a row, those without a value left out: a reader knows a brief's absent members as empty.
fn columns(schema: &'static TableSchema, row: &impl Fields, names: Option<&[&str]>) -> Map<String, Json> {
    let mut bytes = Vec::new();
    let keep = |place: usize| {
        let name = schema.columns[place].name;
        names.is_none_or(|names| names.contains(&name)) && !is_empty(&row.field(place))
    };
    json::fields(schema, row, keep, &mut bytes);
    serde_json::from_slice(&bytes).unwrap_or_default()
}

fn is_empty(value: &Value<'_>) -> bool {
    match value {
        Value::Null => true,
        Value::Set(members) => members.is_empty(),
        Value::Json(text) => &**text == "{}",
        _ => false,
    }
}

/// An event in a line: when, what, who, and what it changed.
fn short(event: &Event) -> Map<String, Json> {
    let data: Json = serde_json::from_str(&event.data).unwrap_or_default();
    let metadata: Json = serde_json::from_str(&event.metadata).unwrap_or_default();
    let mut value = Map::new();
    value.insert("position".to_owned(), event.position.0.into());
    value.insert("time".to_owned(), crate::wire::time::rfc3339(event.time).into());
    value.insert("type".to_owned(), (*event.kind).into());
    let members = OF_EVENTS.iter().filter_map(|name| Some((*name, data.get(name)?)));
    for (name, told) in metadata.get("agent_id").map(|agent| ("agent_id", agent)).into_iter().chain(members) {
        if !told.is_null() {
            value.insert(name.to_owned(), told.clone());
        }
    }
    value
}
