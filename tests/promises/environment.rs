//! `setup.sh` on machines that lack something, and `mmdg doctor`. The machines are made up: a folder of small programs stands for PATH.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A clone with the set-up script alone, and a folder with all programs that it may call.
struct Machine {
    folder: tempfile::TempDir,
}

impl Machine {
    /// A machine where nothing is missing but `.deps/`; its pip "downloads" wheels with nothing but empty files in them.
    fn new() -> Self {
        let machine = Self { folder: tempfile::tempdir().unwrap() };
        let source = Path::new(env!("CARGO_MANIFEST_DIR"));
        fs::create_dir_all(machine.clone_folder().join("scripts")).unwrap();
        fs::create_dir_all(machine.path("bin")).unwrap();
        for file in [
            "setup.sh",
            "scripts/wheels.txt",
            "scripts/wheels-cuda.txt",
            "scripts/wheels-openvino.txt",
            "scripts/unpack_wheels.py",
        ] {
            fs::copy(source.join(file), machine.clone_folder().join(file)).unwrap();
        }
        for name in
            "awk bash cat cut dirname env flock grep head id ln mkdir mv paste printf rm sha256sum sleep tail touch".split(' ')
        {
            let real = PathBuf::from(String::from_utf8(Command::new("which").arg(name).output().unwrap().stdout).unwrap().trim());
            std::os::unix::fs::symlink(real, machine.path("bin").join(name)).unwrap();
        }
        machine.program("uname", "case $1 in -s) echo Linux ;; *) echo x86_64 ;; esac");
        machine.program("cargo", "exit 0");
        machine.program("apt-get", "echo \"$@\" >> \"$HOME/apt\"");
        machine.program("dpkg-query", "shift 2; for package; do echo \"$package installed\"; done");
        let python =
            String::from_utf8(Command::new("python3").args(["-c", "import sys; print(sys.executable)"]).output().unwrap().stdout)
                .unwrap();
        machine.program("python3", &PYTHON.replace("REAL", python.trim()));
        fs::write(machine.path("wheels.py"), WHEELS).unwrap();
        machine
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn clone_folder(&self) -> PathBuf {
        self.path("clone of mmdg")
    }

    fn deps(&self, name: &str) -> PathBuf {
        self.clone_folder().join(".deps").join(name)
    }

    /// Puts a shell script on the machine's PATH, in place of one of that name.
    fn program(&self, name: &str, script: &str) {
        let path = self.path("bin").join(name);
        fs::remove_file(&path).ok();
        fs::write(&path, format!("#!/bin/bash\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn setup(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("bash");
        command.arg(self.clone_folder().join("setup.sh")).args(arguments);
        command.env_clear().env("PATH", self.path("bin")).env("HOME", self.folder.path()).stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.setup(arguments).output().unwrap()
    }

    /// How often pip was asked to download.
    fn downloads(&self) -> usize {
        fs::read_to_string(self.path("downloads")).map_or(0, |text| text.lines().count())
    }
}

/// `python3` of a made-up machine: pip is made up, all else is real.
const PYTHON: &str = r#"
if [ "$1 $2 $3" = "-m pip --version" ]; then echo "pip 23.0.1 from nowhere"; exit; fi
if [ "$1 $2 $3" = "-m pip download" ]; then
  echo "$@" >> "$HOME/downloads"
  if [ -e "$HOME/offline" ]; then echo "ERROR: No matching distribution found" >&2; exit 1; fi
  while [ "$1" != -d ]; do shift; done
  "REAL" "$HOME/wheels.py" "$2" "$4"
  if [ -e "$HOME/slow" ]; then touch "$HOME/downloading"; sleep 2; fi
  exit
fi
exec "REAL" "$@"
"#;

/// Makes the wheels that a requirements file wants.
const WHEELS: &str = r#"
import os, sys, zipfile
folder, wanted = sys.argv[1:]
torch = ["include/torch/all.h", *("lib/" + n for n in ("libtorch_cpu.so", "libc10.so", "libgomp.so.1", "libtorch_cuda.so", "libcaffe2_nvrtc.so", "libtorch_nvshmem.so"))]
members = {"torch": ["torch/" + n for n in torch], "cmake": ["cmake/data/bin/cmake"], "onnxruntime": ["onnxruntime/capi/libonnxruntime.so.1.32.0"],
           "onnxruntime_openvino": ["onnxruntime/capi/lib" + n for n in ("onnxruntime.so.1.24.1", "onnxruntime_providers_shared.so", "onnxruntime_providers_openvino.so",
               "openvino.so.2541", "openvino.so.2025.4.1", "openvino_onnx_frontend.so.2541", "openvino_intel_cpu_plugin.so", "openvino_intel_gpu_plugin.so", "tbb.so.12")],
           "nvidia_cuda_runtime": ["nvidia/cu13/lib/libcudart.so.13"], "nvidia_cuda_cupti": ["nvidia/cu13/lib/libcupti.so.13", "nvidia/cu13/lib/libnvperf_host.so"]}
for line in open(wanted):
    name, version = line.split()[0].replace("-", "_").split("==")
    with zipfile.ZipFile(os.path.join(folder, f"{name}-{version}-py3-none-any.whl"), "w") as wheel:
        for member in members.get(name, [f"nvidia/{name}/lib/lib{name}.so.1"]):
            wheel.writestr(member, "")
"#;

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// It ended in `code`, and said all of `parts` in one line on the error stream.
#[track_caller]
fn refused(output: &Output, code: i32, parts: &[&str]) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{}", text(output));
    assert_eq!(said.lines().count(), 1, "{said}");
    for part in parts {
        assert!(said.contains(part), "no {part:?} in {said}");
    }
}

#[test]
fn setup_fills_deps_once_and_is_quick_afterwards() {
    let machine = Machine::new();
    let first = machine.run(&[]);
    assert!(first.status.success(), "{}", text(&first));
    assert_eq!(machine.downloads(), 3);
    for file in
        ["libtorch/lib/libtorch_cpu.so", "libtorch/include/torch/all.h", "onnxruntime/libonnxruntime.so", "cmake/bin/cmake"]
    {
        assert!(machine.deps(file).is_file(), "{file}");
    }
    assert_eq!(fs::read_to_string(machine.deps("libtorch/build-version")).unwrap(), "2.11.0+cu130\n");
    assert!(!machine.deps("libtorch/lib/libtorch_cuda.so").exists());
    assert!(!machine.deps("wheels").exists() && !machine.deps("partial").exists());
    assert!(!machine.path("apt").exists(), "apt-get was called though nothing is missing");

    let start = std::time::Instant::now();
    let second = machine.run(&[]);
    assert!(second.status.success() && machine.downloads() == 3, "{}", text(&second));
    assert!(start.elapsed().as_secs_f64() < 1.0, "{:?}", start.elapsed());

    let cuda = machine.run(&["--cuda"]);
    assert!(cuda.status.success() && machine.downloads() == 4, "{}", text(&cuda));
    assert!(
        machine.deps("libtorch/lib/libtorch_cuda.so").is_file()
            && machine.deps("libtorch/lib/libnvidia_nccl_cu13.so.1").is_file()
    );
    assert!(!machine.deps("libtorch/lib/libnvperf_host.so").exists());
    assert!(machine.run(&["--cuda"]).status.success() && machine.downloads() == 4);

    let openvino = machine.run(&["--openvino"]);
    assert!(openvino.status.success() && machine.downloads() == 5, "{}", text(&openvino));
    let mut files: Vec<_> = fs::read_dir(machine.deps("openvino")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    files.sort();
    assert_eq!(files.len(), 8, "{files:?}");
    assert!(machine.deps("openvino/libonnxruntime.so").is_file() && machine.deps("openvino/libopenvino.so.2541").is_file());
    assert!(machine.run(&["--openvino"]).status.success() && machine.downloads() == 5);

    // another list of wheels is another component
    let list = machine.clone_folder().join("scripts/wheels.txt");
    fs::write(&list, fs::read_to_string(&list).unwrap() + "# changed\n").unwrap();
    assert!(machine.run(&[]).status.success() && machine.downloads() == 8);
    assert!(!machine.deps("libtorch/lib/libtorch_cuda.so").exists());
    assert!(machine.run(&["--cuda"]).status.success() && machine.deps("libtorch/lib/libtorch_cuda.so").is_file());
}

#[test]
fn a_killed_setup_leaves_no_half_component() {
    let machine = Machine::new();
    fs::write(machine.path("slow"), "").unwrap();
    let mut killed = machine.setup(&[]).stdout(Stdio::null()).spawn().unwrap();
    while !machine.path("downloading").exists() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    killed.kill().unwrap();
    killed.wait().unwrap();
    assert!(!machine.deps("libtorch").exists() && !machine.deps("libtorch.stamp").exists());
    fs::remove_file(machine.path("slow")).unwrap();

    // as if killed while unpacking, and between rename and stamp
    fs::create_dir_all(machine.deps("partial/lib")).unwrap();
    fs::create_dir_all(machine.deps("cmake/bin")).unwrap();
    fs::write(machine.deps("partial/lib/left-over"), "").unwrap();
    fs::write(machine.deps("cmake/bin/left-over"), "").unwrap();
    let again = machine.run(&[]);
    assert!(again.status.success(), "{}", text(&again));
    assert!(machine.deps("libtorch/lib/libtorch_cpu.so").is_file() && machine.deps("cmake/bin/cmake").is_file());
    assert!(!machine.deps("libtorch/lib/left-over").exists() && !machine.deps("cmake/bin/left-over").exists());
}

#[test]
fn two_setups_at_once_do_the_work_once() {
    let machine = Machine::new();
    let runs: Vec<_> =
        (0..2).map(|_| machine.setup(&[]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()).collect();
    for run in runs {
        let output = run.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", text(&output));
    }
    assert_eq!(machine.downloads(), 3);
}

#[test]
fn setup_refuses_what_it_does_not_support() {
    let machine = Machine::new();
    refused(&machine.run(&["--gpu"]), 2, &["--gpu", "usage: ./setup.sh [--cuda] [--openvino]"]);
    machine.program("uname", "case $1 in -s) echo Linux ;; *) echo aarch64 ;; esac");
    refused(&machine.run(&[]), 6, &["only Linux on x86-64 is supported", "aarch64"]);
    machine.program("uname", "case $1 in -s) echo Darwin ;; *) echo x86_64 ;; esac");
    refused(&machine.run(&[]), 6, &["Darwin"]);

    let machine = Machine::new();
    fs::remove_file(machine.path("bin/apt-get")).unwrap();
    refused(&machine.run(&[]), 6, &["apt-get is missing", "Debian 12", "Ubuntu 24.04"]);
    let machine = Machine::new();
    fs::remove_file(machine.path("bin/cargo")).unwrap();
    refused(&machine.run(&[]), 6, &["cargo is missing", "Rust 1.95"]);
    assert!(!machine.deps("").exists());
}

#[test]
fn missing_packages_are_installed_by_root_or_sudo_and_listed_otherwise() {
    let machine = Machine::new();
    machine.program(
        "dpkg-query",
        "for package; do case $package in nasm|clang) ;; *) echo \"$package installed\" ;; esac; done; exit 1",
    );
    machine.program("id", "echo 1000");
    refused(&machine.run(&[]), 6, &["neither root nor a user with sudo", "apt-get install clang nasm"]);
    machine.program("sudo", "exit 1"); // asks for a password, and there is no terminal
    refused(&machine.run(&[]), 6, &["neither root nor a user with sudo", "clang nasm"]);
    assert!(!machine.path("apt").exists());

    machine.program("sudo", "[ \"$1\" = -n ] && shift; echo sudo \"$1\" >> \"$HOME/sudo\"; \"$@\"");
    machine.program("true", "exit 0");
    let output = machine.run(&[]);
    assert!(output.status.success(), "{}", text(&output));
    let calls = fs::read_to_string(machine.path("apt")).unwrap();
    assert!(calls.lines().next().unwrap().ends_with("update"), "{calls}");
    assert!(calls.lines().nth(1).unwrap().ends_with("install -y --no-install-recommends clang nasm"), "{calls}");

    machine.program("id", "echo 0");
    machine.program("apt-get", "echo 'E: Unable to locate package nasm' >&2; exit 100");
    refused(&machine.run(&[]), 6, &["could not install clang nasm", "Unable to locate package nasm"]);
}

#[test]
fn without_a_registry_or_a_pip_setup_says_so_in_a_line() {
    let machine = Machine::new();
    fs::write(machine.path("offline"), "").unwrap();
    refused(&machine.run(&[]), 6, &["pip could not download", "is the package registry reachable?", "No matching distribution"]);
    assert!(!machine.deps("libtorch.stamp").exists());
    fs::remove_file(machine.path("offline")).unwrap();
    assert!(machine.run(&[]).status.success());

    if !Path::new("/usr/bin/python3").exists() {
        let machine = Machine::new();
        machine.program("python3", "exit 1");
        refused(&machine.run(&[]), 6, &["has pip 21 or newer"]);
    }
}

#[cfg(feature = "cli")]
#[test]
fn doctor_tells_each_library_and_fails_only_for_what_this_build_needs() {
    let output = Command::new(env!("CARGO_BIN_EXE_mmdg")).arg("doctor").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    let state =
        |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).unwrap().split_whitespace().next().unwrap().to_owned();
    let expected = |on: bool| if on { "found" } else { "unused" };
    assert_eq!(state("FFmpeg"), expected(cfg!(feature = "video")));
    assert_eq!(state("HDF5"), expected(cfg!(feature = "hdf5")));
    assert_eq!(state("ONNX Runtime"), expected(cfg!(feature = "onnx")));
    assert_eq!(state("libtorch"), expected(cfg!(feature = "torch")));
    for name in ["CUDA", "OpenVINO"] {
        assert!(["found", "optional", "unused"].contains(&state(name).as_str()), "{text}");
    }
}
