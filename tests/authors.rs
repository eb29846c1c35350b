//! The paper's design, `experiments/study/authors.toml`: on the bundled records, with fewer epochs and smaller networks.

use crate::workbench::{Workbench, sample};

#[test]
fn both_tables_of_the_paper_are_one_command() {
    let bench = Workbench::new("authors");
    let study = include_str!("../experiments/study/authors.toml");
    let command = study.lines().find_map(|line| line.strip_prefix("#   ecgraft ")).expect("its command").to_owned();
    let data = sample();
    let small = [
        ("kind = \"deepfake-ecg\"\npath = \"$ECG_DATA/deepfake-ecg\"", "kind = \"simulator\"\nrecords = 200"),
        (
            "$ECG_DATA/ptb-xl-plus/features/12sl_features.csv",
            &format!("{}/features/ecgdeli_features.csv", data.display()),
        ),
        ("$ECG_DATA/ptb-xl", &data.display().to_string()),
        ("sampling_rate = 500", "sampling_rate = 50\nduration = 4.0"),
        ("records = 6000", "records = 60"),
        ("epochs = 50", "epochs = 1"),
        ("kind = \"rnn\"", "kind = \"rnn\"\nhidden = 8"),
        ("kind = \"lstm\"", "kind = \"lstm\"\nhidden = 8"),
        ("kind = \"vit\"", "kind = \"vit\"\ndim = 16\nheads = 2\ndepth = 2"),
        ("seed = [0, 1, 2, 3, 4]", "seed = [0]"),
    ];
    let small = small.iter().fold(study.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "the study has no {from}");
        text.replace(from, to)
    });
    bench.write("experiments/authors.toml", &small);
    let said = bench.run(&["run"]).ok();
    assert!(said.contains("with transfer and without"), "{said}");
    assert_eq!(bench.number("SELECT count(*) FROM runs WHERE status = 'done'"), 5.0 * (3.0 * 4.0 + 1.0));

    let arguments: Vec<&str> = command.split_whitespace().collect();
    let tables = bench.run(&arguments).ok();
    for of_regressions in ["hr (bpm)", "qrs (ms)", "train MAE", "validation MAE", "test MAE", "beside the median"] {
        assert!(tables.contains(of_regressions), "{of_regressions}: {tables}");
    }
    for of_classifiers in ["train accuracy", "validation accuracy", "test macro AUC", "scratch", "majority class"] {
        assert!(tables.contains(of_classifiers), "{of_classifiers}: {tables}");
    }
    // Patients do not cross the halves, the first block held still, and its statistics moved.
    bench.run(&["audit"]).ok();
    bench.run(&["verify"]).ok();
    let settings = bench
        .ask("SELECT settings FROM stage WHERE kind = 'transfer' AND stage_id IN (SELECT stage_id FROM stage_input)");
    assert_eq!(settings.len(), 60);
    assert!(settings.iter().all(|row| format!("{row:?}").contains("hidden") && format!("{row:?}").contains("adapt")));
}
