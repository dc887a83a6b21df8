//! SUBSCRIBE.

use super::{Catalog, EventPredicate, limit};
use crate::live::LiveSubscription;
use crate::params::{Binding, Params};
use crate::predicate::RowPredicate;
use crate::tables::events;
use grammar::ast::{self, SubscribeSource};
use grammar::{Error, Span};
use std::sync::Arc;
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

/// What a subscription gives.
#[derive(Debug, Clone)]
pub enum Subscribed {
    /// Events.
    Events(Subscription),
    /// Differences of rows.
    Rows(LiveSubscription),
}

/// Resolves a subscription; `text` is the statement.
///
/// # Errors
/// Everything that is wrong with it; `not_allowed` for what cannot be kept up.
pub fn subscribe(
    subscribe: &ast::Subscribe,
    text: &str,
    catalog: &dyn Catalog,
    params: &Params,
) -> Result<Subscribed, Vec<Error>> {
    let binding = Binding::new(params);
    let mut errors = Vec::new();
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
    let of_events = match &subscribe.source {
        SubscribeSource::Table(name) => {
            catalog.schema(&name.name).filter(|schema| schema.name == events::SCHEMA.name)
        }
        SubscribeSource::Select(_) => None,
    };
    let subscribed = match of_events {
        Some(schema) => {
            let predicate = subscribe.filter.as_ref().and_then(|filter| {
                RowPredicate::resolve(filter, schema, &binding).map_err(|wrong| errors.extend(wrong)).ok()
            });
            let wanted =
                predicate.map_or_else(EventPredicate::all, |predicate| EventPredicate::new(predicate, text));
            Some(Subscribed::Events(Subscription { events: wanted, start }))
        }
        None => {
            let query = super::live::query(subscribe, text, catalog, &binding, &mut errors);
            query.map(|query| Subscribed::Rows(LiveSubscription { query: Arc::new(query), start }))
        }
    };
    errors.extend(binding.unused(Span::default()));
    match subscribed {
        Some(subscribed) if errors.is_empty() => Ok(subscribed),
        _ => Err(errors),
    }
}
