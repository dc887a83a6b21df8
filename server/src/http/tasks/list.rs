use crate::app::Shared;
use crate::http::Answer;
use crate::http::list::{Page, columns};
use crate::wire::args::Args;
use crate::wire::rows::Columns;
use axum::extract::State;
use axum::http::Uri;
use domain::rows::{RelationshipType, Task, TaskStatus};
use query::Pinned;
use query::tables::{TaskFields, tasks};
use rustc_hash::FxHashSet;
use store::Text;

/// Columns that are left out of lists: text of any length.
pub(super) const LONG: &[&str] = &["intent", "metadata"];

/// Which tasks are asked for.
#[derive(Debug)]
pub(super) struct Wanted {
    status: Vec<TaskStatus>,
    owner: Option<String>,
    parent_id: Option<String>,
    project_id: Option<String>,
    label: Option<String>,
    /// With a parent: what is below its children too. Without: `false` shows only what has no parent.
    include_children: Option<bool>,
    include_archived: bool,
}

impl Wanted {
    fn of(args: &mut Args) -> Self {
        Self {
            status: args.among("status", TaskStatus::ALL),
            owner: args.text("owner"),
            parent_id: args.text("parent_id"),
            project_id: args.text("project_id"),
            label: args.text("label"),
            include_children: args.flag("include_children"),
            include_archived: args.flag("include_archived").unwrap_or(false),
        }
    }

    fn matches(&self, task: &Task, under: Option<&FxHashSet<Text>>) -> bool {
        let is = |wanted: &Option<String>, found: Option<&Text>| {
            wanted.as_deref().is_none_or(|wanted| found.is_some_and(|found| &**found == wanted))
        };
        let in_place = match (under, self.include_children) {
            (Some(under), _) => under.contains(&task.id),
            (None, Some(false)) => task.parent_id.is_none(),
            (None, _) => true,
        };
        in_place
            && (self.include_archived || task.archived_at.is_none())
            && (self.status.is_empty() || self.status.contains(&task.status))
            && is(&self.owner, task.owner_agent_id.as_ref())
            && is(&self.project_id, task.project_id.as_ref())
            && self.label.as_deref().is_none_or(|label| task.labels.contains(label))
    }
}

/// The parameters of `GET /tasks`.
pub(super) fn parameters(args: &mut Args) -> (Wanted, Page, Columns) {
    (Wanted::of(args), Page::of(args), columns(args, &tasks::SCHEMA, LONG))
}

/// `GET /tasks`: in order of id.
pub(super) async fn list(State(app): State<Shared>, uri: Uri) -> Answer {
    let (wanted, page, columns) = Args::decode(&uri, parameters)?;
    let pinned = app.engine.pin();
    let deep = wanted.include_children == Some(true);
    let under = wanted.parent_id.as_deref().map(|parent| descendants(&pinned, parent, deep));
    let rows = pinned.bare_tasks().filter(|(task, _)| wanted.matches(task, under.as_ref()));
    let mut views = pinned.views();
    Ok(page.answer(pinned.head().position, "tasks", rows, |out, (task, graph)| {
        columns.push(out, &TaskFields::of(&views.of(task, *graph)));
    }))
}

/// The children of a task, or everything below it. A merged history may hold a cycle: each is seen once.
fn descendants(pinned: &Pinned, parent: &str, deep: bool) -> FxHashSet<Text> {
    let mut found = FxHashSet::default();
    let mut open = vec![Text::from(parent)];
    while let Some(parent) = open.pop() {
        for edge in pinned.relationships_of(&parent) {
            let is_child = edge.kind == RelationshipType::ParentOf && edge.from_task_id == parent;
            if is_child && found.insert(edge.to_task_id.clone()) && deep {
                open.push(edge.to_task_id.clone());
            }
        }
    }
    found
}
