//! What columns are usually called: names in lower case, without signs.

use super::profile::{Column, Profile};

pub(super) const ID: &[&str] = &[
    "ecgid",
    "examid",
    "recordid",
    "studyid",
    "record",
    "recordname",
    "filename",
    "file",
    "ecg",
    "exam",
    "id",
    "name",
];
pub(super) const PATIENT: &[&str] =
    &["patientid", "subjectid", "patient", "subject", "pid", "mrn", "randid", "personid"];
pub(super) const AGE: &[&str] = &["age", "ageyears", "ageatecg", "ageatexam", "patientage"];
pub(super) const SEX: &[&str] = &["sex", "gender", "patientsex", "patientgender", "ismale", "isfemale"];
pub(super) const FOLD: &[&str] = &["stratfold", "fold", "split", "partition", "set"];
pub(super) const SITE: &[&str] = &["site", "hospital", "center", "centre", "institution", "source", "cohort"];
pub(super) const PATH: &[&str] =
    &["filenamehr", "path", "filepath", "filename", "file", "waveformpath", "signalpath", "ecgpath", "record"];
pub(super) const CODES: &[(&str, &str)] = &[
    ("scpcodes", "scp"),
    ("snomedctcode", "snomed"),
    ("snomedcode", "snomed"),
    ("snomed", "snomed"),
    ("dx", "codes"),
    ("ahacode", "aha"),
    ("ahacodes", "aha"),
    ("diagnosticsuperclass", "superclass"),
    ("superclass", "superclass"),
    ("diagnoses", "codes"),
    ("diagnosis", "codes"),
    ("codes", "codes"),
    ("labels", "codes"),
    ("label", "codes"),
    ("rhythm", "rhythm"),
    ("rhythms", "rhythm"),
    ("class", "codes"),
    ("target", "codes"),
];

/// Which record of a file for many one is.
pub(super) const ENTRY: &[&str] =
    &["entry", "row", "rowindex", "index", "idx", "position", "place", "offset", "h5index", "hdf5index", "tensorindex"];
/// Samples per second.
pub(super) const SAMPLING_RATE: &[&str] =
    &["samplingrate", "samplerate", "samplingfrequency", "samplefrequency", "fs", "frequency", "freq", "sfreq", "hz"];
/// Steps per mV.
pub(super) const GAIN: &[&str] = &["gain", "adcgain", "unitspermv", "stepspermv"];

/// Beats per minute, or intervals between beats.
pub(super) const RATE: &[&str] = &[
    "hr",
    "heartrate",
    "ventricularrate",
    "ventrate",
    "rr",
    "rrinterval",
    "rrmean",
    "avgrrinterval",
    "meanrr",
    "rrmeanglobal",
];
pub(super) const PR: &[&str] = &["pr", "printerval", "prduration", "pq", "pqinterval", "printglobal", "avgpr"];
pub(super) const QT: &[&str] = &["qt", "qtinterval", "qtduration", "qtintglobal", "avgqt"];
pub(super) const QRS: &[&str] = &["qrs", "qrsduration", "qrsinterval", "qrsdur", "qrsdurglobal", "qrsd", "avgqrs"];
/// Measurements beside the four, with their units.
pub(super) const OTHERS: &[(&str, &[&str], &str)] = &[
    ("qtc", &["qtc", "qtcinterval", "qtcorrected", "qtcb", "qtcf"], "ms"),
    ("p_axis", &["paxis"], "degrees"),
    ("qrs_axis", &["qrsaxis", "raxis"], "degrees"),
    ("t_axis", &["taxis"], "degrees"),
];
/// Places of a beat from which intervals follow: measurement, from, to.
pub(super) const BOUNDARIES: &[(&str, &[&str], &[&str])] = &[
    ("pr", &["ponset", "pon"], &["qrsonset", "qrson", "qonset"]),
    ("qrs", &["qrsonset", "qrson", "qonset"], &["qrsend", "qrsoffset", "qrsoff", "soffset"]),
    ("qt", &["qrsonset", "qrson", "qonset"], &["tend", "toffset", "toff"]),
];

/// A name without case and signs, and without a unit of time at its end.
fn plain(name: &str) -> [String; 2] {
    let lower = name.to_lowercase();
    let bare =
        ["_ms", " ms", "(ms)", "_s", "(s)", "_sec", "_bpm", "(bpm)"].iter().find_map(|unit| lower.strip_suffix(unit));
    let letters = |text: &str| text.chars().filter(|letter| letter.is_alphanumeric()).collect::<String>();
    [letters(&lower), letters(bare.unwrap_or(&lower))]
}

/// Whether the column has one of `names`.
pub(super) fn is(column: &Column, names: &[&str]) -> bool {
    plain(&column.name).iter().any(|own| names.contains(&own.as_str()))
}

/// The first column that has one of `names`, in their order.
pub(super) fn find<'p>(profile: &'p Profile, names: &[&str]) -> Option<&'p Column> {
    let known = || profile.columns.iter().filter(|column| column.known > 0);
    names.iter().find_map(|name| known().find(|column| is(column, &[name])))
}

/// How many of the usual columns a table has.
pub(super) fn score(profile: &Profile) -> usize {
    let lists = [ID, PATIENT, AGE, SEX, FOLD, RATE, PR, QT, QRS];
    let codes: Vec<&str> = CODES.iter().map(|(name, _)| *name).collect();
    lists.iter().filter(|names| find(profile, names).is_some()).count() + usize::from(find(profile, &codes).is_some())
}
