//! Which shared libraries this process has loaded, and which another program would load, from where.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The file that a loaded library came from, symbolic links resolved. `name` is the beginning of the file name, such as
/// `libtorch_cpu.so`. `None` if nothing of that name is loaded.
pub fn library(name: &str) -> Option<PathBuf> {
    find(&std::fs::read_to_string("/proc/self/maps").ok()?, name)
}

/// Looks a library up in the text of `/proc/<pid>/maps`: five columns, then the path, which may hold spaces.
fn find(maps: &str, name: &str) -> Option<PathBuf> {
    maps.lines().filter_map(|line| line.find('/').map(|start| Path::new(&line[start..]))).find_map(|path| {
        let file = path.file_name()?.to_str()?;
        let rest = file.strip_prefix(name)?;
        (rest.is_empty() || rest.starts_with('.')).then(|| path.to_path_buf())
    })
}

/// A shared library that a program is linked to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Library {
    /// As the program names it, such as `libtorch_cpu.so`.
    pub name: String,
    /// Where the system's linker finds it; `None` where it does not.
    pub path: Option<PathBuf>,
}

/// What the system's linker would load for a program, which is not run: its own answer, as `ldd` shows it. Nothing where it gives
/// none, such as on systems without glibc.
pub fn libraries_of(program: &Path) -> Vec<Library> {
    traced(&mut Command::new(program))
}

/// Where the system's linker finds a library that this program is not linked to.
pub fn find_library(name: &Path) -> Option<PathBuf> {
    let program = std::env::current_exe().ok()?;
    // it loads what stands in that variable before all else, and says so
    let all = traced(Command::new(program).env("LD_PRELOAD", name));
    all.into_iter().find(|library| Path::new(&library.name) == name)?.path
}

fn traced(program: &mut Command) -> Vec<Library> {
    // another linker would run the program
    if !cfg!(target_env = "gnu") {
        return Vec::new();
    }
    let told = program.env("LD_TRACE_LOADED_OBJECTS", "1").stdin(Stdio::null()).output();
    told.map(|told| listed(&String::from_utf8_lossy(&told.stdout))).unwrap_or_default()
}

/// Reads lines such as `libc10.so => /opt/lib/libc10.so (0x7f00)` and `libtorch.so => not found`.
fn listed(told: &str) -> Vec<Library> {
    let one = |line: &str| {
        let (name, found) = line.trim().split_once(" => ")?;
        let path = found.rsplit_once(" (0x").map(|(path, _)| path.into());
        Some(Library { name: name.to_owned(), path })
    };
    told.lines().filter_map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_name_counts_and_spaces_are_part_of_the_path() {
        let maps = "7f00-7f01 r-xp 00000000 fe:01 11 /opt/a b/libtorch_cpu.so\n\
                    7f02-7f03 r-xp 00000000 fe:01 12 /opt/a b/libtorch_cpu_extra.so.1\n\
                    7f04-7f05 rw-p 00000000 00:00 0\n\
                    7f06-7f07 r-xp 00000000 fe:01 13 /usr/lib/libavcodec.so.59.37.100\n";
        assert_eq!(find(maps, "libtorch_cpu.so"), Some("/opt/a b/libtorch_cpu.so".into()));
        assert_eq!(find(maps, "libavcodec.so"), Some("/usr/lib/libavcodec.so.59.37.100".into()));
        assert_eq!(find(maps, "libtorch_cp"), None);
        assert_eq!(find(maps, "libtorch.so"), None);
    }

    #[test]
    fn the_c_library_is_loaded() {
        assert!(library("libc.so").is_some());
    }

    #[test]
    fn what_the_linker_does_not_find_has_no_path() {
        let told = "\tlinux-vdso.so.1 (0x00007ffd)\n\tlibtorch_cpu.so => not found\n\
                    \tlibc.so.6 => /opt/a b/libc.so.6 (0x00007f00)\n\t/lib64/ld-linux-x86-64.so.2 (0x00007f01)\n";
        let library = |name: &str, path: Option<&str>| Library { name: name.into(), path: path.map(PathBuf::from) };
        assert_eq!(listed(told), [library("libtorch_cpu.so", None), library("libc.so.6", Some("/opt/a b/libc.so.6"))]);
    }

    #[cfg(target_env = "gnu")]
    #[test]
    fn the_linker_is_asked_for_a_program_and_for_a_library() {
        let all = libraries_of(&std::env::current_exe().unwrap());
        assert!(all.iter().any(|library| library.name == "libc.so.6" && library.path.is_some()), "{all:?}");
        assert!(find_library("libutil.so.1".as_ref()).is_some_and(|path| path.is_file()));
        assert_eq!(find_library("libnowhere.so.1".as_ref()), None);
    }
}
