//! From an append to a subscriber: one event at a time, from the moment it is sent to the moment its frame is
//! read.

use crate::Failure;
use crate::append::event_json;
use crate::connection::{Connection, Place, Socket};
use crate::timing::{Measured, Window, latencies, nanoseconds};
use futures::{SinkExt, StreamExt};
use std::time::{Duration, Instant};
use tokio_tungstenite::tungstenite::Message;

/// Only what is appended here is listened to.
const STREAM: &str = "delivered";

/// One client appends, one subscriber listens.
pub(crate) async fn one_after_another(place: &Place, window: Window) -> Result<Measured, Failure> {
    let mut socket = place.socket().await?;
    let statement = format!("SUBSCRIBE events WHERE stream = '{STREAM}'");
    let subscribe = serde_json::json!({ "op": "subscribe", "sub": "s", "pql": statement });
    socket.send(Message::text(subscribe.to_string())).await?;
    next(&mut socket, "caught_up").await?;
    let mut connection = Connection::open(&place.unix()).await?;
    let mut latency = latencies();
    let (from, to) = window.bounds();
    let (mut units, mut last, mut n) = (0, from, 0);
    while Instant::now() < to {
        n += 1;
        let body = format!(r#"{{"appends":[{{"stream":"{STREAM}","events":[{}]}}]}}"#, event_json(n));
        let begun = Instant::now();
        let delivered = async { next(&mut socket, "event").await.map(|()| Instant::now()) };
        let (ended, _) = tokio::try_join!(delivered, connection.post("/append", body))?;
        if begun >= from && ended <= to {
            units += 1;
            last = ended;
            latency.saturating_record(nanoseconds(ended - begun));
        }
    }
    let elapsed = (last - from).max(Duration::from_nanos(1));
    Ok(Measured { units, elapsed, latency: Some(latency) })
}

/// Waits for a frame of that kind; progress may come in between.
async fn next(socket: &mut Socket, op: &str) -> Result<(), Failure> {
    let wanted = format!(r#"{{"op":"{op}""#);
    while let Some(message) = socket.next().await {
        match message? {
            Message::Text(text) if text.starts_with(&wanted) => return Ok(()),
            Message::Text(text) if text.starts_with(r#"{"op":"error""#) => return Err(text.as_str().into()),
            _ => {}
        }
    }
    Err(format!("the WebSocket ended before `{op}`").into())
}
