//! MedalCare-XL: 16,842 simulated records of 10 s at 500 Hz, of eight classes.
//!
//! Gillette et al., "MedalCare-XL: 16,900 healthy and pathological synthetic 12 lead ECGs from electrophysiological simulations",
//! Sci Data 10:531 (2023), <https://doi.org/10.1038/s41597-023-02416-4>; release 1.3, <https://doi.org/10.5281/zenodo.8068944>.
//!
//! Signals are `WP2_largeDataset_Noise/CLASS/SPLIT/run_MODEL/NNNNNN_RENDERING.csv`: 12 rows of 5000 numbers without a header, mV,
//! in the usual order of leads. Each record is there in three renderings (`raw`, `noise`, `filtered`), of which one is read.
//!
//! The class is a label of the vocabulary `medalcare` (`'medalcare:lbbb'`), and a statement or superclass where one says the same. The
//! patient is the ventricular model, which some of the given splits share: folds are drawn by it, see `fold_seed`, and the splits
//! are not used.
//!
//! The layout was checked against its description only, not against the files.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::declare::{Key, Kind, Type, Words};
use crate::ecg::{LabelSet, Lead, Vocabulary, Voltage, superclass};
use crate::source::files::{name_below, paths_below};
use crate::source::interface::from_json;
use crate::source::keys::{AT_MOST, EXCLUDE, FOLD_SEED, GAIN, UNIT, UNREADABLE, data_set, folder_path};
use crate::source::known::{Folder, KnownSet};
use crate::source::maps::{Codes, Labels, OF_SCP, label};
use crate::source::recognise::{Glimpse, Recognised, is_numbered, stem};
use crate::source::signals::{self, Axis, Layout, Place};
use crate::source::{Found, Knowledge, Listing, Record, Request, SourceKind};
use crate::{Error, Result};

/// Classes; which there are is known when records are read.
static MEDALCARE: Vocabulary = Vocabulary::new("medalcare", &[]);

const RENDERINGS: Words = Words {
    what: "rendering",
    known: &[("raw", "as simulated"), ("noise", "with noise"), ("filtered", "with noise, then filtered")],
    later: &[],
    open: None,
};

/// MedalCare-XL.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MedalcareXl {
    /// Which rendering is read: `raw`, `noise`, `filtered`.
    pub rendering: String,
    /// The folder, and how it is read.
    #[serde(flatten)]
    pub folder: Folder,
}

impl MedalcareXl {
    pub(crate) const KIND: SourceKind = SourceKind {
        declaration: Kind {
            name: "medalcare-xl",
            doc: "MedalCare-XL: simulated records of eight classes, CSV files.",
            keys: &[
                folder_path!("\"$ECG_DATA/medalcare-xl\"", "The folder with `WP2_largeDataset_Noise`, or one below."),
                Key::new("rendering", Type::Word(&RENDERINGS), "\"noise\"", "Which rendering of each record is read."),
                data_set("`medalcare-xl`, as of every source of this kind", "\"medalcare\""),
                FOLD_SEED,
                GAIN,
                UNIT,
                UNREADABLE,
                AT_MOST,
                EXCLUDE,
            ],
        },
        knows: Knowledge {
            folds: true,
            patients: true,
            age: false,
            sex: false,
            labels: OF_SCP,
            open_labels: true,
            measurements: &[],
        },
        from_json: from_json::<Self>,
    };
}

/// Knows folders of simulation runs again, and of the first file that it has a row for each lead.
pub(super) fn recognise(glimpse: &Glimpse) -> Option<Recognised> {
    let usual = ["noise", "filtered", "raw"];
    let is_run = |path: &Path| path.parent().is_some_and(|run| stem(run).starts_with("run_"));
    let of = |rendering: &str| {
        let is_of = |path: &&Path| {
            let name = stem(path);
            is_run(path) && name.split_once('_').is_some_and(|(id, own)| own == rendering && is_numbered(id, "", 6))
        };
        glimpse.of_ending("csv").find(is_of)
    };
    let (rendering, file) = usual.into_iter().find_map(|rendering| Some((rendering, of(rendering)?)))?;
    let look = signals::look(file, &Layout::default()).ok()?;
    let is_it = look.leads.is_empty() && look.arrays.iter().any(|array| array.shape.first() == Some(&Lead::ALL.len()));
    let found = glimpse.of_kind(&MedalcareXl::KIND, is_it)?;
    Some(if rendering == usual[0] { found } else { found.with("rendering", rendering.into()) })
}

impl KnownSet for MedalcareXl {
    fn of_kind(&self) -> &'static SourceKind {
        &Self::KIND
    }

    fn folder(&self) -> &Folder {
        &self.folder
    }

    fn files_below(&self, root: &Path) -> Result<Vec<PathBuf>> {
        let ending = format!("_{}.csv", self.rendering);
        let is_one = |path: &Path| path.file_name().is_some_and(|name| name.to_string_lossy().ends_with(&ending));
        let files = paths_below(root, usize::MAX, |_| true, is_one)?;
        if files.is_empty() {
            return Err(Error::user(format!("{}: no file in this folder or below ends in {ending}", root.display())));
        }
        Ok(files)
    }

    fn records(&self, root: &Path) -> Result<Listing> {
        let mut listing = Listing::default();
        for file in self.files_below(root)? {
            // NNNNNN_noise.csv in CLASS/SPLIT/run_MODEL.
            let folders: Vec<String> = file
                .ancestors()
                .skip(1)
                .take(3)
                .map(|path| path.file_name().unwrap_or_default().to_string_lossy().into_owned())
                .collect();
            let [model, _, class] = &folders[..] else { continue };
            let name = name_below(root, &file);
            let id = name.strip_suffix(&format!("_{}.csv", self.rendering)).unwrap_or(&name).to_owned();
            let labels = labels(class);
            listing.records.push(Record { id, patient: model.clone(), labels, ..Record::default() });
            listing.files.push(file);
        }
        Ok(listing)
    }

    fn signal(&self, listing: &Listing, index: usize, request: &Request<'_>) -> Result<Found> {
        let layout = Layout {
            sampling_rate: Some(500.0),
            order: Some(Lead::ALL.to_vec()),
            array: None,
            leads_are: Some(Axis::Rows),
        };
        let place = Place { path: listing.file(index)?.to_owned(), entry: None };
        signals::read_in(Voltage::Millivolt, &place, &layout, request)
    }
}

fn labels(class: &str) -> LabelSet {
    let (code, superclass) = match class.to_lowercase().as_str() {
        "sinus" => (Some("NORM"), None),
        "avblock" => (Some("1AVB"), None),
        "lbbb" => (Some("CLBBB"), None),
        "rbbb" => (Some("CRBBB"), None),
        "lae" => (Some("LAO/LAE"), None),
        "mi" => (None, Some(superclass::MI)),
        _ => (None, None),
    };
    let mut labels = Labels::of(Codes::Scp).get(code);
    superclass.into_iter().for_each(|class| labels.insert(class));
    labels.insert(label(&MEDALCARE, class));
    labels
}
