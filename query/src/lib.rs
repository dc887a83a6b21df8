//! PQL over the tables: resolves syntax trees, lowers them to DataFusion plans, keeps the views.
//!
//! DataFusion lives only in this crate; its Arrow is given out as [`arrow`].

mod arrow_stream;
mod catalog;
pub mod csv;
mod direct;
mod engine;
mod error;
mod eval;
mod explain;
mod find;
mod functions;
mod joins;
pub mod json;
mod live;
mod lower;
mod moment;
mod options;
mod output;
mod params;
mod past;
pub mod plan;
mod predicate;
mod resolve;
mod run;
mod scan;
mod spill;
mod stream;
pub mod tables;
#[cfg(test)]
mod test;
mod typed;
mod types;
mod value;
mod views;
mod watch;

pub use arrow_stream::ArrowStream;
pub use datafusion::arrow;
pub use engine::{Activity, Engine, Prepared, PreparedQuery, StartError};
pub use error::QueryError;
pub use find::{Events, Interests, Sought};
pub use live::{Change, Diff, Live, LiveQuery, LiveSubscription};
pub use options::Options;
pub use params::Params;
pub use plan::{Claim, EventPredicate, OutputColumn, Start, Subscription};
pub use predicate::{RowPredicate, candidate_filter};
pub use resolve::functions;
pub use stream::RowStream;
pub use types::{TYPE_KEY, Type};
pub use value::Value;
pub use views::{Counts, Pinned, TaskViews};
