//! Labels: codes and what they say in other vocabularies, classes of PTB-XL's benchmark by name, and records left out by name.

use std::fs;
use std::path::{Path, PathBuf};

use ecgraft::data::{classes_of, fingerprint};
use ecgraft::ecg::LabelName;
use ecgraft::manifest::{Class, Labels, Manifest, Task, parse};
use ecgraft::source::{Listing, Record};

use crate::workbench::{Workbench, sample, tiny};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

/// A manifest in `folder` with the source `it`, and more after it.
fn manifest_in(folder: &Path, source: &str, more: &str) -> Manifest {
    let text = format!(
        "name = \"it\"\n[sources.it]\n{source}\n[architectures.small]\nkind = \"cnn\"\n[trials]\nmix = []\n[transfer]\nsource = \"it\"\n{more}\n"
    );
    parse(&folder.join("it.toml"), &text, &|_| None).unwrap_or_else(|problems| panic!("{problems:#?}"))
}

fn listing(folder: &Path, source: &str) -> Listing {
    let manifest = manifest_in(folder, source, "");
    manifest.source("it").unwrap().list(100.0).unwrap_or_else(|error| panic!("{error}"))
}

fn named(record: &Record) -> Vec<String> {
    record.labels.iter().map(|label| format!("{label:?}")).collect()
}

#[track_caller]
fn same_labels(table: &Listing, known: &Listing) {
    assert!(!table.records.is_empty() && table.records.len() == known.records.len());
    for (table, known) in table.records.iter().zip(&known.records) {
        assert_eq!(named(table), named(known), "{} and {}", table.id, known.id);
        assert_eq!(table.labels, known.labels);
    }
}

/// The known sets' records, read as tables, have the labels that the known sets give them.
#[test]
fn codes_of_a_table_say_what_they_say_in_the_known_sets() {
    for cohort in ["Georgia", "PTB-XL", "Chapman-Ningbo", "CPSC-Extra"] {
        let folder = fixtures().join("cinc");
        let table = format!(
            "kind = \"table\"\npath = \"{cohort}\"\nsignals = \"{{record}}.hea\"\nlabels = {{ column = \"Dx\", form = \",\", vocabulary = \"snomed\" }}"
        );
        same_labels(&listing(&folder, &table), &listing(&folder, &format!("kind = \"cinc\"\npath = \"{cohort}\"")));
    }
    let folder = fixtures().join("known");
    let table = "kind = \"table\"\npath = \"sph/metadata.csv\"\nsignals = \"records/{ECG_ID}.h5\"\n\
                 labels = { column = \"AHA_Code\", form = \";\", vocabulary = \"aha\" }";
    same_labels(&listing(&folder, table), &listing(&folder, "kind = \"sph\"\npath = \"sph\""));
    let folder = sample();
    let table = "kind = \"table\"\npath = \"ptbxl_database.csv\"\nsignals = \"{filename_lr}\"\nid = \"ecg_id\"\n\
                 site = \"site\"\nlabels = { column = \"scp_codes\", form = \"dictionary\", vocabulary = \"scp\" }";
    let known = listing(&folder, "kind = \"ptb-xl\"\npath = \".\"");
    same_labels(&listing(&folder, table), &known);
}

const CODES: &str = "exam,codes,AF,RBBB,-\n1,I48.0;R00,1,0,\n2,I21,0,,\n3,I99,-1,1,\n4,,0,0,\n5,I21;I48.0,0,0,\n";

#[test]
fn a_map_of_ones_own_says_what_codes_mean() {
    let bench = Workbench::new("own-map");
    bench.write("exams.csv", CODES);
    bench.write(
        "icd.csv",
        "code,label,vocabulary\nI48.0,AFIB,\nI48.0,atrial,ours\nI21,AMI,subclass\nR00,426177001,snomed\n",
    );
    let table = "kind = \"table\"\npath = \"exams.csv\"\nsignals = \"{exam}.npy\"\nid = \"exam\"\n\
                 labels = { column = \"codes\", form = \";\", vocabulary = \"icd\", map = \"icd.csv\" }";
    let found = listing(&bench.path, table);
    let all: Vec<Vec<String>> = found.records.iter().map(named).collect();
    // 426177001 is sinus bradycardia; AMI is a subclass of MI.
    assert_eq!(
        all,
        [
            vec!["icd:I48.0", "icd:R00", "ours:atrial", "scp:AFIB", "scp:SBRAD", "snomed:426177001"],
            vec!["icd:I21", "subclass:AMI", "superclass:MI"],
            vec!["icd:I99"],
            vec![],
            vec!["icd:I21", "icd:I48.0", "ours:atrial", "scp:AFIB", "subclass:AMI", "superclass:MI"],
        ]
    );
    let told = "1 records have codes that icd.csv does not have; these are labels by themselves only: I99 1x";
    assert!(found.notes.contains(&told.to_owned()), "{:?}", found.notes);
    // What the map says is part of what the data are.
    let print = |bench: &Workbench| {
        let manifest = manifest_in(&bench.path, table, "");
        fingerprint(manifest.source("it").unwrap(), &bench.path.join("cache")).unwrap()
    };
    let before = print(&bench);
    bench.write("icd.csv", "code,label\nI48.0,AFLT\n");
    assert_ne!(print(&bench), before);
    for (map, says) in [
        (
            "code,label\nI48.0,AFIBB\n",
            "icd.csv:2: column label: `AFIBB` is no label of scp, and the column vocabulary names no other; did you mean `AFIB`?",
        ),
        (
            "code,label,vocabulary\nI21,NORM,\nI48,MII,superclass\n",
            "icd.csv:3: column label: `MII` is no label of superclass",
        ),
        ("code,name\nI48,AFIB\n", "icd.csv: there is no column label; the columns are code, name"),
        ("code,label\n,AFIB\n", "icd.csv:2: column code: it is empty"),
    ] {
        bench.write("icd.csv", map);
        let error = manifest_in(&bench.path, table, "").source("it").unwrap().list(100.0).unwrap_err().message;
        assert!(error.contains(says), "{error}");
    }
}

/// A cell that is empty, or has a number that stands for what is missing, is not a no.
#[test]
fn flags_that_are_missing_are_not_known() {
    let bench = Workbench::new("flags");
    bench.write("exams.csv", CODES);
    let table = "kind = \"table\"\npath = \"exams.csv\"\nsignals = \"{exam}.npy\"\nid = \"exam\"\nmissing = [-1]\n\
                 labels = { flags = [\"AF\", \"RBBB\"] }";
    let found = listing(&bench.path, table);
    let is =
        |name: &str| found.records.iter().map(|record| record.is_called(LabelName::parse(name))).collect::<Vec<_>>();
    assert_eq!(is("AF"), [Some(true), Some(false), None, Some(false), Some(false)]);
    assert_eq!(is("RBBB"), [Some(false), None, Some(true), Some(false), Some(false)]);
    let told = "of 5 records flags are missing, which are then not known and not 0: AF in 1, RBBB in 1";
    assert!(found.notes.contains(&told.to_owned()), "{:?}", found.notes);
    let classes = manifest_in(&bench.path, table, "classes = [\"AF\", \"RBBB\"]").transfer.classes;
    let has: Vec<_> = found.records.iter().map(|record| classes_of(record, &classes)).collect();
    let known = |flags: [bool; 2]| Some(flags.to_vec());
    let none = || known([false, false]);
    assert_eq!(has, [known([true, false]), None, None, none(), none()]);
    // A column without any 0 marks those that have it.
    bench.write("exams.csv", "exam,AF,RBBB\n1,1,\n2,,1\n3,0,\n");
    let found = listing(&bench.path, &table.replace("missing = [-1]\n", ""));
    let is =
        |name: &str| found.records.iter().map(|record| record.is_called(LabelName::parse(name))).collect::<Vec<_>>();
    assert_eq!(is("AF"), [Some(true), None, Some(false)]);
    assert_eq!(is("RBBB"), [Some(false), Some(true), Some(false)]);
    let told = "of 3 records flags are missing that are nowhere 0, and taken as 0: RBBB in 2";
    assert!(found.notes.contains(&told.to_owned()), "{:?}", found.notes);
    // Of CODE-15 % as well: where RBBB is empty CD is not known, unless LBBB says it.
    let head = "exam_id,age,is_male,1dAVb,RBBB,LBBB,SB,ST,AF,patient_id,normal_ecg,trace_file\n";
    let row =
        |id: u32, blocks: &str| format!("{id},60,True,False,{blocks},False,False,False,7,False,exams_part0.hdf5\n");
    bench.write("exams.csv", &format!("{head}{}{}{}", row(10, ",False"), row(20, ",True"), row(30, "False,False")));
    fs::copy(fixtures().join("known/code15/exams_part0.hdf5"), bench.path.join("exams_part0.hdf5")).unwrap();
    let found = listing(&bench.path, "kind = \"code-15\"\npath = \".\"");
    let is =
        |name: &str| found.records.iter().map(|record| record.is_called(LabelName::parse(name))).collect::<Vec<_>>();
    assert_eq!(is("RBBB"), [None, None, Some(false)]);
    assert_eq!(is("CD"), [None, Some(true), Some(false)]);
}

/// Labels in a column of PTB-XL's superclasses are these, whatever they are called together.
#[test]
fn superclasses_of_a_table_can_be_the_only_one_of_a_record() {
    let bench = Workbench::new("superclasses");
    let rows: String = (0..40).map(|id| format!("{id},{}\n", ["NORM", "MI", "CD"][id % 3])).collect();
    bench.write("records.csv", &format!("id,class\n{rows}"));
    let leads = "I\n".to_owned() + &"0.1\n".repeat(50);
    (0..40).for_each(|id| drop(bench.write(&format!("{id}.csv"), &leads)));
    for vocabulary in ["superclass", "codes"] {
        let text = format!(
            "name = \"{vocabulary}\"\n[sources.it]\nkind = \"table\"\npath = \"records.csv\"\nsignals = \"{{id}}.csv\"\nid = \"id\"\n\
             sampling_rate = 100\nunit = \"mV\"\nlabels = {{ column = \"class\", vocabulary = \"{vocabulary}\" }}\n\
             [signal]\nleads = [\"I\"]\nsampling_rate = 100\nduration = 0.5\n[architectures.a]\nkind = \"cnn\"\nchannels = [2]\nkernels = [3]\n\
             [transfer]\nsource = \"it\"\nlabels = \"single\"\nclasses = [\"NORM\", \"MI\"]\nepochs = 1\n[trials]\nmix = []\n"
        );
        bench.write("it.toml", &text);
        bench.run(&["run", "it.toml"]).ok();
    }
}

/// Strodthoff et al. 2021, table II: all 71, diagnostic 44, subclass 23, superclass 5, form 19, rhythm 12.
#[test]
fn the_tasks_of_the_benchmark_have_its_classes() {
    let expected = [
        (Task::All, "all", 71),
        (Task::Diagnostic, "diagnostic", 44),
        (Task::Subclass, "subclass", 23),
        (Task::Superclass, "superclass", 5),
        (Task::Form, "form", 19),
        (Task::Rhythm, "rhythm", 12),
    ];
    assert_eq!(Task::ALL.len(), expected.len());
    let folder = sample();
    let ptbxl = "kind = \"ptb-xl\"\npath = \".\"";
    let records = listing(&folder, ptbxl).records;
    for (task, name, count) in expected {
        let transfer = manifest_in(&folder, ptbxl, &format!("task = \"{name}\"")).transfer;
        assert_eq!((transfer.task, transfer.classes.len()), (task, count));
        assert_eq!(transfer.classes, task.classes());
        assert_eq!(transfer.labels, if task == Task::Superclass { Labels::Single } else { Labels::Multi }, "{name}");
        assert_eq!(
            (&transfer.train_folds[..], &transfer.validation_folds[..]),
            (&[1, 2, 3, 4, 5, 6, 7, 8][..], &[9][..])
        );
        // Every statement of the sample is one of them, and a statement is never taken for a subclass of its name.
        let of =
            |record: &Record| classes_of(record, &transfer.classes).unwrap().into_iter().filter(|has| *has).count();
        let in_vocabulary = |record: &Record, vocabulary: &str| {
            record.labels.iter().filter(|label| label.vocabulary().name() == vocabulary).count()
        };
        for record in &records {
            match task {
                Task::All => assert_eq!(of(record), in_vocabulary(record, "scp"), "{}", record.id),
                Task::Subclass => assert_eq!(of(record), in_vocabulary(record, "subclass"), "{}", record.id),
                Task::Superclass => assert_eq!(of(record), in_vocabulary(record, "superclass"), "{}", record.id),
                _ => {}
            }
        }
    }
    // As manifests had it: what decides ids is as it was.
    let five: Vec<Class> = serde_json::from_str(r#"["NORM","MI","STTC","CD","HYP"]"#).unwrap();
    let plain = manifest_in(&folder, ptbxl, "");
    assert_eq!((&plain.transfer.classes, plain.transfer.labels), (&five, Labels::Single));
    // A classifier before the transfer has the same task, or its own.
    let both = manifest_in(&folder, ptbxl, "task = \"rhythm\"\n[classification]\nepochs = 1");
    assert_eq!(both.classification.training.classes, Task::Rhythm.classes());
    let own = manifest_in(&folder, ptbxl, "[classification]\ntask = \"form\"");
    assert_eq!((&own.transfer.classes, own.transfer.labels), (&five, Labels::Single));
    let training = &own.classification.training;
    assert_eq!((&training.classes, training.labels), (&Task::Form.classes(), Labels::Multi));
}

#[test]
fn a_task_is_told_where_it_cannot_be() {
    let problems = |more: &str, kind: &str| {
        let text = format!(
            "name = \"it\"\n[sources.it]\n{kind}\n[architectures.small]\nkind = \"cnn\"\n[trials]\nmix = []\n[transfer]\nsource = \"it\"\n{more}\n"
        );
        let problems = parse(Path::new("it.toml"), &text, &|_| None).unwrap_err();
        problems.iter().map(|problem| format!("{}: {}", problem.source_line, problem.message)).collect::<Vec<_>>()
    };
    let ptbxl = "kind = \"ptb-xl\"\npath = \".\"";
    assert_eq!(problems("task = \"rythm\"", ptbxl), ["task = \"rythm\": unknown task `rythm`; did you mean `rhythm`?"]);
    assert_eq!(
        problems("task = \"form\"\nclasses = [\"SR\", \"AFIB\"]", ptbxl),
        ["classes = [\"SR\", \"AFIB\"]: the task `form` has its own classes; leave out `classes`, or `task`"]
    );
}

/// Where names are listed a subclass is written as it must be.
#[test]
fn names_are_listed_as_they_are_written() {
    let manifest = manifest_in(&sample(), "kind = \"ptb-xl\"\npath = \".\"", "");
    let knows = manifest.source("it").unwrap().knows();
    let names = knows.names();
    for name in ["AMI", "subclass:AMI", "NORM", "AFIB", "fold"] {
        assert_eq!(names.iter().filter(|own| **own == name).count(), 1, "{name}");
    }
    // 71 statements, 23 subclasses, 5 superclasses, of which NORM is a statement too; fold, age, sex.
    assert_eq!(names.len(), 71 + 23 + 5 - 1 + 3);
    assert!(names.iter().all(|name| knows.has(name)));
    assert!(!knows.has("LAFB/LPFB") && knows.has("subclass:LAFB/LPFB"));
}

/// The study of the workbench on the sample, with what its PTB-XL source has beside its path.
fn study(bench: &Workbench, source: &str) {
    let text = tiny("it", &sample(), "").replace("[signal]", &format!("{source}\n[signal]"));
    bench.write("it.toml", &text);
}

#[test]
fn records_are_left_out_by_name() {
    let bench = Workbench::new("exclude");
    let source = listing(&sample(), "kind = \"ptb-xl\"\npath = \".\"");
    let ids: Vec<&str> = source.records.iter().map(|record| record.id.as_str()).collect();
    let all = ids.len();
    study(&bench, "");
    let plan = bench.run(&["plan", "it.toml"]).ok();
    let stages = |plan: &str| {
        let stages = plan.lines().filter(|line| line.starts_with("  to run")).map(|line| line[11..19].to_owned());
        stages.collect::<std::collections::BTreeSet<_>>()
    };
    study(&bench, "exclude = \"noisy.txt\"");
    bench.run(&["check", "it.toml"]).ok();
    bench.run(&["plan", "it.toml"]).users_fault(&["noisy.txt: there is no such file"]);
    // An id that no record has: the line, and the nearest.
    let wrong = format!("{}x", ids[2]);
    bench.write("noisy.txt", &format!("# bad electrodes\n\n{}\n{wrong}\n", ids[0]));
    for command in ["plan", "run"] {
        bench.run(&[command, "it.toml"]).users_fault(&[
            "source ptbxl",
            &format!("noisy.txt:4: there is no record `{wrong}`; did you mean `{}`?", ids[2]),
        ]);
    }
    bench.write("noisy.txt", &format!("00{}\n{}\n{wrong}\n", ids[3], ids[0]));
    let message =
        format!("noisy.txt:1: there is no record `00{0}` (nor that of another line); did you mean `{0}`?", ids[3]);
    bench.run(&["plan", "it.toml"]).users_fault(&[&message]);
    bench.write("noisy.txt", &format!("{}  # electrodes exchanged\n{}\n{}\n{}\n", ids[0], ids[1], ids[2], ids[0]));
    let told = "source ptbxl: 3 records are left out, as `exclude` (noisy.txt) names them";
    assert!(bench.run(&["check", "it.toml"]).ok().contains(&format!("note: {told}")));
    let excluded = bench.run(&["plan", "it.toml"]).ok();
    assert!(excluded.contains(told), "{excluded}");
    assert!(stages(&excluded).is_disjoint(&stages(&plan)), "{excluded}\n{plan}");
    let said = bench.run(&["run", "it.toml"]);
    assert!(said.err.contains(&format!("source ptbxl: {} records", all - 3)), "{}", said.err);
    said.ok();
    let listed = ids[..3].iter().map(|id| format!("'{id}'")).collect::<Vec<_>>().join(", ");
    assert_eq!(
        bench.number(&format!("SELECT count(*) FROM members WHERE data_set = 'ptb-xl' AND record_id IN ({listed})")),
        0.0
    );
    let table = bench.run(&["compare", "it"]).ok();
    let table = table.split_whitespace().collect::<Vec<_>>().join(" ");
    let legend = format!("Source ptbxl: 3 of {all} records are left out, as `exclude` (noisy.txt) names them.");
    assert!(table.contains(&legend), "{table}");
    // A list of all.
    bench.write("noisy.txt", &ids.join("\r\n"));
    bench.run(&["plan", "it.toml"]).users_fault(&[&format!("noisy.txt: it names all {all} records; none is left")]);
    fs::write(bench.path.join("noisy.txt"), b"1\n\xff\n").unwrap();
    bench.run(&["plan", "it.toml"]).users_fault(&["noisy.txt:2: it is not UTF-8"]);
}

/// What settings say of records is part of what the data are: stages that learn from others are others.
#[test]
fn settings_that_change_records_change_the_data() {
    let folder = sample();
    let cache = Workbench::new("decisive");
    let print = |source: &str| {
        let manifest = manifest_in(&folder, source, "");
        fingerprint(manifest.source("it").unwrap(), &cache.path).unwrap()
    };
    let ptbxl = "kind = \"ptb-xl\"\npath = \".\"\n";
    let plain = print(ptbxl);
    assert_ne!(print(&format!("{ptbxl}min_likelihood = 50\n")), plain);
    // What is at its default, where it lies, and whose it is are not.
    for same in
        ["min_likelihood = 0\n", "agree_within = 20\n", "data_set = \"other\"\n", "unreadable = \"leave-out\"\n"]
    {
        assert_eq!(print(&format!("{ptbxl}{same}")), plain, "{same}");
    }
    assert_eq!(print(&ptbxl.replace("\".\"", "\"../ptbxl-sample\"")), plain);
    let table = "kind = \"table\"\npath = \"ptbxl_database.csv\"\nsignals = \"{filename_lr}\"\nid = \"ecg_id\"\n";
    let labels = "labels = \"scp_codes\"\n";
    let plain = print(&format!("{table}{labels}"));
    let mut all = vec![plain.clone()];
    for other in [
        format!("{labels}fold_seed = 1\n"),
        "labels = { column = \"scp_codes\", vocabulary = \"scp\" }\n".to_owned(),
        "labels = { column = \"scp_codes\", likelihood = { at_least = 80 } }\n".to_owned(),
        "labels = { column = \"scp_codes\", likelihood = { at_least = 81 } }\n".to_owned(),
        format!("{labels}measurements = {{ a = \"age\" }}\n"),
        format!("{labels}measurements = {{ a = \"age + 1\" }}\n"),
        format!("{labels}fold = \"strat_fold\"\n"),
        format!("{labels}patient = \"patient_id\"\n"),
    ] {
        let print = print(&format!("{table}{other}"));
        assert!(!all.contains(&print), "{other}");
        all.push(print);
    }
    // Written out, and in the short form.
    let written = "labels = { column = \"scp_codes\", vocabulary = \"codes\" }\nfold_seed = 0\nmissing = []\n";
    assert_eq!(print(&format!("{table}{written}")), plain);
}

/// The committed study, on the bundled records of PTB-XL and eight of Georgia, with a network of its own size: what is learned by
/// statements is tested on SNOMED CT codes.
#[test]
fn a_classifier_of_ptb_xl_is_tested_on_georgia() {
    let bench = Workbench::new("georgia");
    let study = include_str!("../experiments/study/ptb-xl-to-georgia.toml");
    let georgia = fixtures().join("georgia/training/georgia");
    let mut text = study.to_owned();
    let sample = sample().display().to_string();
    for (from, to) in [
        ("$ECG_DATA/ptb-xl\"", format!("{sample}\"")),
        ("$ECG_DATA/cinc/training/georgia\"", format!("{}\"", georgia.display())),
        ("\"xresnet1d\"", "\"cnn\"\nchannels = [4]\nkernels = [5]".into()),
        ("\"inception1d\"", "\"cnn\"\nchannels = [6]\nkernels = [5]".into()),
        ("[transfer]\n", "[signal]\nleads = [\"I\", \"V2\"]\nsampling_rate = 100\nduration = 0.5\n[transfer]\n".into()),
        ("epochs = 30", "epochs = 2".into()),
        ("seed = [0, 1, 2, 3, 4]", "seed = [0]".into()),
    ] {
        assert_eq!(text.matches(from).count(), 1, "{from}");
        text = text.replace(from, &to);
    }
    bench.write("study.toml", &text);
    let table = bench.run(&["run", "study.toml"]).ok();
    assert!(table.contains("tested on") && table.contains("georgia"), "{table}");
    // By the Challenge's names of the codes and PTB-XL's table of statements.
    let expected = [
        ("E00002", "none"), // sinus rhythm
        ("E00003", "none"),
        ("E00005", "CD"),   // right bundle branch block, atrial fibrillation
        ("E00006", "STTC"), // non-specific ST-T abnormality, T waves
        ("E00008", "CD"),   // incomplete right bundle branch block, ventricular premature beats, left axis, tachycardia
        ("E00009", "STTC"), // as E00006, left axis, tachycardia
        ("E07500", "HYP"),  // left atrial enlargement, bradycardia
        ("E07507", "STTC"), // as E00006, long QT
    ];
    let has = "SELECT DISTINCT record_id, subject FROM evaluated_record WHERE truth = 1 ORDER BY record_id, subject";
    let found: Vec<[String; 2]> =
        bench.ask(has).into_iter().map(|row| [row[0].to_string(), row[1].to_string()]).collect();
    assert_eq!(found, expected.map(|(record, class)| [record.to_owned(), class.to_owned()]));
    // Each of two networks on each record, and each class.
    assert_eq!(bench.number("SELECT count(*) FROM evaluated_record"), 2.0 * 8.0 * 5.0);
    // Of the sample's test records too, those of whom nothing is said are a class.
    let none = listing(Path::new(&sample), "kind = \"ptb-xl\"\npath = \".\"").records;
    let none = none.iter().filter(|record| record.fold == Some(10));
    let classes = ["MI", "STTC", "CD", "HYP"];
    let is_none =
        |record: &&Record| classes.iter().all(|class| !record.labels.iter().any(|label| label.name() == *class));
    let none = none.filter(is_none).count() as f64;
    assert_eq!(
        bench.number(
            "SELECT DISTINCT value FROM scores WHERE split = 'test' AND metric = 'positives' AND class = 'none'"
        ),
        none
    );
}
