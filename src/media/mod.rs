//! Soon.

#[cfg(feature = "video")]
pub mod version;
