//! Closed loops: each client sends its next request when the last one is answered, for a while.

use crate::Failure;
use futures::future::try_join_all;
use hdrhistogram::Histogram;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Mutex, mpsc};

/// Before this has passed, nothing counts: connections, caches and the log's files are made.
const WARM_UP: Duration = Duration::from_millis(500);
/// Latencies are kept to three digits, up to this.
const LATENCY_MAX: Duration = Duration::from_secs(60);

/// When it counts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window {
    time: Duration,
}

/// What was counted.
pub(crate) struct Measured {
    /// Events, claims, queries.
    pub(crate) units: u64,
    /// From the beginning of the first that counts to the end of the last.
    pub(crate) elapsed: Duration,
    /// Of requests, in nanoseconds; none where there was only one.
    pub(crate) latency: Option<Histogram<u64>>,
}

/// One of the clients of a closed loop.
pub(crate) trait Client: Send + 'static {
    /// Sends a request and waits for its answer. The units it was worth; none when there is nothing left to do.
    fn once(&mut self) -> impl Future<Output = Result<Option<u64>, Failure>> + Send;
}

/// Latencies of one client, or of all.
pub(crate) fn latencies() -> Histogram<u64> {
    let max = u64::try_from(LATENCY_MAX.as_nanos()).expect("a minute is short");
    Histogram::new_with_max(max, 3).expect("the bounds are sound")
}

/// As a histogram takes it.
pub(crate) fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

impl Window {
    pub(crate) fn of(time: Duration) -> Self {
        Self { time }
    }

    /// How long counting takes.
    pub(crate) fn time(self) -> Duration {
        self.time
    }

    /// When counting begins and ends, if the first request is sent now.
    pub(crate) fn bounds(self) -> (Instant, Instant) {
        let from = Instant::now() + WARM_UP;
        (from, from + self.time)
    }

    /// Lets requests be sent at a rate, by whichever client is free, whether those before are answered or not. A
    /// latency is counted from when the request was due, so that one that has to wait for a client shows it.
    pub(crate) async fn pace<C: Client>(self, rate: u64, clients: Vec<C>) -> Result<Measured, Failure> {
        let (from, to) = self.bounds();
        let begin = Instant::now();
        let (due, dues) = mpsc::unbounded_channel();
        // A thread of its own: the timers of the runtime are a millisecond coarse.
        std::thread::spawn(move || {
            for number in 0..u32::MAX {
                let at = begin + Duration::from_secs(number.into()) / u32::try_from(rate).unwrap_or(u32::MAX);
                if at >= to {
                    break;
                }
                std::thread::sleep(at.saturating_duration_since(Instant::now()));
                if due.send(at).is_err() {
                    break;
                }
            }
        });
        let dues = Arc::new(Mutex::new(dues));
        let tasks = clients.into_iter().map(|mut client| {
            let dues = dues.clone();
            tokio::spawn(async move {
                let (mut units, mut latency) = (0, latencies());
                loop {
                    let due = dues.lock().await.recv().await;
                    let Some(due) = due else { break };
                    let done = client.once().await?.unwrap_or(0);
                    if due >= from {
                        units += done;
                        latency.saturating_record(nanoseconds(due.elapsed()));
                    }
                }
                Ok::<_, Failure>((units, latency))
            })
        });
        let (mut units, mut all) = (0, latencies());
        for done in try_join_all(tasks).await? {
            let (some, latency) = done?;
            units += some;
            all.add(latency)?;
        }
        Ok(Measured { units, elapsed: to - from, latency: Some(all) })
    }

    /// Lets the clients work. A request counts when it began and ended within the window.
    pub(crate) async fn drive<C: Client>(self, clients: Vec<C>) -> Result<(Measured, Vec<C>), Failure> {
        let (from, to) = self.bounds();
        let tasks = clients.into_iter().map(|mut client| {
            tokio::spawn(async move {
                let (mut units, mut latency) = (0, latencies());
                let mut span: Option<(Instant, Instant)> = None;
                loop {
                    let begun = Instant::now();
                    if begun >= to {
                        break;
                    }
                    let Some(done) = client.once().await? else { break };
                    let ended = Instant::now();
                    if begun >= from && ended <= to {
                        units += done;
                        span = Some((span.map_or(begun, |(first, _)| first), ended));
                        latency.saturating_record(nanoseconds(ended - begun));
                    }
                }
                Ok::<_, Failure>((units, latency, span, client))
            })
        });
        let mut measured = Measured { units: 0, elapsed: Duration::ZERO, latency: None };
        let mut all = latencies();
        let mut clients = Vec::new();
        let mut whole: Option<(Instant, Instant)> = None;
        for done in try_join_all(tasks).await? {
            let (units, latency, span, client) = done?;
            measured.units += units;
            all.add(latency)?;
            clients.push(client);
            whole = match (whole, span) {
                (Some((first, last)), Some((begun, ended))) => Some((first.min(begun), last.max(ended))),
                (whole, span) => whole.or(span),
            };
        }
        measured.elapsed = whole.map_or(Duration::ZERO, |(first, last)| last - first);
        measured.latency = Some(all);
        Ok((measured, clients))
    }
}
