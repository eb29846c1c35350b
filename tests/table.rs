//! Any table with a row for each record: its columns, expressions, joins, labels and folds, beside what pandas reads.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ecgraft::ecg::Sex;
use ecgraft::manifest::{Manifest, parse};
use ecgraft::source::{Listing, Record};
use serde_json::Value;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/table")
}

fn expected() -> Value {
    serde_json::from_str(&std::fs::read_to_string(fixtures().join("expected.json")).unwrap()).unwrap()
}

/// A manifest whose source `it` is a table with these keys.
fn parsed(keys: &str) -> Result<Manifest, Vec<ecgraft::manifest::Diagnostic>> {
    let text = format!(
        "name = \"it\"\n[sources.it]\nkind = \"table\"\n{keys}\n[sources.classes]\nkind = \"ptb-xl\"\npath = \"none\"\n\
         [transfer]\nsource = \"classes\"\n[architectures.small]\nkind = \"cnn\"\n[mixes.all]\nparts = [{{ source = \"classes\" }}]\n\
         [trials]\nmix = []\n",
    );
    parse(&fixtures().join("it.toml"), &text, &|_| None)
}

#[track_caller]
fn list(keys: &str) -> Result<Listing, String> {
    let manifest = parsed(keys).unwrap_or_else(|problems| panic!("{problems:#?}"));
    manifest.source("it").unwrap().list(100.0).map_err(|error| error.message)
}

const MIMIC: &str = r#"
path = "record_list.csv"
signals = "{path}.hea"
id = "study_id"
patient = "subject_id"
join = { path = "machine_measurements.csv", on = "study_id" }
missing = [29999, 65535, 32767, -32768]
[sources.it.measurements]
hr = "60000 / rr_interval"
pr = "qrs_onset - p_onset"
qrs = "qrs_end - qrs_onset"
qt = "t_end - qrs_onset"
axis = { value = "qrs_axis", unit = "degrees" }
"#;

#[test]
fn two_tables_are_joined_and_measured_as_pandas_does() {
    let listing = list(MIMIC).unwrap();
    let expected = expected();
    let column = |of: fn(&Record) -> String| listing.records.iter().map(of).collect::<Vec<_>>();
    assert_eq!(Value::from(column(|record| record.id.clone())), expected["id"]);
    assert_eq!(Value::from(column(|record| record.patient.clone())), expected["patient"]);
    let paths = listing.files.iter().map(|path| path.strip_prefix(fixtures()).unwrap().to_string_lossy().into_owned());
    assert_eq!(Value::from(paths.collect::<Vec<_>>()), expected["path"]);
    assert!(listing.entries.is_empty());
    for (name, values) in expected["measurements"].as_object().unwrap() {
        for (record, value) in listing.records.iter().zip(values.as_array().unwrap()) {
            let known = record.measurements.iter().find(|(own, _)| own.name() == name).map(|(_, value)| value);
            assert_eq!(known, value.as_f64().map(|value| value as f32), "{name} of {}", record.id);
        }
    }
    assert!(
        listing.notes.contains(&"1 of 12 records have no row in machine_measurements.csv".into()),
        "{:?}",
        listing.notes
    );
    assert_eq!(listing.warnings, ["QT is outside 150 to 800 ms in 1 of 12 records and taken as not known"]);
    // One fold a patient.
    let mut folds: BTreeMap<&str, Option<u8>> = BTreeMap::new();
    for record in &listing.records {
        assert_eq!(*folds.entry(&record.patient).or_insert(record.fold), record.fold);
        assert!((1..=10).contains(&record.fold.unwrap()));
    }
    assert_eq!(list(&format!("{MIMIC}\n")).unwrap().records, listing.records);
}

/// One table as CSV, as pandas and polars write it in Parquet, packed in three ways, and as Excel has it.
const TABLES: [&str; 6] =
    ["codes.csv", "codes.parquet", "codes_polars.parquet", "codes_gzip.parquet", "codes_zstd.parquet", "codes.xlsx"];

fn labels(listing: &Listing) -> Value {
    let of = |record: &Record| record.labels.iter().map(|label| label.name().to_owned()).collect::<Vec<_>>();
    listing.records.iter().map(of).collect::<Vec<_>>().into()
}

#[test]
fn labels_stand_in_many_ways() {
    let expected = expected();
    for table in TABLES {
        let with = |labels: &str| {
            list(&format!("path = \"{table}\"\nsignals = \"{{exam}}.npy\"\nid = \"exam\"\nlabels = {labels}")).unwrap()
        };
        for column in ["dictionary", "json", "python", "semicolons"] {
            let listing = with(&format!("\"{column}\""));
            assert_eq!(labels(&listing), expected["codes"], "{table}, {column}");
        }
        let read = with(
            "{ column = \"dictionary\", form = \"dictionary\", likelihood = { at_least = 50 }, vocabulary = \"scp\" }",
        );
        // Beside what they say: `labels` has tests of that.
        let own = |record: &Record| -> Vec<String> {
            let of_scp = record.labels.iter().filter(|label| label.vocabulary().name() == "scp");
            of_scp.map(|label| label.name().to_owned()).collect()
        };
        assert_eq!(Value::from(read.records.iter().map(own).collect::<Vec<_>>()), expected["at_least_50"]);
        assert_eq!(labels(&with("{ flags = [\"AF\", \"RBBB\"] }")), expected["flags"]);
        let wrong = list(&format!(
            "path = \"{table}\"\nsignals = \"{{exam}}\"\nlabels = {{ column = \"json\", form = \"dictionary\" }}"
        ));
        let place = if table == "codes.csv" { "codes.csv:".to_owned() } else { format!("{table}: row ") };
        let message = wrong.unwrap_err();
        assert!(message.contains(&place) && message.contains("is not of the form `dictionary`"), "{message}");
    }
}

#[test]
fn who_it_is_and_units() {
    for table in TABLES {
        let keys = format!(
            "path = \"{table}\"\nsignals = \"all.npy\"\nid = \"exam\"\npatient = \"patient\"\nage = \"age\"\nsex = \"gender\"\n\
             fold = \"part\"\nmeasurements = {{ qt = {{ value = \"qt_s\", unit = \"s\" }} }}\n"
        );
        let listing = list(&keys).unwrap();
        let ages: Vec<_> = listing.records.iter().map(|record| record.age).collect();
        assert_eq!(ages, [Some(56.0), None, Some(90.0), Some(90.0), None, Some(1.5)]);
        let [male, female] = [Some(Sex::Male), Some(Sex::Female)];
        let sexes: Vec<_> = listing.records.iter().map(|record| record.sex).collect();
        assert_eq!(sexes, [male, female, None, female, male, None]);
        let patients: Vec<_> = listing.records.iter().map(|record| record.patient.as_str()).collect();
        assert_eq!(patients, ["1", "2", "e2", "1", "4", "5"]);
        // In the order of their letters: test, train, validation.
        let folds: Vec<_> = listing.records.iter().filter_map(|record| record.fold).collect();
        assert_eq!(folds, [2, 2, 3, 1, 1, 2]);
        assert!(listing.notes.contains(&"folds by column part: test is 1, train is 2, validation is 3".into()));
        assert_eq!(listing.entries, [0, 1, 2, 3, 4, 5]);
        let qt: Vec<_> =
            listing.records.iter().map(|record| record.measurements.iter().next().map(|(_, value)| value)).collect();
        let expected: Vec<_> =
            expected()["qt"].as_array().unwrap().iter().map(|qt| qt.as_f64().map(|qt| qt as f32)).collect();
        assert_eq!(qt, expected);
        let sexes = list(&keys.replace("\"gender\"", "\"is_male\"")).unwrap().records;
        assert_eq!(sexes.iter().filter(|record| record.sex == male).count(), 3);
    }
}

#[test]
fn what_is_wrong_with_a_table_is_told() {
    let keys = "path = \"codes.csv\"\nsignals = \"{exam}.npy\"\n";
    for (more, parts) in [
        ("patient = \"pateint\"", &["codes.csv: there is no column pateint; the columns are exam, patient"][..]),
        (
            "measurements = { qt = \"qt_s\" }",
            &["qt_s", "5 of 5 values are no QT of 150 to 800 ms", "qt = { value = \"qt_s\", unit = \"s\" }"],
        ),
        ("measurements = { hr = \"`QT interval`\" }", &["no HR of 20 to 350 bpm", "unit = \"ms\""]),
        ("measurements = { qt = \"gender\" }", &["codes.csv:2: column gender: `M` is not a number"]),
        ("sex = \"AF\"", &["codes.csv:2: column AF: `0` stands for no known sex", "sex_values = { male = [\"0\"]"]),
        ("id = \"gender\"", &["codes.csv:4: column gender: it is empty"]),
        ("id = \"part\"", &["codes.csv:3: column part: record train is there twice, first at 2"]),
        ("fold = \"qt_s\"", &["codes.csv:4: column qt_s: the fold is missing"]),
        ("labels = { flags = [\"AF\", \"age\"] }", &["codes.csv:2: column age: `56` is neither 1 nor 0"]),
        ("entry = \"age\"", &["codes.csv:3: column age: it is not the number of an entry"]),
        ("join = { path = \"none.csv\", on = \"exam\" }", &["none.csv: there is no such file"]),
        ("join = { path = \"codes.csv\", on = \"part\" }\nage = \"x\"", &["there is no column x", "codes.csv"]),
    ] {
        let message = list(&format!("{keys}{more}")).unwrap_err();
        for part in parts {
            assert!(message.contains(part), "{more}: `{part}` is not in: {message}");
        }
    }
}

#[test]
fn what_is_wrong_with_the_keys_is_told_without_data() {
    let keys = "path = \"no.csv\"\nsignals = \"{exam}.npy\"\n";
    assert!(parsed(keys).is_ok());
    for (more, line, part) in [
        ("measurements = { qt = \"QT interval\" }", 6, "`QT interval`: one of + - * / was expected at `interval`"),
        ("[sources.it.measurements]\nhr = { value = \"a\", unit = \"sec\" }", 7, "`sec` is no unit of hr"),
        ("measurements = { qt = { value = \"a\", unit = \"samples\" } }", 6, "samples need `sampling_rate`"),
        ("measurements = { age = \"a\" }", 6, "`age` is known by the key of this name"),
        ("labels = { }", 6, "needs either `column`, or `flags`"),
        ("labels = { colum = \"a\" }", 6, "unknown key `colum`"),
        ("labels = { column = \"a\", form = \"lists\" }", 6, "unknown form of codes `lists`; did you mean `list`?"),
        ("join = { path = \"b.csv\" }", 6, "needs the key `on`"),
        ("lead_order = [\"V7\"]", 6, "unknown lead `V7`"),
        ("sex_values = { male = [\"0\"], female = [\"1\"] }", 6, "there is no key `sex`"),
    ] {
        let problems = parsed(&format!("{keys}{more}")).unwrap_err();
        assert!(problems.iter().any(|own| own.line == line && own.message.contains(part)), "{more}: {problems:#?}");
    }
    let problems = parsed("path = \"no.csv\"\nsignals = \"{exam.npy\"").unwrap_err();
    assert!(problems[0].message.contains("a `{` has no `}` after it"));
}
