#[cfg(feature = "video")]
mod demo_data;
