//! Logs: one JSON object a line on stderr, so that stdout stays for answers.

use tracing_subscriber::EnvFilter;

/// Starts logging at `level`: a level (`info`) or directives (`info,agentpm=debug`). Does nothing when
/// logging has been started before.
///
/// # Errors
/// When `level` is neither.
pub(crate) fn start(level: &str) -> Result<(), String> {
    let filter = EnvFilter::try_new(level).map_err(|error| {
        format!(
            "log level `{level}`: {error}; it is one of error, warn, info, debug, trace, or directives like info,agentpm=debug"
        )
    })?;
    let _ = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_writer(std::io::stderr)
        .with_env_filter(filter)
        .try_init();
    Ok(())
}
