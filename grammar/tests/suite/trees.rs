//! Trees of every shape, for properties.

use super::strip::NOWHERE;
use agentpm_grammar::ast::{
    BinaryOp, Claim, Cte, Explain, ExplainTarget, Expr, ExprKind, FromClause, FunctionCall, Ident, Join,
    JoinKind, Literal, Moment, MomentKind, NextTask, OrderItem, Parameter, PathStep, Quantified, Select,
    SelectItem, Source, SourceKind, Start, Statement, StatementKind, Subscribe, SubscribeSource, UnaryOp,
    Version,
};
use agentpm_grammar::{RESERVED, is_reserved};
use proptest::collection::{btree_set, vec};
use proptest::option::of;
use proptest::prelude::*;
use std::time::Duration;

pub(super) fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        "[a-z]{1,6}",
        prop::sample::select(vec![
            "it's",
            "''",
            "\"",
            "a--b",
            "two\nlines",
            "c++",
            "{x}",
            "true",
            "é∅🦀",
            "\0"
        ])
        .prop_map(str::to_owned),
        any::<String>(),
    ]
}

pub(super) fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-z_][a-z0-9_]{0,5}",
        1 => prop::sample::select(vec!["next_task", "position", "now", "matches", "subset", "proper", "ago", "start"])
            .prop_map(str::to_owned),
    ]
}

fn quoted() -> impl Strategy<Value = Ident> {
    let odd =
        prop::sample::select(vec!["Select", "odd \"name\"", "from", "é", " ", "a.b"]).prop_map(str::to_owned);
    prop_oneof![odd, "[ -~]{1,8}"].prop_map(|name| Ident { name, quoted: true, span: NOWHERE })
}

fn bare(word: impl Strategy<Value = String>) -> impl Strategy<Value = Ident> {
    word.prop_map(|name| Ident { name, quoted: false, span: NOWHERE })
}

/// A name where a name may stand.
pub(super) fn name() -> impl Strategy<Value = Ident> {
    prop_oneof![4 => bare(word().prop_filter("reserved", |word| !is_reserved(word))), 1 => quoted()]
}

/// A name after AS.
fn label() -> impl Strategy<Value = Ident> {
    prop_oneof![4 => name(), 1 => bare(prop::sample::select(RESERVED.to_vec()).prop_map(str::to_owned))]
}

fn alias() -> impl Strategy<Value = Ident> {
    label()
        .prop_filter("read as a version", |label| label.quoted || !["of", "history"].contains(&&*label.name))
}

fn duration() -> impl Strategy<Value = Duration> {
    prop_oneof![
        Just(Duration::ZERO),
        (1_u64..10_000).prop_map(Duration::from_millis),
        (1_u64..1_000).prop_map(Duration::from_secs),
        (1_u64..1_000).prop_map(|hours| Duration::from_secs(hours * 3_600)),
        Just(Duration::from_millis(i64::MAX as u64 / 1_000)),
    ]
}

fn literal() -> impl Strategy<Value = Literal> {
    prop_oneof![
        Just(Literal::Null),
        any::<bool>().prop_map(Literal::Bool),
        prop_oneof![0..100_i64, 0..=i64::MAX, Just(i64::MIN)].prop_map(Literal::Int),
        prop::num::f64::POSITIVE.prop_filter("finite", |value| value.is_finite()).prop_map(Literal::Decimal),
        (0..10_000_u32).prop_map(|value| Literal::Decimal(f64::from(value) / 100.0)),
        text().prop_map(Literal::Text),
        duration().prop_map(Literal::Duration),
        btree_set(prop_oneof![word(), text()], 0..4).prop_map(Literal::Set),
    ]
}

fn parameter() -> impl Strategy<Value = Parameter> {
    prop_oneof![
        (1..=u32::MAX).prop_map(Parameter::Numbered),
        "[a-zA-Z_][a-zA-Z0-9_]{0,5}".prop_map(Parameter::Named)
    ]
}

fn at(kind: ExprKind) -> Expr {
    Expr { kind, span: NOWHERE }
}

fn leaf() -> impl Strategy<Value = Expr> {
    prop_oneof![
        literal().prop_map(ExprKind::Literal),
        parameter().prop_map(ExprKind::Parameter),
        name().prop_map(ExprKind::Name),
    ]
    .prop_map(at)
}

fn op() -> impl Strategy<Value = BinaryOp> {
    use BinaryOp as B;
    prop::sample::select(vec![
        B::Multiply,
        B::Divide,
        B::Modulo,
        B::Add,
        B::Subtract,
        B::Concat,
        B::Intersect,
        B::Union,
        B::Difference,
        B::Equal,
        B::NotEqual,
        B::Less,
        B::LessOrEqual,
        B::Greater,
        B::GreaterOrEqual,
        B::Subset,
        B::Superset,
        B::ProperSubset,
        B::ProperSuperset,
        B::In,
        B::NotIn,
        B::Overlaps,
        B::Like,
        B::NotLike,
        B::ILike,
        B::NotILike,
        B::Matches,
        B::NotMatches,
        B::And,
        B::Or,
        // As often as all the others together: their chains are printed in their own way.
        B::And,
        B::Or,
        B::And,
        B::Or,
        B::And,
        B::Or,
    ])
}

fn step() -> impl Strategy<Value = PathStep> {
    let key = prop_oneof![
        bare("[a-zA-Z_][a-zA-Z0-9_]{0,5}"),
        bare(prop::sample::select(RESERVED.to_vec()).prop_map(str::to_owned)),
        quoted()
    ];
    prop_oneof![
        key.prop_map(PathStep::Key),
        text().prop_map(|key| PathStep::QuotedKey(key, NOWHERE)),
        any::<u64>().prop_map(|index| PathStep::Index(index, NOWHERE)),
    ]
}

pub(super) fn expr() -> BoxedStrategy<Expr> {
    leaf().prop_recursive(4, 48, 4, nodes).boxed()
}

fn nodes(inner: BoxedStrategy<Expr>) -> impl Strategy<Value = Expr> {
    let one = || inner.clone().prop_map(Box::new);
    let select = || select_of(inner.clone()).prop_map(Box::new);
    prop_oneof![
        6 => (op(), one(), one()).prop_map(|(op, left, right)| ExprKind::Binary { op, op_span: NOWHERE, left, right }),
        2 => (prop::sample::select(vec![UnaryOp::Minus, UnaryOp::Not]), one())
            .prop_map(|(op, operand)| ExprKind::Unary { op, operand }),
        2 => (one(), vec(step(), 1..4)).prop_map(|(base, steps)| ExprKind::Path { base, steps }),
        1 => (any::<bool>(), one(), one(), one())
            .prop_map(|(negated, operand, low, high)| ExprKind::Between { negated, operand, low, high }),
        1 => (any::<bool>(), one(), vec(inner.clone(), 1..4))
            .prop_map(|(negated, operand, items)| ExprKind::InList { negated, operand, items }),
        1 => (any::<bool>(), one(), select())
            .prop_map(|(negated, operand, select)| ExprKind::InSelect { negated, operand, select }),
        1 => select().prop_map(ExprKind::Exists),
        1 => (any::<bool>(), one()).prop_map(|(negated, operand)| ExprKind::IsNull { negated, operand }),
        2 => call(inner.clone()).prop_map(ExprKind::Call),
        1 => (of(one()), vec((inner.clone(), inner.clone()), 1..3), of(one()))
            .prop_map(|(operand, branches, otherwise)| ExprKind::Case { operand, branches, otherwise }),
        1 => (one(), bare(word())).prop_map(|(operand, target)| ExprKind::Cast { operand, target }),
    ]
    .prop_map(at)
}

fn call(inner: BoxedStrategy<Expr>) -> impl Strategy<Value = FunctionCall> {
    let function = || bare(word().prop_filter("reserved", |word| !is_reserved(word)));
    let all = Quantified::All;
    prop_oneof![
        function().prop_map(move |name| FunctionCall { name, star: true, quantified: all, args: Vec::new() }),
        (function(), vec(inner.clone(), 0..3)).prop_map(move |(name, args)| FunctionCall {
            name,
            star: false,
            quantified: all,
            args
        }),
        (function(), vec(inner, 1..3)).prop_map(|(name, args)| {
            FunctionCall { name, star: false, quantified: Quantified::Distinct, args }
        }),
    ]
}

fn moment() -> impl Strategy<Value = Moment> {
    prop_oneof![
        // The years 0000 to 9999.
        (-62_167_219_200_000_000..253_402_300_800_000_000_i64).prop_map(MomentKind::Time),
        any::<u64>().prop_map(MomentKind::Position),
        text().prop_map(MomentKind::Event),
        duration().prop_map(MomentKind::Ago),
        Just(MomentKind::Now),
    ]
    .prop_map(|kind| Moment { kind, span: NOWHERE })
}

fn count() -> impl Strategy<Value = Expr> {
    prop_oneof![
        (0..=i64::MAX).prop_map(|count| ExprKind::Literal(Literal::Int(count))),
        parameter().prop_map(ExprKind::Parameter)
    ]
    .prop_map(at)
}

fn agent() -> impl Strategy<Value = Expr> {
    prop_oneof![
        text().prop_map(|id| ExprKind::Literal(Literal::Text(id))),
        parameter().prop_map(ExprKind::Parameter)
    ]
    .prop_map(at)
}

fn version() -> impl Strategy<Value = Version> {
    prop_oneof![
        2 => Just(Version::Statement),
        1 => moment().prop_map(Version::AsOf),
        1 => Just(Version::History(NOWHERE)),
    ]
}

fn table() -> impl Strategy<Value = Source> {
    (name(), version(), of(alias())).prop_map(|(name, version, alias)| Source {
        kind: SourceKind::Table { name, version },
        alias,
        span: NOWHERE,
    })
}

fn source(inner: BoxedStrategy<Expr>) -> impl Strategy<Value = Source> {
    let plain = (vec(item(inner), 1..3), table()).prop_map(|(items, source)| Select {
        with: Vec::new(),
        distinct: false,
        items,
        from: FromClause { source, joins: Vec::new() },
        filter: None,
        group_by: Vec::new(),
        having: None,
        order_by: Vec::new(),
        limit: None,
        offset: None,
        as_of: None,
        span: NOWHERE,
    });
    let sub_select = (plain, alias()).prop_map(|(select, alias)| Source {
        kind: SourceKind::Select(Box::new(select)),
        alias: Some(alias),
        span: NOWHERE,
    });
    prop_oneof![3 => table(), 1 => sub_select]
}

fn item(inner: BoxedStrategy<Expr>) -> impl Strategy<Value = SelectItem> {
    prop_oneof![
        1 => Just(SelectItem::Star(NOWHERE)),
        1 => name().prop_map(SelectItem::QualifiedStar),
        4 => (inner, of(label())).prop_map(|(expr, alias)| {
            let written = expr.to_string();
            SelectItem::Expr { expr, alias, written }
        }),
    ]
}

fn select_of(inner: BoxedStrategy<Expr>) -> BoxedStrategy<Select> {
    let join =
        (prop::sample::select(vec![JoinKind::Inner, JoinKind::Left]), source(inner.clone()), inner.clone())
            .prop_map(|(kind, source, on)| Join { kind, source, on });
    let order = (inner.clone(), any::<bool>(), of(any::<bool>()))
        .prop_map(|(expr, descending, nulls_first)| OrderItem { expr, descending, nulls_first });
    let heads = (any::<bool>(), vec(item(inner.clone()), 1..4), source(inner.clone()), vec(join, 0..2));
    let tails =
        (of(inner.clone()), vec(inner.clone(), 0..3), of(inner), vec(order, 0..3), of(count()), of(count()));
    (heads, tails)
        .prop_map(
            |((distinct, items, source, joins), (filter, group_by, having, order_by, limit, offset))| {
                Select {
                    with: Vec::new(),
                    distinct,
                    items,
                    from: FromClause { source, joins },
                    filter,
                    group_by,
                    having,
                    order_by,
                    limit,
                    offset,
                    as_of: None,
                    span: NOWHERE,
                }
            },
        )
        .boxed()
}

fn query() -> impl Strategy<Value = Select> {
    let cte = (name(), select_of(expr())).prop_map(|(name, select)| Cte { name, select });
    (vec(cte, 0..2), select_of(expr()), of(moment())).prop_map(|(with, select, as_of)| {
        let mut query = Select { with, ..select };
        // A moment for all tables is only read where none has its own, and after a bare table's name it
        // would be that table's.
        let text = query.to_string();
        let is_free = !text.contains(" AS OF ") && !text.contains(" HISTORY");
        let ends_in_table = query.filter.is_none()
            && query.group_by.is_empty()
            && query.having.is_none()
            && query.order_by.is_empty()
            && query.limit.is_none()
            && query.offset.is_none()
            && query.from.joins.is_empty()
            && query.from.source.alias.is_none();
        query.as_of = as_of.filter(|_| is_free && !ends_in_table);
        query
    })
}

fn next_task() -> impl Strategy<Value = NextTask> {
    (of(agent()), of(expr()), of(count()), of(moment())).prop_map(|(agent, filter, limit, as_of)| {
        let text = filter.as_ref().map(Expr::to_string).unwrap_or_default();
        let is_free = !text.contains(" AS OF ") && !text.contains(" HISTORY");
        NextTask { agent, filter, limit, as_of: as_of.filter(|_| is_free) }
    })
}

pub(super) fn statement() -> impl Strategy<Value = Statement> {
    let claim =
        (agent(), of(expr()), of(duration()), of(count())).prop_map(|(agent, filter, lease, limit)| {
            StatementKind::Claim(Claim { agent, filter, lease: lease.map(|lease| (lease, NOWHERE)), limit })
        });
    let watched = prop_oneof![
        name().prop_map(SubscribeSource::Table),
        select_of(expr()).prop_map(Box::new).prop_map(SubscribeSource::Select)
    ];
    let start = prop_oneof![Just(Start::Now), Just(Start::Beginning), count().prop_map(Start::After)];
    let subscribe = (watched, of(expr()), start)
        .prop_map(|(source, filter, start)| StatementKind::Subscribe(Subscribe { source, filter, start }));
    let explain = prop_oneof![
        (any::<bool>(), query()).prop_map(|(analyze, select)| {
            Explain { analyze, target: ExplainTarget::Select(Box::new(select)) }
        }),
        next_task().prop_map(|next_task| {
            let next_task = NextTask { limit: None, ..next_task };
            Explain { analyze: false, target: ExplainTarget::NextTask(next_task) }
        }),
    ];
    prop_oneof![
        6 => query().prop_map(Box::new).prop_map(StatementKind::Select),
        2 => next_task().prop_map(StatementKind::NextTask),
        2 => claim,
        2 => subscribe,
        1 => (name(), select_of(expr()))
            .prop_map(|(name, select)| StatementKind::CreateProjection { name, select: Box::new(select) }),
        1 => name().prop_map(StatementKind::DropProjection),
        2 => explain.prop_map(StatementKind::Explain),
        1 => Just(StatementKind::ShowTables),
        1 => name().prop_map(StatementKind::Describe),
    ]
    .prop_map(|kind| Statement { kind, span: NOWHERE })
}
