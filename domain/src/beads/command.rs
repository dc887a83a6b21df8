/// A stretch of a beads history, to be carried out as one command.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {}

/// What came of a batch.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct BatchReport {}
