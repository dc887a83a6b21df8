//! Random PQL over random histories: the server answers what a plain, slow evaluator, written from the language's
//! pages alone, makes of the tables that the model folds; before and after its tables are made anew from the log.

use agentpm_tests::fixture::odd_events;
use agentpm_tests::pql::generate::{Generated, Generator};
use agentpm_tests::pql::trial::{Verdict, ask, shrink};
use agentpm_tests::pql::{Fault, Past};
use agentpm_tests::workload::Workload;
use agentpm_tests::{Client, Seed, Server, full, server, size};
use serde_json::json;
use std::collections::BTreeMap;
use std::path::Path;

/// So many differences are told, each shrunk, before the test gives up.
const DIFFERENCES_MAX: usize = 30;
/// One statement in so many is asked again after a rebuild.
const AGAIN: usize = 5;

/// A history made by real commands, which then stands still.
async fn history(client: &Client, seed: &Seed, steps: usize) -> Past {
    let mut work = Workload::new(client.clone(), seed.fork(1));
    work.run(steps).await;
    for stream in ["odd", "odder"] {
        let append = json!({ "stream": stream, "expected_revision": "no_stream", "events": odd_events() });
        client.post("/append", json!({ "appends": [append] })).await.data();
    }
    work.settle().await;
    Past::new(client.events().await)
}

/// What came of the statements of a history.
#[derive(Debug, Default)]
struct Tally {
    rows: usize,
    empty: usize,
    errors: usize,
    open: BTreeMap<&'static str, usize>,
}

async fn compare(client: &Client, past: &Past, statements: &[Generated]) -> Tally {
    let mut tally = Tally::default();
    let mut wrong = Vec::new();
    for statement in statements {
        match ask(client, past, statement, None).await {
            Verdict::Same { error: true, .. } => tally.errors += 1,
            Verdict::Same { rows: true, .. } => tally.rows += 1,
            Verdict::Same { .. } => tally.empty += 1,
            Verdict::Open(why) => *tally.open.entry(why).or_default() += 1,
            Verdict::Differs(why) => {
                let (least, why) = shrink(client, past, statement, why).await;
                wrong.push(format!(
                    "{}\nwith {}, found as\n{}\n{why}",
                    least.pql, least.params, statement.pql
                ));
            }
        }
        if wrong.len() == DIFFERENCES_MAX {
            break;
        }
    }
    assert!(
        wrong.is_empty(),
        "{} statement(s) are answered otherwise:\n\n{}\n",
        wrong.len(),
        wrong.join("\n\n")
    );
    tally
}

fn rebuild(dir: &Path) {
    let data = dir.join("data");
    let made = server::command().arg("rebuild").arg("--data").arg(data).output().expect("it can be started");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plain_evaluator_says_the_same() {
    let seed = Seed::new();
    let histories = size("AGENTPM_PQL_HISTORIES", if full() { 20 } else { 3 });
    let statements = size("AGENTPM_PQL_STATEMENTS", if full() { 2_000 } else { 300 });
    for number in 0..histories {
        let seed = seed.fork(number as u64);
        let dir = tempfile::tempdir().unwrap();
        let mut server = Server::start(dir.path());
        let past = history(&server.client(), &seed, 120).await;
        let mut generator = Generator::new(&past, seed.fork(2));
        let statements: Vec<Generated> = (0..statements).map(|_| generator.statement()).collect();
        let tally = compare(&server.client(), &past, &statements).await;
        println!("history {number}, {} events: {tally:?}", past.head());
        assert!(tally.rows > statements.len() / 3, "most statements mean something: {tally:?}");

        server.stop();
        rebuild(dir.path());
        let server = server.restart();
        let again: Vec<Generated> = statements.iter().step_by(AGAIN).cloned().collect();
        compare(&server.client(), &past, &again).await;
    }
}

/// Rules that the evaluator breaks on purpose: each must be seen among the statements of one history.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_rule_is_seen() {
    let seed = Seed::new();
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    let past = history(&server.client(), &seed, 60).await;
    for fault in Fault::ALL {
        let mut generator = Generator::new(&past, seed.fork(3));
        let mut asked = 0;
        loop {
            let statement = generator.statement();
            if let Verdict::Differs(_) = ask(&server.client(), &past, &statement, Some(fault)).await {
                println!("{fault:?} is seen after {asked} statements, in {}", statement.pql);
                break;
            }
            asked += 1;
            assert!(asked < 3_000, "nobody sees it: {fault:?}");
        }
    }
}
