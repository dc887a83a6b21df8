//! From a command to the events that carry it out, or to the reason why there are none.
//!
//! Each command is a function of the state, the context and itself. It writes its events into a [`Draft`],
//! which remembers what they do to tasks, so that later events of the same command go by it.

mod agent;
mod claim;
mod context;
mod draft;
mod expire;
mod guard;
mod lease;
mod progress;
mod relationship;
pub(crate) mod rules;
mod run;
mod session;
mod status;
mod task;
pub(crate) mod validate;

pub use claim::{CLAIM_LIMIT_MAX, EXAMINED_MAX};
pub use draft::DRAFT_IDS_MAX;
pub use expire::EXPIRED_MAX;
pub use lease::{TTL_DEFAULT_MS, TTL_MAX_MS, TTL_MIN_MS};
pub use progress::ITEMS_MAX;
pub use run::{BACKOFF_BASE_MS, BACKOFF_MAX_MS, RETRY_AFTER_MAX_MS, RUN_EVENTS_MAX};
pub use session::{
    HEARTBEAT_PROGRESS_MAX, RENEWAL_MIN_MS, SESSION_LEASES_MAX, SESSION_TIMEOUT_MAX_MS,
    SESSION_TIMEOUT_MIN_MS, check as check_session,
};
pub use task::{ATTEMPTS_MAX, PRIORITY_MAX, RELATED_MAX};
pub use validate::{ID_CHARS_MAX, WORD_CHARS_MAX, WORDS_MAX, is_id};

use crate::answer::Pending;
use crate::beads;
use crate::command::Command;
use crate::event::DATA_BYTES_MAX;
use crate::rejection::Rejection;
use crate::state::Work;
use draft::Draft;
#[cfg(test)]
pub(crate) use run::backoff_ms;
use store::{Context, Decision, NewEvent};

/// Decides any command.
pub(crate) fn decide(
    work: &Work,
    context: &Context,
    command: Command,
) -> Result<Decision<Pending>, Rejection> {
    let draft = &mut Draft::new(work, context);
    let about = command.session_id().cloned();
    session::check_named(draft, about.as_ref())?;
    let pending = match command {
        Command::RegisterAgent(command) => agent::register(draft, command),
        Command::CreateTask(command) => task::create(draft, command),
        Command::UpdateTask(command) => task::update(draft, command),
        Command::TransitionTask(command) => status::transition(draft, command),
        Command::ArchiveTask { task_id } => status::archive(draft, task_id),
        Command::RestoreTask { task_id } => status::restore(draft, task_id),
        Command::AddRelationship(command) => relationship::add(draft, command),
        Command::RemoveRelationship { relationship_id } => relationship::remove(draft, &relationship_id),
        Command::AddProgress { task_id, items, guard } => progress::add(draft, task_id, items, &guard),
        Command::CompleteProgress { item_id, completed, guard } => {
            progress::complete(draft, item_id, completed, &guard)
        }
        Command::AddContext(command) => context::add(draft, command),
        Command::StartSession(command) => session::start(draft, command),
        Command::Heartbeat(command) => session::heartbeat(draft, command),
        Command::HearSession { session_id } => session::hear(draft, session_id),
        Command::EndSession { session_id } => session::end(draft, session_id),
        Command::AcquireLease(command) => lease::acquire(draft, command),
        Command::RenewLease { lease_id, ttl_ms } => lease::renew(draft, lease_id, ttl_ms),
        Command::TransferLease(command) => lease::transfer(draft, command),
        Command::ReleaseLease { lease_id } => run::release_lease(draft, &lease_id),
        Command::Claim(command) => claim::claim(draft, &command),
        Command::CompleteTask(command) => run::complete(draft, command),
        Command::FailTask(command) => run::fail(draft, command),
        Command::ReleaseTask { task_id, guard, note } => run::release(draft, task_id, &guard, note),
        Command::AppendRunEvents { run_id, lease_id, events } => {
            run::append(draft, &run_id, &lease_id, events)
        }
        Command::Expire => Ok(expire::all(draft)),
        Command::ImportBeads(batch) => {
            let (events, report) = beads::decide(work, context, &batch)?;
            return Ok(Decision { events, pending: Pending::Imported(report) });
        }
    }?;
    session::keep_alive(draft, about);
    let events = draft.take_events();
    check_sizes(&events)?;
    Ok(Decision { events, pending })
}

/// Whether the data of each event is within the bound. Here every command passes but an import, which bounds the
/// fields it cuts and not what they come to.
fn check_sizes(events: &[NewEvent]) -> Result<(), Rejection> {
    match events.iter().find(|event| event.data.len() > DATA_BYTES_MAX) {
        None => Ok(()),
        Some(event) => Err(Rejection::TooLarge {
            kind: Some(event.kind.clone()),
            pointer: None,
            bytes: event.data.len(),
            bytes_max: DATA_BYTES_MAX,
        }),
    }
}
