//! The Shandong Provincial Hospital database: 25,770 records of 10 to 60 s at 500 Hz, with AHA statements.
//!
//! Liu et al., "A large-scale multi-label 12-lead electrocardiogram database with standardized diagnostic statements", Sci Data
//! 9:272 (2022), <https://doi.org/10.1038/s41597-022-01403-5>.
//!
//! `metadata.csv` has a row for each record: `ECG_ID`, `AHA_Code`, `Patient_ID`, `Age`, `Sex`, `N` (samples), `Date`. Signals are
//! HDF5 files `records/ECG_ID.h5` with the array `ecg`, (12, N), mV, in the usual order of leads.
//!
//! What is in the files, and what is made of it:
//! - Codes are a list such as `60+310;147`: statements with modifiers after `+`. Labels are the codes with and without their
//!   modifiers, and what they say in PTB-XL's statements. Modifiers such as "possible" do not take a statement back.
//! - Patients have several records; folds, of which the data have none, are drawn by patient, see `fold_seed`.
//! - Copies have the ending `.h5` in `ECG_ID`, and the files beside the table: both are read.
//!
//! The layout was checked on ten records of such a copy, not on the release itself.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::declare::Kind;
use crate::ecg::{Lead, Voltage};
use crate::source::files::{has_extension, paths_below};
use crate::source::interface::from_json;
use crate::source::keys::{data_set, folder_path, known_set};
use crate::source::known::{Folder, KnownSet, table_in};
use crate::source::maps::{Codes, Labels, OF_AHA};
use crate::source::person::{Strange, age, sex};
use crate::source::recognise::{Glimpse, Recognised};
use crate::source::signals::{self, Axis, Layout, Place};
use crate::source::table::Table;
use crate::source::{Found, Knowledge, Listing, Record, Request, SourceKind};
use crate::{Error, Result};

const TABLE: &str = "metadata.csv";

/// The Shandong Provincial Hospital database.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sph {
    /// The folder, and how it is read.
    #[serde(flatten)]
    pub folder: Folder,
}

impl Sph {
    pub(crate) const KIND: SourceKind = SourceKind {
        declaration: Kind {
            name: "sph",
            doc: "The Shandong Provincial Hospital database: `metadata.csv` with AHA statements, HDF5 files.",
            keys: &known_set(
                folder_path!("\"$ECG_DATA/sph\"", "The folder with `metadata.csv`."),
                data_set("`sph`, as of every source of this kind", "\"shandong\""),
            ),
        },
        knows: Knowledge {
            folds: true,
            patients: true,
            age: true,
            sex: true,
            labels: OF_AHA,
            open_labels: true,
            measurements: &[],
        },
        from_json: from_json::<Self>,
    };
}

/// Knows the table again, and HDF5 files beside it or below.
pub(super) fn recognise(glimpse: &Glimpse) -> Option<Recognised> {
    let columns = ["ECG_ID", "AHA_Code", "Patient_ID", "N"];
    glimpse.of_kind(&Sph::KIND, glimpse.has_table(TABLE, &columns) && glimpse.of_ending("h5").next().is_some())
}

impl KnownSet for Sph {
    fn of_kind(&self) -> &'static SourceKind {
        &Self::KIND
    }

    fn folder(&self) -> &Folder {
        &self.folder
    }

    fn files_below(&self, root: &Path) -> Result<Vec<PathBuf>> {
        let mut files = paths_below(root, usize::MAX, |_| true, |path| has_extension(path, "h5"))?;
        files.push(table_in(root, TABLE)?);
        Ok(files)
    }

    fn records(&self, root: &Path) -> Result<Listing> {
        list(root)
    }

    fn signal(&self, listing: &Listing, index: usize, request: &Request<'_>) -> Result<Found> {
        let layout = Layout {
            sampling_rate: Some(500.0),
            order: Some(Lead::ALL.to_vec()),
            array: Some("ecg".into()),
            leads_are: Some(Axis::Rows),
        };
        let place = Place { path: listing.file(index)?.to_owned(), entry: None };
        signals::read_in(Voltage::Millivolt, &place, &layout, request)
    }
}

fn list(root: &Path) -> Result<Listing> {
    let path = root.join(TABLE);
    let table = Table::open(&path)?;
    let [id, codes, patient] = ["ECG_ID", "AHA_Code", "Patient_ID"].map(|name| table.column(name));
    let (id, codes, patient) = (id?, codes?, patient?);
    let [ages, sexes] = ["Age", "Sex"].map(|name| table.optional_column(name));
    let folder = Some(root.join("records")).filter(|folder| folder.is_dir()).unwrap_or_else(|| root.into());
    let (mut listing, mut labels, mut strange) = (Listing::default(), Labels::of(Codes::Aha), Strange::default());
    table.each(|row| {
        let name = row.name(&id)?;
        let name = name.strip_suffix(".h5").unwrap_or(&name).to_owned();
        let written = row.text(&codes);
        let written = written.split(';').map(str::trim).filter(|code| !code.is_empty());
        listing.records.push(Record {
            patient: row.name(&patient)?,
            age: ages.as_ref().and_then(|column| age(&row.text(column)).known(&mut strange.ages)),
            sex: sexes.as_ref().and_then(|column| sex(&row.text(column)).known(&mut strange.sexes)),
            labels: labels.get(written),
            id: name.clone(),
            ..Record::default()
        });
        listing.files.push(folder.join(format!("{name}.h5")));
        Ok(())
    })?;
    if listing.records.is_empty() {
        return Err(Error::user(format!("{}: the table has no records", path.display())));
    }
    listing.column = Some("ECG_ID");
    listing.notes.extend(labels.note().into_iter().chain(strange.notes()));
    Ok(listing)
}
