use super::events::SCAN_EVENTS;
use super::*;
use crate::app::App;
use crate::metrics::Metrics;
use crate::server::Config;
use domain::Work;
use query::{Engine, Params, Prepared};
use store::{Append, Context, ExpectedRevision, NewEvent, Store, StreamWrite, Timestamp};

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

async fn append(app: &Shared, kind: &str, count: usize) {
    let event = NewEvent {
        id: None,
        stream: "s".into(),
        kind: kind.into(),
        data: "{}".into(),
        metadata: "{}".into(),
        tags: Vec::new(),
        time: None,
    };
    let write =
        StreamWrite { stream: "s".into(), expected: ExpectedRevision::Any, events: vec![event; count] };
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
