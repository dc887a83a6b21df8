//! A history that people and agents made, imported in every way there is: at every moment that is looked at,
//! the tasks are what the file said.

use agentpm_tests::beads::{self, Change, Moment, check_moments, offline, online};
use agentpm_tests::{Seed, Server, cli, full, size};
use serde_json::Value;
use std::io::{BufRead as _, BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Moments that are looked at besides the oracle's.
const MORE_MOMENTS: usize = 10;
/// Lines that are imported three times over, unless full sizes are asked for.
const CUT_LINES: usize = 12_000;
/// An import in a debug build has begun to write by then.
const BEGUN_LIMIT: Duration = Duration::from_secs(60);

/// The folder with `beads-history.ndjson.xz` and its oracle, if it is here.
fn real_data() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    let folder = std::env::var_os("AGENTPM_REAL_DATA").map_or(beside, PathBuf::from);
    if folder.join("beads-history.oracle.json").exists() {
        return Some(folder);
    }
    assert!(
        std::env::var_os("CI").is_none(),
        "no real history in {}: set AGENTPM_REAL_DATA",
        folder.display()
    );
    println!("skipped: no real history in {}", folder.display());
    None
}

/// A real history: the file, what it says at each moment that is looked at, and how many changes there are.
struct Real {
    file: PathBuf,
    moments: Vec<Moment>,
    changes: usize,
}

/// The history unpacked into `dir`, or the first `lines_max` lines of it: whole commits, so that every moment
/// before the first change that was left out is answered by the whole history's oracle.
fn real(dir: &Path, lines_max: usize) -> Option<Real> {
    let folder = real_data()?;
    let file = dir.join("history.ndjson");
    let (changes, until) = unpack(&folder, &file, lines_max);
    let text = std::fs::read_to_string(folder.join("beads-history.oracle.json")).unwrap();
    let oracle: Value = serde_json::from_str(&text).unwrap();
    let oracle = oracle["moments"].as_array().unwrap().iter().map(|moment| Moment {
        at: moment["as_of"].as_i64().unwrap(),
        live: usize::try_from(moment["live"].as_u64().unwrap()).unwrap(),
        sha256: moment["sha256"].as_str().unwrap().to_owned(),
    });
    let oracle: Vec<Moment> = oracle.filter(|moment| until.is_none_or(|until| moment.at < until)).collect();
    assert!(!oracle.is_empty());
    // The tests' own reading of the file is held against the oracle, then gives more moments.
    assert_eq!(beads::moments(&changes, oracle.iter().map(|moment| moment.at).collect()), oracle);
    println!("{} changes, {} moments of the oracle", changes.len(), oracle.len());
    let mut seed = Seed::new();
    let (first, last) = (changes[0].at, changes[changes.len() - 1].at);
    let more = (0..MORE_MOMENTS).map(|_| seed.int(first - 1..last + 1)).collect();
    let moments = [oracle, beads::moments(&changes, more)].concat();
    Some(Real { file, moments, changes: changes.len() })
}

/// Gives the changes, and the time of the first one that was left out.
fn unpack(folder: &Path, into: &Path, lines_max: usize) -> (Vec<Change>, Option<i64>) {
    let packed = std::fs::File::open(folder.join("beads-history.ndjson.xz")).unwrap();
    let lines = BufReader::new(liblzma::read::XzDecoder::new(packed)).lines().map(Result::unwrap);
    let mut unpacked = BufWriter::new(std::fs::File::create(into).unwrap());
    let mut changes: Vec<Change> = Vec::new();
    let mut until = None;
    for line in lines {
        let change = Change::read(&line);
        if changes.len() >= lines_max && changes.last().is_some_and(|last| last.at != change.at) {
            until = Some(change.at);
            break;
        }
        writeln!(unpacked, "{line}").unwrap();
        changes.push(change);
    }
    unpacked.flush().unwrap();
    (changes, until)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_whole_real_history_offline() {
    let dir = tempfile::tempdir().unwrap();
    let Some(real) = real(dir.path(), size("AGENTPM_IMPORT_LINES", usize::MAX)) else { return };
    let began = Instant::now();
    offline(dir.path(), &real.file).succeeded();
    println!("{} changes offline: {:?}", real.changes, began.elapsed());
    let began = Instant::now();
    let report = cli::run(&["verify", "--json", "--data", dir.path().join("data").to_str().unwrap()]).json();
    assert_eq!(report["checkpoint"], report["position"], "{report}");
    println!("verified: {:?}", began.elapsed());
    let server = Server::start(dir.path());
    check_moments(&server.client(), &real.moments, "offline").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_real_history_through_a_server_and_cut_in_the_middle() {
    let dir = tempfile::tempdir().unwrap();
    let lines_max = size("AGENTPM_IMPORT_LINES", if full() { usize::MAX } else { CUT_LINES });
    let Some(real) = real(dir.path(), lines_max) else { return };
    let server = Server::start(&dir.path().join("online"));
    let began = Instant::now();
    online(&server.socket_path(), &real.file).succeeded();
    println!("{} changes through a server: {:?}", real.changes, began.elapsed());
    check_moments(&server.client(), &real.moments, "online").await;
    let head = server.client().head().await;
    drop(server);

    // Killed in the middle; the same input again goes on where it was.
    let mut server = Server::start(&dir.path().join("cut"));
    for share in [4, 2] {
        let importer = std::thread::spawn({
            let (socket, file) = (server.socket_path(), real.file.clone());
            move || online(&socket, &file)
        });
        let client = server.client();
        agentpm_tests::wait::until("the import is under way", BEGUN_LIMIT, || async {
            (client.head().await >= head / share).then_some(())
        })
        .await;
        server.kill9();
        let ran = importer.join().unwrap();
        assert_eq!(ran.code, 7, "the server is gone: {}{}", ran.stdout, ran.stderr);
        server = server.restart();
        let reached = server.client().head().await;
        assert!(reached >= head / share && reached < head, "killed at {reached} of {head}");
    }
    online(&server.socket_path(), &real.file).succeeded();
    check_moments(&server.client(), &real.moments, "cut").await;
    assert_eq!(server.client().head().await, head, "nothing twice, nothing left out");
    online(&server.socket_path(), &real.file).succeeded();
    assert_eq!(server.client().head().await, head, "once more changes nothing");
}
