//! `agentpm schema`: the published types, without a server.

use super::output::{Form, print, print_bytes};
use crate::failure::{Failure, exit};
use crate::schema;
use crate::wire::fields::nearest;
use clap::Args;
use serde_json::json;

/// Where the whole API is, among the names of types.
const WHOLE: &str = "openapi";

/// Print the JSON Schema of a type: rows, requests, answers, events, errors
#[derive(Debug, Args)]
pub(crate) struct Schema {
    /// A type, like `Task`, `CreateTask` or `TaskCreated`; `openapi` for the whole API; none lists them
    #[arg(value_name = "TYPE")]
    name: Option<String>,
}

pub(super) fn run(asked: &Schema, form: Option<Form>) -> Result<(), Failure> {
    match asked.name.as_deref() {
        None => print(&list(), Form::or_fitting(form)),
        Some(WHOLE) => document(schema::openapi()),
        Some(name) => document(&schema::document(schema::find(name).ok_or_else(|| no_such_type(name))?)),
    }
}

/// A schema is JSON, whatever form is asked for.
fn document(schema: &serde_json::Value) -> Result<(), Failure> {
    print_bytes(format!("{schema:#}\n").as_bytes())
}

fn list() -> serde_json::Value {
    let types = schema::types().iter().map(|known| {
        json!({ "type": known.name, "kind": known.kind.as_str(), "description": known.description() })
    });
    json!({ "types": types.collect::<Vec<_>>() })
}

fn no_such_type(name: &str) -> Failure {
    let known = schema::types().iter().map(|known| known.name.as_str());
    let near = nearest(name, known).map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
    Failure::new(
        exit::NOT_FOUND,
        format!("no type has the name `{name}`{near}\n`agentpm schema` lists all of them"),
    )
}
