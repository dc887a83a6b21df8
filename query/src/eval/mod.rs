//! The scalar evaluator: one expression over one row, in three-valued logic.
//!
//! AND, OR, CASE and COALESCE look at their operands from left to right and stop where the answer is known,
//! so an error in a part that is not needed is no error.

mod datum;
#[cfg(test)]
mod test;

pub(crate) use datum::{Constant, Datum, Members};

use crate::tables::Fields;
use crate::typed::{Column, Expr, Kind};
use grammar::Error;

/// Where the evaluator finds the values of columns.
pub(crate) trait Row {
    /// The value of a column.
    fn column(&self, column: Column) -> Datum<'_>;
}

/// A table's row: its columns are those of its schema.
pub(crate) struct FieldsRow<'r>(pub(crate) &'r dyn Fields);

impl Row for FieldsRow<'_> {
    fn column(&self, column: Column) -> Datum<'_> {
        self.0.field(column.column).into()
    }
}

/// No row: for expressions of constants alone.
pub(crate) struct NoRow;

impl Row for NoRow {
    fn column(&self, _: Column) -> Datum<'_> {
        Datum::Null
    }
}

/// The value of `expr` for `row`. Aggregates and sub-selects are for the planner to have replaced; here
/// they are null.
///
/// # Errors
/// Overflow, division by zero, a failing CAST: at the place of the part that failed.
pub(crate) fn eval<'a>(expr: &'a Expr, row: &'a dyn Row) -> Result<Datum<'a>, Error> {
    match &expr.kind {
        Kind::Column(column) => Ok(row.column(*column)),
        Kind::Const(value) => Ok(value.borrow()),
        Kind::And(parts) => connective(parts, row, false),
        Kind::Or(parts) => connective(parts, row, true),
        Kind::Not(operand) => Ok(match eval(operand, row)? {
            Datum::Bool(truth) => Datum::Bool(!truth),
            _ => Datum::Null,
        }),
        Kind::IsNull(operand) => Ok(Datum::Bool(eval(operand, row)?.is_null())),
        Kind::Case { branches, otherwise } => {
            for (when, then) in branches {
                if matches!(eval(when, row)?, Datum::Bool(true)) {
                    return eval(then, row);
                }
            }
            eval(otherwise, row)
        }
        Kind::Coalesce(parts) => {
            for part in parts {
                let value = eval(part, row)?;
                if !value.is_null() {
                    return Ok(value);
                }
            }
            Ok(Datum::Null)
        }
        Kind::InList { operand, items } => in_list(operand, items, row),
        Kind::Apply(op, args) => {
            // Every operand, even after a null: what fails must not depend on what stands beside it.
            let mut values = [Datum::Null, Datum::Null, Datum::Null];
            let mut any_null = false;
            for (value, arg) in values.iter_mut().zip(args) {
                *value = eval(arg, row)?;
                any_null |= value.is_null();
            }
            if any_null && !op.takes_nulls() {
                return Ok(Datum::Null);
            }
            let [a, b, c] = values;
            op.apply(a, b, c).map_err(|fault| fault.at(expr.span))
        }
        Kind::Aggregate(_) | Kind::InSelect { .. } | Kind::Exists(_) => Ok(Datum::Null),
    }
}

/// The truth of a predicate: null is `None`.
///
/// # Errors
/// As [`eval`].
pub(crate) fn truth(expr: &Expr, row: &dyn Row) -> Result<Option<bool>, Error> {
    Ok(match eval(expr, row)? {
        Datum::Bool(truth) => Some(truth),
        _ => None,
    })
}

/// AND (ended by false) or OR (ended by true).
fn connective<'a>(parts: &'a [Expr], row: &'a dyn Row, end: bool) -> Result<Datum<'a>, Error> {
    let mut any_null = false;
    for part in parts {
        match eval(part, row)? {
            Datum::Bool(truth) if truth == end => return Ok(Datum::Bool(end)),
            Datum::Bool(_) => {}
            _ => any_null = true,
        }
    }
    Ok(if any_null { Datum::Null } else { Datum::Bool(!end) })
}

fn in_list<'a>(operand: &'a Expr, items: &'a [Expr], row: &'a dyn Row) -> Result<Datum<'a>, Error> {
    let operand = eval(operand, row)?;
    if operand.is_null() {
        return Ok(Datum::Null);
    }
    let mut any_null = false;
    for item in items {
        match operand.compare(&eval(item, row)?) {
            Some(order) if order.is_eq() => return Ok(Datum::Bool(true)),
            Some(_) => {}
            None => any_null = true,
        }
    }
    Ok(if any_null { Datum::Null } else { Datum::Bool(false) })
}
