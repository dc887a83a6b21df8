//! What a client is told when its request is not carried out.

mod advice;
mod code;
mod lease;
mod map;
#[cfg(test)]
mod test;

pub(crate) use code::Code;

use crate::wire::envelope::push;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use domain::Problem;
use serde::Serialize;
use serde_json::{Value, json};
use std::borrow::Cow;
use std::time::Duration;

/// `Retry-After` of an error that says nothing more exact, in seconds.
pub(crate) const RETRY_AFTER_S: u32 = 1;

/// An error as it goes over the wire.
#[derive(Debug, Clone)]
pub(crate) struct Error(Box<Parts>);

#[derive(Debug, Clone)]
struct Parts {
    code: Code,
    status: StatusCode,
    message: String,
    hint: Option<String>,
    next: Vec<String>,
    retryable: bool,
    details: Value,
    retry_after_s: Option<u32>,
    /// Which event of an append it is about, while its place in the request is not known.
    event: Option<usize>,
}

/// The members of `error`, in the order of the documentation.
#[derive(Serialize)]
struct Wire<'a> {
    code: &'static str,
    message: &'a str,
    hint: Cow<'a, str>,
    next: Cow<'a, [String]>,
    retryable: bool,
    details: &'a Value,
}

impl Error {
    /// An error with its code's own status.
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        Self(Box::new(Parts {
            code,
            status: code.status(),
            message: message.into(),
            hint: None,
            next: Vec::new(),
            retryable: code.is_retryable(),
            details: Value::Null,
            retry_after_s: code.is_retryable().then_some(RETRY_AFTER_S),
            event: None,
        }))
    }

    /// `ERR_VALIDATION` with every problem that was found.
    pub(crate) fn validation(problems: &[Problem]) -> Self {
        let message = match problems {
            [one] if one.pointer.is_empty() => one.message.clone(),
            [one] => format!("{}: {}", one.pointer, one.message),
            many => format!("{} fields do not hold", many.len()),
        };
        let details =
            problems.iter().map(|p| json!({"pointer": p.pointer, "message": p.message})).collect::<Vec<_>>();
        Self::new(Code::Validation, message).details(Value::Array(details))
    }

    /// `ERR_VALIDATION` with one problem.
    pub(crate) fn problem(pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self::validation(&[Problem { pointer: pointer.into(), message: message.into() }])
    }

    /// `ERR_NOT_FOUND` for a thing by its id.
    pub(crate) fn not_found(kind: &'static str, id: &str) -> Self {
        Self::new(Code::NotFound, format!("no {kind} has the id `{id}`"))
            .details(json!({"kind": kind, "id": id}))
    }

    /// `ERR_PAYLOAD_TOO_LARGE` for the data of an event, or for a field that no event can hold.
    pub(crate) fn event_too_large(kind: Option<&str>, pointer: Option<String>, bytes: usize) -> Self {
        let bytes_max = domain::event::DATA_BYTES_MAX;
        let what = match (kind, &pointer) {
            (Some(kind), _) => format!("the data of {kind}"),
            (None, Some(pointer)) => pointer.clone(),
            (None, None) => "the data of an event".to_owned(),
        };
        let mut details = json!({"bytes": bytes, "bytes_max": bytes_max});
        for (name, value) in [("type", kind), ("pointer", pointer.as_deref())] {
            if let Some(value) = value {
                details[name] = value.into();
            }
        }
        Self::new(Code::PayloadTooLarge, format!("{what} has {bytes} bytes, at most {bytes_max}"))
            .details(details)
            .hint("keep large things outside and put a reference into the event")
    }

    /// `ERR_UNAVAILABLE`: not now, but soon.
    pub(crate) fn unavailable(message: impl Into<String>) -> Self {
        Self::new(Code::Unavailable, message)
    }

    /// The error of a batch whose operations at those places do not hold. Problems of form are told of all of
    /// them, another error of the first.
    pub(crate) fn of_operations(errors: impl IntoIterator<Item = (usize, Self)>) -> Self {
        let mut problems = Vec::new();
        for (index, Self(parts)) in errors {
            let Some(details) = parts.details.as_array().filter(|_| parts.code == Code::Validation) else {
                let message = format!("operation {index}: {}", parts.message);
                let details = match parts.details {
                    Value::Object(mut members) => {
                        members.insert("op".into(), index.into());
                        Value::Object(members)
                    }
                    _ => json!({"op": index}),
                };
                return Self(Box::new(Parts { message, details, ..*parts }));
            };
            problems.extend(details.iter().map(|problem| {
                let text = |name: &str| problem[name].as_str().unwrap_or_default().to_owned();
                let at = if text("pointer") == "/ref" { "" } else { "/data" };
                Problem { pointer: format!("/ops/{index}{at}{}", text("pointer")), message: text("message") }
            }));
        }
        Self::validation(&problems)
    }

    /// The error of an operation of a batch that names what another would have made, which failed for that reason.
    pub(crate) fn of_needed(op: usize, why: &Self) -> Self {
        let message =
            format!("operation {op} failed, so there is nothing that its ref stands for: {}", why.message());
        let details = match why.0.details.clone() {
            Value::Object(mut members) => {
                members.insert("op".into(), op.into());
                Value::Object(members)
            }
            Value::Array(_) => json!([{"pointer": "", "message": message}]),
            _ => json!({"op": op}),
        };
        let hint = Some(format!("this operation was not tried: mend operation {op}, and send both again"));
        Self(Box::new(Parts { message, hint, next: Vec::new(), details, ..(*why.0).clone() }))
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// A command that helps.
    pub(crate) fn next(mut self, command: impl Into<String>) -> Self {
        self.0.next.push(command.into());
        self
    }

    pub(crate) fn details(mut self, details: Value) -> Self {
        self.0.details = details;
        self
    }

    /// When the same request may succeed.
    pub(crate) fn retry_after(mut self, wait: Duration) -> Self {
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        self.0.retry_after_s = Some(u32::try_from(seconds.max(1)).unwrap_or(u32::MAX));
        self
    }

    pub(crate) fn retryable(mut self) -> Self {
        self.0.retryable = true;
        self
    }

    pub(crate) fn status(mut self, status: StatusCode) -> Self {
        self.0.status = status;
        self
    }

    /// Its code.
    #[must_use]
    pub(crate) fn code(&self) -> Code {
        self.0.code
    }

    /// Whether the same request may succeed later.
    #[must_use]
    pub(crate) fn is_retryable(&self) -> bool {
        self.0.retryable
    }

    /// Whether it is about something of that kind.
    pub(crate) fn is_about(&self, kind: &str) -> bool {
        self.0.details["kind"] == kind
    }

    /// What is wrong.
    #[must_use]
    pub(crate) fn message(&self) -> &str {
        &self.0.message
    }

    /// The value of `error` in the envelope.
    pub(crate) fn wire(&self) -> impl Serialize {
        let Parts { code, status, message, hint, next, retryable, details, .. } = &*self.0;
        let (hint, next) = match hint {
            Some(hint) => (Cow::Borrowed(&**hint), Cow::Borrowed(&**next)),
            None => {
                let advice = advice::of(*code, *status, details);
                let next = if next.is_empty() { Cow::Owned(advice.next) } else { Cow::Borrowed(&**next) };
                (advice.hint, next)
            }
        };
        Wire { code: code.as_str(), message, hint, next, retryable: *retryable, details }
    }

    /// The same as a JSON value.
    #[cfg(test)]
    pub(crate) fn to_json(&self) -> Value {
        serde_json::to_value(self.wire()).expect("an error is plain data")
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.0.code.as_str(), self.0.message)
    }
}

impl std::error::Error for Error {}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let mut body = br#"{"ok":false,"data":null,"error":"#.to_vec();
        push(&mut body, &self.wire());
        body.push(b'}');
        let mut response = (self.0.status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(seconds) = self.0.retry_after_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.0.code == Code::Unauthorized {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
