//! `--help` and what shells complete.

use agentpm_tests::cli::run;
use std::process::{Command, Stdio};

#[test]
fn help_names_every_command() {
    let help = run(&["--help"]);
    assert_eq!(help.code, 0);
    for command in [
        "serve",
        "demo",
        "query",
        "watch",
        "import",
        "export",
        "agent",
        "task",
        "run",
        "progress",
        "context",
        "lease",
        "completions",
        "man",
        "prime",
        "shell",
        "session",
    ] {
        assert!(help.stdout.contains(command), "{command} is missing:\n{}", help.stdout);
        let more = run(&[command, "--help"]);
        assert_eq!(more.code, 0, "{command} --help: {}", more.stderr);
    }
    assert_eq!(run(&["--version"]).code, 0);
}

#[test]
fn each_shell_gets_its_script() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = run(&["completions", shell]);
        script.succeeded();
        for word in ["agentpm", "claim", "lease-id", "since-event-id"] {
            assert!(script.stdout.contains(word), "{shell}: {word}");
        }
    }
    let unknown = run(&["completions", "tcsh"]);
    assert!(unknown.code == 2 && unknown.stderr.contains("zsh"), "{}", unknown.stderr);
}

/// The manual has a page for every command, and it names its flags.
#[test]
fn each_command_has_its_page() {
    let page = run(&["man", "task", "claim"]);
    page.succeeded();
    // Roff writes a hyphen as `\\-`.
    let plain = page.stdout.replace("\\-", "-");
    assert!(plain.contains(".TH") && plain.contains("--agent-id") && plain.contains("--wait-ms"), "{plain}");
    let dir = tempfile::tempdir().unwrap();
    run(&["man", "--dir", dir.path().to_str().unwrap()]).succeeded();
    for name in ["agentpm.1", "agentpm-task.1", "agentpm-task-claim.1", "agentpm-session-heartbeat.1"] {
        assert!(dir.path().join(name).exists(), "{name}");
    }
    let unknown = run(&["man", "task", "dance"]);
    assert!(unknown.code == 2 && unknown.stderr.contains("claim"), "{}", unknown.stderr);
}

/// Bash reads the script, and completes with it.
#[test]
fn bash_completes() {
    let dir = tempfile::tempdir().unwrap();
    let script = dir.path().join("agentpm.bash");
    std::fs::write(&script, run(&["completions", "bash"]).stdout).unwrap();
    let bash = |arguments: &[&str]| {
        let output = Command::new("bash").args(arguments).arg(&script).stdin(Stdio::null()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(bash(&["-n"]), "");
    let complete = r#"
        source "$0"
        COMP_WORDS=(agentpm task cla) COMP_CWORD=2
        _agentpm agentpm cla task
        echo "${COMPREPLY[@]}""#;
    assert_eq!(bash(&["-c", complete]).trim(), "claim");
}
