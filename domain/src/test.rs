//! The work model through its one door: commands in, events and rejections out. [`world`] is a writer
//! without a disk.

mod agent;
mod blocking;
mod claim;
mod create;
mod graph;
mod lease;
mod odd;
mod properties;
mod relationship;
mod rules;
mod run;
mod session;
mod steps;
mod sync;
mod transition;
mod undo;
mod update;
mod world;
