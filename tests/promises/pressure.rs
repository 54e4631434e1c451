//! Under pressure: signals at any time, no more processes, folders that may not be entered or written.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::command::{children, expect, mmdg, run, tones, tree};
use crate::skips::skipped;

/// A user who has no other process: what `ulimit -u` counts is all that a user runs, in other tests too.
fn nobody(folder: &Path) -> u64 {
    use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
    200_000 + BuildHasherDefault::<DefaultHasher>::default().hash_one(folder) % 1_000_000_000
}

/// The program under a shell line, as a user who owns nothing; none where that cannot be.
fn as_nobody(test: &str, folder: &Path, before: &str, arguments: &str) -> Option<Output> {
    let program = env!("CARGO_BIN_EXE_mmdg");
    let line = |rest: &str| {
        let mut command = Command::new("setpriv");
        command
            .args([&format!("--reuid={}", nobody(folder)), "--clear-groups", "bash", "-c", rest])
            .current_dir(folder)
            .env_remove("MMDG_FAULT");
        command.env("HOME", folder).output()
    };
    let able = line(&format!("{program} --version >/dev/null && [ $(id -u) = {} ] && touch .able && rm .able", nobody(folder)));
    if !able.is_ok_and(|output| output.status.success()) {
        skipped(test, "this is not root, or another user cannot run the program");
        return None;
    }
    Some(line(&format!("{before}; exec {program} {arguments}")).unwrap())
}

fn open_to_all(folder: &Path) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let directory = path.is_dir();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(if directory { 0o777 } else { 0o666 })).unwrap();
        if directory {
            open_to_all(&path);
        }
    }
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o777)).unwrap();
}

#[test]
fn no_more_processes_is_a_line_and_6() {
    let test = "no_more_processes_is_a_line_and_6";
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    tones(folder, 5);
    open_to_all(folder);
    let mut ended = Vec::new();
    for limit in 1..12 {
        let _ = std::fs::remove_dir_all(folder.join("clips"));
        let before = format!("ulimit -u {limit}");
        let Some(output) = as_nobody(test, folder, &before, "preprocess pipeline.toml -q --workers 2") else { return };
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!said.contains("panicked"), "{limit}: {said}");
        match output.status.code() {
            Some(6) => assert!(said.starts_with("mmdg: ") && said.lines().count() == 1, "{limit}: {said}"),
            code => assert_eq!(code, Some(0), "{limit}: {said}"),
        }
        ended.push(output.status.code());
    }
    // the limit bites, and enough is enough
    assert!(ended.contains(&Some(6)) && ended.last() == Some(&Some(0)), "{ended:?}");
}

#[test]
fn what_may_not_be_read_is_6_and_a_recordings_own_failure() {
    let test = "what_may_not_be_read_is_6_and_a_recordings_own_failure";
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    tones(folder, 4);
    expect(&run(folder, "preprocess pipeline.toml -q"), 0, &[]);
    open_to_all(folder);
    let shut = |name: &str| std::fs::set_permissions(folder.join(name), std::fs::Permissions::from_mode(0o000)).unwrap();
    let open = |name: &str, mode| std::fs::set_permissions(folder.join(name), std::fs::Permissions::from_mode(mode)).unwrap();
    for (name, mode, verb) in [
        ("table.csv", 0o666, "preprocess pipeline.toml -q"),
        ("pipeline.toml", 0o666, "validate pipeline.toml"),
        ("clips", 0o777, "verify clips -q"),
        ("clips/manifest.csv", 0o666, "export clips rows.npz -q"),
        ("clips/store.json", 0o666, "inspect clips"),
        ("clips/audio/00000.h5", 0o666, "inspect clips"),
    ] {
        shut(name);
        let Some(output) = as_nobody(test, folder, ":", verb) else { return };
        open(name, mode);
        expect(&output, 6, &["Permission denied"]);
    }
    shut("table.csv");
    let output = as_nobody(test, folder, ":", "validate pipeline.toml").unwrap();
    open("table.csv", 0o666);
    assert_eq!(output.status.code(), Some(6), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("table.csv: cannot read: Permission denied"), "{output:?}");
    // nor is a shard that cannot be made one for which there is no room
    let shard = std::fs::read(folder.join("clips/audio/00000.h5")).unwrap();
    std::fs::remove_file(folder.join("clips/audio/00000.h5")).unwrap();
    open("clips/audio", 0o555);
    let output = as_nobody(test, folder, ":", "preprocess pipeline.toml -q").unwrap();
    open("clips/audio", 0o777);
    std::fs::write(folder.join("clips/audio/00000.h5"), shard).unwrap();
    expect(&output, 6, &["clips/audio/00000.h5.", ".part: cannot create: Permission denied"]);
    // of a recording it is the row that fails
    shut("002.wav");
    let output = as_nobody(test, folder, ":", "preprocess pipeline.toml --max-failures 1 --set preprocess.store=other").unwrap();
    expect(&output, 4, &["1 refused"]);
}

#[test]
fn what_is_complete_may_lie_where_nothing_can_be_written() {
    let test = "what_is_complete_may_lie_where_nothing_can_be_written";
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    tones(folder, 4);
    let verbs = ["preprocess pipeline.toml -q", "verify clips -q", "inspect clips", "validate pipeline.toml"];
    expect(&run(folder, verbs[0]), 0, &[]);
    let made = tree(folder);
    let program = env!("CARGO_BIN_EXE_mmdg");
    let line = |rest: &str| {
        let here = folder.display();
        let mount = format!(
            "mount --bind {here} {here} && mount -o remount,ro,bind {here} && cd {here} && ! touch .able 2>/dev/null && {rest}"
        );
        Command::new("unshare").args(["-m", "bash", "-c", &mount]).env_remove("MMDG_FAULT").output()
    };
    if !line("true").is_ok_and(|output| output.status.success()) {
        return skipped(test, "no mount name space of its own");
    }
    for verb in verbs {
        expect(&line(&format!("{program} {verb}")).unwrap(), 0, &[]);
    }
    assert!(tree(folder) == made);
}

#[test]
fn a_second_signal_ends_at_once_and_a_first_at_any_time_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    tones(folder, 40);
    for (signals, wait) in [(1, 0), (1, 30), (2, 60), (2, 150), (2, 300)] {
        let _ = std::fs::remove_dir_all(folder.join("clips"));
        let mut command = mmdg(folder, "preprocess pipeline.toml -q --workers 2");
        let child = command.stderr(Stdio::piped()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(wait));
        for _ in 0..signals {
            // SAFETY: a child of this process, which has not been waited for
            unsafe { libc::kill(child.id() as i32, libc::SIGTERM) };
            std::thread::sleep(Duration::from_millis(1));
        }
        let started = Instant::now();
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(started.elapsed() < Duration::from_secs(20));
        // before the program's first line the system's own way of ending it is all there is
        let ended = matches!(output.status.code(), Some(0 | 143)) || output.status.signal() == Some(libc::SIGTERM);
        assert!(ended && said.len() < 200 && !said.contains("panicked"), "{:?}: {said}", output.status);
    }
    expect(&run(folder, "preprocess pipeline.toml -q"), 0, &[]);
}

#[test]
fn a_fork_server_that_was_stopped_holds_nobody_up() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    tones(folder, 40);
    let mut child = mmdg(folder, "preprocess pipeline.toml -q --workers 2").stderr(Stdio::piped()).spawn().unwrap();
    let server = (0..500).find_map(|_| {
        std::thread::sleep(Duration::from_millis(1));
        // before it is the program that decodes, the process has another child for a moment
        let program = std::fs::read_link(format!("/proc/{}/exe", child.id())).ok()?;
        children(child.id() as i32).first().copied().filter(|_| program.ends_with("mmdg-decode"))
    });
    let server = server.expect("the fork server is there");
    // SAFETY: a process of the program that this test has started
    unsafe { libc::kill(server, libc::SIGSTOP) };
    let started = Instant::now();
    while child.try_wait().unwrap().is_none() {
        assert!(started.elapsed() < Duration::from_secs(60), "it hangs");
        std::thread::sleep(Duration::from_millis(10));
    }
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(matches!(output.status.code(), Some(0 | 6)) && !said.contains("panicked"), "{:?}: {said}", output.status);
    expect(&run(folder, "preprocess pipeline.toml -q"), 0, &[]);
}

#[test]
#[cfg_attr(not(feature = "faults"), ignore = "a build with the feature faults")]
fn a_full_disk_leaves_no_piece_behind_and_says_one_thing() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    tones(folder, 5);
    expect(&run(folder, "preprocess pipeline.toml -q"), 0, &[]);
    let mut failed = 0;
    for step in 1..40 {
        let output = mmdg(folder, "export clips rows.npz -q").env("MMDG_FAULT", format!("full:{step}")).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let left: Vec<String> = tree(folder).into_keys().filter(|name| name.contains(".part")).collect();
        assert!(left.is_empty(), "{step}: {left:?}");
        if output.status.success() {
            std::fs::remove_file(folder.join("rows.npz")).unwrap();
            continue;
        }
        failed += 1;
        assert_eq!(output.status.code(), Some(6), "{step}: {said}");
        assert!(said.lines().count() == 1 && said.starts_with("mmdg: "), "{step}: {said}");
    }
    assert!(failed > 3, "{failed}");
}

#[test]
#[cfg(feature = "torch")]
fn what_goes_wrong_with_one_run_ends_the_others_and_nothing_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    expect(&run(folder, "synth features --rows 60 --classes 3 -q"), 0, &[]);
    let pipeline = "[train]\nfeatures = \"features\"\nepochs = 40\nbatch-size = 8\nhidden = 8\nembedding = 8\nhead-hidden = 8\ncohort = 1\n\
        [protocol]\ntargets = [\"target\"]\nseeds = [\"0-15\"]\n[[train.compare]]\nname = \"none\"\nbalance = \"none\"\n";
    std::fs::write(folder.join("pipeline.toml"), pipeline).unwrap();
    expect(&run(folder, "train pipeline.toml -q --set train.out=calm"), 0, &[]);
    let calm = tree(&folder.join("calm"));
    let results = |out: &str| tree(&folder.join(out)).keys().filter(|name| name.ends_with("results.json")).count();
    assert_eq!(results("calm"), 16);
    // a folder where a file of the first run should be
    let place = calm.keys().find(|name| name.ends_with("metrics.csv")).unwrap();
    std::fs::create_dir_all(folder.join("runs").join(place).join("in the way")).unwrap();
    expect(&run(folder, "train pipeline.toml -q --set train.out=runs"), 6, &["metrics.csv", "cannot rename"]);
    assert!(results("runs") < 8, "{}", results("runs"));
    std::fs::remove_dir_all(folder.join("runs").join(place)).unwrap();
    expect(&run(folder, "train pipeline.toml -q --set train.out=runs"), 0, &[]);
    assert!(tree(&folder.join("runs")) == calm);
}

#[test]
#[cfg(feature = "torch")]
fn settings_and_device_are_looked_at_before_features_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let pipeline = "[train]\nfeatures = \"nowhere\"\n[[train.compare]]\nname = \"none\"\nbalance = \"none\"\n";
    std::fs::write(folder.join("pipeline.toml"), pipeline).unwrap();
    expect(&run(folder, "train pipeline.toml -q"), 3, &["nowhere"]);
    expect(&run(folder, "train pipeline.toml -q --set train.epochs=0"), 3, &["epochs"]);
    expect(&run(folder, "train pipeline.toml -q --set train.device=\"cuda:99\""), 6, &["cuda"]);
}
