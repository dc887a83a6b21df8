use std::collections::BTreeSet;
use std::time::Duration;

/// A constant in the text.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// Digits without point or exponent that fit 64 bits; a leading minus is a unary operator, so
    /// `-9223372036854775808` is folded by the parser into this variant.
    Int(i64),
    /// A number with a point or an exponent.
    Decimal(f64),
    /// `'…'`, with `''` undone.
    Text(String),
    /// `90s`, `15m`, `7d`: digits and one of `ms s m h d w`, one token.
    Duration(Duration),
    /// `{rust, sql}`: text without order or repetition.
    Set(BTreeSet<String>),
}

/// A bound value's place: `$1` or `$name`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Parameter {
    /// `$1`: 1-based place in a JSON array of parameters.
    Numbered(u32),
    /// `$name`: key in a JSON object of parameters.
    Named(String),
}
