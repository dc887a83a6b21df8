//! Values of settings, and where they come from.

use super::table::{Kind, SETTINGS, Scope, Setting, named};
use crate::failure::Failure;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};
use serde_json::json;
use std::path::{Path, PathBuf};

/// What a setting is set to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    /// Of a text, a path, a secret or a rate.
    Text(String),
    /// Of a list.
    List(Vec<String>),
    /// Of a switch.
    Switch(bool),
    /// Of a number.
    Number(u64),
}

impl Value {
    /// For programs.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Text(text) => json!(text),
            Self::List(texts) => json!(texts),
            Self::Switch(on) => json!(on),
            Self::Number(number) => json!(number),
        }
    }
}

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// The command line.
    Flag,
    /// The environment.
    Environment,
    /// A configuration file.
    File(PathBuf),
    /// Nobody said anything.
    Default,
}

/// What one source says; silent about what is not in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Layer {
    pub(super) source: Source,
    values: Vec<(&'static str, Value)>,
}

impl Layer {
    /// Flags of which none is given.
    pub(crate) fn flags() -> Self {
        Self { source: Source::Flag, values: Vec::new() }
    }

    /// The same with a setting, if it is given.
    ///
    /// # Panics
    /// When there is no such setting.
    pub(crate) fn with(mut self, name: &str, value: Option<Value>) -> Self {
        let setting = named(name).expect("a setting of the table");
        self.values.extend(value.map(|value| (setting.name, value)));
        self
    }

    /// The same with the data directory, if it is given.
    pub(crate) fn with_data(self, data: Option<&Path>) -> Self {
        self.with("data", data.map(|path| Value::Text(path.to_string_lossy().into_owned())))
    }

    /// Both, of the same source.
    pub(crate) fn and(mut self, other: Self) -> Self {
        self.values.extend(other.values);
        self
    }

    /// What it says of a setting.
    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.values.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    /// What the environment says; an empty variable says nothing.
    ///
    /// # Errors
    /// When a variable does not hold what its setting takes.
    pub(crate) fn environment(variable: impl Fn(&str) -> Option<String>) -> Result<Self, Failure> {
        let mut values = Vec::new();
        for setting in SETTINGS {
            if let Some(text) = variable(setting.environment).filter(|value| !value.is_empty()) {
                let value = setting.parse(&text);
                let value = value.map_err(|why| Failure::usage(format!("{}: {why}", setting.environment)))?;
                values.push((setting.name, value));
            }
        }
        Ok(Self { source: Source::Environment, values })
    }

    /// What a configuration file says.
    ///
    /// # Errors
    /// When the text is no TOML, names something unknown, or a value is not what its setting takes; the message
    /// tells where.
    pub(crate) fn file(text: &str, path: &Path) -> Result<Self, Failure> {
        let wrong = |why: String| Failure::usage(format!("{}: {why}", path.display()));
        let table: toml::Table = toml::from_str(text).map_err(|error| wrong(error.to_string()))?;
        let mut values = Vec::new();
        for (key, value) in table {
            let setting = named(&key).filter(|setting| !setting.is_secret()).ok_or_else(|| {
                let known: Vec<&str> = SETTINGS
                    .iter()
                    .filter(|setting| !setting.is_secret())
                    .map(|setting| setting.name)
                    .collect();
                match named(&key) {
                    Some(secret) => wrong(format!(
                        "`{key}` does not stand in a file that others may read: set {}, or name a file with {key}_file",
                        secret.environment
                    )),
                    None => wrong(format!("`{key}` is no setting; they are {}", known.join(", "))),
                }
            })?;
            let value = of_toml(setting, &value).map_err(|why| wrong(format!("{key}: {why}")))?;
            values.push((setting.name, value));
        }
        Ok(Self { source: Source::File(path.to_owned()), values })
    }
}

fn of_toml(setting: &Setting, value: &toml::Value) -> Result<Value, String> {
    let expected = |what: &str| Err(format!("expected {what}, found {}", value.type_str()));
    match (setting.kind, value) {
        (
            Kind::Path | Kind::Text | Kind::Rate | Kind::Secret | Kind::SecretOrFlag,
            toml::Value::String(text),
        ) => setting.parse(text),
        // A rate without a burst reads well as a number.
        (Kind::Number { .. } | Kind::Rate, toml::Value::Integer(number)) => {
            setting.parse(&number.to_string())
        }
        (Kind::Switch, toml::Value::Boolean(on)) => Ok(Value::Switch(*on)),
        (Kind::List, toml::Value::Array(items)) => {
            let texts = items.iter().map(|item| item.as_str().map(str::to_owned));
            match texts.collect() {
                Some(texts) => Ok(Value::List(texts)),
                None => Err("expected a list of texts".to_owned()),
            }
        }
        (Kind::List, _) => expected("a list of texts"),
        (Kind::Switch, _) => expected("true or false"),
        (Kind::Number { .. }, _) => expected("a whole number"),
        (Kind::Rate, _) => expected("a number, or text like \"100:200\""),
        (Kind::Path | Kind::Text | Kind::Secret | Kind::SecretOrFlag, _) => expected("text"),
    }
}

/// The flags of the settings of one scope, made from the table.
fn arguments(command: Command, scope: Scope) -> Command {
    SETTINGS.iter().filter(|setting| setting.scope == scope).fold(command, |command, setting| {
        let Some(flag) = setting.flag() else { return command };
        let argument = Arg::new(setting.name).long(flag).help(setting.flag_help());
        let argument = match setting.kind {
            Kind::Switch => argument.action(ArgAction::SetTrue),
            kind => argument
                .value_name(setting.value_name)
                .action(if kind == Kind::List { ArgAction::Append } else { ArgAction::Set })
                .value_parser(|text: &str| setting.parse(text)),
        };
        command.arg(match (scope, setting.name) {
            (Scope::Everywhere, name) => {
                let argument = argument.global(true).help_heading("Everywhere");
                if name == "url" { argument.conflicts_with("socket") } else { argument }
            }
            (Scope::Server, _) => argument,
        })
    })
}

/// What the flags of one scope were given.
fn given(matches: &ArgMatches, scope: Scope) -> Layer {
    let settings = SETTINGS.iter().filter(|setting| setting.scope == scope && setting.flag().is_some());
    settings.fold(Layer::flags(), |layer, setting| {
        let value = match setting.kind {
            Kind::Switch => matches.get_flag(setting.name).then_some(Value::Switch(true)),
            Kind::List => matches.get_many::<Value>(setting.name).map(|values| {
                let texts = values.flat_map(|value| match value {
                    Value::List(texts) => texts.clone(),
                    _ => Vec::new(),
                });
                Value::List(texts.collect())
            }),
            _ => matches.get_one::<Value>(setting.name).cloned(),
        };
        layer.with(setting.name, value)
    })
}

macro_rules! flags {
    ($(#[$doc:meta])* $name:ident: $scope:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone)]
        pub(crate) struct $name(pub(crate) Layer);

        impl FromArgMatches for $name {
            fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
                Ok(Self(given(matches, Scope::$scope)))
            }

            fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
                self.0 = given(matches, Scope::$scope);
                Ok(())
            }
        }

        impl Args for $name {
            fn augment_args(command: Command) -> Command {
                arguments(command, Scope::$scope)
            }

            fn augment_args_for_update(command: Command) -> Command {
                arguments(command, Scope::$scope)
            }
        }
    };
}

flags! {
    /// The flags that every command takes.
    ClientFlags: Everywhere
}
flags! {
    /// The flags of the daemon's own settings.
    ServerFlags: Server
}
