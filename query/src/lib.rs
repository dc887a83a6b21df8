//! PQL over the tables: resolves syntax trees, lowers them to DataFusion plans, keeps the views.
//!
//! DataFusion lives only in this crate.

pub mod tables;
mod types;
mod value;

pub use types::{TYPE_KEY, Type};
pub use value::Value;
