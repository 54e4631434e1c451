//! Which shared libraries this process has loaded, and from where.

use std::path::{Path, PathBuf};

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
}
