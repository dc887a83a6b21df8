//! PQL, the projection query language: text in, spanned syntax tree out.
//!
//! pest lives only in this crate; its `Rule` never leaves it.

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
pub use words::{RESERVED, is_reserved, is_word};

/// Longest statement, in bytes. Longer ones are refused as `too_complex` before they are parsed.
pub const TEXT_BYTES_MAX: usize = 64 * 1024;

/// Deepest nesting of expressions, parentheses and selects. Deeper ones are refused as `too_complex`.
pub const NESTING_MAX: usize = 128;
