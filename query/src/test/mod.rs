//! The engine over a real store: what a statement gives, at every moment.

mod as_of;
mod counts;
mod depths;
mod direct;
mod events;
mod explain;
mod fixture;
mod history;
mod limits;
mod live;
mod mutated;
mod next_task;
mod pins;
mod records;
mod refold;
mod statements;
