use super::Connected;
use super::output::print_bytes;
use crate::client::At;
use crate::client::sse::Messages;
use crate::failure::{Failure, exit};
use clap::Args;
use reqwest::Method;

/// Print events as they come.
#[derive(Debug, Args)]
pub(crate) struct Watch {
    /// A subscription: `SUBSCRIBE events WHERE …`
    pql: String,
    /// End after so many events
    #[arg(long)]
    count: Option<u64>,
}

pub(super) async fn run(watch: Watch, to: Connected) -> Result<(), Failure> {
    let at = At::path(&["subscribe"]).with("pql", Some(&watch.pql));
    let sent = to.client.send(to.client.request(Method::GET, &at)).await;
    let mut messages = Messages::new(sent.map_err(|error| error.into_failure(Some(&watch.pql)))?);
    let mut left = watch.count;
    while left != Some(0) {
        let Some(message) = messages.next().await? else { break };
        match &*message.name {
            "event" => {
                print_bytes(format!("{}\n", message.data).as_bytes())?;
                left = left.map(|left| left - 1);
            }
            "closed" => {
                return Err(Failure::new(
                    exit::UNREACHABLE,
                    format!("the server ended it: {}", message.data),
                ));
            }
            _ => {}
        }
    }
    match left {
        Some(0) => Ok(()),
        _ => Err(Failure::new(exit::UNREACHABLE, "the connection ended")),
    }
}
