//! JSON Schema 2020-12, as much of it as the published schemas use. A keyword that is not known here is an error, so
//! that none is passed over.

use chrono::DateTime;
use regex::Regex;
use serde_json::{Map, Value};
use std::collections::HashMap;
use std::sync::{LazyLock, Mutex};

/// Of a longer list its beginning and its end are looked at, so many elements each: a page of ten thousand events is
/// made by one piece of code.
const ENDS: usize = 100;

/// Most violations that are told.
const FOUND_MAX: usize = 10;

/// What is wrong with `value`, place by place; `root` holds what `$ref` refers to.
#[must_use]
pub fn violations(root: &Value, schema: &Value, value: &Value) -> Vec<String> {
    let mut check = Check { root, at: Vec::new(), found: Vec::new() };
    check.value(schema, value);
    check.found
}

struct Check<'a> {
    root: &'a Value,
    at: Vec<String>,
    found: Vec<String>,
}

impl<'a> Check<'a> {
    fn wrong(&mut self, what: impl std::fmt::Display) {
        if self.found.len() < FOUND_MAX {
            let at = self.at.iter().map(|step| format!("/{step}")).collect::<String>();
            self.found.push(format!("at `{at}`: {what}"));
        }
    }

    fn holds(&self, schema: &'a Value, value: &Value) -> bool {
        let mut check = Check { root: self.root, at: Vec::new(), found: Vec::new() };
        check.value(schema, value);
        check.found.is_empty()
    }

    fn value(&mut self, schema: &'a Value, value: &Value) {
        let says = match schema {
            Value::Object(says) => says,
            Value::Bool(true) => return,
            Value::Bool(false) => return self.wrong("nothing may be here"),
            other => panic!("{other} is no schema"),
        };
        for (keyword, operand) in says {
            self.keyword(says, keyword, operand, value);
        }
    }

    fn keyword(&mut self, says: &'a Map<String, Value>, keyword: &str, operand: &'a Value, value: &Value) {
        match keyword {
            // Annotations, and what is read together with another.
            "$schema" | "$defs" | "$comment" | "title" | "description" | "example" | "then" | "else" => {}
            "$ref" => {
                let target =
                    operand.as_str().and_then(|target| self.root.pointer(target.trim_start_matches('#')));
                self.value(target.unwrap_or_else(|| panic!("{operand} leads nowhere")), value);
            }
            "type" => {
                let kinds = operand.as_array().map_or_else(|| vec![operand], |kinds| kinds.iter().collect());
                if !kinds.iter().any(|kind| is_of(kind.as_str().unwrap_or_default(), value)) {
                    self.wrong(format!("{} is not of type {operand}", short(value)));
                }
            }
            "const" if value != operand => self.wrong(format!("{} is not {operand}", short(value))),
            "const" => {}
            "enum" if !operand.as_array().is_some_and(|words| words.contains(value)) => {
                self.wrong(format!("{} is none of {operand}", short(value)));
            }
            "enum" => {}
            "anyOf" | "oneOf" => self.some_of(keyword, operand, value),
            "allOf" => {
                for schema in operand.as_array().expect("allOf lists schemas") {
                    self.value(schema, value);
                }
            }
            "if" => {
                let branch = if self.holds(operand, value) { "then" } else { "else" };
                if let Some(schema) = says.get(branch) {
                    self.value(schema, value);
                }
            }
            _ => match value {
                Value::Object(members) => self.of_object(says, keyword, operand, members),
                Value::Array(elements) => self.of_list(keyword, operand, elements),
                Value::String(text) => self.of_text(keyword, operand, text),
                Value::Number(number) => {
                    self.of_number(keyword, operand, number.as_f64().unwrap_or(f64::NAN))
                }
                Value::Null | Value::Bool(_) => assert!(is_known(keyword), "`{keyword}` is not known here"),
            },
        }
    }

    fn some_of(&mut self, keyword: &str, operand: &'a Value, value: &Value) {
        let schemas = operand.as_array().expect("anyOf and oneOf list schemas");
        let holding = schemas.iter().filter(|schema| self.holds(schema, value)).count();
        if holding == 0 || (keyword == "oneOf" && holding > 1) {
            self.wrong(format!("{} fits {holding} of the {} of {keyword}", short(value), schemas.len()));
            // Why, when there is one that was probably meant.
            if let [schema] | [schema, _] = &schemas[..] {
                self.value(schema, value);
            }
        }
    }

    fn of_object(
        &mut self,
        says: &'a Map<String, Value>,
        keyword: &str,
        operand: &'a Value,
        members: &Map<String, Value>,
    ) {
        match keyword {
            "properties" => {
                for (name, schema) in operand.as_object().expect("properties are an object") {
                    if let Some(member) = members.get(name) {
                        self.at.push(name.clone());
                        self.value(schema, member);
                        self.at.pop();
                    }
                }
            }
            "required" => {
                let names = operand.as_array().expect("required lists names");
                for name in names.iter().filter_map(Value::as_str).filter(|name| !members.contains_key(*name))
                {
                    self.wrong(format!("`{name}` is missing"));
                }
            }
            "additionalProperties" => {
                for (name, member) in members {
                    if says.get("properties").is_none_or(|known| known.get(name).is_none()) {
                        self.at.push(name.clone());
                        match operand {
                            Value::Bool(false) => self.wrong("is not described"),
                            schema => self.value(schema, member),
                        }
                        self.at.pop();
                    }
                }
            }
            _ => assert!(is_known(keyword), "`{keyword}` is not known here"),
        }
    }

    fn of_list(&mut self, keyword: &str, operand: &'a Value, elements: &[Value]) {
        let bound = || operand.as_u64().expect("a bound is a number") as usize;
        match keyword {
            "items" => {
                for (index, element) in elements.iter().enumerate() {
                    if index < ENDS || index + ENDS >= elements.len() {
                        self.at.push(index.to_string());
                        self.value(operand, element);
                        self.at.pop();
                    }
                }
            }
            "minItems" if elements.len() < bound() => {
                self.wrong(format!("has fewer than {operand} elements"))
            }
            "maxItems" if elements.len() > bound() => self.wrong(format!("has more than {operand} elements")),
            _ => assert!(is_known(keyword), "`{keyword}` is not known here"),
        }
    }

    fn of_text(&mut self, keyword: &str, operand: &Value, text: &str) {
        let length = || text.chars().count() as u64;
        match keyword {
            "minLength" if length() < operand.as_u64().expect("a bound") => self.wrong("is too short"),
            "maxLength" if length() > operand.as_u64().expect("a bound") => self.wrong("is too long"),
            "pattern" if !matches(operand.as_str().expect("a pattern is text"), text) => {
                self.wrong(format!("`{text}` does not match {operand}"));
            }
            "format" => match operand.as_str() {
                Some("date-time") if DateTime::parse_from_rfc3339(text).is_err() => {
                    self.wrong(format!("`{text}` is no time"));
                }
                Some("date-time") => {}
                _ => panic!("the format {operand} is not known here"),
            },
            _ => assert!(is_known(keyword), "`{keyword}` is not known here"),
        }
    }

    fn of_number(&mut self, keyword: &str, operand: &Value, number: f64) {
        let bound = || operand.as_f64().expect("a bound is a number");
        match keyword {
            "minimum" if number < bound() => self.wrong(format!("{number} is below {operand}")),
            "maximum" if number > bound() => self.wrong(format!("{number} is above {operand}")),
            _ => assert!(is_known(keyword), "`{keyword}` is not known here"),
        }
    }
}

/// Keywords that say something about values of one type, and nothing about others.
fn is_known(keyword: &str) -> bool {
    const KNOWN: &[&str] = &[
        "properties",
        "required",
        "additionalProperties",
        "items",
        "minItems",
        "maxItems",
        "minLength",
        "maxLength",
        "pattern",
        "format",
        "minimum",
        "maximum",
    ];
    KNOWN.contains(&keyword)
}

fn is_of(kind: &str, value: &Value) -> bool {
    match kind {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "number" => value.is_number(),
        "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        other => panic!("`{other}` is no type"),
    }
}

fn matches(pattern: &str, text: &str) -> bool {
    static COMPILED: LazyLock<Mutex<HashMap<String, Regex>>> = LazyLock::new(Mutex::default);
    let mut compiled = COMPILED.lock().expect("nobody panics with it");
    let regex = compiled
        .entry(pattern.to_owned())
        .or_insert_with(|| Regex::new(pattern).expect("a pattern that can be read"));
    regex.is_match(text)
}

fn short(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(120) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod test {
    use super::*;
    use serde_json::json;

    fn found(schema: &Value, value: &Value) -> usize {
        violations(schema, schema, value).len()
    }

    #[test]
    fn each_planted_violation_is_seen() {
        let schema = json!({
            "$defs": { "word": { "type": "string", "enum": ["a", "b"] } },
            "type": "object",
            "properties": {
                "id": { "type": "string", "minLength": 1, "maxLength": 3, "pattern": "^[a-z]*$" },
                "at": { "type": "string", "format": "date-time" },
                "n": { "type": ["integer", "null"], "minimum": 0, "maximum": 9 },
                "words": { "type": "array", "items": { "$ref": "#/$defs/word" }, "minItems": 1, "maxItems": 2 },
                "either": { "anyOf": [{ "const": 1 }, { "type": "boolean" }] },
                "one": { "oneOf": [{ "type": "integer" }, { "const": 1 }, { "type": "string" }] },
                "map": { "type": "object", "additionalProperties": { "type": "number" } },
            },
            "required": ["id"],
            "additionalProperties": false,
            "allOf": [{
                "if": { "properties": { "id": { "const": "x" } } },
                "then": { "required": ["at"] },
            }],
        });
        let whole = json!({
            "id": "abc", "at": "2026-01-01T00:00:00Z", "n": null, "words": ["a"], "either": true, "one": 2,
            "map": { "a": 1.5 },
        });
        assert_eq!(violations(&schema, &schema, &whole), Vec::<String>::new());
        for (name, planted) in [
            ("id", json!(1)),
            ("id", json!("")),
            ("id", json!("abcd")),
            ("id", json!("A")),
            ("at", json!("2026-01-01")),
            ("n", json!(1.5)),
            ("n", json!(-1)),
            ("n", json!(10)),
            ("words", json!([])),
            ("words", json!(["a", "b", "a"])),
            ("words", json!(["c"])),
            ("either", json!(2)),
            ("one", json!(1)),
            ("one", json!(null)),
            ("map", json!({ "a": "1" })),
            ("more", json!(0)),
        ] {
            let mut value = whole.clone();
            value[name] = planted.clone();
            assert!(found(&schema, &value) > 0, "{name} {planted}");
        }
        assert!(found(&schema, &json!({})) > 0);
        assert!(found(&schema, &json!({ "id": "x" })) > 0, "the condition holds, so `at` is due");
        assert_eq!(found(&schema, &json!({ "id": "y" })), 0);
    }

    #[test]
    #[should_panic(expected = "not known here")]
    fn a_keyword_that_is_not_known_is_no_silence() {
        drop(violations(&Value::Null, &json!({ "multipleOf": 2 }), &json!(3)));
    }
}
