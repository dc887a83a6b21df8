//! Opening: the state of the checkpoint, then the log's tail after it through the same fold as live events.

use crate::disk::Disk;
use crate::keys::checkpoint::{self, Checkpoint};
use crate::record::{Chain, Record};
use crate::refold;
use crate::texts::Texts;
use crate::view::View;
use crate::views::Views;
use crate::writer::{Core, Taken, layer};
use crate::{
    Damage, Decider, Direction, Head, OpenError, Options, Position, ReadError, TableId, Text, Version, keys,
};
use std::path::Path;
use std::sync::Arc;

/// What opening found and did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opened {
    /// Where the log ends.
    pub head: Head,
    /// Where the checkpoint was that the state was restored from; zero when there was none.
    pub checkpoint: Position,
    /// Events folded in after it.
    pub replayed_events: u64,
}

/// Everything a store starts from.
pub(crate) struct Started<D: Decider> {
    pub(crate) disk: Arc<Disk>,
    pub(crate) views: Views,
    pub(crate) core: Core<D>,
    pub(crate) chain: Chain,
    pub(crate) opened: Opened,
}

/// A row of a checkpoint.
type Kept<R> = (TableId, Text, Version<R>);

pub(crate) fn open<D: Decider>(
    dir: &Path,
    mut decider: D,
    options: &Options,
) -> Result<Started<D>, OpenError> {
    options.check()?;
    let fold = decider.fold_version();
    let mut disk = Disk::open(dir, options)?;
    let (head, chain, rows) = match kept(&disk, fold)? {
        Ok((checkpoint, rows)) => (checkpoint.head, checkpoint.chain, rows),
        Err(why) => {
            tracing::warn!(%why, "no usable checkpoint: the log is folded from its beginning");
            disk = disk.drop_views(options)?;
            (Head::default(), Chain::START, Vec::new())
        }
    };
    for (table, key, version) in rows {
        decider.restore(table, key, version);
    }
    decider.restored();

    let disk = Arc::new(disk);
    let views = Views::new(disk.snapshot(), head, chain, fold, options);
    let mut core = Core::new(decider, head, options);
    let chain = replay(&disk, &views, &mut core, chain)?;
    let replayed_events = core.head.position.0 - head.position.0;
    let opened = Opened { head: core.head, checkpoint: head.position, replayed_events };
    tracing::info!(head = %core.head.position, checkpoint = %head.position, replayed_events, "the log is open");
    Ok(Started { disk, views, core, chain, opened })
}

/// The checkpoint and its rows, or why it is of no use.
///
/// # Errors
/// When the log itself is in question.
#[allow(clippy::type_complexity, reason = "what is of no use is no error")]
fn kept<R: crate::StoredRow>(
    disk: &Disk,
    fold: u32,
) -> Result<Result<(Checkpoint, Vec<Kept<R>>), String>, OpenError> {
    let base = disk.snapshot();
    let view = View { head: Head::default(), layers: Vec::new(), base };
    let last = disk.record_before(Position(u64::MAX)).map_err(OpenError::from)?;
    let checkpoint = match view.get(&checkpoint::key()).map_err(OpenError::from)? {
        Some(value) => checkpoint::decode(&value),
        None if last.is_none() => {
            // A new store: nothing is missing.
            let checkpoint =
                Checkpoint { format: checkpoint::FORMAT, fold, head: Head::default(), chain: Chain::START };
            return Ok(Ok((checkpoint, Vec::new())));
        }
        None => return Ok(Err("there is none".into())),
    };
    let checkpoint = match checkpoint {
        Ok(checkpoint) => checkpoint,
        Err(damage) => return Ok(Err(damage.to_string())),
    };
    let Checkpoint { format, fold: made_by, head, chain } = checkpoint;

    // The record that ends at the checkpoint. Without it, acknowledged events are gone.
    let record = disk.record_before(head.position).map_err(OpenError::from)?;
    let record = record.map(|(first, bytes)| Record::parse(first, bytes)).transpose();
    let record = record.map_err(OpenError::Damaged)?;
    let end = record.as_ref().map_or(Position::ZERO, Record::last);
    if end < head.position {
        return Err(OpenError::LogBehindCheckpoint { head: end, checkpoint: head.position });
    }
    if record.is_none_or(|record| record.last() != head.position || record.chain() != chain) {
        return Ok(Err("it is of another log".into()));
    }
    if format != checkpoint::FORMAT {
        return Ok(Err(format!("its format is {format}, this version has {}", checkpoint::FORMAT)));
    }
    if made_by != fold {
        return Ok(Err(format!("it was folded by version {made_by} of the model, this is {fold}")));
    }
    // All rows before the first goes to the model, which cannot be emptied again.
    let rows = view.range(&keys::row::all(), Direction::Forward).map(|entry| {
        let (key, value) = entry?;
        let (table, key) = keys::row::decode_key(&key)?;
        Ok((table, key, keys::row::decode(table, &value)?))
    });
    match rows.collect() {
        Ok(rows) => Ok(Ok((checkpoint, rows))),
        Err(ReadError::Damaged(damage)) => Ok(Err(damage.to_string())),
        Err(error) => Err(error.into()),
    }
}

/// Folds every record after the core's head in, and checks that they are whole and follow one another. The
/// chain hash goes from that of the head to that of the last record.
fn replay<D: Decider>(
    disk: &Disk,
    views: &Views,
    core: &mut Core<D>,
    mut chain: Chain,
) -> Result<Chain, OpenError> {
    let mut texts = Texts::new();
    for entry in disk.records(core.head.position.next(), Position(u64::MAX), Direction::Forward) {
        let (first, bytes) = entry.map_err(OpenError::from)?;
        let expected = core.head.position.next();
        if first != expected {
            let why = format!("the next record begins at {first}").into();
            return Err(OpenError::Damaged(Damage { what: "log", position: expected, why }));
        }
        let record = Record::parse(first, bytes).map_err(OpenError::Damaged)?;
        record.verify_chain(chain).map_err(OpenError::Damaged)?;
        let contents = refold::contents(&record, &mut texts).map_err(OpenError::Damaged)?;
        core.fold(contents.events).map_err(OpenError::Io)?;
        core.drain.answers = contents.answers;
        chain = record.chain();
        if let Some(Taken { commit, .. }) = core.take_commit() {
            views.push(layer::<D>(&commit), core.head, chain);
        }
        core.landed();
        views.flush_if_due(disk).map_err(OpenError::Io)?;
    }
    Ok(chain)
}
