//! `rebuild`: everything derived is dropped and folded from the log again.

use crate::disk::{Disk, has_log, take_lock};
use crate::record::{Chain, Record};
use crate::refold::{self, Refold};
use crate::texts::Texts;
use crate::{Damage, Decider, Direction, Head, OpenError, Options, Position, verify};
use std::path::Path;

/// What a rebuild made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rebuilt {
    /// Where the log ends, and the checkpoint is.
    pub head: Head,
    /// Chain hash of the head.
    pub chain: Chain,
}

/// Folds the log in `dir` from its beginning into new views, and puts them into the place of the old ones;
/// `decider` is the model in its first state. `progress` is told the last position folded and the last there
/// is. Whenever it is interrupted, the directory opens: with the old views, the new ones, or none, which the
/// next start makes.
///
/// # Errors
/// See [`OpenError`]; the old views are still there. One of them is that they are ahead of the log: whoever
/// gives up what is missing deletes them by hand.
pub fn rebuild<D: Decider>(
    dir: &Path,
    decider: D,
    options: &Options,
    mut progress: impl FnMut(Position, Position),
) -> Result<Rebuilt, OpenError> {
    options.check()?;
    if !has_log(dir)? {
        return Err(OpenError::NoLog { dir: dir.into() });
    }
    let lock = take_lock(dir)?;
    verify::log_files(dir)?;
    let disk = Disk::open_aside(dir, lock, options)?;
    let last = disk.record_before(Position(u64::MAX))?;
    let last = last.map(|(first, bytes)| Record::parse(first, bytes)).transpose();
    let end = last.map_err(OpenError::Damaged)?.map_or(Position::ZERO, |record| record.last());
    // The views are the last that know of events which the log has lost.
    if let Some(checkpoint) = verify::kept_checkpoint(dir, options).filter(|checkpoint| *checkpoint > end) {
        disk.drop_aside()?;
        return Err(OpenError::LogBehindCheckpoint { head: end, checkpoint });
    }
    let records = disk.records(Position(1), Position(u64::MAX), Direction::Forward);

    let mut texts = Texts::new();
    let mut refold = Refold::new(disk, decider, options);
    let (mut head, mut chain) = (Head::default(), Chain::START);
    for entry in records {
        let (first, bytes) = entry?;
        let expected = head.position.next();
        if first != expected {
            let why = format!("the next record begins at {first}").into();
            return Err(OpenError::Damaged(Damage { what: "log", position: expected, why }));
        }
        let record = Record::parse(first, bytes).map_err(OpenError::Damaged)?;
        record.verify_chain(chain).map_err(OpenError::Damaged)?;
        let contents = refold::contents(&record, &mut texts).map_err(OpenError::Damaged)?;
        chain = record.chain();
        let time = contents.events.last().map_or(head.time, |event| event.time);
        head = Head { position: record.last(), time };
        refold.fold(contents, chain)?;
        progress(head.position, end);
    }
    refold.finish()?.keep_views()?;
    Ok(Rebuilt { head, chain })
}
