//! The envelope of an error, by its code.

use super::build::{count, described, list, nullable, object, text, time, words};
use super::{Kind, Type};
use crate::error::Code;
use serde_json::{Value, json};

/// The name of the type of a code's answers: `ERR_NOT_FOUND` is `ErrNotFound`.
pub(super) fn name_of(code: Code) -> String {
    let word = |word: &str| word[..1].to_owned() + &word[1..].to_lowercase();
    code.as_str().split('_').map(word).collect()
}

pub(super) fn types() -> Vec<Type> {
    let codes = || words(Code::ALL.map(Code::as_str));
    let body = described("The `error` of any error.", body(codes(), json!({})));
    let mut types = vec![
        Type::new("Error", Kind::Error, envelope("Any error.", codes(), json!({}))),
        Type::new("ErrorBody", Kind::Error, body),
    ];
    for code in Code::ALL {
        let description = format!("The answer with {} · {}.", code.status().as_u16(), code.as_str());
        types.push(Type::new(
            name_of(code),
            Kind::Error,
            envelope(&description, json!({ "const": code.as_str() }), or_of_batch(code, details(code))),
        ));
    }
    types
}

fn envelope(description: &str, code: Value, details: Value) -> Value {
    let error = body(code, details);
    let members = [("ok", json!({ "const": false })), ("data", json!({ "type": "null" })), ("error", error)];
    described(description, object(members))
}

/// The value of `error`.
fn body(code: Value, details: Value) -> Value {
    object([
        ("code", code),
        ("message", described("What is wrong, for people.", text())),
        ("hint", described("What would be right.", text())),
        ("next", described("Commands that help.", list(text()))),
        ("retryable", described("Whether the same may succeed later.", json!({ "type": "boolean" }))),
        ("details", details),
    ])
}

/// The same in a batch, where they also say which operation it is.
fn or_of_batch(code: Code, mut details: Value) -> Value {
    let op = described("In a batch: which operation, from 0.", count());
    match code {
        // There, pointers say it.
        Code::Validation => details,
        Code::Internal => nullable(object([("op", op)])),
        _ => {
            details["properties"]["op"] = op;
            details
        }
    }
}

/// The details of a code, as `docs/errors/README.md` tells them.
fn details(code: Code) -> Value {
    let holder = |about: &[&'static str]| {
        let whose =
            [("holder", nullable(text())), ("since", nullable(time())), ("expires_at", nullable(time()))];
        object(about.iter().map(|about| (*about, text())).chain(whose))
    };
    match code {
        Code::Validation => described(
            "A detail for each problem.",
            list(object([
                ("pointer", described("Where: a JSON pointer into the body, or a parameter.", text())),
                ("message", text()),
            ])),
        ),
        Code::Pql => {
            let place = || {
                [
                    ("pql_code", words(grammar::Code::ALL.map(grammar::Code::as_str))),
                    ("line", count()),
                    ("column", count()),
                    ("length", count()),
                    ("hint", nullable(text())),
                ]
            };
            let each = object([("message", text())].into_iter().chain(place()));
            let all = "All that is wrong, in order of place, when it is more than one thing; the first is this one.";
            object(place().into_iter().chain([("errors?", described(all, list(each)))]))
        }
        Code::Unauthorized | Code::Forbidden => object([("rule", text()), ("reason", text())]),
        Code::NotFound => nullable(object([("kind", text()), ("id", text())])),
        Code::Conflict => {
            described("What differs; which members there are depends on what it is.", conflict())
        }
        Code::InvalidState => object([
            ("id?", described("The session, when it is one that is closed.", text())),
            ("from", text()),
            ("to", text()),
            ("allowed", described("Where it can go now.", list(text()))),
        ]),
        Code::LeaseRequired => holder(&["task_id?"]),
        Code::LeaseExpired => holder(&["lease_id?", "task_id?"]),
        Code::PayloadTooLarge => {
            object([("bytes_max", count()), ("bytes?", count()), ("pointer?", text()), ("type?", text())])
        }
        Code::RateLimit => nullable(object([
            ("scope", described("Whose limit it is.", words(["connection", "agent"]))),
            ("limit", described("Requests a second.", count())),
            ("burst", described("Requests at once.", count())),
            ("retry_after_ms", count()),
        ])),
        Code::Unavailable => nullable(object([("wanted?", count()), ("head?", count())])),
        Code::Internal => json!({ "type": "null" }),
    }
}

fn conflict() -> Value {
    let number_or_word = || json!({ "type": ["integer", "string", "null"] });
    nullable(object([
        ("kind?", text()),
        ("id?", text()),
        ("stream?", text()),
        ("expected?", number_or_word()),
        ("actual?", number_or_word()),
        ("position?", count()),
        ("path?", list(text())),
        ("child?", text()),
        ("parent?", text()),
        ("task_id?", text()),
        ("holder?", text()),
        ("since?", time()),
        ("expires_at?", time()),
        ("head_time?", time()),
        ("line?", count()),
        ("header?", text()),
        ("pointer?", text()),
    ]))
}
