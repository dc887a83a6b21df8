//! One column of a table through time, whatever its type.

use super::Slot;
use super::timeline::Timeline;
use super::words::{Code, Words};
use crate::lower::Builder;
use crate::types::Type;
use crate::value::Value;
use datafusion::arrow::array::{ArrayRef, Int64Array, StringBuilder, TimestampMicrosecondArray};
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;
use store::Text;

/// A number, a time, a truth: anything of eight bytes, or null.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Number(i64);

impl Number {
    /// No row has this one: counts and ids are not negative, and as a time or a float it is out of all bounds
    /// (292,000 years ago; −5·10⁻³²⁴).
    const NULL: Self = Self(i64::MIN + 1);

    fn of(value: &Value<'_>) -> Self {
        let number = match value {
            Value::Bool(value) => i64::from(*value),
            Value::Int(value) | Value::Time(value) | Value::Duration(value) => *value,
            Value::Float(value) => value.to_bits().cast_signed(),
            Value::Null | Value::Text(_) | Value::Set(_) | Value::Json(_) => return Self::NULL,
        };
        debug_assert_ne!(Self(number), Self::NULL, "a value that stands for null");
        Self(number)
    }

    fn value(self, ty: Type) -> Value<'static> {
        match ty {
            _ if self == Self::NULL => Value::Null,
            Type::Bool => Value::Bool(self.0 != 0),
            Type::Int => Value::Int(self.0),
            Type::Float => Value::Float(f64::from_bits(self.0.cast_unsigned())),
            Type::Time => Value::Time(self.0),
            Type::Duration => Value::Duration(self.0),
            Type::Null | Type::Text | Type::Set | Type::Json => Value::Null,
        }
    }
}

impl Default for Number {
    fn default() -> Self {
        Self::NULL
    }
}

/// A column through time.
#[derive(Debug)]
pub(super) enum Column {
    Texts(Timeline<Code>, Words<str>),
    Sets(Timeline<Code>, Words<[Text]>),
    Numbers(Timeline<Number>),
}

impl Column {
    pub(super) fn new(ty: Type) -> Self {
        match ty {
            Type::Text | Type::Json => Self::Texts(Timeline::default(), Words::default()),
            Type::Set => Self::Sets(Timeline::default(), Words::default()),
            Type::Null | Type::Bool | Type::Int | Type::Float | Type::Time | Type::Duration => {
                Self::Numbers(Timeline::default())
            }
        }
    }

    /// See [`Timeline::note`].
    pub(super) fn note(&mut self, position: u64, slot: Slot, value: &Value<'_>) {
        match self {
            Self::Texts(timeline, words) => {
                let code = match value {
                    Value::Text(text) | Value::Json(text) => words.code(text),
                    _ => 0,
                };
                timeline.note(position, slot, code);
            }
            Self::Sets(timeline, words) => {
                let code = match value {
                    Value::Set(members) => words.code(members),
                    _ => 0,
                };
                timeline.note(position, slot, code);
            }
            Self::Numbers(timeline) => timeline.note(position, slot, Number::of(value)),
        }
    }

    /// See [`Timeline::settle`].
    pub(super) fn settle(&mut self) {
        match self {
            Self::Texts(timeline, _) | Self::Sets(timeline, _) => timeline.settle(),
            Self::Numbers(timeline) => timeline.settle(),
        }
    }

    /// The column as it was after the event at `position`.
    pub(super) fn at(&self, position: u64, slots: usize) -> ColumnAt {
        match self {
            Self::Texts(timeline, words) => {
                ColumnAt::Texts(timeline.at(position, slots), words.all().clone())
            }
            Self::Sets(timeline, words) => ColumnAt::Sets(timeline.at(position, slots), words.all().clone()),
            Self::Numbers(timeline) => ColumnAt::Numbers(timeline.at(position, slots)),
        }
    }

    /// Bytes it takes.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Texts(timeline, words) => timeline.bytes() + words.bytes(),
            Self::Sets(timeline, words) => timeline.bytes() + words.bytes(),
            Self::Numbers(timeline) => timeline.bytes(),
        }
    }
}

/// A column at one moment, by slot.
#[derive(Debug)]
pub(crate) enum ColumnAt {
    Texts(Vec<Code>, Arc<Vec<Text>>),
    Sets(Vec<Code>, Arc<Vec<Arc<[Text]>>>),
    Numbers(Vec<Number>),
}

impl ColumnAt {
    /// What a slot has, for a column of that type.
    pub(crate) fn value(&self, slot: Slot, ty: Type) -> Value<'_> {
        match self {
            Self::Texts(..) => self.text(slot).map_or(Value::Null, |text| match ty {
                Type::Json => Value::Json(Cow::Borrowed(text)),
                _ => Value::Text(Cow::Borrowed(text)),
            }),
            Self::Sets(codes, sets) => {
                let set = Words::<[Text]>::word(sets, codes[slot as usize]);
                set.map_or(Value::Null, |members| Value::Set(Cow::Borrowed(members)))
            }
            Self::Numbers(numbers) => numbers[slot as usize].value(ty),
        }
    }

    /// What these slots have, for a column of that type.
    pub(crate) fn array(&self, slots: &[Slot], ty: Type) -> ArrayRef {
        let numbers = slots.iter().map(|slot| self.number(*slot));
        match (self, ty) {
            (Self::Texts(..), _) => {
                let texts = || slots.iter().map(|slot| self.text(*slot));
                let bytes = texts().flatten().map(|text| text.len()).sum();
                let mut builder = StringBuilder::with_capacity(slots.len(), bytes);
                texts().for_each(|text| builder.append_option(text));
                Arc::new(builder.finish())
            }
            (Self::Numbers(_), Type::Int) => Arc::new(numbers.collect::<Int64Array>()),
            (Self::Numbers(_), Type::Time) => {
                Arc::new(numbers.collect::<TimestampMicrosecondArray>().with_timezone("UTC"))
            }
            _ => {
                let mut builder = Builder::new(ty, slots.len());
                slots.iter().for_each(|slot| builder.push(&self.value(*slot, ty).into()));
                builder.finish()
            }
        }
    }

    /// The text a slot has.
    pub(crate) fn text(&self, slot: Slot) -> Option<&Text> {
        match self {
            Self::Texts(codes, words) => Words::<str>::word(words, codes[slot as usize]),
            Self::Sets(..) | Self::Numbers(_) => None,
        }
    }

    /// The set a slot has.
    pub(crate) fn set(&self, slot: Slot) -> Option<&Arc<[Text]>> {
        match self {
            Self::Sets(codes, sets) => Words::<[Text]>::word(sets, codes[slot as usize]),
            Self::Texts(..) | Self::Numbers(_) => None,
        }
    }

    /// The number a slot has: an integer, a time in µs, a truth as 0 or 1.
    pub(crate) fn number(&self, slot: Slot) -> Option<i64> {
        match self {
            Self::Numbers(numbers) => {
                Some(numbers[slot as usize]).filter(|it| *it != Number::NULL).map(|it| it.0)
            }
            Self::Texts(..) | Self::Sets(..) => None,
        }
    }

    /// The slots whose text is one of those.
    pub(crate) fn holders(&self, texts: &BTreeSet<String>) -> Vec<Slot> {
        let Self::Texts(codes, words) = self else { return Vec::new() };
        let is_wanted = |(_, word): &(usize, &Text)| texts.contains(&***word);
        // Looks at words until all are found, so seldom at all of them.
        let wanted: Vec<Code> = words
            .iter()
            .enumerate()
            .filter(is_wanted)
            .map(|(nth, _)| nth as Code + 1)
            .take(texts.len())
            .collect();
        let holders = |code: Code| {
            let slots = codes.iter().enumerate().filter(move |(_, has)| **has == code);
            slots.map(|(slot, _)| slot as Slot)
        };
        wanted.into_iter().flat_map(holders).collect()
    }

    /// Tells of each slot whether its text is one of those. Looks at each word once, not at each slot's.
    pub(crate) fn is_one_of<'a>(&'a self, texts: &BTreeSet<String>) -> impl Fn(Slot) -> bool + use<'a> {
        let (codes, wanted) = match self {
            Self::Texts(codes, words) => {
                let wanted = std::iter::once(false).chain(words.iter().map(|word| texts.contains(&**word)));
                (&codes[..], wanted.collect::<Vec<bool>>())
            }
            Self::Sets(..) | Self::Numbers(_) => (&[][..], Vec::new()),
        };
        move |slot| codes.get(slot as usize).is_some_and(|code| wanted[*code as usize])
    }
}
