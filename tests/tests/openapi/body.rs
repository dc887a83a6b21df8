//! Bodies of requests, by what is published of them.

use agentpm_tests::contract::{self, Operation};
use serde_json::Value;
use std::collections::BTreeSet;

/// An object of an example that has no other members than those described.
pub(crate) struct Closed {
    /// Where it is in the example.
    pub(crate) pointer: String,
    /// Where it is in the schema.
    pub(crate) place: String,
    /// What it may have.
    pub(crate) names: BTreeSet<String>,
}

/// Every call with a JSON body that has members: the call, the schema of its body, its example.
pub(crate) fn described() -> Vec<(Operation, Value, Value)> {
    let document = contract::document();
    let with_body = contract::operations().into_iter().filter_map(|operation| {
        let media = operation.says.pointer("/requestBody/content/application~1json")?.clone();
        let schema = resolved(document, &media["schema"]).clone();
        schema["properties"].as_object()?;
        let example = media.get("example").cloned();
        let example = example.unwrap_or_else(|| panic!("{} has no example", crate::name(&operation)));
        Some((operation, schema, example))
    });
    with_body.collect()
}

/// What a schema refers to, if it does.
fn resolved<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    match schema["$ref"].as_str() {
        Some(target) => document.pointer(target.trim_start_matches('#')).expect("a type that is there"),
        None => schema,
    }
}

/// Every object of the example whose schema takes no other members.
pub(crate) fn closed_objects(schema: &Value, example: &Value) -> Vec<Closed> {
    let mut found = Vec::new();
    walk(schema, example, String::new(), String::new(), &mut found);
    found
}

fn walk(schema: &Value, example: &Value, pointer: String, place: String, found: &mut Vec<Closed>) {
    let schema = resolved(contract::document(), schema);
    if schema["additionalProperties"] == false {
        let properties = schema["properties"].as_object();
        let names = properties.into_iter().flat_map(serde_json::Map::keys).cloned().collect();
        found.push(Closed { pointer: pointer.clone(), place: place.clone(), names });
    }
    if let (Some(members), Some(properties)) = (example.as_object(), schema["properties"].as_object()) {
        for (name, member) in members {
            if let Some(schema) = properties.get(name) {
                walk(schema, member, format!("{pointer}/{name}"), format!("{place}/{name}"), found);
            }
        }
    }
    if let (Some(elements), Some(schema)) = (example.as_array(), schema.get("items")) {
        for (index, element) in elements.iter().enumerate() {
            walk(schema, element, format!("{pointer}/{index}"), format!("{place}/*"), found);
        }
    }
}

/// Where a schema has objects that take no other members than those described.
pub(crate) fn places(schema: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    places_of(schema, String::new(), &mut found);
    found
}

fn places_of(schema: &Value, place: String, found: &mut BTreeSet<String>) {
    let schema = resolved(contract::document(), schema);
    for (name, member) in schema["properties"].as_object().into_iter().flatten() {
        places_of(member, format!("{place}/{name}"), found);
    }
    if let Some(items) = schema.get("items") {
        places_of(items, format!("{place}/*"), found);
    }
    if schema["additionalProperties"] == false {
        found.insert(place);
    }
}
