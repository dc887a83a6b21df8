use super::fixture::{Fixture, SECOND, agent, create, words};
use domain::rows::Class;
use store::Timestamp;

fn ids(rows: &[String]) -> Vec<&str> {
    rows.iter().map(|row| row.split('"').nth(3).unwrap()).collect()
}

/// What `SELECT next_task` offers is, one after another, what CLAIM takes.
#[test]
fn the_offer_is_what_a_claim_takes() {
    let fixture = Fixture::new();
    fixture.run(agent("a1", &["rust", "sql"]));
    fixture.run(agent("a2", &[]));
    fixture.run(create("plain", |_| {}));
    fixture.run(create("urgent", |task| task.class = Some(Class::Critical)));
    fixture.run(create("wanted", |task| task.priority = Some(2)));
    fixture.run(create("deep", |task| task.caps = words(&["rust"])));
    fixture.run(create("waits", |task| task.blocked_by = vec!["deep".into()]));
    fixture.run(create("beyond", |task| task.caps = words(&["go"])));
    fixture.run(create("mine", |task| task.owner_agent_id = Some("a1".into())));
    fixture.run(create("theirs", |task| task.owner_agent_id = Some("a2".into())));
    fixture.run(create("later", |task| task.not_before = Some(Timestamp(fixture.now().0 + 3_600 * SECOND))));
    let offered = fixture.query("SELECT next_task FOR 'a1' LIMIT 100");
    assert_eq!(ids(&offered), ["urgent", "wanted", "deep", "plain", "mine"]);
    // Without an agent: whatever is nobody's, whoever could do it.
    let anyone = fixture.query("SELECT id FROM next_task");
    assert_eq!(ids(&anyone), ["urgent", "wanted", "deep", "plain", "beyond"]);
    assert_eq!(ids(&fixture.query("SELECT next_task")), ["urgent"]);
    assert_eq!(
        ids(&fixture.query("SELECT next_task WHERE caps ⊆ {rust} LIMIT 3")),
        ["urgent", "wanted", "deep"]
    );
    assert_eq!(
        ids(&fixture.query("SELECT next_task FOR 'a2' WHERE class = 'normal' LIMIT 2")),
        ["wanted", "plain"]
    );
    let before = fixture.head();
    for id in ids(&offered) {
        let claimed = fixture.claim("a1", 1);
        assert_eq!(&*claimed[0].0, id);
    }
    assert!(fixture.claim("a1", 1).is_empty());
    assert_eq!(fixture.query("SELECT next_task FOR 'a1'"), [""; 0]);
    // The offer of a moment is still what it was then, but for the scores, which are of the moment.
    let then = fixture.query(&format!("SELECT next_task FOR 'a1' LIMIT 100 AS OF POSITION {before}"));
    assert_eq!(ids(&then), ids(&offered));
    fixture.pass(3_600 * SECOND);
    assert_eq!(ids(&fixture.query("SELECT next_task FOR 'a1'")), ["later"]);
}

#[test]
fn an_agent_nobody_knows() {
    let fixture = Fixture::new();
    fixture.run(create("t", |_| {}));
    fixture.run(agent("a", &[]));
    assert_eq!(fixture.fault("SELECT next_task FOR 'b'"), "not_allowed: there is no agent `b`");
    assert_eq!(
        fixture.fault("SELECT next_task FOR 'a' AS OF POSITION 1"),
        "not_allowed: there was no agent `a` at POSITION 1"
    );
    let hint = fixture.error("SELECT next_task FOR 'b'").errors[0].hint.clone().unwrap();
    assert!(hint.contains("register it first"), "{hint}");
    assert_eq!(ids(&fixture.query("SELECT next_task FOR 'a'")), ["t"]);
}

/// An agent's capabilities count as they were at the moment.
#[test]
fn capabilities_of_the_moment() {
    let fixture = Fixture::new();
    fixture.run(create("t", |task| task.caps = words(&["rust"])));
    fixture.run(agent("a", &[]));
    let before = fixture.head();
    fixture.run(agent("a", &["rust"]));
    assert_eq!(ids(&fixture.query("SELECT next_task FOR 'a'")), ["t"]);
    assert_eq!(fixture.query(&format!("SELECT next_task FOR 'a' AS OF POSITION {before}")), [""; 0]);
}
