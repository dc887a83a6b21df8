//! EXPLAIN of a select: the plan as lines of text.

use super::describe::texts;
use super::{Catalog, Planned};
use crate::params::Params;
use grammar::ast::{Explain, ExplainTarget};
use grammar::{Code, Error, Span};

/// Plans what is explained and gives the plan, one line a row.
///
/// # Errors
/// Everything that is wrong with the select; `not_allowed` for what this version does not explain.
pub fn explain(
    explain: &Explain,
    catalog: &dyn Catalog,
    params: &Params,
    span: Span,
) -> Result<Planned, Vec<Error>> {
    let later = |what: &str| {
        let message = format!("{what} is not part of this version");
        Err(vec![Error::new(Code::NotAllowed, span, message)])
    };
    match &explain.target {
        _ if explain.analyze => later("EXPLAIN ANALYZE"),
        ExplainTarget::NextTask(_) => later("EXPLAIN next_task"),
        ExplainTarget::Select(select) => {
            let planned = super::select(select, catalog, params)?;
            let lines = planned.plan.display_indent().to_string();
            let rows = lines.lines().map(|line| vec![line.to_owned()]).collect();
            let explained = texts(&["plan"], rows, catalog, &Params::none(), span)?;
            Ok(Planned { at: planned.at, ..explained })
        }
    }
}
