//! Who asks for work.

use super::World;
use crate::past::Past;
use crate::plan::AsOf;
use datafusion::error::Result;
use domain::TextSet;
use domain::rows::{Agent, Role, Row, Table};
use std::sync::Arc;

/// The agent as it was registered at that moment. One that was not has no capabilities, here as for a claim:
/// an agent's name is what it says.
pub(super) async fn agent(world: &World, id: &str, at: AsOf) -> Result<Arc<Agent>> {
    let entry = match at.is_head {
        true => world.current.rows(Table::Agents).row(id).map(|(_, entry)| entry.clone()),
        false => Past::row(world, Table::Agents, id, at.position).await?,
    };
    Ok(match entry.map(|entry| entry.version.row) {
        Some(Row::Agent(agent)) => agent,
        _ => Arc::new(Agent {
            id: id.into(),
            name: id.into(),
            role: Role::Executor,
            caps: TextSet::default(),
            metadata: "{}".into(),
            created_at: at.time,
            last_seen_at: at.time,
        }),
    })
}
