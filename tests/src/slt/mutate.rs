//! Statements that were broken at random, from those that have an answer on record. Included by path (`grammar`,
//! `query`), as `read.rs` is; the same seeds give the same statements.

/// A small random source (xorshift64*): the same everywhere, and nothing to depend on.
pub(crate) struct Dice(u64);

impl Dice {
    /// From a seed that is not zero.
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `bound`; 0 when that is 0.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let drawn = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33;
        usize::try_from(drawn).unwrap_or(0).checked_rem(bound).unwrap_or(0)
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }
}

/// What stands in statements where it should not.
const STRAY: [&str; 30] = [
    "(",
    ")",
    "{",
    "}",
    "[",
    "]",
    "'",
    "\"",
    ",",
    ";",
    "--",
    ".",
    "*",
    "$1",
    "$x",
    "⊆",
    "∪",
    "&&",
    "||",
    "-",
    "NOT",
    "IN",
    "AS OF",
    "SELECT",
    "CASE",
    "END",
    "9223372036854775808",
    "1e400",
    "\u{feff}",
    "🦀",
];

/// What is put around a part of a statement, many times over.
const NESTS: [(&str, &str); 8] = [
    ("(", ")"),
    ("NOT (", ")"),
    ("lower(", ")"),
    ("CASE WHEN true THEN ", " END"),
    ("1 + (", ")"),
    ("id IN (SELECT id FROM tasks WHERE ", ")"),
    ("EXISTS (SELECT id FROM agents WHERE ", ")"),
    ("- ", ""),
];

/// One of the statements, broken in one or two ways.
pub(crate) fn broken(statements: &[String], dice: &mut Dice) -> String {
    let mut text = statements[dice.below(statements.len())].clone();
    for _ in 0..=dice.below(2) {
        text = once(&text, statements, dice);
    }
    text
}

fn once(text: &str, statements: &[String], dice: &mut Dice) -> String {
    let mut words: Vec<&str> = text.split(' ').collect();
    let at = dice.below(words.len());
    match dice.below(8) {
        // A byte becomes another, or is lost.
        0 => {
            let mut bytes = text.as_bytes().to_vec();
            if !bytes.is_empty() {
                let place = dice.below(bytes.len());
                bytes[place] ^= 1 << dice.below(8);
            }
            String::from_utf8_lossy(&bytes).into_owned()
        }
        1 => {
            let place = dice.below(text.chars().count() + 1);
            text.chars().enumerate().filter(|(nth, _)| *nth != place).map(|(_, it)| it).collect()
        }
        // Words are lost, swapped, doubled, or come from elsewhere.
        2 => {
            words.remove(at);
            words.join(" ")
        }
        3 => {
            let other = dice.below(words.len());
            words.swap(at, other);
            words.join(" ")
        }
        4 => {
            words.insert(at, dice.pick(&STRAY));
            words.join(" ")
        }
        5 => {
            let other: Vec<&str> = statements[dice.below(statements.len())].split(' ').collect();
            let from = dice.below(other.len());
            let to = (from + 1 + dice.below(6)).min(other.len());
            words.splice(at..at, other[from..to].iter().copied());
            words.join(" ")
        }
        // A word many times, or deep inside of something.
        6 => {
            let many = format!("{} ", words[at]).repeat(1 + dice.below(200));
            words[at] = &many;
            words.join(" ")
        }
        _ => {
            let (open, close) = NESTS[dice.below(NESTS.len())];
            let depth = 1 + dice.below(160);
            let nested = format!("{}{}{}", open.repeat(depth), words[at], close.repeat(depth));
            words[at] = &nested;
            words.join(" ")
        }
    }
}
