//! A condition of an append on what has not happened: the boundary of its consistency, drawn by what it asks.

use crate::{Event, Position};
use std::fmt;
use std::sync::Arc;

/// Events the writer looks at for one condition: what came since its maker looked. More means that the maker
/// was held up for long; it looks again.
pub const CONDITION_EVENTS_MAX: u64 = 65_536;

/// Whether an event is one that must not be there; an error when that cannot be told.
pub type ConditionTest = dyn Fn(&Event) -> Result<bool, ConditionFault> + Send + Sync;

/// It cannot be told whether an event is one that must not be there. Whoever made the test knows why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConditionFault;

/// Fails an append if there is a certain event.
///
/// Who makes it looks through the log first, as long as that takes; the writer then looks only at what came
/// since, so that nothing comes between its look and the append.
#[derive(Clone)]
pub struct Condition {
    /// The event that must not be there, if its maker found one already.
    pub found: Option<Position>,
    /// Its maker looked at everything up to here.
    pub looked_upto: Position,
    /// What it looks for in what came since.
    pub test: Arc<ConditionTest>,
}

impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { found, looked_upto, test: _ } = self;
        f.debug_struct("Condition").field("found", found).field("looked_upto", looked_upto).finish()
    }
}
