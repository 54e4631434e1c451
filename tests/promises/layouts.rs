//! Every layout that people have goes through `preprocess`, and each row holds just the frames that the field's loaders take.

use std::path::Path;

use mmdg::error::Code;
use mmdg::modality::Kind;
use mmdg::store::Store;
use serde_json::{Value, json};

use crate::locks::close;
use crate::shared;
use crate::trees::{self, DOWN, frame_name, preprocess, shown};

/// `(start_frame, stop_frame)` of eight rows, one for each of MM-SADA's verbs: some longer than 64 frames, some shorter, odd and even starts.
const ROWS: [(u64, u64); 8] = [(8, 202), (245, 350), (1, 113), (156, 216), (2, 65), (3, 67), (200, 231), (101, 301)];
/// Frames of the video, at 60 a second.
const FRAMES: u64 = 360;

/// FORMATS.md 3: what SimMMDG's test pipeline samples of `total` frames from `start` on.
fn sampled(start: u64, total: u64, frames: u64, stride: u64) -> Vec<u64> {
    let whole = frames * stride;
    let offset = if total > whole - 1 { ((total - whole + 1) as f64 / 2.0) as u64 } else { 0 };
    (0..frames).map(|i| start + (offset + i * stride) % total).collect()
}

fn rgb((start, stop): (u64, u64)) -> Vec<u64> {
    sampled(start, stop - start, 32, 2)
}

fn flow((start, stop): (u64, u64)) -> Vec<u64> {
    sampled(start.div_ceil(2), (stop - start) / 2, 8, 4)
}

/// MM-SADA's tables for D1: the rows in train, the last again in test.
fn annotate(folder: &Path) {
    std::fs::create_dir_all(folder).unwrap();
    let head = "uid,participant_id,video_id,narration,start_timestamp,stop_timestamp,start_frame,stop_frame,verb,verb_class\n";
    let stamp = |frame: u64| format!("00:00:{:05.2}", frame as f64 / 60.0);
    let line = |uid: usize| {
        let (start, stop) = ROWS[uid];
        format!("{uid},P08,P08_01,do it,{},{},{start},{stop},do,{uid}\n", stamp(start), stamp(stop))
    };
    std::fs::write(folder.join("D1_train.csv"), head.to_owned() + &(0..8).map(line).collect::<String>()).unwrap();
    std::fs::write(folder.join("D1_test.csv"), head.to_owned() + &line(7)).unwrap();
}

fn data(root: &Path) -> Value {
    annotate(&root.join("splits"));
    json!({"dataset": "epic-kitchens", "root": root, "annotations": root.join("splits"), "domains": ["D1"]})
}

const ALL: [(&str, &str); 3] = [("video", "slowfast"), ("flow", "slowonly-flow"), ("audio", "vggsound")];

/// Every row shows what the field's loaders read; `offset` is what the first frame of a row's own file would show.
#[track_caller]
fn check(store: &Store, modalities: &[(&str, &str)]) {
    let has = |name: &str| modalities.iter().any(|(modality, _)| *modality == name);
    for (row, segment) in store.manifest().segments.iter().enumerate() {
        let of = ROWS[store.manifest().labels.places()[row] as usize];
        if has("video") {
            assert_eq!(shown(store, "video", row, 0), rgb(of), "{}", segment.id);
        }
        if has("flow") {
            assert_eq!(shown(store, "flow", row, 0), flow(of), "{}", segment.id);
            let down: Vec<u64> = flow(of).iter().map(|number| number + DOWN).collect();
            assert_eq!(shown(store, "flow", row, 1), down, "{}", segment.id);
        }
        if has("audio") {
            let rows = store.modality("audio").unwrap();
            assert!(rows.valid(row), "{}", segment.id);
            // the whole segment by its seconds
            let [start, end] = rows.span(row);
            assert!((start - segment.span.start).abs() < 1e-9 && (end - segment.span.end.unwrap()).abs() < 1e-3);
        }
    }
    assert_eq!(store.len(), 9);
}

/// The sound rows of a store, by id.
fn audio(store: &Store) -> Vec<(String, Vec<u8>)> {
    let rows = store.modality("audio").unwrap();
    let row = |(row, segment): (usize, &mmdg::manifest::Segment)| (segment.id.clone(), rows.bytes(row).to_vec());
    let mut found: Vec<_> = store.manifest().segments.iter().enumerate().map(row).collect();
    found.sort();
    found
}

#[test]
fn folders_and_tars_as_downloaded_and_as_simmmdg_has_them() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let wav = trees::sound(7.0);
    trees::frames(&root.join("P08/rgb_frames/P08_01"), FRAMES, 0, false);
    trees::flow(&root.join("P08/flow_frames/P08_01"), FRAMES / 2);
    mmdg::media::wav::write(&root.join("P08/rgb_frames/P08_01.wav"), &wav).unwrap();
    let (summary, store) = preprocess(&data(root), &ALL, &root.join("folders"));
    assert_eq!((summary.failures(), summary.absent), (0, 0));
    check(&store, &ALL);
    let heard = audio(&store);
    let path = |store: &Store| store.manifest().segments[0].path.clone();
    assert!(path(&store).ends_with("P08/rgb_frames/P08_01"));

    // the same in tars, and the sound in an HDF5 file
    trees::pack(&root.join("P08/rgb_frames/P08_01"));
    trees::pack(&root.join("P08/flow_frames/P08_01"));
    let sound = root.join("audio.hdf5");
    let stored: Vec<f32> = wav.samples.iter().map(|s| (s * 32767.0).round() / 32768.0).collect();
    let waveforms = hdf5::File::create(&sound).unwrap();
    waveforms.new_dataset_builder().with_data(&stored).create("P08_01").unwrap();
    close(waveforms);
    let mut with_sound = data(root);
    with_sound["audio"] = json!(sound);
    with_sound["audio-rate"] = json!(16000);
    let (summary, store) = preprocess(&with_sound, &ALL, &root.join("tars"));
    assert_eq!(summary.failures(), 0);
    check(&store, &ALL);
    assert!(path(&store).ends_with("P08/rgb_frames/P08_01.tar"));
    assert!(audio(&store) == heard, "a wav and an HDF5 file of the same samples give other rows");

    // as they lie on the server, parted
    let parted = tempfile::tempdir().unwrap();
    for (from, to) in [("P08/rgb_frames", "rgb/test"), ("P08/flow_frames", "flow/train")] {
        let to = parted.path().join("frames_rgb_flow").join(to).join("P08");
        std::fs::create_dir_all(&to).unwrap();
        std::fs::rename(root.join(from).join("P08_01.tar"), to.join("P08_01.tar")).unwrap();
    }
    let both = &ALL[..2];
    let (summary, store) = preprocess(&data(parted.path()), both, &parted.path().join("store"));
    assert_eq!(summary.failures(), 0);
    check(&store, both);

    // SimMMDG's: by split and domain, the wav beside the folder; a train row's media are found under test too
    let simmmdg = tempfile::tempdir().unwrap();
    let root = simmmdg.path();
    trees::frames(&root.join("rgb/test/D1/P08_01"), FRAMES, 0, false);
    trees::flow(&root.join("flow/test/D1/P08_01"), FRAMES / 2);
    mmdg::media::wav::write(&root.join("rgb/test/D1/P08_01.wav"), &wav).unwrap();
    let (summary, store) = preprocess(&data(root), &ALL, &root.join("store"));
    assert_eq!(summary.failures(), 0);
    check(&store, &ALL);
    assert!(audio(&store) == heard);
}

#[test]
fn videos_are_sampled_at_the_times_of_the_extracted_frames() {
    for place in ["P08/videos/P08_01.MP4", "videos/train/P08/P08_01.mp4", "videos/P08/P08_01.MP4"] {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        trees::video(&root.join(place), 60, FRAMES as usize, 1, Some(&trees::sound(6.0)));
        let modalities = [ALL[0], ALL[2]];
        let (summary, store) = preprocess(&data(root), &modalities, &root.join("store"));
        assert_eq!(summary.failures(), 0, "{place}");
        check(&store, &modalities);
        assert!(store.manifest().segments.iter().all(|s| s.path == root.join(place) && s.media(Kind::AUDIO).is_none()));
        // a wav beside the video is taken before its own sound
        let wav = root.join(place).with_extension("wav");
        mmdg::media::wav::write(&wav, &trees::sound(6.0)).unwrap();
        let (_, store) = preprocess(&data(root), &[ALL[2]], &root.join("wav"));
        assert!(store.manifest().segments.iter().all(|s| s.media(Kind::AUDIO).unwrap().paths == [wav.clone()]));
    }
}

#[test]
fn clips_cut_out_beforehand_are_whole_segments() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let splits = root.join("MM-SADA_Domain_Adaptation_Splits");
    for (split, labels) in [("train", 0..8), ("test", 7..8)] {
        for label in labels {
            let (start, stop) = ROWS[label];
            let name = format!("D1_P08_01_{start}_{stop}_{label}.mp4");
            trees::video(&splits.join("video").join(split).join("D1").join(name), 60, (stop - start) as usize, start, None);
            let (first, count) = (start.div_ceil(2), (stop - start) / 2);
            for (axis, added) in [("u", 0), ("v", DOWN)] {
                let name = format!("D1_P08_01_{first}_{}_{label}_{axis}.mp4", first + count);
                trees::video(&splits.join("flow").join(split).join("D1").join(name), 30, count as usize, first + added, None);
            }
        }
        let wav = splits.join("audio").join(split).join("D1/P08_01.wav");
        std::fs::create_dir_all(wav.parent().unwrap()).unwrap();
        mmdg::media::wav::write(&wav, &trees::sound(6.0)).unwrap();
    }
    let (summary, store) = preprocess(&data(root), &ALL, &root.join("store"));
    assert_eq!((summary.failures(), summary.absent), (0, 0));
    check(&store, &ALL);
    assert!(store.manifest().segments.iter().all(|segment| segment.extras.precut));
    // the times kept are those of the whole video
    let row = store.manifest().labels.places().iter().position(|&place| place == 1).unwrap();
    let first = store.modality("video").unwrap().times(row)[0];
    let expected = ROWS[1].0 as f64 / 60.0 + (rgb(ROWS[1])[0] - ROWS[1].0) as f64 / 60.0;
    assert!((first - expected).abs() < 0.01, "{first} {expected}");
}

#[test]
fn later_videos_have_50_frames_a_second_of_both() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    trees::frames(&root.join("P01/rgb_frames/P01_101"), 200, 0, false);
    trees::flow(&root.join("P01/flow_frames/P01_101"), 200);
    let table = root.join("EPIC_100_train.csv");
    let text = "narration_id,participant_id,video_id,narration_timestamp,start_timestamp,stop_timestamp,start_frame,stop_frame,\
        narration,verb,verb_class,noun,noun_class,all_nouns,all_noun_classes\n\
        P01_101_0,P01,P01_101,00:00:00.560,00:00:00.40,00:00:03.00,21,150,take plate,take,0,plate,2,\"['plate', 'bin']\",\"[2, 36]\"\n";
    std::fs::write(&table, text).unwrap();
    let data = json!({"dataset": "epic-kitchens", "root": root, "annotations": table});
    let (summary, store) = preprocess(&data, &ALL[..2], &root.join("store"));
    assert_eq!(summary.failures(), 0);
    let segment = &store.manifest().segments[0];
    let rate = |kind| segment.media(kind).unwrap().rate;
    assert_eq!((rate(Kind::VIDEO), rate(Kind::FLOW), segment.extras.numbers.unwrap().rate), (Some(50.0), Some(50.0), 50.0));
    assert_eq!(shown(&store, "video", 0, 0), sampled(21, 129, 32, 2));
    assert_eq!(shown(&store, "flow", 0, 0), sampled(21, 129, 8, 4));
    assert_eq!(store.modality("video").unwrap().times(0)[0], (sampled(21, 129, 32, 2)[0] - 1) as f64 / 50.0);
}

#[test]
fn a_picture_that_is_missing_or_damaged_is_the_failure_of_its_rows_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let rgb = root.join("P08/rgb_frames/P08_01");
    trees::frames(&rgb, FRAMES, 0, false);
    let data = data(root);
    let failed = |store: &str| {
        let (_, store) = preprocess(&data, &ALL[..1], &root.join(store));
        let rows = store.modality("video").unwrap();
        let notes = rows.records().flat_map(|record| record.failed.clone()).collect::<Vec<_>>();
        notes.into_iter().map(|note| (note.id, note.code, note.message)).collect::<Vec<_>>()
    };
    // row 1 needs 266 and on, the others do not
    let number = self::rgb(ROWS[1])[3];
    assert!((0..8).filter(|&row| self::rgb(ROWS[row]).contains(&number)).eq([1]));
    let path = rgb.join(frame_name(number));
    let whole = std::fs::read(&path).unwrap();
    let cases: [(&str, Code, Option<&[u8]>, &str); 4] = [
        ("missing", Code::Missing, None, "is missing"),
        ("cut", Code::Undecodable, Some(&whole[..whole.len() / 2]), "it is cut off"),
        ("page", Code::Undecodable, Some(b"<html>"), "not a whole JPEG"),
        ("empty", Code::Undecodable, Some(b""), "not a whole JPEG"),
    ];
    for (store, code, bytes, says) in cases {
        match bytes {
            Some(bytes) => std::fs::write(&path, bytes).unwrap(),
            None => std::fs::remove_file(&path).unwrap(),
        }
        let notes = failed(store);
        let [(id, found, message)] = notes.as_slice() else { panic!("{notes:?}") };
        assert_eq!((id.as_str(), *found), ("D1/train/1", code), "{message}");
        assert!(message.contains(&frame_name(number)) && message.contains(says), "{message}");
    }
    std::fs::write(&path, whole).unwrap();
    assert!(failed("whole").is_empty());
    // a size that no picture has: the start of frame says 65500 × 65500
    let mut bomb = trees::jpeg(1, false);
    let at = bomb.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
    bomb[at + 5..at + 9].copy_from_slice(&[0xff, 0xdc, 0xff, 0xdc]);
    std::fs::write(&path, bomb).unwrap();
    let notes = failed("bomb");
    assert!(notes.len() == 1 && notes[0].1 == Code::Limit && notes[0].2.contains("65500×65500"), "{notes:?}");
    // frames that end before the rows do
    (300..=FRAMES).for_each(|number| std::fs::remove_file(rgb.join(frame_name(number))).unwrap());
    let notes = failed("short");
    assert!(notes.iter().any(|(id, code, _)| id == "D1/train/1" && *code == Code::Truncated), "{notes:?}");
}

#[test]
fn hac_is_read_as_its_loaders_read_it() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let human = root.join("human");
    // names as in the data set: a minus in front, a space before the dot; in numbers of frames some shorter than a clip
    let clips = [("-a_1", 100), ("b_2 ", 65), ("c_3", 64), ("d_4", 40), ("e_5", 130), ("f_6", 90), ("g_7", 2)];
    let mut table = String::new();
    for (label, (stem, frames)) in clips.iter().enumerate() {
        trees::video(
            &human.join("videos").join(format!("{stem}.mp4")),
            24,
            *frames,
            0,
            Some(&trees::sound(*frames as f64 / 24.0)),
        );
        for (axis, added) in [("x", 0), ("y", DOWN)] {
            trees::video(&human.join("flow").join(format!("{stem}_flow_{axis}.mp4")), 24, *frames - 1, added, None);
        }
        table += &format!("{stem}.mp4,{label}\r\n");
    }
    std::fs::create_dir(root.join("HAC_Splits")).unwrap();
    std::fs::write(root.join("HAC_Splits/HAC_train_only_human.csv"), &table).unwrap();
    std::fs::write(root.join("HAC_Splits/HAC_test_only_human.csv"), "c_3.mp4,2\r\n").unwrap();
    let data = json!({"dataset": "hac", "root": root, "domains": ["human"]});
    let (summary, store) = preprocess(&data, &ALL, &root.join("store"));
    assert_eq!((summary.failures(), summary.absent), (0, 0));
    assert_eq!(store.header().recipe["test-set"], "target-test");
    for (row, segment) in store.manifest().segments.iter().enumerate() {
        let frames = clips[store.manifest().labels.places()[row] as usize].1 as u64;
        let clamped = |index: &u64, count: u64| index.saturating_sub(1).min(count - 1);
        // T frames: total_frames = T − 1, and index k reads frame k − 1
        let expected: Vec<u64> = sampled(0, frames - 1, 32, 2).iter().map(|k| clamped(k, frames)).collect();
        assert_eq!(shown(&store, "video", row, 0), expected, "{}", segment.id);
        let total = (frames - 2).max(1);
        let expected: Vec<u64> = sampled(0, total, 8, 4).iter().map(|k| clamped(k, frames - 1)).collect();
        assert_eq!(shown(&store, "flow", row, 0), expected, "{}", segment.id);
        // 24 frames a second from the first to the last index, as stands there
        let indices = sampled(0, frames - 1, 32, 2);
        let [start, end] = store.modality("audio").unwrap().span(row);
        assert_eq!([start, end], [indices[0] as f64 / 24.0, indices[31] as f64 / 24.0], "{}", segment.id);
    }
    let mut all = data;
    all["test-set"] = json!("target-all");
    let (_, store) = preprocess(&all, &ALL[..1], &root.join("all"));
    assert_eq!(store.header().recipe["test-set"], "target-all");
}

#[test]
fn golden_frame_numbers_of_sampleframes() {
    use mmdg::signal::sampling::{middle_offset, offsets, strided};
    let Some(data) = shared::data("golden_frame_numbers_of_sampleframes") else { return };
    let golden: Value = serde_json::from_slice(&std::fs::read(data.join("golden/sampleframes.json")).unwrap()).unwrap();
    let numbers = |value: &Value| -> Vec<u64> { value.as_array().unwrap().iter().map(|n| n.as_u64().unwrap()).collect() };
    let cases = golden["cases"].as_array().unwrap();
    assert!(cases.len() > 20);
    for case in cases {
        let get = |key: &str| case[key].as_u64().unwrap() as usize;
        let (count, length, stride) = (get("total_frames"), get("clip_len"), get("frame_interval"));
        let offset = middle_offset(count, length, stride);
        assert_eq!(offset, get("test_offset"), "{case}");
        let indices: Vec<u64> = strided(count, offset, length, stride).into_iter().map(|i| i as u64).collect();
        assert_eq!(indices, numbers(&case["test_indices_start0"]), "{case}");
        // integers in [low, high]; a range of none means offset 0
        let range = numbers(&case["train_offset_range"]);
        assert_eq!((0, offsets(count, length, stride).saturating_sub(1) as u64), (range[0], range[1]), "{case}");
    }

    // the same rows out of frame folders
    let rows = golden["epic_rows"].as_array().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    trees::frames(&root.join("rgb/train/D1/P08_01"), FRAMES, 0, false);
    trees::flow(&root.join("flow/train/D1/P08_01"), FRAMES / 2);
    let head = "uid,participant_id,video_id,start_timestamp,stop_timestamp,start_frame,stop_frame,verb_class\n";
    let mut text = head.to_owned();
    for (label, row) in rows.iter().chain(rows).enumerate() {
        let get = |key: &str| row[key].as_u64().unwrap();
        let (start, stop) = (get("start_frame"), get("stop_frame"));
        text += &format!("{label},P08,P08_01,0:0:{},0:0:{},{start},{stop},{label}\n", start as f64 / 60.0, stop as f64 / 60.0);
    }
    std::fs::write(root.join("D1_train.csv"), &text).unwrap();
    std::fs::write(root.join("D1_test.csv"), head).unwrap();
    let data = json!({"dataset": "epic-kitchens", "root": root, "annotations": root, "domains": ["D1"]});
    let (summary, store) = preprocess(&data, &ALL[..2], &root.join("store"));
    assert_eq!((summary.failures(), store.len()), (0, 8));
    for row in 0..store.len() {
        let golden = &rows[store.manifest().labels.places()[row] as usize % rows.len()];
        assert_eq!(shown(&store, "video", row, 0), numbers(&golden["rgb_frame_numbers"]));
        assert_eq!(shown(&store, "flow", row, 0), numbers(&golden["flow_frame_numbers"]));
    }
}

#[test]
fn real_extracted_frames_are_read() {
    let Some(data) = shared::data("real_extracted_frames_are_read") else { return };
    let folder = tempfile::tempdir().unwrap();
    let table = folder.path().join("table.csv");
    let head = "id,path,start,end,label,domain,frame_rate,start_frame,stop_frame,number_rate\n";
    std::fs::write(&table, format!("{head}a,P99_01,0.5,1.9,x,y,60,31,115,60\n")).unwrap();
    let data = json!({"dataset": "table", "root": data.join("epic_like"), "table": table});
    let (summary, store) = preprocess(&data, &[("video", "slowfast"), ("audio", "vggsound")], &folder.path().join("store"));
    assert_eq!((summary.failures(), summary.absent), (0, 0));
    let rows = store.modality("video").unwrap();
    let times = rows.times(0);
    // by the clock: the frames shown in [0.5, 1.9), 84 of them, from the eleventh on
    assert_eq!((times.len(), times[0], times[31]), (32, 40.0 / 60.0, 102.0 / 60.0));
    let mean = rows.bytes(0).iter().map(|&v| f64::from(v)).sum::<f64>() / rows.bytes(0).len() as f64;
    assert!((20.0..235.0).contains(&mean), "{mean}");
    assert!(store.manifest().segments[0].media(Kind::AUDIO).unwrap().paths[0].ends_with("epic_like/P99_01.wav"));
}
