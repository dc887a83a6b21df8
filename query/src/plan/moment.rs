//! AS OF: one moment for the whole statement, or one of its own for a table.

use super::{AsOf, Catalog, TableVersion};
use crate::scan::storage;
use crate::tables::TableSchema;
use grammar::ast::{FromClause, Moment, Select, SourceKind, Version};
use grammar::{Code, Error, Span};

/// The moments of a statement.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moments {
    /// That of every table that has none of its own.
    pub(super) at: AsOf,
    /// Where the statement said so, if it did: then no table may say otherwise.
    pub(super) said: Option<Span>,
    /// What `now()` gives.
    pub(super) now: i64,
    /// The moment the answer is said to be of.
    pub(super) shown: AsOf,
}

impl Moments {
    /// Those of a statement that names no moment.
    pub(super) fn present(catalog: &dyn Catalog) -> Self {
        let at = catalog.present();
        Self { at, said: None, now: at.time.0, shown: at }
    }

    /// Reads the moment at a statement's end.
    pub(super) fn of(as_of: Option<&Moment>, catalog: &dyn Catalog) -> Result<Self, Error> {
        let at = match as_of {
            Some(moment) => catalog.moment(moment)?,
            None => catalog.present(),
        };
        Ok(Self { at, said: as_of.map(|moment| moment.span), now: at.time.0, shown: at })
    }

    /// The same for a select; one whose only source is a table with a moment of its own speaks of that.
    pub(super) fn of_select(select: &Select, catalog: &dyn Catalog) -> Result<Self, Error> {
        let mut moments = Self::of(select.as_of.as_ref(), catalog)?;
        if select.as_of.is_none()
            && let FromClause { source, joins } = &select.from
            && joins.is_empty()
            && let SourceKind::Table { version: Version::AsOf(moment), .. } = &source.kind
        {
            moments.shown = catalog.moment(moment)?;
            moments.now = moments.shown.time.0;
            // Where nothing follows it, it is the statement's end: what has no moment of its own is of that one.
            let is_last = source.alias.is_none()
                && select.filter.is_none()
                && select.group_by.is_empty()
                && select.having.is_none()
                && select.order_by.is_empty()
                && select.limit.is_none()
                && select.offset.is_none();
            if is_last {
                moments.at = moments.shown;
            }
        }
        Ok(moments)
    }

    /// The version a table is read at.
    pub(super) fn version(
        &self,
        schema: &TableSchema,
        version: &Version,
        catalog: &dyn Catalog,
    ) -> Result<TableVersion, Error> {
        let twice = |what: &str, span: Span| {
            let message = format!("{what} cannot stand beside the AS OF at the statement's end");
            Error::new(Code::NotAllowed, span, message)
                .hint("the AS OF at the end sets one moment for every table; leave one of them out")
        };
        match version {
            Version::Statement => Ok(TableVersion::At(self.at)),
            Version::AsOf(moment) if self.said.is_some() => Err(twice("a table's own AS OF", moment.span)),
            Version::AsOf(moment) => Ok(TableVersion::At(catalog.moment(moment)?)),
            Version::History(span) if self.said.is_some() => Err(twice("HISTORY", *span)),
            Version::History(span) if !schema.has_history => {
                let message = format!("`{}` has no HISTORY", schema.name);
                let error = Error::new(Code::NotAllowed, *span, message);
                Err(match schema.name {
                    "events" => error.hint("events never change: every one is there"),
                    "next_task" => error.hint("ask for the offer of a moment: next_task AS OF …"),
                    name if storage::is_of_the_present(name) => error.hint(storage::of_what(name)),
                    _ => error,
                })
            }
            Version::History(_) => Ok(TableVersion::History { upto: self.at }),
        }
    }
}
