//! The events of one command in the making, and what they have done so far to the tasks they touch.

use crate::answer::Pending;
use crate::event::data::{RelationshipAdded, RelationshipRemoved, TaskStatusChanged};
use crate::event::{Json, Moment, kind, tags::Tags};
use crate::rejection::Rejection;
use crate::rows::{Lease, Relationship, RelationshipType, Task, TaskStatus};
use crate::state::{Side, Work};
use rustc_hash::{FxHashMap, FxHashSet};
use serde::Serialize;
use std::sync::Arc;
use store::{Context, NewEvent, Text, Timestamp};

/// Ids one command may take from its seed; the writer names events from there on. Bounds on lists keep
/// every command far below.
pub const DRAFT_IDS_MAX: u128 = 1 << 16;

pub(super) struct Draft<'a> {
    pub(super) work: &'a Work,
    pub(super) context: &'a Context,
    ids: u128,
    events: Vec<NewEvent>,
    /// Tasks that the events changed, as they are then.
    tasks: FxHashMap<Text, Arc<Task>>,
    /// Numbers of unfinished blockers that the events changed, as they are then.
    blockers: FxHashMap<Text, u32>,
    /// Leases that the events ended.
    ended: FxHashSet<Text>,
    /// Leases that the events renewed.
    renewed: FxHashSet<Text>,
    /// Leases that let the command through.
    used: Vec<Arc<Lease>>,
    /// Sessions that the events say something of.
    heard: FxHashSet<Text>,
    /// The session that the request names for what it writes.
    session_id: Option<Text>,
}

/// What a task is from now on: all that `TaskStatusChanged` says.
pub(super) struct Next {
    pub(super) status: TaskStatus,
    pub(super) owner_agent_id: Option<Text>,
    pub(super) attempts: u32,
    pub(super) not_before: Option<Timestamp>,
    pub(super) reason: Option<Text>,
    pub(super) by_rule: bool,
    pub(super) lease_id: Option<Text>,
    pub(super) run_id: Option<Text>,
}

impl Next {
    /// Another status, and nothing else.
    pub(super) fn of(task: &Task, status: TaskStatus) -> Self {
        Self {
            status,
            owner_agent_id: task.owner_agent_id.clone(),
            attempts: task.attempts,
            not_before: task.not_before,
            reason: None,
            by_rule: false,
            lease_id: None,
            run_id: None,
        }
    }
}

impl<'a> Draft<'a> {
    pub(super) fn new(work: &'a Work, context: &'a Context) -> Self {
        Self {
            work,
            context,
            ids: 0,
            events: Vec::new(),
            tasks: FxHashMap::default(),
            blockers: FxHashMap::default(),
            ended: FxHashSet::default(),
            renewed: FxHashSet::default(),
            used: Vec::new(),
            heard: FxHashSet::default(),
            session_id: super::session::named(&context.metadata),
        }
    }

    /// The session that the request names for what it writes.
    pub(super) fn session_id(&self) -> Option<&Text> {
        self.session_id.as_ref()
    }

    pub(super) fn take_events(&mut self) -> Vec<NewEvent> {
        std::mem::take(&mut self.events)
    }

    pub(super) fn now(&self) -> Timestamp {
        self.context.now
    }

    /// The next id of this command's. The first is the id of what the command makes, and equals the seed: who
    /// chose the seed knows it beforehand, and can name it in what comes after.
    pub(super) fn fresh_id(&mut self) -> Text {
        debug_assert!(self.ids < DRAFT_IDS_MAX, "a command takes more ids than are set apart for it");
        let id = self.context.seed.plus(self.ids);
        self.ids += 1;
        id.to_text()
    }

    /// One more event, in the stream `prefix` + `id`.
    pub(super) fn push(&mut self, prefix: &str, id: &str, kind: &str, data: &impl Serialize, tags: Tags) {
        let data = serde_json::to_string(data).expect("validated data is JSON").into();
        self.push_raw(prefix, id, kind.into(), data, tags);
    }

    /// [`Draft::push`] of data that is JSON already.
    pub(super) fn push_raw(&mut self, prefix: &str, id: &str, kind: Text, data: Text, tags: Tags) {
        self.events.push(NewEvent {
            id: None,
            stream: [prefix, id].concat().into(),
            kind,
            data,
            metadata: self.context.metadata.clone(),
            tags: tags.into_vec(),
            time: None,
        });
    }

    /// The task as it is after the events so far.
    pub(super) fn task(&self, id: &str) -> Result<Arc<Task>, Rejection> {
        self.known(id).ok_or_else(|| Rejection::NotFound { kind: "task", id: id.into() })
    }

    fn known(&self, id: &str) -> Option<Arc<Task>> {
        self.tasks.get(id).or_else(|| self.work.task(id)).cloned()
    }

    /// A task came with an event of this draft, or was changed by one.
    pub(super) fn put_task(&mut self, task: Task) {
        self.tasks.insert(task.id.clone(), task.into());
    }

    /// The answer is this task.
    pub(super) fn answer_task(&self, id: Text) -> Pending {
        Pending::Task { id, now: self.now() }
    }

    /// How many unfinished tasks block it after the events so far.
    pub(super) fn blocked_by_count(&self, id: &str) -> u32 {
        self.blockers.get(id).copied().unwrap_or_else(|| self.work.graph(id).blocked_by_count)
    }

    /// Whether the lease was ended by an event of this draft.
    pub(super) fn has_ended(&self, lease_id: &str) -> bool {
        self.ended.contains(lease_id)
    }

    pub(super) fn note_ended(&mut self, lease_id: Text) {
        self.ended.insert(lease_id);
    }

    pub(super) fn note_renewed(&mut self, lease_id: Text) {
        self.renewed.insert(lease_id);
    }

    /// A write was let through by this lease.
    pub(super) fn note_used(&mut self, lease: Arc<Lease>) {
        if self.used.iter().all(|other| other.id != lease.id) {
            self.used.push(lease);
        }
    }

    /// The leases that writes were let through by.
    pub(super) fn take_used(&mut self) -> Vec<Arc<Lease>> {
        std::mem::take(&mut self.used)
    }

    /// Whether an event of this draft renewed the lease or ended it.
    pub(super) fn is_settled(&self, lease_id: &str) -> bool {
        self.renewed.contains(lease_id) || self.ended.contains(lease_id)
    }

    /// An event of this draft says that the session began, is alive or is over.
    pub(super) fn note_heard(&mut self, session_id: &Text) {
        self.heard.insert(session_id.clone());
    }

    pub(super) fn was_heard(&self, session_id: &str) -> bool {
        self.heard.contains(session_id)
    }

    /// The tags of an event about a task.
    pub(super) fn tags_of(&self, task_id: &str) -> Tags {
        let project_id = self.known(task_id).and_then(|task| task.project_id.clone());
        Tags::of_task(task_id, project_id.as_ref())
    }

    /// The task stands elsewhere from now on, and so do those that waited for it and for nothing else.
    pub(super) fn change_status(&mut self, task: &Task, next: Next) {
        let tags = Tags::of_task(&task.id, task.project_id.as_ref());
        let data = TaskStatusChanged {
            id: task.id.clone(),
            status: next.status,
            owner_agent_id: next.owner_agent_id.clone(),
            attempts: next.attempts,
            not_before: next.not_before.map(Moment),
            reason: next.reason,
            by_rule: next.by_rule,
            completed_at: None,
            cancelled_at: None,
            lease_id: next.lease_id,
            run_id: next.run_id,
        };
        self.push("task-", &task.id, kind::TASK_STATUS_CHANGED, &data, tags);
        let after = Task {
            status: next.status,
            owner_agent_id: next.owner_agent_id,
            attempts: next.attempts,
            not_before: next.not_before,
            blocked_by_rule: next.by_rule,
            version: task.version + 1,
            ..task.clone()
        };
        let ended = task.is_unfinished() && !after.is_unfinished();
        self.put_task(after);
        if ended {
            for waiting in self.waiting_for(&task.id) {
                self.count_blocker(&waiting, false);
                self.open_by_rule(&waiting);
            }
        }
    }

    /// Those the task blocks, by their ids' bytes.
    pub(super) fn waiting_for(&self, id: &str) -> Vec<Text> {
        let Some(node) = self.work.node_id(id) else { return Vec::new() };
        let blocked = self.work.neighbours(node, Side::Blocks);
        let mut ids: Vec<Text> = blocked.map(|node| self.work.at(node).id.clone()).collect();
        ids.sort_unstable();
        ids
    }

    /// One more unfinished task blocks it, or one less.
    pub(super) fn count_blocker(&mut self, id: &Text, up: bool) {
        let count = self.blocked_by_count(id);
        let count = if up { count + 1 } else { count.saturating_sub(1) };
        self.blockers.insert(id.clone(), count);
    }

    /// An open task that has an unfinished blocker becomes blocked.
    pub(super) fn block_by_rule(&mut self, id: &str) {
        if let Some(task) = self.known(id)
            && task.status == TaskStatus::Open
            && task.archived_at.is_none()
            && self.blocked_by_count(id) > 0
        {
            self.change_status(&task, Next { by_rule: true, ..Next::of(&task, TaskStatus::Blocked) });
        }
    }

    /// A task that the rule blocked becomes open when nothing unfinished blocks it any more.
    fn open_by_rule(&mut self, id: &str) {
        if let Some(task) = self.known(id)
            && task.status == TaskStatus::Blocked
            && task.blocked_by_rule
            && task.archived_at.is_none()
            && self.blocked_by_count(id) == 0
        {
            self.change_status(&task, Next::of(&task, TaskStatus::Open));
        }
    }

    /// Adds a relationship that is not there yet. The rule of blockers is the caller's to call, as it may
    /// add several.
    pub(super) fn link(
        &mut self,
        from: &Text,
        to: &Text,
        kind: RelationshipType,
        metadata: Option<Text>,
    ) -> Text {
        let id = self.fresh_id();
        let data = RelationshipAdded {
            id: id.clone(),
            from_task_id: from.clone(),
            to_task_id: to.clone(),
            kind,
            metadata: metadata.map(Json),
        };
        let tags = self.link_tags(&id, from, to);
        self.push("relationship-", &id, kind::RELATIONSHIP_ADDED, &data, tags);
        if kind == RelationshipType::Blocks && self.known(from).is_some_and(|task| task.is_unfinished()) {
            self.count_blocker(to, true);
        }
        id
    }

    /// Removes a relationship; who thereby waits for nothing any more opens.
    pub(super) fn unlink(&mut self, relationship: &Relationship) {
        let Relationship { id, from_task_id: from, to_task_id: to, kind, .. } = relationship;
        let data = RelationshipRemoved {
            id: id.clone(),
            from_task_id: from.clone(),
            to_task_id: to.clone(),
            kind: *kind,
        };
        let tags = self.link_tags(id, from, to);
        self.push("relationship-", id, kind::RELATIONSHIP_REMOVED, &data, tags);
        if self.work.left_out(id).is_some() {
            return;
        }
        if *kind == RelationshipType::Blocks && self.known(from).is_some_and(|task| task.is_unfinished()) {
            self.count_blocker(to, false);
            self.open_by_rule(to);
        }
    }

    fn link_tags(&self, id: &str, from: &str, to: &str) -> Tags {
        let project = |id| self.known(id).and_then(|task| task.project_id.clone());
        Tags::of_task(from, project(from).as_ref())
            .with("task:", to)
            .maybe("project:", project(to).as_ref())
            .with("relationship:", id)
    }
}
