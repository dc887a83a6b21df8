use super::{Fold, id, row};
use crate::event::data::{AgentRegistered, AgentUpdated};
use crate::rows::{Agent, Row, Table};
use crate::state::Work;
use std::sync::Arc;

impl Work {
    pub(super) fn agent_registered(&mut self, suffix: &str, fold: &mut Fold<'_>) -> Option<()> {
        let data: AgentRegistered = fold.data()?;
        if self.agents.contains_key(suffix) {
            return None;
        }
        let agent = Agent {
            id: id(suffix, &data.id),
            name: data.name,
            role: data.role,
            caps: data.caps,
            metadata: data.metadata.map_or_else(|| "{}".into(), |metadata| metadata.0),
            created_at: fold.time(),
            last_seen_at: fold.time(),
        };
        self.put_agent(agent, fold);
        Some(())
    }

    pub(super) fn agent_updated(&mut self, suffix: &str, fold: &mut Fold<'_>) -> Option<()> {
        let data: AgentUpdated = fold.data()?;
        let mut agent = Agent::clone(self.agent(suffix)?);
        agent.name = data.name.unwrap_or(agent.name);
        agent.role = data.role.unwrap_or(agent.role);
        agent.caps = data.caps.unwrap_or(agent.caps);
        agent.metadata = data.metadata.map_or(agent.metadata, |metadata| metadata.0);
        agent.last_seen_at = fold.time();
        self.put_agent(agent, fold);
        Some(())
    }

    /// The agent took or renewed a lease.
    pub(super) fn agent_seen(&mut self, agent_id: &str, fold: &mut Fold<'_>) {
        if let Some(agent) = self.agent(agent_id)
            && agent.last_seen_at != fold.time()
        {
            let agent = Agent { last_seen_at: fold.time(), ..Agent::clone(agent) };
            self.put_agent(agent, fold);
        }
    }

    fn put_agent(&mut self, agent: Agent, fold: &mut Fold<'_>) {
        let version = fold.version(agent);
        let after = Arc::clone(&version.row);
        let before = self.agents.insert(after.id.clone(), version);
        let before = before.map(|before| row(before, Row::Agent));
        fold.note(Table::Agents, after.id.clone(), before, Some(Row::Agent(after)));
    }
}
