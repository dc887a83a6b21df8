//! Statements broken at random are read or refused, on the stack that async runtimes give: a fuzz target that runs
//! with the other tests. `AGENTPM_TEST_SEED` and `AGENTPM_MUTATIONS` make it another one, and longer.

#[path = "../../../tests/src/slt/mutate.rs"]
mod mutate;

use super::records::read;
use crate::{TEXT_BYTES_MAX, parse, parse_predicate};

/// Statements that are tried when nothing else is said; some seconds in an unoptimised build.
const MUTATIONS: usize = 4_000;

/// What a thread of an async runtime has.
const STACK_BYTES: usize = 2 << 20;

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|value| value.parse().ok())
}

#[test]
fn broken_statements_are_read_or_refused() {
    let seed = setting("AGENTPM_TEST_SEED").unwrap_or(0x5EED);
    let count =
        setting("AGENTPM_MUTATIONS").and_then(|count| usize::try_from(count).ok()).unwrap_or(MUTATIONS);
    // Long ones would be all that is tried.
    let statements: Vec<String> = read::records()
        .into_iter()
        .filter(|record| record.error.is_none() && record.pql.len() < 2_000)
        .map(|record| record.pql)
        .collect();
    let thread = std::thread::Builder::new().stack_size(STACK_BYTES).spawn(move || {
        let mut dice = mutate::Dice::new(seed.max(1));
        let mut read = 0;
        for nth in 0..count {
            let text = mutate::broken(&statements, &mut dice);
            read += usize::from(stands(&text, nth, seed));
        }
        (read, count)
    });
    let (read, count) = thread.expect("a thread").join().expect("no panic and no overflow");
    // Neither kind is rare, or the changes would be of no use.
    assert!(read * 20 > count && read * 20 < count * 19, "{read} of {count} were read");
}

/// Whether a text is read; what is read is printed and read again as the same, what is not has a place in the text.
fn stands(text: &str, nth: usize, seed: u64) -> bool {
    for refused in [parse(text).err(), parse_predicate(text).err()].into_iter().flatten() {
        let span = refused.span;
        assert!(
            span.start <= span.end && text.get(span.start..span.end).is_some(),
            "{nth} of seed {seed}: {span:?} in {text:?}"
        );
        assert!(!refused.message.contains("cannot be read here"), "{nth} of seed {seed}: {text:?}");
    }
    let Ok(tree) = parse(text) else { return false };
    let printed = tree.to_string();
    if printed.len() <= TEXT_BYTES_MAX {
        let again = parse(&printed).map(|again| again.to_string());
        assert_eq!(again.as_deref(), Ok(printed.as_str()), "{nth} of seed {seed}: {text:?}");
    }
    true
}
