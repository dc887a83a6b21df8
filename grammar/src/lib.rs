//! PQL, the projection query language: text in, spanned syntax tree out, and back.
//!
//! ```
//! use agentpm_grammar::{ast::StatementKind, parse};
//!
//! let text = "SELECT id FROM tasks WHERE caps <@ {rust, sql} AS OF 15m AGO";
//! let statement = parse(text).expect("a statement");
//! assert!(matches!(statement.kind, StatementKind::Select(_)));
//! assert_eq!(statement.to_string(), text.replace("<@", "⊆"));
//!
//! let error = parse("SELECT id FROM tasks GROUP BY id WHERE id = 'a'").expect_err("an error");
//! assert_eq!(error.to_string(), "WHERE comes before GROUP BY");
//! ```
//!
//! [`parse`] reads a statement, [`parse_predicate`] a bare row predicate; both give trees of [`ast`], which
//! know nothing of tables and types, or an [`Error`] that points at its place in the text. A tree's `Display`
//! is its canonical text. The language is described in `docs/pql/grammar.md`, the way of a text through this
//! crate in `parse/mod.rs`.
//!
//! pest lives only in this crate; its `Rule` never leaves it. Nothing here depends on anything else of ours.

pub mod ast;
mod display;
mod error;
mod nearest;
mod parse;
mod precedence;
mod span;
mod words;

pub use error::{Code, Error, Place, Rendered};
pub use nearest::nearest;
pub use parse::{parse, parse_predicate};
pub use span::Span;
pub use words::{KEYWORDS, RESERVED, is_reserved, is_word};

/// Longest statement, in bytes. Longer ones are refused as `too_complex` before they are parsed.
pub const TEXT_BYTES_MAX: usize = 64 * 1024;

/// Deepest nesting of expressions, parentheses and selects. Deeper ones are refused as `too_complex`.
pub const NESTING_MAX: usize = 128;
