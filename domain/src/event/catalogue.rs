//! Every event type of the work model: its stream, its data field by field, its tags.
//!
//! `docs/events.md` is this list in prose and tables; a test holds the two equal.

/// One type of event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventType {
    /// Its name on the wire: `type`.
    pub name: &'static str,
    /// The chapter of the catalogue it is in.
    pub family: &'static str,
    /// What it says, in one sentence.
    pub summary: &'static str,
    /// Its stream is this and the entity's id.
    pub stream_prefix: &'static str,
    /// Members of `data`, a JSON object.
    pub fields: &'static [Field],
    /// The tags it carries, `{…}` standing for a field's value.
    pub tags: &'static [&'static str],
}

/// A member of an event's `data`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// Its JSON type, closed set or format.
    pub kind: &'static str,
    /// What it says, with its unit.
    pub meaning: &'static str,
    /// When it is left out; empty when it never is.
    pub absent: &'static str,
}

const fn must(name: &'static str, kind: &'static str, meaning: &'static str) -> Field {
    Field { name, kind, meaning, absent: "" }
}

const fn may(name: &'static str, kind: &'static str, meaning: &'static str, absent: &'static str) -> Field {
    Field { name, kind, meaning, absent }
}

/// The catalogue's entry of that name.
#[must_use]
pub fn find(name: &str) -> Option<&'static EventType> {
    CATALOGUE.iter().find(|entry| entry.name == name)
}

const TASK_TAGS: &[&str] = &["task:{id}", "project:{project_id}"];
const RELATIONSHIP_TAGS: &[&str] =
    &["task:{from_task_id}", "task:{to_task_id}", "project:{project_id}", "relationship:{id}"];
const CONTEXT_TAGS: &[&str] = &["task:{task_id}", "project:{project_id}", "context:{id}"];
const PROGRESS_TAGS: &[&str] = &["task:{task_id}", "project:{project_id}", "progress:{id}"];
const AGENT_TAGS: &[&str] = &["agent:{id}"];
const SESSION_TAGS: &[&str] = &["agent:{agent_id}", "session:{id}"];
const LEASE_TAGS: &[&str] =
    &["task:{task_id}", "project:{project_id}", "agent:{agent_id}", "session:{session_id}", "lease:{id}"];
const RUN_TAGS: &[&str] =
    &["task:{task_id}", "project:{project_id}", "agent:{agent_id}", "session:{session_id}", "run:{id}"];

const TEXT: &str = "text";
const ID: &str = "id";
const TIME: &str = "time";
const OBJECT: &str = "object";
const INTEGER: &str = "integer";
const STATUS: &str = "open · in_progress · blocked · completed · cancelled";
const CLASS: &str = "critical · high · normal · low";
const EDGE: &str = "parent_of · blocks · relates_to · duplicates";
const CONTEXT: &str = "decision · rationale · attempt · outcome · blocker · note · reference · user_input";
const ROLE: &str = "planner · executor · reviewer · coordinator";
const FAILURE: &str = "transient · terminal · policy · validation · dependency · capacity";
const SET: &str = "list of text";

const UNCHANGED: &str = "it did not change";
const NO_SESSION: &str = "the agent named no session";

/// Every event type, in the order of the document.
pub const CATALOGUE: &[EventType] = &[
    EventType {
        name: "TaskCreated",
        family: "Tasks",
        summary: "A task exists from now on.",
        stream_prefix: "task-",
        fields: &[
            must("id", ID, "the task"),
            must("title", TEXT, "one line"),
            may("intent", TEXT, "what is wanted", "nothing was said"),
            may("type", TEXT, "what sort of work it is", "nothing was said"),
            may("project_id", ID, "the project it belongs to", "it belongs to none"),
            may("status", STATUS, "where it stands", "`open`"),
            may("owner_agent_id", ID, "who works on it, or the only one who may claim it", "nobody does"),
            may("priority", INTEGER, "−5 … 5, more is sooner", "0"),
            may("class", CLASS, "urgency before score", "`normal`"),
            may("caps", SET, "capabilities an agent needs", "it needs none"),
            may("labels", SET, "words to find it by", "it has none"),
            may("metadata", OBJECT, "the caller's own", "it is empty"),
            may("max_attempts", INTEGER, "attempts after which a failure blocks it", "3"),
            may("not_before", TIME, "not offered before", "it may be offered at once"),
            may("due_at", TIME, "when it should be done", "there is no such moment"),
            may("created_at", TIME, "when it was made", "the event's time"),
            may("completed_at", TIME, "when it was completed", "it is not, or at the event's time"),
            may("cancelled_at", TIME, "when it was cancelled", "it is not, or at the event's time"),
        ],
        tags: TASK_TAGS,
    },
    EventType {
        name: "TaskUpdated",
        family: "Tasks",
        summary: "Fields of a task changed. A field that became empty is `null`.",
        stream_prefix: "task-",
        fields: &[
            must("id", ID, "the task"),
            may("title", TEXT, "the new title", UNCHANGED),
            may("intent", "text or null", "the new intent", UNCHANGED),
            may("type", "text or null", "the new type", UNCHANGED),
            may("project_id", "id or null", "the new project", UNCHANGED),
            may("owner_agent_id", "id or null", "the new owner", UNCHANGED),
            may("priority", INTEGER, "the new priority", UNCHANGED),
            may("class", CLASS, "the new class", UNCHANGED),
            may("caps", SET, "all capabilities from now on", UNCHANGED),
            may("labels", SET, "all labels from now on", UNCHANGED),
            may("metadata", OBJECT, "the whole of it from now on", UNCHANGED),
            may("max_attempts", INTEGER, "the new bound", UNCHANGED),
            may("not_before", "time or null", "not offered before", UNCHANGED),
            may("due_at", "time or null", "when it should be done", UNCHANGED),
            may("created_at", TIME, "when it was made, as an import now tells it", UNCHANGED),
        ],
        tags: TASK_TAGS,
    },
    EventType {
        name: "TaskStatusChanged",
        family: "Tasks",
        summary: "A task stands elsewhere. All that goes with a status is said, changed or not.",
        stream_prefix: "task-",
        fields: &[
            must("id", ID, "the task"),
            must("status", STATUS, "where it stands from now on"),
            must("owner_agent_id", "id or null", "who works on it, or the only one who may claim it"),
            must("attempts", INTEGER, "attempts started so far"),
            must("not_before", "time or null", "not offered before"),
            may("reason", TEXT, "why", "nothing was said"),
            may(
                "by_rule",
                "true",
                "blocked by its blockers, so it opens by itself when the last of them ends",
                "it was not blocked by that rule",
            ),
            may("completed_at", TIME, "when it was completed", "it is not, or at the event's time"),
            may("cancelled_at", TIME, "when it was cancelled", "it is not, or at the event's time"),
            may("lease_id", ID, "the lease that began or ended with it", "none did"),
            may("run_id", ID, "the run that began or ended with it", "none did"),
        ],
        tags: TASK_TAGS,
    },
    EventType {
        name: "TaskArchived",
        family: "Tasks",
        summary: "A task is put away: it is offered to nobody and blocks nothing.",
        stream_prefix: "task-",
        fields: &[must("id", ID, "the task")],
        tags: TASK_TAGS,
    },
    EventType {
        name: "TaskRestored",
        family: "Tasks",
        summary: "An archived task is taken up again, in the status it had.",
        stream_prefix: "task-",
        fields: &[must("id", ID, "the task")],
        tags: TASK_TAGS,
    },
    EventType {
        name: "RelationshipAdded",
        family: "Relationships",
        summary: "One task is something to another from now on.",
        stream_prefix: "relationship-",
        fields: &[
            must("id", ID, "the relationship"),
            must("from_task_id", ID, "the parent, the blocker, the duplicate"),
            must("to_task_id", ID, "the child, the blocked, the original"),
            must("type", EDGE, "what `from` is to `to`"),
            may("metadata", OBJECT, "the caller's own", "it is empty"),
        ],
        tags: RELATIONSHIP_TAGS,
    },
    EventType {
        name: "RelationshipRemoved",
        family: "Relationships",
        summary: "It is so no longer.",
        stream_prefix: "relationship-",
        fields: &[
            must("id", ID, "the relationship"),
            must("from_task_id", ID, "the parent, the blocker, the duplicate"),
            must("to_task_id", ID, "the child, the blocked, the original"),
            must("type", EDGE, "what `from` was to `to`"),
        ],
        tags: RELATIONSHIP_TAGS,
    },
    EventType {
        name: "ProgressItemAdded",
        family: "Progress",
        summary: "A task's own list has one more step.",
        stream_prefix: "progress-",
        fields: &[
            must("id", ID, "the item"),
            must("task_id", ID, "the task"),
            must("content", TEXT, "what is to be done"),
        ],
        tags: PROGRESS_TAGS,
    },
    EventType {
        name: "ProgressItemCompleted",
        family: "Progress",
        summary: "A step is done, or no longer done.",
        stream_prefix: "progress-",
        fields: &[
            must("id", ID, "the item"),
            must("task_id", ID, "the task"),
            may("completed", "boolean", "whether it is done", "`true`"),
        ],
        tags: PROGRESS_TAGS,
    },
    EventType {
        name: "ContextAdded",
        family: "Contexts",
        summary: "Something worth knowing about a task.",
        stream_prefix: "context-",
        fields: &[
            must("id", ID, "the context"),
            must("task_id", ID, "the task"),
            must("type", CONTEXT, "what it is"),
            must("content", TEXT, "the text"),
            may("metadata", OBJECT, "the caller's own", "it is empty"),
            may("supersedes", ID, "the context it takes the place of", "it takes the place of none"),
        ],
        tags: CONTEXT_TAGS,
    },
    EventType {
        name: "ContextSuperseded",
        family: "Contexts",
        summary: "Another context took the place of this one. It is in the stream of the old context.",
        stream_prefix: "context-",
        fields: &[
            must("id", ID, "the old context"),
            must("task_id", ID, "the task"),
            may("by", ID, "the new context", "none took its place: its text is gone from the imported file"),
        ],
        tags: CONTEXT_TAGS,
    },
    EventType {
        name: "AgentRegistered",
        family: "Agents",
        summary: "An agent says who it is and what it can do.",
        stream_prefix: "agent-",
        fields: &[
            must("id", ID, "the agent"),
            must("name", TEXT, "what people call it"),
            may("role", ROLE, "what it is for", "`executor`"),
            may("caps", SET, "what it can do", "it can do nothing in particular"),
            may("metadata", OBJECT, "the caller's own", "it is empty"),
        ],
        tags: AGENT_TAGS,
    },
    EventType {
        name: "AgentUpdated",
        family: "Agents",
        summary: "An agent registered again, and something differs.",
        stream_prefix: "agent-",
        fields: &[
            must("id", ID, "the agent"),
            may("name", TEXT, "the new name", UNCHANGED),
            may("role", ROLE, "the new role", UNCHANGED),
            may("caps", SET, "all capabilities from now on", UNCHANGED),
            may("metadata", OBJECT, "the whole of it from now on", UNCHANGED),
        ],
        tags: AGENT_TAGS,
    },
    EventType {
        name: "SessionStarted",
        family: "Sessions",
        summary: "An agent began a session.",
        stream_prefix: "session-",
        fields: &[
            must("id", ID, "the session"),
            must("agent_id", ID, "the agent"),
            must("timeout_ms", INTEGER, "how long it may be silent before it is lost, in milliseconds"),
            may("metadata", OBJECT, "the caller's own", "it is empty"),
        ],
        tags: SESSION_TAGS,
    },
    EventType {
        name: "SessionHeartbeat",
        family: "Sessions",
        summary: "A session is alive: it said so, or something was written in it or under one of its leases.",
        stream_prefix: "session-",
        fields: &[
            must("id", ID, "the session"),
            must("agent_id", ID, "the agent"),
            may("leases", "list of id", "the leases it says it holds", "it named none"),
            may("all", "boolean", "it was told how all its leases stand", "it was not"),
        ],
        tags: SESSION_TAGS,
    },
    EventType {
        name: "SessionEnded",
        family: "Sessions",
        summary: "A session is over, and with it its leases.",
        stream_prefix: "session-",
        fields: &[
            must("id", ID, "the session"),
            must("agent_id", ID, "the agent"),
            must("reason", "ended · lost", "whether somebody ended it, or it was silent for too long"),
        ],
        tags: SESSION_TAGS,
    },
    EventType {
        name: "LeaseAcquired",
        family: "Leases",
        summary: "An agent holds a task.",
        stream_prefix: "lease-",
        fields: &[
            must("id", ID, "the lease, another one for each acquisition"),
            must("task_id", ID, "the task"),
            must("agent_id", ID, "the holder"),
            may("session_id", ID, "the holder's session", NO_SESSION),
            must("fence", INTEGER, "how often the task was taken so far, hand-overs included, from 1"),
            must("ttl_ms", INTEGER, "how long each renewal lasts, in milliseconds"),
            must("expires_at", TIME, "from then on it is refused"),
        ],
        tags: LEASE_TAGS,
    },
    EventType {
        name: "LeaseRenewed",
        family: "Leases",
        summary: "The holder goes on.",
        stream_prefix: "lease-",
        fields: &[
            must("id", ID, "the lease"),
            must("expires_at", TIME, "from then on it is refused"),
            may("ttl_ms", INTEGER, "how long each renewal lasts from now on, in milliseconds", UNCHANGED),
        ],
        tags: LEASE_TAGS,
    },
    EventType {
        name: "LeaseReleased",
        family: "Leases",
        summary: "The lease ended with its work, or was given back.",
        stream_prefix: "lease-",
        fields: &[must("id", ID, "the lease")],
        tags: LEASE_TAGS,
    },
    EventType {
        name: "LeaseExpired",
        family: "Leases",
        summary: "The lease was not renewed in time.",
        stream_prefix: "lease-",
        fields: &[must("id", ID, "the lease"), must("expires_at", TIME, "the time that passed")],
        tags: LEASE_TAGS,
    },
    EventType {
        name: "LeaseOverride",
        family: "Leases",
        summary: "Somebody wrote to a task without its lease, and said so. It is in the stream of the task's \
                  active lease; when there is none, in `lease-override-{task_id}`.",
        stream_prefix: "lease-",
        fields: &[
            must("task_id", ID, "the task"),
            may("by", ID, "the agent that did it", "the caller did not say who it is"),
            must("command", TEXT, "what it asked for: `update_task`, `transition_task`, …"),
            may("lease_id", ID, "the lease that was overridden", "nobody held the task"),
        ],
        tags: &["task:{task_id}", "project:{project_id}", "agent:{by}", "lease:{lease_id}"],
    },
    EventType {
        name: "LeaseTransferred",
        family: "Leases",
        summary: "The lease ended, as its holder handed the task over: another agent goes on under a lease of its \
                  own, which begins in the same commit.",
        stream_prefix: "lease-",
        fields: &[
            must("id", ID, "the lease that ended"),
            must("task_id", ID, "the task"),
            must("from_agent_id", ID, "the holder until now"),
            must("agent_id", ID, "the holder from now on"),
            must("lease_id", ID, "the lease it goes on under"),
        ],
        tags: &[
            "task:{task_id}",
            "project:{project_id}",
            "agent:{from_agent_id}",
            "session:{session_id}",
            "lease:{id}",
        ],
    },
    EventType {
        name: "RunStarted",
        family: "Runs",
        summary: "One attempt of one agent at one task began.",
        stream_prefix: "run-",
        fields: &[
            must("id", ID, "the run"),
            must("task_id", ID, "the task"),
            must("agent_id", ID, "the agent"),
            may("session_id", ID, "the agent's session", NO_SESSION),
            must("lease_id", ID, "the lease it runs under"),
            must("attempt", INTEGER, "1 for the task's first attempt"),
        ],
        tags: RUN_TAGS,
    },
    EventType {
        name: "RunCompleted",
        family: "Runs",
        summary: "The attempt did what was wanted.",
        stream_prefix: "run-",
        fields: &[
            must("id", ID, "the run"),
            may("output", "any JSON", "what it gave", "it gave nothing"),
            may("evidence", "any JSON", "what shows that it holds", "nothing was shown"),
            may("cost", "number", "what it cost, in the caller's currency", "it was not told"),
            may("tokens", INTEGER, "tokens it used", "it was not told"),
        ],
        tags: RUN_TAGS,
    },
    EventType {
        name: "RunFailed",
        family: "Runs",
        summary: "The attempt failed.",
        stream_prefix: "run-",
        fields: &[
            must("id", ID, "the run"),
            must("class", FAILURE, "why; transient and capacity are tried again"),
            must("message", TEXT, "what happened"),
            may(
                "retry_after_ms",
                INTEGER,
                "the wait the agent asked for, in milliseconds",
                "it asked for none",
            ),
        ],
        tags: RUN_TAGS,
    },
    EventType {
        name: "RunCancelled",
        family: "Runs",
        summary: "The attempt ended because its task was cancelled.",
        stream_prefix: "run-",
        fields: &[must("id", ID, "the run")],
        tags: RUN_TAGS,
    },
    EventType {
        name: "RunReleased",
        family: "Runs",
        summary: "The agent gave the task back.",
        stream_prefix: "run-",
        fields: &[
            must("id", ID, "the run"),
            may("note", TEXT, "what it left for the next", "it said nothing"),
        ],
        tags: RUN_TAGS,
    },
    EventType {
        name: "RunExpired",
        family: "Runs",
        summary: "The attempt ended because its lease ran out.",
        stream_prefix: "run-",
        fields: &[must("id", ID, "the run")],
        tags: RUN_TAGS,
    },
    EventType {
        name: "ToolInvoked",
        family: "Runs",
        summary: "The agent used a tool. `data` is the agent's own object; these members have a meaning.",
        stream_prefix: "run-",
        fields: &[
            may("tool", TEXT, "name of the tool", "the agent did not say"),
            may("duration_ms", INTEGER, "how long it took, in milliseconds", "the agent did not say"),
            may("ok", "boolean", "whether it worked", "the agent did not say"),
        ],
        tags: RUN_TAGS,
    },
];
