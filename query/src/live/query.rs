//! A query that can be kept up, resolved.

use crate::eval::{self, Datum, FieldsRow, Row as EvalRow};
use crate::json::{write_datum, write_text};
use crate::plan::OutputColumn;
use crate::tables::{RowFields, tasks};
use crate::typed::{AggregateCall, Column, Expr, Kind};
use crate::types::Type;
use domain::offer;
use domain::rows::{Row, Table, TaskGraph};
use grammar::Error;
use std::sync::Arc;
use store::Timestamp;

/// One table, a condition over its rows, and what is shown of each of them or of each group.
#[derive(Debug, Clone)]
pub struct LiveQuery {
    /// The statement.
    pub(crate) text: Arc<str>,
    pub(crate) columns: Vec<OutputColumn>,
    pub(crate) table: Table,
    /// WHERE, over the rows of the table.
    pub(crate) filter: Option<Expr>,
    pub(crate) shape: Shape,
    /// WHERE behind the select, over `columns`.
    pub(crate) outer: Option<Expr>,
}

/// What is shown.
#[derive(Debug, Clone)]
pub(crate) enum Shape {
    /// Each row, by these expressions over it.
    Rows(Vec<Expr>),
    /// Each task that could be taken by anybody, by these.
    Offers(Vec<Expr>),
    /// Each group.
    Groups(Grouped),
}

/// Rows in groups.
#[derive(Debug, Clone)]
pub(crate) struct Grouped {
    /// Over the rows. Without any, all rows are one group, which is there even if they are not.
    pub(crate) keys: Vec<Expr>,
    /// Over the rows of a group.
    pub(crate) calls: Vec<(AggregateCall, Type)>,
    /// Over keys and what the aggregates give.
    pub(crate) having: Option<Expr>,
    pub(crate) items: Vec<Expr>,
}

/// A row of a table at a position, with what stands beside it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Seen {
    pub(super) row: Row,
    /// For a task, if the query asks for it; else all zero.
    pub(super) graph: TaskGraph,
}

impl Seen {
    /// Its columns. Those that change with time alone are not asked for.
    fn fields(&self) -> Option<RowFields<'_>> {
        RowFields::of(&self.row, &self.graph, 0, Timestamp(0))
    }
}

/// Values in order, as columns of one source.
pub(super) struct Values<'r>(pub(super) &'r [Datum<'r>]);

impl EvalRow for Values<'_> {
    fn column(&self, column: Column) -> Datum<'_> {
        self.0.get(column.column).map_or(Datum::Null, Datum::borrow)
    }
}

impl LiveQuery {
    /// The columns of its rows.
    #[must_use]
    pub fn columns(&self) -> &[OutputColumn] {
        &self.columns
    }

    /// The statement.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether what stands beside a task matters.
    pub(super) fn needs_graphs(&self) -> bool {
        if self.table != Table::Tasks {
            return false;
        }
        let is_count =
            |expr: &Expr| matches!(expr.kind, Kind::Column(column) if tasks::COUNTS.contains(&column.column));
        let of_rows: Vec<&Expr> = match &self.shape {
            Shape::Offers(_) => return true,
            Shape::Rows(items) => items.iter().collect(),
            Shape::Groups(grouped) => {
                grouped.keys.iter().chain(grouped.calls.iter().flat_map(|(call, _)| &call.args)).collect()
            }
        };
        of_rows.into_iter().chain(&self.filter).any(|expr| expr.any(&is_count))
    }

    /// Whether rows come with time: then every commit matters, whatever it changed.
    pub(super) fn is_timed(&self) -> bool {
        matches!(self.shape, Shape::Offers(_))
    }

    /// A row of the table if WHERE holds for it, and of [`Shape::Offers`] if it could be taken at `now`.
    pub(super) fn wants<'s>(&self, seen: &'s Seen, now: Timestamp) -> Result<Option<RowFields<'s>>, Error> {
        if self.is_timed() {
            let Row::Task(task) = &seen.row else { return Ok(None) };
            if !offer::is_ready(task, &seen.graph, now) || !offer::may_take(task, None) {
                return Ok(None);
            }
        }
        let Some(fields) = seen.fields() else { return Ok(None) };
        if let Some(filter) = &self.filter
            && eval::truth(filter, &FieldsRow(&fields))? != Some(true)
        {
            return Ok(None);
        }
        Ok(Some(fields))
    }

    /// What is shown of a row of the table, if anything is.
    pub(super) fn shown(&self, seen: Option<&Seen>, now: Timestamp) -> Result<Option<Vec<u8>>, Error> {
        let (Shape::Rows(items) | Shape::Offers(items)) = &self.shape else { return Ok(None) };
        let Some(seen) = seen else { return Ok(None) };
        let Some(fields) = self.wants(seen, now)? else { return Ok(None) };
        let row = FieldsRow(&fields);
        self.written(items, &row)
    }

    /// A row of the answer, unless the WHERE behind the select leaves it out.
    pub(super) fn written(&self, items: &[Expr], row: &dyn EvalRow) -> Result<Option<Vec<u8>>, Error> {
        let values: Vec<Datum<'_>> =
            items.iter().map(|item| eval::eval(item, row)).collect::<Result<_, _>>()?;
        if let Some(outer) = &self.outer
            && eval::truth(outer, &Values(&values))? != Some(true)
        {
            return Ok(None);
        }
        let mut out = Vec::with_capacity(32 * values.len());
        for (nth, (column, value)) in self.columns.iter().zip(&values).enumerate() {
            out.push(if nth == 0 { b'{' } else { b',' });
            write_text(&column.name, &mut out);
            out.push(b':');
            write_datum(value, &mut out);
        }
        out.push(b'}');
        Ok(Some(out))
    }
}
