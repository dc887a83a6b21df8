//! Following the log on behalf of those who wait.

use crate::app::{App, Shared};
use crate::clock;
use crate::http::blocking;
use domain::event::kind;
use domain::offer;
use domain::rows::{Task, TaskGraph};
use std::collections::BTreeSet;
use std::time::Duration;
use store::{Direction, Event, Position, Text, Timestamp};
use tokio::time::sleep;

/// Events that are read to find out what happened while nobody waited; after more, the tasks are looked through instead.
const CATCH_UP_EVENTS: u64 = 8_192;

/// Events looked at in one go: the tasks they touched are told apart first.
const SCAN_EVENTS: usize = 1_024;

/// A stretch this short is what was committed just now, and is in memory.
const INLINE_EVENTS: u64 = 128;

/// A pause after a read that failed; whoever waits waits on.
const RETRY_AFTER: Duration = Duration::from_millis(100);

/// The longest sleep: a clock may be set while it lasts.
const SLEEP_MAX: Duration = Duration::from_secs(60);

/// What is known of the log.
#[derive(Debug, Default)]
struct Known {
    /// Everything up to here was looked at.
    position: Position,
    /// Tasks that are ready but for their time. Some may be so no longer; that is seen when their time comes.
    delayed: BTreeSet<(Timestamp, Text)>,
}

/// Offers what becomes ready to those who wait, until the server stops.
pub(crate) async fn dispatch(app: Shared) {
    let mut heads = app.store().watch();
    let mut known: Option<Known> = None;
    loop {
        let Some(from) = app.waiting.from() else {
            tokio::select! {
                () = app.stop.cancelled() => return,
                () = app.waiting.arrived.notified() => continue,
            }
        };
        let head = heads.borrow_and_update().position;
        if known.as_ref().is_none_or(|known| {
            head.0.saturating_sub(known.position.0) > CATCH_UP_EVENTS && known.position < from
        }) {
            let searched = app.clone();
            known = blocking(move || delayed(&searched))
                .await
                .ok()
                .map(|delayed| Known { position: from, delayed });
        }
        let Some(known) = &mut known else { continue };
        if known.position < head {
            match read(&app, known.position, head).await {
                Some((upto, events)) => {
                    known.position = upto;
                    heed(&app, &events, &mut known.delayed);
                }
                None => pause(&app).await,
            }
            continue;
        }
        let due = come_due(&mut known.delayed);
        if !due.is_empty() {
            app.waiting.touched(&app, &due);
            continue;
        }
        let next = known.delayed.first().map_or(SLEEP_MAX, |(at, _)| clock::until(*at).min(SLEEP_MAX));
        tokio::select! {
            () = app.stop.cancelled() => return,
            _ = heads.changed() => {}
            () = sleep(next) => {}
        }
    }
}

async fn pause(app: &App) {
    tokio::select! {
        () = app.stop.cancelled() => {}
        () = sleep(RETRY_AFTER) => {}
    }
}

/// The next events, and up to where they go; none when they cannot be read.
async fn read(app: &Shared, after: Position, head: Position) -> Option<(Position, Vec<Event>)> {
    let reader = app.store().reader();
    let scan = move || {
        let events = reader.events(after, head, Direction::Forward).take(SCAN_EVENTS);
        events.collect::<Result<Vec<_>, _>>()
    };
    let read = if head.0 - after.0 <= INLINE_EVENTS { Ok(scan()) } else { blocking(scan).await };
    match read {
        Ok(Ok(events)) => Some((events.last().map_or(head, |event| event.position), events)),
        Ok(Err(error)) => {
            tracing::error!(%error, "the log cannot be read on behalf of those who wait");
            None
        }
        Err(_) => None,
    }
}

/// Tells those who wait what these events did to tasks and agents.
fn heed(app: &App, events: &[Event], delayed: &mut BTreeSet<(Timestamp, Text)>) {
    let (mut tasks, mut agents) = (BTreeSet::new(), BTreeSet::new());
    for event in events {
        match &*event.kind {
            kind::TASK_CREATED
            | kind::TASK_UPDATED
            | kind::TASK_STATUS_CHANGED
            | kind::TASK_ARCHIVED
            | kind::TASK_RESTORED => {
                tasks.extend(event.stream.strip_prefix("task-").map(Text::from));
            }
            // A lease may outlive a change of its task on another node; then its end alone opens the task.
            kind::RELATIONSHIP_ADDED
            | kind::RELATIONSHIP_REMOVED
            | kind::LEASE_RELEASED
            | kind::LEASE_TRANSFERRED
            | kind::LEASE_EXPIRED => {
                tasks.extend(event.tags.iter().filter_map(|tag| tag.strip_prefix("task:")).map(Text::from));
            }
            kind::AGENT_REGISTERED | kind::AGENT_UPDATED => {
                agents.extend(event.stream.strip_prefix("agent-").map(Text::from));
            }
            _ => {}
        }
    }
    if !tasks.is_empty() {
        let pinned = app.engine.pin();
        delayed.extend(tasks.iter().filter_map(|id| {
            let (task, graph) = pinned.bare_task(id)?;
            delay(task, graph)
        }));
        app.waiting.touched(app, &tasks);
    }
    for agent in &agents {
        app.waiting.set_caps(app, agent, true);
    }
}

/// Every task that waits for its time alone.
fn delayed(app: &App) -> BTreeSet<(Timestamp, Text)> {
    app.engine.pin().bare_tasks().filter_map(|(task, graph)| delay(task, graph)).collect()
}

/// When the task's time comes, if it waits for that alone.
fn delay(task: &Task, graph: &TaskGraph) -> Option<(Timestamp, Text)> {
    let at = task.not_before.filter(|at| *at > clock::now())?;
    offer::is_ready(task, graph, at).then(|| (at, task.id.clone()))
}

/// Those whose time has come.
fn come_due(delayed: &mut BTreeSet<(Timestamp, Text)>) -> BTreeSet<Text> {
    let now = clock::now();
    let mut due = BTreeSet::new();
    while delayed.first().is_some_and(|(at, _)| *at <= now) {
        due.extend(delayed.pop_first().map(|(_, id)| id));
    }
    due
}
