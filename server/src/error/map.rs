//! From what the rooms below say to what the wire says: every variant of every error, in this one place.

use super::{Code, Error};
use crate::wire::time::rfc3339;
use domain::{Holder, Rejection};
use query::QueryError;
use serde_json::{Map, Value, json};
use store::{AppendError, ExecuteError, ExpectedRevision, ReadError};

impl From<Rejection> for Error {
    fn from(rejection: Rejection) -> Self {
        let message = rejection.to_string();
        match rejection {
            Rejection::Validation(problems) => Self::validation(&problems),
            Rejection::TooLarge { kind, pointer, bytes, .. } => {
                Self::event_too_large(kind.as_deref(), pointer, bytes)
            }
            Rejection::NotFound { kind, id } => Self::not_found(kind, &id),
            Rejection::AlreadyExists { kind, id } => Self::new(Code::Conflict, message)
                .details(json!({"kind": kind, "id": &*id}))
                .hint(match kind {
                    "relationship" => "these two tasks are related so already",
                    _ => "give another id, or none and let the server make one",
                }),
            Rejection::VersionConflict { id, expected, actual } => Self::new(Code::Conflict, message)
                .details(json!({"id": &*id, "expected": expected, "actual": actual}))
                .hint("read the task again, then send the version you saw as expected_version")
                .next(format!("agentpm task get {id}")),
            Rejection::Cycle { kind, path } => Self::new(Code::Conflict, message)
                .details(json!({"kind": kind, "path": texts(&path)}))
                .hint("remove one of the relationships on the path first"),
            Rejection::SecondParent { child, parent } => Self::new(Code::Conflict, message)
                .details(json!({"child": &*child, "parent": &*parent}))
                .hint("a task has one parent: change parent_id instead"),
            Rejection::InvalidState { task_id, from, to, allowed } => {
                let hint = match (from, to) {
                    ("archived", _) => "restore it first".to_owned(),
                    _ if allowed.is_empty() => format!("{from} is final; it can be archived"),
                    // A transition may lead there; this was none.
                    (_, "in_progress") if allowed.contains(&to) => match allowed.contains(&"open") {
                        true => format!("a {from} task is not leased: open it by a transition, then claim it"),
                        false => format!(
                            "a {from} task is not leased: it opens by itself when the tasks that block it have ended"
                        ),
                    },
                    (_, "open") if allowed.contains(&to) => {
                        format!("nobody works on a {from} task: open it by a transition instead")
                    }
                    _ => format!("from {from} it can go to {}", allowed.join(", ")),
                };
                Self::new(Code::InvalidState, message)
                    .details(json!({"from": from, "to": to, "allowed": allowed}))
                    .hint(hint)
                    .next(match from {
                        "archived" => format!("agentpm task restore {task_id}"),
                        _ => format!("agentpm task get {task_id}"),
                    })
            }
            Rejection::LeaseRequired { task_id, holder } => Self::new(Code::LeaseRequired, message)
                .details(held(&[("task_id", &task_id)], holder.as_ref()))
                .hint(match holder {
                    Some(_) => "send the holder's lease_id, or override: true",
                    None => "claim it and send lease_id, or send expected_version, or override: true",
                })
                .next(format!("agentpm task get {task_id}")),
            // Whose it is now, and what to do, is told by the tables: see `Error::with_holder`.
            Rejection::LeaseExpired { lease_id, task_id, holder } => {
                let about = [("lease_id", Some(&lease_id)), ("task_id", task_id.as_ref())];
                let about: Vec<(&str, &str)> =
                    about.iter().filter_map(|(name, id)| Some((*name, &***id.as_ref()?))).collect();
                Self::new(Code::LeaseExpired, message).details(held(&about, holder.as_ref())).hint(
                    "stop working on this task: its lease has ended, or is another's; read where the task stands, \
                     only an open one can be claimed again",
                )
            }
            Rejection::LeaseHeld { task_id, holder } => Self::new(Code::Conflict, message)
                .details(held(&[("task_id", &task_id)], Some(&holder)))
                .hint(format!(
                    "`{}` holds it, until {} unless it is renewed: wait until it is given back or expires, or have it handed over",
                    holder.agent_id,
                    rfc3339(holder.expires_at)
                ))
                .next(format!("agentpm task get {task_id}"))
                .retryable(),
            Rejection::SessionClosed { id } => Self::new(Code::InvalidState, message)
                .details(json!({"id": &*id, "from": "closed", "to": "active", "allowed": []}))
                .hint("start another session; what this one held was given back")
                .next("agentpm session start --agent-id AGENT"),
            Rejection::Forbidden { rule, reason } => {
                Self::new(Code::Forbidden, message).details(json!({"rule": rule, "reason": reason}))
            }
            Rejection::Predicate(fault) => {
                let error = Self::new(Code::Pql, message).details(json!({
                    "pql_code": fault.code,
                    "line": fault.line,
                    "column": fault.column,
                    "length": fault.length,
                    "hint": fault.hint,
                }));
                match fault.hint {
                    Some(hint) => error.hint(hint),
                    None => error,
                }
            }
        }
    }
}

impl From<AppendError> for Error {
    fn from(error: AppendError) -> Self {
        let message = error.to_string();
        match error {
            AppendError::RevisionConflict { stream, expected, actual } => Self::new(
                Code::Conflict,
                format!("stream `{stream}` is at revision {actual}, expected {}", expected_text(expected)),
            )
            .details(json!({"stream": &*stream, "expected": expected_json(expected), "actual": actual.0}))
            .hint("read the stream from the revision you know, then append at the one it has"),
            AppendError::TimeBeforeHead { event, time, head } => Self::of_time(
                event,
                format!("time {} is before that of the last event, {}", rfc3339(time), rfc3339(head)),
            ),
            AppendError::TimeAfterNow { event, time, now } => Self::of_time(
                event,
                format!("time {} is after the server's clock, {}", rfc3339(time), rfc3339(now)),
            ),
            AppendError::Empty
            | AppendError::StreamLength { .. }
            | AppendError::KindLength { .. }
            | AppendError::TagLength { .. }
            | AppendError::TagReserved { .. }
            | AppendError::TooManyTags { .. } => Self::problem("/appends", message),
            AppendError::ConditionFailed { position } => Self::new(Code::Conflict, message)
                .details(json!({"position": position.0}))
                .hint("read the events after the position you knew, then decide again"),
            AppendError::ConditionFaulty { position } => Self::problem(
                "/condition/fail_if",
                format!("cannot be told of the event at position {position}"),
            ),
            AppendError::ConditionBehind { .. } => Self::unavailable(message),
            AppendError::EventExists { id } => Self::new(Code::Conflict, message)
                .details(json!({"id": id.to_string()}))
                .hint("the same append sent again gets its first answer; other events need ids of their own"),
        }
    }
}

impl Error {
    /// What is wrong with the time of that event of an append, counted over all its streams.
    fn of_time(event: usize, message: String) -> Self {
        let mut error = Self::problem("/appends", message);
        error.0.event = Some(event);
        error
    }

    /// The same with its place, in an append of so many events to one stream after another.
    pub(crate) fn in_append(mut self, events: &[usize]) -> Self {
        let Some(mut event) = self.0.event.take() else { return self };
        for (write, of_write) in events.iter().enumerate() {
            if event < *of_write {
                return self.moved("/appends", &format!("/appends/{write}/events/{event}/time"));
            }
            event -= of_write;
        }
        self
    }

    /// The same with the place of its problem told from elsewhere: what begins with `from` begins with `to`.
    pub(crate) fn moved(self, from: &str, to: &str) -> Self {
        let problem = match self.0.details.as_array().map(Vec::as_slice) {
            Some([problem]) if self.0.code == Code::Validation => problem,
            _ => return self,
        };
        let text = |name: &str| problem[name].as_str().unwrap_or_default();
        match text("pointer").strip_prefix(from) {
            Some(rest) => Self::problem(format!("{to}{rest}"), text("message")),
            None => self,
        }
    }
}

impl<R: Into<Error>> From<ExecuteError<R>> for Error {
    fn from(error: ExecuteError<R>) -> Self {
        match error {
            ExecuteError::Rejected(rejection) => rejection.into(),
            ExecuteError::Refused(refusal) => refusal.into(),
            ExecuteError::QueueFull => Self::unavailable("the writer's queue is full"),
            ExecuteError::TooLarge { bytes, bytes_max } => {
                Self::new(Code::PayloadTooLarge, format!("the request would write {bytes} bytes of events"))
                    .details(json!({"bytes": bytes, "bytes_max": bytes_max}))
                    .hint("split it into several requests")
            }
            ExecuteError::Poisoned(why) => {
                tracing::error!(%why, "the writer has stopped");
                Self::new(Code::Internal, "the writer has stopped; whether this was carried out is not known")
                    .hint("read the state again once the server is back")
            }
            ExecuteError::Closed => Self::unavailable("the server is shutting down"),
        }
    }
}

impl From<QueryError> for Error {
    fn from(error: QueryError) -> Self {
        let Some(first) = error.errors.first() else {
            tracing::error!(%error, "the query engine failed");
            return Self::new(Code::Internal, "something went wrong inside; the server's log says more");
        };
        let mut details = told(first, &error.text);
        // A client that looks at one error alone finds the first; all of them are there when there are more.
        if error.errors.len() > 1 {
            let all = error.errors.iter().map(|wrong| {
                let mut each = json!({ "message": wrong.message });
                if let (Value::Object(each), Value::Object(told)) = (&mut each, told(wrong, &error.text)) {
                    each.extend(told);
                }
                each
            });
            details["errors"] = all.collect();
        }
        let mapped = Self::new(Code::Pql, &*first.message).details(details);
        match &first.hint {
            Some(hint) => mapped.hint(&**hint),
            None => mapped,
        }
    }
}

/// What is wrong with a statement, and where.
fn told(wrong: &grammar::Error, text: &str) -> Value {
    let place = wrong.place(text);
    json!({
        "pql_code": wrong.code.as_str(),
        "line": place.line,
        "column": place.column,
        "length": place.length,
        "hint": wrong.hint,
    })
}

impl From<ReadError> for Error {
    fn from(error: ReadError) -> Self {
        tracing::error!(%error, "a read failed");
        match error {
            ReadError::Damaged(_) => Self::new(Code::Internal, "stored bytes are not what was written")
                .hint("run `agentpm verify` on the data directory"),
            ReadError::Io(_) => Self::new(Code::Internal, "the disk could not be read"),
        }
    }
}

fn texts(texts: &[store::Text]) -> Vec<&str> {
    texts.iter().map(|text| &**text).collect()
}

fn held(about: &[(&str, &str)], holder: Option<&Holder>) -> Value {
    let mut details: Map<String, Value> =
        about.iter().map(|(name, value)| ((*name).to_owned(), Value::from(*value))).collect();
    details.insert("holder".to_owned(), holder.map(|h| &*h.agent_id).into());
    details.insert("since".to_owned(), holder.map(|h| rfc3339(h.since)).into());
    details.insert("expires_at".to_owned(), holder.map(|h| rfc3339(h.expires_at)).into());
    Value::Object(details)
}

fn expected_json(expected: ExpectedRevision) -> Value {
    match expected {
        ExpectedRevision::Any => "any".into(),
        ExpectedRevision::NoStream => "no_stream".into(),
        ExpectedRevision::Exists => "exists".into(),
        ExpectedRevision::Exact(revision) => revision.0.into(),
    }
}

fn expected_text(expected: ExpectedRevision) -> String {
    match expected {
        ExpectedRevision::Any => "any".to_owned(),
        ExpectedRevision::NoStream => "no stream".to_owned(),
        ExpectedRevision::Exists => "that it exists".to_owned(),
        ExpectedRevision::Exact(revision) => revision.to_string(),
    }
}
