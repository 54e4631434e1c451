//! Recordings that are hard to read: at the seconds that a player gives them, whichever rows are read beside them. Inputs are those of
//! `fixtures/make_recordings.py` (in the folder `MMDG_RECORDINGS`, see `make test-recordings`), `fixtures/sound` and `../shared/data`; each part says
//! that it is skipped where it is missing.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[cfg(all(feature = "cli", feature = "hdf5"))]
#[allow(dead_code, reason = "the promises use the rest")]
#[path = "../promises/command.rs"]
mod command;
mod faults;
mod goldens;
mod inputs;
mod length;
mod readers;
mod rows;
#[path = "../skips.rs"]
mod skips;
mod tracks;
#[cfg(all(feature = "cli", feature = "hdf5"))]
mod verbs;
