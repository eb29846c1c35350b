//! A folder of ECGs as carts and hospitals' systems export them: GE MUSE XML, HL7 aECG, DICOM, SCP-ECG, a file each.
//!
//! The files themselves say whose ECG it is, the age and sex, and what the machine measured and stated; no table is needed. How they
//! are read is in `src/source/signals/hospital`. What is made of it:
//! - Files are told apart by their content: endings are `.xml`, `.dcm`, `.dicom`, `.scp`, or none. Other files are not looked at.
//! - A record's name is its file's path without the ending; its patient is the one that the file names, else its own.
//! - Heart rate, PR, QT and QRS are those of the whole ECG, confirmed ones before the machine's; values that no human ECG can have are
//!   not known.
//! - Statements are labels of the vocabulary `statement`, in the words of the files: `Normal sinus rhythm`. Lines on what has changed
//!   since an earlier ECG, and on who signed, are left out. MUSE has them in pieces, which are labels of the vocabulary `phrase`, as
//!   are statements of one piece: `Atrial fibrillation` is one of `Atrial fibrillation with rapid ventricular response`. Lines with words
//!   of doubt or denial (`possible`, `cannot`, `no`) have no phrases.
//! - Folds are drawn by patient, see `fold_seed`.
//! - What a file that cannot be read says is not known; its record is told when its signal is read.

use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::declare::Kind;
use crate::ecg::{LabelSet, Measurement, Vocabulary};
use crate::source::files::name_below;
use crate::source::interface::from_json;
use crate::source::intervals::{Intervals, Origin, admit, missing_measurements};
use crate::source::keys::{data_set, folder_path, known_set};
use crate::source::known::{Folder, KnownSet};
use crate::source::maps::label;
use crate::source::person::Strange;
use crate::source::recognise::{Glimpse, Recognised};
use crate::source::signals::hospital::{ENDINGS, Facts, facts, files_below, has_ending, is_one};
use crate::source::signals::{self, Layout, Place};
use crate::source::{Found, Knowledge, Listing, Record, Request, SourceKind};
use crate::{Error, Result, stop};

/// What was stated of records; which statements there are is known when records are read.
static STATEMENT: Vocabulary = Vocabulary::new("statement", &[]);

/// Parts of statements that are without doubt.
static PHRASE: Vocabulary = Vocabulary::new("phrase", &[]);

/// What the intervals are called in messages.
const COLUMNS: [&str; 4] = ["RR (60000 / heart rate)", "PR", "QT", "QRS"];

/// A folder of files of ECG carts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hospital {
    /// The folder, and how it is read.
    #[serde(flatten)]
    pub folder: Folder,
}

impl Hospital {
    pub(crate) const KIND: SourceKind = SourceKind {
        declaration: Kind {
            name: "hospital",
            doc: "A folder of ECGs as carts and hospitals' systems export them: GE MUSE XML, HL7 aECG, DICOM, SCP-ECG; the files say whose they are and what was measured and stated.",
            keys: &known_set(
                folder_path!(
                    "\"$ECG_DATA/clinic\"",
                    "The folder; all files of these formats in it and below are records."
                ),
                data_set("`hospital`, as of every source of this kind", "\"our clinic\""),
            ),
        },
        knows: Knowledge {
            folds: true,
            patients: true,
            age: true,
            sex: true,
            labels: &[],
            open_labels: true,
            measurements: &Measurement::BUILT_IN,
        },
        from_json: from_json::<Self>,
    };
}

/// Knows files of carts again by how they begin, where no table is beside them: that may say more.
pub(super) fn recognise(glimpse: &Glimpse) -> Option<Recognised> {
    let others = ["csv", "parquet", "hea"];
    let is_alone = others.iter().all(|ending| glimpse.of_ending(ending).next().is_none());
    let mut files = ENDINGS.iter().flat_map(|ending| glimpse.of_ending(ending)).take(8).peekable();
    glimpse.of_kind(&Hospital::KIND, is_alone && files.peek().is_some() && files.all(is_one))
}

impl KnownSet for Hospital {
    fn of_kind(&self) -> &'static SourceKind {
        &Self::KIND
    }

    fn folder(&self) -> &Folder {
        &self.folder
    }

    fn files_below(&self, root: &Path) -> Result<Vec<PathBuf>> {
        let files = files_below(root)?;
        if files.is_empty() {
            return Err(Error::user(format!(
                "{}: there are no files of MUSE XML, aECG, DICOM or SCP-ECG in this folder or below (.xml, .dcm, .scp)",
                root.display()
            )));
        }
        Ok(files)
    }

    fn records(&self, root: &Path) -> Result<Listing> {
        list(root, self.files_below(root)?)
    }

    fn signal(&self, listing: &Listing, index: usize, request: &Request<'_>) -> Result<Found> {
        let place = Place { path: listing.file(index)?.to_owned(), entry: None };
        signals::read(&place, &Layout::default(), request)
    }
}

fn list(root: &Path, files: Vec<PathBuf>) -> Result<Listing> {
    let known: Result<Vec<Facts>> = files
        .par_iter()
        .map(|file| {
            stop::check()?;
            Ok(facts(file).unwrap_or_default())
        })
        .collect();
    let (mut listing, mut strange, mut intervals) = (Listing::default(), Strange::default(), Vec::new());
    for (file, facts) in files.into_iter().zip(known?) {
        // What is after the last point may be part of one of DICOM's numbers.
        let id = name_below(root, &if has_ending(&file) { file.with_extension("") } else { file.clone() });
        let mut labels = LabelSet::default();
        facts.statements.iter().for_each(|statement| labels.insert(label(&STATEMENT, statement)));
        facts.phrases.iter().for_each(|phrase| labels.insert(label(&PHRASE, phrase)));
        let own: Intervals = [facts.hr.map(|hr| 60_000.0 / hr), facts.pr, facts.qt, facts.qrs];
        intervals.push(own);
        listing.records.push(Record {
            patient: facts.patient.unwrap_or_else(|| id.clone()),
            id,
            age: facts.age.known(&mut strange.ages),
            sex: facts.sex.known(&mut strange.sexes),
            labels,
            ..Record::default()
        });
        listing.files.push(file);
    }
    let origin = Origin { table: root.display().to_string(), columns: COLUMNS, rates: &[] };
    let warnings = admit(&mut listing.records, &intervals, &origin)?;
    listing.notes.extend(strange.notes().chain(missing_measurements(&listing.records)));
    listing.warnings.extend(warnings);
    Ok(listing)
}
