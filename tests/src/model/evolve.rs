//! What each event says, as docs/events.md has it.

use super::{Row, World};
use crate::time;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The prefix of the streams a type belongs to; in another stream it says nothing.
fn prefix(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "TaskCreated" | "TaskUpdated" | "TaskStatusChanged" | "TaskArchived" | "TaskRestored" => "task-",
        "RelationshipAdded" | "RelationshipRemoved" => "relationship-",
        "ProgressItemAdded" | "ProgressItemCompleted" => "progress-",
        "ContextAdded" | "ContextSuperseded" => "context-",
        "AgentRegistered" | "AgentUpdated" => "agent-",
        "SessionStarted" | "SessionHeartbeat" | "SessionEnded" => "session-",
        "LeaseAcquired" | "LeaseRenewed" | "LeaseReleased" | "LeaseExpired" | "LeaseTransferred" => "lease-",
        "RunStarted" | "RunCompleted" | "RunFailed" | "RunCancelled" | "RunReleased" | "RunExpired" => "run-",
        _ => return None,
    })
}

pub(super) fn evolve(world: &mut World, event: &Value) {
    let text = |name: &str| event[name].as_str().unwrap_or_default();
    let kind = text("type");
    let Some(prefix) = prefix(kind) else { return };
    let Some(key) = text("stream").strip_prefix(prefix) else { return };
    let at = json!(time::text(world.time));
    let data = &event["data"];
    match prefix {
        "task-" => task(world, kind, key, data, &at, &event["revision"]),
        "relationship-" => relationship(world, kind, key, data, at),
        "progress-" => progress(world, kind, key, data, at),
        "context-" => context(world, kind, key, data, at),
        "agent-" => agent(world, kind, key, data, at),
        "session-" => session(world, kind, key, data, at),
        "lease-" => lease(world, kind, key, data, &at),
        _ => run(world, kind, key, data, at),
    }
}

fn task(world: &mut World, kind: &str, key: &str, data: &Value, at: &Value, revision: &Value) {
    if kind == "TaskCreated" {
        let status = or(data, "status", "open".into());
        let row = object(json!({
            "id": key,
            "project_id": data["project_id"],
            "parent_id": null,
            "title": data["title"],
            "intent": data["intent"],
            "type": data["type"],
            "status": status,
            "owner_agent_id": data["owner_agent_id"],
            "priority": or(data, "priority", json!(0)),
            "class": or(data, "class", "normal".into()),
            "caps": set(&data["caps"]),
            "labels": set(&data["labels"]),
            "metadata": or(data, "metadata", json!({})),
            "version": revision,
            "attempts": 0,
            "max_attempts": or(data, "max_attempts", json!(3)),
            "not_before": moment(&data["not_before"]),
            "due_at": moment(&data["due_at"]),
            "created_at": moment(&or(data, "created_at", at.clone())),
            "updated_at": at,
            "completed_at": ended(data, "completed_at", status == "completed", at),
            "cancelled_at": ended(data, "cancelled_at", status == "cancelled", at),
            "archived_at": null,
        }));
        world.put("tasks", key, row);
        return;
    }
    world.change("tasks", key, |row| {
        match kind {
            "TaskUpdated" => {
                for (name, value) in data.as_object().into_iter().flatten().filter(|(name, _)| *name != "id")
                {
                    let value = match name.as_str() {
                        "caps" | "labels" => set(value),
                        "not_before" | "due_at" | "created_at" => moment(value),
                        _ => value.clone(),
                    };
                    // A member this catalogue does not have is none of the row's business.
                    if row.contains_key(name) {
                        row.insert(name.clone(), value);
                    }
                }
            }
            "TaskStatusChanged" => {
                for name in ["status", "owner_agent_id", "attempts"] {
                    row.insert(name.into(), data[name].clone());
                }
                let status = &data["status"];
                row.insert("not_before".into(), moment(&data["not_before"]));
                row.insert("completed_at".into(), ended(data, "completed_at", status == "completed", at));
                row.insert("cancelled_at".into(), ended(data, "cancelled_at", status == "cancelled", at));
            }
            "TaskArchived" => drop(row.insert("archived_at".into(), at.clone())),
            _ => drop(row.insert("archived_at".into(), Value::Null)),
        }
        row.insert("version".into(), revision.clone());
        row.insert("updated_at".into(), at.clone());
    });
}

fn relationship(world: &mut World, kind: &str, key: &str, data: &Value, at: Value) {
    let child = data["to_task_id"].as_str().unwrap_or_default();
    let is_parent = data["type"] == "parent_of";
    if kind == "RelationshipAdded" {
        let row = json!({
            "id": key,
            "from_task_id": data["from_task_id"],
            "to_task_id": data["to_task_id"],
            "type": data["type"],
            "metadata": or(data, "metadata", json!({})),
            "created_at": at,
        });
        world.put("relationships", key, object(row));
        if is_parent {
            world.change("tasks", child, |task| {
                drop(task.insert("parent_id".into(), data["from_task_id"].clone()))
            });
        }
    } else {
        world.remove("relationships", key);
        if is_parent {
            world.change("tasks", child, |task| drop(task.insert("parent_id".into(), Value::Null)));
        }
    }
}

fn progress(world: &mut World, kind: &str, key: &str, data: &Value, at: Value) {
    if kind == "ProgressItemAdded" {
        let row = json!({
            "id": key,
            "task_id": data["task_id"],
            "content": data["content"],
            "completed": false,
            "created_at": at,
            "completed_at": null,
        });
        world.put("progress_items", key, object(row));
    } else {
        let done = or(data, "completed", json!(true));
        world.change("progress_items", key, |item| {
            item.insert("completed_at".into(), if done == true { at } else { Value::Null });
            item.insert("completed".into(), done);
        });
    }
}

fn context(world: &mut World, kind: &str, key: &str, data: &Value, at: Value) {
    if kind == "ContextAdded" {
        let row = json!({
            "id": key,
            "task_id": data["task_id"],
            "type": data["type"],
            "content": data["content"],
            "metadata": or(data, "metadata", json!({})),
            "superseded_by": null,
            "created_at": at,
        });
        world.put("contexts", key, object(row));
    } else {
        world.change("contexts", key, |context| {
            drop(context.insert("superseded_by".into(), data["by"].clone()))
        });
    }
}

fn agent(world: &mut World, kind: &str, key: &str, data: &Value, at: Value) {
    if kind == "AgentRegistered" {
        let row = json!({
            "id": key,
            "name": data["name"],
            "role": or(data, "role", "executor".into()),
            "caps": set(&data["caps"]),
            "metadata": or(data, "metadata", json!({})),
            "created_at": at,
            "last_seen_at": at,
        });
        world.put("agents", key, object(row));
    } else {
        world.change("agents", key, |agent| {
            for name in ["name", "role", "metadata"] {
                if let Some(value) = data.get(name) {
                    agent.insert(name.into(), value.clone());
                }
            }
            if let Some(caps) = data.get("caps") {
                agent.insert("caps".into(), set(caps));
            }
            agent.insert("last_seen_at".into(), at);
        });
    }
}

fn session(world: &mut World, kind: &str, key: &str, data: &Value, at: Value) {
    if kind == "SessionStarted" {
        let row = json!({
            "id": key,
            "agent_id": data["agent_id"],
            "status": "active",
            "started_at": at,
            "ended_at": null,
            "last_heartbeat_at": at,
            "metadata": or(data, "metadata", json!({})),
        });
        world.put("sessions", key, object(row));
    } else {
        world.change("sessions", key, |session| {
            if kind == "SessionHeartbeat" {
                session.insert("last_heartbeat_at".into(), at.clone());
            } else {
                session.insert("status".into(), "closed".into());
                session.insert("ended_at".into(), at.clone());
            }
        });
    }
    if kind != "SessionEnded" {
        let agent = data["agent_id"].as_str().unwrap_or_default().to_owned();
        world.change("agents", &agent, |agent| drop(agent.insert("last_seen_at".into(), at)));
    }
}

fn lease(world: &mut World, kind: &str, key: &str, data: &Value, at: &Value) {
    if kind == "LeaseAcquired" {
        let row = json!({
            "id": key,
            "task_id": data["task_id"],
            "agent_id": data["agent_id"],
            "session_id": data["session_id"],
            "fence": data["fence"],
            "status": "active",
            "expires_at": moment(&data["expires_at"]),
            "created_at": at,
            "updated_at": at,
        });
        world.put("leases", key, object(row));
    } else {
        world.change("leases", key, |lease| {
            lease.insert("updated_at".into(), at.clone());
            match kind {
                // Whoever it was handed over to has a lease of its own.
                "LeaseReleased" | "LeaseTransferred" => {
                    drop(lease.insert("status".into(), "released".into()))
                }
                "LeaseExpired" => drop(lease.insert("status".into(), "expired".into())),
                _ => drop(lease.insert("expires_at".into(), moment(&data["expires_at"]))),
            }
        });
    }
    // Whoever takes or renews a lease is alive.
    if matches!(kind, "LeaseAcquired" | "LeaseRenewed") {
        let holder = world.row("leases", key).and_then(|lease| lease["agent_id"].as_str()).map(str::to_owned);
        if let Some(holder) = holder {
            world.change("agents", &holder, |agent| drop(agent.insert("last_seen_at".into(), at.clone())));
        }
    }
}

fn run(world: &mut World, kind: &str, key: &str, data: &Value, at: Value) {
    if kind == "RunStarted" {
        let row = json!({
            "id": key,
            "task_id": data["task_id"],
            "agent_id": data["agent_id"],
            "session_id": data["session_id"],
            "lease_id": data["lease_id"],
            "attempt": data["attempt"],
            "status": "running",
            "failure_class": null,
            "failure_message": null,
            "started_at": at,
            "ended_at": null,
            "duration_ms": null,
            "cost": null,
            "tokens": null,
            "output": null,
        });
        world.put("runs", key, object(row));
        return;
    }
    let now = world.time;
    world.change("runs", key, |run| {
        let started = run["started_at"].as_str().map_or(now, time::micros);
        run.insert("ended_at".into(), at);
        run.insert("duration_ms".into(), json!((now - started).div_euclid(1_000)));
        let status = match kind {
            "RunCompleted" => {
                for name in ["cost", "tokens", "output"] {
                    run.insert(name.into(), data[name].clone());
                }
                "completed"
            }
            "RunFailed" => {
                run.insert("failure_class".into(), data["class"].clone());
                run.insert("failure_message".into(), data["message"].clone());
                "failed"
            }
            "RunCancelled" => "cancelled",
            "RunReleased" => "released",
            _ => "expired",
        };
        run.insert("status".into(), status.into());
    });
}

fn object(value: Value) -> Row {
    let Value::Object(row) = value else { unreachable!("rows are written as objects above") };
    row
}

/// A member, or what its absence means.
fn or(data: &Value, name: &str, default: Value) -> Value {
    data.get(name).filter(|value| !value.is_null()).cloned().unwrap_or(default)
}

/// A set: sorted by byte, without repetition.
fn set(value: &Value) -> Value {
    let members: BTreeSet<&str> = value.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    json!(members)
}

/// A time in the form answers have, or null.
fn moment(value: &Value) -> Value {
    value.as_str().map_or(Value::Null, |text| json!(time::text(time::micros(text))))
}

/// When it ended: as told, else now; null while it has not.
fn ended(data: &Value, name: &str, has: bool, at: &Value) -> Value {
    if has { moment(&or(data, name, at.clone())) } else { Value::Null }
}
