//! What a task and its contexts must look like for an issue: the mapping of fields.

use super::{Comment, Issue};
use crate::TextSet;
use crate::rows::{ContextType, Task, TaskStatus};
use serde_json::{Map, Value};
use store::{Text, Timestamp};

/// 9999-12-31T00:00:00Z: an issue that was deferred is not offered before.
pub(super) const DEFERRED_UNTIL: Timestamp = Timestamp(253_402_214_400_000_000);

/// The task an issue asks for.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Target {
    pub(super) title: Text,
    pub(super) intent: Option<Text>,
    pub(super) kind: Option<Text>,
    pub(super) status: TaskStatus,
    /// The issue is a tombstone: its task is archived, whatever its status.
    pub(super) archived: bool,
    pub(super) owner: Option<Text>,
    pub(super) priority: i8,
    pub(super) labels: TextSet,
    pub(super) metadata: Text,
    pub(super) not_before: Option<Timestamp>,
    pub(super) created_at: Timestamp,
    pub(super) completed_at: Option<Timestamp>,
    /// The status was none we know.
    pub(super) unknown_status: bool,
}

/// A context an issue asks for. `metadata` names the field it comes from and is how it is found again.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct TargetContext {
    pub(super) kind: ContextType,
    pub(super) content: Text,
    pub(super) metadata: String,
}

impl Target {
    /// `at`, the commit's time, stands for times the issue lacks, unless its task has them from before.
    pub(super) fn of(issue: &Issue, task: Option<&Task>, at: Timestamp) -> Self {
        let word = issue.status.as_deref().unwrap_or("open");
        let (status, unknown_status) = match word {
            "open" | "deferred" | "pinned" | "tombstone" => (TaskStatus::Open, false),
            "in_progress" | "hooked" => (TaskStatus::InProgress, false),
            "blocked" => (TaskStatus::Blocked, false),
            "closed" | "done" => (TaskStatus::Completed, false),
            _ => (TaskStatus::Open, true),
        };
        let in_progress = status == TaskStatus::InProgress;
        let parse = |text: &Option<Text>| text.as_deref().and_then(crate::time::parse);
        Self {
            title: issue.title.clone().unwrap_or_default(),
            intent: issue.description.clone(),
            kind: issue.issue_type.clone().filter(|kind| !kind.is_empty()),
            status,
            archived: word == "tombstone",
            owner: if in_progress { issue.assignee.clone() } else { None },
            priority: issue.priority.map_or(0, |priority| 2_i64.saturating_sub(priority).clamp(-5, 5) as i8),
            labels: issue.labels.clone().into(),
            metadata: metadata(issue, word, in_progress),
            not_before: (word == "deferred").then_some(DEFERRED_UNTIL),
            created_at: parse(&issue.created_at).or(task.map(|task| task.created_at)).unwrap_or(at),
            completed_at: (status == TaskStatus::Completed)
                .then(|| parse(&issue.closed_at).or(task.and_then(|task| task.completed_at)).unwrap_or(at)),
            unknown_status,
        }
    }
}

/// `{"beads": {status, assignee, and every field that has no column}}`
fn metadata(issue: &Issue, status: &str, in_progress: bool) -> Text {
    let mut beads = Map::new();
    for (name, value) in &issue.others {
        beads.insert(name.to_string(), value.clone());
    }
    beads.insert("status".into(), status.into());
    if let (Some(assignee), false) = (&issue.assignee, in_progress) {
        beads.insert("assignee".into(), (&**assignee).into());
    }
    about(beads).into()
}

/// The contexts an issue asks for, those of fields that are empty included: an emptied field supersedes.
pub(super) fn contexts(issue: &Issue) -> impl Iterator<Item = TargetContext> + '_ {
    let fields = [
        ("notes", ContextType::Note, &issue.notes),
        ("design", ContextType::Decision, &issue.design),
        ("acceptance_criteria", ContextType::Reference, &issue.acceptance_criteria),
        ("close_reason", ContextType::Outcome, &issue.close_reason),
    ];
    fields
        .into_iter()
        .map(|(field, kind, content)| TargetContext {
            kind,
            content: content.clone().unwrap_or_default(),
            metadata: format!(r#"{{"beads":{{"field":"{field}"}}}}"#),
        })
        .chain(issue.comments.iter().map(comment))
}

fn comment(comment: &Comment) -> TargetContext {
    let mut beads = Map::new();
    let mut note = |key: &str, value: &Option<Text>| {
        if let Some(value) = value {
            beads.insert(key.to_owned(), (&**value).into());
        }
    };
    note("author", &comment.author);
    note("created_at", &comment.created_at);
    note("id", &comment.id);
    beads.insert("field".into(), "comment".into());
    TargetContext { kind: ContextType::Note, content: comment.text.clone(), metadata: about(beads) }
}

/// Whether a context's metadata is that of one of these.
pub(super) fn is_imported(metadata: &str) -> bool {
    metadata.starts_with(r#"{"beads":{"#)
}

/// `{"beads": …}` with keys sorted at every depth, so that the order of the file does not matter.
fn about(beads: Map<String, Value>) -> String {
    let mut metadata = Value::Object(Map::from_iter([("beads".to_owned(), Value::Object(beads))]));
    metadata.sort_all_objects();
    metadata.to_string()
}
