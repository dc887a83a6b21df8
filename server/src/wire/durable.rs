//! What calls about durable subscriptions ask for.

use super::append::ULID_PATTERN;
use super::fields::{Fields, Item};
use super::work::params;
use crate::durable::competing::{Refusal, Terms};
use crate::durable::definition::{Asked, Begin, Hook, Secret};
use crate::durable::subscription::FETCH_EVENTS_MAX;
use reqwest::Url;
use serde_json::json;
use standardwebhooks::Webhook;
use std::fmt;
use std::time::Duration;
use store::{EventId, Timestamp};

/// Events that all consumers of a subscription together hold at most, when nothing is said, and the most that may be said.
const MAX_IN_FLIGHT_DEFAULT: i64 = 100;
const MAX_IN_FLIGHT_MAX: i64 = FETCH_EVENTS_MAX as i64;

/// How long a consumer may hold an event, when nothing is said, and what may be said: from what a test takes to half a
/// day.
const ACK_TIMEOUT_DEFAULT_MS: i64 = 30_000;
const ACK_TIMEOUT_MIN_MS: i64 = 100;
const ACK_TIMEOUT_MAX_MS: i64 = 12 * 60 * 60 * 1_000;

/// Deliveries before an event is parked.
const MAX_ATTEMPTS_DEFAULT: i64 = 5;
const MAX_ATTEMPTS_MAX: i64 = 100;

/// Longest wait of one fetch: below what proxies and clients cut idle requests at.
pub(crate) const FETCH_WAIT_MS_MAX: i64 = 30_000;

/// Latest that a refused event may come again.
const DELAY_MS_MAX: i64 = 24 * 60 * 60 * 1_000;

/// Longest statement of a subscription, in bytes.
const PQL_BYTES_MAX: usize = 64 << 10;

/// Longest URL of a webhook, in bytes.
const URL_BYTES_MAX: usize = 2_048;

/// What the secret of a webhook looks like.
const SECRET_PATTERN: &str = "^whsec_[A-Za-z0-9+/]{32,86}={0,2}$";

/// `PUT /subscriptions/{name}`
pub(crate) fn put(fields: &mut Fields<'_, '_>) -> Asked {
    let pql = fields.required_text("pql");
    fields.note("pql", || json!({ "maxLength": PQL_BYTES_MAX }));
    if pql.len() > PQL_BYTES_MAX {
        fields.problem("pql", format!("the statement has {} bytes, at most {PQL_BYTES_MAX}", pql.len()));
    }
    let params = params(fields);
    let from = fields.take("from", |item| begin(&item));
    let int = |fields: &mut Fields<'_, '_>, name, max, default: i64| {
        fields.take(name, |item| item.int_in(1..=max)).unwrap_or(default)
    };
    let max_in_flight = int(fields, "max_in_flight", MAX_IN_FLIGHT_MAX, MAX_IN_FLIGHT_DEFAULT);
    let max_attempts = int(fields, "max_attempts", MAX_ATTEMPTS_MAX, MAX_ATTEMPTS_DEFAULT);
    let ack_timeout_ms = fields.take("ack_timeout_s", |item| ack_timeout(&item));
    let order = fields.take("order_by", |item| item.word(&[Order::Stream]));
    let webhook = fields.take("webhook", |item| item.whole(hook)).flatten();
    Asked {
        webhook,
        pql,
        params,
        from,
        terms: Terms {
            max_in_flight: usize::try_from(max_in_flight).unwrap_or(1),
            ack_timeout_ms: ack_timeout_ms.unwrap_or(ACK_TIMEOUT_DEFAULT_MS),
            max_attempts: u32::try_from(max_attempts).unwrap_or(1),
            by_stream: order.is_some(),
        },
    }
}

/// `{url, secret}`; none when it does not hold (which is noted).
fn hook(fields: &mut Fields<'_, '_>) -> Option<Hook> {
    let url = fields.require("url", |item| {
        let url = item.text()?;
        item.note(|| json!({ "pattern": "^[Hh][Tt][Tt][Pp][Ss]?://", "maxLength": URL_BYTES_MAX }));
        let parsed = Url::parse(&url).ok().filter(|_| url.len() <= URL_BYTES_MAX);
        let Some(parsed) = parsed.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
        else {
            return item
                .problem(format!("expected a URL, http:// or https://, of at most {URL_BYTES_MAX} bytes"));
        };
        match parsed.username().is_empty() && parsed.password().is_none() {
            true => Some(Some(url)),
            false => item
                .problem("a URL is shown to others, so it holds no password: the signature tells who posts"),
        }
    });
    let secret = fields.require("secret", |item| {
        let secret = item.text()?;
        item.note(|| json!({ "pattern": SECRET_PATTERN }));
        // 24 to 64 bytes, as Standard Webhooks has it.
        let is_long_enough = (6 + 32..=6 + 88).contains(&secret.len());
        let holds = secret.starts_with("whsec_") && is_long_enough && Webhook::new(&secret).is_ok();
        match holds || item.is_asking() {
            true => Some(Some(Secret::new(secret))),
            false => item.problem("expected `whsec_` and 24 to 64 random bytes in base64"),
        }
    });
    Some(Hook { url: url?, secret: secret?, is_off: false })
}

/// `"start"`, `"now"`, or the position after which it begins.
fn begin(item: &Item<'_, '_>) -> Option<Begin> {
    if item.is_asking() {
        let position = json!({ "type": "integer", "minimum": 0, "maximum": u64::MAX });
        item.note(|| json!({ "anyOf": [{ "enum": ["start", "now"] }, position] }));
        return None;
    }
    if !item.is_text() {
        return item.count().map(Begin::After);
    }
    item.word(&[Word::Start, Word::Now]).map(|word| match word {
        Word::Start => Begin::Start,
        Word::Now => Begin::Now,
    })
}

fn ack_timeout(item: &Item<'_, '_>) -> Option<i64> {
    let ms = item.seconds_as_ms()?;
    let (least, most) = (ACK_TIMEOUT_MIN_MS as f64 / 1_000.0, ACK_TIMEOUT_MAX_MS as f64 / 1_000.0);
    item.note(|| json!({ "minimum": least, "maximum": most }));
    match (ACK_TIMEOUT_MIN_MS..=ACK_TIMEOUT_MAX_MS).contains(&ms) || item.is_asking() {
        true => Some(ms),
        false => item.problem(format!("expected {least} to {most} seconds, found {}", ms as f64 / 1_000.0)),
    }
}

/// What `fetch` asks for.
#[derive(Debug)]
pub(crate) struct Fetch {
    /// How many events at most.
    pub(crate) n: usize,
    /// How long to wait for the first.
    pub(crate) wait: Duration,
}

/// `POST /subscriptions/{name}/fetch`
pub(crate) fn fetch(fields: &mut Fields<'_, '_>) -> Fetch {
    let n = fields.take("n", |item| item.int_in(1..=FETCH_EVENTS_MAX as i64)).unwrap_or(1);
    let wait_ms = fields.take("wait_ms", |item| item.int_in(0..=FETCH_WAIT_MS_MAX)).unwrap_or(0);
    Fetch {
        n: usize::try_from(n).unwrap_or(1),
        wait: Duration::from_millis(u64::try_from(wait_ms).unwrap_or(0)),
    }
}

/// `POST /subscriptions/{name}/ack`
pub(crate) fn ack(fields: &mut Fields<'_, '_>) -> Vec<EventId> {
    let ids = fields.require("ids", |item| {
        item.note(|| json!({ "minItems": 1, "maxItems": FETCH_EVENTS_MAX }));
        item.list(|item| event_id(&item))
    });
    if ids.len() > FETCH_EVENTS_MAX {
        fields.problem("ids", format!("{} ids in one call, at most {FETCH_EVENTS_MAX}", ids.len()));
    }
    if ids.is_empty() && !fields.is_faulty() {
        fields.problem("ids", "names no event: send the ids that a fetch gave");
    }
    ids
}

fn event_id(item: &Item<'_, '_>) -> Option<EventId> {
    let text = item.str()?;
    item.note(|| json!({ "pattern": ULID_PATTERN }));
    EventId::parse(&text).ok().or_else(|| item.problem("expected the id of an event, a ULID"))
}

/// What `nack` says.
#[derive(Debug)]
pub(crate) struct Nack {
    pub(crate) ids: Vec<EventId>,
    action: Action,
    delay_ms: i64,
}

impl Nack {
    /// What is to become of the events, when it is said at `now`.
    pub(crate) fn refusal(&self, now: Timestamp) -> Refusal {
        match self.action {
            Action::Retry if self.delay_ms > 0 => Refusal::Retry(Some(now.plus_ms(self.delay_ms))),
            Action::Retry => Refusal::Retry(None),
            Action::Park => Refusal::Park,
            Action::Skip => Refusal::Skip,
        }
    }
}

/// `POST /subscriptions/{name}/nack`
pub(crate) fn nack(fields: &mut Fields<'_, '_>) -> Nack {
    let ids = ack(fields);
    let action = fields.require("action", |item| item.word(&[Action::Retry, Action::Park, Action::Skip]));
    let delay_ms = fields.take("delay_ms", |item| item.int_in(0..=DELAY_MS_MAX));
    if delay_ms.is_some() && action != Action::Retry {
        fields.problem(
            "delay_ms",
            format!("goes with the action retry: what is to {action} does not come again"),
        );
    }
    Nack { ids, action, delay_ms: delay_ms.unwrap_or(0) }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Action {
    #[default]
    Retry,
    Park,
    Skip,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Retry => "retry",
            Self::Park => "park",
            Self::Skip => "skip",
        })
    }
}

#[derive(Debug, Clone, Copy)]
enum Word {
    Start,
    Now,
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Start => "start",
            Self::Now => "now",
        })
    }
}

#[derive(Debug, Clone, Copy)]
enum Order {
    Stream,
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("stream")
    }
}
