//! A direct select answers as the plan it stands for, to the byte.

use super::fixture::{Fixture, START, agent, create, words};
use crate::direct::ROWS_MAX;
use crate::{Params, Prepared, PreparedQuery, QueryError, json};

/// Columns of a table, each with values to ask for.
type Columns = &'static [(&'static str, &'static [&'static str])];

const TABLES: [(&str, Columns); 7] = [
    (
        "tasks",
        &[
            ("id", &["t1", "t4", "n7", "n300", "nobody"]),
            ("status", &["open", "blocked", "completed", "cancelled", "in_progress", "no such"]),
            ("parent_id", &["t1", "n1", "n2", "t4"]),
            ("project_id", &["p1", "p2", "", "p3"]),
            ("owner_agent_id", &["a1", "a2"]),
            ("type", &["docs", "ops"]),
            ("title", &["late", "renamed", "do n3"]),
        ],
    ),
    (
        "runs",
        &[("task_id", &["t1", "t2", "t5"]), ("agent_id", &["a1", "a2"]), ("status", &["failed", "expired"])],
    ),
    ("leases", &[("task_id", &["t1", "t2"]), ("agent_id", &["a1"]), ("status", &["active", "released"])]),
    ("progress_items", &[("task_id", &["t3", "n1"]), ("content", &["first", "second"])]),
    ("contexts", &[("task_id", &["t1", "t2", "t3"]), ("type", &["note", "blocker"])]),
    (
        "relationships",
        &[("from_task_id", &["t1", "t2", "n1"]), ("to_task_id", &["t3", "t4", "n5"]), ("type", &["blocks"])],
    ),
    ("agents", &[("id", &["a1", "a3"]), ("role", &["executor", "planner"])]),
];

/// Statements that are compared.
const STATEMENTS: u64 = 2_000;

/// A small generator, so that every run writes the same statements (xorshift64).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }

    fn of<'a, T: ?Sized>(&mut self, some: &[&'a T]) -> &'a T {
        some[self.below(some.len())]
    }

    fn condition(&mut self, columns: &[(&str, &[&str])]) -> String {
        let (column, values) = columns[self.below(columns.len())];
        let value = |random: &mut Self| format!("'{}'", random.of(values));
        match self.below(5) {
            0 => format!("{} = {column}", value(self)),
            1 => {
                let some: Vec<String> = (0..1 + self.below(4)).map(|_| value(self)).collect();
                format!("{column} IN ({})", some.join(", "))
            }
            2 => format!("({} OR {})", self.condition(columns), self.condition(columns)),
            _ => format!("{column} = {}", value(self)),
        }
    }

    fn other(&mut self) -> &'static str {
        self.of(&[
            "id IS NOT NULL",
            "id > 'n2'",
            "NOT id LIKE 'n1%'",
            "id MATCHES '[13579]$'",
            "coalesce(id, '') != 'x'",
            "length(id) BETWEEN 2 AND 3",
            "CASE WHEN id < 'n5' THEN true ELSE null END",
        ])
    }

    fn statement(&mut self) -> String {
        let (table, columns) = TABLES[self.below(TABLES.len())];
        let items = match self.below(4) {
            0 | 1 => "*".to_owned(),
            2 => format!("id, {}", columns[self.below(columns.len())].0),
            _ => format!("upper(id) AS u, id, {0}, {0}, {{a, b}} AS s, null AS nothing", columns[0].0),
        };
        let mut text = format!("SELECT {items} FROM {table} WHERE {}", self.condition(columns));
        if self.below(3) == 0 {
            text += " AND ";
            text += self.other();
        }
        if table == "tasks" && self.below(4) == 0 {
            text += self.of(&[
                " AND priority >= 0",
                " AND caps ⊇ {rust}",
                " AND metadata.n = 1",
                " AND score > 0.0",
                " AND child_count = 0",
            ]);
        }
        if self.below(2) == 0 {
            let by = match table {
                "tasks" => self.of(&[
                    "priority DESC",
                    "caps",
                    "metadata",
                    "score",
                    "parent_id NULLS FIRST",
                    "due_at DESC",
                    "id DESC",
                ]),
                _ => self.of(&["id DESC", "length(id)", "id"]),
            };
            text += &format!(" ORDER BY {by}");
        }
        if self.below(3) == 0 {
            text += &format!(" LIMIT {}", self.below(6));
        }
        if self.below(5) == 0 {
            text += &format!(" OFFSET {}", self.below(4));
        }
        text
    }
}

fn populated() -> Fixture {
    let fixture = Fixture::new();
    fixture.story();
    fixture.run(agent("a3", &[]));
    // More tasks than a direct select looks at, of few parents and projects.
    for nth in 0..ROWS_MAX + 60 {
        fixture.run(create(&format!("n{nth}"), |task| {
            task.parent_id = (nth > 4).then(|| format!("n{}", nth % 5).into());
            task.project_id =
                [None, Some("p1".into()), Some("p2".into()), Some("p3".into())][nth % 4].clone();
            task.kind = [None, Some("docs".into())][nth % 2].clone();
            task.priority = Some((nth % 11) as i64 - 5);
            task.caps = words([&[][..], &["rust"], &["rust", "sql"]][nth % 3]);
            task.metadata = [None, Some(r#"{"n":1}"#.into()), Some(r#"{"n":"1"}"#.into())][nth % 3].clone();
        }));
    }
    fixture
}

fn prepared(fixture: &Fixture, pql: &str) -> PreparedQuery {
    match fixture.engine.prepare(pql, Params::none(), fixture.now()).unwrap_or_else(|e| panic!("{pql}\n{e}"))
    {
        Prepared::Query(query) => query,
        other => panic!("{other:?}"),
    }
}

fn rows(fixture: &Fixture, query: PreparedQuery) -> Result<Vec<String>, QueryError> {
    fixture.block_on(async {
        let mut stream = fixture.engine.run(query).await?;
        let columns = stream.columns().to_vec();
        let mut rows = Vec::new();
        while let Some(batch) = stream.next().await {
            json::write_rows(&batch?, &columns, |row| rows.push(String::from_utf8(row.to_vec()).unwrap()));
        }
        Ok(rows)
    })
}

#[test]
fn random_statements_are_answered_as_their_plan_answers_them() {
    let fixture = populated();
    let mut random = Random(START as u64);
    let (mut direct, mut found) = ([0; 2], 0);
    for nth in 0..STATEMENTS {
        // What changes in between is seen by both.
        if nth % 100 == 0 {
            fixture.run(create(&format!("n{nth}x"), |task| task.parent_id = Some("n1".into())));
        }
        let mut pql = random.statement();
        let is_past = random.below(2) == 0;
        if is_past {
            // Rather later than sooner: there is more then.
            let head = fixture.head().0 as usize;
            let moment = random.below(head).max(random.below(head)).max(random.below(head));
            pql += &format!(" AS OF POSITION {moment}");
        }
        let query = prepared(&fixture, &pql);
        let planned = rows(&fixture, query.clone().by_plan()).unwrap();
        direct[usize::from(is_past)] += usize::from(query.answers_directly());
        assert_eq!(rows(&fixture, query).unwrap(), planned, "{pql}");
        found += planned.len();
    }
    assert!(direct.iter().all(|direct| *direct > 600), "{direct:?} were direct, now and then");
    assert!(found > 10_000, "{found} rows were compared");
}

#[test]
fn what_is_direct() {
    let fixture = populated();
    let last = (fixture.head().0 - 1).to_string();
    let is_direct = |pql: &str| prepared(&fixture, &pql.replace("LAST", &last)).answers_directly();
    // Nothing is read of the past on the caller's own thread, or little.
    let then = "SELECT * FROM tasks WHERE id = 't1' AS OF POSITION 30";
    assert!(!is_direct(then));
    rows(&fixture, prepared(&fixture, then)).unwrap();
    rows(&fixture, prepared(&fixture, "SELECT id FROM tasks AS OF POSITION 30")).unwrap();
    for pql in [
        then,
        "SELECT * FROM tasks WHERE id = 't1'",
        "SELECT id FROM tasks WHERE 't1' = id AND priority > 0",
        "SELECT id FROM tasks WHERE id IN ('t1', 't2') ORDER BY title DESC LIMIT 1",
        "SELECT id FROM runs WHERE task_id = 't1' AND agent_id = 'a1'",
        "SELECT id FROM relationships WHERE from_task_id = 't1' OR to_task_id = 't1'",
        "SELECT id FROM tasks WHERE parent_id = 'n1'",
        // All are too many, the first five are not.
        "SELECT id FROM tasks WHERE status = 'open' LIMIT 5",
        "SELECT score FROM tasks AS OF POSITION 30 WHERE parent_id = 't1'",
        "SELECT id FROM tasks WHERE status = 'open' LIMIT 5 AS OF POSITION LAST",
    ] {
        assert!(is_direct(pql), "{pql}");
    }
    fixture.run(create("later", |_| {}));
    assert!(is_direct(then), "a little is read on");
    for pql in [
        "SELECT id FROM tasks",
        "SELECT id FROM tasks WHERE status = 'open'",
        "SELECT id FROM tasks WHERE status = 'open' ORDER BY title LIMIT 5",
        "SELECT id FROM tasks WHERE status = 'open' LIMIT 5 OFFSET 300",
        "SELECT id FROM tasks WHERE id != 't1'",
        "SELECT id FROM tasks WHERE id = 't1' OR priority = 1",
        "SELECT id, 1 / priority AS x FROM tasks WHERE id = 't1'",
        "SELECT count(*) FROM tasks WHERE id = 't1'",
        "SELECT DISTINCT id FROM tasks WHERE id = 't1'",
        "SELECT id FROM tasks WHERE id = 't1' AND id IN (SELECT task_id FROM runs)",
        "SELECT a.id FROM tasks a JOIN tasks b ON a.id = b.id WHERE a.id = 't1'",
        "SELECT id FROM tasks WHERE status = 'open' AS OF POSITION LAST",
        "SELECT metadata FROM tasks WHERE status = 'open' LIMIT 5 AS OF POSITION LAST",
        "SELECT id FROM runs WHERE id = 'x' AS OF POSITION 30",
        "SELECT id FROM tasks HISTORY WHERE id = 't1'",
        "SELECT id FROM next_task WHERE id = 't1'",
        "SELECT position FROM events WHERE id = 'x'",
        "WITH tasks AS (SELECT id FROM runs) SELECT id FROM tasks WHERE id = 'x'",
    ] {
        assert!(!is_direct(pql), "{pql}");
    }
}
