//! How long 10,000 shards take to be folded into one store: `cargo bench --bench merge -- [SHARDS]`.
//!
//! The stages are planned as a study's are, and what they found is made up: 220 test records of five classes, 46 validation records, six
//! epochs; regressions measured 40 records. None has weights. All of it is in a temporary folder.

#[path = "../tests/example/mod.rs"]
mod example;

use std::borrow::Cow;
use std::path::Path;
use std::time::{Duration, Instant};
use std::{env, fs};

use ecgraft::data::Subset;
use ecgraft::manifest::{Donor, Target};
use ecgraft::merge::merge;
use ecgraft::outcome::{EpochValue, MeasuredValue, Outcome, Prediction};
use ecgraft::plan::{Overlaps, Plan, TaskKind, expand};
use ecgraft::results::ResultsFolder;
use ecgraft::store::{Claim, Finish, Store, write_shard};

const SHARDS: usize = 10_000;
const CLASSES: [&str; 5] = ["NORM", "MI", "STTC", "CD", "HYP"];

fn main() {
    let shards = env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(SHARDS);
    let folder = env::temp_dir().join(format!("ecgraft-bench-merge-{}", std::process::id()));
    let plan = plan(shards);
    let results = ResultsFolder::new(folder.join("far"));
    let start = Instant::now();
    write(&plan, &results, &folder.join("own"));
    let bytes: u64 = fs::read_dir(results.shards())
        .expect("they are there")
        .filter_map(|entry| entry.ok()?.metadata().ok())
        .map(|metadata| metadata.len())
        .sum();
    println!(
        "{} shards of {:.0} kB made in {:.1} s",
        plan.stages.len(),
        bytes as f64 / plan.stages.len() as f64 / 1e3,
        start.elapsed().as_secs_f64()
    );
    let merged = ResultsFolder::new(folder.join("merged"));
    for what in ["merged", "merged once more"] {
        let start = Instant::now();
        let found = merge(&[results.shards()], &merged, &mut |_| {}).expect("they can be merged");
        println!("  {what}: {:?} in {:.2} s", found.stages, start.elapsed().as_secs_f64());
        assert!(found.refused.is_empty(), "{:?}", found.refused);
    }
    let size = fs::metadata(merged.store()).map_or(0, |metadata| metadata.len());
    println!("  store: {:.0} MB", size as f64 / 1e6);
    let _ = fs::remove_dir_all(&folder);
}

fn plan(shards: usize) -> Plan {
    let mut manifest = example::manifest("large");
    manifest.freezes = [("probe".to_owned(), example::freeze(&["*"], None))].into();
    manifest.trials.from = vec![vec![Donor::from(Target::BUILT_IN[0])]];
    manifest.trials.freeze = vec!["probe".to_owned()];
    manifest.trials.label_fraction = vec![1.0];
    manifest.trials.seed = (0..1).collect();
    let fingerprints = example::fingerprints(std::slice::from_ref(&manifest));
    let a_seed = expand(vec![manifest.clone()], &fingerprints, &Overlaps::new()).expect("it is sound").stages.len();
    manifest.trials.seed = (0..shards.div_ceil(a_seed) as u64).collect();
    expand(vec![manifest], &fingerprints, &Overlaps::new()).expect("it is sound")
}

/// Every stage as a worker of its own leaves it; the store that they are written from is made anew now and then, as a worker's is.
fn write(plan: &Plan, results: &ResultsFolder, own: &Path) {
    let order: Vec<String> = plan.stages.iter().map(|stage| stage.id.clone()).collect();
    let mut store = Store::open(own).expect("a store");
    store.register(plan).expect("it can be written");
    store.want(&order).expect("it can be written");
    let mut store = store.unsynced().expect("it can be written");
    let mut writing = Duration::ZERO;
    let mut number = 0;
    while let Claim::Stage(id) = store.claim("worker", Duration::from_secs(3600)).expect("it can be written") {
        let stage = plan.stages.iter().find(|stage| stage.id == id).expect("it is planned");
        let finish = Finish {
            device: "cpu".into(),
            version: "bench".into(),
            checkpoint: None,
            started_at: chrono::Utc::now(),
            weights: None,
        };
        store.finish(&id, "worker", &outcome(stage.kind.task(), number), &finish).expect("it can be written");
        let start = Instant::now();
        write_shard(own, &id, results).expect("it can be written");
        writing += start.elapsed();
        number += 1;
    }
    println!("{:.1} ms to write a shard", 1e3 * writing.as_secs_f64() / number as f64);
}

/// Something that looks like what a stage finds; no two are the same.
fn outcome(task: TaskKind, number: usize) -> Outcome {
    let value = |place: usize| ((number * 7919 + place * 104_729) % 10_007) as f64 / 10_007.0;
    let epochs = (1..=6).map(|epoch| EpochValue {
        epoch,
        split: Subset::Validation,
        metric: Cow::Borrowed("loss"),
        value: value(epoch),
    });
    let mut outcome = Outcome { epochs: epochs.collect(), best_epoch: 3, wall_s: 1.0, ..Outcome::default() };
    let predictions = |records: usize| {
        (0..records * CLASSES.len())
            .map(|place| Prediction {
                record_id: format!("{:05}", place / CLASSES.len()),
                patient: (place / CLASSES.len()).to_string(),
                class: CLASSES[place % CLASSES.len()],
                probability: value(place) as f32,
                label: place % 7 == 0,
            })
            .collect::<Vec<_>>()
    };
    if task == TaskKind::Transfer {
        outcome.predictions = predictions(220);
        outcome.validation_predictions = predictions(46);
    } else {
        let measured = (0..40).map(|place| MeasuredValue {
            target: "hr",
            source: "large".into(),
            record_id: format!("{place:05}"),
            patient: place.to_string(),
            truth: 60.0 + value(place),
            measured: 61.0 + value(place + 1),
        });
        outcome.measured = measured.collect();
    }
    outcome
}
