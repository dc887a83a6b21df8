//! One document on stdout in the form that was asked for, all else on stderr.

use crate::{ok, server};
use agentpm_tests::cli::{Ran, run_at};
use serde_json::{Value, json};

#[test]
fn one_document_in_the_form_that_was_asked_for() {
    let (_dir, server) = server();
    for id in ["a", "b"] {
        ok(&run_at(&server, &["task", "create", "--id", id, "--title", "With, a comma"]));
    }
    let query = |form: &[&str]| {
        let mut arguments = vec!["query", "SELECT id, title, caps FROM tasks ORDER BY id"];
        arguments.extend(form);
        let ran = run_at(&server, &arguments);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        ran.stdout
    };
    let json: Value = serde_json::from_str(&query(&[])).expect("JSON where there is no terminal");
    assert_eq!(json["rows"][1], json!({ "id": "b", "title": "With, a comma", "caps": [] }));
    assert_eq!(serde_json::from_str::<Value>(&query(&["--output", "json"])).unwrap()["rows"], json["rows"]);
    let lines: Vec<Value> =
        query(&["--output", "ndjson"]).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(json!(lines), json["rows"]);
    let csv = query(&["--output", "csv"]);
    assert_eq!(csv.lines().next(), Some("id,title,caps"));
    assert!(csv.contains("\"With, a comma\""), "{csv}");
    let table = query(&["--output", "table"]);
    assert!(
        table.contains("title")
            && table.contains("With, a comma")
            && serde_json::from_str::<Value>(&table).is_err()
    );
}

#[test]
fn every_list_in_every_form() {
    let (_dir, server) = server();
    for id in ["a", "b"] {
        ok(&run_at(&server, &["task", "create", "--id", id, "--title", "T"]));
        ok(&run_at(&server, &["agent", "register", "--id", id, "--name", "A, \"b\"", "--role", "executor"]));
        ok(&run_at(&server, &["task", "claim", "--agent-id", id]));
    }
    for (command, list, rows) in [
        (&["task", "list"][..], "tasks", 2),
        (&["agent", "list"], "agents", 2),
        (&["run", "list"], "runs", 2),
        (&["task", "history", "a"], "events", 4),
    ] {
        let shown = |form: &str| -> Ran {
            let ran = run_at(&server, &[command, &["--output", form]].concat());
            ran.succeeded();
            assert_eq!(ran.stderr, "", "{}: nothing but the document", ran.line);
            ran
        };
        let document = shown("json").json();
        let expected = document[list].as_array().unwrap();
        assert!(expected.len() >= rows, "{command:?}: {document}");
        assert_eq!(run_at(&server, &[command, &["--json"]].concat()).json(), document, "the same as --json");
        assert_eq!(run_at(&server, command).json(), document, "JSON where there is no terminal");
        let lines: Vec<Value> =
            shown("ndjson").stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(&lines, expected, "{command:?}");
        let csv = shown("csv").stdout;
        let names: Vec<&str> = expected[0].as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(csv.lines().next().unwrap().split(',').collect::<Vec<_>>(), names, "{command:?}");
        assert_eq!(csv.matches("\r\n").count(), expected.len() + 1, "{command:?}: {csv}");
        let table = shown("table").stdout;
        assert!(table.contains(&format!("{} rows", expected.len())), "{command:?}: {table}");
        for name in &names[..2] {
            assert!(table.contains(name), "{command:?}: {name}: {table}");
        }
    }
}

#[test]
fn a_single_thing_in_every_form() {
    let (_dir, server) = server();
    let task = ok(&run_at(&server, &["task", "create", "--id", "t", "--title", "T", "--labels", "x,y"]));
    let shown = |form: &str| run_at(&server, &["task", "get", "t", "--output", form]).stdout;
    assert_eq!(serde_json::from_str::<Value>(&shown("json")).unwrap(), task);
    assert_eq!(serde_json::from_str::<Value>(shown("ndjson").trim_end()).unwrap(), task);
    assert_eq!(shown("csv").lines().count(), 2);
    assert!(shown("table").contains("x, y"));
}
