//! What a durable subscription is: what was asked for, and how that is kept.

use super::competing::Terms;
use crate::error::{Code, Error};
use domain::Problem;
use query::Start;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::borrow::Cow;
use std::fmt;
use store::{Position, Text, Timestamp};

/// Where a subscription begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Begin {
    /// At the first event there is.
    Start,
    /// At the next event.
    Now,
    /// At the event after that position.
    After(u64),
}

impl Begin {
    /// As the API has it.
    pub(crate) fn to_json(self) -> Value {
        match self {
            Self::Start => "start".into(),
            Self::Now => "now".into(),
            Self::After(position) => position.into(),
        }
    }

    /// The position it begins after, in a log that ends at `head`.
    pub(crate) fn after(self, head: Position) -> Position {
        match self {
            Self::Start => Position::ZERO,
            Self::Now => head,
            Self::After(position) => Position(position),
        }
    }
}

impl From<Start> for Begin {
    fn from(start: Start) -> Self {
        match start {
            Start::Now => Self::Now,
            Start::Beginning => Self::Start,
            Start::After(position) => Self::After(position.0),
        }
    }
}

/// Where events are posted, and what they are signed with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Hook {
    pub(crate) url: Text,
    pub(crate) secret: Secret,
    /// Whether the receiver wants none any more.
    #[serde(default)]
    pub(crate) is_off: bool,
}

/// A text that is shown to nobody.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Secret(Text);

impl Secret {
    pub(crate) fn new(text: Text) -> Self {
        Self(text)
    }

    pub(crate) fn text(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// What is asked for with `PUT /subscriptions/{name}`.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// The statement.
    pub(crate) pql: Text,
    /// Its parameters: JSON.
    pub(crate) params: Option<Text>,
    /// Where to begin; where the statement says when not given.
    pub(crate) from: Option<Begin>,
    /// By which terms.
    pub(crate) terms: Terms,
    /// Where to post events.
    pub(crate) webhook: Option<Hook>,
}

/// A durable subscription, as it is kept: JSON, so that a newer version may add to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Definition {
    pub(crate) pql: Text,
    #[serde(default)]
    pub(crate) params: Option<Text>,
    pub(crate) from: Begin,
    max_in_flight: usize,
    ack_timeout_ms: i64,
    max_attempts: u32,
    by_stream: bool,
    #[serde(default)]
    pub(crate) webhook: Option<Hook>,
    /// Microseconds since 1970.
    created_at: i64,
}

impl Definition {
    /// What was asked for, where the statement begins at `start`.
    pub(crate) fn new(asked: Asked, start: Start, now: Timestamp) -> Self {
        let Asked { pql, params, from, terms, webhook } = asked;
        let Terms { max_in_flight, ack_timeout_ms, max_attempts, by_stream } = terms;
        let from = from.unwrap_or(start.into());
        Self {
            pql,
            params,
            from,
            max_in_flight,
            ack_timeout_ms,
            max_attempts,
            by_stream,
            webhook,
            created_at: now.0,
        }
    }

    /// By which terms events are given out.
    pub(crate) fn terms(&self) -> Terms {
        let Self { max_in_flight, ack_timeout_ms, max_attempts, by_stream, .. } = *self;
        Terms { max_in_flight, ack_timeout_ms, max_attempts, by_stream }
    }

    /// When it was made.
    pub(crate) fn created_at(&self) -> Timestamp {
        Timestamp(self.created_at)
    }

    /// The bytes that are kept.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("plain data serializes")
    }

    /// Reads them.
    ///
    /// # Errors
    /// What cannot be read.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, String> {
        serde_json::from_slice(bytes).map_err(|error| error.to_string())
    }

    /// This one, changed to what another says.
    ///
    /// # Errors
    /// `ERR_CONFLICT` when that would be another subscription: other events, from elsewhere, in another order.
    pub(crate) fn changed(&self, name: &str, other: Self) -> Result<Self, Error> {
        let text = |text: &Option<Text>| text.as_ref().map_or(Value::Null, |text| Value::from(&**text));
        let order = |by_stream: bool| if by_stream { Value::from("stream") } else { Value::Null };
        let fixed = [
            ("pql", Value::from(&*self.pql), Value::from(&*other.pql)),
            ("params", text(&self.params), text(&other.params)),
            ("from", self.from.to_json(), other.from.to_json()),
            ("order_by", order(self.by_stream), order(other.by_stream)),
        ];
        match fixed.into_iter().find(|(_, mine, theirs)| mine != theirs) {
            None => Ok(Self { created_at: self.created_at, ..other }),
            Some((field, actual, expected)) => {
                let message = format!("there is a subscription `{name}` already, with another `{field}`");
                let details =
                    json!({ "pointer": format!("/{field}"), "expected": expected, "actual": actual });
                let hint = "take another name; or DELETE this one first, and what it remembers with it";
                Err(Error::new(Code::Conflict, message).details(details).hint(hint))
            }
        }
    }
}

/// A name that holds.
///
/// # Errors
/// `ERR_VALIDATION` when it does not.
pub(crate) fn check_name(name: &str) -> Result<(), Error> {
    if domain::is_id(name) {
        return Ok(());
    }
    let shown: Cow<'_, str> = crate::wire::fields::short(name);
    let chars_max = domain::ID_CHARS_MAX;
    let message = format!(
        "the name of a subscription is 1 to {chars_max} of the characters A-Z a-z 0-9 . _ : -, found `{shown}`"
    );
    Err(Error::validation(&[Problem { pointer: String::new(), message }]))
}
