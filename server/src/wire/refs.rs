//! What operations of a batch stand for in those after them.

use std::collections::BTreeMap;
use store::Text;

/// What the operations of a batch make, by the names it has for that.
pub(crate) type Refs = BTreeMap<Text, Made>;

/// What an operation of a batch makes.
#[derive(Debug, Clone)]
pub(crate) struct Made {
    /// Which operation, from 0.
    pub(crate) op: usize,
    /// The id; none when the operation could not be read.
    pub(crate) id: Option<Text>,
}
