//! What the project renders itself, so that it can be tried and tested without a recording of anybody's.

pub mod demo;
