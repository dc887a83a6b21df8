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

/// Calls that are not asked: the answers of two have no end, and a body of NDJSON is not thought up.
const LEFT_OUT: [&str; 3] = ["/ws", "/subscribe", "/import"];

/// HTTP takes headers that nobody knows, so no more of them are thought up; unknown fields and parameters are asked
/// about by the suite `openapi`.
const CONFIGURATION: &str = "[generation]\nallow-extra-parameters = false\n";

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

/// The document without the header that makes the server wait for a position that will never come.
fn document() -> Value {
    let mut document = contract::document().clone();
    for operation in document["paths"].as_object_mut().unwrap().values_mut() {
        for says in operation.as_object_mut().unwrap().values_mut() {
            let parameters = says["parameters"].as_array_mut().unwrap();
            parameters.retain(|parameter| parameter["$ref"] != "#/components/parameters/MinPosition");
        }
    }
    document
}

/// The configuration that gives the calls about a chapter the id of what is there.
fn configuration(there: &[(&str, String)]) -> String {
    let mut text = CONFIGURATION.to_owned();
    for (chapter, id) in there {
        let name = if *chapter == "streams" { "stream" } else { "id" };
        let pattern = format!("include-path-regex = \"^/{chapter}/[{{]\"");
        text += &format!("\n[[operations]]\n{pattern}\nparameters = {{ \"path.{name}\" = \"{id}\" }}\n");
    }
    text
}

/// Asks, about what is there if it is given, and gives how many questions that were.
async fn ask(bin: &Path, url: &str, there: &[(&str, String)], phases: &str) -> u64 {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    std::fs::write(at("schemathesis.toml"), configuration(there)).unwrap();
    std::fs::write(at("openapi.json"), document().to_string()).unwrap();
    let mut command = Command::new(bin.join("schemathesis"));
    command
        .current_dir(dir.path())
        .arg("--config-file")
        .arg(at("schemathesis.toml"))
        .arg("run")
        .arg(at("openapi.json"))
        .args(["--url", url, "--seed", SEED, "--phases", phases, "--checks", CHECKS])
        .args(["--max-examples", &size("AGENTPM_EXAMPLES", 25).to_string(), "--workers", "1"])
        .args(["--continue-on-failure", "--no-color", "--generation-database", "none"])
        .args(["--request-timeout", "30", "--suppress-health-check", "all", "--warnings", "off"])
        .args(["--report", "json", "--report-json-path"])
        .arg(at("report.json"));
    for path in LEFT_OUT {
        command.args(["--exclude-path", path]);
    }
    let ran = run(command).await;
    assert!(ran.status.success(), "{}", said(&ran));
    let report: Value = serde_json::from_slice(&std::fs::read(at("report.json")).unwrap()).unwrap();
    assert_eq!(report["operations"]["tested"], contract::operations().len() - LEFT_OUT.len());
    report["test_cases"]["generated"].as_u64().unwrap()
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
    // Of each call how many were answered how, by the server's own figures.
    let figures = client.get("/metrics").await.body;
    let counted = figures.as_str().unwrap_or_default().lines().filter(|line| line.contains("_count{method="));
    eprintln!("{}", counted.collect::<Vec<_>>().join("\n"));
    eprintln!("{made_up} questions about what is made up, {of_what_is_there} about what is there");
    assert!(made_up > 1_000, "{made_up} questions");
    // It lives, and can be asked.
    client.get("/readyz").await.data();
}
