//! Calls about the work: agents, tasks, claims, leases, runs and what surrounds a task.

use crate::row::{HTTP, Row};
use serde_json::{Value, json};

/// More than an event can hold.
fn large() -> String {
    "x".repeat((1 << 20) + 1)
}

/// Two of them are more than an event can hold.
fn half() -> String {
    "y".repeat(600 << 10)
}

pub(crate) fn rows() -> Vec<Row> {
    vec![
        // Creating a task.
        Row::call("POST", "/tasks", json!({})).invalid(&["/title"]),
        Row::call("POST", "/tasks", json!({ "title": "" })).invalid(&["/title"]),
        Row::call("POST", "/tasks", json!({ "title": 7 })).invalid(&["/title"]),
        Row::call("POST", "/tasks", json!({ "title": "t", "colour": "red" })).invalid(&["/colour"]),
        Row::call("POST", "/tasks", json!({ "title": "t", "priority": 6 })).invalid(&["/priority"]),
        Row::call("POST", "/tasks", json!({ "title": "t", "priority": "high" })).invalid(&["/priority"]),
        Row::call("POST", "/tasks", json!({ "title": "t", "class": "urgent" })).invalid(&["/class"]),
        Row::call("POST", "/tasks", json!({ "title": "t", "type": "Not A Word" })).invalid(&["/type"]),
        Row::call("POST", "/tasks", json!({ "title": "t", "id": "has blanks" })).invalid(&["/id"]),
        Row::call("POST", "/tasks", json!({ "title": "t", "id": "x".repeat(129) })).invalid(&["/id"]),
        Row::call("POST", "/tasks", json!({ "title": "t", "caps": "rust" })).invalid(&["/caps"]),
        Row::call("POST", "/tasks", json!({ "title": "t", "caps": ["rust", 7] })).invalid(&["/caps/1"]),
        Row::call("POST", "/tasks", json!({ "title": "t", "due_at": "tomorrow" })).invalid(&["/due_at"]),
        Row::call("POST", "/tasks", json!({ "title": "t", "metadata": [] })).invalid(&["/metadata"]),
        Row::call("POST", "/tasks", json!({ "title": "t", "max_attempts": 0 })).invalid(&["/max_attempts"]),
        Row::call(
            "POST",
            "/tasks",
            json!({ "title": "t", "contexts": [{ "type": "poem", "content": "c" }] }),
        )
        .invalid(&["/contexts/0/type"]),
        // Every problem is named: first those of form, then those of meaning.
        Row::call("POST", "/tasks", json!({ "class": "x", "priority": "y" })).invalid(&[
            "/title",
            "/class",
            "/priority",
        ]),
        Row::call("POST", "/tasks", json!({ "title": "t", "priority": 9, "id": "?" }))
            .invalid(&["/priority", "/id"]),
        // What no event can hold: a field by itself, and fields that only together are too much.
        Row::call("POST", "/tasks", json!({ "title": "t", "metadata": { "x": large() } })).too_large("pointer", "/metadata"),
        Row::call("POST", "/tasks", json!({ "title": "t", "intent": large() })).too_large("pointer", "/intent"),
        Row::call("POST", "/tasks", json!({ "title": half(), "intent": half() })).too_large("type", "TaskCreated"),
        Row::call("POST", "/tasks", json!({ "title": half(), "metadata": { "x": half() } })).too_large("type", "TaskCreated"),
        // Each quote is two bytes of JSON.
        Row::call("POST", "/tasks", json!({ "title": "\"".repeat(600 << 10) })).too_large("type", "TaskCreated"),
        Row::call("POST", "/tasks", json!({ "title": "t", "progress": ["fine", large()] })).too_large("pointer", "/progress/1"),
        Row::call("POST", "/tasks", json!({ "title": "t", "contexts": [{ "type": "note", "content": half(), "metadata": { "x": half() } }] }))
            .too_large("type", "ContextAdded"),
        Row::call("POST", "/progress_items", json!({ "task_id": "t1", "items": [large()], "override": true }))
            .too_large("pointer", "/items/0"),
        Row::call("POST", "/contexts", json!({ "task_id": "t1", "type": "note", "content": large() })).too_large("pointer", "/content"),
        Row::call("POST", "/contexts", json!({ "task_id": "t1", "type": "note", "content": half(), "metadata": { "x": half() } }))
            .too_large("type", "ContextAdded"),
        Row::call("POST", "/agents/register", json!({ "id": "large", "name": half(), "role": "executor", "caps": [], "metadata": { "x": half() } }))
            .too_large("type", "AgentRegistered"),
        Row::call("POST", "/tasks", json!([])).invalid(&[]),
        Row::call("POST", "/tasks", json!({ "title": "t", "id": "t1" })).is(409, "ERR_CONFLICT"),
        Row::call("POST", "/tasks", json!({ "title": "t", "parent_id": "none" })).is(404, "ERR_NOT_FOUND"),
        Row::call("POST", "/tasks", json!({ "title": "t", "blocked_by": ["none"] })).is(404, "ERR_NOT_FOUND"),
        // What is not there.
        Row::call("GET", "/tasks/none", Value::Null).is(404, "ERR_NOT_FOUND"),
        Row::call("GET", "/agents/none", Value::Null).is(404, "ERR_NOT_FOUND"),
        Row::call("GET", "/runs/none", Value::Null).is(404, "ERR_NOT_FOUND"),
        Row::call("GET", "/no/such/route", Value::Null).is(404, "ERR_NOT_FOUND"),
        Row::call("PATCH", "/tasks/none", json!({ "title": "t", "override": true })).is(404, "ERR_NOT_FOUND"),
        Row::call("POST", "/tasks/none/transition", json!({ "status": "open", "override": true }))
            .is(404, "ERR_NOT_FOUND"),
        Row::call("POST", "/tasks/none/archive", json!({})).is(404, "ERR_NOT_FOUND"),
        Row::call("POST", "/tasks/none/restore", json!({})).is(404, "ERR_NOT_FOUND"),
        Row::call("POST", "/tasks/none/complete", json!({ "lease_id": "l" })).is(404, "ERR_NOT_FOUND"),
        Row::call("DELETE", "/relationships/none", Value::Null).is(404, "ERR_NOT_FOUND"),
        Row::call("PATCH", "/progress_items/none", json!({ "completed": true })).is(404, "ERR_NOT_FOUND"),
        Row::call("POST", "/contexts", json!({ "task_id": "none", "type": "note", "content": "c" }))
            .is(404, "ERR_NOT_FOUND"),
        Row::call("POST", "/leases", json!({ "task_id": "none", "agent_id": "a1" })).is(404, "ERR_NOT_FOUND"),
        Row::call("PATCH", "/leases/none/renew", json!({})).is(404, "ERR_NOT_FOUND"),
        Row::call("DELETE", "/leases/none", Value::Null).is(404, "ERR_NOT_FOUND"),
        // The wrong method.
        Row::call("PUT", "/tasks", json!({})).is(405, "ERR_VALIDATION"),
        // Changing a task.
        Row::call("PATCH", "/tasks/t1", json!({ "title": "" , "expected_version": 1 })).invalid(&["/title"]),
        Row::call("PATCH", "/tasks/t1", json!({ "status": "open", "expected_version": 1 }))
            .invalid(&["/status"]),
        Row::call("PATCH", "/tasks/t1", json!({ "title": "x", "expected_version": 9 }))
            .is(409, "ERR_CONFLICT"),
        Row::call("PATCH", "/tasks/t1", json!({ "title": "x" })).is(423, "ERR_LEASE_REQUIRED"),
        Row::call("PATCH", "/tasks/t1", json!({ "title": "x", "lease_id": "none" }))
            .is(423, "ERR_LEASE_EXPIRED"),
        Row::call("PATCH", "/tasks/t0", json!({ "parent_id": "t1", "expected_version": 1 }))
            .is(409, "ERR_CONFLICT"),
        Row::call("POST", "/tasks/t1/transition", json!({ "status": "done" })).invalid(&["/status"]),
        Row::call("POST", "/tasks/t1/transition", json!({})).invalid(&["/status"]),
        Row::call("POST", "/tasks/t1/transition", json!({ "status": "blocked", "override": true }))
            .invalid(&["/reason"]),
        Row::call("POST", "/tasks/t1/transition", json!({ "status": "completed", "override": true }))
            .is(409, "ERR_INVALID_STATE"),
        Row::call("POST", "/tasks/t1/archive", json!({})).is(409, "ERR_INVALID_STATE"),
        Row::call("POST", "/tasks/t1/complete", json!({ "lease_id": "none" })).is(423, "ERR_LEASE_EXPIRED"),
        Row::call("POST", "/tasks/t1/complete", json!({ "lease_id": "x", "cost": "much" }))
            .invalid(&["/cost"]),
        Row::call("POST", "/tasks/t1/fail", json!({ "lease_id": "x", "class": "odd", "message": "m" }))
            .invalid(&["/class"]),
        Row::call("POST", "/tasks/t1/fail", json!({ "lease_id": "x", "class": "transient" }))
            .invalid(&["/message"]),
        // Relationships, contexts, progress, agents, claims, leases.
        Row::call(
            "POST",
            "/relationships",
            json!({ "from_task_id": "t1", "to_task_id": "t0", "type": "loves" }),
        )
        .invalid(&["/type"]),
        Row::call("POST", "/relationships", json!({ "from_task_id": "t1", "type": "blocks" }))
            .invalid(&["/to_task_id"]),
        Row::call(
            "POST",
            "/relationships",
            json!({ "from_task_id": "t1", "to_task_id": "t0", "type": "parent_of" }),
        )
        .is(409, "ERR_CONFLICT"),
        Row::call(
            "POST",
            "/relationships",
            json!({ "from_task_id": "t1", "to_task_id": "t1", "type": "blocks" }),
        )
        .is(409, "ERR_CONFLICT"),
        Row::call(
            "POST",
            "/relationships",
            json!({ "from_task_id": "t1", "to_task_id": "none", "type": "blocks" }),
        )
        .is(404, "ERR_NOT_FOUND"),
        Row::call("POST", "/contexts", json!({ "task_id": "t1", "type": "note" })).invalid(&["/content"]),
        Row::call("POST", "/contexts", json!({ "task_id": "t1", "type": "poem", "content": "c" }))
            .invalid(&["/type"]),
        Row::call("POST", "/progress_items", json!({ "task_id": "t1", "items": [] })).invalid(&["/items"]),
        Row::call("POST", "/agents/register", json!({ "id": "a2", "name": "n", "role": "boss", "caps": [] }))
            .invalid(&["/role"]),
        Row::call("POST", "/agents/register", json!({ "id": "a2" })).invalid(&["/name"]),
        Row::call("POST", "/tasks/claim", json!({})).invalid(&["/agent_id"]),
        Row::call("POST", "/tasks/claim", json!({ "agent_id": "a1", "limit": 0 })).invalid(&["/limit"]),
        Row::call("POST", "/tasks/claim", json!({ "agent_id": "a1", "lease_s": 0 })).invalid(&["/lease_s"]),
        Row::call("POST", "/tasks/claim", json!({ "agent_id": "a1", "where": "colour = 1" }))
            .is(400, "ERR_PQL"),
        Row::call("POST", "/leases", json!({ "task_id": "t1", "agent_id": "a1", "ttl_s": 999_999_999 }))
            .invalid(&["/ttl_s"]),
        Row::call("POST", "/leases", json!({ "task_id": "t1" })).invalid(&["/agent_id"]),
        Row::call("POST", "/tickets", json!({ "for": "ever" })).through(HTTP).invalid(&["/for"]),
        Row::call("GET", "/agents?role=boss", Value::Null).invalid(&["/role"]),
        Row::call("GET", "/agents?offset=-1", Value::Null).invalid(&["/offset"]),
        Row::call("GET", "/runs?status=lost", Value::Null).invalid(&["/status"]),
        Row::call("GET", "/runs?fields=outputs", Value::Null).invalid(&["/fields"]).says("output"),
        Row::call("GET", "/tasks?limit=10001", Value::Null).invalid(&["/limit"]),
        Row::call("GET", "/tasks?include_children=perhaps", Value::Null).invalid(&["/include_children"]),
        Row::call("GET", "/tasks?fields=id,colour", Value::Null).invalid(&["/fields"]),
        Row::call("GET", "/tasks/none/history", Value::Null).is(404, "ERR_NOT_FOUND"),
        Row::call("GET", "/tasks/t1/history?after=-1", Value::Null).invalid(&["/after"]),
        Row::call("GET", "/tasks/t1/history?limit=0", Value::Null).invalid(&["/limit"]),
        Row::call("GET", "/tasks/t1/history?from_time=monday&to_time=friday", Value::Null)
            .invalid(&["/from_time", "/to_time"]),
        Row::call("GET", "/tasks/none/brief", Value::Null).is(404, "ERR_NOT_FOUND"),
        Row::call("GET", "/tasks/t1/brief?max_tokens=199", Value::Null)
            .invalid(&["/max_tokens"])
            .says("200 to 100000"),
        Row::call("GET", "/tasks/t1/brief?max_tokens=100001", Value::Null).invalid(&["/max_tokens"]),
        Row::call("GET", "/tasks/t1/brief?max_tokens=all", Value::Null).invalid(&["/max_tokens"]),
        Row::call(
            "POST",
            "/tasks/none/fail",
            json!({ "lease_id": "l", "class": "transient", "message": "m" }),
        )
        .is(404, "ERR_NOT_FOUND"),
        Row::call("POST", "/tasks/none/release", json!({ "lease_id": "l" })).is(404, "ERR_NOT_FOUND"),
        Row::call("POST", "/runs/none/events", json!({ "lease_id": "$lease", "events": [{ "type": "X" }] }))
            .is(404, "ERR_NOT_FOUND"),
        Row::call("POST", "/runs/$run/events", json!({ "lease_id": "$lease" })).invalid(&["/events"]),
        Row::call("POST", "/runs/$run/events", json!({ "lease_id": "$lease", "events": [{ "data": 1 }] }))
            .invalid(&["/events/0/type"]),
        Row::call("POST", "/runs/$run/events", json!({ "lease_id": "none", "events": [{ "type": "X" }] }))
            .is(423, "ERR_LEASE_EXPIRED"),
        // What is held: by whom, since when.
        Row::call("PATCH", "/tasks/held", json!({ "title": "x" }))
            .is(423, "ERR_LEASE_REQUIRED")
            .detail("holder", json!("a1")),
        Row::call("PATCH", "/tasks/held", json!({ "title": "x", "lease_id": "$lease", "fence": 0 }))
            .is(423, "ERR_LEASE_EXPIRED"),
        Row::call(
            "PATCH",
            "/tasks/held",
            json!({ "title": "x", "lease_id": "$lease", "expected_version": 99 }),
        )
        .is(409, "ERR_CONFLICT")
        .detail("expected", json!(99)),
        Row::call("POST", "/tasks/held/complete", json!({})).is(423, "ERR_LEASE_REQUIRED"),
        Row::call("POST", "/tasks/held/release", json!({})).is(423, "ERR_LEASE_REQUIRED"),
        Row::call("POST", "/tasks/held/complete", json!({ "lease_id": "$lease", "tokens": -1 }))
            .invalid(&["/tokens"]),
        Row::call(
            "POST",
            "/tasks/held/fail",
            json!({ "lease_id": "$lease", "class": "transient", "message": "m", "retry_after_s": -1 }),
        )
        .invalid(&["/retry_after_s"]),
        Row::call("POST", "/leases", json!({ "task_id": "held", "agent_id": "a1" }))
            .is(409, "ERR_CONFLICT")
            .detail("holder", json!("a1")),
        // A transition may bring a blocked task to in_progress; a lease is none.
        Row::call("POST", "/leases", json!({ "task_id": "stuck", "agent_id": "a1" }))
            .is(409, "ERR_INVALID_STATE")
            .says("a task that is blocked cannot be leased")
            .says("it opens by itself when the tasks that block it have ended")
            .detail("allowed", json!(["in_progress", "cancelled"])),
        Row::call("POST", "/tasks/stuck/release", json!({ "override": true }))
            .is(409, "ERR_INVALID_STATE")
            .says("blocked"),
        // Whose work is done is not told to claim it.
        Row::call("POST", "/tasks/done/complete", json!({ "lease_id": "over" }))
            .is(423, "ERR_LEASE_EXPIRED")
            .says("its lease is over, and it is completed now"),
        Row::call("PATCH", "/leases/$lease/renew", json!({ "ttl_s": 0 })).invalid(&["/ttl_s"]),
        Row::call("DELETE", "/leases/$lease", json!({ "note": "n" })).invalid(&["/note"]),
        Row::call("PATCH", "/progress_items/$item", json!({})).invalid(&["/completed"]),
        Row::call("PATCH", "/progress_items/$item", json!({ "completed": "yes" })).invalid(&["/completed"]),
        Row::call("DELETE", "/relationships/$relationship", json!({ "really": true })).invalid(&["/really"]),
        Row::call(
            "POST",
            "/contexts",
            json!({ "task_id": "t1", "type": "note", "content": "c", "supersedes": "none" }),
        )
        .is(404, "ERR_NOT_FOUND"),
        Row::call("POST", "/leases/none/transfer", json!({ "agent_id": "a2" })).is(404, "ERR_NOT_FOUND"),
        Row::call("POST", "/leases/$lease/transfer", json!({ "agent_id": "zz9" }))
            .is(404, "ERR_NOT_FOUND")
            .detail("kind", json!("agent"))
            .says("who is to go on registers first"),
        Row::call("POST", "/leases/$lease/transfer", json!({})).invalid(&["/agent_id"]),
        Row::call("POST", "/leases/$lease/transfer", json!({ "agent_id": "has blanks" }))
            .invalid(&["/agent_id"]),
        Row::call("POST", "/leases/$lease/transfer", json!({ "agent_id": "a1" }))
            .invalid(&["/agent_id"])
            .says("renew"),
        Row::call("POST", "/leases/$lease/transfer", json!({ "agent_id": "a2", "session_id": "$session" }))
            .invalid(&["/session_id"]),
        Row::call("POST", "/leases/$lease/transfer", json!({ "agent_id": "a1", "session_id": "none" }))
            .is(404, "ERR_NOT_FOUND"),
        // Sessions: there, not over, the agent's own.
        Row::call("POST", "/sessions/start", json!({})).invalid(&["/agent_id"]),
        Row::call("POST", "/sessions/start", json!({ "agent_id": "has blanks" })).invalid(&["/agent_id"]),
        Row::call("POST", "/sessions/start", json!({ "agent_id": "a1", "id": "" })).invalid(&["/id"]),
        Row::call("POST", "/sessions/start", json!({ "agent_id": "a1", "metadata": [] }))
            .invalid(&["/metadata"]),
        Row::call("POST", "/sessions/start", json!({ "agent_id": "a1", "id": "$session" }))
            .is(409, "ERR_CONFLICT"),
        Row::call("POST", "/sessions/none/heartbeat", json!({})).is(404, "ERR_NOT_FOUND"),
        Row::call("POST", "/sessions/over/heartbeat", json!({}))
            .is(409, "ERR_INVALID_STATE")
            .detail("from", json!("closed")),
        Row::call("POST", "/sessions/$session/heartbeat", json!({ "leases": "all" })).invalid(&["/leases"]),
        Row::call("POST", "/sessions/$session/heartbeat", json!({ "progress": [{}] }))
            .invalid(&["/progress/0"]),
        Row::call(
            "POST",
            "/sessions/$session/heartbeat",
            json!({ "progress": [{ "id": "$item", "completed": true, "task_id": "t1" }] }),
        )
        .invalid(&["/progress/0"]),
        Row::call(
            "POST",
            "/sessions/$session/heartbeat",
            json!({ "progress": [{ "task_id": "t1", "items": [] }] }),
        )
        .invalid(&["/progress/0/items"]),
        Row::call(
            "POST",
            "/sessions/$session/heartbeat",
            json!({ "progress": [{ "id": "none", "completed": true }] }),
        )
        .is(404, "ERR_NOT_FOUND"),
        Row::call(
            "POST",
            "/sessions/$session/heartbeat",
            json!({ "progress": [{ "id": "$item", "completed": true }] }),
        )
        .is(423, "ERR_LEASE_REQUIRED"),
        Row::call("POST", "/sessions/none/end", json!({})).is(404, "ERR_NOT_FOUND"),
        Row::call("POST", "/sessions/over/end", json!({})).is(409, "ERR_INVALID_STATE"),
        Row::call("POST", "/tasks/claim", json!({ "agent_id": "a1", "session_id": "none" }))
            .is(404, "ERR_NOT_FOUND"),
        Row::call("POST", "/tasks/claim", json!({ "agent_id": "a1", "session_id": "over" }))
            .is(409, "ERR_INVALID_STATE"),
        Row::call("POST", "/tasks/claim", json!({ "agent_id": "a2", "session_id": "$session" }))
            .invalid(&["/session_id"]),
        Row::call("POST", "/leases", json!({ "task_id": "t1", "agent_id": "a1", "session_id": "over" }))
            .is(409, "ERR_INVALID_STATE"),
        // The session that a write is in, and the holder's lease in another's hands.
        Row::call("POST", "/tasks", json!({ "title": "x" }))
            .header("agentpm-session", "none")
            .is(404, "ERR_NOT_FOUND"),
        Row::call("POST", "/tasks", json!({ "title": "x" }))
            .header("agentpm-session", "over")
            .is(409, "ERR_INVALID_STATE")
            .detail("from", json!("closed")),
        Row::call("POST", "/tasks", json!({ "title": "x" }))
            .header("agentpm-session", "$session")
            .header("agentpm-agent", "a2")
            .invalid(&[""])
            .says("a2"),
        Row::call("POST", "/sessions/$session/heartbeat", json!({}))
            .header("agentpm-agent", "a2")
            .invalid(&[""]),
        Row::call("POST", "/sessions/$session/end", json!({})).header("agentpm-agent", "a2").invalid(&[""]),
        Row::call("PATCH", "/tasks/held", json!({ "title": "x", "lease_id": "$lease" }))
            .header("agentpm-agent", "a2")
            .is(423, "ERR_LEASE_EXPIRED")
            .detail("holder", json!("a1")),
        Row::call("DELETE", "/leases/$lease", json!({}))
            .header("agentpm-agent", "a2")
            .is(423, "ERR_LEASE_EXPIRED"),
        // States: where it is, where it should go, where it can.
        Row::call("POST", "/tasks/t1/transition", json!({ "status": "completed", "override": true }))
            .is(409, "ERR_INVALID_STATE")
            .detail("from", json!("open"))
            .detail("to", json!("completed"))
            .detail("allowed", json!(["in_progress", "blocked", "cancelled"])),
        Row::call("POST", "/tasks/done/transition", json!({ "status": "open", "override": true }))
            .is(409, "ERR_INVALID_STATE")
            .detail("from", json!("completed"))
            .detail("allowed", json!([])),
        Row::call("POST", "/tasks/stuck/transition", json!({ "status": "open", "override": true }))
            .is(409, "ERR_INVALID_STATE")
            .detail("from", json!("blocked"))
            .detail("allowed", json!(["in_progress", "cancelled"])),
        Row::call("POST", "/tasks/stuck/transition", json!({ "status": "completed", "override": true }))
            .is(409, "ERR_INVALID_STATE")
            .detail("allowed", json!(["in_progress", "cancelled"])),
        Row::call("POST", "/tasks/t1/archive", json!({}))
            .is(409, "ERR_INVALID_STATE")
            .detail("to", json!("archived")),
        Row::call("POST", "/tasks/gone/archive", json!({}))
            .is(409, "ERR_INVALID_STATE")
            .detail("from", json!("archived")),
        Row::call("POST", "/tasks/done/restore", json!({}))
            .is(409, "ERR_INVALID_STATE")
            .detail("from", json!("completed"))
            .detail("to", json!("completed")),
        Row::call("PATCH", "/tasks/gone", json!({ "title": "x", "override": true }))
            .is(409, "ERR_INVALID_STATE")
            .detail("from", json!("archived")),
        Row::call("POST", "/leases", json!({ "task_id": "gone", "agent_id": "a1" }))
            .is(409, "ERR_INVALID_STATE")
            .detail("from", json!("archived")),
    ]
}
