use super::draft::Draft;
use super::validate::Problems;
use crate::answer::Pending;
use crate::command::RegisterAgent;
use crate::event::data::{AgentRegistered, AgentUpdated};
use crate::event::{Json, kind, tags::Tags};
use crate::rejection::Rejection;
use crate::rows::Role;

/// Registers an agent, or takes over what differs when its id is known.
pub(super) fn register(draft: &mut Draft<'_>, command: RegisterAgent) -> Result<Pending, Rejection> {
    let mut problems = Problems::default();
    problems.maybe_id("/id", command.id.as_ref());
    problems.some_text("/name", &command.name);
    problems.words("/caps", &command.caps);
    problems.object("/metadata", command.metadata.as_ref());
    problems.finish()?;
    let known = command.id.as_ref().and_then(|id| draft.work.agent(id));
    let Some(agent) = known else {
        let id = command.id.unwrap_or_else(|| draft.fresh_id());
        let data = AgentRegistered {
            id: id.clone(),
            name: command.name,
            role: command.role.unwrap_or(Role::Executor),
            caps: command.caps,
            metadata: command.metadata.map(Json),
        };
        let tags = Tags::default().with("agent:", &id);
        draft.push("agent-", &id, kind::AGENT_REGISTERED, &data, tags);
        return Ok(Pending::Agent(id));
    };
    let data = AgentUpdated {
        id: agent.id.clone(),
        name: (command.name != agent.name).then_some(command.name),
        role: command.role.filter(|role| *role != agent.role),
        caps: (command.caps != agent.caps).then_some(command.caps),
        metadata: command.metadata.filter(|metadata| *metadata != agent.metadata).map(Json),
    };
    if data != (AgentUpdated { id: agent.id.clone(), ..AgentUpdated::default() }) {
        let tags = Tags::default().with("agent:", &agent.id);
        draft.push("agent-", &agent.id, kind::AGENT_UPDATED, &data, tags);
    }
    Ok(Pending::Agent(agent.id.clone()))
}
