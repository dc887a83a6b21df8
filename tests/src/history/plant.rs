//! Violations put into a history that has none, each of which the check must see.

use super::{Kind, Op, Told};
use serde_json::{Value, json};

/// What is put in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Fault {
    TwoHolders,
    HandedOverAndKept,
    FenceAgain,
    RevisionSkipped,
    WriteUnderAnotherLease,
    WriteUnderAnothersLease,
    WriteOnAnOldVersion,
    VersionToldWrong,
    LeaseToldWrong,
    DoneButLost,
    RefusedButDone,
    RefusedForNothing,
    NothingThoughThereIsWork,
    BeforeWhatWasKnown,
    HappenedTwice,
    AnsweredTwice,
}

impl Fault {
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::TwoHolders,
        Self::HandedOverAndKept,
        Self::FenceAgain,
        Self::RevisionSkipped,
        Self::WriteUnderAnotherLease,
        Self::WriteUnderAnothersLease,
        Self::WriteOnAnOldVersion,
        Self::VersionToldWrong,
        Self::LeaseToldWrong,
        Self::DoneButLost,
        Self::RefusedButDone,
        Self::RefusedForNothing,
        Self::NothingThoughThereIsWork,
        Self::BeforeWhatWasKnown,
        Self::HappenedTwice,
        Self::AnsweredTwice,
    ];
}

/// Puts a fault in, in one place.
///
/// # Panics
/// When the history has no place for it: then it was too short to show anything.
pub fn plant(fault: Fault, events: &mut [Value], ops: &mut Vec<Op>) {
    put(fault, events, ops).unwrap_or_else(|| panic!("no place for {fault:?}"));
}

fn put(fault: Fault, events: &mut [Value], ops: &mut Vec<Op>) -> Option<()> {
    let is_done = |op: &Op| op.answers.first().is_some_and(|told| told.ok() && !told.data.is_null());
    let of = |id: &str, event: &Value| event["metadata"]["correlation_id"] == id;
    let an_event = |events: &[Value], what: &dyn Fn(&Value) -> bool| events.iter().rposition(what);
    let an_op = |ops: &[Op], what: &dyn Fn(&Op) -> bool| ops.iter().rposition(what);
    match fault {
        Fault::TwoHolders => {
            // A release that never was, of a task that somebody took afterwards.
            let taken =
                an_event(events, &|event| event["type"] == "LeaseAcquired" && event["data"]["fence"] != 1)?;
            let task = events[taken]["data"]["task_id"].clone();
            let before = an_event(&events[..taken], &|event| {
                event["type"] == "LeaseAcquired" && event["data"]["task_id"] == task
            })?;
            let lease = events[before]["data"]["id"].clone();
            let end = an_event(events, &|event| {
                let ends = ["LeaseReleased", "LeaseTransferred", "LeaseExpired"].map(Value::from);
                ends.contains(&event["type"]) && event["data"]["id"] == lease
            })?;
            events[end]["type"] = json!("Forgotten");
        }
        Fault::HandedOverAndKept => {
            let at = an_event(events, &|event| event["type"] == "LeaseTransferred")?;
            events[at]["type"] = json!("Forgotten");
        }
        Fault::FenceAgain => {
            let at =
                an_event(events, &|event| event["type"] == "LeaseAcquired" && event["data"]["fence"] != 1)?;
            events[at]["data"]["fence"] = json!(events[at]["data"]["fence"].as_u64()? - 1);
        }
        Fault::RevisionSkipped => {
            let at = an_event(events, &|event| event["type"] == "TaskUpdated")?;
            events[at]["revision"] = json!(events[at]["revision"].as_u64()? + 1);
        }
        Fault::WriteUnderAnotherLease => {
            let at = an_op(ops, &|op| is_done(op) && matches!(op.kind, Kind::Held { .. }))?;
            if let Kind::Held { lease, .. } = &mut ops[at].kind {
                *lease = "another".to_owned();
            }
        }
        Fault::WriteUnderAnothersLease => {
            let at = an_op(ops, &|op| is_done(op) && matches!(op.kind, Kind::Held { .. }))?;
            ops[at].agent = "another".to_owned();
        }
        Fault::WriteOnAnOldVersion => {
            let at = an_op(ops, &|op| is_done(op) && matches!(op.kind, Kind::Seen { .. }))?;
            if let Kind::Seen { version, .. } = &mut ops[at].kind {
                *version -= 1;
            }
        }
        Fault::VersionToldWrong => {
            let at = an_op(ops, &|op| is_done(op) && op.answers[0].data["version"].is_u64())?;
            let told = &mut ops[at].answers[0].data["version"];
            *told = json!(told.as_u64()? + 1);
        }
        Fault::LeaseToldWrong => {
            let at = an_op(ops, &|op| is_done(op) && op.kind == Kind::Claim)?;
            ops[at].answers[0].data["lease"]["id"] = json!("another");
        }
        Fault::DoneButLost => {
            let at = an_op(ops, &is_done)?;
            events
                .iter_mut()
                .filter(|event| of(&ops[at].id, event))
                .for_each(|event| event["metadata"]["correlation_id"] = Value::Null);
        }
        Fault::RefusedButDone => {
            let at = an_op(ops, &|op| is_done(op) && matches!(op.kind, Kind::Held { .. }))?;
            let refused = Told {
                status: 423,
                code: "ERR_LEASE_EXPIRED".into(),
                data: Value::Null,
                ..ops[at].answers[0].clone()
            };
            ops[at].answers = vec![refused];
        }
        Fault::RefusedForNothing => {
            let at = an_op(ops, &|op| is_done(op) && matches!(op.kind, Kind::Held { .. }))?;
            let first = events.iter().find(|event| of(&ops[at].id, event))?;
            let place = first["position"].as_u64()? - 1;
            let told =
                Told { status: 423, code: "ERR_LEASE_EXPIRED".into(), data: Value::Null, position: place };
            let time = crate::time::micros(first["time"].as_str()?);
            ops.push(Op {
                id: "planted".into(),
                known: place,
                answers: vec![told],
                sent: time,
                got: time,
                ..ops[at].clone()
            });
        }
        Fault::NothingThoughThereIsWork => {
            let at = an_op(ops, &|op| is_done(op) && op.kind == Kind::Claim)?;
            let first = events.iter().find(|event| of(&ops[at].id, event))?;
            let place = first["position"].as_u64()? - 1;
            let told = Told { status: 200, code: String::new(), data: Value::Null, position: place };
            let sent = crate::time::micros(first["time"].as_str()?);
            ops.push(Op { id: "planted".into(), known: place, answers: vec![told], sent, ..ops[at].clone() });
        }
        Fault::BeforeWhatWasKnown => {
            let at = an_op(ops, &is_done)?;
            ops[at].known = ops[at].answers[0].position;
        }
        Fault::HappenedTwice => {
            let at = an_op(ops, &|op| is_done(op) && matches!(op.kind, Kind::Added { .. }))?;
            let other =
                an_event(events, &|event| event["type"] == "ContextAdded" && !of(&ops[at].id, event))?;
            events[other]["metadata"]["correlation_id"] = json!(ops[at].id);
        }
        Fault::AnsweredTwice => {
            let at = an_op(ops, &|op| is_done(op) && op.answers.len() > 1)?;
            ops[at].answers[1].data = json!({ "id": "another" });
        }
    }
    Some(())
}
