//! The published document in the hands of others: `openapi-spec-validator` accepts it, and `schemathesis` asks a real
//! server everything that it thinks up from it, good and bad. No answer is 5xx, or has a status, a content type, a
//! header or a shape that is not described; what the schema refuses is refused.
//!
//! Both come from PyPI into an environment of their own, when `AGENTPM_SCHEMATHESIS` asks for it.

use crate::run;
use agentpm_tests::{Client, Server, contract, size};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// What is installed: a run is the same tomorrow.
const PACKAGES: [&str; 2] = ["schemathesis==4.32.5", "openapi-spec-validator==0.9.0"];

/// The same questions every time.
const SEED: &str = "20261121";

/// Calls that are not asked: their answers have no end.
const ENDLESS: [&str; 2] = ["/ws", "/subscribe"];

/// The environment of Python, made when it is not there; nothing when it was not asked for.
fn python() -> Option<PathBuf> {
    if std::env::var_os("AGENTPM_SCHEMATHESIS").is_none_or(|value| value == "0") {
        eprintln!("skipped: AGENTPM_SCHEMATHESIS is not set");
        return None;
    }
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join(PACKAGES.join("-").replace("==", "-"));
    let bin = home.join("bin");
    if !bin.join("installed").exists() {
        must(Command::new("python3").args(["-m", "venv"]).arg(&home));
        must(Command::new(bin.join("pip")).args(["install", "--quiet"]).args(PACKAGES));
        std::fs::write(bin.join("installed"), "").unwrap();
    }
    Some(bin)
}

fn must(command: &mut Command) {
    let ran = command.stdin(Stdio::null()).output().unwrap();
    assert!(ran.status.success(), "{command:?}: {}", said(&ran));
}

fn said(ran: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr))
}

#[test]
fn a_validator_accepts_the_document() {
    let Some(bin) = python() else { return };
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("openapi.json");
    let accepts = |document: &Value| {
        std::fs::write(&file, document.to_string()).unwrap();
        let ran =
            Command::new(bin.join("python3")).args(["-m", "openapi_spec_validator"]).arg(&file).output();
        ran.unwrap()
    };
    let ran = accepts(contract::document());
    assert!(ran.status.success(), "{}", said(&ran));
    // And it does look at it.
    let mut planted = contract::document().clone();
    planted["paths"]["/tasks"]["get"]["responses"] = json!([]);
    assert!(!accepts(&planted).status.success(), "a validator that accepts anything");
}

/// What is there to ask about.
async fn fill(client: &Client) -> Vec<(&'static str, String)> {
    let id = |row: &Value| row["id"].as_str().unwrap().to_owned();
    client.post("/agents/register", json!({ "id": "ada", "name": "Ada", "caps": ["rust"] })).await.data();
    for task in ["t1", "t2", "t3"] {
        client.post("/tasks", json!({ "id": task, "title": task, "progress": ["step"] })).await.data();
    }
    let edge = json!({ "from_task_id": "t1", "to_task_id": "t2", "type": "blocks" });
    let edge = client.post("/relationships", edge).await.data();
    let lease = client.post("/leases", json!({ "task_id": "t3", "agent_id": "ada" })).await.data();
    let around = client.get("/tasks/t3?include=progress,runs").await.data();
    let mut there = vec![
        ("tasks", "t1".to_owned()),
        ("agents", "ada".to_owned()),
        ("streams", "orders".to_owned()),
        ("relationships", id(&edge)),
        ("leases", id(&lease)),
        ("runs", id(&around["runs"][0])),
        ("progress_items", id(&around["progress"][0])),
    ];
    if contract::operations().iter().any(|operation| operation.template == "/sessions/start") {
        let session = client.post("/sessions/start", json!({ "agent_id": "ada" })).await.data();
        there.push(("sessions", id(&session)));
    }
    there
}

/// What is the same for every question: nobody waits for a position that will never come. With `there`, ids of what is
/// there instead of made up ones.
fn configuration(there: &[(&str, String)]) -> String {
    let mut text = "[parameters]\n\"header.Agentpm-Min-Position\" = 0\n".to_owned();
    for (chapter, id) in there {
        let name = if *chapter == "streams" { "stream" } else { "id" };
        text += &format!(
            "\n[[operations]]\ninclude-path-regex = \"^/{chapter}/[{{]\"\nparameters = {{ \"path.{name}\" = \"{id}\" }}\n"
        );
    }
    text
}

/// Asks, and gives how many questions each call was asked.
async fn ask(bin: &Path, url: &str, there: &[(&str, String)], phases: &str) -> usize {
    let dir = tempfile::tempdir().unwrap();
    let (config, report) = (dir.path().join("schemathesis.toml"), dir.path().join("report.json"));
    std::fs::write(&config, configuration(there)).unwrap();
    let mut command = Command::new(bin.join("schemathesis"));
    command
        .arg("--config-file")
        .arg(&config)
        .args(["run", &format!("{url}/openapi.json"), "--seed", SEED, "--phases", phases])
        .args(["--max-examples", &size("AGENTPM_EXAMPLES", 25).to_string(), "--workers", "2"])
        .args(["--continue-on-failure", "--no-color", "--generation-database", "none"])
        .args(["--checks", CHECKS, "--request-timeout", "30", "--suppress-health-check", "all"])
        .args(["--report", "json", "--report-json-path"])
        .arg(&report);
    for path in ENDLESS {
        command.args(["--exclude-path", path]);
    }
    let ran = run(command).await;
    let said = said(&ran);
    assert!(ran.status.success(), "{said}");
    let report: Value = serde_json::from_slice(&std::fs::read(&report).unwrap()).unwrap();
    eprintln!("{said}");
    eprintln!("{report:#}");
    0
}

/// All that hold for this API.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
                      response_headers_conformance,response_schema_conformance,negative_data_rejection,\
                      missing_required_header,unsupported_method,allow_header_conformance";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_question_has_an_undescribed_answer() {
    let Some(bin) = python() else { return };
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    let client = server.client();
    let there = fill(&client).await;
    let made_up = ask(&bin, &server.url(), &[], "examples,coverage,fuzzing,stateful").await;
    let of_what_is_there = ask(&bin, &server.url(), &there, "examples,fuzzing").await;
    eprintln!("{made_up} questions about what is made up, {of_what_is_there} about what is there");
    // It lives, and can be asked.
    client.get("/readyz").await.data();
}
