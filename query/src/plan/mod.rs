//! Statements to plans: one file per clause.

mod claim;
mod describe;
mod direct;
mod events;
mod explain;
mod from;
mod group;
mod limit;
mod live;
mod marks;
mod moment;
mod next_task;
mod order;
mod select;
mod statement;
mod subscribe;
mod subselect;
#[cfg(test)]
mod test;

pub use claim::{CLAIM_LIMIT_MAX, Claim, LEASE_MS_MAX, LEASE_MS_MIN, claim};
pub use describe::{describe, show_tables};
pub use direct::Direct;
pub(crate) use direct::{KEY, Lookup, Way};
pub use events::{EventPredicate, append_condition};
pub use explain::explain_next_task;
pub(crate) use group::FIRST_AGGREGATE;
pub use next_task::next_task;
pub use select::select;
pub use statement::{Command, statement};
pub use subscribe::{Start, Subscribed, Subscription, subscribe};
pub(crate) use subselect::SubSelect;

use crate::predicate::RowPredicate;
use crate::tables::TableSchema;
use crate::types::Type;
use datafusion::catalog::TableProvider;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::LogicalPlan;
use grammar::{Code, Error, Span};
use std::sync::Arc;
use store::{Position, Timestamp};

/// What a plan needs to know of the world, pinned at one head.
pub trait Catalog {
    /// The table of that name.
    fn schema(&self, table: &str) -> Option<&'static TableSchema>;

    /// The names of all tables.
    fn table_names(&self) -> &'static [&'static str];

    /// The position and time a moment stands for.
    ///
    /// # Errors
    /// `moment_after_head`, and whatever else a moment can be wrong about.
    fn moment(&self, moment: &grammar::ast::Moment) -> Result<AsOf, Error>;

    /// The pinned head; its time is the statement's now.
    fn present(&self) -> AsOf;

    /// The rows of a table at a version. Its Arrow schema is the table's columns in order; for
    /// [`TableVersion::History`] those of [`crate::tables::HISTORY_COLUMNS`] follow.
    ///
    /// # Errors
    /// When the version cannot be read; the caller puts the place.
    fn provider(
        &self,
        table: &'static TableSchema,
        version: TableVersion,
    ) -> Result<Arc<dyn TableProvider>, Error>;

    /// The work an agent could take (without one: unassigned work only), in the columns of `next_task`,
    /// best first.
    ///
    /// # Errors
    /// As [`Catalog::provider`].
    fn next_task(&self, agent: Option<&str>, at: AsOf) -> Result<Arc<dyn TableProvider>, Error>;

    /// The work that [`Catalog::next_task`] leaves out, or would with that WHERE, and why: in the columns of
    /// [`crate::tables::left_out`].
    ///
    /// # Errors
    /// As [`Catalog::provider`].
    fn left_out(
        &self,
        agent: Option<&str>,
        filter: Option<RowPredicate>,
        at: AsOf,
    ) -> Result<Arc<dyn TableProvider>, Error>;
}

/// A moment of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AsOf {
    /// After the event there; zero is before the first.
    pub position: Position,
    /// What `now()` gives then.
    pub time: Timestamp,
    /// Whether this is the pinned head.
    pub is_head: bool,
}

/// Which rows in time a scan gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableVersion {
    /// Those of a moment.
    At(AsOf),
    /// Every version that began up to a moment.
    History {
        /// Which.
        upto: AsOf,
    },
}

/// A statement that gives rows, ready to run.
#[derive(Debug, Clone)]
pub struct Planned {
    /// Its plan. The names of its fields are those of `columns`.
    pub plan: LogicalPlan,
    /// Its columns.
    pub columns: Vec<OutputColumn>,
    /// The moment it speaks of.
    pub at: AsOf,
    /// The same answer without the plan, where a few rows give it.
    pub direct: Option<Box<Direct>>,
}

/// A column of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputColumn {
    /// Its name.
    pub name: String,
    /// Its type.
    pub ty: Type,
}

/// An error of DataFusion while a plan is built. Nothing a statement says should lead here; if it does, the
/// statement is refused where it stands.
fn planning(error: &DataFusionError, span: Span) -> Error {
    crate::error::runtime_error(error).unwrap_or_else(|| {
        Error::new(Code::NotAllowed, span, format!("this cannot be planned: {}", error.strip_backtrace()))
    })
}

/// Longest expression that an error repeats, in characters.
const NAMED_CHARS_MAX: usize = 80;

/// An error at run time with the expression it stands at in its message: "division by zero in `1 / n`".
pub(crate) fn named(mut error: Error, text: &str) -> Error {
    let is_of_a_value = matches!(error.code, Code::DivisionByZero | Code::CastFailed | Code::Overflow);
    if let Some(expr) = text.get(error.span.start..error.span.end)
        && is_of_a_value
        && (1..=NAMED_CHARS_MAX).contains(&expr.chars().count())
    {
        let expr = expr.split_whitespace().collect::<Vec<_>>().join(" ");
        error.message = format!("{} in `{expr}`", error.message);
    }
    error
}
