//! What a crash leaves of the journal: its last record cut at every page, or a bit of any page another. The
//! store opens with every acknowledged event, or refuses and says where: nothing is lost in silence.
//! `docs/internals/disk-format.md` has the promise for each case.

use agentpm_tests::{Client, Options, Seed, Server, cli};
use rand::RngCore as _;
use serde_json::{Value, json};
use std::fs::{self, File};
use std::io::Write as _;
use std::ops::Range;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const PAGE: usize = 4_096;
/// Appends that stay as they are.
const BEFORE: usize = 12;
/// Bytes of the last append: on several pages, and not to be compressed.
const LAST_BYTES: usize = 6 * PAGE;

/// A server that was killed, and its journal.
struct Crashed {
    dir: TempDir,
    journal: Vec<u8>,
    /// Where the last record lies in it.
    last: Range<usize>,
    /// Every event but that of the last record.
    events: Vec<Value>,
}

fn journal_of(dir: &Path) -> PathBuf {
    dir.join("data/log/0.jnl")
}

/// A journal without the zeros it was made of.
fn held(dir: &Path) -> Vec<u8> {
    let mut journal = fs::read(journal_of(dir)).unwrap();
    let len = journal.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    journal.truncate(len);
    journal
}

async fn append(client: &Client, text: String) {
    let event = json!({ "type": "Said", "data": { "text": text } });
    let body = json!({ "appends": [{ "stream": "s", "expected_revision": "any", "events": [event] }] });
    client.post("/append", body).await.data();
}

impl Crashed {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut server = Server::start(dir.path());
        let client = server.client();
        for n in 0..BEFORE {
            append(&client, format!("{n} ").repeat(100 * n)).await;
        }
        let events = client.events().await;
        let start = held(dir.path()).len();
        let mut noise = vec![0; LAST_BYTES / 2];
        rand::rng().fill_bytes(&mut noise);
        append(&client, noise.iter().map(|byte| format!("{byte:02x}")).collect()).await;
        server.kill9();
        let journal = held(dir.path());
        let last = start..journal.len();
        assert!(last.len() > 2 * PAGE, "the last record lies on several pages: {last:?}");
        Self { dir, journal, last, events }
    }

    /// The directory with another journal. It goes on with zeros, as the real one does.
    fn with_journal(&self, journal: &[u8], zeros: bool) -> TempDir {
        let copy = tempfile::tempdir().unwrap();
        copy_all(&self.dir.path().join("data"), &copy.path().join("data"));
        let mut file = File::create(journal_of(copy.path())).unwrap();
        file.write_all(journal).unwrap();
        if zeros {
            file.set_len(fs::metadata(journal_of(self.dir.path())).unwrap().len()).unwrap();
        }
        copy
    }

    /// A server opens it with every event but the last, and goes on from there; `verify` says what it sees.
    async fn opens(&self, journal: &[u8], zeros: bool, case: &str) {
        let copy = self.with_journal(journal, zeros);
        let server =
            Server::try_start(copy.path(), &Options::default()).unwrap_or_else(|why| panic!("{case}: {why}"));
        let client = server.client();
        assert_eq!(client.events().await, self.events, "{case}");
        append(&client, "it goes on".into()).await;
        assert_eq!(client.head().await, self.events.len() as u64 + 1, "{case}");
    }
}

/// Files with their holes.
fn copy_all(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy_all(&path, &target);
        } else if path.extension().is_some_and(|extension| extension == "jnl") {
            // Zeros to its end, or made by the caller.
            let len = fs::metadata(&path).unwrap().len();
            File::create(target).unwrap().set_len(len).unwrap();
        } else {
            fs::copy(&path, target).unwrap();
        }
    }
}

/// The last append stands for one that was under way: when it is cut, nobody was told of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_cut_at_any_page_takes_nothing_with_it() {
    let crashed = Crashed::new().await;
    let Range { start, end } = crashed.last;
    let pages = (start / PAGE + 1)..=((end - 1) / PAGE);
    assert!(pages.clone().count() >= 3, "{start}..{end}");
    for page in pages {
        let cut = page * PAGE;
        crashed.opens(&crashed.journal[..cut], true, &format!("zeros from byte {cut}")).await;
        crashed.opens(&crashed.journal[..cut], false, &format!("cut at byte {cut}")).await;
        // The disk wrote the end, and not this page.
        let mut hole = crashed.journal.clone();
        let upto = (cut + PAGE).min(end);
        hole[cut..upto].fill(0);
        crashed.opens(&hole, true, &format!("bytes {cut} to {upto} not written")).await;
    }
    crashed.opens(&crashed.journal[..start], true, "nothing of it").await;
    // A torn record is no damage.
    let copy = crashed.with_journal(&crashed.journal[..(start + end) / 2], true);
    let data = copy.path().join("data");
    let report = cli::run(&["verify", "--json", "--data", data.to_str().unwrap()]).json();
    assert_eq!(report["position"], crashed.events.len());
    assert!(report["notes"][0].as_str().unwrap().contains("torn by a crash"), "{report}");
}

/// A bit that is another is no tear: whatever was written there was acknowledged.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bit_of_any_page_is_never_lost_in_silence() {
    let crashed = Crashed::new().await;
    let mut seed = Seed::new();
    let end = crashed.last.end;
    for page in 0..=(end - 1) / PAGE {
        let at = seed.below(page * PAGE..((page + 1) * PAGE).min(end));
        let mut journal = crashed.journal.clone();
        journal[at] ^= 1 << seed.below(0..8);
        let copy = crashed.with_journal(&journal, true);
        let data = copy.path().join("data");
        let verified = cli::run(&["verify", "--json", "--data", data.to_str().unwrap()]);
        match Server::try_start(copy.path(), &Options::default()) {
            Err(why) => {
                assert!(why.contains("0.jnl"), "byte {at}: {why}");
                assert_eq!(verified.code, 1, "byte {at}: {}", verified.stderr);
                let report: Value = serde_json::from_str(&verified.stdout).unwrap();
                assert_eq!(report["findings"][0]["file"], "log/0.jnl", "byte {at}");
            }
            // A sequence number that is another and still in order: nothing depends on it.
            Ok(server) => {
                let events = server.client().events().await;
                assert_eq!(events.len(), crashed.events.len() + 1, "byte {at}");
                assert_eq!(events[..crashed.events.len()], crashed.events, "byte {at}");
                verified.succeeded();
            }
        }
    }
}
