//! Histories of beads issues, turned into ordinary events.
//!
//! A history is a list of changes (an issue as it stands from now on, or the deletion of one), in groups:
//! the changes of one commit of its repository. A group is carried out in three steps, each in as many
//! commands as its size asks for: first every issue ([`Step::Changes`]), then every edge that is gone
//! ([`Step::Unlink`]), then every edge that came ([`Step::Link`]), so that an edge may name a later line and
//! moving an edge never looks like a cycle.
//!
//! **Invariant**: a step is the difference between what the input says and what the state holds. Carried
//! out twice it changes nothing the second time, which is what makes an interrupted import go on.
//!
//! No rule of the work model fires on these changes: imported state wins.

mod change;
mod command;
mod edges;
mod issue;
mod target;

pub use command::{Batch, BatchReport, Change, LeftOut, LeftOutReason, Op, Source, Step, Wanted};
pub use issue::{Comment, Dependency, Issue, ParseError, Parsed, parse_line};

use crate::Rejection;
use crate::state::Work;
use store::{Context, NewEvent};

/// Longest imported id, in bytes.
pub const ID_BYTES_MAX: usize = 512;

/// Longest imported text field, in bytes; longer ones are cut at a character boundary.
pub const FIELD_BYTES_MAX: usize = 1 << 20;

/// The tag of every imported event.
pub const TAG: &str = "import:beads";

/// The events that carry out one step in this state.
///
/// # Errors
/// Never, so far: what cannot be carried out is left out and reported.
pub(crate) fn decide(
    work: &Work,
    context: &Context,
    batch: &Batch,
) -> Result<(Vec<NewEvent>, BatchReport), Rejection> {
    let mut writer = command::Writer::new(context, &batch.source);
    match &batch.step {
        Step::Changes(changes) => {
            for change in changes {
                change::decide(work, &mut writer, change);
            }
        }
        Step::Unlink(wanted) => edges::unlink(work, &mut writer, wanted),
        Step::Link(wanted) => edges::link(work, &mut writer, wanted),
    }
    Ok(writer.finish())
}
