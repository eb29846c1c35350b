//! Signals that are too many for memory stay in their file: nothing but memory and time depends on it.

use std::fs;
use std::path::PathBuf;

use crate::workbench::{Said, Workbench, sample, tiny};
use ecgraft::store::Cell;

/// All that a run finds, but for when and where.
fn found(bench: &Workbench) -> Vec<Vec<Vec<Cell>>> {
    [
        "SELECT stage_id, weights_sha256 FROM stages ORDER BY 1",
        "SELECT * FROM scores ORDER BY 1, 2, 3, 4",
        "SELECT * FROM epochs ORDER BY 1, 2, 3, 4, 5",
    ]
    .map(|sql| bench.ask(sql))
    .into()
}

fn run(bench: &Workbench, most_in_memory: &str) -> Said {
    let mut command = bench.command(&["run"]);
    Said::of(&command.env("ECGRAFT_SIGNALS_IN_MEMORY", most_in_memory).output().unwrap())
}

/// Takes away all that a run has found, and leaves prepared records.
fn forget(bench: &Workbench) {
    for entry in fs::read_dir(bench.results()).unwrap().map(|entry| entry.unwrap().path()) {
        match (entry.is_dir(), entry.ends_with("cache")) {
            (_, true) => {}
            (true, _) => fs::remove_dir_all(entry).unwrap(),
            (false, _) => fs::remove_file(entry).unwrap(),
        }
    }
}

fn prepared(bench: &Workbench) -> Vec<PathBuf> {
    let files = fs::read_dir(bench.results().join("cache")).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|file| file.extension().is_some_and(|ending| ending == "bin")).collect()
}

fn study(name: &str, normalize: &str) -> Workbench {
    let bench = Workbench::new(name);
    let text =
        tiny("tiny", &sample(), "").replace("[mixes.half]", &format!("normalize = \"{normalize}\"\n[mixes.half]"));
    bench.write("experiments/tiny.toml", &text);
    bench
}

#[test]
fn signals_from_their_file_give_the_same_bits() {
    // The last in windows: of a file little more is read.
    for normalize in ["z-score", "train-z-score", "global-z-score\"\nwindow.length = 2.0\nwindow.join = \"max"] {
        let bench = study("on-disk", normalize);
        let table = run(&bench, "1000000000").ok();
        let in_memory = found(&bench);
        assert!(in_memory.iter().all(|rows| !rows.is_empty()));
        // From the file of that run, and from one that is made and never read whole.
        for again in [false, true] {
            forget(&bench);
            if again {
                prepared(&bench).into_iter().for_each(|file| fs::remove_file(file).unwrap());
            }
            assert_eq!(run(&bench, "0").ok(), table);
            assert!(found(&bench) == in_memory, "{normalize}, made again: {again}");
        }
    }
}

#[test]
fn a_damaged_signal_is_found_when_it_is_read_and_made_again() {
    let bench = study("on-disk-damaged", "z-score");
    run(&bench, "0").ok();
    let whole = found(&bench);
    let files = prepared(&bench);
    assert_eq!(files.len(), 2);
    let good: Vec<Vec<u8>> = files.iter().map(|file| fs::read(file).unwrap()).collect();
    forget(&bench);
    for (file, good) in files.iter().zip(&good) {
        // Of every record: 88 bytes, then 2 leads of 500 values of 4 bytes, in two blocks with checksums of 8 bytes.
        let mut bytes = good.clone();
        let signals = u64::from_le_bytes(bytes[8..16].try_into().unwrap()) as usize;
        (88..signals).step_by(4016).for_each(|place| bytes[place + 1001] ^= 1);
        fs::write(file, bytes).unwrap();
    }
    let said = run(&bench, "0");
    assert!(said.err.contains("its records are made again"), "{}", said.err);
    said.ok();
    assert!(found(&bench) == whole);
    assert!(files.iter().zip(&good).any(|(file, good)| fs::read(file).unwrap() == *good));
}

#[test]
fn half_precision_takes_half_the_room_and_is_another_stage() {
    let bench = study("half", "z-score");
    run(&bench, "0").ok();
    let (full, stages) = (prepared(&bench), found(&bench).remove(0));
    let text = fs::read_to_string(bench.path.join("experiments/tiny.toml")).unwrap();
    bench.write("experiments/tiny.toml", &text.replace("normalize =", "storage = \"f16\"\nnormalize ="));
    forget(&bench);
    run(&bench, "0").ok();
    let on_disk = found(&bench);
    assert!(on_disk[0].iter().all(|row| !stages.iter().any(|other| other[0] == row[0])));
    let size = |file: &PathBuf| u64::from_le_bytes(fs::read(file).unwrap()[8..16].try_into().unwrap()) - 88;
    let half: Vec<PathBuf> = prepared(&bench).into_iter().filter(|file| !full.contains(file)).collect();
    let (full, half): (u64, u64) = (full.iter().map(size).sum(), half.iter().map(size).sum());
    // But for two checksums of 8 bytes in the 4016 of each record.
    let checksums = full / 4016 * 16;
    assert_eq!((full % 4016, full - checksums), (0, 2 * (half - checksums)));
    // In memory the same rounded values are used.
    forget(&bench);
    run(&bench, "1000000000").ok();
    assert!(found(&bench) == on_disk);
}
