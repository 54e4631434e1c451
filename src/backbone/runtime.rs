//! ONNX Runtime, found and loaded once a process.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use ort::environment::Environment;

use crate::loaded;
use crate::{Error, Result};

const REMEDY: &str = "run ./setup.sh, or set ORT_DYLIB_PATH to a libonnxruntime.so of version 1.24 or newer";

/// A loaded ONNX Runtime. It lives as long as the process: sessions need it.
pub struct Runtime {
    /// The library file.
    pub path: PathBuf,
    environment: Environment,
}

impl Runtime {
    /// What sessions are built from.
    pub(super) fn environment(&self) -> &Environment {
        &self.environment
    }

    /// The runtime's version as its file name tells it, such as `1.32.0`.
    pub fn version(&self) -> Option<&str> {
        version(&self.path)
    }
}

/// The process's ONNX Runtime, loaded at the first call.
///
/// It is the file that the variable `ORT_DYLIB_PATH` names; without that, the one in the `.deps/` two or three folders above the
/// program's own; else whatever `libonnxruntime.so` the system's loader finds.
///
/// # Errors
/// [`Error::Environment`] if there is none, or it is older than 1.24. Later calls give the same answer.
pub fn runtime() -> Result<&'static Runtime> {
    static RUNTIME: OnceLock<Result<Runtime, String>> = OnceLock::new();
    RUNTIME.get_or_init(load).as_ref().map_err(|problem| Error::environment(problem, REMEDY))
}

/// The library that [`runtime`] would load, and its version where the file's name tells it; it is only looked for.
///
/// # Errors
/// As [`runtime`], as far as that can be seen.
pub fn look() -> Result<(PathBuf, Option<String>)> {
    let chosen = chosen();
    let found = if chosen.components().count() > 1 { Some(chosen.clone()) } else { loaded::find_library(&chosen) };
    let Some(path): Option<PathBuf> = found.and_then(|path| path.canonicalize().ok()) else {
        return Err(Error::environment(format!("ONNX Runtime is not here: no {}", chosen.display()), REMEDY));
    };
    let version = version(&path).map(str::to_owned);
    let old = version.as_ref().and_then(|version| version.strip_prefix("1.")?.split('.').next()?.parse().ok());
    match old {
        Some(minor @ 0u32..24) => {
            let problem = format!("ONNX Runtime at {} is version 1.{minor}, older than 1.24", path.display());
            Err(Error::environment(problem, REMEDY))
        }
        _ => Ok((path, version)),
    }
}

/// As the name of its file tells it.
fn version(path: &Path) -> Option<&str> {
    path.file_name()?.to_str()?.strip_prefix("libonnxruntime.so.").filter(|version| version.contains('.'))
}

/// The library to load.
fn chosen() -> PathBuf {
    let asked = std::env::var_os("ORT_DYLIB_PATH").filter(|path| !path.is_empty()).map(PathBuf::from);
    choose(asked, std::env::current_exe().ok().as_deref())
}

fn load() -> Result<Runtime, String> {
    let path = chosen();
    let builder = ort::init_from(&path).map_err(|e| format!("ONNX Runtime cannot be used: {e}"))?;
    // what goes wrong comes back from its calls; what it would print besides is no line of ours
    let silent = std::sync::Arc::new(|_: ort::logging::LogLevel, _: &str, _: &str, _: &str, _: &str| ());
    let environment = builder
        .with_name("mmdg")
        .with_logger(silent)
        .build()
        .map_err(|e| format!("ONNX Runtime at {} does not start: {e}", path.display()))?;
    Ok(Runtime { path: loaded::library("libonnxruntime.so").unwrap_or(path), environment })
}

/// The library to load: what was asked for, else what stands in `.deps/` above the program, else the bare name.
fn choose(asked: Option<PathBuf>, program: Option<&Path>) -> PathBuf {
    if let Some(asked) = asked {
        // ort takes a relative path from the program's folder, the shell's users mean the working one
        return if asked.components().count() > 1 { std::path::absolute(&asked).unwrap_or(asked) } else { asked };
    }
    let above = program.into_iter().flat_map(Path::ancestors).skip(3).take(2);
    above
        .map(|folder| folder.join(".deps/onnxruntime/libonnxruntime.so"))
        .find(|path| path.is_file())
        .unwrap_or_else(|| "libonnxruntime.so".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_asked_for_comes_first_then_the_projects_own_then_the_systems() {
        let clone = tempfile::tempdir().unwrap();
        let own = clone.path().join(".deps/onnxruntime/libonnxruntime.so");
        let program = clone.path().join("target/release/mmdg");
        let test = clone.path().join("target/debug/deps/promises-0");
        assert_eq!(choose(None, Some(&program)), Path::new("libonnxruntime.so"));
        std::fs::create_dir_all(own.parent().unwrap()).unwrap();
        std::fs::write(&own, "").unwrap();
        assert_eq!(choose(None, Some(&program)), own);
        assert_eq!(choose(None, Some(&test)), own);
        assert_eq!(choose(Some("/opt/libonnxruntime.so".into()), Some(&program)), Path::new("/opt/libonnxruntime.so"));
        assert!(choose(Some("lib/libonnxruntime.so".into()), Some(&program)).is_absolute());
        assert_eq!(choose(None, None), Path::new("libonnxruntime.so"));
    }

    #[test]
    fn it_loads_and_tells_its_version() {
        let runtime = runtime().unwrap();
        assert!(runtime.version().is_some_and(|version| version.starts_with("1.")), "{:?}", runtime.path);
    }
}
