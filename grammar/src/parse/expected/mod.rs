//! Why pest refused a text, in words.
//!
//! pest says where it stopped and which rules it would have taken there. The modules here look at both and
//! at the tokens around; the first that recognises the mistake explains it. What none recognises gets a
//! sentence made of the rules' names in words. Rules themselves are never shown.

mod clause;
mod expr;
mod statement;

use super::scan::{Kind, Token};
use super::{Rule, cut};
use crate::nearest::nearest;
use crate::{Code, Error, Span, is_reserved};
use pest::error::{ErrorVariant, InputLocation};

/// What pest's refusal of `text`, read as `entry`, means for who wrote it.
pub(super) fn explain(
    entry: Rule,
    text: &str,
    tokens: &[Token],
    error: &pest::error::Error<Rule>,
) -> Box<Error> {
    let stopped = match error.location {
        InputLocation::Pos(at) | InputLocation::Span((at, _)) => at,
    };
    let at = tokens.partition_point(|token| token.span.end <= stopped);
    let expected = match &error.variant {
        ErrorVariant::ParsingError { positives, .. } => positives.as_slice(),
        // The guard of pest's own against a stack that is nearly used up by whoever called.
        ErrorVariant::CustomError { .. } => {
            let refusal = Refusal { entry, text, tokens, at, expected: &[] };
            return Box::new(Error::new(Code::TooComplex, refusal.span(at), "nested too deep to be read"));
        }
    };
    let refusal = Refusal { entry, text, tokens, at, expected };
    let explanations = [statement::explain, clause::explain, expr::explain];
    Box::new(explanations.iter().find_map(|explain| explain(&refusal)).unwrap_or_else(|| refusal.plain()))
}

/// Where pest stopped, what it would have taken, and what stands around.
struct Refusal<'t> {
    entry: Rule,
    text: &'t str,
    tokens: &'t [Token],
    /// The token that was refused; one past the last where the text ended too early.
    at: usize,
    expected: &'t [Rule],
}

impl<'t> Refusal<'t> {
    /// The text of a token, empty past the ends.
    fn written(&self, index: usize) -> &'t str {
        self.tokens.get(index).map_or("", |token| &self.text[token.span.start..token.span.end])
    }

    /// The text of the token `back` before the refused one.
    fn before(&self, back: usize) -> &'t str {
        self.at.checked_sub(back).map_or("", |index| self.written(index))
    }

    fn kind(&self, index: usize) -> Option<Kind> {
        self.tokens.get(index).map(|token| token.kind)
    }

    /// Where a token stands; the end of the text past the last.
    fn span(&self, index: usize) -> Span {
        let end = self.tokens.last().map_or(0, |token| token.span.end);
        self.tokens.get(index).map_or(Span::new(end, end), |token| token.span)
    }

    fn is_word(&self, index: usize, word: &str) -> bool {
        self.kind(index) == Some(Kind::Word) && self.written(index).eq_ignore_ascii_case(word)
    }

    fn is_any_word(&self, index: usize, words: &[&str]) -> bool {
        words.iter().any(|word| self.is_word(index, word))
    }

    fn found_word(&self, word: &str) -> bool {
        self.is_word(self.at, word)
    }

    fn found_sign(&self, sign: &str) -> bool {
        self.kind(self.at) == Some(Kind::Sign) && self.written(self.at) == sign
    }

    fn is_at_end(&self) -> bool {
        self.at == self.tokens.len()
    }

    fn expects(&self, rule: Rule) -> bool {
        self.expected.contains(&rule)
    }

    /// Whether a value ended just before: a sign or a further clause could have followed.
    fn is_after_operand(&self) -> bool {
        self.expects(Rule::value_sign)
    }

    /// Whether a value should have begun.
    fn is_before_operand(&self) -> bool {
        [Rule::expr, Rule::operand, Rule::path, Rule::select_item, Rule::predicate_text]
            .iter()
            .any(|rule| self.expects(*rule))
    }

    /// Whether a name should have stood here, and not just any word.
    fn is_before_name(&self) -> bool {
        self.expects(Rule::name) || self.expects(Rule::quoted) && !self.expects(Rule::word)
    }

    /// The refused token as an error names it.
    fn found(&self) -> String {
        match self.written(self.at) {
            "" => "the end".to_owned(),
            written => format!("`{}`", cut(written)),
        }
    }

    /// An error at the refused token: `what` was expected.
    fn expected(&self, what: impl std::fmt::Display) -> Error {
        self.error(format!("expected {what}, found {}", self.found()))
    }

    fn error(&self, message: impl Into<String>) -> Error {
        Error::new(Code::Syntax, self.span(self.at), message)
    }

    fn error_at(&self, index: usize, message: impl Into<String>) -> Error {
        Error::new(Code::Syntax, self.span(index), message)
    }

    /// The bracket or brace around the refused token, innermost.
    fn opened_by(&self) -> Option<usize> {
        let mut closed = 0_usize;
        (0..self.at).rev().find(|&index| {
            if self.kind(index) == Some(Kind::Sign) {
                match self.written(index) {
                    ")" | "]" | "}" => closed += 1,
                    "(" | "[" | "{" if closed == 0 => return true,
                    "(" | "[" | "{" => closed -= 1,
                    _ => {}
                }
            }
            false
        })
    }

    /// The tokens before the refused one at its level of brackets, last first.
    fn level(&self) -> impl Iterator<Item = usize> + '_ {
        let start = self.opened_by().map_or(0, |open| open + 1);
        let mut depth = 0_usize;
        (start..self.at).rev().filter(move |&index| {
            let written = self.written(index);
            match self.kind(index) {
                Some(Kind::Sign) if matches!(written, ")" | "]" | "}") => {
                    depth += 1;
                    false
                }
                Some(Kind::Sign) if matches!(written, "(" | "[" | "{") => {
                    depth = depth.saturating_sub(1);
                    false
                }
                _ => depth == 0,
            }
        })
    }

    /// The keywords that could have stood here.
    fn keywords(&self) -> Vec<&'static str> {
        let mut keywords = Vec::new();
        for rule in self.expected {
            match rule {
                Rule::tested | Rule::compare_sign => keywords.extend([
                    "IS",
                    "IN",
                    "LIKE",
                    "ILIKE",
                    "MATCHES",
                    "BETWEEN",
                    "OVERLAPS",
                    "SUBSET OF",
                    "SUPERSET OF",
                    "PROPER SUBSET OF",
                    "NOT",
                ]),
                Rule::join => keywords.extend(["JOIN", "LEFT JOIN", "INNER JOIN"]),
                Rule::query => keywords.extend(["SELECT", "WITH"]),
                Rule::start => keywords.extend(["FROM", "AFTER"]),
                rule => keywords.extend(self.keyword(*rule)),
            }
        }
        keywords
    }

    /// A keyword's rule in words.
    fn keyword(&self, rule: Rule) -> Option<&'static str> {
        match rule {
            Rule::kw_as if self.expects(Rule::EOI) => Some("AS OF"),
            _ => keyword(rule),
        }
    }

    /// The keyword that the word at `index` most likely misspells.
    fn misspelt(&self, index: usize) -> Option<&'static str> {
        if self.kind(index) != Some(Kind::Word) || is_reserved(self.written(index)) {
            return None;
        }
        let keywords = self.keywords();
        let joined: Vec<String> = keywords.iter().map(|keyword| keyword.replace(' ', "")).collect();
        let firsts = keywords.iter().map(|keyword| keyword.split(' ').next().unwrap_or_default());
        let spellings = firsts.chain(joined.iter().map(String::as_str));
        let nearest = nearest(self.written(index), spellings)?;
        let place = keywords.iter().position(|keyword| {
            keyword.split(' ').next() == Some(nearest) || keyword.replace(' ', "") == nearest
        });
        place.map(|place| keywords[place])
    }

    /// What was expected, rule by rule.
    fn plain(&self) -> Error {
        let mut phrases: Vec<&str> = Vec::new();
        let mut add = |phrase| {
            if !phrases.contains(&phrase) {
                phrases.push(phrase);
            }
        };
        if self.is_before_operand() {
            add("an expression");
        }
        if self.is_after_operand() {
            add("an operator");
        }
        for rule in self.expected {
            phrase(*rule).or_else(|| self.keyword(*rule)).into_iter().for_each(&mut add);
        }
        if self.expects(Rule::EOI) {
            add("the end");
        }
        let error = match phrases.as_slice() {
            [] => self.error(format!("{} cannot stand here", self.found())),
            [phrase] => match self.before(1) {
                "" => self.expected(phrase),
                before if is_reserved(before) => {
                    self.expected(format_args!("{phrase} after {}", before.to_ascii_uppercase()))
                }
                before => self.expected(format_args!("{phrase} after `{}`", cut(before))),
            },
            [some @ .., last] => self.expected(format_args!("{} or {last}", some.join(", "))),
        };
        match self.misspelt(self.at) {
            Some(keyword) => error.hint(format!("did you mean {keyword}?")),
            None => error,
        }
    }
}

/// What a rule that is no keyword is called. Those that say nothing to a reader, or are said once for many,
/// have no name.
fn phrase(rule: Rule) -> Option<&'static str> {
    Some(match rule {
        Rule::name => "a name",
        Rule::label => "a name",
        Rule::word => "a word",
        Rule::quoted => "a name",
        Rule::source => "a table",
        Rule::select_source => "a select in parentheses",
        Rule::string => "a text",
        Rule::number | Rule::count => "a number",
        Rule::parameter => "a parameter",
        Rule::duration => "a duration",
        Rule::moment => "a moment",
        Rule::set_member => "a member",
        Rule::query => "SELECT",
        Rule::join => "JOIN",
        Rule::start => "FROM, AFTER",
        Rule::comma => "`,`",
        Rule::close => "`)`",
        Rule::close_bracket => "`]`",
        Rule::close_brace => "`}`",
        _ => return None,
    })
}

/// How a keyword's rule is written, with the words that always follow it.
fn keyword(rule: Rule) -> Option<&'static str> {
    Some(match rule {
        Rule::kw_select => "SELECT",
        Rule::kw_distinct => "DISTINCT",
        Rule::kw_from => "FROM",
        Rule::kw_where => "WHERE",
        Rule::kw_group => "GROUP BY",
        Rule::kw_by => "BY",
        Rule::kw_having => "HAVING",
        Rule::kw_order => "ORDER BY",
        Rule::kw_limit => "LIMIT",
        Rule::kw_offset => "OFFSET",
        Rule::kw_join => "JOIN",
        Rule::kw_inner => "INNER JOIN",
        Rule::kw_left => "LEFT JOIN",
        Rule::kw_on => "ON",
        Rule::kw_as => "AS",
        Rule::kw_of => "OF",
        Rule::kw_and => "AND",
        Rule::kw_or => "OR",
        Rule::kw_not => "NOT",
        Rule::kw_in => "IN",
        Rule::kw_is => "IS",
        Rule::kw_null => "NULL",
        Rule::kw_like => "LIKE",
        Rule::kw_ilike => "ILIKE",
        Rule::kw_between => "BETWEEN",
        Rule::kw_case => "CASE",
        Rule::kw_when => "WHEN",
        Rule::kw_then => "THEN",
        Rule::kw_else => "ELSE",
        Rule::kw_end => "END",
        Rule::kw_cast => "CAST",
        Rule::kw_exists => "EXISTS",
        Rule::kw_with => "WITH",
        Rule::kw_next_task => "next_task",
        Rule::kw_for => "FOR",
        Rule::kw_claim => "CLAIM",
        Rule::kw_lease => "LEASE",
        Rule::kw_subscribe => "SUBSCRIBE",
        Rule::kw_start => "START",
        Rule::kw_now => "NOW",
        Rule::kw_after => "AFTER",
        Rule::kw_position => "POSITION",
        Rule::kw_event => "EVENT",
        Rule::kw_ago => "AGO",
        Rule::kw_create => "CREATE",
        Rule::kw_drop => "DROP",
        Rule::kw_projection => "PROJECTION",
        Rule::kw_explain => "EXPLAIN",
        Rule::kw_analyze => "ANALYZE",
        Rule::kw_show => "SHOW",
        Rule::kw_tables => "TABLES",
        Rule::kw_describe => "DESCRIBE",
        Rule::kw_history => "HISTORY",
        Rule::kw_asc => "ASC",
        Rule::kw_desc => "DESC",
        Rule::kw_nulls => "NULLS",
        Rule::kw_first => "FIRST",
        Rule::kw_last => "LAST",
        Rule::kw_matches => "MATCHES",
        Rule::kw_overlaps => "OVERLAPS",
        Rule::kw_subset => "SUBSET OF",
        Rule::kw_superset => "SUPERSET OF",
        Rule::kw_proper => "PROPER",
        _ => return None,
    })
}
