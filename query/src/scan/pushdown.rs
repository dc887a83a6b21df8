//! What a scan can do itself of a WHERE: the conditions it knows, taken from the expressions of a plan.

use crate::lower;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::{BinaryExpr, Expr, Operator};
use std::collections::BTreeSet;

/// A condition on one column that a scan may understand.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Condition {
    /// The column is one of these texts.
    OneOf(BTreeSet<String>),
    /// The column (whole numbers, or times in µs) lies between these, both included.
    Between(i64, i64),
    /// The column, a set, holds all of these.
    Holds(BTreeSet<String>),
}

/// The condition an expression is, with the column's name; none if it is anything else.
pub(crate) fn condition(expr: &Expr) -> Option<(&str, Condition)> {
    match expr {
        Expr::Alias(alias) => condition(&alias.expr),
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => match (&**left, &**right) {
            (Expr::Column(column), Expr::Literal(value, _)) => Some((&column.name, compare(*op, value)?)),
            (Expr::Literal(value, _), Expr::Column(column)) => {
                Some((&column.name, compare(op.swap()?, value)?))
            }
            (left, right) if *op == Operator::Or => either(condition(left)?, condition(right)?),
            _ => None,
        },
        Expr::Between(between) if !between.negated => {
            let Expr::Column(column) = &*between.expr else { return None };
            let (Expr::Literal(low, _), Expr::Literal(high, _)) = (&*between.low, &*between.high) else {
                return None;
            };
            Some((&column.name, Condition::Between(number(low)?, number(high)?)))
        }
        Expr::ScalarFunction(_) => {
            let (column, words) = lower::holds(expr)?;
            Some((column, Condition::Holds(words)))
        }
        Expr::InList(InList { expr, list, negated: false }) => {
            let Expr::Column(column) = &**expr else { return None };
            let words = list.iter().map(|item| match item {
                Expr::Literal(value, _) => text(value).map(str::to_owned),
                _ => None,
            });
            Some((&column.name, Condition::OneOf(words.collect::<Option<_>>()?)))
        }
        _ => None,
    }
}

/// What a short IN list becomes: `type = 'a' OR type = 'b'`.
fn either<'a>(left: (&'a str, Condition), right: (&'a str, Condition)) -> Option<(&'a str, Condition)> {
    match (left, right) {
        ((column, Condition::OneOf(mut words)), (other, Condition::OneOf(more))) if column == other => {
            words.extend(more);
            Some((column, Condition::OneOf(words)))
        }
        _ => None,
    }
}

fn compare(op: Operator, value: &ScalarValue) -> Option<Condition> {
    if let Some(word) = text(value) {
        return (op == Operator::Eq).then(|| Condition::OneOf(BTreeSet::from([word.to_owned()])));
    }
    let at = number(value)?;
    // Past the end of the numbers there is nothing to find: an empty range.
    Some(match op {
        Operator::Eq => Condition::Between(at, at),
        Operator::Lt => {
            at.checked_sub(1).map_or(Condition::Between(1, 0), |at| Condition::Between(i64::MIN, at))
        }
        Operator::LtEq => Condition::Between(i64::MIN, at),
        Operator::Gt => {
            at.checked_add(1).map_or(Condition::Between(1, 0), |at| Condition::Between(at, i64::MAX))
        }
        Operator::GtEq => Condition::Between(at, i64::MAX),
        _ => return None,
    })
}

fn text(value: &ScalarValue) -> Option<&str> {
    match value {
        ScalarValue::Utf8(Some(text))
        | ScalarValue::LargeUtf8(Some(text))
        | ScalarValue::Utf8View(Some(text)) => Some(text),
        _ => None,
    }
}

fn number(value: &ScalarValue) -> Option<i64> {
    match value {
        ScalarValue::Int64(Some(number)) | ScalarValue::TimestampMicrosecond(Some(number), _) => {
            Some(*number)
        }
        _ => None,
    }
}

#[cfg(test)]
mod test {
    use super::*;
    use datafusion::prelude::{col, lit};

    fn one_of(words: &[&str]) -> Option<(&'static str, Condition)> {
        Some(("type", Condition::OneOf(words.iter().map(|&word| word.to_owned()).collect())))
    }

    #[test]
    fn words() {
        assert_eq!(condition(&col("type").eq(lit("a"))), one_of(&["a"]));
        assert_eq!(condition(&lit("a").eq(col("type"))), one_of(&["a"]));
        assert_eq!(condition(&col("type").in_list(vec![lit("a"), lit("b")], false)), one_of(&["a", "b"]));
        assert_eq!(condition(&col("type").eq(lit("a")).or(col("type").eq(lit("b")))), one_of(&["a", "b"]));
        assert_eq!(condition(&col("type").in_list(vec![lit("a"), col("id")], false)), None);
        assert_eq!(condition(&col("type").in_list(vec![lit("a")], true)), None);
        assert_eq!(condition(&col("type").not_eq(lit("a"))), None);
        assert_eq!(condition(&col("type").eq(lit("a")).or(col("id").eq(lit("b")))), None);
    }

    #[test]
    fn ranges() {
        let range = |low, high| Some(("position", Condition::Between(low, high)));
        assert_eq!(condition(&col("position").gt(lit(7i64))), range(8, i64::MAX));
        assert_eq!(condition(&col("position").gt_eq(lit(7i64))), range(7, i64::MAX));
        assert_eq!(condition(&lit(7i64).gt(col("position"))), range(i64::MIN, 6));
        assert_eq!(condition(&col("position").lt_eq(lit(7i64))), range(i64::MIN, 7));
        assert_eq!(condition(&col("position").eq(lit(7i64))), range(7, 7));
        assert_eq!(condition(&col("position").between(lit(2i64), lit(7i64))), range(2, 7));
        assert_eq!(condition(&col("position").gt(lit(i64::MAX))), range(1, 0));
        assert_eq!(condition(&col("position").lt(lit(i64::MIN))), range(1, 0));
        assert_eq!(condition(&col("position").gt(lit(ScalarValue::Int64(None)))), None);
    }
}
