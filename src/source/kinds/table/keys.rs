//! What a manifest says of a table.

use serde::{Deserialize, Serialize};

use super::codes::Form;
use crate::declare::{Key, Range, Type, Words, known, list_of, sequence, table};
use crate::source::DataPath;
use crate::source::keys::{AT_MOST, EXCLUDE, GAIN, LEAD, LEADS, UNIT, UNREADABLE, data_set};

table! {
    /// The labels of records.
    pub struct Labels {
        /// The column of codes.
        pub column: Option<String> = none, absent "labels are the columns of `flags`", example "\"scp_codes\"";
        /// How codes stand in the column.
        pub form: Option<Form> = none, absent "as the column looks: `run` tells it", example "\";\"";
        /// Which codes of a dictionary count, by their likelihood.
        pub likelihood: Option<Likelihood> = none, absent "all do", example "{ \"at_least\": 50.0 }";
        /// Columns of which each is a label: 1 or 0, True or False. Where one is empty it is not known, which is not 0;
        /// but of a column that has no 0 at all an empty field is one.
        pub flags: Vec<String> = [] in list_of(&Type::Text(1), 0), example "[\"1dAVb\", \"RBBB\"]";
        /// What the labels are called together; `vocabulary:label` in conditions. Of `scp` (PTB-XL's statements), `snomed` (SNOMED CT),
        /// `aha` (AHA/ACC/HRS statements) and `subclass` records also have what the codes say in PTB-XL's statements, subclasses and
        /// superclasses, as far as that is known here; `run` tells which codes say nothing.
        pub vocabulary: String = "codes";
        /// A table of your own with what codes say: columns `code`, `label` and, where labels are none of PTB-XL's statements,
        /// `vocabulary`, which may be one of those above; a row for each thing that a code says.
        pub map: Option<DataPath> = none in Type::Path, absent "codes say what `vocabulary` knows", example "\"our_codes.csv\"";
    }
}

table! {
    /// Which codes count by their likelihood.
    pub struct Likelihood {
        /// The lowest likelihood that counts, in the unit of the table; a code without one counts. PTB-XL writes 0 where
        /// none is stated, as for rhythms.
        pub at_least: f64 = 50.0 in Type::Number(Range::at_least(0.0)), unit "%";
    }
}

table! {
    /// A measurement.
    pub struct MeasurementKeys {
        /// Arithmetic over columns: numbers, names, `+ - * /` and parentheses; a name with spaces or signs stands in
        /// backquotes. Where a column is missing it is.
        pub value: String = required, example "\"qrs_offset - qrs_onset\"";
        /// The unit of what is computed: `ms`, `s`, `us` or `samples`, for `hr` also `bpm` and `Hz`. `hr` of a time is that of
        /// an interval between beats. Of measurements that are not built in it is only a name.
        pub unit: Option<String> = none, absent "bpm for `hr`, ms for `pr`, `qt` and `qrs`", example "\"s\"";
        /// How many samples there are in a second, where the unit is `samples`.
        pub sampling_rate: Option<f64> = none in Type::Number(Range::above(0.0)), absent "the unit is not `samples`",
            example "500.0", unit "Hz";
    }
}

table! {
    /// What a column has for the sexes.
    pub struct SexValues {
        /// What stands for male.
        pub male: Vec<String> = [] in list_of(&Type::Text(1), 0), example "[\"0\"]";
        /// What stands for female.
        pub female: Vec<String> = [] in list_of(&Type::Text(1), 0), example "[\"1\"]";
    }
}

/// A second table, with a row for each value of a key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Join {
    /// The table.
    pub path: DataPath,
    /// The column of both.
    pub on: String,
}

const JOIN: &[Key] = &[
    Key::required("path", Type::Path, "\"machine_measurements.csv\"", "The table: CSV or Parquet."),
    Key::required("on", Type::Text(1), "\"study_id\"", "The column that both have."),
];

const AXES: Words = known("axis", &[("rows", "(leads, samples)"), ("columns", "(samples, leads)")]);

const fn column(name: &'static str, absent: &'static str, example: &'static str, doc: &'static str) -> Key {
    Key::optional(name, Type::Text(1), absent, example, doc)
}

pub(super) const KEYS: &[Key] = &[
    Key::required(
        "path",
        Type::Path,
        "\"$ECG_DATA/mine/records.csv\"",
        "The table with a row for each record: CSV with a header line (commas, semicolons or tabs), Parquet, or the first sheet of an Excel file (`.xlsx`). Of a folder of WFDB headers a row is a header, with the columns `record` (its path without `.hea`) and those of its comments, such as `Age` for `#Age: 56`. A relative path starts at the manifest's folder; `$VAR` comes from the environment.",
    ),
    Key::required(
        "signals",
        Type::Text(1),
        "\"records/{id}.h5\"",
        "Where a record's signal is, from the table's folder: `{column}` stands for what the row has there, `{column:05}` for a number of at least five digits. WFDB is named with or without `.hea`. Without a column it is one file for all, and a record is that entry which `entry` says.",
    ),
    column(
        "entry",
        "a file that `signals` names by columns has one record; one for all has them in the order of the rows",
        "\"row\"",
        "The column with the number of a record in a file of many, from 0.",
    ),
    column(
        "id",
        "the path of its signal, without its ending",
        "\"ecg_id\"",
        "The column with the record's name, no two alike.",
    ),
    column("patient", "each record is a patient's own", "\"patient_id\"", "The column that says whose record it is."),
    column(
        "fold",
        "ten folds are drawn by patient",
        "\"strat_fold\"",
        "The column of folds: 1 to 10, or at most ten other values, in their order.",
    ),
    Key::new(
        "fold_seed",
        Type::Integer(Range::from_to(0.0, 4_294_967_295.0)),
        "0",
        "What folds are drawn with where the table has none.",
    ),
    column(
        "age",
        "it is not known",
        "\"age\"",
        "The column of the age, or arithmetic as in `measurements`: `age_days / 365.25`. `>89` and 300 are 90.",
    )
    .unit("years"),
    column(
        "sex",
        "it is not known",
        "\"sex\"",
        "The column of the sex: `M`, `male`, `F`, `female` and the like, or as `sex_values` says.",
    ),
    Key::optional(
        "sex_values",
        Type::Table(<SexValues as crate::declare::Table>::KEYS),
        "the usual words; `1` and `0` only in columns such as `is_male`",
        "{ \"male\": [\"0\"], \"female\": [\"1\"] }",
        "What the column of the sex has for each.",
    ),
    column(
        "site",
        "it is not known",
        "\"site\"",
        "The column of the place of recording: a label of the vocabulary `site`, for conditions.",
    ),
    Key::new(
        "measurements",
        Type::Named(&Type::Short(<MeasurementKeys as crate::declare::Table>::KEYS)),
        "{}",
        "What is measured, by name: `hr`, `pr`, `qt`, `qrs`, or any other. Values of these four that no human ECG can have are not known.",
    ),
    Key::optional(
        "labels",
        Type::Short(<Labels as crate::declare::Table>::KEYS),
        "records have none",
        "{ \"column\": \"scp_codes\", \"vocabulary\": \"scp\" }",
        "The labels of records.",
    ),
    Key::new(
        "missing",
        sequence(&Type::Number(Range::from_to(-1e12, 1e12)), 0, 100),
        "[]",
        "Numbers that stand for what is missing, such as `[29999, 65535, -1]`, in ages and measurements. Empty fields, NaN, NA and None do anyway.",
    ),
    Key::optional(
        "join",
        Type::Table(JOIN),
        "all columns are in the first",
        "{ \"path\": \"machine_measurements.csv\", \"on\": \"study_id\" }",
        "A second table, whose columns are used where the first has none of a name.",
    ),
    Key::optional(
        "sampling_rate",
        Type::Number(Range::above(0.0)),
        "as the files say",
        "400.0",
        "Samples per second, of files that do not say it.",
    )
    .unit("Hz"),
    Key::optional(
        "lead_order",
        list_of(&Type::Word(&LEAD), 1),
        "as the files say",
        "[\"I\", \"II\", \"III\", \"aVR\", \"aVL\", \"aVF\", \"V1\", \"V2\", \"V3\", \"V4\", \"V5\", \"V6\"]",
        "The leads in the order of the files, of those that do not say it.",
    ),
    column("array", "the only one there is", "\"tracings\"", "The array with the signals, of files with several."),
    Key::optional(
        "leads_are",
        Type::Word(&AXES),
        "as the shape of the array tells: there are fewer leads than samples",
        "\"rows\"",
        "What the leads are in arrays whose shape does not tell it.",
    ),
    data_set("the name of the table and of its folder", "\"our clinic\""),
    GAIN,
    UNIT,
    LEADS,
    UNREADABLE,
    AT_MOST,
    EXCLUDE,
];
