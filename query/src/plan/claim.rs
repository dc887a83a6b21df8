//! CLAIM next_task.

use super::{Catalog, limit};
use crate::params::{Binding, Params};
use crate::predicate::RowPredicate;
use domain::command::CandidateFilter;
use grammar::{Code, Error, Span, ast};

/// Shortest lease that can be asked for, in milliseconds.
pub const LEASE_MS_MIN: i64 = 1_000;

/// Longest lease that can be asked for, in milliseconds: a day.
pub const LEASE_MS_MAX: i64 = 24 * 60 * 60 * 1_000;

/// Most tasks one claim takes.
pub const CLAIM_LIMIT_MAX: u32 = 100;

/// A claim, ready for the writer.
#[derive(Debug, Clone)]
pub struct Claim {
    /// Who claims.
    pub agent: String,
    /// WHERE, over the columns of `next_task`.
    pub filter: Option<CandidateFilter>,
    /// LEASE, in milliseconds.
    pub lease_ms: Option<i64>,
    /// LIMIT; 1 when it was not written.
    pub limit: u32,
}

/// Resolves a claim; `text` is the statement.
///
/// # Errors
/// Everything that is wrong with it.
pub fn claim(
    claim: &ast::Claim,
    text: &str,
    catalog: &dyn Catalog,
    params: &Params,
) -> Result<Claim, Vec<Error>> {
    let binding = Binding::new(params);
    let mut errors = Vec::new();
    let agent = limit::agent(&claim.agent, &binding).map_err(|error| errors.push(error));
    let mut filter = None;
    if let (Some(expr), Some(schema)) = (&claim.filter, catalog.schema("next_task")) {
        match RowPredicate::resolve(expr, schema, &binding) {
            Ok(predicate) => filter = Some(predicate.into_candidate_filter(text)),
            Err(wrong) => errors.extend(wrong),
        }
    }
    let lease_ms = claim.lease.and_then(|(duration, span)| match i64::try_from(duration.as_millis()) {
        Ok(ms) if (LEASE_MS_MIN..=LEASE_MS_MAX).contains(&ms) => Some(ms),
        _ => {
            errors.push(Error::new(Code::NotAllowed, span, "a lease lasts from 1s to 24h"));
            None
        }
    });
    let limit = match &claim.limit {
        None => Ok(1),
        Some(expr) => limit::count(expr, "LIMIT", &binding).and_then(|count| match u32::try_from(count) {
            Ok(count) if (1..=CLAIM_LIMIT_MAX).contains(&count) => Ok(count),
            _ => {
                let message = format!("a claim takes from 1 to {CLAIM_LIMIT_MAX} tasks");
                Err(Error::new(Code::NotAllowed, expr.span, message))
            }
        }),
    };
    let limit = limit.map_err(|error| errors.push(error));
    errors.extend(binding.unused(Span::default()));
    match (agent, limit) {
        (Ok(agent), Ok(limit)) if errors.is_empty() => Ok(Claim { agent, filter, lease_ms, limit }),
        _ => Err(errors),
    }
}
