//! OpenVINO behind ONNX Runtime: its files, and how it is told what to compute in.
//!
//! Left to itself it answers a wrong word with another precision, a missing file with plain kernels, and pins the only thread of every process to the same core
//! (OpenVINO 2025.4.1, onnxruntime-openvino 1.24.1), so its options are written here from types, its files are looked for, and what is at work is
//! [measured](super::reference).

use std::path::{Path, PathBuf};

use ort::ep::{ArbitrarilyConfigurableExecutionProvider, ExecutionProviderDispatch};
use serde_json::{Value, json};

use super::provider::Compute;
use crate::{Error, Result};

/// The provider's own library; it stands beside ONNX Runtime's.
pub(super) const PROVIDER: &str = "libonnxruntime_providers_openvino.so";
/// Beginnings of the names of what it needs beside it.
const BESIDE: [&str; 5] = [
    "libonnxruntime_providers_shared.so",
    "libopenvino.so",
    "libopenvino_onnx_frontend.so",
    "libopenvino_intel_cpu_plugin.so",
    "libtbb.so",
];

/// A file in `folder` of that name, or of that name and a version.
fn find(folder: &Path, name: &str) -> Option<PathBuf> {
    let named = |path: &PathBuf| {
        let rest = path.file_name().and_then(|file| file.to_str()?.strip_prefix(name));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.')) && path.is_file()
    };
    let mut found: Vec<PathBuf> = std::fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path()).filter(named).collect();
    found.sort();
    found.into_iter().next()
}

/// Which of the files the folder lacks.
pub(super) fn lacks(folder: &Path) -> Option<PathBuf> {
    let names = std::iter::once(PROVIDER).chain(BESIDE);
    names.into_iter().find(|name| find(folder, name).is_none()).map(|name| folder.join(name))
}

/// OpenVINO's version, such as `2025.4.1`, as the name of its library in `folder` tells it (`libopenvino.so.2541`).
pub(super) fn version(folder: &Path) -> Option<String> {
    let path = find(folder, "libopenvino.so")?;
    let number = path.file_name()?.to_str()?.strip_prefix("libopenvino.so.")?;
    match number.as_bytes() {
        [_, _, b'1'..=b'4', _] if number.bytes().all(|digit| digit.is_ascii_digit()) => {
            Some(format!("20{}.{}.{}", &number[..2], &number[2..3], &number[3..]))
        }
        _ => Some(number.to_owned()),
    }
}

/// The widest instructions of this CPU that OpenVINO has kernels for; bits of features depend on them.
pub fn instructions() -> &'static str {
    #[cfg(target_arch = "x86_64")]
    {
        // AMX-BF16: bit 22 of EDX in leaf 7, by Intel's manual; the standard library has no stable word for it
        let amx = std::arch::x86_64::__cpuid(0).eax >= 7 && std::arch::x86_64::__cpuid_count(7, 0).edx >> 22 & 1 == 1;
        for (there, name) in [
            (amx && is_x86_feature_detected!("avx512bf16"), "amx-bf16"),
            (is_x86_feature_detected!("avx512bf16"), "avx512-bf16"),
            (is_x86_feature_detected!("avx512f"), "avx512"),
            (is_x86_feature_detected!("avx2"), "avx2"),
        ] {
            if there {
                return name;
            }
        }
    }
    "others"
}

/// Whether this CPU computes in it. Without the instructions OpenVINO takes f32 where it is asked for bf16, or is slower with other bits.
fn computes(compute: Compute, instructions: &str) -> bool {
    compute == Compute::F32 || matches!(instructions, "amx-bf16" | "avx512-bf16")
}

/// What a session asks for.
///
/// # Errors
/// [`Error::Environment`] for a CPU without the instructions.
pub(super) fn asked(compute: Compute, threads: usize) -> Result<ExecutionProviderDispatch> {
    let here = instructions();
    if !computes(compute, here) {
        let problem = format!(
            "compute = \"bf16\" was asked for, but this CPU has no instructions for it (AVX512-BF16 or AMX-BF16; it has {here})"
        );
        return Err(Error::environment(
            problem,
            "leave compute out, or take a CPU of AMD's since Zen 4 or of Intel's since Sapphire Rapids",
        ));
    }
    let config = load_config(compute, threads).to_string();
    let openvino = ort::ep::OpenVINO::default().with_device_type("CPU").with_arbitrary_config("load_config", config);
    Ok(openvino.build().error_on_failure())
}

/// The provider's `load_config`, which is JSON itself and no path. The level of the device is needed: without it all is ignored in silence.
fn load_config(compute: Compute, threads: usize) -> Value {
    json!({"CPU": {
        "INFERENCE_PRECISION_HINT": compute.name(),
        "INFERENCE_NUM_THREADS": threads.to_string(),
        "NUM_STREAMS": "1",
        // two processes of one thread each would share one core
        "ENABLE_CPU_PINNING": "NO",
    }})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_stand_in_the_name_and_missing_files_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let add = |name: &str| std::fs::write(folder.path().join(name), "").unwrap();
        assert_eq!(lacks(folder.path()), Some(folder.path().join(PROVIDER)));
        assert_eq!(version(folder.path()), None);
        add(PROVIDER);
        for name in
            ["libopenvino.so.2541", "libopenvino_onnx_frontend.so.2541", "libopenvino_intel_cpu_plugin.so", "libtbb.so.12"]
        {
            add(name);
        }
        assert_eq!(lacks(folder.path()), Some(folder.path().join(BESIDE[0])));
        add(BESIDE[0]);
        assert_eq!(lacks(folder.path()), None);
        assert_eq!(version(folder.path()).as_deref(), Some("2025.4.1"));
        assert!(lacks(&folder.path().join("nowhere")).is_some());
    }

    #[test]
    fn the_precision_and_the_threads_stand_below_the_device() {
        let config = load_config(Compute::Bf16, 3);
        assert_eq!(config["CPU"]["INFERENCE_PRECISION_HINT"], "bf16");
        assert_eq!(config["CPU"]["INFERENCE_NUM_THREADS"], "3");
    }

    #[test]
    fn bf16_needs_its_instructions() {
        for (instructions, there) in
            [("avx2", false), ("avx512", false), ("others", false), ("avx512-bf16", true), ("amx-bf16", true)]
        {
            assert_eq!(computes(Compute::Bf16, instructions), there, "{instructions}");
            assert!(computes(Compute::F32, instructions));
        }
    }
}
