//! The data of the work model's events, from its catalogue.

use super::build::{boolean, described, list, nullable, object, own, text, time, words};
use super::{Kind, Type};
use domain::event::{CATALOGUE, EventType};
use serde_json::{Value, json};

/// Events whose data an agent gives, beyond the members that have a meaning.
const OPEN: &[&str] = &["ToolInvoked"];

pub(super) fn types() -> Vec<Type> {
    CATALOGUE.iter().map(|entry| Type::new(entry.name, Kind::Event, data(entry))).collect()
}

fn data(entry: &EventType) -> Value {
    let names: Vec<String> = entry
        .fields
        .iter()
        .map(|field| if field.absent.is_empty() { field.name.to_owned() } else { format!("{}?", field.name) })
        .collect();
    let members = entry.fields.iter().map(|field| {
        let schema = of_words(field.kind).unwrap_or_else(|| json!({ "$comment": field.kind }));
        described(field.meaning, schema)
    });
    let mut schema = object(names.iter().map(String::as_str).zip(members));
    if OPEN.contains(&entry.name) {
        let says = entry.fields.iter().map(|field| (field.name, json!({ "description": field.meaning })));
        schema = json!({ "properties": says.collect::<std::collections::BTreeMap<_, _>>() });
    }
    described(&format!("Data of `{}`. {}", entry.name, entry.summary), schema)
}

/// What the catalogue calls the JSON type of a member.
pub(super) fn of_words(kind: &str) -> Option<Value> {
    if let Some(rest) = kind.strip_suffix(" or null") {
        return of_words(rest).map(nullable);
    }
    if let Some(of) = kind.strip_prefix("list of ") {
        return of_words(of).map(list);
    }
    Some(match kind {
        "text" | "id" => text(),
        "time" => time(),
        "object" => own(),
        "integer" => json!({ "type": "integer" }),
        "number" => json!({ "type": "number" }),
        "boolean" => boolean(),
        "true" => json!({ "const": true }),
        "any JSON" => json!({}),
        closed if closed.contains(" · ") => words(closed.split(" · ")),
        _ => return None,
    })
}
