//! The statements of the files in `pql/`, for the crates that hold the language complete: what has no record is
//! found by them. Included by path (`grammar`, `query`), because nothing of ours may link this package.

use std::fs;
use std::path::Path;

/// A record that asks a statement.
#[derive(Debug)]
pub(crate) struct Asked {
    /// The statement, its marks carried out.
    pub(crate) pql: String,
    /// The answer as it stands in the file, when it is an error.
    pub(crate) error: Option<String>,
}

/// Every statement of every file: calls are left out, but for their errors.
///
/// # Panics
/// When the files cannot be read or hold nothing.
pub(crate) fn records() -> Vec<Asked> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/pql");
    let mut asked = Vec::new();
    for file in fs::read_dir(folder).expect("the folder of the files") {
        let text = fs::read_to_string(file.expect("a file").path()).expect("a file of text");
        asked.extend(read(&text));
    }
    assert!(asked.len() > 300, "{} records are not all of them", asked.len());
    asked
}

fn read(text: &str) -> Vec<Asked> {
    let mut asked = Vec::new();
    let mut lines = text.lines().peekable();
    while let Some(head) = lines.next() {
        let (kind, what) = head.split_once(' ').unwrap_or((head, ""));
        let is_error = what == "error";
        if !matches!((kind, what), ("query", "" | "error") | ("statement", "ok" | "error")) {
            assert!(
                !matches!(kind, "query" | "statement"),
                "an error's text stands below its statement: {head}"
            );
            continue;
        }
        let mut pql = Vec::new();
        let mut has_answer = false;
        for line in lines.by_ref().take_while(|line| !line.is_empty()) {
            has_answer = line == "----";
            if has_answer {
                break;
            }
            if !line.starts_with("params ") || !pql.is_empty() {
                pql.push(line);
            }
        }
        assert!(has_answer || !is_error, "an error without its text may be any: {pql:?}");
        let error = is_error
            .then(|| lines.by_ref().take_while(|line| !line.is_empty()).collect::<Vec<_>>().join("\n"));
        let pql = super::expand::expand(&pql.join("\n"));
        asked.push(Asked { pql, error });
    }
    asked
}
