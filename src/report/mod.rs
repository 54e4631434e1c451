//! Results of runs, and the tables and pages made of them.

pub mod results;
