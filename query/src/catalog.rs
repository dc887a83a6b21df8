//! The tables a statement may name, at the moments it may name them.

use crate::moment;
use crate::plan::{AsOf, Catalog, TableVersion};
use crate::predicate::RowPredicate;
use crate::scan::storage;
use crate::scan::{EventsTable, HistoryTable, LeftOutTable, NextTaskTable, RowsTable, World};
use crate::tables::{self, TableSchema, kept};
use datafusion::catalog::TableProvider;
use grammar::ast::Moment;
use grammar::{Code, Error, Span};
use std::sync::Arc;
use store::Text;

impl Catalog for World {
    fn schema(&self, table: &str) -> Option<&'static TableSchema> {
        tables::schema(table)
    }

    fn table_names(&self) -> &'static [&'static str] {
        &tables::NAMES
    }

    fn moment(&self, moment: &Moment) -> Result<AsOf, Error> {
        moment::of(self, moment)
    }

    fn present(&self) -> AsOf {
        moment::present(self)
    }

    fn provider(
        &self,
        table: &'static TableSchema,
        version: TableVersion,
    ) -> Result<Arc<dyn TableProvider>, Error> {
        let world = self.clone();
        if storage::is_of_the_present(table.name)
            && let TableVersion::At(at) = version
        {
            if !at.is_head {
                let message = format!("`{}` has no past: {}", table.name, storage::of_what(table.name));
                return Err(Error::new(Code::NotAllowed, Span::default(), message));
            }
            return storage::table(&world, table).map_err(|error| {
                let message = format!("`{}` cannot be read: {error}", table.name);
                Error::new(Code::NotAllowed, Span::default(), message)
            });
        }
        Ok(match (kept(table), version) {
            (None, TableVersion::At(at)) => Arc::new(EventsTable::new(world, at)),
            (Some(_), TableVersion::At(at)) if table.name == tables::next_task::SCHEMA.name => {
                Arc::new(NextTaskTable::new(world, None, at))
            }
            (Some(rows), TableVersion::At(at)) => Arc::new(RowsTable::new(world, table, rows, at)),
            (Some(rows), TableVersion::History { .. }) if table.has_history => {
                Arc::new(HistoryTable::new(world, table, rows))
            }
            (_, TableVersion::History { .. }) => {
                let message = format!("`{}` has no HISTORY", table.name);
                return Err(Error::new(Code::NotAllowed, Span::default(), message));
            }
        })
    }

    fn next_task(&self, agent: Option<&str>, at: AsOf) -> Result<Arc<dyn TableProvider>, Error> {
        Ok(Arc::new(NextTaskTable::new(self.clone(), agent.map(Text::from), at)))
    }

    fn left_out(
        &self,
        agent: Option<&str>,
        filter: Option<RowPredicate>,
        at: AsOf,
    ) -> Result<Arc<dyn TableProvider>, Error> {
        Ok(Arc::new(LeftOutTable::new(self.clone(), agent.map(Text::from), filter, at)))
    }
}
