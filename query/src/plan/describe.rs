//! SHOW TABLES and DESCRIBE.

use super::from::unknown_table;
use super::{Catalog, OutputColumn, Planned, planning};
use crate::params::{Binding, Params};
use crate::types::Type;
use datafusion::logical_expr::{LogicalPlanBuilder, lit};
use grammar::ast::Ident;
use grammar::{Error, Span};

/// Every table and what its rows are.
///
/// # Errors
/// `unused_parameter`.
pub fn show_tables(catalog: &dyn Catalog, params: &Params, span: Span) -> Result<Planned, Vec<Error>> {
    let rows = catalog.table_names().iter().filter_map(|name| catalog.schema(name));
    let rows = rows.map(|schema| vec![schema.name.to_owned(), schema.doc.to_owned()]).collect();
    texts(&["table", "description"], rows, catalog, params, span)
}

/// The columns of a table: name, type and what they say.
///
/// # Errors
/// `unknown_table`, `unused_parameter`.
pub fn describe(table: &Ident, catalog: &dyn Catalog, params: &Params) -> Result<Planned, Vec<Error>> {
    let Some(schema) = catalog.schema(&table.name) else {
        return Err(vec![unknown_table(table, catalog.table_names().iter().copied())]);
    };
    let rows = schema.columns.iter();
    let rows = rows
        .map(|column| vec![column.name.to_owned(), column.ty.as_str().to_owned(), column.doc.to_owned()])
        .collect();
    texts(&["column", "type", "description"], rows, catalog, params, table.span)
}

/// Rows of texts as a plan.
pub(super) fn texts(
    names: &[&str],
    rows: Vec<Vec<String>>,
    catalog: &dyn Catalog,
    params: &Params,
    span: Span,
) -> Result<Planned, Vec<Error>> {
    let unused = Binding::new(params).unused(span);
    if !unused.is_empty() {
        return Err(unused);
    }
    let columns =
        names.iter().map(|name| OutputColumn { name: (*name).to_owned(), ty: Type::Text }).collect();
    let rows = rows.into_iter().map(|row| row.into_iter().map(lit).collect()).collect();
    let plan = LogicalPlanBuilder::values(rows).and_then(|plan| {
        let outputs = plan.schema().columns().into_iter().zip(names);
        let outputs: Vec<_> = outputs
            .map(|(column, name)| datafusion::logical_expr::Expr::Column(column).alias(*name))
            .collect();
        plan.project(outputs)?.build()
    });
    let plan = plan.map_err(|error| vec![planning(&error, span)])?;
    Ok(Planned { plan, columns, at: catalog.present(), direct: None })
}
