//! Aggregates that a value can be taken out of again.
//!
//! Counts and sums of whole numbers are numbers. The rest keep their values, each with how often it is there, and are worked
//! out from these: so nothing is lost by taking away what was added, which for floats no sum could promise.

use crate::eval::{Constant, Datum, Members};
use crate::functions::{Aggregate, Fault, aggregate};
use crate::typed::AggregateCall;
use crate::types::Type;
use grammar::Error;
use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// Bytes of a value besides itself, about.
const VALUE_BYTES: usize = 32;

/// One aggregate of one group.
#[derive(Debug)]
pub(super) enum Tally {
    /// Values that are not null.
    Count(u64),
    /// Sum of whole numbers, and how many there are.
    Whole { sum: i128, count: u64 },
    /// Every value, and how often it is there.
    Values(BTreeMap<Ordered, u64>),
    /// Every value, by the key of its row.
    ByKey(BTreeMap<Ordered, Constant>),
}

/// A value among others of its type.
#[derive(Debug)]
pub(super) struct Ordered(Constant);

impl Ord for Ordered {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_value = self.0.compare(&other.0).unwrap_or(Ordering::Equal);
        by_value.then_with(|| match (&self.0, &other.0) {
            // Equal JSON may be spelled in several ways.
            (Datum::Json(left), Datum::Json(right)) => left.cmp(right),
            _ => Ordering::Equal,
        })
    }
}

impl PartialOrd for Ordered {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Ordered {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Ordered {}

impl Tally {
    /// Of no values.
    pub(super) fn new(call: &AggregateCall, result: Type) -> Self {
        match call.function {
            Aggregate::Count if !call.distinct => Self::Count(0),
            Aggregate::Sum if !call.distinct && matches!(result, Type::Int | Type::Duration) => {
                Self::Whole { sum: 0, count: 0 }
            }
            Aggregate::First | Aggregate::Last => Self::ByKey(BTreeMap::new()),
            _ => Self::Values(BTreeMap::new()),
        }
    }

    /// Takes a value in, or out again; `key` is what `first` and `last` go by. Gives how many bytes more and how many less it
    /// holds.
    pub(super) fn take(
        &mut self,
        call: &AggregateCall,
        value: Constant,
        key: Constant,
        is_added: bool,
    ) -> (usize, usize) {
        if value.is_null() {
            return (0, 0);
        }
        let turn = |number: &mut u64| match is_added {
            true => *number += 1,
            false => *number = number.saturating_sub(1),
        };
        match self {
            Self::Count(count) => turn(count),
            Self::Whole { sum, count } => {
                turn(count);
                if let Datum::Int(value) | Datum::Duration(value) = value {
                    *sum += if is_added { i128::from(value) } else { -i128::from(value) };
                }
            }
            Self::ByKey(values) => {
                let bytes = VALUE_BYTES + aggregate::size_of(&key) + aggregate::size_of(&value);
                return match is_added {
                    true => {
                        values.insert(Ordered(key), value);
                        (bytes, 0)
                    }
                    false => match values.remove(&Ordered(key)) {
                        Some(_) => (0, bytes),
                        None => (0, 0),
                    },
                };
            }
            Self::Values(values) => {
                let members: Vec<Constant> = match value {
                    Datum::Set(members) if call.function == Aggregate::Collect => {
                        members.into_vec().into_iter().map(Datum::Text).collect()
                    }
                    other => vec![other],
                };
                let (mut more, mut less) = (0, 0);
                for value in members {
                    let bytes = VALUE_BYTES + aggregate::size_of(&value);
                    let value = Ordered(value);
                    if is_added {
                        let known = values.len();
                        *values.entry(value).or_default() += 1;
                        more += if values.len() > known { bytes } else { 0 };
                    } else if let Some(left) = values.get_mut(&value) {
                        *left -= 1;
                        if *left == 0 {
                            values.remove(&value);
                            less += bytes;
                        }
                    }
                }
                return (more, less);
            }
        }
        (0, 0)
    }

    /// What it comes to.
    ///
    /// # Errors
    /// Overflow.
    pub(super) fn value(&self, call: &AggregateCall, result: Type) -> Result<Constant, Error> {
        let overflow = || Fault::overflow(result).at(call.span);
        match self {
            Self::Count(count) => Ok(Datum::Int(i64::try_from(*count).map_err(|_| overflow())?)),
            Self::Whole { count: 0, .. } => Ok(Datum::Null),
            Self::Whole { sum, .. } => whole(*sum, result).ok_or_else(overflow),
            Self::Values(values) => of_values(values, call, result).ok_or_else(overflow),
            Self::ByKey(values) => {
                let first = call.function == Aggregate::First;
                let found = if first { values.first_key_value() } else { values.last_key_value() };
                Ok(found.map_or(Datum::Null, |(_, value)| value.clone()))
            }
        }
    }
}

fn whole(sum: i128, result: Type) -> Option<Constant> {
    let sum = i64::try_from(sum).ok()?;
    Some(if result == Type::Duration { Datum::Duration(sum) } else { Datum::Int(sum) })
}

/// None if it is too large for its type.
fn of_values(values: &BTreeMap<Ordered, u64>, call: &AggregateCall, result: Type) -> Option<Constant> {
    let owned = |value: Option<(&Ordered, &u64)>| value.map_or(Datum::Null, |(value, _)| value.0.clone());
    let times = |count: u64| if call.distinct { 1 } else { count };
    match call.function {
        Aggregate::Count => return Some(Datum::Int(i64::try_from(values.len()).ok()?)),
        Aggregate::Min | Aggregate::Any => return Some(owned(values.first_key_value())),
        Aggregate::Max => return Some(owned(values.last_key_value())),
        Aggregate::Collect => {
            let words = values.keys().filter_map(|value| match &value.0 {
                Datum::Text(word) => Some(Cow::Owned(word.to_string())),
                _ => None,
            });
            return Some(Datum::Set(Members::of(words.collect())));
        }
        Aggregate::Sum if result != Type::Float => {
            let sum = values.iter().map(|(value, count)| match value.0 {
                Datum::Int(value) | Datum::Duration(value) => i128::from(value) * i128::from(times(*count)),
                _ => 0,
            });
            return if values.is_empty() { Some(Datum::Null) } else { whole(sum.sum(), result) };
        }
        _ => {}
    }
    let mut numbers: Vec<f64> = Vec::new();
    for (value, count) in values {
        let number = match value.0 {
            Datum::Int(value) | Datum::Duration(value) => value as f64,
            Datum::Float(value) => value,
            _ => continue,
        };
        numbers.extend(std::iter::repeat_n(number, usize::try_from(times(*count)).unwrap_or(usize::MAX)));
    }
    let needed = if call.function == Aggregate::Stddev { 2 } else { 1 };
    if numbers.len() < needed {
        return Some(Datum::Null);
    }
    let number = match call.function {
        Aggregate::Sum => numbers.iter().sum(),
        Aggregate::Avg => mean(&numbers),
        Aggregate::Median => aggregate::quantile(&mut numbers, 0.5),
        Aggregate::Quantile(share) => aggregate::quantile(&mut numbers, f64::from_bits(share)),
        _ => {
            let mean = mean(&numbers);
            let squares: f64 = numbers.iter().map(|number| (number - mean).powi(2)).sum();
            (squares / (numbers.len() - 1) as f64).sqrt()
        }
    };
    match result {
        Type::Duration => crate::functions::arithmetic::whole(number.round()).map(Datum::Duration),
        _ => Datum::float(number),
    }
}

fn mean(numbers: &[f64]) -> f64 {
    let sum: f64 = numbers.iter().sum();
    match sum.is_finite() {
        true => sum / numbers.len() as f64,
        // The sum may be too large where the mean is not.
        false => numbers.iter().map(|number| number / numbers.len() as f64).sum(),
    }
}

#[cfg(test)]
mod test {
    use super::*;
    use grammar::Span;

    /// What an aggregate comes to after values were taken in and out.
    fn after(function: Aggregate, distinct: bool, result: Type, steps: &[(Constant, bool)]) -> Constant {
        let call = AggregateCall { function, args: Vec::new(), distinct, span: Span::default() };
        let mut tally = Tally::new(&call, result);
        let (mut more, mut less) = (0, 0);
        for (value, is_added) in steps {
            let (grown, shrunk) = tally.take(&call, value.clone(), Datum::Null, *is_added);
            (more, less) = (more + grown, less + shrunk);
        }
        assert!(more >= less);
        if let Tally::Values(values) = &tally {
            assert_eq!(more == less, values.is_empty(), "what it holds is counted");
        }
        tally.value(&call, result).unwrap()
    }

    #[test]
    fn a_value_is_taken_out_as_if_it_had_never_been_there() {
        let float = |number| Datum::Float(number);
        // 1e300 + 1 − 1e300 is 0 to whoever adds and subtracts.
        let steps = [(float(1e300), true), (float(1.0), true), (float(1e300), false)];
        assert_eq!(after(Aggregate::Sum, false, Type::Float, &steps), float(1.0));
        assert_eq!(after(Aggregate::Avg, false, Type::Float, &steps), float(1.0));
        assert_eq!(after(Aggregate::Max, false, Type::Float, &steps), float(1.0));
        assert_eq!(after(Aggregate::Stddev, false, Type::Float, &steps), Datum::Null);
        let int = Datum::Int;
        let steps =
            [(int(i64::MAX), true), (int(5), true), (int(5), true), (int(i64::MAX), false), (int(5), false)];
        assert_eq!(after(Aggregate::Sum, false, Type::Int, &steps), int(5));
        assert_eq!(after(Aggregate::Count, false, Type::Int, &steps), int(1));
        assert_eq!(after(Aggregate::Count, true, Type::Int, &steps[..4]), int(1));
        assert_eq!(after(Aggregate::Sum, true, Type::Int, &steps[1..3]), int(5));
        assert_eq!(after(Aggregate::Min, false, Type::Int, &steps), int(5));
        let none = [(int(1), true), (int(1), false), (Datum::Null, true)];
        assert_eq!(after(Aggregate::Sum, false, Type::Int, &none), Datum::Null);
        assert_eq!(after(Aggregate::Any, false, Type::Int, &none), Datum::Null);
        assert_eq!(after(Aggregate::Count, false, Type::Int, &none), int(0));
    }

    #[test]
    fn collect_is_of_members_and_any_of_sets() {
        let set = |words: &[&'static str]| {
            Datum::Set(Members::of(words.iter().map(|word| Cow::Borrowed(*word)).collect()))
        };
        let steps = [(set(&["a", "b"]), true), (set(&["b", "c"]), true), (set(&["a", "b"]), false)];
        assert_eq!(after(Aggregate::Collect, false, Type::Set, &steps), set(&["b", "c"]));
        assert_eq!(after(Aggregate::Any, false, Type::Set, &steps), set(&["b", "c"]));
        assert_eq!(after(Aggregate::Collect, false, Type::Set, &[]), set(&[]));
    }

    #[test]
    fn first_and_last_go_by_the_key() {
        for (function, wanted) in [(Aggregate::First, 9), (Aggregate::Last, 5)] {
            let call = AggregateCall { function, args: Vec::new(), distinct: false, span: Span::default() };
            let mut tally = Tally::new(&call, Type::Int);
            for (key, value, is_added) in [("b", 9, true), ("a", 1, true), ("c", 5, true), ("a", 1, false)] {
                tally.take(&call, Datum::Int(value), Datum::text(key), is_added);
            }
            assert_eq!(tally.value(&call, Type::Int).unwrap(), Datum::Int(wanted));
        }
    }

    #[test]
    fn what_is_too_large_says_so() {
        let call = AggregateCall {
            function: Aggregate::Sum,
            args: Vec::new(),
            distinct: false,
            span: Span::default(),
        };
        let mut tally = Tally::new(&call, Type::Int);
        tally.take(&call, Datum::Int(i64::MAX), Datum::Null, true);
        tally.take(&call, Datum::Int(1), Datum::Null, true);
        assert_eq!(tally.value(&call, Type::Int).unwrap_err().code, grammar::Code::Overflow);
        tally.take(&call, Datum::Int(1), Datum::Null, false);
        assert_eq!(tally.value(&call, Type::Int).unwrap(), Datum::Int(i64::MAX));
    }
}
