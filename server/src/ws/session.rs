//! One socket, from its first frame to its last.

use super::frame::{self, Op};
use super::outbox::{Gone, Outbox, outbox};
use super::requests::{self, Call, IN_FLIGHT_MAX};
use super::subscription::Handle;
use crate::error::{Code, Error};
use crate::follow::{Follow, too_many};
use crate::http::front::Front;
use axum::extract::ws::{Message, WebSocket};
use axum::http::HeaderMap;
use futures::StreamExt;
use query::Params;
use rustc_hash::FxHashMap;
use std::sync::Arc;
use std::time::Duration;
use store::Text;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// A socket of which nothing was heard for so long, not even what a WebSocket answers a ping with by itself, is gone:
/// ten pings were for nothing. A client that is busy for minutes between two reads is not.
const SILENCE_MAX: Duration = Duration::from_secs(300);

/// Serves a socket until the client leaves or the server stops.
pub(super) async fn run(front: Front, identity: HeaderMap, socket: WebSocket) {
    let counted = front.app.metrics.sockets.clone();
    counted.inc();
    let (sink, mut frames) = socket.split();
    let (outbox, outlet) = outbox();
    let stop = front.app.stop.clone();
    let mut session = Session {
        front,
        identity: Arc::new(identity),
        outbox,
        subscriptions: FxHashMap::default(),
        in_flight: Arc::new(Semaphore::new(IN_FLIGHT_MAX)),
        tasks: TaskTracker::new(),
        ended: CancellationToken::new(),
    };
    let writing = tokio::spawn(outlet.drain(sink));
    loop {
        let message = tokio::select! {
            () = stop.cancelled() => break,
            message = timeout(SILENCE_MAX, frames.next()) => message,
        };
        let Ok(message) = message else { break };
        let text = match message {
            Some(Ok(Message::Text(text))) => text,
            Some(Ok(Message::Binary(_))) => {
                let error = Error::problem("", "frames are JSON text");
                if session.outbox.put(frame::error(None, &error)).await.is_err() {
                    break;
                }
                continue;
            }
            // Answered below us.
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => continue,
            Some(Ok(Message::Close(_)) | Err(_)) | None => break,
        };
        if session.frame(&text).await.is_err() {
            break;
        }
    }
    // Calls that were accepted are answered, subscriptions say where to resume; then the outbox closes
    // because nobody can put anything there any more.
    let Session { tasks, ended, outbox, .. } = session;
    if !stop.is_cancelled() {
        ended.cancel();
    }
    tasks.close();
    tasks.wait().await;
    drop(outbox);
    // The writer ends when it has written what is left, or could not.
    let _ = writing.await;
    counted.dec();
}

struct Session {
    front: Front,
    identity: Arc<HeaderMap>,
    outbox: Outbox,
    subscriptions: FxHashMap<Text, Handle>,
    in_flight: Arc<Semaphore>,
    /// Subscriptions and calls under way.
    tasks: TaskTracker,
    /// Cancelled when the client has left.
    ended: CancellationToken,
}

impl Session {
    async fn frame(&mut self, text: &str) -> Result<(), Gone> {
        let refused = match frame::read(text) {
            Err(error) => Err((frame::names(text), error)),
            Ok(Op::Ping) => return self.outbox.put(frame::pong()).await,
            Ok(Op::Request { req, method, path, headers, body }) => {
                return self.request(Call { req, method, path, headers, body }).await;
            }
            Ok(Op::Subscribe { sub, pql, params, credit }) => {
                let name = sub.clone();
                self.subscribe(sub, &pql, params.as_ref(), credit)
                    .map_err(|error| ((Some(name), None), error))
            }
            Ok(Op::Credit { sub, n }) => self
                .subscriptions
                .get(&sub)
                .ok_or_else(|| Error::not_found("subscription", &sub))
                .and_then(|handle| handle.add_credit(n))
                .map_err(|error| ((Some(sub), None), error)),
            Ok(Op::Unsubscribe { sub }) => match self.subscriptions.remove(&sub) {
                Some(handle) => {
                    handle.end();
                    Ok(())
                }
                None => {
                    let error = Error::not_found("subscription", &sub);
                    Err(((Some(sub), None), error))
                }
            },
        };
        match refused {
            Ok(()) => Ok(()),
            Err(((_, Some(req)), error)) => self.outbox.put(requests::refused(&req, error).await).await,
            Err(((sub, None), error)) => self.outbox.put(frame::error(sub.as_deref(), &error)).await,
        }
    }

    /// Starts a call. When too many are under way, the next frame waits until one is answered.
    async fn request(&self, call: Call) -> Result<(), Gone> {
        // The semaphore is never closed.
        let turn = self.in_flight.clone().acquire_owned().await.map_err(|_| Gone)?;
        let (front, identity, outbox) = (self.front.clone(), self.identity.clone(), self.outbox.clone());
        let gone = self.ended.clone();
        self.tasks.spawn(async move {
            let frame = requests::answer(&front, &identity, call, gone).await;
            // Without a socket the answer has nowhere to go; what was done is done.
            let _ = outbox.put(frame).await;
            drop(turn);
        });
        Ok(())
    }

    fn subscribe(
        &mut self,
        sub: Text,
        pql: &str,
        params: Option<&Text>,
        credit: Option<usize>,
    ) -> Result<(), Error> {
        // Those that ended by themselves have told so; their names are free again.
        self.subscriptions.retain(|_, handle| !handle.is_over());
        if self.subscriptions.contains_key(&sub) {
            return Err(Error::new(Code::Conflict, format!("there is a subscription `{sub}` already"))
                .hint("take another name, or unsubscribe first"));
        }
        let app = &self.front.app;
        let max = app.subscriptions_per_connection_max;
        if self.subscriptions.len() >= max {
            return Err(too_many("a connection", max));
        }
        let params = params
            .map_or_else(|| Ok(Params::default()), |params| crate::http::query::params(params, "/params"))?;
        let follow = Follow::new(app.clone(), crate::sse::wanted(&app.engine, pql, params)?, None)?;
        let outbox = self.outbox.clone();
        let handle = Handle::start(sub.clone(), follow, credit, outbox, &self.tasks, &self.ended);
        self.subscriptions.insert(sub, handle);
        Ok(())
    }
}
