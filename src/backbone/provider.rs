//! What of ONNX Runtime computes a network, and in which precision.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Who computes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    /// ONNX Runtime's own kernels, on the CPU.
    #[default]
    Cpu,
    /// Intel's OpenVINO, on the CPU, of any maker. It comes with an ONNX Runtime of its own.
    OpenVino,
    /// NVIDIA's libraries, on a GPU.
    Cuda,
}

/// In what products and convolutions are computed; rows come in and go out as f32 whichever it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compute {
    /// 24 bits of significand.
    #[default]
    F32,
    /// 8 bits, sums in f32.
    Bf16,
}

impl Compute {
    /// As in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
        }
    }
}

impl FromStr for Provider {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let all = [Self::Cpu, Self::OpenVino, Self::Cuda];
        let found = all.into_iter().find(|provider| provider.word() == text);
        found.ok_or_else(|| format!("{text:?}; expected \"cpu\", \"openvino\" or \"cuda\""))
    }
}

impl FromStr for Compute {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = [Self::F32, Self::Bf16].into_iter().find(|compute| compute.name() == text);
        found.ok_or_else(|| format!("{text:?}; expected \"f32\" or \"bf16\""))
    }
}

impl Provider {
    /// As in files.
    pub fn word(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::OpenVino => "openvino",
            Self::Cuda => "cuda",
        }
    }

    /// ONNX Runtime's own name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu => "CPUExecutionProvider",
            Self::OpenVino => "OpenVINOExecutionProvider",
            Self::Cuda => "CUDAExecutionProvider",
        }
    }
}
