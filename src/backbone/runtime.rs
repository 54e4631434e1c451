//! ONNX Runtime, found and loaded once a process.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use ort::environment::Environment;
use ort::logging::LogLevel;

use super::openvino;
use super::provider::Provider;
use crate::loaded;
use crate::{Error, Result};

const REMEDY: &str = "run ./setup.sh, or set ORT_DYLIB_PATH to a libonnxruntime.so of version 1.24 or newer";
pub(super) const OPENVINO_REMEDY: &str =
    "run ./setup.sh --openvino, or set ORT_DYLIB_PATH to the libonnxruntime.so of an onnxruntime-openvino, or leave provider out";

/// A loaded ONNX Runtime. It lives as long as the process: sessions need it.
pub struct Runtime {
    /// The library file.
    pub path: PathBuf,
    environment: Environment,
    logged: Arc<Mutex<Option<String>>>,
}

impl Runtime {
    /// What sessions are built from.
    pub(super) fn environment(&self) -> &Environment {
        &self.environment
    }

    /// What it last logged as an error: of providers that do not load it returns less.
    pub(super) fn last_error(&self) -> Option<String> {
        self.logged.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The runtime's version as its file name tells it, such as `1.32.0`.
    pub fn version(&self) -> Option<&str> {
        version(&self.path)
    }

    /// OpenVINO's version, such as `2025.4.1`, where this runtime has it.
    pub fn openvino(&self) -> Option<String> {
        openvino::version(self.path.parent()?)
    }
}

/// The process's ONNX Runtime, loaded at the first call, with what the provider needs. There is one a process.
///
/// It is the file that the variable `ORT_DYLIB_PATH` names; without that, the one in the `.deps/` two or three folders above the
/// program's own; else whatever `libonnxruntime.so` the system's loader finds. For OpenVINO it is the file that the variable names where OpenVINO's provider
/// is beside that, else the one in `.deps/openvino/`.
///
/// # Errors
/// [`Error::Environment`] if there is none, or it is older than 1.24, or it lacks a file of the provider's, or this process has loaded another without it.
/// Later calls give the same answer.
pub fn runtime(provider: Provider) -> Result<&'static Runtime> {
    static RUNTIME: OnceLock<Result<Runtime, String>> = OnceLock::new();
    let remedy = if provider == Provider::OpenVino { OPENVINO_REMEDY } else { REMEDY };
    let path = chosen(provider)?;
    let runtime = RUNTIME.get_or_init(|| load(&path)).as_ref().map_err(|problem| Error::environment(problem, remedy))?;
    let lacks = runtime.path.parent().and_then(openvino::lacks);
    match lacks.filter(|_| provider == Provider::OpenVino) {
        None => Ok(runtime),
        Some(missing) => {
            let problem =
                format!("this process runs with the ONNX Runtime at {}; no {}", runtime.path.display(), missing.display());
            Err(Error::environment(problem, remedy))
        }
    }
}

/// The library that [`runtime`] would load with OpenVINO, with both versions; it is only looked for.
///
/// # Errors
/// As [`runtime`], as far as that can be seen.
pub fn look_openvino() -> Result<(PathBuf, Option<String>, Option<String>)> {
    let path = chosen(Provider::OpenVino)?;
    let path = path.canonicalize().unwrap_or(path);
    let openvino = path.parent().and_then(openvino::version);
    Ok((path.clone(), version(&path).map(str::to_owned), openvino))
}

/// The library that [`runtime`] would load, and its version where the file's name tells it; it is only looked for.
///
/// # Errors
/// As [`runtime`], as far as that can be seen.
pub fn look() -> Result<(PathBuf, Option<String>)> {
    let chosen = chosen(Provider::Cpu)?;
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
fn chosen(provider: Provider) -> Result<PathBuf> {
    let asked = std::env::var_os("ORT_DYLIB_PATH").filter(|path| !path.is_empty()).map(PathBuf::from);
    let program = std::env::current_exe().ok();
    if provider != Provider::OpenVino {
        return Ok(choose(asked, program.as_deref()));
    }
    choose_openvino(asked, program.as_deref()).map_err(|missing| {
        let problem = format!("provider \"openvino\" was asked for, but its files are not here: no {}", missing.display());
        Error::environment(problem, OPENVINO_REMEDY)
    })
}

fn load(path: &Path) -> Result<Runtime, String> {
    let builder = ort::init_from(path).map_err(|e| format!("ONNX Runtime cannot be used: {e}"))?;
    // what it would print is no line of ours
    let logged = Arc::new(Mutex::new(None));
    let last = logged.clone();
    let keep = Arc::new(move |level: LogLevel, _: &str, _: &str, _: &str, message: &str| {
        if matches!(level, LogLevel::Error | LogLevel::Fatal) {
            *last.lock().unwrap_or_else(PoisonError::into_inner) = Some(message.to_owned());
        }
    });
    let environment = builder
        .with_name("mmdg")
        .with_logger(keep)
        .build()
        .map_err(|e| format!("ONNX Runtime at {} does not start: {e}", path.display()))?;
    Ok(Runtime { path: loaded::library("libonnxruntime.so").unwrap_or_else(|| path.into()), environment, logged })
}

/// The library to load: what was asked for, else what stands in `.deps/` above the program, else the bare name.
fn choose(asked: Option<PathBuf>, program: Option<&Path>) -> PathBuf {
    if let Some(asked) = asked {
        return absolute(asked);
    }
    above(program, ".deps/onnxruntime/libonnxruntime.so")
        .find(|path| path.is_file())
        .unwrap_or_else(|| "libonnxruntime.so".into())
}

/// Where OpenVINO stands beside it: what was asked for, else what stands in `.deps/` above the program; else the file that is missing.
fn choose_openvino(asked: Option<PathBuf>, program: Option<&Path>) -> Result<PathBuf, PathBuf> {
    let asked = asked.map(absolute).map(|asked| asked.canonicalize().unwrap_or(asked));
    let has_provider = |path: &PathBuf| path.parent().is_some_and(|folder| folder.join(openvino::PROVIDER).is_file());
    let own = || above(program, ".deps/openvino/libonnxruntime.so");
    let Some(path) = asked.clone().filter(has_provider).or_else(|| own().find(|path| path.is_file())) else {
        let folder = asked.and_then(|asked| Some(asked.parent()?.to_owned())).filter(|folder| !folder.as_os_str().is_empty());
        let other = || own().next().and_then(|path| Some(path.parent()?.to_owned()));
        return Err(other().or(folder).unwrap_or_default().join(openvino::PROVIDER));
    };
    match path.parent().and_then(openvino::lacks) {
        Some(missing) => Err(missing),
        None => Ok(path),
    }
}

/// ort takes a relative path from the program's folder, the shell's users mean the working one. A bare name stays one, for the system's loader.
fn absolute(asked: PathBuf) -> PathBuf {
    if asked.components().count() > 1 { std::path::absolute(&asked).unwrap_or(asked) } else { asked }
}

/// A file of a clone that the program may stand in: programs are two folders below it, tests three.
fn above<'a>(program: Option<&'a Path>, file: &'static str) -> impl Iterator<Item = PathBuf> + 'a {
    program.into_iter().flat_map(Path::ancestors).skip(3).take(2).map(move |folder| folder.join(file))
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
    fn openvino_comes_from_what_was_asked_for_where_it_is_there_else_from_the_projects_own() {
        let clone = tempfile::tempdir().unwrap();
        let program = clone.path().join("target/release/mmdg");
        let filled = |folder: &Path| {
            std::fs::create_dir_all(folder).unwrap();
            for name in ["libonnxruntime.so", openvino::PROVIDER, "libonnxruntime_providers_shared.so", "libopenvino.so.2541"] {
                std::fs::write(folder.join(name), "").unwrap();
            }
            for name in ["libopenvino_onnx_frontend.so.2541", "libopenvino_intel_cpu_plugin.so", "libtbb.so.12"] {
                std::fs::write(folder.join(name), "").unwrap();
            }
            folder.join("libonnxruntime.so")
        };
        let own = clone.path().join(".deps/openvino");
        let plain = clone.path().join("plain/libonnxruntime.so");
        assert_eq!(choose_openvino(None, Some(&program)), Err(own.join(openvino::PROVIDER)));
        assert_eq!(choose_openvino(Some(plain.clone()), Some(&program)), Err(own.join(openvino::PROVIDER)));
        assert_eq!(choose_openvino(None, None), Err(openvino::PROVIDER.into()));
        let library = filled(&own);
        assert_eq!(choose_openvino(None, Some(&program)), Ok(library.clone()));
        assert_eq!(choose_openvino(Some(plain), Some(&program)), Ok(library));
        let other = filled(&clone.path().join("other"));
        assert_eq!(choose_openvino(Some(other.clone()), Some(&program)), Ok(other.canonicalize().unwrap()));
        std::fs::remove_file(own.join("libtbb.so.12")).unwrap();
        assert_eq!(choose_openvino(None, Some(&program)), Err(own.join("libtbb.so")));
    }

    #[test]
    fn it_loads_and_tells_its_version() {
        let runtime = runtime(Provider::Cpu).unwrap();
        assert!(runtime.version().is_some_and(|version| version.starts_with("1.")), "{:?}", runtime.path);
    }
}
