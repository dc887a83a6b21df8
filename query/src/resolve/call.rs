//! Calls: every function and aggregate by name, with the arguments it takes. docs/pql/functions.md lists them.

use super::{Resolver, coerce, fold};
use crate::eval::Datum;
use crate::functions::{Aggregate, Arithmetic, Comparison, NumberFunction, Op, TextFunction, Unit, article};
use crate::typed::{AggregateCall, Expr, Kind};
use crate::types::Type;
use grammar::ast::{FunctionCall, Quantified};
use grammar::{Code, Error, Span, nearest};

/// Every function and aggregate: its name, and how it is called.
pub fn functions() -> impl Iterator<Item = (&'static str, &'static str)> {
    SCALARS.iter().chain(&AGGREGATES).copied()
}

/// The functions of one row: name and how they are called.
pub(crate) const SCALARS: [(&str, &str); 28] = [
    ("abs", "abs(number)"),
    ("age", "age(time)"),
    ("ago", "ago(duration)"),
    ("bool", "bool(json)"),
    ("bucket", "bucket(10m, time)"),
    ("ceil", "ceil(number)"),
    ("coalesce", "coalesce(a, b, …)"),
    ("contains", "contains(text, part)"),
    ("date_trunc", "date_trunc('day', time)"),
    ("float", "float(json)"),
    ("floor", "floor(number)"),
    ("greatest", "greatest(a, b, …)"),
    ("int", "int(json)"),
    ("least", "least(a, b, …)"),
    ("length", "length(text)"),
    ("lower", "lower(text)"),
    ("now", "now()"),
    ("nullif", "nullif(a, b)"),
    ("replace", "replace(text, sought, by)"),
    ("round", "round(number) or round(number, decimals)"),
    ("size", "size(set)"),
    ("split", "split(text, separator)"),
    ("starts_with", "starts_with(text, start)"),
    ("substr", "substr(text, from) or substr(text, from, length)"),
    ("text", "text(json)"),
    ("time", "time(json)"),
    ("trim", "trim(text)"),
    ("upper", "upper(text)"),
];

/// The aggregates: name and how they are called.
pub(crate) const AGGREGATES: [(&str, &str); 12] = [
    ("any", "any(e)"),
    ("avg", "avg(number)"),
    ("collect", "collect(text)"),
    ("count", "count(*), count(e) or count(DISTINCT e)"),
    ("first", "first(e)"),
    ("last", "last(e)"),
    ("max", "max(e)"),
    ("median", "median(number)"),
    ("min", "min(e)"),
    ("quantile", "quantile(number, 0.95)"),
    ("stddev", "stddev(number)"),
    ("sum", "sum(number)"),
];

fn usage(name: &str) -> Option<&'static str> {
    functions().find(|(known, _)| *known == name).map(|(_, usage)| usage)
}

impl Resolver<'_> {
    pub(super) fn call(&mut self, call: &FunctionCall, span: Span) -> Option<Expr> {
        let name = call.name.name.as_str();
        let is_aggregate = AGGREGATES.iter().any(|(known, _)| *known == name);
        if !is_aggregate && usage(name).is_none() {
            let _ = self.args(call);
            return self.unknown_function(call);
        }
        if is_aggregate {
            return self.aggregate(call, span);
        }
        if call.star || call.quantified == Quantified::Distinct {
            let what = if call.star { "*" } else { "DISTINCT" };
            let message = format!("`{name}` does not take {what}: only aggregates do");
            return self.fail(
                Error::new(Code::WrongArgumentCount, span, message).hint(format!("write {}", usage(name)?)),
            );
        }
        let args = self.args(call);
        let (least, most) = match name {
            "now" => (0, 0),
            "coalesce" | "greatest" | "least" => (1, usize::MAX),
            "bucket" | "contains" | "date_trunc" | "nullif" | "split" | "starts_with" => (2, 2),
            "round" => (1, 2),
            "substr" => (2, 3),
            "replace" => (3, 3),
            _ => (1, 1),
        };
        self.count_args(call, least, most, span)?;
        let mut args = args?;
        match name {
            "now" => self.now(span).map(|now| Expr::constant(Datum::Time(now), span)),
            "ago" => {
                let duration = self.coerce(args.remove(0), Type::Duration, "`ago` takes")?;
                let now = Expr::constant(Datum::Time(self.now(span)?), span);
                self.arithmetic(Arithmetic::Subtract, now, duration, span)
            }
            "age" => {
                let time = self.coerce(args.remove(0), Type::Time, "`age` takes")?;
                let now = Expr::constant(Datum::Time(self.now(span)?), span);
                self.arithmetic(Arithmetic::Subtract, now, time, span)
            }
            "bucket" => self.bucket(args, span),
            "date_trunc" => self.date_trunc(args, span),
            "lower" => self.text(TextFunction::Lower, name, args, span),
            "upper" => self.text(TextFunction::Upper, name, args, span),
            "trim" => self.text(TextFunction::Trim, name, args, span),
            "length" => self.text(TextFunction::Length, name, args, span),
            "replace" => self.text(TextFunction::Replace, name, args, span),
            "split" => self.text(TextFunction::Split, name, args, span),
            "starts_with" => self.text(TextFunction::StartsWith, name, args, span),
            "contains" => self.text(TextFunction::Contains, name, args, span),
            "substr" if args.len() == 2 => self.text(TextFunction::SubstrFrom, name, args, span),
            "substr" => self.text(TextFunction::Substr, name, args, span),
            "abs" => self.number(NumberFunction::Abs, name, args, span),
            "round" => self.number(NumberFunction::Round, name, args, span),
            "floor" => self.number(NumberFunction::Floor, name, args, span),
            "ceil" => self.number(NumberFunction::Ceil, name, args, span),
            "size" => {
                let set = self.coerce(args.remove(0), Type::Set, "`size` takes")?;
                Some(fold(Expr::apply(Op::Size, vec![set], Type::Int, span)))
            }
            "text" => self.read_as(Type::Text, name, args.remove(0)),
            "int" => self.read_as(Type::Int, name, args.remove(0)),
            "float" => self.read_as(Type::Float, name, args.remove(0)),
            "bool" => self.read_as(Type::Bool, name, args.remove(0)),
            "time" => self.read_as(Type::Time, name, args.remove(0)),
            "coalesce" => {
                let args = self.alike(args, "coalesce")?;
                let ty = args[0].ty;
                Some(fold(Expr::new(Kind::Coalesce(args), ty, span)))
            }
            "nullif" => {
                let (a, b) = (args.remove(0), args.remove(0));
                let value = self.copy(&a)?;
                let ty = value.ty;
                let same = self.compare(Comparison::Equal, "=", a, b, span)?;
                let otherwise = Box::new(value);
                let branches = vec![(same, Expr::null(ty, span))];
                Some(fold(Expr::new(Kind::Case { branches, otherwise }, ty, span)))
            }
            "greatest" | "least" => {
                let args = self.alike(args, name)?;
                let ty = args[0].ty;
                if ty == Type::Set {
                    return self.mismatch(
                        span,
                        format!("`{name}` takes ordered values, and sets have no order"),
                        None,
                    );
                }
                let op = Op::Extreme { greatest: name == "greatest" };
                args.into_iter().reduce(|a, b| fold(Expr::apply(op.clone(), vec![a, b], ty, span)))
            }
            _ => self.unknown_function(call),
        }
    }

    fn args(&mut self, call: &FunctionCall) -> Option<Vec<Expr>> {
        let args: Vec<Option<Expr>> = call.args.iter().map(|arg| self.expr(arg)).collect();
        args.into_iter().collect()
    }

    fn unknown_function<T>(&mut self, call: &FunctionCall) -> Option<T> {
        let name = &call.name.name;
        let error = Error::new(Code::UnknownFunction, call.name.span, format!("no function `{name}`"));
        match name.as_str() {
            "concat" => return self.fail(error.hint("texts are joined with ||")),
            "if" | "iif" => {
                return self.fail(error.hint("write CASE WHEN condition THEN a ELSE b END"));
            }
            _ => {}
        }
        let other = match name.as_str() {
            "len" | "char_length" | "strlen" => Some("length"),
            "substring" | "mid" => Some("substr"),
            "ceiling" => Some("ceil"),
            "ifnull" | "nvl" => Some("coalesce"),
            "mean" | "average" => Some("avg"),
            "percentile" | "percentile_cont" => Some("quantile"),
            "array_agg" | "string_agg" | "group_concat" => Some("collect"),
            "cardinality" | "array_length" => Some("size"),
            "stddev_samp" => Some("stddev"),
            "first_value" => Some("first"),
            "last_value" => Some("last"),
            "any_value" => Some("any"),
            "time_bucket" | "date_bin" => Some("bucket"),
            "current_timestamp" => Some("now"),
            _ => nearest(name, functions().map(|(name, _)| name)),
        };
        self.fail(match other {
            Some(other) => error.hint(format!("did you mean `{other}`?")),
            None => error,
        })
    }

    fn count_args(&mut self, call: &FunctionCall, least: usize, most: usize, span: Span) -> Option<()> {
        let (name, given) = (&call.name.name, call.args.len());
        if (least..=most).contains(&given) {
            return Some(());
        }
        let wanted = match (least, most) {
            (0, 0) => "no argument".to_owned(),
            (1, 1) => "one argument".to_owned(),
            (least, usize::MAX) => format!("at least {least}"),
            (least, most) if least == most => format!("{least} arguments"),
            (least, most) => format!("{least} or {most} arguments"),
        };
        let error =
            Error::new(Code::WrongArgumentCount, span, format!("`{name}` takes {wanted}, found {given}"));
        self.fail(match usage(name) {
            Some(usage) => error.hint(format!("write {usage}")),
            None => error,
        })
    }

    fn now(&mut self, span: Span) -> Option<i64> {
        if self.now.is_none() {
            let message = "a row predicate does not know the time: it means the same whenever it is asked";
            let error = Error::new(Code::NotAllowed, span, message);
            self.errors.push(error.hint("pass the moment as a parameter"));
        }
        self.now
    }

    fn text(&mut self, function: TextFunction, name: &str, args: Vec<Expr>, span: Span) -> Option<Expr> {
        let what = format!("`{name}` takes");
        let mut coerced = Vec::with_capacity(args.len());
        for (at, arg) in args.into_iter().enumerate() {
            let ty = match function {
                TextFunction::Substr | TextFunction::SubstrFrom if at > 0 => Type::Int,
                _ => Type::Text,
            };
            if function == TextFunction::Length && arg.ty == Type::Set {
                let hint = Some("the members of a set are counted with size(set)".to_owned());
                return self.mismatch(arg.span, "`length` takes a text, found a set".to_owned(), hint);
            }
            coerced.push(self.coerce(arg, ty, &what));
        }
        let args = coerced.into_iter().collect::<Option<Vec<Expr>>>()?;
        let ty = match function {
            TextFunction::Length => Type::Int,
            TextFunction::Split => Type::Set,
            TextFunction::StartsWith | TextFunction::Contains => Type::Bool,
            _ => Type::Text,
        };
        Some(fold(Expr::apply(Op::Text(function), args, ty, span)))
    }

    fn number(&mut self, function: NumberFunction, name: &str, args: Vec<Expr>, span: Span) -> Option<Expr> {
        let mut args = args.into_iter();
        let value = self.numeric(args.next()?, name, function == NumberFunction::Abs)?;
        let ty = value.ty;
        let mut all = vec![value];
        for places in args {
            all.push(self.coerce(places, Type::Int, "`round` takes as decimals")?);
        }
        Some(fold(Expr::apply(Op::Number(function), all, ty, span)))
    }

    /// A number: JSON is read as a float.
    fn numeric(&mut self, expr: Expr, name: &str, durations: bool) -> Option<Expr> {
        match expr.ty {
            Type::Int | Type::Float => Some(expr),
            Type::Duration if durations => Some(expr),
            Type::Json | Type::Null => Some(coerce::read(expr, Type::Float)),
            ty => {
                let wanted = if durations { "a number or a duration" } else { "a number" };
                self.mismatch(expr.span, format!("`{name}` takes {wanted}, found {}", article(ty)), None)
            }
        }
    }

    fn bucket(&mut self, mut args: Vec<Expr>, span: Span) -> Option<Expr> {
        let (width, time) = (args.remove(0), args.remove(0));
        let time = self.coerce(time, Type::Time, "`bucket` takes as second");
        let width_span = width.span;
        let width = self.coerce(width, Type::Duration, "`bucket` takes as first")?;
        match width.as_const() {
            Some(Datum::Duration(width)) if *width > 0 => {
                Some(fold(Expr::apply(Op::Bucket(*width), vec![time?], Type::Time, span)))
            }
            Some(Datum::Null) => Some(Expr::null(Type::Time, span)),
            _ => {
                let message = "the width of a bucket is a duration longer than nothing, given as a constant";
                self.mismatch(width_span, message.to_owned(), Some("write bucket(10m, time)".to_owned()))
            }
        }
    }

    fn date_trunc(&mut self, mut args: Vec<Expr>, span: Span) -> Option<Expr> {
        let (unit, time) = (args.remove(0), args.remove(0));
        let time = self.coerce(time, Type::Time, "`date_trunc` takes as second");
        let known = match unit.as_const() {
            Some(Datum::Text(word)) => Unit::parse(&word.to_ascii_lowercase()).ok_or(word.as_ref()),
            _ => Err(""),
        };
        match known {
            Ok(unit) => Some(fold(Expr::apply(Op::Truncate(unit), vec![time?], Type::Time, span))),
            Err(word) => {
                let words = Unit::ALL.map(|(word, _)| word);
                let hint = match nearest(word, words) {
                    Some(near) => format!("did you mean '{near}'?"),
                    None => format!("the units are {}", words.join(", ")),
                };
                self.mismatch(
                    unit.span,
                    "`date_trunc` takes the name of a unit as first".to_owned(),
                    Some(hint),
                )
            }
        }
    }

    /// `text(x)` and the like: JSON read as a type, null if it is not that.
    fn read_as(&mut self, ty: Type, name: &str, arg: Expr) -> Option<Expr> {
        if arg.ty == ty || matches!(arg.ty, Type::Json | Type::Null) {
            return Some(coerce::read(arg, ty));
        }
        let message = format!("`{name}` reads json, found {}", article(arg.ty));
        self.mismatch(arg.span, message, Some(format!("write CAST(… AS {})", ty.as_str())))
    }

    fn aggregate(&mut self, call: &FunctionCall, span: Span) -> Option<Expr> {
        let name = call.name.name.as_str();
        if let Err(place) = self.aggregates {
            let error =
                Error::new(Code::NotAllowed, span, format!("the aggregate `{name}` cannot stand in {place}"));
            let _ = self.args(call);
            return self.fail(match place {
                "WHERE" if name == "any" => {
                    error.hint("whether a set has a member is asked with IN: 'x' IN labels")
                }
                "WHERE" => error.hint("conditions on aggregates belong in HAVING"),
                _ => error,
            });
        }
        let distinct = call.quantified == Quantified::Distinct;
        if call.star && name != "count" {
            let error =
                Error::new(Code::WrongArgumentCount, span, format!("only count takes *, `{name}` does not"));
            return self.fail(error.hint(format!("write {}", usage(name)?)));
        }
        let outside = std::mem::replace(&mut self.aggregates, Err("another aggregate"));
        let args = self.args(call);
        self.aggregates = outside;
        if call.star {
            return Some(self.aggregated(Aggregate::Count, Vec::new(), false, Type::Int, span));
        }
        let wanted = if name == "quantile" { 2 } else { 1 };
        self.count_args(call, wanted, wanted, span)?;
        let mut args = args?;
        let arg = args.remove(0);
        let has_distinct =
            matches!(name, "count" | "sum" | "avg" | "min" | "max" | "median" | "stddev" | "quantile");
        if distinct && !has_distinct {
            let message = format!("`{name}` does not take DISTINCT");
            return self.fail(Error::new(Code::NotAllowed, span, message));
        }
        let (function, arg, ty) = match name {
            "count" => (Aggregate::Count, plain(arg), Type::Int),
            "sum" => {
                let arg = self.numeric(arg, name, true)?;
                let ty = arg.ty;
                (Aggregate::Sum, arg, ty)
            }
            "avg" | "median" | "stddev" | "quantile" => {
                let arg = self.numeric(arg, name, true)?;
                let ty = if arg.ty == Type::Duration { Type::Duration } else { Type::Float };
                let function = match name {
                    "avg" => Aggregate::Avg,
                    "median" => Aggregate::Median,
                    "stddev" => Aggregate::Stddev,
                    _ => Aggregate::Quantile(self.share(args.remove(0))?.to_bits()),
                };
                (function, coerce::float(arg), ty)
            }
            "min" | "max" => {
                if arg.ty == Type::Set {
                    let message = format!("`{name}` takes ordered values, and sets have no order");
                    return self.mismatch(arg.span, message, None);
                }
                let ty = arg.ty;
                (if name == "min" { Aggregate::Min } else { Aggregate::Max }, arg, ty)
            }
            "first" | "last" => {
                let ty = arg.ty;
                (if name == "first" { Aggregate::First } else { Aggregate::Last }, arg, ty)
            }
            "any" => {
                let ty = arg.ty;
                (Aggregate::Any, arg, ty)
            }
            _ => {
                if !matches!(arg.ty, Type::Text | Type::Json | Type::Null | Type::Set) {
                    let message = format!("`collect` makes a set of texts, found {}", article(arg.ty));
                    return self.mismatch(
                        arg.span,
                        message,
                        Some("write collect(CAST(… AS text))".to_owned()),
                    );
                }
                let want = if arg.ty == Type::Set { Type::Set } else { Type::Text };
                (Aggregate::Collect, coerce::read(arg, want), Type::Set)
            }
        };
        let mut args = vec![arg];
        if matches!(function, Aggregate::First | Aggregate::Last) {
            args.push(self.sequence(span)?);
        }
        Some(self.aggregated(function, args, distinct, ty, span))
    }

    fn aggregated(&self, function: Aggregate, args: Vec<Expr>, distinct: bool, ty: Type, span: Span) -> Expr {
        Expr::new(Kind::Aggregate(Box::new(AggregateCall { function, args, distinct, span })), ty, span)
    }

    /// What `first` and `last` go by.
    fn sequence(&mut self, span: Span) -> Option<Expr> {
        let sequence = self.scope.sources.first().and_then(|source| source.sequence);
        match sequence {
            Some(column) => Some(super::column(self.scope, 0, column, span)),
            None => {
                let message = "first and last go by position, and these rows have none";
                self.fail(Error::new(Code::NotAllowed, span, message).hint("use min, max or any"))
            }
        }
    }

    /// The second argument of quantile.
    fn share(&mut self, arg: Expr) -> Option<f64> {
        let share = match arg.as_const() {
            Some(Datum::Float(share)) => Some(*share),
            Some(Datum::Int(share)) => Some(*share as f64),
            _ => None,
        };
        match share {
            Some(share) if (0.0..=1.0).contains(&share) => Some(share),
            _ => {
                let message = "the second argument of `quantile` is a constant from 0 to 1";
                self.mismatch(arg.span, message.to_owned(), Some("write quantile(e, 0.95)".to_owned()))
            }
        }
    }
}

/// What count counts distinct values of: one form for equal values.
fn plain(arg: Expr) -> Expr {
    let span = arg.span;
    match arg.ty {
        Type::Json => Expr::apply(Op::Normal, vec![arg], Type::Json, span),
        Type::Set => Expr::apply(Op::OrderKey, vec![arg], Type::Text, span),
        _ => arg,
    }
}
