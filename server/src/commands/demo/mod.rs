//! `agentpm demo`: a plan of work taken to completion by four simulated agents over the real HTTP API, one
//! of which crashes; then what the log says about it, and whether that holds.

mod agent;
mod plan;
mod report;
mod show;

use crate::client::{At, Client};
use crate::config::{Layer, Settings, Target, Value};
use crate::failure::Failure;
use crate::server::Server;
use agent::{AGENTS, Team};
use clap::Args;
use serde_json::json;
use show::Show;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// The demo is over by then, or something is wrong with it.
const TIME_MAX: Duration = Duration::from_secs(120);

/// See it work: four agents, a plan, a crash, on a server of its own.
#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// How many tasks the plan has
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u32).range(20..=10_000))]
    tasks: u32,
    /// Another seed makes another plan
    #[arg(long, default_value_t = 7)]
    seed: u64,
    /// Go on serving afterwards
    #[arg(long)]
    keep: bool,
}

/// A demo that is under way.
#[derive(Debug, Clone)]
struct Stage {
    client: Client,
    show: Arc<Show>,
}

pub(super) fn run(demo: Demo) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::internal(error.to_string()))?;
    runtime.block_on(on_own_server(demo))
}

async fn on_own_server(demo: Demo) -> Result<(), Failure> {
    let dir = tempfile::Builder::new()
        .prefix("agentpm-demo-")
        .tempdir()
        .map_err(|error| Failure::internal(format!("a temporary directory: {error}")))?;
    let socket = dir.path().join("agentpm.sock");
    // Of its own alone: nothing that the environment or a file says.
    let own = Layer::flags()
        .with_data(Some(&dir.path().join("data")))
        .with("socket", Some(Value::Text(socket.to_string_lossy().into_owned())));
    let config = super::serve::config(&Settings::resolve(&[own], None)?)?;
    let server = Server::start(config).await?;
    let interrupted = super::serve::stop_signal().map_err(|error| Failure::internal(error.to_string()))?;
    let mut interrupted = Box::pin(interrupted);
    let played = tokio::select! {
        played = tokio::time::timeout(TIME_MAX, play(&demo, dir.path(), &socket)) => {
            played.unwrap_or_else(|_| Err(Failure::internal("the demo did not end in time")))
        }
        () = interrupted.as_mut() => Err(Failure::internal("interrupted")),
    };
    if demo.keep && played.is_ok() {
        how_to_connect(&socket);
        server.serve_until(interrupted).await?;
    } else {
        server.serve_until(std::future::ready(())).await?;
    }
    played
}

fn how_to_connect(socket: &Path) {
    let socket = socket.display();
    eprintln!("\nStill serving. In another terminal:\n");
    eprintln!("  export AGENTPM_SOCKET={socket}");
    eprintln!("  agentpm query \"SELECT status, count(*) AS n FROM tasks GROUP BY status AS OF 10s AGO\"");
    eprintln!("  agentpm task get task-001 --include relationships,runs,recent_events");
    eprintln!("  agentpm watch \"SUBSCRIBE events FROM START\"");
    eprintln!("\nCtrl-C ends it and removes its directory.");
}

/// Plans, works, reports and checks.
async fn play(demo: &Demo, dir: &Path, socket: &Path) -> Result<(), Failure> {
    let started = Instant::now();
    let client = Client::at(&Target::Socket(socket.to_owned()), None)?;
    eprintln!("A server of its own, on {}\n", dir.display());
    let stage = Stage { client, show: Arc::new(Show::new(demo.tasks)) };
    let watching = tokio::spawn(show::watch(stage.clone()));

    for (id, caps) in AGENTS {
        let agent = json!({"id": id, "name": id, "role": "executor", "caps": caps});
        stage.client.post(&At::path(&["agents", "register"]), &agent).await?;
    }
    for task in plan::plan(demo.tasks, demo.seed) {
        stage.client.post(&At::path(&["tasks"]), &task).await?;
    }
    let planned = position(&stage.client).await?;
    stage.show.say(&format!(
        "planned {} tasks in {:.1} s; the agents begin",
        demo.tasks,
        started.elapsed().as_secs_f64()
    ));

    let team = Arc::new(Team::new(demo.tasks, demo.seed));
    let mut agents = JoinSet::new();
    for (id, _) in AGENTS {
        agents.spawn(agent::work(id, stage.clone(), team.clone()));
    }
    while let Some(ended) = agents.join_next().await {
        ended.map_err(|error| Failure::internal(error.to_string()))??;
    }
    let done = position(&stage.client).await?;
    stage.show.expect(done);
    let seen = watching.await.map_err(|error| Failure::internal(error.to_string()))??;
    stage.show.finish();
    eprintln!("{} events in {:.1} s\n", done, started.elapsed().as_secs_f64());
    report::print(&stage.client, planned, done).await?;
    report::check(&stage.client, demo.tasks, done, seen).await
}

/// The head.
async fn position(client: &Client) -> Result<u64, Failure> {
    let events = client.get(&At::path(&["events"]).with("limit", Some(1))).await?;
    events["head"].as_u64().ok_or_else(|| Failure::internal("a page of events names the head"))
}
