//! The order of system calls: no client is told of an event before the sync of its record has returned.
//!
//! Opt-in (`AGENTPM_STRACE=1`), for it needs `strace` and a kernel that lets it trace. The rule and its checker
//! are in `agentpm_tests::trace`; here a real server runs under `strace` while clients append over both
//! transports and a subscriber listens.

use agentpm_tests::trace::{STRACE, Told, Trace, Wrong};
use agentpm_tests::{Client, Options, Seed, Server, size, wait};
use serde_json::{Value, json};
use std::ops::Range;
use std::path::Path;
use std::time::Duration;

/// Tracing a debug build on a busy machine; the trace is whole well within it.
const TRACE_LIMIT: Duration = Duration::from_secs(60);
/// A record of 16 clients' events stays below the 8 KiB from which on fjall writes it in several pieces.
const EVENTS_MAX: usize = 2;
/// Bytes of an event's id by which its record is known: random ones. fjall compresses records from 4 KiB on,
/// so neither what other ids begin with nor what may be alike at the end of two.
const KNOWN_BY: Range<usize> = 8..14;

/// What was traced.
struct Run {
    trace: Trace,
    told: Vec<Told>,
    /// Events that break the rule.
    wrong: Vec<(usize, Wrong)>,
    /// Writes to the log, and syncs of it, while clients appended.
    log_writes: usize,
    log_syncs: usize,
}

fn is_wanted() -> bool {
    let wanted = std::env::var_os("AGENTPM_STRACE").is_some_and(|value| value != "0");
    if !wanted {
        eprintln!("skipped: AGENTPM_STRACE=1 runs it; it needs strace");
    }
    wanted
}

/// The bits of a ULID as the log has them.
fn bits(ulid: &str) -> [u8; 16] {
    const LETTERS: &str = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let digit = |letter| LETTERS.find(letter).expect("a ULID's letters") as u128;
    ulid.chars().fold(0, |bits, letter| bits << 5 | digit(letter)).to_be_bytes()
}

/// Appends, one request after another, over both transports in turn; gives the events it was told of.
async fn append(clients: [Client; 2], mut seed: Seed, name: String, rounds: usize) -> Vec<Told> {
    let mut told = Vec::new();
    for round in 0..rounds {
        let ids: Vec<String> = (0..seed.below(1..EVENTS_MAX + 1)).map(|_| seed.ulid()).collect();
        let events: Vec<Value> = ids
            .iter()
            .map(|id| json!({ "id": id, "type": "Said", "data": { "round": round, "by": name } }))
            .collect();
        let body = json!({ "appends": [{ "stream": format!("log-{name}"), "events": events }] });
        let data = clients[round % 2].post("/append", body).await.data();
        assert_eq!(data["events"].as_array().unwrap().len(), ids.len());
        told.extend(
            ids.into_iter().map(|id| Told { in_record: bits(&id)[KNOWN_BY].into(), in_reply: id.into() }),
        );
    }
    told
}

/// A server's life under `strace`, with so many clients.
async fn run(clients: usize, planted: Option<&str>) -> Run {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("trace");
    let output = ["-o".to_owned(), file.to_str().expect("temporary names are text").to_owned()];
    let under = ["strace"].iter().chain(&STRACE).map(|word| (*word).to_owned()).chain(output);
    let environment = planted.map(|fault| ("AGENTPM_PLANTED".to_owned(), fault.to_owned()));
    let options = Options {
        under: under.collect(),
        environment: environment.into_iter().collect(),
        ..Options::default()
    };
    let mut server = Server::start_with(dir.path(), options);
    let seed = Seed::new();

    let rounds = size("AGENTPM_APPENDS", 40);
    let mut subscriber = server.connect().await;
    subscriber.subscribe("s", "SUBSCRIBE events FROM START").await;
    let writers: Vec<_> = (0..clients)
        .map(|lane| {
            let (transports, seed) = ([server.client(), server.unix_client()], seed.fork(lane as u64));
            tokio::spawn(append(transports, seed, format!("c{lane}"), rounds))
        })
        .collect();
    let mut told = Vec::new();
    for writer in writers {
        told.extend(writer.await.unwrap());
    }
    for _ in 0..told.len() {
        while subscriber.next().await.expect("the subscription lives")["op"] != "event" {}
    }
    drop(subscriber);
    assert!(server.stop().success(), "{}", server.log_tail());

    let log = server.data().join("log").canonicalize().unwrap();
    let is_log = |path: &str| Path::new(path).starts_with(&log) && path.ends_with(".jnl");
    let trace = Trace::parse(&whole(&file, server.pid()).await).unwrap_or_else(|why| panic!("{why}"));
    let wrong = trace.check(&told, is_log);
    let count =
        |syncs| trace.calls.iter().filter(|call| is_log(&call.target) && call.syncs() == syncs).count();
    let (log_writes, log_syncs) = (count(false), count(true));
    let run = Run { trace, told, wrong, log_writes, log_syncs };
    println!(
        "{clients} clients: {} events told, {} writes of the log, {} syncs of it, {} calls traced",
        run.told.len(),
        run.log_writes,
        run.log_syncs,
        run.trace.calls.len()
    );
    run
}

/// The trace, once `strace` has written all of it: it outlives the server by a moment.
async fn whole(file: &Path, pid: u32) -> String {
    let is_end = |line: &str| {
        let mut words = line.split_ascii_whitespace();
        words.next() == Some(&pid.to_string()) && words.nth(1) == Some("+++")
    };
    wait::until("strace writes the end of the server", TRACE_LIMIT, || async {
        let text = std::fs::read_to_string(file).ok()?;
        text.lines().next_back().is_some_and(is_end).then_some(text)
    })
    .await
}

async fn is_in_order(clients: usize, planted: Option<&str>) {
    let run = run(clients, planted).await;
    let shown: Vec<String> =
        run.wrong.iter().map(|(event, wrong)| format!("event {event}: {wrong}")).collect();
    assert!(shown.is_empty(), "{} of {} events:\n{}", shown.len(), run.told.len(), shown.join("\n"));
    assert!(run.log_writes > 0 && run.log_syncs >= run.log_writes, "a sync for each record");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_is_told_after_the_sync() {
    if is_wanted() {
        is_in_order(1, None).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sixteen_clients_are_told_after_the_sync() {
    if is_wanted() {
        is_in_order(16, None).await;
    }
}

/// The server of these tests can be told to answer first. A product, given in `AGENTPM_BIN`, and any release
/// build cannot.
#[tokio::test(flavor = "multi_thread")]
async fn a_reply_before_the_sync_is_caught() {
    if !is_wanted() {
        return;
    }
    let fault = Some("reply-before-sync");
    if std::env::var_os("AGENTPM_BIN").is_some() || !cfg!(debug_assertions) {
        is_in_order(1, fault).await;
        return;
    }
    let early = |wrong: &(usize, Wrong)| matches!(wrong.1, Wrong::BeforeSync { .. });
    let alone = run(1, fault).await;
    assert_eq!(alone.wrong.len(), alone.told.len(), "each reply left before its sync");
    assert!(alone.wrong.iter().all(early), "{:?}", alone.wrong);
    let crowd = run(16, fault).await;
    assert!(!crowd.wrong.is_empty() && crowd.wrong.iter().all(early), "{:?}", crowd.wrong);
}
