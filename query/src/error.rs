//! What a query can fail with.

use datafusion::arrow::error::ArrowError;
use datafusion::error::DataFusionError;
use grammar::{Code, Error, Span};
use std::fmt;

/// Most errors of a statement that are told: nobody reads more, and each repeats its line.
pub(crate) const ERRORS_TOLD_MAX: usize = 20;

/// Why a statement was not carried out. Either the statement is at fault or met a limit (`errors`), or the
/// log cannot be read or the engine is at fault (`internal`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryError {
    /// The statement.
    pub text: String,
    /// What is wrong with it; the first leads. Empty for an internal error.
    pub errors: Vec<Error>,
    /// What went wrong inside: for the server's log, not for its callers.
    pub internal: Option<String>,
}

impl QueryError {
    /// A statement at fault; there is at least one error. Of very many the first are told.
    #[must_use]
    pub fn statement(text: &str, mut errors: Vec<Error>) -> Self {
        errors.truncate(ERRORS_TOLD_MAX);
        Self { text: text.to_owned(), errors, internal: None }
    }

    /// A failure of ours.
    #[must_use]
    pub fn internal(text: &str, error: impl fmt::Display) -> Self {
        Self { text: text.to_owned(), errors: Vec::new(), internal: Some(error.to_string()) }
    }

    pub(crate) fn limit(text: &str, code: Code, message: String, hint: &str) -> Self {
        let whole = Span::new(0, text.trim_end().len());
        Self::statement(text, vec![Error::new(code, whole, message).hint(hint)])
    }

    /// The leading error's code, unless it is an internal one.
    #[must_use]
    pub fn code(&self) -> Option<Code> {
        self.errors.first().map(|error| error.code)
    }
}

impl fmt::Display for QueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(why) = &self.internal {
            write!(f, "internal error in the query engine: {why}")?;
        }
        for (nth, error) in self.errors.iter().enumerate() {
            if nth > 0 {
                f.write_str("\n")?;
            }
            error.render(&self.text).fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for QueryError {}

/// A statement's error on its way through DataFusion.
#[derive(Debug)]
pub(crate) struct PqlError(Error);

impl PqlError {
    /// Packs an error in.
    pub(crate) fn wrap(error: Error) -> DataFusionError {
        DataFusionError::External(Box::new(Self(error)))
    }
}

/// The statement's error that a failure of DataFusion carries, however deep; none if it carries none.
pub(crate) fn runtime_error(error: &DataFusionError) -> Option<Error> {
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = next {
        if let Some(PqlError(found)) = error.downcast_ref() {
            return Some(found.clone());
        }
        next = match error.downcast_ref() {
            Some(DataFusionError::Shared(inner)) => Some(&**inner),
            Some(DataFusionError::External(inner)) => Some(&**inner),
            Some(DataFusionError::Collection(all)) => all.first().map(|inner| inner as _),
            Some(DataFusionError::ArrowError(inner, _)) => match &**inner {
                ArrowError::ExternalError(inner) => Some(&**inner),
                _ => None,
            },
            _ => error.source(),
        };
    }
    None
}

impl fmt::Display for PqlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for PqlError {}
