//! What every request needs: the engine, the policy, the gate before the writer, the way down.

use crate::auth::{Policy, Tickets};
use crate::clock;
use crate::condition::Looked;
use crate::context::Provenance;
use crate::durable::Durable;
use crate::error::Error;
use crate::follow::Fan;
use crate::http::Room;
use crate::limits::Limits;
use crate::metrics::Metrics;
use crate::server::Config;
use crate::waiting::Waiting;
use crate::wire::append::ConditionRequest;
use domain::rows::SessionStatus;
use domain::{Command, Outcome, Work};
use query::Engine;
use std::sync::Arc;
use std::time::{Duration, Instant};
use store::{Append, Appended, Context, Done, Store, Text};
use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The application as handlers see it.
pub(crate) type Shared = Arc<App>;

/// The application.
#[derive(Debug)]
pub(crate) struct App {
    /// Queries, and the store beneath.
    pub(crate) engine: Engine,
    /// Who is let in over TCP.
    pub(crate) policy: Policy,
    /// How long a session may be silent before it is lost, of those that start from now on.
    pub(crate) session_timeout_ms: i64,
    /// What browsers open sockets with.
    pub(crate) tickets: Tickets,
    /// Where the bodies of requests find room.
    pub(crate) room: Room,
    /// Claims that wait for work.
    pub(crate) waiting: Waiting,
    /// Subscriptions that may be open.
    pub(crate) subscriptions_max: usize,
    /// Subscriptions of one WebSocket.
    pub(crate) subscriptions_per_connection_max: usize,
    /// Events on their way to those who follow the log.
    pub(crate) fan: Arc<Fan>,
    /// Durable subscriptions.
    pub(crate) durable: Arc<Durable>,
    /// What every write passes.
    pub(crate) gate: Gate,
    /// How many requests may come.
    pub(crate) limits: Limits,
    /// From when on a request is slow.
    pub(crate) slow_request: Duration,
    /// Every setting as it holds, without secrets.
    pub(crate) settings: serde_json::Value,
    /// What is counted.
    pub(crate) metrics: Metrics,
    /// Cancelled when the server is to stop.
    pub(crate) stop: CancellationToken,
    /// Connections and sockets still open.
    pub(crate) open: TaskTracker,
}

impl App {
    /// An application on an open engine.
    pub(crate) fn new(engine: Engine, durable: Arc<Durable>, metrics: Metrics, config: &Config) -> Shared {
        let fan = Arc::new(Fan::at(engine.store().head().position));
        Arc::new(Self {
            engine,
            subscriptions_max: config.subscriptions_max,
            subscriptions_per_connection_max: config.subscriptions_per_connection_max,
            fan,
            policy: config.policy.clone(),
            session_timeout_ms: config.session_timeout_ms,
            tickets: Tickets::default(),
            room: Room::default(),
            waiting: Waiting::default(),
            durable,
            gate: Gate::default(),
            limits: Limits::new(config.rate_per_connection, config.rate_per_agent, config.rate_limit_unix),
            slow_request: config.slow_request,
            settings: config.settings.clone(),
            metrics,
            stop: CancellationToken::new(),
            open: TaskTracker::new(),
        })
    }

    /// The store.
    pub(crate) fn store(&self) -> &Store<Work> {
        self.engine.store()
    }

    /// Why no writes are taken, if they are not.
    pub(crate) fn unready(&self) -> Option<Error> {
        if self.stop.is_cancelled() {
            return Some(Error::unavailable("the server is shutting down"));
        }
        if self.store().poisoned().is_some() {
            return Some(Error::unavailable("the writer has stopped"));
        }
        self.gate.is_closed().then(|| Error::unavailable("an import is running"))
    }

    /// Carries out a command; its events say who asked and why.
    ///
    /// # Errors
    /// What the model or the writer says against it.
    pub(crate) async fn execute(&self, by: &Provenance, command: Command) -> Result<Done<Outcome>, Error> {
        let _entered = self.gate.enter()?;
        let begun = Instant::now();
        let done = self.store().execute(context(by), command).await;
        self.metrics.written("command", begun.elapsed());
        done.map_err(|error| Error::from(error).with_holder(|| self.engine.pin()))
    }

    /// The session that a request names is alive, whatever else the request was about. Written down when half of the
    /// session's time has gone, and only if it is there and its own.
    pub(crate) async fn hear(&self, by: &Provenance) {
        let Some(session) = by.session_id.as_ref().and_then(|id| self.engine.pin().session(id)) else {
            return;
        };
        if session.status != SessionStatus::Active || clock::now() < session.half_silent() {
            return;
        }
        let heard = Command::HearSession { session_id: session.id.clone() };
        if let Err(error) = self.execute(&self.by(by, &heard), heard).await {
            tracing::debug!(%error, session = %session.id, "a session was not heard");
        }
    }

    /// Appends events as they are, unless there is one that the condition says must not be there.
    ///
    /// # Errors
    /// What the append's own conditions or the writer say against it.
    pub(crate) async fn append(
        self: &Arc<Self>,
        by: &Provenance,
        append: Append,
        condition: Option<ConditionRequest>,
    ) -> Result<Appended, Error> {
        let _entered = self.gate.enter()?;
        let begun = Instant::now();
        let events = append.events();
        let placed = |error: Error| error.in_append(&events);
        if let Err(why) = self.check_session(by) {
            let appended = self.store().append_if(context(by), append, Some(Looked::never(self))).await;
            return appended.map_err(|error| placed(Looked::refused_for(why, error)));
        }
        let Some(asked) = condition else {
            let appended = self.store().append(context(by), append).await;
            self.metrics.written("append", begun.elapsed());
            return appended.map_err(|error| placed(error.into()));
        };
        let Looked { condition, fault } = Looked::new(self, asked).await?;
        let appended = self.store().append_if(context(by), append, Some(condition)).await;
        self.metrics.written("append", begun.elapsed());
        appended.map_err(|error| placed(Looked::refused(&fault, error)))
    }

    /// Whether the session that a request names is there and its own, as the model asks of each command.
    ///
    /// # Errors
    /// What the model says against it.
    pub(crate) fn check_session(&self, by: &Provenance) -> Result<(), Error> {
        let Some(id) = &by.session_id else { return Ok(()) };
        let session = self.engine.pin().session(id);
        domain::check_session(session.as_ref(), id, by.agent_id.as_ref(), clock::now())?;
        Ok(())
    }

    /// Who carries a command out: who the request says, else who the command says, else the holder of the
    /// lease it names, else whose session it is in.
    pub(crate) fn by(&self, by: &Provenance, command: &Command) -> Provenance {
        by.clone()
            .or_agent(command.agent_id())
            .or_agent(self.holder(command.lease_id()).as_ref())
            .or_agent(self.owner(by.session_id.as_ref()).as_ref())
            .or_agent(self.owner(command.session_id()).as_ref())
            .or_session(command.session_id())
    }

    /// The agent whose session it is: who acts when a request names a session and nobody else.
    fn owner(&self, session_id: Option<&Text>) -> Option<Text> {
        self.engine.pin().session(session_id?).map(|session| session.agent_id.clone())
    }

    /// The agent that holds a lease: who acts when a request names a lease and nobody else.
    pub(crate) fn holder(&self, lease_id: Option<&Text>) -> Option<Text> {
        self.engine.pin().lease(lease_id?).map(|lease| lease.agent_id.clone())
    }
}

/// What a command is decided with: the clock, fresh ids, the caller.
pub(crate) fn context(by: &Provenance) -> Context {
    Context { now: clock::now(), seed: clock::fresh_id(), metadata: by.to_json(), actor: by.agent_id.clone() }
}

/// Longest wait for writes that are on their way; they take milliseconds.
const CLOSE_WAIT_MAX: Duration = Duration::from_secs(5);

/// Writers pass here, many at a time; an import holds it alone, so that nothing comes between its commits.
#[derive(Debug, Default)]
pub(crate) struct Gate(RwLock<()>);

impl Gate {
    /// Enters for one write.
    ///
    /// # Errors
    /// `ERR_UNAVAILABLE` while an import is on.
    pub(crate) fn enter(&self) -> Result<RwLockReadGuard<'_, ()>, Error> {
        self.0.try_read().map_err(|_| {
            Error::unavailable("an import is running; other writes wait until it is done")
                .hint("reads go on; try again later")
        })
    }

    /// Waits until no write is on the way and keeps others out until the guard is dropped.
    ///
    /// # Errors
    /// `ERR_UNAVAILABLE` when an import is running already.
    pub(crate) async fn close(&self) -> Result<RwLockWriteGuard<'_, ()>, Error> {
        // Writers leave at once; only another import would be long.
        let bound = CLOSE_WAIT_MAX;
        tokio::time::timeout(bound, self.0.write())
            .await
            .map_err(|_| Error::unavailable("an import is running already"))
    }

    /// Whether writers are kept out.
    pub(crate) fn is_closed(&self) -> bool {
        self.0.try_read().is_err()
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[tokio::test]
    async fn an_import_keeps_writers_out() {
        let gate = Gate::default();
        let writer = gate.enter().unwrap();
        let _second = gate.enter().unwrap();
        drop(writer);
        drop(_second);
        let import = gate.close().await.unwrap();
        assert!(gate.is_closed());
        assert_eq!(gate.enter().unwrap_err().code(), crate::error::Code::Unavailable);
        drop(import);
        assert!(gate.enter().is_ok());
    }
}
