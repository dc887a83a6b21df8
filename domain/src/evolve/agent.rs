use super::{Fold, id, row};
use crate::event::data::{AgentRegistered, AgentUpdated};
use crate::event::kind;
use crate::rows::{Agent, Row, Table};
use crate::state::Work;
use std::sync::Arc;
use store::{Text, Timestamp};

/// The agent after an event of its stream; none if the event changes nothing.
pub(crate) fn after(
    suffix: &str,
    agent: Option<&Agent>,
    kind: &str,
    data: &str,
    time: Timestamp,
) -> Option<Agent> {
    match kind {
        kind::AGENT_REGISTERED => {
            let data: AgentRegistered = serde_json::from_str(data).ok()?;
            Some(Agent {
                id: id(suffix, &data.id),
                name: data.name,
                role: data.role,
                caps: data.caps,
                metadata: data.metadata.map_or_else(|| "{}".into(), |metadata| metadata.0),
                created_at: agent.map_or(time, |agent| agent.created_at),
                last_seen_at: agent.map_or(time, |agent| agent.last_seen_at.max(time)),
            })
        }
        kind::AGENT_UPDATED => {
            let agent = agent?;
            let data: AgentUpdated = serde_json::from_str(data).ok()?;
            Some(Agent {
                id: agent.id.clone(),
                name: data.name.unwrap_or_else(|| agent.name.clone()),
                role: data.role.unwrap_or(agent.role),
                caps: data.caps.unwrap_or_else(|| agent.caps.clone()),
                metadata: data.metadata.map_or_else(|| agent.metadata.clone(), |metadata| metadata.0),
                created_at: agent.created_at,
                last_seen_at: agent.last_seen_at.max(time),
            })
        }
        _ => None,
    }
}

impl Work {
    pub(super) fn agent_event(&mut self, suffix: &str, fold: &mut Fold<'_>) -> Option<()> {
        let known = self.agent(suffix);
        // Here one that is known is updated; another node may not have known it.
        if known.is_some() && !fold.merged && &*fold.event.kind == kind::AGENT_REGISTERED {
            return None;
        }
        let known = known.map(|agent| &**agent);
        let agent = after(suffix, known, &fold.event.kind, &fold.event.data, fold.time)?;
        self.put_agent(agent, fold);
        Some(())
    }

    /// What an event of another node, that had to go before others, makes of its agent.
    pub(super) fn agent_sum(&mut self, suffix: &str, sum: Agent, fold: &mut Fold<'_>) {
        let seen = self.agent(suffix).map_or(sum.last_seen_at, |agent| agent.last_seen_at);
        let agent = Agent { id: Text::from(suffix), last_seen_at: sum.last_seen_at.max(seen), ..sum };
        self.put_agent(agent, fold);
    }

    /// The agent took or renewed a lease, or was heard of in a session.
    pub(super) fn agent_seen(&mut self, agent_id: &str, fold: &mut Fold<'_>) {
        if let Some(agent) = self.agent(agent_id)
            && agent.last_seen_at != fold.time
        {
            let agent = Agent { last_seen_at: fold.time, ..Agent::clone(agent) };
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
