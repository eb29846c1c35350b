//! The Lobachevsky University Electrocardiography Database: 12 leads of 10 s at 500 Hz with the waves of every lead marked by
//! cardiologists.
//!
//! Kalyakulina et al., "LUDB: a new open-access validation tool for electrocardiogram delineation algorithms", IEEE Access
//! 8:186181 (2020), <https://doi.org/10.1109/ACCESS.2020.3029211>; <https://doi.org/10.13026/eegm-h675>.
//!
//! Intervals are made of the marks by this rule. A beat is the QRS complexes of all leads whose peaks follow each other within
//! 100 ms, if at least half of the leads have one; its QRS is from the earliest onset to the latest end over leads. Its P wave is
//! each lead's last that begins after the QRS before and at most 400 ms before this one, its T wave each lead's first that peaks
//! between it and the next QRS. PR is from the earliest onset of P to that of QRS, QT from the onset of QRS to the latest end of T.
//! PR, QT and QRS are medians over beats; RR is the mean time between beats (each the median over leads of its peaks). Extremes
//! over twelve leads are longer than what one lead shows or a measuring program gives: by some 10 to 30 ms.
//!
//! What is in the files, and what is made of it:
//! - The header's gains are not steps per mV: each lead is scaled to a range of its own. With 1000 steps per mV in all leads,
//!   I, II and III agree; so they are read, whatever the headers say, unless the source has a `gain`.
//! - Leads are named in lower case; age and sex are `#<age>` and `#<sex>` in the header's comments, age `>89` is 90 here.
//! - Diagnoses are phrases in the comments: labels of the vocabulary `ludb` (`'ludb:Left ventricular hypertrophy'`), and SCP-ECG
//!   statements with their classes where one says the same.
//! - One record a patient, and no folds: these are drawn, see `fold_seed`. `ludb.csv`, whose cells have line breaks, is not read.

mod delineation;

use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::declare::Kind;
use crate::ecg::{LabelSet, Lead, Measurement, Vocabulary};
use crate::source::comments::Comments;
use crate::source::files::{has_extension, paths_below, unreadable};
use crate::source::interface::from_json;
use crate::source::intervals::{Intervals, Origin, admit, missing_measurements};
use crate::source::keys::{data_set, folder_path, known_set};
use crate::source::known::{Folder, KnownSet, count_headers, headers};
use crate::source::maps::{Codes, Labels, OF_SCP, label};
use crate::source::person::Strange;
use crate::source::recognise::{Glimpse, Recognised, stem};
use crate::source::wfdb::annotation;
use crate::source::{Found, Knowledge, Listing, Reading, Record, Request, SourceKind, wfdb};
use crate::{Error, Result};

/// Hz, of all records.
const RATE: f64 = 500.0;

/// Steps per mV, whatever the headers say.
const STEPS: f64 = 1000.0;

/// Phrases of diagnosis; which there are is known when records are read.
static LUDB: Vocabulary = Vocabulary::new("ludb", &[]);

/// Phrases that a statement says the same as.
const STATEMENTS: [(&str, &str); 22] = [
    ("Rhythm: Sinus rhythm", "SR"),
    ("Rhythm: Sinus bradycardia", "SBRAD"),
    ("Rhythm: Sinus tachycardia", "STACH"),
    ("Rhythm: Sinus arrhythmia", "SARRH"),
    ("Rhythm: Atrial fibrillation", "AFIB"),
    ("Rhythm: Atrial flutter, typical", "AFLT"),
    ("Left ventricular hypertrophy", "LVH"),
    ("Right ventricular hypertrophy", "RVH"),
    ("Left atrial hypertrophy", "LAO/LAE"),
    ("Left atrial overload", "LAO/LAE"),
    ("Right atrial hypertrophy", "RAO/RAE"),
    ("Right atrial overload", "RAO/RAE"),
    ("Incomplete right bundle branch block", "IRBBB"),
    ("Complete right bundle branch block", "CRBBB"),
    ("Incomplete left bundle branch block", "ILBBB"),
    ("Complete left bundle branch block", "CLBBB"),
    ("Left anterior hemiblock", "LAFB"),
    ("I degree AV block", "1AVB"),
    ("III degree AV-block", "3AVB"),
    ("Non-specific intravintricular conduction delay", "IVCD"),
    ("UNIpolar ventricular pacing", "PACE"),
    ("BIpolar ventricular pacing", "PACE"),
];

/// Families of phrases that a statement says the same as.
const FAMILIES: [(&str, &str); 2] = [("Atrial extrasystole", "PAC"), ("Ventricular extrasystole", "PVC")];

/// The Lobachevsky University Electrocardiography Database.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ludb {
    /// The folder, and how it is read.
    #[serde(flatten)]
    pub folder: Folder,
}

impl Ludb {
    pub(crate) const KIND: SourceKind = SourceKind {
        declaration: Kind {
            name: "ludb",
            doc: "The Lobachevsky University Electrocardiography Database; intervals from the waves that cardiologists marked. A step is a microvolt, whatever gain the headers name, unless `gain` says another.",
            keys: &known_set(
                folder_path!("\"$ECG_DATA/ludb\"", "The folder with `data`, or that itself."),
                data_set("`ludb`, as of every source of this kind", "\"delineated\""),
            ),
        },
        knows: Knowledge {
            folds: true,
            patients: false,
            age: true,
            sex: true,
            labels: OF_SCP,
            open_labels: true,
            measurements: &Measurement::BUILT_IN,
        },
        from_json: from_json::<Self>,
    };
}

/// Knows numbered records again with marks of lead II beside them, and the comments of their headers.
pub(super) fn recognise(glimpse: &Glimpse) -> Option<Recognised> {
    let is_it = glimpse.headers_are(|path, comments| {
        stem(path).bytes().all(|byte| byte.is_ascii_digit())
            && path.with_extension("ii").is_file()
            && ["<age>", "<sex>", "<diagnoses>"].iter().all(|name| comments.has(name))
    });
    glimpse.of_kind(&Ludb::KIND, is_it)
}

impl KnownSet for Ludb {
    fn of_kind(&self) -> &'static SourceKind {
        &Self::KIND
    }

    fn folder(&self) -> &Folder {
        &self.folder
    }

    fn files_below(&self, root: &Path) -> Result<Vec<PathBuf>> {
        let is_mark = |path: &Path| Lead::ALL.iter().any(|lead| has_extension(path, lead.name()));
        paths_below(
            root,
            usize::MAX,
            |_| true,
            |path| has_extension(path, "hea") || has_extension(path, "dat") || is_mark(path),
        )
    }

    fn count(&self, root: &Path) -> Option<usize> {
        count_headers(root)
    }

    fn records(&self, root: &Path) -> Result<Listing> {
        list(root)
    }

    fn signal(&self, listing: &Listing, index: usize, request: &Request<'_>) -> Result<Found> {
        let reading = Reading { gain: request.reading.gain.or(Some(STEPS)), ..request.reading.clone() };
        wfdb::read_for(listing.file(index)?, &Request { reading: &reading, ..*request })
    }
}

/// The records of the headers below `root`, in the order of their numbers.
fn list(root: &Path) -> Result<Listing> {
    let mut headers = headers(root)?;
    let name = |header: &Path| header.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    headers.sort_by_cached_key(|header| (name(header).parse::<u64>().unwrap_or(u64::MAX), header.clone()));
    let known: Result<Vec<(Comments, Intervals)>> =
        headers.par_iter().map(|header| Ok((Comments::read(header)?, intervals(header)?))).collect();
    let (mut strange, mut intervals) = (Strange::default(), Vec::new());
    let mut listing = Listing::default();
    for (header, (comments, own)) in headers.iter().zip(known?) {
        let id = name(header);
        listing.records.push(Record {
            patient: id.clone(),
            id,
            age: comments.age().known(&mut strange.ages),
            sex: comments.sex().known(&mut strange.sexes),
            labels: labels(&comments),
            ..Record::default()
        });
        listing.files.push(header.with_extension(""));
        intervals.push(own);
    }
    let origin =
        Origin { table: root.display().to_string(), columns: ["marks of RR", "PR", "QT", "QRS"], rates: &[RATE] };
    listing.warnings.extend(admit(&mut listing.records, &intervals, &origin)?);
    listing.notes.extend(strange.notes());
    listing.notes.extend(missing_measurements(&listing.records));
    Ok(listing)
}

/// The intervals of the record of `header` from the marks beside it: files that end in the names of leads.
fn intervals(header: &Path) -> Result<Intervals> {
    let mut leads = Vec::new();
    for lead in Lead::ALL {
        let path = header.with_extension(lead.name().to_lowercase());
        if !path.is_file() {
            continue;
        }
        let bytes = std::fs::read(&path).map_err(|error| unreadable(&path, &error))?;
        let marks = annotation::parse(&bytes);
        leads.push(marks.map_err(|why| Error::user(format!("{}: {why}", path.display())))?);
    }
    Ok(delineation::intervals(&leads, RATE))
}

/// What the phrases after `<diagnoses>:` say.
fn labels(comments: &Comments) -> LabelSet {
    let phrases = comments.lines().skip_while(|line| !line.starts_with("<diagnoses>")).skip(1);
    let phrases: Vec<&str> =
        phrases.map(|line| line.trim_end_matches(['.', ' '])).filter(|line| !line.is_empty()).collect();
    let statement = |phrase: &&str| {
        let same = STATEMENTS.iter().find(|(known, _)| known == phrase);
        same.or_else(|| FAMILIES.iter().find(|(family, _)| phrase.starts_with(family))).map(|(_, code)| *code)
    };
    let mut labels = Labels::of(Codes::Scp).get(phrases.iter().filter_map(statement));
    phrases.iter().for_each(|phrase| labels.insert(label(&LUDB, phrase)));
    labels
}
