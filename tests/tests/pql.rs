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
                let server = Server::start(dir.path());
                slt::run(&folder().join(concat!(stringify!($name), ".slt")), server).await;
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
    tables
);

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("pql")
}
