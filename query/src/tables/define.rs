//! One definition per table, from which everything else about its columns follows.

/// Defines a table: `SCHEMA`, and [`Fields`](super::Fields) for its row. A column is its doc comment, its
/// name, its type and how it is read from the row, in the order of `SELECT *`.
macro_rules! table {
    (
        $(#[doc = $doc:literal])+
        $name:literal, $row:ty, history: $history:literal, aliases: $aliases:expr;
        $( $(#[doc = $column_doc:literal])+ $column:literal: $ty:ident = $read:expr; )+
    ) => {
        $(#[doc = $doc])+
        pub static SCHEMA: $crate::tables::TableSchema = $crate::tables::TableSchema {
            name: $name,
            doc: concat!($($doc),+).trim_ascii(),
            columns: &[$(
                $crate::tables::Column {
                    name: $column,
                    ty: $crate::types::Type::$ty,
                    doc: concat!($($column_doc),+).trim_ascii(),
                },
            )+],
            aliases: $aliases,
            has_history: $history,
        };

        impl $crate::tables::Fields for $row {
            fn field(&self, column: usize) -> $crate::value::Value<'_> {
                const READ: &[for<'r> fn(&'r $row) -> $crate::value::Value<'r>] = &[$($read),+];
                READ[column](self)
            }
        }
    };
}

pub(crate) use table;
