//! Functions of numbers.

use super::{Fault, arithmetic};
use crate::eval::Datum;
use crate::types::Type;

/// The functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum NumberFunction {
    /// Of an int, a float or a duration.
    Abs,
    /// Half away from zero; to so many decimals if there is a second operand.
    Round,
    Floor,
    Ceil,
}

/// Decimals beyond which rounding changes nothing in a float.
const DECIMALS_MAX: i64 = 300;

impl NumberFunction {
    pub(super) fn is_fallible(self, first: Type) -> bool {
        match self {
            Self::Abs => first != Type::Float,
            Self::Round => first == Type::Int,
            Self::Floor | Self::Ceil => false,
        }
    }

    pub(super) fn apply<'a>(self, value: &Datum<'_>, places: &Datum<'_>) -> Result<Datum<'a>, Fault> {
        Ok(match (self, value) {
            (Self::Abs, Datum::Int(value)) if *value < 0 => return arithmetic::negate(&Datum::Int(*value)),
            (Self::Abs, Datum::Duration(value)) if *value < 0 => {
                return arithmetic::negate(&Datum::Duration(*value));
            }
            (Self::Abs, Datum::Duration(value)) => Datum::Duration(*value),
            (Self::Abs, Datum::Float(value)) => Datum::Float(value.abs()),
            (Self::Round, Datum::Int(value)) => Datum::Int(round_int(*value, places)?),
            (Self::Round, Datum::Float(value)) => round_float(*value, places),
            (Self::Floor, Datum::Float(value)) => Datum::float(value.floor()).unwrap_or(Datum::Null),
            (Self::Ceil, Datum::Float(value)) => Datum::float(value.ceil()).unwrap_or(Datum::Null),
            (_, Datum::Int(value)) => Datum::Int(*value),
            _ => Datum::Null,
        })
    }
}

fn round_float<'a>(value: f64, places: &Datum<'_>) -> Datum<'a> {
    let Datum::Int(places) = places else { return Datum::float(value.round()).unwrap_or(Datum::Null) };
    if *places > DECIMALS_MAX {
        return Datum::Float(value);
    }
    if *places < -DECIMALS_MAX {
        return Datum::Float(0.0);
    }
    let scale = 10f64.powi(places.abs() as i32);
    let rounded = if *places < 0 { (value / scale).round() * scale } else { (value * scale).round() / scale };
    // A value so large that scaling it overflows has no decimals to lose.
    Datum::float(rounded).unwrap_or(Datum::Float(value))
}

fn round_int(value: i64, places: &Datum<'_>) -> Result<i64, Fault> {
    let Datum::Int(places @ ..0) = places else { return Ok(value) };
    let Some(unit) = u32::try_from(places.unsigned_abs()).ok().and_then(|places| 10i128.checked_pow(places))
    else {
        return Ok(0);
    };
    let (value, half) = (i128::from(value), unit / 2);
    let rounded = (value + if value < 0 { -half } else { half }) / unit * unit;
    i64::try_from(rounded).map_err(|_| Fault::overflow(Type::Int))
}
