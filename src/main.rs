//! The `mmdg` program. It is linked to neither FFmpeg nor libtorch: for verbs that decode or train it hands over to the programs
//! beside it.

fn main() -> std::process::ExitCode {
    mmdg::cli::main()
}
