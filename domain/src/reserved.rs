//! What raw appends must leave to the work model.

use crate::event::CATALOGUE;
use crate::rejection::Rejection;
use std::collections::HashSet;
use std::hash::BuildHasherDefault;
use std::sync::LazyLock;
use store::Text;

/// Streams whose names begin so are the model's, and so are those that begin with `$`.
pub const STREAM_PREFIXES: [&str; 8] =
    ["task-", "agent-", "lease-", "run-", "relationship-", "context-", "progress-", "session-"];

/// Tags that begin so are the model's, and so are those that begin with `$`.
pub const TAG_PREFIXES: [&str; 10] = [
    "task:",
    "agent:",
    "lease:",
    "run:",
    "relationship:",
    "context:",
    "progress:",
    "session:",
    "project:",
    "import:",
];

static TYPES: LazyLock<HashSet<&'static str, BuildHasherDefault<rustc_hash::FxHasher>>> =
    LazyLock::new(|| CATALOGUE.iter().map(|entry| entry.name).collect());

/// Whether the event type is one of the model's.
#[must_use]
pub fn is_reserved_type(kind: &str) -> bool {
    kind.starts_with('$') || TYPES.contains(kind)
}

/// Whether an event that is appended as it is may have this stream, type and tags.
///
/// # Errors
/// [`Rejection::Forbidden`] with the rule and what to do instead.
pub fn check(stream: &str, kind: &str, tags: &[Text]) -> Result<(), Rejection> {
    let forbidden = |rule, reason| Err(Rejection::Forbidden { rule, reason });
    if stream.starts_with('$') || STREAM_PREFIXES.iter().any(|prefix| stream.starts_with(prefix)) {
        return forbidden(
            "reserved_stream",
            format!(
                "stream `{stream}` belongs to the work model; name yours without a leading `$` and without {}",
                STREAM_PREFIXES.map(|prefix| format!("`{prefix}`")).join(", ")
            ),
        );
    }
    if is_reserved_type(kind) {
        return forbidden(
            "reserved_type",
            format!("events of type `{kind}` come from the work model's own commands; choose another type"),
        );
    }
    let reserved =
        |tag: &&Text| tag.starts_with('$') || TAG_PREFIXES.iter().any(|prefix| tag.starts_with(prefix));
    if let Some(tag) = tags.iter().find(reserved) {
        return forbidden(
            "reserved_tag",
            format!(
                "tag `{tag}` belongs to the work model; yours must not begin with `$` or one of {}",
                TAG_PREFIXES.map(|prefix| format!("`{prefix}`")).join(", ")
            ),
        );
    }
    Ok(())
}

#[cfg(test)]
mod test {
    use super::*;

    fn rule(stream: &str, kind: &str, tags: &[&str]) -> Option<&'static str> {
        let tags: Vec<Text> = tags.iter().map(|&tag| Text::from(tag)).collect();
        match check(stream, kind, &tags) {
            Ok(()) => None,
            Err(Rejection::Forbidden { rule, .. }) => Some(rule),
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn what_is_the_models_is_refused() {
        assert_eq!(rule("task-1", "Seen", &[]), Some("reserved_stream"));
        assert_eq!(rule("lease-override-1", "Seen", &[]), Some("reserved_stream"));
        assert_eq!(rule("$meta", "Seen", &[]), Some("reserved_stream"));
        assert_eq!(rule("mine", "TaskCreated", &[]), Some("reserved_type"));
        assert_eq!(rule("mine", "SessionHeartbeat", &[]), Some("reserved_type"));
        assert_eq!(rule("mine", "Seen", &["colour:red", "project:p"]), Some("reserved_tag"));
    }

    #[test]
    fn what_only_resembles_it_is_not() {
        assert_eq!(rule("tasks-1", "Seen", &["tasks:1", "task"]), None);
        assert_eq!(rule("task", "taskcreated", &[]), None);
        assert_eq!(rule("orders", "OrderPlaced", &["order:7"]), None);
    }
}
