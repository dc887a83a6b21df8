//! Statements broken at random, resolved, planned and run: each is answered or refused where it is wrong. A fuzz target
//! that runs with the other tests; `AGENTPM_TEST_SEED` and `AGENTPM_MUTATIONS` make it another one, and longer.

#[path = "../../../tests/src/slt/mutate.rs"]
mod mutate;

use super::fixture::{Fixture, create};
use super::records::read;
use crate::error::ERRORS_TOLD_MAX;
use crate::{Params, Prepared, QueryError};

/// Statements that are tried when nothing else is said.
const MUTATIONS: usize = 3_000;

/// What a thread of an async runtime has: statements are planned on those.
const STACK_BYTES: usize = 2 << 20;

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|value| value.parse().ok())
}

/// On the stack that a server plans on.
fn on_a_small_stack<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let thread = std::thread::Builder::new().stack_size(STACK_BYTES).spawn(work).expect("a thread");
    thread.join().expect("no panic and no overflow")
}

fn fixture() -> Fixture {
    let fixture = Fixture::new();
    for id in ["a", "b", "t"] {
        fixture.run(create(id, |_| {}));
    }
    fixture
}

/// Whether a statement is answered. An error is one of the statement, in its text and in order.
fn stands(fixture: &Fixture, text: &str, nth: usize, seed: u64) -> bool {
    let refused = |error: QueryError| {
        assert_eq!(error.internal, None, "{nth} of seed {seed}: {text:?}");
        assert!((1..=ERRORS_TOLD_MAX).contains(&error.errors.len()), "{nth} of seed {seed}: {text:?}");
        for error in &error.errors {
            let said = &error.message;
            assert!(text.get(error.span.start..error.span.end).is_some(), "{nth} of seed {seed}: {text:?}");
            assert!(!said.contains("cannot be planned"), "{nth} of seed {seed}: {said} {text:?}");
        }
        let places: Vec<usize> = error
            .errors
            .iter()
            .filter(|error| error.code != grammar::Code::UnusedParameter)
            .map(|error| error.span.start)
            .collect();
        assert!(places.is_sorted(), "{nth} of seed {seed}: {places:?} in {text:?}");
        false
    };
    match fixture.engine.prepare(text, Params::none(), fixture.now()) {
        Err(error) => refused(error),
        Ok(Prepared::Query(query)) => {
            let ran = fixture.block_on(async {
                let mut stream = fixture.engine.run(query).await?;
                while let Some(batch) = stream.next().await {
                    batch?;
                }
                Ok(())
            });
            ran.map_or_else(refused, |()| true)
        }
        Ok(_) => true,
    }
}

#[test]
fn broken_statements_are_answered_or_refused() {
    let seed = setting("AGENTPM_TEST_SEED").unwrap_or(0x5EED).max(1);
    let count =
        setting("AGENTPM_MUTATIONS").and_then(|count| usize::try_from(count).ok()).unwrap_or(MUTATIONS);
    let statements: Vec<String> = read::records()
        .into_iter()
        .filter(|record| record.error.is_none() && record.pql.len() < 2_000)
        .map(|record| record.pql)
        .collect();
    let answered = on_a_small_stack(move || {
        let fixture = fixture();
        let mut dice = mutate::Dice::new(seed);
        let mut broken = || mutate::broken(&statements, &mut dice);
        (0..count).filter(|nth| stands(&fixture, &broken(), *nth, seed)).count()
    });
    assert!(answered * 50 > count && answered < count, "{answered} of {count} were answered");
}

/// As deep and as long as a text may be, in every way: planned or refused, on the same stack.
#[test]
fn the_deepest_and_the_longest_are_planned_or_refused() {
    let nests = [
        ("SELECT id FROM tasks WHERE ", "EXISTS (SELECT id FROM tasks WHERE ", "true", ")"),
        ("SELECT id FROM tasks WHERE ", "id IN (SELECT id FROM tasks WHERE ", "true", ")"),
        ("SELECT id FROM tasks WHERE ", "NOT (true AND ", "true", ")"),
        ("SELECT ", "coalesce(null, ", "1", ")"),
        ("SELECT ", "CASE WHEN true THEN ", "1", " END"),
        ("SELECT ", "1 + (", "1", ")"),
        ("", "SELECT s.id FROM (", "SELECT id FROM tasks", ") s"),
    ];
    let rows = [
        ("SELECT id FROM tasks WHERE id = 'a'", " OR id = 'b'", ""),
        ("SELECT id FROM tasks WHERE id IN ('a'", ", 'b'", ")"),
        ("SELECT id", ", id", " FROM tasks"),
        ("SELECT id", ", x", " FROM tasks"),
        ("SELECT CASE", " WHEN id = 'a' THEN 1", " END FROM tasks"),
        ("SELECT id FROM tasks", " JOIN agents ON true", ""),
        ("SELECT id FROM tasks GROUP BY id", ", title", ""),
        ("SELECT coalesce(null", ", id", ") FROM tasks"),
        ("SELECT greatest(1", ", 1", ") FROM tasks"),
    ];
    let mut texts = Vec::new();
    for (head, open, middle, close) in nests {
        for depth in [20, 40, 60, 100, 126, 128, 200] {
            let tail = if head == "SELECT " { " AS n FROM tasks" } else { "" };
            texts.push(format!("{head}{}{middle}{}{tail}", open.repeat(depth), close.repeat(depth)));
        }
    }
    for (head, unit, tail) in rows {
        for count in [100, 1_000, (grammar::TEXT_BYTES_MAX - head.len() - tail.len()) / unit.len()] {
            texts.push(format!("{head}{}{tail}", unit.repeat(count)));
        }
    }
    on_a_small_stack(move || {
        let fixture = fixture();
        for text in &texts {
            match fixture.engine.prepare(text, Params::none(), fixture.now()) {
                Ok(_) => {}
                Err(error) => assert_eq!(error.internal, None, "{text:?}"),
            }
        }
    });
}
