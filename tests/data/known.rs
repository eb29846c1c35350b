//! Known data sets by name: small files in the layouts in which they are published, and what reference programs read of them.

use std::fs;
use std::path::Path;

use ecgraft::data::Dataset;
use ecgraft::ecg::{Lead, Measurement, Sex};
use ecgraft::source::{Record, Request, Source};
use serde_json::json;

use super::{Folder, SAMPLE, fresh, signal};

const FIXTURES: &str = "tests/fixtures";

/// The source of this kind in a folder, with `more` of its settings.
fn source(kind: &str, folder: &Path, more: serde_json::Value) -> Box<dyn Source> {
    let mut settings = json!({
        "kind": kind,
        "path": { "written": folder, "resolved": { "Ok": folder } },
        "features": null,
    });
    settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    serde_json::from_value(settings).unwrap()
}

fn read(kind: &str, folder: &str, more: serde_json::Value) -> Dataset {
    let source = source(kind, &Path::new(FIXTURES).join(folder), more);
    fresh(source.as_ref(), &signal(&[Lead::I, Lead::II, Lead::V1], 500.0, 0.5)).unwrap()
}

fn record<'d>(dataset: &'d Dataset, id: &str) -> (usize, &'d Record) {
    dataset.records.iter().enumerate().find(|(_, record)| record.id == id).unwrap()
}

fn labels(record: &Record) -> Vec<String> {
    record.labels.iter().map(|label| format!("{label:?}")).collect()
}

/// The rows of a CSV file of ours: no quotes.
fn rows(path: &str) -> Vec<Vec<String>> {
    let text = fs::read_to_string(Path::new(FIXTURES).join(path)).unwrap();
    text.lines().skip(1).map(|line| line.split(',').map(str::to_owned).collect()).collect()
}

/// Samples by scipy, what the headers say by eye.
#[test]
fn the_challenges_records_have_people_codes_and_what_the_codes_say() {
    let dataset = read("cinc", "cinc", json!({}));
    assert_eq!(dataset.records.len(), 5);
    for row in rows("cinc/samples.csv") {
        let (index, _) = record(&dataset, &row[0]);
        for (lead, steps) in row[1..].iter().enumerate() {
            let expected = steps.parse::<f32>().unwrap() / 1000.0;
            assert_eq!(dataset.signal(index).unwrap()[lead * 250 + 3], expected, "{row:?}");
        }
    }
    let of = |id: &str| record(&dataset, id).1;
    assert_eq!((of("E00002").age, of("E00002").sex), (None, Some(Sex::Female)));
    assert_eq!((of("HR00002").age, of("HR00002").sex), (Some(19.0), Some(Sex::Male)));
    assert_eq!(labels(of("HR00002")), ["scp:SR", "scp:SBRAD", "snomed:426783006", "snomed:426177001"]);
    assert_eq!(labels(of("Q0002")), ["scp:ISC_", "snomed:164861001", "subclass:ISC_", "superclass:STTC"]);
    // The first release has a word.
    assert_eq!(labels(of("A0001")), ["scp:CRBBB", "snomed:59118001", "subclass:CRBBB", "superclass:CD"]);
    assert!(dataset.notes[0].starts_with("1 records have words for SNOMED CT codes"), "{:?}", dataset.notes);
    assert!(dataset.records.iter().all(|record| record.fold.is_some() && record.patient == record.id));
    // Another seed, other folds; the same kind of files under the other name.
    let folds = |dataset: &Dataset| dataset.records.iter().map(|record| record.fold).collect::<Vec<_>>();
    assert_ne!(folds(&read("cinc", "cinc", json!({ "fold_seed": 1 }))), folds(&dataset));
    assert_eq!(read("ecg-arrhythmia", "cinc/Chapman-Ningbo", json!({})).records.len(), 1);
}

#[test]
fn a_record_that_is_there_twice_and_a_folder_without_any_are_told() {
    let folder = Folder::new();
    let header = "r 1 500 250\nr.mat 16+24 1000/mV 16 0 0 0 0 I\n#Dx: 426783006\n";
    folder.write("a/r.hea", header);
    folder.write("b/r.hea", header);
    let error = source("cinc", &folder.0, json!({})).list(500.0).unwrap_err().message;
    assert!(error.contains("record r is there twice, as a/r and b/r"), "{error}");
    let empty = Folder::new();
    let error = source("cinc", &empty.0, json!({})).list(500.0).unwrap_err().message;
    assert!(error.contains("there are no headers (.hea)"), "{error}");
}

/// Intervals by wfdb-python and numpy: `tests/fixtures/ludb/make.py`.
#[test]
fn intervals_of_ludb_are_those_of_its_marks() {
    let dataset = read("ludb", "ludb/data", json!({}));
    for row in rows("ludb/intervals.csv") {
        let (_, record) = record(&dataset, &row[0]);
        for (measurement, expected) in Measurement::BUILT_IN.into_iter().zip(&row[1..]) {
            let own = record.measurement(measurement).map(|value| format!("{value:.4}")).unwrap_or_default();
            let near = match (own.parse::<f64>(), expected.parse::<f64>()) {
                (Ok(own), Ok(expected)) => (own - expected).abs() < 1e-3,
                _ => own == *expected,
            };
            assert!(near, "{row:?} {measurement:?}: {own}");
        }
    }
    let of = |id: &str| record(&dataset, id).1;
    assert_eq!((of("1").age, of("1").sex), (Some(51.0), Some(Sex::Female)));
    let own = labels(of("101"));
    for label in ["scp:AFIB", "scp:LVH", "superclass:HYP", "ludb:Non-specific repolarization abnormalities: apical"] {
        assert!(own.iter().any(|other| other == label), "{label} is not in {own:?}");
    }
    // 1000 steps per mV, whatever the header says: I + III = II holds then, to a step of each.
    let leads = [Lead::I, Lead::II, Lead::III];
    let source = source("ludb", &Path::new(FIXTURES).join("ludb/data"), json!({}));
    let dataset = fresh(source.as_ref(), &signal(&leads, 500.0, 0.5)).unwrap();
    for index in 0..3 {
        let samples = dataset.signal(index).unwrap();
        for at in 0..250 {
            assert!((samples[at] + samples[500 + at] - samples[250 + at]).abs() < 0.0051, "{index}, {at}");
        }
    }
}

#[test]
fn likelihoods_and_the_consensus_of_features_tables() {
    let plain = source("ptb-xl", Path::new(SAMPLE), json!({})).list(100.0).unwrap();
    let likely = source("ptb-xl", Path::new(SAMPLE), json!({ "min_likelihood": 80.0 })).list(100.0).unwrap();
    let count = |listing: &ecgraft::source::Listing, name: &str| {
        listing.records.iter().filter(|record| labels(record).iter().any(|label| label == name)).count()
    };
    // Statements of rhythm have no likelihood; diagnostic ones do.
    assert_eq!(count(&plain, "scp:SR"), count(&likely, "scp:SR"));
    assert!(count(&likely, "superclass:MI") < count(&plain, "superclass:MI"));
    let folder = Folder::new();
    for file in ["ptbxl_database.csv", "scp_statements.csv"] {
        fs::copy(Path::new(SAMPLE).join(file), folder.path(file)).unwrap();
    }
    let id = plain.records[0].id.clone();
    let head = "ecg_id,RR_Mean_Global,PR_Int_Global,QT_Int_Global,QRS_Dur_Global";
    folder.write("plus/12sl_features.csv", format!("{head}\n{id},1000,150,400,90\n"));
    folder.write("plus/unig_features.csv", format!("{head}\n{id},1004,171,430,104\n"));
    folder.write("plus/ecgdeli_features.csv", format!("{head},PQ_Int_Global\n{id},998,111,415,140,195\n"));
    let first = folder.path("plus/12sl_features.csv");
    let word = |word: &str| json!({ "written": word, "resolved": { "Ok": word } });
    let features = json!([{ "written": first, "resolved": { "Ok": first } }, word("unig"), word("ecgdeli")]);
    let listing = source("ptb-xl", &folder.0, json!({ "features": features })).list(100.0).unwrap();
    let known = Measurement::BUILT_IN.map(|measurement| listing.records[0].measurement(measurement));
    // RR 998, 1000, 1004: all; PR 150, 171, 195 (to the QRS onset): none; QT 400, 415, 430: two pairs, the first; QRS 90 and 104.
    assert_eq!(known, [Some(60.0), None, Some(407.5), Some(97.0)]);
    assert!(listing.warnings[0].contains("RR in 0, PR in 1, QT in 0, QRS in 0 of 1 rows"), "{:?}", listing.warnings);
}

/// Rows in the layout of the data set's description; 29999 and its like are missing values there.
#[test]
fn measurements_of_mimic_iv_ecg_without_the_numbers_that_stand_for_none() {
    let folder = Folder::new();
    folder.write(
        "record_list.csv",
        "subject_id,study_id,file_name,ecg_time,path\n\
         10000032,40689238,40689238,2180-07-23 08:44:00,files/p1000/p10000032/s40689238/40689238\n\
         10000032,44458630,44458630,2180-07-23 09:54:00,files/p1000/p10000032/s44458630/44458630\n\
         10000117,42749760,42749760,2174-06-27 18:33:00,files/p1000/p10000117/s42749760/42749760\n",
    );
    folder.write(
        "machine_measurements.csv",
        "subject_id,study_id,cart_id,ecg_time,report_0,rr_interval,p_onset,p_end,qrs_onset,qrs_end,t_end,p_axis,qrs_axis,t_axis\n\
         10000032,44458630,6924883,2180-07-23 09:54:00,\"Sinus rhythm, ok\",600,40,128,170,258,518,81,77,65\n\
         10000032,40689238,6848296,2180-07-23 08:44:00,Sinus rhythm,659,29999,29999,160,248,504,32767,-32768,6\n",
    );
    let listing = source("mimic-iv-ecg", &folder.0, json!({})).list(500.0).unwrap();
    let known = |index: usize| {
        let record: &Record = &listing.records[index];
        let all = Measurement::BUILT_IN.into_iter().chain([Measurement::named("qrs_axis", "degrees")]);
        all.map(|measurement| record.measurement(measurement)).collect::<Vec<_>>()
    };
    assert_eq!(known(0), [Some((60_000.0_f64 / 659.0) as f32), None, Some(344.0), Some(88.0), None]);
    assert_eq!(known(1), [Some(100.0), Some(130.0), Some(348.0), Some(88.0), Some(77.0)]);
    assert_eq!(known(2), [None; 5]);
    let patients: Vec<_> = listing.records.iter().map(|record| record.patient.as_str()).collect();
    assert_eq!(patients, ["10000032", "10000032", "10000117"]);
    assert_eq!(listing.records[0].fold, listing.records[1].fold);
    assert_eq!(listing.notes[0], "1 of 3 records have no row in machine_measurements.csv");
    assert!(listing.files[0].ends_with("files/p1000/p10000032/s40689238/40689238"));
}

/// Rows in the layout of the release, and of a copy.
#[test]
fn statements_of_sph_have_modifiers() {
    let folder = Folder::new();
    folder.write(
        "metadata.csv",
        "ECG_ID,AHA_Code,Patient_ID,Age,Sex,N,Date\n\
         A00001,22;23,S00001,55,M,5000,2020-03-04\n\
         A00002,60+310;147,S00002,32,F,6000,2019-09-03\n\
         A00003.h5,1,S00002,33,F,6000,2019-10-03\n",
    );
    folder.write("records/A00001.h5", "");
    let listing = source("sph", &folder.0, json!({})).list(500.0).unwrap();
    let of = |index: usize| &listing.records[index];
    assert_eq!(labels(of(0)), ["aha:22", "aha:23", "scp:SARRH", "scp:SBRAD"]);
    assert_eq!(labels(of(1)), ["aha:60", "aha:147", "aha:60+310", "scp:PVC", "scp:TAB_"]);
    assert_eq!((of(2).id.as_str(), of(2).age, of(2).sex), ("A00003", Some(33.0), Some(Sex::Female)));
    assert_eq!(of(1).fold, of(2).fold);
    assert!(listing.files[2].ends_with("records/A00003.h5"));
    folder.write("metadata.csv", "ECG_ID,AHA_Code,Age\nA1,1,3\n");
    let error = source("sph", &folder.0, json!({})).list(500.0).unwrap_err().message;
    assert!(error.contains("there is no column Patient_ID"), "{error}");
}

/// Headers in the layout of the data sets' descriptions.
#[test]
fn people_of_ptb_and_medalcare_are_kept_together() {
    let folder = Folder::new();
    let header = |more: &str| format!("r 2 1000 4 \nr.dat 16 2000 16 0 0 0 0 i\nr.xyz 16 2000 16 0 0 0 0 vx\n{more}");
    folder.write("patient001/s0010_re.hea", header("# age: 81\n# sex: female\n# Reason for admission: Myocardial infarction\n# Acute infarction (localization): infero-latera\n"));
    folder.write(
        "patient001/s0014lre.hea",
        header("# age: n/a\n# Reason for admission: Healthy control\n# Acute infarction (localization): no\n"),
    );
    folder.write("patient001/s0010_re.dat", [1, 0, 2, 0, 3, 0, 0, 0]);
    folder.write("patient001/s0010_re.xyz", [0; 8]);
    let listing = source("ptb", &folder.0, json!({})).list(500.0).unwrap();
    let of = |index: usize| &listing.records[index];
    assert_eq!(
        (of(0).id.as_str(), of(0).patient.as_str(), of(0).age),
        ("patient001/s0010_re", "patient001", Some(81.0))
    );
    assert_eq!(labels(of(0)), ["ptb:Myocardial infarction", "scp:ILMI", "subclass:IMI", "superclass:MI"]);
    assert_eq!(labels(of(1)), ["ptb:Healthy control", "superclass:NORM"]);
    assert_eq!((of(1).age, of(1).fold), (None, of(0).fold));

    let folder = Folder::new();
    for split in ["train", "test"] {
        for rendering in ["raw", "noise", "filtered"] {
            folder.write(&format!("WP2_largeDataset_Noise/lbbb/{split}/run_A/000001_{rendering}.csv"), "0,0\n");
        }
    }
    let listing = source("medalcare-xl", &folder.0, json!({ "rendering": "raw" })).list(500.0).unwrap();
    let own: Vec<_> = listing.records.iter().map(|record| (record.id.as_str(), record.patient.as_str())).collect();
    assert_eq!(
        own,
        [
            ("WP2_largeDataset_Noise/lbbb/test/run_A/000001", "run_A"),
            ("WP2_largeDataset_Noise/lbbb/train/run_A/000001", "run_A")
        ]
    );
    let expected = ["medalcare:lbbb", "scp:CLBBB", "subclass:CLBBB", "superclass:CD"];
    assert_eq!(labels(&listing.records[0]), expected);
}

/// Rows in the layout of the data set's description; a PR that is wrapped at 2^32 is none.
#[test]
fn intervals_of_the_drug_studies_are_those_of_the_table() {
    let folder = Folder::new();
    let row = |id: usize, pr: &str| format!("1001,F,32,{id},{},{pr},{},{}\n", 900 + id, 90 + id, 390 + id);
    let rows: String = (0..12).map(|id| row(id, if id == 3 { "4294967200" } else { "150" })).collect();
    folder.write("SCR-002.Clinical.Data.csv", format!("RANDID,SEX,AGE,EGREFID,RR,PR,QRS,QT\n{rows}"));
    let source = source("fda-drug-studies", &folder.0, json!({}));
    let listing = source.list(500.0).unwrap();
    let known = |index: usize| Measurement::BUILT_IN.map(|measurement| listing.records[index].measurement(measurement));
    assert_eq!(known(0), [Some((60_000.0_f64 / 900.0) as f32), Some(150.0), Some(390.0), Some(90.0)]);
    assert_eq!(known(3)[1], None);
    assert!(listing.files[2].ends_with("raw/1001/2"));
    assert_eq!(Some(source.data_set().as_str()), folder.0.file_name().and_then(|name| name.to_str()));
}

/// Samples by h5py and numpy: `tests/fixtures/known/make.py`.
#[test]
fn signals_of_sets_that_are_not_wfdb() {
    for (kind, folder, id, rate, length, more) in [
        ("sph", "sph", "A00001", 500.0, 250, json!({})),
        ("code-15", "code15", "10", 400.0, 150, json!({})),
        ("medalcare-xl", "medalcare", "sinus/train/run_A/000001", 500.0, 40, json!({ "rendering": "raw" })),
        ("chapman", "chapman", "MUSE_2", 500.0, 250, json!({})),
    ] {
        let leads = [Lead::I, Lead::II, Lead::V1];
        let folder = Path::new(FIXTURES).join("known").join(folder);
        let source = source(kind, &folder, more);
        let listing = source.list(rate).unwrap();
        let index = listing.records.iter().position(|record| record.id == id).unwrap();
        let reading = source.reading().unwrap();
        let request = Request { leads: Some(&leads), ..Request::all(reading) };
        let found = source.read(&listing, index, &request).unwrap();
        assert_eq!((found.raw.sampling_rate, found.raw.leads.as_slice()), (rate, &leads[..]));
        let expected = rows(&format!("known/{}.csv", folder.file_name().unwrap().to_str().unwrap()));
        assert_eq!((found.raw.signals[0].len(), expected.len()), (length, length), "{kind}");
        for (at, row) in expected.iter().enumerate() {
            for (lead, sample) in row.iter().enumerate() {
                let near = (found.raw.signals[lead][at] - sample.parse::<f32>().unwrap()).abs() < 1e-6;
                assert!(near, "{kind}, {at}: {sample}, {}", found.raw.signals[lead][at]);
            }
        }
    }
}

/// As openpyxl wrote it: `tests/fixtures/known/make.py`.
#[test]
fn the_chapman_set_has_rhythms_conditions_and_intervals() {
    let folder = Path::new(FIXTURES).join("known/chapman");
    let listing = source("chapman", &folder, json!({})).list(500.0).unwrap();
    let of = |index: usize| &listing.records[index];
    let known = |index: usize| Measurement::BUILT_IN.map(|measurement| of(index).measurement(measurement));
    assert_eq!(known(0), [Some(117.0), None, Some(356.0), Some(114.0)]);
    assert_eq!(known(1), [Some(52.0), None, Some(432.0), Some(92.0)]);
    let expected =
        ["chapman:AFIB", "chapman:RBBB", "chapman:TWC", "scp:AFIB", "scp:CRBBB", "subclass:CRBBB", "superclass:CD"];
    let mut own = labels(of(0));
    own.sort();
    assert_eq!(own, expected);
    assert_eq!(labels(of(1)), ["chapman:SB", "scp:SBRAD"]);
    assert_eq!((of(0).age, of(0).sex, of(1).sex), (Some(85.0), Some(Sex::Male), Some(Sex::Female)));
    assert_eq!(listing.notes, Vec::<String>::new());
    let copy = Folder::new();
    let error = source("chapman", &copy.0, json!({})).list(500.0).unwrap_err().message;
    assert!(error.contains("Diagnostics.xlsx: there is no such file"), "{error}");
    // The table as CSV, and signals without names above.
    copy.write("Diagnostics.csv", "FileName,Rhythm,Beat\nA.csv,AF,APB VPB\n");
    copy.write("A.csv", "1,2,3,4,5,6,7,8,9,10,11,12\n".repeat(250));
    let own = source("chapman", &copy.0, json!({}));
    let dataset = fresh(own.as_ref(), &signal(&[Lead::V6], 500.0, 0.5)).unwrap();
    assert_eq!((dataset.signal(0).unwrap()[7], dataset.records[0].id.as_str()), (0.012, "A"));
    assert!(labels(&dataset.records[0]).contains(&"scp:AFLT".to_owned()));
}

#[test]
fn exams_of_code_15_are_found_by_their_numbers() {
    let listing = source("code-15", &Path::new(FIXTURES).join("known/code15"), json!({})).list(400.0).unwrap();
    let own: Vec<_> = listing.records.iter().map(|record| record.id.as_str()).collect();
    assert_eq!((own, listing.entries), (vec!["10", "20", "30"], vec![1, 2, 0]));
    let of = |index: usize| &listing.records[index];
    assert_eq!(labels(of(0)), ["code15:AF", "scp:AFIB"]);
    let expected = ["code15:RBBB", "code15:SB", "scp:CRBBB", "scp:SBRAD", "subclass:CRBBB", "superclass:CD"];
    assert_eq!(labels(of(1)), expected);
    assert_eq!(labels(of(2)), ["code15:normal_ecg", "scp:NORM", "subclass:NORM", "superclass:NORM"]);
    assert_eq!((of(0).age, of(0).sex, of(2).sex), (Some(60.0), Some(Sex::Male), Some(Sex::Female)));
    assert_eq!(of(0).fold, of(1).fold);
    assert_eq!(listing.notes, ["1 of 4 rows of exams.csv are of files that are not there; they were left out"]);
}
