//! What a reader asks of a document, written down while it reads none: the published schemas of requests come from
//! the very code that reads requests, so they cannot say anything else.
//!
//! A reader is run once over nothing. Every member that it asks for, and what it makes of it, becomes a part of a
//! JSON Schema (2020-12). What a reader checks by hand says so itself, with `note`.

use super::args::Args;
use super::fields::{Fields, Problems};
use serde_json::{Map, Value, json};
use std::fmt;

/// Whether a member must be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Presence {
    /// It must, and not be null.
    Required,
    /// It may be absent or null.
    Optional,
    /// It may be absent, and is not null when it is there.
    NotNull,
}

/// A place in a document, and what was asked of it.
#[derive(Debug, Default)]
pub(super) struct Shape {
    says: Map<String, Value>,
    members: Vec<(String, Presence, Shape)>,
    element: Option<Box<Shape>>,
    is_closed: bool,
}

impl Shape {
    fn at(&mut self, pointer: &str) -> &mut Self {
        let Some(path) = pointer.strip_prefix('/') else { return self };
        let (step, rest) = path.split_at(path.find('/').unwrap_or(path.len()));
        let name = step.replace("~1", "/").replace("~0", "~");
        match self.element.is_some() {
            true => self.element.as_mut().expect("looked at above").at(rest),
            false => self.member(&name, Presence::Optional).at(rest),
        }
    }

    fn member(&mut self, name: &str, presence: Presence) -> &mut Self {
        let known = self.members.iter().position(|(known, ..)| known == name);
        let place = known.unwrap_or_else(|| {
            self.members.push((name.to_owned(), presence, Self::default()));
            self.members.len() - 1
        });
        &mut self.members[place].2
    }

    /// Notes that a member is asked for.
    pub(super) fn asks(&mut self, of: impl fmt::Display, name: &str, presence: Presence) {
        self.at(&of.to_string()).member(name, presence);
    }

    /// Notes what a value must be.
    pub(super) fn says(&mut self, at: impl fmt::Display, schema: Value) {
        if let Value::Object(says) = schema {
            self.at(&at.to_string()).says.extend(says);
        }
    }

    /// Notes that a value is a list, whose elements are asked about next.
    pub(super) fn lists(&mut self, at: impl fmt::Display) {
        self.at(&at.to_string()).element.get_or_insert_default();
    }

    /// Notes that an object has no other members.
    pub(super) fn closes(&mut self, at: impl fmt::Display) {
        self.at(&at.to_string()).is_closed = true;
    }

    fn schema(&self) -> Value {
        let mut schema = Map::new();
        if let Some(element) = &self.element {
            schema.insert("type".to_owned(), "array".into());
            schema.insert("items".to_owned(), element.schema());
        }
        if self.is_closed || !self.members.is_empty() {
            schema.insert("type".to_owned(), "object".into());
        }
        schema.extend(self.says.clone());
        if !self.members.is_empty() {
            let members = self.members.iter().map(|(name, presence, shape)| {
                let schema = shape.schema();
                (name.clone(), if *presence == Presence::Optional { or_null(schema) } else { schema })
            });
            schema.insert("properties".to_owned(), Value::Object(members.collect()));
        }
        let required = self.members.iter().filter(|(_, presence, _)| *presence == Presence::Required);
        let required: Vec<Value> = required.map(|(name, ..)| name.as_str().into()).collect();
        if !required.is_empty() {
            schema.insert("required".to_owned(), required.into());
        }
        if self.is_closed {
            schema.insert("additionalProperties".to_owned(), false.into());
        }
        Value::Object(schema)
    }
}

/// The same schema, or null.
pub(crate) fn or_null(mut schema: Value) -> Value {
    let Some(says) = schema.as_object_mut() else { return schema };
    if says.is_empty() {
        // Anything may be null.
        return schema;
    }
    if let (Some(Value::String(kind)), None) = (says.get("type"), says.get("const")) {
        says["type"] = json!([kind, "null"]);
        if let Some(Value::Array(words)) = says.get_mut("enum") {
            words.push(Value::Null);
        }
        return schema;
    }
    json!({ "anyOf": [schema, { "type": "null" }] })
}

/// The JSON Schema of the bodies that a reader takes.
pub(crate) fn body<T>(read: impl FnOnce(&mut Fields<'_, '_>) -> T) -> Value {
    let problems = Problems::asking();
    let mut fields = Fields::nothing(&problems);
    read(&mut fields);
    fields.finish();
    problems.asked().schema()
}

/// A parameter of a query string.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Parameter {
    pub(crate) name: String,
    pub(crate) is_required: bool,
    pub(crate) schema: Value,
}

/// The parameters that a reader takes, in the order in which it asks for them.
pub(crate) fn query<T>(read: impl FnOnce(&mut Args) -> T) -> Vec<Parameter> {
    let members = Args::ask(read).members;
    let parameter = |(name, presence, shape): (String, Presence, Shape)| Parameter {
        name,
        is_required: presence == Presence::Required,
        schema: shape.schema(),
    };
    members.into_iter().map(parameter).collect()
}

#[cfg(test)]
mod test {
    use super::*;
    use domain::rows::TaskStatus;

    #[test]
    fn a_reader_says_what_it_reads() {
        let schema = body(|fields| {
            fields.required_text("title");
            fields.take("priority", |item| item.int_in(-5..=5));
            fields.take("status", |item| item.word(TaskStatus::ALL));
            fields.changed("caps", |item| item.set());
            fields.change("due_at", |item| item.time());
            fields.take("any", |item| item.json());
            fields.require("items", |item| {
                item.list(|item| item.whole(|fields| fields.require("a/b", |item| item.bool())))
            });
        });
        let expected = json!({
            "type": "object",
            "properties": {
                "title": { "type": "string", "minLength": 1 },
                "priority": { "type": ["integer", "null"], "minimum": -5, "maximum": 5 },
                "status": {
                    "type": ["string", "null"],
                    "enum": ["open", "in_progress", "blocked", "completed", "cancelled", null],
                },
                "caps": {
                    "type": "array",
                    "items": { "type": "string", "minLength": 1, "maxLength": 128 },
                    "maxItems": 64,
                },
                "due_at": { "type": ["string", "null"], "format": "date-time" },
                "any": {},
                "items": { "type": "array", "items": {
                    "type": "object",
                    "properties": { "a/b": { "type": "boolean" } },
                    "required": ["a/b"],
                    "additionalProperties": false,
                } },
            },
            "required": ["title", "items"],
            "additionalProperties": false,
        });
        assert_eq!(schema, expected);
    }

    #[test]
    fn a_reader_of_parameters_too() {
        let found = query(|args| {
            args.int_in("limit", 1..=10);
            args.among("status", &TaskStatus::ALL[..2]);
            args.required("pql");
            args.flag("deep");
        });
        let found: Vec<_> = found.into_iter().map(|p| (p.name, p.is_required, p.schema)).collect();
        let expected = [
            ("limit", false, json!({ "type": "integer", "minimum": 1, "maximum": 10 })),
            (
                "status",
                false,
                json!({ "type": "array", "items": { "type": "string", "enum": ["open", "in_progress"] } }),
            ),
            ("pql", true, json!({ "type": "string", "minLength": 1 })),
            ("deep", false, json!({ "type": "boolean" })),
        ];
        assert_eq!(found, expected.map(|(name, required, schema)| (name.to_owned(), required, schema)));
    }

    #[test]
    fn nothing_is_an_object_without_members() {
        assert_eq!(body(|_| ()), json!({ "type": "object", "additionalProperties": false }));
    }

    #[test]
    fn null_besides() {
        assert_eq!(
            or_null(json!({ "$ref": "#/x" })),
            json!({ "anyOf": [{ "$ref": "#/x" }, { "type": "null" }] })
        );
        assert_eq!(or_null(json!({})), json!({}));
    }
}
