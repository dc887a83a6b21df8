use super::{Connected, Guard, Id, Json, body};
use crate::client::At;
use crate::failure::Failure;
use clap::{Args, Subcommand};
use reqwest::Method;
use serde::Serialize;
use serde_json::{Value, json as value};

/// Tasks: the work.
#[derive(Debug, Subcommand)]
pub(crate) enum Task {
    /// Make a task
    Create(Create),
    /// Show a task
    Get(Get),
    /// List tasks
    List(List),
    /// Change fields of a task
    Update(Update),
    /// Move a task to another state
    Transition(Transition),
    /// Block a task, by another or for a reason
    Block(Block),
    /// Relate two tasks
    Relate(Relate),
    /// Take the best task there is for an agent
    Claim(Claim),
    /// Say that a task is done
    Complete(Complete),
    /// Say that an attempt failed
    Fail(Fail),
    /// Give a task back
    Release(Release),
    /// Put a finished task away
    Archive(Id),
    /// Take an archived task back
    Restore(Id),
    /// What somebody who takes a task up must know, within a budget of tokens
    Brief(Brief),
    /// Every event about a task
    History(History),
}

/// Fields that creating and updating have in common.
#[derive(Debug, Args, Serialize)]
pub(crate) struct Fields {
    /// What is wanted, at any length
    #[arg(long)]
    intent: Option<String>,
    /// feature, bugfix, refactor, docs, ops or another word
    #[arg(long = "type")]
    #[serde(rename = "type")]
    kind: Option<String>,
    /// The project it belongs to
    #[arg(long)]
    project_id: Option<String>,
    /// The task that contains it
    #[arg(long, alias = "parent")]
    parent_id: Option<String>,
    /// −5 to 5, more is sooner
    #[arg(long, allow_negative_numbers = true)]
    priority: Option<i64>,
    /// critical, high, normal or low
    #[arg(long)]
    class: Option<String>,
    /// Capabilities it needs, with commas between
    #[arg(long, value_delimiter = ',')]
    caps: Vec<String>,
    /// Labels, with commas between
    #[arg(long, value_delimiter = ',')]
    labels: Vec<String>,
    /// A JSON object
    #[arg(long)]
    metadata: Option<Json>,
    /// When it should be done
    #[arg(long)]
    due_at: Option<String>,
    /// Not offered before
    #[arg(long)]
    not_before: Option<String>,
    /// Attempts after which a failure blocks it
    #[arg(long)]
    max_attempts: Option<i64>,
    /// The only agent who may claim it; given back, failed or expired it is nobody's again
    #[arg(long, alias = "owner")]
    owner_agent_id: Option<String>,
}

#[derive(Debug, Args, Serialize)]
pub(crate) struct Create {
    /// Its id; made by the server when there is none
    #[arg(long)]
    id: Option<String>,
    /// One line
    #[arg(long)]
    title: String,
    #[command(flatten)]
    #[serde(flatten)]
    fields: Fields,
    /// A step; give it several times for several
    #[arg(long)]
    progress: Vec<String>,
    /// Tasks that must end first, with commas between
    #[arg(long, alias = "by", value_delimiter = ',')]
    blocked_by: Vec<String>,
    /// Tasks that wait for it, with commas between
    #[arg(long, value_delimiter = ',')]
    blocks: Vec<String>,
    /// What is known of it: a JSON list of {type, content, metadata?}
    #[arg(long)]
    contexts: Option<Json>,
}

#[derive(Debug, Args)]
pub(crate) struct Get {
    #[command(flatten)]
    id: Id,
    /// What to show with it, with commas between: relationships, context, progress, children, runs …
    #[arg(long)]
    include: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// Only these states, with commas between
    #[arg(long)]
    status: Option<String>,
    /// Only those of this agent
    #[arg(long, alias = "owner-agent-id")]
    owner: Option<String>,
    /// Only the children of this task
    #[arg(long, alias = "parent")]
    parent_id: Option<String>,
    /// Only those of this project
    #[arg(long)]
    project_id: Option<String>,
    /// Only those with this label
    #[arg(long)]
    label: Option<String>,
    /// With a parent: everything below it. `--include-children=false` without one: only what has no parent
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    include_children: Option<bool>,
    /// Archived ones too
    #[arg(long)]
    include_archived: bool,
    /// Columns to show, with commas between
    #[arg(long)]
    fields: Option<String>,
    /// At most so many
    #[arg(long)]
    limit: Option<u32>,
    /// Leave so many out first
    #[arg(long)]
    offset: Option<u32>,
}

#[derive(Debug, Args, Serialize)]
pub(crate) struct Update {
    #[command(flatten)]
    #[serde(skip)]
    id: Id,
    /// One line
    #[arg(long)]
    title: Option<String>,
    #[command(flatten)]
    #[serde(flatten)]
    fields: Fields,
    /// Fields to empty, with commas between
    #[arg(long, value_delimiter = ',')]
    #[serde(skip)]
    clear: Vec<String>,
    #[command(flatten)]
    #[serde(flatten)]
    guard: Guard,
}

#[derive(Debug, Args, Serialize)]
pub(crate) struct Transition {
    #[command(flatten)]
    #[serde(skip)]
    id: Id,
    /// open, in_progress, blocked, completed or cancelled
    #[arg(long, alias = "to")]
    status: String,
    /// Why
    #[arg(long)]
    reason: Option<String>,
    /// With blocked: the tasks that block it, with commas between
    #[arg(long, alias = "by", value_delimiter = ',')]
    blocked_by: Vec<String>,
    #[command(flatten)]
    #[serde(flatten)]
    guard: Guard,
}

#[derive(Debug, Args, Serialize)]
pub(crate) struct Block {
    #[command(flatten)]
    #[serde(skip)]
    id: Id,
    /// The tasks that block it, with commas between
    #[arg(long, alias = "by", value_delimiter = ',')]
    blocked_by: Vec<String>,
    /// Why
    #[arg(long)]
    reason: Option<String>,
    #[command(flatten)]
    #[serde(flatten)]
    guard: Guard,
}

#[derive(Debug, Args, Serialize)]
pub(crate) struct Relate {
    /// The blocker, the parent, the duplicate
    #[arg(long = "from-task-id", alias = "from")]
    from_task_id: String,
    /// The blocked, the child, the original
    #[arg(long = "to-task-id", alias = "to")]
    to_task_id: String,
    /// parent_of, blocks, relates_to or duplicates
    #[arg(long = "type")]
    #[serde(rename = "type")]
    kind: String,
    /// A JSON object
    #[arg(long)]
    metadata: Option<Json>,
}

#[derive(Debug, Args, Serialize)]
pub(crate) struct Claim {
    /// Who claims
    #[arg(long, alias = "owner")]
    agent_id: String,
    /// In which session
    #[arg(long)]
    session_id: Option<String>,
    /// Only tasks for which this holds, in PQL
    #[arg(long = "where")]
    #[serde(rename = "where")]
    filter: Option<String>,
    /// Parameters of --where: a JSON list or object
    #[arg(long)]
    params: Option<Json>,
    /// How long the lease lasts, in seconds
    #[arg(long, alias = "ttl")]
    lease_s: Option<f64>,
    /// At most so many
    #[arg(long)]
    limit: Option<u32>,
    /// Wait so long for work when there is none, in milliseconds
    #[arg(long)]
    wait_ms: Option<u32>,
}

#[derive(Debug, Args, Serialize)]
pub(crate) struct Complete {
    #[command(flatten)]
    #[serde(skip)]
    id: Id,
    /// What came of it: JSON. (`output` in the API; here --output says how to print)
    #[arg(long)]
    #[serde(rename = "output")]
    result: Option<Json>,
    /// What shows it: JSON
    #[arg(long)]
    evidence: Option<Json>,
    /// What it cost
    #[arg(long)]
    cost: Option<f64>,
    /// Tokens it used
    #[arg(long)]
    tokens: Option<i64>,
    #[command(flatten)]
    #[serde(flatten)]
    guard: Guard,
}

#[derive(Debug, Args, Serialize)]
pub(crate) struct Fail {
    #[command(flatten)]
    #[serde(skip)]
    id: Id,
    /// transient, terminal, policy, validation, dependency or capacity
    #[arg(long)]
    class: String,
    /// What happened
    #[arg(long)]
    message: String,
    /// Try again after so many seconds
    #[arg(long)]
    retry_after_s: Option<f64>,
    #[command(flatten)]
    #[serde(flatten)]
    guard: Guard,
}

#[derive(Debug, Args, Serialize)]
pub(crate) struct Release {
    #[command(flatten)]
    #[serde(skip)]
    id: Id,
    /// For whoever takes it next
    #[arg(long)]
    note: Option<String>,
    #[command(flatten)]
    #[serde(flatten)]
    guard: Guard,
}

#[derive(Debug, Args)]
pub(crate) struct Brief {
    #[command(flatten)]
    id: Id,
    /// The budget; the least useful is left out first, and told
    #[arg(long)]
    max_tokens: Option<u64>,
}

#[derive(Debug, Args)]
pub(crate) struct History {
    #[command(flatten)]
    id: Id,
    /// Only what this agent did
    #[arg(long, alias = "owner")]
    agent_id: Option<String>,
    /// Not before
    #[arg(long, alias = "from")]
    from_time: Option<String>,
    /// Not after
    #[arg(long, alias = "to")]
    to_time: Option<String>,
    /// Only these types, with commas between
    #[arg(long = "type")]
    kind: Option<String>,
    /// After this position
    #[arg(long)]
    after: Option<u64>,
    /// At most so many
    #[arg(long)]
    limit: Option<u32>,
    /// Leave so many out first
    #[arg(long)]
    offset: Option<u32>,
}

pub(super) async fn run(task: Task, to: Connected) -> Result<(), Failure> {
    let client = &to.client;
    let at = |id: &Id, last: &[&str]| At::path(&[&["tasks", id.as_str()], last].concat());
    let data = match &task {
        Task::Create(create) => client.post(&At::path(&["tasks"]), &body(create)).await?,
        Task::Get(get) => client.get(&at(&get.id, &[]).with("include", get.include.as_ref())).await?,
        Task::List(list) => client.get(&list.at()).await?,
        Task::Update(update) => {
            let mut fields = body(update);
            for field in &update.clear {
                fields[field.as_str()] = match field.as_str() {
                    "caps" | "labels" => value!([]),
                    "metadata" => value!({}),
                    _ => Value::Null,
                };
            }
            client.call(Method::PATCH, &at(&update.id, &[]), Some(&fields)).await?
        }
        Task::Transition(transition) => {
            client.post(&at(&transition.id, &["transition"]), &body(transition)).await?
        }
        Task::Block(block) => {
            let mut fields = body(block);
            fields["status"] = "blocked".into();
            client.post(&at(&block.id, &["transition"]), &fields).await?
        }
        Task::Relate(relate) => client.post(&At::path(&["relationships"]), &body(relate)).await?,
        Task::Claim(claim) => {
            let sent = client.post(&At::path(&["tasks", "claim"]), &body(claim)).await;
            sent.map_err(|error| error.into_failure(claim.filter.as_deref()))?
        }
        Task::Complete(complete) => client.post(&at(&complete.id, &["complete"]), &body(complete)).await?,
        Task::Fail(fail) => client.post(&at(&fail.id, &["fail"]), &body(fail)).await?,
        Task::Release(release) => client.post(&at(&release.id, &["release"]), &body(release)).await?,
        Task::Archive(id) => client.post(&at(id, &["archive"]), &value!({})).await?,
        Task::Restore(id) => client.post(&at(id, &["restore"]), &value!({})).await?,
        Task::Brief(brief) => {
            client.get(&at(&brief.id, &["brief"]).with("max_tokens", brief.max_tokens)).await?
        }
        Task::History(history) => {
            let at = at(&history.id, &["history"])
                .with("agent_id", history.agent_id.as_ref())
                .with("from_time", history.from_time.as_ref())
                .with("to_time", history.to_time.as_ref())
                .with("type", history.kind.as_ref())
                .with("after", history.after);
            client.get(&at.with("limit", history.limit).with("offset", history.offset)).await?
        }
    };
    to.print(&data)
}

impl List {
    fn at(&self) -> At {
        At::path(&["tasks"])
            .with("status", self.status.as_ref())
            .with("owner", self.owner.as_ref())
            .with("parent_id", self.parent_id.as_ref())
            .with("project_id", self.project_id.as_ref())
            .with("label", self.label.as_ref())
            .with("include_children", self.include_children)
            .with("include_archived", self.include_archived.then_some(true))
            .with("fields", self.fields.as_ref())
            .with("limit", self.limit)
            .with("offset", self.offset)
    }
}
