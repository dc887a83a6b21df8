//! The commands: one file each.

mod agent;
mod completions;
mod config;
mod context;
mod demo;
mod diagnostics;
mod export;
mod import;
mod lease;
mod man;
pub(crate) mod output;
mod prime;
mod progress;
mod query;
mod rebuild;
mod run;
mod schema;
mod serve;
mod session;
mod shell;
mod sync;
mod task;
mod verify;
mod watch;
mod watch_exec;

use crate::client::Client;
use crate::config::Settings;
use crate::failure::Failure;
use clap::Subcommand;
use output::Form;
use serde::Serialize;
use serde_json::Value;

/// What the program can do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the daemon
    Serve(serve::Serve),
    /// See it work: four agents, a plan, a crash, on a server of its own
    Demo(demo::Demo),
    /// Ask in PQL
    Query(query::Query),
    /// Ask one thing after another, at a terminal or through a pipe
    Shell,
    /// Print events as they come
    Watch(watch::Watch),
    /// Bring a history in
    #[command(subcommand)]
    Import(import::Import),
    /// Print the log's events as NDJSON
    Export(export::Export),
    /// Check a data directory: every byte of it, the log, and the views against the log
    Verify(verify::Verify),
    /// Make the views of a data directory anew from its log
    Rebuild(rebuild::Rebuild),
    /// What helps to look into a problem
    #[command(subcommand)]
    Diagnostics(diagnostics::Diagnostics),
    /// Print every setting as it holds, and where its value comes from
    Config(config::Config),
    /// Agents: who works
    #[command(subcommand)]
    Agent(agent::Agent),
    /// Sessions: agents at work
    #[command(subcommand)]
    Session(session::Session),
    /// Tasks: the work
    #[command(subcommand)]
    Task(Box<task::Task>),
    /// Runs: attempts at tasks
    #[command(subcommand)]
    Run(run::Run),
    /// Progress items: the steps of a task
    #[command(subcommand)]
    Progress(progress::Progress),
    /// Contexts: what is worth knowing about a task
    #[command(subcommand)]
    Context(context::Context),
    /// Leases: who may write to a task
    #[command(subcommand)]
    Lease(lease::Lease),
    /// Exchange work with another node: its events come here, or ours go there
    #[command(subcommand)]
    Sync(sync::Sync),
    /// Print the JSON Schema of a type, or list the types
    Schema(schema::Schema),
    /// Print what makes a shell complete commands and flags
    Completions(completions::Completions),
    /// Print what an agent must know to work with this
    Prime,
    /// Print manual pages
    Man(man::Man),
}

impl Command {
    /// What its own flags say about settings.
    pub(crate) fn layer(&self) -> crate::config::Layer {
        match self {
            Self::Serve(serve) => serve.layer(),
            Self::Import(import) => import.layer(),
            Self::Verify(verify) => verify.layer(),
            Self::Rebuild(rebuild) => rebuild.layer(),
            Self::Config(config) => config.layer(),
            _ => crate::config::Layer::flags(),
        }
    }

    /// Carries it out.
    ///
    /// # Errors
    /// How the program ends when it does not end well.
    pub(crate) fn run(self, settings: Settings, form: Option<Form>) -> Result<(), Failure> {
        match self {
            Self::Serve(_) => serve::run(&settings),
            Self::Demo(demo) => demo::run(demo),
            Self::Query(query) => connected(&settings, form, |to| query::run(query, to)),
            Self::Shell => connected(&settings, form, |to| shell::run(to, &settings.data)),
            Self::Watch(watch) => connected(&settings, form, |to| watch::run(watch, to)),
            Self::Import(import) => import::run(import, &settings, form),
            Self::Export(export) => {
                export::accepts(form)?;
                connected(&settings, form, |to| export::run(export, to))
            }
            Self::Verify(verify) => verify::run(&verify, &settings, form),
            Self::Rebuild(_) => rebuild::run(&settings, form),
            Self::Diagnostics(diagnostics) => {
                connected(&settings, form, |to| diagnostics::run(diagnostics, to))
            }
            Self::Config(_) => config::run(&settings, form),
            Self::Agent(agent) => connected(&settings, form, |to| agent::run(agent, to)),
            Self::Session(session) => connected(&settings, form, |to| session::run(session, to)),
            Self::Task(task) => connected(&settings, form, |to| task::run(*task, to)),
            Self::Run(run) => connected(&settings, form, |to| run::run(run, to)),
            Self::Progress(progress) => connected(&settings, form, |to| progress::run(progress, to)),
            Self::Context(context) => connected(&settings, form, |to| context::run(context, to)),
            Self::Lease(lease) => connected(&settings, form, |to| lease::run(lease, to)),
            Self::Sync(sync) => {
                let nodes = sync::Nodes::new(&sync, &settings)?;
                connected(&settings, form, |to| sync::run(sync, nodes, to))
            }
            Self::Schema(asked) => schema::run(&asked, form),
            Self::Completions(completions) => completions::run(&completions),
            Self::Prime => prime::run(),
            Self::Man(man) => man::run(&man),
        }
    }
}

#[cfg(test)]
pub(crate) use serve::config as serve_config;

/// A client command's way to the server and back.
#[derive(Debug, Clone)]
pub(crate) struct Connected {
    pub(crate) client: Client,
    pub(crate) form: Form,
}

impl Connected {
    /// Prints the `data` of an answer.
    ///
    /// # Errors
    /// When stdout cannot be written to.
    pub(crate) fn print(&self, data: &Value) -> Result<(), Failure> {
        output::print(data, self.form)
    }
}

/// Runs a client command.
fn connected<F: Future<Output = Result<(), Failure>>>(
    settings: &Settings,
    form: Option<Form>,
    command: impl FnOnce(Connected) -> F,
) -> Result<(), Failure> {
    let client = Client::new(settings)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::internal(error.to_string()))?;
    runtime.block_on(command(Connected { client, form: Form::or_fitting(form) }))
}

/// The body of a request: the flags that were given, under their field names.
pub(crate) fn body(flags: &impl Serialize) -> Value {
    let mut body = serde_json::to_value(flags).unwrap_or_default();
    if let Some(members) = body.as_object_mut() {
        members.retain(|_, value| match value.as_object_mut().and_then(|wrapped| wrapped.remove(GIVEN)) {
            Some(given) => {
                *value = given;
                true
            }
            None => {
                !value.is_null() && value.as_array().is_none_or(|items| !items.is_empty()) && *value != false
            }
        });
    }
    body
}

/// A flag that holds JSON. What was given goes into the body whatever it is, `null`, `false` and `[]` too, which
/// of other flags mean that they were not given.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Json {
    #[serde(rename = "$given")]
    value: Value,
}

/// The name of [`Json`]'s member.
const GIVEN: &str = "$given";

impl std::str::FromStr for Json {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        json(text).map(|value| Self { value })
    }
}

/// Reads a flag that holds JSON.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn json(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|error| format!("expected JSON: {error}"))
}

/// A thing by its id, alone or after `--id`.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Id {
    /// Its id
    #[arg(value_name = "ID")]
    alone: Option<String>,
    /// The same
    #[arg(long = "id", value_name = "ID", hide = true)]
    named: Option<String>,
}

impl Id {
    pub(crate) fn as_str(&self) -> &str {
        self.alone.as_deref().or(self.named.as_deref()).unwrap_or_default()
    }
}

/// What entitles one to write to a task.
#[derive(Debug, Default, clap::Args, Serialize)]
pub(crate) struct Guard {
    /// The lease you hold
    #[arg(long)]
    lease_id: Option<String>,
    /// Its fence, to be checked
    #[arg(long)]
    fence: Option<u64>,
    /// The version you saw, to be checked
    #[arg(long)]
    expected_version: Option<u64>,
    /// Do it without the lease; goes on record
    #[arg(long = "override")]
    #[serde(rename = "override")]
    override_lease: bool,
}
