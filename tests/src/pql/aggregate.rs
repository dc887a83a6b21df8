//! What aggregates give of the rows of a group.

use super::node::Aggregate;
use super::value::{Type, Value, order};
use super::{Fault, Stop};
use grammar::Code;
use std::collections::BTreeSet;

impl Aggregate {
    /// Of these values, one a row, each with the row's place.
    pub(super) fn of(&self, rows: Vec<(i64, Value)>, fault: Option<Fault>) -> Result<Value, Stop> {
        if self.arg.is_none() {
            return Ok(count(rows.len()));
        }
        let nulls_count = fault == Some(Fault::CountsNulls) && self.name == "count";
        let mut rows: Vec<(i64, Value)> =
            rows.into_iter().filter(|(_, value)| nulls_count || !value.is_null()).collect();
        if self.distinct {
            rows.sort_by(|(_, a), (_, b)| order(a, b));
            rows.dedup_by(|(_, a), (_, b)| order(a, b).is_eq());
        }
        let value = match self.name.as_str() {
            "count" => return Ok(count(rows.len())),
            "collect" => return Ok(Value::Set(members(&rows))),
            "min" | "any" => rows.into_iter().map(|(_, value)| value).min_by(order),
            "max" => rows.into_iter().map(|(_, value)| value).max_by(order),
            "first" | "last" => {
                rows.sort_by_key(|(place, _)| *place);
                let there = if self.name == "first" { rows.first() } else { rows.last() };
                let Some((place, value)) = there.cloned() else { return Ok(Value::Null) };
                if rows.iter().any(|(other, one)| *other == place && order(one, &value).is_ne()) {
                    return Err(Stop::Unknowable("two rows of one place"));
                }
                Some(value)
            }
            "sum" => return self.sum(&rows),
            _ => {
                if self.kind == Type::Duration {
                    return Err(Stop::Unknowable("how a mean of durations is rounded"));
                }
                let numbers: Vec<f64> = rows.iter().filter_map(|(_, value)| value.float()).collect();
                let number = self.number(numbers);
                if number.is_some_and(|number| !number.is_finite()) {
                    return Err(Stop::Unknowable("whether what lies between is too great"));
                }
                number.map(Value::Float)
            }
        };
        Ok(value.unwrap_or(Value::Null))
    }

    fn sum(&self, rows: &[(i64, Value)]) -> Result<Value, Stop> {
        if self.kind == Type::Float {
            let numbers: Vec<f64> = rows.iter().filter_map(|(_, value)| value.float()).collect();
            let sum: f64 = numbers.iter().sum();
            return match numbers.is_empty() {
                true => Ok(Value::Null),
                false if sum.is_finite() => Ok(Value::Float(sum)),
                false => Err(Stop::Error(Code::Overflow)),
            };
        }
        let whole = rows.iter().map(|(_, value)| match value {
            Value::Int(int) | Value::Duration(int) => i128::from(*int),
            _ => 0,
        });
        if rows.is_empty() {
            return Ok(Value::Null);
        }
        let sum = i64::try_from(whole.sum::<i128>()).map_err(|_| Stop::Error(Code::Overflow))?;
        Ok(if self.kind == Type::Int { Value::Int(sum) } else { Value::Duration(sum) })
    }

    /// The aggregates of numbers alone.
    fn number(&self, mut numbers: Vec<f64>) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "there are not 2^52 rows")]
        let count = numbers.len() as f64;
        if numbers.is_empty() {
            return None;
        }
        let mean = numbers.iter().sum::<f64>() / count;
        match self.name.as_str() {
            "avg" => Some(mean),
            "stddev" => {
                let squares = numbers.iter().map(|number| (number - mean).powi(2)).sum::<f64>();
                (numbers.len() > 1).then(|| (squares / (count - 1.0)).sqrt())
            }
            _ => {
                numbers.sort_by(f64::total_cmp);
                let place = self.share * (count - 1.0);
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a place")]
                let (low, high) = (place.floor() as usize, place.ceil() as usize);
                Some(numbers[low] + (numbers[high] - numbers[low]) * place.fract())
            }
        }
    }
}

fn count(rows: usize) -> Value {
    Value::Int(i64::try_from(rows).expect("a count fits"))
}

fn members(rows: &[(i64, Value)]) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for (_, value) in rows {
        match value.text() {
            Some(text) => drop(all.insert(text.to_owned())),
            None => all.extend(value.set().unwrap_or_default()),
        }
    }
    all
}
