//! What is published holds together. That it is true is asked of a running server, in `tests/tests/openapi`.

use super::*;
use std::collections::BTreeSet;

/// Every `$ref` of a schema.
fn references(schema: &Value, found: &mut BTreeSet<String>) {
    match schema {
        Value::Object(members) => {
            for (name, member) in members {
                match member {
                    Value::String(target) if name == "$ref" => drop(found.insert(target.clone())),
                    member => references(member, found),
                }
            }
        }
        Value::Array(elements) => elements.iter().for_each(|element| references(element, found)),
        _ => {}
    }
}

#[test]
fn names_are_unique_and_lead_somewhere() {
    let names: BTreeSet<&str> = types().iter().map(|known| known.name.as_str()).collect();
    assert_eq!(names.len(), types().len(), "two types have one name");
    for known in types() {
        assert!(!known.description().is_empty(), "{} says what it is", known.name);
        let mut found = BTreeSet::new();
        references(&known.schema, &mut found);
        for target in found {
            let target = target.strip_prefix("#/$defs/").expect("types refer to types");
            assert!(names.contains(target), "{} refers to {target}, which is not there", known.name);
        }
    }
}

#[test]
fn a_document_has_all_that_it_refers_to() {
    for known in types() {
        let document = document(known);
        let mut found = BTreeSet::new();
        references(&document, &mut found);
        let definitions: BTreeSet<String> = document["$defs"]
            .as_object()
            .into_iter()
            .flat_map(|definitions| definitions.keys().map(|name| format!("#/$defs/{name}")))
            .collect();
        assert_eq!(found, definitions, "{}", known.name);
    }
}

#[test]
fn every_type_of_the_catalogue_is_understood() {
    for entry in domain::event::CATALOGUE {
        for field in entry.fields {
            assert!(
                events::of_words(field.kind).is_some(),
                "schema/events.rs does not know what `{}` ({}.{}) is in JSON",
                field.kind,
                entry.name,
                field.name
            );
        }
    }
}

/// A table that has rows of the work model, or a column that may be null, needs a line in `rows.rs`.
#[test]
fn every_table_of_the_model_has_a_row_type() {
    let beside = ["events", "next_task"];
    for table in query::tables::ALL {
        let has = !rows::name_of(table.name).is_empty() || beside.contains(&table.name);
        assert!(has, "schema/rows.rs has no line for the table `{}`", table.name);
    }
}

#[test]
fn operations_are_described_once() {
    let operations = crate::http::operations();
    let ids: BTreeSet<_> = operations.iter().map(|operation| operation.id).collect();
    let places: BTreeSet<_> = operations.iter().map(|operation| (operation.method, operation.path)).collect();
    assert_eq!((ids.len(), places.len()), (operations.len(), operations.len()));
}

#[test]
fn types_are_found_by_the_names_people_try() {
    for (tried, found) in
        [("Task", "Task"), ("task", "Task"), ("tasks", "Task"), ("taskcreated", "TaskCreated")]
    {
        assert_eq!(find(tried).map(|known| known.name.as_str()), Some(found), "{tried}");
    }
    assert!(find("nothing").is_none());
}
