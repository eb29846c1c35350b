//! What a store costs that holds many stages: see `benches/scale.sh`, which runs all of it and the commands beside it.
//!
//! ```sh
//! cargo bench --bench scale -- stages 10000             # registering, and claim, sign of life and end of a stage
//! cargo bench --bench scale -- store DIR 10000 [31]     # writes DIR/ecgraft.sqlite with so many done runs
//! ```
//!
//! No network is trained: the store is that of a study of two architectures, two mixes, five grafts, five freezes and five
//! label fractions, in ten seeds for each 5,000 runs asked for; its predictions and scores are made up, by a generator of
//! their own, of as many test records as the bundled sample has, in five classes.

#[path = "../tests/example/mod.rs"]
mod example;

use std::path::Path;
use std::time::{Duration, Instant};

use chrono::Utc;
use ecgraft::data::Subset;
use ecgraft::manifest::{Donor, Target};
use ecgraft::plan::{Overlaps, Plan, StageKind, expand};
use ecgraft::store::{Claim, EpochValue, Finish, Outcome, Prediction, Score, Store};
use rusqlite::{Connection, params};

const CLASSES: [&str; 5] = ["NORM", "MI", "STTC", "CD", "HYP"];
const LEASE: Duration = Duration::from_secs(30);
/// Stages whose claim and end are timed.
const TIMED: usize = 100;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let number = |index: usize| arguments.get(index).and_then(|text| text.parse().ok());
    match arguments.first().map(String::as_str) {
        Some("store") => write(Path::new(&arguments[1]), number(2).unwrap_or(1000), number(3).unwrap_or(31)),
        Some("stages") => stages(number(1).unwrap_or(1000)),
        _ => [200, 2000].into_iter().for_each(stages),
    }
}

/// A study of `runs` runs, to the next whole number of arms and seeds.
fn plan(runs: usize) -> Plan {
    let mut manifest = example::manifest("scale");
    let graft = |bits: usize| {
        let is_in = |target: &Target| target.place().is_some_and(|place| bits >> place & 1 == 1);
        Target::BUILT_IN.into_iter().filter(is_in).map(Donor::from).collect()
    };
    manifest.freezes = (1..=5).map(|epochs| (format!("f{epochs}"), example::freeze(&["*"], Some(epochs)))).collect();
    let trials = &mut manifest.trials;
    trials.mix = example::strings(&["synthetic", "half-real"]);
    trials.architecture = example::strings(&["cnn", "inception"]);
    trials.from = (1..=5).map(graft).collect();
    trials.freeze = manifest.freezes.keys().cloned().collect();
    trials.label_fraction = vec![0.01, 0.05, 0.1, 0.5, 1.0];
    trials.scratch = true;
    // 500 grafted arms and 10 from scratch.
    trials.seed = (0..(runs as u64).div_ceil(510).max(1)).collect();
    let fingerprints = example::fingerprints(std::slice::from_ref(&manifest));
    let mut plan = expand(vec![manifest], &fingerprints, &Overlaps::new()).expect("the example is sound");
    if runs < 510 {
        plan.trials.truncate(runs);
    }
    plan
}

/// The numbers of a study that was never run: the same in every call.
fn random(seed: u64) -> f64 {
    let mut value = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((value ^ (value >> 31)) >> 11) as f64 / (1u64 << 53) as f64
}

/// Whether test record `record` has class `class`, and what the network of stage `stage` says of it.
fn said(stage: usize, record: usize, class: usize) -> (bool, f64) {
    let place = (record * CLASSES.len() + class) as u64;
    let has = random(place) < 0.3;
    let noise = random((stage as u64) << 32 | place);
    (has, if has { 0.2 + 0.8 * noise } else { 0.8 * noise })
}

fn scores(stage: usize) -> Vec<Score> {
    let of =
        |split, metric: &'static str, class, value| Score { split, metric: metric.into(), class, value: Some(value) };
    let mut scores = Vec::new();
    for split in [Subset::Train, Subset::Validation, Subset::Test] {
        let value = |which: u64| 0.7 + 0.2 * random((stage as u64) << 8 | which << 2 | split as u64);
        for (which, metric) in ["macro_auc", "accuracy", "macro_f1", "brier", "ece"].into_iter().enumerate() {
            scores.push(of(split, metric, None, value(which as u64)));
        }
        scores.push(of(split, "records", None, 31.0));
        for (number, class) in CLASSES.into_iter().enumerate() {
            scores.push(of(split, "positives", Some(class), 9.0));
            for (which, metric) in ["auc", "f1", "sensitivity", "specificity"].into_iter().enumerate() {
                scores.push(of(split, metric, Some(class), value(8 + 4 * number as u64 + which as u64)));
            }
        }
    }
    scores
}

/// What a stage could have found: the curves of 20 epochs, scores, and predictions of so many records.
fn outcome(kind: &StageKind, stage: usize, records: usize) -> Outcome {
    let curve = |epoch: usize| {
        ["loss", "macro_auc", "learning_rate"].map(|metric| EpochValue {
            epoch,
            split: Subset::Validation,
            metric: metric.into(),
            value: random((stage * 64 + epoch) as u64),
        })
    };
    let epochs = (1..=20).flat_map(curve).collect();
    let mut found = Outcome { best_epoch: 12, wall_s: 1.5, epochs, ..Outcome::default() };
    if matches!(kind, StageKind::Transfer { .. }) {
        found.scores = scores(stage);
        for (record, class) in (0..records).flat_map(|record| (0..CLASSES.len()).map(move |class| (record, class))) {
            let (label, probability) = said(stage, record, class);
            found.predictions.push(Prediction {
                record_id: record.to_string(),
                patient: format!("p{record}"),
                class: CLASSES[class],
                probability: probability as f32,
                label,
            });
        }
    }
    found
}

/// A store of `runs` done runs in `folder`.
fn write(folder: &Path, runs: usize, records: usize) {
    let plan = plan(runs);
    Store::open(folder).and_then(|mut store| store.register(&plan)).expect("the folder can be written");
    let connection = Connection::open(folder.join("ecgraft.sqlite")).expect("the store is there");
    fill(&connection, &plan, records).expect("the store can be written");
    println!("{} runs, {} stages, {records} test records", plan.trials.len(), plan.stages.len());
}

fn fill(connection: &Connection, plan: &Plan, records: usize) -> rusqlite::Result<()> {
    connection.execute_batch("PRAGMA synchronous = OFF; PRAGMA cache_size = -200000; BEGIN")?;
    let mut done = connection.prepare(
        "UPDATE stage SET status = 'done', device = 'cpu', version = 'made up', started_at = ?2, finished_at = ?2,
                wall_s = 1.5, best_epoch = 12, checkpoint = 'checkpoints/' || stage_id || '.safetensors', notes = '[]'
         WHERE stage_id = ?1",
    )?;
    let mut score = connection.prepare("INSERT INTO score VALUES (?1, ?2, ?3, ?4, ?5)")?;
    let mut prediction = connection.prepare("INSERT INTO prediction VALUES (?1, ?2, ?3, ?4, ?5)")?;
    let mut epoch = connection.prepare("INSERT INTO epoch VALUES (?1, ?2, ?3, ?4, ?5)")?;
    let mut patient = connection.prepare("INSERT OR IGNORE INTO patient VALUES (?1, ?2, ?3, NULL, NULL, NULL)")?;
    let mut stages: Vec<_> = plan.stages.iter().enumerate().collect();
    // As the tables are sorted: they are written from front to back.
    stages.sort_by(|a, b| a.1.id.cmp(&b.1.id));
    for (index, stage) in stages {
        done.execute(params![stage.id, "2026-11-28T12:00:00.000Z"])?;
        let found = outcome(&stage.kind, index, records);
        for own in found.scores {
            score.execute(params![stage.id, own.split.name(), own.metric, own.class.unwrap_or(""), own.value])?;
        }
        for own in &found.predictions {
            patient.execute(params![stage.data_fingerprint(plan), own.record_id, own.patient])?;
            let probability = f64::from(own.probability);
            prediction.execute(params![stage.id, own.record_id, own.class, probability, own.label])?;
        }
        for own in found.epochs {
            epoch.execute(params![stage.id, own.epoch as i64, own.split.name(), own.metric, own.value])?;
        }
    }
    connection.execute_batch("COMMIT; PRAGMA wal_checkpoint(TRUNCATE)")
}

/// What a stage costs beside its training, in a store of so many: of which half are done.
fn stages(count: usize) {
    let folder = std::env::temp_dir().join(format!("ecgraft-scale-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    let plan = plan(count);
    let begun = Instant::now();
    let mut store = Store::open(&folder).expect("the folder can be written");
    store.register(&plan).expect("the plan can be written");
    let registered = begun.elapsed();
    let half = plan.stages.len() / 2;
    {
        let connection = Connection::open(folder.join("ecgraft.sqlite")).expect("the store is there");
        connection.execute_batch("BEGIN").expect("it can be written");
        for stage in &plan.stages[..half] {
            connection.execute("UPDATE stage SET status = 'done' WHERE stage_id = ?1", [&stage.id]).expect("it can");
        }
        connection.execute_batch("COMMIT").expect("it can");
    }
    let order: Vec<String> = plan.stages.iter().map(|stage| stage.id.clone()).collect();
    let places: std::collections::HashMap<&str, usize> =
        plan.stages.iter().enumerate().map(|(index, stage)| (stage.id.as_str(), index)).collect();
    let begun = Instant::now();
    store.want(&order).expect("it can be asked");
    let wanted = begun.elapsed();
    let mut times = [const { Vec::new() }; 3];
    for _ in 0..TIMED.min(half) {
        let mut lap = Instant::now();
        let mut next = || std::mem::replace(&mut lap, Instant::now()).elapsed();
        let Ok(Claim::Stage(id)) = store.claim("w", LEASE) else { break };
        times[0].push(next());
        store.renew(&id, "w", LEASE).expect("it is held");
        times[1].push(next());
        let index = places[id.as_str()];
        let found = outcome(&plan.stages[index].kind, index, 31);
        next();
        let finish = Finish {
            device: "cpu".into(),
            version: "made up".into(),
            checkpoint: None,
            started_at: Utc::now(),
            weights: None,
        };
        store.finish(&id, "w", &found, &finish).expect("it is held");
        times[2].push(next());
    }
    let [claim, renew, finish] = times.map(median);
    println!(
        "{} stages: registered in {registered:.2?}, asked for in {wanted:.2?}; a stage: claim {claim:.2?}, sign of life \
         {renew:.2?}, end {finish:.2?}, together {:.2?}",
        plan.stages.len(),
        claim + renew + finish
    );
    let _ = std::fs::remove_dir_all(&folder);
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}
