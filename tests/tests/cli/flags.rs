//! What every flag becomes on the wire, the specification's own spellings among them; and that no field of the
//! API lacks its flag.

use crate::asked::Asked;
use agentpm_tests::cli::run;
use serde_json::{Value, json};

/// A command line's words; quotes keep blanks together.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted) = (Vec::new(), String::new(), false);
    for c in line.chars() {
        match c {
            '\'' => quoted = !quoted,
            ' ' if !quoted => words.push(std::mem::take(&mut word)),
            c => word.push(c),
        }
    }
    words.push(word);
    words
}

/// Holds what a command sends against what it should: a request without a body has `null`.
#[track_caller]
fn sends(line: &str, request: &str, body: Value) {
    let server = Asked::ok();
    let words = words(line);
    let mut arguments: Vec<&str> = words.iter().map(String::as_str).collect();
    arguments.extend(["--url", &server.url]);
    run(&arguments).succeeded();
    let asked = server.next();
    assert_eq!((&*asked.line, asked.body), (request, body), "{line}");
}

#[test]
fn agents_and_runs() {
    sends(
        "agent register --id ada --name Ada --role executor --caps rust,sql --metadata {\"a\":1}",
        "POST /agents/register",
        json!({ "id": "ada", "name": "Ada", "role": "executor", "caps": ["rust", "sql"], "metadata": { "a": 1 } }),
    );
    sends(
        "agent list --role planner --cap rust --fields id,name --limit 5 --offset 2",
        "GET /agents?role=planner&cap=rust&fields=id%2Cname&limit=5&offset=2",
        Value::Null,
    );
    sends("agent get --id a/b", "GET /agents/a%2Fb", Value::Null);
    let runs = "GET /runs?task_id=t&agent_id=ada&status=failed%2Cexpired&fields=id&limit=5&offset=2";
    for agent in ["--agent-id", "--owner"] {
        let line = format!(
            "run list --task-id t {agent} ada --status failed,expired --fields id --limit 5 --offset 2"
        );
        sends(&line, runs, Value::Null);
    }
    sends("run get r", "GET /runs/r", Value::Null);
}

#[test]
fn tasks_made_and_changed() {
    let fields = json!({
        "id": "t", "title": "One line", "intent": "more", "type": "docs", "project_id": "p", "parent_id": "q",
        "priority": -3, "class": "high", "caps": ["rust"], "labels": ["a", "b"], "metadata": { "x": [1] },
        "due_at": "2026-01-01T00:00:00Z", "not_before": "2026-01-02T00:00:00Z", "max_attempts": 2,
        "owner_agent_id": "ada", "progress": ["one, and", "two"], "contexts": [{ "type": "note", "content": "c" }],
        "blocked_by": ["b1", "b2"], "blocks": ["b3"],
    });
    for (parent, owner) in [("--parent-id", "--owner-agent-id"), ("--parent", "--owner")] {
        let line = format!(
            "task create --id t --title 'One line' --intent more --type docs --project-id p {parent} q --priority -3 \
             --class high --caps rust --labels a,b --metadata {{\"x\":[1]}} --due-at 2026-01-01T00:00:00Z \
             --not-before 2026-01-02T00:00:00Z --max-attempts 2 {owner} ada --progress 'one, and' --progress two \
             --contexts [{{\"type\":\"note\",\"content\":\"c\"}}] --blocked-by b1,b2 --blocks b3"
        );
        sends(&line, "POST /tasks", fields.clone());
    }
    let update = json!({
        "title": "T", "parent_id": "q", "due_at": null, "caps": [], "metadata": {},
        "lease_id": "l", "fence": 4, "expected_version": 7, "override": true,
    });
    for id in ["t", "--id t"] {
        let guard = "--lease-id l --fence 4 --expected-version 7 --override";
        let line = format!("task update {id} --title T --parent q --clear due_at,caps,metadata {guard}");
        sends(&line, "PATCH /tasks/t", update.clone());
    }
    let blocked = json!({ "status": "blocked", "reason": "why", "blocked_by": ["b"], "lease_id": "l" });
    for (to, by) in [("--status", "--blocked-by"), ("--to", "--by")] {
        let line = format!("task transition t {to} blocked --reason why {by} b --lease-id l");
        sends(&line, "POST /tasks/t/transition", blocked.clone());
        sends(
            &format!("task block t --reason why {by} b --lease-id l"),
            "POST /tasks/t/transition",
            blocked.clone(),
        );
    }
    let relation =
        json!({ "from_task_id": "a", "to_task_id": "b", "type": "blocks", "metadata": { "m": 1 } });
    for (from, to) in [("--from-task-id", "--to-task-id"), ("--from", "--to")] {
        let line = format!("task relate {from} a {to} b --type blocks --metadata {{\"m\":1}}");
        sends(&line, "POST /relationships", relation.clone());
    }
}

#[test]
fn tasks_looked_at() {
    sends("task get t --include context,runs", "GET /tasks/t?include=context%2Cruns", Value::Null);
    let list = "GET /tasks?status=open&owner=ada&parent_id=p&project_id=q&label=l&include_children=true\
                &include_archived=true&fields=id&limit=5&offset=2";
    for (parent, owner) in [("--parent-id", "--owner-agent-id"), ("--parent", "--owner")] {
        let line = format!(
            "task list --status open {owner} ada {parent} p --project-id q --label l --include-children \
             --include-archived --fields id --limit 5 --offset 2"
        );
        sends(&line, list, Value::Null);
    }
    sends("task list --include-children=false", "GET /tasks?include_children=false", Value::Null);
    sends("task history --id t --limit 5 --offset 2", "GET /tasks/t/history?limit=5&offset=2", Value::Null);
    let history = "GET /tasks/t/history?agent_id=ada&from_time=2026-01-01T00%3A00%3A00Z\
                   &to_time=2026-01-02T00%3A00%3A00Z&type=A%2CB&after=7&limit=5";
    for (agent, from, to) in [("--agent-id", "--from-time", "--to-time"), ("--owner", "--from", "--to")] {
        let line = format!(
            "task history t {agent} ada {from} 2026-01-01T00:00:00Z {to} 2026-01-02T00:00:00Z --type A,B --after 7 \
             --limit 5"
        );
        sends(&line, history, Value::Null);
    }
    sends("task brief t", "GET /tasks/t/brief", Value::Null);
    sends("task brief --id t --max-tokens 500", "GET /tasks/t/brief?max_tokens=500", Value::Null);
}

#[test]
fn tasks_worked_on() {
    let claim = json!({
        "agent_id": "ada", "session_id": "s", "where": "project_id = $1", "params": ["p"], "lease_s": 90.0,
        "limit": 2, "wait_ms": 100,
    });
    for (agent, ttl) in [("--agent-id", "--lease-s"), ("--owner", "--ttl")] {
        let line = format!(
            "task claim {agent} ada --session-id s --where 'project_id = $1' --params [\"p\"] {ttl} 90 --limit 2 \
             --wait-ms 100"
        );
        sends(&line, "POST /tasks/claim", claim.clone());
    }
    sends(
        "task complete t --result {\"n\":1} --evidence [\"e\"] --cost 0.5 --tokens 12 --lease-id l --fence 4",
        "POST /tasks/t/complete",
        json!({ "output": { "n": 1 }, "evidence": ["e"], "cost": 0.5, "tokens": 12, "lease_id": "l", "fence": 4 }),
    );
    // What JSON can say is said, whatever it is; what was not given is not.
    for said in ["null", "false", "[]", "{}", "0", "\"\""] {
        let output: Value = serde_json::from_str(said).unwrap();
        sends(
            &format!("task complete t --result {said}"),
            "POST /tasks/t/complete",
            json!({ "output": output }),
        );
    }
    sends("task complete t", "POST /tasks/t/complete", json!({}));
    sends(
        "task fail --id t --class transient --message m --retry-after-s 1.5 --lease-id l",
        "POST /tasks/t/fail",
        json!({ "class": "transient", "message": "m", "retry_after_s": 1.5, "lease_id": "l" }),
    );
    sends(
        "task release t --note n --lease-id l",
        "POST /tasks/t/release",
        json!({ "note": "n", "lease_id": "l" }),
    );
    sends("task archive t", "POST /tasks/t/archive", json!({}));
    sends("task restore --id t", "POST /tasks/t/restore", json!({}));
}

#[test]
fn leases_progress_contexts() {
    let lease = json!({ "task_id": "t", "agent_id": "ada", "session_id": "s", "ttl_s": 60.0 });
    for (agent, ttl) in [("--agent-id", "--ttl-s"), ("--owner", "--ttl")] {
        let line = format!("lease acquire --task-id t {agent} ada --session-id s {ttl} 60");
        sends(&line, "POST /leases", lease.clone());
        sends(&format!("lease renew l {ttl} 60"), "PATCH /leases/l/renew", json!({ "ttl_s": 60.0 }));
    }
    sends("lease renew l", "PATCH /leases/l/renew", json!({}));
    sends("lease release --id l", "DELETE /leases/l", Value::Null);
    sends(
        "progress add --task-id t --items one --items 'two, three' --lease-id l",
        "POST /progress_items",
        json!({ "task_id": "t", "items": ["one", "two, three"], "lease_id": "l" }),
    );
    for (line, completed) in
        [("", true), (" --completed true", true), (" --completed false", false), (" --undo", false)]
    {
        let body = json!({ "completed": completed, "lease_id": "l" });
        sends(&format!("progress complete i --lease-id l{line}"), "PATCH /progress_items/i", body);
    }
    let context = json!({
        "task_id": "t", "type": "reference", "content": "c", "metadata": { "m": 1, "path": "src/a.rs" },
        "supersedes": "old",
    });
    for path in ["--path", "--file"] {
        let line = format!(
            "context add --task-id t --type reference --content c --metadata {{\"m\":1}} {path} src/a.rs --supersedes old"
        );
        sends(&line, "POST /contexts", context.clone());
    }
}

#[test]
fn sessions() {
    for agent in ["--agent-id", "--owner"] {
        sends(
            &format!("session start --id s {agent} ada --metadata {{\"m\":1}}"),
            "POST /sessions/start",
            json!({ "id": "s", "agent_id": "ada", "metadata": { "m": 1 } }),
        );
    }
    sends("session heartbeat s", "POST /sessions/s/heartbeat", json!({}));
    sends(
        "session heartbeat --id s --leases l1,l2 --progress [{\"id\":\"i\",\"completed\":true}]",
        "POST /sessions/s/heartbeat",
        json!({ "leases": ["l1", "l2"], "progress": [{ "id": "i", "completed": true }] }),
    );
    sends("session end s", "POST /sessions/s/end", json!({}));
    for agent in ["--agent-id", "--to", "--owner"] {
        sends(
            &format!("lease transfer l {agent} bob --session-id s"),
            "POST /leases/l/transfer",
            json!({ "agent_id": "bob", "session_id": "s" }),
        );
    }
}

/// What goes into headers, and with which calls.
#[test]
fn who_asks() {
    let server = Asked::ok();
    let said = |line: &str| {
        let words = words(line);
        let mut arguments: Vec<&str> = words.iter().map(String::as_str).collect();
        arguments.extend(["--url", &server.url]);
        run(&arguments).succeeded();
        let mut headers = server.next().headers;
        headers.retain(|(name, _)| name.starts_with("agentpm-") || name == "idempotency-key");
        headers.sort();
        headers
    };
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let caller = "--as ada --correlation-id c --plan-id p --idempotency-key 'k 1'";
    let three = [
        header("agentpm-agent", "ada"),
        header("agentpm-correlation-id", "c"),
        header("agentpm-plan-id", "p"),
    ];
    let mut four = three.to_vec();
    four.push(header("idempotency-key", "k 1"));
    assert_eq!(said(&format!("task create --title T {caller}")), four);
    assert_eq!(said(&format!("task get t {caller}")), three, "a question changes nothing");
    assert_eq!(said("task create --title T"), []);
    let broken = run(&["task", "list", "--as", "a\nb", "--url", &server.url]);
    assert!(broken.code == 2 && broken.stderr.contains("--as"), "{}", broken.stderr);
}

#[test]
fn questions() {
    let body = json!({ "pql": "SELECT 1", "params": { "a": [1], "t": "x y" } });
    sends("query 'SELECT 1' --param a=[1] --param 't=x y'", "POST /query", body.clone());
    sends("query 'SELECT 1' --params '{\"a\":[1],\"t\":\"x y\"}'", "POST /query", body);
    for to in ["--to-time", "--to"] {
        let line = format!(
            "export --after 3 --stream s --type T --tag a:b --agent-id ada --from-time 2026-01-01T00:00:00Z \
             {to} 2026-01-02T00:00:00Z --limit 5"
        );
        let request = "GET /events?after=3&stream=s&type=T&tag=a%3Ab&agent_id=ada\
                       &from_time=2026-01-01T00%3A00%3A00Z&to_time=2026-01-02T00%3A00%3A00Z&limit=5";
        sends(&line, request, Value::Null);
    }
    sends("export --since-event-id 01J", "GET /events?since_event_id=01J", Value::Null);
}

/// Command, and the call of the API whose fields are its flags, as the documents write both.
const CALLS: &[(&str, &str, &str)] = &[
    ("agent register", "work.md", "`POST /agents/register {"),
    ("task create", "work.md", "| `POST /tasks` | `{"),
    ("task transition", "work.md", "| `POST /tasks/{id}/transition` | `{"),
    ("task complete", "work.md", "| `POST /tasks/{id}/complete` | `{"),
    ("task fail", "work.md", "| `POST /tasks/{id}/fail` | `{"),
    ("task release", "work.md", "| `POST /tasks/{id}/release` | `{"),
    ("task relate", "work.md", "`POST /relationships {"),
    ("context add", "work.md", "`POST /contexts {"),
    ("progress add", "work.md", "`POST /progress_items {"),
    ("progress complete", "work.md", "`PATCH /progress_items/{id} {"),
    ("lease acquire", "work.md", "`POST /leases {"),
    ("lease renew", "work.md", "`PATCH /leases/{id}/renew {"),
    ("task claim", "work.md", "POST /tasks/claim {"),
];

#[test]
fn every_field_has_its_flag() {
    let mut wrong = Vec::new();
    for (command, document, call) in CALLS {
        let path = format!("{}/../docs/api/{document}", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(path).unwrap();
        let (_, after) = text.split_once(call).unwrap_or_else(|| panic!("{document} tells {call}"));
        let fields = fields(after);
        assert!(!fields.is_empty(), "{call}");
        let mut arguments: Vec<&str> = command.split(' ').collect();
        arguments.push("--help");
        let help = run(&arguments).stdout;
        for field in fields {
            let flag = match (*command, &*field) {
                // `--output` says how to print, everywhere.
                ("task complete", "output") => "--result".to_owned(),
                _ => format!("--{}", field.replace('_', "-")),
            };
            if !help.split(|c: char| c.is_whitespace() || matches!(c, '=' | '[')).any(|word| word == flag) {
                wrong.push(format!("{command}: no {flag}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The names at the top of an object's shape, the text after its opening brace: `a?,b:[{c}],d}`.
fn fields(shape: &str) -> Vec<String> {
    let (mut fields, mut name, mut depth, mut in_value) = (Vec::new(), String::new(), 0, false);
    for c in shape.chars() {
        match c {
            '{' | '[' => depth += 1,
            '}' | ',' if depth == 0 => {
                fields.push(std::mem::take(&mut name));
                in_value = false;
                if c == '}' {
                    break;
                }
            }
            '}' | ']' => depth -= 1,
            ':' if depth == 0 => in_value = true,
            c if depth == 0 && !in_value && (c.is_ascii_alphanumeric() || c == '_') => name.push(c),
            _ => {}
        }
    }
    fields.retain(|field| !field.is_empty());
    fields
}

#[test]
fn shapes_are_read() {
    assert_eq!(
        fields("id?,name,progress?:[text],contexts?:[{type,content}],blocks?:[id]}` more, {x}"),
        ["id", "name", "progress", "contexts", "blocks"]
    );
    assert_eq!(
        fields("\"agent_id\":\"ada\",\"where\":\"p = $1\",\"params\":[\"p1\"]}"),
        ["agent_id", "where", "params"]
    );
}
