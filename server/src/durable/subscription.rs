//! One durable subscription: its consumers, the log, the clock and the disk put together.

use super::competing::{Competing, Delivery, Found, Refusal, Settled, Standing, Terms};
use super::definition::{Definition, Hook};
use super::{Durable, Wanted, not_found, stopped};
use crate::app::App;
use crate::clock;
use crate::error::Error;
use crate::http::blocking;
use parking_lot::Mutex;
use query::tables::subscriptions::DurableSubscription;
use query::{EventPredicate, Sought};
use std::time::Duration;
use store::{Direction, Event, EventId, Note, Parked, Position, Text, Timestamp, Writing};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

/// Most events that one call gives, or that one call says something about.
pub(crate) const FETCH_EVENTS_MAX: usize = 1_000;

/// Bytes of events after which a fetch gives no more: what one answer holds.
const FETCH_BYTES_MAX: usize = 8 << 20;

/// How long a fetch that does not wait looks through the log for something to give.
const LOOK_TIME_MAX: Duration = Duration::from_secs(1);

/// Events looked at in one go.
const SCAN_EVENTS: usize = 1_024;

/// A stretch this short is what was committed just now; the store still has it in memory, and reading it at
/// once is cheaper than handing it to a thread that may block.
const INLINE_EVENTS: u64 = 128;

/// One durable subscription.
#[derive(Debug)]
pub(crate) struct Subscription {
    name: Text,
    events: Wanted,
    state: Mutex<State>,
    /// One at a time looks through the log.
    scanning: tokio::sync::Mutex<()>,
    /// There may be something to give.
    wake: Notify,
    /// Cancelled when it is deleted.
    gone: CancellationToken,
    /// What posts its events, and what ends that.
    posting: Mutex<Option<(Hook, CancellationToken)>>,
}

#[derive(Debug)]
struct State {
    definition: Definition,
    competing: Competing,
    is_gone: bool,
}

/// What a consumer was given.
#[derive(Debug, Default)]
pub(crate) struct Given {
    /// Each with how often it was delivered.
    pub(crate) events: Vec<(Event, u32)>,
    /// Until when they are to be acknowledged.
    pub(crate) until: Option<Timestamp>,
}

/// What came of what was said about some events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Said {
    /// Done with.
    pub(crate) done: usize,
    /// To come again.
    pub(crate) again: usize,
    /// Put aside.
    pub(crate) parked: usize,
    /// Done with or put aside before.
    pub(crate) already: usize,
    /// In the hands of others.
    pub(crate) not_yours: usize,
}

/// Deliveries that have not left: dropped, they are taken back.
struct Held<'a> {
    subscription: &'a Subscription,
    given: Vec<Delivery>,
    until: Timestamp,
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        if !self.given.is_empty() {
            self.subscription.put_back(&self.given);
        }
    }
}

impl Subscription {
    pub(super) fn new(name: Text, definition: Definition, events: Wanted, competing: Competing) -> Self {
        Self {
            name,
            events,
            state: Mutex::new(State { definition, competing, is_gone: false }),
            scanning: tokio::sync::Mutex::default(),
            wake: Notify::new(),
            gone: CancellationToken::new(),
            posting: Mutex::default(),
        }
    }

    pub(crate) fn name(&self) -> &Text {
        &self.name
    }

    /// By which terms events are given out.
    pub(super) fn terms(&self) -> Terms {
        self.state.lock().definition.terms()
    }

    /// What is to post its events from now on, if that is another than does. What did until now is ended.
    pub(super) fn begin_posting(&self) -> Option<(Hook, CancellationToken)> {
        let wanted = self.state.lock().definition.webhook.clone().filter(|hook| !hook.is_off);
        let mut posting = self.posting.lock();
        if let Some((hook, ended)) = &*posting {
            if wanted.as_ref() == Some(hook) && !ended.is_cancelled() {
                return None;
            }
            ended.cancel();
        }
        *posting = wanted.map(|hook| (hook, CancellationToken::new()));
        posting.clone()
    }

    /// The receiver wants none any more; nothing is done when it is another by now.
    pub(super) async fn turn_off(&self, durable: &Durable, hook: &Hook) -> Result<(), Error> {
        let writing = {
            let mut state = self.living()?;
            let slot = durable.reserve()?;
            match &mut state.definition.webhook {
                Some(known) if known == hook => known.is_off = true,
                _ => return Ok(()),
            }
            slot.write(&self.name, vec![Note::Define(state.definition.to_bytes().into())])
        };
        writing.await.map_err(stopped)
    }

    /// These were given out and never left.
    pub(super) fn put_back(&self, given: &[Delivery]) {
        let mut state = self.state.lock();
        state.competing.put_back(given);
        self.wake_if_due(&state);
    }

    /// How it stands, when the log ends at `head`.
    pub(crate) fn row(&self, head: Position) -> DurableSubscription {
        let state = self.state.lock();
        let Standing { floor, in_flight, parked } = state.competing.standing();
        let definition = &state.definition;
        let terms = definition.terms();
        DurableSubscription {
            name: self.name.clone(),
            pql: definition.pql.clone(),
            params: definition.params.clone(),
            from: definition.from.to_json().to_string().into(),
            max_in_flight: terms.max_in_flight,
            ack_timeout_ms: terms.ack_timeout_ms,
            max_attempts: terms.max_attempts,
            by_stream: terms.by_stream,
            floor,
            lag: head.0.saturating_sub(floor.0),
            in_flight,
            parked,
            webhook: definition.webhook.as_ref().map(|hook| hook.url.clone()),
            is_off: definition.webhook.as_ref().is_some_and(|hook| hook.is_off),
            created_at: definition.created_at(),
        }
    }

    /// The first events that are parked.
    pub(crate) fn parked(&self, count: usize) -> Vec<(Position, Parked)> {
        let state = self.state.lock();
        state.competing.parked().take(count).map(|(position, parked)| (position, parked.clone())).collect()
    }

    /// The floor, when it is to be noted.
    pub(super) fn unnoted_floor(&self) -> Option<Note> {
        let mut state = self.state.lock();
        if state.is_gone { None } else { state.competing.unnoted_floor() }
    }

    /// Changes its terms; it is the same as before otherwise.
    pub(super) async fn redefine(&self, durable: &Durable, other: Definition) -> Result<(), Error> {
        let writing = {
            let mut state = self.living()?;
            let changed = state.definition.changed(&self.name, other)?;
            let slot = durable.reserve()?;
            let mut notes = Vec::new();
            if changed != state.definition {
                notes.push(Note::Define(changed.to_bytes().into()));
                notes.extend(state.competing.set_terms(changed.terms(), clock::now()));
                state.definition = changed;
            }
            self.wake_if_due(&state);
            // Nothing is written when it is the same, but whoever made it may still wait for that to be kept.
            slot.write(&self.name, notes)
        };
        writing.await.map_err(stopped)
    }

    /// Ends it: whoever waits is told, and what is kept of it is forgotten.
    pub(super) fn end(&self, durable: &Durable) -> Result<Writing, Error> {
        let mut state = self.living()?;
        let slot = durable.reserve()?;
        state.is_gone = true;
        self.gone.cancel();
        Ok(slot.write(&self.name, vec![Note::Forget]))
    }

    /// Its state, unless it was deleted.
    fn living(&self) -> Result<parking_lot::MutexGuard<'_, State>, Error> {
        let state = self.state.lock();
        if state.is_gone { Err(not_found(&self.name)) } else { Ok(state) }
    }

    fn wake_if_due(&self, state: &State) {
        if state.competing.may_deliver() {
            self.wake.notify_one();
        }
    }

    /// Gives up to `n` events; waits for the first.
    ///
    /// # Errors
    /// When it is deleted, the log cannot be read, or nothing can be kept.
    pub(crate) async fn fetch(
        &self,
        app: &App,
        n: usize,
        wait: Duration,
        holder: Option<&Text>,
        gone: &CancellationToken,
    ) -> Result<Given, Error> {
        let begun = Instant::now();
        let (late, look_until) = (begun + wait, begun + wait.max(LOOK_TIME_MAX));
        self.living()?.competing.want(n);
        loop {
            // What was answered before this call came is in the log, and is looked at.
            while self.advance(app, false).await? && Instant::now() < look_until {}
            let held = self.take(&app.durable, n, holder)?;
            if !held.given.is_empty() {
                return self.read(app, held).await;
            }
            if Instant::now() >= late {
                return Ok(Given::default());
            }
            tokio::select! {
                biased;
                () = app.stop.cancelled() => return Ok(Given::default()),
                () = gone.cancelled() => return Ok(Given::default()),
                () = self.gone.cancelled() => return Err(not_found(&self.name)),
                () = self.wake.notified() => {}
                () = sleep_until(late) => {}
            }
        }
    }

    fn take(&self, durable: &Durable, n: usize, holder: Option<&Text>) -> Result<Held<'_>, Error> {
        let now = clock::now();
        let mut state = self.living()?;
        // Nothing is given out of which nothing could be kept.
        let slot = durable.reserve()?;
        if state.competing.next_time().is_some_and(|at| at <= now) {
            drop(slot.write(&self.name, state.competing.tick(now)));
        }
        let given = state.competing.fetch(n, holder, now);
        // What is left is for the next who waits.
        self.wake_if_due(&state);
        durable.due_at(state.competing.next_time());
        let until = now.plus_ms(state.definition.terms().ack_timeout_ms);
        Ok(Held { subscription: self, given, until })
    }

    /// Reads what is given out.
    async fn read(&self, app: &App, mut held: Held<'_>) -> Result<Given, Error> {
        let reader = app.store().reader();
        let head = reader.head().position;
        let wanted = held.given.clone();
        let first = wanted.first().map_or(head, |delivery| delivery.position);
        let read = move || -> Result<Vec<(Event, u32)>, Error> {
            let (mut events, mut bytes) = (Vec::with_capacity(wanted.len()), 0);
            for Delivery { position, attempt } in wanted {
                let Some(event) = reader.event(position)? else { continue };
                bytes += event.data.len() + event.metadata.len();
                events.push((event, attempt));
                if bytes >= FETCH_BYTES_MAX {
                    break;
                }
            }
            Ok(events)
        };
        let is_recent = head.0.saturating_sub(first.0) < INLINE_EVENTS;
        let events = if is_recent { read()? } else { blocking(read).await?? };
        // Those that found no room are taken back.
        held.given.drain(..events.len());
        Ok(Given { events, until: Some(held.until) })
    }

    /// These are done with.
    ///
    /// # Errors
    /// `ERR_NOT_FOUND` when one is none of this subscription's, and then nothing is changed; when it is deleted, or
    /// nothing can be kept.
    pub(crate) async fn ack(&self, app: &App, ids: &[EventId]) -> Result<Said, Error> {
        self.say(app, ids, |competing, at| competing.ack(at, clock::now())).await
    }

    /// These could not be dealt with by `by`.
    ///
    /// # Errors
    /// As for [`ack`](Self::ack).
    pub(crate) async fn nack(
        &self,
        app: &App,
        ids: &[EventId],
        refusal: Refusal,
        by: Option<&Text>,
    ) -> Result<Said, Error> {
        self.refuse(app, ids, refusal, by, "it was refused").await
    }

    /// The same, for a reason that is told.
    pub(super) async fn refuse(
        &self,
        app: &App,
        ids: &[EventId],
        refusal: Refusal,
        by: Option<&Text>,
        why: &str,
    ) -> Result<Said, Error> {
        self.say(app, ids, |competing, at| competing.nack(at, refusal, by, why, clock::now())).await
    }

    /// Everything that is parked is delivered again; tells how much that is.
    ///
    /// # Errors
    /// When it is deleted, or nothing can be kept.
    pub(crate) async fn replay_parked(&self, app: &App) -> Result<usize, Error> {
        self.change(&app.durable, |competing| Ok(competing.replay_parked(clock::now()))).await
    }

    async fn say(
        &self,
        app: &App,
        ids: &[EventId],
        say: impl FnOnce(&mut Competing, &[Position]) -> (Vec<Settled>, Vec<Note>),
    ) -> Result<Said, Error> {
        let at = self.positions(app, ids).await?;
        let settled = self
            .change(&app.durable, |competing| {
                // Nothing of it is done when one of them is wrong.
                match at.iter().zip(ids).find(|(position, _)| !competing.knows(**position)) {
                    Some((_, id)) => Err(self.stranger(*id)),
                    None => Ok(say(competing, &at)),
                }
            })
            .await?;
        let mut said = Said::default();
        for settled in settled {
            match settled {
                Settled::Done => said.done += 1,
                Settled::Again => said.again += 1,
                Settled::Parked => said.parked += 1,
                Settled::Already | Settled::Unknown => said.already += 1,
                Settled::NotYours => said.not_yours += 1,
            }
        }
        Ok(said)
    }

    /// Where events are. What was delivered before a restart may have to be found again first.
    async fn positions(&self, app: &App, ids: &[EventId]) -> Result<Vec<Position>, Error> {
        let known: Vec<Option<Position>> = {
            let state = self.living()?;
            ids.iter().map(|id| state.competing.find(*id)).collect()
        };
        if known.iter().all(Option::is_some) {
            return Ok(known.into_iter().flatten().collect());
        }
        let (reader, wanted) = (app.store().reader(), ids.to_vec());
        let looked_up = blocking(move || {
            let looked = wanted.iter().zip(known).map(|(id, known)| match known {
                Some(position) => Ok(Some(position)),
                None => reader.position_of(*id),
            });
            looked.collect::<Result<Vec<_>, _>>()
        });
        let mut at = Vec::with_capacity(ids.len());
        for (id, position) in ids.iter().zip(looked_up.await??) {
            at.push(position.ok_or_else(|| self.stranger(*id))?);
        }
        let last = at.iter().copied().max().unwrap_or_default();
        while self.state.lock().competing.scanned() < last && self.advance(app, true).await? {}
        Ok(at)
    }

    fn stranger(&self, id: EventId) -> Error {
        let text = id.to_string();
        let name = &self.name;
        Error::not_found("event", &text).hint(format!(
            "`{name}` has not delivered it: send the ids that a fetch gave; nothing was changed"
        ))
    }

    /// Changes what it keeps; answers when that is on the disk.
    async fn change<T>(
        &self,
        durable: &Durable,
        change: impl FnOnce(&mut Competing) -> Result<(T, Vec<Note>), Error>,
    ) -> Result<T, Error> {
        let (told, writing) = {
            let mut state = self.living()?;
            let slot = durable.reserve()?;
            let (told, notes) = change(&mut state.competing)?;
            self.wake_if_due(&state);
            durable.due_at(state.competing.next_time());
            if state.competing.wants_more() {
                durable.stir.notify_one();
            }
            // Written even when it says nothing: what it answers for may be on its way to the disk still.
            (told, slot.write(&self.name, notes))
        };
        writing.await.map_err(stopped)?;
        Ok(told)
    }

    /// Lets time act, and the log: one look at it. Tells when there is something to do again, and whether that is at
    /// once.
    pub(super) async fn tend(&self, app: &App) -> Result<(Option<Timestamp>, bool), Error> {
        {
            let now = clock::now();
            let Ok(mut state) = self.living() else { return Ok((None, false)) };
            if state.competing.next_time().is_some_and(|at| at <= now) {
                let slot = app.durable.reserve()?;
                drop(slot.write(&self.name, state.competing.tick(now)));
                self.wake_if_due(&state);
            }
        }
        // A statement that is none any more finds nothing.
        let is_behind = self.events.is_ok() && self.advance(app, false).await?;
        Ok((self.state.lock().competing.next_time(), is_behind))
    }

    /// Looks at the next events of the log, one go of them, if more are wanted; or if there is room, when that is asked
    /// for. Tells whether there is more to look at. May be dropped while it waits: nothing is lost.
    async fn advance(&self, app: &App, if_room: bool) -> Result<bool, Error> {
        let wanted = self.events.as_ref().map_err(Clone::clone)?;
        let wants =
            |competing: &Competing| if if_room { competing.has_room() } else { competing.wants_more() };
        let _turn = self.scanning.lock().await;
        let head = app.store().head().position;
        let after = {
            let state = self.living()?;
            let after = state.competing.scanned();
            if after >= head || !wants(&state.competing) {
                return Ok(false);
            }
            after
        };
        let (found, upto) = look(app, wanted, after, head).await?;
        let mut state = self.living()?;
        let slot = app.durable.reserve()?;
        let notes = state.competing.add(found, upto, clock::now());
        if !notes.is_empty() {
            drop(slot.write(&self.name, notes));
        }
        self.wake_if_due(&state);
        Ok(upto < head && wants(&state.competing))
    }
}

/// The events that are wanted after one position, and up to where was looked.
async fn look(
    app: &App,
    wanted: &EventPredicate,
    after: Position,
    head: Position,
) -> Result<(Vec<Found>, Position), Error> {
    let is_short = head.0 - after.0 <= INLINE_EVENTS;
    // A short stretch is in memory as it lies.
    let sought = if is_short { Sought::default() } else { wanted.sought.clone() };
    let (reader, wanted) = (app.store().reader(), wanted.clone());
    let read = move || -> Result<_, Error> {
        let mut found = Vec::new();
        for (looked, event) in sought.events(&reader, after, head, Direction::Forward).enumerate() {
            let event = event?;
            let Event { position, id, stream, .. } = &event;
            let fault = match wanted.holds(&event) {
                Ok(true) => Some(None),
                Ok(false) => None,
                // Nobody is there to be told: it is put aside with the reason.
                Err(fault) => {
                    Some(Some(format!("whether it matches cannot be told: {}", fault.message).into()))
                }
            };
            if let Some(fault) = fault {
                found.push(Found { position: *position, id: *id, stream: stream.clone(), fault });
            }
            if looked + 1 == SCAN_EVENTS {
                return Ok((found, *position));
            }
        }
        Ok((found, head))
    };
    if is_short { read() } else { blocking(read).await? }
}
