//! Soon.

mod doctor;

pub use doctor::doctor;
