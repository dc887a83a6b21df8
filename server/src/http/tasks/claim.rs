use crate::app::Shared;
use crate::clock::until;
use crate::context::Provenance;
use crate::error::Error;
use crate::group::{Step, Steps};
use crate::http::{Answer, Call};
use crate::once::{OnceKey, replay};
use crate::wire::envelope::answer;
use crate::wire::outcome::{push_claim, push_claims};
use crate::wire::work::{ClaimRequest, claim as read_claim};
use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue};
use domain::command::{Claim, Claimed};
use domain::{Command, Outcome, Work};
use query::Params;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;
use store::{Done, Position, StepDone, StepResult, Told};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// Cancelled when the client that asked through a WebSocket has left. Over HTTP the call itself is dropped.
#[derive(Debug, Clone)]
pub(crate) struct Gone(pub(crate) CancellationToken);

/// A pause before a session is said to be alive once more that could not be: an import is on, or the writer is busy.
const HEARD_RETRY_AFTER: Duration = Duration::from_millis(100);

/// Set when the bound on examined candidates was reached before the limit of tasks was.
const STOPPED_EARLY: HeaderName = HeaderName::from_static("agentpm-stopped-early");

/// `POST /tasks/claim`
pub(super) async fn claim(State(app): State<Shared>, gone: Option<Extension<Gone>>, call: Call) -> Answer {
    let request = call.decode(read_claim)?;
    let by = call.by.clone().or_agent(Some(&request.agent_id)).or_session(request.session_id.as_ref());
    let limit = request.limit;
    let wait = Duration::from_millis(request.wait_ms);
    let gone = gone.map(|Extension(Gone(token))| token).unwrap_or_default();
    let write: Write = Arc::new(move |out, taken| match (limit, &taken.claims[..]) {
        (None | Some(1), [claim]) => push_claim(out, claim),
        (None | Some(1), _) => out.extend_from_slice(b"null"),
        (Some(_), claims) => push_claims(out, claims),
    });
    let claim = prepare(&app, request)?;
    let taken = match take_or_wait(&app, call.once.as_ref(), &by, claim, &write, wait, gone).await? {
        Attempt::Taken(taken) => taken,
        Attempt::Kept { answer, again } => return Ok(replay(&answer, again)),
    };
    let mut response = answer(taken.position, |out| write(out, &taken));
    if taken.stopped_early {
        response.headers_mut().insert(STOPPED_EARLY, HeaderValue::from_static("true"));
    }
    Ok(response)
}

fn prepare(app: &Shared, request: ClaimRequest) -> Result<Claim, Error> {
    let filter = match &request.filter {
        Some(text) => {
            let params = match &request.params {
                Some(params) => crate::http::query::params(params, "/params")?,
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
#[derive(Debug, Default)]
pub(crate) struct Taken {
    pub(crate) claims: Vec<Claimed>,
    pub(crate) stopped_early: bool,
    pub(crate) position: Position,
}

impl Taken {
    fn of(Done { outcome, position }: Done<Outcome>) -> Self {
        let (claims, stopped_early) = match outcome {
            Outcome::Claims { claims, stopped_early } => (claims, stopped_early),
            // The model answers a claim with claims.
            _ => (Vec::new(), false),
        };
        Self { claims, stopped_early, position }
    }
}

/// How what was claimed is written.
pub(crate) type Write = Arc<dyn Fn(&mut Vec<u8>, &Taken) + Send + Sync>;

/// What one attempt came to.
pub(crate) enum Attempt {
    /// What it took, if anything.
    Taken(Taken),
    /// The answer that is kept for its key.
    Kept { answer: Arc<[u8]>, again: bool },
}

/// Tries to claim.
///
/// # Errors
/// What the model or the writer say against it.
pub(crate) async fn take_now(app: &Shared, by: &Provenance, claim: Claim) -> Result<Taken, Error> {
    app.execute(by, Command::Claim(claim)).await.map(Taken::of)
}

/// Tries to claim, once if there is a key.
///
/// # Errors
/// What the model or the writer say against it.
pub(crate) async fn take(
    app: &Shared,
    key: Option<&OnceKey>,
    by: &Provenance,
    claim: Claim,
    write: &Write,
) -> Result<Attempt, Error> {
    let Some(key) = key else { return take_now(app, by, claim).await.map(Attempt::Taken) };
    let written = Arc::clone(write);
    let once = key.once(by.agent_id.as_ref(), move |results| {
        // Also when it wrote down that its session is alive.
        let taken = Some(taken(results)).filter(|taken| !taken.claims.is_empty())?;
        let mut out = Vec::new();
        written(&mut out, &taken);
        Some((taken.position, out))
    });
    let steps = Steps::new(app, vec![(by.clone(), Step::Command(Command::Claim(claim)))]).await;
    let told = steps.map_err(|(_, error)| error)?.carry_out(app, true, Some(once)).await;
    Ok(match told.map_err(|(_, error)| error)? {
        Told::Kept { answer, again } => Attempt::Kept { answer, again },
        Told::Now(results) => Attempt::Taken(taken(&results)),
    })
}

/// What the only step of an atomic group took.
fn taken(results: &[StepResult<Work>]) -> Taken {
    let done = results.iter().find_map(|result| match result {
        Ok(StepDone::Command(done)) => Some(Taken::of(done.clone())),
        _ => None,
    });
    done.unwrap_or_default()
}

/// Claims, and while there is nothing to take, waits for work to come.
async fn take_or_wait(
    app: &Shared,
    key: Option<&OnceKey>,
    by: &Provenance,
    claim: Claim,
    write: &Write,
    wait: Duration,
    gone: CancellationToken,
) -> Result<Attempt, Error> {
    if wait.is_zero() {
        return take(app, key, by, claim, write).await;
    }
    let late = sleep(wait);
    tokio::pin!(late);
    let digest = key.map(|key| key.digest(by.agent_id.as_ref()));
    let ticket = app.waiting.enter(app, &claim.agent_id, digest)?;
    loop {
        let begun = ticket.begin();
        let taken = match take(app, key, by, claim.clone(), write).await? {
            Attempt::Taken(taken) if taken.claims.is_empty() => taken,
            Attempt::Taken(taken) => {
                ticket.took(taken.claims.iter().map(|claim| &claim.task.task.id));
                return Ok(Attempt::Taken(taken));
            }
            // What it took, if it took it now, is known to the log alone.
            kept @ Attempt::Kept { .. } => {
                ticket.took([]);
                return Ok(kept);
            }
        };
        ticket.in_vain(begun);
        tokio::select! {
            biased;
            () = app.stop.cancelled() => return Ok(Attempt::Taken(taken)),
            () = gone.cancelled() => return Ok(Attempt::Taken(taken)),
            () = ticket.woken() => {}
            why = keep_alive(app, by, &claim) => return Err(why),
            () = &mut late => {
                // A predicate may have come to hold by time alone, which nobody is told of.
                return match claim.filter {
                    Some(_) => take(app, key, by, claim, write).await,
                    None => Ok(Attempt::Taken(taken)),
                };
            }
        }
    }
}

/// Says that the sessions of a claim are alive while it waits, each as often as half of its time has gone; until one of
/// them is over or cannot be written to, and then why.
async fn keep_alive(app: &Shared, by: &Provenance, claim: &Claim) -> Error {
    let named = by.session_id.iter().chain(&claim.session_id);
    let sessions = || named.clone().filter_map(|id| app.engine.pin().session(id));
    loop {
        let Some(session) = sessions().min_by_key(|session| session.half_silent()) else {
            return pending().await;
        };
        sleep(until(session.half_silent())).await;
        // Another that waits in it may have said so by now: the model looks.
        let heard = Command::HearSession { session_id: session.id.clone() };
        match app.execute(by, heard).await {
            Ok(_) => {}
            Err(why) if why.is_retryable() => sleep(HEARD_RETRY_AFTER).await,
            Err(why) => return why,
        }
    }
}
