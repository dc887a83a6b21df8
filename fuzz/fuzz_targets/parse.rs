//! Any text is read or refused: without a panic, on the stack that async runtimes give. What is read is printed and read
//! again as the same; what is not has a place in the text.

#![no_main]

use grammar::{TEXT_BYTES_MAX, parse, parse_predicate};
use libfuzzer_sys::fuzz_target;

/// What a thread of an async runtime has.
const STACK_BYTES: usize = 2 << 20;

fuzz_target!(|text: &str| {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK_BYTES);
        thread.spawn_scoped(scope, || stands(text)).expect("a thread").join().expect("no panic");
    });
});

fn stands(text: &str) {
    for refused in [parse(text).err(), parse_predicate(text).err()].into_iter().flatten() {
        assert!(text.get(refused.span.start..refused.span.end).is_some(), "{:?} is no place", refused.span);
        let _ = refused.render(text).to_string();
    }
    let Ok(tree) = parse(text) else { return };
    let printed = tree.to_string();
    if printed.len() <= TEXT_BYTES_MAX {
        let again = parse(&printed).map(|again| again.to_string());
        assert_eq!(again.as_deref(), Ok(printed.as_str()));
    }
}
