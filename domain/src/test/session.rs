use super::world::{World, claim, complete, guard, task, task_after, version};
use crate::command::{
    AcquireLease, AddContext, Claim, Directive, Heartbeat, NewContext, Outcome, Progress, StartSession,
    TransferLease, UpdateTask,
};
use crate::rows::{ContextType, LeaseStatus, RelationshipType, Row, SessionStatus, Table, TaskStatus};
use crate::{Command, Rejection};
use store::{Decider, Text};

fn start(id: &str, agent: &str) -> Command {
    Command::StartSession(StartSession {
        id: Some(id.into()),
        agent_id: agent.into(),
        metadata: None,
        timeout_ms: 60_000,
    })
}

fn beat(id: &str) -> Heartbeat {
    Heartbeat { session_id: id.into(), leases: None, progress: Vec::new() }
}

fn claim_in(agent: &str, session: &str) -> Command {
    Command::Claim(Claim {
        agent_id: agent.into(),
        session_id: Some(session.into()),
        filter: None,
        ttl_ms: None,
        limit: 1,
    })
}

fn transfer(lease: &Text, agent: &str) -> Command {
    Command::TransferLease(TransferLease {
        lease_id: lease.clone(),
        agent_id: agent.into(),
        session_id: None,
    })
}

impl World {
    #[track_caller]
    fn beats(&mut self, heartbeat: Heartbeat) -> Vec<(Text, Directive)> {
        match self.ok(Command::Heartbeat(heartbeat)) {
            Outcome::Heartbeat { leases, .. } => {
                leases.into_iter().map(|told| (told.id, told.directive)).collect()
            }
            other => panic!("{other:?}"),
        }
    }

    #[track_caller]
    fn claims_in(&mut self, agent: &str, session: &str) -> Text {
        match self.ok(claim_in(agent, session)) {
            Outcome::Claims { claims, .. } => claims[0].lease.id.clone(),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_session_begins_lives_and_ends() {
    let mut world = World::new();
    world.ok(super::world::agent("bob", &[]));
    world.check(start("s", "bob"), r#"SessionStarted session-s {"agent_id":"bob","timeout_ms":60000}"#);
    world.check(start("s", "eve"), "! a session with the id `s` exists already");
    assert_eq!(world.work.next_deadline(), Some(world.now.plus_ms(60_000 - 1_000)));
    world.check(Command::Heartbeat(beat("s")), r#"SessionHeartbeat session-s {"agent_id":"bob","all":true}"#);
    assert_eq!(world.work.agent("bob").expect("bob").last_seen_at, world.now);
    assert_eq!(world.work.next_deadline(), Some(world.now.plus_ms(60_000)));
    let end = || Command::EndSession { session_id: "s".into() };
    world.check(end(), r#"SessionEnded session-s {"agent_id":"bob","reason":"ended"}"#);
    assert_eq!(world.work.next_deadline(), None);
    let session = world.work.session("s").expect("it is remembered");
    assert_eq!((session.status, session.ended_at), (SessionStatus::Closed, Some(world.now)));
    world.check(end(), "! session `s` is over");
    world.check(Command::Heartbeat(beat("s")), "! session `s` is over");
    world.check(Command::Heartbeat(beat("none")), "! no session has the id `none`");
}

#[test]
fn a_session_that_ends_gives_back_what_it_holds_in_one_commit() {
    let mut world = World::new();
    world.ok(task("a"));
    world.ok(start("s", "bob"));
    world.ok(claim_in("bob", "s"));
    world.check(
        Command::EndSession { session_id: "s".into() },
        r#"
        SessionEnded session-s {"agent_id":"bob","reason":"ended"}
        RunReleased run-%2 {"note":"the session ended"}
        LeaseReleased lease-%1 {}
        TaskStatusChanged task-a {"attempts":1,"lease_id":"%1","not_before":null,"owner_agent_id":null,"reason":"the session ended","run_id":"%2","status":"open"}
        "#,
    );
    assert_eq!(world.claimed_ids("eve", 1), ["a"]);
}

#[test]
fn a_silent_session_is_lost_and_its_task_may_be_blocked() {
    let mut world = World::new();
    world.ok(task("a"));
    world.ok(task("b"));
    world.ok(start("s", "bob"));
    world.ok(claim_in("bob", "s"));
    world.ok(super::world::link("b", RelationshipType::Blocks, "a"));
    world.wait_ms(60_000);
    // Before its end is in the log it is closed to all who name it.
    world.check(claim_in("bob", "s"), "! session `s` is over");
    world.check(
        Command::Expire,
        r#"
        SessionEnded session-s {"agent_id":"bob","reason":"lost"}
        RunReleased run-%2 {"note":"the session was lost"}
        LeaseReleased lease-%1 {}
        TaskStatusChanged task-a {"attempts":1,"lease_id":"%1","not_before":null,"owner_agent_id":null,"reason":"the session was lost","run_id":"%2","status":"open"}
        TaskStatusChanged task-a {"attempts":1,"by_rule":true,"not_before":null,"owner_agent_id":null,"status":"blocked"}
        "#,
    );
    world.check(Command::Expire, "");
}

#[test]
fn a_lease_that_is_over_with_its_session_has_expired() {
    let mut world = World::new();
    world.ok(task("a"));
    world.ok(start("s", "bob"));
    world.ok(claim_in("bob", "s"));
    world.wait_ms(600_000);
    match world.ok(Command::Expire) {
        Outcome::Expired { leases, sessions } => assert_eq!((leases, sessions), (1, 1)),
        other => panic!("{other:?}"),
    }
    let kinds: Vec<_> = world.log.iter().rev().take(4).map(|event| event.kind.to_string()).collect();
    assert_eq!(kinds, ["SessionEnded", "TaskStatusChanged", "LeaseExpired", "RunExpired"]);
}

#[test]
fn whoever_names_a_session_must_be_in_it() {
    let mut world = World::new();
    world.ok(task("a"));
    world.ok(start("s", "bob"));
    world.check(claim_in("bob", "none"), "! no session has the id `none`");
    world.check(claim_in("eve", "s"), "! 1 field(s) do not hold: /session_id is a session of agent `bob`");
    let acquire = |agent: &str| {
        Command::AcquireLease(AcquireLease {
            task_id: "a".into(),
            agent_id: agent.into(),
            session_id: Some("s".into()),
            ttl_ms: None,
        })
    };
    assert!(matches!(world.refused(acquire("eve")), Rejection::Validation(_)));
    world.ok(acquire("bob"));
    world.ok(Command::EndSession { session_id: "s".into() });
    assert!(matches!(world.refused(acquire("bob")), Rejection::SessionClosed { .. }));
}

#[test]
fn a_session_holds_so_many_leases() {
    let mut world = World::new();
    world.ok(start("s", "bob"));
    for i in 0..=crate::SESSION_LEASES_MAX {
        world.raw(&format!("task-t{i}"), "TaskCreated", r#"{"title":"t"}"#);
        if i % 50 == 0 {
            world.ok(Command::Heartbeat(beat("s")));
        }
    }
    let many = || {
        Command::Claim(Claim {
            agent_id: "bob".into(),
            session_id: Some("s".into()),
            filter: None,
            ttl_ms: None,
            limit: 100,
        })
    };
    for _ in 0..crate::SESSION_LEASES_MAX / 100 {
        world.ok(many());
    }
    assert!(matches!(world.refused(many()), Rejection::Validation(_)));
    world.ok(Command::EndSession { session_id: "s".into() });
    assert_eq!(world.claimed_ids("eve", 100).len(), 100);
}

#[test]
fn a_heartbeat_renews_and_tells_what_to_do() {
    let mut world = World::new();
    for id in ["a", "b", "c"] {
        world.ok(task(id));
    }
    world.ok(start("s", "bob"));
    let leases: Vec<Text> = (0..2).map(|_| world.claims_in("bob", "s")).collect();
    let other = world.claim_one("eve").lease.id.clone();
    world.ok(task("x"));
    world.ok(super::world::link("x", RelationshipType::Blocks, "b"));
    let told = world.beats(beat("s"));
    assert_eq!(
        told,
        [(leases[0].clone(), Directive::Continue), (leases[1].clone(), Directive::Pause)],
        "all of the session's, when none is named"
    );
    for lease in &leases {
        let lease = &world.work.leases.get(lease).expect("it is held").row;
        assert_eq!(lease.expires_at, world.now.plus_ms(600_000));
    }
    let before = world.work.leases.get(&other).expect("it is held").row.expires_at;
    let named = vec![leases[0].clone(), other.clone(), "none".into()];
    let told = world.beats(Heartbeat { leases: Some(named), ..beat("s") });
    let directive = |id: &Text| told.iter().find(|(told, _)| told == id).expect("told").1;
    assert_eq!(directive(&leases[0]), Directive::Continue);
    assert_eq!((directive(&other), directive(&"none".into())), (Directive::Cancel, Directive::Cancel));
    assert_eq!(world.work.leases.get(&other).expect("it is held").row.expires_at, before);
    // A merge may finish a task under its lease.
    world.raw("task-a", "TaskStatusChanged", r#"{"status":"completed","owner_agent_id":null,"attempts":1}"#);
    assert_eq!(world.beats(beat("s"))[0].1, Directive::Cancel);
}

#[test]
fn a_heartbeat_tells_once_of_what_was_taken_meanwhile() {
    let mut world = World::new();
    for id in ["a", "b", "c", "d", "e"] {
        world.ok(task(id));
    }
    world.ok(super::world::agent("eve", &[]));
    world.ok(start("s", "bob"));
    let leases: Vec<Text> = (0..5).map(|_| world.claims_in("bob", "s")).collect();
    let all = |told: &[(usize, Directive)]| -> Vec<_> {
        told.iter().map(|(n, directive)| (leases[*n].clone(), *directive)).collect()
    };
    // What the agent ended or handed over itself it knows of.
    world.acting_as("bob");
    world.ok(complete("a", guard(&leases[0])));
    world.ok(transfer(&leases[1], "eve"));
    world.acting_as("boss");
    world.ok(super::world::to("c", TaskStatus::Cancelled, super::world::by_override()));
    world.acting(None);
    world.ok(super::world::release("d", super::world::by_override()));
    use Directive::{Cancel, Continue};
    let expected = all(&[(2, Cancel), (3, Cancel), (4, Continue)]);
    // One that names its leases has not heard of all; nor does a restart forget.
    let named = world.beats(Heartbeat { leases: Some(vec![leases[4].clone()]), ..beat("s") });
    assert_eq!(named, all(&[(4, Continue)]));
    world.ok(Command::HearSession { session_id: "s".into() });
    world.reopen();
    assert_eq!(world.beats(beat("s")), expected);
    let rest = all(&[(4, Continue)]);
    assert_eq!(world.beats(beat("s")), rest);
    world.reopen();
    assert_eq!(world.beats(beat("s")), rest);
    for _ in 0..11 {
        world.wait_ms(55_000);
        world.ok(Command::Heartbeat(Heartbeat { leases: Some(Vec::new()), ..beat("s") }));
    }
    world.ok(Command::Expire);
    match world.ok(Command::Heartbeat(beat("s"))) {
        Outcome::Heartbeat { leases: told, .. } => {
            let lease = told[0].lease.as_ref().expect("it is told which it was");
            assert_eq!((told.len(), told[0].directive, &*lease.task_id), (1, Cancel, "e"));
            assert_eq!(lease.status, LeaseStatus::Expired);
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(world.beats(beat("s")), []);
}

#[test]
fn a_heartbeat_tells_of_progress_under_its_own_leases() {
    let mut world = World::new();
    world.ok(task("a"));
    world.ok(task("b"));
    world.ok(start("s", "bob"));
    world.ok(claim_in("bob", "s"));
    let add = |task: &str| Progress::Add { task_id: task.into(), items: vec!["step".into()] };
    world.check(
        Command::Heartbeat(Heartbeat { progress: vec![add("a")], ..beat("s") }),
        r#"
        SessionHeartbeat session-s {"agent_id":"bob","all":true}
        ProgressItemAdded progress-%3 {"content":"step","task_id":"a"}
        LeaseRenewed lease-%1 {"expires_at":"2026-01-01T00:10:05Z"}
        "#,
    );
    let done = Progress::Complete { item_id: world.made(3), completed: true };
    world.check(
        Command::Heartbeat(Heartbeat { progress: vec![done], ..beat("s") }),
        r#"
        SessionHeartbeat session-s {"agent_id":"bob","all":true}
        ProgressItemCompleted progress-%3 {"completed":true,"task_id":"a"}
        LeaseRenewed lease-%1 {"expires_at":"2026-01-01T00:10:06Z"}
        "#,
    );
    world.check(
        Command::Heartbeat(Heartbeat { progress: vec![add("b")], ..beat("s") }),
        "! task `b` needs its lease",
    );
}

#[test]
fn a_write_keeps_its_lease_and_its_session() {
    let mut world = World::new();
    world.ok(task("a"));
    world.ok(start("s", "bob"));
    let lease = world.claims_in("bob", "s");
    let update = |title: &str| {
        Command::UpdateTask(UpdateTask {
            title: Some(title.into()),
            ..super::world::changes("a", guard(&lease))
        })
    };
    world.wait_ms(30_000);
    world.check(
        update("b"),
        r#"
        TaskUpdated task-a {"title":"b"}
        LeaseRenewed lease-%1 {"expires_at":"2026-01-01T00:10:34Z"}
        SessionHeartbeat session-s {"agent_id":"bob"}
        "#,
    );
    // Within a second of it nothing would be gained.
    world.wait_ms(-500);
    world.check(update("c"), r#"TaskUpdated task-a {"title":"c"}"#);
    // What changes nothing says no more than that.
    world.check(
        update("c"),
        r#"
        LeaseRenewed lease-%1 {"expires_at":"2026-01-01T00:10:35.500Z"}
        SessionHeartbeat session-s {"agent_id":"bob"}
        "#,
    );
    // An end needs no renewal; that its session is alive it still says.
    world.check(
        complete("a", guard(&lease)),
        r#"
        RunCompleted run-%2 {}
        LeaseReleased lease-%1 {}
        TaskStatusChanged task-a {"attempts":1,"lease_id":"%1","not_before":null,"owner_agent_id":"bob","run_id":"%2","status":"completed"}
        SessionHeartbeat session-s {"agent_id":"bob"}
        "#,
    );
}

#[test]
fn a_session_that_asks_for_nothing_to_be_written_is_heard_at_a_bounded_rate() {
    let mut world = World::new();
    world.ok(start("s", "bob"));
    world.ok(start("other", "bob"));
    let hear = || Command::HearSession { session_id: "s".into() };
    let heard = r#"SessionHeartbeat session-s {"agent_id":"bob"}"#;
    world.wait_ms(26_000);
    world.check(hear(), "");
    world.wait_ms(1_000);
    world.check(hear(), heard);
    world.check(hear(), "");
    // A claim that finds nothing says so of the session it is for, and of the one that it names besides.
    world.in_session("other");
    world.check(
        claim_in("bob", "s"),
        r#"
        SessionHeartbeat session-other {"agent_id":"bob"}
        SessionHeartbeat session-s {"agent_id":"bob"}
        "#,
    );
    world.in_session("s");
    world.wait_ms(60_000);
    world.check(hear(), "! session `s` is over");
}

#[test]
fn a_lease_is_handed_over() {
    let mut world = World::new();
    world.ok(super::world::agent("eve", &[]));
    world.ok(super::world::agent("bob", &[]));
    world.ok(task("a"));
    let lease = world.claim_one("bob").lease;
    // Nobody can go on who is not known here.
    world.check(transfer(&lease.id, "evee"), "! no agent has the id `evee`");
    world.check(
        transfer(&lease.id, "eve"),
        r#"
        RunReleased run-%2 {"note":"handed over to eve"}
        LeaseTransferred lease-%1 {"agent_id":"eve","from_agent_id":"bob","lease_id":"%3","task_id":"a"}
        LeaseAcquired lease-%3 {"agent_id":"eve","expires_at":"2026-01-01T00:10:06Z","fence":2,"task_id":"a","ttl_ms":600000}
        RunStarted run-%4 {"agent_id":"eve","attempt":1,"lease_id":"%3","task_id":"a"}
        TaskStatusChanged task-a {"attempts":1,"lease_id":"%3","not_before":null,"owner_agent_id":"eve","run_id":"%4","status":"in_progress"}
        "#,
    );
    let theirs = world.made(3);
    let row = |id: &Text| match &world.rows[&(Table::Leases.id(), id.clone())].row {
        Row::Lease(row) => (row.agent_id.to_string(), row.fence, row.status),
        other => panic!("{other:?}"),
    };
    assert_eq!(row(&lease.id), ("bob".to_owned(), 1, LeaseStatus::Released));
    assert_eq!(row(&theirs), ("eve".to_owned(), 2, LeaseStatus::Active));
    world.check(
        transfer(&theirs, "eve"),
        "! 1 field(s) do not hold: /agent_id holds the lease already; to go on with it, renew it",
    );
    // The old id is nobody's any more, whoever says it; the new one is eve's alone.
    let commands = |lease: &Text| {
        [
            complete("a", guard(lease)),
            Command::RenewLease { lease_id: lease.clone(), ttl_ms: None },
            Command::ReleaseLease { lease_id: lease.clone() },
            transfer(lease, "zoe"),
        ]
    };
    for (actor, lease) in
        [(None, &lease.id), (Some("bob"), &lease.id), (Some("eve"), &lease.id), (Some("bob"), &theirs)]
    {
        world.acting(actor);
        for command in commands(lease) {
            let told = world.refused(command);
            let holder =
                if *lease == theirs || matches!(told, Rejection::LeaseExpired { holder: Some(_), .. }) {
                    Some("eve")
                } else {
                    None
                };
            assert!(
                matches!(&told, Rejection::LeaseExpired { holder: held, .. }
                    if held.as_ref().map(|held| &*held.agent_id) == holder),
                "{actor:?} {told:?}"
            );
        }
    }
    world.acting(Some("eve"));
    let mut stale = guard(&theirs);
    stale.fence = Some(1);
    assert!(matches!(world.refused(complete("a", stale)), Rejection::LeaseExpired { .. }));
    // Given back and taken again, the fences go on.
    let back = match world.ok(transfer(&theirs, "bob")) {
        Outcome::Lease(lease) => lease,
        other => panic!("{other:?}"),
    };
    assert_eq!((&*back.agent_id, back.fence, back.ttl_ms), ("bob", 3, 600_000));
    world.acting(Some("bob"));
    world.ok(Command::ReleaseLease { lease_id: back.id.clone() });
    assert_eq!(world.claim_one("bob").lease.fence, 4);
}

#[test]
fn what_is_written_in_a_session_is_its_agents() {
    let mut world = World::new();
    world.ok(task("a"));
    world.ok(start("s", "bob"));
    world.ok(start("over", "bob"));
    world.ok(Command::EndSession { session_id: "over".into() });
    let note = || {
        Command::AddContext(AddContext {
            task_id: "a".into(),
            context: NewContext { kind: ContextType::Note, content: "text".into(), metadata: None },
            supersedes: None,
        })
    };
    world.in_session("none");
    world.check(note(), "! no session has the id `none`");
    world.in_session("over");
    world.check(note(), "! session `over` is over");
    world.in_session("s");
    world.acting_as("eve");
    world.check(note(), "! 1 field(s) do not hold:  session `s` is of agent `bob`, not of `eve`, who asks");
    world.check(
        Command::Heartbeat(beat("s")),
        "! 1 field(s) do not hold:  session `s` is of agent `bob`, not of `eve`, who asks",
    );
    assert!(matches!(
        world.refused(Command::EndSession { session_id: "s".into() }),
        Rejection::Validation(_)
    ));
    for actor in [Some("bob"), None] {
        world.acting(actor);
        world.ok(note());
        let written = world.log.last().expect("an event");
        assert!(written.metadata.contains(r#""session_id":"s""#), "{}", written.metadata);
    }
    // From its deadline on it is closed, whether or not its end is in the log.
    world.wait_ms(60_000);
    world.check(note(), "! session `s` is over");
}

#[test]
fn a_lease_goes_into_the_session_of_its_new_holder() {
    let mut world = World::new();
    world.ok(task("a"));
    world.ok(start("s1", "bob"));
    world.ok(start("s2", "eve"));
    let lease = world.claims_in("bob", "s1");
    let into = |session: &str| {
        Command::TransferLease(TransferLease {
            lease_id: lease.clone(),
            agent_id: "eve".into(),
            session_id: Some(session.into()),
        })
    };
    assert!(matches!(world.refused(into("s1")), Rejection::Validation(_)));
    world.ok(into("s2"));
    assert!(matches!(world.refused(into("s2")), Rejection::LeaseExpired { .. }));
    world.ok(Command::EndSession { session_id: "s1".into() });
    assert_eq!(world.task("a").status, TaskStatus::InProgress);
    world.ok(Command::EndSession { session_id: "s2".into() });
    assert_eq!(world.task("a").status, TaskStatus::Open);
}

#[test]
fn an_override_is_recorded_for_every_command_that_takes_one() {
    use super::world::{by_override, changes, fail, release, to};
    use crate::rows::FailureClass;
    type Make = fn() -> Command;
    let commands: [(&str, Make); 7] = [
        ("update_task", || {
            Command::UpdateTask(UpdateTask { title: Some("b".into()), ..changes("a", by_override()) })
        }),
        ("transition_task", || to("a", TaskStatus::Cancelled, by_override())),
        ("complete_task", || complete("a", by_override())),
        ("fail_task", || Command::FailTask(fail("a", by_override(), FailureClass::Transient))),
        ("release_task", || release("a", by_override())),
        ("add_progress", || Command::AddProgress {
            task_id: "a".into(),
            items: vec!["step".into()],
            guard: by_override(),
        }),
        ("complete_progress", || Command::CompleteProgress {
            item_id: "item".into(),
            completed: true,
            guard: by_override(),
        }),
    ];
    for (name, command) in commands {
        let mut world = World::new();
        world.ok(task("a"));
        world.raw("progress-item", "ProgressItemAdded", r#"{"task_id":"a","content":"step"}"#);
        let lease = world.claim_one("bob").lease;
        let first = world.log.len();
        world.acting_as("root");
        world.ok(command());
        let event = &world.log[first];
        assert_eq!((&*event.kind, &*event.stream), ("LeaseOverride", &*format!("lease-{}", lease.id)));
        let data: serde_json::Value = serde_json::from_str(&event.data).expect("JSON");
        assert_eq!((&data["command"], &data["by"]), (&name.into(), &"root".into()));
        assert!(!world.log[first..].iter().any(|event| &*event.kind == "LeaseRenewed"), "{name}");
    }
}

#[test]
fn what_needs_no_session_is_as_before() {
    let mut world = World::new();
    world.ok(task("a"));
    world.ok(task_after("b", &["a"]));
    world.ok(claim("bob"));
    assert!(world.work.sessions.next_deadline().is_none());
    assert_eq!(world.task("a").version, 2);
    assert!(matches!(world.refused(complete("a", version(2))), Rejection::LeaseRequired { .. }));
}
