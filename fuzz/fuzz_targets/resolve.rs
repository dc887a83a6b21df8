//! Any text is resolved and planned, as a statement and as a predicate, or refused where it is wrong: without a panic,
//! on the stack that async runtimes give, and never as a failure of the engine's own.

#![no_main]

use libfuzzer_sys::fuzz_target;
use query::{Engine, Options, Params, QueryError};
use std::sync::OnceLock;
use store::{Store, Timestamp};

/// What a thread of an async runtime has.
const STACK_BYTES: usize = 2 << 20;

/// The clock: 2026-01-19T14:25:00Z.
const NOW: Timestamp = Timestamp(1_768_832_700_000_000);

fuzz_target!(|text: &str| {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK_BYTES);
        thread.spawn_scoped(scope, || stands(text)).expect("a thread").join().expect("no panic");
    });
});

/// An engine over an empty store. Its directory goes with the machine's other temporary files.
fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(|| {
        let dir = tempfile::tempdir().expect("a directory").keep();
        let (store, _) =
            Store::open(&dir, domain::Work::new(), store::Options::default()).expect("an empty store");
        Engine::new(store, Options::default()).expect("an engine")
    })
}

fn stands(text: &str) {
    let engine = engine();
    let refused = [
        engine.prepare(text, Params::none(), NOW).err(),
        engine.candidate_filter(text, Params::none()).err(),
        engine.append_condition(text, &Params::none()).err(),
    ];
    for error in refused.iter().flatten() {
        is_of_the_text(error, text);
    }
}

fn is_of_the_text(error: &QueryError, text: &str) {
    assert_eq!(error.internal, None);
    assert!(!error.errors.is_empty());
    for error in &error.errors {
        assert!(text.get(error.span.start..error.span.end).is_some(), "{:?} is no place", error.span);
        assert!(!error.message.contains("cannot be planned"), "{}", error.message);
    }
}
