//! Every setting there is, once: from this table come the keys of the configuration file, the environment's names,
//! the flags with their help, the defaults, `agentpm config` and docs/operations/configuration.md.

use super::rate::Rate;
use super::value::Value;
#[cfg(test)]
use std::fmt::Write;

/// A setting.
#[derive(Debug)]
pub(crate) struct Setting {
    /// Key in the configuration file; the flag is the same in kebab case.
    pub(crate) name: &'static str,
    /// Environment variable.
    pub(crate) environment: &'static str,
    /// What values it takes.
    pub(crate) kind: Kind,
    /// What holds when nobody says anything.
    pub(crate) default: Default,
    /// Whose setting it is.
    pub(crate) scope: Scope,
    /// What stands for the value in help.
    pub(crate) value_name: &'static str,
    /// What it does, for the flag's help and the page.
    pub(crate) help: &'static str,
}

/// What values a setting takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The path of a file or directory.
    Path,
    /// Text.
    Text,
    /// Text that nobody is shown, and that only the environment carries: a command line is seen by others.
    Secret,
    /// The same, which a flag may carry too: whoever uses it accepts that the command line is seen.
    SecretOrFlag,
    /// Several texts: a list in the file, commas in the environment, the flag given again and again.
    List,
    /// Yes or no.
    Switch,
    /// A whole number, both bounds included.
    Number { min: u64, max: u64 },
    /// Requests a second; see [`Rate`].
    Rate,
}

/// What holds when nobody says anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Default {
    /// Nothing.
    None,
    /// That text.
    Text(&'static str),
    /// That number.
    Number(u64),
    /// No.
    No,
    /// A name in `~/.agentpm`.
    Own(&'static str),
}

/// Whose setting it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Of every command: where the server is and how to reach it.
    Everywhere,
    /// Of the daemon.
    Server,
}

const fn setting(
    scope: Scope,
    name: &'static str,
    environment: &'static str,
    kind: Kind,
    default: Default,
    value_name: &'static str,
    help: &'static str,
) -> Setting {
    Setting { name, environment, kind, default, scope, value_name, help }
}

/// A day has so many seconds; longer than a year nothing is meant.
const YEAR_S: u64 = 366 * 86_400;

use Scope::{Everywhere, Server};

/// The settings, in the order in which they are shown.
#[rustfmt::skip]
pub(crate) static SETTINGS: &[Setting] = &[
    setting(Everywhere, "socket", "AGENTPM_SOCKET", Kind::Path, Default::Own("agentpm.sock"), "PATH",
        "The server's Unix socket"),
    setting(Everywhere, "url", "AGENTPM_URL", Kind::Text, Default::None, "URL",
        "The server's URL, like http://127.0.0.1:7878, in place of the socket"),
    setting(Everywhere, "token", "AGENTPM_TOKEN", Kind::Secret, Default::None, "TOKEN",
        "The bearer token itself"),
    setting(Everywhere, "token_file", "AGENTPM_TOKEN_FILE", Kind::Path, Default::None, "FILE",
        "A file that holds the bearer token"),
    setting(Everywhere, "sync_token", "AGENTPM_SYNC_TOKEN", Kind::SecretOrFlag, Default::None, "TOKEN",
        "The token that nodes show each other: with it they may push their events over TCP; a file or the environment keeps it off the command line"),
    setting(Everywhere, "sync_token_file", "AGENTPM_SYNC_TOKEN_FILE", Kind::Path, Default::None, "FILE",
        "A file that holds the token of the nodes"),
    setting(Everywhere, "tls_ca", "AGENTPM_TLS_CA", Kind::Path, Default::None, "FILE",
        "Certificates (PEM) that an https:// server is trusted by, in place of the system's"),
    setting(Everywhere, "log_level", "AGENTPM_LOG_LEVEL", Kind::Text, Default::Text("info"), "LEVEL",
        "What to log: error, warn, info, debug, trace, or directives like info,agentpm=debug"),
    setting(Server, "data", "AGENTPM_DB", Kind::Path, Default::Own("data"), "DIR",
        "The data directory"),
    setting(Server, "listen", "AGENTPM_LISTEN", Kind::Text, Default::None, "ADDR:PORT",
        "Listen on TCP too; port 0 takes a free one"),
    setting(Server, "allow_origin", "AGENTPM_ALLOW_ORIGIN", Kind::List, Default::None, "ORIGIN",
        "Let web pages of this origin in; may be given several times"),
    setting(Server, "insecure", "AGENTPM_INSECURE", Kind::Switch, Default::No, "",
        "Accept that the token travels beyond this machine in clear text"),
    setting(Server, "tls_cert", "AGENTPM_TLS_CERT", Kind::Path, Default::None, "FILE",
        "Speak TLS on the TCP port with this certificate chain (PEM), the server's own first"),
    setting(Server, "tls_key", "AGENTPM_TLS_KEY", Kind::Path, Default::None, "FILE",
        "The private key (PEM) of the certificate"),
    setting(Server, "rate_limit_per_connection", "AGENTPM_RATE_LIMIT_PER_CONNECTION", Kind::Rate, Default::None,
        "RATE[:BURST]", "Requests a second of one connection, and how many at once; `off` for no limit"),
    setting(Server, "rate_limit_per_agent", "AGENTPM_RATE_LIMIT_PER_AGENT", Kind::Rate, Default::None,
        "RATE[:BURST]", "The same of one agent, over all its connections (Agentpm-Agent, else the address)"),
    setting(Server, "rate_limit_unix", "AGENTPM_RATE_LIMIT_UNIX", Kind::Switch, Default::No, "",
        "Limit requests through the Unix socket too"),
    setting(Server, "subscriptions_max", "AGENTPM_SUBSCRIPTIONS_MAX", Kind::Number { min: 1, max: 1_000_000 },
        Default::Number(10_000), "N", "Subscriptions that may be open at once, over WebSockets and as Server-Sent Events"),
    setting(Server, "subscriptions_per_connection_max", "AGENTPM_SUBSCRIPTIONS_PER_CONNECTION_MAX",
        Kind::Number { min: 1, max: 1_000_000 }, Default::Number(1_024), "N", "Subscriptions of one WebSocket"),
    setting(Server, "webhook_allow_private", "AGENTPM_WEBHOOK_ALLOW_PRIVATE", Kind::Switch, Default::No, "",
        "Let webhooks lead to this machine and into its network, and not only into the public internet"),
    setting(Server, "slow_request_ms", "AGENTPM_SLOW_REQUEST_MS", Kind::Number { min: 1, max: 3_600_000 },
        Default::Number(1_000), "MS", "Log requests that took so long at info"),
    setting(Server, "snapshot_every_events", "AGENTPM_SNAPSHOT_EVERY_EVENTS",
        Kind::Number { min: 1, max: 1_000_000_000 }, Default::Number(10_000), "N",
        "Write a snapshot of the views after so many events: what a start after a crash replays at most"),
    setting(Server, "snapshot_every_s", "AGENTPM_SNAPSHOT_EVERY_S", Kind::Number { min: 1, max: YEAR_S },
        Default::Number(86_400), "SECONDS", "Write one after so long too, if anything was written since"),
    setting(Server, "session_timeout_s", "AGENTPM_SESSION_TIMEOUT_S", Kind::Number { min: 1, max: 86_400 },
        Default::Number(60), "SECONDS", "Silence after which a session is lost and its leases are given back"),
    setting(Server, "query_time_max_s", "AGENTPM_QUERY_TIME_MAX_S", Kind::Number { min: 1, max: 86_400 },
        Default::Number(30), "SECONDS", "How long a query may compute; what its reader takes to take the rows does not count"),
    setting(Server, "query_memory_max_mib", "AGENTPM_QUERY_MEMORY_MAX_MIB", Kind::Number { min: 1, max: 1_048_576 },
        Default::Number(128), "MIB", "Memory of one query for sorts, groups, joins and rows of the past"),
    setting(Server, "query_spill_max_mib", "AGENTPM_QUERY_SPILL_MAX_MIB", Kind::Number { min: 0, max: 1_048_576 },
        Default::Number(2_048), "MIB", "Disk of all queries together for what does not fit their memory; 0 for none"),
    setting(Server, "query_past_max_mib", "AGENTPM_QUERY_PAST_MAX_MIB", Kind::Number { min: 1, max: 1_048_576 },
        Default::Number(1_024), "MIB", "Memory for the past of all tables, which AS OF and HISTORY read; what was not asked for the longest is dropped"),
    setting(Server, "query_rows_max", "AGENTPM_QUERY_ROWS_MAX", Kind::Number { min: 1, max: 100_000_000 },
        Default::Number(100_000), "N", "Rows of an answer that is one JSON document; those that stream have no bound"),
    setting(Server, "query_concurrency_max", "AGENTPM_QUERY_CONCURRENCY_MAX", Kind::Number { min: 1, max: 1_024 },
        Default::Number(8), "N", "Queries that run at once; more wait for their turn, within their time"),
    setting(Server, "hot_window_days", "AGENTPM_HOT_WINDOW_DAYS", Kind::Number { min: 1, max: 36_600 },
        Default::Number(90), "DAYS",
        "Age at which events may be moved into sealed segments; this version seals none and keeps all in the log"),
];

/// The setting of that name.
pub(crate) fn named(name: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.name == name)
}

impl Setting {
    /// Whether it is shown to nobody, and stands in no file of settings.
    pub(crate) fn is_secret(&self) -> bool {
        matches!(self.kind, Kind::Secret | Kind::SecretOrFlag)
    }

    /// The flag, without its dashes; most secrets have none.
    pub(crate) fn flag(&self) -> Option<String> {
        (self.kind != Kind::Secret).then(|| self.name.replace('_', "-"))
    }

    /// Reads a value as the environment and flags give it.
    ///
    /// # Errors
    /// What would be right.
    pub(crate) fn parse(&self, text: &str) -> Result<Value, String> {
        match self.kind {
            Kind::Path | Kind::Text | Kind::Secret | Kind::SecretOrFlag => Ok(Value::Text(text.to_owned())),
            Kind::List => Ok(Value::List(text.split(',').map(|part| part.trim().to_owned()).collect())),
            Kind::Switch => match text {
                "true" | "1" | "yes" => Ok(Value::Switch(true)),
                "false" | "0" | "no" => Ok(Value::Switch(false)),
                _ => Err(format!("expected true or false, found `{text}`")),
            },
            Kind::Number { min, max } => match text.parse::<u64>() {
                Ok(number) if (min..=max).contains(&number) => Ok(Value::Number(number)),
                _ => Err(format!("expected a whole number from {min} to {max}, found `{text}`")),
            },
            Kind::Rate => text.parse::<Rate>().map(|rate| Value::Text(rate.to_string())),
        }
    }

    /// The default as it is told.
    fn default_words(&self) -> String {
        match self.default {
            Default::None => "none".to_owned(),
            Default::Text(text) => text.to_owned(),
            Default::Number(number) => number.to_string(),
            Default::No => "false".to_owned(),
            Default::Own(name) => format!("~/.agentpm/{name}"),
        }
    }

    /// The help of its flag.
    pub(crate) fn flag_help(&self) -> String {
        let default = match self.default {
            Default::None | Default::No => String::new(),
            _ => format!(" [default: {}]", self.default_words()),
        };
        let besides = match self.name {
            "token_file" => "; AGENTPM_TOKEN holds the token itself",
            "sync_token_file" => "; AGENTPM_SYNC_TOKEN holds the token itself",
            _ => "",
        };
        format!("{} [env: {}{besides}]{default}", self.help, self.environment)
    }
}

/// The table of docs/operations/configuration.md.
#[cfg(test)]
pub(crate) fn reference() -> String {
    let mut out =
        String::from("| file | flag | environment | takes | default | |\n|---|---|---|---|---|---|\n");
    for setting in SETTINGS {
        let file = if setting.is_secret() { String::new() } else { format!("`{}`", setting.name) };
        let flag = setting.flag().map_or_else(String::new, |flag| format!("`--{flag}`"));
        let takes = match setting.kind {
            Kind::Path => "a path".to_owned(),
            Kind::Text => "text".to_owned(),
            Kind::Secret | Kind::SecretOrFlag => "text, never shown".to_owned(),
            Kind::List => "a list of texts".to_owned(),
            Kind::Switch => "true or false".to_owned(),
            Kind::Number { min, max } => format!("{min} to {max}"),
            Kind::Rate => "`RATE`, `RATE:BURST` or `off`".to_owned(),
        };
        let default = match setting.default {
            Default::None => "none".to_owned(),
            _ => format!("`{}`", setting.default_words()),
        };
        let _ = writeln!(
            out,
            "| {file} | {flag} | `{}` | {takes} | {default} | {}. |",
            setting.environment, setting.help
        );
    }
    out
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn names_are_their_own() {
        for (index, setting) in SETTINGS.iter().enumerate() {
            for other in &SETTINGS[index + 1..] {
                assert_ne!(setting.name, other.name);
                assert_ne!(setting.environment, other.environment);
            }
            assert!(setting.environment.starts_with("AGENTPM_"));
            assert!(!setting.help.ends_with('.') && !setting.help.contains('|'), "{}", setting.name);
        }
    }

    #[test]
    fn defaults_are_values() {
        for setting in SETTINGS {
            match (setting.default, setting.kind) {
                (Default::Number(number), Kind::Number { .. }) => {
                    assert_eq!(setting.parse(&number.to_string()), Ok(Value::Number(number)));
                }
                (Default::Text(_), Kind::Text) | (Default::Own(_), Kind::Path) => {}
                (Default::No, Kind::Switch) => {}
                (Default::None, _) => {}
                other => panic!("{}: {other:?}", setting.name),
            }
        }
    }

    /// `AGENTPM_UPDATE=1 cargo test -p agentpm configuration_page` writes the table anew.
    #[test]
    fn the_configuration_page_is_what_the_table_says() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/operations/configuration.md");
        let page = std::fs::read_to_string(path).unwrap();
        let (begin, end) = ("<!-- settings -->\n", "<!-- end -->\n");
        let (before, rest) = page.split_once(begin).unwrap();
        let (kept, after) = rest.split_once(end).unwrap();
        let table = format!("\n{}\n", reference());
        if std::env::var_os("AGENTPM_UPDATE").is_some() {
            std::fs::write(path, [before, begin, &table, end, after].concat()).unwrap();
        } else {
            assert!(kept == table, "docs/operations/configuration.md is not what the table of settings says");
        }
    }
}
