//! Which libtorch this program runs on, and whether it can use a GPU.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use serde::Serialize;
use tch::{Cuda, Device, Kind, Tensor};

use crate::provenance::{self, Provenance};
use crate::{Error, Result};

/// The libtorch that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Libtorch {
    /// The loaded `libtorch_cpu.so`.
    pub path: PathBuf,
    /// Such as `2.11.0+cu130`.
    pub version: Option<String>,
    /// Whether `libtorch_cuda.so` lies beside it.
    pub cuda_libraries: bool,
    /// CUDA devices that can be used; 0 without those libraries or without a driver.
    pub devices: i64,
}

/// Describes the loaded libtorch, having loaded its CUDA libraries where it has them.
///
/// # Errors
/// [`Error::Environment`] where it cannot be found or its CUDA libraries do not load.
pub fn libtorch() -> Result<Libtorch> {
    let path = loaded()?;
    let cuda_libraries = load_cuda()?;
    let devices = if cuda_libraries { Cuda::device_count() } else { 0 };
    Ok(Libtorch { version: version(&path), path, cuda_libraries, devices })
}

/// What runs are made with.
///
/// # Errors
/// [`Error::Environment`] where libtorch cannot be found.
pub(super) fn provenance() -> Result<Provenance> {
    let version = version(&loaded()?).unwrap_or_else(|| "unknown".into());
    let mut found = provenance::here();
    found.insert("libtorch".into(), [version].into());
    Ok(found)
}

/// The device of a setting: `cpu`, `cuda` or `cuda:N`.
///
/// # Errors
/// [`Error::Input`] for another word; [`Error::Environment`] where the GPU asked for is not there.
pub fn find(name: &str) -> Result<Device> {
    let index = match name {
        "cpu" => return Ok(Device::Cpu),
        "cuda" => Some(0),
        _ => name.strip_prefix("cuda:").and_then(|index| index.parse().ok()),
    };
    let Some(index) = index else {
        return Err(Error::input("[train] device", format!("{name:?}; expected \"cpu\", \"cuda\" or \"cuda:N\"")));
    };
    let found = libtorch()?;
    if !found.cuda_libraries {
        let problem = format!("device {name:?} asked for, but {} has no CUDA libraries beside it", found.path.display());
        return Err(Error::environment(problem, "run ./setup.sh --cuda, or set device = \"cpu\""));
    }
    if index as i64 >= found.devices {
        let problem = format!("device {name:?} asked for, but CUDA sees {} devices", found.devices);
        return Err(Error::environment(problem, "check the driver with nvidia-smi, or set device = \"cpu\""));
    }
    Ok(Device::Cuda(index))
}

/// Where the dynamic linker found libtorch.
fn loaded() -> Result<PathBuf> {
    crate::loaded::library("libtorch_cpu.so")
        .ok_or_else(|| Error::environment("libtorch_cpu.so is not among the loaded libraries", "run ./setup.sh"))
}

/// Of the libtorch that `libtorch_cpu.so` belongs to, such as `2.11.0+cpu`:
/// from `build-version` (libtorch's own layout) or `version.py` (the Python wheel's) above the library's folder.
pub fn version(library: &Path) -> Option<String> {
    let root = library.parent()?.parent()?;
    if let Ok(text) = std::fs::read_to_string(root.join("build-version")) {
        return Some(text.trim().into());
    }
    let text = std::fs::read_to_string(root.join("version.py")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("__version__ = "))?;
    Some(line.trim().trim_matches(['\'', '"']).into())
}

/// Loads `libtorch_cuda.so` from beside the loaded libtorch, once, where there is one: its kernels register themselves.
fn load_cuda() -> Result<bool> {
    static LOADED: OnceLock<Result<bool, String>> = OnceLock::new();
    let cuda = loaded()?.with_file_name("libtorch_cuda.so");
    let load = || {
        use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW};
        if !cuda.exists() {
            return Ok(false);
        }
        // SAFETY: its initialisers are those that PyTorch runs when it is imported
        let library = unsafe { Library::open(Some(&cuda), RTLD_NOW | RTLD_GLOBAL) };
        library.map(std::mem::forget).map(|()| true).map_err(|error| error.to_string())
    };
    LOADED.get_or_init(load).clone().map_err(|error| Error::environment(error, "run ./setup.sh --cuda"))
}

/// A tensor's elements in order, as f64; waits for its device.
pub(super) fn to_host(tensor: &Tensor) -> Vec<f64> {
    let flat = tensor.to_kind(Kind::Double).to_device(Device::Cpu).contiguous();
    let mut values = vec![0.0; flat.numel()];
    flat.view([-1]).copy_data(&mut values, flat.numel());
    values
}

/// libtorch ends a computation that it has no memory for, or cannot do on a device, with a panic.
pub(super) fn failed(panic: &(dyn std::any::Any + Send)) -> Error {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    let first = text.and_then(|text| text.lines().next()).unwrap_or("no message");
    // the crate's own panic quotes libtorch's text, line ends and all
    let first = first.split_once("Torch(\"").map_or(first, |(_, quoted)| quoted);
    let first = first.split_once("\\n").map_or(first, |(line, _)| line).trim_end_matches("\")").trim();
    Error::environment(format!("training ended in libtorch: {first}"), "try a smaller batch-size, or another device")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_libtorch_says_is_told_without_its_wrapping() {
        let panic = std::panic::catch_unwind(|| {
            let (a, b) = (tch::Tensor::from_slice(&[1.0, 2.0]), tch::Tensor::from_slice(&[1.0, 2.0, 3.0]));
            a + b
        })
        .unwrap_err();
        let text = failed(panic.as_ref()).to_string();
        assert!(text.starts_with("training ended in libtorch: The size of tensor a (2) must match"), "{text}");
        assert!(!text.contains("Err") && !text.contains("Torch(") && !text.contains('\\'), "{text}");
    }

    #[test]
    fn libtorch_is_found_and_words_are_checked() {
        assert!(libtorch().unwrap().path.exists());
        assert_eq!(find("cpu").unwrap(), Device::Cpu);
        assert!(matches!(find("gpu"), Err(Error::Input { .. })));
        assert!(matches!(find("cuda:99"), Err(Error::Environment { .. })));
    }

    #[test]
    fn libtorch_tells_its_version_in_both_layouts() {
        let folder = tempfile::tempdir().unwrap();
        let library = folder.path().join("lib/libtorch_cpu.so");
        assert_eq!(version(&library), None);
        std::fs::write(
            folder.path().join("version.py"),
            "from typing import Optional\n__version__ = '2.11.0+cu130'\ndebug = False\n",
        )
        .unwrap();
        assert_eq!(version(&library).as_deref(), Some("2.11.0+cu130"));
        std::fs::write(folder.path().join("build-version"), "2.11.0+cpu\n").unwrap();
        assert_eq!(version(&library).as_deref(), Some("2.11.0+cpu"));
    }
}
