//! Followers come and go at random while events are appended: each has exactly its events between where it came and
//! where it went.

use super::*;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use store::{Direction, Event};
use tokio::task::JoinSet;

/// Commits of the writer.
const COMMITS: usize = 300;
/// Events of a commit, at most.
const COMMIT_EVENTS_MAX: usize = 40;
/// Followers at a time.
const FOLLOWERS: u64 = 16;
/// Steps of a stay, at most.
const STEPS_MAX: usize = 400;

/// What is followed, in the language and in ours.
type Predicate = (&'static str, fn(&Event) -> bool);

/// Found by type, by stream, by tag, by one of several, and by nothing.
const PREDICATES: [Predicate; 6] = [
    ("", |_| true),
    ("WHERE type = 'A'", |event| &*event.kind == "A"),
    ("WHERE stream IN ('s1', 's2')", |event| matches!(&*event.stream, "s1" | "s2")),
    ("WHERE 'red' IN tags AND type = 'B'", |event| &*event.kind == "B" && !event.tags.is_empty()),
    ("WHERE data.n % 3 = 1", |event| number(event) % 3 == 1),
    ("WHERE type = 'C' OR data.n % 7 = 2", |event| &*event.kind == "C" || number(event) % 7 == 2),
];

fn number(event: &Event) -> u64 {
    event.data.trim_start_matches(r#"{"n":"#).trim_end_matches('}').parse().unwrap()
}

/// One stay of a follower.
struct Stay {
    predicate: Predicate,
    /// It began after this, and took what is up to that.
    after: u64,
    upto: u64,
    got: Vec<u64>,
}

impl Stay {
    /// What is wrong with it.
    fn wrong(&self, log: &[Event]) -> Option<String> {
        let Self { predicate: (statement, wanted), after, upto, got } = self;
        let due = log.iter().filter(|event| (after + 1..=*upto).contains(&event.position.0) && wanted(event));
        let due: Vec<u64> = due.map(|event| event.position.0).collect();
        (*got != due).then(|| format!("`{statement}` in ({after}, {upto}]: {got:?} and not {due:?}"))
    }
}

async fn append_at_random(app: Shared, seed: u64) {
    let mut random = StdRng::seed_from_u64(seed);
    let mut n = 0;
    for _ in 0..COMMITS {
        let stream = format!("s{}", random.random_range(0..5));
        let count = random.random_range(1..=COMMIT_EVENTS_MAX);
        let events = (0..count).map(|_| {
            n += 1;
            let kind = ["A", "B", "C"][random.random_range(0..3)];
            let tags: &[&str] = if random.random_bool(0.3) { &["red"] } else { &[] };
            event(&stream, kind, &format!(r#"{{"n":{n}}}"#), tags)
        });
        write(&app, events.collect()).await;
    }
}

async fn come_and_go(app: Shared, seed: u64, over: CancellationToken) -> Vec<Stay> {
    let mut random = StdRng::seed_from_u64(seed);
    let mut stays = Vec::new();
    let mut last = 0;
    while !over.is_cancelled() {
        let predicate = PREDICATES[random.random_range(0..PREDICATES.len())];
        let head = app.store().head().position.0;
        let resume = match random.random_range(0..4) {
            0 => None,
            1 => Some(head.saturating_sub(random.random_range(0..50))),
            2 => Some(random.random_range(0..=head)),
            _ => Some(last),
        };
        let mut follow = follow(&app, &format!("SUBSCRIBE events {}", predicate.0), resume);
        let mut stay = Stay { predicate, after: follow.position().0, upto: 0, got: Vec::new() };
        // Some take a step only when something was committed: they fall behind.
        let is_lazy = random.random_bool(0.2);
        let mut heads = app.store().watch();
        for _ in 0..random.random_range(1..=STEPS_MAX) {
            let step = tokio::select! {
                step = follow.next() => step.unwrap(),
                () = over.cancelled() => break,
            };
            if let Step::Event(event) = step {
                stay.got.push(event.position().0);
            }
            follow.confirm();
            if is_lazy {
                tokio::select! {
                    _ = heads.changed() => {}
                    () = over.cancelled() => {}
                }
            }
        }
        stay.upto = follow.position().0;
        last = stay.upto;
        stays.push(stay);
    }
    stays
}

/// Races, and gives what is wrong.
async fn race(seed: u64, planted: Option<Fault>) -> Vec<String> {
    let dir = tempfile::tempdir().unwrap();
    let app = app(&dir);
    *app.fan.planted.lock() = planted;
    let over = CancellationToken::new();
    let mut followers = JoinSet::new();
    for number in 0..FOLLOWERS {
        followers.spawn(come_and_go(app.clone(), seed * 1_000 + number, over.clone()));
    }
    append_at_random(app.clone(), seed).await;
    over.cancel();
    let stays: Vec<Stay> = followers.join_all().await.into_iter().flatten().collect();
    let reader = app.store().reader();
    let head = reader.head().position;
    let log: Vec<Event> =
        reader.events(Position::ZERO, head, Direction::Forward).collect::<Result<_, _>>().unwrap();
    let got: usize = stays.iter().map(|stay| stay.got.len()).sum();
    assert!(got > log.len(), "seed {seed}: {got} events in {} stays is no race", stays.len());
    assert_eq!(app.fan.groups(), 0);
    stays.iter().filter_map(|stay| stay.wrong(&log)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn each_has_exactly_its_events_in_order() {
    for seed in 1..=3 {
        let wrong = race(seed, None).await;
        assert!(wrong.is_empty(), "seed {seed}: {wrong:#?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_fault_of_ours_is_seen() {
    for fault in [Fault::LosesSome, Fault::SkipsTheSeam] {
        assert!(!race(7, Some(fault)).await.is_empty(), "{fault:?} was not seen");
    }
}
