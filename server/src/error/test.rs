use super::*;
use domain::{Holder, Rejection};
use store::{AppendError, EventId, ExecuteError, ExpectedRevision, ReadError, Revision, Timestamp};

fn holder() -> Holder {
    Holder { agent_id: "ada".into(), since: Timestamp(0), expires_at: Timestamp(1_000_000) }
}

/// Each variant once. The match in `map.rs` is exhaustive by the compiler; this says what each becomes.
fn rejections() -> Vec<(Rejection, Code, Value)> {
    let held = json!({
        "holder": "ada", "since": "1970-01-01T00:00:00.000000Z", "expires_at": "1970-01-01T00:00:01.000000Z",
    });
    let with = |name: &str, value: &str, mut held: Value| {
        held[name] = value.into();
        held
    };
    let nobody = json!({"holder": null, "since": null, "expires_at": null, "task_id": "t"});
    vec![
        (
            Rejection::Validation(vec![Problem { pointer: "/a".into(), message: "no".into() }]),
            Code::Validation,
            json!([{"pointer": "/a", "message": "no"}]),
        ),
        (
            Rejection::NotFound { kind: "task", id: "t".into() },
            Code::NotFound,
            json!({"kind": "task", "id": "t"}),
        ),
        (
            Rejection::AlreadyExists { kind: "task", id: "t".into() },
            Code::Conflict,
            json!({"kind": "task", "id": "t"}),
        ),
        (
            Rejection::VersionConflict { id: "t".into(), expected: 1, actual: 2 },
            Code::Conflict,
            json!({"id": "t", "expected": 1, "actual": 2}),
        ),
        (
            Rejection::Cycle { kind: "blocks", path: vec!["a".into(), "b".into()] },
            Code::Conflict,
            json!({"kind": "blocks", "path": ["a", "b"]}),
        ),
        (
            Rejection::SecondParent { child: "c".into(), parent: "p".into() },
            Code::Conflict,
            json!({"child": "c", "parent": "p"}),
        ),
        (
            Rejection::InvalidState {
                task_id: "t".into(),
                from: "open",
                to: "completed",
                allowed: vec!["blocked"],
            },
            Code::InvalidState,
            json!({"from": "open", "to": "completed", "allowed": ["blocked"]}),
        ),
        (
            Rejection::LeaseRequired { task_id: "t".into(), holder: Some(holder()) },
            Code::LeaseRequired,
            with("task_id", "t", held.clone()),
        ),
        (Rejection::LeaseRequired { task_id: "t".into(), holder: None }, Code::LeaseRequired, nobody),
        (
            Rejection::LeaseExpired { lease_id: "l".into(), task_id: None, holder: Some(holder()) },
            Code::LeaseExpired,
            with("lease_id", "l", held.clone()),
        ),
        (
            Rejection::LeaseHeld { task_id: "t".into(), holder: holder() },
            Code::Conflict,
            with("task_id", "t", held),
        ),
        (
            Rejection::Forbidden { rule: "reserved_type", reason: "because".into() },
            Code::Forbidden,
            json!({"rule": "reserved_type", "reason": "because"}),
        ),
    ]
}

#[test]
fn rejections_have_their_codes_and_details() {
    for (rejection, code, details) in rejections() {
        let told = rejection.to_string();
        let error = Error::from(rejection);
        assert_eq!((error.code(), &error.to_json()["details"]), (code, &details), "{told}");
        assert!(!error.message().is_empty());
    }
}

#[test]
fn appends_have_their_codes_and_details() {
    let conflict =
        |expected| AppendError::RevisionConflict { stream: "s".into(), expected, actual: Revision(2) };
    for (expected, wire) in [
        (ExpectedRevision::Any, json!("any")),
        (ExpectedRevision::NoStream, json!("no_stream")),
        (ExpectedRevision::Exists, json!("exists")),
        (ExpectedRevision::Exact(Revision(1)), json!(1)),
    ] {
        let error = Error::from(conflict(expected));
        assert_eq!(error.code(), Code::Conflict);
        assert_eq!(error.to_json()["details"], json!({"stream": "s", "expected": wire, "actual": 2}));
    }
    assert_eq!(Error::from(AppendError::EventExists { id: EventId(1) }).code(), Code::Conflict);
    for refused in [
        AppendError::Empty,
        AppendError::TimeBeforeHead { event: 0, time: Timestamp(0), head: Timestamp(1) },
        AppendError::TimeAfterNow { event: 0, time: Timestamp(1), now: Timestamp(0) },
        AppendError::StreamLength { bytes: 0, bytes_max: 1 },
        AppendError::KindLength { bytes: 0, bytes_max: 1 },
        AppendError::TagLength { bytes: 0, bytes_max: 1 },
        AppendError::TagReserved { tag: "$x".into() },
        AppendError::TooManyTags { tags: 2, tags_max: 1 },
    ] {
        assert_eq!(Error::from(refused.clone()).code(), Code::Validation, "{refused}");
    }
}

#[test]
fn the_writer_has_its_codes() {
    let code = |error: ExecuteError<Rejection>| Error::from(error).code();
    assert_eq!(code(ExecuteError::QueueFull), Code::Unavailable);
    assert_eq!(code(ExecuteError::Closed), Code::Unavailable);
    assert_eq!(code(ExecuteError::Poisoned("x".into())), Code::Internal);
    assert_eq!(code(ExecuteError::TooLarge { bytes: 2, bytes_max: 1 }), Code::PayloadTooLarge);
    assert_eq!(code(ExecuteError::Refused(AppendError::Empty)), Code::Validation);
    assert_eq!(Error::from(ReadError::Io("x".into())).code(), Code::Internal);
}

#[test]
fn a_statements_error_says_where() {
    let text = "SELECT id\nFROM taskss";
    let wrong =
        grammar::Error::new(grammar::Code::UnknownTable, grammar::Span::new(15, 21), "no table `taskss`")
            .hint("did you mean `tasks`?");
    let error = Error::from(query::QueryError::statement(text, vec![wrong])).to_json();
    assert_eq!(error["code"], "ERR_PQL");
    assert_eq!(
        error["details"],
        json!({"pql_code": "unknown_table", "line": 2, "column": 6, "length": 6, "hint": "did you mean `tasks`?"})
    );
    // What went wrong inside is for the log, not for callers.
    let inside = Error::from(query::QueryError::internal(text, "pages and keys")).to_json();
    assert_eq!(inside["code"], "ERR_INTERNAL");
    assert!(!inside.to_string().contains("pages and keys"));
}

#[test]
fn what_may_be_retried_says_when() {
    let response = Error::unavailable("busy").into_response();
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.headers()[header::RETRY_AFTER], "1");
    for code in Code::ALL {
        let error = Error::new(code, "x").to_json();
        assert_eq!(error["retryable"], code.is_retryable(), "{}", code.as_str());
        let keys: Vec<&String> = error.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["code", "message", "hint", "next", "retryable", "details"]);
        assert_eq!(Code::parse(code.as_str()), Some(code));
    }
}

/// Every code has a section in the documentation, and no section is of a code that is not.
#[test]
fn codes_and_pages_agree() {
    let page = include_str!("../../../docs/errors/README.md");
    let documented: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix("## ERR_")).collect();
    let codes: Vec<&str> = Code::ALL.iter().map(|code| &code.as_str()["ERR_".len()..]).collect();
    assert_eq!(documented, codes);
}
