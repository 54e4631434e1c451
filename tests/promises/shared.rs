//! Real recordings and goldens that cannot be part of the project.

use std::path::PathBuf;

/// `../shared/data`, or a line that says that `test` is skipped.
pub fn data(test: &str) -> Option<PathBuf> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    if path.is_dir() {
        return path.canonicalize().ok();
    }
    skipped(test, "../shared/data is not there");
    None
}

/// Says so on the terminal, past the test runner, which keeps what passing tests print to itself.
pub fn skipped(test: &str, why: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "SKIPPED {test}: {why}");
}
