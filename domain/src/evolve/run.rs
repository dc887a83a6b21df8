use super::{Fold, id, read, row};
use crate::event::data::{RunCompleted, RunFailed, RunStarted};
use crate::event::kind;
use crate::rows::{Row, Run, RunStatus, Table};
use crate::state::Work;
use std::sync::Arc;
use store::{Event, Revision};

impl Work {
    pub(super) fn run_started(&mut self, suffix: &str, fold: &mut Fold<'_>) -> Option<()> {
        // As a lease, a run begins with its stream.
        if fold.event.revision != Revision(1) {
            return None;
        }
        let data: RunStarted = fold.data()?;
        let run = Run {
            id: id(suffix, &data.id),
            task_id: data.task_id,
            agent_id: data.agent_id,
            session_id: data.session_id,
            lease_id: data.lease_id,
            attempt: data.attempt,
            status: RunStatus::Running,
            failure_class: None,
            failure_message: None,
            started_at: fold.time,
            ended_at: None,
            cost: None,
            tokens: None,
            output: None,
        };
        let version = fold.version(run);
        let run = Arc::clone(&version.row);
        self.put_run(version);
        fold.note(Table::Runs, run.id.clone(), None, Some(Row::Run(run)));
        Some(())
    }

    pub(super) fn run_ended(&mut self, suffix: &str, fold: &mut Fold<'_>) -> Option<()> {
        let after = Arc::new(ended(&self.runs.get(suffix)?.row, fold.event)?);
        let before = self.runs.remove(suffix).map(|before| row(before, Row::Run));
        fold.note(Table::Runs, after.id.clone(), before, Some(Row::Run(after)));
        Some(())
    }
}

/// The run after the event that ends it; none if the event is not such a one.
pub(crate) fn ended(run: &Run, event: &Event) -> Option<Run> {
    let mut run = Run { ended_at: Some(event.time), ..run.clone() };
    match &*event.kind {
        kind::RUN_COMPLETED => {
            let data: RunCompleted = read(event)?;
            run.status = RunStatus::Completed;
            run.output = data.output.map(|output| output.0);
            run.cost = data.cost;
            run.tokens = data.tokens;
        }
        kind::RUN_FAILED => {
            let data: RunFailed = read(event)?;
            run.status = RunStatus::Failed;
            run.failure_class = Some(data.class);
            run.failure_message = Some(data.message);
        }
        kind::RUN_CANCELLED => run.status = RunStatus::Cancelled,
        kind::RUN_RELEASED => run.status = RunStatus::Released,
        kind::RUN_EXPIRED => run.status = RunStatus::Expired,
        _ => return None,
    }
    Some(run)
}
