//! Text to tree: pest reads `pql.pest`, the modules here mirror those of [`crate::ast`].
//!
//! The way of a text: [`scan`] bounds it and finds broken tokens, pest accepts or refuses it, then either
//! [`Builder`] makes the tree or [`expected`] says in words what pest had expected.

mod clause;
mod expected;
mod expr;
mod literal;
#[cfg(test)]
mod mutated;
#[cfg(test)]
mod records;
mod scan;
mod statement;

use crate::{Code, Error, Span, ast};
use pest::Parser as _;
use scan::Token;
use std::borrow::Cow;

/// pest's own types; they stay in here.
#[allow(missing_docs, unreachable_pub)]
mod grammar {
    #[derive(pest_derive::Parser)]
    #[grammar = "pql.pest"]
    pub(super) struct Pql;
}

use grammar::{Pql, Rule};

type Pair<'t> = pest::iterators::Pair<'t, Rule>;

/// Errors are boxed on the way: what the recursion returns stays small, and with it the stack.
type Result<T> = std::result::Result<T, Box<Error>>;

/// Reads one statement; a final `;` may stand after it.
///
/// # Errors
/// `syntax` where the text is no statement, `too_complex` past [`crate::TEXT_BYTES_MAX`] or
/// [`crate::NESTING_MAX`].
pub fn parse(text: &str) -> std::result::Result<ast::Statement, Error> {
    let statement = |tokens: &[Token]| {
        let root = read(Rule::statement_text, text, tokens)?;
        Builder::new(text, tokens).statement(root)
    };
    statement(&scan::scan(text)?).map_err(|error| *error)
}

/// Reads one expression to the end of the text: a row predicate as a claim, an append condition or a
/// filter has it.
///
/// # Errors
/// As [`parse`].
pub fn parse_predicate(text: &str) -> std::result::Result<ast::Expr, Error> {
    let predicate = |tokens: &[Token]| {
        let root = read(Rule::predicate_text, text, tokens)?;
        let mut builder = Builder::new(text, tokens);
        builder.expr(child(root, Rule::expr)?)
    };
    predicate(&scan::scan(text)?).map_err(|error| *error)
}

fn read<'t>(rule: Rule, text: &'t str, tokens: &[Token]) -> Result<Pair<'t>> {
    let mut pairs = Pql::parse(rule, text).map_err(|error| expected::explain(rule, text, tokens, &error))?;
    pairs.next().ok_or_else(|| misplaced(Span::default()))
}

/// Makes the tree. What the grammar cannot say (numbers that fit, moments that exist, one moment per
/// statement) is checked here.
struct Builder<'t> {
    text: &'t str,
    tokens: &'t [Token],
    /// Height of the tallest expression of the select being built.
    tallest: usize,
    /// The first table with an AS OF or HISTORY of its own.
    own_moment: Option<Span>,
}

impl<'t> Builder<'t> {
    fn new(text: &'t str, tokens: &'t [Token]) -> Self {
        Self { text, tokens, tallest: 0, own_moment: None }
    }

    /// Where a pair stands. pest counts blanks and comments before an absent optional part to the pair; they
    /// are cut off.
    fn span(&self, pair: &Pair<'_>) -> Span {
        let span = pair.as_span();
        let bytes = self.text.as_bytes();
        // Blanks end with one, a comment ends before a line feed or the end: any other pair ends with a token.
        let is_exact = span.as_str().ends_with(|last: char| !last.is_ascii_whitespace())
            && bytes.get(span.end()).is_some_and(|next| *next != b'\n');
        if is_exact {
            return Span::new(span.start(), span.end());
        }
        let after = self.tokens.partition_point(|token| token.span.end <= span.end());
        let end = self.tokens[..after].last().map_or(span.end(), |token| token.span.end);
        Span::new(span.start(), end.max(span.start()))
    }

    /// The text of a span.
    fn written(&self, span: Span) -> &'t str {
        &self.text[span.start..span.end]
    }

    /// The name in a `name`, `label`, `word` or `quoted`.
    fn ident(&self, pair: &Pair<'_>) -> Result<ast::Ident> {
        let mut ident = self.key(pair)?;
        if !ident.quoted {
            ident.name.make_ascii_lowercase();
        }
        Ok(ident)
    }

    /// The same with its case kept.
    fn key(&self, pair: &Pair<'_>) -> Result<ast::Ident> {
        let span = self.span(pair);
        let written = self.written(span);
        let Some(inside) = written.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
            return Ok(ast::Ident { name: written.to_owned(), quoted: false, span });
        };
        if inside.is_empty() {
            let error = Error::new(Code::Syntax, span, "a name has at least one character");
            return Err(Box::new(error.hint("an empty text stands in single quotes: ''")));
        }
        Ok(ast::Ident { name: inside.replace("\"\"", "\""), quoted: true, span })
    }
}

/// The first part of `pair` that is a `rule`.
fn child(pair: Pair<'_>, rule: Rule) -> Result<Pair<'_>> {
    let span = pair.as_span();
    let found = pair.into_inner().find(|part| part.as_rule() == rule);
    found.ok_or_else(|| misplaced(Span::new(span.start(), span.end())))
}

/// How much of a token an error repeats, in characters.
const REPEATED_CHARS_MAX: usize = 40;

/// `written`, cut where it is too long to be repeated in an error.
fn cut(written: &str) -> Cow<'_, str> {
    match written.char_indices().nth(REPEATED_CHARS_MAX) {
        Some((end, _)) => Cow::Owned(format!("{}…", &written[..end])),
        None => Cow::Borrowed(written),
    }
}

fn syntax(span: Span, message: impl Into<String>) -> Box<Error> {
    Box::new(Error::new(Code::Syntax, span, message))
}

/// The answer to parts the grammar never puts there. Grammar and builder are held together by the tests, so
/// nobody should ever read this; a panic would be worse.
fn misplaced(span: Span) -> Box<Error> {
    syntax(span, "this cannot be read here")
}
