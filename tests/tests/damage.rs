//! Damage to a directory that a real server made: `agentpm verify` names it, `agentpm rebuild` mends what is
//! derived, and neither cries wolf.
//!
//! What is changed by hand is found by `docs/internals/disk-format.md` alone.

use agentpm_tests::cli::{self, Ran};
use agentpm_tests::workload::Workload;
use agentpm_tests::{Client, Seed, Server, size, wait};
use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};
use serde_json::{Value, json};
use std::fs;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tempfile::TempDir;

/// Appends, and events of each, that a rebuild folds while it is killed.
const APPENDS: usize = 20;
const EVENTS: usize = 500;

const TABLES: [&str; 7] =
    ["tasks", "runs", "relationships", "progress_items", "contexts", "agents", "leases"];

/// Kinds of keys in `views`, and the table of tasks.
const STREAM_HEAD: u8 = 2;
const STREAM: u8 = 3;
const TAG: u8 = 4;
const EVENT_ID: u8 = 5;
const ROW: u8 = 6;
const HISTORY: u8 = 7;
const TASKS: u8 = 1;

/// A directory with work of every kind in it, and what its server said at the end.
struct Worked {
    dir: TempDir,
    events: Vec<Value>,
    rows: Vec<Value>,
}

impl Worked {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut server = Server::start(dir.path());
        let client = server.client();
        let mut work = Workload::new(client.clone(), Seed::new());
        work.run(size("AGENTPM_STEPS", 120)).await;
        work.settle().await;
        let (events, rows) = (client.events().await, rows(&client).await);
        assert!(server.stop().success());
        Self { dir, events, rows }
    }

    fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    fn agentpm(&self, arguments: &[&str]) -> Ran {
        agentpm(&self.data(), arguments)
    }

    /// Starts a server and compares what it says with what was said before.
    async fn is_as_before(&self) {
        let mut server = Server::start(self.dir.path());
        let client = server.client();
        assert_eq!(client.events().await, self.events);
        assert_eq!(rows(&client).await, self.rows);
        assert!(server.stop().success());
    }
}

async fn rows(client: &Client) -> Vec<Value> {
    let mut all = Vec::new();
    for table in TABLES {
        for pql in [format!("SELECT * FROM {table} ORDER BY id"), format!("SELECT * FROM {table} HISTORY")] {
            let mut rows: Vec<Value> = client.query(&pql).await.rows.into_iter().map(Value::Object).collect();
            if pql.ends_with("HISTORY") {
                rows.sort_by_key(Value::to_string);
            }
            // A computed column that grows with the clock.
            rows.iter_mut().filter_map(Value::as_object_mut).for_each(|row| drop(row.remove("score")));
            all.extend(rows);
        }
    }
    all
}

fn agentpm(data: &Path, arguments: &[&str]) -> Ran {
    let mut all = arguments.to_vec();
    all.extend(["--data", data.to_str().unwrap(), "--json"]);
    cli::run(&all)
}

/// The report of a verify that found damage.
#[track_caller]
fn damaged(ran: &Ran) -> Value {
    assert_eq!(ran.code, 1, "{} should find damage:\n{}\n{}", ran.line, ran.stdout, ran.stderr);
    let report: Value = serde_json::from_str(&ran.stdout).expect("one JSON document");
    assert_eq!(report["ok"], false);
    assert!(ran.stderr.contains("damage was found"), "{}", ran.stderr);
    report
}

/// The findings, each as `where: what`.
fn found(report: &Value) -> Vec<String> {
    let text = |finding: &Value, name: &str| finding[name].as_str().unwrap().to_owned();
    let findings = report["findings"].as_array().unwrap();
    findings.iter().map(|finding| format!("{}: {}", text(finding, "where"), text(finding, "what"))).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_directory_of_real_work_is_whole() {
    let worked = Worked::new().await;
    let report = worked.agentpm(&["verify"]).json();
    let head = worked.events.len() as u64;
    assert_eq!(report["ok"], true);
    assert_eq!((report["position"].as_u64(), report["checkpoint"].as_u64()), (Some(head), Some(head)));
    assert_eq!(report["events"], head);
    assert_eq!((&report["findings"], &report["notes"]), (&json!([]), &json!([])));
    assert!(report["entries"].as_u64() > Some(5 * head), "{report}");

    let chain = report["chain"].as_str().unwrap().to_owned();
    assert_eq!(chain.len(), 64);
    worked.agentpm(&["verify", "--expect", &chain]).succeeded();
    let other = chain.replace(|_: char| true, "0");
    let refused = damaged(&worked.agentpm(&["verify", "--expect", &other]));
    assert_eq!(found(&refused), [format!("log: no position has the expected chain hash {other}")]);
    let nonsense = worked.agentpm(&["verify", "--expect", "12"]);
    assert_eq!((nonsense.code, nonsense.stderr.contains("64 hexadecimal digits")), (2, true));

    // For people, too.
    let page = cli::run(&["verify", "--data", worked.data().to_str().unwrap(), "--output", "table"]);
    page.succeeded();
    assert!(
        page.stdout.contains(&chain) && page.stdout.contains("all is as it was written"),
        "{}",
        page.stdout
    );

    // The log goes on; the hash is still that of where it was.
    let mut server = Server::start(worked.dir.path());
    let held = worked.agentpm(&["verify"]);
    assert_eq!(held.code, 4, "{}", held.stderr);
    assert!(held.stderr.contains(&format!("pid {}", server.pid())), "{}", held.stderr);
    let held = worked.agentpm(&["rebuild"]);
    assert_eq!(held.code, 4, "{}", held.stderr);
    for n in 0..20 {
        server.client().post("/tasks", json!({ "title": format!("later {n}") })).await.data();
    }
    server.kill9();
    let report = worked.agentpm(&["verify"]).json();
    assert!(report["checkpoint"].as_u64() < report["position"].as_u64(), "{report}");
    let moved = damaged(&worked.agentpm(&["verify", "--expect", &chain]));
    assert_eq!(found(&moved), [format!("log: the expected chain hash is that of position {head}")]);
}

#[test]
fn what_is_no_data_directory_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    for command in ["verify", "rebuild"] {
        let ran = agentpm(&dir.path().join("nothing"), &[command]);
        assert_eq!(ran.code, 2, "{}", ran.stderr);
        assert!(ran.stderr.contains("is no data directory"), "{}", ran.stderr);
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

/// The views' keyspace, open by hand.
struct ByHand {
    database: Database,
    derived: Keyspace,
}

impl ByHand {
    fn open(data: &Path) -> Self {
        let database = Database::builder(data.join("views")).open().unwrap();
        let derived = database.keyspace("derived", KeyspaceCreateOptions::default).unwrap();
        Self { database, derived }
    }

    fn entries(&self, prefix: &[u8]) -> impl Iterator<Item = (Vec<u8>, Vec<u8>)> {
        let entries = self.derived.prefix(prefix).map(|guard| guard.into_inner().unwrap());
        entries.map(|(key, value)| (key.to_vec(), value.to_vec()))
    }

    /// The first entry of a kind whose key has `part` in it.
    fn with(&self, kind: u8, part: &[u8]) -> (Vec<u8>, Vec<u8>) {
        let has = |key: &[u8]| key.windows(part.len()).any(|window| window == part);
        self.entries(&[kind]).find(|(key, _)| has(key)).expect("there is such an entry")
    }

    fn put(self, key: &[u8], value: Option<&[u8]>) {
        match value {
            Some(value) => self.derived.insert(key, value).unwrap(),
            None => self.derived.remove(key).unwrap(),
        }
        self.database.persist(PersistMode::SyncAll).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_derived_is_named_and_mended() {
    let worked = Worked::new().await;
    let data = worked.data();
    let event = &worked.events[worked.events.len() / 2];
    let (stream, position) = (event["stream"].as_str().unwrap(), event["position"].as_u64().unwrap());
    let by_hand = ByHand::open(&data);
    let (row, row_value) = by_hand.entries(&[ROW, TASKS]).next().unwrap();
    let (other_row, other_value) = by_hand.entries(&[ROW, TASKS]).nth(1).unwrap();
    let task = String::from_utf8(row[2..].to_vec()).unwrap();
    let (version, _) = by_hand.entries(&[HISTORY, TASKS]).next().unwrap();
    let (id, _) = by_hand.entries(&[EVENT_ID]).next().unwrap();
    let (index, index_value) = by_hand.with(STREAM, stream.as_bytes());
    let (head, head_value) = by_hand.with(STREAM_HEAD, stream.as_bytes());
    let tag = format!("$type:{}", event["type"].as_str().unwrap());
    let (tag_index, _) = by_hand.with(TAG, &[tag.as_bytes(), &position.to_be_bytes()].concat());
    drop(by_hand);
    assert!(row != other_row && row_value != other_value);

    let plus_one = |value: &[u8]| {
        let mut value = value.to_vec();
        *value.last_mut().unwrap() ^= 1;
        value
    };
    /// A key, its value from now on, and how the finding begins.
    type Case<'a> = (&'a [u8], Option<Vec<u8>>, String);
    let cases: [Case<'_>; 8] = [
        (&row, None, format!("row {task} of table tasks: it is missing")),
        (&row, Some(other_value), format!("row {task} of table tasks: it ")),
        (&version, None, "version of row ".into()),
        (&id, None, "index of event id ".into()),
        (&tag_index, None, format!("index of tag {tag} at position {position}: it is missing")),
        (&index, Some(plus_one(&index_value)), format!("index of stream {stream} at revision ")),
        (&head, Some(plus_one(&head_value)), format!("head of stream {stream}: it says ")),
        (&[ROW, TASKS, b'?'], Some(row_value.clone()), "row ? of table tasks: the log gives no".into()),
    ];
    for (key, value, words) in cases {
        ByHand::open(&data).put(key, value.as_deref());
        let report = damaged(&worked.agentpm(&["verify"]));
        let found = found(&report);
        assert_eq!(found.len(), 1, "{words}: {found:?}");
        assert!(found[0].starts_with(&words), "{words}: {found:?}");
        assert_eq!(report["findings"][0]["derived"], true);
        let rebuilt = worked.agentpm(&["rebuild"]).json();
        assert_eq!(
            (rebuilt["position"].as_u64(), &rebuilt["chain"]),
            (report["position"].as_u64(), &report["chain"])
        );
        worked.agentpm(&["verify"]).succeeded();
    }
    worked.is_as_before().await;
}

/// Flips one bit of a file, and flips it back when it goes.
struct Flipped {
    path: PathBuf,
    at: u64,
    byte: u8,
}

impl Flipped {
    fn new(path: &Path, at: u64, bit: u8) -> Self {
        let mut byte = [0];
        let mut file = fs::File::open(path).unwrap();
        file.seek(SeekFrom::Start(at)).unwrap();
        file.read_exact(&mut byte).unwrap();
        write(path, at, byte[0] ^ (1 << bit));
        Self { path: path.into(), at, byte: byte[0] }
    }
}

impl Drop for Flipped {
    fn drop(&mut self) {
        if self.path.exists() {
            write(&self.path, self.at, self.byte);
        }
    }
}

fn write(path: &Path, at: u64, byte: u8) {
    let mut file = fs::File::options().write(true).open(path).unwrap();
    file.seek(SeekFrom::Start(at)).unwrap();
    file.write_all(&[byte]).unwrap();
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    found
}

/// Bytes of a file up to the last that is not zero.
fn held(path: &Path) -> u64 {
    let bytes = fs::read(path).unwrap();
    bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last as u64 + 1)
}

/// A byte of any file is named with its file. Locks, and the zeros that a journal is made of, say nothing:
/// whatever they become, all is as before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flipped_byte_is_named_with_its_file() {
    let worked = Worked::new().await;
    let data = worked.data();
    let whole = worked.agentpm(&["verify"]).json();
    let mut seed = Seed::new();
    let mut named = 0;
    for path in files(&data) {
        let shown = path.strip_prefix(&data).unwrap().to_str().unwrap();
        let len = if path.exists() { held(&path) } else { 0 };
        if shown.ends_with("LOCK") || shown.ends_with("lock") || len == 0 {
            continue;
        }
        for at in [0, seed.below(0..len as usize) as u64, len - 1] {
            if !path.exists() {
                break;
            }
            let flipped = Flipped::new(&path, at, seed.below(0..8) as u8);
            let ran = worked.agentpm(&["verify"]);
            drop(flipped);
            if (shown.ends_with(".jnl") || !path.exists()) && ran.code == 0 {
                // The sequence number of a batch, within its order: the same records in the same order. Or a
                // file that nothing led to, and that fjall has removed meanwhile.
                let report = ran.json();
                assert_eq!((&report["position"], &report["chain"]), (&whole["position"], &whole["chain"]));
                continue;
            }
            let report = damaged(&ran);
            // A `current` that names another version is told by what it names.
            let folder = Path::new(shown).parent().unwrap();
            let names = |finding: &Value| {
                let file = Path::new(finding["file"].as_str().unwrap());
                file == Path::new(shown) || (shown.ends_with("current") && file.parent() == Some(folder))
            };
            let findings = report["findings"].as_array().unwrap();
            assert!(findings.iter().any(names), "byte {at} of {shown}: {report}");
            named += 1;
        }
    }
    assert!(named >= 20, "only {named} flips were named");
    assert_eq!(worked.agentpm(&["verify"]).json(), whole);

    // Zeros behind the last batch of a journal.
    let journal = data.join("log/0.jnl");
    for at in [held(&journal), held(&journal) + 5_000] {
        write(&journal, at, 0x10);
        let report = worked.agentpm(&["verify"]).json();
        assert_eq!((&report["position"], &report["chain"]), (&whole["position"], &whole["chain"]));
    }
    worked.is_as_before().await;
}

/// What is damaged in the views can be made anew even when fjall could not open them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn views_with_flipped_bytes_are_rebuilt() {
    let worked = Worked::new().await;
    let views = worked.data().join("views");
    for path in files(&views).iter().filter(|path| held(path) > 0) {
        write(path, held(path) / 2, 0xA5);
    }
    let report = damaged(&worked.agentpm(&["verify"]));
    assert!(
        report["findings"].as_array().unwrap().iter().all(|finding| finding["derived"] == true),
        "{report}"
    );
    // The log was read all the same.
    assert_eq!(report["position"].as_u64(), Some(worked.events.len() as u64));
    worked.agentpm(&["rebuild"]).succeeded();
    assert_eq!(worked.agentpm(&["verify"]).json()["notes"], json!([]));
    worked.is_as_before().await;
}

/// Whenever it is killed, a server starts afterwards, and a rebuild that is let to its end ends well.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rebuild_may_be_killed() {
    let mut worked = Worked::new().await;
    let data = worked.data();
    // So much that it takes a while.
    let mut server = Server::start(worked.dir.path());
    let client = server.client();
    for _ in 0..APPENDS {
        let said: Vec<Value> = (0..EVENTS).map(|n| json!({ "type": "Said", "data": { "n": n } })).collect();
        let append = json!({ "stream": "s", "expected_revision": "any", "events": said });
        client.post("/append", json!({ "appends": [append] })).await.data();
    }
    worked.events = client.events().await;
    assert!(server.stop().success());

    let aside = data.join("views.new");
    let mut interrupted = 0;
    for moment in ["views.new", "views.new/keyspaces/1/current", "views.new/keyspaces/1/tables/0", "never"] {
        let mut child = agentpm_tests::server::command()
            .args(["rebuild", "--data", data.to_str().unwrap()])
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        wait::until("the rebuild is at work, or done", Duration::from_secs(60), || {
            let ended = child.try_wait().unwrap().is_some();
            let reached = data.join(moment).exists();
            async move { (ended || reached).then_some(()) }
        })
        .await;
        // An error means that it has ended already.
        let _ = child.kill();
        let ended = child.wait().unwrap();
        assert!(ended.success() || moment != "never", "{ended}");
        interrupted += usize::from(!ended.success() && aside.exists());
        worked.is_as_before().await;
        assert!(!aside.exists(), "a start removes what a killed rebuild has left");
    }
    assert!(interrupted > 0, "no rebuild was killed while it was at work");
    worked.agentpm(&["rebuild"]).succeeded();
    worked.agentpm(&["verify"]).succeeded();
}
