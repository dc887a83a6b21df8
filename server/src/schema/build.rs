//! The few pieces that schemas are put together from.

use serde_json::{Map, Value, json};

pub(crate) use crate::wire::shape::or_null as nullable;

/// Another type.
pub(crate) fn refer(name: &str) -> Value {
    json!({ "$ref": format!("#/$defs/{name}") })
}

pub(super) fn text() -> Value {
    json!({ "type": "string" })
}

pub(super) fn time() -> Value {
    json!({ "type": "string", "format": "date-time" })
}

/// A whole number from 0: a position, a count.
pub(super) fn count() -> Value {
    json!({ "type": "integer", "minimum": 0 })
}

pub(super) fn boolean() -> Value {
    json!({ "type": "boolean" })
}

pub(super) fn list(items: Value) -> Value {
    json!({ "type": "array", "items": items })
}

/// A JSON object of anybody's own.
pub(super) fn own() -> Value {
    json!({ "type": "object" })
}

pub(super) fn words<T: ToString>(words: impl IntoIterator<Item = T>) -> Value {
    let words: Vec<String> = words.into_iter().map(|word| word.to_string()).collect();
    json!({ "type": "string", "enum": words })
}

/// An object with these members, a name with `?` at its end for one that may be absent, and no others.
pub(super) fn object<'a>(members: impl IntoIterator<Item = (&'a str, Value)>) -> Value {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for (name, schema) in members {
        let always = name.trim_end_matches('?');
        if always == name {
            required.push(Value::from(name));
        }
        properties.insert(always.to_owned(), schema);
    }
    let mut object = json!({ "type": "object", "properties": properties });
    if !required.is_empty() {
        object["required"] = required.into();
    }
    object["additionalProperties"] = false.into();
    object
}

/// A schema that says what it is.
pub(super) fn described(description: &str, mut schema: Value) -> Value {
    if let Value::Object(members) = &mut schema {
        members.remove("description");
        let mut all = Map::new();
        all.insert("description".to_owned(), description.into());
        all.append(members);
        return Value::Object(all);
    }
    schema
}
