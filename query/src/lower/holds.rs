//! A lowered condition on a set, read back: so that a scan with an index of members can use it.

use super::computed::Computed;
use crate::eval::Datum;
use crate::functions::{Op, SetOp};
use crate::typed::{Expr, Kind};
use datafusion::logical_expr::Expr as Plan;
use std::collections::BTreeSet;

/// The column, and the words it must hold: all of them, and nothing else is asked. `tags ⊇ {…}`, `{…} ⊆ tags`
/// and `'…' ∈ tags`, with constants.
pub(crate) fn holds(condition: &Plan) -> Option<(&str, BTreeSet<String>)> {
    let Plan::ScalarFunction(call) = condition else { return None };
    let Kind::Apply(Op::Set(op), operands) = &Computed::expr(&call.func)?.kind else { return None };
    let (set, part) = match (op, &operands[..]) {
        (SetOp::Superset, [set, part]) | (SetOp::Subset | SetOp::Member, [part, set]) => (set, part),
        _ => return None,
    };
    let column = match (&set.kind, &call.args[..]) {
        (Kind::Column(_), [Plan::Column(column)]) => &column.name,
        _ => return None,
    };
    Some((column, words(part)?))
}

fn words(part: &Expr) -> Option<BTreeSet<String>> {
    match part.as_const()? {
        Datum::Text(word) => Some(BTreeSet::from([word.to_string()])),
        Datum::Set(words) => Some(words.iter().map(|word| word.to_string()).collect()),
        _ => None,
    }
}
