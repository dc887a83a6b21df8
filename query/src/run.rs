//! A query on its way: planned, run to its end, its rows handed over.

use crate::engine::{Engine, Explained};
use crate::error::QueryError;
use crate::explain;
use crate::joins;
use crate::options::{MERGE_SHARE, batch_rows};
use crate::output;
use crate::stream::Item;
use crate::watch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::error::DataFusionError;
use datafusion::execution::{SessionState, TaskContext};
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use futures::StreamExt;
use grammar::Code;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// One run of one query.
pub(crate) struct Run {
    engine: Engine,
    text: Arc<str>,
    schema: SchemaRef,
    /// Time it may still compute.
    left: Duration,
    sender: mpsc::Sender<Item>,
    /// Its reader has some of its rows.
    has_given: bool,
}

impl Run {
    pub(crate) fn new(
        engine: Engine,
        text: Arc<str>,
        schema: SchemaRef,
        left: Duration,
        sender: mpsc::Sender<Item>,
    ) -> Self {
        Self { engine, text, schema, left, sender, has_given: false }
    }

    /// Gives every batch, or the lines of the plan, and how it ended; whether its reader was told that.
    pub(crate) async fn finish(mut self, plan: &LogicalPlan, explain: Option<Explained>) -> bool {
        let last = match self.rows(plan, explain).await {
            Ok(()) => Item::Done,
            Err(error) => Item::Failed(error),
        };
        self.sender.send(last).await.is_ok()
    }

    async fn rows(&mut self, plan: &LogicalPlan, explain: Option<Explained>) -> Result<(), QueryError> {
        let engine = self.engine.clone();
        let mut physical = self.planned(plan, &engine.sessions().quick).await?;
        if explain != Some(Explained::Planned) {
            let done = self.batches(physical.clone(), explain.is_none()).await;
            let is_out_of_room = done.as_ref().is_err_and(|error| error.code() == Some(Code::MemoryLimit));
            let can_sort = engine.room().disk_bytes_max > 0 && joins::keeps_a_side(&physical);
            if is_out_of_room && can_sort && !self.has_given {
                physical = self.planned(plan, &engine.sessions().sorted).await?;
                self.batches(physical.clone(), explain.is_none()).await?;
            } else {
                done?;
            }
        }
        if explain.is_some() {
            let steps = explain::of_plan(physical.as_ref(), &self.text);
            let batch = explain::batch(&steps, &self.schema)
                .map_err(|error| QueryError::internal(&self.text, error))?;
            // A reader that is gone needs no lines.
            let _ = self.sender.send(Item::Batch(batch)).await;
        }
        Ok(())
    }

    async fn planned(
        &mut self,
        plan: &LogicalPlan,
        session: &SessionState,
    ) -> Result<Arc<dyn ExecutionPlan>, QueryError> {
        self.timed(session.create_physical_plan(plan)).await
    }

    /// Runs a plan to its end, and gives its rows if they are asked for. What the reader takes to take them is not on the
    /// query's clock.
    async fn batches(&mut self, plan: Arc<dyn ExecutionPlan>, are_given: bool) -> Result<(), QueryError> {
        let context = self.context(&plan);
        let mut batches = execute_stream(plan, context).map_err(|error| self.failed(&error))?;
        while let Some(batch) = self.timed(async { batches.next().await.transpose() }).await? {
            if !are_given || batch.num_rows() == 0 {
                continue;
            }
            let batch = output::conform(&batch, &self.schema)
                .map_err(|error| QueryError::internal(&self.text, error))?;
            self.has_given = true;
            if self.sender.send(Item::Batch(batch)).await.is_err() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// What the plan runs in. What its sorts keep back to merge what they put on disk leaves them the greater part.
    fn context(&self, plan: &Arc<dyn ExecutionPlan>) -> Arc<TaskContext> {
        let session = &self.engine.sessions().quick;
        let memory = self.engine.options().memory_bytes_max;
        let mut config = session.config().clone().with_batch_size(batch_rows(memory));
        let merging = memory / MERGE_SHARE.max(2 * joins::sorts(plan));
        let execution = &mut config.options_mut().execution;
        execution.sort_spill_reservation_bytes = execution.sort_spill_reservation_bytes.min(merging);
        execution.sort_in_place_threshold_bytes = execution.sort_in_place_threshold_bytes.min(merging);
        let context = TaskContext::from(session).with_session_config(config);
        Arc::new(context.with_runtime(self.engine.room().for_query()))
    }

    async fn timed<T>(
        &mut self,
        work: impl Future<Output = Result<T, DataFusionError>>,
    ) -> Result<T, QueryError> {
        let begun = Instant::now();
        let until = begun + self.left;
        watch::until(until);
        let mut work = pin!(work);
        // A timer alone would be looked at only when the thread has nothing else to do.
        let asked = poll_fn(|context| match work.as_mut().poll(context) {
            Poll::Ready(done) => Poll::Ready(Some(done)),
            Poll::Pending if Instant::now() >= until => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        });
        let done = tokio::time::timeout_at(until, asked).await.ok().flatten();
        self.left = self.left.saturating_sub(begun.elapsed());
        match done {
            // Work that never had to wait is done, however late; and what fails after its time may fail because it was told to end.
            Some(done) if !self.left.is_zero() => done.map_err(|error| self.failed(&error)),
            _ => Err(too_late(&self.text, self.engine.options().time_max)),
        }
    }

    fn failed(&self, error: &DataFusionError) -> QueryError {
        self.engine.failed(&self.text, error)
    }
}

/// What is told of a query that has no time left.
pub(crate) fn too_late(text: &str, time_max: Duration) -> QueryError {
    QueryError::limit(
        text,
        Code::TimeLimit,
        format!("the query took longer than {time_max:?}"),
        "narrow it: a condition on position, time, type, stream or a tag of events, on id of a table",
    )
}
