//! The `mmdg` program.

fn main() {}
