use super::fixture::{Fixture, agent, create, words};
use crate::{Params, Prepared, json};
use domain::command::Candidate;
use domain::rows::TaskGraph;

/// The examples of the language's text, as written there.
#[test]
fn the_examples_run() {
    let fixture = Fixture::new();
    fixture.story();
    fixture.pass(200_000_000_000);
    for pql in [
        "SELECT next_task WHERE caps ⊆ {rust, sql}",
        "SELECT status, count(*) AS n FROM tasks GROUP BY status ORDER BY n DESC AS OF '2025-12-01T00:00:00Z'",
        "SELECT id, status, valid_from, actor FROM tasks HISTORY WHERE id = 'bd-7h7' ORDER BY valid_from",
        "SELECT t.id, b.id AS blocker FROM tasks t JOIN relationships r ON r.to_task_id = t.id AND r.type = 'blocks' JOIN tasks b ON b.id = r.from_task_id WHERE t.status = 'blocked'",
        "SELECT bucket(1h, time) AS hour, type, count(*) AS n FROM events WHERE time > ago(7d) GROUP BY hour, type ORDER BY hour",
        "SELECT agent_id AS agent, count(*) AS failures, quantile(data.duration_ms, 0.95) AS p95 FROM events WHERE type = 'RunFailed' GROUP BY agent ORDER BY failures DESC LIMIT 10",
        "SELECT n.status AS now, o.status AS was, count(*) AS n FROM tasks n LEFT JOIN tasks AS OF 24h AGO o ON o.id = n.id GROUP BY now, was",
    ] {
        fixture.query(pql);
    }
    for pql in [
        "SUBSCRIBE events WHERE type IN ('TaskStatusChanged','LeaseExpired') AND tags ⊇ {'project:p1'} AFTER POSITION 1200",
        "CLAIM next_task FOR 'agent-7' WHERE project_id = 'p1' AND caps <@ {rust} LEASE 15m",
    ] {
        fixture
            .engine
            .prepare(pql, Params::none(), fixture.now())
            .unwrap_or_else(|error| panic!("{pql}\n{error}"));
    }
}

/// A lookup and a query write the same row the same.
#[test]
fn lookups_and_queries_agree_to_the_byte() {
    let fixture = Fixture::new();
    fixture.story();
    let pinned = fixture.engine.pin().at(fixture.now());
    let mut views = pinned.views();
    let looked_up: Vec<String> = pinned
        .bare_tasks()
        .map(|(task, graph)| {
            let view = views.of(task, *graph);
            let mut out = Vec::new();
            json::task(&view, &mut out);
            String::from_utf8(out).unwrap()
        })
        .collect();
    assert_eq!(fixture.query("SELECT * FROM tasks"), looked_up);
    for row in fixture.query("SELECT * FROM runs") {
        let id = row.split('"').nth(3).unwrap();
        let mut out = Vec::new();
        json::row(&domain::rows::Row::Run(pinned.run(id).unwrap()), &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), row);
    }
}

#[test]
fn about_tables_and_plans() {
    let fixture = Fixture::new();
    assert_eq!(fixture.query("SHOW TABLES").len(), crate::tables::ALL.len());
    let columns = fixture.query("DESCRIBE tasks");
    assert_eq!(columns.len(), crate::tables::tasks::SCHEMA.columns.len());
    assert!(columns[0].starts_with(r#"{"column":"id","type":"text""#), "{}", columns[0]);
    assert_eq!(fixture.fault("DESCRIBE task"), "unknown_table: no table `task`");
    fixture.run(create("t", |_| {}));
}

#[test]
fn failures_while_running_name_the_statement() {
    let fixture = Fixture::new();
    fixture.run(create("t", |_| {}));
    let error = fixture.error("SELECT 1 / priority FROM tasks");
    assert_eq!(error.errors[0].code.as_str(), "division_by_zero", "{error}");
    assert!(error.internal.is_none());
    assert_eq!(error.text, "SELECT 1 / priority FROM tasks");
    let error = fixture.error("SELECT id FROM");
    assert_eq!(error.errors[0].code.as_str(), "syntax", "{error}");
}

#[test]
fn a_claims_where_is_a_row_predicate() {
    let fixture = Fixture::new();
    fixture.run(agent("a", &["rust"]));
    fixture.run(create("t", |task| task.caps = words(&["rust"])));
    let view = fixture.engine.pin().at(fixture.now()).task("t").unwrap();
    let graph = TaskGraph::default();
    let candidate = Candidate { task: &view.task, graph: &graph, depth: view.depth, now: view.now };
    let holds = |text: &str| {
        let filter =
            fixture.engine.candidate_filter(text, Params::none()).unwrap_or_else(|error| panic!("{error}"));
        (filter.0)(&candidate)
    };
    assert_eq!(holds("caps ⊆ {rust, sql} AND priority = 0"), Ok(Some(true)));
    assert_eq!(holds("caps ⊆ {sql}"), Ok(Some(false)));
    assert_eq!(holds("project_id = 'p'"), Ok(None));
    let fault = holds("1 / priority > 0").expect_err("it divides by zero");
    assert_eq!((fault.code, fault.line, fault.column, fault.length), ("division_by_zero", 1, 1, 12));
    assert!(fixture.engine.candidate_filter("cap ⊆ {sql}", Params::none()).is_err());
}

/// EXPLAIN, SELECT and the rest are statements of rows; the others are for the server.
#[test]
fn kinds_of_statements() {
    let fixture = Fixture::new();
    let prepare = |pql: &str| fixture.engine.prepare(pql, Params::none(), fixture.now()).unwrap();
    assert!(matches!(prepare("SELECT id FROM tasks"), Prepared::Query(query) if query.columns().len() == 1));
    assert!(matches!(prepare("CLAIM next_task FOR 'a'"), Prepared::Claim(claim) if claim.agent == "a"));
    assert!(matches!(prepare("SUBSCRIBE events"), Prepared::Subscribe(_)));
    let later = fixture.engine.prepare("DROP PROJECTION p", Params::none(), fixture.now()).unwrap_err();
    assert_eq!(later.errors[0].code.as_str(), "not_allowed");
}
