//! Reading a query string as strictly as a body.

use super::fields::{Problems, nearest};
use super::pointer::Pointer;
use super::shape::{Presence, Shape};
use super::time;
use crate::error::Error;
use axum::extract::Query;
use axum::http::Uri;
use serde_json::{Value, json};
use store::Timestamp;

/// The parameters of a query string, each taken at most once.
#[derive(Debug)]
pub(crate) struct Args {
    pairs: Vec<(String, String)>,
    asked: Vec<&'static str>,
    problems: Problems,
}

impl Args {
    /// Reads a query string with `read`, or says everything that is wrong with it.
    ///
    /// # Errors
    /// `ERR_VALIDATION` with a detail per problem; pointers name the parameter, like `/limit`.
    pub(crate) fn decode<T>(uri: &Uri, read: impl FnOnce(&mut Self) -> T) -> Result<T, Error> {
        let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(uri)
            .map_err(|error| Error::problem("", format!("the query string cannot be read: {error}")))?;
        let mut args = Self { pairs, asked: Vec::new(), problems: Problems::default() };
        let value = read(&mut args);
        match args.finish() {
            None => Ok(value),
            Some(error) => Err(error),
        }
    }

    /// What a reader would read.
    pub(super) fn ask<T>(read: impl FnOnce(&mut Self) -> T) -> Shape {
        let mut args = Self { pairs: Vec::new(), asked: Vec::new(), problems: Problems::asking() };
        read(&mut args);
        args.problems.asked()
    }

    /// Says in JSON Schema what is asked of a parameter beyond what its reading tells.
    pub(crate) fn note(&self, name: &str, schema: impl FnOnce() -> Value) {
        self.problems.shape(|shape| shape.says(Pointer::Root.key(name), schema()));
    }

    /// A parameter that must be there, as text.
    pub(crate) fn required(&mut self, name: &'static str) -> String {
        self.problems.shape(|shape| shape.asks(Pointer::Root, name, Presence::Required));
        let text = self.text(name);
        self.note(name, || json!({ "minLength": 1 }));
        text.unwrap_or_else(|| {
            self.problem(name, "is required");
            String::new()
        })
    }

    /// A parameter as text; an empty one counts as absent.
    pub(crate) fn text(&mut self, name: &'static str) -> Option<String> {
        self.problems.shape(|shape| shape.asks(Pointer::Root, name, Presence::NotNull));
        self.note(name, || json!({ "type": "string" }));
        self.asked.push(name);
        let at = self.pairs.iter().position(|(given, _)| given == name)?;
        let (_, value) = self.pairs.remove(at);
        (!value.is_empty()).then_some(value)
    }

    /// A parameter that lists words, with commas between.
    pub(crate) fn words(&mut self, name: &'static str) -> Option<Vec<String>> {
        let text = self.text(name);
        self.note(name, || json!({ "type": "array", "items": { "type": "string" } }));
        let text = text?;
        Some(text.split(',').map(|word| word.trim().to_owned()).filter(|word| !word.is_empty()).collect())
    }

    /// Words of a closed list, with commas between.
    pub(crate) fn among<T: Copy + std::fmt::Display>(&mut self, name: &'static str, all: &[T]) -> Vec<T> {
        let words = self.words(name).unwrap_or_default();
        let names = || all.iter().map(ToString::to_string).collect::<Vec<_>>();
        self.note(name, || json!({ "items": { "type": "string", "enum": names() } }));
        let mut found = Vec::with_capacity(words.len());
        for word in words {
            match all.iter().find(|candidate| candidate.to_string() == word) {
                Some(value) => found.push(*value),
                None => {
                    let all = names();
                    let hint = nearest(&word, all.iter().map(String::as_str))
                        .map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
                    self.problem(name, format!("expected {}; found `{word}`{hint}", all.join(", ")));
                }
            }
        }
        found
    }

    /// A whole number in a range.
    pub(crate) fn int_in(&mut self, name: &'static str, range: std::ops::RangeInclusive<u64>) -> Option<u64> {
        let text = self.text(name);
        self.note(name, || json!({ "type": "integer", "minimum": range.start(), "maximum": range.end() }));
        let text = text?;
        match text.parse() {
            Ok(value) if range.contains(&value) => Some(value),
            _ => {
                let bounds = match *range.end() {
                    u64::MAX => format!("from {}", range.start()),
                    end => format!("{} to {end}", range.start()),
                };
                self.problem(name, format!("expected a whole number {bounds}, found `{text}`"));
                None
            }
        }
    }

    /// `true` or `false`.
    pub(crate) fn flag(&mut self, name: &'static str) -> Option<bool> {
        let text = self.text(name);
        self.note(name, || json!({ "type": "boolean" }));
        let text = text?;
        match text.as_str() {
            "true" | "1" => Some(true),
            "false" | "0" => Some(false),
            _ => {
                self.problem(name, format!("expected true or false, found `{text}`"));
                None
            }
        }
    }

    /// A time.
    pub(crate) fn time(&mut self, name: &'static str) -> Option<Timestamp> {
        // In a query string an unescaped `+` of an offset arrives as a space.
        let text = self.text(name);
        self.note(name, || json!({ "format": "date-time" }));
        let text = text?.replace(' ', "+");
        match time::parse(&text) {
            Ok(time) => Some(time),
            Err(message) => {
                self.problem(name, message);
                None
            }
        }
    }

    /// Notes that something about a parameter does not hold.
    pub(crate) fn problem(&self, name: &str, message: impl Into<String>) {
        self.problems.add(format_args!("/{name}"), message);
    }

    fn finish(self) -> Option<Error> {
        for (name, _) in &self.pairs {
            let message = match self.asked.contains(&name.as_str()) {
                true => "is given twice".to_owned(),
                false => match nearest(name, self.asked.iter().copied()) {
                    Some(near) => format!("unknown parameter; did you mean `{near}`?"),
                    None if self.asked.is_empty() => "unknown parameter; this call takes none".to_owned(),
                    None => format!("unknown parameter; known here: {}", self.asked.join(", ")),
                },
            };
            self.problem(name, message);
        }
        self.problems.into_error()
    }
}

/// Refuses a query string where none is expected.
///
/// # Errors
/// `ERR_VALIDATION`.
pub(crate) fn none(uri: &Uri) -> Result<(), Error> {
    match uri.query() {
        None | Some("") => Ok(()),
        Some(_) => Args::decode(uri, |_| ()),
    }
}

#[cfg(test)]
mod test {
    use super::*;
    use domain::rows::TaskStatus;

    fn error<T: std::fmt::Debug>(uri: &str, read: impl FnOnce(&mut Args) -> T) -> String {
        Args::decode(&uri.parse().unwrap(), read).unwrap_err().to_json()["details"].to_string()
    }

    #[test]
    fn reads() {
        let uri = "/tasks?status=open,blocked&limit=5&label=a%20b&archived=true".parse().unwrap();
        let read = Args::decode(&uri, |args| {
            let status = args.among("status", TaskStatus::ALL);
            (status, args.int_in("limit", 1..=10), args.text("label"), args.flag("archived"))
        });
        let expected =
            (vec![TaskStatus::Open, TaskStatus::Blocked], Some(5), Some("a b".to_owned()), Some(true));
        assert_eq!(read.unwrap(), expected);
    }

    #[test]
    fn teaches() {
        assert!(error("/?limit=0", |a| a.int_in("limit", 1..=10)).contains("1 to 10"));
        assert!(error("/?limit=1&limit=2", |a| a.int_in("limit", 1..=10)).contains("given twice"));
        assert!(error("/?limt=1", |a| a.int_in("limit", 1..=10)).contains("did you mean `limit`"));
        assert!(error("/?s=opne", |a| a.among("s", TaskStatus::ALL)).contains("did you mean `open`"));
        assert!(error("/?f=yes", |a| a.flag("f")).contains("true or false"));
        assert!(none(&"/x?y=1".parse().unwrap()).is_err());
    }

    #[test]
    fn an_offset_survives_the_query_string() {
        let uri = "/?t=2026-01-19T15:25:00+01:00".parse().unwrap();
        let time = Args::decode(&uri, |args| args.time("t")).unwrap();
        assert_eq!(time, time::parse("2026-01-19T14:25:00Z").ok());
    }
}
