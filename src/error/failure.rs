//! Why a row could not be made: codes, and where their causes lie.

use std::fmt::Display;

use serde::{Deserialize, Serialize};

/// Why one row of one modality could not be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// A stable word for programs.
    pub code: Code,
    /// A sentence for people.
    pub message: String,
}

impl Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({})", self.message, self.code.name())
    }
}

/// The stable word for why a row could not be made, or what is to be known of one that was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Code {
    /// The recording has no stream of this modality. Listed, not counted as a failure.
    Absent,
    /// The end was held or padded: the recording stops less than max(0.25 s, 2 %) before the segment does. A flag on a good row.
    Partial,
    /// There is no such file.
    Missing,
    /// The system refuses to read the file: permissions, a broken disk.
    Refused,
    /// The file cannot be opened as a recording.
    Unreadable,
    /// No decoder for the stream.
    Unsupported,
    /// The stream gives no frame or sample in the segment.
    Undecodable,
    /// The recording ends more than max(0.25 s, 2 %) before the segment does.
    Truncated,
    /// The recording asks for more memory than a recording should.
    Limit,
    /// The backbone gave an error.
    Backbone,
    /// A value is not finite, or larger than the store's type holds.
    NonFinite,
    /// Decoding went on for longer than `--timeout-per-item` allows.
    Timeout,
    /// The process that decoded it died.
    Crashed,
    /// A defect of this program, kept from taking the run down.
    Internal,
}

/// Where what a [`Code`] tells of has its cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// In the recording, the row or the backbone: the same command will end the same.
    Inside,
    /// Outside: another attempt may well succeed.
    Outside,
}

impl Code {
    /// Every one.
    pub const ALL: [Self; 14] = [
        Self::Absent,
        Self::Partial,
        Self::Missing,
        Self::Refused,
        Self::Unreadable,
        Self::Unsupported,
        Self::Undecodable,
        Self::Truncated,
        Self::Limit,
        Self::Backbone,
        Self::NonFinite,
        Self::Timeout,
        Self::Crashed,
        Self::Internal,
    ];

    /// Where its cause lies.
    pub fn cause(self) -> Cause {
        match self {
            Self::Missing | Self::Refused | Self::Timeout | Self::Crashed => Cause::Outside,
            Self::Absent
            | Self::Partial
            | Self::Unreadable
            | Self::Unsupported
            | Self::Undecodable
            | Self::Truncated
            | Self::Limit
            | Self::Backbone
            | Self::NonFinite
            | Self::Internal => Cause::Inside,
        }
    }

    /// The word as it stands in `failures.jsonl`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Partial => "partial",
            Self::Missing => "missing",
            Self::Refused => "refused",
            Self::Unreadable => "unreadable",
            Self::Unsupported => "unsupported",
            Self::Undecodable => "undecodable",
            Self::Truncated => "truncated",
            Self::Limit => "limit",
            Self::Backbone => "backbone",
            Self::NonFinite => "non-finite",
            Self::Timeout => "timeout",
            Self::Crashed => "crashed",
            Self::Internal => "internal",
        }
    }
}
