//! One cheap pass over the text before pest sees it: bounds, and faults of single tokens.
//!
//! pest recurses once per bracket and CASE, so their nesting is bounded here, without recursion. And a
//! fault inside one token (an unterminated string, a sign of another language) is said best by whoever
//! reads characters. The tokens found also give errors their exact spans, and spans their exact ends.

use super::cut;
use crate::{Code, Error, NESTING_MAX, Span, TEXT_BYTES_MAX};

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A keyword or a bare name.
    Word,
    /// `"…"`
    Quoted,
    /// `'…'`
    Text,
    /// `12`, `1.5`, `1e9`
    Number,
    /// `15m`
    Duration,
    /// `$1`, `$name`
    Parameter,
    /// Everything else.
    Sign,
}

/// A token and where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) span: Span,
}

/// Signs of more than one character, longest first.
const LONG_SIGNS: [&str; 8] = ["<@", "@>", "<=", ">=", "<>", "!=", "&&", "||"];

/// Signs of one character.
const SHORT_SIGNS: &str = "()[]{},.;*/%+-−=<>&|\\∖∩∪⊆⊇⊂⊃∈∉≠≤≥";

/// Signs of other languages, longest first: the sign, what is wrong, what would be right. None of these can
/// stand in a correct statement.
const FOREIGN_SIGNS: [(&str, &str, &str); 24] = [
    ("&&&", "`&&&` is no operator", "`&&` is OVERLAPS, `&` is ∩"),
    ("|||", "`|||` is no operator", "`||` joins texts, `|` is ∪"),
    ("===", "`===` is no operator", "equality is a single `=`"),
    ("!==", "`!==` is no operator", "inequality is `!=`"),
    ("<=>", "`<=>` is no operator", "a comparison that treats null as a value is written with IS NULL"),
    ("->>", "`->>` is no operator", "a path into JSON is written `data.key`"),
    ("=~", "`=~` is no operator", "a pattern is tested with MATCHES"),
    ("!~", "`!~` is no operator", "a pattern is tested with NOT MATCHES"),
    ("==", "`==` is no operator", "equality is a single `=`"),
    ("=<", "`=<` is no operator", "write `<=`"),
    ("=>", "`=>` is no operator", "write `>=`"),
    ("->", "`->` is no operator", "a path into JSON is written `data.key`"),
    ("::", "`::` is no operator", "write CAST(e AS type)"),
    (":=", "`:=` is no operator", "equality is a single `=`"),
    ("**", "`**` is no operator", "powers are not part of PQL"),
    ("//", "`//` does not start a comment", "a comment runs from `--` to the end of its line"),
    ("/*", "`/*` does not start a comment", "a comment runs from `--` to the end of its line"),
    ("!", "`!` is no operator", "write NOT"),
    ("^", "`^` is no operator", "powers are not part of PQL"),
    ("~", "`~` is no operator", "a pattern is tested with MATCHES"),
    ("?", "`?` is no parameter", "parameters are written $1 or $name"),
    (":", "`:` means nothing here", "parameters are written $1 or $name; there are no JSON literals"),
    ("#", "`#` does not start a comment", "a comment runs from `--` to the end of its line"),
    ("@", "`@` is no operator", "subset is `<@`, superset is `@>`; parameters are written $1 or $name"),
];

/// The units of a duration.
pub(super) const UNITS: [&str; 6] = ["ms", "s", "m", "h", "d", "w"];

/// The tokens of `text`.
///
/// # Errors
/// `too_complex` past [`TEXT_BYTES_MAX`] or [`NESTING_MAX`]; `syntax` for a token that is none.
pub(super) fn scan(text: &str) -> Result<Vec<Token>, Error> {
    if text.len() > TEXT_BYTES_MAX {
        let message = format!("the text is {} bytes long, at most {TEXT_BYTES_MAX} are read", text.len());
        return Err(Error::new(Code::TooComplex, Span::new(0, 0), message)
            .hint("pass long values as parameters, like $1 or $name"));
    }
    let mut scanner = Scanner { text, at: 0, tokens: Vec::new(), nest: Vec::new() };
    while let Some(token) = scanner.next()? {
        scanner.nest(token)?;
        scanner.tokens.push(token);
    }
    Ok(scanner.tokens)
}

struct Scanner<'t> {
    text: &'t str,
    at: usize,
    tokens: Vec<Token>,
    /// What would close each open bracket and CASE, outermost first.
    nest: Vec<Closer>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Closer {
    Parenthesis,
    Bracket,
    End,
}

impl<'t> Scanner<'t> {
    fn next(&mut self) -> Result<Option<Token>, Error> {
        self.skip_blanks();
        let start = self.at;
        let Some(first) = self.rest().chars().next() else { return Ok(None) };
        let kind = match first {
            'a'..='z' | 'A'..='Z' | '_' => {
                self.skip_word();
                Kind::Word
            }
            '0'..='9' => self.number()?,
            '\'' => self.quotes('\'', Kind::Text)?,
            '"' => self.quotes('"', Kind::Quoted)?,
            '$' => self.parameter()?,
            _ => self.sign(first)?,
        };
        Ok(Some(Token { kind, span: Span::new(start, self.at) }))
    }

    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn skip_while(&mut self, is_in: impl Fn(u8) -> bool) {
        self.at += self.rest().bytes().take_while(|byte| is_in(*byte)).count();
    }

    fn skip_word(&mut self) {
        self.skip_while(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    }

    fn skip_blanks(&mut self) {
        loop {
            self.skip_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'));
            if !self.rest().starts_with("--") {
                return;
            }
            self.at += self.rest().find('\n').unwrap_or(self.rest().len());
        }
    }

    /// A number, or a duration where a unit follows its digits immediately.
    fn number(&mut self) -> Result<Kind, Error> {
        let start = self.at;
        self.skip_while(|byte| byte.is_ascii_digit());
        let digits_end = self.at;
        if let [b'.', b'0'..=b'9', ..] = self.rest().as_bytes() {
            self.at += 1;
            self.skip_while(|byte| byte.is_ascii_digit());
        }
        let exponent = match self.rest().as_bytes() {
            [b'e' | b'E', b'+' | b'-', b'0'..=b'9', ..] => 2,
            [b'e' | b'E', b'0'..=b'9', ..] => 1,
            _ => 0,
        };
        if exponent > 0 {
            self.at += exponent;
            self.skip_while(|byte| byte.is_ascii_digit());
        }
        let number_end = self.at;
        // A step may follow a number, though nothing comes of it; a blank or the end never does.
        if number_end == digits_end
            && let [b'.', rest @ ..] = self.rest().as_bytes()
            && rest.first().is_none_or(|next| matches!(next, b' ' | b',' | b')' | b'+' | b'-' | b'*' | b'/'))
        {
            let span = Span::new(start, number_end + 1);
            let written = cut(&self.text[start..number_end]);
            return Err(Error::new(Code::Syntax, span, format!("`{written}.` is no number"))
                .hint(format!("write {written}.0")));
        }
        self.skip_word();
        let suffix = &self.text[number_end..self.at];
        if suffix.is_empty() {
            return Ok(Kind::Number);
        }
        if number_end == digits_end && UNITS.contains(&suffix) {
            return Ok(Kind::Duration);
        }
        let span = Span::new(start, self.at);
        let written = cut(&self.text[start..self.at]);
        let lower = suffix.to_ascii_lowercase();
        Err(if &self.text[start..digits_end] == "0" && suffix.starts_with(['x', 'X', 'b', 'o']) {
            Error::new(Code::Syntax, span, format!("`{written}` is no number"))
                .hint("numbers are written in decimal")
        } else if number_end != digits_end {
            Error::new(Code::Syntax, span, format!("`{written}` is no number"))
                .hint("a duration is whole: write 1500ms, not 1.5s")
        } else if suffix.starts_with('_') && suffix.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_')
        {
            Error::new(Code::Syntax, span, format!("`{written}` is no number"))
                .hint("digits are written without `_`")
        } else if UNITS.contains(&lower.as_str()) {
            Error::new(Code::Syntax, span, format!("unknown duration unit `{suffix}`"))
                .hint(format!("units are lower case: `{lower}`"))
        } else {
            let unit = Span::new(number_end, self.at);
            let error = Error::new(Code::Syntax, unit, format!("unknown duration unit `{}`", cut(suffix)));
            error.hint(match unit_meant(&lower) {
                Some(meant) => format!("did you mean `{}{meant}`?", cut(&self.text[start..number_end])),
                None => "the units are ms, s, m, h, d and w".to_owned(),
            })
        })
    }

    /// `'…'` or `"…"`, the quote doubled inside.
    fn quotes(&mut self, quote: char, kind: Kind) -> Result<Kind, Error> {
        let start = self.at;
        loop {
            self.at += 1;
            let Some(length) = self.rest().find(quote) else {
                self.at = self.text.len();
                let first_line_end = self.text[start..].find('\n').map_or(self.text.len(), |at| start + at);
                let what = if kind == Kind::Text { "text" } else { "name" };
                let message = format!("the {what} that begins here never ends");
                return Err(Error::new(Code::Syntax, Span::new(start, first_line_end), message)
                    .hint(format!("close it with `{quote}`; a `{quote}` inside is written twice")));
            };
            self.at += length + 1;
            if !self.rest().starts_with(quote) {
                return Ok(kind);
            }
        }
    }

    fn parameter(&mut self) -> Result<Kind, Error> {
        let start = self.at;
        self.at += 1;
        let begins_with_digit = self.rest().starts_with(|first: char| first.is_ascii_digit());
        self.skip_word();
        let name = &self.text[start + 1..self.at];
        let is_number = name.bytes().all(|byte| byte.is_ascii_digit());
        if name.is_empty() || begins_with_digit && !is_number {
            let message = format!("`${}` is no parameter", cut(name));
            return Err(Error::new(Code::Syntax, Span::new(start, self.at), message)
                .hint("parameters are written $1 or $name"));
        }
        Ok(Kind::Parameter)
    }

    fn sign(&mut self, first: char) -> Result<Kind, Error> {
        let rest = self.rest();
        let foreign = FOREIGN_SIGNS.iter().find(|(sign, ..)| rest.starts_with(sign));
        let long = LONG_SIGNS.iter().find(|sign| rest.starts_with(**sign));
        match (long, foreign) {
            (Some(sign), None) => self.at += sign.len(),
            (Some(sign), Some((other, ..))) if sign.len() >= other.len() => self.at += sign.len(),
            (_, Some((sign, message, hint))) => {
                let span = Span::new(self.at, self.at + sign.len());
                let rest = &rest[sign.len()..];
                if *sign == "!" && rest.starts_with([' ', '\t']) && rest.trim_start().starts_with('=') {
                    return Err(
                        Error::new(Code::Syntax, span, *message).hint("`!=` is written without a blank")
                    );
                }
                return Err(Error::new(Code::Syntax, span, *message).hint(*hint));
            }
            (None, None) if SHORT_SIGNS.contains(first) => self.at += first.len_utf8(),
            (None, None) => return Err(stray(first, Span::new(self.at, self.at + first.len_utf8()))),
        }
        Ok(Kind::Sign)
    }

    /// Counts what pest recurses into. A closer that closes nothing is left for pest to refuse; it never
    /// lowers the count, so the count is never below pest's depth.
    fn nest(&mut self, token: Token) -> Result<(), Error> {
        let written = &self.text[token.span.start..token.span.end];
        let opened = match token.kind {
            Kind::Sign => match written {
                "(" => Some(Closer::Parenthesis),
                "[" => Some(Closer::Bracket),
                ")" => return self.close(Closer::Parenthesis),
                "]" => return self.close(Closer::Bracket),
                _ => None,
            },
            Kind::Word if written.eq_ignore_ascii_case("case") => Some(Closer::End),
            Kind::Word if written.eq_ignore_ascii_case("end") => return self.close(Closer::End),
            _ => None,
        };
        if let Some(closer) = opened {
            if closer == Closer::End && self.is_after_dot_or_as() {
                return Ok(());
            }
            if self.nest.len() == NESTING_MAX {
                let message = format!("nested more than {NESTING_MAX} deep");
                return Err(Error::new(Code::TooComplex, token.span, message));
            }
            self.nest.push(closer);
        }
        Ok(())
    }

    fn close(&mut self, closer: Closer) -> Result<(), Error> {
        if self.nest.last() == Some(&closer) && !(closer == Closer::End && self.is_after_dot_or_as()) {
            self.nest.pop();
        }
        Ok(())
    }

    /// Whether the next word is a key or an alias, whatever it says.
    fn is_after_dot_or_as(&self) -> bool {
        self.tokens.last().is_some_and(|token| {
            let written = &self.text[token.span.start..token.span.end];
            written == "." || token.kind == Kind::Word && written.eq_ignore_ascii_case("as")
        })
    }
}

/// The unit a longer word for it means.
fn unit_meant(suffix: &str) -> Option<&'static str> {
    match suffix {
        "msec" | "msecs" | "millis" | "millisecond" | "milliseconds" => Some("ms"),
        "sec" | "secs" | "second" | "seconds" => Some("s"),
        "min" | "mins" | "minute" | "minutes" => Some("m"),
        "hr" | "hrs" | "hour" | "hours" => Some("h"),
        "day" | "days" => Some("d"),
        "wk" | "week" | "weeks" => Some("w"),
        _ => None,
    }
}

/// The error for a character that begins no token.
fn stray(character: char, span: Span) -> Error {
    let code = u32::from(character);
    let message = if character == '`' {
        "a backtick means nothing here".to_owned()
    } else if character.is_control() || character.is_whitespace() {
        format!("the character U+{code:04X} means nothing here")
    } else {
        format!("the character `{character}` means nothing here")
    };
    let error = Error::new(Code::Syntax, span, message);
    match character {
        '‘' | '’' | '‚' | '‛' => error.hint("a text stands in straight quotes: 'text'"),
        '“' | '”' | '„' | '«' | '»' => {
            error.hint("a text stands in straight single quotes: 'text'; a name in double ones: \"name\"")
        }
        '`' => error.hint("an odd name stands in double quotes: \"name\""),
        '×' | '·' => error.hint("multiplication is `*`"),
        '÷' => error.hint("division is `/`"),
        '¬' => error.hint("write NOT"),
        '∧' => error.hint("write AND"),
        '∨' => error.hint("write OR"),
        '⊄' | '⊈' => error.hint("write NOT a ⊆ b"),
        '⊅' | '⊉' => error.hint("write NOT a ⊇ b"),
        '∅' => error.hint("the empty set is {}"),
        '–' | '—' | '‐' | '‑' => error.hint("minus is `-`"),
        _ if character.is_whitespace() || character == '\u{feff}' => {
            error.hint("blanks are spaces, tabs and line ends")
        }
        _ if character.is_alphanumeric() => {
            error.hint("names and members outside ASCII are quoted: \"name\", {'member'}")
        }
        _ => error,
    }
}
