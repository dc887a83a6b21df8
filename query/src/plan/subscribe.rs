//! SUBSCRIBE events.

use super::from::unknown_table;
use super::{Catalog, limit};
use crate::eval::Datum;
use crate::functions::{Comparison, Op, SetOp};
use crate::params::{Binding, Params};
use crate::predicate::{RowPredicate, fault};
use crate::tables::{EventFields, TableSchema};
use crate::typed::{Expr, Kind};
use domain::PredicateFault;
use grammar::ast::{self, SubscribeSource};
use grammar::{Code, Error, Span};
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use store::{Event, Position, Text};

/// What tells whether an event is wanted: true, false or null, or why it cannot be told.
pub type EventTest = dyn Fn(&Event) -> Result<Option<bool>, PredicateFault> + Send + Sync;

/// A row predicate over events.
#[derive(Clone)]
pub struct EventFilter(pub Arc<EventTest>);

impl fmt::Debug for EventFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EventFilter(…)")
    }
}

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
    /// Which events it wants; those for which this is true. Every event when there was no WHERE.
    pub filter: EventFilter,
    /// Where it begins.
    pub start: Start,
    /// If known, the only types that events it wants can have: an index may be used to find them.
    pub types: Option<BTreeSet<String>>,
    /// If known, the only streams they can be of.
    pub streams: Option<BTreeSet<String>>,
    /// Tags that every event it wants has.
    pub tags: BTreeSet<String>,
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
    let mut hints = Hints::default();
    let filter = match predicate {
        Some(predicate) => {
            hints.read(predicate.expr(), schema);
            let text = Text::from(text);
            EventFilter(Arc::new(move |event| {
                predicate.test(&EventFields::new(event)).map_err(|error| fault(error, &text))
            }))
        }
        None => EventFilter(Arc::new(|_| Ok(Some(true)))),
    };
    let Hints { types, streams, tags } = hints;
    Ok(Subscription { filter, start, types, streams, tags })
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

/// What a predicate says of every event it holds for.
#[derive(Default)]
struct Hints {
    types: Option<BTreeSet<String>>,
    streams: Option<BTreeSet<String>>,
    tags: BTreeSet<String>,
}

impl Hints {
    fn read(&mut self, expr: &Expr, schema: &TableSchema) {
        match &expr.kind {
            Kind::And(parts) => parts.iter().for_each(|part| self.read(part, schema)),
            Kind::Apply(Op::Compare(Comparison::Equal), args) => match &args[..] {
                [a, b] if b.as_const().is_some() => self.narrow(a, std::slice::from_ref(b), schema),
                [a, b] if a.as_const().is_some() => self.narrow(b, std::slice::from_ref(a), schema),
                _ => {}
            },
            Kind::InList { operand, items } => self.narrow(operand, items, schema),
            Kind::Apply(Op::Set(op), args) => {
                let is_tags = |expr: &Expr| name(expr, schema) == Some("tags");
                match (op, &args[..]) {
                    (SetOp::Superset | SetOp::ProperSuperset, [set, part]) if is_tags(set) => {
                        self.tagged(part)
                    }
                    (SetOp::Subset | SetOp::ProperSubset, [part, set]) if is_tags(set) => self.tagged(part),
                    (SetOp::Member, [word, set]) if is_tags(set) => self.tagged(word),
                    _ => {}
                }
            }
            _ => {}
        }
    }

    fn narrow(&mut self, column: &Expr, words: &[Expr], schema: &TableSchema) {
        let mut known = BTreeSet::new();
        for word in words {
            match word.as_const() {
                Some(Datum::Text(word)) => drop(known.insert(word.to_string())),
                // Nothing equals null.
                Some(Datum::Null) => {}
                _ => return,
            }
        }
        let hint = match name(column, schema) {
            Some("type") => &mut self.types,
            Some("stream") => &mut self.streams,
            _ => return,
        };
        *hint = Some(match hint.take() {
            Some(before) => before.intersection(&known).cloned().collect(),
            None => known,
        });
    }

    fn tagged(&mut self, tags: &Expr) {
        match tags.as_const() {
            Some(Datum::Set(tags)) => self.tags.extend(tags.iter().map(|tag| tag.to_string())),
            Some(Datum::Text(tag)) => drop(self.tags.insert(tag.to_string())),
            _ => {}
        }
    }
}

fn name(expr: &Expr, schema: &TableSchema) -> Option<&'static str> {
    match &expr.kind {
        Kind::Column(column) => schema.columns.get(column.column).map(|column| column.name),
        _ => None,
    }
}
