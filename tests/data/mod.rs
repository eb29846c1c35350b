//! Records in: formats, layouts, their faults, fingerprints and the cache.

mod cache;
mod deepfake;
mod formats;
mod hospital;
mod known;
mod leniency;
mod ptb_xl;
mod signals;
mod wfdb;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use ecgraft::Result;
use ecgraft::data::{Dataset, load};
use ecgraft::ecg::{Lead, Measurement};
use ecgraft::error::Blame;
use ecgraft::manifest::Signal;
use ecgraft::source::{DataPath, DeepfakeEcg, PtbXl, Reading, Record, Source};

/// The bundled sample of PTB-XL.
const SAMPLE: &str = "experiments/data/ptbxl-sample";

/// A folder that goes when the test ends.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("ecgraft-data-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    /// Writes a file, and the folders it is in.
    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn data_path(path: &Path) -> DataPath {
    DataPath { written: path.display().to_string(), resolved: Ok(path.into()) }
}

fn ptb_xl(path: &Path, features: Option<&Path>) -> PtbXl {
    ptb_xl_at(data_path(path), features.map(data_path))
}

fn ptb_xl_at(path: DataPath, features: Option<DataPath>) -> PtbXl {
    PtbXl { features: features.map(Into::into), ..PtbXl::at(path) }
}

/// The bundled sample with its features.
fn sample() -> PtbXl {
    ptb_xl(SAMPLE.as_ref(), Some(&Path::new(SAMPLE).join("features/ecgdeli_features.csv")))
}

fn deepfake(path: &Path) -> DeepfakeEcg {
    deepfake_at(data_path(path))
}

fn deepfake_at(path: DataPath) -> DeepfakeEcg {
    DeepfakeEcg { path, data_set: None, reading: Reading::default() }
}

/// Signals as recorded.
fn signal(leads: &[Lead], sampling_rate: f64, duration: f64) -> Signal {
    Signal::recorded(leads.to_vec(), sampling_rate, duration)
}

/// Loads without keeping anything.
fn fresh(source: &dyn Source, signal: &Signal) -> Result<Dataset> {
    load("it", source, signal, &Folder::new().path("cache"))
}

/// HR, PR, QT and QRS of a record.
fn known(record: &Record) -> [Option<f32>; 4] {
    Measurement::BUILT_IN.map(|measurement| record.measurement(measurement))
}

/// Asserts that it is the user's error, and that its message has all of `parts`.
#[track_caller]
fn refused<T: std::fmt::Debug>(result: Result<T>, parts: &[&str]) {
    let error = result.unwrap_err();
    assert_eq!(error.blame, Blame::User, "{error}");
    for part in parts {
        assert!(error.message.contains(part), "`{part}` is not in: {error}");
    }
}

#[test]
fn an_unset_variable_is_named() {
    let unset = DataPath { written: "$ECG_GONE/x".into(), resolved: Err("ECG_GONE".into()) };
    let sources: [&dyn Source; 3] = [
        &deepfake_at(unset.clone()),
        &ptb_xl_at(unset.clone(), None),
        &ptb_xl_at(data_path(SAMPLE.as_ref()), Some(unset.clone())),
    ];
    for source in sources {
        let expected = ["$ECG_GONE/x", "environment variable ECG_GONE is not set"];
        refused(ecgraft::data::fingerprint(source, &Folder::new().0), &expected);
        refused(fresh(source, &signal(&[Lead::I], 100.0, 10.0)), &expected);
    }
}

#[test]
fn a_missing_folder_is_named() {
    let sources: [&dyn Source; 2] = [&deepfake("no/such".as_ref()), &ptb_xl("no/such".as_ref(), None)];
    for source in sources {
        refused(fresh(source, &signal(&[Lead::I], 100.0, 10.0)), &["source it", "no/such", "there is no such folder"]);
    }
    let file = Path::new(SAMPLE).join("README.md");
    refused(fresh(&deepfake(&file), &signal(&[Lead::I], 100.0, 10.0)), &["README.md", "a folder was expected"]);
    refused(
        fresh(&ptb_xl(SAMPLE.as_ref(), Some("gone.csv".as_ref())), &signal(&[Lead::I], 100.0, 10.0)),
        &["gone.csv"],
    );
}
