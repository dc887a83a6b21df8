//! What is seen while it runs: a subscriber's view of the log, and a bar.

use super::Stage;
use crate::client::At;
use crate::client::sse::Messages;
use crate::failure::Failure;
use indicatif::{ProgressBar, ProgressStyle};
use reqwest::Method;
use serde_json::Value;
use std::io::IsTerminal;
use std::sync::atomic::{AtomicU64, Ordering};

/// The bar, and how far the subscriber has to come.
#[derive(Debug)]
pub(super) struct Show {
    bar: ProgressBar,
    /// Position of the last event there will be; unknown as long as it is zero.
    last: AtomicU64,
}

impl Show {
    pub(super) fn new(tasks: u32) -> Self {
        let bar = ProgressBar::new(tasks.into());
        if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} tasks · {msg}") {
            bar.set_style(style);
        }
        Self { bar, last: AtomicU64::new(0) }
    }

    /// Prints a line above the bar.
    pub(super) fn say(&self, line: &str) {
        match std::io::stderr().is_terminal() {
            true => self.bar.println(line),
            // A bar that is not shown would swallow it.
            false => eprintln!("{line}"),
        }
    }

    /// Says that nothing comes after that position.
    pub(super) fn expect(&self, last: u64) {
        self.last.store(last, Ordering::Release);
    }

    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }

    fn event(&self, event: &Value) {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let kind = text(&event["type"]);
        let task = event["tags"]
            .as_array()
            .and_then(|tags| tags.iter().find_map(|tag| tag.as_str()?.strip_prefix("task:")))
            .unwrap_or_default();
        let agent = text(&event["metadata"]["agent_id"]);
        match kind.as_str() {
            "RunCompleted" => self.bar.inc(1),
            "RunFailed" => {
                self.say(&format!(
                    "  {task}: {agent} failed: {}; to be retried",
                    text(&event["data"]["message"])
                ));
            }
            "LeaseExpired" => self.say(&format!("  {task}: the lease ran out; the task is open again")),
            _ => {}
        }
        self.bar.set_message(format!("event {} {kind} {task} {agent}", event["position"]));
    }
}

/// Follows the log from its start until the last event there will be. Gives how many events it saw: their
/// positions without a gap.
pub(super) async fn watch(stage: Stage) -> Result<u64, Failure> {
    let at = At::path(&["subscribe"]).with("pql", Some("SUBSCRIBE events FROM START"));
    let mut messages = Messages::new(stage.client.send(stage.client.request(Method::GET, &at)).await?);
    let mut seen = 0;
    loop {
        let last = stage.show.last.load(Ordering::Acquire);
        if last > 0 && seen >= last {
            return Ok(seen);
        }
        // A subscription says something every few seconds even when nothing happens.
        let Some(message) = messages.next().await? else {
            return Err(Failure::internal("the subscription ended early"));
        };
        if message.name != "event" {
            continue;
        }
        let event: Value =
            serde_json::from_str(&message.data).map_err(|error| Failure::internal(error.to_string()))?;
        if event["position"] != seen + 1 {
            return Err(Failure::internal(format!("after event {seen} came {}", event["position"])));
        }
        seen += 1;
        stage.show.event(&event);
    }
}
