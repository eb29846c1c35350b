//! How long 1,000 checkpoints take to be loaded and checked, as at the start of a run: `cargo bench --bench checkpoints`.

use std::collections::BTreeMap;
use std::time::Instant;

use ecgraft::manifest::{Architecture, Fusion};
use ecgraft::nn::{CnnConfig, Inception1dConfig, Network};
use ecgraft::tensor::Cpu;
use ecgraft::train::checkpoint::{self, Checkpoint};
use rayon::prelude::*;

const COUNT: usize = 1000;

fn main() {
    let folder = std::env::temp_dir().join(format!("ecgraft-bench-checkpoints-{}", std::process::id()));
    let architectures = [
        ("cnn", Architecture::Cnn(CnnConfig::default())),
        ("inception1d", Architecture::Inception1d(Inception1dConfig::default())),
    ];
    for (name, architecture) in architectures {
        let mut random = ecgraft::seed::stream(0, "bench", 0);
        let mut net = Network::new(&Cpu::default(), &architecture, (12, 1000), (1, Fusion::Concat), 5, &mut random)
            .expect("there is memory");
        let metadata = BTreeMap::from([(checkpoint::STAGE.to_owned(), name.to_owned())]);
        let first = folder.join("0");
        let sha256 = checkpoint::save(&mut net, &metadata, &first).expect("the folder can be written");
        let size = std::fs::metadata(&first).map_or(0, |file| file.len());
        for number in 1..COUNT {
            std::fs::copy(&first, folder.join(number.to_string())).expect("the folder can be written");
        }
        for _ in 0..3 {
            let start = Instant::now();
            (0..COUNT).into_par_iter().for_each(|number| {
                let checkpoint = Checkpoint::read(&folder.join(number.to_string())).expect("it is whole");
                checkpoint.is_of(name, Some(&sha256)).expect("it is this one");
            });
            println!("{COUNT} of {name}, {:.1} MB each: {:.3?}", size as f64 / 1e6, start.elapsed());
        }
    }
    let _ = std::fs::remove_dir_all(folder);
}
