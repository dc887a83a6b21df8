//! What a query must remember to be kept up, and how a commit changes its answer.

use super::diff::{Change, Gathered};
use super::groups::Groups;
use super::offers::Offers;
use super::query::{LiveQuery, Seen, Shape};
use super::turns::Turned;
use grammar::{Code, Error, Span};
use store::{Text, Timestamp};

/// The state of one query at one position.
#[derive(Debug)]
pub(super) enum State {
    /// A row that changes is all it takes.
    Rows,
    Offers(Offers),
    Groups(Groups),
}

impl State {
    /// That of no rows.
    pub(super) fn new(query: &LiveQuery) -> Self {
        match &query.shape {
            Shape::Rows(_) => Self::Rows,
            Shape::Offers(_) => Self::Offers(Offers::default()),
            Shape::Groups(grouped) => Self::Groups(Groups::new(grouped)),
        }
    }

    /// Whether it is the same whatever rows there are.
    pub(super) fn is_nothing(&self) -> bool {
        matches!(self, Self::Rows)
    }

    /// Takes in a row that is there from the start, and gives what is shown of it, if that is a row.
    pub(super) fn begin(
        &mut self,
        query: &LiveQuery,
        key: &Text,
        seen: &Seen,
        now: Timestamp,
    ) -> Result<Option<Vec<u8>>, Error> {
        match self {
            Self::Rows => {}
            Self::Offers(offers) => offers.begin(key, seen, now),
            Self::Groups(groups) => groups.add(query, seen)?,
        }
        query.shown(Some(seen), now)
    }

    /// What is shown of all rows together.
    pub(super) fn shown(&self, query: &LiveQuery) -> Result<Vec<Vec<u8>>, Error> {
        match self {
            Self::Rows | Self::Offers(_) => Ok(Vec::new()),
            Self::Groups(groups) => groups.shown(query),
        }
    }

    /// Takes in a commit.
    pub(super) fn apply(&mut self, query: &LiveQuery, turned: &Turned) -> Result<Vec<Change>, Error> {
        let mut gathered = Gathered::default();
        match self {
            Self::Rows => {
                for step in &turned.rows {
                    let before = query.shown(step.before.as_ref(), turned.time)?;
                    gathered.turned(before, query.shown(step.after.as_ref(), turned.time)?);
                }
            }
            Self::Offers(offers) => offers.apply(query, turned, &mut gathered)?,
            Self::Groups(groups) => groups.apply(query, turned, &mut gathered)?,
        }
        Ok(gathered.changes())
    }
}

/// Too much to remember.
pub(super) fn too_large(what: &str, hint: &str) -> Error {
    Error::new(Code::MemoryLimit, Span::default(), format!("the subscription holds {what}")).hint(hint)
}
