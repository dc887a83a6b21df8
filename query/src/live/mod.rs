//! Live queries: a query's rows as of a position, then what each commit adds to them and takes away.
//!
//! At any position, what was given up to it is the answer of the same query `AS OF` that position. That holds because
//! nothing here looks at a clock or at more than one commit at a time: a [`LiveQuery`] is one table, a condition over
//! its rows, and what is shown of each, or of each group of them; its [state](state) takes in what a commit changed in
//! that table and gives what that changes in the answer.
//!
//! What a commit changed comes from the newest commits in memory or from the versions in the store ([`turns`]), and
//! whoever follows cannot tell which ([`Live`]). What needs more than the row that changed (joins, sub-selects), what
//! changes without a commit (`now()`, `score`) and what is no set of rows (ORDER BY, LIMIT) is refused where the
//! statement is understood ([`crate::plan`]).

mod diff;
mod follow;
mod groups;
mod offers;
mod query;
mod state;
mod tally;
mod turns;

pub use diff::{Change, Diff};
pub use follow::Live;
pub use query::LiveQuery;
pub(crate) use query::{Grouped, Shape};

use crate::plan::Start;
use std::sync::Arc;

/// A subscription to the rows of a query.
#[derive(Debug, Clone)]
pub struct LiveSubscription {
    /// The query.
    pub query: Arc<LiveQuery>,
    /// Where it begins: now, with the rows there are; at the beginning, with none; or after a position, as of which
    /// the subscriber has the rows.
    pub start: Start,
}
