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

# Micro-benches.
bench:
    cargo bench --package agentpm-benches

# Licences and advisories of what we depend on.
deny:
    cargo deny check
