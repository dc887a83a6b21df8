//! `+ − * / %` over numbers, times and durations. Nothing wraps and nothing becomes infinite.

use super::Fault;
use crate::eval::Datum;
use crate::types::Type;

/// The signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    /// Of two ints: towards zero.
    Divide,
    /// The remainder has the sign of the dividend.
    Modulo,
}

impl Arithmetic {
    /// The sign as it is written.
    pub(crate) fn sign(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Modulo => "%",
        }
    }

    /// The type it gives for operands of these types, if it takes them.
    pub(crate) fn ty(self, left: Type, right: Type) -> Option<Type> {
        use Arithmetic::{Add, Divide, Multiply, Subtract};
        use Type::{Duration, Float, Int, Time};
        match (left, self, right) {
            (Int, _, Int) => Some(Int),
            (Int | Float, _, Int | Float) => Some(Float),
            (Time, Subtract, Time) => Some(Duration),
            (Time, Add | Subtract, Duration) | (Duration, Add, Time) => Some(Time),
            (Duration, Add | Subtract, Duration) => Some(Duration),
            (Duration, Multiply | Divide, Int | Float) | (Int | Float, Multiply, Duration) => Some(Duration),
            (Duration, Divide, Duration) => Some(Float),
            _ => None,
        }
    }

    pub(super) fn apply<'a>(self, left: &Datum<'_>, right: &Datum<'_>) -> Result<Datum<'a>, Fault> {
        use Datum::{Duration, Float, Int, Time};
        match (left, right) {
            (Int(a), Int(b)) => self.whole(*a, *b, Type::Int).map(Int),
            (Float(a), Float(b)) => self.float(*a, *b),
            (Int(a), Float(b)) => self.float(*a as f64, *b),
            (Float(a), Int(b)) => self.float(*a, *b as f64),
            (Time(a), Time(b)) => self.whole(*a, *b, Type::Duration).map(Duration),
            (Time(a), Duration(b)) | (Duration(a), Time(b)) => self.whole(*a, *b, Type::Time).map(Time),
            (Duration(a), Duration(b)) if self == Self::Divide => self.float(*a as f64, *b as f64),
            (Duration(a), Duration(b) | Int(b)) | (Int(a), Duration(b)) => {
                self.whole(*a, *b, Type::Duration).map(Duration)
            }
            (Duration(a), Float(b)) => micros(self.float(*a as f64, *b)?),
            (Float(a), Duration(b)) => micros(self.float(*a, *b as f64)?),
            _ => Ok(Datum::Null),
        }
    }

    fn whole(self, a: i64, b: i64, ty: Type) -> Result<i64, Fault> {
        match self {
            Self::Add => a.checked_add(b),
            Self::Subtract => a.checked_sub(b),
            Self::Multiply => a.checked_mul(b),
            Self::Divide | Self::Modulo if b == 0 => return Err(Fault::division_by_zero()),
            Self::Divide => a.checked_div(b),
            // The only wrap is of i64::MIN % −1, whose remainder is 0 all the same.
            Self::Modulo => Some(a.wrapping_rem(b)),
        }
        .ok_or_else(|| Fault::overflow(ty))
    }

    fn float<'a>(self, a: f64, b: f64) -> Result<Datum<'a>, Fault> {
        let result = match self {
            Self::Add => a + b,
            Self::Subtract => a - b,
            Self::Multiply => a * b,
            Self::Divide | Self::Modulo if b == 0.0 => return Err(Fault::division_by_zero()),
            Self::Divide => a / b,
            Self::Modulo => a % b,
        };
        Datum::float(result).ok_or_else(|| Fault::overflow(Type::Float))
    }
}

/// Unary minus.
pub(super) fn negate<'a>(value: &Datum<'_>) -> Result<Datum<'a>, Fault> {
    match value {
        Datum::Int(value) => value.checked_neg().map(Datum::Int).ok_or_else(|| Fault::overflow(Type::Int)),
        Datum::Duration(value) => {
            value.checked_neg().map(Datum::Duration).ok_or_else(|| Fault::overflow(Type::Duration))
        }
        Datum::Float(value) => Ok(Datum::float(-value).unwrap_or(Datum::Null)),
        _ => Ok(Datum::Null),
    }
}

/// A duration of so many microseconds, rounded.
fn micros<'a>(micros: Datum<'_>) -> Result<Datum<'a>, Fault> {
    match micros {
        Datum::Float(micros) => {
            whole(micros.round()).map(Datum::Duration).ok_or_else(|| Fault::overflow(Type::Duration))
        }
        _ => Ok(Datum::Null),
    }
}

/// A float without fraction as an int, if it fits.
pub(crate) fn whole(number: f64) -> Option<i64> {
    // −2^63 is a float, 2^63 − 1 is not: hence the half-open range.
    const END: f64 = 9_223_372_036_854_775_808.0;
    (number.fract() == 0.0 && (-END..END).contains(&number)).then_some(number as i64)
}
