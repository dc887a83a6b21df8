//! The frames of `agentpm.v1`.

use crate::error::Error;
use crate::follow::Shown;
use crate::wire::envelope::{push, push_name};
use crate::wire::fields::{Fields, nearest};
use query::Diff;
use serde_json::value::RawValue;
use store::{Position, Text};

/// Longest name of a subscription or a request, in bytes.
const NAME_BYTES_MAX: usize = 128;

/// Most credit that can be given at once.
const CREDIT_MAX: i64 = 1_000_000_000;

/// What a client says.
#[derive(Debug)]
pub(super) enum Op {
    Subscribe { sub: Text, pql: Text, params: Option<Text>, credit: Option<usize> },
    Credit { sub: Text, n: usize },
    Unsubscribe { sub: Text },
    Ping,
    Request { req: Text, method: Text, path: Text, headers: Vec<(String, String)>, body: Option<Text> },
}

/// What a frame has around the event and its subscription's name.
const EVENT_AROUND_BYTES: usize = 40;

const OPS: [&str; 5] = ["subscribe", "credit", "unsubscribe", "ping", "request"];

/// Reads a frame.
///
/// # Errors
/// `ERR_VALIDATION` with a detail per problem.
pub(super) fn read(text: &str) -> Result<Op, Error> {
    let op = crate::wire::decode(text.as_bytes(), |fields| {
        let op = fields.required_text("op");
        match &*op {
            "subscribe" => Some(Op::Subscribe {
                sub: name(fields, "sub"),
                pql: fields.required_text("pql"),
                params: fields.take("params", |item| item.json()),
                credit: fields.take("credit", |item| item.int_in(0..=CREDIT_MAX)).map(|n| n as usize),
            }),
            "credit" => {
                let sub = name(fields, "sub");
                let n = fields.require("n", |item| item.int_in(1..=CREDIT_MAX)) as usize;
                Some(Op::Credit { sub, n })
            }
            "unsubscribe" => Some(Op::Unsubscribe { sub: name(fields, "sub") }),
            "ping" => Some(Op::Ping),
            "request" => Some(Op::Request {
                req: name(fields, "req"),
                method: fields.required_text("method"),
                path: fields.required_text("path"),
                headers: fields.take("headers", |item| item.text_map()).unwrap_or_default(),
                body: fields.take("body", |item| item.json()),
            }),
            "" => None,
            other => {
                let near = nearest(other, OPS.into_iter())
                    .map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
                fields.problem("op", format!("expected one of {}; found `{other}`{near}", OPS.join(", ")));
                fields.ignore_rest();
                None
            }
        }
    })?;
    op.ok_or_else(|| Error::problem("/op", "is required"))
}

/// What can be told of a frame that does not hold: the subscription or the request it names.
pub(super) fn names(text: &str) -> (Option<Text>, Option<Text>) {
    #[derive(serde::Deserialize)]
    struct Names<'a> {
        #[serde(borrow)]
        sub: Option<&'a RawValue>,
        #[serde(borrow)]
        req: Option<&'a RawValue>,
    }
    let read = |raw: Option<&RawValue>| raw.and_then(|raw| serde_json::from_str::<Text>(raw.get()).ok());
    match serde_json::from_str::<Names<'_>>(text) {
        Ok(names) => (read(names.sub), read(names.req)),
        Err(_) => (None, None),
    }
}

fn name(fields: &mut Fields<'_, '_>, field: &'static str) -> Text {
    fields.require(field, |item| {
        let name = item.text()?;
        match name.len() {
            1..=NAME_BYTES_MAX => Some(name),
            bytes => item.problem(format!("has 1 to {NAME_BYTES_MAX} bytes, this one has {bytes}")),
        }
    })
}

/// `{"op":…,"sub":…,"position":…}`
pub(super) fn mark(op: &str, sub: &str, position: Position) -> Vec<u8> {
    let mut out = begin(op, sub);
    push_name(&mut out, "position");
    push(&mut out, &position);
    out.push(b'}');
    out
}

/// `{"op":"event","sub":…,"event":{…}}`
pub(super) fn event(sub: &str, event: &Shown) -> Vec<u8> {
    let json = event.json();
    let mut out = Vec::with_capacity(json.len() + sub.len() + EVENT_AROUND_BYTES);
    begin_in(&mut out, "event", sub);
    push_name(&mut out, "event");
    out.extend_from_slice(json);
    out.push(b'}');
    out
}

/// `{"op":"diff","sub":…,"position":…,"changes":[…]}`
pub(super) fn diff(sub: &str, diff: &Diff) -> Vec<u8> {
    let mut out = begin("diff", sub);
    push_name(&mut out, "position");
    push(&mut out, &diff.position);
    push_name(&mut out, "changes");
    diff.write_changes(&mut out);
    out.push(b'}');
    out
}

/// `{"op":"closed","sub":…,"reason":…,"resume_after":…}`
pub(super) fn closed(sub: &str, reason: &str, resume_after: Position) -> Vec<u8> {
    let mut out = begin("closed", sub);
    push_name(&mut out, "reason");
    push(&mut out, reason);
    push_name(&mut out, "resume_after");
    push(&mut out, &resume_after);
    out.push(b'}');
    out
}

/// `{"op":"error","sub"?:…,"error":{…}}`
pub(super) fn error(sub: Option<&str>, error: &Error) -> Vec<u8> {
    let mut out = match sub {
        Some(sub) => begin("error", sub),
        None => br#"{"op":"error""#.to_vec(),
    };
    push_name(&mut out, "error");
    push(&mut out, &error.wire());
    out.push(b'}');
    out
}

/// `{"op":"response","req":…,"status":…,"body":…}`
pub(super) fn response(req: &str, status: u16, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len() + 64 + req.len());
    out.extend_from_slice(br#"{"op":"response","req":"#);
    push(&mut out, req);
    push_name(&mut out, "status");
    push(&mut out, &status);
    push_name(&mut out, "body");
    out.extend_from_slice(if body.is_empty() { b"null" } else { body });
    out.push(b'}');
    out
}

/// `{"op":"pong"}`
pub(super) fn pong() -> Vec<u8> {
    br#"{"op":"pong"}"#.to_vec()
}

fn begin(op: &str, sub: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(96);
    begin_in(&mut out, op, sub);
    out
}

fn begin_in(out: &mut Vec<u8>, op: &str, sub: &str) {
    out.extend_from_slice(br#"{"op":"#);
    push(out, op);
    push_name(out, "sub");
    push(out, sub);
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn reads_what_clients_say() {
        assert!(matches!(read(r#"{"op":"ping"}"#), Ok(Op::Ping)));
        let Ok(Op::Subscribe { sub, credit, .. }) =
            read(r#"{"op":"subscribe","sub":"s","pql":"SUBSCRIBE events","credit":5}"#)
        else {
            panic!("a subscription")
        };
        assert_eq!((&*sub, credit), ("s", Some(5)));
        let Ok(Op::Request { headers, body, .. }) = read(
            r#"{"op":"request","req":"r","method":"POST","path":"/append","headers":{"a":"b"},"body":{"x": 1}}"#,
        ) else {
            panic!("a request")
        };
        assert_eq!(headers, [("a".to_owned(), "b".to_owned())]);
        assert_eq!(body.as_deref(), Some(r#"{"x": 1}"#));
    }

    #[test]
    fn teaches() {
        let error = |text: &str| read(text).unwrap_err().to_json()["details"].to_string();
        assert!(error(r#"{"op":"subscrbe","sub":"s"}"#).contains("did you mean `subscribe`?"));
        assert!(error(r#"{"sub":"s"}"#).contains("/op"));
        assert!(error(r#"{"op":"credit","sub":"s","n":0}"#).contains("/n"));
        assert!(error(r#"{"op":"ping","extra":1}"#).contains("/extra"));
        assert!(error("no json").contains("not JSON"));
        assert_eq!(names(r#"{"op":"x","req":"r1","sub":7}"#), (None, Some("r1".into())));
    }

    #[test]
    fn writes_what_servers_say() {
        let text = |frame: Vec<u8>| String::from_utf8(frame).unwrap();
        assert_eq!(
            text(mark("subscribed", "s\"", Position(3))),
            r#"{"op":"subscribed","sub":"s\"","position":3}"#
        );
        assert_eq!(
            text(closed("s", "slow_consumer", Position(3))),
            r#"{"op":"closed","sub":"s","reason":"slow_consumer","resume_after":3}"#
        );
        assert_eq!(text(response("r", 204, b"")), r#"{"op":"response","req":"r","status":204,"body":null}"#);
        assert!(text(error(None, &Error::problem("", "x"))).starts_with(r#"{"op":"error","error":{"#));
    }
}
