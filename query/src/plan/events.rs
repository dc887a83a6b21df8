//! Row predicates over events: of subscriptions and of appends.

use crate::eval::Datum;
use crate::find::Sought;
use crate::functions::{Comparison, Op, SetOp};
use crate::params::{Binding, Params};
use crate::predicate::{RowPredicate, fault};
use crate::tables::events::SCHEMA;
use crate::tables::{EventFields, TableSchema};
use crate::typed::{Expr, Kind};
use domain::PredicateFault;
use grammar::{Code, Error, Span};
use std::collections::BTreeSet;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use store::{Event, Text};

/// Whether an event is wanted: true, false or null, or why it cannot be told.
type Test = dyn Fn(&Event) -> Result<Option<bool>, PredicateFault> + Send + Sync;

/// A row predicate over events. Cheap to clone. Two are equal when they mean the same: resolved, with their parameters
/// bound, they are one expression, however it was written.
#[derive(Clone)]
pub struct EventPredicate {
    test: Arc<Test>,
    /// What is tested; nothing when it is true of every event.
    predicate: Option<RowPredicate>,
    /// What is known of every event it is true of: an index may be used to find them.
    pub sought: Sought,
}

impl fmt::Debug for EventPredicate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventPredicate").field("sought", &self.sought).finish_non_exhaustive()
    }
}

impl EventPredicate {
    /// True of every event.
    pub(super) fn all() -> Self {
        Self { test: Arc::new(|_| Ok(Some(true))), predicate: None, sought: Sought::default() }
    }

    /// A predicate over events; `text` is what it was read from.
    pub(super) fn new(predicate: RowPredicate, text: &str) -> Self {
        let mut sought = Sought::default();
        sought.read(predicate.expr(), &SCHEMA);
        let text = Text::from(text);
        let tested = predicate.clone();
        let test =
            move |event: &Event| tested.test(&EventFields::new(event)).map_err(|error| fault(error, &text));
        Self { test: Arc::new(test), predicate: Some(predicate), sought }
    }

    fn expr(&self) -> Option<&Expr> {
        self.predicate.as_ref().map(RowPredicate::expr)
    }

    /// Whether it is true of an event.
    ///
    /// # Errors
    /// When that cannot be told.
    pub fn holds(&self, event: &Event) -> Result<bool, PredicateFault> {
        // What an index does not find is not looked at: neither must it be where there is no index.
        Ok(self.sought.holds(event) && (self.test)(event)? == Some(true))
    }
}

impl PartialEq for EventPredicate {
    fn eq(&self, other: &Self) -> bool {
        self.expr() == other.expr()
    }
}

impl Eq for EventPredicate {}

impl Hash for EventPredicate {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.expr().hash(state);
    }
}

/// Resolves the condition of an append (`fail_if`), a text of its own.
///
/// # Errors
/// Everything that is wrong with it; `condition_not_indexed` when it names no type, stream or tag that an
/// event it is true of must have, so that the whole log would have to be read.
pub fn append_condition(text: &str, params: &Params) -> Result<EventPredicate, Vec<Error>> {
    let expr = grammar::parse_predicate(text).map_err(|error| vec![error])?;
    let binding = Binding::new(params);
    let whole = Span::new(0, text.len());
    let resolved = RowPredicate::resolve(&expr, &SCHEMA, &binding);
    let unused = binding.unused(whole);
    let mut errors = match resolved {
        Ok(predicate) if unused.is_empty() => {
            let predicate = EventPredicate::new(predicate, text);
            if predicate.sought.is_indexed() {
                return Ok(predicate);
            }
            let message =
                "an append's condition must name the type, the stream or a tag of the events it fails on";
            let hint = "add `type = '…' AND`, `stream = '…' AND` or `'…' IN tags AND`";
            vec![Error::new(Code::ConditionNotIndexed, whole, message).hint(hint)]
        }
        Ok(_) => Vec::new(),
        Err(errors) => errors,
    };
    errors.extend(unused);
    Err(errors)
}

/// What a predicate says of every event it holds for.
impl Sought {
    fn read(&mut self, expr: &Expr, schema: &TableSchema) {
        if matches!(expr.as_const(), Some(Datum::Bool(false) | Datum::Null)) {
            // True of none.
            self.of_types(BTreeSet::new());
        }
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
        match name(column, schema) {
            Some("type") => self.of_types(known),
            Some("stream") => self.of_streams(known),
            _ => {}
        }
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
