//! What is posted: a CloudEvent (1.0, structured JSON), signed by Standard Webhooks.

use query::json;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use standardwebhooks::{
    HEADER_WEBHOOK_ID, HEADER_WEBHOOK_SIGNATURE, HEADER_WEBHOOK_TIMESTAMP, Webhook, WebhookError,
};
use store::{Event, EventId, Timestamp};

/// What the body is.
pub(super) const CONTENT_TYPE: &str = "application/cloudevents+json; charset=utf-8";

/// The event as a CloudEvent. Its data is the event as everywhere in the API.
pub(super) fn body(event: &Event, node: EventId) -> Vec<u8> {
    let mut out = Vec::with_capacity(512 + event.data.len() + event.metadata.len());
    out.extend_from_slice(b"{\"specversion\":\"1.0\",\"id\":");
    json::write_text(&event.id.to_string(), &mut out);
    out.extend_from_slice(b",\"source\":");
    json::write_text(&format!("urn:agentpm:{node}"), &mut out);
    out.extend_from_slice(b",\"type\":");
    json::write_text(&event.kind, &mut out);
    out.extend_from_slice(b",\"subject\":");
    json::write_text(&event.stream, &mut out);
    out.extend_from_slice(b",\"time\":\"");
    json::write_time(event.time.0, &mut out);
    out.extend_from_slice(b"\",\"datacontenttype\":\"application/json\",\"sequence\":");
    // Extensions hold whole numbers of 32 bits only.
    json::write_text(&event.position.to_string(), &mut out);
    out.extend_from_slice(b",\"data\":");
    json::event(event, &mut out);
    out.push(b'}');
    out
}

/// The headers by which the receiver knows that it comes from here, and whether it knows it already.
///
/// # Errors
/// When it cannot be signed: the secret is none, or the body no text.
pub(super) fn headers(
    event: &Event,
    body: &[u8],
    secret: &str,
    now: Timestamp,
) -> Result<HeaderMap, WebhookError> {
    let (id, seconds) = (event.id.to_string(), now.0.div_euclid(1_000_000));
    let signature = Webhook::new(secret)?.sign(&id, seconds, body)?;
    let seconds = seconds.to_string();
    let all = [
        (HEADER_WEBHOOK_ID, &id),
        (HEADER_WEBHOOK_TIMESTAMP, &seconds),
        (HEADER_WEBHOOK_SIGNATURE, &signature),
    ];
    let headers = all.into_iter().map(|(name, value)| {
        let value = HeaderValue::from_str(value).expect("letters, digits and signs");
        (HeaderName::from_static(name), value)
    });
    Ok(headers.collect())
}

#[cfg(test)]
mod test {
    use super::*;
    use store::{Position, Revision};

    fn event() -> Event {
        Event {
            position: Position(7),
            id: EventId(1 << 90),
            stream: "orders-1".into(),
            revision: Revision(2),
            kind: "OrderPaid".into(),
            time: Timestamp(1_700_000_000_000_000),
            data: "{\"total\":3}".into(),
            metadata: "{}".into(),
            tags: [].into(),
        }
    }

    #[test]
    fn it_is_a_cloud_event() {
        let event = event();
        let body: serde_json::Value = serde_json::from_slice(&body(&event, EventId(5))).unwrap();
        assert_eq!(body["specversion"], "1.0");
        assert_eq!(body["id"], event.id.to_string());
        assert_eq!(body["source"], format!("urn:agentpm:{}", EventId(5)));
        assert_eq!((&body["type"], &body["subject"]), (&"OrderPaid".into(), &"orders-1".into()));
        assert_eq!(body["time"], "2023-11-14T22:13:20.000000Z");
        assert_eq!((&body["sequence"], &body["data"]["position"]), (&"7".into(), &7.into()));
        assert_eq!(body["data"]["data"]["total"], 3);
    }

    #[test]
    fn the_receiver_can_tell_that_it_is_ours() {
        let (event, secret) = (event(), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let body = body(&event, EventId(5));
        let now = crate::clock::now();
        let headers = headers(&event, &body, secret, now).unwrap();
        let receiver = Webhook::new(secret).unwrap();
        receiver.verify(&body, &headers).unwrap();
        assert!(receiver.verify(b"{}", &headers).is_err());
        assert!(Webhook::new("whsec_AAAA").unwrap().verify(&body, &headers).is_err());
    }
}
