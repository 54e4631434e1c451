//! Lets binaries and tests find the libtorch of `.deps/` without `LD_LIBRARY_PATH`, which still wins over it.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if std::env::var_os("CARGO_FEATURE_TORCH").is_some() {
        // one for target/<profile>/mmdg, one for target/<profile>/{deps,examples}/*
        for up in ["../..", "../../.."] {
            println!("cargo:rustc-link-arg=-Wl,-rpath,$ORIGIN/{up}/.deps/libtorch/lib");
        }
    }
}
