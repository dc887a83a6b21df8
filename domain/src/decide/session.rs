//! Sessions: that an agent is there. Apart from leases, but with a session its leases go.

use super::draft::Draft;
use super::guard::holding_lease;
use super::run::{self, End};
use super::validate::Problems;
use super::{expire, lease, progress, status};
use crate::answer::Pending;
use crate::command::{Directive, Guard, Heartbeat, Progress, StartSession};
use crate::event::data::{SessionEnded, SessionHeartbeat, SessionStarted};
use crate::event::{Json, kind, tags::Tags};
use crate::rejection::{Problem, Rejection};
use crate::rows::{Lease, Session, SessionStatus, TaskStatus};
use serde::Deserialize;
use std::borrow::Cow;
use std::sync::Arc;
use store::{Position, Text, Timestamp};

/// Shortest silence after which a session is lost, in milliseconds.
pub const SESSION_TIMEOUT_MIN_MS: i64 = 1_000;
/// Longest such silence, in milliseconds: as for leases, a dead agent must be noticed within a day.
pub const SESSION_TIMEOUT_MAX_MS: i64 = 86_400_000;
/// Most leases that one session may hold, so that its end, which is one commit, stays small.
pub const SESSION_LEASES_MAX: usize = 1_000;
/// Most entries of progress in one heartbeat.
pub const HEARTBEAT_PROGRESS_MAX: usize = 100;

/// An agent is there from now on.
pub(super) fn start(draft: &mut Draft<'_>, command: StartSession) -> Result<Pending, Rejection> {
    let StartSession { id, agent_id, metadata, timeout_ms } = command;
    let mut problems = Problems::default();
    problems.maybe_id("/id", id.as_ref());
    problems.id("/agent_id", &agent_id);
    problems.object("/metadata", metadata.as_ref());
    problems.finish()?;
    let id = id.unwrap_or_else(|| draft.fresh_id());
    if draft.work.session(&id).is_some() {
        return Err(Rejection::AlreadyExists { kind: "session", id });
    }
    let data = SessionStarted {
        id: id.clone(),
        agent_id,
        timeout_ms: timeout_ms.clamp(SESSION_TIMEOUT_MIN_MS, SESSION_TIMEOUT_MAX_MS),
        metadata: metadata.map(Json),
    };
    let tags = Tags::default().with("agent:", &data.agent_id).with("session:", &id);
    draft.push("session-", &id, kind::SESSION_STARTED, &data, tags);
    draft.note_heard(&id);
    Ok(Pending::Session(id))
}

/// Whether a session is there now, and of the one who asks; who does not say who it is is of any.
///
/// # Errors
/// [`Rejection::NotFound`], [`Rejection::SessionClosed`], and [`Rejection::Validation`] of another agent's. One whose
/// time has passed is closed, whether or not its end is in the log yet.
pub fn check<'s>(
    session: Option<&'s Arc<Session>>,
    id: &Text,
    asks: Option<&Text>,
    now: Timestamp,
) -> Result<&'s Arc<Session>, Rejection> {
    let session = session.ok_or_else(|| Rejection::NotFound { kind: "session", id: id.clone() })?;
    if !is_active(session, now) {
        return Err(Rejection::SessionClosed { id: id.clone() });
    }
    match asks {
        Some(asks) if *asks != session.agent_id => Err(Rejection::Validation(vec![Problem {
            pointer: String::new(),
            message: format!("session `{id}` is of agent `{}`, not of `{asks}`, who asks", session.agent_id),
        }])),
        _ => Ok(session),
    }
}

fn is_active(session: &Session, now: Timestamp) -> bool {
    session.status == SessionStatus::Active && now < session.deadline()
}

/// The session of that id, if it is there now, whoever asks.
fn active(draft: &Draft<'_>, id: &Text) -> Result<Arc<Session>, Rejection> {
    check(draft.work.session(id), id, None, draft.now()).cloned()
}

/// The session of that id, if it is there now, and of the one who asks.
fn own(draft: &Draft<'_>, id: &Text) -> Result<Arc<Session>, Rejection> {
    check(draft.work.session(id), id, draft.context.actor.as_ref(), draft.now()).cloned()
}

/// Whether the session that a request names for what it writes is there and its own. The session that a command is
/// about, or is to begin, is the command's to look at.
pub(super) fn check_named(draft: &Draft<'_>, about: Option<&Text>) -> Result<(), Rejection> {
    match draft.session_id().filter(|id| Some(*id) != about) {
        Some(id) => own(draft, id).map(drop),
        None => Ok(()),
    }
}

/// Whether this agent may take leases in that session, and how many more.
///
/// # Errors
/// When the session is not there, closed, another agent's, or holds as many as it may.
pub(super) fn admit(
    draft: &Draft<'_>,
    agent_id: &Text,
    session_id: Option<&Text>,
) -> Result<usize, Rejection> {
    let Some(session_id) = session_id else { return Ok(usize::MAX) };
    let session = active(draft, session_id)?;
    let mut problems = Problems::default();
    let held = draft.work.leases.count_of_session(session_id);
    if session.agent_id != *agent_id {
        problems.add("/session_id", format!("is a session of agent `{}`", session.agent_id));
    } else if held >= SESSION_LEASES_MAX {
        problems.add(
            "/session_id",
            format!("holds {held} leases, as many as one session may; end some, or start another session"),
        );
    }
    problems.finish()?;
    Ok(SESSION_LEASES_MAX - held)
}

/// The session is alive; its leases go on, and its agent hears how they stand.
pub(super) fn heartbeat(draft: &mut Draft<'_>, command: Heartbeat) -> Result<Pending, Rejection> {
    let Heartbeat { session_id, leases, progress } = command;
    check_beat(leases.as_deref().unwrap_or_default(), &progress)?;
    let session = own(draft, &session_id)?;
    let all = leases.is_none();
    push_heartbeat(draft, &session, leases.clone().unwrap_or_default(), all);
    for entry in progress {
        record(draft, &session, entry)?;
    }
    let mut ids = leases.unwrap_or_else(|| {
        let (known, told) = (&draft.work.leases, Position(session.told));
        // What it still believes to hold, and does not.
        let taken = known.taken(&session_id, told).take(SESSION_LEASES_MAX);
        known.of_session(&session_id).chain(taken).map(|lease| lease.id.clone()).collect()
    });
    ids.sort_unstable();
    ids.dedup();
    let mut told = Vec::with_capacity(ids.len());
    for id in ids {
        let known = draft.work.leases.get(&id).map(|version| Arc::clone(&version.row));
        let directive = known.as_deref().map_or(Directive::Cancel, |lease| directive(draft, &session, lease));
        if let Some(lease) = known.filter(|_| directive != Directive::Cancel) {
            lease::push_renewal(draft, &lease, None);
        }
        told.push((id, directive));
    }
    Ok(Pending::Heartbeat { session_id, leases: told })
}

/// The event that a session is alive.
fn push_heartbeat(draft: &mut Draft<'_>, session: &Session, leases: Vec<Text>, all: bool) {
    let data = SessionHeartbeat { id: session.id.clone(), agent_id: session.agent_id.clone(), leases, all };
    draft.push("session-", &session.id, kind::SESSION_HEARTBEAT, &data, tags(session));
    draft.note_heard(&session.id);
}

/// The session is alive: its agent waits, or asked for something that the model knows nothing of. However many say so at
/// once, it is written down twice within the session's time.
pub(super) fn hear(draft: &mut Draft<'_>, session_id: Text) -> Result<Pending, Rejection> {
    let session = own(draft, &session_id)?;
    match draft.now() >= session.half_silent() {
        true => push_heartbeat(draft, &session, Vec::new(), false),
        false => draft.note_heard(&session_id),
    }
    Ok(Pending::Session(session_id))
}

fn check_beat(leases: &[Text], progress: &[Progress]) -> Result<(), Rejection> {
    let mut problems = Problems::default();
    problems.at_most("/leases", leases.len(), SESSION_LEASES_MAX);
    problems.at_most("/progress", progress.len(), HEARTBEAT_PROGRESS_MAX);
    for (i, entry) in progress.iter().enumerate().take(HEARTBEAT_PROGRESS_MAX) {
        if let Progress::Add { items, .. } = entry {
            progress::check_some(&mut problems, &format!("/progress/{i}/items"), items);
        }
    }
    problems.finish()
}

/// What the heartbeat says of the work, written as the calls for it write it: under the session's own lease.
fn record(draft: &mut Draft<'_>, session: &Session, entry: Progress) -> Result<(), Rejection> {
    let own = |draft: &Draft<'_>, task_id: &str| Guard {
        lease_id: holding_lease(draft, task_id)
            .filter(|lease| is_of(lease, session))
            .map(|lease| lease.id.clone()),
        ..Guard::default()
    };
    match entry {
        Progress::Add { task_id, items } => {
            let guard = own(draft, &task_id);
            progress::add(draft, task_id, items, &guard)?;
        }
        Progress::Complete { item_id, completed } => {
            let item = draft.work.progress.get(&item_id);
            let guard = item.map_or_else(Guard::default, |item| own(draft, &item.row.task_id));
            progress::complete(draft, item_id, completed, &guard)?;
        }
    }
    Ok(())
}

/// Whether the lease is the session's, or its agent's outside of any session.
fn is_of(lease: &Lease, session: &Session) -> bool {
    match &lease.session_id {
        Some(id) => *id == session.id,
        None => lease.agent_id == session.agent_id,
    }
}

fn directive(draft: &Draft<'_>, session: &Session, lease: &Lease) -> Directive {
    let goes_on = holding_lease(draft, &lease.task_id).is_some_and(|holding| holding.id == lease.id)
        && is_of(lease, session)
        && draft
            .task(&lease.task_id)
            .is_ok_and(|task| task.status == TaskStatus::InProgress && task.archived_at.is_none());
    match goes_on {
        false => Directive::Cancel,
        true if draft.blocked_by_count(&lease.task_id) > 0 => Directive::Pause,
        true => Directive::Continue,
    }
}

/// Why a session is over.
#[derive(Debug, Clone, Copy)]
pub(super) enum Over {
    /// Somebody said so.
    Ended,
    /// It was silent for too long.
    Lost,
}

/// The session is over at somebody's word.
pub(super) fn end(draft: &mut Draft<'_>, session_id: Text) -> Result<Pending, Rejection> {
    let session = own(draft, &session_id)?;
    close(draft, &session, Over::Ended);
    Ok(Pending::Session(session_id))
}

/// Ends a session and gives back what it holds; how many leases that were.
pub(super) fn close(draft: &mut Draft<'_>, session: &Session, over: Over) -> usize {
    let (reason, note) = match over {
        Over::Ended => ("ended", "the session ended"),
        Over::Lost => ("lost", "the session was lost"),
    };
    let data = SessionEnded {
        id: session.id.clone(),
        agent_id: session.agent_id.clone(),
        reason: Some(reason.into()),
    };
    draft.push("session-", &session.id, kind::SESSION_ENDED, &data, tags(session));
    draft.note_heard(&session.id);
    let held = draft.work.leases.of_session(&session.id).filter(|lease| !draft.has_ended(&lease.id));
    let held: Vec<Arc<Lease>> = held.cloned().collect();
    for lease in &held {
        if lease.expires_at <= draft.now() {
            expire::one(draft, lease);
            continue;
        }
        let note = Some(Text::from(note));
        let ended = run::end_lease(draft, lease, End::Released { note: note.clone() });
        if let Ok(task) = draft.task(&lease.task_id)
            && task.status == TaskStatus::InProgress
            && !task.elsewhere
        {
            status::give_back(draft, &task, task.not_before, note, &ended);
        }
    }
    held.len()
}

fn tags(session: &Session) -> Tags {
    Tags::default().with("agent:", &session.agent_id).with("session:", &session.id)
}

/// A write in a session, or about one, or under one of its leases, says that it is alive, and that the lease it was under
/// goes on: both are written down where they would move a deadline by enough to matter. So says one that changes nothing,
/// too, and a claim that finds nothing.
pub(super) fn keep_alive(draft: &mut Draft<'_>, about: Option<Text>) {
    let mut sessions: Vec<Text> = draft.session_id().cloned().into_iter().chain(about).collect();
    for lease in draft.take_used() {
        sessions.extend(lease.session_id.clone());
        let due = draft.now().plus_ms(lease.ttl_ms);
        if !draft.is_settled(&lease.id) && moves(lease.expires_at, due, lease.ttl_ms) {
            lease::push_renewal(draft, &lease, None);
        }
    }
    for id in sessions {
        let Some(session) = draft.work.session(&id).map(Arc::clone) else { continue };
        let due = draft.now().plus_ms(session.timeout_ms);
        if !draft.was_heard(&id)
            && is_active(&session, draft.now())
            && moves(session.deadline(), due, session.timeout_ms)
        {
            push_heartbeat(draft, &session, Vec::new(), false);
        }
    }
}

/// A write moves a deadline by at least this many milliseconds, or leaves it: an agent that writes a hundred times
/// a second would else write as many renewals.
pub const RENEWAL_MIN_MS: i64 = 1_000;

/// Whether a deadline would move by enough: [`RENEWAL_MIN_MS`], or half of what it lasts if that is less.
fn moves(from: Timestamp, to: Timestamp, lasts_ms: i64) -> bool {
    to >= from.plus_ms(RENEWAL_MIN_MS.min(lasts_ms / 2))
}

/// `metadata.session_id`.
pub(super) fn named(metadata: &str) -> Option<Text> {
    #[derive(Deserialize)]
    struct Where<'a> {
        #[serde(borrow, default)]
        session_id: Option<Cow<'a, str>>,
    }
    // Most metadata names none: see that without reading JSON. A key may be written with escapes.
    if !metadata.contains("session_id") && !metadata.contains('\\') {
        return None;
    }
    serde_json::from_str::<Where<'_>>(metadata).ok()?.session_id.map(|id| Text::from(&*id))
}
