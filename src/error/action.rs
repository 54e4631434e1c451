//! What is done to files.

use std::fmt::{Display, Formatter};

use serde::{Deserialize, Serialize};

/// What is done to files and folders, as [`Error::Io`](super::Error::Io) says it: "cannot read".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "each says it by its name")]
pub enum Action {
    Copy,
    Create,
    Find,
    Link,
    List,
    Lock,
    Make,
    Map,
    Open,
    Read,
    Remove,
    Rename,
    Sync,
    Write,
}

impl Display for Action {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        self.serialize(f)
    }
}
