use agentpm_grammar::{parse,parse_predicate};
#[test]
fn smoke() {
    for t in [
"SELECT next_task WHERE caps ⊆ {rust, sql}",
"CLAIM next_task FOR 'agent-7' WHERE project_id = 'p1' AND caps <@ $caps LEASE 15m",
"SELECT status, count(*) AS n FROM tasks GROUP BY status ORDER BY n DESC AS OF '2025-12-01T00:00:00Z'",
"SELECT id, status, valid_from, actor FROM tasks HISTORY WHERE id = 'bd-7h7' ORDER BY valid_from",
"SELECT t.id, b.id AS blocker FROM tasks t JOIN relationships r ON r.to_task_id = t.id AND r.type = 'blocks' JOIN tasks b ON b.id = r.from_task_id WHERE t.status = 'blocked'",
"SELECT bucket(1h, time) AS hour, type, count(*) AS n FROM events WHERE time > ago(7d) GROUP BY hour, type ORDER BY hour",
"SELECT agent_id AS agent, count(*) AS failures, quantile(data.duration_ms, 0.95) AS p95 FROM events WHERE type = 'RunFailed' GROUP BY agent ORDER BY failures DESC LIMIT 10",
"SELECT n.status AS now, o.status AS was, count(*) AS n FROM tasks n LEFT JOIN tasks AS OF 24h AGO o ON o.id = n.id GROUP BY now, was",
"SUBSCRIBE events WHERE type IN ('TaskStatusChanged','LeaseExpired') AND tags ⊇ {'project:p1'} AFTER POSITION 1200",
"SUBSCRIBE (SELECT id, status, owner_agent_id FROM tasks WHERE status = 'blocked')",
"CREATE PROJECTION agent_failures AS SELECT agent_id AS agent, count(*) AS failures, max(time) AS latest FROM events WHERE type = 'RunFailed' GROUP BY agent",
"EXPLAIN next_task FOR 'agent-7' AS OF 10m AGO",
"  SHOW TABLES ; ", "describe tasks -- x", "EXPLAIN ANALYZE WITH a AS (SELECT x FROM t), b AS (SELECT y FROM a) SELECT * FROM b",
"select next_task","select next_task, id from next_task",
    ] {
        match parse(t) { Ok(s) => println!("{s:?}\n"), Err(e) => panic!("{}", e.render(t)) }
    }
    for n in [64,128] {
    for (open, mid, close) in [("(","1",")"),("f(","1",")"),("CASE WHEN ","a"," THEN 1 END"),("CASE ","a"," WHEN 1 THEN 1 END"), ("a IN (","1",")"),("a IN (","(",")"),("EXISTS (SELECT 1 FROM t WHERE ","1",")"),("EXISTS (SELECT 1 FROM t WHERE ","","")] {
        let text = format!("SELECT x FROM t WHERE {}{}{}", open.repeat(n), mid, close.repeat(n));
        let start = std::time::Instant::now();
        let r = std::thread::Builder::new().stack_size(2<<20).spawn({let text=text.clone(); move || parse(&text).map(drop)}).unwrap().join().unwrap();
        println!("{open} {n} {:?} {:?}", start.elapsed(), r.as_ref().map_err(|e| (e.code, &e.message)));
    }}
    println!("{:#?}", parse_predicate("NOT a + 1 * -2 = 3 AND b OR c BETWEEN 1 AND 2 AND d NOT IN (1)").unwrap());
}
