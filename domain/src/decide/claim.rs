use super::draft::Draft;
use super::guard;
use super::lease::{self, TTL_DEFAULT_MS, Worker};
use super::rules::{Step, Verdict};
use super::session;
use super::validate::Problems;
use crate::TextSet;
use crate::answer::{Pending, PendingClaim};
use crate::command::{Candidate, Claim};
use crate::rejection::Rejection;
use std::sync::Arc;

/// Most tasks one claim may take.
pub const CLAIM_LIMIT_MAX: u32 = 100;
/// Most candidates one claim looks at, so that a filter nothing passes cannot hold up the writer.
pub const EXAMINED_MAX: usize = 10_000;

/// Takes the best tasks this agent may take. An agent that has not registered has no capabilities.
pub(super) fn claim(draft: &mut Draft<'_>, command: &Claim) -> Result<Pending, Rejection> {
    let mut problems = Problems::default();
    let Claim { agent_id, session_id, filter, ttl_ms, limit } = command;
    Worker::check(&mut problems, agent_id, session_id.as_ref(), "/lease_s", *ttl_ms);
    problems.range("/limit", Some(i64::from(*limit)), 1..=i64::from(CLAIM_LIMIT_MAX));
    problems.finish()?;
    let room = session::admit(draft, agent_id, session_id.as_ref())?;
    let limit = room.min(*limit as usize);
    let worker = Worker {
        agent_id: agent_id.clone(),
        session_id: session_id.clone(),
        ttl_ms: ttl_ms.unwrap_or(TTL_DEFAULT_MS),
    };
    let (work, now) = (draft.work, draft.now());
    let caps = work.agent(agent_id).map_or_else(TextSet::default, |agent| agent.caps.clone());
    let mut claims = Vec::new();
    let mut stopped_early = false;
    for (examined, id) in work.candidates(agent_id, &caps, now).enumerate() {
        if claims.len() == limit {
            break;
        }
        if examined == EXAMINED_MAX {
            stopped_early = true;
            break;
        }
        let node = work.at(id);
        let Some(task) = node.task() else { continue };
        // What somebody here works on is on no shelf; a claim holds to the rules all the same.
        if guard::verdict(draft, task, Step::Claim) != Verdict::Allowed {
            continue;
        }
        let candidate = Candidate { task, graph: &node.graph, depth: work.known_depth(id), now };
        let wanted = match filter {
            Some(filter) => (filter.0)(&candidate).map_err(Rejection::Predicate)? == Some(true),
            None => true,
        };
        if wanted {
            let started = lease::start(draft, task, &worker);
            claims.push(PendingClaim {
                task_id: Arc::clone(&node.id),
                lease_id: started.lease_id,
                run_id: started.run_id,
            });
        }
    }
    Ok(Pending::Claims { claims, now, stopped_early })
}
