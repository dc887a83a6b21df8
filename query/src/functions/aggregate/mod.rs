//! Aggregates: what they are called, what they take and give, and who computes them.

mod fold;
mod mean;
mod numbers;
mod pick;
mod sum;
#[cfg(test)]
mod test;
mod words;

use crate::lower::Builder;
use crate::typed::AggregateCall;
use crate::types::Type;
use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue};
use datafusion::functions_aggregate::{count::count_udaf, min_max};
use datafusion::logical_expr::{AggregateUDF, Expr, cast, expr::AggregateFunction, lit};
use fold::Fold;
pub(crate) use numbers::quantile;
use std::fmt;
use std::sync::Arc;

/// The aggregates. All pass over nulls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Aggregate {
    /// Without an argument it counts rows.
    Count,
    Sum,
    Avg,
    Min,
    Max,
    Median,
    /// Of a sample: divided by n − 1; null for fewer than two.
    Stddev,
    /// The share of values below it, as the bits of a float from 0 to 1; between two values by interpolation.
    Quantile(u64),
    /// By position, as are first and last: the second argument.
    First,
    Last,
    /// Any value; the least, so that the answer is the same each time.
    Any,
    /// The set of the texts.
    Collect,
}

impl fmt::Display for Aggregate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Quantile(share) => write!(f, "quantile {}", f64::from_bits(*share)),
            _ => f.write_str(&format!("{self:?}").to_lowercase()),
        }
    }
}

/// An aggregate as a DataFusion expression over its lowered arguments, whose first is of type `input`.
pub(crate) fn lower(call: &AggregateCall, args: Vec<Expr>, result: Type) -> Expr {
    let input = call.args.first().map_or(Type::Null, |arg| arg.ty);
    let of = |function: Arc<AggregateUDF>, args, distinct| {
        Expr::AggregateFunction(AggregateFunction::new_udf(function, args, distinct, None, Vec::new(), None))
    };
    let is_plain = !matches!(input, Type::Json | Type::Set | Type::Null);
    match call.function {
        Aggregate::Count if args.is_empty() => of(count_udaf(), vec![lit(1_i64)], false),
        // DataFusion counts the one group of nulls that it makes of DISTINCT over a column without a type.
        Aggregate::Count if input == Type::Null => {
            let typed = args.into_iter().map(|arg| cast(arg, DataType::Boolean)).collect();
            of(count_udaf(), typed, false)
        }
        Aggregate::Count => of(count_udaf(), args, call.distinct),
        // Twice the same value changes neither.
        Aggregate::Min | Aggregate::Any if is_plain => of(min_max::min_udaf(), args, false),
        Aggregate::Max if is_plain => of(min_max::max_udaf(), args, false),
        _ => of(Fold::function(call, input, result), args, call.distinct),
    }
}

/// The bytes an owned value takes, about.
pub(crate) fn size_of(value: &crate::eval::Constant) -> usize {
    use crate::eval::Datum;
    size_of_val(value)
        + match value {
            Datum::Text(text) | Datum::Json(text) => text.len(),
            Datum::Set(members) => members.iter().map(|member| size_of_val(member) + member.len()).sum(),
            _ => 0,
        }
}

/// A list of values as one scalar: the state of aggregates that keep values.
fn list(values: impl IntoIterator<Item = crate::eval::Constant>, ty: Type) -> ScalarValue {
    let mut builder = Builder::new(ty, 0);
    for value in values {
        builder.push(&value);
    }
    let values: ArrayRef = builder.finish();
    ScalarValue::List(Arc::new(
        datafusion::common::utils::SingleRowListArrayBuilder::new(values)
            .with_nullable(true)
            .build_list_array(),
    ))
}

/// The values of every list in an array of them.
fn lists(array: &ArrayRef) -> impl Iterator<Item = ArrayRef> + '_ {
    let lists = array.as_list::<i32>();
    (0..lists.len()).filter(|row| lists.is_valid(*row)).map(|row| lists.value(row))
}

/// An error unless `args` is one argument per state column: DataFusion's contract, not the statement's fault.
fn one<'a>(args: &'a [ArrayRef], what: &str) -> Result<&'a ArrayRef> {
    args.first().ok_or_else(|| datafusion::common::internal_datafusion_err!("{what} without argument"))
}
