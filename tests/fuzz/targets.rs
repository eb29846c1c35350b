//! The parsers, each with real inputs to begin with.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use ecgraft::manifest::{self, Condition, Manifest};
use ecgraft::nn::Network;
use ecgraft::source::{Source, wfdb};
use ecgraft::tensor::Cpu;
use ecgraft::train::checkpoint;
use ecgraft::{data, plan, run};

/// A parser.
pub trait Target {
    /// What it is called where an input of it is kept.
    const NAME: &'static str;
    fn new() -> Self;
    /// Inputs that it takes.
    fn seeds(&self) -> Vec<Vec<u8>>;
    /// Whether it takes this one.
    fn parse(&mut self, input: &[u8]) -> bool;
}

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub fn read(name: &str) -> Vec<u8> {
    std::fs::read(repository().join(name)).unwrap()
}

fn parsed(text: &str) -> Option<Manifest> {
    let env = |name: &str| (name != "UNSET").then(|| "/data".to_owned());
    manifest::parse(Path::new("fuzz.toml"), text, &env).ok()
}

/// A folder in memory, where there is one, that goes with its target.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new(name: &str) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let memory = Path::new("/dev/shm");
        let place = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = place.join(format!("ecgraft-fuzz-{name}-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.0.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// TOML, keys, values, references.
pub struct Manifests;

impl Target for Manifests {
    const NAME: &'static str = "manifest";
    fn new() -> Self {
        Self
    }
    fn seeds(&self) -> Vec<Vec<u8>> {
        let files = [
            "experiments/sample.toml",
            "experiments/study/synthetic-to-real.toml",
            "experiments/evidence/evidence.toml",
            "tests/manifests/contract.toml",
            "tests/manifests/mixes.toml",
        ];
        files.map(read).into()
    }
    fn parse(&mut self, input: &[u8]) -> bool {
        parsed(&String::from_utf8_lossy(input)).is_some()
    }
}

/// `where` of a part of a mix.
pub struct Conditions;

impl Target for Conditions {
    const NAME: &'static str = "condition";
    fn new() -> Self {
        Self
    }
    fn seeds(&self) -> Vec<Vec<u8>> {
        let texts = [
            "hr >= 50 and qrs < 120",
            "age >= 18 and not MI",
            "not (MI or CD) and (sex = 'female' or age < 40.5)",
            "pr > 200 or not (not NORM)",
        ];
        texts.map(|text| text.as_bytes().to_vec()).into()
    }
    fn parse(&mut self, input: &[u8]) -> bool {
        Condition::parse(&String::from_utf8_lossy(input)).is_ok()
    }
}

/// Settings of stages as the store keeps them.
pub struct Settings;

impl Target for Settings {
    const NAME: &'static str = "settings";
    fn new() -> Self {
        Self
    }
    fn seeds(&self) -> Vec<Vec<u8>> {
        let common = format!(
            r#""numeric_version": {}, "seed": 0, "compute": {{"precision": "tf32"}},
            "signal": {{"leads": ["I"], "sampling_rate": 100.0, "duration": 10.0, "bandpass": null, "normalize": "z-score"}},
            "architecture": {{"kind": "cnn", "name": "cnn", "channels": [4, 8], "kernels": [5, 3], "head": 8, "dropout": 0.5}}"#,
            plan::NUMERIC_VERSION
        );
        let mix = r#""mix": {"name": "m", "records": 9, "parts": [{"source": "s", "share": null, "folds": [1], "from_epoch": 1,
            "until_epoch": 9, "fingerprint": "f"}]}"#;
        [
            format!(r#"{{{common}, {mix}, "kind": "regression", "target": ["hr", "qrs"], "regression": {{"epochs": 3}}}}"#),
            format!(r#"{{{common}, {mix}, "kind": "classification", "classification": {{"training": {{"epochs": 3}}}}}}"#),
            format!(
                r#"{{{common}, "kind": "transfer", "grafts": [{{"stage_id": "1cf309560568032489f2", "label": "l"}}], "backbones": 2,
                "fusion": "gate", "freeze": {{"name": "n", "steps": [], "batch_norm": "adapt"}}, "label_fraction": 0.1,
                "transfer": {{"source": "s", "fingerprint": "f", "epochs": 3, "classes": ["MI"], "labels": "multi"}}}}"#
            ),
        ]
        .map(String::into_bytes)
        .into()
    }
    fn parse(&mut self, input: &[u8]) -> bool {
        let Ok(settings) = serde_json::from_slice(input) else { return false };
        let _ = run::cost_of_settings(&settings);
        plan::id_of_settings(&settings).is_ok()
    }
}

/// One file of a WFDB record, the others being as they are.
struct Wfdb {
    folder: Folder,
    ending: &'static str,
    names: &'static [&'static str],
}

impl Wfdb {
    fn new(name: &'static str, ending: &'static str, names: &'static [&'static str]) -> Self {
        let folder = Folder::new(name);
        for file in ["plain16", "mixed16", "even212", "odd212"] {
            folder.write(&format!("{file}.dat"), read(&format!("tests/fixtures/wfdb/{file}.dat")));
            folder.write(&format!("{file}.hea"), read(&format!("tests/fixtures/wfdb/{file}.hea")));
        }
        Self { folder, ending, names }
    }

    fn seeds(&self) -> Vec<Vec<u8>> {
        let file = |name: &&str| std::fs::read(self.folder.0.join(format!("{name}.{}", self.ending))).unwrap();
        self.names.iter().map(file).collect()
    }

    /// Puts the input in place of each of the files in turn.
    fn parse(&mut self, input: &[u8]) -> bool {
        let mut taken = false;
        for name in self.names {
            std::fs::write(self.folder.0.join(format!("{name}.{}", self.ending)), input).unwrap();
            taken |= wfdb::read(&self.folder.0.join(name)).is_ok();
        }
        taken
    }
}

macro_rules! wfdb {
    ($($target:ident, $name:literal, $ending:literal, $names:expr;)*) => { $(
        pub struct $target(Wfdb);

        impl Target for $target {
            const NAME: &'static str = $name;
            fn new() -> Self {
                Self(Wfdb::new($name, $ending, &$names))
            }
            fn seeds(&self) -> Vec<Vec<u8>> {
                self.0.seeds()
            }
            fn parse(&mut self, input: &[u8]) -> bool {
                self.0.parse(input)
            }
        }
    )* };
}

wfdb! {
    WfdbHeaders, "wfdb-header", "hea", ["plain16", "mixed16", "odd212"];
    WfdbSignals16, "wfdb-16", "dat", ["plain16"];
    WfdbSignals212, "wfdb-212", "dat", ["odd212"];
}

/// A small source of files, of which one is mutated.
struct Files {
    folder: Folder,
    manifest: Manifest,
    file: &'static str,
    whole: Vec<u8>,
}

impl Files {
    /// A source in `folder`, written in a manifest; `file` is what is mutated.
    fn new(folder: Folder, source: &str, rate: usize, seconds: f64, file: &'static str) -> Self {
        let (path, whole) = (folder.0.display(), std::fs::read(folder.0.join(file)).unwrap());
        let text = format!(
            "name = \"fuzz\"\n[sources.it]\n{}\n[signal]\nleads = [\"I\", \"V6\"]\nsampling_rate = {rate}\nduration = {seconds:?}\n\
             [sources.classes]\nkind = \"ptb-xl\"\npath = \"none\"\n[architectures.tiny]\nkind = \"cnn\"\nchannels = [4]\nkernels = [3]\n[transfer]\nsource = \"classes\"\n\
             [trials]\narchitecture = [\"tiny\"]\nseed = [0]\n",
            source.replace("DIR", &path.to_string())
        );
        let manifest = manifest::parse(Path::new("fuzz.toml"), &text, &|_| None);
        let manifest = manifest.unwrap_or_else(|problems| panic!("{problems:?}"));
        Self { folder, manifest, file, whole }
    }

    fn source(&self) -> &dyn Source {
        &*self.manifest.sources["it"]
    }

    /// Two records as PhysioNet has them.
    fn ptb_xl(name: &'static str, file: &'static str) -> Self {
        const SAMPLE: &str = "experiments/data/ptbxl-sample";
        let folder = Folder::new(name);
        let table = |name: &str, rows: usize| {
            let text = String::from_utf8(read(&format!("{SAMPLE}/{name}"))).unwrap();
            text.lines().take(rows + 1).map(|line| format!("{line}\n")).collect::<String>()
        };
        let database = table("ptbxl_database.csv", 2);
        folder.write("ptbxl_database.csv", &database);
        folder.write("features.csv", table("features/ecgdeli_features.csv", 2));
        folder.write("scp_statements.csv", read(&format!("{SAMPLE}/scp_statements.csv")));
        for path in database.split(',').filter(|cell| cell.starts_with("records100/")) {
            for ending in ["hea", "dat"] {
                folder.write(&format!("{path}.{ending}"), read(&format!("{SAMPLE}/{path}.{ending}")));
            }
        }
        Self::new(folder, "kind = \"ptb-xl\"\npath = \"DIR\"\nfeatures = \"DIR/features.csv\"", 100, 10.0, file)
    }

    /// Two records as DeepFake-ECG has them.
    fn deepfake(name: &'static str, file: &'static str) -> Self {
        let folder = Folder::new(name);
        folder.write("truth.csv", "patid,avgrrinterval,pr,qrs,qt\n2,800.0,160.0,90.5,380.0\n10,1000,,92,400\n");
        for record in [2, 10] {
            let row =
                |row: i32| (0..8).map(|lead| (row * 100 - lead - record).to_string()).collect::<Vec<_>>().join(" ");
            folder.write(&format!("asc/{record}.asc"), (0..50).map(|number| row(number) + "\n").collect::<String>());
        }
        Self::new(folder, "kind = \"deepfake-ecg\"\npath = \"DIR\"", 500, 0.1, file)
    }

    /// Loads with the input in the file's place; what is prepared is not kept.
    fn parse(&mut self, input: &[u8]) -> bool {
        let path = self.folder.0.join(self.file);
        std::fs::write(&path, input).unwrap();
        let loaded = data::load("it", self.source(), &self.manifest.signal, Path::new("/dev/null/cache"));
        loaded.is_ok()
    }
}

macro_rules! files {
    ($($target:ident, $name:literal, $kind:ident, $file:literal;)*) => { $(
        pub struct $target(Files);

        impl Target for $target {
            const NAME: &'static str = $name;
            fn new() -> Self {
                Self(Files::$kind($name, $file))
            }
            fn seeds(&self) -> Vec<Vec<u8>> {
                vec![self.0.whole.clone()]
            }
            fn parse(&mut self, input: &[u8]) -> bool {
                self.0.parse(input)
            }
        }
    )* };
}

files! {
    AscFiles, "asc", deepfake, "asc/2.asc";
    TruthTables, "truth-table", deepfake, "truth.csv";
    PtbXlDatabases, "ptb-xl-database", ptb_xl, "ptbxl_database.csv";
    ScpStatements, "scp-statements", ptb_xl, "scp_statements.csv";
    FeatureTables, "feature-table", ptb_xl, "features.csv";
}

/// Weights of a small network.
pub struct Checkpoints {
    folder: Folder,
    network: Network<Cpu>,
}

impl Target for Checkpoints {
    const NAME: &'static str = "checkpoint";
    fn new() -> Self {
        let text = "name = \"fuzz\"\n[sources.s]\nkind = \"ptb-xl\"\npath = \"none\"\n[architectures.it]\nkind = \"cnn\"\nchannels = [2]\n\
                    kernels = [3]\nhead = 2\n[transfer]\nsource = \"s\"\n[trials]\narchitecture = [\"it\"]\nseed = [0]\n";
        let architecture = parsed(text).unwrap().architectures["it"].clone();
        let one = (1, manifest::Fusion::Concat);
        let random = &mut ecgraft::seed::stream(0, "fuzz", 0);
        let mut network = Network::new(&Cpu::default(), &architecture, (1, 50), one, 1, random).unwrap();
        let folder = Folder::new("checkpoint");
        let metadata = [("stage_id".to_owned(), "1cf309560568032489f2".to_owned())].into();
        checkpoint::save(&mut network, &metadata, &folder.0.join("whole.safetensors")).unwrap();
        Self { folder, network }
    }
    fn seeds(&self) -> Vec<Vec<u8>> {
        vec![std::fs::read(self.folder.0.join("whole.safetensors")).unwrap()]
    }
    fn parse(&mut self, input: &[u8]) -> bool {
        self.folder.write("it.safetensors", input);
        checkpoint::load(&mut self.network, &self.folder.0.join("it.safetensors")).is_ok()
    }
}

/// The simulator's records, which take no files, and what is kept of them.
fn simulated(name: &'static str) -> Files {
    let folder = Folder::new(name);
    folder.write("none", "");
    Files::new(folder, "kind = \"simulator\"\nrecords = 1\nseed = 1", 100, 1.0, "none")
}

/// Prepared records, as they are kept.
pub struct Caches(Files, PathBuf);

impl Target for Caches {
    const NAME: &'static str = "cache";
    fn new() -> Self {
        let files = simulated("cache");
        let cache = files.folder.0.join("cache");
        data::load("it", files.source(), &files.manifest.signal, &cache).unwrap();
        let mut entries = std::fs::read_dir(&cache).unwrap().map(|entry| entry.unwrap().path());
        let kept = entries.find(|path| path.extension().is_some_and(|ending| ending == "bin")).unwrap();
        Self(files, kept)
    }
    fn seeds(&self) -> Vec<Vec<u8>> {
        vec![std::fs::read(&self.1).unwrap()]
    }
    fn parse(&mut self, input: &[u8]) -> bool {
        std::fs::write(&self.1, input).unwrap();
        data::load("it", self.0.source(), &self.0.manifest.signal, self.1.parent().unwrap()).is_ok()
    }
}

/// Fingerprints of sources, as they are kept.
pub struct KnownFingerprints(Files);

impl Target for KnownFingerprints {
    const NAME: &'static str = "fingerprints";
    fn new() -> Self {
        let files = Files::deepfake("fingerprints", "truth.csv");
        let old = std::time::SystemTime::now() - std::time::Duration::from_secs(3600);
        for name in ["truth.csv", "asc/2.asc", "asc/10.asc"] {
            let file = std::fs::File::options().write(true).open(files.folder.0.join(name)).unwrap();
            file.set_times(std::fs::FileTimes::new().set_modified(old)).unwrap();
        }
        let cache = Folder::new("fingerprints-cache");
        data::fingerprint(files.source(), &cache.0).unwrap();
        std::fs::create_dir_all(files.folder.0.join("cache")).unwrap();
        let kept = std::fs::read(cache.0.join("fingerprints.json"));
        files.folder.write("kept.json", kept.unwrap_or_else(|_| b"{}".to_vec()));
        Self(files)
    }
    fn seeds(&self) -> Vec<Vec<u8>> {
        vec![std::fs::read(self.0.folder.0.join("kept.json")).unwrap()]
    }
    fn parse(&mut self, input: &[u8]) -> bool {
        let cache = Folder::new("fingerprints-it");
        cache.write("fingerprints.json", input);
        data::fingerprint(self.0.source(), &cache.0).is_ok()
    }
}
