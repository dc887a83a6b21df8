//! Raw appends: `POST /append` and `POST /streams/{stream}/events`.

use super::envelope::{push, push_list, push_name};
use super::fields::{Fields, Item, nearest};
use crate::context::Provenance;
use crate::error::Error;
use serde_json::json;
use store::{
    Append, Appended, EventId, ExpectedRevision, KIND_BYTES_MAX, NewEvent, Position, Revision,
    STREAM_BYTES_MAX, StreamWrite, TAG_BYTES_MAX, TAGS_MAX, Text,
};

/// Largest `data` of one event, in bytes of JSON.
pub(crate) const EVENT_DATA_BYTES_MAX: usize = domain::event::DATA_BYTES_MAX;

/// What [`EventId::parse`] takes, for the published schemas.
pub(crate) const ULID_PATTERN: &str = "^[0-7][0-9A-HJKMNP-TV-Za-hjkmnp-tv-z]{25}$";

/// Most events of one append: more would hold up the writer; send several.
pub(crate) const APPEND_EVENTS_MAX: usize = 10_000;

/// What must not have happened for an append to be made.
#[derive(Debug, Clone, Default)]
pub(crate) struct ConditionRequest {
    /// A row predicate over events, in PQL.
    pub(crate) fail_if: Text,
    /// Its parameters: a JSON object or list.
    pub(crate) params: Option<Text>,
    /// Events after this position are asked about.
    pub(crate) after: Position,
}

/// `{"condition"?:{"fail_if","params"?,"after"}}` of an append.
pub(crate) fn condition(fields: &mut Fields<'_, '_>) -> Option<ConditionRequest> {
    fields.take("condition", |item| {
        item.whole(|fields| ConditionRequest {
            fail_if: fields.required_text("fail_if"),
            params: super::work::params(fields),
            after: Position(fields.require("after", |item| item.count())),
        })
    })
}

/// `{"appends":[{"stream","expected_revision","events":[…]}]}`
pub(crate) fn append(fields: &mut Fields<'_, '_>, by: &Provenance) -> Append {
    let writes = fields.require("appends", |item| {
        item.list(|item| {
            item.whole(|fields| {
                let stream = name(fields, "stream", STREAM_BYTES_MAX);
                stream_write(stream, fields, by)
            })
        })
    });
    fields.note("appends", || json!({ "minItems": 1 }));
    let events = writes.iter().map(|write: &StreamWrite| write.events.len()).sum::<usize>();
    if events > APPEND_EVENTS_MAX {
        fields.problem("appends", format!("{events} events in one append, at most {APPEND_EVENTS_MAX}"));
    }
    Append { writes }
}

/// `{"expected_revision","events":[…]}` for a stream that is known.
pub(crate) fn stream_write(stream: Text, fields: &mut Fields<'_, '_>, by: &Provenance) -> StreamWrite {
    let expected =
        fields.take("expected_revision", |item| expected_revision(&item)).unwrap_or(ExpectedRevision::Any);
    let events =
        fields.require("events", |item| item.list(|item| item.whole(|fields| event(&stream, fields, by))));
    StreamWrite { stream, expected, events }
}

fn event(stream: &Text, fields: &mut Fields<'_, '_>, by: &Provenance) -> NewEvent {
    let id = fields.take("id", |item| {
        let text = item.str()?;
        item.note(|| json!({ "pattern": ULID_PATTERN }));
        match EventId::parse(&text) {
            Ok(id) => Some(id),
            Err(_) => item.problem(format!(
                "expected a ULID of 26 characters, found `{}`",
                super::fields::short(&text)
            )),
        }
    });
    NewEvent {
        id,
        stream: stream.clone(),
        kind: name(fields, "type", KIND_BYTES_MAX),
        data: data(fields),
        metadata: metadata(fields, by),
        tags: tags(fields),
        time: fields.take("time", |item| item.time()),
    }
}

/// The `data` of an event, `{}` when there is none.
pub(crate) fn data(fields: &mut Fields<'_, '_>) -> Text {
    fields.note("data", || json!({ "description": "Any JSON, at most 1 MiB." }));
    let Some(raw) = fields.raw("data") else { return Text::from("{}") };
    let bytes = raw.get().len();
    if bytes > EVENT_DATA_BYTES_MAX {
        fields.oversize("data", bytes);
    }
    raw.get().into()
}

/// The caller's own metadata, with what the request's headers say where it says nothing.
fn metadata(fields: &mut Fields<'_, '_>, by: &Provenance) -> Text {
    fields
        .take("metadata", |item| {
            let given = item.json_object()?;
            let mut members = item.object()?;
            let mut missing = Vec::new();
            for name in domain::merge::RESERVED {
                if members.raw(name).is_some() {
                    members.problem(name, "is the server's own: it says which node made an event");
                }
            }
            for (name, value) in by.all() {
                members.note(name, || json!({ "type": "string" }));
                match (members.raw(name), value) {
                    (None, Some(value)) => missing.push((name, &**value)),
                    (None, None) => {}
                    (Some(raw), _) if raw.get() == "null" || raw.get().starts_with('"') => {}
                    (Some(_), _) => members.problem(name, "expected text"),
                }
            }
            Some(joined(given, &missing))
        })
        .unwrap_or_else(|| by.to_json())
}

fn joined(given: Text, missing: &[(&'static str, &str)]) -> Text {
    if missing.is_empty() {
        return given;
    }
    // A raw JSON object ends with its own brace.
    let body = &given[..given.len() - 1];
    let is_empty = body.trim_start_matches('{').trim().is_empty();
    let mut out = body.as_bytes().to_vec();
    for (index, (name, value)) in missing.iter().enumerate() {
        if index > 0 || !is_empty {
            out.push(b',');
        }
        push(&mut out, name);
        out.push(b':');
        push(&mut out, value);
    }
    out.push(b'}');
    String::from_utf8(out).expect("joined from text").into()
}

fn tags(fields: &mut Fields<'_, '_>) -> Vec<Text> {
    fields
        .take("tags", |item| {
            let tags = item.list(|item| {
                let tag = item.text()?;
                item.note(|| json!({ "minLength": 1, "maxLength": TAG_BYTES_MAX }));
                match tag.len() {
                    1..=TAG_BYTES_MAX => Some(tag),
                    bytes => {
                        item.problem(format!("a tag has 1 to {TAG_BYTES_MAX} bytes, this one has {bytes}"))
                    }
                }
            })?;
            item.note(|| json!({ "maxItems": TAGS_MAX }));
            match tags.len() <= TAGS_MAX {
                true => Some(tags),
                false => {
                    item.problem(format!("an event has at most {TAGS_MAX} tags, this one has {}", tags.len()))
                }
            }
        })
        .unwrap_or_default()
}

/// A name with 1 to `bytes_max` bytes, which must be there.
fn name(fields: &mut Fields<'_, '_>, field: &'static str, bytes_max: usize) -> Text {
    fields.require(field, |item| {
        let name = item.text()?;
        item.note(|| json!({ "minLength": 1, "maxLength": bytes_max }));
        match name.len() {
            bytes if (1..=bytes_max).contains(&bytes) => Some(name),
            bytes => item.problem(format!("has 1 to {bytes_max} bytes, this one has {bytes}")),
        }
    })
}

/// `"any"`, `"no_stream"`, `"exists"` or a revision.
fn expected_revision(item: &Item<'_, '_>) -> Option<ExpectedRevision> {
    item.note(|| {
        let words = json!({ "type": "string", "enum": ["any", "no_stream", "exists"] });
        json!({ "anyOf": [words, { "type": "integer", "minimum": 0, "maximum": u64::MAX }] })
    });
    if item.is_asking() {
        return None;
    }
    if !item.is_text() {
        return item.count().map(|revision| ExpectedRevision::Exact(Revision(revision)));
    }
    match &*item.str()? {
        "any" => Some(ExpectedRevision::Any),
        "no_stream" => Some(ExpectedRevision::NoStream),
        "exists" => Some(ExpectedRevision::Exists),
        word => {
            let near = nearest(word, ["any", "no_stream", "exists"].into_iter())
                .map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
            item.problem(format!(
                "expected \"any\", \"no_stream\", \"exists\" or a revision, found `{}`{near}",
                super::fields::short(word)
            ))
        }
    }
}

/// Refuses what belongs to the work model: its streams, its event types, its tag prefixes.
///
/// # Errors
/// `ERR_FORBIDDEN`.
pub(crate) fn check_reserved(append: &Append) -> Result<(), Error> {
    for write in &append.writes {
        if write.events.is_empty() {
            domain::reserved::check(&write.stream, "", &[])?;
        }
        for event in &write.events {
            domain::reserved::check(&write.stream, &event.kind, &event.tags)?;
        }
    }
    Ok(())
}

/// `{"first_position","last_position","streams":[…],"events":[…]}`
pub(crate) fn push_appended(out: &mut Vec<u8>, appended: &Appended) {
    out.extend_from_slice(b"{\"first_position\":");
    push(out, &appended.first);
    push_name(out, "last_position");
    push(out, &appended.last);
    push_name(out, "streams");
    push_list(out, &appended.streams, |out, (stream, revision)| {
        out.extend_from_slice(b"{\"stream\":");
        push(out, &**stream);
        push_name(out, "revision");
        push(out, revision);
        out.push(b'}');
    });
    push_name(out, "events");
    push_list(out, &appended.events, |out, (id, position, revision)| {
        out.extend_from_slice(b"{\"id\":\"");
        out.extend_from_slice(id.to_string().as_bytes());
        out.extend_from_slice(b"\",\"position\":");
        push(out, position);
        push_name(out, "revision");
        push(out, revision);
        out.push(b'}');
    });
    out.push(b'}');
}

#[cfg(test)]
mod test {
    use super::super::decode;
    use super::*;

    fn by() -> Provenance {
        Provenance { agent_id: Some("a-1".into()), plan_id: Some("p".into()), ..Provenance::default() }
    }

    fn read(body: &str) -> Result<Append, Error> {
        decode(body.as_bytes(), |fields| append(fields, &by()))
    }

    #[test]
    fn reads_an_append() {
        let read = read(
            r#"{"appends":[{"stream":"s","expected_revision":3,"events":[
                {"id":"01ARZ3NDEKTSV4RRFFQ69G5FAV","type":"T","data":{"n": 1},"metadata":{"agent_id":"b"},"tags":["x:1"]},
                {"type":"U","metadata":{},"time":"2026-01-01T00:00:00Z"},
                {"type":"V","data":null}]},
                {"stream":"t","expected_revision":"no_stream","events":[]}]}"#,
        )
        .unwrap();
        let [first, second] = &read.writes[..] else { panic!("two writes") };
        assert_eq!(first.expected, ExpectedRevision::Exact(Revision(3)));
        assert_eq!(second.expected, ExpectedRevision::NoStream);
        let [a, b, c] = &first.events[..] else { panic!("three events") };
        assert_eq!(&*a.data, r#"{"n": 1}"#);
        assert_eq!(&*a.metadata, r#"{"agent_id":"b","plan_id":"p"}"#);
        assert_eq!((&*b.data, &*b.metadata), ("{}", r#"{"agent_id":"a-1","plan_id":"p"}"#));
        assert_eq!((&*c.data, &*c.metadata), ("null", r#"{"agent_id":"a-1","plan_id":"p"}"#));
    }

    #[test]
    fn metadata_keeps_its_nested_braces() {
        assert_eq!(&*joined(r#"{"a":{"b":{}}}"#.into(), &[("x", "y")]), r#"{"a":{"b":{}},"x":"y"}"#);
        assert_eq!(&*joined("{ }".into(), &[("x", "y")]), r#"{ "x":"y"}"#);
    }

    #[test]
    fn teaches() {
        let places = |body: &str| {
            let details = read(body).unwrap_err().to_json()["details"].clone();
            let places =
                details.as_array().unwrap().iter().map(|d| d["pointer"].as_str().unwrap().to_owned());
            places.collect::<Vec<_>>()
        };
        assert_eq!(places("{}"), ["/appends"]);
        assert_eq!(
            places(
                r#"{"appends":[{"stream":"","expected_revision":"non","events":[{"id":"x","tags":[1,""]}]}]}"#
            ),
            [
                "/appends/0/stream",
                "/appends/0/expected_revision",
                "/appends/0/events/0/id",
                "/appends/0/events/0/type",
                "/appends/0/events/0/tags/0",
                "/appends/0/events/0/tags/1"
            ]
        );
        assert_eq!(
            places(r#"{"appends":[{"stream":"s","expected_revision":-1,"events":[]}]}"#),
            ["/appends/0/expected_revision"]
        );
    }

    #[test]
    fn data_to_the_bound_and_one_beyond() {
        let body = |bytes: usize| {
            let data = format!("\"{}\"", "x".repeat(bytes - 2));
            format!(r#"{{"appends":[{{"stream":"s","events":[{{"type":"T","data":{data}}}]}}]}}"#)
        };
        assert!(read(&body(EVENT_DATA_BYTES_MAX)).is_ok());
        let error = read(&body(EVENT_DATA_BYTES_MAX + 1)).unwrap_err();
        assert_eq!(error.code(), crate::error::Code::PayloadTooLarge);
    }

    #[test]
    fn writes_the_answer() {
        let mut out = Vec::new();
        let appended = Appended {
            first: Position(1),
            last: Position(1),
            streams: vec![("s".into(), Revision(1))],
            events: vec![(EventId(1), Position(1), Revision(1))],
        };
        push_appended(&mut out, &appended);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            r#"{"first_position":1,"last_position":1,"streams":[{"stream":"s","revision":1}],"events":[{"id":"00000000000000000000000001","position":1,"revision":1}]}"#
        );
    }
}
