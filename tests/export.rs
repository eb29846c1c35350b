//! What is exported is what the store has, and other programs read it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::workbench::{Workbench, sample, tiny};
use ecgraft::store::{Cell, Store};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;

fn study(name: &str) -> Workbench {
    let bench = Workbench::new(name);
    bench.write("experiments/tiny.toml", &manifest());
    bench.run(&["run"]).ok();
    bench
}

/// Its networks are evaluated elsewhere too, so that every view has rows.
fn manifest() -> String {
    tiny("tiny", &sample(), "").replace("[regression]\n", "[regression]\nevaluate_on = [\"simulated\"]\n")
}

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// All rows of a view, in the order of exports.
fn rows(bench: &Workbench, view: &str) -> Vec<Vec<Cell>> {
    let columns = bench.ask(&format!("SELECT count(*) FROM pragma_table_info('{view}')"));
    let [Cell::Integer(columns)] = columns[0][..] else { panic!("{columns:?}") };
    let order: Vec<String> = (1..=columns).map(|number| number.to_string()).collect();
    bench.ask(&format!("SELECT * FROM {view} ORDER BY {}", order.join(", ")))
}

#[test]
fn csv_has_every_row_and_is_replaced_whole() {
    let bench = study("csv");
    let said = bench.run(&["export", "--csv", "out/tables"]).ok();
    assert!(said.contains("runs.csv: 6 rows\n") && said.contains("predictions.csv: 2160 rows\n"), "{said}");
    let folder = bench.path.join("out/tables");
    let read = |view: &str| {
        let mut reader = csv::Reader::from_path(folder.join(format!("{view}.csv"))).unwrap();
        let rows = reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect::<Vec<String>>());
        rows.collect::<Vec<_>>()
    };
    for view in Store::VIEWS {
        let expected: Vec<Vec<String>> =
            rows(&bench, view).iter().map(|row| row.iter().map(Cell::to_string).collect()).collect();
        assert!(!expected.is_empty() && read(view) == expected, "{view}");
    }
    let mut expected: BTreeSet<String> = Store::VIEWS.iter().map(|view| format!("{view}.csv")).collect();
    expected.insert("ecgraft-export.txt".into());
    assert_eq!(names(&folder), expected, "nothing unfinished is left");

    // What is there is replaced once more is known.
    bench.write("experiments/tiny.toml", &manifest().replace("seed = [0, 1]", "seed = [0, 1, 2]"));
    bench.run(&["run"]).ok();
    bench.run(&["export", "--csv", "out/tables"]).ok();
    assert_eq!(read("runs").len(), 9);
    assert_eq!(names(&folder), expected);
}

#[test]
fn what_is_not_ours_is_left_alone() {
    let bench = Workbench::new("foreign");
    bench.run(&["export", "--csv", "tables"]).users_fault(&["there are no results yet"]);
    assert!(!bench.path.join("tables").exists());
    bench.run(&["export"]).users_fault(&["--parquet"]);
    Store::open(&bench.results())
        .unwrap()
        .register(&crate::example::plan(&[crate::example::manifest("study")]))
        .unwrap();
    bench.write("tables/runs.csv", "mine\n");
    bench.run(&["export", "--csv", "tables"]).users_fault(&["tables/runs.csv", "left as it is", "name another folder"]);
    assert_eq!(names(&bench.path.join("tables")), BTreeSet::from(["runs.csv".to_owned()]));
    assert_eq!(std::fs::read_to_string(bench.path.join("tables/runs.csv")).unwrap(), "mine\n");
    // Nor is what was put in the place of a file of ours.
    bench.run(&["export", "--csv", "exported"]).ok();
    let store = std::fs::read(bench.results().join("ecgraft.sqlite")).unwrap();
    std::fs::write(bench.path.join("exported/runs.csv"), &store).unwrap();
    bench.run(&["export", "--csv", "exported"]).users_fault(&["exported/runs.csv", "SQLite", "left as it is"]);
    assert!(std::fs::read(bench.path.join("exported/runs.csv")).unwrap() == store);
    bench.write("file", "");
    bench.run(&["export", "--parquet", "file"]).users_fault(&["file", "cannot be made"]);

    // Runs that are not done are exported too, and MLflow's database is never replaced.
    bench.run(&["export", "--mlflow", "tracking"]).ok();
    let database = bench.path.join("tracking/mlflow.db");
    let before = std::fs::read(&database).unwrap();
    bench.run(&["export", "--mlflow", "tracking"]).users_fault(&[
        "tracking/mlflow.db",
        "notes of yours",
        "another folder",
    ]);
    assert_eq!(std::fs::read(&database).unwrap(), before);
    let runs = "SELECT status, count(*) FROM runs GROUP BY status";
    let found: (String, i64) = rusqlite::Connection::open(&database)
        .unwrap()
        .query_row(runs, [], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap();
    assert_eq!(found, ("SCHEDULED".into(), 2), "a regression and a transfer");
}

#[test]
fn parquet_has_every_value_with_its_type() {
    let bench = study("parquet");
    bench.run(&["export", "--parquet", "tables"]).ok();
    for view in Store::VIEWS {
        let file = std::fs::File::open(bench.path.join(format!("tables/{view}.parquet"))).unwrap();
        let reader = SerializedFileReader::new(file).unwrap();
        let mut found = Vec::new();
        for row in reader.get_row_iter(None).unwrap() {
            let row = row.unwrap();
            let cells = row.get_column_iter().map(|(name, field)| match field {
                Field::Null => Cell::Null,
                Field::Long(value) => Cell::Integer(*value),
                Field::Double(value) => Cell::Real(*value),
                Field::Str(text) => Cell::Text(text.clone()),
                Field::TimestampMillis(value) => {
                    assert!(name.ends_with("_at"), "{name}");
                    let time = chrono::DateTime::from_timestamp_millis(*value).unwrap();
                    Cell::Text(time.to_rfc3339_opts(chrono::SecondsFormat::Millis, true))
                }
                other => panic!("{view}.{name}: {other:?}"),
            });
            found.push(cells.collect::<Vec<_>>());
        }
        assert!(found == rows(&bench, view), "{view}");
    }
}

#[test]
fn an_mlflow_database_has_runs_curves_scores_and_artifacts() {
    let bench = study("mlflow");
    let said = bench.run(&["export", "--mlflow", "tracking"]).ok();
    assert!(said.contains("1 experiment, 6 runs, 2 grafted networks") && said.contains("mlflow ui"), "{said}");
    let database = rusqlite::Connection::open(bench.path.join("tracking/mlflow.db")).unwrap();
    let number = |sql: &str| database.query_row(sql, [], |row| row.get::<_, f64>(0)).unwrap();
    assert_eq!(number("SELECT count(*) FROM runs WHERE status = 'FINISHED'"), 8.0);
    assert_eq!(
        number("SELECT count(*) FROM tags WHERE key = 'ecgraft.run_id' AND substr(run_uuid, 1, 20) = value"),
        6.0
    );
    assert_eq!(number("SELECT count(DISTINCT step) FROM metrics WHERE key = 'train/loss'"), 2.0);
    assert_eq!(
        number("SELECT sum(value) FROM latest_metrics WHERE key = 'test/macro_auc'"),
        bench.number("SELECT sum(test_macro_auc) FROM runs")
    );
    assert_eq!(number("SELECT count(*) FROM params WHERE key = 'transfer.epochs' AND value = '2'"), 6.0);
    let mut select = database.prepare("SELECT artifact_uri FROM runs").unwrap();
    let uris = select.query_map([], |row| row.get::<_, String>(0)).unwrap().map(|uri| uri.unwrap());
    // Where they are is said from the database's folder on, so that it may be moved.
    let folder = bench.path.join("tracking");
    let values = uris.map(|uri| folder.join(uri).join("regression_predictions.csv"));
    let values: Vec<PathBuf> = values.filter(|path| path.is_file()).collect();
    assert_eq!(values.len(), 2, "of the networks that are grafted");
    let lines = values.iter().map(|path| csv::Reader::from_path(path).unwrap().records().count());
    assert_eq!(lines.sum::<usize>() as f64, bench.number("SELECT count(*) FROM regression_predictions"));
    let uri: String = database.query_row("SELECT min(artifact_uri) FROM runs", [], |row| row.get(0)).unwrap();
    assert!(Path::new(&uri).is_relative() && folder.join(&uri).join("manifest.toml").is_file(), "{uri}");
}

/// A Python that has all of `modules`: `$PYTHON`, or `python3`; else it is said that `test` was skipped.
pub fn python(test: &str, modules: &[&str]) -> Option<PathBuf> {
    let python = std::env::var_os("PYTHON").map_or_else(|| PathBuf::from("python3"), PathBuf::from);
    let imports = format!("import {}", modules.join(", "));
    let has_all = Command::new(&python).args(["-c", &imports]).output().is_ok_and(|said| said.status.success());
    if !has_all {
        let (python, modules) = (python.display(), modules.join(", "));
        crate::workbench::skipped(test, &format!("{python} has not all of {modules}; PYTHON= names another"));
    }
    has_all.then_some(python)
}

/// Runs `script` in the folder of `bench`.
fn run_python(python: &Path, bench: &Workbench, script: &str, arguments: &[&str]) -> String {
    let output = Command::new(python).arg("-c").arg(script).args(arguments).current_dir(&bench.path).output().unwrap();
    crate::workbench::Said::of(&output).ok()
}

#[test]
fn pandas_polars_and_duckdb_read_the_parquet_files() {
    let test = "pandas_polars_and_duckdb_read_the_parquet_files";
    let Some(python) = python(test, &["pandas", "pyarrow", "polars", "duckdb"]) else { return };
    let bench = study("frames");
    bench.run(&["export", "--parquet", "tables"]).ok();
    let script = "
import sqlite3, sys
import duckdb, pandas, polars
store = sqlite3.connect('file:results/ecgraft.sqlite?mode=ro', uri=True)
for view in sys.argv[1:]:
    file = f'tables/{view}.parquet'
    expected = pandas.read_sql(f'SELECT * FROM {view}', store)
    frames = [pandas.read_parquet(file), polars.read_parquet(file), duckdb.sql(f\"SELECT * FROM '{file}'\").df()]
    for frame in frames:
        assert list(frame.columns) == list(expected.columns) and len(frame) == len(expected), view
        for name in expected.columns:
            found = [value for value in frame[name].to_list() if not pandas.isna(value)]
            wanted = [value for value in expected[name].to_list() if not pandas.isna(value)]
            if name.endswith('_at'):
                found, wanted = [pandas.Timestamp(t) for t in found], [pandas.Timestamp(t) for t in wanted]
            assert sorted(found) == sorted(wanted), (view, name)
print('read', pandas.__version__, polars.__version__, duckdb.__version__)
";
    println!("{}", run_python(&python, &bench, script, Store::VIEWS));
}

#[test]
fn mlflow_opens_the_database() {
    let Some(python) = python("mlflow_opens_the_database", &["mlflow"]) else { return };
    let bench = study("mlflow-opens");
    bench.run(&["export", "--mlflow", "tracking"]).ok();
    std::fs::create_dir(bench.path.join("elsewhere")).unwrap();
    std::fs::rename(bench.path.join("tracking"), bench.path.join("elsewhere/moved")).unwrap();
    let script = "
import os, sqlite3
import mlflow
os.chdir('elsewhere/moved')
client = mlflow.MlflowClient(tracking_uri='sqlite:///mlflow.db')
experiment = client.get_experiment_by_name('tiny')
runs = client.search_runs([experiment.experiment_id])
assert len(runs) == 8 and all(run.info.status == 'FINISHED' for run in runs)
store = sqlite3.connect('file:../../results/ecgraft.sqlite?mode=ro', uri=True)
for run_id, auc, seed, stage in store.execute('SELECT run_id, test_macro_auc, seed, stage_id FROM runs'):
    [run] = [run for run in runs if run.info.run_id.startswith(run_id)]
    assert run.data.metrics['test/macro_auc'] == auc and run.data.params['seed'] == str(seed)
    curve = [(point.step, point.value) for point in client.get_metric_history(run.info.run_id, 'validation/loss')]
    assert sorted(curve) == store.execute(\"SELECT epoch, value FROM epochs WHERE run_id = ? AND stage_id = ?\"
        \" AND split = 'validation' AND metric = 'loss' ORDER BY epoch\", (run_id, stage)).fetchall()
    files = {file.path for file in client.list_artifacts(run.info.run_id)}
    assert files == {'manifest.toml', 'settings.json', 'predictions.csv'}, files
    assert 'numeric_version' in open(client.download_artifacts(run.info.run_id, 'settings.json')).read()
print('opened with', mlflow.__version__)
";
    println!("{}", run_python(&python, &bench, script, &[]));
}

#[test]
fn the_readmes_snippet_loads_a_checkpoint_in_pytorch() {
    let test = "the_readmes_snippet_loads_a_checkpoint_in_pytorch";
    let Some(python) = python(test, &["torch", "safetensors", "numpy"]) else { return };
    let readme = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let (_, snippet) = readme.split_once("```python\n").unwrap();
    let (snippet, _) = snippet.split_once("```").unwrap();
    let bench = Workbench::new("pytorch");
    // The rate of the bundled records, so that they are normalised here as there.
    let manifest = tiny("tiny", &sample(), "").replace("sampling_rate = 50", "sampling_rate = 100");
    bench.write("experiments/tiny.toml", &manifest);
    bench.run(&["run"]).ok();
    let found = bench.ask("SELECT checkpoint FROM stages WHERE kind = 'regression' LIMIT 1");
    let [Cell::Text(checkpoint)] = &found[0][..] else { panic!("{found:?}") };
    let path = bench.results().join(checkpoint);
    let said = run_python(&python, &bench, snippet, &[path.to_str().unwrap()]);
    assert!(said.contains("tensor([["), "{said}");

    // With records for the random numbers it says what the store says.
    let script = "
import glob, sqlite3, sys
import numpy, torch
snippet, data = open('snippet.py').read(), sys.argv[1]
store = sqlite3.connect('file:results/ecgraft.sqlite?mode=ro', uri=True)
for run, checkpoint in store.execute('SELECT run_id, checkpoint FROM runs JOIN stages USING (stage_id)').fetchall():
    said = store.execute('SELECT record_id, class, probability FROM predictions WHERE run_id = ?', (run,)).fetchall()
    records = sorted({record for record, _, _ in said})
    signals = []
    for record in records:
        [file] = glob.glob(f'{data}/records100/*/{int(record):05d}_lr.dat')
        leads = numpy.fromfile(file, '<i2').reshape(1000, 12).T[[0, 7]].astype(float)
        signals.append((leads - leads.mean(1, keepdims=True)) / leads.std(1, keepdims=True))
    sys.argv = ['', 'results/' + checkpoint]
    found = {'records': torch.tensor(numpy.array(signals), dtype=torch.float32)}
    exec(snippet.replace('torch.randn(1, convs[0][1], 1000)', 'records').replace('print(', 'out = ('), found)
    found = torch.sigmoid(found['out']).tolist()
    for record, name, probability in said:
        mine = found[records.index(record)][['NORM', 'MI', 'STTC', 'CD', 'HYP'].index(name)]
        assert abs(mine - probability) < 1e-5, (run, record, name, mine, probability)
print(len(said), 'probabilities')
";
    bench.write("snippet.py", snippet);
    let said = run_python(&python, &bench, script, &[sample().to_str().unwrap()]);
    assert_eq!(said, "360 probabilities\n");
}

/// A study of which one stage failed, as some queries are about those.
fn study_with_a_failure(name: &str) -> Workbench {
    let bench = study(name);
    let mut store = Store::open(&bench.results()).unwrap();
    let plan = crate::example::plan(&[crate::example::manifest("study")]);
    store.register(&plan).unwrap();
    store.want(&[plan.stages[0].id.clone()]).unwrap();
    store.claim("w", std::time::Duration::from_secs(30)).unwrap();
    store.fail(&plan.stages[0].id, "w", "the loss is not a number").unwrap();
    bench
}

/// The queries of the page.
fn queries() -> Vec<String> {
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/queries.md")).unwrap();
    let queries: Vec<String> =
        page.split("```sql\n").skip(1).filter_map(|rest| rest.split("```").next()).map(str::to_owned).collect();
    assert!(queries.len() >= 12, "{}", queries.len());
    queries
}

#[test]
fn every_query_of_the_page_has_an_answer() {
    let bench = study_with_a_failure("queries");
    for query in queries() {
        assert!(!bench.ask(&query).is_empty(), "no rows:\n{query}");
    }
    // So have those of the help, whose list of views is the store's.
    for command in ["query", "export"] {
        let help = bench.run(&[command, "--help"]).ok().replace('\n', " ");
        for view in Store::VIEWS {
            assert!(help.contains(view), "{command} --help does not tell of {view}");
        }
    }
}

#[test]
fn duckdb_answers_every_query_of_the_page_as_sqlite_does() {
    let Some(python) = python("duckdb_answers_every_query_of_the_page_as_sqlite_does", &["duckdb"]) else { return };
    let bench = study_with_a_failure("queries-duckdb");
    bench.run(&["export", "--parquet", "tables"]).ok();
    let script = "
import sqlite3, sys
import duckdb
store = sqlite3.connect('file:results/ecgraft.sqlite?mode=ro', uri=True)
duck = duckdb.connect()
views, queries = sys.argv[1].split(), sys.argv[2:]
for view in views:
    duck.execute(f\"CREATE VIEW {view} AS SELECT * FROM 'tables/{view}.parquet'\")
def plain(value):
    try:
        return f'{float(value):.12g}'
    except (TypeError, ValueError):
        return str(value)
for query in queries:
    both = [sorted([plain(value) for value in row] for row in of.execute(query).fetchall()) for of in (store, duck)]
    assert both[0] and both[0] == both[1], (query, both)
print(len(queries), 'queries in DuckDB', duckdb.__version__)
";
    let (views, queries) = (Store::VIEWS.join(" "), queries());
    let arguments: Vec<&str> = std::iter::once(&views).chain(&queries).map(String::as_str).collect();
    println!("{}", run_python(&python, &bench, script, &arguments));
}
