//! `watch`: events as they come, over a server that goes away, for people and for programs.

use crate::asked::Asked;
use crate::{ok, server};
use agentpm_tests::Server;
use agentpm_tests::cli::{run, run_at};
use agentpm_tests::server::command;
use serde_json::Value;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, ChildStdout, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// A debug build on a busy machine has ended by then.
const END_LIMIT: Duration = Duration::from_secs(60);

/// A running `agentpm watch`.
struct Watch {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Watch {
    fn start(server: &Server, arguments: &[&str]) -> Self {
        let mut child = command()
            .arg("watch")
            .arg("--socket")
            .arg(server.socket_path())
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Self { child, lines }
    }

    /// The next line; the test's own time limit bounds the wait.
    fn next(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        line
    }

    fn position(&mut self) -> u64 {
        serde_json::from_str::<Value>(&self.next()).unwrap()["position"].as_u64().unwrap()
    }

    /// Its end, which comes by itself, and what it said besides.
    fn end(mut self) -> (ExitStatus, String) {
        drop(self.lines);
        let began = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            if began.elapsed() > END_LIMIT {
                let _ = self.child.kill();
                panic!("watch has not ended within {END_LIMIT:?}");
            }
            std::thread::park_timeout(Duration::from_millis(10));
        };
        let mut said = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        (status, said)
    }
}

fn create(server: &Server, ids: &[&str]) {
    for id in ids {
        ok(&run_at(server, &["task", "create", "--id", id, "--title", "T"]));
    }
}

#[test]
fn what_is_there_and_then_what_comes() {
    let (_dir, server) = server();
    create(&server, &["a", "b"]);
    let there = run_at(&server, &["watch", "SUBSCRIBE events FROM START", "--until-caught-up"]);
    there.succeeded();
    assert_eq!(there.stderr, "");
    let events = run_at(&server, &["export"]).stdout;
    assert_eq!(there.stdout, events, "one JSON object a line");
    let nothing = run_at(&server, &["watch", "SUBSCRIBE events", "--until-caught-up"]);
    assert_eq!((nothing.code, &*nothing.stdout), (0, ""));
    let first = run_at(&server, &["watch", "SUBSCRIBE events FROM START", "--count", "1"]);
    assert_eq!(Some(first.stdout.trim_end()), events.lines().next());
    let one = [
        "watch",
        "SUBSCRIBE events WHERE stream = $1 FROM START",
        "--param",
        "1=task-b",
        "--until-caught-up",
    ];
    assert_eq!(Some(run_at(&server, &one).stdout.trim_end()), events.lines().nth(1));

    let mut watch = Watch::start(&server, &["SUBSCRIBE events AFTER POSITION 1", "--count", "2"]);
    assert_eq!(watch.position(), 2);
    create(&server, &["c"]);
    assert_eq!(watch.position(), 3);
    assert!(watch.end().0.success());
}

#[test]
fn lines_for_people() {
    let (_dir, server) = server();
    create(&server, &["a"]);
    let shown =
        run_at(&server, &["watch", "SUBSCRIBE events FROM START", "--until-caught-up", "--output", "table"]);
    shown.succeeded();
    assert_eq!(shown.stdout.lines().count(), 1);
    for word in ["1", "TaskCreated", "task-a", "title"] {
        assert!(shown.stdout.contains(word), "{word}: {}", shown.stdout);
    }
    assert!(serde_json::from_str::<Value>(&shown.stdout).is_err());
}

#[test]
fn it_goes_on_where_it_was_when_the_server_comes_back() {
    let (_dir, mut server) = server();
    create(&server, &["a"]);
    let mut watch = Watch::start(&server, &["SUBSCRIBE events FROM START", "--count", "4"]);
    assert_eq!(watch.position(), 1);
    server.kill9();
    let mut server = server.restart();
    create(&server, &["b"]);
    assert_eq!(watch.position(), 2);
    assert!(server.stop().success(), "in good order too");
    let server = server.restart();
    create(&server, &["c", "d"]);
    assert_eq!((watch.position(), watch.position()), (3, 4), "no gap, no duplicate");
    let (status, said) = watch.end();
    assert!(status.success(), "{said}");
    assert!(
        said.contains("going on after position 1") && said.contains("going on after position 2"),
        "{said}"
    );
}

/// A command for each event, in order, over a server that goes away; no shell reads its arguments.
#[test]
fn a_command_for_each_event() {
    let (dir, mut server) = server();
    create(&server, &["a", "b"]);
    let file = dir.path().join("heard $HOME;");
    let file = file.to_str().unwrap();
    let heard = |lines: usize| {
        let deadline = Instant::now() + END_LIMIT;
        loop {
            let text = std::fs::read_to_string(file).unwrap_or_default();
            if text.lines().count() >= lines || Instant::now() > deadline {
                return text;
            }
            std::thread::park_timeout(Duration::from_millis(10));
        }
    };
    let append = ["sh", "-c", "cat >> \"$1\"; echo done", "sh", file];
    let mut watch = Watch::start(
        &server,
        &[&["SUBSCRIBE events FROM START", "--count", "4", "--exec"][..], &append[..]].concat(),
    );
    assert_eq!((watch.next(), watch.next()), ("done\n".to_owned(), "done\n".to_owned()));
    server.kill9();
    let server = server.restart();
    create(&server, &["c", "d"]);
    assert_eq!((watch.next(), watch.next()), ("done\n".to_owned(), "done\n".to_owned()));
    let (status, said) = watch.end();
    assert!(status.success(), "{said}");
    assert_eq!(heard(4), run_at(&server, &["export"]).stdout, "each once, in order");

    // One that does not read its input, and one that fails.
    let socket = server.socket_path();
    let at = ["watch", "--socket", socket.to_str().unwrap()];
    let all = [&at[..], &["SUBSCRIBE events FROM START", "--until-caught-up", "--exec"]].concat();
    let ignoring = run(&[&all[..], &["true"]].concat());
    assert_eq!((ignoring.code, &*ignoring.stdout), (0, ""));
    let failing = run(&[&all[..], &["sh", "-c", "grep -q task-b && exit 3 || exit 0"]].concat());
    assert_eq!(failing.code, 1);
    for word in ["sh ended with code 3", "AFTER POSITION 1"] {
        assert!(failing.stderr.contains(word), "{word}: {}", failing.stderr);
    }
    let missing = run(&[&all[..], &["/no/such/program"]].concat());
    assert_eq!(missing.code, 2, "{}", missing.stderr);
    assert!(missing.stderr.contains("/no/such/program"), "{}", missing.stderr);
}

#[test]
fn it_ends_when_nobody_reads() {
    let (_dir, server) = server();
    create(&server, &["a"]);
    let mut watch = Watch::start(&server, &["SUBSCRIBE events FROM START"]);
    assert_eq!(watch.position(), 1);
    let Watch { child, lines } = watch;
    drop(lines);
    // The pipe is closed; the next event finds out.
    create(&server, &["b"]);
    let nothing = BufReader::new(
        command().arg("--version").stdout(Stdio::piped()).spawn().unwrap().stdout.take().unwrap(),
    );
    let (status, said) = Watch { child, lines: nothing }.end();
    assert!(status.success(), "{said}");
}

#[test]
fn what_will_not_pass_is_not_tried_again() {
    let refusing = Asked::refusing(401, "ERR_UNAUTHORIZED");
    let ran = run(&["watch", "SUBSCRIBE events", "--url", &refusing.url]);
    assert_eq!(ran.code, 5, "{}", ran.stderr);
    let asked = refusing.next();
    assert!(asked.line.starts_with("GET /subscribe?pql=SUBSCRIBE"), "{}", asked.line);
}

/// Rows of a query: what changed, for programs and for people, over a server that goes away.
#[test]
fn rows_as_they_change() {
    let (_dir, mut server) = server();
    create(&server, &["a"]);
    let pql = "SUBSCRIBE (SELECT id, status FROM tasks)";
    let mut watch = Watch::start(&server, &[pql, "--count", "2"]);
    let row = |id: &str| format!(r#"{{"op":"+","row":{{"id":"{id}","status":"open"}}}}"#);
    assert_eq!(watch.next(), format!("{{\"position\":1,\"changes\":[{}]}}\n", row("a")));
    server.kill9();
    let server = server.restart();
    create(&server, &["b"]);
    // It goes on from the rows it has, not from the beginning.
    assert_eq!(watch.next(), format!("{{\"position\":2,\"changes\":[{}]}}\n", row("b")));
    let (status, said) = watch.end();
    assert!(status.success() && said.contains("going on after position 1"), "{said}");
    let shown = run_at(&server, &["watch", pql, "--until-caught-up", "--output", "table"]);
    shown.succeeded();
    assert_eq!(shown.stdout, "     2  +  id=a  status=open\n     2  +  id=b  status=open\n");
}
