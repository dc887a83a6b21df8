use super::fixture::{Fixture, create};
use crate::{Options, Params, Prepared, PreparedQuery};
use grammar::Code;
use std::time::{Duration, Instant};

/// A hundred thousands of rows and more, of thirty events.
const ENDLESS: &str = "SELECT a.id FROM events a JOIN events b ON a.position <= b.position + 0 \
    JOIN events c ON b.position <= c.position + 0 JOIN events d ON c.position <= d.position + 0 \
    JOIN events e ON d.position <= e.position + 0";

fn prepared(fixture: &Fixture, pql: &str) -> PreparedQuery {
    match fixture.engine.prepare(pql, Params::none(), fixture.now()).unwrap() {
        Prepared::Query(query) => query,
        other => panic!("{other:?}"),
    }
}

#[test]
fn rows_of_a_document_are_limited() {
    let fixture = Fixture::new();
    for nth in 0..5 {
        fixture.run(create(&format!("t{nth}"), |_| {}));
    }
    let count = |rows_max: usize| {
        fixture.block_on(async {
            let query = prepared(&fixture, "SELECT id FROM tasks");
            let mut stream = fixture.engine.run(query).await.unwrap().at_most(rows_max);
            let mut rows = 0;
            while let Some(batch) = stream.next().await {
                rows += batch?.num_rows();
            }
            Ok::<usize, crate::QueryError>(rows)
        })
    };
    assert_eq!(count(5).unwrap(), 5);
    let error = count(4).unwrap_err();
    assert_eq!(error.code(), Some(Code::RowLimit));
    assert_eq!(error.errors[0].message, "the answer has more than 4 rows");
}

#[test]
fn time_is_limited() {
    let fixture = Fixture::with(Options { time_max: Duration::from_millis(20), ..Options::default() });
    for nth in 0..30 {
        fixture.run(create(&format!("t{nth}"), |_| {}));
    }
    let error = fixture.error(&format!("SELECT count(*) FROM ({ENDLESS}) AS all_of_them"));
    assert_eq!(error.code(), Some(Code::TimeLimit), "{error}");
    assert_eq!(error.errors[0].message, "the query took longer than 20ms");
}

/// What has no row to give for very long ends in time all the same: joins whose pairs never fit, or only become one row, and one
/// expression over much text.
#[test]
fn time_is_limited_without_rows() {
    let fixture = events(Options { time_max: Duration::from_millis(200), ..Options::default() });
    let pairs =
        "SELECT a.position * 1000 + b.position AS p FROM events a JOIN events b ON a.position != b.position";
    let pqls = [
        format!("SELECT count(*) AS n FROM events c JOIN ({pairs}) d ON c.position <= d.p + 0 JOIN ({pairs}) e ON true"),
        format!("SELECT c.p FROM ({pairs}) c JOIN ({pairs}) d ON c.p + d.p < 0"),
        format!("SELECT count(*) AS n FROM ({pairs}) c JOIN ({pairs}) d ON c.p % 1 = d.p % 1"),
        format!("SELECT count(*) AS n FROM ({pairs}) c JOIN ({pairs}) d ON c.p % 1 = d.p % 1 AND c.p + d.p < 0"),
        "SELECT count(*) AS n FROM events WHERE replace(replace(replace(replace(stream, 'n', $long), 'n', $long), 'x', $long), 'n', $long) MATCHES '(a|b|n)*z$'".to_owned(),
    ];
    let params = format!(r#"{{"long":"{}"}}"#, "nx".repeat(40));
    for pql in pqls {
        let begun = Instant::now();
        let params = if pql.contains("$long") { &*params } else { "null" };
        let error = fixture.try_query(&pql, params).expect_err(&pql);
        assert_eq!(error.code(), Some(Code::TimeLimit), "{pql}\n{error}");
        assert!(begun.elapsed() < Duration::from_secs(10), "{pql} took {:?}", begun.elapsed());
    }
}

#[test]
fn memory_is_limited() {
    let pql = "SELECT title, count(*) AS n FROM tasks GROUP BY title ORDER BY n, title";
    let with = |memory_bytes_max: usize| {
        let fixture = Fixture::with(Options { memory_bytes_max, ..Options::default() });
        for nth in 0..200 {
            fixture.run(create(&format!("t{nth}"), |_| {}));
        }
        fixture.try_query(pql, "null")
    };
    assert_eq!(with(1 << 10).unwrap_err().code(), Some(Code::MemoryLimit));
    assert_eq!(with(64 << 20).unwrap().len(), 200);
}

/// A sort, groups and a join of more than their memory holds: about 40,000 rows of 60 bytes, three times as much as there is.
const LARGE: [&str; 3] = [
    "WITH pairs AS (SELECT CAST(a.position AS text) || '-' || CAST(b.position AS text) || ' of the pairs of events' AS k \
     FROM events a JOIN events b ON a.position != b.position) SELECT k FROM pairs ORDER BY k DESC",
    "WITH pairs AS (SELECT CAST(a.position AS text) || '-' || CAST(b.position AS text) || ' of the pairs of events' AS k \
     FROM events a JOIN events b ON a.position != b.position) SELECT k, count(*) AS n FROM pairs GROUP BY k",
    "WITH pairs AS (SELECT CAST(a.position AS text) || '-' || CAST(b.position AS text) || ' of the pairs of events' AS k \
     FROM events a JOIN events b ON a.position != b.position) \
     SELECT count(*) AS n, min(p.k) AS k FROM pairs p JOIN pairs q ON p.k = q.k",
];

const MEMORY: usize = 1 << 20;

fn events(options: Options) -> Fixture {
    let fixture = Fixture::with(options);
    for nth in 0..200 {
        fixture.append("notes", "Noted", &format!(r#"{{"n":{nth}}}"#), &[]);
    }
    fixture
}

#[test]
fn what_does_not_fit_memory_goes_on_on_disk() {
    let dir = tempfile::tempdir().unwrap();
    let spill = dir.path().join("tmp/query");
    // What a killed process left behind.
    std::fs::create_dir_all(spill.join("left")).unwrap();
    std::fs::write(spill.join("left/behind"), b"x").unwrap();
    let roomy = events(Options { memory_bytes_max: 256 << 20, ..Options::default() });
    let expected = LARGE.map(|pql| roomy.query(pql));
    let mut spilled = [0; LARGE.len()];
    for memory_bytes_max in [1, 2].map(|mib| mib << 20) {
        let options = Options { memory_bytes_max, spill_dir: Some(spill.clone()), ..Options::default() };
        let fixture = events(options);
        assert!(!spill.join("left").exists());
        for ((pql, expected), spilled) in LARGE.iter().zip(&expected).zip(&mut spilled) {
            // With too little even what is on disk cannot be merged; there is no other way to fail.
            match fixture.try_query(pql, "null") {
                Ok(rows) => assert!(rows == *expected, "{pql} with {memory_bytes_max}"),
                Err(error) => assert_eq!(error.code(), Some(Code::MemoryLimit), "{error}"),
            }
            if let Ok(explained) = fixture.try_query(&format!("EXPLAIN ANALYZE {pql}"), "null") {
                *spilled += usize::from(explained.join("\n").contains("bytes of it on disk"));
            }
            // What a query's own tasks hold goes when they see that they are aborted: soon, but not at once.
            let begun = Instant::now();
            while (fixture.engine.activity().spilled_bytes, files(&spill)) != (0, 0) {
                assert!(begun.elapsed() < Duration::from_secs(60), "{pql} leaves files behind");
                std::thread::yield_now();
            }
        }
    }
    assert!(spilled.iter().all(|&spilled| spilled > 0), "{spilled:?}");
}

/// Joins of every kind whose sides are larger than their memory.
#[test]
fn joins_go_on_on_disk() {
    const PAIRS: &str = "WITH pairs AS (SELECT CAST(a.position AS text) || '-' || CAST(b.position AS text) || ' of the pairs' AS k, \
        a.time AS t, b.time - a.time AS d, a.position AS n FROM events a JOIN events b ON a.position != b.position)";
    let joins = [
        "SELECT count(*) AS n, min(q.k) AS k FROM pairs p LEFT JOIN pairs q ON p.k = q.k AND q.k < '5'",
        "SELECT count(*) AS n, min(p.k) AS k FROM pairs p JOIN pairs q ON p.d = q.d AND p.k = q.k",
        "SELECT count(*) AS n, min(p.k) AS k FROM pairs p JOIN pairs q ON p.k = q.k AND p.t = q.t AND p.n != q.n + 1",
        "SELECT count(*) AS n, min(p.k) AS k FROM pairs p WHERE p.k IN (SELECT k || '' FROM pairs WHERE n != 7)",
        "SELECT count(*) AS n, min(p.k) AS k FROM pairs p WHERE NOT EXISTS (SELECT q.k FROM pairs q WHERE q.k = p.k AND q.n != 7)",
        "SELECT count(*) AS n, min(p.k) AS k FROM pairs p WHERE p.n = 7 OR p.k IN (SELECT k FROM pairs WHERE n = 8)",
        "SELECT count(*) AS n, min(p.k) AS k FROM pairs p JOIN (SELECT n FROM pairs LIMIT 3) q ON true",
        "SELECT p.k, q.n FROM pairs p LEFT JOIN pairs q ON p.k = q.k AND q.n < 100 WHERE p.n < 100",
    ];
    let dir = tempfile::tempdir().unwrap();
    let spill = dir.path().join("tmp/query");
    let with = |mib: usize, spill_dir: Option<&std::path::PathBuf>| {
        events(Options { memory_bytes_max: mib << 20, spill_dir: spill_dir.cloned(), ..Options::default() })
    };
    let (roomy, tight, without) = (with(256, None), with(1, Some(&spill)), with(1, None));
    for join in joins {
        let pql = format!("{PAIRS} {join}");
        assert!(roomy.query(&pql) == tight.query(&pql), "{pql}");
        if join.contains("ON p.") {
            assert_eq!(without.error(&pql).code(), Some(Code::MemoryLimit), "{pql}");
        }
        let begun = Instant::now();
        while (tight.engine.activity().spilled_bytes, files(&spill)) != (0, 0) {
            assert!(begun.elapsed() < Duration::from_secs(60), "{pql} leaves files behind");
            std::thread::yield_now();
        }
    }
    // It is told how it was done.
    let explained = tight.query(&format!("EXPLAIN ANALYZE {PAIRS} {}", joins[0])).join("\n");
    assert!(explained.contains("both sides sorted"), "{explained}");
    let explained = roomy.query(&format!("EXPLAIN ANALYZE {PAIRS} {}", joins[0])).join("\n");
    assert!(explained.contains("one side in memory"), "{explained}");
}

/// Files beneath a directory.
fn files(dir: &std::path::Path) -> usize {
    let entries = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    entries.map(|path| if path.is_dir() { files(&path) } else { 1 }).sum()
}

#[test]
fn disk_is_limited_too() {
    let dir = tempfile::tempdir().unwrap();
    let none = events(Options { memory_bytes_max: MEMORY, ..Options::default() });
    let little = events(Options {
        memory_bytes_max: MEMORY,
        spill_dir: Some(dir.path().join("tmp")),
        spill_bytes_max: 64 << 10,
        ..Options::default()
    });
    for pql in LARGE {
        for fixture in [&none, &little] {
            assert_eq!(fixture.error(pql).code(), Some(Code::MemoryLimit), "{pql}");
        }
    }
    assert!(little.error(LARGE[0]).errors[0].message.contains("what it may put on disk (0 MiB"));
}

/// A query whose rows nobody takes any more gives its turn back.
#[test]
fn a_dropped_query_ends() {
    let fixture = Fixture::with(Options { concurrency_max: 1, ..Options::default() });
    for nth in 0..20 {
        fixture.run(create(&format!("t{nth}"), |_| {}));
    }
    fixture.block_on(async {
        let mut stream = fixture.engine.run(prepared(&fixture, ENDLESS)).await.unwrap();
        stream.next().await.unwrap().unwrap();
        // The only turn is taken.
        let waiting = fixture.engine.run(prepared(&fixture, "SELECT id FROM tasks"));
        tokio::pin!(waiting);
        assert!(futures::poll!(&mut waiting).is_pending());
        assert_eq!(fixture.engine.activity().running, 1);
        drop(stream);
        let mut stream = waiting.await.unwrap();
        assert_eq!(stream.next().await.unwrap().unwrap().num_rows(), 20);
        assert!(stream.next().await.is_none());
        assert_eq!(fixture.engine.activity().cancelled, 1);
    });
}

#[test]
fn nesting_to_the_bound_is_answered_and_past_it_refused() {
    let fixture = Fixture::new();
    fixture.run(create("t", |_| {}));
    let nested =
        |depth: usize| format!("SELECT {}1{} AS n FROM tasks", "(1 + ".repeat(depth), ")".repeat(depth));
    // The innermost number, or the select around it, may take a level of its own.
    let deepest = (100..200).rev().find(|&depth| fixture.try_query(&nested(depth), "null").is_ok()).unwrap();
    assert!(deepest + 8 > grammar::NESTING_MAX, "{deepest}");
    assert_eq!(fixture.error(&nested(deepest + 1)).code(), Some(Code::TooComplex));
    let calls =
        |depth: usize| format!("SELECT {}'a'{} AS n FROM tasks", "upper(".repeat(depth), ")".repeat(depth));
    assert_eq!(fixture.query(&calls(deepest - 8)), [r#"{"n":"A"}"#]);
}

/// A statement may be as long as its text may: neither planning nor running it runs out of stack.
#[test]
fn long_chains_are_answered() {
    let fixture = Fixture::new();
    fixture.run(create("t7", |_| {}));
    let count = |source: &str, predicate: &str| {
        fixture.query(&format!("SELECT count(*) AS n FROM {source} WHERE {predicate}")).remove(0)
    };
    let equal = chain(2_000, |nth| format!("id = 't{nth}'"), " OR ");
    assert_eq!(count("tasks", &equal), r#"{"n":1}"#);
    let unequal = chain(2_000, |nth| format!("id != 'u{nth}'"), " AND ");
    assert_eq!(count("tasks", &unequal), r#"{"n":1}"#);
    assert_eq!(count("tasks HISTORY", &unequal), r#"{"n":1}"#);
    let mixed = chain(1_000, |nth| format!("id = 'x{nth}' OR title = 'do t{nth}'"), " OR ");
    assert_eq!(count("tasks", &mixed), r#"{"n":1}"#);
    assert_eq!(count("tasks", &format!("NOT ({mixed})")), r#"{"n":0}"#);
    let exists = "EXISTS (SELECT position FROM events WHERE type = 'Nothing')";
    assert_eq!(count("tasks", &format!("{exists} OR {mixed}")), r#"{"n":1}"#);
    assert_eq!(count("tasks", &format!("NOT {exists} AND {unequal}")), r#"{"n":1}"#);
    let on = chain(1_000, |nth| format!("a.id != 'u{nth}' AND a.title != b.id"), " AND ");
    assert_eq!(count(&format!("tasks a JOIN tasks b ON a.id = b.id AND {on}"), "true"), r#"{"n":1}"#);
    let columns = chain(1_000, |nth| format!("version + {nth} AS c{nth}"), ", ");
    assert!(fixture.query(&format!("SELECT {columns} FROM tasks"))[0].ends_with(r#""c999":1000}"#));
    let deep = chain(2_000, |_| "version".to_owned(), " + ");
    assert_eq!(fixture.error(&format!("SELECT {deep} FROM tasks")).code(), Some(Code::TooComplex));
}

fn chain(count: usize, part: impl Fn(usize) -> String, sign: &str) -> String {
    (0..count).map(part).collect::<Vec<_>>().join(sign)
}
