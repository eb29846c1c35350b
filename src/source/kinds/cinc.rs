//! The PhysioNet/Computing in Cardiology Challenges 2020 and 2021: folders of WFDB headers with MATLAB signals, SNOMED CT codes
//! in the headers' comments.
//!
//! Perez Alday et al., "Classification of 12-lead ECGs: the PhysioNet/Computing in Cardiology Challenge 2020", Physiol Meas
//! 41:124003 (2020), <https://doi.org/10.1088/1361-6579/abc960>; Reyna et al., "Will two do? Varying dimensions in
//! electrocardiography: the PhysioNet/Computing in Cardiology Challenge 2021", CinC 48 (2021),
//! <https://doi.org/10.23919/CinC53138.2021.9662687>.
//!
//! What is in the files, and what is made of it:
//! - No patients: each record is a patient of its own. Records `HRnnnnn` are PTB-XL's `ecg_id` nnnnn, so that they have
//!   patients in common with `ptb-xl`: the splits know a recording by its samples, not a patient's other recordings.
//! - No folds: they are drawn, see `fold_seed`.
//! - Ages NaN, -1 (not known), and 300 (above 89 in the PTB-XL cohort); sexes `Male` and `M`; a code twice in one record.
//! - Cohorts of 257 Hz and 30 minutes (St Petersburg), 1000 Hz (PTB), 500 Hz (the others), all resampled as the manifest says.
//! - The first release of 2020 has words for codes (`#Dx: RBBB`), which are those of CPSC 2018, and wrong gains: Georgia's 4880/mV
//!   is 5 times too many, PTB-XL's 200/mV 5 times too few; `gain = 1000` (976 for Georgia, as its own) puts it right.
//! - Code 426783006, sinus rhythm, stands for normal ECGs too: there is no class `NORM`.

use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::ecg_arrhythmia;
use crate::Result;
use crate::declare::Kind;
use crate::source::comments::Comments;
use crate::source::interface::from_json;
use crate::source::keys::{data_set, folder_path, known_set};
use crate::source::known::{Folder, KnownSet, count_headers, headers, signals_and_headers};
use crate::source::maps::{Codes, Labels, OF_SNOMED};
use crate::source::person::Strange;
use crate::source::recognise::{Glimpse, Recognised, is_numbered, stem};
use crate::source::{Knowledge, Listing, Record, SourceKind};

/// The PhysioNet/CinC Challenges 2020 and 2021.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cinc {
    /// The folder, and how it is read.
    #[serde(flatten)]
    pub folder: Folder,
}

/// What is known of records whose headers have comments as the Challenges'.
pub(super) const KNOWS: Knowledge = Knowledge {
    folds: true,
    patients: false,
    age: true,
    sex: true,
    labels: OF_SNOMED,
    open_labels: true,
    measurements: &[],
};

impl Cinc {
    pub(crate) const KIND: SourceKind = SourceKind {
        declaration: Kind {
            name: "cinc",
            doc: "The PhysioNet/CinC Challenges 2020 and 2021: headers and MATLAB signals, SNOMED CT codes in the headers.",
            keys: &known_set(
                folder_path!(
                    "\"$ECG_DATA/cinc\"",
                    "The folder; all headers in it and below are records. Name one cohort's folder, such as `training/georgia`, to have it alone."
                ),
                data_set("`cinc`, as of every source of this kind", "\"georgia\""),
            ),
        },
        knows: KNOWS,
        from_json: from_json::<Self>,
    };
}

/// How cohorts call their records: CPSC, CPSC-Extra, St Petersburg, PTB, PTB-XL, Georgia, Chapman and Ningbo.
const NAMES: [(&str, usize); 7] = [("A", 4), ("Q", 4), ("I", 4), ("S", 4), ("HR", 5), ("E", 5), ("JS", 5)];

/// Knows a folder of the Challenges' records again, which those of `ecg-arrhythmia` are too but for where they are.
pub(super) fn recognise(glimpse: &Glimpse) -> Option<Recognised> {
    glimpse.of_kind(&Cinc::KIND, are_challenge(glimpse) && !ecg_arrhythmia::is_its_folder(glimpse))
}

/// Whether headers are the Challenges': by names, MATLAB signals beside them, and comments.
pub(super) fn are_challenge(glimpse: &Glimpse) -> bool {
    glimpse.headers_are(|path, comments| {
        NAMES.iter().any(|(before, digits)| is_numbered(&stem(path), before, *digits))
            && path.with_extension("mat").is_file()
            && ["Age", "Sex", "Dx", "Rx", "Hx"].iter().all(|name| comments.has(name))
    })
}

impl KnownSet for Cinc {
    fn of_kind(&self) -> &'static SourceKind {
        &Self::KIND
    }

    fn folder(&self) -> &Folder {
        &self.folder
    }

    fn files_below(&self, root: &Path) -> Result<Vec<PathBuf>> {
        signals_and_headers(root)
    }

    fn count(&self, root: &Path) -> Option<usize> {
        count_headers(root)
    }

    fn records(&self, root: &Path) -> Result<Listing> {
        list(root)
    }
}

/// The records of the headers below `root`, in the order of their paths.
pub(super) fn list(root: &Path) -> Result<Listing> {
    let headers = headers(root)?;
    let comments: Result<Vec<Comments>> = headers.par_iter().map(|header| Comments::read(header)).collect();
    let (mut labels, mut strange, mut words) = (Labels::of(Codes::Snomed), Strange::default(), 0);
    let mut listing = Listing::default();
    for (header, comments) in headers.iter().zip(comments?) {
        let id = header.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let written: Vec<&str> = diagnoses(&comments).collect();
        let codes: Vec<&str> = written.iter().map(|code| in_snomed(code)).collect();
        words += usize::from(written.iter().any(|code| !is_code(code)));
        listing.records.push(Record {
            patient: id.clone(),
            id,
            age: comments.age().known(&mut strange.ages),
            sex: comments.sex().known(&mut strange.sexes),
            labels: labels.get(codes),
            ..Record::default()
        });
        listing.files.push(header.with_extension(""));
    }
    if words > 0 {
        listing.notes.push(format!(
            "{words} records have words for SNOMED CT codes, as the Challenge's first release had; those of CPSC 2018 \
             (AF, I-AVB, LBBB, RBBB, PAC, PVC, STD, STE, Normal) are taken as their codes; check the gains, which are wrong \
             there for Georgia and PTB-XL"
        ));
    }
    listing.notes.extend(labels.note().into_iter().chain(strange.notes()));
    Ok(listing)
}

/// The codes of a record as they are written.
fn diagnoses(comments: &Comments) -> impl Iterator<Item = &str> {
    let codes = comments.value("Dx").unwrap_or_default().split(',').map(str::trim);
    codes.filter(|code| !code.is_empty() && !code.eq_ignore_ascii_case("unknown"))
}

fn is_code(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The nine classes of CPSC 2018 as the Challenge coded them later; what is not one of them as it is.
fn in_snomed(text: &str) -> &str {
    const CPSC: [(&str, &str); 10] = [
        ("AF", "164889003"),
        ("I-AVB", "270492004"),
        ("IAVB", "270492004"),
        ("LBBB", "164909002"),
        ("Normal", "426783006"),
        ("PAC", "284470004"),
        ("PVC", "164884008"),
        ("RBBB", "59118001"),
        ("STD", "429622005"),
        ("STE", "164931005"),
    ];
    CPSC.iter().find(|(word, _)| word.eq_ignore_ascii_case(text)).map_or(text, |(_, code)| code)
}
