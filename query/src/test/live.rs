//! Live queries: at every commit, what was given up to it is what the same query says `AS OF` it.

use super::fixture::{Fixture, SECOND, agent, create, held, words};
use crate::{Diff, Live, Options, Params, Prepared};
use domain::command::{
    AddContext, AddRelationship, Change, Claim, CompleteTask, FailTask, Guard, NewContext, StartSession,
    TransitionTask, UpdateTask,
};
use domain::rows::{ContextType, FailureClass, RelationshipType, TaskStatus};
use domain::{Command, Outcome};
use std::cell::RefCell;
use std::collections::BTreeMap;
use store::{Position, Text, Timestamp};

/// A subscription, and the query whose answer it must be at every position.
const QUERIES: &[(&str, &str)] = &[
    (
        "tasks",
        "SELECT id, project_id, parent_id, title, intent, type, status, owner_agent_id, priority, class, caps, labels, \
         metadata, version, attempts, max_attempts, not_before, due_at, created_at, updated_at, completed_at, \
         cancelled_at, archived_at, blocked_by_count, child_count, child_done_count FROM tasks",
    ),
    ("tasks WHERE status = 'open' AND blocked_by_count = 0", ""),
    (
        "(SELECT id, child_count - child_done_count AS left, upper(status) AS s FROM tasks WHERE priority > 0)",
        "",
    ),
    ("(SELECT status FROM tasks)", ""),
    ("(SELECT DISTINCT status, class FROM tasks WHERE archived_at IS NULL)", ""),
    ("(SELECT DISTINCT metadata FROM tasks)", ""),
    ("(SELECT metadata.n AS n, count(*) AS tasks FROM tasks GROUP BY n)", ""),
    (
        "(SELECT status, count(*) AS n, sum(priority) AS s, avg(priority) AS a, min(title) AS first, max(updated_at) AS \
         last, median(attempts) AS m, count(DISTINCT owner_agent_id) AS owners, sum(DISTINCT priority) AS sd, \
         quantile(priority, 0.75) AS q, any(class) AS any, first(title) AS f, last(priority) AS l FROM tasks GROUP BY status)",
        "",
    ),
    (
        "(SELECT owner_agent_id AS who, collect(status) AS all, collect(caps) AS caps FROM tasks GROUP BY who HAVING count(*) > 1)",
        "",
    ),
    (
        "(SELECT count(*) AS n, max(priority) AS p, sum(blocked_by_count) AS b FROM tasks WHERE status = 'blocked')",
        "",
    ),
    ("(SELECT task_id, status, attempt, duration_ms FROM runs WHERE agent_id = 'a1')", ""),
    (
        "(SELECT agent_id, status, count(*) AS n, avg(duration_ms) AS ms, sum(cost) AS cost FROM runs GROUP BY agent_id, status)",
        "",
    ),
    ("leases WHERE status = 'active'", ""),
    ("relationships", ""),
    ("progress_items WHERE NOT completed", ""),
    ("contexts WHERE type = 'blocker'", ""),
    ("agents", ""),
    ("(SELECT id, name FROM agents WHERE caps ⊇ {rust})", ""),
    ("sessions", ""),
    (
        "(SELECT type, count(*) AS n FROM contexts GROUP BY type) WHERE n > 2",
        "SELECT type, count(*) AS n FROM contexts GROUP BY type HAVING count(*) > 2",
    ),
    (
        "(SELECT id, title AS t FROM tasks) WHERE t LIKE '%1'",
        "SELECT id, title AS t FROM tasks WHERE title LIKE '%1'",
    ),
    ("next_task", "SELECT {tasks} FROM next_task"),
    ("(SELECT id, class FROM next_task WHERE priority >= 0)", ""),
];

/// The query of a subscription.
fn query_of((subscribed, query): (&str, &str)) -> String {
    let columns = QUERIES[0].1.trim_start_matches("SELECT ").trim_end_matches(" FROM tasks");
    match (query, subscribed.strip_prefix('(').and_then(|rest| rest.strip_suffix(')'))) {
        ("", Some(select)) => select.to_owned(),
        ("", None) if subscribed.starts_with("tasks") => format!("SELECT {columns} FROM {subscribed}"),
        ("", None) => format!("SELECT * FROM {subscribed}"),
        (query, _) => query.replace("{tasks}", columns),
    }
}

/// Who follows, and all that it was given.
struct Follower {
    live: Live,
    query: String,
    given: Vec<Diff>,
}

impl Follower {
    fn new(fixture: &Fixture, query: (&str, &str), start: &str) -> Self {
        let pql = format!("SUBSCRIBE {} {start}", query.0);
        let live = match fixture.engine.prepare(&pql, Params::none(), fixture.now()) {
            Ok(Prepared::Live(subscription)) => fixture.engine.live(subscription).unwrap(),
            other => panic!("{pql}: {other:?}"),
        };
        Self { live, query: query_of(query), given: Vec::new() }
    }

    fn advance(&mut self) {
        while !self.live.is_at_head() {
            let given = self.live.advance().unwrap_or_else(|error| panic!("{}: {error}", self.query));
            self.given.extend(given);
        }
    }

    /// The rows at each of these positions by what was given, `held` being there before.
    fn rows_at(&self, held: &[String], positions: &[Position]) -> Result<Vec<Vec<String>>, String> {
        let mut rows: BTreeMap<&[u8], usize> = BTreeMap::new();
        held.iter().for_each(|row| *rows.entry(row.as_bytes()).or_default() += 1);
        let mut diffs = self.given.iter().peekable();
        let mut last = Position::ZERO;
        let mut all = Vec::new();
        for position in positions {
            while let Some(diff) = diffs.next_if(|diff| diff.position <= *position) {
                if diff.position < last {
                    return Err(format!("{} after {last}", diff.position));
                }
                last = diff.position;
                for change in &diff.changes {
                    let count = rows.entry(&change.row).or_default();
                    match (change.is_added, *count) {
                        (true, _) => *count += 1,
                        (false, 0) => return Err(format!("took what is not there at {}", diff.position)),
                        (false, _) => *count -= 1,
                    }
                }
            }
            let each = rows.iter().flat_map(|(row, count)| {
                std::iter::repeat_n(String::from_utf8_lossy(row).into_owned(), *count)
            });
            all.push(each.collect());
        }
        Ok(all)
    }

    /// Whether all of them are what the query says as of them; else the first that is not.
    fn check(&self, asked: &Asked<'_>, commits: &[Position]) -> Result<(), String> {
        let begins = self.live.begins();
        let as_of = |position: Position| asked.as_of(&self.query, position);
        let holds_rows = self.given.first().is_some_and(|diff| diff.position == begins);
        let held = if holds_rows || begins == Position::ZERO { Vec::new() } else { as_of(begins) };
        let positions: Vec<Position> = commits.iter().copied().filter(|at| *at >= begins).collect();
        let found = self.rows_at(&held, &positions)?;
        for (position, found) in positions.iter().zip(found) {
            let wanted = as_of(*position);
            if found != wanted {
                return Err(format!("{} at {position}: {found:#?}\nbut it is {wanted:#?}", self.query));
            }
        }
        Ok(())
    }
}

/// What queries said, each asked once.
struct Asked<'f> {
    fixture: &'f Fixture,
    answers: RefCell<BTreeMap<(String, Position), Vec<String>>>,
}

impl<'f> Asked<'f> {
    fn new(fixture: &'f Fixture) -> Self {
        Self { fixture, answers: RefCell::default() }
    }

    fn as_of(&self, query: &str, position: Position) -> Vec<String> {
        let ask = || {
            let mut rows = self.fixture.query(&format!("{query} AS OF POSITION {position}"));
            rows.sort_unstable();
            rows
        };
        self.answers.borrow_mut().entry((query.to_owned(), position)).or_insert_with(ask).clone()
    }
}

/// Numbers that look random and are the same each time (SplitMix64).
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % end as u64) as usize
    }

    fn task(&mut self) -> Text {
        format!("t{}", self.below(14)).into()
    }

    fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }
}

const OVERRIDE: Guard = Guard { override_lease: true, lease_id: None, fence: None, expected_version: None };

/// Something that somebody might ask for, sensible or not.
fn command(chance: &mut Chance, now: Timestamp, leases: &mut Vec<(Text, Text)>) -> Command {
    let later = |chance: &mut Chance| Timestamp(now.0 + (1 + chance.below(9) as i64) * SECOND);
    match chance.below(15) {
        0..=2 => {
            let id = chance.task();
            create(&id, |task| {
                task.priority = Some(chance.below(7) as i64 - 3);
                task.caps = if chance.once_in(3) { words(&["rust"]) } else { words(&[]) };
                task.not_before = chance.once_in(3).then(|| later(chance));
                task.parent_id = chance.once_in(3).then(|| chance.task());
                task.blocked_by = if chance.once_in(4) { vec![chance.task()] } else { Vec::new() };
                task.progress = if chance.once_in(3) { vec!["one".into()] } else { Vec::new() };
                task.metadata = chance.once_in(2).then(|| format!(r#"{{"n":{}}}"#, chance.below(3)).into());
            })
        }
        3 => Command::UpdateTask(UpdateTask {
            task_id: chance.task(),
            guard: OVERRIDE,
            title: chance.once_in(2).then(|| format!("title {}", chance.below(4)).into()),
            priority: chance.once_in(2).then(|| chance.below(7) as i64 - 3),
            not_before: if chance.once_in(3) { Change::Set(later(chance)) } else { Change::Keep },
            ..UpdateTask::default()
        }),
        4 => Command::AddRelationship(AddRelationship {
            from_task_id: chance.task(),
            to_task_id: chance.task(),
            kind: if chance.once_in(3) { RelationshipType::ParentOf } else { RelationshipType::Blocks },
            metadata: None,
        }),
        5 => Command::ArchiveTask { task_id: chance.task() },
        6 => Command::RestoreTask { task_id: chance.task() },
        7 => Command::TransitionTask(TransitionTask {
            task_id: chance.task(),
            status: [TaskStatus::Open, TaskStatus::Blocked, TaskStatus::Cancelled][chance.below(3)],
            guard: OVERRIDE,
            reason: None,
            blocked_by: Vec::new(),
        }),
        8 => Command::AddContext(AddContext {
            task_id: chance.task(),
            context: NewContext {
                kind: [ContextType::Note, ContextType::Blocker][chance.below(2)],
                content: "seen".into(),
                metadata: None,
            },
            supersedes: None,
        }),
        9 => agent(["a1", "a2"][chance.below(2)], [&["rust"][..], &["docs"], &[]][chance.below(3)]),
        10 if chance.once_in(2) => Command::StartSession(StartSession {
            id: None,
            agent_id: "a1".into(),
            metadata: None,
            timeout_ms: 9_000,
        }),
        10 => Command::Expire,
        11 | 12 if !leases.is_empty() => {
            let lease = leases.remove(chance.below(leases.len()));
            let guard = held(&lease.1);
            match chance.below(3) {
                0 => Command::FailTask(FailTask {
                    task_id: lease.0,
                    guard,
                    class: [FailureClass::Transient, FailureClass::Terminal][chance.below(2)],
                    message: "no".into(),
                    retry_after_ms: None,
                }),
                1 => Command::ReleaseTask { task_id: lease.0, guard, note: None },
                _ => Command::CompleteTask(CompleteTask {
                    task_id: lease.0,
                    guard,
                    output: None,
                    evidence: None,
                    cost: Some(0.25 * chance.below(9) as f64),
                    tokens: Some(7),
                }),
            }
        }
        _ => Command::Claim(Claim {
            agent_id: ["a1", "a2"][chance.below(2)].into(),
            session_id: None,
            filter: None,
            ttl_ms: Some(20_000),
            limit: 1 + chance.below(2) as u32,
        }),
    }
}

/// A random history, followed from many places in it.
struct Played {
    fixture: Fixture,
    followers: Vec<Follower>,
    /// The last position of each commit.
    commits: Vec<Position>,
}

fn play(seed: u64, recent_events_max: usize, steps: usize) -> Played {
    let bounds = store::Options { recent_events_max, ..store::Options::default() };
    let fixture = Fixture::over(Options::default(), bounds);
    let mut chance = Chance(seed);
    let mut followers: Vec<Follower> =
        QUERIES.iter().map(|query| Follower::new(&fixture, *query, "FROM START")).collect();
    let mut leases = Vec::new();
    let mut commits = vec![Position::ZERO];
    fixture.run(agent("a1", &["rust"]));
    commits.push(fixture.head());
    for _ in 0..steps {
        let command = command(&mut chance, fixture.now(), &mut leases);
        if let Some(Outcome::Claims { claims, .. }) = fixture.attempt(command) {
            leases.extend(claims.iter().map(|claim| (claim.task.task.id.clone(), claim.lease.id.clone())));
        }
        if fixture.head() > commits[commits.len() - 1] {
            commits.push(fixture.head());
        }
        if chance.once_in(4) {
            let start = match chance.below(2) {
                0 => "FROM NOW".to_owned(),
                // Also in the middle of a commit.
                _ => format!("AFTER POSITION {}", chance.below(fixture.head().0 as usize + 1)),
            };
            followers.push(Follower::new(&fixture, QUERIES[chance.below(QUERIES.len())], &start));
        }
        for follower in &mut followers {
            if chance.once_in(6) {
                follower.advance();
            }
        }
    }
    followers.iter_mut().for_each(Follower::advance);
    Played { fixture, followers, commits }
}

#[test]
fn what_was_given_is_the_answer_as_of_every_commit() {
    let mut given: BTreeMap<&str, usize> = BTreeMap::new();
    for seed in 1..=3 {
        // In memory, from the store, and some of both.
        let recent_events_max = [100_000, 1, 12][seed as usize % 3];
        let played = play(seed, recent_events_max, 90);
        let asked = Asked::new(&played.fixture);
        for follower in &played.followers {
            follower.check(&asked, &played.commits).unwrap_or_else(|why| panic!("seed {seed}: {why}"));
        }
        for (follower, (query, _)) in played.followers.iter().zip(QUERIES) {
            *given.entry(query).or_default() += follower.given.len();
        }
    }
    let quiet: Vec<_> = given.iter().filter(|(_, given)| **given < 2).collect();
    assert!(quiet.is_empty(), "hardly anything happened to {quiet:?}");
}

/// The check sees a difference that is lost, given twice, given a commit too late, or turned around.
#[test]
fn the_check_sees_what_is_wrong() {
    let mut played = play(11, 100_000, 60);
    let Played { fixture, followers, commits } = &mut played;
    let asked = Asked::new(fixture);
    let follower = followers.iter_mut().find(|follower| follower.given.len() > 6).unwrap();
    follower.check(&asked, commits).unwrap();
    let whole = follower.given.clone();
    let faults: [fn(&mut Vec<Diff>); 5] = [
        |given| drop(given.remove(2)),
        |given| given.insert(3, given[3].clone()),
        |given| given[2].position = given[3].position,
        |given| given[4].changes[0].is_added ^= true,
        |given| given.swap(2, 4),
    ];
    for (nth, fault) in faults.iter().enumerate() {
        follower.given = whole.clone();
        fault(&mut follower.given);
        assert!(follower.check(&asked, commits).is_err(), "fault {nth} was not seen");
    }
}
