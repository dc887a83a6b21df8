//! The language as clients meet it: every file of `pql/`, each against a server of its own.

use agentpm_tests::{Server, slt};
use std::path::PathBuf;

/// One test a file, so that each is reported by its name; `every_file_is_run` holds the list complete.
macro_rules! files {
    ($($name:ident),+ $(,)?) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let dir = tempfile::tempdir().unwrap();
                let path = folder().join(concat!(stringify!($name), ".slt"));
                let server = Server::start_with(dir.path(), slt::options(&path));
                slt::run(&path, server).await;
            }
        )+

        #[test]
        fn every_file_is_run() {
            let mut found: Vec<String> = std::fs::read_dir(folder())
                .unwrap()
                .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
                .collect();
            found.sort();
            assert_eq!(found, [$(stringify!($name)),+]);
        }
    };
}

files!(
    aggregates,
    bounds,
    clauses,
    coercion,
    errors,
    examples,
    expressions,
    functions,
    grammar,
    json,
    limits,
    mistakes,
    moments,
    next_task,
    sets,
    subscribe,
    subselects,
    tables
);

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("pql")
}

/// What the pages of the language show is answered, whatever the answer; what is not built says so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_examples_of_the_pages_are_answered() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    let pages = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/pql");
    let mut examples = Vec::new();
    for page in std::fs::read_dir(pages).unwrap() {
        let text = std::fs::read_to_string(page.unwrap().path()).unwrap();
        for block in text.split("\n```pql\n").skip(1) {
            let block = block.split("\n```").next().unwrap_or_default();
            examples.extend(block.split(";\n").map(str::trim).filter(|it| !it.is_empty()).map(str::to_owned));
        }
    }
    assert!(examples.len() >= 14, "{} examples are not all of them", examples.len());
    let mut wrong = Vec::new();
    for example in examples {
        // The parameters of the pages are sets.
        let params = if example.contains("$caps") { "params {\"caps\":[\"rust\"]}\n" } else { "" };
        let said = slt::ask(&server, &format!("{params}{example}")).await;
        let is_built =
            !["CREATE PROJECTION", "DROP PROJECTION"].iter().any(|start| example.starts_with(start));
        let is_refused = said.starts_with("error[");
        if is_refused == is_built || is_refused && !said.contains("not part of this version") {
            wrong.push(format!("{example}\n{said}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
