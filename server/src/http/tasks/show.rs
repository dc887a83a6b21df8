use super::list::LONG;
use crate::app::Shared;
use crate::error::Error;
use crate::http::{Answer, blocking};
use crate::wire::args::Args;
use crate::wire::envelope::{answer, push, push_list, push_name};
use crate::wire::fields::nearest;
use crate::wire::outcome::reopen;
use crate::wire::rows::{Columns, push_row, push_task};
use axum::extract::{Path, State};
use axum::http::Uri;
use domain::command::TaskView;
use domain::rows::{Context, ContextType, ProgressItem, RelationshipType, Run, Session};
use query::Pinned;
use query::tables::{RowFields, TaskFields, tasks};
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::Arc;
use store::{Direction, Event, Position, ReadError, Text};

/// Events that `recent_events` shows.
const RECENT_EVENTS: usize = 20;

/// What `include=` can ask for, each a further key of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Include {
    Relationships,
    Context,
    ContextAll,
    Progress,
    ProgressSummary,
    Parent,
    Children,
    BlockedBy,
    Blocking,
    Leases,
    Sessions,
    Runs,
    Files,
    RecentEvents,
}

impl Include {
    const ALL: [Self; 14] = [
        Self::Relationships,
        Self::Context,
        Self::ContextAll,
        Self::Progress,
        Self::ProgressSummary,
        Self::Parent,
        Self::Children,
        Self::BlockedBy,
        Self::Blocking,
        Self::Leases,
        Self::Sessions,
        Self::Runs,
        Self::Files,
        Self::RecentEvents,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Relationships => "relationships",
            Self::Context => "context",
            Self::ContextAll => "context_all",
            Self::Progress => "progress",
            Self::ProgressSummary => "progress_summary",
            Self::Parent => "parent",
            Self::Children => "children",
            Self::BlockedBy => "blocked_by",
            Self::Blocking => "blocking",
            Self::Leases => "leases",
            Self::Sessions => "sessions",
            Self::Runs => "runs",
            Self::Files => "files",
            Self::RecentEvents => "recent_events",
        }
    }

    /// `include=a,b`, each once.
    fn of(args: &mut Args) -> Vec<Self> {
        let mut includes = Vec::new();
        let words = args.words("include").unwrap_or_default();
        args.note("include", || json!({ "items": { "type": "string", "enum": Self::ALL.map(Self::name) } }));
        for word in words {
            match Self::ALL.into_iter().find(|include| include.name() == word) {
                Some(include) if includes.contains(&include) => {}
                Some(include) => includes.push(include),
                None => {
                    let names = Self::ALL.map(Self::name);
                    let near = nearest(&word, names.into_iter())
                        .map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
                    args.problem("include", format!("expected {}; found `{word}`{near}", names.join(", ")));
                }
            }
        }
        includes
    }
}

/// The parameters of `GET /tasks/{id}`.
pub(super) fn parameters(args: &mut Args) {
    Include::of(args);
}

/// `GET /tasks/{id}`
pub(super) async fn show(State(app): State<Shared>, Path(id): Path<String>, uri: Uri) -> Answer {
    let includes = Args::decode(&uri, Include::of)?;
    let pinned = app.engine.pin();
    let position = pinned.head().position;
    let view = pinned.task(&id).ok_or_else(|| Error::not_found("task", &id))?;
    let recent = match includes.contains(&Include::RecentEvents) {
        true => recent_events(&app, id, position).await?,
        false => Vec::new(),
    };
    Ok(answer(position, |out| {
        push_task(out, &view);
        if includes.is_empty() {
            return;
        }
        reopen(out);
        for include in includes {
            push_name(out, include.name());
            push_include(out, include, &pinned, &view, &recent);
        }
        out.push(b'}');
    }))
}

/// The task's last events, oldest first.
pub(super) async fn recent_events(app: &Shared, id: String, upto: Position) -> Result<Vec<Event>, Error> {
    let reader = app.store().reader();
    let mut events = blocking(move || {
        let events = reader.tagged(&format!("task:{id}"), Position::ZERO, upto, Direction::Backward);
        events.take(RECENT_EVENTS).collect::<Result<Vec<_>, ReadError>>()
    })
    .await??;
    events.reverse();
    Ok(events)
}

fn push_include(out: &mut Vec<u8>, include: Include, pinned: &Pinned, view: &TaskView, recent: &[Event]) {
    let id = &*view.task.id;
    match include {
        Include::Relationships => {
            push_list(out, pinned.relationships_of(id), |out, row| {
                push_row(out, &RowFields::Relationship(&row))
            });
        }
        Include::Context => push_contexts(out, contexts(pinned, id, |row| row.superseded_by.is_none())),
        Include::ContextAll => push_contexts(out, contexts(pinned, id, |_| true)),
        Include::Files => push_contexts(out, contexts(pinned, id, is_file)),
        Include::Progress => {
            push_list(out, progress(pinned, id), |out, row| push_row(out, &RowFields::ProgressItem(&row)));
        }
        Include::ProgressSummary => {
            let items = pinned.progress_of(id);
            let completed = items.iter().filter(|item| item.completed).count();
            push(out, &json!({"completed": completed, "remaining": items.len() - completed}));
        }
        Include::Parent => match view.task.parent_id.as_deref().and_then(|parent| pinned.task(parent)) {
            Some(parent) => push_task(out, &parent),
            None => out.extend_from_slice(b"null"),
        },
        Include::Children => push_others(out, pinned, id, RelationshipType::ParentOf, End::To, |view| {
            view.task.archived_at.is_none()
        }),
        Include::BlockedBy => push_others(out, pinned, id, RelationshipType::Blocks, End::From, |view| {
            view.task.is_unfinished()
        }),
        Include::Blocking => {
            push_others(out, pinned, id, RelationshipType::Blocks, End::To, |view| view.task.is_unfinished())
        }
        Include::Leases => {
            let mut leases = pinned.leases_of(id);
            leases.sort_by_key(|lease| lease.fence);
            push_list(out, leases, |out, row| push_row(out, &RowFields::Lease(&row)));
        }
        Include::Sessions => {
            push_list(out, sessions(pinned, id), |out, row| push_row(out, &RowFields::Session(&row)));
        }
        Include::Runs => {
            push_list(out, runs(pinned, id), |out, row| push_row(out, &RowFields::Run(&row)));
        }
        Include::RecentEvents => push_list(out, recent, |out, event| query::json::event(event, out)),
    }
}

/// The sessions in which the task was worked on, oldest first.
fn sessions(pinned: &Pinned, task: &str) -> Vec<Arc<Session>> {
    let leases = pinned.leases_of(task).into_iter().filter_map(|lease| lease.session_id.clone());
    let runs = pinned.runs_of(task).into_iter().filter_map(|run| run.session_id.clone());
    let ids: BTreeSet<Text> = leases.chain(runs).collect();
    let mut sessions: Vec<_> = ids.iter().filter_map(|id| pinned.session(id)).collect();
    sessions.sort_by(|a, b| (a.started_at, &a.id).cmp(&(b.started_at, &b.id)));
    sessions
}

/// A task's contexts, oldest first.
pub(super) fn contexts(pinned: &Pinned, task: &str, keep: impl Fn(&Context) -> bool) -> Vec<Arc<Context>> {
    let mut contexts = pinned.contexts_of(task);
    contexts.retain(|context| keep(context));
    contexts.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
    contexts
}

/// A task's steps, in the order in which they were added.
pub(super) fn progress(pinned: &Pinned, task: &str) -> Vec<Arc<ProgressItem>> {
    let mut items = pinned.progress_of(task);
    items.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
    items
}

/// A task's attempts, the first first.
pub(super) fn runs(pinned: &Pinned, task: &str) -> Vec<Arc<Run>> {
    let mut runs = pinned.runs_of(task);
    runs.sort_by(|a, b| (a.attempt, &a.id).cmp(&(b.attempt, &b.id)));
    runs
}

fn push_contexts(out: &mut Vec<u8>, contexts: Vec<Arc<Context>>) {
    push_list(out, contexts, |out, row| push_row(out, &RowFields::Context(&row)));
}

/// A reference that says which file it is about.
fn is_file(context: &Context) -> bool {
    context.kind == ContextType::Reference
        && context.superseded_by.is_none()
        && serde_json::from_str::<serde_json::Value>(&context.metadata)
            .is_ok_and(|metadata| metadata.get("path").is_some_and(|path| !path.is_null()))
}

/// The end of a relationship where the other task stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    From,
    To,
}

/// The tasks at the other end of this one's relationships of a type.
pub(super) fn others(
    pinned: &Pinned,
    id: &str,
    kind: RelationshipType,
    end: End,
    keep: impl Fn(&TaskView) -> bool,
) -> impl Iterator<Item = TaskView> {
    let edges = pinned.relationships_of(id).into_iter().filter(move |edge| edge.kind == kind);
    let others = edges.filter_map(move |edge| match end {
        End::From if &*edge.to_task_id == id => pinned.task(&edge.from_task_id),
        End::To if &*edge.from_task_id == id => pinned.task(&edge.to_task_id),
        _ => None,
    });
    others.filter(keep)
}

/// The same, without their long texts.
fn push_others(
    out: &mut Vec<u8>,
    pinned: &Pinned,
    id: &str,
    kind: RelationshipType,
    end: End,
    keep: impl Fn(&TaskView) -> bool,
) {
    let columns = Columns::without(&tasks::SCHEMA, LONG);
    let others = others(pinned, id, kind, end, keep);
    push_list(out, others, |out, view| columns.push(out, &TaskFields::of(&view)));
}
