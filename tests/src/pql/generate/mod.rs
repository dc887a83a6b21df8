//! Random statements, most of which mean something: every expression is made for the type that its place takes, every
//! constant is mostly one that the history has.

mod expression;
mod statement;
mod wrong;

use super::past::Past;
use super::value::Type;
use crate::Seed;
use serde_json::{Value as Json, json};

/// A statement and what is bound to its parameters.
#[derive(Debug, Clone, PartialEq)]
pub struct Generated {
    /// Its text.
    pub pql: String,
    /// An array, or null when there are none.
    pub params: Json,
}

/// Something that can stand in an expression: a column, or a path into one.
#[derive(Debug, Clone)]
struct Reach {
    /// As it is written.
    text: String,
    /// The last word of it, by which constants are found that it may equal.
    word: String,
    kind: Type,
}

/// Words of the history that constants are made of.
#[derive(Debug, Default)]
struct Words {
    tasks: Vec<String>,
    agents: Vec<String>,
    streams: Vec<String>,
    types: Vec<String>,
    tags: Vec<String>,
    times: Vec<String>,
    ids: Vec<String>,
}

/// What thinks statements up.
pub struct Generator {
    seed: Seed,
    words: Words,
    /// Moments that are asked about again and again, so that the model folds few of them.
    positions: Vec<u64>,
    params: Vec<Json>,
    /// Whether constants may become parameters in this statement.
    bind: bool,
    /// Whether now() is a moment that both sides know exactly.
    exact: bool,
    /// Whether selects may stand inside, here.
    inner: bool,
}

/// So many moments of the past are asked about in one history.
const MOMENTS: usize = 6;
/// Of each kind of word so many are kept.
const WORDS_MAX: usize = 60;

impl Generator {
    /// Statements about that history.
    #[must_use]
    pub fn new(past: &Past, mut seed: Seed) -> Self {
        let mut words = Words::default();
        let world = past.world(past.head());
        words.tasks = world.stored("tasks").map(|(id, _)| id.to_owned()).collect();
        words.agents = world.stored("agents").map(|(id, _)| id.to_owned()).collect();
        for event in past.events() {
            let text = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
            for (words, word) in [
                (&mut words.streams, text("stream")),
                (&mut words.types, text("type")),
                (&mut words.times, text("time")),
                (&mut words.ids, text("id")),
            ] {
                if !words.contains(&word) && words.len() < WORDS_MAX {
                    words.push(word);
                }
            }
            for tag in event["tags"].as_array().into_iter().flatten().filter_map(Json::as_str) {
                if words.tags.len() < WORDS_MAX && !words.tags.iter().any(|known| known == tag) {
                    words.tags.push(tag.to_owned());
                }
            }
        }
        let head = usize::try_from(past.head()).expect("a log that is held in memory");
        let positions = (0..MOMENTS).map(|_| seed.below(0..head + 1) as u64).collect();
        Self { seed, words, positions, params: Vec::new(), bind: false, exact: false, inner: false }
    }

    /// The next statement.
    pub fn statement(&mut self) -> Generated {
        self.params.clear();
        self.bind = self.percent(15);
        self.inner = false;
        let pql = self.any_statement();
        let params = if self.params.is_empty() { Json::Null } else { json!(self.params) };
        Generated { pql, params }
    }

    /// The next row predicate over a table: no selects inside, no now(), no parameters.
    pub fn predicate(&mut self, table: &str) -> String {
        self.params.clear();
        self.bind = false;
        self.inner = false;
        self.exact = false;
        let reach = reach(table, "");
        self.truth(&reach, 3)
    }

    fn percent(&mut self, percent: u32) -> bool {
        self.seed.percent(percent)
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        self.seed.pick(from).copied().unwrap_or_default()
    }

    fn one_of(&mut self, from: &[String]) -> String {
        self.seed.pick(from).cloned().unwrap_or_else(|| "none".to_owned())
    }

    /// A value: in the text, or as a parameter.
    fn bound(&mut self, value: Json, written: String) -> String {
        if self.bind && self.percent(30) {
            self.params.push(value);
            format!("${}", self.params.len())
        } else {
            written
        }
    }
}

/// Every column of a table, named with an alias when there is one, and paths that lead somewhere.
fn reach(table: &str, alias: &str) -> Vec<Reach> {
    let prefix = if alias.is_empty() { String::new() } else { format!("{alias}.") };
    let columns = Past::columns(table, false).expect("a table there is");
    let mut found = Vec::new();
    for (name, kind) in columns {
        // What a score is depends on the moment of the statement alone; it is asked for where that is known.
        if name == "score" {
            continue;
        }
        found.push(Reach { text: format!("{prefix}{name}"), word: name.to_owned(), kind });
        if kind == Type::Json {
            let paths: &[&str] = match (table, name) {
                ("events", "data") => &[
                    ".n",
                    ".word",
                    ".list",
                    ".deep['odd key'][1].z",
                    ".title",
                    ".status",
                    ".priority",
                    ".caps",
                    ".duration_ms",
                    "['text']",
                    ".n",
                    ".word",
                    ".list[0]",
                    ".labels",
                    ".at",
                ],
                ("events", _) => &[".agent_id"],
                ("runs", _) => &[".lines"],
                ("tasks" | "next_task", _) => &[".n", ".nested.list", ".nested.list[1]", ".changed"],
                _ => &[".n", ".why"],
            };
            for path in paths {
                let word = path.trim_matches(|char: char| !char.is_ascii_alphabetic()).to_owned();
                found.push(Reach { text: format!("{prefix}{name}{path}"), word, kind: Type::Json });
            }
        }
    }
    found
}
