use super::fixture::{Fixture, SECOND, START, agent, create, words};
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

/// As for a claim: it is offered what needs no capability.
#[test]
fn an_agent_nobody_knows() {
    let fixture = Fixture::new();
    fixture.run(create("free", |_| {}));
    fixture.run(create("skilled", |task| task.caps = words(&["rust"])));
    fixture.run(agent("a", &["rust"]));
    assert_eq!(ids(&fixture.query("SELECT next_task FOR 'b' LIMIT 9")), ["free"]);
    assert_eq!(ids(&fixture.query("SELECT next_task FOR 'a' LIMIT 9 AS OF POSITION 2")), ["free"]);
    assert_eq!(ids(&fixture.query("SELECT next_task FOR 'a' LIMIT 9")), ["free", "skilled"]);
    assert_eq!(fixture.claim("b", 9).len(), 1);
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

#[test]
fn why_a_task_is_left_out() {
    let fixture = Fixture::new();
    fixture.run(agent("a1", &["rust"]));
    fixture.run(create("t0", |_| {}));
    fixture.run(create("t1", |task| task.blocked_by = vec!["t0".into()]));
    fixture.run(create("t2", |task| task.caps = words(&["go", "rust", "sql"])));
    fixture.run(create("t3", |task| task.owner_agent_id = Some("a2".into())));
    fixture.run(create("t4", |task| task.not_before = Some(Timestamp(START + 3_600 * SECOND))));
    fixture.run(create("t5", |_| {}));
    let before = fixture.head();
    let explain = |rest: &str| fixture.query(&format!("EXPLAIN next_task {rest}"));
    let left_out = [
        r#"{"id":"t1","title":"do t1","status":"blocked","reasons":["blocked","status"],"why":"waits for t0; opens by itself when the last of them ends"}"#,
        r#"{"id":"t2","title":"do t2","status":"open","reasons":["caps"],"why":"needs {go, sql}, which a1 lacks"}"#,
        r#"{"id":"t3","title":"do t3","status":"open","reasons":["owner"],"why":"assigned to a2"}"#,
        r#"{"id":"t4","title":"do t4","status":"open","reasons":["not_before"],"why":"not before 2026-01-19T15:25:00.000000Z"}"#,
    ];
    assert_eq!(explain("FOR 'a1'"), left_out);
    // Together with what is offered that is all there is.
    assert_eq!(ids(&fixture.query("SELECT next_task FOR 'a1' LIMIT 9")), ["t0", "t5"]);
    assert_eq!(ids(&explain("")), ["t1", "t3", "t4"]);
    assert_eq!(
        explain("FOR 'a1' WHERE id != 't5' AND created_at < now()"),
        [&left_out[..], &[r#"{"id":"t5","title":"do t5","status":"open","reasons":["where"],"why":"WHERE does not hold for it"}"#]].concat()
    );
    fixture.claim("a1", 2);
    assert!(explain("FOR 'a1'").contains(
        &r#"{"id":"t0","title":"do t0","status":"in_progress","reasons":["status"],"why":"in progress by a1"}"#.to_owned()
    ));
    assert_eq!(explain(&format!("FOR 'a1' AS OF POSITION {before}")), left_out);
    fixture.query("EXPLAIN next_task FOR 'a1' AS OF 1s AGO");
}
