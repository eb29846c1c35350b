//! How fast records are read: `cargo bench --bench load -- [FOLDER]`.
//!
//! FOLDER is one in PTB-XL's layout; where not given, the bundled sample twenty times over, in a temporary folder.
//! `benches/peer/load_wfdb.py` reads the same records with wfdb-python.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use std::{env, fs, io};

use ecgraft::data::{Dataset, fingerprint, load, look_up};
use ecgraft::ecg::Lead;
use ecgraft::manifest::{Normalize, Signal};
use ecgraft::source::{DataPath, PtbXl, wfdb};
use rayon::prelude::*;

const SAMPLE: &str = "experiments/data/ptbxl-sample";
const COPIES: usize = 20;
const RUNS: usize = 5;

fn main() {
    let own = env::temp_dir().join(format!("ecgraft-bench-{}", std::process::id()));
    let given = env::args().skip(1).find(|argument| !argument.starts_with('-')).map(PathBuf::from);
    let folder = given.unwrap_or_else(|| {
        repeat(&own.join("records")).expect("the sample can be copied");
        own.join("records")
    });
    measure(&folder, &own.join("cache"));
    let _ = fs::remove_dir_all(own);
}

fn measure(folder: &Path, cache: &Path) {
    let path = DataPath { written: folder.display().to_string(), resolved: Ok(folder.into()) };
    let source = PtbXl::at(path);
    for (name, rate) in [("records100", 100.0), ("records500", 500.0)] {
        let records = headers(&folder.join(name));
        if records.is_empty() {
            continue;
        }
        let size = |record: &PathBuf| fs::metadata(record.with_extension("dat")).map_or(0, |file| file.len());
        let bytes: u64 = records.iter().map(size).sum();
        let (count, threads) = (records.len(), rayon::current_num_threads());
        println!("{name}: {count} records, {:.1} MB, {threads} threads, best of {RUNS}", bytes as f64 / 1e6);
        let decode = || {
            records.par_iter().map(|record| wfdb::read(record).expect("sound").signals.len()).sum::<usize>();
        };
        say("decoded to mV", count, bytes, best(RUNS, decode));

        let leads = vec![Lead::I, Lead::II, Lead::V1, Lead::V2, Lead::V3, Lead::V4, Lead::V5, Lead::V6];
        let recorded = Signal::recorded(leads, rate, 10.0);
        let signal = |bandpass, normalize| Signal { bandpass, normalize, ..recorded.clone() };
        let plain = signal(None, Normalize::None);
        let full = signal(Some([0.5, 40.0]), Normalize::ZScore);
        let first = best(1, || drop(fingerprint(&source, cache).expect("sound")));
        println!("  {:<48}{:>9.1} ms", "fingerprint, from the files' content", first.as_secs_f64() * 1e3);
        let again = best(RUNS, || drop(fingerprint(&source, cache).expect("sound")));
        println!("  {:<48}{:>9.1} ms", "fingerprint, a second look", again.as_secs_f64() * 1e3);
        let identify = || drop(look_up(&source, &plain).expect("sound"));
        say("decoded and identified, for the index of people", count, bytes, best(RUNS, identify));
        let read = |signal: &Signal| load("bench", &source, signal, cache).expect("sound");
        if let Err(error) = load("bench", &source, &plain, cache) {
            println!("  not loaded: {error}");
            continue;
        }
        let cold = |signal: &Signal| {
            best(RUNS, || {
                remove_prepared(cache);
                drop(read(signal));
            })
        };
        say("loaded, no filter, cache written", count, bytes, cold(&plain));
        say("loaded, 0.5-40 Hz and z-score, cache written", count, bytes, cold(&full));
        let dataset: Dataset = read(&full);
        let delivered = (4 * dataset.records.len() * dataset.leads * dataset.length) as u64;
        drop(dataset);
        let again = || drop(read(&full).all_signals().expect("sound"));
        say("loaded from the cache (bytes of f32)", count, delivered, best(RUNS, again));
    }
}

fn say(what: &str, records: usize, bytes: u64, time: Duration) {
    let (ms, per_second) = (time.as_secs_f64() * 1e3, records as f64 / time.as_secs_f64());
    let rate = bytes as f64 / 1e6 / time.as_secs_f64();
    println!("  {what:<48}{ms:>9.1} ms {per_second:>9.0} records/s {rate:>8.1} MB/s");
}

fn best(runs: usize, mut job: impl FnMut()) -> Duration {
    let time = |()| {
        let start = Instant::now();
        job();
        start.elapsed()
    };
    std::iter::repeat_n((), runs).map(time).min().unwrap_or_default()
}

/// Records below `folder`, without `.hea`.
fn headers(folder: &Path) -> Vec<PathBuf> {
    let files = walkdir::WalkDir::new(folder).sort_by_file_name().into_iter().flatten();
    let headers = files.map(walkdir::DirEntry::into_path).filter(|path| path.extension().is_some_and(|e| e == "hea"));
    headers.map(|path| path.with_extension("")).collect()
}

fn remove_prepared(cache: &Path) {
    for entry in fs::read_dir(cache).into_iter().flatten().flatten() {
        if entry.path().extension().is_some_and(|extension| extension == "bin") {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// The sample `COPIES` times, each in a folder of its own, records numbered anew.
fn repeat(to: &Path) -> io::Result<()> {
    let from = Path::new(SAMPLE);
    fs::create_dir_all(to)?;
    fs::copy(from.join("scp_statements.csv"), to.join("scp_statements.csv"))?;
    let mut reader = csv::Reader::from_path(from.join("ptbxl_database.csv"))?;
    let mut writer = csv::Writer::from_path(to.join("ptbxl_database.csv"))?;
    let columns = reader.headers()?.clone();
    writer.write_record(&columns)?;
    let place = |name| columns.iter().position(|column| column == name).expect("a column of PTB-XL");
    let (id, file) = (place("ecg_id"), place("filename_lr"));
    let rows: Vec<csv::StringRecord> = reader.records().collect::<Result<_, _>>()?;
    for copy in 0..COPIES {
        for row in &rows {
            let name = row[file].replace("records100/", &format!("records100/{copy:02}"));
            for ending in ["hea", "dat"] {
                let target = to.join(format!("{name}.{ending}"));
                fs::create_dir_all(target.parent().unwrap_or(to))?;
                fs::copy(from.join(format!("{}.{ending}", &row[file])), target)?;
            }
            let new_id = (copy * 100_000 + row[id].parse::<usize>().expect("a number")).to_string();
            let field = |(place, old)| {
                if place == id {
                    &*new_id
                } else if place == file {
                    &*name
                } else {
                    old
                }
            };
            writer.write_record(row.iter().enumerate().map(field))?;
        }
    }
    writer.flush()
}
