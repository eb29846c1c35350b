//! ecg-arrhythmia 1.0.0 (Chapman University, Shaoxing People's and Ningbo First Hospital): headers and MATLAB signals as the
//! Challenges' in `WFDBRecords/NN/NNN`, SNOMED CT codes in the headers' comments.
//!
//! Zheng et al., "A large scale 12-lead electrocardiogram database for arrhythmia study", PhysioNet (2022),
//! <https://doi.org/10.13026/wgex-er52>; Zheng et al., Sci Data 7:48 (2020), <https://doi.org/10.1038/s41597-020-0386-x>.
//!
//! One record a patient. Records are those of the Challenge 2021's cohorts Chapman and Ningbo under the same names, and some of
//! `chapman` under others: recordings are known by their samples. Folds are drawn, see `fold_seed`. The table of condition
//! names is not read: it has one code for several of its names. The layout was checked on Challenge files of the cohorts, not on
//! this release's own.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::cinc::{KNOWS, are_challenge, list};
use crate::Result;
use crate::declare::Kind;
use crate::source::interface::from_json;
use crate::source::keys::{data_set, folder_path, known_set};
use crate::source::known::{Folder, KnownSet, count_headers, signals_and_headers};
use crate::source::recognise::{Glimpse, Recognised};
use crate::source::{Listing, SourceKind};

/// The ecg-arrhythmia database of PhysioNet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EcgArrhythmia {
    /// The folder, and how it is read.
    #[serde(flatten)]
    pub folder: Folder,
}

impl EcgArrhythmia {
    pub(crate) const KIND: SourceKind = SourceKind {
        declaration: Kind {
            name: "ecg-arrhythmia",
            doc: "PhysioNet's ecg-arrhythmia (Chapman and Ningbo): headers and MATLAB signals, SNOMED CT codes in the headers.",
            keys: &known_set(
                folder_path!("\"$ECG_DATA/ecg-arrhythmia\"", "The folder with `WFDBRecords`, or one below."),
                data_set("`ecg-arrhythmia`, as of every source of this kind", "\"ningbo\""),
            ),
        },
        knows: KNOWS,
        from_json: from_json::<Self>,
    };
}

/// The folder of all records.
const RECORDS: &str = "WFDBRecords";

/// Knows the Challenges' records again in the folders of this release.
pub(super) fn recognise(glimpse: &Glimpse) -> Option<Recognised> {
    glimpse.of_kind(&EcgArrhythmia::KIND, is_its_folder(glimpse) && are_challenge(glimpse))
}

/// Whether its records are in `WFDBRecords`.
pub(super) fn is_its_folder(glimpse: &Glimpse) -> bool {
    glimpse.of_ending("hea").next().is_some_and(|path| path.iter().any(|part| part == RECORDS))
}

impl KnownSet for EcgArrhythmia {
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
