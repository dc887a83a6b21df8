//! Consumers that are forgetful, and a server that is killed under them.

use crate::LIMIT;
use crate::hands::{Given, History, Said, Terms, Word};
use agentpm_tests::{Client, Seed, Server, size, wait};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::RwLock;

const ACK_TIMEOUT: Duration = Duration::from_millis(500);
const MAX_ATTEMPTS: u64 = 4;
const CONSUMERS: usize = 5;
const WRITERS: usize = 2;
const STREAMS: usize = 6;
/// One takes events as they come, one a stream at a time.
const SUBSCRIPTIONS: [(&str, bool); 2] = [("loose", false), ("strict", true)];

struct Arena {
    client: RwLock<Client>,
    begun: Instant,
    fetches: AtomicU64,
    seen: [Mutex<(Vec<Given>, Vec<Said>)>; 2],
    over: AtomicBool,
}

impl Arena {
    fn now(&self) -> u64 {
        self.begun.elapsed().as_micros() as u64
    }

    async fn call(&self, by: &str, path: &str, body: &Value) -> Option<Value> {
        let client = self.client.read().await.clone();
        let request = client.request("POST", path).header("agentpm-agent", by).json(body);
        let answer = client.try_send(request).await?;
        // Stopping is no answer either.
        (answer.status != 503).then(|| answer.data())
    }

    async fn fetch(&self, by: &str, of: usize, n: usize) -> Vec<Given> {
        let sent = self.now();
        let path = format!("/subscriptions/{}/fetch", SUBSCRIPTIONS[of].0);
        let Some(data) = self.call(by, &path, &json!({ "n": n, "wait_ms": 100 })).await else {
            return Vec::new();
        };
        let (received, fetch) = (self.now(), self.fetches.fetch_add(1, SeqCst));
        let given = data["events"].as_array().unwrap().iter().map(|event| Given {
            id: event["id"].as_str().unwrap().to_owned(),
            stream: event["stream"].as_str().unwrap().to_owned(),
            position: event["position"].as_u64().unwrap(),
            attempt: event["attempt"].as_u64().unwrap(),
            fetch,
            sent,
            received,
        });
        let given: Vec<Given> = given.collect();
        self.seen[of].lock().unwrap().0.extend(given.iter().cloned());
        given
    }

    async fn say(&self, by: &str, of: usize, word: Word, ids: Vec<String>) {
        if ids.is_empty() {
            return;
        }
        let (call, mut body) = match word {
            Word::Ack => ("ack", json!({})),
            Word::Retry => ("nack", json!({ "action": "retry" })),
            Word::Park => ("nack", json!({ "action": "park" })),
        };
        body["ids"] = json!(ids);
        let sent = self.now();
        let path = format!("/subscriptions/{}/{call}", SUBSCRIPTIONS[of].0);
        let answered = self.call(by, &path, &body).await.map(|_| self.now());
        let said = ids.into_iter().map(|id| Said { id, word, sent, answered });
        self.seen[of].lock().unwrap().1.extend(said);
    }
}

/// Takes events, and deals with most of them.
async fn consume(arena: Arc<Arena>, name: String, of: usize, mut seed: Seed) {
    while !arena.over.load(SeqCst) {
        let given = arena.fetch(&name, of, seed.below(1..9)).await;
        let mut words: BTreeMap<u8, Vec<String>> = BTreeMap::new();
        // From the last: who refuses one refuses what came after it in its stream.
        let mut refused = BTreeSet::new();
        for Given { id, stream, .. } in given {
            let word = match seed.below(0..100) {
                _ if refused.contains(&stream) && SUBSCRIPTIONS[of].1 => 1,
                0..80 => 0,
                80..88 => 1,
                88..92 => 2,
                // Forgotten.
                _ => 3,
            };
            if word == 1 || word == 3 {
                refused.insert(stream);
            }
            words.entry(word).or_default().push(id);
        }
        for (word, ids) in words {
            match word {
                0 => arena.say(&name, of, Word::Ack, ids).await,
                1 => arena.say(&name, of, Word::Retry, ids).await,
                2 => arena.say(&name, of, Word::Park, ids).await,
                _ => {}
            }
        }
    }
}

/// Appends events, each until it is told that it is there.
async fn write(arena: Arc<Arena>, mut seed: Seed, count: usize) {
    for _ in 0..count {
        let events: Vec<Value> =
            (0..seed.below(1..4)).map(|_| json!({ "id": seed.ulid(), "type": "Wanted" })).collect();
        let path = format!("/streams/s{}/events", seed.below(0..STREAMS));
        let (path, body) = if seed.percent(25) {
            (path, json!({ "events": [{ "type": "Other" }] }))
        } else {
            (path, json!({ "events": events }))
        };
        wait::until("the events are there", LIMIT, || async { arena.call("writer", &path, &body).await })
            .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_and_nothing_is_in_two_hands() {
    let dir = tempfile::tempdir().unwrap();
    let mut server = Server::start(dir.path());
    let mut seed = Seed::new();
    for (name, by_stream) in SUBSCRIPTIONS {
        let mut definition = json!({
            "pql": "SUBSCRIBE events WHERE type = 'Wanted'", "from": "start", "max_in_flight": 20,
            "ack_timeout_s": ACK_TIMEOUT.as_secs_f64(), "max_attempts": MAX_ATTEMPTS,
        });
        if by_stream {
            definition["order_by"] = "stream".into();
        }
        server.client().call("PUT", &format!("/subscriptions/{name}"), &definition).await.data();
    }
    let arena = Arc::new(Arena {
        client: RwLock::new(server.client()),
        begun: Instant::now(),
        fetches: AtomicU64::new(0),
        seen: Default::default(),
        over: AtomicBool::new(false),
    });
    let appends = size("AGENTPM_DURABLE_APPENDS", 250);
    let writers: Vec<_> = (0..WRITERS)
        .map(|lane| tokio::spawn(write(arena.clone(), seed.fork(lane as u64), appends)))
        .collect();
    let consumers: Vec<_> = (0..2 * CONSUMERS)
        .map(|lane| {
            tokio::spawn(consume(arena.clone(), format!("c{lane}"), lane % 2, seed.fork(100 + lane as u64)))
        })
        .collect();
    let mut kills = Vec::new();
    for _ in 0..size("AGENTPM_DURABLE_KILLS", 4) {
        // Somewhere in the middle of what goes on.
        let more = arena.fetches.load(SeqCst) + seed.below(20..80) as u64;
        let reached = || async { (arena.fetches.load(SeqCst) >= more).then_some(()) };
        wait::until("consumers go on", LIMIT, reached).await;
        // Nobody's call is under way twice over a kill: from here to the new server is one moment.
        kills.push(arena.now());
        server.kill9();
        server = Server::start(dir.path());
        *arena.client.write().await = server.client();
        kills.push(arena.now());
    }
    for writer in writers {
        writer.await.unwrap();
    }
    arena.over.store(true, SeqCst);
    for consumer in consumers {
        consumer.await.unwrap();
    }
    let client = server.client();
    let wanted = client.query("SELECT id, stream FROM events WHERE type = 'Wanted'").await;
    let wanted: BTreeMap<String, String> =
        wanted.texts("id").into_iter().zip(wanted.texts("stream")).collect();
    for (of, (name, by_stream)) in SUBSCRIPTIONS.into_iter().enumerate() {
        // What is left is dealt with, and then it is seen what was parked.
        let left = || async {
            let ids = arena.fetch("last", of, 100).await.into_iter().map(|given| given.id).collect();
            arena.say("last", of, Word::Ack, ids).await;
            let row = client.get(&format!("/subscriptions/{name}")).await.data();
            (row["lag"] == 0 && row["in_flight"] == 0).then_some(())
        };
        wait::until("all is dealt with", LIMIT, left).await;
        let (given, said) = arena.seen[of].lock().unwrap().clone();
        let replayed = client.post(&format!("/subscriptions/{name}/replay_parked"), json!({})).await.data();
        let mut parked: BTreeSet<String> = BTreeSet::new();
        while (parked.len() as u64) < replayed["replayed"].as_u64().unwrap() {
            let ids: Vec<String> =
                arena.fetch("last", of, 100).await.into_iter().map(|given| given.id).collect();
            parked.extend(ids.iter().cloned());
            arena.say("last", of, Word::Ack, ids).await;
        }
        let terms =
            Terms { ack_timeout: ACK_TIMEOUT.as_micros() as u64, max_attempts: MAX_ATTEMPTS, by_stream };
        let history = History { terms, given, said, kills: kills.clone(), wanted: wanted.clone(), parked };
        let again = history.given.iter().filter(|given| given.attempt > 1).count();
        println!(
            "{name}: {} events, {} deliveries, {again} again, {} parked, {} kills",
            history.wanted.len(),
            history.given.len(),
            history.parked.len(),
            kills.len() / 2
        );
        assert!(again > 0 && !history.parked.is_empty(), "too little happened");
        let wrong = history.violations();
        assert!(wrong.is_empty(), "{name}: {} violations: {:#?}", wrong.len(), &wrong[..wrong.len().min(5)]);
        planted_faults_are_seen(&history);
    }
}

/// The same history with something in it that must not be: each is seen.
fn planted_faults_are_seen(history: &History) {
    let is_quiet = |from: u64, to: u64| !history.kills.iter().any(|at| (from..=to).contains(at));
    let seen = |what: &str, spoil: &dyn Fn(&mut History)| {
        let mut spoiled = history.clone();
        spoil(&mut spoiled);
        assert!(!spoiled.violations().is_empty(), "{what} is not seen");
    };
    let first_acked = || history.said.iter().find(|said| said.word == Word::Ack && said.answered.is_some());
    let acked = first_acked().expect("something was acknowledged").clone();
    seen("an event that is lost", &|history| history.said.retain(|said| said.id != acked.id));
    seen("an event that is not wanted", &|history| drop(history.wanted.remove(&acked.id)));
    let given = history.given.iter().find(|given| given.id == acked.id).unwrap().clone();
    seen("an event after its end", &|history| {
        let at = acked.answered.unwrap() + 1;
        history.given.push(Given { sent: at, received: at, fetch: u64::MAX, ..given.clone() });
    });
    seen("an attempt too many", &|history| {
        history.given.push(Given { attempt: MAX_ATTEMPTS + 1, ..given.clone() });
    });
    let again = history.given.iter().position(|given| given.attempt > 1 && is_quiet(0, given.received));
    if let Some(at) = again {
        seen("an attempt that is not counted", &|history| history.given[at].attempt -= 1);
    }
    let held =
        history.given.iter().find(|given| history.held_until(given) > given.received + 2).unwrap().clone();
    seen("two hands", &|history| {
        let (sent, received) = (held.received + 1, held.received + 2);
        history.given.push(Given {
            sent,
            received,
            fetch: u64::MAX,
            attempt: held.attempt + 1,
            ..held.clone()
        });
    });
    if history.terms.by_stream {
        let last = history.given.iter().position(|later| {
            let before = |given: &Given| given.stream == later.stream && given.position < later.position;
            let is_spent =
                |id: &str| history.given.iter().any(|given| given.id == id && given.attempt == MAX_ATTEMPTS);
            let mut others = history.given.iter().filter(|given| before(given));
            others.any(|given| given.fetch != later.fetch && !is_spent(&given.id))
        });
        let last = last.expect("a stream with two events");
        // Given before anything was said.
        seen("an order that is none", &|history| {
            let given = &mut history.given[last];
            (given.sent, given.received, given.fetch) = (0, 0, u64::MAX);
        });
    }
}
