//! `agentpm sync`: events from one node's log to another's, over the network or in a file.

use super::Connected;
use super::export::Out;
use crate::client::{At, Client};
use crate::config::{Settings, Target};
use crate::failure::{Failure, exit};
use crate::sync::PUSH_EVENTS_MAX;
use clap::{Args, Subcommand};
use domain::merge::travels;
use reqwest::{Method, header};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

/// Events asked for at once.
const PAGE_EVENTS: u64 = 1_000;

/// Bytes of events after which a push is sent: half of what a body may have, as one more event may come.
const PUSH_BYTES_MAX: usize = 4 << 20;

/// Longest line of a file, in bytes: an event's data and metadata, and what is around them.
const LINE_BYTES_MAX: u64 = 8 << 20;

/// Rejected events that are told one by one.
const REJECTED_TOLD_MAX: usize = 20;

/// Exchange work with another node
#[derive(Debug, Subcommand)]
pub(crate) enum Sync {
    /// Take in what another node has done since the last time
    Pull(Other),
    /// Give another node what was done here since the last time
    Push(Other),
}

/// The other node, or a file that is carried there.
#[derive(Debug, Args)]
pub(crate) struct Other {
    /// The other node: its URL, or the path of its Unix socket [the token is in AGENTPM_SYNC_TOKEN]
    #[arg(long, value_name = "URL", required_unless_present = "file", conflicts_with = "file")]
    peer: Option<String>,
    /// A file of events instead: push writes it, pull reads it (`-` is stdout or stdin)
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Begin after this position of the sender's log, whatever was exchanged before
    #[arg(long, value_name = "POSITION")]
    after: Option<u64>,
}

impl Sync {
    const fn other(&self) -> &Other {
        match self {
            Self::Pull(other) | Self::Push(other) => other,
        }
    }
}

/// Clients that show the token of nodes.
#[derive(Debug)]
pub(super) struct Nodes {
    here: Client,
    peer: Option<Client>,
}

impl Nodes {
    /// # Errors
    /// When an address is none.
    pub(super) fn new(sync: &Sync, settings: &Settings) -> Result<Self, Failure> {
        let token = settings.sync_token.clone();
        let peer = sync.other().peer.as_deref().map(|peer| {
            let target = match peer.contains("://") {
                true => Target::Url(peer.to_owned()),
                false => Target::Socket(PathBuf::from(peer)),
            };
            Client::trusting(&target, token.clone(), settings.tls_ca.as_deref())
        });
        let here = token.or_else(|| settings.token.clone());
        let here = Client::trusting(&settings.target, here, settings.tls_ca.as_deref())?;
        Ok(Self { here, peer: peer.transpose()? })
    }
}

pub(super) async fn run(sync: Sync, nodes: Nodes, to: Connected) -> Result<(), Failure> {
    let Nodes { here, peer } = nodes;
    let report = match (sync, peer) {
        (Sync::Pull(other), Some(peer)) => copy(&peer, &here, other.after).await?,
        (Sync::Push(other), Some(peer)) => copy(&to.client, &peer, other.after).await?,
        (Sync::Pull(other), None) => {
            read(other.file.as_deref().unwrap_or(Path::new("-")), &here, other.after).await?
        }
        (Sync::Push(other), None) => {
            return write(&to.client, other.file.as_deref(), other.after.unwrap_or(0)).await;
        }
    };
    to.print(&report.to_json())
}

/// What of an event decides whether and when it goes.
#[derive(Deserialize)]
struct Seen<'a> {
    position: u64,
    #[serde(borrow)]
    stream: Cow<'a, str>,
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
}

impl<'a> Seen<'a> {
    fn of(event: &'a RawValue) -> Result<Self, Failure> {
        serde_json::from_str(event.get()).map_err(|error| strange(&error))
    }
}

fn strange(error: &serde_json::Error) -> Failure {
    Failure::internal(format!("what came is not what an agentpm server sends: {error}"))
}

/// A page of a log.
#[derive(Deserialize)]
struct Page {
    events: Vec<Box<RawValue>>,
    head: u64,
    next_after: u64,
}

async fn page(from: &Client, after: u64) -> Result<Page, Failure> {
    #[derive(Deserialize)]
    struct Answer {
        data: Page,
    }
    let at = At::path(&["events"]).with("after", Some(after)).with("limit", Some(PAGE_EVENTS));
    let response = from.send(from.request(Method::GET, &at)).await?;
    let body = response.bytes().await.map_err(|error| {
        Failure::new(exit::UNREACHABLE, format!("the answer broke off, events are missing: {error}"))
    })?;
    let answer: Answer = serde_json::from_slice(&body).map_err(|error| strange(&error))?;
    Ok(answer.data)
}

async fn node_of(client: &Client) -> Result<String, Failure> {
    let health = client.get(&At::path(&["healthz"])).await?;
    let node = health["node"].as_str().map(str::to_owned);
    node.ok_or_else(|| {
        Failure::internal("the other server does not say which node it is; is it an older one?")
    })
}

/// From one log to another, from where the receiver says it has heard.
async fn copy(from: &Client, to: &Client, after: Option<u64>) -> Result<Report, Failure> {
    let node = node_of(from).await?;
    let mut push = Push::new(node, to);
    let heard = push.send(None).await?;
    let mut at = after.unwrap_or(heard);
    push.after = at;
    loop {
        let Page { events, head, next_after } = page(from, at).await?;
        for event in events {
            let seen = Seen::of(&event)?;
            if travels(&seen.stream, &seen.kind) {
                let position = seen.position;
                push.add(event, position).await?;
            }
        }
        at = next_after;
        if at >= head {
            break;
        }
    }
    push.finish(at).await
}

/// One log into a file: a line that says whose it is and what stretch of it, then its events.
async fn write(from: &Client, file: Option<&Path>, after: u64) -> Result<(), Failure> {
    let node = node_of(from).await?;
    let file = file.filter(|path| *path != Path::new("-"));
    let mut out = Out::to(file)?;
    let mut at = after;
    let first = page(from, at).await?;
    // What comes while we write is for the next time.
    let upto = first.head;
    if !out.write(format!("{}\n", json!({ "node": node, "after": after, "upto": upto })).as_bytes())? {
        return Ok(());
    }
    let mut next = Some(first);
    while let Some(Page { events, next_after, .. }) = next.take() {
        for event in events {
            let seen = Seen::of(&event)?;
            if seen.position <= upto
                && travels(&seen.stream, &seen.kind)
                && !(out.write(event.get().as_bytes())? && out.write(b"\n")?)
            {
                return Ok(());
            }
        }
        at = next_after.max(at);
        if at < upto {
            next = Some(page(from, at).await?);
        }
    }
    out.finish()
}

/// The first line of a file.
#[derive(Deserialize)]
struct Header {
    node: String,
    after: u64,
    upto: u64,
}

/// A file into a log.
async fn read(file: &Path, to: &Client, after: Option<u64>) -> Result<Report, Failure> {
    let mut lines: Box<dyn BufRead> = match file == Path::new("-") {
        true => Box::new(BufReader::new(io::stdin())),
        false => {
            let unread = |error| Failure::usage(format!("{}: {error}", file.display()));
            Box::new(BufReader::new(File::open(file).map_err(unread)?))
        }
    };
    let at = |line: u64, why: &dyn std::fmt::Display| {
        Failure::usage(format!("{}, line {line}: {why}", file.display()))
    };
    let first = line(&mut lines).map_err(|error| at(1, &error))?.unwrap_or_default();
    let header: Header = serde_json::from_str(&first).map_err(|_| {
        at(1, &r#"expected {"node":…,"after":…,"upto":…}, as `agentpm sync push --file` writes it"#)
    })?;
    let mut push = Push::new(header.node, to);
    push.after = header.after;
    let mut number = 1;
    loop {
        number += 1;
        let Some(text) = line(&mut lines).map_err(|error| at(number, &error))? else { break };
        let event: Box<RawValue> = serde_json::from_str(&text).map_err(|error| at(number, &error))?;
        let position =
            serde_json::from_str::<Seen<'_>>(event.get()).map_err(|error| at(number, &error))?.position;
        if after.is_none_or(|after| position > after) {
            push.add(event, position).await?;
        }
    }
    push.finish(header.upto).await
}

fn line(lines: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut text = String::new();
    let bytes = io::Read::take(&mut *lines, LINE_BYTES_MAX).read_line(&mut text)?;
    if bytes as u64 == LINE_BYTES_MAX {
        return Err(io::Error::other(format!("longer than {LINE_BYTES_MAX} bytes")));
    }
    Ok((bytes > 0).then_some(text))
}

/// Events on their way to a server.
struct Push<'c> {
    node: String,
    to: &'c Client,
    /// Everything up to here has been sent.
    after: u64,
    events: Vec<Box<RawValue>>,
    bytes: usize,
    /// Position of the last of `events`.
    last: u64,
    report: Report,
}

/// What came of all of them.
#[derive(Debug, Default)]
struct Report {
    node: String,
    accepted: u64,
    duplicate: u64,
    rejected: u64,
    rejections: Vec<Value>,
    heard: u64,
}

impl Report {
    fn to_json(&self) -> Value {
        let Self { node, accepted, duplicate, rejected, rejections, heard } = self;
        json!({
            "node": node,
            "accepted": accepted,
            "duplicate": duplicate,
            "rejected": rejected,
            "rejections": rejections,
            "heard": heard,
        })
    }
}

impl<'c> Push<'c> {
    fn new(node: String, to: &'c Client) -> Self {
        let report = Report { node: node.clone(), ..Report::default() };
        Self { node, to, after: 0, events: Vec::new(), bytes: 0, last: 0, report }
    }

    async fn add(&mut self, event: Box<RawValue>, position: u64) -> Result<(), Failure> {
        let bytes = event.get().len();
        if self.events.len() == PUSH_EVENTS_MAX || self.bytes + bytes > PUSH_BYTES_MAX {
            self.send(Some(self.last)).await?;
        }
        self.bytes += bytes;
        self.last = position;
        self.events.push(event);
        Ok(())
    }

    /// Sends what is there; `upto` is how far the stretch goes that this is all of. Gives how far the other has
    /// heard.
    async fn send(&mut self, upto: Option<u64>) -> Result<u64, Failure> {
        let mut body = format!(r#"{{"node":{},"events":["#, Value::from(&*self.node));
        for (n, event) in std::mem::take(&mut self.events).iter().enumerate() {
            if n > 0 {
                body.push(',');
            }
            body.push_str(event.get());
        }
        body.push(']');
        if let Some(upto) = upto {
            body.push_str(&format!(r#","after":{},"upto":{upto}"#, self.after));
            self.after = upto;
        }
        body.push('}');
        self.bytes = 0;
        let request = self.to.request(Method::POST, &At::path(&["events", "push"]));
        let request = request.header(header::CONTENT_TYPE, "application/json").body(body);
        let response = self.to.send(request).await?;
        let mut answer: Value = response.json().await.map_err(|error| {
            Failure::new(exit::UNREACHABLE, format!("the answer broke off: {error}; sync again"))
        })?;
        let data = answer["data"].take();
        let count = |name: &str| data[name].as_u64().unwrap_or(0);
        self.report.accepted += count("accepted");
        self.report.duplicate += count("duplicate");
        self.report.rejected += count("rejected");
        self.report.heard = count("heard");
        let rejected = data["results"].as_array().into_iter().flatten();
        let rejected = rejected.filter(|result| result["status"] == "rejected");
        let room = REJECTED_TOLD_MAX - self.report.rejections.len();
        self.report.rejections.extend(rejected.take(room).cloned());
        Ok(self.report.heard)
    }

    /// Sends the rest; `upto` is how far the whole stretch goes. That nothing came of a short one is not worth an
    /// event in the other log: or two nodes would tell each other of their telling for ever.
    async fn finish(mut self, upto: u64) -> Result<Report, Failure> {
        if !self.events.is_empty() || upto.saturating_sub(self.after) >= PAGE_EVENTS {
            self.send(Some(upto)).await?;
        }
        Ok(self.report)
    }
}
