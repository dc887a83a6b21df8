# The commands of the house. `just` lists them.

_default:
    @just --list

# What must hold before a change lands.
ci:
    .ci/run

# Every test, as the README says.
test:
    cargo test --workspace

# The suites at full size (10,000 tasks, every oracle moment); minutes, in a release build.
test-full:
    cargo build --release --package agentpm
    AGENTPM_FULL=1 AGENTPM_BIN="$PWD/target/release/agentpm" cargo test --workspace

# The order of system calls; needs strace.
test-syscalls:
    AGENTPM_STRACE=1 cargo test --package agentpm-tests --test syscalls -- --nocapture

# Micro-benches.
bench *ARGS:
    cargo bench --package agentpm-benches -- {{ARGS}}

# What a client sees, every durable figure beside the disk's own rate; `just load --help`.
load *ARGS:
    cargo build --release --package agentpm --package agentpm-benches
    cargo run --release --package agentpm-benches -- {{ARGS}}

# Licences and advisories of what we depend on.
deny:
    cargo deny check
