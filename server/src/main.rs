//! The binary: see the library for what it does.

use std::process::ExitCode;

/// A quarter of an import's time is allocation with the system's allocator (benches/README.md).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    agentpm::main()
}
