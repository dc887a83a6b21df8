//! Webhooks: a durable subscription whose consumer is the server itself, which posts its events to a URL.

mod address;
mod backoff;
mod message;

pub(crate) use address::check;

use super::competing::{Delivery, Refusal};
use super::definition::Hook;
use super::subscription::{Given, Subscription};
use crate::app::Shared;
use crate::clock;
use crate::error::Error;
use address::PublicOnly;
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Client, StatusCode, Url, redirect};
use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;
use store::{Event, Timestamp};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// Events, or streams in order, that are posted to one URL at a time.
const POSTS_MAX: usize = 8;

/// Posts of all webhooks at a time.
const ALL_POSTS_MAX: usize = 64;

/// Longest time for one answer; a subscription's `ack_timeout_s` may make it shorter.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(30);

/// Longest time for a connection.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(10);

/// How long a webhook waits for events before it asks again. It is woken when there are some.
const WAIT: Duration = Duration::from_secs(30);

/// A pause after what failed here, and not at the receiver.
const RETRY_AFTER_OWN: Duration = Duration::from_secs(1);

/// What posts.
#[derive(Debug)]
pub(crate) struct Posts {
    /// Whether webhooks may lead anywhere.
    anywhere: bool,
    client: Client,
    room: Arc<Semaphore>,
}

impl Posts {
    /// What posts only to the public internet, unless it may go anywhere.
    ///
    /// # Errors
    /// When no client can be made, because the system's certificates cannot be read.
    pub(super) fn new(anywhere: bool) -> Result<Self, reqwest::Error> {
        crate::tls::install();
        let builder = Client::builder()
            // A proxy would make the connection, and where to could not be looked at here.
            .no_proxy()
            .redirect(redirect::Policy::none())
            .connect_timeout(CONNECT_TIME_MAX)
            .user_agent(concat!("agentpm/", env!("CARGO_PKG_VERSION")));
        let builder = if anywhere { builder } else { builder.dns_resolver(Arc::new(PublicOnly)) };
        Ok(Self { anywhere, client: builder.build()?, room: Arc::new(Semaphore::new(ALL_POSTS_MAX)) })
    }
}

/// What came of posting an event.
enum Outcome {
    /// The receiver has it.
    Taken,
    /// It is to be posted again, not before so long from now.
    Failed { why: String, asked: Option<Duration> },
    /// The receiver wants none any more.
    Gone,
}

/// Posts a subscription's events until it is ended, the server stops, or the receiver wants none any more.
pub(super) async fn run(
    app: Shared,
    subscription: Arc<Subscription>,
    hook: Hook,
    posts: Arc<Posts>,
    ended: CancellationToken,
) {
    let worker = Arc::new(Worker { app, subscription, hook, posts, ended: ended.clone() });
    let mut under_way: JoinSet<bool> = JoinSet::new();
    loop {
        let free = POSTS_MAX - under_way.len();
        let (stop, subscription) = (&worker.app.stop, &worker.subscription);
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = ended.cancelled() => return,
            Some(wanted) = under_way.join_next() => match wanted {
                Ok(true) => {}
                Ok(false) => return,
                // What it had in hand comes again when its time is over.
                Err(error) => tracing::error!(%error, "posting an event panicked"),
            },
            given = subscription.fetch(&worker.app, free, WAIT, None, &ended), if free > 0 => match given {
                Ok(given) => worker.start(given, &mut under_way),
                Err(error) if error.code() == crate::error::Code::NotFound => return,
                Err(error) => {
                    tracing::warn!(subscription = %subscription.name(), %error, "a webhook has to wait");
                    tokio::select! {
                        () = stop.cancelled() => return,
                        () = ended.cancelled() => return,
                        () = sleep(RETRY_AFTER_OWN) => {}
                    }
                }
            },
        }
    }
}

struct Worker {
    app: Shared,
    subscription: Arc<Subscription>,
    hook: Hook,
    posts: Arc<Posts>,
    ended: CancellationToken,
}

impl Worker {
    /// Starts to post what was given. Where order matters, the events of a stream are posted one after another.
    fn start(self: &Arc<Self>, given: Given, under_way: &mut JoinSet<bool>) {
        let Some(until) = given.until else { return };
        self.app.metrics.durable.delivered(given.events.iter().map(|(_, attempt)| *attempt));
        let by_stream = self.subscription.terms().by_stream;
        let mut lines: Vec<Vec<(Event, u32)>> = Vec::new();
        for (event, attempt) in given.events {
            let line = lines.iter_mut().find(|line| by_stream && line[0].0.stream == event.stream);
            match line {
                Some(line) => line.push((event, attempt)),
                None => lines.push(vec![(event, attempt)]),
            }
        }
        for line in lines {
            let worker = Arc::clone(self);
            under_way.spawn(async move { worker.post_all(line, until).await });
        }
    }

    /// Posts events one after another, up to the first that is not taken. Tells whether there is still somebody who
    /// wants them.
    async fn post_all(&self, line: Vec<(Event, u32)>, until: Timestamp) -> bool {
        let ack_timeout = u64::try_from(self.subscription.terms().ack_timeout_ms).unwrap_or(u64::MAX);
        // An answer that comes later than the event is taken back would be of no use.
        let time_max = ANSWER_TIME_MAX.min(Duration::from_millis(ack_timeout).mul_f64(0.8));
        let mut left = line.into_iter();
        while let Some((event, attempt)) = left.next() {
            let back = |event: &Event, attempt| Delivery { position: event.position, attempt };
            let rest = || left.clone().map(|(event, attempt)| back(&event, attempt));
            // Never closed.
            let Ok(_room) = self.posts.room.acquire().await else { return false };
            let latest = clock::now().plus_ms(i64::try_from(time_max.as_millis()).unwrap_or(i64::MAX));
            if latest > until {
                let all: Vec<Delivery> = std::iter::once(back(&event, attempt)).chain(rest()).collect();
                self.subscription.put_back(&all);
                return true;
            }
            let outcome = self.post(&event, time_max).await;
            let said = match outcome {
                Outcome::Taken => {
                    let acked = self.subscription.ack(&self.app, &[event.id]).await;
                    if let Ok(said) = &acked {
                        self.app.metrics.durable.said(said);
                        continue;
                    }
                    acked
                }
                Outcome::Gone => {
                    let all: Vec<Delivery> = std::iter::once(back(&event, attempt)).chain(rest()).collect();
                    // Before anybody could take it again.
                    self.turn_off().await;
                    self.ended.cancel();
                    self.subscription.put_back(&all);
                    return false;
                }
                Outcome::Failed { why, asked } => {
                    let wait = backoff::after(attempt, asked);
                    let wait = i64::try_from(wait.as_millis()).unwrap_or(i64::MAX);
                    let refusal = Refusal::Retry(Some(clock::now().plus_ms(wait)));
                    tracing::debug!(subscription = %self.subscription.name(), %why, attempt, "an event was not taken");
                    self.subscription.refuse(&self.app, &[event.id], refusal, None, &why).await
                }
            };
            match said {
                Ok(said) => self.app.metrics.durable.said(&said),
                Err(error) => self.tell(&error),
            }
            self.subscription.put_back(&rest().collect::<Vec<_>>());
            return true;
        }
        true
    }

    async fn post(&self, event: &Event, time_max: Duration) -> Outcome {
        let failed = |why: String| Outcome::Failed { why, asked: None };
        let Hook { url, secret, .. } = &self.hook;
        let Ok(url) = Url::parse(url) else { return failed("its URL is none".into()) };
        // It was looked at when it was given; since then the setting may have changed.
        if let Err(error) = check(&url).or_else(|error| if self.posts.anywhere { Ok(()) } else { Err(error) })
        {
            return failed(format!("the webhook could not be reached: {error}"));
        }
        let body = message::body(event, self.app.store().node_id());
        let headers = match message::headers(event, &body, secret.text(), clock::now()) {
            Ok(headers) => headers,
            Err(error) => return failed(format!("it could not be signed: {error}")),
        };
        let request = self
            .posts
            .client
            .post(url)
            .headers(headers)
            .header(CONTENT_TYPE, message::CONTENT_TYPE)
            .timeout(time_max)
            .body(body);
        match request.send().await {
            Err(error) if error.is_timeout() => failed("the webhook did not answer in time".into()),
            Err(error) => failed(format!("the webhook could not be reached: {}", innermost(&error))),
            Ok(response) if response.status().is_success() => Outcome::Taken,
            Ok(response) if response.status() == StatusCode::GONE => Outcome::Gone,
            Ok(response) => {
                let asked =
                    response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
                let why = format!("the webhook answered {}", response.status().as_u16());
                Outcome::Failed { why, asked: asked.map(Duration::from_secs) }
            }
        }
    }

    async fn turn_off(&self) {
        let name = self.subscription.name();
        tracing::warn!(subscription = %name, "the webhook answered 410 and is off; PUT turns it on again");
        if let Err(error) = self.subscription.turn_off(&self.app.durable, &self.hook).await {
            self.tell(&error);
        }
    }

    fn tell(&self, error: &Error) {
        tracing::warn!(subscription = %self.subscription.name(), %error, "what came of a post was not kept");
    }
}

/// What was wrong in the first place.
fn innermost(error: &reqwest::Error) -> String {
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    match error.source() {
        Some(_) => innermost.to_string(),
        // Without the URL: others may read it.
        None => "no connection".to_owned(),
    }
}
