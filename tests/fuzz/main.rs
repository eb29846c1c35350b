//! Mutated inputs for each parser: none may panic, hang or take memory without bound; an error is right.
//!
//! The mutator is our own. cargo-fuzz and libFuzzer follow coverage and go deeper, but need a nightly compiler and a build of
//! their own; this one runs wherever `cargo test` does, is part of it (a few thousand inputs each), and gives the same inputs
//! every time: number n of a parser is made of real files, its name and n alone. `make fuzz N=10000000` runs so many, in as many
//! threads as there are cores. An input that fails is kept in `target/fuzz`, named by its parser and its hash.

mod mutate;
mod signals;
mod targets;

use std::alloc::{GlobalAlloc, Layout, System};
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use targets::Target;

/// No input takes longer.
const LONGEST: Duration = Duration::from_secs(10);
/// Nor does any take more memory than this: what all that run at the same time have together.
const MOST: usize = 1 << 30;

/// Counts what is taken.
struct Counting;

static LIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is passed on to the system's allocator as it is.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        PEAK.fetch_max(LIVE.fetch_add(layout.size(), Ordering::Relaxed) + layout.size(), Ordering::Relaxed);
        // SAFETY: as of the call that it passes on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as of the call that it passes on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What a thread works on, for who watches it.
type Present = Arc<Mutex<Option<(Instant, Vec<u8>)>>>;

/// Keeps an input that failed: where.
fn keep(target: &str, input: &[u8]) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/fuzz");
    let path = folder.join(format!("{target}-{}", &ecgraft::seed::sha256_hex(input)[..16]));
    let _ = std::fs::create_dir_all(&folder).and_then(|()| std::fs::write(&path, input));
    path
}

/// Ends all where an input takes too long: a thread cannot be ended alone.
fn watch(target: &'static str, present: Vec<Present>, over: Arc<AtomicUsize>) {
    while over.load(Ordering::Relaxed) > 0 {
        for thread in &present {
            let late = thread.lock().unwrap().clone().filter(|(begun, _)| begun.elapsed() > LONGEST);
            if let Some((_, input)) = late {
                eprintln!("{target}: an input takes longer than {LONGEST:?}: {}", keep(target, &input).display());
                std::process::exit(101);
            }
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Gives inputs of this thread's share to the parser: the first that fails.
fn work<T: Target>(share: std::ops::Range<usize>, step: usize, present: &Present) -> Option<(PathBuf, String)> {
    let mut target = T::new();
    let seeds = target.seeds();
    assert!(!seeds.is_empty() && seeds.iter().all(|seed| target.parse(seed)), "{}: a seed is refused", T::NAME);
    for number in share.step_by(step) {
        let input = mutate::input(T::NAME, &seeds, number);
        *present.lock().unwrap() = Some((Instant::now(), input.clone()));
        let before = LIVE.load(Ordering::Relaxed);
        PEAK.store(before, Ordering::Relaxed);
        let parsed = catch_unwind(AssertUnwindSafe(|| target.parse(&input)));
        *present.lock().unwrap() = None;
        let taken = PEAK.load(Ordering::Relaxed).saturating_sub(before);
        if parsed.is_err() {
            return Some((keep(T::NAME, &input), format!("input {number} makes it panic")));
        }
        if taken > MOST {
            return Some((keep(T::NAME, &input), format!("input {number} takes {} MB", taken >> 20)));
        }
    }
    None
}

/// `usual` inputs, or as many as `FUZZ` says.
fn fuzz<T: Target>(usual: usize) {
    let asked = std::env::var("FUZZ").ok().and_then(|count| count.parse().ok());
    let count: usize = asked.unwrap_or(usual);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = if asked.is_some() { cores } else { 1 };
    let present: Vec<Present> = (0..threads).map(|_| Present::default()).collect();
    let over = Arc::new(AtomicUsize::new(1));
    let watcher = std::thread::spawn({
        let (present, over) = (present.clone(), over.clone());
        move || watch(T::NAME, present, over)
    });
    let begun = Instant::now();
    let failed: Vec<(PathBuf, String)> = std::thread::scope(|scope| {
        let start = |(number, present)| scope.spawn(move || work::<T>(number..count, threads, present));
        let workers: Vec<_> = present.iter().enumerate().map(start).collect();
        workers.into_iter().filter_map(|worker| worker.join().unwrap()).collect()
    });
    over.store(0, Ordering::Relaxed);
    watcher.join().unwrap();
    assert!(failed.is_empty(), "{}: {failed:#?}", T::NAME);
    let seconds = begun.elapsed().as_secs_f64();
    let _ = writeln!(std::io::stderr(), "fuzz: {}: {count} inputs in {seconds:.0} s, no panic, no hang", T::NAME);
}

macro_rules! fuzzed {
    ($($test:ident: $target:ty, $usual:expr;)*) => { $(#[test] fn $test() { fuzz::<$target>($usual); })* };
}

fuzzed! {
    manifests: targets::Manifests, 2000;
    conditions: targets::Conditions, 20_000;
    stored_settings: targets::Settings, 5000;
    wfdb_headers: targets::WfdbHeaders, 5000;
    wfdb_signals_16: targets::WfdbSignals16, 3000;
    wfdb_signals_212: targets::WfdbSignals212, 3000;
    wfdb_flac: signals::WfdbFlac, 2000;
    annotations: signals::Annotations, 1000;
    asc_files: targets::AscFiles, 2000;
    text_signals: signals::TextSignals, 2000;
    numpy: signals::NumPy, 2000;
    numpy_archives: signals::NumPyArchives, 2000;
    matlab: signals::Matlab, 2000;
    hdf5: signals::Hdf5, 2000;
    muse_files: signals::MuseFiles, 1000;
    aecg_files: signals::AecgFiles, 1000;
    dicom_files: signals::DicomFiles, 2000;
    scp_files: signals::ScpFiles, 2000;
    parquet_tables: signals::ParquetTables, 1000;
    excel_tables: signals::ExcelTables, 1000;
    truth_tables: targets::TruthTables, 2000;
    ptb_xl_databases: targets::PtbXlDatabases, 1000;
    scp_statements: targets::ScpStatements, 1000;
    feature_tables: targets::FeatureTables, 1000;
    checkpoints: targets::Checkpoints, 2000;
    caches: targets::Caches, 1000;
    known_fingerprints: targets::KnownFingerprints, 2000;
}

/// A parser with a fault.
struct Planted;

impl Target for Planted {
    const NAME: &'static str = "planted";
    fn new() -> Self {
        Self
    }
    fn seeds(&self) -> Vec<Vec<u8>> {
        vec![b"epochs = 20".to_vec()]
    }
    fn parse(&mut self, input: &[u8]) -> bool {
        assert!(!input.windows(3).any(|three| three == b"1e3"), "planted, and meant to be found");
        true
    }
}

#[test]
fn a_planted_fault_is_found_and_its_input_kept() {
    let (path, why) = work::<Planted>(0..10_000, 1, &Present::default()).expect("1e308 is among what numbers become");
    assert!(why.contains("makes it panic"), "{why}");
    let kept = std::fs::read(&path).unwrap();
    assert!(kept.windows(3).any(|three| three == b"1e3"));
    // The same every time.
    assert_eq!(work::<Planted>(0..10_000, 1, &Present::default()).unwrap().0, path);
    std::fs::remove_file(path).unwrap();
}
