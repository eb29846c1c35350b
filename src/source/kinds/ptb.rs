//! The PTB Diagnostic ECG Database: 549 records of 290 people, 1000 Hz, 12 leads and three of Frank.
//!
//! Bousseljot et al., "Nutzung der EKG-Signaldatenbank CARDIODAT der PTB über das Internet", Biomed Tech 40:S317 (1995);
//! <https://doi.org/10.13026/C28C71>.
//!
//! Records are `patientNNN/sNNNN*.{hea,dat,xyz}`; the folder is the patient. Comments of the header have age, sex and the reason for
//! admission, a label of the vocabulary `ptb` (`'ptb:Healthy control'`): it is a clinical diagnosis, not what the ECG shows. It has
//! a superclass where one is of its kind, and a localised acute or former infarction a statement. Leads are named in lower
//! case; vx, vy and vz are not read. Folds are drawn by patient, see `fold_seed`.
//!
//! The layout was checked against its description only, not against the files.

use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::Result;
use crate::declare::Kind;
use crate::ecg::{LabelSet, Vocabulary, superclass};
use crate::source::comments::Comments;
use crate::source::files::{has_extension, name_below, paths_below};
use crate::source::interface::from_json;
use crate::source::keys::{data_set, folder_path, known_set};
use crate::source::known::{Folder, KnownSet, count_headers, headers};
use crate::source::maps::{Codes, Labels, OF_SCP, label};
use crate::source::person::Strange;
use crate::source::recognise::{Glimpse, Recognised, is_numbered, stem};
use crate::source::{Knowledge, Listing, Record, SourceKind};

/// Reasons for admission; which there are is known when records are read.
static PTB: Vocabulary = Vocabulary::new("ptb", &[]);

/// The PTB Diagnostic ECG Database.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ptb {
    /// The folder, and how it is read.
    #[serde(flatten)]
    pub folder: Folder,
}

impl Ptb {
    pub(crate) const KIND: SourceKind = SourceKind {
        declaration: Kind {
            name: "ptb",
            doc: "The PTB Diagnostic ECG Database: a folder for each patient, the diagnosis in the headers.",
            keys: &known_set(
                folder_path!("\"$ECG_DATA/ptbdb\"", "The folder with those of the patients."),
                data_set("`ptb`, as of every source of this kind", "\"ptbdb\""),
            ),
        },
        knows: Knowledge {
            folds: true,
            patients: true,
            age: true,
            sex: true,
            labels: OF_SCP,
            open_labels: true,
            measurements: &[],
        },
        from_json: from_json::<Self>,
    };
}

/// Knows folders of patients again, and the comments of their headers.
pub(super) fn recognise(glimpse: &Glimpse) -> Option<Recognised> {
    let is_it = glimpse.headers_are(|path, comments| {
        path.parent().is_some_and(|patient| is_numbered(&stem(patient), "patient", 3))
            && stem(path).starts_with('s')
            && ["Reason for admission", "Diagnose"].iter().all(|name| comments.has(name))
    });
    glimpse.of_kind(&Ptb::KIND, is_it)
}

impl KnownSet for Ptb {
    fn of_kind(&self) -> &'static SourceKind {
        &Self::KIND
    }

    fn folder(&self) -> &Folder {
        &self.folder
    }

    fn files_below(&self, root: &Path) -> Result<Vec<PathBuf>> {
        let is_one = |path: &Path| ["hea", "dat", "xyz"].iter().any(|ending| has_extension(path, ending));
        paths_below(root, usize::MAX, |_| true, is_one)
    }

    fn count(&self, root: &Path) -> Option<usize> {
        count_headers(root)
    }

    fn records(&self, root: &Path) -> Result<Listing> {
        let headers = headers(root)?;
        let comments: Result<Vec<Comments>> = headers.par_iter().map(|header| Comments::read(header)).collect();
        let (mut listing, mut strange) = (Listing::default(), Strange::default());
        for (header, comments) in headers.iter().zip(comments?) {
            let file = header.with_extension("");
            let patient = header.parent().and_then(Path::file_name).unwrap_or_default();
            listing.records.push(Record {
                id: name_below(root, &file),
                patient: patient.to_string_lossy().into_owned(),
                age: comments.age().known(&mut strange.ages),
                sex: comments.sex().known(&mut strange.sexes),
                labels: labels(&comments),
                ..Record::default()
            });
            listing.files.push(file);
        }
        listing.notes.extend(strange.notes());
        Ok(listing)
    }
}

/// What a header says of the diagnosis.
fn labels(comments: &Comments) -> LabelSet {
    let places = ["Acute infarction (localization)", "Former infarction (localization)"];
    let infarctions = places.into_iter().filter_map(|place| comments.value(place)).filter_map(infarction);
    let mut labels = Labels::of(Codes::Scp).get(infarctions);
    if let Some(reason) = comments.value("Reason for admission") {
        labels.insert(label(&PTB, reason));
        superclass_of(reason).into_iter().for_each(|class| labels.insert(class));
    }
    labels
}

fn superclass_of(reason: &str) -> Option<crate::ecg::Label> {
    let class = match reason.to_lowercase().as_str() {
        "healthy control" => superclass::NORM,
        "myocardial infarction" => superclass::MI,
        "bundle branch block" => superclass::CD,
        "hypertrophy" | "myocardial hypertrophy" => superclass::HYP,
        _ => return None,
    };
    Some(class)
}

/// The statement for where an infarction is; headers spell it in several ways (`infero-latera`).
fn infarction(place: &str) -> Option<&'static str> {
    let letters: String = place.to_lowercase().chars().filter(char::is_ascii_alphabetic).collect();
    let code = match letters.as_str() {
        "anterior" => "AMI",
        "anteroseptal" => "ASMI",
        "anterolateral" => "ALMI",
        "inferior" => "IMI",
        "inferolateral" | "inferolatera" => "ILMI",
        "inferoposterior" => "IPMI",
        "inferoposterolateral" | "inferoposterlateral" => "IPLMI",
        "lateral" => "LMI",
        "posterior" => "PMI",
        _ => return None,
    };
    Some(code)
}
