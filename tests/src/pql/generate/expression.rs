//! Expressions by type.

use super::{Generator, Reach};
use crate::pql::value::Type;
use serde_json::json;

/// Capabilities and labels of the histories.
const MEMBERS: &[&str] = &["rust", "sql", "ui", "ops", "docs", "x", "y", "even"];
const LIKES: &[&str] =
    &["%a%", "T%", "%\\_%", "_r%", "%", "agent-_", "task-1%", "%ü%", "%s", "a%b_", "100\\%%"];
const PATTERNS: &[&str] = &["^[a-m]", "a.*e", "[0-9]{2}$", "(?i)WRITE", "^$", "é|ü", "-1\\b"];

impl Generator {
    /// A column or path of that type, if there is one.
    pub(super) fn column(&mut self, reach: &[Reach], kind: Type) -> Option<Reach> {
        let fitting: Vec<&Reach> = reach.iter().filter(|one| one.kind == kind).collect();
        self.seed.pick(&fitting).map(|one| (*one).clone())
    }

    fn quoted(&mut self, text: &str) -> String {
        let written = format!("'{}'", text.replace('\'', "''"));
        self.bound(json!(text), written)
    }

    /// A text that such a column may have.
    pub(super) fn text_like(&mut self, word: &str) -> String {
        let text = match word {
            "status" => self
                .pick(&["open", "in_progress", "blocked", "completed", "active", "released", "failed"])
                .to_owned(),
            "class" => self.pick(&["critical", "high", "normal", "low"]).to_owned(),
            "project_id" => self.pick(&["p1", "p2", "p3"]).to_owned(),
            "type" | "event_type" => {
                let types = self.words.types.clone();
                if self.percent(50) {
                    self.one_of(&types)
                } else {
                    self.pick(&["blocks", "parent_of", "docs", "note", "Odd", "bugfix"]).to_owned()
                }
            }
            "agent_id" | "owner_agent_id" | "actor" => {
                let agents = self.words.agents.clone();
                self.one_of(&agents)
            }
            "stream" => {
                let streams = self.words.streams.clone();
                self.one_of(&streams)
            }
            "id" | "task_id" | "parent_id" | "from_task_id" | "to_task_id" => {
                let tasks = self.words.tasks.clone();
                self.one_of(&tasks)
            }
            "word" | "title" | "text" | "n" => {
                self.pick(&["a", "B", "3", "Write the parser", "ünïcödé → 🚀", "héllo", ""]).to_owned()
            }
            _ => self.pick(&["executor", "it did not work", "worth knowing", "a", "it's", "rust"]).to_owned(),
        };
        self.quoted(&text)
    }

    fn int_constant(&mut self) -> String {
        let int = match self.seed.below(0..10) {
            0 => self.seed.int(-1_000..100_000),
            1 => 0,
            _ => self.seed.int(-5..12),
        };
        self.bound(json!(int), int.to_string())
    }

    fn float_constant(&mut self) -> String {
        let float = self.pick(&["0.25", "2.5", "1.0", "0.5", "1e3", "7.125"]).to_owned();
        let value: f64 = float.parse().expect("a number");
        self.bound(json!(value), float)
    }

    fn set_constant(&mut self) -> String {
        let members = match self.percent(50) {
            true => self.seed.some(MEMBERS, 3),
            false => self.seed.pick(MEMBERS).into_iter().copied().collect(),
        };
        let written = match self.percent(80) {
            true => format!("{{{}}}", members.join(", ")),
            false => {
                let quoted: Vec<String> = members.iter().map(|member| format!("'{member}'")).collect();
                format!("{{{}}}", quoted.join(","))
            }
        };
        self.bound(json!(members), written)
    }

    pub(super) fn time_constant(&mut self) -> String {
        if self.percent(20) {
            return "'2020-02-29T23:59:59+05:30'".to_owned();
        }
        let times = self.words.times.clone();
        let time = self.one_of(&times);
        format!("'{time}'")
    }

    /// Anything of a type.
    pub(super) fn of(&mut self, kind: Type, reach: &[Reach], depth: usize) -> String {
        match kind {
            Type::Bool => self.truth(reach, depth),
            Type::Int => self.int(reach, depth),
            Type::Float => self.float(reach, depth),
            Type::Text => self.text(reach, depth),
            Type::Time => self.time(reach, depth),
            Type::Duration => self.duration(reach, depth),
            Type::Set => self.set(reach, depth),
            Type::Json | Type::Null => {
                self.column(reach, Type::Json).map_or_else(|| "null".to_owned(), |column| column.text)
            }
        }
    }

    pub(super) fn any_type(&mut self) -> Type {
        let all = [
            Type::Bool,
            Type::Int,
            Type::Int,
            Type::Float,
            Type::Text,
            Type::Text,
            Type::Time,
            Type::Duration,
            Type::Set,
            Type::Json,
        ];
        self.seed.pick(&all).copied().unwrap_or(Type::Text)
    }

    pub(super) fn comparison(&mut self) -> &'static str {
        self.pick(&["=", "=", "!=", "<>", "≠", "<", "<=", "≤", ">", ">=", "≥"])
    }

    /// A predicate.
    pub(super) fn truth(&mut self, reach: &[Reach], depth: usize) -> String {
        if depth > 0 && self.percent(45) {
            let how = self.seed.below(0..10);
            let inner = self.inner;
            // Selects stand inside WHERE alone, or under AND, OR and NOT.
            self.inner &= how < 9;
            let (left, right) = (self.truth(reach, depth - 1), self.truth(reach, depth - 1));
            self.inner = inner;
            return match how {
                0..4 => format!("({left}) AND ({right})"),
                4..7 => format!("({left}) OR ({right})"),
                7 | 8 => format!("NOT ({left})"),
                _ => format!("CASE WHEN {left} THEN {right} ELSE false END"),
            };
        }
        let inner = std::mem::replace(&mut self.inner, false);
        let made = if inner && self.percent(8) {
            self.inside(reach)
        } else {
            self.leaf(reach, depth.saturating_sub(1))
        };
        self.inner = inner;
        made
    }

    /// A predicate that is no AND, OR or NOT.
    fn leaf(&mut self, reach: &[Reach], depth: usize) -> String {
        let not = if self.percent(30) { "NOT " } else { "" };
        match self.seed.below(0..19) {
            0 | 1 => {
                let (left, op) = (self.int(reach, depth), self.comparison());
                format!("{left} {op} {}", self.int(reach, depth))
            }
            2..5 => match self.column(reach, Type::Text) {
                Some(column) => {
                    let op = self.comparison();
                    format!("{} {op} {}", column.text, self.text_like(&column.word))
                }
                None => "true".to_owned(),
            },
            5 => {
                let column = self.text(reach, depth);
                let like = self.pick(&["LIKE", "ILIKE", "like"]);
                let pattern = self.pick(LIKES).to_owned();
                format!("{column} {not}{like} {}", self.quoted(&pattern))
            }
            6 => {
                let (text, pattern) = (self.text(reach, depth), self.pick(PATTERNS).to_owned());
                format!("{text} {not}MATCHES {}", self.quoted(&pattern))
            }
            7 => {
                let sign = self.pick(&[
                    "⊆",
                    "<@",
                    "SUBSET OF",
                    "⊇",
                    "@>",
                    "SUPERSET OF",
                    "⊂",
                    "PROPER SUBSET OF",
                    "⊃",
                    "OVERLAPS",
                    "&&",
                    "=",
                    "!=",
                ]);
                let left = self.set(reach, depth);
                format!("{left} {sign} {}", self.set(reach, depth))
            }
            8 => {
                let sign = self.pick(&["∈", "IN", "∉", "NOT IN"]);
                let left = self.text(reach, 0);
                match self.column(reach, Type::Set) {
                    Some(column) => format!("{left} {sign} {}", column.text),
                    None => format!("{left} IS NULL"),
                }
            }
            9 => {
                let kind = self.any_type();
                let of = self.of(kind, reach, depth.min(1));
                format!("({of}) IS {not}NULL")
            }
            10 => {
                let Some(column) = self.column(reach, Type::Text) else { return "false".to_owned() };
                let mut items: Vec<String> =
                    (0..self.seed.below(1..4)).map(|_| self.text_like(&column.word)).collect();
                if self.percent(20) {
                    items.push("null".to_owned());
                }
                format!("{} {not}IN ({})", column.text, items.join(", "))
            }
            11 => {
                let (of, low, high) = (self.int(reach, depth), self.int(reach, 0), self.int(reach, 0));
                format!("{of} {not}BETWEEN {low} AND {high}")
            }
            12 | 13 => self.path_beside(reach, depth),
            14 => {
                let (left, op) = (self.time(reach, depth), self.comparison());
                let right = if self.percent(50) { self.time_constant() } else { self.time(reach, depth) };
                format!("{left} {op} {right}")
            }
            15 => {
                let (left, op) = (self.float(reach, depth), self.comparison());
                format!("{left} {op} {}", self.float(reach, depth))
            }
            17 => match self.column(reach, Type::Bool) {
                Some(column) => column.text,
                None => self.pick(&["true", "false", "null", "null = null"]).to_owned(),
            },
            18 => {
                let op = self.comparison();
                let left = self.duration(reach, depth);
                format!("{left} {op} {}", self.duration(reach, depth))
            }
            _ => {
                let function = self.pick(&["starts_with", "contains"]);
                let (text, part) =
                    (self.text(reach, depth), self.pick(&["'a'", "''", "'task'", "'é'", "'-1'"]));
                format!("{function}({text}, {part})")
            }
        }
    }

    /// A path into JSON beside a typed value, or beside another path.
    fn path_beside(&mut self, reach: &[Reach], depth: usize) -> String {
        let Some(path) = self.column(reach, Type::Json) else { return "true".to_owned() };
        let op = self.comparison();
        let not = if self.percent(30) { "NOT " } else { "" };
        match self.seed.below(0..15) {
            9 => format!("{} {not}IN ({}, {}, null)", path.text, self.int_constant(), self.int_constant()),
            10 => format!("{} {not}IN ({}, 'x')", path.text, self.text_like(&path.word)),
            11 => format!("{} {not}BETWEEN {} AND {}", path.text, self.int_constant(), self.float_constant()),
            12 => format!("{} ∈ {}", self.text(reach, 0), path.text),
            13 => format!(
                "CASE {} WHEN 1 THEN true WHEN 2 THEN false ELSE {} IS NULL END",
                path.text, path.text
            ),
            14 => format!("{} {not}LIKE {}", path.text, self.pick(&["'%a%'", "'_'", "''", "'%'"])),
            0 | 1 => format!("{} {op} {}", path.text, self.int(reach, depth.min(1))),
            2 => format!("{} {op} {}", path.text, self.float_constant()),
            3 | 4 => format!("{} {op} {}", path.text, self.text_like(&path.word)),
            5 => format!("{} {op} {}", path.text, self.pick(&["true", "false"])),
            6 => match self.column(reach, Type::Json) {
                Some(other) => format!("{} {op} {}", path.text, other.text),
                None => format!("{0} {op} {0}", path.text),
            },
            7 => format!("{} ⊇ {}", path.text, self.set_constant()),
            _ => {
                let column =
                    self.column(reach, Type::Text).map_or_else(|| "'a'".to_owned(), |column| column.text);
                format!("{} = {column}", path.text)
            }
        }
    }

    /// A predicate with a select inside.
    fn inside(&mut self, reach: &[Reach]) -> String {
        let not = if self.percent(30) { "NOT " } else { "" };
        let (column, select) = match self.seed.below(0..4) {
            0 => ("task_id", "runs"),
            1 => ("to_task_id", "relationships"),
            2 => ("owner_agent_id", "tasks"),
            _ => ("id", "tasks"),
        };
        let within = super::reach(select, "s");
        let filter = self.truth(&within, 1);
        match self.column(reach, Type::Text) {
            Some(outside) if self.percent(70) => {
                format!("{} {not}IN (SELECT s.{column} FROM {select} s WHERE {filter})", outside.text)
            }
            Some(outside) if outside.text.contains('.') && self.percent(60) => {
                format!(
                    "{not}EXISTS (SELECT s.id FROM {select} s WHERE s.{column} = {} AND ({filter}))",
                    outside.text
                )
            }
            _ => format!("{not}EXISTS (SELECT s.id FROM {select} s WHERE {filter})"),
        }
    }

    pub(super) fn int(&mut self, reach: &[Reach], depth: usize) -> String {
        if depth == 0 || self.percent(40) {
            return match self.column(reach, Type::Int) {
                Some(column) if self.percent(65) => column.text,
                _ => self.int_constant(),
            };
        }
        let depth = depth - 1;
        match self.seed.below(0..15) {
            12 => match self.column(reach, Type::Json) {
                Some(path) => format!("coalesce({}, {})", path.text, self.seed.int(-2..5)),
                None => "2".to_owned(),
            },
            13 => format!("CAST({} AS int)", self.pick(&["2.9", "-2.9", "true", "' 7 '", "false", "null"])),
            14 => match self.column(reach, Type::Json) {
                Some(path) => {
                    let when = self.truth(reach, 0);
                    format!("CASE WHEN {when} THEN {} ELSE {} END", path.text, self.seed.int(0..9))
                }
                None => "3".to_owned(),
            },
            0..3 => {
                let (left, sign) = (self.int(reach, depth), self.pick(&["+", "-", "−"]));
                format!("({left} {sign} {})", self.int(reach, depth))
            }
            3 => format!("{} * {}", self.int(reach, 0), self.seed.int(-3..4)),
            4 => {
                let sign = self.pick(&["/", "%"]);
                format!("{} {sign} {}", self.int(reach, 0), self.pick(&["2", "3", "-2", "7"]))
            }
            5 => format!("length({})", self.text(reach, depth)),
            6 => format!("size({})", self.set(reach, depth)),
            7 => match self.column(reach, Type::Json) {
                Some(path) => format!("int({})", path.text),
                None => "1".to_owned(),
            },
            8 => {
                let function = self.pick(&["abs", "round", "floor", "ceil", "-"]);
                format!("{function}({})", self.int(reach, 0))
            }
            9 => {
                let function = self.pick(&["coalesce", "greatest", "least", "nullif"]);
                let left = self.int(reach, depth);
                format!("{function}({left}, {})", self.int(reach, depth))
            }
            10 => {
                let (when, then) = (self.truth(reach, depth.min(1)), self.int(reach, depth));
                let otherwise = if self.percent(60) {
                    format!(" ELSE {}", self.int(reach, depth))
                } else {
                    String::new()
                };
                format!("CASE WHEN {when} THEN {then}{otherwise} END")
            }
            _ => {
                let whole = self.int(reach, 0);
                format!("CASE {whole} WHEN 0 THEN 10 WHEN {} THEN 20 ELSE {whole} END", self.seed.int(1..4))
            }
        }
    }

    pub(super) fn float(&mut self, reach: &[Reach], depth: usize) -> String {
        if depth == 0 || self.percent(40) {
            return match self.column(reach, Type::Float) {
                Some(column) if self.percent(50) => column.text,
                _ => self.float_constant(),
            };
        }
        let path = self.column(reach, Type::Json).map_or_else(|| "0.5".to_owned(), |path| path.text);
        match self.seed.below(0..9) {
            6 => format!("CAST({} AS float)", self.int(reach, depth - 1)),
            7 => {
                let function = self.pick(&["greatest", "least", "coalesce"]);
                format!("{function}({}, {})", self.int(reach, 0), self.float_constant())
            }
            8 => format!("({path} {} {})", self.pick(&["%", "-", "/"]), self.pick(&["2", "2.5", "-3"])),
            0 => format!("float({path})").replace("float(0.5)", "0.5"),
            1 => format!("({path} + {})", self.int(reach, 0)),
            2 => format!("({path} * {})", self.float_constant()),
            3 => format!("({} + {})", self.int(reach, 0), self.float_constant()),
            4 => {
                format!("{}({})", self.pick(&["round", "floor", "ceil", "abs"]), self.float(reach, depth - 1))
            }
            _ => format!("({} / {})", self.int(reach, 0), self.pick(&["2.0", "0.5", "-4.0"])),
        }
    }

    pub(super) fn text(&mut self, reach: &[Reach], depth: usize) -> String {
        let column = self.column(reach, Type::Text);
        if depth == 0 || self.percent(45) {
            return match column {
                Some(column) if self.percent(85) => column.text,
                Some(column) => self.text_like(&column.word),
                None => "'a'".to_owned(),
            };
        }
        let depth = depth - 1;
        match self.seed.below(0..12) {
            10 => {
                let kind = self.any_type();
                match kind {
                    Type::Bool | Type::Time => format!("CAST({} AS text)", self.of(kind, reach, 0)),
                    _ => "CAST(12 AS text)".to_owned(),
                }
            }
            11 => match self.column(reach, Type::Set) {
                Some(set) => format!("text(CAST({} AS json)) || 'a'", set.text),
                None => "'b'".to_owned(),
            },
            0 => format!("{}({})", self.pick(&["lower", "upper", "trim", "LOWER"]), self.text(reach, depth)),
            1 => format!("substr({}, {})", self.text(reach, depth), self.seed.int(-2..6)),
            2 => format!(
                "substr({}, {}, {})",
                self.text(reach, depth),
                self.seed.int(-2..6),
                self.seed.int(-1..5)
            ),
            3 => format!(
                "replace({}, {}, 'é')",
                self.text(reach, depth),
                self.pick(&["'a'", "'-'", "''", "'task'"])
            ),
            4 => {
                let left = self.text(reach, depth);
                format!("({left} || {})", self.text(reach, depth))
            }
            5 => {
                let function = self.pick(&["coalesce", "greatest", "least", "nullif"]);
                let left = self.text(reach, depth);
                format!("{function}({left}, {})", self.text(reach, depth))
            }
            6 => match self.column(reach, Type::Json) {
                Some(path) => format!("text({})", path.text),
                None => "'a'".to_owned(),
            },
            7 => format!("CAST({} AS text)", self.int(reach, depth)),
            8 => {
                let (when, then) = (self.truth(reach, depth.min(1)), self.text(reach, depth));
                format!("CASE WHEN {when} THEN {then} ELSE {} END", self.text(reach, depth))
            }
            _ => match self.column(reach, Type::Json) {
                Some(path) => format!("coalesce({}, 'none')", path.text),
                None => "'none'".to_owned(),
            },
        }
    }

    pub(super) fn time(&mut self, reach: &[Reach], depth: usize) -> String {
        let Some(column) = self.column(reach, Type::Time) else {
            return format!("CAST({} AS time)", self.time_constant());
        };
        if depth == 0 || self.percent(55) {
            return column.text;
        }
        let column = column.text;
        match self.seed.below(0..7) {
            0 => format!("bucket({}, {column})", self.pick(&["10m", "1h", "7d", "250ms", "1w"])),
            1 => {
                let unit = self.pick(&[
                    "millisecond",
                    "second",
                    "minute",
                    "hour",
                    "day",
                    "week",
                    "month",
                    "quarter",
                    "year",
                ]);
                format!("date_trunc('{unit}', {column})")
            }
            2 => format!("{column} {} {}", self.pick(&["+", "-"]), self.pick(&["1h", "90s", "3d", "1ms"])),
            3 => format!("coalesce({column}, {})", self.time_constant()),
            4 => match self.column(reach, Type::Time) {
                Some(other) => format!("{}({column}, {})", self.pick(&["greatest", "least"]), other.text),
                None => column,
            },
            5 if self.exact => self.pick(&["now()", "ago(1h)", "ago(2s)", "now() - 1d"]).to_owned(),
            _ => column,
        }
    }

    fn duration(&mut self, reach: &[Reach], depth: usize) -> String {
        let constant = self.pick(&["0s", "250ms", "90s", "2h", "-1d"]).to_owned();
        if depth == 0 || self.percent(30) {
            return constant;
        }
        let (left, right) = (self.column(reach, Type::Time), self.column(reach, Type::Time));
        match (left, right) {
            (Some(left), _) if self.exact && self.percent(40) => format!("age({})", left.text),
            (Some(left), Some(right)) => format!("({} - {})", left.text, right.text),
            _ => format!("{constant} * {}", self.int(reach, 0)),
        }
    }

    pub(super) fn set(&mut self, reach: &[Reach], depth: usize) -> String {
        let column = self.column(reach, Type::Set);
        if depth == 0 || self.percent(50) {
            return match column {
                Some(column) if self.percent(60) => column.text,
                _ => self.set_constant(),
            };
        }
        match self.seed.below(0..6) {
            0 => format!("split({}, {})", self.text(reach, 0), self.pick(&["'-'", "' '", "''", "'a'"])),
            _ => {
                let (left, sign) = (self.set(reach, depth - 1), self.pick(&["∩", "&", "∪", "|", "∖", "\\"]));
                format!("({left} {sign} {})", self.set(reach, depth - 1))
            }
        }
    }
}
