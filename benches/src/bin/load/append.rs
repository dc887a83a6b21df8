//! Durable appends: one HTTP request each, in batches, and pipelined on a WebSocket.

use crate::Failure;
use crate::connection::{Address, Connection, Place};
use crate::timing::{Client, Measured, Window, latencies, nanoseconds};
use agentpm_benches::event;
use futures::{SinkExt, StreamExt};
use std::collections::HashMap;
use std::time::{Duration, Instant};
use tokio_tungstenite::tungstenite::Message;

/// The JSON of one event of about 300 bytes, as the log has it.
pub(crate) fn event_json(n: u64) -> String {
    let event = event(n);
    format!(
        r#"{{"type":"{}","data":{},"metadata":{},"tags":["{}"]}}"#,
        event.kind, event.data, event.metadata, event.tags[0]
    )
}

/// An append of some events to the stream of a client.
fn body(client: usize, first: u64, events: u64) -> String {
    let events: Vec<String> = (first..first + events).map(event_json).collect();
    format!(r#"{{"appends":[{{"stream":"build-{client}","events":[{}]}}]}}"#, events.join(","))
}

pub(crate) struct Appender {
    connection: Connection,
    number: usize,
    sent: u64,
    events: u64,
}

impl Appender {
    /// One that appends so many events a request to the stream of that number.
    pub(crate) fn new(connection: Connection, number: usize, events: u64) -> Self {
        Self { connection, number, sent: 0, events }
    }
}

impl Client for Appender {
    async fn once(&mut self) -> Result<Option<u64>, Failure> {
        let body = body(self.number, self.sent, self.events);
        self.sent += self.events;
        self.connection.post("/append", body).await?;
        Ok(Some(self.events))
    }
}

/// Each client has a connection and a stream of its own, and sends so many events a request.
pub(crate) async fn each_by_itself(
    address: &Address,
    clients: usize,
    events: u64,
    window: Window,
) -> Result<Measured, Failure> {
    let mut appenders = Vec::new();
    for number in 0..clients {
        let connection = Connection::open(address).await?;
        appenders.push(Appender::new(connection, number, events));
    }
    Ok(window.drive(appenders).await?.0)
}

/// Events of a request that only fills the log.
const FILLING_EVENTS: u64 = 1_000;

/// Appends so many events, for others to read.
pub(crate) async fn fill(address: &Address, events: u64) -> Result<(), Failure> {
    let mut connection = Connection::open(address).await?;
    for first in (0..events).step_by(usize::try_from(FILLING_EVENTS)?) {
        let body = body(0, first, FILLING_EVENTS.min(events - first));
        connection.post("/append", body).await?;
    }
    Ok(())
}

/// One WebSocket with so many appends under way, one event each.
pub(crate) async fn pipelined(place: &Place, in_flight: usize, window: Window) -> Result<Measured, Failure> {
    let mut socket = place.socket().await?;
    let mut under_way = HashMap::new();
    let mut latency = latencies();
    let (from, to) = window.bounds();
    let (mut sent, mut units, mut last) = (0, 0, from);
    while Instant::now() < to || !under_way.is_empty() {
        // What was answered together is sent again together.
        while under_way.len() < in_flight && Instant::now() < to {
            let body = body(in_flight, sent, 1);
            let frame = format!(
                r#"{{"op":"request","req":"{sent}","method":"POST","path":"/append","body":{body}}}"#
            );
            under_way.insert(sent.to_string(), Instant::now());
            socket.feed(Message::text(frame)).await?;
            sent += 1;
        }
        socket.flush().await?;
        let mut next = socket.next().await;
        while let Some(message) = next {
            if let Message::Text(text) = message? {
                let begun = answered(&text).and_then(|req| under_way.remove(req));
                let begun = begun.ok_or_else(|| format!("not the answer to an append: {text}"))?;
                let ended = Instant::now();
                if begun >= from && ended <= to {
                    units += 1;
                    last = ended;
                    latency.saturating_record(nanoseconds(ended - begun));
                }
            }
            // All that has come already, without waiting for more.
            next = futures::FutureExt::now_or_never(socket.next()).flatten();
        }
    }
    let elapsed = (last - from).max(Duration::from_nanos(1));
    Ok(Measured { units, elapsed, latency: Some(latency) })
}

/// The request that a frame answers with a success.
fn answered(frame: &str) -> Option<&str> {
    let rest = frame.strip_prefix(r#"{"op":"response","req":""#)?;
    let (req, rest) = rest.split_once('"')?;
    rest.starts_with(r#","status":200,"#).then_some(req)
}
