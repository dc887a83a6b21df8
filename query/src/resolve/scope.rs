//! What names mean at a place in a statement: the sources of a select and their columns.

use crate::types::Type;
use datafusion::common::Column as PlanColumn;
use grammar::ast::Ident;
use grammar::{Code, Error, nearest};

/// The sources of a select, from left.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scope {
    pub(crate) sources: Vec<Source>,
    /// Whether a source is missing because it was wrong, which has been told: then a name that is not found may
    /// have been one of its columns, and nothing is said of it.
    pub(crate) is_partial: bool,
}

/// A table, a WITH name or a sub-select in FROM.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    /// What it is called in the statement: its alias, else the table's name.
    pub(crate) name: String,
    pub(crate) columns: Vec<ScopeColumn>,
    /// Names accepted for columns besides their own.
    pub(crate) aliases: &'static [(&'static str, &'static str)],
    /// The order its rows have when nothing else is said.
    pub(crate) order: Vec<OrderKey>,
    /// The column that `first` and `last` go by: where in `columns`.
    pub(crate) sequence: Option<usize>,
}

/// A column that can be named, or, when its name is empty, one that only carries an order.
#[derive(Debug, Clone)]
pub(crate) struct ScopeColumn {
    pub(crate) name: String,
    pub(crate) ty: Type,
    /// What the plan calls it.
    pub(crate) plan: PlanColumn,
}

/// One key of a default order.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OrderKey {
    /// Where in the source's columns.
    pub(crate) column: usize,
    pub(crate) descending: bool,
    pub(crate) nulls_first: bool,
}

impl Source {
    /// The place of a column that can be named.
    pub(crate) fn position(&self, name: &str) -> Option<usize> {
        let find =
            |name: &str| self.columns.iter().position(|column| column.name == name && !name.is_empty());
        find(name).or_else(|| {
            let (_, column) = self.aliases.iter().find(|(alias, _)| *alias == name)?;
            find(column)
        })
    }

    /// The columns `*` stands for.
    pub(crate) fn visible(&self) -> impl Iterator<Item = (usize, &ScopeColumn)> {
        self.columns.iter().enumerate().filter(|(_, column)| !column.name.is_empty())
    }
}

/// What a name alone was found to be.
pub(crate) enum Found {
    /// Source and column.
    Column(usize, usize),
    Nothing,
    /// In each of these sources.
    Several(Vec<usize>),
}

impl Scope {
    /// Looks a name up among the columns of all sources.
    pub(crate) fn find(&self, name: &str) -> Found {
        let places: Vec<(usize, usize)> = self
            .sources
            .iter()
            .enumerate()
            .filter_map(|(at, source)| source.position(name).map(|column| (at, column)))
            .collect();
        match places[..] {
            [] => Found::Nothing,
            [(source, column)] => Found::Column(source, column),
            _ => Found::Several(places.into_iter().map(|(source, _)| source).collect()),
        }
    }

    /// The source of that name.
    pub(crate) fn source(&self, name: &str) -> Option<usize> {
        self.sources.iter().position(|source| source.name == name)
    }

    /// `unknown_column`, with the nearest name there is.
    pub(crate) fn unknown(&self, ident: &Ident) -> Error {
        let places: Vec<String> = self.sources.iter().map(|source| format!("`{}`", source.name)).collect();
        let place = match &places[..] {
            [] => "here".to_owned(),
            [only] => format!("in {only}"),
            [others @ .., last] => format!("in {} or {last}", others.join(", ")),
        };
        let error =
            Error::new(Code::UnknownColumn, ident.span, format!("no column `{}` {place}", ident.name));
        match ident.quoted {
            // Other languages write texts so.
            true => error.hint(format!("double quotes name a column; a text is written '{}'", ident.name)),
            false => hint_column(error, &ident.name, self.sources.iter()),
        }
    }

    /// `unknown_column` for the `a` of `a.b`, which could have been a source or a column.
    pub(crate) fn unknown_base(&self, ident: &Ident) -> Error {
        let message = format!("no source or column is called `{}`", ident.name);
        let error = Error::new(Code::UnknownColumn, ident.span, message);
        let sources = self.sources.iter().map(|source| source.name.as_str());
        let columns =
            self.sources.iter().flat_map(|source| source.visible().map(|(_, named)| named.name.as_str()));
        match nearest(&ident.name, sources.clone().chain(columns)) {
            Some(near) => error.hint(format!("did you mean `{near}`?")),
            None => error.hint(format!("the sources are {}", sources.collect::<Vec<_>>().join(", "))),
        }
    }

    /// `unknown_column` in one source.
    pub(crate) fn unknown_in(&self, source: usize, ident: &Ident) -> Error {
        let source = &self.sources[source];
        let message = format!("no column `{}` in `{}`", ident.name, source.name);
        hint_column(Error::new(Code::UnknownColumn, ident.span, message), &ident.name, [source].into_iter())
    }

    /// `ambiguous_column`, with a way to say which.
    pub(crate) fn ambiguous(&self, ident: &Ident, sources: &[usize]) -> Error {
        let ways: Vec<String> =
            sources.iter().map(|at| format!("{}.{}", self.sources[*at].name, ident.name)).collect();
        let message = format!("`{}` is a column of more than one source", ident.name);
        let error = Error::new(Code::AmbiguousColumn, ident.span, message);
        error.hint(format!("write {}", ways.join(" or ")))
    }
}

/// Columns that an error lists where no name is near; more would bury it.
const LISTED_MAX: usize = 12;

fn hint_column<'s>(error: Error, name: &str, sources: impl Iterator<Item = &'s Source>) -> Error {
    let known: Vec<&str> = sources
        .flat_map(|source| {
            let aliases = source.aliases.iter().map(|(alias, _)| *alias);
            source.visible().map(|(_, column)| column.name.as_str()).chain(aliases)
        })
        .collect();
    if let Some(near) = nearest(name, known.iter().copied()) {
        return error.hint(format!("did you mean `{near}`?"));
    }
    // `id` where a sub-select gives `t.id`: its columns are named as written.
    let tail = format!(".{name}");
    if let Some(written) = known.iter().find(|column| column.ends_with(&tail)) {
        return error.hint(format!(
            "the column is named as written; name it where it is selected: {written} AS {name}"
        ));
    }
    match known.len() {
        1..=LISTED_MAX => error.hint(format!("the columns are {}", known.join(", "))),
        _ => error,
    }
}
