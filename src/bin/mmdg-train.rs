//! What `mmdg` hands over to for verbs that train models or ask them.

fn main() -> std::process::ExitCode {
    // else MKL sums in an order that depends on where in memory its operands lie, and so on which runs train side by side
    if std::env::var_os("MKL_CBWR").is_none() {
        // SAFETY: there is no other thread yet
        unsafe { std::env::set_var("MKL_CBWR", "AUTO,STRICT") };
    }
    mmdg::cli::train::main()
}
