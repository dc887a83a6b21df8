//! A story, told with the command line alone, and with nothing of it that `agentpm prime` does not tell: a planner
//! plans, two executors work at the same time, one of them dies, a reviewer reads what came of it.

use agentpm_tests::Server;
use agentpm_tests::cli::{Ran, run, run_at};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Barrier;

/// One who works: all they know is the text, all they can do is run a command.
struct Agent<'a> {
    id: &'static str,
    server: &'a Server,
    prime: &'a str,
    session: String,
}

impl<'a> Agent<'a> {
    /// Registers and begins a session.
    fn arrive(server: &'a Server, prime: &'a str, id: &'static str, role: &str, caps: &str) -> Self {
        let mut agent = Self { id, server, prime, session: String::new() };
        agent.say(&["agent", "register", "--id", id, "--name", id, "--role", role, "--caps", caps]);
        agent.session = text(&agent.say(&["session", "start", "--agent-id", id])["id"]);
        agent
    }

    /// Runs a command that the text tells, with flags that it tells.
    #[track_caller]
    fn try_say(&self, arguments: &[&str]) -> Ran {
        let words = arguments.iter().take(2).filter(|word| word.chars().all(|c| c.is_ascii_lowercase()));
        let command = format!("agentpm {}", words.copied().collect::<Vec<_>>().join(" "));
        let lines: Vec<&str> = self.prime.lines().filter(|line| line.starts_with(&command)).collect();
        assert!(!lines.is_empty(), "the text tells of `{command}`");
        for flag in arguments.iter().filter(|word| word.starts_with("--")) {
            let is_told = lines.iter().any(|line| line.split(' ').any(|word| word == *flag));
            assert!(is_told, "the text tells of `{command} {flag}`");
        }
        run_at(self.server, arguments)
    }

    #[track_caller]
    fn say(&self, arguments: &[&str]) -> Value {
        self.try_say(arguments).json()
    }

    #[track_caller]
    fn rows(&self, pql: &str) -> Vec<Value> {
        self.say(&["query", pql])["rows"].as_array().unwrap().clone()
    }

    /// Takes work, as soon as there is some; none when there is none for a while.
    fn claim(&self, lease_s: &str) -> Option<Work> {
        let session = ["--session-id", &self.session, "--wait-ms", "1000", "--lease-s", lease_s];
        let claim = self.say(&[&["task", "claim", "--agent-id", self.id][..], &session].concat());
        (!claim.is_null()).then(|| Work {
            id: text(&claim["task"]["id"]),
            title: text(&claim["task"]["title"]),
            lease: text(&claim["lease"]["id"]),
        })
    }

    /// Does a task as it should be done.
    fn carry_out(&self, work: &Work) {
        let brief = self.say(&["task", "brief", &work.id, "--max-tokens", "2000"]);
        assert_eq!(brief["task"]["title"], *work.title, "the brief is about it");
        assert_eq!(brief["leases"][0]["agent_id"], self.id, "and knows who has it");
        let lease = ["--lease-id", &work.lease];
        let mut steps: Vec<Value> = brief["progress"].as_array().unwrap().clone();
        if steps.is_empty() {
            let add = ["progress", "add", "--task-id", &work.id, "--items", "do it"];
            steps = self.say(&[&add[..], &lease].concat())["progress_items"].as_array().unwrap().clone();
        }
        let beat = self.say(&["session", "heartbeat", &self.session]);
        assert_eq!(beat["directive"], "continue", "{beat}");
        for step in steps.iter().filter(|step| step["completed"] != true) {
            self.say(&[&["progress", "complete", &text(&step["id"])][..], &lease].concat());
        }
        let note = format!("{} did {}", self.id, work.title);
        self.say(&[
            "context",
            "add",
            "--task-id",
            &work.id,
            "--type",
            "outcome",
            "--content",
            &note,
            "--as",
            self.id,
        ]);
        let done = [&["task", "complete", &work.id][..], &lease, &["--result", r#"{"ok":true}"#]].concat();
        assert_eq!(self.say(&done)["status"], "completed");
    }
}

/// A task that somebody has.
struct Work {
    id: String,
    title: String,
    lease: String,
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("text, not {value}")).to_owned()
}

/// What the planner wants, by title.
struct Plan {
    whole: String,
    question: String,
}

/// A whole of six parts: one waits for two others, one is unclear, one works only the second time.
fn plan(planner: &Agent<'_>) -> Plan {
    let id = |task: Value| text(&task["id"]);
    let whole = ["task", "create", "--title", "A parser", "--intent", "that teaches", "--caps", "planning"];
    let whole = id(planner.say(&whole));
    let create = |title: &str, more: &[&str]| {
        let part = ["task", "create", "--title", title, "--caps", "rust", "--parent-id", &whole];
        id(planner.say(&[&part[..], more].concat()))
    };
    // In the order of their priorities they are taken: no two before the others.
    let grammar = create(
        "grammar",
        &["--progress", "read the reference", "--progress", "write it down", "--priority", "2"],
    );
    let lexer = create("lexer", &["--priority", "3"]);
    let both = format!("{grammar},{lexer}");
    let tree = create("tree", &["--blocked-by", &both]);
    let question = create("question", &[]);
    create("flaky", &[]);
    create("pages", &["--priority", "3"]);
    planner.say(&["task", "relate", "--from", &tree, "--to", &question, "--type", "relates_to"]);
    let waiting = planner.rows("SELECT title FROM tasks WHERE status = 'blocked'");
    assert_eq!(waiting, [json!({ "title": "tree" })], "what waits is blocked from the beginning");
    Plan { whole, question }
}

/// Works until nothing of the plan is left to do.
fn work(executor: &Agent<'_>, plan: &Plan) {
    let left = format!(
        "SELECT id FROM tasks WHERE parent_id = '{}' AND status != 'completed' AND status != 'cancelled'",
        plan.whole
    );
    loop {
        let Some(work) = executor.claim("600") else {
            if executor.rows(&left).is_empty() {
                return;
            }
            continue;
        };
        let lease = ["--lease-id", &work.lease];
        let runs = executor.say(&["run", "list", "--task-id", &work.id]);
        let has_failed = runs["runs"].as_array().unwrap().iter().any(|run| run["status"] == "failed");
        let brief = executor.say(&["task", "brief", &work.id, "--max-tokens", "2000"]).to_string();
        match &*work.title {
            "flaky" if !has_failed => {
                let fail =
                    ["task", "fail", &work.id, "--class", "transient", "--message", "the net was down"];
                executor.say(&[&fail[..], &lease].concat());
            }
            "question" if !brief.contains("recursive descent") => {
                let block = ["task", "block", &work.id, "--reason", "which kind of parser?"];
                assert_eq!(executor.say(&[&block[..], &lease].concat())["status"], "blocked");
            }
            _ => executor.carry_out(&work),
        }
    }
}

#[test]
fn plan_execute_report_review() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    let prime = run(&["prime"]);
    prime.succeeded();
    let prime = &prime.stdout;
    let planner = Agent::arrive(&server, prime, "paula", "planner", "planning");
    let plan = plan(&planner);

    // Both have work at the same time; then one takes more, for a moment only, and is never heard of again.
    let together = Barrier::new(2);
    let ada = Agent::arrive(&server, prime, "ada", "executor", "rust");
    let bob = Agent::arrive(&server, prime, "bob", "executor", "rust,sql");
    let abandoned = std::thread::scope(|scope| {
        let bob = scope.spawn(|| {
            let first = bob.claim("600").expect("there is work");
            together.wait();
            bob.carry_out(&first);
            let second = bob.claim("1").expect("there is more");
            together.wait();
            second
        });
        scope.spawn(|| {
            let first = ada.claim("600").expect("there is work");
            together.wait();
            ada.carry_out(&first);
            together.wait();
            work(&ada, &plan);
        });
        // The planner waits for the question, and answers it.
        let blocked = format!(
            "SUBSCRIBE events WHERE type = 'TaskStatusChanged' AND stream = 'task-{}' AND data.status = 'blocked' \
             FROM START",
            plan.question
        );
        planner.try_say(&["watch", &blocked, "--count", "1"]).succeeded();
        let answer = "recursive descent, by hand";
        let add =
            ["context", "add", "--task-id", &plan.question, "--type", "user_input", "--content", answer];
        planner.say(&[&add[..], &["--as", planner.id]].concat());
        let version = planner.say(&["task", "get", &plan.question])["version"].to_string();
        let open = ["task", "transition", &plan.question, "--status", "open", "--expected-version", &version];
        assert_eq!(planner.say(&open)["status"], "open");
        bob.join().unwrap()
    });

    // Whoever still holds a lease that is over is told to stop, and what to do.
    let late = ["task", "complete", &abandoned.id, "--lease-id", &abandoned.lease];
    let late = planner.try_say(&late);
    assert_eq!(late.code, 4, "{}", late.stderr);
    assert!(late.stderr.contains("ERR_LEASE_EXPIRED") && late.stderr.contains("hint"), "{}", late.stderr);

    review(&server, prime, &plan, &abandoned);

    // The whole is the planner's own, and last.
    let whole = planner.claim("60").expect("nothing waits but the whole");
    assert_eq!(whole.id, plan.whole);
    planner.carry_out(&whole);
    let left = planner.rows("SELECT title FROM tasks WHERE status != 'completed' AND parent_id IS NOT NULL");
    assert_eq!(left, Vec::<Value>::new(), "all of it is done");
    for agent in [&planner, &ada] {
        assert_eq!(agent.say(&["session", "end", &agent.session])["status"], "closed");
    }
    planner.say(&["task", "archive", &plan.whole]);
}

/// The reviewer reads what happened, judges it, and asks for one thing more, which somebody does.
fn review(server: &Server, prime: &str, plan: &Plan, abandoned: &Work) {
    let reviewer = Agent::arrive(server, prime, "rita", "reviewer", "review");
    let whole = reviewer.say(&["task", "brief", &plan.whole, "--max-tokens", "2000"]);
    let children = whole["children"].as_array().unwrap();
    assert_eq!(children.len(), 6);
    assert!(children.iter().all(|child| child["status"] == "completed"), "{children:?}");
    assert_eq!(whole["task"]["child_done_count"], 6);

    // What was abandoned was taken up by another, under the next fence, and done.
    let history = reviewer.say(&["task", "history", &abandoned.id]);
    let types: Vec<&str> =
        history["events"].as_array().unwrap().iter().map(|event| event["type"].as_str().unwrap()).collect();
    let at = |kind: &str| {
        types.iter().position(|other| *other == kind).unwrap_or_else(|| panic!("{kind}: {types:?}"))
    };
    assert!(at("LeaseExpired") < at("RunCompleted"), "{types:?}");
    let runs = reviewer.say(&["run", "list", "--task-id", &abandoned.id]);
    let status: BTreeSet<_> =
        runs["runs"].as_array().unwrap().iter().map(|run| text(&run["status"])).collect();
    assert!(status.contains("expired") && status.contains("completed"), "{status:?}");
    let done = reviewer.say(&["task", "get", &abandoned.id, "--include", "runs,context,progress"]);
    assert!(done["context"].to_string().contains("ada did"), "{}", done["context"]);

    // Both worked at the same time, and what waited for others waited.
    let spans = reviewer.rows(
        "SELECT r.agent_id AS agent, min(r.started_at) AS first, max(r.ended_at) AS last FROM runs r GROUP BY agent ORDER BY agent",
    );
    assert_eq!((text(&spans[0]["agent"]), text(&spans[1]["agent"])), ("ada".into(), "bob".into()));
    assert!(text(&spans[0]["first"]) < text(&spans[1]["last"]), "{spans:?}");
    assert!(text(&spans[1]["first"]) < text(&spans[0]["last"]), "{spans:?}");
    let when = |title: &str, column: &str, status: &str| {
        let rows = reviewer.rows(&format!(
            "SELECT r.{column} AS at FROM runs r JOIN tasks t ON t.id = r.task_id WHERE t.title = '{title}' AND r.status = '{status}'"
        ));
        assert_eq!(rows.len(), 1, "{title}: {rows:?}");
        text(&rows[0]["at"])
    };
    for first in ["grammar", "lexer"] {
        assert!(when(first, "ended_at", "completed") <= when("tree", "started_at", "completed"), "{first}");
    }
    let failures = reviewer.rows("SELECT count(*) AS n FROM events WHERE type = 'RunFailed'");
    assert_eq!(failures, [json!({ "n": 1 })], "it failed once and was tried again");

    let judged = [
        "context",
        "add",
        "--task-id",
        &plan.whole,
        "--type",
        "decision",
        "--content",
        "good, but for the errors",
    ];
    reviewer.say(&[&judged[..], &["--as", reviewer.id]].concat());
    let follow_up =
        ["task", "create", "--title", "errors that teach", "--caps", "review", "--parent-id", &plan.whole];
    let follow_up = text(&reviewer.say(&follow_up)["id"]);
    reviewer.say(&["task", "relate", "--from", &follow_up, "--to", &plan.question, "--type", "relates_to"]);
    let offered = reviewer.rows("SELECT next_task FOR 'rita' LIMIT 5");
    assert_eq!(offered[0]["id"], *follow_up);
    let work = reviewer.claim("60").expect("it is offered");
    reviewer.carry_out(&work);
}
