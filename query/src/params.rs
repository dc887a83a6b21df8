//! Bound values: what `$1` and `$name` stand for. They are never spliced into text.

use crate::eval::{Constant, Datum, Members};
use grammar::ast::Parameter;
use grammar::{Code, Error, Span};
use serde_json::Value as Json;
use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

/// The parameters of a statement: a JSON array binds `$1`, `$2` …, an object binds `$name`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Params {
    values: BTreeMap<Key, Constant>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Numbered(u32),
    Named(String),
}

impl Key {
    fn of(parameter: &Parameter) -> Self {
        match parameter {
            Parameter::Numbered(number) => Self::Numbered(*number),
            Parameter::Named(name) => Self::Named(name.clone()),
        }
    }

    fn written(&self) -> String {
        match self {
            Self::Numbered(number) => format!("${number}"),
            Self::Named(name) => format!("${name}"),
        }
    }
}

impl Params {
    /// No parameters.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Reads the `params` of a request: null, an array, or an object of values, each null, bool, number,
    /// string or array of strings (a set).
    ///
    /// # Errors
    /// `type_mismatch`, one per value that is none of these.
    pub fn from_json(json: &Json) -> Result<Self, Vec<Error>> {
        let entries: Vec<(Key, &Json)> = match json {
            Json::Null => Vec::new(),
            Json::Array(values) => (1..).map(Key::Numbered).zip(values).collect(),
            Json::Object(values) => {
                values.iter().map(|(name, value)| (Key::Named(name.clone()), value)).collect()
            }
            _ => {
                let message = "params are an array (for $1, $2 …) or an object (for $name)";
                return Err(vec![Error::new(Code::TypeMismatch, Span::default(), message)]);
            }
        };
        let mut values = BTreeMap::new();
        let mut errors = Vec::new();
        for (key, json) in entries {
            match constant(json) {
                Ok(value) => drop(values.insert(key, value)),
                Err(why) => {
                    let message = format!("parameter `{}` {why}", key.written());
                    errors.push(Error::new(Code::TypeMismatch, Span::default(), message).hint(
                        "a parameter is null, a bool, a number, a string, or an array of strings (a set)",
                    ));
                }
            }
        }
        if errors.is_empty() { Ok(Self { values }) } else { Err(errors) }
    }
}

fn constant(json: &Json) -> Result<Constant, &'static str> {
    Ok(match json {
        Json::Null => Datum::Null,
        Json::Bool(value) => Datum::Bool(*value),
        Json::Number(number) => match number.as_i64() {
            Some(number) => Datum::Int(number),
            None if number.is_u64() => return Err("is too large for an int"),
            None => number.as_f64().and_then(Datum::float).ok_or("is too large for a float")?,
        },
        Json::String(text) => Datum::Text(Cow::Owned(text.clone())),
        Json::Array(members) => {
            let words = members.iter().map(|member| member.as_str().map(|word| Cow::Owned(word.to_owned())));
            Datum::Set(Members::of(
                words.collect::<Option<_>>().ok_or("is an array that holds more than strings")?,
            ))
        }
        Json::Object(_) => return Err("is an object"),
    })
}

/// Parameters while a statement is resolved: it remembers which were used.
pub(crate) struct Binding<'p> {
    params: &'p Params,
    used: RefCell<BTreeSet<Key>>,
}

impl<'p> Binding<'p> {
    pub(crate) fn new(params: &'p Params) -> Self {
        Self { params, used: RefCell::default() }
    }

    /// The value of a parameter.
    ///
    /// # Errors
    /// `unbound_parameter`, with the nearest name there is.
    pub(crate) fn get(&self, parameter: &Parameter, span: Span) -> Result<&'p Constant, Error> {
        let key = Key::of(parameter);
        if let Some(value) = self.params.values.get(&key) {
            self.used.borrow_mut().insert(key);
            return Ok(value);
        }
        let written = key.written();
        let error = Error::new(Code::UnboundParameter, span, format!("no value was given for `{written}`"));
        let known: Vec<String> = self.params.values.keys().map(Key::written).collect();
        Err(match crate::resolve::nearest(&written, known.iter().map(String::as_str)) {
            Some(near) => error.hint(format!("did you mean `{near}`?")),
            None if known.is_empty() => error.hint("give it in `params`: [..] for $1, {..} for $name"),
            None => error.hint(format!("given were {}", known.join(", "))),
        })
    }

    /// `unused_parameter` for each value that the statement does not use; `span` is the statement's.
    pub(crate) fn unused(&self, span: Span) -> Vec<Error> {
        let used = self.used.borrow();
        let unused = self.params.values.keys().filter(|key| !used.contains(key));
        unused
            .map(|key| {
                let message =
                    format!("a value was given for `{}`, which the statement does not use", key.written());
                Error::new(Code::UnusedParameter, span, message)
            })
            .collect()
    }
}
