//! The examples of the reference, exactly as written there.

use crate::check;

#[test]
fn work_as_written() {
    check(
        "SELECT next_task WHERE caps ⊆ {rust, sql}",
        r#"(next_task (where (Subset caps {"rust", "sql"})))"#,
    );
    check(
        "CLAIM next_task FOR 'agent-7' WHERE project_id = 'p1' AND caps <@ $caps LEASE 15m",
        r#"(claim (for 'agent-7') (where (And (Equal project_id 'p1') (Subset caps Named("caps")))) (lease 900s))"#,
    );
    check(
        "SELECT status, count(*) AS n FROM tasks GROUP BY status ORDER BY n DESC AS OF '2025-12-01T00:00:00Z'",
        "(select [status, (count() *) as n] (from tasks) group_by [status] (order_by [n desc]) (as_of time 1764547200000000))",
    );
    check(
        "SELECT id, status, valid_from, actor FROM tasks HISTORY WHERE id = 'bd-7h7' ORDER BY valid_from",
        "(select [id, status, valid_from, actor] (from (history tasks)) (where (Equal id 'bd-7h7')) (order_by [valid_from]))",
    );
    check(
        "SELECT t.id, b.id AS blocker FROM tasks t JOIN relationships r ON r.to_task_id = t.id AND r.type = 'blocks' JOIN tasks b ON b.id = r.from_task_id WHERE t.status = 'blocked'",
        "(select [(path t .id), (path b .id) as blocker] (from tasks as t \
         (inner relationships as r (on (And (Equal (path r .to_task_id) (path t .id)) (Equal (path r .type) 'blocks')))) \
         (inner tasks as b (on (Equal (path b .id) (path r .from_task_id))))) \
         (where (Equal (path t .status) 'blocked')))",
    );
    check(
        "SELECT bucket(1h, time) AS hour, type, count(*) AS n FROM events WHERE time > ago(7d) GROUP BY hour, type ORDER BY hour",
        "(select [(bucket() [3600s, time]) as hour, type, (count() *) as n] (from events) \
         (where (Greater time (ago() [604800s]))) group_by [hour, type] (order_by [hour]))",
    );
    check(
        "SELECT agent_id AS agent, count(*) AS failures, quantile(data.duration_ms, 0.95) AS p95 FROM events WHERE type = 'RunFailed' GROUP BY agent ORDER BY failures DESC LIMIT 10",
        "(select [agent_id as agent, (count() *) as failures, (quantile() [(path data .duration_ms), 0.95]) as p95] (from events) \
         (where (Equal type 'RunFailed')) group_by [agent] (order_by [failures desc]) (limit 10))",
    );
    check(
        "SELECT n.status AS now, o.status AS was, count(*) AS n FROM tasks n LEFT JOIN tasks AS OF 24h AGO o ON o.id = n.id GROUP BY now, was",
        "(select [(path n .status) as now, (path o .status) as was, (count() *) as n] (from tasks as n \
         (left (as_of tasks ago 86400s) as o (on (Equal (path o .id) (path n .id))))) group_by [now, was])",
    );
    check(
        "SUBSCRIBE events WHERE type IN ('TaskStatusChanged','LeaseExpired') AND tags ⊇ {'project:p1'} AFTER POSITION 1200",
        r#"(subscribe events (where (And (in type ['TaskStatusChanged', 'LeaseExpired']) (Superset tags {"project:p1"}))) (after 1200))"#,
    );
    check(
        "SUBSCRIBE (SELECT id, status, owner_agent_id FROM tasks WHERE status = 'blocked')",
        "(subscribe (select [id, status, owner_agent_id] (from tasks) (where (Equal status 'blocked'))) now)",
    );
    check(
        "CREATE PROJECTION agent_failures AS SELECT agent_id AS agent, count(*) AS failures, max(time) AS latest FROM events WHERE type = 'RunFailed' GROUP BY agent",
        "(create_projection agent_failures (select [agent_id as agent, (count() *) as failures, (max() [time]) as latest] \
         (from events) (where (Equal type 'RunFailed')) group_by [agent]))",
    );
    check(
        "EXPLAIN next_task FOR 'agent-7' AS OF 10m AGO",
        "(explain (next_task (for 'agent-7') (as_of ago 600s)))",
    );
}
