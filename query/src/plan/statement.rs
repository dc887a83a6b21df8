//! Any statement.

use super::select::told_once;
use super::{Catalog, Claim, Planned, Subscribed, Subscription};
use crate::live::LiveSubscription;
use crate::params::Params;
use grammar::ast::{Explain, ExplainTarget, Statement, StatementKind};
use grammar::{Code, Error};

/// What a statement asks for.
#[derive(Debug, Clone)]
pub enum Command {
    /// Rows.
    Query(Box<Planned>),
    /// A plan, to be shown instead of its rows.
    Explain {
        /// The plan.
        planned: Box<Planned>,
        /// It is run first, to show what each step cost.
        analyze: bool,
    },
    /// Work, taken.
    Claim(Claim),
    /// Events as they come.
    Subscribe(Subscription),
    /// Rows, and how they change.
    Live(LiveSubscription),
}

/// Plans a statement; `text` is what it was read from.
///
/// # Errors
/// Everything that is wrong with it, in order of place; the first leads.
pub fn statement(
    statement: &Statement,
    text: &str,
    catalog: &dyn Catalog,
    params: &Params,
) -> Result<Command, Vec<Error>> {
    command(statement, text, catalog, params).map_err(|mut errors| {
        for error in errors.iter_mut().filter(|error| error.code == Code::UnusedParameter) {
            error.span = statement.span;
        }
        told_once(errors)
    })
}

fn command(
    statement: &Statement,
    text: &str,
    catalog: &dyn Catalog,
    params: &Params,
) -> Result<Command, Vec<Error>> {
    let query = |planned: Planned| Command::Query(Box::new(planned));
    let later = |what: &str| {
        let message = format!("{what} is not part of this version");
        Err(vec![Error::new(Code::NotAllowed, statement.span, message)])
    };
    match &statement.kind {
        StatementKind::Select(select) => super::select(select, catalog, params).map(query),
        StatementKind::NextTask(next) => super::next_task(next, catalog, params).map(query),
        StatementKind::Claim(claim) => super::claim(claim, text, catalog, params).map(Command::Claim),
        StatementKind::Subscribe(subscribe) => {
            super::subscribe(subscribe, text, catalog, params).map(|subscribed| match subscribed {
                Subscribed::Events(subscription) => Command::Subscribe(subscription),
                Subscribed::Rows(subscription) => Command::Live(subscription),
            })
        }
        StatementKind::ShowTables => super::show_tables(catalog, params, statement.span).map(query),
        StatementKind::Describe(table) => super::describe(table, catalog, params).map(query),
        StatementKind::Explain(Explain { analyze, target }) => match target {
            ExplainTarget::Select(select) => {
                let planned = Box::new(super::select(select, catalog, params)?);
                Ok(Command::Explain { planned, analyze: *analyze })
            }
            ExplainTarget::NextTask(_) if *analyze => later("EXPLAIN ANALYZE next_task"),
            ExplainTarget::NextTask(next) => {
                super::explain_next_task(next, catalog, params, statement.span).map(query)
            }
        },
        StatementKind::CreateProjection { .. } => later("CREATE PROJECTION"),
        StatementKind::DropProjection(_) => later("DROP PROJECTION"),
    }
}
