//! Who computes a network where: what pipeline files ask for, and how ONNX Runtime is asked for it.

use std::fmt::Display;

use ort::ep::ExecutionProviderDispatch;

use super::device::Device;
use super::openvino;
use super::provider::{Compute, Provider};
use super::runtime::{self, runtime};
use crate::{Error, Result};

/// Who computes where, in which precision: what fits together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Engine {
    /// Where.
    pub device: Device,
    /// Who.
    pub provider: Provider,
    /// In what.
    pub compute: Compute,
}

impl Engine {
    /// What the keys mean together; the device says who computes, and the other way round.
    ///
    /// # Errors
    /// A sentence for keys that contradict each other.
    pub fn of(device: Option<Device>, provider: Option<Provider>, compute: Compute) -> Result<Self, String> {
        let (device, provider) = match (device, provider) {
            (device, None) => match device.unwrap_or_default() {
                Device::Cpu => (Device::Cpu, Provider::Cpu),
                device => (device, Provider::Cuda),
            },
            (None, Some(Provider::Cuda)) => (Device::Cuda(0), Provider::Cuda),
            (device, Some(provider)) => (device.unwrap_or_default(), provider),
        };
        if (provider == Provider::Cuda) != (device != Device::Cpu) {
            let word = ["\"cpu\" or \"openvino\"", "\"cuda\""][usize::from(device != Device::Cpu)];
            return Err(format!("provider = {:?}: the device \"{device}\" is not its; expected {word}", provider.word()));
        }
        match (provider, compute) {
            (Provider::OpenVino, _) | (_, Compute::F32) => Ok(Self { device, provider, compute }),
            _ => Err(format!(
                "compute = {:?}: the provider {:?} computes in f32; expected provider = \"openvino\" beside it",
                compute.name(),
                provider.word()
            )),
        }
    }

    /// What to ask ONNX Runtime for, of a session with so many threads; asking fails where it is not there. CUDA's products are of whole f32, never of
    /// TF32.
    ///
    /// # Errors
    /// [`Error::Environment`] for a CPU without the instructions.
    pub(super) fn asked(self, threads: usize) -> Result<Vec<ExecutionProviderDispatch>> {
        Ok(match (self.provider, self.device) {
            (Provider::OpenVino, _) => vec![openvino::asked(self.compute, threads)?],
            (_, Device::Cpu) => Vec::new(),
            (_, Device::Cuda(number)) => {
                let cuda = ort::ep::CUDA::default().with_device_id(i32::from(number)).with_tf32(false);
                vec![cuda.build().error_on_failure()]
            }
        })
    }

    /// What was asked for cannot be had.
    pub(super) fn missing(self, why: &dyn Display) -> Error {
        let (library, logged) = match runtime(self.provider) {
            Ok(runtime) => (runtime.path.display().to_string(), runtime.last_error()),
            Err(_) => ("ONNX Runtime".to_owned(), None),
        };
        let why = logged.unwrap_or_else(|| why.to_string());
        let (what, remedy) = match self.provider {
            Provider::OpenVino => ("provider \"openvino\"".to_owned(), runtime::OPENVINO_REMEDY),
            _ => (format!("device \"{}\"", self.device), CUDA_REMEDY),
        };
        Error::environment(format!("{what} was asked for, but {library} cannot use it: {}", why.trim()), remedy)
    }
}

const CUDA_REMEDY: &str =
    "set ORT_DYLIB_PATH to the libonnxruntime.so of an onnxruntime-gpu beside its CUDA libraries, or ask for the device cpu";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keys_fit_together_or_are_refused() {
        let engine = |device: Option<&str>, provider, compute| {
            let device = device.map(|device| device.parse().unwrap());
            Engine::of(device, provider, compute).map(|engine| (engine.device.to_string(), engine.provider.word()))
        };
        let f32 = Compute::F32;
        for (device, provider, expected) in [
            (None, None, ("cpu", "cpu")),
            (Some("cuda:1"), None, ("cuda:1", "cuda")),
            (None, Some(Provider::Cuda), ("cuda:0", "cuda")),
            (Some("cuda:2"), Some(Provider::Cuda), ("cuda:2", "cuda")),
            (None, Some(Provider::OpenVino), ("cpu", "openvino")),
            (Some("cpu"), Some(Provider::OpenVino), ("cpu", "openvino")),
        ] {
            assert_eq!(engine(device, provider, f32), Ok((expected.0.to_owned(), expected.1)));
        }
        for (device, provider) in
            [(Some("cpu"), Provider::Cuda), (Some("cuda:0"), Provider::Cpu), (Some("cuda:0"), Provider::OpenVino)]
        {
            assert!(engine(device, Some(provider), f32).unwrap_err().contains("expected"), "{device:?} {provider:?}");
        }
        assert!(engine(None, Some(Provider::OpenVino), Compute::Bf16).is_ok());
        assert!(engine(None, None, Compute::Bf16).unwrap_err().contains("provider = \"openvino\""));
        assert!(engine(Some("cuda"), None, Compute::Bf16).unwrap_err().contains("\"cuda\" computes in f32"));
    }
}
