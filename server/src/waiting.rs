//! Claims that wait for work.
//!
//! Nothing polls. What waits is in a queue, in the order it came. The log is followed while somebody waits: a task that
//! became ready is offered to the first of those who may take it, who then claims; one that comes back with something
//! else, or with nothing because its WHERE did not hold, passes the offer on. So a task wakes one claim, and more only
//! as predicates refuse it, however many wait. A claim is woken besides when its agent's capabilities change.

mod dispatch;
mod queue;
#[cfg(test)]
mod test;

pub(crate) use dispatch::dispatch;
pub(crate) use queue::Waiting;
