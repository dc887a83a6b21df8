//! Random expressions, as text: so that parser and resolver are on the way too.

use super::sample::{FLOATS, INTS, Random, WORDS};

/// Deepest nesting it writes.
const DEPTH: usize = 3;

pub(super) struct Writer {
    pub(super) random: Random,
}

impl Writer {
    pub(super) fn new(seed: u64) -> Self {
        Self { random: Random(seed) }
    }

    /// An expression of any type.
    pub(super) fn expression(&mut self) -> String {
        match self.random.below(8) {
            0 => self.int(DEPTH),
            1 => self.float(DEPTH),
            2 => self.text(DEPTH),
            3 => self.time(DEPTH),
            4 => self.set(DEPTH),
            5 => self.duration(DEPTH),
            _ => self.truth(DEPTH),
        }
    }

    /// A row predicate: conjuncts, so that guards and their order matter.
    pub(super) fn filter(&mut self) -> String {
        let count = 1 + self.random.below(3);
        let parts: Vec<String> = (0..count).map(|_| format!("({})", self.truth(DEPTH))).collect();
        parts.join(if self.random.below(3) == 0 { " OR " } else { " AND " })
    }

    fn pick(&mut self, of: &[&str]) -> String {
        self.random.one(of).to_owned()
    }

    fn word(&mut self) -> String {
        format!("'{}'", self.random.one(&WORDS))
    }

    fn truth(&mut self, depth: usize) -> String {
        if depth == 0 {
            return self.pick(&["b", "true", "false", "null", "j.b", "b"]);
        }
        let d = depth - 1;
        match self.random.below(17) {
            0 | 1 => format!("({} AND {})", self.truth(d), self.truth(d)),
            2 | 3 => format!("({} OR {})", self.truth(d), self.truth(d)),
            4 => format!("NOT ({})", self.truth(d)),
            5 | 6 => {
                let sign = self.comparison();
                let (a, b) = match self.random.below(8) {
                    0 => (self.int(d), self.int(d)),
                    1 => (self.float(d), self.int(d)),
                    2 => (self.text(d), self.text(d)),
                    3 => (self.time(d), self.time(d)),
                    4 => (self.duration(d), self.duration(d)),
                    5 => (self.json(), self.int(d)),
                    6 => (self.json(), self.text(d)),
                    _ => (self.json(), self.json()),
                };
                format!("({a} {sign} {b})")
            }
            7 => {
                let sign = self.pick(&["=", "!="]);
                format!("({} {sign} {})", self.set(d), self.set(d))
            }
            8 => {
                let (what, not) = (self.any(d), self.not());
                format!("({what} IS {not}NULL)")
            }
            9 => {
                let sign = self.pick(&["⊆", "⊇", "⊂", "⊃", "OVERLAPS", "<@", "&&"]);
                format!("({} {sign} {})", self.set(d), self.set(d))
            }
            10 => {
                let (word, sign) = (self.text(d), self.pick(&["∈", "∉"]));
                format!("({word} {sign} {})", self.set(d))
            }
            11 => {
                let not = self.not();
                match self.random.below(3) {
                    0 => format!(
                        "({} {not}IN ({}, {}, {}))",
                        self.int(d),
                        self.int(0),
                        self.int(0),
                        self.float(0)
                    ),
                    1 => format!("({} {not}IN ({}, {}))", self.text(d), self.word(), self.text(0)),
                    _ => format!("({} {not}IN ({}, {}))", self.json(), self.word(), self.int(0)),
                }
            }
            12 => {
                let not = self.not();
                format!("({} {not}BETWEEN {} AND {})", self.int(d), self.int(0), self.int(d))
            }
            13 => {
                let sign = self.pick(&["LIKE", "ILIKE", "NOT LIKE", "NOT ILIKE"]);
                let pattern = self.pick(&["'%'", "'r%'", "'%c%'", "'_b%c'", "'ab\\_c'", "'AB%'", "''", "u"]);
                format!("({} {sign} {pattern})", self.text(d))
            }
            14 => {
                let (not, pattern) = (self.not(), self.pick(&["'^r'", "'c.*$'", "''", "'[0-9]+'"]));
                format!("({} {not}MATCHES {pattern})", self.text(d))
            }
            15 => format!("CASE WHEN {} THEN {} ELSE {} END", self.truth(d), self.truth(d), self.truth(d)),
            _ => {
                let function = self.pick(&["starts_with", "contains"]);
                format!("{function}({}, {})", self.text(d), self.text(d))
            }
        }
    }

    fn comparison(&mut self) -> String {
        self.pick(&["=", "!=", "<", "<=", ">", ">="])
    }

    fn not(&mut self) -> &'static str {
        self.random.one(&["", "NOT "])
    }

    fn any(&mut self, depth: usize) -> String {
        match self.random.below(6) {
            0 => self.int(depth),
            1 => self.text(depth),
            2 => self.set(depth),
            3 => self.json(),
            4 => self.time(depth),
            _ => self.truth(depth),
        }
    }

    fn int(&mut self, depth: usize) -> String {
        if depth == 0 {
            return match self.random.below(4) {
                0 => format!("({})", self.random.one(&INTS[..6])),
                _ => self.pick(&["i", "k", "id"]),
            };
        }
        let d = depth - 1;
        match self.random.below(14) {
            0 | 1 => {
                let sign = self.pick(&["+", "-", "*"]);
                format!("({} {sign} {})", self.int(d), self.int(d))
            }
            2 => {
                let sign = self.pick(&["/", "%"]);
                format!("({} {sign} {})", self.int(d), self.int(0))
            }
            3 => format!("({} / nullif({}, 0))", self.int(d), self.int(0)),
            4 => format!("CASE WHEN k = 0 THEN {} ELSE {} / k END", self.int(d), self.int(d)),
            5 => format!("coalesce({}, {})", self.int(d), self.int(d)),
            6 => format!("length({})", self.text(d)),
            7 => format!("size({})", self.set(d)),
            8 => "int(j.n)".to_owned(),
            9 => format!("abs({})", self.int(d)),
            10 => {
                let function = self.pick(&["greatest", "least"]);
                format!("{function}({}, {})", self.int(d), self.int(d))
            }
            11 if self.random.below(6) == 0 => format!("CAST({} AS int)", self.text(d)),
            12 => format!("-({})", self.int(d)),
            _ => self.int(0),
        }
    }

    fn float(&mut self, depth: usize) -> String {
        if depth == 0 {
            return match self.random.below(3) {
                0 => format!("({:?})", self.random.one(&FLOATS[..5])),
                1 => "float(j.n)".to_owned(),
                _ => "f".to_owned(),
            };
        }
        let d = depth - 1;
        match self.random.below(8) {
            0 | 1 => {
                let sign = self.pick(&["+", "-", "*"]);
                format!("({} {sign} {})", self.float(d), self.float(d))
            }
            2 => format!("({} / nullif({}, 0))", self.float(d), self.int(0)),
            3 => {
                let function = self.pick(&["round", "floor", "ceil", "abs"]);
                format!("{function}({})", self.float(d))
            }
            4 => format!("round({}, 1)", self.float(d)),
            5 => format!("(j.n * {})", self.int(0)),
            6 => format!("coalesce({}, {})", self.float(d), self.int(d)),
            _ => self.float(0),
        }
    }

    fn text(&mut self, depth: usize) -> String {
        if depth == 0 {
            return match self.random.below(4) {
                0 => self.word(),
                1 => "text(j.t)".to_owned(),
                2 => "t".to_owned(),
                _ => "u".to_owned(),
            };
        }
        let d = depth - 1;
        match self.random.below(11) {
            0 => format!("({} || {})", self.text(d), self.text(d)),
            1 => {
                let function = self.pick(&["lower", "upper", "trim"]);
                format!("{function}({})", self.text(d))
            }
            2 => format!("substr({}, {})", self.text(d), self.int(0)),
            3 => format!("substr({}, {}, 2)", self.text(d), self.int(0)),
            4 => format!("replace({}, {}, {})", self.text(d), self.word(), self.text(0)),
            5 => format!("CAST({} AS text)", self.int(d)),
            6 => format!("CASE {} WHEN {} THEN 'x' ELSE {} END", self.text(d), self.word(), self.text(d)),
            7 => format!("greatest({}, {})", self.text(d), self.text(d)),
            8 => format!("coalesce({}, j.t, {})", self.text(d), self.word()),
            _ => self.text(0),
        }
    }

    fn time(&mut self, depth: usize) -> String {
        if depth == 0 {
            return self.pick(&["m", "m", "time(j.t)", "CAST('2026-01-19T14:25:00Z' AS time)"]);
        }
        let d = depth - 1;
        match self.random.below(6) {
            0 => format!("({} + {})", self.time(d), self.duration(d)),
            1 => format!("({} - {})", self.time(d), self.duration(d)),
            2 => format!("bucket(1h, {})", self.time(d)),
            3 => {
                let unit = self.pick(&["minute", "day", "week", "month", "quarter", "year"]);
                format!("date_trunc('{unit}', {})", self.time(d))
            }
            _ => self.time(0),
        }
    }

    fn duration(&mut self, depth: usize) -> String {
        if depth == 0 {
            return self.pick(&["d", "d", "1h", "15m"]);
        }
        let d = depth - 1;
        match self.random.below(6) {
            0 => format!("({} - {})", self.time(d), self.time(d)),
            1 => format!("({} * {})", self.duration(d), self.int(0)),
            2 => format!("({} + {})", self.duration(d), self.duration(d)),
            3 => format!("abs({})", self.duration(d)),
            _ => self.duration(0),
        }
    }

    fn set(&mut self, depth: usize) -> String {
        if depth == 0 {
            return self.pick(&["s", "r", "{rust, sql}", "{}", "{'c++', ''}"]);
        }
        let d = depth - 1;
        match self.random.below(6) {
            0 | 1 => {
                let sign = self.pick(&["∩", "∪", "∖"]);
                format!("({} {sign} {})", self.set(d), self.set(d))
            }
            2 => format!("split({}, {})", self.text(d), self.word()),
            3 => format!("(j.l ∪ {})", self.set(d)),
            _ => self.set(0),
        }
    }

    fn json(&mut self) -> String {
        self.pick(&["j.n", "j.t", "j.b", "j.l", "j.o.k[1]", "j.o", "j", "j['t']"])
    }
}
