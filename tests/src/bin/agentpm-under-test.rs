//! The program under test, so that `cargo test` builds it fresh and knows where it is.

fn main() -> std::process::ExitCode {
    server::main()
}
