//! Statements that must fail, each for one reason.

use super::{Generator, reach};

impl Generator {
    pub(super) fn wrong(&mut self) -> String {
        self.exact = false;
        self.bind = false;
        let table = self.pick(&["tasks", "events", "runs"]);
        let within = reach(table, "");
        let filter = self.truth(&within, 1);
        match self.seed.below(0..18) {
            0 => format!("SELECT nothing_like_it FROM {table} WHERE {filter}"),
            1 => format!("SELECT id FROM {table}s_that_are_not WHERE {filter}"),
            2 => format!("SELECT no_such({table}.id) FROM {table}"),
            3 => format!("SELECT id FROM {table} WHERE ({filter}) AND lower(id, id) = 'a'"),
            4 => "SELECT id FROM tasks a JOIN tasks b ON a.id = b.parent_id".to_owned(),
            5 => format!(
                "SELECT id FROM {table} WHERE {}",
                self.pick(&[
                    "id = 1",
                    "id > 1.5",
                    "id + 1 = 2",
                    "id ⊆ {a}",
                    "NOT id",
                    "id BETWEEN 1 AND 2",
                    "1 LIKE 'a'",
                    "id IN (1, 2)",
                    "size(id) = 1",
                    "upper(1) = 'a'",
                    "CASE WHEN id THEN 1 END = 1",
                    "CASE WHEN true THEN 1 ELSE 'a' END = 1",
                    "coalesce(id, 1) = 1",
                    "id MATCHES '('",
                    "id < {a}",
                    "-id = 'a'",
                    "'yesterday' < now()",
                    "1h = 1",
                    "true + 1 = 2",
                    "id IN (SELECT priority FROM tasks)",
                    "CAST(1h AS int) = 1",
                    "CAST(id AS nothing) = 1",
                ])
            ),
            6 => {
                format!("SELECT id, count(*) FROM {table} GROUP BY {}", self.pick(&["id || 'a'", "id = 'x'"]))
            }
            7 => format!("SELECT id FROM {table} WHERE id = $1"),
            8 => {
                self.params.push(serde_json::json!("a"));
                format!("SELECT id FROM {table}")
            }
            9 => format!("SELECT id FROM {table} AS OF POSITION 99999999"),
            10 => format!("SELECT id FROM {table} AS OF EVENT '01ARZ3NDEKTSV4RRFFQ69G5FAV'"),
            11 => format!("SELECT id FROM {table} AS OF '2999-01-01T00:00:00Z'"),
            12 => format!(
                "SELECT {} FROM {table}",
                self.pick(&[
                    "1 / 0",
                    "1 % 0",
                    "1.5 / 0.0",
                    "9223372036854775807 + 1",
                    "CAST('a' AS int)",
                    "CAST(id AS bool)",
                    "-9223372036854775807 - 2",
                    "1e308 * 10"
                ])
            ),
            13 => "SELECT id FROM tasks WHERE 10 / attempts > 1".to_owned(),
            14 => "SELECT id FROM tasks WHERE attempts != 0 AND 10 / attempts > 1".to_owned(),
            15 => "SELECT id, CASE WHEN attempts = 0 THEN null ELSE 10 / attempts END AS c FROM tasks"
                .to_owned(),
            16 => format!(
                "SELECT sum({}) FROM {table}",
                self.pick(&["id", "9223372036854775807", "true", "{a}"])
            ),
            _ => format!("SELECT id FROM {table} WHERE {filter} LIMIT 3 WHERE id = 'a'"),
        }
    }
}
