use super::world::{World, agent};
use crate::Command;
use crate::command::{Outcome, RegisterAgent};
use crate::rows::Role;

#[test]
fn registered_again_only_what_differs_is_written() {
    let mut world = World::new();
    world.check(
        agent("bob", &["sql", "rust", "sql"]),
        r#"AgentRegistered agent-bob {"caps":["rust","sql"],"name":"bob","role":"executor"}"#,
    );
    world.check(agent("bob", &["rust", "sql"]), "");
    world.check(agent("bob", &[]), r#"AgentUpdated agent-bob {"caps":[]}"#);
    let row = world.work.agent("bob").expect("bob").clone();
    assert_eq!((row.role, row.last_seen_at), (Role::Executor, world.now));
}

#[test]
fn an_id_is_made_when_none_is_given() {
    let mut world = World::new();
    let command = RegisterAgent {
        id: None,
        name: "Bob".into(),
        role: Some(Role::Planner),
        caps: Default::default(),
        metadata: Some("{}".into()),
    };
    match world.ok(Command::RegisterAgent(command)) {
        Outcome::Agent(agent) => assert_eq!((agent.id.len(), agent.role), (26, Role::Planner)),
        other => panic!("{other:?}"),
    }
}
