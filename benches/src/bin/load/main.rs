//! What a client sees of agentpm's speed: closed loops over real connections, every durable figure beside what
//! the disk itself does in the same run.
//!
//! The method is in benches/README.md. Clients and server share one machine, on purpose: so it will be used.

mod append;
mod beside;
mod claim;
mod connection;
mod crowd;
mod deliver;
mod disk;
mod past;
mod read;
mod ready;
mod report;
mod server;
mod syncs;
mod team;
mod timing;

use beside::Company;
use clap::Parser;
use connection::{Address, Place};
use crowd::Crowd;
use disk::Disk;
use report::{Figure, Report};
use server::Server;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;
use team::Size;
use timing::{Measured, Window};

/// What goes wrong ends the run; a figure with failures in it is none.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// How many clients work at once where that is varied.
const CLIENTS: [usize; 3] = [1, 16, 64];
/// Teams at work: as large as the specification has it, and a hundred times that.
const TEAMS: [Size; 2] = [
    Size { tasks: 1_000, agents: 10, events: 5_000 },
    Size { tasks: 100_000, agents: 1_000, events: 500_000 },
];
/// How often claims of little and of much are measured, in turn.
const READY_ROUNDS: usize = 3;
/// Clients that append in batches.
const BATCH_CLIENTS: usize = 16;
/// Events of a batch.
const BATCH_EVENTS: u64 = 100;
/// Requests under way on one WebSocket. The server takes up to 256.
const PIPELINED: usize = 64;

/// Measures a server of agentpm as its clients see it.
#[derive(Debug, Parser)]
#[command(max_term_width = 100)]
struct Args {
    /// Start this program on an empty directory and measure it [default: `agentpm` beside this program]
    #[arg(long, value_name = "BIN", conflicts_with = "server")]
    spawn: Option<PathBuf>,
    /// Measure a server that runs, at http://HOST:PORT; it is left with what was written
    #[arg(long, value_name = "URL", requires = "socket")]
    server: Option<String>,
    /// The Unix socket of that server
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
    /// Where the data goes, and the file of the raw rate: on the disk that is meant [default: the system's
    /// directory for temporary files]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Seconds of each measurement
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// Tasks that are made before claims and point queries
    #[arg(long, default_value_t = 100_000)]
    tasks: u64,
    /// Events that are made before the log is read
    #[arg(long, default_value_t = 1_000_000)]
    events: u64,
    /// Changes of a history that is imported before past moments are asked for; without, they are not
    #[arg(long)]
    changes: Option<u64>,
    /// Ready tasks that a claim is made of, to compare with a claim of a thousand; without, it is not
    #[arg(long)]
    ready: Option<u64>,
    /// Only figures whose name has this in it
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// One JSON document instead of a table
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    let args = Args::parse();
    // One thread for all clients: they share the machine with the server, and must not take more than they need.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let done = runtime.map_err(Failure::from).and_then(|runtime| runtime.block_on(run(&args)));
    match done {
        Ok(report) if args.json => println!("{}", report.to_json()),
        Ok(report) => print!("{report}"),
        Err(error) => {
            eprintln!("load: {error}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

async fn run(args: &Args) -> Result<Report, Failure> {
    let dir = match &args.dir {
        Some(dir) => tempfile::tempdir_in(dir),
        None => tempfile::tempdir(),
    }?;
    let server = match &args.server {
        Some(_) => None,
        None => Some(Server::start(args.spawn.as_deref(), dir.path())?),
    };
    let place = match (&server, &args.server, &args.socket) {
        (Some(server), ..) => server.place()?,
        (None, Some(url), Some(socket)) => Place::new(url, socket)?,
        _ => return Err("--server needs --socket".into()),
    };
    let mut bench = Bench {
        disk: Disk::new(dir.path())?,
        place,
        window: Window::of(Duration::from_secs_f64(args.seconds)),
        only: args.only.clone(),
        report: Report::default(),
    };
    bench.appends().await?;
    bench.reads(args.events).await?;
    bench.work(args.tasks).await?;
    bench.teams().await?;
    if server.is_some() {
        bench.crowd(args.spawn.as_deref(), &dir.path().join("crowd")).await?;
    }
    if let (Some(_), Some(changes)) = (&server, args.changes) {
        bench.moments(args.spawn.as_deref(), &dir.path().join("past"), changes).await?;
    }
    if let (Some(_), Some(ready)) = (&server, args.ready) {
        bench.ready(args.spawn.as_deref(), dir.path(), ready).await?;
    }
    Ok(bench.report)
}

/// A run and what it has found so far.
struct Bench {
    disk: Disk,
    place: Place,
    window: Window,
    only: Option<String>,
    report: Report,
}

impl Bench {
    async fn appends(&mut self) -> Result<(), Failure> {
        for transport in self.place.both() {
            for clients in CLIENTS {
                let name = format!("durable append, {clients} clients, {}", transport.name());
                if self.wants(&name) {
                    let before = self.disk.rate()?;
                    let measured = append::each_by_itself(&transport, clients, 1, self.window).await?;
                    self.durable(name, "appends", before, measured)?;
                }
            }
        }
        let name = format!("durable append, pipelined, {PIPELINED} in flight on a WebSocket");
        if self.wants(&name) {
            let before = self.disk.rate()?;
            let measured = append::pipelined(&self.place, PIPELINED, self.window).await?;
            self.durable(name, "appends", before, measured)?;
        }
        let name = format!("durable append, {BATCH_CLIENTS} clients, batches of {BATCH_EVENTS}");
        if self.wants(&name) {
            let before = self.disk.rate()?;
            let unix = self.place.unix();
            let measured = append::each_by_itself(&unix, BATCH_CLIENTS, BATCH_EVENTS, self.window).await?;
            self.durable(name, "events", before, measured)?;
        }
        Ok(())
    }

    async fn reads(&mut self, events: u64) -> Result<(), Failure> {
        let name = "append to subscriber, one of each";
        if self.wants(name) {
            let before = self.disk.rate()?;
            let measured = deliver::one_after_another(&self.place, self.window).await?;
            self.durable(name.to_owned(), "events", before, measured)?;
        }
        let name = format!("catch-up, NDJSON, a log of {events} events and more");
        if self.wants(&name) {
            let unix = self.place.unix();
            append::fill(&unix, events).await?;
            let measured = read::catch_up(&unix, self.window).await?;
            self.report.add(Figure::new(name, "events", &measured));
        }
        Ok(())
    }

    /// On a server of its own, with a long history.
    async fn moments(&mut self, program: Option<&Path>, dir: &Path, changes: u64) -> Result<(), Failure> {
        std::fs::create_dir_all(dir)?;
        past::import(&server::program(program)?, &dir.join("data"), changes)?;
        let server = Server::start(program, dir)?;
        let unix = server.place()?.unix();
        let head = past::head(&unix).await?;
        for (name, pql) in past::QUESTIONS {
            let name = format!("as of: {name}, {head} events");
            if self.wants(&name) {
                let (now, then, first) = past::ask(&unix, pql, (changes / 10).max(1), head).await?;
                eprintln!("{name}: the first past moment took {:.1} ms", first.as_secs_f64() * 1e3);
                self.report.add(Figure::new(format!("{name}, now"), "queries", &now));
                self.report.add(Figure::new(format!("{name}, at ten moments"), "queries", &then));
            }
        }
        eprintln!("memory of the server: {} MB", server.memory()? >> 20);
        Ok(())
    }

    /// On a server of its own.
    async fn crowd(&mut self, program: Option<&Path>, dir: &Path) -> Result<(), Failure> {
        let name = format!("deliver: {} subscribers of {} predicates", crowd::SUBSCRIBERS, crowd::PREDICATES);
        if !self.wants(&name) {
            return Ok(());
        }
        std::fs::create_dir_all(dir)?;
        let server = Server::start(program, dir)?;
        let mut crowd = Crowd::new(server.place()?);
        let (before, cpu) = (self.disk.rate()?, server.cpu()?);
        let found = crowd.speak(self.window, 0).await?;
        eprintln!("deliver: an append alone: {:.2} s of the server's CPU", server.cpu()? - cpu);
        self.durable("deliver: an append alone".to_owned(), "appends", before, found.appends)?;
        let each = crowd.gather(&server).await?;
        eprintln!("{name}: {:.1} KiB of memory for each while it is idle", each as f64 / 1024.0);
        for stalled in [0, crowd::STALLED] {
            let besides = match stalled {
                0 => name.clone(),
                _ => format!("{name}, and {stalled} that stop reading"),
            };
            let (before, cpu) = (self.disk.rate()?, server.cpu()?);
            let found = crowd.speak(self.window, stalled).await?;
            eprintln!("{besides}: {:.2} s of the server's CPU", server.cpu()? - cpu);
            self.report.add(Figure::new(format!("{besides}: a delivery"), "deliveries", &found.deliveries));
            self.durable(format!("{besides}: an append"), "appends", before, found.appends)?;
            eprintln!("{besides}: memory of the server: {} MB", server.memory()? >> 20);
        }
        crowd.part().await
    }

    /// On servers of their own, one with little that is ready and one with much.
    async fn ready(&mut self, program: Option<&Path>, dir: &Path, much: u64) -> Result<(), Failure> {
        let plans = [
            ready::Plan { tasks: 1_000, sets: 1, predicate: None },
            ready::Plan { tasks: much, sets: 1_000.min(much), predicate: Some(ready::WHERE) },
        ];
        let mut servers = Vec::new();
        for plan in plans {
            let name = format!("claim, {} ready of {} capability sets", plan.tasks, plan.sets);
            if self.wants(&name) {
                let dir = dir.join(plan.tasks.to_string());
                std::fs::create_dir_all(&dir)?;
                let server = Server::start(program, &dir)?;
                plan.make(&server.place()?.unix()).await?;
                eprintln!("{name}: memory of the server: {} MB", server.memory()? >> 20);
                servers.push((name, plan, server));
            }
        }
        // In turn, so that the machine is the same for both.
        for _ in 0..READY_ROUNDS {
            for (name, plan, server) in &servers {
                let before = self.disk.rate()?;
                let measured = plan.claim(&server.place()?.unix()).await?;
                self.durable(name.clone(), "claims", before, measured)?;
            }
        }
        Ok(())
    }

    async fn work(&mut self, tasks: u64) -> Result<(), Failure> {
        let claims = CLIENTS.map(|clients| format!("durable claim, {clients} clients"));
        let points = [1, 16].map(|clients| (clients, format!("point query, {clients} clients")));
        let beside = Company::ALL.map(|company| (company, format!("at a rate: {}", company.name())));
        let names = claims
            .iter()
            .chain(points.iter().map(|(_, name)| name))
            .chain(beside.iter().map(|(_, name)| name));
        if !names.into_iter().any(|name| self.wants(name)) {
            return Ok(());
        }
        let unix = self.place.unix();
        claim::plan(&unix, tasks).await?;
        for (clients, name) in points {
            if self.wants(&name) {
                let measured = read::points(&unix, clients, tasks, self.window).await?;
                self.report.add(Figure::new(name, "queries", &measured));
            }
        }
        for (company, name) in beside {
            if self.wants(&name) {
                let before = self.disk.rate()?;
                let (appends, queries) = beside::appends(company, &unix, tasks, self.window).await?;
                if let Some(queries) = queries {
                    self.report.add(Figure::new(format!("{name}: a query"), "queries", &queries));
                }
                self.durable(format!("{name}: an append"), "appends", before, appends)?;
            }
        }
        for (clients, name) in CLIENTS.into_iter().zip(claims) {
            if self.wants(&name) {
                let before = self.disk.rate()?;
                let measured = claim::race(&unix, clients, self.window).await?;
                self.durable(name, "claims", before, measured)?;
            }
        }
        Ok(())
    }

    async fn teams(&mut self) -> Result<(), Failure> {
        for size in TEAMS {
            let name = format!("team of {}, {} tasks", size.agents, size.tasks);
            if self.wants(&name) {
                self.raw_round_trips(&name)?;
                let before = self.disk.rate()?;
                for (call, measured) in team::work(&self.place.unix(), size).await? {
                    self.durable(format!("{name}: {call}"), "calls", before, measured)?;
                }
                self.raw_round_trips(&name)?;
            }
        }
        Ok(())
    }

    /// Notes what the machine takes for the least of a durable call.
    fn raw_round_trips(&mut self, name: &str) -> Result<(), Failure> {
        let measured = self.disk.round_trips()?;
        self.report.add(Figure::new(format!("{name}: raw round trip"), "times", &measured));
        Ok(())
    }

    fn wants(&self, name: &str) -> bool {
        self.only.as_ref().is_none_or(|only| name.contains(only.as_str()))
    }

    /// Notes a figure with the raw rate before it and the one after it.
    fn durable(
        &mut self,
        name: String,
        unit: &'static str,
        before: f64,
        measured: Measured,
    ) -> Result<(), Failure> {
        let after = self.disk.rate()?;
        self.report.add(Figure::new(name, unit, &measured).beside(before, after));
        Ok(())
    }
}

impl Address {
    /// What it is called in a figure's name.
    fn name(&self) -> &'static str {
        match self {
            Self::Unix(_) => "Unix socket",
            Self::Tcp(_) => "TCP",
        }
    }
}
