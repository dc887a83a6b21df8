//! `agentpm prime`: an agent that knows nothing else can do its job.

use crate::{ok, server};
use agentpm_tests::Server;
use agentpm_tests::cli::{run, run_at};
use agentpm_tests::server::{binary, command};
use serde_json::Value;

/// The lines of the text that are commands.
fn commands() -> Vec<String> {
    let prime = run(&["prime"]);
    prime.succeeded();
    prime.stdout.lines().filter(|line| line.starts_with("agentpm ")).map(str::to_owned).collect()
}

/// What the names in the text stand for, made anew for each line, as each wants a task in good state.
fn stage(server: &Server, n: usize) -> Vec<(&'static str, String)> {
    let at = |arguments: &[&str]| ok(&run_at(server, arguments));
    let id = |value: &Value| value["id"].as_str().unwrap().to_owned();
    let named = |what: &str| format!("{what}-{n}");
    let agent = named("worker");
    at(&["agent", "register", "--id", &agent, "--name", "W", "--role", "executor"]);
    let session = id(&at(&["session", "start", "--agent-id", &agent]));
    for what in ["other", "done", "task"] {
        at(&["task", "create", "--id", &named(what), "--title", what]);
    }
    let done = named("done");
    let cancelled = ["task", "transition", &done, "--status", "cancelled", "--expected-version", "1"];
    at(&cancelled);
    let task = named("task");
    let lease = at(&["lease", "acquire", "--task-id", &task, "--agent-id", &agent, "--session-id", &session]);
    let lease = id(&lease);
    let steps = at(&["progress", "add", "--task-id", &task, "--items", "a step", "--lease-id", &lease]);
    let step = id(&steps["progress_items"][0]);
    vec![
        ("SESSION", session),
        ("TASK", task),
        ("LEASE", lease),
        ("STEP", step),
        ("OTHER", named("other")),
        ("DONE", done),
    ]
}

#[test]
fn every_command_of_it_works() {
    let (_dir, server) = server();
    for id in ["ada", "bob"] {
        let register =
            ["agent", "register", "--id", id, "--name", id, "--role", "executor", "--caps", "rust,sql"];
        ok(&run_at(&server, &register));
    }
    let lines = commands();
    assert!(lines.len() > 20, "{lines:?}");
    for (n, line) in lines.iter().enumerate() {
        let mut names = stage(&server, n);
        if line.contains("--agent-id ada --session-id") {
            let session = ok(&run_at(&server, &["session", "start", "--agent-id", "ada"]));
            names[0].1 = session["id"].as_str().unwrap().to_owned();
        }
        let mut shell = std::process::Command::new("bash");
        for (name, value) in command().get_envs() {
            match value {
                Some(value) => shell.env(name, value),
                None => shell.env_remove(name),
            };
        }
        // A watch that begins now would wait for somebody to do something.
        let line = line.replace("'TaskStatusChanged'\"", "'TaskStatusChanged' FROM START\"");
        let output = shell
            .args(["-euc", &format!("agentpm() {{ \"$AGENTPM\" \"$@\"; }}\n{line}")])
            .env("AGENTPM", binary())
            .env("AGENTPM_SOCKET", server.socket_path())
            .envs(names)
            .output()
            .unwrap();
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

/// Who works by it must find in it what there is.
#[test]
fn it_tells_of_all_that_an_agent_does() {
    let text = run(&["prime"]).stdout;
    for word in [
        "agent register",
        "session start",
        "session heartbeat",
        "task claim",
        "--wait-ms",
        "progress complete",
        "context add",
        "task complete",
        "task fail",
        "task release",
        "task block",
        "--blocked-by",
        "CLAIM next_task",
        "SELECT next_task",
        "watch",
        "ERR_LEASE_EXPIRED",
        "--idempotency-key",
        "Exit 2",
    ] {
        assert!(text.contains(word), "{word}:\n{text}");
    }
}
