//! Relationships, by id and from both their ends.

use super::NodeId;
use crate::rows::{Relationship, RelationshipType};
use rustc_hash::FxHashMap;
use std::collections::BTreeSet;
use std::sync::Arc;
use store::{Text, Version};

/// What the task at the other end is, seen from this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Side {
    /// This one blocks it.
    Blocks,
    /// It blocks this one.
    BlockedBy,
    /// It is this one's child.
    Child,
    /// It is this one's parent.
    Parent,
    RelatesTo,
    RelatedFrom,
    Duplicates,
    DuplicatedBy,
}

impl Side {
    /// How each end of such a relationship sees the other: `from` first.
    pub(crate) const fn of(kind: RelationshipType) -> (Self, Self) {
        match kind {
            RelationshipType::Blocks => (Self::Blocks, Self::BlockedBy),
            RelationshipType::ParentOf => (Self::Child, Self::Parent),
            RelationshipType::RelatesTo => (Self::RelatesTo, Self::RelatedFrom),
            RelationshipType::Duplicates => (Self::Duplicates, Self::DuplicatedBy),
        }
    }

    /// How the other end sees it.
    pub(crate) const fn opposite(self) -> Self {
        match self {
            Self::Blocks => Self::BlockedBy,
            Self::BlockedBy => Self::Blocks,
            Self::Child => Self::Parent,
            Self::Parent => Self::Child,
            Self::RelatesTo => Self::RelatedFrom,
            Self::RelatedFrom => Self::RelatesTo,
            Self::Duplicates => Self::DuplicatedBy,
            Self::DuplicatedBy => Self::Duplicates,
        }
    }

    /// Whether it is the view from the `from` end.
    const fn is_from(self) -> bool {
        matches!(self, Self::Blocks | Self::Child | Self::RelatesTo | Self::Duplicates)
    }
}

/// Number of a relationship in this state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LinkId(u32);

/// One task's relationships, ordered by what they are.
#[derive(Debug, Default)]
pub(super) struct Links(BTreeSet<(Side, NodeId, LinkId)>);

const FIRST: LinkId = LinkId(0);
const LAST: LinkId = LinkId(u32::MAX);

impl Links {
    /// All of them; `me` is the task whose they are.
    pub(super) fn all(&self, me: NodeId) -> impl Iterator<Item = LinkId> {
        // A relationship of a task to itself is here from both ends; tell it once.
        self.0.iter().filter(move |(side, other, _)| *other != me || side.is_from()).map(|&(_, _, link)| link)
    }

    /// Those at the other end, each once.
    pub(super) fn others(&self, side: Side) -> impl Iterator<Item = NodeId> {
        let mut last = None;
        self.0
            .range((side, NodeId(0), FIRST)..=(side, NodeId(u32::MAX), LAST))
            .map(|&(_, other, _)| other)
            .filter(move |&other| last.replace(other) != Some(other))
    }

    /// Those of this side to that task: one, unless the log holds the same relationship several times.
    pub(super) fn to(&self, side: Side, other: NodeId) -> impl Iterator<Item = LinkId> {
        self.0.range((side, other, FIRST)..=(side, other, LAST)).map(|&(_, _, link)| link)
    }

    /// Whether it is the first of its side to that task.
    pub(super) fn insert(&mut self, side: Side, other: NodeId, link: LinkId) -> bool {
        let first = self.to(side, other).next().is_none();
        self.0.insert((side, other, link));
        first
    }

    /// Whether it was the last of its side to that task.
    pub(super) fn remove(&mut self, side: Side, other: NodeId, link: LinkId) -> bool {
        self.0.remove(&(side, other, link)) && self.to(side, other).next().is_none()
    }
}

/// Every relationship; numbers of removed ones are given out again.
#[derive(Debug, Default)]
pub(super) struct Relationships {
    ids: FxHashMap<Text, LinkId>,
    slots: Vec<Option<Version<Arc<Relationship>>>>,
    free: Vec<LinkId>,
}

impl Relationships {
    pub(super) fn get(&self, id: &str) -> Option<&Version<Arc<Relationship>>> {
        self.at(*self.ids.get(id)?)
    }

    pub(super) fn at(&self, link: LinkId) -> Option<&Version<Arc<Relationship>>> {
        self.slots.get(link.0 as usize)?.as_ref()
    }

    pub(super) fn insert(&mut self, version: Version<Arc<Relationship>>) -> LinkId {
        let id = version.row.id.clone();
        let link = if let Some(link) = self.free.pop() {
            self.slots[link.0 as usize] = Some(version);
            link
        } else {
            let next = u32::try_from(self.slots.len()).expect("memory ends before 4 billion relationships");
            self.slots.push(Some(version));
            LinkId(next)
        };
        self.ids.insert(id, link);
        link
    }

    pub(super) fn remove(&mut self, id: &str) -> Option<(LinkId, Version<Arc<Relationship>>)> {
        let link = self.ids.remove(id)?;
        let version = self.slots[link.0 as usize].take()?;
        self.free.push(link);
        Some((link, version))
    }
}
