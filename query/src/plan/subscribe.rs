//! SUBSCRIBE events.

use super::from::unknown_table;
use super::{Catalog, EventPredicate, limit};
use crate::params::{Binding, Params};
use crate::predicate::RowPredicate;
use crate::tables::TableSchema;
use grammar::ast::{self, SubscribeSource};
use grammar::{Code, Error, Span};
use store::Position;

/// Where a subscription begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// At the next event.
    Now,
    /// At the first event there is.
    Beginning,
    /// At the event after a position.
    After(Position),
}

/// A subscription to events, ready to deliver.
#[derive(Debug, Clone)]
pub struct Subscription {
    /// Which events it wants; all when there was no WHERE.
    pub events: EventPredicate,
    /// Where it begins.
    pub start: Start,
}

/// Resolves a subscription; `text` is the statement.
///
/// # Errors
/// Everything that is wrong with it; `not_allowed` for sources other than events.
pub fn subscribe(
    subscribe: &ast::Subscribe,
    text: &str,
    catalog: &dyn Catalog,
    params: &Params,
) -> Result<Subscription, Vec<Error>> {
    let schema = source(&subscribe.source, catalog).map_err(|error| vec![error])?;
    let binding = Binding::new(params);
    let mut errors = Vec::new();
    let predicate = subscribe.filter.as_ref().and_then(|filter| {
        RowPredicate::resolve(filter, schema, &binding).map_err(|wrong| errors.extend(wrong)).ok()
    });
    let start = match &subscribe.start {
        ast::Start::Now => Start::Now,
        ast::Start::Beginning => Start::Beginning,
        ast::Start::After(expr) => match limit::count(expr, "AFTER POSITION", &binding) {
            Ok(position) => Start::After(Position(position)),
            Err(error) => {
                errors.push(error);
                Start::Now
            }
        },
    };
    errors.extend(binding.unused(Span::default()));
    if !errors.is_empty() {
        return Err(errors);
    }
    let events = predicate.map_or_else(EventPredicate::all, |predicate| EventPredicate::new(predicate, text));
    Ok(Subscription { events, start })
}

fn source(source: &SubscribeSource, catalog: &dyn Catalog) -> Result<&'static TableSchema, Error> {
    match source {
        SubscribeSource::Table(name) => match catalog.schema(&name.name) {
            Some(schema) if schema.name == "events" => Ok(schema),
            Some(schema) => {
                let message = format!("subscriptions to `{}` are not part of this version", schema.name);
                let error = Error::new(Code::NotAllowed, name.span, message);
                Err(error.hint("subscribe to events, whose types tell what changed"))
            }
            None => Err(unknown_table(name, catalog.table_names().iter().copied())),
        },
        SubscribeSource::Select(select) => {
            let message = "subscriptions to a select are not part of this version";
            Err(Error::new(Code::NotAllowed, select.span, message).hint("subscribe to events"))
        }
    }
}
