//! Settings: flags go before the environment, the environment before the file, the file before defaults.

use crate::auth::Token;
use crate::client::Caller;
use crate::failure::Failure;
use serde::Deserialize;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};

/// What a layer says; each part may be silent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Layer {
    /// The data directory.
    pub(crate) data: Option<PathBuf>,
    /// The Unix socket.
    pub(crate) socket: Option<PathBuf>,
    /// Address and port to listen on.
    pub(crate) listen: Option<String>,
    /// Where clients find the server; goes before `socket` of the same layer.
    pub(crate) url: Option<String>,
    /// The bearer token itself: from the environment only.
    #[serde(skip)]
    pub(crate) token: Option<String>,
    /// A file that holds the bearer token.
    pub(crate) token_file: Option<PathBuf>,
    /// Origins of web pages that may come.
    pub(crate) allow_origin: Option<Vec<String>>,
    /// Whether the token may travel beyond loopback in clear text.
    pub(crate) insecure: Option<bool>,
    /// Level of logs.
    pub(crate) log_level: Option<String>,
}

impl Layer {
    /// What the environment says.
    pub(crate) fn environment(variable: impl Fn(&str) -> Option<String>) -> Self {
        let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
        Self {
            data: variable("AGENTPM_DB").map(PathBuf::from),
            socket: variable("AGENTPM_SOCKET").map(PathBuf::from),
            listen: variable("AGENTPM_LISTEN"),
            url: variable("AGENTPM_URL"),
            token: variable("AGENTPM_TOKEN"),
            log_level: variable("AGENTPM_LOG_LEVEL"),
            ..Self::default()
        }
    }

    /// What a configuration file says.
    ///
    /// # Errors
    /// When the text is no TOML or names something unknown; the message tells where.
    pub(crate) fn file(text: &str, path: &Path) -> Result<Self, Failure> {
        toml::from_str(text).map_err(|error| Failure::usage(format!("{}: {error}", path.display())))
    }
}

/// Where a client finds the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    /// At a URL.
    Url(String),
    /// At a Unix socket.
    Socket(PathBuf),
}

/// What holds after all layers.
#[derive(Debug, Clone)]
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
    /// Origins of web pages that may come.
    pub(crate) allow_origins: Vec<String>,
    /// Whether the token may travel beyond loopback in clear text.
    pub(crate) insecure: bool,
    /// Level of logs.
    pub(crate) log_level: String,
    /// What a client says of itself with every call: of this command line, not of any layer.
    pub(crate) caller: Caller,
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
        let file = match path {
            None => Layer::default(),
            Some(path) => match std::fs::read_to_string(&path) {
                Ok(text) => Layer::file(&text, &path)?,
                // Only a file that somebody asked for has to be there.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound && named.is_none() => {
                    Layer::default()
                }
                Err(error) => return Err(Failure::usage(format!("{}: {error}", path.display()))),
            },
        };
        Self::resolve([flags, Layer::environment(variable), file], home)
    }

    /// Settings from layers, the strongest first.
    ///
    /// # Errors
    /// When a setting does not hold, or there is no home directory for a default.
    pub(crate) fn resolve(layers: [Layer; 3], home: Option<PathBuf>) -> Result<Self, Failure> {
        fn first<T: Clone>(layers: &[Layer; 3], part: impl Fn(&Layer) -> &Option<T>) -> Option<T> {
            layers.iter().find_map(|layer| part(layer).clone())
        }
        let own = |name: &str| {
            home.as_ref().map(|home| home.join(".agentpm").join(name)).ok_or_else(|| {
                Failure::usage("there is no home directory (HOME): say --data and --socket".to_owned())
            })
        };
        let socket = match first(&layers, |layer| &layer.socket) {
            Some(path) => path,
            None => own("agentpm.sock")?,
        };
        let target = layers
            .iter()
            .find_map(|layer| match (&layer.url, &layer.socket) {
                (Some(url), _) => Some(Target::Url(url.clone())),
                (None, Some(path)) => Some(Target::Socket(path.clone())),
                (None, None) => None,
            })
            .unwrap_or_else(|| Target::Socket(socket.clone()));
        Ok(Self {
            data: match first(&layers, |layer| &layer.data) {
                Some(path) => path,
                None => own("data")?,
            },
            socket,
            listen: first(&layers, |layer| &layer.listen),
            target,
            token: token(&layers)?,
            allow_origins: first(&layers, |layer| &layer.allow_origin).unwrap_or_default(),
            insecure: first(&layers, |layer| &layer.insecure).unwrap_or(false),
            log_level: first(&layers, |layer| &layer.log_level).unwrap_or_else(|| "info".to_owned()),
            caller: Caller::default(),
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
            if !self.insecure {
                return Err(Failure::usage(format!(
                    "--listen {text} would carry the token in clear text: put a TLS proxy before it and listen on loopback, or accept it with --insecure"
                )));
            }
        }
        Ok(Some(address))
    }
}

/// The token of the strongest layer that has one, by itself or in a file.
fn token(layers: &[Layer; 3]) -> Result<Option<String>, Failure> {
    for layer in layers {
        let (text, source) = match (&layer.token, &layer.token_file) {
            (Some(token), _) => (token.clone(), "AGENTPM_TOKEN".to_owned()),
            (None, Some(path)) => match std::fs::read_to_string(path) {
                Ok(text) => (text, path.display().to_string()),
                Err(error) => return Err(Failure::usage(format!("{}: {error}", path.display()))),
            },
            (None, None) => continue,
        };
        let text = text.trim().to_owned();
        Token::new(&text).map_err(|error| Failure::usage(format!("{source}: {error}")))?;
        return Ok(Some(text));
    }
    Ok(None)
}

#[cfg(test)]
mod test {
    use super::*;

    fn resolve(flags: Layer, env: &[(&str, &str)], file: &str) -> Result<Settings, Failure> {
        let env = Layer::environment(|name| {
            env.iter().find(|(variable, _)| *variable == name).map(|(_, value)| (*value).to_owned())
        });
        let file = Layer::file(file, Path::new("config.toml"))?;
        Settings::resolve([flags, env, file], Some(PathBuf::from("/home/x")))
    }

    #[test]
    fn defaults() {
        let settings = resolve(Layer::default(), &[], "").unwrap();
        assert_eq!(settings.data, Path::new("/home/x/.agentpm/data"));
        assert_eq!(settings.socket, Path::new("/home/x/.agentpm/agentpm.sock"));
        assert_eq!(settings.target, Target::Socket("/home/x/.agentpm/agentpm.sock".into()));
        assert_eq!((settings.listen, settings.token, settings.insecure), (None, None, false));
        assert_eq!(settings.log_level, "info");
    }

    #[test]
    fn each_layer_goes_before_the_next() {
        let file = "data = '/file'\nsocket = '/file.sock'\nlog_level = 'warn'\nlisten = '127.0.0.1:1'";
        let env = [("AGENTPM_DB", "/env"), ("AGENTPM_LOG_LEVEL", "debug"), ("AGENTPM_SOCKET", "")];
        let flags = Layer { data: Some("/flag".into()), ..Layer::default() };
        let settings = resolve(flags, &env, file).unwrap();
        assert_eq!(settings.data, Path::new("/flag"));
        assert_eq!(settings.log_level, "debug");
        assert_eq!(settings.socket, Path::new("/file.sock"), "an empty variable says nothing");
        assert_eq!(settings.listen.as_deref(), Some("127.0.0.1:1"));
        assert_eq!(resolve(Layer::default(), &env, file).unwrap().data, Path::new("/env"));
    }

    #[test]
    fn a_client_goes_where_the_strongest_layer_says() {
        let socket = Layer { socket: Some("/flag.sock".into()), ..Layer::default() };
        let env = [("AGENTPM_URL", "http://127.0.0.1:1")];
        assert_eq!(resolve(socket, &env, "").unwrap().target, Target::Socket("/flag.sock".into()));
        let url = resolve(Layer::default(), &env, "socket = '/file.sock'").unwrap().target;
        assert_eq!(url, Target::Url("http://127.0.0.1:1".to_owned()));
    }

    #[test]
    fn beyond_loopback_needs_a_token_and_consent() {
        let listen = |address: &str, token: Option<&str>, insecure| {
            let flags = Layer {
                listen: Some(address.to_owned()),
                token: token.map(str::to_owned),
                insecure: Some(insecure),
                ..Layer::default()
            };
            resolve(flags, &[], "").unwrap().listen_address().map_err(|failure| failure.to_string())
        };
        assert!(listen("127.0.0.1:0", None, false).is_ok());
        assert!(listen("[::1]:0", None, false).is_ok());
        assert!(listen("0.0.0.0:0", None, true).unwrap_err().contains("token"));
        assert!(listen("0.0.0.0:0", Some("secret-token"), false).unwrap_err().contains("--insecure"));
        assert!(listen("0.0.0.0:0", Some("secret-token"), true).is_ok());
        assert!(listen("nowhere", None, false).unwrap_err().contains("ADDRESS:PORT"));
    }

    #[test]
    fn an_unknown_setting_is_refused() {
        let error = resolve(Layer::default(), &[], "datta = '/x'").unwrap_err().to_string();
        assert!(error.contains("config.toml") && error.contains("datta"), "{error}");
    }
}
