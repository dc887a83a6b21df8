//! A crowd of subscribers while events are appended at a rate: each must get exactly its events in order, and what that
//! costs whoever appends.

use crate::Failure;
use crate::connection::{Connection, Place, Socket};
use crate::server::Server;
use crate::timing::{Client, Measured, Window, latencies, nanoseconds};
use futures::stream::{SplitSink, SplitStream};
use futures::{SinkExt, StreamExt};
use hdrhistogram::Histogram;
use serde::Deserialize;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::Message;

/// Who subscribes, one WebSocket each.
pub(crate) const SUBSCRIBERS: usize = 1_000;
/// What they ask for: as many of them ask for the same.
pub(crate) const PREDICATES: u64 = 200;
/// Events appended a second, one a request.
const RATE: u64 = 2_000;
/// Connections that append.
const APPENDERS: usize = 16;
/// Those among whom nothing is read any more.
pub(crate) const STALLED: usize = 10;
/// What their sockets take all the same.
const STALLED_SOCKET_BYTES: u32 = 8 << 10;
/// Part of the time during which they read nothing.
const STALLED_FOR: f64 = 0.8;
/// What is still on its way when the last append is answered has come by then.
const ARRIVAL_MAX: Duration = Duration::from_secs(30);
/// Bytes of an event's data besides what is asked for.
const PADDING_BYTES: usize = 120;

/// The statement of a predicate: true of each event whose number leaves that rest, found by what an index knows or not.
fn statement(predicate: u64) -> String {
    let wanted = match predicate {
        0..60 => format!("stream = 'crowd-{predicate}'"),
        60..100 => format!("type = 'Said{}' AND data.n % {PREDICATES} = {predicate}", predicate % 40),
        100..150 => format!("'room:{predicate}' IN tags"),
        _ => format!("data.n % {PREDICATES} = {predicate}"),
    };
    format!("SUBSCRIBE events WHERE {wanted}")
}

/// Appends events whose number and time are in them.
struct Speaker {
    connection: Connection,
    numbers: Arc<AtomicU64>,
    begun: Instant,
}

impl Client for Speaker {
    async fn once(&mut self) -> Result<Option<u64>, Failure> {
        let n = self.numbers.fetch_add(1, Ordering::Relaxed);
        let (rest, kind, at) = (n % PREDICATES, n % 40, nanoseconds(self.begun.elapsed()));
        let body = format!(
            r#"{{"appends":[{{"stream":"crowd-{rest}","events":[{{"type":"Said{kind}","data":{{"n":{n},"at":{at},"text":"{:PADDING_BYTES$}"}},"tags":["room:{rest}"]}}]}}]}}"#,
            ""
        );
        self.connection.post("/append", body).await?;
        Ok(Some(1))
    }
}

/// A frame, as far as it is looked at.
#[derive(Deserialize)]
struct Frame {
    op: String,
    event: Option<Event>,
    reason: Option<String>,
    resume_after: Option<u64>,
    error: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct Event {
    position: u64,
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    n: u64,
    at: u64,
}

/// What a subscriber has heard.
#[derive(Default)]
struct Heard {
    events: Vec<(u64, u64)>,
    closed: Option<(String, u64)>,
}

/// One of the crowd, reading.
struct Listener {
    predicate: u64,
    sink: SplitSink<Socket, Message>,
    heard: Arc<Mutex<Heard>>,
    reading: JoinHandle<Result<(), Failure>>,
}

/// All of them.
pub(crate) struct Crowd {
    place: Place,
    begun: Instant,
    numbers: Arc<AtomicU64>,
    listeners: Vec<Listener>,
    /// Number of the first event that they hear.
    since: u64,
    latency: Arc<Mutex<Since>>,
}

/// What a window has found.
pub(crate) struct Found {
    pub(crate) appends: Measured,
    /// From the sending of an append to the reading of its event.
    pub(crate) deliveries: Measured,
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

async fn subscribe(socket: &mut Socket, statement: &str) -> Result<(), Failure> {
    let frame = serde_json::json!({ "op": "subscribe", "sub": "s", "pql": statement });
    socket.send(Message::text(frame.to_string())).await?;
    while let Some(message) = socket.next().await {
        let Message::Text(text) = message? else { continue };
        let frame: Frame = serde_json::from_str(&text)?;
        match &*frame.op {
            "caught_up" => return Ok(()),
            "error" => return Err(text.as_str().into()),
            _ => {}
        }
    }
    Err("the WebSocket ended before it had caught up".into())
}

/// Latencies of what was sent at a moment or later.
type Since = (Instant, Histogram<u64>);

/// Reads until the subscription is closed.
async fn listen(
    mut frames: SplitStream<Socket>,
    heard: Arc<Mutex<Heard>>,
    begun: Instant,
    latency: Option<Arc<Mutex<Since>>>,
) -> Result<(), Failure> {
    while let Some(message) = frames.next().await {
        let Message::Text(text) = message? else { continue };
        let now = Instant::now();
        let frame: Frame = serde_json::from_str(&text)?;
        match (&*frame.op, frame.event) {
            ("event", Some(Event { position, data: Data { n, at } })) => {
                lock(&heard).events.push((position, n));
                if let Some(latency) = &latency {
                    let sent = begun + Duration::from_nanos(at);
                    let mut latency = lock(latency);
                    if sent >= latency.0 {
                        latency.1.saturating_record(nanoseconds(now - sent));
                    }
                }
            }
            ("closed", _) => {
                lock(&heard).closed =
                    Some((frame.reason.unwrap_or_default(), frame.resume_after.unwrap_or_default()));
                return Ok(());
            }
            ("error", _) => return Err(format!("{:?}", frame.error).into()),
            _ => {}
        }
    }
    Err("the WebSocket ended before its subscription was closed".into())
}

impl Crowd {
    pub(crate) fn new(place: Place) -> Self {
        let begun = Instant::now();
        let latency = Arc::new(Mutex::new((begun, latencies())));
        Self { place, begun, numbers: Arc::default(), listeners: Vec::new(), since: 0, latency }
    }

    /// Lets all of them subscribe; the bytes of the server's memory that each of them takes while nothing happens.
    pub(crate) async fn gather(&mut self, server: &Server) -> Result<u64, Failure> {
        let before = server.memory()?;
        self.since = self.numbers.load(Ordering::Relaxed);
        for number in 0..SUBSCRIBERS as u64 {
            let predicate = number % PREDICATES;
            let mut socket = self.place.socket().await?;
            subscribe(&mut socket, &statement(predicate)).await?;
            let (sink, frames) = socket.split();
            let heard = Arc::<Mutex<Heard>>::default();
            let reading = tokio::spawn(listen(frames, heard.clone(), self.begun, Some(self.latency.clone())));
            self.listeners.push(Listener { predicate, sink, heard, reading });
        }
        Ok(server.memory()?.saturating_sub(before) / SUBSCRIBERS as u64)
    }

    /// Appends at the rate for as long as the window is, beside some that read nothing, and waits until everybody has
    /// what it should.
    pub(crate) async fn speak(&mut self, window: Window, stalled: usize) -> Result<Found, Failure> {
        let mut silent = Vec::new();
        for _ in 0..stalled {
            let mut socket = self.place.socket_of(STALLED_SOCKET_BYTES).await?;
            subscribe(&mut socket, "SUBSCRIBE events").await?;
            silent.push(self.read_late(socket, window.time().mul_f64(STALLED_FOR)));
        }
        *lock(&self.latency) = (window.bounds().0, latencies());
        let mut speakers = Vec::new();
        for _ in 0..APPENDERS {
            let connection = Connection::open(&self.place.unix()).await?;
            speakers.push(Speaker { connection, numbers: self.numbers.clone(), begun: self.begun });
        }
        let appends = window.pace(RATE, speakers).await?;
        self.arrive().await?;
        let latency = std::mem::replace(&mut lock(&self.latency).1, latencies());
        let deliveries = Measured { units: latency.len(), elapsed: appends.elapsed, latency: Some(latency) };
        let log = self.log().await?;
        for (heard, reading) in silent {
            let read = tokio::time::timeout(ARRIVAL_MAX, reading).await;
            read.map_err(|_| "one that read nothing was not closed: the window is too short for it")???;
            let heard = lock(&heard);
            check_stalled(&heard, &log)?;
        }
        Ok(Found { appends, deliveries })
    }

    /// One that begins to read after a while.
    fn read_late(
        &self,
        socket: Socket,
        after: Duration,
    ) -> (Arc<Mutex<Heard>>, JoinHandle<Result<(), Failure>>) {
        let (sink, frames) = socket.split();
        let (heard, begun) = (Arc::<Mutex<Heard>>::default(), self.begun);
        let into = heard.clone();
        let reading = tokio::spawn(async move {
            tokio::time::sleep(after).await;
            let read = listen(frames, into, begun, None).await;
            drop(sink);
            read
        });
        (heard, reading)
    }

    /// Waits until each listener has as many events as were made for it.
    async fn arrive(&self) -> Result<(), Failure> {
        let last = self.numbers.load(Ordering::Relaxed);
        let deadline = Instant::now() + ARRIVAL_MAX;
        for listener in &self.listeners {
            let due = (self.since..last).filter(|n| n % PREDICATES == listener.predicate).count();
            while lock(&listener.heard).events.len() < due {
                if Instant::now() > deadline {
                    let has = lock(&listener.heard).events.len();
                    let statement = statement(listener.predicate);
                    return Err(format!("{statement} has {has} of {due} events").into());
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
        Ok(())
    }

    /// Position and number of every event.
    async fn log(&self) -> Result<Vec<(u64, u64)>, Failure> {
        let mut lines = Vec::new();
        let mut connection = Connection::open(&self.place.unix()).await?;
        connection.get_lines("/events", |part| lines.extend_from_slice(part)).await?;
        let lines = lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        lines
            .map(|line| {
                let event: Event = serde_json::from_slice(line)?;
                Ok((event.position, event.data.n))
            })
            .collect()
    }

    /// Lets all of them leave, and compares what each has heard with the log.
    pub(crate) async fn part(mut self) -> Result<(), Failure> {
        let log = self.log().await?;
        for listener in &mut self.listeners {
            listener.sink.send(Message::text(r#"{"op":"unsubscribe","sub":"s"}"#)).await?;
        }
        for listener in self.listeners {
            listener.reading.await??;
            let heard = lock(&listener.heard);
            let due = log.iter().filter(|(_, n)| *n >= self.since && n % PREDICATES == listener.predicate);
            if !heard.events.iter().eq(due) {
                return Err(format!("{} has other events than the log", statement(listener.predicate)).into());
            }
        }
        Ok(())
    }
}

/// Whoever read nothing for a while was closed, and has everything up to where it is to go on.
fn check_stalled(heard: &Heard, log: &[(u64, u64)]) -> Result<(), Failure> {
    let Some((reason, resume_after)) = &heard.closed else { return Err("was not closed".into()) };
    let Some(first) = heard.events.first() else { return Err("heard nothing at all".into()) };
    let due = log.iter().filter(|event| *event >= first && event.0 <= *resume_after);
    match reason == "slow_consumer" && heard.events.iter().eq(due) {
        true => Ok(()),
        false => Err(format!(
            "one that read nothing was closed with {reason}, to go on after {resume_after}, and has {} events",
            heard.events.len()
        )
        .into()),
    }
}
