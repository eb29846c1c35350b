//! A toy: a folder of CSV files, one lead in mV at 100 Hz each, and a table `records.csv` with what is known of them.

use serde::{Deserialize, Serialize};

use crate::Result;
use crate::declare::{Key, Kind, Range, Type};
use crate::ecg::{Lead, Measurement, RawRecord, Vocabulary};
use crate::error::Error;
use crate::source::files::{File, has_extension, look_at_all, paths_below};
use crate::source::interface::from_json;
use crate::source::table::Table;
use crate::source::{DataPath, Found, Knowledge, Listing, Record, Request, Source, SourceKind};

/// Its labels.
static RHYTHM: Vocabulary = Vocabulary::new("rhythm", &["SR", "AFIB", "PACE"]);

/// What is measured in its records.
const MEASUREMENTS: [Measurement; 2] = [Measurement::HR, Measurement::new("axis", "degrees")];

/// A folder of CSV files.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Toy {
    /// The folder.
    pub path: DataPath,
    /// Samples per second, Hz.
    pub sampling_rate: f64,
}

impl Toy {
    pub(crate) const KIND: SourceKind = SourceKind {
        declaration: Kind {
            name: "toy",
            doc: "A folder of CSV files with one lead each.",
            keys: &[
                Key::new("path", Type::Path, "\"toy\"", "The folder."),
                Key::new("sampling_rate", Type::Number(Range::above(0.0)), "100.0", "Samples per second.").unit("Hz"),
            ],
        },
        knows: Knowledge {
            folds: true,
            patients: false,
            age: false,
            sex: false,
            labels: &[&RHYTHM],
            open_labels: false,
            measurements: &MEASUREMENTS,
        },
        from_json: from_json::<Self>,
    };
}

impl Source for Toy {
    fn kind(&self) -> &'static SourceKind {
        &Self::KIND
    }

    fn paths(&self) -> Vec<&DataPath> {
        vec![&self.path]
    }

    // All that decides the records; its content is hashed.
    fn files(&self) -> Result<Vec<File>> {
        let folder = self.path.resolved()?;
        look_at_all(folder, paths_below(folder, 1, |_| true, |path| has_extension(path, "csv"))?)
    }

    fn at_most(&self) -> Option<usize> {
        self.files().ok().map(|files| files.len())
    }

    fn list(&self, _sampling_rate: f64) -> Result<Listing> {
        let folder = self.path.resolved()?;
        let table = Table::open(&folder.join("records.csv"))?;
        let [id, fold, hr, axis, rhythm] = ["id", "fold", "hr", "axis", "rhythm"].map(|name| table.column(name));
        let (id, fold, hr, axis, rhythm) = (id?, fold?, hr?, axis?, rhythm?);
        let mut listing = Listing::default();
        table.each(|row| {
            let name = row.name(&id)?;
            // What is not known has no entry; what is not understood is the user's error, with its line and column.
            let mut record = Record { id: name.clone(), patient: name.clone(), ..Record::default() };
            record.fold = row.number(&fold)?.map(|fold| fold as u8);
            for (measurement, column) in MEASUREMENTS.into_iter().zip([&hr, &axis]) {
                record.measurements.set(measurement, row.number(column)?.map(|value| value as f32));
            }
            for word in row.text(&rhythm).split_whitespace() {
                let label = RHYTHM.label(word);
                record.labels.insert(label.ok_or_else(|| row.error(&rhythm, format_args!("no rhythm is `{word}`")))?);
            }
            listing.records.push(record);
            listing.files.push(folder.join(format!("{name}.csv")));
            Ok(())
        })?;
        Ok(listing)
    }

    fn read(&self, listing: &Listing, index: usize, request: &Request<'_>) -> Result<Found> {
        if let Some(lead) = request.missing(&[Lead::I]) {
            return Err(Error::user(format!("it has no lead {}; its only lead is I", lead.name())));
        }
        let table = Table::open(listing.file(index)?)?;
        let column = table.column("mV")?;
        let mut samples = Vec::new();
        table.each(|row| {
            let sample = row.number(&column)?.ok_or_else(|| row.error(&column, "the sample is missing"))?;
            samples.push(sample as f32);
            Ok(())
        })?;
        let raw = RawRecord { sampling_rate: self.sampling_rate, leads: vec![Lead::I], signals: vec![samples] };
        Ok(Found { raw, others: Vec::new(), gain: f64::NAN, unsummed: false, made: false })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::data::{load, recordings};
    use crate::manifest::parse;

    const TABLE: &str = "id,fold,hr,axis,rhythm\na,1,60,30.5,SR\nb,2,,-45,AFIB PACE\nc,3,75,,\n";

    fn folder(name: &str, table: &str) -> std::path::PathBuf {
        let folder = std::env::temp_dir().join(format!("ecgraft-toy-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("records.csv"), table).unwrap();
        for (shift, id) in ["a", "b", "c"].into_iter().enumerate() {
            let samples: String =
                (0..200).map(|place| format!("{}\n", f64::from(place % 50 + shift as i32) / 50.0)).collect();
            fs::write(folder.join(format!("{id}.csv")), format!("mV\n{samples}")).unwrap();
        }
        folder
    }

    /// The source and the signal settings of a manifest that says `kind = "toy"`.
    fn manifest(folder: &Path) -> crate::manifest::Manifest {
        let text = format!(
            "name = \"it\"\n[sources.it]\nkind = \"toy\"\npath = {folder:?}\n\
             [sources.classes]\nkind = \"ptb-xl\"\npath = \"none\"\n[transfer]\nsource = \"classes\"\n\
             [signal]\nleads = [\"I\"]\nduration = 2.0\nnormalize = \"none\"\n[architectures.small]\nkind = \"cnn\"\n\
             [mixes.all]\nparts = [{{ source = \"it\" }}]\n",
        );
        parse(Path::new("it.toml"), &text, &|_| None).unwrap()
    }

    #[test]
    fn its_records_come_through_the_loader_with_their_names() {
        let folder = folder("load", TABLE);
        let manifest = manifest(&folder);
        let source = manifest.source("it").unwrap();
        let cache = folder.join("cache");
        let dataset = load("it", source, &manifest.signal, &cache).unwrap();
        let axis = Measurement::named("axis", "degrees");
        let known: Vec<_> = dataset.records.iter().map(|record| record.measurement(axis)).collect();
        assert_eq!(known, [Some(30.5), Some(-45.0), None]);
        let labels = |record: &Record| record.labels.iter().map(|label| label.name()).collect::<Vec<_>>();
        let all: Vec<_> = dataset.records.iter().map(labels).collect();
        assert_eq!(all, [vec!["SR"], vec!["AFIB", "PACE"], vec![]]);
        assert_eq!(
            (dataset.signal(1).unwrap()[1], dataset.all_signals().unwrap().len(), dataset.data_set.as_str()),
            (0.04, 600, "toy")
        );
        // From the cache it is the same.
        let kept = load("it", source, &manifest.signal, &cache).unwrap();
        assert_eq!((&kept.records, kept.all_signals().unwrap()), (&dataset.records, dataset.all_signals().unwrap()));
        let found = recordings(source, &manifest.signal, &["c".into(), "d".into()]).unwrap();
        assert_eq!(found[0].as_ref().unwrap().0, dataset.records[2]);
        assert!(found[1].is_none());
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn what_is_wrong_with_it_is_told_with_its_place() {
        let folder = folder("faults", "id,fold,hr,axis,rhythm\na,1,60,30.5,SINUS\n");
        let manifest = manifest(&folder);
        let load = |signal| load("it", manifest.source("it").unwrap(), signal, &folder.join("cache"));
        let message = load(&manifest.signal).unwrap_err().message;
        assert!(message.ends_with("records.csv:2: column rhythm: no rhythm is `SINUS`"), "{message}");
        fs::write(folder.join("records.csv"), TABLE).unwrap();
        fs::remove_file(folder.join("b.csv")).unwrap();
        let message = load(&manifest.signal).unwrap_err().message;
        assert!(message.contains("record b") && message.contains("there is no such file"), "{message}");
        fs::remove_dir_all(&folder).unwrap();
    }

    /// Every piece of code in `docs/adding/source.md` is this file's, or the list's.
    #[test]
    fn the_guide_shows_what_is_here() {
        let plain = |text: &str| text.lines().map(str::trim).collect::<Vec<_>>().join("\n");
        let code = plain(&[include_str!("toy.rs"), include_str!("mod.rs")].concat());
        let guide = include_str!("../../../docs/adding/source.md");
        let pieces: Vec<&str> = guide.split("```rust\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
        assert_eq!(pieces.len(), 5);
        for piece in pieces {
            assert!(code.contains(plain(piece).trim()), "not in the code:\n{piece}");
        }
    }
}
