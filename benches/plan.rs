//! How long a plan of 100,000 trials takes: `cargo bench --bench plan`.

#[path = "../tests/example/mod.rs"]
mod example;

use std::hint::black_box;
use std::time::Instant;

use ecgraft::manifest::{Donor, Target};

fn main() {
    let mut manifest = example::manifest("large");
    manifest.freezes =
        (1..=20).map(|epochs| (format!("freeze{epochs}"), example::freeze(&["*"], Some(epochs)))).collect();
    let graft = |bits: usize| {
        Target::BUILT_IN
            .into_iter()
            .filter(|&target| target.place().is_some_and(|place| bits >> place & 1 == 1))
            .map(Donor::from)
            .collect()
    };
    manifest.trials.from = (1..=10).map(graft).collect();
    manifest.trials.freeze = manifest.freezes.keys().cloned().collect();
    manifest.trials.label_fraction = vec![0.01, 0.05, 0.1, 0.5, 1.0];
    manifest.trials.seed = (0..100).collect();
    let fingerprints = example::fingerprints(std::slice::from_ref(&manifest));
    for _ in 0..3 {
        let manifests = vec![manifest.clone()];
        let start = Instant::now();
        let plan = black_box(ecgraft::plan::expand(manifests, &fingerprints, &ecgraft::plan::Overlaps::new()))
            .expect("the example is sound");
        println!("{} trials, {} stages: {:.3?}", plan.trials.len(), plan.stages.len(), start.elapsed());
    }
}
