//! `mmdg validate` lists all that is wrong at once, and does nothing.

use std::path::Path;

use crate::command::{run, tone};
use crate::trees;

/// What the program prints, and its exit code.
fn validate(folder: &Path, arguments: &str) -> (String, Option<i32>) {
    let output = run(folder, &format!("validate pipeline.toml {arguments}"));
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!errors.contains("panicked"), "{errors}");
    (String::from_utf8_lossy(&output.stdout).into_owned() + &errors, output.status.code())
}

#[track_caller]
fn says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in:\n{text}");
    }
}

const PIPELINE: &str = "[data]\ndataset = \"table\"\ntable = \"table.csv\"\n\n[preprocess]\nstore = \"clips\"\n\n\
    [preprocess.modalities.video]\npreset = \"uniform\"\nframes = 4\nresize = 64\ncrop = 64\n\n\
    [preprocess.modalities.audio]\npreset = \"log-mel\"\nseconds = 1.0\n";

#[test]
fn all_faults_of_a_table_and_its_media_are_listed() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("pipeline.toml"), PIPELINE).unwrap();
    trees::video(&folder.join("good.mp4"), 24, 48, 0, Some(&trees::sound(2.0)));
    trees::video(&folder.join("silent.mp4"), 24, 48, 0, None);
    std::fs::write(folder.join("page.mp4"), "<html>no video</html>").unwrap();
    std::fs::write(folder.join("empty.mp4"), "").unwrap();
    let head = "id,path,start,end,label,domain\n";
    let good = "a,good.mp4,0,2,x,p\nb,good.mp4,0.5,1,y,q\nc,silent.mp4,0,1,y,q\n";
    std::fs::write(folder.join("table.csv"), format!("{head}{good}")).unwrap();
    let (text, code) = validate(folder, "");
    says(&text, &["3 rows, 2 files, 0 faults"]);
    assert_eq!(code, Some(0));
    let (text, code) = validate(folder, "--decode");
    says(&text, &["note: audio: no sound track (absent) (1 rows, the first silent.mp4 (row \"c\"))", "0 faults"]);
    assert_eq!(code, Some(0));

    let bad = "d,missing.mp4,0,1,x,p\nd2,missing.mp4,1,2,x,p\ne,page.mp4,0,1,x,p\nf,empty.mp4,0,1,x,p\n\
        g,good.mp4,1.5,3,x,p\nh,good.mp4,5,6,x,p\n\
        i,good.mp4,x,2,x,p\nj,good.mp4,2,1,x,p\nk,good.mp4,0,1,x\na,good.mp4,0,1,x,p\n,good.mp4,0,1,x,p\n";
    std::fs::write(folder.join("table.csv"), format!("{head}{good}{bad}")).unwrap();
    let annotations = [
        "table.csv: line 11: start \"x\"; expected seconds",
        "table.csv: line 12: end 1: expected seconds after the start 2",
        "table.csv: line 13: 5 fields; expected 6 as in the header",
        "table.csv: line 15: id is empty",
        "table.csv: id \"a\" stands twice",
    ];
    let media = ["missing.mp4: no such file (2 rows, the first video of \"d\")", "empty.mp4: empty"];
    let (text, code) = validate(folder, "");
    says(&text, &annotations);
    says(&text, &media);
    says(&text, &["10 rows, 5 files, 7 faults"]);
    assert_eq!(code, Some(3));
    let (text, code) = validate(folder, "--decode");
    says(&text, &annotations);
    says(&text, &media);
    says(
        &text,
        &[
            "page.mp4: video: ",
            "page.mp4: audio: ",
            "(unreadable) (row \"e\")",
            "good.mp4: video: no frame in the segment; the recording ends at 2.000 s (undecodable) (row \"h\")",
            "good.mp4: video: ends at 2.000 s, 1.000 s before 3.000 s (truncated) (row \"g\")",
            "good.mp4: audio: ",
        ],
    );
    assert!(!text.contains("(row \"a\")") && !text.contains("(row \"b\")"), "{text}");
    assert_eq!(code, Some(3));
    // the verbs that work name the first and say that there are more
    let output = run(folder, "preprocess pipeline.toml");
    says(&String::from_utf8_lossy(&output.stderr), &[annotations[2], "(and 4 more; `mmdg validate` lists them)"]);
    assert_eq!(output.status.code(), Some(3));
    assert!(!folder.join("clips").exists());
}

#[test]
fn a_long_list_is_whole_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("pipeline.toml"), PIPELINE).unwrap();
    let rows: String = (0..250).map(|i| format!("{i},{i:03}.mp4,0,1,x,p\n")).collect();
    std::fs::write(folder.join("table.csv"), format!("id,path,start,end,label,domain\n{rows}")).unwrap();
    let (text, code) = validate(folder, "");
    assert_eq!(text.lines().filter(|line| line.contains("no such file")).count(), 250);
    says(&text, &["000.mp4: no such file", "249.mp4", "250 rows, 250 files, 250 faults"]);
    assert_eq!(code, Some(3));
    // settings count too
    let (text, code) = validate(folder, "--set preprocess.modalities.audio.seconds=-1");
    says(&text, &["seconds = -1: expected 0.01 to 3600", "251 faults"]);
    assert_eq!(code, Some(3));
}

#[test]
fn hacs_files_in_both_splits_are_a_note_and_missing_media_have_their_path() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let names: Vec<String> = (0..7).map(|i| format!("clip {i}")).collect();
    for name in &names[1..] {
        trees::video(&folder.join("human/videos").join(format!("{name}.mp4")), 24, 24, 0, None);
        std::fs::create_dir_all(folder.join("human/audio")).unwrap();
        tone(&folder.join("human/audio").join(format!("{name}.wav")), 1.0, 300.0);
    }
    let table: String = names.iter().enumerate().map(|(label, name)| format!("{name}.mp4,{label}\r\n")).collect();
    std::fs::create_dir(folder.join("HAC_Splits")).unwrap();
    std::fs::write(folder.join("HAC_Splits/HAC_train_only_human.csv"), &table).unwrap();
    std::fs::write(folder.join("HAC_Splits/HAC_test_only_human.csv"), "clip 1.mp4,1\r\nclip 2.mp4,9\r\n\r\nclip 3.mp4\r\n")
        .unwrap();
    let modalities =
        "[preprocess.modalities.video]\npreset = \"slowfast\"\n[preprocess.modalities.flow]\npreset = \"slowonly-flow\"\n";
    let data = "[data]\ndataset = \"hac\"\nroot = \".\"\ndomains = [\"human\"]\n[preprocess]\nstore = \"clips\"\n";
    std::fs::write(folder.join("pipeline.toml"), format!("{data}{modalities}")).unwrap();
    let (text, code) = validate(folder, "--decode");
    says(
        &text,
        &[
            "note: 1 files of human stand in both train and test",
            "HAC_test_only_human.csv: line 2: label \"9\"; expected 0 to 6",
            "HAC_test_only_human.csv: line 4: 1 fields; expected `file,label`",
            "human/videos/clip 0.mp4: no such file (1 rows, the first video of \"human/train/clip 0\")",
            "human/flow/clip 6_flow_y.mp4: no such file",
        ],
    );
    // two rows, one video, and flow in both directions of seven
    says(&text, &[&format!("{} faults", 2 + 1 + 14)]);
    assert_eq!(code, Some(3));
}

#[test]
fn frames_and_sound_of_epic_kitchens_are_asked_for_where_they_would_be() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let head = "uid,participant_id,video_id,start_timestamp,stop_timestamp,start_frame,stop_frame,verb_class\n";
    let row = |uid: u64, video: &str| format!("{uid},P08,{video},00:00:00.10,00:00:00.60,7,37,{}\n", uid % 8);
    let rows: String = (0..8).map(|uid| row(uid, "P08_01")).collect();
    std::fs::write(folder.join("D1_train.csv"), format!("{head}{rows}{}", row(8, "P08_02"))).unwrap();
    std::fs::write(folder.join("D1_test.csv"), format!("{head}{}", row(9, "P08_01"))).unwrap();
    trees::frames(&folder.join("rgb/train/D1/P08_01"), 30, 0, false);
    let data = "[data]\ndataset = \"epic-kitchens\"\nroot = \".\"\nannotations = \".\"\ndomains = [\"D1\"]\n[preprocess]\nstore = \"clips\"\n\
        [preprocess.modalities.video]\npreset = \"slowfast\"\n[preprocess.modalities.audio]\npreset = \"vggsound\"\n";
    std::fs::write(folder.join("pipeline.toml"), data).unwrap();
    let (text, code) = validate(folder, "");
    // a video that is nowhere is expected where the others are
    says(&text, &["rgb/train/D1/P08_02: no such folder or tar (1 rows, the first video of \"D1/train/8\")"]);
    says(&text, &["note: 10 rows have no audio; the first would have ./rgb/train/D1/P08_01.wav", "10 rows, 2 files, 1 faults"]);
    assert_eq!(code, Some(3));
    // 30 frames are half a second: the rows end 0.1 s after it, which is let pass; a hole is not
    let (text, _) = validate(folder, "--decode");
    says(&text, &["1 faults"]);
    std::fs::remove_file(folder.join("rgb/train/D1/P08_01").join(trees::frame_name(21))).unwrap();
    let (text, _) = validate(folder, "--decode");
    says(&text, &["rgb/train/D1/P08_01: video: frame_0000000021.jpg is missing (missing)"]);
}
