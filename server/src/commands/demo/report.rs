//! What the log says about the work, and whether it holds.

use crate::client::{At, Client};
use crate::commands::output::{self, Form, print_bytes};
use crate::failure::Failure;
use serde_json::{Value, json};

/// Prints what happened, as PQL tells it.
pub(super) async fn print(client: &Client, planned: u64, done: u64) -> Result<(), Failure> {
    let halfway = planned + (done - planned) / 2;
    let shown = [
        (
            "Who did what",
            "SELECT agent_id AS agent, count(*) AS runs,
    sum(CASE WHEN status = 'completed' THEN 1 ELSE 0 END) AS completed,
    sum(CASE WHEN status = 'failed' THEN 1 ELSE 0 END) AS failed,
    sum(CASE WHEN status = 'expired' THEN 1 ELSE 0 END) AS expired,
    sum(tokens) AS tokens
  FROM runs GROUP BY agent ORDER BY completed DESC"
                .to_owned(),
        ),
        (
            "The plan when half of its events had happened",
            format!(
                "SELECT status, count(*) AS n FROM tasks GROUP BY status ORDER BY n DESC AS OF POSITION {halfway}"
            ),
        ),
        (
            "The tasks that most others waited for, one after another, before the work began",
            format!(
                "SELECT id, title, dependency_depth FROM tasks ORDER BY dependency_depth DESC, id LIMIT 5 \
                 AS OF POSITION {planned}"
            ),
        ),
    ];
    for (title, pql) in shown {
        let data = query(client, &pql).await?;
        print_bytes(format!("{title}\n  {pql}\n").as_bytes())?;
        output::print(&data, Form::Table)?;
        print_bytes(b"\n")?;
    }
    Ok(())
}

/// Asks the log whether what this demo claims is so.
pub(super) async fn check(client: &Client, tasks: u32, done: u64, seen: u64) -> Result<(), Failure> {
    let tasks = u64::from(tasks);
    let counts = [
        (
            "every task is completed",
            "SELECT count(*) AS n FROM tasks WHERE status = 'completed'",
            tasks..=tasks,
        ),
        (
            "by exactly one run each",
            "SELECT count(DISTINCT task_id) AS n FROM runs WHERE status = 'completed'",
            tasks..=tasks,
        ),
        ("and no run too many", "SELECT count(*) AS n FROM runs WHERE status = 'completed'", tasks..=tasks),
        (
            "nobody worked on what it cannot do",
            "SELECT count(*) AS n FROM runs r JOIN tasks t ON t.id = r.task_id JOIN agents a ON a.id = r.agent_id \
             WHERE NOT t.caps ⊆ a.caps",
            0..=0,
        ),
        (
            "nothing began before what it waited for was done",
            "SELECT count(*) AS n FROM relationships e JOIN runs r ON r.task_id = e.to_task_id \
             JOIN tasks b ON b.id = e.from_task_id WHERE e.type = 'blocks' AND r.started_at < b.completed_at",
            0..=0,
        ),
        (
            "what the crashed agent held was done by another",
            "SELECT count(*) AS n FROM runs l JOIN runs d ON d.task_id = l.task_id \
             WHERE l.status = 'expired' AND d.status = 'completed' AND d.agent_id != l.agent_id",
            1..=u64::MAX,
        ),
        (
            "what failed was tried again and done",
            "SELECT count(*) AS n FROM runs f JOIN runs d ON d.task_id = f.task_id \
             WHERE f.status = 'failed' AND d.status = 'completed'",
            1..=u64::MAX,
        ),
    ];
    let mut broken = Vec::new();
    let mut tell = |what: &str, n: u64, holds: bool| {
        if !holds {
            broken.push(what.to_owned());
        }
        print_bytes(format!("{} {what} ({n})\n", if holds { "✓" } else { "✗" }).as_bytes())
    };
    for (what, pql, right) in counts {
        let data = query(client, pql).await?;
        let n = data["rows"][0]["n"].as_u64().unwrap_or(u64::MAX);
        tell(what, n, right.contains(&n))?;
    }
    tell("the subscriber saw every event once, in order", seen, seen == done)?;
    match broken.is_empty() {
        true => Ok(()),
        false => Err(Failure::internal(format!("this does not hold: {}", broken.join("; ")))),
    }
}

async fn query(client: &Client, pql: &str) -> Result<Value, Failure> {
    let sent = client.post(&At::path(&["query"]), &json!({"pql": pql})).await;
    sent.map_err(|error| error.into_failure(Some(pql)))
}
