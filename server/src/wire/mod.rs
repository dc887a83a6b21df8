//! The JSON of the API: reading it strictly, writing it in the envelope. Wire shapes live here and nowhere
//! below.

pub(crate) mod append;
pub(crate) mod args;
pub(crate) mod batch;
pub(crate) mod durable;
pub(crate) mod envelope;
pub(crate) mod fields;
mod json;
mod nearest;
pub(crate) mod outcome;
pub(crate) mod pointer;
mod refs;
pub(crate) mod rows;
pub(crate) mod shape;
pub(crate) mod task;
pub(crate) mod time;
pub(crate) mod work;

pub(crate) use json::{check, decode};
