//! Sets of texts. Members are sorted, so everything is one walk along both sides.

use crate::eval::{Datum, Members};
use std::borrow::Cow;
use std::cmp::Ordering;

/// The signs between sets, and membership.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum SetOp {
    Subset,
    Superset,
    ProperSubset,
    ProperSuperset,
    Overlaps,
    /// A text in a set.
    Member,
    Intersect,
    Union,
    Difference,
}

impl SetOp {
    /// The sign as it is written.
    pub(crate) fn sign(self) -> &'static str {
        match self {
            Self::Subset => "⊆",
            Self::Superset => "⊇",
            Self::ProperSubset => "⊂",
            Self::ProperSuperset => "⊃",
            Self::Overlaps => "OVERLAPS",
            Self::Member => "∈",
            Self::Intersect => "∩",
            Self::Union => "∪",
            Self::Difference => "∖",
        }
    }

    /// Whether it gives a set; the others give a truth value.
    pub(crate) fn gives_set(self) -> bool {
        matches!(self, Self::Intersect | Self::Union | Self::Difference)
    }

    pub(super) fn apply<'a>(self, left: Datum<'a>, right: Datum<'a>) -> Datum<'a> {
        match (left, right) {
            (Datum::Text(word), Datum::Set(set)) if self == Self::Member => Datum::Bool(set.holds(&word)),
            (Datum::Set(a), Datum::Set(b)) => match self {
                Self::Subset => Datum::Bool(is_subset(&a, &b)),
                Self::Superset => Datum::Bool(is_subset(&b, &a)),
                Self::ProperSubset => Datum::Bool(a.len() < b.len() && is_subset(&a, &b)),
                Self::ProperSuperset => Datum::Bool(b.len() < a.len() && is_subset(&b, &a)),
                Self::Overlaps => Datum::Bool(overlaps(&a, &b)),
                Self::Intersect => keep(a, |word| b.holds(word)),
                Self::Difference => keep(a, |word| !b.holds(word)),
                Self::Union => {
                    let mut all = a.into_vec();
                    all.extend(b.into_vec());
                    Datum::Set(Members::of(all))
                }
                Self::Member => Datum::Null,
            },
            _ => Datum::Null,
        }
    }
}

fn keep<'a>(set: Members<'a>, test: impl Fn(&str) -> bool) -> Datum<'a> {
    let mut members = set.into_vec();
    members.retain(|word| test(word));
    Datum::Set(Members::Owned(members))
}

fn is_subset(part: &[Cow<'_, str>], whole: &[Cow<'_, str>]) -> bool {
    if part.len() > whole.len() {
        return false;
    }
    let mut rest = whole.iter();
    part.iter().all(|word| rest.find(|other| *other >= word) == Some(word))
}

fn overlaps(a: &[Cow<'_, str>], b: &[Cow<'_, str>]) -> bool {
    let (mut a, mut b) = (a.iter().peekable(), b.iter().peekable());
    while let (Some(x), Some(y)) = (a.peek(), b.peek()) {
        match x.cmp(y) {
            Ordering::Less => drop(a.next()),
            Ordering::Greater => drop(b.next()),
            Ordering::Equal => return true,
        }
    }
    false
}

/// Text that orders sets member by member: each member followed by the least character.
pub(super) fn order_key(members: &[Cow<'_, str>]) -> String {
    let mut key = String::with_capacity(members.iter().map(|member| member.len() + 1).sum());
    for member in members {
        key.push_str(member);
        key.push('\0');
    }
    key
}
