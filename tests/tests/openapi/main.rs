//! The published contract is true: what `/openapi.json` and `agentpm schema` say is what a running server does.
//!
//! That answers have no other shape than the published ones is asked of every answer of every suite, in the client
//! they share (`tests/src/contract.rs`).

mod body;
mod examples;
mod stage;

use agentpm_tests::contract::{self, Operation};
use agentpm_tests::schema::violations;
use agentpm_tests::server::command;
use serde_json::{Value, json};
use stage::Stage;
use std::collections::BTreeSet;

/// A name that resembles no other, so that the server lists those it knows.
const UNKNOWN: &str = "zzzzzzzzzzzzzzzz";

/// The names in the refusal of a field or parameter that is not known.
fn known(answer: &agentpm_tests::Answer, pointer: &str) -> BTreeSet<String> {
    let details = answer.body["error"]["details"].as_array().cloned().unwrap_or_default();
    let about = details.iter().find(|detail| detail["pointer"] == *pointer);
    let about =
        about.unwrap_or_else(|| panic!("{}: no detail at {pointer}: {}", answer.request, answer.body));
    let message = about["message"].as_str().unwrap();
    match message.split_once("known here: ") {
        Some((_, names)) => names.split(", ").map(str::to_owned).collect(),
        None => {
            assert!(message.contains("takes none"), "{message}");
            BTreeSet::new()
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_server_gives_what_the_command_prints() {
    let stage = Stage::set().await;
    let answer = stage.client.get("/openapi.json").await;
    assert_eq!(&answer.body, contract::document());
    assert_eq!(answer.headers["content-type"], "application/json");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_call_takes_the_parameters_that_are_described() {
    let stage = Stage::set().await;
    for operation in contract::operations().iter().filter(|operation| operation.template != "/ws") {
        let path = stage.path(operation).await;
        let request = stage.client.request(&operation.method, &format!("{path}?{UNKNOWN}=1"));
        let answer = stage.client.send(request).await;
        assert_eq!(answer.status, 400, "{}: {}", answer.request, answer.body);
        let parameters = operation.says["parameters"].as_array().unwrap();
        let described: BTreeSet<String> = parameters
            .iter()
            .filter(|parameter| parameter["in"] == "query")
            .map(|parameter| parameter["name"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(known(&answer, &format!("/{UNKNOWN}")), described, "{}", answer.request);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_body_takes_the_fields_that_are_described() {
    let stage = Stage::set().await;
    for (operation, schema, example) in body::described() {
        let path = stage.path(&operation).await;
        let example = stage.fill(example, &path).await;
        let mut seen = BTreeSet::new();
        for object in body::closed_objects(&schema, &example) {
            let mut body = example.clone();
            body.pointer_mut(&object.pointer).unwrap()[UNKNOWN] = 1.into();
            let answer = stage.client.call(&operation.method, &path, &body).await;
            assert_eq!(answer.status, 400, "{}: {}", answer.request, answer.body);
            let found = known(&answer, &format!("{}/{UNKNOWN}", object.pointer));
            assert_eq!(found, object.names, "{} at `{}`", answer.request, object.pointer);
            seen.insert(object.place);
        }
        let all = body::places(&schema);
        assert_eq!(
            seen, all,
            "the example of {} {} shows every object",
            operation.method, operation.template
        );
    }
}

/// What the schema refuses the server refuses, in its place; what the schema takes it does not refuse for its kind.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_field_takes_the_kinds_that_are_described() {
    let stage = Stage::set().await;
    let candidates =
        [json!(null), json!(true), json!(7), json!(7.5), json!(-7), json!("?"), json!([7]), json!({})];
    let (mut refused, mut wrong) = (0, Vec::new());
    for (operation, schema, example) in body::described() {
        let path = stage.path(&operation).await;
        let example = stage.fill(example, &path).await;
        for object in body::closed_objects(&schema, &example) {
            for name in &object.names {
                let pointer = format!("{}/{name}", object.pointer);
                // Left out, and then each kind of value in its place.
                let without = [None].into_iter();
                for candidate in without.chain(candidates.iter().map(Some)) {
                    let mut body = example.clone();
                    let members = body.pointer_mut(&object.pointer).unwrap().as_object_mut().unwrap();
                    match candidate {
                        Some(value) => drop(members.insert(name.clone(), value.clone())),
                        None => drop(members.remove(name)),
                    }
                    let holds = violations(contract::document(), &schema, &body).is_empty();
                    if holds {
                        continue;
                    }
                    let answer = stage.client.call(&operation.method, &path, &body).await;
                    let details = answer.body["error"]["details"].as_array().cloned().unwrap_or_default();
                    let is_told = details.iter().any(|detail| {
                        detail["pointer"].as_str().is_some_and(|told| told.starts_with(&pointer))
                    });
                    refused += 1;
                    if !is_told && !["ERR_PQL", "ERR_NOT_FOUND"].contains(&answer.code()) {
                        wrong.push(format!("{} at `{pointer}`: {}", answer.request, answer.body));
                    }
                }
            }
        }
    }
    assert!(refused > 500, "only {refused} bodies were refused");
    assert!(wrong.is_empty(), "{} are not refused in their place:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_type_is_printed_whole() {
    let listed = command().args(["schema", "--json"]).output().unwrap();
    let listed: Value = serde_json::from_slice(&listed.stdout).unwrap();
    let types = listed["types"].as_array().unwrap();
    let schemas = contract::document()["components"]["schemas"].as_object().unwrap();
    assert_eq!(types.len(), schemas.len());
    for name in ["Task", "CreateTask", "TaskCreated", "Claim", "ErrConflict", "tasks"] {
        let printed = command().args(["schema", name]).output().unwrap();
        let printed: Value = serde_json::from_slice(&printed.stdout).unwrap();
        assert_eq!(printed["$schema"], "https://json-schema.org/draft/2020-12/schema");
        // It can be used by itself: nothing that it refers to is elsewhere.
        assert!(!violations(&printed, &printed, &json!(7)).is_empty(), "{name}");
    }
    let unknown = command().args(["schema", "Taks"]).output().unwrap();
    assert_eq!(unknown.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("did you mean `Task`?"));
}

fn name(operation: &Operation) -> String {
    format!("{} {}", operation.method, operation.template)
}
