//! What `mmdg` hands over to for verbs that decode recordings or run backbones.

fn main() -> std::process::ExitCode {
    mmdg::cli::decode::main()
}
