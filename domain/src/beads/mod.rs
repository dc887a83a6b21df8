//! Histories of beads issues, turned into ordinary events.

mod command;

pub use command::{Batch, BatchReport};
