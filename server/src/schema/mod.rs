//! The published contract: a JSON Schema (2020-12) for everything that goes over the wire, and the OpenAPI document.
//!
//! Nothing is described twice. Requests come from the readers of [`crate::wire`], run over nothing
//! ([`crate::wire::shape`]); rows from the tables of [`query`]; the data of events from the model's catalogue; errors
//! from their codes. Written out here are only the shapes that answers have around those; every answer of the
//! black-box suites is held against them.

mod answers;
mod build;
mod document;
mod errors;
mod events;
mod openapi;
mod operation;
mod rows;
#[cfg(test)]
mod test;

pub(crate) use build::refer;
pub(crate) use document::document;
pub(crate) use openapi::openapi;
pub(crate) use operation::{NDJSON, Operation};

use serde_json::Value;
use std::sync::LazyLock;

/// What a type is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// A row of a table.
    Row,
    /// The body of a request.
    Request,
    /// The `data` of an answer.
    Answer,
    /// The `data` of an event of the work model.
    Event,
    /// The envelope of an error, by its code.
    Error,
}

impl Kind {
    /// In one word.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Row => "row",
            Self::Request => "request",
            Self::Answer => "answer",
            Self::Event => "event",
            Self::Error => "error",
        }
    }
}

/// A schema with a name.
#[derive(Debug, Clone)]
pub(crate) struct Type {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    /// Other types are referred to as `#/$defs/NAME`.
    pub(crate) schema: Value,
}

impl Type {
    fn new(name: impl Into<String>, kind: Kind, schema: Value) -> Self {
        Self { name: name.into(), kind, schema }
    }

    /// What it says of itself.
    pub(crate) fn description(&self) -> &str {
        self.schema["description"].as_str().unwrap_or_default()
    }
}

/// Every named type: rows first, then requests, answers, events, errors.
pub(crate) fn types() -> &'static [Type] {
    static TYPES: LazyLock<Vec<Type>> = LazyLock::new(|| {
        let mut types = [rows::types(), answers::types(), events::types(), errors::types()].concat();
        types.extend(crate::http::operations().iter().filter_map(Operation::request));
        // Stable, so each kind keeps the order in which it is described.
        types.sort_by_key(|known| known.kind);
        types
    });
    &TYPES
}

/// The type of that name, or of the rows of the table of that name; capitals do not matter.
pub(crate) fn find(name: &str) -> Option<&'static Type> {
    let row = rows::name_of(name);
    let name = if row.is_empty() { name } else { row };
    types().iter().find(|known| known.name.eq_ignore_ascii_case(name))
}
