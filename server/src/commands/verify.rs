//! `agentpm verify`: is a data directory what was written?

use super::output::{self, Form};
use crate::config::{Layer, Settings};
use crate::failure::{Failure, exit};
use crate::server::cannot_open;
use clap::Args;
use domain::Work;
use domain::rows::Table;
use indicatif::{HumanBytes, HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Map, Value, json};
use std::path::PathBuf;
use std::time::Duration;
use store::{Chain, Finding, Place, Progress, Report, Stage, TableId};

/// How often the progress line is drawn anew.
const TICK: Duration = Duration::from_millis(100);

/// Check a data directory: every byte of it, the log, and the views against the log; no server may hold it
#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// The data directory [env: AGENTPM_DB] [default: ~/.agentpm/data]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The chain hash that the log must have where it ends, as an earlier verify printed it
    #[arg(long, value_name = "HASH")]
    expect: Option<Chain>,
}

impl Verify {
    pub(super) fn layer(&self) -> Layer {
        Layer::flags().with_data(self.data.as_deref())
    }
}

pub(super) fn run(verify: &Verify, settings: &Settings, form: Option<Form>) -> Result<(), Failure> {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("verifying {spinner} {msg} {elapsed}");
    bar.set_style(style.expect("the template is right, see above"));
    bar.enable_steady_tick(TICK);
    let mut progress = |progress| bar.set_message(words(progress));
    let options = store::Options::default();
    let report = store::verify(&settings.data, Work::new(), &options, verify.expect, &mut progress);
    bar.finish_and_clear();
    let report = report.map_err(cannot_open)?;
    match Form::or_fitting(form) {
        Form::Table => output::print_bytes(page(&report).as_bytes())?,
        form => output::print(&document(&report), form)?,
    }
    match report.is_whole() {
        true => Ok(()),
        false => Err(Failure::new(exit::INTERNAL, advice(&report))),
    }
}

fn words(Progress { stage, done, total }: Progress) -> String {
    match (stage, total) {
        (Stage::Files, _) => format!("files, {}", HumanBytes(done)),
        (Stage::Log, 0) => format!("log, {} events", HumanCount(done)),
        (Stage::Log, total) => format!("log, {} of {} events", HumanCount(done), HumanCount(total)),
        (Stage::Views, _) => format!("views, {} entries", HumanCount(done)),
    }
}

/// For programs.
fn document(report: &Report) -> Value {
    json!({
        "ok": report.is_whole(),
        "position": report.head.map(|(head, _)| head.position.0),
        "chain": report.head.map(|(_, chain)| chain.to_string()),
        "checkpoint": report.checkpoint.map(|position| position.0),
        "records": report.records,
        "events": report.events,
        "entries": report.entries,
        "findings": report.findings.iter().map(finding).collect::<Vec<_>>(),
        "findings_total": report.findings_count,
        "notes": report.notes,
    })
}

fn finding(finding: &Finding) -> Value {
    let mut members = Map::new();
    let mut put = |name: &str, value: Value| members.insert(name.into(), value);
    put("where", place(&finding.place).into());
    match &finding.place {
        Place::File { path } => put("file", path.to_string_lossy().into()),
        Place::StreamHead { stream } | Place::StreamIndex { stream, .. } => put("stream", (**stream).into()),
        Place::TagIndex { tag, .. } => put("tag", (**tag).into()),
        Place::EventIdIndex { id } => put("event_id", id.to_string().into()),
        Place::AnswerIndex { key } => put("answer", key.to_string().into()),
        Place::Row { table, key } | Place::Version { table, key, .. } => {
            put("table", name(*table).into());
            put("key", (**key).into())
        }
        Place::UnknownKey { key } => put("key", key.as_str().into()),
        Place::Log | Place::Record { .. } | Place::Event { .. } | Place::Checkpoint => None,
    };
    if let Some(position) = finding.position {
        put("position", position.0.into());
    }
    put("what", finding.why.as_str().into());
    put("derived", finding.place.is_derived().into());
    members.into()
}

/// A place in words, with the tables' names, which the store does not know.
fn place(place: &Place) -> String {
    match place {
        Place::Row { table, key } => format!("row {key} of table {}", name(*table)),
        Place::Version { table, key, ended } => {
            format!("version of row {key} of table {} that ended at position {ended}", name(*table))
        }
        other => other.to_string(),
    }
}

fn name(table: TableId) -> String {
    Table::from_id(table).map_or_else(|| table.to_string(), |table| table.name().into())
}

/// For people.
fn page(report: &Report) -> String {
    let mut lines = Vec::new();
    match report.head {
        Some((head, chain)) => {
            lines.push(format!("position    {}", head.position));
            lines.push(format!("chain       {chain}"));
        }
        None => lines.push("the log was not read to its end".into()),
    }
    if let Some(checkpoint) = report.checkpoint {
        lines.push(format!("checkpoint  {checkpoint}"));
    }
    let Report { records, events, entries, .. } = report;
    lines.push(format!(
        "read        {events} events in {records} records; {entries} entries of views compared"
    ));
    lines.extend(report.notes.iter().map(|note| format!("note: {note}")));
    lines.extend(report.findings.iter().map(|finding| {
        let text = format!("damage: {}: {}", place(&finding.place), finding.why);
        // A name in the log may hold what would move the cursor.
        text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
    }));
    let more = report.findings_count - report.findings.len() as u64;
    if more > 0 {
        lines.push(format!("and {more} more"));
    }
    if report.is_whole() {
        lines.push("all is as it was written".into());
    }
    lines.push(String::new());
    lines.join("\n")
}

fn advice(report: &Report) -> String {
    let count = report.findings_count;
    let found = format!("damage was found in {count} place{}", if count == 1 { "" } else { "s" });
    match report.findings.iter().all(|finding| finding.place.is_derived()) {
        true => format!("{found}, in what is derived: `agentpm rebuild` makes it anew from the log"),
        false => format!("{found}: the log cannot be made anew; restore the directory from a backup"),
    }
}

#[cfg(test)]
mod test {
    use super::*;
    use store::{Head, Position};

    fn report(place: Place) -> Report {
        let finding = Finding { place, position: Some(Position(7)), why: "it is missing".into() };
        Report { findings: vec![finding], findings_count: 3, ..Report::default() }
    }

    #[test]
    fn a_finding_is_told_by_name_in_both_forms() {
        let report = report(Place::Row { table: Table::Tasks.id(), key: "t\u{1b}1".into() });
        let document = document(&report);
        assert_eq!(document["ok"], false);
        assert_eq!(document["position"], Value::Null);
        let expected = json!({
            "where": "row t\u{1b}1 of table tasks", "table": "tasks", "key": "t\u{1b}1",
            "position": 7, "what": "it is missing", "derived": true,
        });
        assert_eq!(document["findings"], json!([expected]));
        let page = page(&report);
        assert!(page.contains("damage: row t 1 of table tasks: it is missing\nand 2 more"), "{page}");
        assert!(advice(&report).contains("`agentpm rebuild`"));
    }

    #[test]
    fn the_log_is_no_thing_to_rebuild() {
        let report = report(Place::Event { position: Position(7) });
        assert!(advice(&report).contains("backup"));
    }

    #[test]
    fn a_whole_directory_says_so() {
        let chain: Chain = "ab".repeat(32).parse().unwrap();
        let head = Head { position: Position(9), ..Head::default() };
        let report = Report { head: Some((head, chain)), ..Report::default() };
        assert_eq!(document(&report)["chain"], "ab".repeat(32));
        assert!(page(&report).ends_with("all is as it was written\n"), "{}", page(&report));
        assert!("xyz".parse::<Chain>().is_err());
    }
}
