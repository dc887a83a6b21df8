//! What came of a command, as the `data` of its answer.

use super::envelope::{push, push_list, push_name};
use super::rows::{push_row, push_task};
use super::time::rfc3339;
use domain::command::{Claimed, Directive, LeaseDirective};
use domain::rows::{ProgressItem, Run, Session};
use domain::{Outcome, command::TaskView};
use query::tables::RowFields;
use std::sync::Arc;

/// Appends the thing that was made or changed, whole.
pub(crate) fn push_outcome(out: &mut Vec<u8>, outcome: &Outcome) {
    match outcome {
        Outcome::Agent(row) => push_row(out, &RowFields::Agent(row)),
        Outcome::Task(view) => push_task(out, view),
        Outcome::Relationship(row) | Outcome::RelationshipRemoved(row) => {
            push_row(out, &RowFields::Relationship(row));
        }
        Outcome::ProgressItem(row) => push_row(out, &RowFields::ProgressItem(row)),
        Outcome::ProgressItems(rows) => push_progress_items(out, rows),
        Outcome::Context(row) => push_row(out, &RowFields::Context(row)),
        Outcome::Lease(row) => push_row(out, &RowFields::Lease(row)),
        Outcome::Session(row) => push_row(out, &RowFields::Session(row)),
        Outcome::Heartbeat { session, leases } => push_heartbeat(out, session, leases),
        Outcome::Claims { claims, .. } => push_claims(out, claims),
        Outcome::Ended { task, run } => push_ended(out, task, run),
        Outcome::Appended { count } => push(out, &serde_json::json!({"count": count})),
        Outcome::Expired { leases, sessions } => {
            push(out, &serde_json::json!({"leases": leases, "sessions": sessions}));
        }
        // The import has an answer of its own; this is what any other caller would see of it.
        Outcome::Imported(_) => out.extend_from_slice(b"{}"),
    }
}

fn push_progress_items(out: &mut Vec<u8>, rows: &[Arc<ProgressItem>]) {
    out.extend_from_slice(b"{\"progress_items\":");
    push_list(out, rows, |out, row| push_row(out, &RowFields::ProgressItem(row)));
    out.push(b'}');
}

/// The task's columns, and the run that ended as a further member.
fn push_ended(out: &mut Vec<u8>, task: &TaskView, run: &Run) {
    push_task(out, task);
    reopen(out);
    push_name(out, "run");
    push_row(out, &RowFields::Run(run));
    out.push(b'}');
}

/// `{"directive","session":{row},"leases":[{"id","task_id","expires_at","directive"}]}`
fn push_heartbeat(out: &mut Vec<u8>, session: &Session, leases: &[LeaseDirective]) {
    let worst = leases.iter().map(|told| told.directive).max().unwrap_or(Directive::Continue);
    out.extend_from_slice(b"{\"directive\":");
    push(out, worst.as_str());
    push_name(out, "session");
    push_row(out, &RowFields::Session(session));
    push_name(out, "leases");
    push_list(out, leases, |out, told| {
        let lease = told.lease.as_deref();
        let told = serde_json::json!({
            "id": &*told.id,
            "task_id": lease.map(|lease| &*lease.task_id),
            "expires_at": lease.map(|lease| rfc3339(lease.expires_at)),
            "directive": told.directive.as_str(),
        });
        push(out, &told);
    });
    out.push(b'}');
}

/// `{"claims":[…]}`
pub(crate) fn push_claims(out: &mut Vec<u8>, claims: &[Claimed]) {
    out.extend_from_slice(b"{\"claims\":");
    push_list(out, claims, push_claim);
    out.push(b'}');
}

/// `{"task","lease":{"id","fence","expires_at"},"run_id","context":[…],"next":["agentpm …"]}`
pub(crate) fn push_claim(out: &mut Vec<u8>, claim: &Claimed) {
    let (task_id, lease) = (&*claim.task.task.id, &claim.lease);
    out.extend_from_slice(b"{\"task\":");
    push_task(out, &claim.task);
    push_name(out, "lease");
    let lease_json = serde_json::json!({
        "id": &*lease.id,
        "fence": lease.fence,
        "expires_at": rfc3339(lease.expires_at),
    });
    push(out, &lease_json);
    push_name(out, "run_id");
    push(out, &*claim.run.id);
    push_name(out, "context");
    push_list(out, &claim.contexts, |out, row| push_row(out, &RowFields::Context(row)));
    push_name(out, "next");
    let next = [
        format!("agentpm task get {task_id} --include relationships,progress,context"),
        format!("agentpm lease renew {}", lease.id),
        format!("agentpm task complete {task_id} --lease-id {}", lease.id),
        format!("agentpm task fail {task_id} --lease-id {} --class transient --message TEXT", lease.id),
        format!("agentpm task release {task_id} --lease-id {}", lease.id),
    ];
    push(out, &next);
    out.push(b'}');
}

/// Takes the closing brace of the object just written away, so that members can follow.
pub(crate) fn reopen(out: &mut Vec<u8>) {
    let brace = out.pop();
    debug_assert_eq!(brace, Some(b'}'));
}
