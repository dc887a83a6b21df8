//! Every combination that the rules know, against `decide`; and the page that is written from them.

use super::world::{World, acquire, changes, claim, complete, fail, release, transition};
use crate::command::{Guard, TransitionTask, UpdateTask};
use crate::decide::rules::{Hold, Refusal, Shown, Stand, Step, Title, Verdict, verdict};
use crate::rows::{FailureClass, TaskStatus};
use crate::{Command, Pending, Rejection};
use std::fmt::Write;
use store::{Context, Decider, Decision, EventId, Text};

/// Those that can be: what the rule blocked is shown as open as soon as nothing blocks it.
fn stands() -> Vec<Stand> {
    let mut stands = Vec::new();
    for &status in TaskStatus::ALL {
        for archived in [false, true] {
            for waits in [false, true] {
                stands.push(Stand { status, archived, by_rule: false, waits });
                if status == if waits { TaskStatus::Blocked } else { TaskStatus::Open } {
                    stands.push(Stand { status, archived, by_rule: true, waits });
                }
            }
        }
    }
    stands
}

const HOLDS: [Hold; 3] = [Hold::Nobody, Hold::Somebody, Hold::Overdue];
const SHOWN: [Shown; 3] = [Shown::Nothing, Shown::Right, Shown::Wrong];

/// Those that can be: nobody has the lease or the fence of a task that nobody holds.
fn titles(hold: Hold) -> Vec<Title> {
    let mut titles = Vec::new();
    for lease in SHOWN {
        for fence in SHOWN {
            for version in SHOWN {
                for override_lease in [false, true] {
                    titles.push(Title { hold, lease, fence, version, override_lease });
                }
            }
        }
    }
    let nobody = hold != Hold::Somebody;
    titles.retain(|title| !(nobody && (title.lease == Shown::Right || title.fence == Shown::Right)));
    titles
}

/// Steps that ask who writes.
fn guarded() -> Vec<Step> {
    let mut steps: Vec<Step> = TaskStatus::ALL.iter().map(|&status| Step::Transition(status)).collect();
    steps.extend([
        Step::Update,
        Step::AddProgress,
        Step::CompleteProgress,
        Step::Complete,
        Step::Fail,
        Step::Release,
    ]);
    steps
}

/// Steps that anybody may ask for.
const UNGUARDED: [Step; 4] = [Step::Archive, Step::Restore, Step::Acquire, Step::Claim];

/// A task `a` that stands so and is held so. Its first lease was released; its second was ann's, with fence 2, who handed
/// it over to bob: the third, with fence 3.
fn world(stand: Stand, hold: Hold) -> World {
    let mut world = World::new();
    let Stand { status, archived, by_rule, waits } = stand;
    world.raw("task-a", "TaskCreated", &format!(r#"{{"title":"a","status":"{status}"}}"#));
    if waits {
        let data = r#"{"title":"z","status":"in_progress","owner_agent_id":"zoe"}"#;
        world.raw("task-z", "TaskCreated", data);
        let data = r#"{"from_task_id":"z","to_task_id":"a","type":"blocks"}"#;
        world.raw("relationship-r", "RelationshipAdded", data);
    }
    if by_rule {
        let data = r#"{"status":"blocked","by_rule":true,"attempts":0}"#;
        world.raw("task-a", "TaskStatusChanged", data);
    }
    if archived {
        world.raw("task-a", "TaskArchived", "{}");
    }
    world.raw("progress-p", "ProgressItemAdded", r#"{"task_id":"a","content":"p"}"#);
    let (begin, soon) = (r#"{"task_id":"a","ttl_ms":600000,"expires_at":"#, r#""2026-06-01T00:00:00Z""#);
    world.raw("lease-first", "LeaseAcquired", &format!(r#"{begin}{soon},"agent_id":"ann","fence":1}}"#));
    world.raw("lease-first", "LeaseReleased", "{}");
    if hold != Hold::Nobody {
        world.raw("lease-second", "LeaseAcquired", &format!(r#"{begin}{soon},"agent_id":"ann","fence":2}}"#));
        let until = if hold == Hold::Overdue { r#""2026-01-01T00:00:00Z""# } else { soon };
        let data = r#"{"task_id":"a","from_agent_id":"ann","agent_id":"bob","lease_id":"third"}"#;
        world.raw("lease-second", "LeaseTransferred", data);
        world.raw("lease-third", "LeaseAcquired", &format!(r#"{begin}{until},"agent_id":"bob","fence":3}}"#));
    }
    assert_eq!(stand_of(&world), stand);
    world
}

fn stand_of(world: &World) -> Stand {
    Stand::of(&world.task("a"), world.graph("a").blocked_by_count)
}

/// All ways to show that of a lease: its id, and who asks.
fn leases(hold: Hold, lease: Shown) -> Vec<(Option<&'static str>, &'static str)> {
    match lease {
        Shown::Nothing => vec![(None, "eve"), (None, "bob")],
        Shown::Right => vec![(Some("third"), "bob")],
        Shown::Wrong => {
            // The last is the right one, of somebody who is not its holder.
            let mut all = vec![
                (Some("first"), "ann"),
                (Some("never"), "bob"),
                (Some("second"), "ann"),
                (Some("second"), "bob"),
                (Some("third"), "eve"),
            ];
            if hold != Hold::Somebody {
                all.push((Some("third"), "bob"));
            }
            all
        }
    }
}

fn command(step: Step, guard: Guard) -> Command {
    let task_id = Text::from("a");
    match step {
        Step::Transition(status) => {
            let reason = Some("because".into());
            Command::TransitionTask(TransitionTask { reason, ..transition("a", status, guard) })
        }
        Step::Update => Command::UpdateTask(UpdateTask { title: Some("b".into()), ..changes("a", guard) }),
        Step::AddProgress => Command::AddProgress { task_id, items: vec!["q".into()], guard },
        Step::CompleteProgress => Command::CompleteProgress { item_id: "p".into(), completed: true, guard },
        Step::Complete => complete("a", guard),
        Step::Fail => Command::FailTask(fail("a", guard, FailureClass::Transient)),
        Step::Release => release("a", guard),
        Step::Archive => Command::ArchiveTask { task_id },
        Step::Restore => Command::RestoreTask { task_id },
        Step::Acquire => acquire("a", "carl"),
        Step::Claim => claim("carl"),
    }
}

fn decide(world: &mut World, actor: &str, command: Command) -> Result<Decision<Pending>, Rejection> {
    let metadata = "{}".into();
    let context = Context { now: world.now, seed: EventId(1 << 90), metadata, actor: Some(actor.into()) };
    world.work.decide(&context, command)
}

/// What was decided, in the words of the rules.
fn told(step: Step, decided: Result<Decision<Pending>, Rejection>) -> Verdict {
    let decision = match decided {
        Ok(decision) => decision,
        Err(rejection) => {
            return Verdict::Refused(match rejection {
                Rejection::VersionConflict { .. } => Refusal::VersionConflict,
                Rejection::LeaseExpired { .. } => Refusal::LeaseExpired,
                Rejection::LeaseRequired { .. } => Refusal::LeaseRequired,
                Rejection::LeaseHeld { .. } => Refusal::LeaseHeld,
                Rejection::InvalidState { to, allowed, .. } => {
                    let is_transition = matches!(step, Step::Transition(_));
                    assert!(
                        !is_transition || !allowed.contains(&to),
                        "{to} is refused, and said to be allowed"
                    );
                    Refusal::InvalidState
                }
                other => panic!("{other}"),
            });
        }
    };
    if step == Step::Claim && decision.events.is_empty() {
        return Verdict::Refused(Refusal::InvalidState);
    }
    assert!(!decision.events.is_empty(), "allowed, and nothing came of it");
    if let Step::Transition(status) = step {
        let status = format!(r#""status":"{status}""#);
        let mut events = decision.events.iter();
        assert!(events.any(|event| &*event.kind == "TaskStatusChanged" && event.data.contains(&status)));
    }
    match decision.events.iter().filter(|event| &*event.kind == "LeaseOverride").count() {
        0 => Verdict::Allowed,
        1 => Verdict::Overridden,
        more => panic!("{more} overrides"),
    }
}

#[test]
fn every_combination_is_decided_as_the_rules_say() {
    let mut tried = 0;
    for stand in stands() {
        for hold in HOLDS {
            // Decisions change nothing, so each is the first in this world.
            let mut world = world(stand, hold);
            let actual = world.task("a").version;
            for title in titles(hold) {
                let guard = Guard {
                    lease_id: None,
                    fence: match title.fence {
                        Shown::Nothing => None,
                        Shown::Right => Some(3),
                        Shown::Wrong => Some(2),
                    },
                    expected_version: match title.version {
                        Shown::Nothing => None,
                        Shown::Right => Some(actual),
                        Shown::Wrong => Some(actual + 1),
                    },
                    override_lease: title.override_lease,
                };
                for (lease_id, actor) in leases(hold, title.lease) {
                    let guard = Guard { lease_id: lease_id.map(Text::from), ..guard.clone() };
                    for step in guarded() {
                        let told = told(step, decide(&mut world, actor, command(step, guard.clone())));
                        assert_eq!(told, verdict(stand, step, title), "{stand:?} {step:?} {title:?} {actor}");
                        tried += 1;
                    }
                }
            }
        }
    }
    let callers = 2 * (2 + 6) * (2 * 3 * 2) + (2 + 1 + 5) * (3 * 3 * 2);
    assert_eq!(tried, 24 * callers * 11, "states, callers, steps");
}

/// Of somebody who shows the task's version, and nothing else.
fn by_version(hold: Hold) -> Title {
    Title { hold, lease: Shown::Nothing, fence: Shown::Nothing, version: Shown::Right, override_lease: false }
}

#[test]
fn what_anybody_may_ask_for_is_decided_as_the_rules_say() {
    for stand in stands() {
        for hold in HOLDS {
            for step in UNGUARDED {
                let mut before = world(stand, hold);
                let told = told(step, decide(&mut before, "eve", command(step, Guard::default())));
                let mut expected = verdict(stand, step, by_version(hold));
                match (step, hold) {
                    // An overdue lease is ended first; then the rules are asked.
                    (Step::Acquire, Hold::Overdue) => {
                        let mut after = world(stand, hold);
                        after.ok(Command::Expire);
                        expected = verdict(stand_of(&after), step, by_version(Hold::Nobody));
                    }
                    // A claim passes over what it may not have.
                    (Step::Claim, _) if expected != Verdict::Allowed => {
                        expected = Verdict::Refused(Refusal::InvalidState);
                    }
                    _ => {}
                }
                assert_eq!(told, expected, "{stand:?} {hold:?} {step:?}");
            }
        }
    }
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Allowed => "yes",
        Verdict::Overridden => "on record",
        Verdict::Refused(Refusal::VersionConflict | Refusal::LeaseHeld) => "`ERR_CONFLICT`",
        Verdict::Refused(Refusal::LeaseExpired) => "`ERR_LEASE_EXPIRED`",
        Verdict::Refused(Refusal::LeaseRequired) => "`ERR_LEASE_REQUIRED`",
        Verdict::Refused(Refusal::InvalidState) => "`ERR_INVALID_STATE`",
    }
}

/// What all of these come to.
#[track_caller]
fn same(mut words: impl Iterator<Item = &'static str>) -> &'static str {
    let first = words.next().expect("something falls under it");
    assert!(words.all(|word| word == first), "a row of the page stands for cases that differ");
    first
}

/// From where to where.
fn states() -> String {
    use TaskStatus::{Blocked, Cancelled, Completed, InProgress, Open};
    type Row = (&'static str, fn(&Stand) -> bool);
    const ROWS: [Row; 8] = [
        ("open", |stand| stand.status == Open && !stand.waits),
        ("open, with unfinished blockers", |stand| stand.status == Open && stand.waits),
        ("in_progress", |stand| stand.status == InProgress),
        ("blocked for a reason", |stand| stand.status == Blocked && !stand.by_rule),
        ("blocked by unfinished tasks", |stand| stand.status == Blocked && stand.by_rule),
        ("completed", |stand| stand.status == Completed),
        ("cancelled", |stand| stand.status == Cancelled),
        ("archived, whatever its status", |stand| stand.archived),
    ];
    let columns: [(&str, &[Step]); 14] = [
        ("→ open", &[Step::Transition(Open)]),
        ("→ in_progress", &[Step::Transition(InProgress)]),
        ("→ blocked", &[Step::Transition(Blocked)]),
        ("→ completed", &[Step::Transition(Completed)]),
        ("→ cancelled", &[Step::Transition(Cancelled)]),
        ("update", &[Step::Update]),
        ("progress", &[Step::AddProgress, Step::CompleteProgress]),
        ("complete", &[Step::Complete]),
        ("fail", &[Step::Fail]),
        ("release", &[Step::Release]),
        ("archive", &[Step::Archive]),
        ("restore", &[Step::Restore]),
        ("lease", &[Step::Acquire]),
        ("claim", &[Step::Claim]),
    ];
    let mut page = "| the task is |".to_owned();
    for (name, _) in columns {
        write!(page, " {name} |").expect("a string");
    }
    writeln!(page, "\n|---{}|", "|---".repeat(columns.len())).expect("a string");
    let mut shown = 0;
    for (name, falls) in ROWS {
        let stands: Vec<Stand> = stands()
            .into_iter()
            .filter(|stand| falls(stand) && stand.archived == name.starts_with("archived"))
            .collect();
        shown += stands.len();
        write!(page, "| {name} |").expect("a string");
        for (_, steps) in columns {
            let cell = same(stands.iter().flat_map(|stand| {
                steps.iter().map(|&step| {
                    let title = Title { override_lease: true, ..by_version(Hold::Nobody) };
                    match verdict(*stand, step, title) {
                        Verdict::Allowed => "yes",
                        Verdict::Overridden => "override",
                        Verdict::Refused(Refusal::InvalidState) => "",
                        Verdict::Refused(other) => panic!("{other:?}"),
                    }
                })
            }));
            write!(page, " {cell} |").expect("a string");
        }
        page.push('\n');
    }
    assert_eq!(shown, stands().len(), "every state is in one row");
    page
}

/// Who may write.
fn who() -> String {
    type Row = ([&'static str; 4], fn(&Title) -> bool);
    // The first row that fits holds.
    const ROWS: [Row; 7] = [
        (["any", "any", "any", "wrong"], |title| title.version == Shown::Wrong),
        (["any", "any", "wrong", "right or none"], |title| title.fence == Shown::Wrong),
        (["any", "wrong", "right or none", "right or none"], |title| title.lease == Shown::Wrong),
        (["held", "right", "right or none", "right or none"], |title| title.lease == Shown::Right),
        (["held", "none", "right or none", "right or none"], |title| title.hold == Hold::Somebody),
        (["free or overdue", "none", "none", "right"], |title| title.version == Shown::Right),
        (["free or overdue", "none", "none", "none"], |_| true),
    ];
    let begins = |step| step == Step::Transition(TaskStatus::InProgress);
    let mut page =
        "| the task | `lease_id` | `fence` | `expected_version` | allowed by its state | with `override` \
                    | to in_progress | with `override` | forbidden by its state | with `override` |\n"
            .to_owned();
    writeln!(page, "|{}", "---|".repeat(10)).expect("a string");
    let mut left: Vec<Title> = HOLDS.into_iter().flat_map(titles).collect();
    for (names, falls) in ROWS {
        let (fit, rest): (Vec<Title>, Vec<Title>) = left.into_iter().partition(falls);
        left = rest;
        write!(page, "| {} |", names.join(" | ")).expect("a string");
        for (permitted, begin) in [(true, false), (true, true), (false, false)] {
            for override_lease in [false, true] {
                let mut words = Vec::new();
                for title in fit.iter().filter(|title| title.override_lease == override_lease) {
                    for stand in stands() {
                        let steps = guarded().into_iter().filter(|&step| {
                            stand.permits(step) == permitted && (!permitted || begins(step) == begin)
                        });
                        words.extend(steps.map(|step| word(verdict(stand, step, *title))));
                    }
                }
                write!(page, " {} |", same(words.into_iter())).expect("a string");
            }
        }
        page.push('\n');
    }
    assert!(left.is_empty());
    page
}

/// `AGENTPM_UPDATE=1 cargo test -p agentpm-domain page` writes the tables anew.
#[test]
fn the_page_of_transitions_is_what_the_rules_say() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/transitions.md");
    let page = std::fs::read_to_string(path).expect("the page");
    let mut written = page.clone();
    for (name, table) in [("states", states()), ("who", who())] {
        let begin = format!("<!-- {name} -->\n");
        let (before, rest) = written.split_once(&begin).expect("where the table begins");
        let (_, after) = rest.split_once("<!-- end -->\n").expect("where it ends");
        written = format!("{before}{begin}\n{table}\n<!-- end -->\n{after}");
    }
    if std::env::var_os("AGENTPM_UPDATE").is_some() {
        std::fs::write(path, written).expect("written");
    } else {
        assert!(
            page == written,
            "docs/transitions.md is not what the rules say; AGENTPM_UPDATE=1 writes it anew"
        );
    }
}
