//! A fault that a black-box test plants into its own server, to show that it would see it.
//!
//! It takes the feature `planted-faults`, which only the tests' own binary asks for, and a build with debug
//! assertions: whatever features a release build is given, there is no such code in it.

use std::sync::LazyLock;

/// The variable that plants it: `AGENTPM_PLANTED=reply-before-sync`.
const VARIABLE: &str = "AGENTPM_PLANTED";
const REPLY_BEFORE_SYNC: &str = "reply-before-sync";

static PLANTED: LazyLock<bool> = LazyLock::new(|| {
    let fault = std::env::var_os(VARIABLE);
    if let Some(fault) = &fault {
        assert!(fault == REPLY_BEFORE_SYNC, "{VARIABLE}: no fault is called {}", fault.display());
        tracing::warn!("planted: answers leave before their records are synced");
    }
    fault.is_some()
});

/// Whether a commit is to return when its record is written, and be synced by the commit after it. Read from
/// the environment once.
///
/// # Panics
/// When the variable names a fault there is not: a test that plants nothing shows nothing.
pub(super) fn reply_before_sync() -> bool {
    *PLANTED
}
