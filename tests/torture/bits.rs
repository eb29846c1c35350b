//! One flipped bit in a file: the same results, a clear error, or a disagreement that `ecgraft verify` finds.

use std::fs::{self, File, FileTimes};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use walkdir::WalkDir;

use super::judge::{Study, command, count, run, start, told};
use crate::chance::Chance;
use crate::workbench::{Workbench, sample, tiny};

/// What a kind of file is called, and whether a file is of it.
type FileKind = (&'static str, fn(&Path) -> bool);

/// Kinds of file; the first that fits counts.
const KINDS: [FileKind; 9] = [
    ("store", |path| is(path, "results/ecgraft.sqlite", "")),
    ("checkpoint", |path| is(path, "results/checkpoints/", ".safetensors")),
    ("fingerprints", |path| is(path, "results/cache/", "fingerprints.json")),
    ("cache", |path| is(path, "results/cache/", "")),
    ("progress file", |path| is(path, "results/progress/", "")),
    ("manifest", |path| is(path, "study.toml", "")),
    ("header", |path| is(path, "data/", ".hea")),
    ("signals", |path| is(path, "data/", ".dat")),
    ("table", |path| is(path, "data/", ".csv")),
];

fn is(path: &Path, begin: &str, end: &str) -> bool {
    let path = path.to_string_lossy();
    path.starts_with(begin) && path.ends_with(end)
}

/// The study on data of its own, half done: what is grafted is trained, and one of two freezes.
struct HalfDone {
    study: Study,
    bench: Workbench,
    /// Its results as they were then.
    results: PathBuf,
}

impl HalfDone {
    fn new() -> Self {
        let bench = Workbench::new("torture-bits");
        let data = bench.path.join("data");
        assert!(Command::new("cp").arg("-r").arg(sample()).arg(&data).status().unwrap().success());
        let whole = tiny("bits", Path::new("data"), "");
        // Where the data lie is in no id.
        let study = Study::of("torture-bits-whole", tiny("bits", &data, ""));
        bench.write("study.toml", &whole.replace("freeze = [\"none\", \"probe\"]", "freeze = [\"none\"]"));
        // Files that changed a moment ago are not trusted to be what they were.
        std::thread::sleep(std::time::Duration::from_millis(2500));
        run(&bench, &[]).ended_well();
        bench.write("study.toml", &whole);
        let results = bench.path.join("half-done");
        fs::rename(bench.results(), &results).unwrap();
        let half = Self { study, bench, results };
        half.leave_in_mid_stage();
        half.restore();
        run(&half.bench, &[]).ended_well();
        half.study.is_in(&half.bench.results()).unwrap();
        half
    }

    /// Kills a run of the rest while it has the progress of a stage saved.
    fn leave_in_mid_stage(&self) {
        let saved = |results: &Path| {
            let files = fs::read_dir(results.join("progress")).into_iter().flatten().map(|file| file.unwrap().path());
            files.filter(|file| file.extension().is_none()).count() > 0
        };
        for _ in 0..50 {
            self.restore();
            let mut running = start(&self.bench, command(&self.bench, &["--save-every", "0"]), "killed");
            while !saved(&self.bench.results()) && !running.ended_within(Duration::ZERO) {}
            running.child.kill().unwrap();
            running.child.wait().unwrap();
            if saved(&self.bench.results()) {
                fs::remove_dir_all(&self.results).unwrap();
                return fs::rename(self.bench.results(), &self.results).unwrap();
            }
        }
        panic!("no run was killed between a saving and its end");
    }

    /// The results as they were when half was done.
    fn restore(&self) {
        let _ = fs::remove_dir_all(self.bench.results());
        assert!(Command::new("cp").arg("-a").arg(&self.results).arg(self.bench.results()).status().unwrap().success());
    }

    fn files(&self, kind: usize) -> Vec<PathBuf> {
        let files = WalkDir::new(&self.bench.path).sort_by_file_name().into_iter().map(|entry| entry.unwrap());
        let relative = files.filter(|entry| entry.file_type().is_file() && entry.metadata().unwrap().len() > 0);
        let relative = relative.map(|entry| entry.path().strip_prefix(&self.bench.path).unwrap().to_owned());
        relative.filter(|path| KINDS.iter().position(|(_, fits)| fits(path)) == Some(kind)).collect()
    }

    /// Flips a bit of a file as a disk does, which changes no time of it: what was there.
    fn flip(&self, path: &Path, bit: usize) -> Vec<u8> {
        let whole = fs::read(path).unwrap();
        let mut bytes = whole.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        self.put(path, &bytes);
        whole
    }

    fn put(&self, path: &Path, bytes: &[u8]) {
        let changed = fs::metadata(path).unwrap().modified().unwrap();
        fs::write(path, bytes).unwrap();
        File::options().write(true).open(path).unwrap().set_times(FileTimes::new().set_modified(changed)).unwrap();
    }
}

/// What came of flipped bits.
#[derive(Default)]
struct Outcomes {
    same: usize,
    refused: usize,
    found: usize,
    silent: Vec<String>,
}

/// Flips one bit of a file, and another time with the cache gone, so that the data are read.
fn try_one(half: &HalfDone, kind: &str, path: &Path, bit: usize, without_cache: bool, outcomes: &mut Outcomes) {
    half.restore();
    if without_cache {
        let _ = fs::remove_dir_all(half.bench.results().join("cache"));
    }
    let place = half.bench.path.join(path);
    let whole = half.flip(&place, bit);
    let ended = run(&half.bench, &[]);
    let results = half.bench.results();
    let how = format!("bit {bit} of {}", path.display());
    if !ended.ended_clearly() {
        outcomes.refused += 1;
    } else if let Err(why) = half.study.agrees_with(&results) {
        let said = half.bench.run(&["verify"]);
        match said.code {
            Some(0) => outcomes.silent.push(format!("{how}: {why}")),
            _ => outcomes.found += 1,
        }
    } else {
        outcomes.same += 1;
    }
    if kind != "store" && place.exists() {
        half.put(&place, &whole);
    }
}

#[test]
fn a_flipped_bit_is_never_a_silently_different_result() {
    let half = HalfDone::new();
    let (mut chance, flips) = (Chance::new("bits"), count(3));
    let mut silent = Vec::new();
    for (number, (kind, _)) in KINDS.iter().enumerate() {
        half.restore();
        let files = half.files(number);
        assert!(!files.is_empty(), "there is no {kind}");
        let mut outcomes = Outcomes::default();
        for flip in 0..flips {
            half.restore();
            let path = &files[chance.below(files.len())];
            let bits = 8 * fs::metadata(half.bench.path.join(path)).unwrap().len() as usize;
            let without_cache = matches!(*kind, "header" | "signals" | "table") && flip % 2 == 0;
            try_one(&half, kind, path, chance.below(bits), without_cache, &mut outcomes);
        }
        let Outcomes { same, refused, found, silent: unseen } = outcomes;
        told(&format!(
            "{flips} flipped bits in a {kind}: {same} the same results, {refused} clear errors, {found} found by verify, {} silent",
            unseen.len()
        ));
        silent.extend(unseen);
    }
    assert!(silent.is_empty(), "silently different: {silent:#?}");
}
