//! The aggregates DataFusion lacks, or computes otherwise, as DataFusion functions.

use super::Aggregate;
use super::mean::{self, Mean};
use super::numbers::{Finish, Numbers};
use super::pick::{Pick, Which};
use super::sum::Sum;
use super::words::Words;
use crate::typed::AggregateCall;
use crate::types::Type;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::Result;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::format_state_name;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, GroupsAccumulator, Signature, Volatility,
};
use grammar::Span;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// One aggregate of a statement.
#[derive(Debug)]
pub(super) struct Fold {
    function: Aggregate,
    /// Type of the first argument.
    input: Type,
    /// Type of the second: what `first` and `last` go by.
    by: Type,
    result: Type,
    span: Span,
    name: String,
    signature: Signature,
}

impl Fold {
    pub(super) fn function(call: &AggregateCall, input: Type, result: Type) -> Arc<AggregateUDF> {
        Arc::new(AggregateUDF::new_from_impl(Self {
            function: call.function,
            input,
            by: call.args.get(1).map_or(input, |by| by.ty),
            result,
            span: call.span,
            name: call.function.to_string(),
            signature: Signature::variadic_any(Volatility::Immutable),
        }))
    }

    fn finish(&self) -> Option<Finish> {
        Some(match self.function {
            Aggregate::Median => Finish::Quantile(0.5),
            Aggregate::Quantile(share) => Finish::Quantile(f64::from_bits(share)),
            Aggregate::Stddev => Finish::Stddev,
            Aggregate::Avg => Finish::Average,
            Aggregate::Sum => Finish::Sum,
            _ => return None,
        })
    }

    fn which(&self) -> Which {
        match self.function {
            Aggregate::Last | Aggregate::Max => Which::Greatest,
            _ => Which::Least,
        }
    }

    /// Whether it is an average that needs not keep its values.
    fn is_mean(&self, is_distinct: bool) -> bool {
        self.function == Aggregate::Avg && self.input == Type::Float && !is_distinct
    }

    /// Whether the second argument orders the first.
    fn is_ordered(&self) -> bool {
        matches!(self.function, Aggregate::First | Aggregate::Last)
    }
}

impl PartialEq for Fold {
    fn eq(&self, other: &Self) -> bool {
        (self.function, self.input, self.by) == (other.function, other.input, other.by)
    }
}

impl Eq for Fold {}

impl Hash for Fold {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.function, self.input, self.by).hash(state);
    }
}

impl AggregateUDFImpl for Fold {
    fn name(&self) -> &str {
        &self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(self.result.arrow())
    }

    fn return_field(&self, _: &[FieldRef]) -> Result<FieldRef> {
        Ok(Arc::new(self.result.field(&self.name)))
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        Ok(match (self.function, self.finish()) {
            (Aggregate::Collect, _) => Box::new(Words::default()),
            (Aggregate::Sum, _) if !args.is_distinct => Box::new(Sum::new(self.result, self.span)),
            _ if self.is_mean(args.is_distinct) => Box::new(Mean::default()),
            (_, Some(finish)) => {
                Box::new(Numbers::new(finish, args.is_distinct, self.input, self.result, self.span))
            }
            _ => Box::new(Pick::new(self.which(), self.is_ordered(), self.input, self.by)),
        })
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs) -> bool {
        self.function == Aggregate::Sum && !args.is_distinct || self.is_mean(args.is_distinct)
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(match self.is_mean(args.is_distinct) {
            true => Box::new(Mean::default()),
            false => Box::new(Sum::new(self.result, self.span)),
        })
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let field = |name, ty| Arc::new(Field::new(format_state_name(args.name, name), ty, true));
        let list = |ty: DataType| DataType::List(Arc::new(Field::new_list_field(ty, true)));
        Ok(match (self.function, self.finish()) {
            (Aggregate::Collect, _) => vec![field("words", list(DataType::Utf8))],
            (Aggregate::Sum, _) if !args.is_distinct => vec![field("sum", Sum::state(self.result))],
            _ if self.is_mean(args.is_distinct) => mean::STATE.map(|(name, ty)| field(name, ty)).into(),
            (_, Some(_)) => vec![field("values", list(self.input.arrow()))],
            _ => vec![field("value", self.input.arrow()), field("by", self.by.arrow())],
        })
    }
}
