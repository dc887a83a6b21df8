//! Durable subscriptions: the server remembers what their consumers have done with.
//!
//! [`competing`] decides who gets what; [`subscription`] puts the log, the clock and the disk to it; [`dispatch`] lets
//! time and the log act on those that nobody asks at the moment.

pub(crate) mod competing;
pub(crate) mod definition;
pub(crate) mod dispatch;
pub(crate) mod subscription;
pub(crate) mod webhook;

use crate::app::{App, Shared};
use crate::clock;
use crate::error::{Code, Error};
use crate::wire::fields::nearest;
use competing::Competing;
use definition::{Asked, Definition, Hook, check_name};
use parking_lot::{Mutex, RwLock};
use query::tables::subscriptions::DurableSubscription;
use query::{Engine, EventPredicate, Params, Subscription as Statement};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use store::{AllKept, Cursors, CursorsError, Kept, Note, Position, Slot, Text, Timestamp};
use subscription::Subscription;
use tokio::sync::Notify;
use webhook::Posts;

/// Most durable subscriptions of a server. Each is looked at with every commit.
pub(crate) const SUBSCRIPTIONS_MAX: usize = 1_000;

/// All durable subscriptions.
#[derive(Debug)]
pub(crate) struct Durable {
    cursors: Cursors,
    all: RwLock<BTreeMap<Text, Arc<Subscription>>>,
    /// Something is to be done earlier than [`dispatch`] knows of.
    stir: Notify,
    /// Until when it sleeps, in microseconds.
    asleep_until: AtomicI64,
    /// Whether webhooks may lead anywhere.
    anywhere: bool,
    /// What posts to them, once there are any.
    posts: Mutex<Option<Arc<Posts>>>,
}

impl Durable {
    /// All that are kept.
    pub(crate) fn new(engine: &Engine, cursors: Cursors, kept: AllKept, anywhere: bool) -> Arc<Self> {
        let durable = Arc::new(Self {
            cursors,
            all: RwLock::default(),
            stir: Notify::new(),
            asleep_until: AtomicI64::new(i64::MAX),
            anywhere,
            posts: Mutex::default(),
        });
        for (name, kept) in kept {
            durable.restore(engine, name, kept);
        }
        let told = Arc::downgrade(&durable);
        engine.set_subscriptions(move |head| told.upgrade().map_or_else(Vec::new, |all| all.rows(head)));
        durable
    }

    /// What is kept in a directory.
    #[cfg(test)]
    pub(crate) fn at(engine: &Engine, dir: &std::path::Path) -> Arc<Self> {
        let (cursors, kept) = Cursors::open(dir).unwrap();
        Self::new(engine, cursors, kept, true)
    }

    fn restore(&self, engine: &Engine, name: Text, kept: Kept) {
        let head = engine.store().head().position;
        let definition = match kept.definition.as_deref().map(Definition::from_bytes) {
            Some(Ok(definition)) => definition,
            // It was deleted, and something was noted after that.
            None => return self.background(&name, vec![Note::Forget]),
            Some(Err(why)) => {
                tracing::error!(subscription = %name, %why, "what is kept of a subscription cannot be read; it is left alone");
                return;
            }
        };
        if kept.floor > head {
            tracing::warn!(
                subscription = %name, position = kept.floor.0, head = head.0,
                "the subscription was further than the log is, which is of an earlier time; it goes on from the log's end"
            );
        }
        let events = statement(engine, &definition.pql, definition.params.as_ref()).map(|made| made.events);
        if let Err(error) = &events {
            tracing::error!(subscription = %name, %error, "the statement of a subscription is none any more");
        }
        let (competing, notes) = Competing::restored(definition.terms(), kept, head);
        if !notes.is_empty() {
            self.background(&name, notes);
        }
        let subscription = Subscription::new(name.clone(), definition, events, competing);
        self.all.write().insert(name, Arc::new(subscription));
    }

    /// Makes one, or changes the terms of the one there is.
    ///
    /// # Errors
    /// When the statement or the name does not hold, there is another of that name, there are too many, or it cannot
    /// be kept.
    pub(crate) async fn put(&self, app: &App, name: &Text, asked: Asked) -> Result<Arc<Subscription>, Error> {
        check_name(name)?;
        self.check_webhook(asked.webhook.as_ref())?;
        let head = app.store().head().position;
        let made = statement(&app.engine, &asked.pql, asked.params.as_ref())?;
        let definition = Definition::new(asked, made.start, clock::now());
        let known = self.all.read().get(name).cloned();
        if let Some(subscription) = known {
            subscription.redefine(self, definition).await?;
            return Ok(subscription);
        }
        let subscription = self.add(name, definition, made.events, head)?.await?;
        self.stir.notify_one();
        Ok(subscription)
    }

    /// Refuses a webhook that leads where it may not.
    fn check_webhook(&self, hook: Option<&Hook>) -> Result<(), Error> {
        let Some(hook) = hook.filter(|_| !self.anywhere) else { return Ok(()) };
        let url = hook.url.parse().map_err(|_| Error::problem("/webhook/url", "expected a URL"))?;
        webhook::check(&url).map_err(|error| {
            Error::problem("/webhook/url", error.to_string())
                .hint("webhooks lead into the public internet, unless the server has webhook_allow_private")
        })
    }

    /// Posts what webhooks want, of all subscriptions.
    pub(crate) fn start_posting(&self, app: &Shared) {
        for subscription in self.list() {
            if let Err(error) = self.post(app, &subscription) {
                tracing::error!(subscription = %subscription.name(), %error, "a webhook cannot be served");
            }
        }
    }

    /// Posts what a webhook wants, if the subscription has one, and another than until now.
    ///
    /// # Errors
    /// When nothing can be posted, because the system's certificates cannot be read.
    pub(crate) fn post(&self, app: &Shared, subscription: &Arc<Subscription>) -> Result<(), Error> {
        let Some((hook, ended)) = subscription.begin_posting() else { return Ok(()) };
        let posts = {
            let mut posts = self.posts.lock();
            match &*posts {
                Some(posts) => posts.clone(),
                None => {
                    let made = Posts::new(self.anywhere).map_err(|error| {
                        ended.cancel();
                        tracing::error!(%error, "there is no client for webhooks");
                        Error::new(Code::Internal, "nothing can be posted from here")
                    })?;
                    posts.insert(Arc::new(made)).clone()
                }
            }
        };
        let (shared, subscription) = (app.clone(), subscription.clone());
        app.open.spawn(async move {
            webhook::run(shared, subscription, hook, posts, ended.clone()).await;
            // It may be begun anew.
            ended.cancel();
        });
        Ok(())
    }

    /// Adds one; it is there when it is kept.
    fn add(
        &self,
        name: &Text,
        definition: Definition,
        events: EventPredicate,
        head: Position,
    ) -> Result<impl Future<Output = Result<Arc<Subscription>, Error>> + use<>, Error> {
        let mut all = self.all.write();
        if all.contains_key(name) {
            return Err(Error::unavailable(format!("`{name}` is being made by another call")));
        }
        if all.len() >= SUBSCRIPTIONS_MAX {
            let message = format!("there are {SUBSCRIPTIONS_MAX} durable subscriptions already");
            let hint = "DELETE one that nobody needs: SELECT name, lag FROM subscriptions lists them";
            return Err(Error::unavailable(message).hint(hint));
        }
        let after = definition.from.after(head);
        if after > head {
            let message = format!("position {after} is after the head, {head}: nothing is there yet");
            return Err(Error::problem("/from", message));
        }
        let slot = self.reserve()?;
        let bytes = definition.to_bytes().into();
        let writing = slot.write(name, vec![Note::Define(bytes), Note::Floor(after)]);
        let competing = Competing::new(definition.terms(), after);
        let subscription = Arc::new(Subscription::new(name.clone(), definition, Ok(events), competing));
        all.insert(name.clone(), subscription.clone());
        Ok(async move { writing.await.map_err(stopped).map(|()| subscription) })
    }

    /// The one of that name.
    ///
    /// # Errors
    /// `ERR_NOT_FOUND` when there is none.
    pub(crate) fn get(&self, name: &str) -> Result<Arc<Subscription>, Error> {
        let all = self.all.read();
        all.get(name).cloned().ok_or_else(|| {
            let error = not_found(name);
            match nearest(name, all.keys().map(|known| &**known)) {
                Some(near) => error.hint(format!("there is one called `{near}`; PUT makes one")),
                None => error,
            }
        })
    }

    /// Ends one, and forgets what is kept of it.
    ///
    /// # Errors
    /// `ERR_NOT_FOUND` when there is none; when that cannot be kept.
    pub(crate) async fn delete(&self, name: &Text) -> Result<Arc<Subscription>, Error> {
        let subscription = self.get(name)?;
        let writing = subscription.end(self)?;
        // What is said of the name from here on comes after that, on the disk too.
        self.all.write().remove(name);
        writing.await.map_err(stopped)?;
        Ok(subscription)
    }

    /// All of them.
    pub(crate) fn list(&self) -> Vec<Arc<Subscription>> {
        self.all.read().values().cloned().collect()
    }

    /// How all stand, when the log ends at `head`.
    pub(crate) fn rows(&self, head: Position) -> Vec<DurableSubscription> {
        self.list().iter().map(|subscription| subscription.row(head)).collect()
    }

    /// Notes how far all are, and ends. It blocks.
    pub(crate) fn close(&self) {
        for subscription in self.list() {
            if let Some(note) = subscription.unnoted_floor() {
                self.background(subscription.name(), vec![note]);
            }
        }
        self.cursors.close();
    }

    /// Whether nothing is kept any more.
    fn is_stopped(&self) -> bool {
        self.cursors.stopped().is_some()
    }

    /// A place among what is to be written.
    fn reserve(&self) -> Result<Slot, Error> {
        self.cursors.reserve().map_err(stopped)
    }

    /// Writes what nobody waits for.
    fn background(&self, name: &Text, notes: Vec<Note>) {
        match self.cursors.reserve() {
            Ok(slot) => drop(slot.write(name, notes)),
            Err(error) => tracing::warn!(subscription = %name, %error, "how far it is was not noted"),
        }
    }

    /// Whoever sleeps until later than `at` is woken.
    fn due_at(&self, at: Option<Timestamp>) {
        if at.is_some_and(|at| at.0 < self.asleep_until.load(Ordering::SeqCst)) {
            self.stir.notify_one();
        }
    }
}

/// Understands the statement of a durable subscription.
fn statement(engine: &Engine, pql: &str, params: Option<&Text>) -> Result<Statement, Error> {
    let params = match params {
        Some(params) => crate::http::query::params(params, "/params")?,
        None => Params::default(),
    };
    crate::sse::prepare(engine, pql, params)
}

fn not_found(name: &str) -> Error {
    Error::not_found("durable subscription", name)
}

/// Why nothing is kept.
fn stopped(error: CursorsError) -> Error {
    match error {
        CursorsError::QueueFull => Error::unavailable(error.to_string()),
        CursorsError::Stopped(_) => Error::new(Code::Unavailable, error.to_string())
            .hint("what was acknowledged before is kept; see the server's log, and start it again"),
    }
}

/// Whether events are wanted, or why that is not known any more.
type Wanted = Result<EventPredicate, Error>;
