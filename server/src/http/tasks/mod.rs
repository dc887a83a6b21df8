//! Tasks: the work.

mod brief;
mod change;
pub(crate) mod claim;
mod create;
mod end;
mod history;
mod list;
mod show;

use crate::app::Shared;
use crate::error::Code;
use crate::schema::{Operation, refer};
use crate::wire::{task, work};
use axum::Router;
use axum::routing::{get, post};
use serde_json::json;
use store::Text;

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/tasks", get(list::list).post(create::create))
        .route("/tasks/claim", post(claim::claim))
        .route("/tasks/{id}", get(show::show).patch(change::update))
        .route("/tasks/{id}/transition", post(change::transition))
        .route("/tasks/{id}/archive", post(change::archive))
        .route("/tasks/{id}/restore", post(change::restore))
        .route("/tasks/{id}/complete", post(end::complete))
        .route("/tasks/{id}/fail", post(end::fail))
        .route("/tasks/{id}/release", post(end::release))
        .route("/tasks/{id}/brief", get(brief::brief))
        .route("/tasks/{id}/history", get(history::history))
}

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::get("/tasks", "list_tasks", "Tasks, in order of id.")
            .query(list::parameters)
            .gives("Tasks"),
        Operation::post("/tasks", "create_task", "Make a task, with what belongs to it.", task::create)
            .example(json!({
                "id": "t9",
                "title": "Write the manual",
                "type": "docs",
                "priority": 1,
                "caps": ["writing"],
                "progress": ["outline", "draft"],
                "contexts": [{ "type": "decision", "content": "One page." }],
                "blocked_by": ["t1"],
            }))
            .gives("Task")
            .fails(&[Code::NotFound, Code::Conflict, Code::InvalidState]),
        Operation::post("/tasks/claim", "claim_task", "Take the best task that is ready.", work::claim)
            .example(json!({ "agent_id": "ada", "where": "project_id IS NULL", "lease_s": 900 }))
            .gives_schema(json!({
                "description": "With `limit`, what was taken; without, one task, or null when there is none.",
                "anyOf": [refer("Claim"), refer("Claims"), { "type": "null" }],
            }))
            .fails(&[Code::Pql, Code::NotFound, Code::InvalidState]),
        Operation::get("/tasks/{id}", "get_task", "One task, with what is around it.")
            .query(show::parameters)
            .gives("TaskWhole")
            .fails(&[Code::NotFound]),
        Operation::patch("/tasks/{id}", "update_task", "Change a task's own fields.", |fields| {
            task::update(Text::default(), fields)
        })
        .example(json!({ "title": "Write the manual again", "due_at": null, "override": true }))
        .gives("Task")
        .changes_work(),
        Operation::post(
            "/tasks/{id}/transition",
            "transition_task",
            "Move a task to another status.",
            |fields| task::transition(Text::default(), fields),
        )
        .example(json!({ "status": "cancelled", "reason": "nobody needs it", "override": true }))
        .gives("Task")
        .changes_work(),
        Operation::post("/tasks/{id}/archive", "archive_task", "Put a finished task away.", |_| ())
            .gives("Task")
            .changes_work(),
        Operation::post("/tasks/{id}/restore", "restore_task", "Take an archived task up again.", |_| ())
            .gives("Task")
            .changes_work(),
        Operation::post("/tasks/{id}/complete", "complete_task", "The task is done.", |fields| {
            task::complete(Text::default(), fields)
        })
        .example(json!({ "lease_id": "$lease", "output": { "pages": 1 }, "cost": 0.12, "tokens": 4100 }))
        .gives("TaskEnded")
        .changes_work(),
        Operation::post("/tasks/{id}/fail", "fail_task", "The attempt failed.", |fields| {
            task::fail(Text::default(), fields)
        })
        .example(json!({ "lease_id": "$lease", "class": "transient", "message": "no network" }))
        .gives("TaskEnded")
        .changes_work(),
        Operation::post("/tasks/{id}/release", "release_task", "Give the task back.", |fields| {
            task::release(Text::default(), fields)
        })
        .example(json!({ "lease_id": "$lease", "note": "the outline is done" }))
        .gives("TaskEnded")
        .changes_work(),
        Operation::get(
            "/tasks/{id}/brief",
            "task_brief",
            "What to know of a task, within a budget of tokens.",
        )
        .query(brief::parameters)
        .gives("Brief")
        .fails(&[Code::NotFound]),
        Operation::get("/tasks/{id}/history", "task_history", "The events about a task, oldest first.")
            .query(history::Wanted::of)
            .gives("History")
            .fails(&[Code::NotFound]),
    ]
}
