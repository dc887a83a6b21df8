//! The tables about the system itself: a few rows, looked up when a statement is prepared.

use super::World;
use crate::tables::schema_migrations::SchemaMigration;
use crate::tables::snapshots::Snapshot;
use crate::tables::{self, Fields, TableSchema};
use datafusion::arrow::array::{ArrayRef, RecordBatch};
use datafusion::catalog::{MemTable, TableProvider};
use datafusion::error::Result;
use std::sync::Arc;
use store::{Direction, Position, ReadError, Storage};

/// A table of the system.
pub(crate) fn table(world: &World, schema: &'static TableSchema) -> Result<Arc<dyn TableProvider>> {
    let storage = (world.storage)();
    match schema.name {
        "snapshots" => provider(schema, &snapshot(world, &storage).map_err(super::read_error)?),
        "subscriptions" => {
            let tell = world.subscriptions.get();
            provider(schema, &tell.map(|tell| tell(world.current.head.position)).unwrap_or_default())
        }
        _ => provider(schema, &formats(&storage)),
    }
}

/// Whether a table tells of the system as it is, and of no other moment.
pub(crate) fn is_of_the_present(name: &str) -> bool {
    matches!(name, "snapshots" | "schema_migrations" | "subscriptions")
}

/// What such a table tells of.
pub(crate) fn of_what(name: &str) -> &'static str {
    match name {
        "subscriptions" => "what consumers have done with is no event, so it tells of now only",
        _ => "it tells of what is on disk now",
    }
}

fn snapshot(world: &World, storage: &Storage) -> Result<Vec<Snapshot>, ReadError> {
    let (position, head) = (storage.checkpoint, world.current.head.position);
    if position == Position::ZERO {
        return Ok(Vec::new());
    }
    let before = Position(position.0 - 1);
    let event = world.reader.events(before, position, Direction::Forward).next().transpose()?;
    Ok(vec![Snapshot {
        position,
        time: event.map(|event| event.time),
        // One may have been written since the statement's head was pinned.
        events_since: head.0.saturating_sub(position.0),
        bytes: storage.views_bytes,
    }])
}

fn formats(storage: &Storage) -> [SchemaMigration; 3] {
    let Storage { formats, log_made, views_made, .. } = *storage;
    [
        SchemaMigration { name: "fold", version: formats.fold, applied_at: views_made },
        SchemaMigration { name: "log", version: formats.log, applied_at: Some(log_made) },
        SchemaMigration { name: "views", version: formats.views, applied_at: views_made },
    ]
}

fn provider<R: Fields>(schema: &'static TableSchema, rows: &[R]) -> Result<Arc<dyn TableProvider>> {
    let columns = schema.columns.iter().enumerate();
    let arrays: Vec<ArrayRef> =
        columns.map(|(place, column)| tables::array(column.ty, place, rows)).collect();
    let arrow = schema.arrow(false);
    let batch = RecordBatch::try_new(arrow.clone(), arrays)?;
    Ok(Arc::new(MemTable::try_new(arrow, vec![vec![batch]])?))
}
