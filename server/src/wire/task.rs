//! Requests about tasks.

use super::fields::{Fields, Item};
use domain::command::{CompleteTask, CreateTask, FailTask, Guard, NewContext, TransitionTask, UpdateTask};
use domain::rows::{Class, ContextType, FailureClass, TaskStatus};
use domain::{ATTEMPTS_MAX, Command, PRIORITY_MAX, TextSet};
use serde_json::{Value, json};
use std::ops::RangeInclusive;
use store::Text;

// The model checks these too. Checked here they are told together with what is malformed.
const PRIORITY: RangeInclusive<i64> = -PRIORITY_MAX..=PRIORITY_MAX;
const ATTEMPTS: RangeInclusive<i64> = 1..=ATTEMPTS_MAX;

/// `{lease_id?, fence?, expected_version?, override?}`, part of many requests.
pub(crate) fn guard(fields: &mut Fields<'_, '_>) -> Guard {
    Guard {
        lease_id: fields.id("lease_id"),
        fence: fields.take("fence", |item| item.count()),
        expected_version: fields.take("expected_version", |item| item.count()),
        override_lease: fields.flag("override"),
    }
}

/// `POST /tasks`
pub(crate) fn create(fields: &mut Fields<'_, '_>) -> CreateTask {
    CreateTask {
        id: fields.take("id", |item| item.new_id()),
        title: fields.required_text("title"),
        intent: fields.text("intent"),
        kind: fields.take("type", |item| kind(&item)),
        project_id: fields.take("project_id", |item| item.like_an_id()),
        parent_id: fields.id("parent_id"),
        priority: fields.take("priority", |item| item.int_in(PRIORITY)),
        class: fields.take("class", |item| item.word(Class::ALL)),
        caps: set(fields, "caps").unwrap_or_default(),
        labels: set(fields, "labels").unwrap_or_default(),
        metadata: fields.json_object("metadata"),
        due_at: fields.take("due_at", |item| item.time()),
        not_before: fields.take("not_before", |item| item.time()),
        max_attempts: fields.take("max_attempts", |item| item.int_in(ATTEMPTS)),
        owner_agent_id: fields.id("owner_agent_id"),
        progress: fields.texts("progress"),
        contexts: fields
            .take("contexts", |item| item.list(|item| item.whole(new_context).flatten()))
            .unwrap_or_default(),
        blocked_by: fields.ids("blocked_by"),
        blocks: fields.ids("blocks"),
    }
}

/// `{type, content, metadata?}`; none when the type does not hold (which is noted).
pub(crate) fn new_context(fields: &mut Fields<'_, '_>) -> Option<NewContext> {
    let kind = fields.require("type", |item| Some(item.word(ContextType::ALL)));
    let content = fields.required_text("content");
    let metadata = fields.json_object("metadata");
    Some(NewContext { kind: kind?, content, metadata })
}

/// `PATCH /tasks/{id}`
pub(crate) fn update(task_id: Text, fields: &mut Fields<'_, '_>) -> UpdateTask {
    UpdateTask {
        task_id,
        guard: guard(fields),
        title: fields.changed("title", |item| item.some_text()),
        intent: fields.change("intent", |item| item.text()),
        kind: fields.change("type", |item| kind(&item)),
        project_id: fields.change("project_id", |item| item.like_an_id()),
        parent_id: fields.change("parent_id", |item| item.id()),
        priority: fields.changed("priority", |item| item.int_in(PRIORITY)),
        class: fields.changed("class", |item| item.word(Class::ALL)),
        caps: fields.changed("caps", |item| item.set()),
        labels: fields.changed("labels", |item| item.set()),
        metadata: fields.changed("metadata", |item| item.json_object()),
        due_at: fields.change("due_at", |item| item.time()),
        not_before: fields.change("not_before", |item| item.time()),
        max_attempts: fields.changed("max_attempts", |item| item.int_in(ATTEMPTS)),
        owner_agent_id: fields.change("owner_agent_id", |item| item.id()),
    }
}

/// `POST /tasks/{id}/transition`; none when the status does not hold (which is noted).
pub(crate) fn transition(task_id: Text, fields: &mut Fields<'_, '_>) -> Option<TransitionTask> {
    let status = fields.require("status", |item| Some(item.word(TaskStatus::ALL)));
    let guard = guard(fields);
    let reason = fields.text("reason");
    let blocked_by = fields.ids("blocked_by");
    Some(TransitionTask { task_id, status: status?, guard, reason, blocked_by })
}

/// `POST /tasks/{id}/complete`
pub(crate) fn complete(task_id: Text, fields: &mut Fields<'_, '_>) -> CompleteTask {
    CompleteTask {
        task_id,
        guard: guard(fields),
        output: fields.take("output", |item| item.json()),
        evidence: fields.take("evidence", |item| item.json()),
        cost: fields.take("cost", |item| noted(&item, item.number(), || json!({ "minimum": 0 }))),
        tokens: fields.take("tokens", |item| noted(&item, item.int(), || json!({ "minimum": 0 }))),
    }
}

/// `POST /tasks/{id}/fail`; none when the class does not hold (which is noted).
pub(crate) fn fail(task_id: Text, fields: &mut Fields<'_, '_>) -> Option<FailTask> {
    let guard = guard(fields);
    let class = fields.require("class", |item| Some(item.word(FailureClass::ALL)));
    let message = fields.required_text("message");
    let retry_after_ms = fields.take("retry_after_s", |item| {
        noted(&item, item.seconds_as_ms(), || json!({ "maximum": domain::RETRY_AFTER_MAX_MS / 1_000 }))
    });
    Some(FailTask { task_id, guard, class: class?, message, retry_after_ms })
}

/// `POST /tasks/{id}/release`
pub(crate) fn release(task_id: Text, fields: &mut Fields<'_, '_>) -> Command {
    Command::ReleaseTask { task_id, guard: guard(fields), note: fields.text("note") }
}

/// What sort of work it is: a word of the model's alphabet.
fn kind(item: &Item<'_, '_>) -> Option<Text> {
    noted(item, item.text(), || json!({ "pattern": "^[a-z0-9-]{1,32}$" }))
}

/// A value of which the model asks something more, which the published schema says.
pub(super) fn noted<T>(item: &Item<'_, '_>, value: Option<T>, schema: impl FnOnce() -> Value) -> Option<T> {
    item.note(schema);
    value
}

fn set(fields: &mut Fields<'_, '_>, name: &'static str) -> Option<TextSet> {
    fields.take(name, |item| item.set())
}

#[cfg(test)]
mod test {
    use super::super::decode;
    use super::*;
    use domain::command::Change;

    #[test]
    fn create_whole() {
        let body = br#"{"id":"a","title":"t","intent":"i","type":"docs","project_id":"p","parent_id":"q",
            "priority":-3,"class":"high","caps":["rust","go","rust"],"labels":[],"metadata":{"x": 1},
            "due_at":"2026-01-01T00:00:00Z","not_before":null,"max_attempts":2,"owner_agent_id":"o",
            "progress":["one","two"],"contexts":[{"type":"note","content":"c"}],"blocked_by":["b"],"blocks":["d"]}"#;
        let command = decode(body, create).unwrap();
        assert_eq!(command.caps, ["go", "rust"].into_iter().collect());
        assert_eq!((command.priority, command.class), (Some(-3), Some(Class::High)));
        assert_eq!(command.metadata.as_deref(), Some(r#"{"x": 1}"#));
        assert_eq!(command.contexts.len(), 1);
        assert_eq!((command.progress.len(), command.not_before), (2, None));
    }

    #[test]
    fn problems_inside_lists_have_their_place() {
        let error = decode(br#"{"title":"t","contexts":[{"type":"nope","content":"c","extra":1}]}"#, create);
        let details = error.unwrap_err().to_json()["details"].clone();
        let pointers: Vec<_> =
            details.as_array().unwrap().iter().map(|d| d["pointer"].as_str().unwrap()).collect();
        assert_eq!(pointers, ["/contexts/0/type", "/contexts/0/extra"]);
    }

    #[test]
    fn update_tells_null_from_absent() {
        let update = |body: &str| decode(body.as_bytes(), |fields| update("t".into(), fields));
        let command =
            update(r#"{"intent":null,"due_at":"2026-01-01T00:00:00Z","lease_id":"l","fence":2}"#).unwrap();
        assert_eq!(command.intent, Change::Clear);
        assert!(matches!(command.due_at, Change::Set(_)));
        assert_eq!(command.parent_id, Change::Keep);
        assert_eq!((command.guard.lease_id.as_deref(), command.guard.fence), (Some("l"), Some(2)));
        assert!(update(r#"{"title":null}"#).is_err());
    }

    #[test]
    fn required_words_must_be_there() {
        let error = decode(b"{}", |fields| fail("t".into(), fields)).unwrap_err().to_json();
        let pointers: Vec<_> =
            error["details"].as_array().unwrap().iter().map(|d| d["pointer"].as_str().unwrap()).collect();
        assert_eq!(pointers, ["/class", "/message"]);
    }
}
