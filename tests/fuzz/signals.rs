//! Files of signals, tables and marks, each format with real inputs to begin with.

use ecgraft::ecg::{Lead, Voltage};
use ecgraft::manifest::{self, Manifest};
use ecgraft::source::signals::{Layout, Place, read as read_signal};
use ecgraft::source::{Reading, Request, Source, wfdb};

use super::targets::{Folder, Target, read};

/// A file of signals of a format, by its ending.
pub struct SignalFile {
    folder: Folder,
    /// What it is called.
    file: &'static str,
    seeds: Vec<Vec<u8>>,
}

impl SignalFile {
    fn new(name: &'static str, file: &'static str, seeds: &[&str]) -> Self {
        let seeds = seeds.iter().map(|seed| read(&format!("tests/fixtures/{seed}"))).collect();
        Self { folder: Folder::new(name), file, seeds }
    }

    /// Of an array for many records the first; what neither file nor layout says is no fault of the file.
    fn parse(&mut self, input: &[u8]) -> bool {
        self.folder.write(self.file, input);
        let layout = Layout {
            sampling_rate: Some(500.0),
            order: Some(vec![Lead::V1, Lead::II, Lead::AVR]),
            ..Layout::default()
        };
        let reading = Reading { unit: Some(Voltage::Millivolt), ..Reading::default() };
        let read = |entry| {
            let place = Place { path: self.folder.0.join(self.file), entry };
            read_signal(&place, &layout, &Request::all(&reading)).is_ok()
        };
        read(None) || read(Some(0))
    }
}

/// A source of few files, one of which is mutated.
pub struct Listed {
    folder: Folder,
    manifest: Manifest,
    file: &'static str,
    seeds: Vec<Vec<u8>>,
}

impl Listed {
    fn new(folder: Folder, source: &str, file: &'static str, seeds: Vec<Vec<u8>>) -> Self {
        let text = format!(
            "name = \"fuzz\"\n[sources.it]\n{}\n[architectures.tiny]\nkind = \"cnn\"\nchannels = [4]\nkernels = [3]\n\
             [sources.classes]\nkind = \"ptb-xl\"\npath = \"none\"\n[transfer]\nsource = \"classes\"\n\
             [trials]\narchitecture = [\"tiny\"]\nseed = [0]\n",
            source.replace("DIR", &folder.0.display().to_string())
        );
        let manifest = manifest::parse(std::path::Path::new("fuzz.toml"), &text, &|_| None);
        let manifest = manifest.unwrap_or_else(|problems| panic!("{problems:?}"));
        Self { folder, manifest, file, seeds }
    }

    /// A table of codes.
    fn table(name: &'static str, file: &'static str, seeds: &[&str]) -> Self {
        let folder = Folder::new(name);
        let source = format!(
            "kind = \"table\"\npath = \"DIR/{file}\"\nsignals = \"{{exam}}.npy\"\nid = \"exam\"\npatient = \"patient\"\nage = \"age\"\n\
             sex = \"gender\"\nlabels = \"json\"\nmeasurements = {{ qt = {{ value = \"qt_s\", unit = \"s\" }} }}"
        );
        let seeds = seeds.iter().map(|seed| read(&format!("tests/fixtures/table/{seed}"))).collect();
        Self::new(folder, &source, file, seeds)
    }

    /// A record of LUDB, of whose marks those of lead II are mutated.
    fn marks(name: &'static str) -> Self {
        let folder = Folder::new(name);
        for lead in ["i", "ii", "iii", "avr", "avl", "avf", "v1", "v2", "v3", "v4", "v5", "v6", "hea", "dat"] {
            folder.write(&format!("data/1.{lead}"), read(&format!("tests/fixtures/ludb/data/1.{lead}")));
        }
        let seeds = ["1.ii", "101.ii"].map(|name| read(&format!("tests/fixtures/ludb/data/{name}"))).into();
        Self::new(folder, "kind = \"ludb\"\npath = \"DIR\"", "data/1.ii", seeds)
    }

    /// A folder with one file of an ECG cart.
    fn exam(name: &'static str, file: &'static str, seeds: &[&str]) -> Self {
        let folder = Folder::new(name);
        let seeds = seeds.iter().map(|seed| read(&format!("tests/fixtures/hospital/{seed}"))).collect();
        Self::new(folder, "kind = \"hospital\"\npath = \"DIR\"", file, seeds)
    }

    fn source(&self) -> &dyn Source {
        &*self.manifest.sources["it"]
    }

    /// Lists with the input in the file's place.
    fn list(&mut self, input: &[u8]) -> bool {
        self.folder.write(self.file, input);
        self.source().list(500.0).is_ok()
    }

    /// Lists, and reads the first record: what cannot be read is listed all the same.
    fn read(&mut self, input: &[u8]) -> bool {
        self.folder.write(self.file, input);
        let Ok(listing) = self.source().list(500.0) else { return false };
        let reading = Reading::default();
        self.source().read(&listing, 0, &Request::all(&reading)).is_ok()
    }
}

/// A FLAC file under its header.
pub struct WfdbFlac(Folder);

impl Target for WfdbFlac {
    const NAME: &'static str = "wfdb-flac";
    fn new() -> Self {
        let folder = Folder::new("wfdb-flac");
        folder.write("f516.hea", read("tests/fixtures/wfdb/formats/f516.hea"));
        Self(folder)
    }
    fn seeds(&self) -> Vec<Vec<u8>> {
        vec![read("tests/fixtures/wfdb/formats/f516.dat")]
    }
    fn parse(&mut self, input: &[u8]) -> bool {
        self.0.write("f516.dat", input);
        wfdb::read(&self.0.0.join("f516")).is_ok()
    }
}

macro_rules! formats {
    ($($target:ident, $name:literal, $of:ident::$new:ident($($argument:expr),*), $parse:ident;)*) => { $(
        pub struct $target($of);

        impl Target for $target {
            const NAME: &'static str = $name;
            fn new() -> Self {
                Self($of::$new($name $(, $argument)*))
            }
            fn seeds(&self) -> Vec<Vec<u8>> {
                self.0.seeds.clone()
            }
            fn parse(&mut self, input: &[u8]) -> bool {
                self.0.$parse(input)
            }
        }
    )* };
}

formats! {
    TextSignals, "text-signals", SignalFile::new("it.csv", &["signals/named.csv", "signals/bare.csv", "signals/spaces.txt"]), parse;
    NumPy, "npy", SignalFile::new("it.npy", &["signals/one_0.npy", "signals/fortran.npy", "signals/many.npy"]), parse;
    NumPyArchives, "npz", SignalFile::new("it.npz", &["signals/packed.npz", "signals/stored.npz"]), parse;
    Matlab, "mat", SignalFile::new("it.mat", &["signals/level4.mat", "signals/level5.mat", "signals/cpsc.mat"]), parse;
    Hdf5, "hdf5", SignalFile::new("it.h5", &["signals/sph.h5", "signals/new.h5"]), parse;
    MuseFiles, "muse", Listed::exam("it.xml", &["muse.xml", "muse_comma.xml"]), read;
    AecgFiles, "aecg", Listed::exam("it.xml", &["aecg.xml"]), read;
    DicomFiles, "dicom", Listed::exam("it.dcm", &["explicit.dcm", "no_ending"]), read;
    ScpFiles, "scp", Listed::exam("it.scp", &["first.scp", "second.scp", "plain.scp"]), read;
    Annotations, "annotations", Listed::marks(), list;
    ParquetTables, "parquet", Listed::table("it.parquet", &["codes.parquet", "codes_polars.parquet", "codes_gzip.parquet"]), list;
    ExcelTables, "xlsx", Listed::table("it.xlsx", &["codes.xlsx"]), list;
}
