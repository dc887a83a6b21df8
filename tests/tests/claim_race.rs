//! Many agents take work at once: each task goes to one, who can do it, best first; and what the dead held
//! comes back.

use agentpm_tests::model::{Offer, World};
use agentpm_tests::{Client, Seed, Server, full, size, time, wait};
use futures::StreamExt as _;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

const CLIENTS: usize = 64;
const CAPS: &[&str] = &["rust", "sql", "ui", "ops", "docs", "ml", "net", "gpu"];
/// Held while the race goes on, on any machine.
const RACE_LEASE_S: i64 = 3_600;
/// Held by those who die: the least there is.
const DEAD_LEASE_S: i64 = 1;
/// A lease ends in the log no later than this after its time.
const EXPIRY_LATE_MAX_US: i64 = 1_000_000;

fn tasks() -> usize {
    size("AGENTPM_TASKS", if full() { 10_000 } else { 1_500 })
}

async fn make_tasks(client: &Client, seed: &mut Seed, count: usize) {
    let tasks: Vec<Value> = (0..count)
        .map(|n| {
            json!({
                "id": format!("t{n}"),
                "title": "to be claimed",
                "priority": seed.int(-5..6),
                "class": seed.pick(&["critical", "high", "normal", "low"]).unwrap(),
                // Nobody can do gpu work: it must stay.
                "caps": if n % 50 == 0 { vec!["gpu"] } else { seed.some(&CAPS[..7], 5) },
            })
        })
        .collect();
    let made = futures::stream::iter(tasks).map(|task| async { client.post("/tasks", task).await.data() });
    assert_eq!(made.buffer_unordered(CLIENTS).count().await, count);
}

/// What one agent did: leases in the order it got them, and the positions at which it was told there is none.
#[derive(Debug, Default)]
struct Diary {
    claims: Vec<Claimed>,
    none_at: Vec<u64>,
}

#[derive(Debug, Clone)]
struct Claimed {
    task: String,
    lease: String,
    fence: u64,
}

async fn claim(
    client: &Client,
    agent: &str,
    by_query: bool,
    lease_s: i64,
    limit: usize,
) -> (Vec<Claimed>, u64) {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    if by_query {
        let pql = format!("CLAIM next_task FOR $agent LEASE {lease_s}s LIMIT {limit}");
        let answer = client.post("/query", json!({ "pql": pql, "params": { "agent": agent } })).await;
        let position = answer.position();
        let rows = answer.rows().rows;
        let claim = |row: &serde_json::Map<String, Value>| Claimed {
            task: text(&row["id"]),
            lease: text(&row["lease_id"]),
            fence: row["fence"].as_u64().unwrap(),
        };
        (rows.iter().map(claim).collect(), position)
    } else {
        let answer = client
            .post("/tasks/claim", json!({ "agent_id": agent, "lease_s": lease_s, "limit": limit }))
            .await;
        let position = answer.position();
        let data = answer.data();
        let one = [data.clone()];
        let claims = if limit > 1 { data["claims"].as_array().unwrap() } else { &one[..] };
        let claim = |claim: &Value| Claimed {
            task: text(&claim["task"]["id"]),
            lease: text(&claim["lease"]["id"]),
            fence: claim["lease"]["fence"].as_u64().unwrap(),
        };
        (claims.iter().filter(|claim| !claim.is_null()).map(claim).collect(), position)
    }
}

/// Claims until nothing is left for this agent.
async fn race(client: Client, agent: String, by_query: bool, mut seed: Seed) -> Diary {
    let mut diary = Diary::default();
    loop {
        let limit = if seed.percent(10) { 3 } else { 1 };
        let (claims, position) = claim(&client, &agent, by_query, RACE_LEASE_S, limit).await;
        assert!(claims.len() <= limit);
        if claims.is_empty() {
            diary.none_at.push(position);
            return diary;
        }
        diary.claims.extend(claims);
    }
}

/// Replays the log and holds each acquisition against what was then the best for that agent; `none` are the
/// positions at which an agent was told that there is nothing.
fn check_offers(events: &[Value], none: &BTreeMap<u64, Vec<String>>) {
    let mut world = World::default();
    let mut ready: BTreeSet<Offer> = BTreeSet::new();
    let mut offers: BTreeMap<String, Offer> = BTreeMap::new();
    let caps_of = |world: &World, agent: &str| -> BTreeSet<String> {
        let row = world.row("agents", agent).expect("an agent is registered before it claims");
        row["caps"].as_array().unwrap().iter().map(|cap| cap.as_str().unwrap().to_owned()).collect()
    };
    for event in events {
        world.apply(event);
        let data = &event["data"];
        match event["type"].as_str().unwrap() {
            "TaskCreated" => {
                let id = data["id"].as_str().unwrap();
                let offer = Offer::of(world.row("tasks", id).unwrap(), 0);
                offers.insert(id.to_owned(), offer.clone());
                ready.insert(offer);
            }
            "LeaseAcquired" => {
                let (agent, task) = (data["agent_id"].as_str().unwrap(), data["task_id"].as_str().unwrap());
                let caps = caps_of(&world, agent);
                let best = ready.iter().find(|offer| offer.caps.is_subset(&caps));
                assert_eq!(
                    best.map(|offer| offer.id.as_str()),
                    Some(task),
                    "{agent} {caps:?} was given {task} at position {}, but another was better",
                    world.position
                );
                ready.remove(&offers[task]);
            }
            "TaskStatusChanged" => {
                let offer = &offers[data["id"].as_str().unwrap()];
                if data["status"] == "open" {
                    ready.insert(offer.clone());
                } else {
                    ready.remove(offer);
                }
            }
            _ => {}
        }
        for agent in none.get(&world.position).into_iter().flatten() {
            let caps = caps_of(&world, agent);
            let left = ready.iter().find(|offer| offer.caps.is_subset(&caps));
            assert_eq!(left, None, "{agent} was told at position {} that there is nothing", world.position);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_task_goes_to_one_able_agent_best_first() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    let mut seed = Seed::new();
    let client = server.client();
    let count = tasks();
    make_tasks(&client, &mut seed, count).await;
    let mut agents = Vec::new();
    for n in 0..CLIENTS {
        let (id, caps) = (format!("agent-{n}"), seed.some(&CAPS[..7], 2));
        let body = json!({ "id": id, "name": id, "role": "executor", "caps": caps });
        client.post("/agents/register", body).await.data();
        agents.push(id);
    }
    let racers: Vec<_> = agents
        .iter()
        .enumerate()
        .map(|(n, agent)| tokio::spawn(race(client.clone(), agent.clone(), n % 2 == 0, seed.fork(n as u64))))
        .collect();
    let mut diaries = Vec::new();
    for racer in racers {
        diaries.push(racer.await.unwrap());
    }

    let mut holders: BTreeMap<&str, &str> = BTreeMap::new();
    let mut leases = BTreeSet::new();
    for (diary, agent) in diaries.iter().zip(&agents) {
        for claim in &diary.claims {
            let other = holders.insert(&claim.task, agent);
            assert_eq!(other, None, "{} went to {agent} and to another", claim.task);
            assert!(leases.insert(&claim.lease), "a lease's id is unique");
            assert_eq!(claim.fence, 1, "the first acquisition of a task");
        }
    }
    let events = client.events().await;
    let mut none: BTreeMap<u64, Vec<String>> = BTreeMap::new();
    for (diary, agent) in diaries.iter().zip(&agents) {
        for position in &diary.none_at {
            none.entry(*position).or_default().push(agent.clone());
        }
    }
    check_offers(&events, &none);
    let acquired = events.iter().filter(|event| event["type"] == "LeaseAcquired").count();
    assert_eq!(acquired, holders.len(), "who was given a task was told so");
    println!("{count} tasks, {acquired} claimed by {CLIENTS} clients");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_work_of_the_dead_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    let mut seed = Seed::new();
    let client = server.client();
    make_tasks(&client, &mut seed, size("AGENTPM_TASKS", 200).min(200)).await;
    let dead = CLIENTS / 10;
    for n in 0..=dead {
        let body = json!({ "id": format!("agent-{n}"), "name": "n", "role": "executor", "caps": &CAPS[..7] });
        client.post("/agents/register", body).await.data();
    }
    // One lives on, with a short lease that it renews.
    let survivor = format!("agent-{dead}");
    let kept = claim(&client, &survivor, false, DEAD_LEASE_S, 1).await.0.remove(0);
    client.patch(&format!("/leases/{}/renew", kept.lease), json!({ "ttl_s": 600 })).await.data();
    let mut held = Vec::new();
    for n in 0..dead {
        let claims = claim(&client, &format!("agent-{n}"), n % 2 == 0, DEAD_LEASE_S, 5).await.0;
        assert_eq!(claims.len(), 5);
        held.extend(claims);
    }
    wait::until("every dead agent's leases have ended", Duration::from_secs(30), || async {
        let rows = client.query("SELECT count(*) AS n FROM leases WHERE status = 'active'").await;
        (rows.rows[0]["n"] == 1).then_some(())
    })
    .await;

    let events = client.events().await;
    let expired: Vec<&Value> = events.iter().filter(|event| event["type"] == "LeaseExpired").collect();
    assert_eq!(expired.len(), held.len());
    for event in &expired {
        let at = time::micros(event["time"].as_str().unwrap());
        let late = at - time::micros(event["data"]["expires_at"].as_str().unwrap());
        assert!((0..EXPIRY_LATE_MAX_US).contains(&late), "{late} µs after its time: {event}");
    }
    check_offers(&events, &BTreeMap::new());

    // Old leases are refused, whatever they ask for.
    let head = client.head().await;
    for claim in held.iter().step_by(5) {
        let Claimed { task, lease, fence } = claim;
        let writes = [
            ("POST", format!("/tasks/{task}/complete"), json!({ "lease_id": lease })),
            (
                "POST",
                format!("/tasks/{task}/fail"),
                json!({ "lease_id": lease, "class": "transient", "message": "m" }),
            ),
            ("POST", format!("/tasks/{task}/release"), json!({ "lease_id": lease })),
            ("POST", format!("/tasks/{task}/transition"), json!({ "lease_id": lease, "status": "blocked" })),
            (
                "PATCH",
                format!("/tasks/{task}"),
                json!({ "lease_id": lease, "fence": fence, "title": "mine" }),
            ),
            (
                "POST",
                "/progress_items".into(),
                json!({ "task_id": task, "items": ["late"], "lease_id": lease }),
            ),
            ("PATCH", format!("/leases/{lease}/renew"), json!({})),
            ("DELETE", format!("/leases/{lease}"), json!({})),
        ];
        for (method, path, body) in writes {
            let answer = client.call(method, &path, &body).await;
            assert_eq!((answer.status, answer.code()), (423, "ERR_LEASE_EXPIRED"), "{}", answer.request);
            let details = &answer.error()["details"];
            for key in ["holder", "since", "expires_at"] {
                assert!(details.get(key).is_some(), "{}: {details}", answer.request);
            }
        }
    }
    assert_eq!(client.head().await, head, "a refused write leaves the log alone");

    // The survivor takes all of it, each under a new lease with the next fence.
    let mut again = BTreeMap::new();
    loop {
        let (claims, _) = claim(&client, &survivor, false, RACE_LEASE_S, 50).await;
        if claims.is_empty() {
            break;
        }
        again.extend(claims.into_iter().map(|claim| (claim.task.clone(), claim)));
    }
    for claim in &held {
        let new = again.get(&claim.task).unwrap_or_else(|| panic!("{} did not come back", claim.task));
        assert_ne!(new.lease, claim.lease);
        assert_eq!(new.fence, claim.fence + 1, "{}: the fence goes up", claim.task);
    }
    assert!(!again.contains_key(&kept.task), "what is renewed stays");
    client.post(&format!("/tasks/{}/complete", kept.task), json!({ "lease_id": kept.lease })).await.data();
}
