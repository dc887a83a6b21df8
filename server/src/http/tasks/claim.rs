use crate::app::Shared;
use crate::context::Provenance;
use crate::error::Error;
use crate::http::{Answer, Call};
use crate::wire::envelope::answer;
use crate::wire::outcome::{push_claim, push_claims};
use crate::wire::work::{ClaimRequest, claim as read_claim};
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue};
use domain::command::{Claim, Claimed};
use domain::{Command, Outcome};
use query::Params;
use std::time::Duration;
use store::Position;
use tokio::time::{Instant, sleep, timeout};

/// A waiting claim is tried again when something was committed, but no more often than this: many agents
/// that wait for work must not keep the writer from those who make it.
const RETRY_PAUSE: Duration = Duration::from_millis(20);

/// A waiting claim is tried again after this long even if nothing was committed: a `not_before` may have
/// passed.
const RETRY_AFTER: Duration = Duration::from_millis(200);

/// Set when the bound on examined candidates was reached before the limit of tasks was.
const STOPPED_EARLY: HeaderName = HeaderName::from_static("agentpm-stopped-early");

/// `POST /tasks/claim`
pub(super) async fn claim(State(app): State<Shared>, call: Call) -> Answer {
    let request = call.decode(read_claim)?;
    let by = call.by.or_agent(Some(&request.agent_id)).or_session(request.session_id.as_ref());
    let limit = request.limit;
    let wait = Duration::from_millis(request.wait_ms);
    let taken = take_or_wait(&app, &by, prepare(&app, request)?, wait).await?;
    let mut response = answer(taken.position, |out| match (limit, &taken.claims[..]) {
        (None | Some(1), [claim]) => push_claim(out, claim),
        (None | Some(1), _) => out.extend_from_slice(b"null"),
        (Some(_), claims) => push_claims(out, claims),
    });
    if taken.stopped_early {
        response.headers_mut().insert(STOPPED_EARLY, HeaderValue::from_static("true"));
    }
    Ok(response)
}

fn prepare(app: &Shared, request: ClaimRequest) -> Result<Claim, Error> {
    let filter = match &request.filter {
        Some(text) => {
            let params = match &request.params {
                Some(params) => crate::http::query::params(params)?,
                None => Params::default(),
            };
            Some(app.engine.candidate_filter(text, params)?)
        }
        None if request.params.is_some() => {
            return Err(Error::problem("/params", "there is no `where` to use them in"));
        }
        None => None,
    };
    Ok(Claim {
        agent_id: request.agent_id,
        session_id: request.session_id,
        filter,
        ttl_ms: request.ttl_ms,
        limit: request.limit.unwrap_or(1),
    })
}

/// What a claim came to.
#[derive(Debug)]
pub(crate) struct Taken {
    pub(crate) claims: Vec<Claimed>,
    pub(crate) stopped_early: bool,
    pub(crate) position: Position,
}

/// Claims once.
///
/// # Errors
/// What the model or the writer say against it.
pub(crate) async fn take(app: &Shared, by: &Provenance, claim: Claim) -> Result<Taken, Error> {
    let done = app.execute(by, Command::Claim(claim)).await?;
    let (claims, stopped_early) = match done.outcome {
        Outcome::Claims { claims, stopped_early } => (claims, stopped_early),
        // The model answers a claim with claims.
        _ => (Vec::new(), false),
    };
    Ok(Taken { claims, stopped_early, position: done.position })
}

/// Claims, and while there is nothing to take, waits for something to change.
async fn take_or_wait(app: &Shared, by: &Provenance, claim: Claim, wait: Duration) -> Result<Taken, Error> {
    let deadline = Instant::now() + wait;
    let mut heads = app.store().watch();
    loop {
        heads.borrow_and_update();
        let taken = take(app, by, claim.clone()).await?;
        if !taken.claims.is_empty() || Instant::now() >= deadline {
            return Ok(taken);
        }
        let pause = RETRY_PAUSE.min(deadline.saturating_duration_since(Instant::now()));
        let until = RETRY_AFTER.min(deadline.saturating_duration_since(Instant::now()));
        tokio::select! {
            () = app.stop.cancelled() => return Ok(taken),
            _ = async { sleep(pause).await; timeout(until.saturating_sub(pause), heads.changed()).await } => {}
        }
    }
}
