use super::{Fold, id, row};
use crate::event::data::{SessionHeartbeat, SessionStarted};
use crate::rows::{Row, Session, SessionStatus, Table};
use crate::state::Work;
use std::sync::Arc;

impl Work {
    pub(super) fn session_started(&mut self, suffix: &str, fold: &mut Fold<'_>) -> Option<()> {
        let data: SessionStarted = fold.data()?;
        if self.sessions.get(suffix).is_some() {
            return None;
        }
        let session = Session {
            id: id(suffix, &data.id),
            agent_id: data.agent_id,
            status: SessionStatus::Active,
            started_at: fold.time,
            ended_at: None,
            last_heartbeat_at: fold.time,
            metadata: data.metadata.map_or_else(|| "{}".into(), |metadata| metadata.0),
            timeout_ms: data.timeout_ms,
            told: 0,
        };
        let agent_id = session.agent_id.clone();
        self.put_session(session, fold);
        self.agent_seen(&agent_id, fold);
        Some(())
    }

    pub(super) fn session_heartbeat(&mut self, suffix: &str, fold: &mut Fold<'_>) -> Option<()> {
        let data: SessionHeartbeat = fold.data()?;
        let session = self.active_session(suffix)?;
        let told = if data.all { fold.event.position.0 } else { session.told };
        let session = Session { last_heartbeat_at: fold.time, told, ..Session::clone(session) };
        let agent_id = session.agent_id.clone();
        self.put_session(session, fold);
        self.agent_seen(&agent_id, fold);
        Some(())
    }

    pub(super) fn session_ended(&mut self, suffix: &str, fold: &mut Fold<'_>) -> Option<()> {
        let session = self.active_session(suffix)?;
        let session =
            Session { status: SessionStatus::Closed, ended_at: Some(fold.time), ..Session::clone(session) };
        self.put_session(session, fold);
        Some(())
    }

    /// One that has ended stays so.
    fn active_session(&self, id: &str) -> Option<&Arc<Session>> {
        self.sessions.get(id).filter(|session| session.status == SessionStatus::Active)
    }

    fn put_session(&mut self, session: Session, fold: &mut Fold<'_>) {
        let version = fold.version(session);
        let after = Arc::clone(&version.row);
        let before = self.sessions.put(version).map(|before| row(before, Row::Session));
        fold.note(Table::Sessions, after.id.clone(), before, Some(Row::Session(after)));
    }
}
