//! Settings: flags go before the environment, the environment before the file, the file before defaults.

mod rate;
pub(crate) mod table;
mod value;

pub(crate) use rate::Rate;
pub(crate) use table::Setting;
pub(crate) use value::{ClientFlags, Layer, ServerFlags, Source, Value};

use crate::auth::Token;
use crate::client::Caller;
use crate::failure::Failure;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::time::Duration;
use table::{Default, Kind, SETTINGS};

/// Where a client finds the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    /// At a URL.
    Url(String),
    /// At a Unix socket.
    Socket(PathBuf),
}

/// What holds for one setting, and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Effective {
    /// The setting.
    pub(crate) setting: &'static Setting,
    /// Its value; of a secret only that there is one.
    pub(crate) value: Option<Value>,
    /// Who said so.
    pub(crate) source: Source,
}

impl PartialEq for Setting {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Setting {}

/// What stands in the place of a secret.
const HIDDEN: &str = "set";

/// What holds after all layers.
#[derive(Clone)]
pub(crate) struct Settings {
    /// The data directory.
    pub(crate) data: PathBuf,
    /// The Unix socket the daemon makes.
    pub(crate) socket: PathBuf,
    /// The TCP address the daemon listens on.
    pub(crate) listen: Option<String>,
    /// Where clients go.
    pub(crate) target: Target,
    /// The bearer token.
    pub(crate) token: Option<String>,
    /// The token that nodes show each other.
    pub(crate) sync_token: Option<String>,
    /// Certificates a client trusts.
    pub(crate) tls_ca: Option<PathBuf>,
    /// The server's certificate and its key.
    pub(crate) tls: Option<(PathBuf, PathBuf)>,
    /// Origins of web pages that may come.
    pub(crate) allow_origins: Vec<String>,
    /// Whether the token may travel beyond loopback in clear text.
    pub(crate) insecure: bool,
    /// Level of logs.
    pub(crate) log_level: String,
    /// What a client says of itself with every call: of this command line, not of any layer.
    pub(crate) caller: Caller,
    /// Requests of one connection.
    pub(crate) rate_per_connection: Rate,
    /// Requests of one agent.
    pub(crate) rate_per_agent: Rate,
    /// Whether those limits hold on the Unix socket too.
    pub(crate) rate_limit_unix: bool,
    /// Whether webhooks may lead anywhere.
    pub(crate) webhook_allow_private: bool,
    /// From when on a request is slow.
    pub(crate) slow_request: Duration,
    /// How long a session may be silent before it is lost, in milliseconds.
    pub(crate) session_timeout_ms: i64,
    /// Subscriptions that may be open.
    pub(crate) subscriptions_max: usize,
    /// Subscriptions of one WebSocket.
    pub(crate) subscriptions_per_connection_max: usize,
    /// Events after which a snapshot is due.
    pub(crate) snapshot_every_events: u64,
    /// Bounds of queries; where they spill to is for whoever knows the data directory.
    pub(crate) query: query::Options,
    /// Time after which a snapshot is due.
    pub(crate) snapshot_every: Duration,
    /// Every setting as it holds, secrets left out.
    pub(crate) effective: Vec<Effective>,
}

/// Layers, the strongest first.
struct Layers<'a> {
    layers: &'a [Layer],
    home: Option<&'a Path>,
}

impl Layers<'_> {
    /// What holds for a setting.
    fn find(&self, setting: &'static Setting) -> (Option<Value>, Source) {
        let said = self
            .layers
            .iter()
            .find_map(|layer| Some((layer.get(setting.name)?.clone(), layer.source.clone())));
        let (value, source) = match said {
            Some((value, source)) => (Some(value), source),
            None => (self.default(setting), Source::Default),
        };
        // `off` is how a rate says that there is none.
        let is_off = setting.kind == Kind::Rate && value == Some(Value::Text(Rate::Off.to_string()));
        (value.filter(|_| !is_off), source)
    }

    fn default(&self, setting: &Setting) -> Option<Value> {
        match setting.default {
            Default::None => None,
            Default::Text(text) => Some(Value::Text(text.to_owned())),
            Default::Number(number) => Some(Value::Number(number)),
            Default::No => Some(Value::Switch(false)),
            Default::Own(name) => {
                let path = self.home?.join(".agentpm").join(name);
                Some(Value::Text(path.to_string_lossy().into_owned()))
            }
        }
    }

    fn value(&self, name: &str) -> Option<Value> {
        self.find(table::named(name).expect("a setting of the table")).0
    }

    fn text(&self, name: &str) -> Option<String> {
        match self.value(name)? {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    fn path(&self, name: &str) -> Option<PathBuf> {
        self.text(name).map(PathBuf::from)
    }

    fn own_path(&self, name: &str) -> Result<PathBuf, Failure> {
        self.path(name).ok_or_else(|| {
            Failure::usage("there is no home directory (HOME): say --data and --socket".to_owned())
        })
    }

    fn switch(&self, name: &str) -> bool {
        self.value(name) == Some(Value::Switch(true))
    }

    /// A number; every one of them has a default.
    fn number(&self, name: &str) -> u64 {
        match self.value(name) {
            Some(Value::Number(number)) => number,
            _ => 0,
        }
    }

    fn list(&self, name: &str) -> Vec<String> {
        match self.value(name) {
            Some(Value::List(texts)) => texts,
            _ => Vec::new(),
        }
    }

    fn rate(&self, name: &str) -> Rate {
        self.text(name).and_then(|text| text.parse().ok()).unwrap_or(Rate::Off)
    }
}

impl Settings {
    /// Settings from the flags, this process's environment and the configuration file.
    ///
    /// # Errors
    /// When the file cannot be read or a setting does not hold.
    pub(crate) fn load(flags: Layer, config: Option<&Path>) -> Result<Self, Failure> {
        let variable = |name: &str| std::env::var(name).ok();
        let home = std::env::var_os("HOME").filter(|home| !home.is_empty()).map(PathBuf::from);
        let named = config
            .map(Path::to_owned)
            .or_else(|| variable("AGENTPM_CONFIG").filter(|path| !path.is_empty()).map(PathBuf::from));
        let path = named.clone().or_else(|| home.as_ref().map(|home| home.join(".agentpm/config.toml")));
        let mut layers = vec![flags, Layer::environment(variable)?];
        if let Some(path) = path {
            match std::fs::read_to_string(&path) {
                Ok(text) => layers.push(Layer::file(&text, &path)?),
                // Only a file that somebody asked for has to be there.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound && named.is_none() => {}
                Err(error) => return Err(Failure::usage(format!("{}: {error}", path.display()))),
            }
        }
        Self::resolve(&layers, home.as_deref())
    }

    /// Settings from layers, the strongest first.
    ///
    /// # Errors
    /// When a setting does not hold, or there is no home directory for a default.
    pub(crate) fn resolve(layers: &[Layer], home: Option<&Path>) -> Result<Self, Failure> {
        let all = Layers { layers, home };
        let socket = all.own_path("socket")?;
        let said = |layer: &Layer, name| match layer.get(name) {
            Some(Value::Text(text)) => Some(text.clone()),
            _ => None,
        };
        // Of the strongest layer that says either.
        let target = layers
            .iter()
            .find_map(|layer| match (said(layer, "url"), said(layer, "socket")) {
                (Some(url), _) => Some(Target::Url(url)),
                (None, Some(path)) => Some(Target::Socket(path.into())),
                (None, None) => None,
            })
            .unwrap_or_else(|| Target::Socket(socket.clone()));
        let tls = match (all.path("tls_cert"), all.path("tls_key")) {
            (Some(cert), Some(key)) => Some((cert, key)),
            (None, None) => None,
            (Some(_), None) => return Err(Failure::usage("--tls-cert needs the certificate's --tls-key")),
            (None, Some(_)) => return Err(Failure::usage("--tls-key needs the key's --tls-cert")),
        };
        Ok(Self {
            data: all.own_path("data")?,
            socket,
            listen: all.text("listen"),
            target,
            token: token(layers, ["token", "token_file"], "AGENTPM_TOKEN")?,
            sync_token: token(layers, ["sync_token", "sync_token_file"], "AGENTPM_SYNC_TOKEN")?,
            tls_ca: all.path("tls_ca"),
            tls,
            allow_origins: all.list("allow_origin"),
            insecure: all.switch("insecure"),
            log_level: all.text("log_level").unwrap_or_default(),
            caller: Caller::default(),
            rate_per_connection: all.rate("rate_limit_per_connection"),
            rate_per_agent: all.rate("rate_limit_per_agent"),
            rate_limit_unix: all.switch("rate_limit_unix"),
            webhook_allow_private: all.switch("webhook_allow_private"),
            slow_request: Duration::from_millis(all.number("slow_request_ms")),
            session_timeout_ms: 1_000 * i64::try_from(all.number("session_timeout_s")).unwrap_or_default(),
            subscriptions_max: size(all.number("subscriptions_max")),
            subscriptions_per_connection_max: size(all.number("subscriptions_per_connection_max")),
            snapshot_every_events: all.number("snapshot_every_events"),
            query: query::Options {
                time_max: Duration::from_secs(all.number("query_time_max_s")),
                memory_bytes_max: size(all.number("query_memory_max_mib") << 20),
                spill_bytes_max: all.number("query_spill_max_mib") << 20,
                past_bytes_max: size(all.number("query_past_max_mib") << 20),
                document_rows_max: size(all.number("query_rows_max")),
                concurrency_max: size(all.number("query_concurrency_max")),
                ..query::Options::default()
            },
            snapshot_every: Duration::from_secs(all.number("snapshot_every_s")),
            effective: SETTINGS.iter().map(|setting| effective(&all, setting)).collect(),
        })
    }

    /// The TCP address to listen on, when it may be listened on.
    ///
    /// # Errors
    /// When it is no address, or beyond loopback without a token, or with a token in clear text that nobody
    /// agreed to.
    pub(crate) fn listen_address(&self) -> Result<Option<SocketAddr>, Failure> {
        let Some(text) = &self.listen else { return Ok(None) };
        let address =
            text.to_socket_addrs().ok().and_then(|mut addresses| addresses.next()).ok_or_else(|| {
                Failure::usage(format!("--listen `{text}`: expected ADDRESS:PORT, like 127.0.0.1:7878"))
            })?;
        if !address.ip().is_loopback() {
            if self.token.is_none() {
                return Err(Failure::usage(format!(
                    "--listen {text} is reachable from other machines: set a token with --token-file or AGENTPM_TOKEN"
                )));
            }
            if !self.insecure && self.tls.is_none() {
                return Err(Failure::usage(format!(
                    "--listen {text} would carry the token in clear text: speak TLS with --tls-cert and --tls-key, put a TLS proxy before it and listen on loopback, or accept it with --insecure"
                )));
            }
        }
        Ok(Some(address))
    }
}

fn effective(all: &Layers<'_>, setting: &'static Setting) -> Effective {
    let (value, source) = all.find(setting);
    let value = match setting.kind {
        Kind::Secret | Kind::SecretOrFlag => value.map(|_| Value::Text(HIDDEN.to_owned())),
        // A name and a password may stand before the host.
        _ if setting.name == "url" => value.map(|url| match url {
            Value::Text(text) => Value::Text(without_user(&text)),
            other => other,
        }),
        _ => value,
    };
    Effective { setting, value, source }
}

/// A URL without the user and password in it.
fn without_user(url: &str) -> String {
    match url.split_once("://").and_then(|(scheme, rest)| Some((scheme, rest.split_once('@')?.1))) {
        Some((scheme, place)) => format!("{scheme}://{place}"),
        None => url.to_owned(),
    }
}

/// The token of the strongest layer that has one, by itself or in a file; the names of both.
fn token(layers: &[Layer], [own, file]: [&str; 2], variable: &str) -> Result<Option<String>, Failure> {
    for layer in layers {
        let (text, source) = match (layer.get(own), layer.get(file)) {
            (Some(Value::Text(token)), _) => {
                let source = match &layer.source {
                    Source::Flag => format!("--{}", own.replace('_', "-")),
                    Source::File(path) => format!("{own} in {}", path.display()),
                    Source::Environment | Source::Default => variable.to_owned(),
                };
                (token.clone(), source)
            }
            (_, Some(Value::Text(path))) => match std::fs::read_to_string(path) {
                Ok(text) => (text, path.clone()),
                Err(error) => return Err(Failure::usage(format!("{path}: {error}"))),
            },
            _ => continue,
        };
        let text = text.trim().to_owned();
        Token::new(&text).map_err(|error| Failure::usage(format!("{source}: {error}")))?;
        return Ok(Some(text));
    }
    Ok(None)
}

/// A number as a size in memory; on a machine whose memory is smaller there is none beyond it anyway.
fn size(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod test;
