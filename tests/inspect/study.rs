//! The study that is proposed: classes that can be told, on folds that have them, whatever the number of records.

use std::fs;
use std::path::Path;

use ecgraft::inspect::propose;

use super::{folder, has, manifest, record};
use crate::workbench::Workbench;

/// A folder with records of these codes, one a patient.
fn coded(folder: &Path, codes: &[&str]) {
    let mut table = String::from("record,codes\n");
    for (number, codes) in codes.iter().enumerate() {
        record(folder, &format!("r{number}"), 10);
        table.push_str(&format!("r{number},{codes}\n"));
    }
    fs::write(folder.join("table.csv"), table).unwrap();
}

#[test]
fn ten_records_are_trained_and_tested() {
    let bench = Workbench::new("inspect-ten");
    let folder = bench.path.join("ten");
    fs::create_dir_all(folder.join("records")).unwrap();
    coded(&folder, &["SR", "SR", "SR;AF", "SR", "SR", "AF", "SR", "SR;AF", "SR", "SR"]);
    let text = bench.run(&["inspect", "ten", "--study"]).ok();
    let study = manifest(&text);
    has(&text, &["classes = { AF = [\"AF\"], no = \"*\" }", "labels = \"single\""]);
    let all = [&study.transfer.train_folds, &study.transfer.validation_folds, &study.transfer.test_folds];
    assert!(all.iter().all(|folds| !folds.is_empty()), "{text}");
    // Three records of ten have it: one to train, one to validate and one to test.
    assert!(text.contains("validation_folds = ") && !text.contains("early_stopping"), "{text}");
    // As it is but for time.
    let text = text
        .replace("records = 2000", "records = 30")
        .replace("records = 1000", "records = 30")
        .replace("kind = \"cnn\"", "kind = \"cnn\"\nchannels = [4, 8]\nkernels = [5, 3]\nhead = 8")
        .replace("seed = [0, 1, 2]", "seed = [0]")
        .replace("[transfer]", "[regression]\nepochs = 1\n[transfer]\nepochs = 2");
    bench.write("study.toml", &text);
    bench.run(&["run", "study.toml"]).ok();
    // There is an AUC: the test records have both classes.
    assert!(bench.number("SELECT count(*) FROM score WHERE split = 'test' AND metric = 'macro_auc'") >= 2.0);
    assert!(bench.run(&["compare", "ten"]).ok().contains("scratch"));
}

#[test]
fn usual_folds_stay_where_they_have_each_class() {
    let folder = folder("usual");
    let codes: Vec<&str> = (0..100).map(|number| if number % 3 == 0 { "AF" } else { "SR" }).collect();
    coded(&folder, &codes);
    let rows: String = codes.iter().enumerate().map(|(at, code)| format!("r{at},{code},{}\n", at / 10 + 1)).collect();
    fs::write(folder.join("table.csv"), format!("record,codes,fold\n{rows}")).unwrap();
    let text = propose(&folder).unwrap().study();
    assert!(!text.contains("_folds") && !text.contains("early_stopping"), "{text}");
    has(&text, &["classes = [\"SR\", \"AF\"]", "labels = \"multi\""]);
    // Names of the same records are one class, that which is a word.
    let rows = rows.replace(",AF,", ",AF;164889003,").replace(",SR,", ",SR;1,");
    fs::write(folder.join("table.csv"), format!("record,codes,fold\n{rows}")).unwrap();
    has(&propose(&folder).unwrap().study(), &["classes = [\"SR\", \"AF\"]"]);
    fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn folds_that_are_words_train_validate_and_test() {
    let folder = folder("words");
    let codes: Vec<&str> = (0..30).map(|number| if number % 2 == 0 { "AF" } else { "SR" }).collect();
    coded(&folder, &codes);
    let split = |at: usize| ["train", "val", "test"][if at < 20 { 0 } else { 1 + at % 4 / 2 }];
    let rows: String = codes.iter().enumerate().map(|(at, code)| format!("r{at},{code},{}\n", split(at))).collect();
    fs::write(folder.join("table.csv"), format!("record,codes,split\n{rows}")).unwrap();
    let text = propose(&folder).unwrap().study();
    has(&text, &["fold = \"split\"", "train_folds = [2]", "validation_folds = [3]", "test_folds = [1]"]);
    fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn without_labels_people_are_told_apart() {
    let folder = folder("people");
    let row = |at: usize| format!("r{at},{},{},{}\n", 30 + at, ["M", "F"][at % 2], 600 + 10 * at);
    let rows: String = (0..12).map(row).collect();
    coded(&folder, &["SR"; 12]);
    fs::write(folder.join("table.csv"), format!("record,age,sex,rr_interval\n{rows}")).unwrap();
    let text = propose(&folder).unwrap().study();
    has(&text, &["classes = { female = \"sex = 'female'\", male = \"sex = 'male'\" }", "labels = \"single\""]);
    manifest(&text);
    // A label of all records tells nothing.
    let rows = rows.replace('\n', ",SR\n");
    fs::write(folder.join("table.csv"), format!("record,age,sex,rr_interval,codes\n{rows}")).unwrap();
    let text = propose(&folder).unwrap().study();
    has(&text, &["# Labels of too few records, or of too many, to be told from others: SR 12"]);
    let rows = rows.replace(",M,", ",,").replace(",F,", ",,");
    fs::write(folder.join("table.csv"), format!("record,age,sex,rr_interval,codes\n{rows}")).unwrap();
    // The ages are 30 to 41.
    has(&propose(&folder).unwrap().study(), &["classes = { above = \"age >= 35.5\", below = \"age < 35.5\" }"]);
    fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn validation_records_of_one_class_leave_the_epoch_to_the_loss() {
    let folder = folder("loss");
    let codes: Vec<&str> = (0..12).map(|number| if number < 3 { "AF" } else { "SR" }).collect();
    coded(&folder, &codes);
    // All of AF are in two folds, the third has none.
    let fold = |at: usize| ["train", "test", "train", "val"][if at < 3 { at % 2 } else { at % 4 }];
    let rows: String = codes.iter().enumerate().map(|(at, code)| format!("r{at},{code},{}\n", fold(at))).collect();
    fs::write(folder.join("table.csv"), format!("record,codes,split\n{rows}")).unwrap();
    let text = propose(&folder).unwrap().study();
    has(&text, &["early_stopping = { metric = \"loss\", patience = 30 }"]);
    manifest(&text);
    fs::remove_dir_all(&folder).unwrap();
}
