//! Partial aggregates merge to what the whole gives; sums by group give what sums one by one give.

use super::Aggregate;
use super::fold::Fold;
use super::sum::Sum;
use crate::eval::{Datum, Members};
use crate::lower::Builder;
use crate::typed::{AggregateCall, Expr};
use crate::types::Type;
use datafusion::arrow::array::{ArrayRef, BooleanArray};
use datafusion::arrow::datatypes::{FieldRef, Schema};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::function::AccumulatorArgs;
use datafusion::logical_expr::{Accumulator, EmitTo, GroupsAccumulator};
use grammar::{Code, Span};
use std::borrow::Cow;
use std::sync::Arc;

const SPAN: Span = Span::new(3, 9);

fn accumulator(function: Aggregate, input: Type, result: Type, distinct: bool) -> Box<dyn Accumulator> {
    let mut args = vec![Expr::null(input, SPAN)];
    if matches!(function, Aggregate::First | Aggregate::Last) {
        args.push(Expr::null(Type::Int, SPAN));
    }
    let call = AggregateCall { function, args, distinct, span: SPAN };
    let fold = Fold::function(&call, input, result);
    let fields: Vec<FieldRef> = vec![Arc::new(input.field("a"))];
    let accumulator = fold.accumulator(AccumulatorArgs {
        return_field: Arc::new(result.field("r")),
        schema: &Schema::empty(),
        ignore_nulls: false,
        order_bys: &[],
        is_reversed: false,
        name: "r",
        is_distinct: distinct,
        exprs: &[],
        expr_fields: &fields,
    });
    accumulator.unwrap()
}

fn array(ty: Type, values: &[Datum<'_>]) -> ArrayRef {
    let mut builder = Builder::new(ty, values.len());
    values.iter().for_each(|value| builder.push(value));
    builder.finish()
}

/// A few values of a type, nulls and repetitions among them.
fn values(ty: Type) -> Vec<Datum<'static>> {
    let numbers = [Some(5), None, Some(-3), Some(5), Some(0), None, Some(12), Some(7), Some(-3)];
    numbers
        .into_iter()
        .map(|number| match (number, ty) {
            (None, _) => Datum::Null,
            (Some(number), Type::Int) => Datum::Int(number),
            (Some(number), Type::Float) => Datum::Float(number as f64 / 4.0),
            (Some(number), Type::Duration) => Datum::Duration(number),
            (Some(number), Type::Text) => Datum::Text(Cow::Owned(format!("w{number}"))),
            (Some(number), Type::Json) => Datum::Json(Cow::Owned(format!("{{\"n\":{number}}}"))),
            (Some(number), _) => {
                Datum::Set(Members::of(vec![Cow::Owned(format!("w{number}")), Cow::Borrowed("x")]))
            }
        })
        .collect()
}

#[test]
fn parts_merge_to_the_whole() {
    let quantile = Aggregate::Quantile(0.3_f64.to_bits());
    let cases = [
        (Aggregate::Sum, Type::Int, Type::Int, false),
        (Aggregate::Sum, Type::Float, Type::Float, false),
        (Aggregate::Sum, Type::Duration, Type::Duration, false),
        (Aggregate::Sum, Type::Int, Type::Int, true),
        (Aggregate::Avg, Type::Duration, Type::Duration, false),
        (Aggregate::Avg, Type::Float, Type::Float, true),
        (Aggregate::Median, Type::Float, Type::Float, false),
        (quantile, Type::Float, Type::Float, true),
        (Aggregate::Stddev, Type::Float, Type::Float, false),
        (Aggregate::First, Type::Text, Type::Text, false),
        (Aggregate::Last, Type::Json, Type::Json, false),
        (Aggregate::Min, Type::Json, Type::Json, false),
        (Aggregate::Max, Type::Json, Type::Json, false),
        (Aggregate::Any, Type::Set, Type::Set, false),
        (Aggregate::Collect, Type::Text, Type::Set, false),
        (Aggregate::Collect, Type::Set, Type::Set, false),
    ];
    for (function, input, result, distinct) in cases {
        let values = values(input);
        // Places out of order, so that `first` is not simply the first.
        let places: Vec<Datum<'_>> =
            (0..values.len() as i64).map(|place| Datum::Int(place * 5 % 9)).collect();
        let batch = |from: usize, to: usize| {
            let mut columns = vec![array(input, &values[from..to])];
            if matches!(function, Aggregate::First | Aggregate::Last) {
                columns.push(array(Type::Int, &places[from..to]));
            }
            columns
        };
        let new = || accumulator(function, input, result, distinct);
        let mut whole = new();
        whole.update_batch(&batch(0, values.len())).unwrap();
        let mut merged = new();
        // The second part is empty, the third holds a null alone.
        for (from, to) in [(0, 5), (5, 5), (5, 6), (6, values.len())] {
            let mut part = new();
            part.update_batch(&batch(from, to)).unwrap();
            let state: Vec<ArrayRef> =
                part.state().unwrap().iter().map(|state| state.to_array().unwrap()).collect();
            merged.merge_batch(&state).unwrap();
        }
        let (whole, merged) = (whole.evaluate().unwrap(), merged.evaluate().unwrap());
        assert!(!whole.is_null(), "{function:?}");
        match (&whole, &merged) {
            (ScalarValue::Float64(Some(whole)), ScalarValue::Float64(Some(merged))) => {
                assert!((whole - merged).abs() < 1e-12, "{function:?}: {whole} {merged}");
            }
            _ => assert_eq!(whole, merged, "{function:?} of {input:?}"),
        }
    }
}

#[test]
fn sums_by_group() {
    let values = array(Type::Int, &values(Type::Int));
    let groups = [0, 1, 1, 0, 2, 2, 0, 1, 0];
    let kept = BooleanArray::from(vec![true, true, true, true, true, true, false, true, true]);
    let mut sum = Sum::new(Type::Int, SPAN);
    GroupsAccumulator::update_batch(&mut sum, std::slice::from_ref(&values), &groups, Some(&kept), 4)
        .unwrap();
    let mut merged = Sum::new(Type::Int, SPAN);
    let states =
        GroupsAccumulator::convert_to_state(&sum, std::slice::from_ref(&values), Some(&kept)).unwrap();
    GroupsAccumulator::merge_batch(&mut merged, &states, &groups, 4).unwrap();
    let partial = GroupsAccumulator::state(&mut sum, EmitTo::All).unwrap();
    let mut again = Sum::new(Type::Int, SPAN);
    GroupsAccumulator::merge_batch(&mut again, &partial, &[0, 1, 2, 3], 4).unwrap();
    let expected = array(Type::Int, &[Datum::Int(7), Datum::Int(4), Datum::Int(0), Datum::Null]);
    assert_eq!(&GroupsAccumulator::evaluate(&mut merged, EmitTo::All).unwrap(), &expected);
    assert_eq!(&GroupsAccumulator::evaluate(&mut again, EmitTo::First(2)).unwrap(), &expected.slice(0, 2));
    assert_eq!(&GroupsAccumulator::evaluate(&mut again, EmitTo::All).unwrap(), &expected.slice(2, 2));
}

#[test]
fn only_the_whole_sum_must_fit() {
    let mut sum = Sum::new(Type::Int, SPAN);
    let add = |sum: &mut Sum, value| {
        Accumulator::update_batch(sum, &[array(Type::Int, &[Datum::Int(value)])]).unwrap();
    };
    add(&mut sum, i64::MAX);
    add(&mut sum, 1);
    add(&mut sum, -1);
    assert_eq!(Accumulator::evaluate(&mut sum).unwrap(), ScalarValue::Int64(Some(i64::MAX)));
    let mut sum = Sum::new(Type::Int, SPAN);
    add(&mut sum, i64::MAX);
    add(&mut sum, 1);
    let error = crate::error::runtime_error(&Accumulator::evaluate(&mut sum).unwrap_err()).unwrap();
    assert_eq!((error.code, error.span), (Code::Overflow, SPAN));
    let mut sum = Sum::new(Type::Float, SPAN);
    let huge = array(Type::Float, &[Datum::Float(f64::MAX), Datum::Float(f64::MAX)]);
    Accumulator::update_batch(&mut sum, &[huge]).unwrap();
    assert!(Accumulator::evaluate(&mut sum).is_err());
}
