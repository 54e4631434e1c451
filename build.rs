//! Lets programs and tests find the libtorch of `.deps/` without `LD_LIBRARY_PATH`, which still wins over it, and keeps it away from
//! programs that do not train.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if std::env::var_os("CARGO_FEATURE_TORCH").is_none() {
        return;
    }
    // one for target/<profile>/mmdg, one for target/<profile>/{deps,examples}/*
    for up in ["../..", "../../.."] {
        println!("cargo:rustc-link-arg=-Wl,-rpath,$ORIGIN/{up}/.deps/libtorch/lib");
    }
    // The C++ half of the bindings has symbols that libtorch knows too. Were they exported, the linker would keep their code, and with
    // it libtorch, though nothing here calls it.
    if std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|system| system == "linux")
        && std::env::var_os("CARGO_FEATURE_CLI").is_some()
    {
        for program in ["mmdg", "mmdg-decode"] {
            println!("cargo:rustc-link-arg-bin={program}=-Wl,--exclude-libs,ALL");
        }
    }
}
