//! The log itself: what an append can demand, what a reader can ask for, and what an idempotency key keeps.

use agentpm_tests::{Answer, Client, Server, time};
use serde_json::{Value, json};

/// Which events a filter lets through.
type Matches<'a> = dyn Fn(&Value) -> bool + 'a;

async fn append(client: &Client, stream: &str, revision: Value, events: Value) -> Answer {
    let append = json!({ "stream": stream, "expected_revision": revision, "events": events });
    client.post("/append", json!({ "appends": [append] })).await
}

fn said(n: usize) -> Value {
    json!({ "type": "Said", "data": { "n": n } })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_append_is_answered_with_where_it_went() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    let client = server.client();
    let body = json!({ "appends": [
        { "stream": "a", "expected_revision": "no_stream", "events": [said(1), said(2)] },
        { "stream": "b", "expected_revision": "any", "events": [said(3)] },
    ]});
    let data = client.post("/append", body).await.data();
    assert_eq!((&data["first_position"], &data["last_position"]), (&json!(1), &json!(3)));
    assert_eq!(data["streams"], json!([{ "stream": "a", "revision": 2 }, { "stream": "b", "revision": 1 }]));
    let places: Vec<(u64, u64)> = data["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| (event["position"].as_u64().unwrap(), event["revision"].as_u64().unwrap()))
        .collect();
    assert_eq!(places, [(1, 1), (2, 2), (3, 1)]);

    let events = client.events().await;
    let first = &events[0];
    let mut keys: Vec<&str> = first.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    assert_eq!(keys, ["data", "id", "metadata", "position", "revision", "stream", "tags", "time", "type"]);
    assert_eq!(
        (&first["stream"], &first["data"], &first["tags"]),
        (&json!("a"), &json!({ "n": 1 }), &json!([]))
    );
    assert_eq!(first["id"], data["events"][0]["id"]);

    // One of the streams is elsewhere: none of it happens.
    let body = json!({ "appends": [
        { "stream": "c", "expected_revision": "any", "events": [said(4)] },
        { "stream": "a", "expected_revision": 1, "events": [said(5)] },
    ]});
    let answer = client.post("/append", body).await;
    assert_eq!((answer.status, answer.code()), (409, "ERR_CONFLICT"));
    let details = &answer.error()["details"];
    assert_eq!((&details["expected"], &details["actual"]), (&json!(1), &json!(2)));
    assert_eq!(client.head().await, 3);
    assert!(append(&client, "a", json!(2), json!([said(6)])).await.ok());
    assert!(append(&client, "a", json!("exists"), json!([said(7)])).await.ok());
    assert_eq!(append(&client, "a", json!("no_stream"), json!([said(8)])).await.status, 409);

    let one =
        client.post("/streams/a/events", json!({ "expected_revision": 4, "events": [said(9)] })).await.data();
    assert_eq!(one["streams"], json!([{ "stream": "a", "revision": 5 }]));
    let revisions = |data: Value| -> Vec<u64> {
        data["events"].as_array().unwrap().iter().map(|event| event["revision"].as_u64().unwrap()).collect()
    };
    assert_eq!(revisions(client.get("/streams/a/events").await.data()), [1, 2, 3, 4, 5]);
    assert_eq!(revisions(client.get("/streams/a/events?from=3&limit=2").await.data()), [3, 4]);
    assert_eq!(revisions(client.get("/streams/a/events?direction=backward&limit=2").await.data()), [5, 4]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_event_again_is_the_same_answer() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    let client = server.client();
    let event =
        json!([{ "id": "01J00000000000000000000001", "type": "Said", "data": { "n": 1 }, "tags": ["x"] }]);
    let first = append(&client, "a", json!("any"), event.clone()).await.data();
    assert_eq!(append(&client, "a", json!("any"), event.clone()).await.data(), first);
    assert_eq!(client.head().await, 1, "no second copy");
    let spaced = client.request("POST", "/streams/a/events").header("content-type", "application/json").body(
        r#"{"events":[{"tags":["x"],"data":{ "n" : 1 },"type":"Said","id":"01j00000000000000000000001"}]}"#,
    );
    assert_eq!(client.send(spaced).await.data(), first, "the same, written in another way");
    let other = json!([{ "id": "01J00000000000000000000001", "type": "Said", "data": { "n": 2 } }]);
    let answer = append(&client, "a", json!("any"), other.clone()).await;
    assert_eq!((answer.status, answer.code()), (409, "ERR_CONFLICT"), "the same id, something else");
    let server = server.restart();
    assert_eq!(
        append(&server.client(), "a", json!("any"), event).await.data(),
        first,
        "also after a restart"
    );
    assert_eq!(append(&server.client(), "a", json!("any"), other).await.status, 409);
    assert_eq!(server.client().head().await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn history_may_be_loaded_with_its_own_times() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    let client = server.client();
    let at = |time: &str| json!([{ "type": "Said", "data": {}, "time": time }]);
    append(&client, "a", json!("any"), at("2020-01-01T00:00:00Z")).await.data();
    append(&client, "a", json!("any"), at("2020-01-02T01:00:00+01:00")).await.data();
    assert_eq!(client.events().await[1]["time"], "2020-01-02T00:00:00.000000Z");
    for wrong in ["2019-12-31T00:00:00Z", "2999-01-01T00:00:00Z"] {
        let answer = append(&client, "a", json!("any"), at(wrong)).await;
        assert_eq!((answer.status, answer.code()), (400, "ERR_VALIDATION"), "{wrong}: {}", answer.body);
    }
    append(&client, "a", json!("any"), json!([said(1)])).await.data();
    let stamped = time::micros(client.events().await[2]["time"].as_str().unwrap());
    assert!((time::now() - stamped).abs() < 60_000_000, "without a time it is now");
    assert_eq!(
        append(&client, "a", json!("any"), at("2020-01-03T00:00:00Z")).await.status,
        400,
        "head's time has passed it"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_are_paged_and_filtered() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    let client = server.client();
    for n in 0..30 {
        let event = json!([{
            "type": if n % 2 == 0 { "Even" } else { "Odd" }, "data": { "n": n },
            "tags": [format!("mod:{}", n % 3)], "metadata": { "agent_id": format!("agent-{}", n % 5) },
        }]);
        append(&client, &format!("s{}", n % 4), json!("any"), event).await.data();
    }
    let all = client.events().await;
    let page = client.get("/events?limit=7").await.data();
    assert_eq!(page["events"].as_array().unwrap()[..], all[..7]);
    assert_eq!((&page["head"], &page["next_after"]), (&json!(30), &json!(7)));
    let next = client.get("/events?after=7&limit=7").await.data();
    assert_eq!(next["events"].as_array().unwrap()[..], all[7..14]);
    assert_eq!(client.get("/events?after=30").await.data()["events"], json!([]));

    let since = all[9]["id"].as_str().unwrap();
    assert_eq!(
        client.get(&format!("/events?since_event_id={since}&limit=1000")).await.data()["events"]
            .as_array()
            .unwrap()[..],
        all[10..]
    );
    let (from, to) = (all[4]["time"].as_str().unwrap(), all[8]["time"].as_str().unwrap());
    let tag = |event: &Value, tag: &str| event["tags"][0] == tag;
    let filters: Vec<(String, Box<Matches<'_>>)> = vec![
        ("stream=s1".into(), Box::new(|event| event["stream"] == "s1")),
        ("type=Odd".into(), Box::new(|event| event["type"] == "Odd")),
        ("type=Odd,Even".into(), Box::new(|event| event["type"] == "Odd" || event["type"] == "Even")),
        ("type=Odd,None".into(), Box::new(|event| event["type"] == "Odd")),
        ("tag=mod:2".into(), Box::new(move |event| tag(event, "mod:2"))),
        ("type=Even&tag=mod:0".into(), Box::new(move |event| event["type"] == "Even" && tag(event, "mod:0"))),
        (
            format!("from_time={from}&to_time={to}"),
            Box::new(move |event| {
                let at = time::micros(event["time"].as_str().unwrap());
                (time::micros(from)..=time::micros(to)).contains(&at)
            }),
        ),
    ];
    for (filter, matches) in filters {
        let got =
            client.get(&format!("/events?limit=1000&{}", filter.replace('+', "%2B"))).await.data()["events"]
                .clone();
        let expected: Vec<&Value> = all.iter().filter(|event| matches(event)).collect();
        assert_eq!(got.as_array().unwrap().iter().collect::<Vec<_>>(), expected, "{filter}");
        assert!(!expected.is_empty());
    }
    let request = client.request("GET", "/events?after=20").header("accept", "application/x-ndjson");
    let text = client.send(request).await.body;
    let lines: Vec<Value> =
        text.as_str().unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[..], all[20..], "a stream of lines goes on to head");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_and_why_is_in_the_metadata() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    let client = server.client();
    client.post("/sessions/start", json!({ "id": "session-1", "agent_id": "agent-7" })).await.data();
    let request = client
        .request("POST", "/tasks")
        .header("agentpm-agent", "agent-7")
        .header("agentpm-session", "session-1")
        .header("agentpm-correlation-id", "corr-1")
        .header("agentpm-plan-id", "plan-1")
        .json(&json!({ "id": "t", "title": "t" }));
    client.send(request).await.data();
    let event = client.events().await.remove(1);
    for (key, value) in [
        ("agent_id", "agent-7"),
        ("session_id", "session-1"),
        ("correlation_id", "corr-1"),
        ("plan_id", "plan-1"),
    ] {
        assert_eq!(event["metadata"][key], value, "{event}");
    }
    let of_agent = client.get("/events?agent_id=agent-7&type=TaskCreated").await.data();
    assert_eq!(of_agent["events"], json!([event]));
    assert_eq!(client.get("/events?agent_id=agent-8").await.data()["events"], json!([]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_acted_is_found_by_an_index() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    let client = server.client();
    // Longer than what the index keeps, and that which it would be if it were cut; a name that needs escapes; none.
    let (long, cut) = ("x".repeat(1_025), "x".repeat(1_024));
    let names = ["ada", "a\"da", "ad", &long, &cut, "é"];
    let event = |n: usize| match n % 8 {
        6 => json!({ "type": "Plain", "metadata": {} }),
        7 => json!({ "type": "Plain", "metadata": { "agent_id": null } }),
        by => json!({ "type": format!("T{}", n % 3), "metadata": { "agent_id": names[by] } }),
    };
    for stretch in 0..4 {
        let events: Vec<Value> = (0..50).map(|n| event(50 * stretch + n)).collect();
        client.post("/streams/s/events", json!({ "events": events })).await.data();
    }
    let check = async |client: &agentpm_tests::Client| {
        let all = client.events().await;
        for name in names {
            let mine = |event: &&Value| event["metadata"]["agent_id"] == name;
            let due: Vec<Value> = all.iter().filter(mine).cloned().collect();
            assert!(!due.is_empty());
            let asked = reqwest::Url::parse_with_params("http://x/events", [("agent_id", name)]).unwrap();
            let asked = format!("/events?{}", asked.query().unwrap());
            assert_eq!(client.get(&asked).await.data()["events"], json!(due), "{name}");
            let page = client.get(&format!("{asked}&limit=3&after={}", due[1]["position"])).await.data();
            assert_eq!(page["events"], json!(due[2..5]), "{name}");
            assert_eq!(page["next_after"], due[4]["position"]);
            let typed: Vec<&Value> = due.iter().filter(|event| event["type"] == "T1").collect();
            assert_eq!(
                client.get(&format!("{asked}&type=T1")).await.data()["events"],
                json!(typed),
                "{name}"
            );
        }
    };
    check(&client).await;
    let server = server.restart();
    check(&server.client()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_makes_a_request_happen_once() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    let client = server.client();
    let send = |client: &Client, agent: &str, path: &str, body: &Value| {
        let request = client
            .request("POST", path)
            .header("idempotency-key", "k1")
            .header("agentpm-agent", agent)
            .json(body);
        let client = client.clone();
        async move { client.send(request).await }
    };
    let body = json!({ "title": "once" });
    let first = send(&client, "a", "/tasks", &body).await;
    let head = client.head().await;
    let again = send(&client, "a", "/tasks", &body).await;
    assert_eq!((again.status, &again.body), (first.status, &first.body), "the stored answer, to the letter");
    assert_eq!(client.head().await, head);
    let other = send(&client, "a", "/tasks", &json!({ "title": "twice" })).await;
    assert_eq!((other.status, other.code()), (409, "ERR_CONFLICT"), "the key with another body");

    // Scoped by agent, method and path.
    assert_ne!(send(&client, "b", "/tasks", &body).await.data()["id"], first.body["data"]["id"]);
    let append = json!({ "appends": [{ "stream": "s", "expected_revision": "any", "events": [said(1)] }] });
    assert!(send(&client, "a", "/append", &append).await.ok());

    // Only what was committed is kept: a refusal may be tried again with the same key.
    let request = |client: &Client, revision: u64| {
        let append = json!({ "stream": "s", "expected_revision": revision, "events": [said(2)] });
        client
            .request("POST", "/append")
            .header("idempotency-key", "k2")
            .json(&json!({ "appends": [append] }))
    };
    assert_eq!(client.send(request(&client, 2)).await.status, 409);
    client
        .post(
            "/append",
            json!({ "appends": [{ "stream": "s", "expected_revision": "any", "events": [said(3)] }] }),
        )
        .await
        .data();
    assert!(client.send(request(&client, 2)).await.ok());

    let server = server.restart();
    let client = server.client();
    let head = client.head().await;
    assert_eq!(send(&client, "a", "/tasks", &body).await.body, first.body, "across a restart");
    assert_eq!(client.head().await, head);

    // In flight at the same time: one happens, all have its answer.
    let racers: Vec<_> = (0..16)
        .map(|_| {
            let request = client
                .request("POST", "/tasks")
                .header("idempotency-key", "k3")
                .json(&json!({ "title": "race" }));
            let client = client.clone();
            tokio::spawn(async move { client.send(request).await.data()["id"].clone() })
        })
        .collect();
    let mut ids = Vec::new();
    for racer in racers {
        ids.push(racer.await.unwrap());
    }
    assert!(ids.iter().all(|id| id == &ids[0]), "{ids:?}");
    assert_eq!(client.query("SELECT id FROM tasks WHERE title = 'race'").await.rows.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_append_may_depend_on_what_has_not_happened() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    let client = server.client();
    let book = |seat: u64, after: u64| {
        let event = json!({ "type": "SeatBooked", "data": { "seat": seat }, "tags": ["hall:1"] });
        let body = json!({
            "appends": [{ "stream": format!("seat{seat}"), "expected_revision": "any", "events": [event] }],
            "condition": { "fail_if": "type = 'SeatBooked' AND data.seat = $1", "params": [seat], "after": after },
        });
        let client = client.clone();
        async move { client.post("/append", body).await }
    };
    book(1, 0).await.data();
    let answer = book(1, 0).await;
    assert_eq!((answer.status, answer.code()), (409, "ERR_CONFLICT"));
    assert_eq!(answer.error()["details"]["position"], 1, "what matched");
    book(2, 0).await.data();
    book(1, 2).await.data();
    let unbounded = json!({
        "appends": [{ "stream": "s", "expected_revision": "any", "events": [said(1)] }],
        "condition": { "fail_if": "data.seat > 3", "after": 0 },
    });
    let answer = client.post("/append", unbounded).await;
    assert_eq!(
        (answer.code(), &answer.error()["details"]["pql_code"]),
        ("ERR_PQL", &json!("condition_not_indexed"))
    );
    // Of many that ask at once for the same seat, one has it.
    let racers: Vec<_> = (0..16).map(|_| tokio::spawn(book(9, 0))).collect();
    let mut booked = 0;
    for racer in racers {
        booked += usize::from(racer.await.unwrap().ok());
    }
    assert_eq!(booked, 1);
}
