//! The same questions of now and of moments long gone, to a server that has just read a long history.

use crate::Failure;
use crate::connection::{Address, Connection};
use crate::timing::{Measured, latencies, nanoseconds};
use agentpm_benches::CAPS;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Changes to each issue of the history.
const CHANGES_PER_ISSUE: u64 = 10;
/// Changes of one commit of the history.
const COMMIT_CHANGES: u64 = 100;
/// Times that each question is asked, each time of another moment.
const MOMENTS: u64 = 10;
/// Steps through issues and moments that come back only after all of them: primes.
const STRIDES: [u64; 2] = [7_919, 104_729];

/// What is asked, by name. `$1` is an id.
pub(crate) const QUESTIONS: [(&str, &str); 6] = [
    ("count by status", "SELECT status, count(*) AS n FROM tasks GROUP BY status"),
    (
        "urgent work",
        "SELECT id, title FROM tasks WHERE status = 'open' AND priority > 1 ORDER BY id LIMIT 100",
    ),
    ("all of one owner", "SELECT id, status, updated_at FROM tasks WHERE owner_agent_id = 'agent-7'"),
    ("one task", "SELECT * FROM tasks WHERE id = $1"),
    ("next_task", "SELECT next_task LIMIT 10"),
    ("joined with itself", "SELECT count(*) AS n FROM tasks t JOIN tasks p ON p.id = t.parent_id"),
];

/// Reads a made-up history of so many changes into a data directory: a tenth as many issues, each opened, taken,
/// moved about and closed.
pub(crate) fn import(program: &Path, data: &Path, changes: u64) -> Result<(), Failure> {
    let mut child = Command::new(program)
        .args(["import", "beads", "-", "--offline", "--data"])
        .arg(data)
        .env("AGENTPM_CONFIG", "/dev/null")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .map_err(|error| format!("{}: {error}", program.display()))?;
    if let Some(stdin) = child.stdin.take() {
        let mut lines = BufWriter::new(stdin);
        for n in 0..changes {
            writeln!(lines, "{}", line(n, changes))?;
        }
        lines.flush()?;
    }
    match child.wait()?.success() {
        true => Ok(()),
        false => Err("the history was not taken".into()),
    }
}

fn line(n: u64, changes: u64) -> serde_json::Value {
    let issues = (changes / CHANGES_PER_ISSUE).max(1);
    let (issue, round) = (n * STRIDES[0] % issues, n / issues);
    let status = ["open", "open", "in_progress", "open", "in_progress", "blocked", "in_progress", "closed"];
    let commit = n / COMMIT_CHANGES;
    let mut fields = serde_json::json!({
        "id": format!("bd-{issue}"), "title": format!("Issue {issue}: what is to be done about it"),
        "status": status[((round + issue) % 8) as usize], "priority": (issue + round / 4) % 5, "issue_type": "task",
        "labels": [CAPS[(issue % 8) as usize]],
        "description": format!("{} ", CAPS[(issue % 8) as usize]).repeat(20),
        "created_at": "2025-01-01T00:00:00Z", "updated_at": "2025-01-02T00:00:00Z",
    });
    if round > 1 {
        fields["assignee"] = format!("agent-{}", (issue + round) % 200).into();
    }
    serde_json::json!({
        "at": 1_735_689_600 + commit * 60, "commit": format!("{commit:040x}"), "op": "upsert", "issue": fields,
    })
}

/// Asks of now, then of [`MOMENTS`] moments spread over the log. The first time of each is left out: what is
/// read once and kept is read then. That time is given too.
pub(crate) async fn ask(
    address: &Address,
    pql: &str,
    issues: u64,
    head: u64,
) -> Result<(Measured, Measured, Duration), Failure> {
    let mut connection = Connection::open(address).await?;
    let mut all = Vec::new();
    let mut first = Duration::ZERO;
    for past in [false, true] {
        let (mut latency, mut elapsed, mut rows) = (latencies(), Duration::ZERO, 0);
        for nth in 0..=MOMENTS {
            let id = format!("bd-{}", (nth * STRIDES[0] + 1) % issues);
            let at = match past {
                true => {
                    format!(" AS OF POSITION {}", 1 + head / 20 + (nth * STRIDES[1]) % (head - head / 20))
                }
                false => String::new(),
            };
            let params = if pql.contains("$1") { serde_json::json!([id]) } else { serde_json::json!([]) };
            let body = serde_json::json!({ "pql": format!("{pql}{at}"), "params": params }).to_string();
            let begun = Instant::now();
            let answer = connection.post("/query", body).await?;
            let took = begun.elapsed();
            if nth == 0 {
                first = took;
            } else {
                elapsed += took;
                rows += answer.len() as u64;
                latency.saturating_record(nanoseconds(took));
            }
        }
        if rows == 0 {
            return Err(format!("nothing was answered to {pql}").into());
        }
        all.push(Measured { units: MOMENTS, elapsed, latency: Some(latency) });
    }
    match <[Measured; 2]>::try_from(all) {
        Ok([now, then]) => Ok((now, then, first)),
        Err(_) => Err("two were measured".into()),
    }
}

/// Position of the log's head.
pub(crate) async fn head(address: &Address) -> Result<u64, Failure> {
    let mut connection = Connection::open(address).await?;
    let body = serde_json::json!({ "pql": "SELECT position FROM events ORDER BY position DESC LIMIT 1" });
    let answer: serde_json::Value =
        serde_json::from_slice(&connection.post("/query", body.to_string()).await?)?;
    answer["data"]["rows"][0]["position"].as_u64().ok_or_else(|| format!("no head: {answer}").into())
}
