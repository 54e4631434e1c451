//! `mmdg doctor`: which native libraries are here, which this build needs, and what mends each gap. They are looked for, and not
//! loaded.

use std::fmt::Write;
#[cfg(feature = "torch")]
use std::path::Path;
#[cfg(any(feature = "video", feature = "torch"))]
use std::path::PathBuf;

#[cfg(any(feature = "video", feature = "torch"))]
use super::handover;
#[cfg(any(feature = "video", feature = "torch"))]
use crate::loaded::{self, Library};

/// What became of the search for one library.
#[cfg_attr(not(all(feature = "onnx", feature = "torch")), allow(dead_code))]
enum Finding {
    /// Here, and what it is and where.
    Found(String),
    /// Not here, and this build needs it: the problem and the line that mends it.
    Missing(String),
    /// Not here, and this build does without: what it would be good for and the line that brings it.
    Optional(String),
}

impl From<Result<String, String>> for Finding {
    fn from(looked: Result<String, String>) -> Self {
        looked.map_or_else(Self::Missing, Self::Found)
    }
}

/// The report, a line for each of FFmpeg, HDF5, ONNX Runtime, OpenVINO, libtorch and CUDA, and whether all that this build needs is here.
pub fn doctor() -> (String, bool) {
    #[cfg(feature = "torch")]
    let torch = Beside::new(handover::TRAIN).library("libtorch_cpu.so");
    let rows = [
        #[cfg(feature = "video")]
        ("FFmpeg", Some(ffmpeg().into())),
        #[cfg(not(feature = "video"))]
        ("FFmpeg", None),
        #[cfg(feature = "hdf5")]
        ("HDF5", Some(hdf5())),
        #[cfg(not(feature = "hdf5"))]
        ("HDF5", None),
        #[cfg(feature = "onnx")]
        ("ONNX Runtime", Some(onnx_runtime().into())),
        #[cfg(not(feature = "onnx"))]
        ("ONNX Runtime", None),
        #[cfg(feature = "onnx")]
        ("OpenVINO", Some(openvino())),
        #[cfg(not(feature = "onnx"))]
        ("OpenVINO", None),
        #[cfg(feature = "torch")]
        ("libtorch", Some(libtorch(&torch).into())),
        #[cfg(not(feature = "torch"))]
        ("libtorch", None),
        #[cfg(feature = "torch")]
        ("CUDA", Some(cuda(torch.as_deref().ok()))),
        #[cfg(not(feature = "torch"))]
        ("CUDA", None),
    ];
    report(&rows)
}

fn report(rows: &[(&str, Option<Finding>)]) -> (String, bool) {
    let mut text = String::new();
    let mut missing = 0;
    for (name, finding) in rows {
        let (state, line) = match finding {
            None => ("unused", "not part of this build, not needed"),
            Some(Finding::Found(what)) => ("found", what.as_str()),
            Some(Finding::Missing(what)) => ("MISSING", what.as_str()),
            Some(Finding::Optional(what)) => ("optional", what.as_str()),
        };
        missing += usize::from(matches!(finding, Some(Finding::Missing(_))));
        // writing to a String cannot fail
        let _ = writeln!(text, "{name:<14}{state:<10}{line}");
    }
    let _ = match missing {
        0 => writeln!(text, "all that this build needs is here"),
        n => writeln!(text, "{n} of the libraries that this build needs {} missing", if n == 1 { "is" } else { "are" }),
    };
    (text, missing == 0)
}

/// What a program beside this one would load; nothing is.
#[cfg(any(feature = "video", feature = "torch"))]
struct Beside {
    program: &'static str,
    libraries: Result<Vec<Library>, String>,
}

#[cfg(any(feature = "video", feature = "torch"))]
impl Beside {
    fn new(program: &'static str) -> Self {
        let path = handover::beside(program).map_err(|error| error.to_string());
        Self { program, libraries: path.map(|path| loaded::libraries_of(&path)) }
    }

    /// Where the library whose name begins so would come from.
    fn library(&self, name: &str) -> Result<PathBuf, String> {
        let all = self.libraries.as_ref().map_err(String::clone)?;
        let found = all.iter().find(|library| library.name.starts_with(name)).and_then(|library| library.path.clone());
        found.ok_or_else(|| format!("{} needs {name}, which is not here; run ./setup.sh", self.program))
    }
}

#[cfg(feature = "video")]
fn ffmpeg() -> Result<String, String> {
    let decode = Beside::new(handover::DECODE);
    let [util, codec, _, _] =
        ["libavutil.so", "libavcodec.so", "libavformat.so", "libswscale.so"].map(|name| decode.library(name));
    let version = crate::media::version::ffmpeg_version_of(&util?).unwrap_or_else(|| "version unknown".into());
    Ok(format!("{version}, {}", codec?.display()))
}

#[cfg(feature = "hdf5")]
fn hdf5() -> Finding {
    Finding::Found(format!("{}, built in", crate::hdf5::version()))
}

#[cfg(feature = "onnx")]
fn onnx_runtime() -> Result<String, String> {
    let (path, version) = crate::backbone::runtime::look().map_err(|error| error.to_string())?;
    Ok(format!("{}, {}", version.as_deref().unwrap_or("version unknown"), path.display()))
}

/// Only `provider = "openvino"` needs it.
#[cfg(feature = "onnx")]
fn openvino() -> Finding {
    match crate::backbone::runtime::look_openvino() {
        Ok((path, runtime, version)) => {
            let [version, runtime] = [version, runtime].map(|version| version.unwrap_or_else(|| "of unknown version".into()));
            let here = crate::backbone::openvino::instructions();
            Finding::Found(format!(
                "{version} behind ONNX Runtime {runtime}, instructions of this CPU: {here}, {}",
                path.display()
            ))
        }
        Err(_) => Finding::Optional("only for extract with provider = \"openvino\": run ./setup.sh --openvino".into()),
    }
}

#[cfg(feature = "torch")]
fn libtorch(path: &Result<PathBuf, String>) -> Result<String, String> {
    let path = path.as_ref().map_err(String::clone)?;
    let version = crate::train::device::version(path).unwrap_or_else(|| "version unknown".into());
    Ok(format!("{version}, {}", path.display()))
}

/// A GPU needs two things beside libtorch: its CUDA half in the same folder, and the driver's library.
#[cfg(feature = "torch")]
fn cuda(torch: Option<&Path>) -> Finding {
    const WHY: &str = "only for training on a GPU";
    let Some(torch) = torch else {
        return Finding::Optional(format!("{WHY}: libtorch is missing, see above"));
    };
    let library = torch.with_file_name("libtorch_cuda.so");
    match (library.is_file(), driver_version()) {
        (true, Some(version)) => Finding::Found(format!("driver for CUDA {version}, {}", library.display())),
        (false, Some(version)) => Finding::Optional(format!(
            "{WHY}: the driver is here (CUDA {version}), libtorch's CUDA half is not; run ./setup.sh --cuda"
        )),
        (true, None) => Finding::Optional(format!(
            "{WHY}: {} is here, libcuda.so.1 is not; install NVIDIA's driver, CUDA 13.0 or newer",
            library.display()
        )),
        (false, None) => Finding::Optional(format!(
            "{WHY}: neither NVIDIA's driver (CUDA 13.0 or newer) nor libtorch's CUDA half; install the driver, then run ./setup.sh --cuda"
        )),
    }
}

/// The newest CUDA that NVIDIA's driver supports, such as `13.0`; `None` without a driver.
#[cfg(feature = "torch")]
fn driver_version() -> Option<String> {
    // SAFETY: the driver's documented entry point, which needs no initialisation and writes one int
    let version = unsafe {
        let library = libloading::Library::new("libcuda.so.1").ok()?;
        let get: libloading::Symbol<unsafe extern "C" fn(*mut std::ffi::c_int) -> std::ffi::c_int> =
            library.get(b"cuDriverGetVersion\0").ok()?;
        let mut version = 0;
        (get(&mut version) == 0).then_some(version)?
    };
    Some(format!("{}.{}", version / 1000, version % 1000 / 10))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_needed_library_that_is_missing_fails_the_report_and_an_optional_one_does_not() {
        let rows = [
            ("A", Some(Finding::Found("1.0, /lib/a.so".into()))),
            ("B", None),
            ("C", Some(Finding::Optional("only for x; do y".into()))),
        ];
        let (text, good) = report(&rows);
        assert!(good && text.ends_with("all that this build needs is here\n"), "{text}");
        let (text, good) = report(&[("A", Some(Finding::Missing("no a.so; run ./setup.sh".into())))]);
        assert!(!good && text.contains("MISSING   no a.so; run ./setup.sh\n"), "{text}");
        assert!(text.ends_with("1 of the libraries that this build needs is missing\n"), "{text}");
    }
}
