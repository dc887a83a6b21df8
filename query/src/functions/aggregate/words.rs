//! collect: the set of the texts of a group, and of the members of its sets.

use super::{lists, one};
use crate::eval::{Datum, Members};
use crate::lower::{Reader, scalar};
use crate::types::Type;
use datafusion::arrow::array::{Array, ArrayRef};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::Accumulator;
use std::borrow::Cow;
use std::collections::BTreeSet;

/// The members so far.
#[derive(Debug, Default)]
pub(super) struct Words {
    words: BTreeSet<String>,
    bytes: usize,
}

impl Words {
    fn add(&mut self, word: &str) {
        if !self.words.contains(word) {
            self.bytes += word.len();
            self.words.insert(word.to_owned());
        }
    }

    fn set(&self) -> ScalarValue {
        let members = self.words.iter().map(|word| Cow::Borrowed(word.as_str())).collect();
        scalar(&Datum::Set(Members::Owned(members)), Type::Set)
    }
}

impl Accumulator for Words {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let array = one(values, "collect")?;
        let is_set = matches!(array.data_type(), DataType::List(_));
        let reader = Reader::new(array, if is_set { Type::Set } else { Type::Text })?;
        for row in 0..array.len() {
            match reader.get(row) {
                Datum::Text(word) => self.add(&word),
                Datum::Set(members) => members.iter().for_each(|word| self.add(word)),
                _ => {}
            }
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(self.set())
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.words.len() * size_of::<String>() * 2 + self.bytes
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![self.set()])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        for values in lists(one(states, "collect")?) {
            self.update_batch(&[values])?;
        }
        Ok(())
    }
}
