//! The events of the work model: the catalogue, and the data of each as it is written and read.

mod catalogue;
#[cfg(test)]
mod test;

pub use catalogue::{CATALOGUE, EventType, Field, find};
