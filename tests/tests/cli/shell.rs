//! `agentpm shell`: through a pipe, and at a terminal.

use crate::{ok, server};
use agentpm_tests::Server;
use agentpm_tests::cli::{Ran, run_at, run_with};
use agentpm_tests::server::{binary, command};
use serde_json::{Value, json};
use std::io::Write as _;
use std::process::{Command, Stdio};

fn piped(server: &Server, arguments: &[&str], input: &str) -> Ran {
    let socket = server.socket_path();
    let all = [&["shell", "--socket", socket.to_str().unwrap()], arguments].concat();
    run_with(&all, Some(input.as_bytes()))
}

#[test]
fn a_pipe_is_answered_statement_by_statement() {
    let (_dir, server) = server();
    ok(&run_at(&server, &["task", "create", "--id", "t1", "--title", "a; b"]));
    let one = piped(&server, &[], "SELECT id\nFROM tasks\nWHERE title = 'a; b'");
    assert_eq!(one.json()["rows"], json!([{ "id": "t1" }]));
    let lines = piped(
        &server,
        &["--output", "ndjson"],
        "-- two\nSELECT count(*) AS n FROM tasks; SELECT count(*) AS n FROM agents;\n\\d tasks\n",
    );
    lines.succeeded();
    let lines: Vec<Value> = lines.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[..2], [json!({ "n": 1 }), json!({ "n": 0 })]);
    assert!(lines[2..].iter().any(|column| column.to_string().contains("owner_agent_id")), "{lines:?}");
    let table = piped(&server, &[], "\\o table\nSELECT id FROM tasks;\n\\q\nSHOW TABLES;");
    assert!(table.stdout.contains("1 row") && table.stdout.matches("row").count() == 1, "{}", table.stdout);
}

#[test]
fn the_first_error_of_a_pipe_ends_it() {
    let (_dir, server) = server();
    for (input, code, says) in [
        ("SELECT statsu FROM tasks; SHOW TABLES;", 8, "^^^^^^"),
        ("\\dance", 2, "\\?"),
        ("\\o xml", 2, "ndjson"),
        ("SUBSCRIBE events", 2, "agentpm watch"),
    ] {
        let ran = piped(&server, &[], input);
        assert_eq!((ran.code, &*ran.stdout), (code, ""), "{input}: {}", ran.stderr);
        assert!(ran.stderr.contains(says), "{input}: {}", ran.stderr);
    }
    let nothing = piped(&server, &[], "\n\n");
    assert_eq!((nothing.code, &*nothing.stdout), (0, ""));
}

/// Plays keys at a terminal; gives what came before each step and after the last, and the exit code. None without
/// Python.
fn at_a_terminal(server: &Server, steps: &[(&str, &str)]) -> Option<(Vec<String>, i64)> {
    let found = Command::new("python3").arg("--version").output().is_ok_and(|output| output.status.success());
    if !found {
        eprintln!("skipped: no python3 to sit at the terminal");
        return None;
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cli/terminal.py");
    let (socket, data) = (server.socket_path(), server.data());
    let program = binary();
    let argv = [program.to_str().unwrap(), "shell", "--socket", socket.to_str().unwrap()];
    let play = json!({
        "argv": argv,
        "env": { "AGENTPM_DB": data, "TERM": "xterm" },
        "steps": steps.iter().map(|(wait, keys)| json!({ "wait": wait, "type": keys })).collect::<Vec<_>>(),
    });
    let mut player = Command::new("python3");
    for (name, value) in command().get_envs() {
        match value {
            Some(value) => player.env(name, value),
            None => player.env_remove(name),
        };
    }
    let mut player = player.arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    player.stdin.take().unwrap().write_all(play.to_string().as_bytes()).unwrap();
    let output = player.wait_with_output().unwrap();
    let told: Value = serde_json::from_slice(&output.stdout).expect("the player tells what came");
    let came = told["came"].as_array().unwrap().iter().map(|came| came.as_str().unwrap().to_owned());
    Some((came.collect(), told["code"].as_i64().unwrap()))
}

/// The prompt of a line editor moves the cursor; that of a program built without one does not.
fn is_edited(prompt: &str) -> bool {
    prompt.contains('\u{1b}')
}

#[test]
fn a_terminal_has_several_lines_tables_and_errors() {
    let (_dir, server) = server();
    ok(&run_at(&server, &["task", "create", "--id", "t1", "--title", "One"]));
    let steps = [
        ("> ", "SELECT id, title\r"),
        ("...> ", "FROM tasks;\r"),
        ("1 row", "SELECT statsu FROM tasks;\r"),
        ("did you mean", "\\d\r"),
        ("progress_items", "\u{4}"),
    ];
    let Some((came, code)) = at_a_terminal(&server, &steps) else { return };
    assert_eq!(code, 0, "{came:?}");
    assert!(came[2].contains("One") && came[2].contains('─'), "a table: {}", came[2]);
    assert!(came[3].contains("^^^^^^"), "the error goes on: {}", came[3]);
}

#[test]
fn an_editor_completes_remembers_and_cancels() {
    let (_dir, server) = server();
    ok(&run_at(&server, &["task", "create", "--id", "t1", "--title", "One"]));
    let Some((came, _)) = at_a_terminal(&server, &[("> ", "\u{4}")]) else { return };
    if !is_edited(&came[0]) {
        eprintln!("skipped: the program was built without its line editor");
        return;
    }
    let steps = [
        ("> ", "sel\t"),
        ("select ", "title FROM tas\t"),
        ("tasks ", "\r"),
        ("One", "gibberish"),
        // Once it is there: the end of input would only delete a letter.
        ("gibberish", "\u{3}"),
        ("> ", "\u{4}"),
    ];
    let (came, code) = at_a_terminal(&server, &steps).unwrap();
    assert_eq!(code, 0, "{came:?}");
    // Another day: what was asked is remembered, what was cancelled is not.
    let (came, code) = at_a_terminal(&server, &[("> ", "\u{1b}[A\r"), ("One", "\u{4}")]).unwrap();
    assert_eq!(code, 0, "{came:?}");
    let history = server.data().with_file_name("shell_history");
    assert_eq!(std::fs::read_to_string(&history).unwrap().lines().count(), 1);
    use std::os::unix::fs::PermissionsExt as _;
    assert_eq!(std::fs::metadata(&history).unwrap().permissions().mode() & 0o777, 0o600);
}
