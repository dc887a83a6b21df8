//! Durable subscriptions, as their consumers see them.

mod chaos;
mod hands;
mod life;
mod webhook;

use std::time::Duration;

/// Longer than anything here takes.
const LIMIT: Duration = Duration::from_secs(60);
