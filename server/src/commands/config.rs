//! `agentpm config`: what holds, and why.

use super::output::{self, Form};
use crate::config::{Effective, Layer, ServerFlags, Settings, Source};
use crate::failure::Failure;
use clap::Args;
use serde_json::{Value, json};

/// Print every setting as it holds, and where its value comes from. Secrets are told only as set or not.
#[derive(Debug, Args)]
pub(crate) struct Config {
    #[command(flatten)]
    settings: ServerFlags,
}

impl Config {
    pub(super) fn layer(&self) -> Layer {
        self.settings.0.clone()
    }
}

pub(super) fn run(settings: &Settings, form: Option<Form>) -> Result<(), Failure> {
    output::print(&json!({ "settings": document(&settings.effective) }), Form::or_fitting(form))
}

/// The settings for programs: name, value, and who said so.
pub(crate) fn document(effective: &[Effective]) -> Value {
    effective.iter().map(one).collect()
}

fn one(effective: &Effective) -> Value {
    let Effective { setting, value, source } = effective;
    let (source, from) = match source {
        Source::Flag => ("flag", setting.flag().map(|flag| format!("--{flag}"))),
        Source::Environment => ("environment", Some(setting.environment.to_owned())),
        Source::File(path) => ("file", Some(path.display().to_string())),
        Source::Default => ("default", None),
    };
    let value = value.as_ref().map(crate::config::Value::to_json);
    json!({ "name": setting.name, "value": value, "source": source, "from": from })
}
