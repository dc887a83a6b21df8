use super::events::SCAN_EVENTS;
use super::*;
use crate::app::App;
use crate::metrics::Metrics;
use crate::server::Config;
use domain::Work;
use query::{Engine, Params, Prepared};
use store::{Append, Context, ExpectedRevision, NewEvent, Store, StreamWrite, Timestamp};

mod race;

/// Faults of ours that the [race](race) has to find.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// Some events are dealt to nobody.
    LosesSome,
    /// What lies between the log that was read and the beginning of a seat is taken as looked at.
    SkipsTheSeam,
}

/// An application on an empty log.
fn app(dir: &tempfile::TempDir) -> Shared {
    let (store, _) = Store::open(dir.path(), Work::new(), store::Options::default()).unwrap();
    let engine = Engine::new(store, query::Options::default()).unwrap();
    let durable = crate::durable::Durable::at(&engine, dir.path());
    let app = App::new(engine, durable, Metrics::default(), &Config::at(dir.path()));
    tokio::spawn(deal(app.clone()));
    app
}

fn follow(app: &Shared, pql: &str, resume: Option<u64>) -> Follow {
    match app.engine.prepare(pql, Params::default(), Timestamp(0)) {
        Ok(Prepared::Subscribe(subscription)) => {
            Follow::new(app.clone(), subscription, resume.map(Position)).unwrap()
        }
        other => panic!("a subscription: {other:?}"),
    }
}

fn event(stream: &str, kind: &str, data: &str, tags: &[&str]) -> NewEvent {
    NewEvent {
        id: None,
        stream: stream.into(),
        kind: kind.into(),
        data: data.into(),
        metadata: "{}".into(),
        tags: tags.iter().map(|tag| (*tag).into()).collect(),
        time: None,
    }
}

async fn append(app: &Shared, kind: &str, count: usize) {
    write(app, vec![event("s", kind, "{}", &[]); count]).await;
}

/// Appends events of one stream.
async fn write(app: &Shared, events: Vec<NewEvent>) {
    let write = StreamWrite { stream: events[0].stream.clone(), expected: ExpectedRevision::Any, events };
    let context = Context {
        now: crate::clock::now(),
        seed: crate::clock::fresh_id(),
        metadata: "{}".into(),
        actor: None,
    };
    app.store().append(context, Append { writes: vec![write] }).await.unwrap();
}

/// The next step, short: `e3` is the event at position 3, `c3` caught up there.
async fn step(follow: &mut Follow) -> String {
    let step = match follow.next().await.unwrap() {
        Step::Event(event) => format!("e{}", event.position()),
        Step::Diff(diff) => format!("d{}", diff.position),
        Step::CaughtUp(position) => format!("c{position}"),
        Step::Progress(position) => format!("p{position}"),
        Step::Stopped => "stopped".to_owned(),
    };
    follow.confirm();
    step
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn history_then_live() {
    let dir = tempfile::tempdir().unwrap();
    let app = app(&dir);
    append(&app, "A", 2).await;
    let mut all = follow(&app, "SUBSCRIBE events FROM START", None);
    let mut some = follow(&app, "SUBSCRIBE events WHERE type = 'B'", None);
    let mut resumed = follow(&app, "SUBSCRIBE events FROM START", Some(1));
    for expected in ["e1", "e2", "c2"] {
        assert_eq!(step(&mut all).await, expected);
    }
    assert_eq!(step(&mut resumed).await, "e2");
    assert_eq!(step(&mut some).await, "c2");
    append(&app, "B", 1).await;
    append(&app, "A", 1).await;
    for expected in ["e3", "e4"] {
        assert_eq!(step(&mut all).await, expected);
    }
    assert_eq!(step(&mut some).await, "e3");
    app.stop.cancel();
    assert_eq!(step(&mut all).await, "stopped");
}

/// Longer than one go of reading, so that the goes must join.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn long_histories_are_read_in_goes() {
    let dir = tempfile::tempdir().unwrap();
    let app = app(&dir);
    let total = SCAN_EVENTS * 2 + 10;
    append(&app, "A", total).await;
    let mut follow = follow(&app, "SUBSCRIBE events FROM START", None);
    for position in 1..=total {
        assert_eq!(step(&mut follow).await, format!("e{position}"));
    }
    assert_eq!(step(&mut follow).await, format!("c{total}"));
}

/// Found by an index, in goes that join as well.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_rare_is_found_among_much() {
    let dir = tempfile::tempdir().unwrap();
    let app = app(&dir);
    let mut wanted = Vec::new();
    for _ in 0..3 {
        append(&app, "A", SCAN_EVENTS).await;
        append(&app, "B", 1).await;
        wanted.push(format!("e{}", app.store().head().position));
    }
    append(&app, "A", SCAN_EVENTS).await;
    wanted.push(format!("c{}", app.store().head().position));
    let mut rare = follow(&app, "SUBSCRIBE events WHERE type = 'B' AND position > 0 FROM START", None);
    for step_wanted in &wanted {
        assert_eq!(step(&mut rare).await, *step_wanted);
    }
    let mut many = follow(&app, "SUBSCRIBE events WHERE type IN ('A', 'B') FROM START", None);
    for position in 1..=app.store().head().position.0 {
        assert_eq!(step(&mut many).await, format!("e{position}"));
    }
    append(&app, "B", 1).await;
    assert_eq!(step(&mut rare).await, format!("e{}", app.store().head().position));
}

/// What was offered and not taken is where to resume before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_position_moves_when_a_step_is_taken() {
    let dir = tempfile::tempdir().unwrap();
    let app = app(&dir);
    append(&app, "A", 2).await;
    let mut follow = follow(&app, "SUBSCRIBE events FROM START", None);
    assert!(matches!(follow.next().await, Ok(Step::Event(_))));
    assert_eq!(follow.position(), Position(0));
    follow.confirm();
    assert_eq!(follow.position(), Position(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn far_behind_counts_only_when_live() {
    let dir = tempfile::tempdir().unwrap();
    let app = app(&dir);
    append(&app, "A", 1).await;
    let mut live = follow(&app, "SUBSCRIBE events", None);
    assert_eq!(step(&mut live).await, "c1");
    let catching_up = follow(&app, "SUBSCRIBE events FROM START", None);
    let lag = LAG_EVENTS_MAX as usize;
    append(&app, "A", lag).await;
    assert!(!live.is_too_far_behind(), "at the bound");
    append(&app, "A", 1).await;
    assert!(live.is_too_far_behind(), "beyond it");
    assert!(!catching_up.is_too_far_behind(), "history may be long");
}

/// Written apart, resolved together.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn equal_predicates_are_tested_once() {
    let dir = tempfile::tempdir().unwrap();
    let app = app(&dir);
    let statements = ["type = 'A'", "  type   =  'A'", "type = 'B'"];
    let mut follows: Vec<Follow> = statements
        .iter()
        .map(|predicate| follow(&app, &format!("SUBSCRIBE events WHERE {predicate}"), None))
        .collect();
    for follow in &mut follows {
        assert_eq!(step(follow).await, "c0");
    }
    assert_eq!(app.fan.groups(), 2);
    append(&app, "A", 1).await;
    let (first, second) = (follows[0].next().await.unwrap(), follows[1].next().await.unwrap());
    match (first, second) {
        (Step::Event(first), Step::Event(second)) => {
            assert!(Arc::ptr_eq(&first, &second), "one event for both");
        }
        other => panic!("two events: {other:?}"),
    }
    follows.truncate(1);
    assert_eq!(app.fan.groups(), 1);
    drop(follows);
    assert_eq!(app.fan.groups(), 0, "nothing is kept of those who have gone");
}

/// The error is that of each one's own statement, and comes after what was before it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_predicate_that_fails_ends_those_who_follow_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let app = app(&dir);
    let mut one = follow(&app, "SUBSCRIBE events WHERE 10 % data.n = 0", None);
    let mut other = follow(&app, "SUBSCRIBE events WHERE     10 % data.n = 0", None);
    let mut all = follow(&app, "SUBSCRIBE events", None);
    for follow in [&mut one, &mut other, &mut all] {
        assert_eq!(step(follow).await, "c0");
    }
    for n in [5, 0, 1] {
        write(&app, vec![event("s", "A", &format!(r#"{{"n":{n}}}"#), &[])]).await;
    }
    for (follow, column) in [(&mut one, 24), (&mut other, 28)] {
        assert_eq!(step(follow).await, "e1");
        let error = follow.next().await.unwrap_err().to_json();
        assert_eq!(error["code"], "ERR_PQL", "{error}");
        assert!(error.to_string().contains(&format!("\"column\":{column}")), "{error}");
    }
    for expected in ["e1", "e2", "e3"] {
        assert_eq!(step(&mut all).await, expected);
    }
}

/// Who takes nothing for a while reads the log again, and has no gap.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_falls_behind_goes_back_to_the_log_and_comes_again() {
    let dir = tempfile::tempdir().unwrap();
    let app = app(&dir);
    let mut slow = follow(&app, "SUBSCRIBE events WHERE type = 'A'", None);
    assert_eq!(step(&mut slow).await, "c0");
    let total = 2 * mailbox::EVENTS_MAX + 10;
    append(&app, "A", total).await;
    for position in 1..=total {
        assert_eq!(step(&mut slow).await, format!("e{position}"));
    }
    append(&app, "A", 1).await;
    assert_eq!(step(&mut slow).await, format!("e{}", total + 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn so_many_and_no_more() {
    let dir = tempfile::tempdir().unwrap();
    let app = app(&dir);
    let mut held: Vec<_> =
        (0..app.subscriptions_max).map(|_| app.metrics.followers.begin(Position(0), usize::MAX)).collect();
    let subscribe = || match app.engine.prepare("SUBSCRIBE events", Params::default(), Timestamp(0)) {
        Ok(Prepared::Subscribe(subscription)) => Follow::new(app.clone(), subscription, None),
        other => panic!("a subscription: {other:?}"),
    };
    let refused = subscribe().unwrap_err();
    assert_eq!(refused.code(), Code::RateLimit);
    let bound = format!("the server has at most {} subscriptions", app.subscriptions_max);
    assert_eq!(refused.to_json()["message"], bound);
    held.pop();
    assert!(subscribe().is_ok(), "at the bound");
}
