//! A table with a column or two of every type, and random rows of it.

use crate::eval::{Datum, Members};
use crate::lower::{Builder, Reader};
use crate::params::Params;
use crate::plan::{AsOf, Catalog, Command, TableVersion, statement};
use crate::tables::{Column, TableSchema};
use crate::types::Type;
use datafusion::arrow::array::RecordBatch;
use datafusion::catalog::TableProvider;
use datafusion::datasource::MemTable;
use datafusion::prelude::SessionContext;
use grammar::{Code, Error, Span, ast};
use std::borrow::Cow;
use std::sync::Arc;
use store::{Position, Timestamp};

const fn column(name: &'static str, ty: Type) -> Column {
    Column { name, ty, doc: "" }
}

pub(super) static SCHEMA: TableSchema = TableSchema {
    name: "sample",
    doc: "",
    columns: &[
        column("id", Type::Int),
        column("b", Type::Bool),
        column("i", Type::Int),
        column("k", Type::Int),
        column("f", Type::Float),
        column("t", Type::Text),
        column("u", Type::Text),
        column("m", Type::Time),
        column("d", Type::Duration),
        column("s", Type::Set),
        column("r", Type::Set),
        column("j", Type::Json),
    ],
    aliases: &[],
    has_history: false,
};

/// Numbers from a seed: splitmix64.
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(super) fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    pub(super) fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }
}

pub(super) const WORDS: [&str; 8] = ["rust", "sql", "c++", "Ab%c", "ab_c", "", "zürich", "12"];
pub(super) const INTS: [i64; 8] = [0, 1, -1, 2, 3, 7, i64::MAX, i64::MIN];
pub(super) const FLOATS: [f64; 7] = [0.0, 1.0, -1.5, 2.5, 3.0, 1e300, 0.1];
pub(super) const TIMES: [i64; 4] = [0, 1_700_000_000_000_000, -86_400_000_000, 1_768_826_700_123_456];
pub(super) const JSON: [&str; 9] = [
    r#"{"n":1,"t":"rust","b":true,"l":["sql","rust"],"o":{"k":[1,2]}}"#,
    r#"{"n":2.5,"t":"sql","b":false,"l":[]}"#,
    r#"{ "n" : -0.0, "t" : "a\"b\u00fc", "l" : ["x", 1] }"#,
    r#"{"n":9223372036854775807,"t":"2026-01-19T14:25:00Z"}"#,
    r#"{"n":null,"t":7,"b":"true"}"#,
    r#"{"n":1e400,"t":""}"#,
    r#"[1,2]"#,
    r#""text""#,
    "{}",
];

pub(super) struct Rows(pub(super) Vec<Vec<Datum<'static>>>);

/// A few rows; a fifth of the values is null.
pub(super) fn rows(random: &mut Random) -> Rows {
    let row = |id: i64, random: &mut Random| {
        let mut row = vec![Datum::Int(id)];
        for column in &SCHEMA.columns[1..] {
            if random.below(5) == 0 {
                row.push(Datum::Null);
                continue;
            }
            row.push(match column.ty {
                Type::Bool => Datum::Bool(random.below(2) == 0),
                Type::Int => Datum::Int(random.one(&INTS[..6])),
                Type::Float => Datum::Float(random.one(&FLOATS)),
                Type::Text => Datum::Text(Cow::Borrowed(random.one(&WORDS))),
                Type::Time => Datum::Time(random.one(&TIMES)),
                Type::Duration => Datum::Duration(random.one(&[0, 1, -60_000_000, 3_600_000_000])),
                Type::Set => {
                    let count = random.below(3);
                    Datum::Set(Members::of((0..count).map(|_| Cow::Borrowed(random.one(&WORDS))).collect()))
                }
                _ => Datum::Json(Cow::Borrowed(random.one(&JSON))),
            });
        }
        row
    };
    // Extremes are rare, so that not every statement overflows.
    let mut rows: Vec<_> = (0..12).map(|id| row(id, random)).collect();
    if random.below(4) == 0 {
        rows[3][2] = Datum::Int(random.one(&INTS[6..]));
    }
    Rows(rows)
}

/// The table with these rows as the world.
pub(super) struct Sample(pub(super) Rows);

impl Sample {
    /// The columns of the answer.
    pub(super) fn run(&self, text: &str) -> Result<Vec<Vec<Datum<'static>>>, Error> {
        let parsed = grammar::parse(text).unwrap();
        let planned = match statement(&parsed, text, self, &Params::none()) {
            Ok(Command::Query(planned)) => planned,
            Ok(other) => panic!("{other:?}"),
            Err(errors) => panic!("{text}\n{errors:?}"),
        };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let context = SessionContext::new_with_state(crate::engine::session());
        let batches = runtime
            .block_on(async { context.execute_logical_plan(planned.plan.clone()).await?.collect().await })
            .map_err(|error| {
                crate::error::runtime_error(&error).unwrap_or_else(|| panic!("{text}\n{error}"))
            })?;
        let mut columns = vec![Vec::new(); planned.columns.len()];
        for batch in batches {
            for ((values, array), output) in columns.iter_mut().zip(batch.columns()).zip(&planned.columns) {
                let reader = Reader::new(array, output.ty).unwrap();
                values.extend((0..array.len()).map(|row| reader.get(row).into_owned()));
            }
        }
        Ok(columns)
    }
}

impl Catalog for Sample {
    fn schema(&self, table: &str) -> Option<&'static TableSchema> {
        (table == SCHEMA.name).then_some(&SCHEMA)
    }

    fn table_names(&self) -> &'static [&'static str] {
        &["sample"]
    }

    fn moment(&self, moment: &ast::Moment) -> Result<AsOf, Error> {
        Err(Error::new(Code::MomentAfterHead, moment.span, ""))
    }

    fn present(&self) -> AsOf {
        AsOf { position: Position(1), time: Timestamp(1_768_826_700_000_000), is_head: true }
    }

    fn provider(
        &self,
        table: &'static TableSchema,
        _: TableVersion,
    ) -> Result<Arc<dyn TableProvider>, Error> {
        let arrays = table.columns.iter().enumerate().map(|(place, column)| {
            let mut builder = Builder::new(column.ty, 0);
            self.0.0.iter().for_each(|row| builder.push(&row[place]));
            builder.finish()
        });
        let batch = RecordBatch::try_new(table.arrow(false), arrays.collect()).unwrap();
        // Two partitions of several batches, as real tables have.
        let cut = batch.num_rows() / 2;
        let parts = vec![
            vec![batch.slice(0, 2), batch.slice(2, cut - 2)],
            vec![batch.slice(cut, batch.num_rows() - cut)],
        ];
        Ok(Arc::new(MemTable::try_new(table.arrow(false), parts).unwrap()))
    }

    fn next_task(&self, _: Option<&str>, _: AsOf) -> Result<Arc<dyn TableProvider>, Error> {
        Err(Error::new(Code::NotAllowed, Span::default(), ""))
    }

    fn left_out(
        &self,
        _: Option<&str>,
        _: Option<crate::RowPredicate>,
        _: AsOf,
    ) -> Result<Arc<dyn TableProvider>, Error> {
        unreachable!("no statement here asks for it")
    }
}
