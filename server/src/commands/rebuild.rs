//! `agentpm rebuild`: the views of a data directory are made anew from its log.

use super::output::{self, Form};
use crate::config::{Layer, Settings};
use crate::failure::Failure;
use crate::server::cannot_open;
use clap::Args;
use domain::Work;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;
use std::path::PathBuf;
use std::time::Duration;

/// How often the progress line is drawn anew.
const TICK: Duration = Duration::from_millis(100);

/// Make the views of a data directory anew from its log; no server may hold it
#[derive(Debug, Args)]
pub(crate) struct Rebuild {
    /// The data directory [env: AGENTPM_DB] [default: ~/.agentpm/data]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

impl Rebuild {
    pub(super) fn layer(&self) -> Layer {
        Layer::flags().with_data(self.data.as_deref())
    }
}

pub(super) fn run(settings: &Settings, form: Option<Form>) -> Result<(), Failure> {
    let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
    bar.set_style(
        ProgressStyle::with_template("folding {bar:30} {human_pos}/{human_len} events {eta} left")
            .expect("the template is right, see above"),
    );
    bar.enable_steady_tick(TICK);
    let rebuilt = store::rebuild(&settings.data, Work::new(), &store::Options::default(), |done, end| {
        bar.set_length(end.0);
        bar.set_position(done.0);
    });
    bar.finish_and_clear();
    let rebuilt = rebuilt.map_err(cannot_open)?;
    let document = json!({
        "ok": true,
        "position": rebuilt.head.position.0,
        "chain": rebuilt.chain.to_string(),
        "checkpoint": rebuilt.head.position.0,
    });
    output::print(&document, Form::or_fitting(form))
}
