use super::{ImportError, Options, Progress, Report, run};
use domain::Work;
use domain::rows::{Context, Relationship, Row, Table, Task, TaskStatus};
use serde_json::{Value, json};
use std::sync::Arc;
use store::{Direction, Position, Store, Timestamp};
use tempfile::TempDir;

struct Log {
    store: Store<Work>,
    _dir: TempDir,
}

impl Log {
    fn new() -> Self {
        let dir = TempDir::new().expect("a temporary directory");
        let (store, _) =
            Store::open(dir.path(), Work::new(), store::Options::default()).expect("a new store");
        Self { store, _dir: dir }
    }

    fn import(&self, lines: &[Value]) -> Result<Report, ImportError> {
        self.import_text(
            &lines.iter().map(|line| format!("{line}\n")).collect::<String>(),
            &Options::default(),
        )
    }

    fn import_text(&self, text: &str, options: &Options) -> Result<Report, ImportError> {
        run(&self.store, text.as_bytes(), options, |_: Progress| {})
    }

    fn rows(&self, table: Table) -> Vec<Row> {
        self.store.reader().rows(table.id()).map(|row| row.expect("a row").1.row).collect()
    }

    fn task(&self, id: &str) -> Arc<Task> {
        match self.store.reader().row(Table::Tasks.id(), id).expect("a read").expect("the task").row {
            Row::Task(task) => task,
            other => panic!("not a task: {other:?}"),
        }
    }

    fn relationships(&self) -> Vec<Arc<Relationship>> {
        self.rows(Table::Relationships)
            .into_iter()
            .filter_map(|row| match row {
                Row::Relationship(row) => Some(row),
                _ => None,
            })
            .collect()
    }

    fn edges(&self) -> Vec<String> {
        let mut edges: Vec<_> = self
            .relationships()
            .iter()
            .map(|edge| format!("{} {} {}", edge.from_task_id, edge.kind, edge.to_task_id))
            .collect();
        edges.sort();
        edges
    }

    fn contexts(&self) -> Vec<Arc<Context>> {
        self.rows(Table::Contexts)
            .into_iter()
            .filter_map(|row| match row {
                Row::Context(row) => Some(row),
                _ => None,
            })
            .collect()
    }

    fn kinds(&self) -> Vec<String> {
        let reader = self.store.reader();
        let events = reader.events(Position::ZERO, reader.head().position, Direction::Forward);
        events.map(|event| event.expect("an event").kind.to_string()).collect()
    }
}

fn upsert(at: i64, commit: &str, issue: Value) -> Value {
    json!({"at": at, "commit": commit, "op": "upsert", "issue": issue})
}

fn delete(at: i64, commit: &str, id: &str) -> Value {
    json!({"at": at, "commit": commit, "op": "delete", "id": id})
}

fn issue(id: &str, status: &str) -> Value {
    json!({"id": id, "title": format!("title of {id}"), "status": status})
}

fn with_edges(id: &str, edges: &[(&str, &str)]) -> Value {
    let dependencies: Vec<_> =
        edges.iter().map(|(to, kind)| json!({"issue_id": id, "depends_on_id": to, "type": kind})).collect();
    json!({"id": id, "title": id, "status": "open", "dependencies": dependencies})
}

#[test]
fn every_status_has_its_mapping() {
    let cases = [
        ("open", TaskStatus::Open),
        ("deferred", TaskStatus::Open),
        ("pinned", TaskStatus::Open),
        ("in_progress", TaskStatus::InProgress),
        ("hooked", TaskStatus::InProgress),
        ("blocked", TaskStatus::Blocked),
        ("closed", TaskStatus::Completed),
        ("done", TaskStatus::Completed),
        ("never heard of", TaskStatus::Open),
    ];
    let log = Log::new();
    let lines: Vec<_> = cases.iter().map(|(word, _)| upsert(100, "c", issue(word, word))).collect();
    let report = log.import(&lines).expect("imports");
    for (word, status) in cases {
        let task = log.task(word);
        assert_eq!(task.status, status, "{word}");
        assert!(task.metadata.contains(&format!(r#""status":"{word}""#)), "{}", task.metadata);
        assert_eq!(task.completed_at.is_some(), status == TaskStatus::Completed, "{word}");
    }
    assert_eq!(
        domain::time::format(log.task("deferred").not_before.expect("deferred")),
        "9999-12-31T00:00:00Z"
    );
    assert_eq!(report.unknown_statuses.get("never heard of"), Some(&1));
}

#[test]
fn fields_are_kept_as_they_are() {
    let log = Log::new();
    let title = "two\nlines\tand \u{0} NUL  and 🦀 trailing ";
    log.import(&[upsert(1_700_000_000, "c", json!({
        "id": "odd id/ü", "title": title, "status": "hooked", "description": "why", "issue_type": "merge-request",
        "priority": 4, "labels": ["b", "", "a", "b"], "assignee": "rig/crew/x", "created_at": "2025-10-12T00:43:03.453438-07:00",
        "owner": "someone@example.org", "external_ref": "gh-1", "content_hash": "x", "updated_at": "y", "comment_count": 3
    }))])
    .expect("imports");
    let task = log.task("odd id/ü");
    assert_eq!(&*task.title, title);
    assert_eq!(task.intent.as_deref(), Some("why"));
    assert_eq!(task.kind.as_deref(), Some("merge-request"));
    assert_eq!(task.priority, -2);
    assert_eq!(task.labels, ["a", "b"].into_iter().collect());
    assert_eq!(task.owner_agent_id.as_deref(), Some("rig/crew/x"));
    assert_eq!(domain::time::format(task.created_at), "2025-10-12T07:43:03.453438Z");
    assert_eq!(task.updated_at, Timestamp(1_700_000_000_000_000));
    let metadata: Value = serde_json::from_str(&task.metadata).expect("JSON");
    assert_eq!(
        metadata,
        json!({"beads": {"external_ref": "gh-1", "owner": "someone@example.org", "status": "hooked"}})
    );
    assert!(log.rows(Table::Agents).is_empty(), "an assignee is a name, not an agent");
}

#[test]
fn a_missing_priority_is_zero_and_an_assignee_who_does_not_work_is_metadata() {
    let log = Log::new();
    log.import(&[upsert(5, "c", json!({"id": "a", "title": "t", "status": "open", "assignee": "x"}))])
        .expect("imports");
    let task = log.task("a");
    assert_eq!((task.priority, task.owner_agent_id.clone()), (0, None));
    assert_eq!(&*task.metadata, r#"{"beads":{"assignee":"x","status":"open"}}"#);
}

#[test]
fn tombstones_and_deletes_archive_and_an_upsert_restores() {
    let log = Log::new();
    log.import(&[
        upsert(1, "a", issue("t", "tombstone")),
        upsert(1, "a", issue("d", "in_progress")),
        delete(2, "b", "d"),
        delete(3, "c", "d"),
        delete(3, "c", "never seen"),
        upsert(4, "d", issue("d", "in_progress")),
        upsert(4, "d", issue("t", "tombstone")),
    ])
    .expect("imports");
    assert_eq!(log.kinds(), ["TaskCreated", "TaskArchived", "TaskCreated", "TaskArchived", "TaskRestored"]);
    assert!(log.task("t").archived_at.is_some());
    let restored = log.task("d");
    assert_eq!((restored.archived_at, restored.status), (None, TaskStatus::InProgress));
}

#[test]
fn only_what_is_kept_makes_events() {
    let log = Log::new();
    let with_hash = |hash: &str| json!({"id": "a", "title": "t", "status": "open", "content_hash": hash, "updated_at": hash});
    log.import(&[upsert(1, "a", with_hash("1")), upsert(2, "b", with_hash("2"))]).expect("imports");
    assert_eq!(log.kinds(), ["TaskCreated"]);
}

#[test]
fn a_changed_text_supersedes_and_what_left_the_file_is_gone() {
    let log = Log::new();
    let noted = |notes: &str| {
        json!({"id": "a", "title": "t", "status": "open", "notes": notes,
        "comments": [{"id": 1, "author": "x", "text": "said", "created_at": "2026-01-01T00:00:00Z"}]})
    };
    log.import(&[upsert(1, "a", noted("one")), upsert(2, "b", noted("two")), upsert(3, "c", noted(""))])
        .expect("imports");
    let current: Vec<_> = log
        .contexts()
        .into_iter()
        .filter(|context| context.superseded_by.is_none())
        .map(|context| context.content.to_string())
        .collect();
    assert_eq!(current, ["said"]);
    assert_eq!(log.contexts().len(), 3);
    log.import_text(
        &format!("{}\n", json!({"id": "a", "title": "t", "status": "open"})),
        &Options::default(),
    )
    .expect("imports");
    assert!(log.contexts().iter().all(|context| context.superseded_by.is_some()), "the comment is gone");
}

#[test]
fn edges_of_every_type_and_direction() {
    let log = Log::new();
    log.import(&[
        upsert(
            1,
            "a",
            with_edges(
                "x",
                &[
                    ("y", "blocks"),
                    ("y", "blocked-by"),
                    ("z", "parent-child"),
                    ("y", "related"),
                    ("z", "relates-to"),
                    ("y", "duplicates"),
                    ("y", "discovered-from"),
                ],
            ),
        ),
        upsert(1, "a", issue("y", "open")),
        upsert(1, "a", issue("z", "open")),
    ])
    .expect("imports");
    assert_eq!(
        log.edges(),
        [
            "x duplicates y",
            "x relates_to y",
            "x relates_to y",
            "x relates_to z",
            "y blocks x",
            "z parent_of x"
        ]
    );
    assert!(log.relationships().iter().any(|edge| edge.metadata.contains(r#""kind":"discovered-from""#)));
    assert_eq!(log.task("x").parent_id.as_deref(), Some("z"));
    assert_eq!(log.task("x").status, TaskStatus::Open, "no rule fires while importing");
}

#[test]
fn an_edge_gone_from_the_file_is_removed_and_may_move_within_a_commit() {
    let log = Log::new();
    log.import(&[
        upsert(1, "a", with_edges("a", &[("b", "blocks")])),
        upsert(1, "a", with_edges("b", &[])),
        // The edge turns round: adding before removing would look like a cycle.
        upsert(2, "b", with_edges("b", &[("a", "blocks")])),
        upsert(2, "b", with_edges("a", &[])),
    ])
    .expect("imports");
    assert_eq!(log.edges(), ["a blocks b"]);
}

#[test]
fn a_cycle_loses_its_last_line_and_a_second_parent_is_left_out() {
    let log = Log::new();
    let report = log
        .import(&[
            upsert(1, "a", with_edges("a", &[("c", "blocks")])),
            upsert(1, "a", with_edges("b", &[("a", "blocks"), ("a", "parent-child"), ("c", "parent-child")])),
            upsert(1, "a", with_edges("c", &[("b", "blocks"), ("c", "blocks")])),
        ])
        .expect("imports");
    assert_eq!(log.edges(), ["a blocks b", "a parent_of b", "c blocks a"]);
    let cycles: Vec<_> = report.cycles.first.iter().map(|edge| (&*edge.issue, &*edge.depends_on)).collect();
    assert_eq!(cycles, [("c", "b"), ("c", "c")]);
    assert_eq!((report.second_parents.count, report.missing_ends.count), (1, 0));
}

#[test]
fn a_missing_end_is_waited_for_and_else_reported() {
    let log = Log::new();
    let report = log
        .import(&[
            upsert(1, "a", with_edges("a", &[("late", "blocks"), ("never", "blocks")])),
            upsert(2, "b", issue("other", "open")),
            upsert(3, "c", issue("late", "open")),
        ])
        .expect("imports");
    assert_eq!(log.edges(), ["late blocks a"]);
    assert_eq!(report.missing_ends.first.len(), 1);
    assert_eq!(&*report.missing_ends.first[0].depends_on, "never");
}

#[test]
fn the_same_input_again_changes_nothing_and_a_longer_one_goes_on() {
    let log = Log::new();
    let mut lines = vec![
        upsert(1, "a", with_edges("a", &[("late", "blocks")])),
        upsert(2, "b", issue("b", "open")),
        upsert(2, "b", issue("c", "closed")),
    ];
    log.import(&lines).expect("imports");
    let head = log.store.head();
    let again = log.import(&lines).expect("again");
    assert_eq!((again.resumed_after_line, again.events), (Some(3), 0));
    assert_eq!(log.store.head(), head);
    lines.push(upsert(3, "c", issue("late", "open")));
    let more = log.import(&lines).expect("goes on");
    assert_eq!((more.tasks_created, more.relationships_added), (1, 1));
    assert_eq!(log.edges(), ["late blocks a"], "an edge named in the skipped part still waits");
}

#[test]
fn an_input_cut_anywhere_and_given_again_ends_the_same() {
    let lines: Vec<_> = [
        upsert(1, "a", with_edges("a", &[("b", "blocks"), ("p", "parent-child")])),
        upsert(1, "a", with_edges("b", &[("late", "blocks")])),
        upsert(1, "a", issue("p", "in_progress")),
        upsert(1, "b", issue("p", "closed")),
        delete(2, "c", "b"),
        upsert(3, "d", with_edges("a", &[])),
        upsert(3, "d", with_edges("b", &[("late", "blocks"), ("a", "blocks")])),
        upsert(3, "d", issue("late", "tombstone")),
    ]
    .iter()
    .map(|line| format!("{line}\n"))
    .collect();
    let state = |log: &Log| {
        let mut tasks: Vec<_> = log
            .rows(Table::Tasks)
            .into_iter()
            .filter_map(|row| match row {
                Row::Task(task) => {
                    Some((task.id.clone(), task.status, task.archived_at, task.parent_id.clone()))
                }
                _ => None,
            })
            .collect();
        tasks.sort_by(|a, b| a.0.cmp(&b.0));
        (tasks, log.edges())
    };
    let whole = Log::new();
    whole.import_text(&lines.concat(), &Options::default()).expect("imports");
    for cut in 1..lines.len() {
        let log = Log::new();
        log.import_text(&lines[..cut].concat(), &Options::default()).expect("the first part");
        log.import_text(&lines.concat(), &Options::default())
            .unwrap_or_else(|error| panic!("after {cut}: {error}"));
        assert_eq!(state(&log), state(&whole), "cut after line {cut}");
    }
}

#[test]
fn another_input_is_told_apart() {
    let log = Log::new();
    log.import(&[upsert(1, "a", issue("a", "open")), upsert(2, "b", issue("b", "open"))]).expect("imports");
    let head = log.store.head();
    let differs = log.import(&[
        upsert(1, "a", issue("a", "open")),
        upsert(2, "b", issue("x", "open")),
        upsert(3, "c", issue("c", "open")),
    ]);
    assert!(matches!(differs, Err(ImportError::InputDiffers { line: 2 })), "{differs:?}");
    let shorter = log.import(&[upsert(1, "a", issue("a", "open"))]);
    assert!(matches!(shorter, Err(ImportError::InputDiffers { line: 2 })), "{shorter:?}");
    let earlier = log.import(&[upsert(1, "z", issue("z", "open"))]);
    assert!(matches!(earlier, Err(ImportError::HeadIsLater { line: 1, .. })), "{earlier:?}");
    assert_eq!(log.store.head(), head);
    let options = Options { restamp: true, ..Options::default() };
    let text = format!("{}\n", upsert(1, "z", issue("z", "open")));
    log.import_text(&text, &options).expect("restamped");
    let event = log.store.reader().event(log.store.head().position).expect("a read").expect("the event");
    assert!(event.metadata.contains(r#""origin_time":"1970-01-01T00:00:01Z""#), "{}", event.metadata);
    assert!(event.time > head.time);
}

#[test]
fn lines_that_are_neither_are_counted_and_told() {
    let log = Log::new();
    let text = "not JSON\n[1]\n\n{\"op\":\"move\",\"at\":1}\n{\"id\":\"\"}\n{\"at\":1,\"commit\":\"c\",\"op\":\"upsert\",\"issue\":{\"id\":\"a\",\"title\":\"t\"}}";
    let report = log.import_text(text, &Options::default()).expect("imports");
    assert_eq!((report.tasks_created, report.skipped_lines.count), (1, 4));
    assert_eq!(
        report.skipped_lines.first.iter().map(|skipped| skipped.line).collect::<Vec<_>>(),
        [1, 2, 4, 5]
    );
    let nothing = Log::new().import_text("hello\nworld\n", &Options::default());
    assert!(matches!(nothing, Err(ImportError::NothingUsable { lines: 2, .. })), "{nothing:?}");
}

#[test]
fn moments_must_be_in_order_and_past() {
    let backwards =
        Log::new().import(&[upsert(2, "a", issue("a", "open")), upsert(1, "b", issue("b", "open"))]);
    assert!(matches!(backwards, Err(ImportError::OutOfOrder { line: 2 })), "{backwards:?}");
    let future = Log::new().import(&[upsert(i64::MAX, "a", issue("a", "open"))]);
    assert!(matches!(future, Err(ImportError::InFuture { line: 1 })), "{future:?}");
}

#[test]
fn a_snapshot_is_one_commit_of_now() {
    let log = Log::new();
    let report = log.import(&[with_edges("a", &[("b", "blocks")]), issue("b", "closed")]).expect("imports");
    assert_eq!((report.commits, log.edges()), (1, vec!["b blocks a".to_owned()]));
    assert!(log.store.head().time > Timestamp(1_700_000_000_000_000));
    let head = log.store.head();
    let again =
        log.import(&[with_edges("a", &[("b", "blocks")]), issue("b", "closed")]).expect("imports again");
    assert_eq!((again.events, log.store.head()), (0, head));
    let later = log.import(&[with_edges("a", &[("b", "blocks")]), issue("b", "open")]).expect("a later one");
    assert_eq!((later.tasks_changed, log.task("b").status), (1, TaskStatus::Open));
}

#[test]
fn long_fields_are_cut_at_a_character_and_long_lines_refused() {
    let log = Log::new();
    let bound = domain::beads::FIELD_BYTES_MAX;
    let title = "é".repeat(bound / 2 + 1);
    let report =
        log.import(&[upsert(1, "a", json!({"id": "a", "title": title, "status": "open"}))]).expect("imports");
    assert_eq!(log.task("a").title.len(), bound);
    assert_eq!(report.cut_fields.count, 1);
    let line = format!("{{\"id\":\"{}\"}}", "x".repeat(super::LINE_BYTES_MAX));
    let refused = log.import_text(&line, &Options::default());
    assert!(matches!(refused, Err(ImportError::LineTooLong { line: 1 })), "{refused:?}");
    let id = "i".repeat(domain::beads::ID_BYTES_MAX);
    let report = log
        .import_text(
            &format!("{}\n{}\n", issue(&id, "open"), issue(&format!("{id}i"), "open")),
            &Options::default(),
        )
        .expect("imports");
    assert_eq!((report.tasks_created, report.skipped_lines.count), (1, 1));
}
