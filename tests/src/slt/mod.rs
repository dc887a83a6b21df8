//! Statements and what they must answer, in the files of `pql/`: sqllogictest's format and parser, asked of a real
//! server, and then of the one that `agentpm rebuild` makes of its log.
//!
//! ```text
//! statement ok
//! POST /tasks {"id":"t1","title":"One","caps":["rust"]}
//!
//! query
//! params {"caps":["rust"]}
//! SELECT id, caps FROM tasks WHERE caps <@ $caps
//! ----
//! id text, caps set
//! ["t1",["rust"]]
//!
//! query error
//! SELECT statsu FROM tasks
//! ----
//! error[unknown_column]: no column `statsu` in `tasks`
//!   1 | SELECT statsu FROM tasks
//!     |        ^^^^^^ did you mean `status`?
//!
//!
//! ```
//!
//! The answer to a query is its columns with their types, and one JSON array a row; that to SUBSCRIBE, over a
//! WebSocket, is what it gives until it has caught up. A statement that begins with a method is a call. What no
//! file can hold is written in guillemets: see [`expand`]. A first line `# serve --flag value` sets the server's flags. With `AGENTPM_COMPLETE=1` the answers are written into
//! the file instead of compared, for a person to read.

mod ask;
mod expand;
#[cfg(test)]
mod read;

pub use ask::Failure;

use crate::Server;
use crate::server::Options;
use ask::{AnyType, Asker};
use sqllogictest::{Record, Runner, TestError, default_column_validator, default_validator, parse_file};
use std::path::Path;
use std::process::Stdio;

/// How the server of a file is started: with the settings in its first line, if that is `# serve --flag value …`.
///
/// # Panics
/// When the file cannot be read.
#[must_use]
pub fn options(path: &Path) -> Options {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let settings = text.lines().next().and_then(|line| line.strip_prefix("# serve "));
    let arguments = settings.unwrap_or_default().split_whitespace().map(str::to_owned).collect();
    Options { arguments, ..Options::default() }
}

/// Runs a file against a server of its own; then asks all its questions of that server, and of the one that is
/// rebuilt from its log.
///
/// # Panics
/// When the file cannot be read, is malformed, or an answer is another one; all that differ are listed.
pub async fn run(path: &Path, server: Server) {
    let asker = Asker::new(&server);
    let mut runner = Runner::new({
        let asker = asker.clone();
        move || {
            let asker = asker.clone();
            async move { Ok(asker) }
        }
    });
    runner.with_normalizer(exact);
    if std::env::var_os("AGENTPM_COMPLETE").is_some() {
        let written =
            runner.update_test_file(path, " ", default_validator, exact, default_column_validator).await;
        written.expect("the file can be read and written");
        // Queries name no types for their columns: the answers do.
        let text = std::fs::read_to_string(path).expect("the file was just written");
        std::fs::write(path, text.replace("\nquery \n", "\nquery\n")).expect("the file can be written");
        return;
    }
    let records = parse_file(path).unwrap_or_else(|error| panic!("{error}"));
    assert!(!records.is_empty(), "{} holds nothing", path.display());
    let mut wrong = Vec::new();
    for record in records.iter().cloned() {
        if let Err(error) = runner.run_async(record).await {
            wrong.push(told(&error));
        }
    }
    assert!(wrong.is_empty(), "{} of the answers are others:\n\n{}", wrong.len(), wrong.join("\n\n"));
    rebuilt(path, &records, asker, server).await;
}

/// The answer to one statement, or its errors, as a file shows it.
pub async fn ask(server: &Server, statement: &str) -> String {
    Asker::new(server).shown(statement).await
}

/// The questions of a file, which change nothing, give the same answers before and after a rebuild. Those whose
/// answers change while nothing happens (they look at the clock) are passed over; they are few.
async fn rebuilt(path: &Path, records: &[Record<AnyType>], mut asker: Asker, mut server: Server) {
    let questions: Vec<&str> = records
        .iter()
        .filter_map(|record| match record {
            Record::Query { sql, .. } | Record::Statement { sql, .. } if is_question(sql) => Some(&**sql),
            _ => None,
        })
        .collect();
    let mut before = Vec::new();
    let mut passing = 0;
    for question in &questions {
        let (first, second) = (asker.shown(question).await, asker.shown(question).await);
        passing += usize::from(first != second);
        before.push((first == second).then_some(first));
    }
    assert!(passing * 10 <= questions.len(), "{passing} of {} answers change by themselves", questions.len());
    assert!(server.stop().success(), "the server stops in good order");
    let done = crate::server::command()
        .arg("rebuild")
        .arg("--data")
        .arg(server.data())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status();
    assert!(done.is_ok_and(|status| status.success()), "`agentpm rebuild` succeeds");
    let server = server.restart();
    let mut asker = Asker::new(&server);
    let mut wrong = Vec::new();
    for (question, before) in questions.iter().zip(before) {
        let after = asker.shown(question).await;
        if before.as_ref().is_some_and(|before| *before != after) {
            wrong.push(format!(
                "{question}\n---- before\n{}\n---- rebuilt\n{after}",
                before.unwrap_or_default()
            ));
        }
    }
    assert!(wrong.is_empty(), "{}: a rebuild changed answers:\n{}", path.display(), wrong.join("\n\n"));
}

/// Whether a statement reads, and its answer is that of the tables alone: the text of a plan may differ.
fn is_question(sql: &str) -> bool {
    let statement = ask::without_params(sql).1.trim_start().to_ascii_uppercase();
    let reads = ["SELECT", "WITH", "SHOW", "DESCRIBE", "EXPLAIN NEXT_TASK"];
    reads.iter().any(|word| statement.starts_with(word))
}

/// Answers are compared as they are, blanks included.
#[allow(clippy::ptr_arg)] // as sqllogictest has it
fn exact(line: &String) -> String {
    line.clone()
}

fn told(error: &TestError) -> String {
    error.display(false).to_string()
}

/// Who holds the language complete by these files reads them as they are run.
#[test]
fn the_files_are_read_as_they_are_run() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("pql");
    let mut run = Vec::new();
    for file in std::fs::read_dir(folder).unwrap() {
        let records = parse_file::<AnyType>(file.unwrap().path()).unwrap();
        run.extend(records.into_iter().filter_map(|record| match record {
            Record::Query { sql, expected, .. } => {
                Some((sql, matches!(expected, sqllogictest::QueryExpect::Error(_))))
            }
            Record::Statement { sql, expected, .. } => {
                Some((sql, matches!(expected, sqllogictest::StatementExpect::Error(_))))
            }
            _ => None,
        }));
    }
    let run: Vec<(String, bool)> =
        run.iter().map(|(sql, fails)| (expand::expand(ask::without_params(sql).1), *fails)).collect();
    let read: Vec<(String, bool)> =
        read::records().into_iter().map(|record| (record.pql, record.error.is_some())).collect();
    assert_eq!(read.len(), run.len());
    for record in &run {
        assert!(read.contains(record), "{record:?}");
    }
}
