//! The `mmdg` program.

fn main() -> std::process::ExitCode {
    mmdg::cli::main()
}
