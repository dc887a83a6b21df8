//! The document and the catalogue say the same.

use super::{CATALOGUE, EventType};
use std::fmt::Write;

/// The part of `docs/events.md` that comes from the catalogue.
fn render() -> String {
    let mut out = String::new();
    let mut family = "";
    for entry in CATALOGUE {
        if entry.family != family {
            family = entry.family;
            writeln!(out, "## {family}\n").expect("a String takes all");
        }
        section(&mut out, entry);
    }
    out
}

fn section(out: &mut String, entry: &EventType) {
    let tags: Vec<_> = entry.tags.iter().map(|tag| format!("`{tag}`")).collect();
    let EventType { name, summary, stream_prefix, .. } = entry;
    write!(
        out,
        "### {name}\n\n{summary}\n\nStream `{stream_prefix}{{id}}` · tags {}\n\n\
         | field | JSON | says | left out when |\n|---|---|---|---|\n",
        tags.join(" ")
    )
    .expect("a String takes all");
    for field in entry.fields {
        writeln!(out, "| `{}` | {} | {} | {} |", field.name, field.kind, field.meaning, field.absent)
            .expect("a String takes all");
    }
    out.push('\n');
}

const BEGIN: &str = "<!-- from here on as in domain/src/event/catalogue.rs; a test compares -->\n";

/// To write the document anew after a change of the catalogue: `UPDATE_DOCS=1 cargo test -p agentpm-domain`.
#[test]
fn the_document_is_the_catalogue() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/events.md");
    let document = std::fs::read_to_string(path).expect("docs/events.md");
    let (preface, tables) = document.split_once(BEGIN).expect("the mark where the tables begin");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(path, format!("{preface}{BEGIN}\n{}", render().trim_end().to_owned() + "\n"))
            .expect("docs/events.md can be written");
        return;
    }
    assert_eq!(tables.trim(), render().trim(), "docs/events.md differs from event::CATALOGUE");
}

#[test]
fn names_are_unique_and_streams_are_reserved() {
    for (i, entry) in CATALOGUE.iter().enumerate() {
        assert!(CATALOGUE[..i].iter().all(|other| other.name != entry.name), "{} twice", entry.name);
        assert!(
            crate::reserved::STREAM_PREFIXES.contains(&entry.stream_prefix),
            "{} is not reserved",
            entry.stream_prefix
        );
    }
}
