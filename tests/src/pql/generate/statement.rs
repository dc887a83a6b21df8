//! Statements by kind.

use super::{Generator, Reach, reach};
use crate::pql::value::Type;
use grammar::ast::ExprKind;

const TABLES: &[&str] = &[
    "tasks",
    "tasks",
    "tasks",
    "events",
    "events",
    "runs",
    "relationships",
    "contexts",
    "progress_items",
    "agents",
    "leases",
    "sessions",
    "next_task",
];

/// Tables that go together: left, right, and the equality between `a` and `b`.
const JOINS: &[(&str, &str, &str)] = &[
    ("tasks", "relationships", "b.to_task_id = a.id"),
    ("tasks", "tasks", "b.id = a.parent_id"),
    ("tasks", "runs", "a.id = b.task_id"),
    ("runs", "tasks", "b.id = a.task_id"),
    ("leases", "agents", "b.id = a.agent_id"),
    ("agents", "tasks", "b.owner_agent_id = a.id"),
    ("tasks", "contexts", "b.task_id = a.id"),
    ("relationships", "tasks", "b.id = a.from_task_id"),
    ("progress_items", "tasks", "a.task_id = b.id"),
    ("sessions", "leases", "b.session_id = a.id"),
    ("tasks", "agents", "b.caps ⊇ a.caps"),
    ("agents", "leases", "a.created_at < b.created_at"),
];

/// Whether it is no more than a constant, which says nothing of an order or a group.
fn is_constant(written: &str) -> bool {
    grammar::parse_predicate(written)
        .is_ok_and(|expr| matches!(expr.kind, ExprKind::Literal(_) | ExprKind::Parameter(_)))
}

impl Generator {
    pub(super) fn any_statement(&mut self) -> String {
        match self.seed.below(0..100) {
            0..28 => self.simple(),
            28..44 => self.pointed(),
            44..62 => self.grouped(),
            62..76 => self.joined(),
            76..82 => self.nested(),
            82..88 => self.next(),
            88..93 => self.versions(),
            _ => self.wrong(),
        }
    }

    /// The moment at the end of the statement, if any. It is chosen first, since what may be asked depends on it.
    pub(super) fn moment(&mut self) -> String {
        self.exact = false;
        if self.percent(55) {
            return String::new();
        }
        format!(" AS OF {}", self.some_moment())
    }

    fn some_moment(&mut self) -> String {
        let position = self.seed.pick(&self.positions).copied().unwrap_or(0);
        let index = usize::try_from(position).unwrap_or(0).min(self.words.times.len());
        match self.seed.below(0..12) {
            0 => "now()".to_owned(),
            1 => format!("{} AGO", self.pick(&["300d", "9w", "0ms"])),
            2 | 3 if index > 0 => {
                self.exact = true;
                let time = self.words.times[index - 1].clone();
                match self.percent(50) {
                    true => format!("'{time}'"),
                    false => format!("'{}'", time.replace('Z', "+00:00")),
                }
            }
            4 | 5 if index > 0 => {
                self.exact = true;
                let id = self.words.ids[(index - 1).min(self.words.ids.len() - 1)].clone();
                format!("EVENT '{id}'")
            }
            _ => {
                self.exact = true;
                format!("POSITION {position}")
            }
        }
    }

    fn maybe_where(&mut self, reach: &[Reach], percent: u32) -> String {
        if !self.percent(percent) {
            return String::new();
        }
        self.inner = true;
        let mut filter = self.truth(reach, 2);
        while self.percent(25) {
            filter = format!("{filter} AND {}", self.parenthesized(reach));
        }
        self.inner = false;
        format!(" WHERE {filter}")
    }

    fn parenthesized(&mut self, reach: &[Reach]) -> String {
        format!("({})", self.truth(reach, 1))
    }

    /// LIMIT and OFFSET, whose order must be whole.
    fn cut(&mut self) -> String {
        if !self.percent(45) {
            return String::new();
        }
        let offset =
            if self.percent(30) { format!(" OFFSET {}", self.seed.int(0..6)) } else { String::new() };
        format!(" LIMIT {}{offset}", self.seed.int(0..9))
    }

    fn direction(&mut self) -> &'static str {
        self.pick(&["", "", " ASC", " DESC", " DESC", " NULLS FIRST", " DESC NULLS LAST", " asc nulls last"])
    }

    /// One table.
    fn simple(&mut self) -> String {
        let moment = self.moment();
        let table = self.pick(TABLES);
        let alias = if self.percent(35) { self.pick(&["t", "first", "position"]) } else { "" };
        let reach = reach(table, alias);
        let distinct = self.percent(12);
        let mut items = Vec::new();
        let starred = !distinct
            && table != "events"
            && (self.exact || !matches!(table, "tasks" | "next_task"))
            && self.percent(12);
        if starred {
            items.push("*".to_owned());
        } else {
            for index in 0..self.seed.below(1..5) {
                let depth = self.seed.below(0..3);
                let kind = self.any_type();
                let written = self.of(kind, &reach, depth);
                items.push(if self.percent(60) || written.starts_with('$') || depth > 0 {
                    format!("{written} AS c{index}")
                } else {
                    written
                });
            }
            if self.exact && table == "tasks" && self.percent(10) {
                items.push(if alias.is_empty() {
                    "score AS s".to_owned()
                } else {
                    format!("{alias}.score AS s")
                });
            }
        }
        let filter = self.maybe_where(&reach, 70);
        let key = if table == "events" { "position" } else { "id" };
        let key = if alias.is_empty() { key.to_owned() } else { format!("{alias}.{key}") };
        let (mut order, mut cut) = (String::new(), String::new());
        if distinct {
            let named: Vec<String> =
                items.iter().filter_map(|item| item.split(" AS ").nth(1)).map(str::to_owned).collect();
            if named.len() == items.len() && items.iter().all(|item| item.matches(" AS ").count() == 1) {
                let keys: Vec<String> =
                    named.iter().map(|name| format!("{name}{}", self.direction())).collect();
                order = format!(" ORDER BY {}", keys.join(", "));
                cut = self.cut();
            }
        } else if self.percent(50) {
            let mut keys = Vec::new();
            for _ in 0..self.seed.below(1..3) {
                let kind = self.any_type();
                let written = self.of(kind, &reach, 1);
                // A constant says nothing of the order.
                if !is_constant(&written) {
                    keys.push(format!("{written}{}", self.direction()));
                }
            }
            keys.push(format!("{key}{}", self.direction()));
            order = format!(" ORDER BY {}", keys.join(", "));
            cut = self.cut();
        } else {
            cut = self.cut();
        }
        let distinct = if distinct { "DISTINCT " } else { "" };
        let end = if self.percent(5) { ";" } else { "" };
        let (select, from) = (self.pick(&["SELECT", "select"]), self.pick(&["FROM", "from"]));
        format!(
            "{select} {distinct}{} {from} {table} {alias}{filter}{order}{cut}{moment}{end}",
            items.join(", ")
        )
    }

    /// A few rows of one table, by what they may be looked up by.
    fn pointed(&mut self) -> String {
        let table = self.pick(&[
            "tasks",
            "tasks",
            "tasks",
            "events",
            "events",
            "runs",
            "leases",
            "agents",
            "relationships",
        ]);
        let history = table != "events" && self.percent(15);
        let moment = if history { String::new() } else { self.moment() };
        self.exact &= !history;
        let columns: &[&str] = match table {
            "tasks" => &["id", "id", "status", "owner_agent_id", "parent_id", "project_id"],
            "events" => &["stream", "type", "task_id", "agent_id", "id"],
            "agents" => &["id", "agent_id", "role"],
            "relationships" => &["from_task_id", "to_task_id", "type"],
            _ => &["task_id", "agent_id", "id", "status"],
        };
        let columns: &[&str] = if table == "agents" { &columns[..1] } else { columns };
        let mut found = Vec::new();
        for _ in 0..self.seed.below(1..3) {
            let column = self.pick(columns);
            let word = match (table, column) {
                ("agents", _) => "agent_id",
                (_, column) => column,
            };
            found.push(match self.seed.below(0..10) {
                0 | 1 => {
                    let items: Vec<String> =
                        (0..self.seed.below(1..5)).map(|_| self.text_like(word)).collect();
                    format!("{column} IN ({})", items.join(", "))
                }
                2 => format!("{} = {column}", self.text_like(word)),
                3 => format!("({column} = {} OR {column} = {})", self.text_like(word), self.text_like(word)),
                4 if table == "events" => {
                    let tags = self.words.tags.clone();
                    let (tag, other) = (self.one_of(&tags), self.one_of(&tags));
                    let sets = [
                        format!("tags ⊇ {{'{tag}'}}"),
                        format!("tags @> {{'{tag}', '{other}'}}"),
                        format!("'{tag}' IN tags"),
                        format!("tags && {{'{tag}', '{other}'}}"),
                    ];
                    self.one_of(&sets)
                }
                5 if table == "events" => {
                    format!("position {} {}", self.comparison(), self.seed.int(-1..200))
                }
                6 if table == "events" => {
                    format!("position BETWEEN {} AND {}", self.seed.int(-1..100), self.seed.int(0..200))
                }
                7 => format!("{column} IS NULL"),
                _ => format!("{column} = {}", self.text_like(word)),
            });
        }
        let reach = reach(table, "");
        let reach: Vec<Reach> = match history {
            true => reach.into_iter().filter(|one| one.kind == Type::Text).collect(),
            false => reach,
        };
        if self.percent(35) {
            let more = self.truth(&reach, 1);
            let at = self.seed.below(0..found.len() + 1);
            found.insert(at, format!("({more})"));
        }
        let mut items = Vec::new();
        for index in 0..self.seed.below(1..4) {
            let kind = if history { Type::Text } else { self.any_type() };
            items.push(format!("{} AS c{index}", self.of(kind, &reach, 1)));
        }
        let counted = self.percent(15);
        let items = if counted { "count(*) AS n".to_owned() } else { items.join(", ") };
        let key = if table == "events" { "position" } else { "id" };
        let end = match (counted, history) {
            (true, _) => String::new(),
            (_, true) => " ORDER BY id, from_position".to_owned(),
            _ if self.percent(40) => {
                let by = self.text(&reach, 0);
                let by = if is_constant(&by) { String::new() } else { format!("{by}{}, ", self.direction()) };
                format!(" ORDER BY {by}{key}{}{}", self.direction(), self.cut())
            }
            _ => self.cut(),
        };
        let version = if history { " HISTORY" } else { "" };
        format!("SELECT {items} FROM {table}{version} WHERE {}{end}{moment}", found.join(" AND "))
    }

    fn aggregate(&mut self, reach: &[Reach], ordered: bool) -> String {
        let distinct = if self.percent(20) { "DISTINCT " } else { "" };
        match self.seed.below(0..13) {
            0 | 1 => "count(*)".to_owned(),
            2 => {
                let kind = self.any_type();
                format!("count({distinct}{})", self.of(kind, reach, 1))
            }
            3 => format!("sum({distinct}{})", self.int(reach, 1)),
            4 => {
                let function = self.pick(&["sum", "avg", "median", "stddev"]);
                let of = if self.percent(50) { self.of(Type::Json, reach, 0) } else { self.int(reach, 1) };
                if of == "null" { "count(*)".to_owned() } else { format!("{function}({of})") }
            }
            5 => format!("avg({distinct}{})", self.int(reach, 0)),
            6 => format!(
                "quantile({}, {})",
                self.int(reach, 0),
                self.pick(&["0.95", "0.5", "0.0", "1.0", "0.25"])
            ),
            7..10 => {
                let function = self.pick(&["min", "max", "any"]);
                let kinds = [Type::Int, Type::Text, Type::Time, Type::Float, Type::Json];
                let kind = self.seed.pick(&kinds).copied().unwrap_or(Type::Int);
                let of = self.of(kind, reach, 1);
                if of == "null" { "count(*)".to_owned() } else { format!("{function}({of})") }
            }
            10 if ordered => {
                let function = self.pick(&["first", "last"]);
                let kind = self.any_type();
                let of = self.of(kind, reach, 0);
                if of == "null" { "count(*)".to_owned() } else { format!("{function}({of})") }
            }
            11 => {
                let of = if self.percent(50) { self.set(reach, 0) } else { self.text(reach, 0) };
                format!("collect({of})")
            }
            _ => format!("count(*) + {}", self.seed.int(0..3)),
        }
    }

    /// Groups of one table.
    fn grouped(&mut self) -> String {
        let moment = self.moment();
        let table = self.pick(TABLES);
        let alias = if self.percent(30) { "g" } else { "" };
        let reach = reach(table, alias);
        let mut keys = Vec::new();
        for _ in 0..self.seed.below(0..3) {
            let kinds = [
                Type::Text,
                Type::Text,
                Type::Text,
                Type::Int,
                Type::Bool,
                Type::Json,
                Type::Set,
                Type::Time,
            ];
            let kind = self.seed.pick(&kinds).copied().unwrap_or(Type::Text);
            let depth = usize::from(self.percent(25));
            let key = self.of(kind, &reach, depth);
            // A constant is no key; a parameter twice is two.
            if !is_constant(&key) && !key.contains('$') && !keys.contains(&key) {
                keys.push(key);
            }
        }
        let mut items = Vec::new();
        let mut by = Vec::new();
        for (index, key) in keys.iter().enumerate() {
            if self.percent(30) {
                items.push(format!("{key} AS k{index}"));
                by.push(format!("k{index}"));
            } else {
                if self.percent(80) {
                    items.push(format!("{key} AS v{index}"));
                }
                by.push(key.clone());
            }
        }
        let ordered = table != "next_task";
        for index in 0..self.seed.below(usize::from(items.is_empty())..4) {
            let aggregate = self.aggregate(&reach, ordered);
            items.push(if self.percent(70) { format!("{aggregate} AS a{index}") } else { aggregate });
        }
        if items.is_empty() {
            items.push("count(*)".to_owned());
        }
        let filter = self.maybe_where(&reach, 40);
        let by = if by.is_empty() { String::new() } else { format!(" GROUP BY {}", by.join(", ")) };
        let having = match self.percent(20) {
            true => {
                let mut having = format!("count(*) {} {}", self.comparison_of_counts(), self.seed.int(0..6));
                if self.percent(50) {
                    let (function, of) = (self.pick(&["max", "min", "sum"]), self.int(&reach, 0));
                    let join = self.pick(&["AND", "OR", "AND NOT"]);
                    having = format!("{having} {join} {function}({of}) > {}", self.seed.int(-2..8));
                }
                format!(" HAVING {having}")
            }
            false => String::new(),
        };
        let mut order = String::new();
        if !keys.is_empty() && self.percent(40) {
            let mut named =
                if self.percent(50) { vec![format!("count(*){}", self.direction())] } else { Vec::new() };
            named.extend(keys.iter().map(|key| format!("{key}{}", self.direction())));
            order = format!(" ORDER BY {}", named.join(", "));
        }
        // What groups are made of must not be asked where now() is part of it and nobody knows it.
        let cut = if keys.is_empty() { String::new() } else { self.cut() };
        format!("SELECT {} FROM {table} {alias}{filter}{by}{having}{order}{cut}{moment}", items.join(", "))
    }

    fn comparison_of_counts(&mut self) -> &'static str {
        self.pick(&[">", ">=", "<", "!="])
    }

    /// Two or three tables.
    fn joined(&mut self) -> String {
        let own = self.percent(30);
        let moment = if own { String::new() } else { self.moment() };
        if own {
            self.exact = false;
        }
        let version = |generator: &mut Self| {
            if !own || generator.percent(40) {
                return String::new();
            }
            let moment = generator.some_moment();
            generator.exact = false;
            format!(" AS OF {moment}")
        };
        let (left, right, on) = self.seed.pick(JOINS).copied().expect("there are some");
        let (of_left, of_right) = (version(self), version(self));
        let mut all = reach(left, "a");
        all.extend(reach(right, "b"));
        let kind = self.pick(&["JOIN", "INNER JOIN", "LEFT JOIN", "LEFT JOIN"]);
        let more = if self.percent(40) { format!(" AND ({})", self.truth(&all, 1)) } else { String::new() };
        let mut from = format!("{left}{of_left} a {kind} {right}{of_right} b ON {on}{more}");
        if self.percent(25) && right == "tasks" {
            let kind = self.pick(&["JOIN", "LEFT JOIN"]);
            from = format!("{from} {kind} relationships c ON c.from_task_id = b.id");
            all.extend(reach("relationships", "c"));
        }
        let mut items = Vec::new();
        if self.percent(8) && right != "tasks" && right != "events" {
            let filter = self.truth(&all, 1);
            return format!("SELECT b.*, a.id FROM {from} WHERE {filter}{moment}");
        }
        let grouped = self.percent(25);
        let mut by = String::new();
        if grouped {
            let key = self.text(&all, 0);
            if all.iter().any(|one| one.text == key) {
                by = format!(" GROUP BY {key}");
                items.push(format!("{key} AS k"));
            }
            items.push(format!("{} AS n", self.aggregate(&all, false)));
        } else {
            for index in 0..self.seed.below(1..5) {
                let kind = self.any_type();
                let depth = self.seed.below(0..2);
                items.push(format!("{} AS c{index}", self.of(kind, &all, depth)));
            }
        }
        let filter = if self.percent(45) { format!(" WHERE {}", self.truth(&all, 1)) } else { String::new() };
        let order = if !grouped && self.percent(40) {
            let key = self.column(&all, Type::Text).map_or_else(|| "a.id".to_owned(), |column| column.text);
            format!(" ORDER BY {key}{}, a.id, b.id", self.direction())
        } else {
            String::new()
        };
        let distinct = if !grouped && order.is_empty() && self.percent(15) { "DISTINCT " } else { "" };
        format!("SELECT {distinct}{} FROM {from}{filter}{by}{order}{moment}", items.join(", "))
    }

    /// A select in FROM, or a name of WITH.
    fn nested(&mut self) -> String {
        let moment = self.moment();
        let table = self.pick(TABLES);
        let within = reach(table, "");
        let mut columns = Vec::new();
        let mut outside = Vec::new();
        for index in 0..self.seed.below(2..5) {
            let kind = self.any_type();
            let depth = self.seed.below(0..2);
            let written = self.of(kind, &within, depth);
            columns.push(format!("{written} AS c{index}"));
            // Which type a bare null has is nobody's business further out.
            if written != "null" && !written.starts_with('$') {
                outside.push(Reach { text: format!("s.c{index}"), word: String::new(), kind });
            }
        }
        let filter = self.maybe_where(&within, 50);
        let select = format!("SELECT {} FROM {table}{filter}", columns.join(", "));
        let filter =
            if outside.is_empty() { String::new() } else { format!(" WHERE {}", self.truth(&outside, 1)) };
        let items = match self.percent(50) {
            true => "s.c0 AS a, s.c1".to_owned(),
            false => "count(*) AS n, count(DISTINCT s.c1) AS d".to_owned(),
        };
        if self.percent(30) {
            let kind = self.pick(&["JOIN", "LEFT JOIN"]);
            return format!(
                "SELECT t.id AS id, n.n AS n, n.last AS last FROM tasks t {kind} (SELECT task_id, count(*) AS n, \
                 max(id) AS last FROM runs GROUP BY task_id) n ON n.task_id = t.id AND n.n > {} {moment}",
                self.seed.int(0..3)
            );
        }
        match self.percent(50) {
            true => format!("SELECT {items} FROM ({select}) s{filter}{moment}"),
            false => format!(
                "WITH w AS ({select}), v AS (SELECT c0, c1 FROM w) SELECT count(*) AS n FROM v s WHERE s.c0 IS NOT NULL{moment}"
            ),
        }
    }

    /// `SELECT next_task`
    fn next(&mut self) -> String {
        let moment = self.moment();
        // Every column is given, the score among them.
        let moment = if self.exact { moment } else { format!(" AS OF POSITION {}", self.positions[0]) };
        let agents = self.words.agents.clone();
        let agent = match self.percent(75) {
            true => format!(" FOR '{}'", self.one_of(&agents)),
            false => String::new(),
        };
        let filter = if self.percent(50) {
            let reach = reach("next_task", "");
            format!(" WHERE {}", self.truth(&reach, 1))
        } else {
            String::new()
        };
        let limit = if self.percent(60) { format!(" LIMIT {}", self.seed.int(0..30)) } else { String::new() };
        format!("SELECT next_task{agent}{filter}{limit}{moment}")
    }

    /// HISTORY: which versions there are, and what they say of the row.
    fn versions(&mut self) -> String {
        self.exact = false;
        let table =
            self.pick(&["tasks", "runs", "leases", "agents", "relationships", "sessions", "contexts"]);
        let mut reach: Vec<Reach> = reach(table, "h")
            .into_iter()
            .filter(|one| {
                !["blocked_by_count", "child_count", "child_done_count", "dependency_depth"]
                    .contains(&one.word.as_str())
            })
            .collect();
        for (name, kind) in [
            ("valid_from", Type::Time),
            ("valid_to", Type::Time),
            ("from_position", Type::Int),
            ("to_position", Type::Int),
            ("event_type", Type::Text),
            ("actor", Type::Text),
        ] {
            reach.push(Reach { text: format!("h.{name}"), word: name.to_owned(), kind });
        }
        let filter = self.maybe_where(&reach, 60);
        if self.percent(30) {
            let key = self.pick(&["h.event_type", "h.id", "h.actor"]);
            return format!(
                "SELECT {key} AS k, count(*) AS n, max(h.to_position) AS m FROM {table} HISTORY h{filter} GROUP BY {key}"
            );
        }
        if self.percent(25) {
            let own = self.percent(50);
            let moment = if own { format!(" AS OF {}", self.some_moment()) } else { String::new() };
            self.exact = false;
            let kind = self.pick(&["JOIN", "LEFT JOIN"]);
            return format!(
                "SELECT t.id AS id, h.from_position AS p, h.event_type AS e FROM {table}{moment} t {kind} {table} HISTORY h \
                 ON h.id = t.id AND {}{}",
                self.pick(&["h.valid_to IS NULL", "h.to_position < 90", "h.actor = 'agent-1'", "true"]),
                filter
                    .replace("h.", "t.")
                    .replace("t.valid", "h.valid")
                    .replace("t.from_p", "h.from_p")
                    .replace("t.to_p", "h.to_p")
                    .replace("t.event", "h.event")
                    .replace("t.actor", "h.actor")
            );
        }
        let kind = self.any_type();
        let item = self.of(kind, &reach, 1);
        let order = if self.percent(60) { " ORDER BY h.id, h.from_position" } else { "" };
        format!(
            "SELECT h.id AS id, h.from_position AS p, h.to_position AS q, {item} AS c FROM {table} HISTORY h{filter}{order}"
        )
    }
}
