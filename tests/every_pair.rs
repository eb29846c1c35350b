//! Every architecture with every graft and freeze, from manifest to table, on the bundled records.

use std::collections::BTreeMap;

use crate::workbench::{Workbench, sample};
use ecgraft::store::Cell;

/// The smallest sensible settings of a kind.
fn settings(kind: &str) -> &'static str {
    match kind {
        "cnn" => "channels = [4, 6]\nkernels = [5, 3]",
        "inception1d" => "depth = 3\nfilters = 2\nbottleneck = 2\nkernel = 12",
        "rnn" | "lstm" | "gru" => "hidden = 4\nlayers = 2",
        "fcn" => "channels = [4, 6]\nkernels = [8, 3]",
        "net1d" => "stem = 4\nchannels = [4, 6]\nblocks = [1, 1]\ngroup = 2",
        "s4" => "layers = 2\nwidth = 6\nstate = 4",
        "vit" => "patch = 10\ndim = 8\ndepth = 2\nheads = 2",
        "resnet1d" => "width = 4",
        "xresnet1d" => "depth = 18\nwidth = 2",
        // Others are trained at their defaults.
        _ => "",
    }
}

fn manifest(kind: &str) -> String {
    format!(
        r#"name = "{kind}"
[sources.ptbxl]
kind = "ptb-xl"
path = "{data}"
features = "{data}/features/ecgdeli_features.csv"
[signal]
leads = ["I", "V2"]
sampling_rate = 50
duration = 2.0
[mixes.real]
records = 40
parts = [{{ source = "ptbxl" }}]
[architectures.net]
kind = "{kind}"
head = 8
{}
[freezes.probe]
steps = [{{ blocks = ["*"] }}]
[freezes.adapted]
batch_norm = "adapt"
steps = [{{ blocks = ["*"] }}]
[freezes.gradual]
steps = [{{ blocks = ["*"], epochs = 1 }}, {{ blocks = ["block1"], epochs = 1 }}]
learning_rate_scale = {{ "block*" = 0.1 }}
[regression]
targets = ["hr", "qrs", ["hr", "qrs"]]
epochs = 1
[transfer]
labels = "multi"
epochs = 3
[classification]
epochs = 1
[trials]
from = [["hr"], [["hr", "qrs"]], ["classification"], ["qrs", ["hr", "qrs"], "classification"]]
fusion = ["concat", "gate", "mean"]
freeze = ["none", "probe", "adapted", "gradual"]
label_fraction = [0.5]
matched_scratch = true
"#,
        settings(kind),
        data = sample().display()
    )
}

/// Kinds of architectures in this build, from the schema of the language.
fn kinds() -> Vec<String> {
    let schema = ecgraft::manifest::schema();
    let kinds = schema["properties"]["architectures"]["additionalProperties"]["oneOf"].as_array().unwrap();
    kinds.iter().filter_map(|kind| kind["properties"]["kind"]["const"].as_str().map(str::to_owned)).collect()
}

#[test]
fn every_pair_trains_and_what_is_frozen_keeps_its_bits() {
    let bench = Workbench::new("pairs");
    let kinds = kinds();
    assert!(kinds.len() >= 2);
    for kind in &kinds {
        bench.write(&format!("experiments/{kind}.toml"), &manifest(kind));
    }
    bench.run(&["run"]).ok();
    // Three grafts of one network, one of three in three fusions; four freezes; baselines of one and three; as many whose
    // fresh weights hold still, which are the same under both freezes that hold to the end.
    let runs = (3 + 3) * 4 + (1 + 3) + (1 + 3);
    for kind in &kinds {
        let done = format!("SELECT count(*) FROM runs WHERE experiment = '{kind}' AND status = 'done'");
        assert_eq!(bench.number(&done), f64::from(runs), "{kind}");
    }

    let weights = |id: &Cell| -> BTreeMap<String, Vec<u8>> {
        let Cell::Text(id) = id else { panic!("{id:?}") };
        let bytes = std::fs::read(bench.results().join(id)).unwrap();
        let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        tensors.tensors().into_iter().map(|(name, view)| (name, view.data().to_vec())).collect()
    };
    let pairs = bench.ask(
        "SELECT r.experiment, r.graft, t.checkpoint, g.checkpoint, s.position FROM runs r JOIN stages t ON t.stage_id = r.stage_id
         JOIN run_stages s ON s.run_id = r.run_id AND s.position >= 0 JOIN stages g ON g.stage_id = s.stage_id
         WHERE r.freeze = 'probe'",
    );
    // Three grafts of one donor, three fusions of three.
    assert_eq!(pairs.len(), kinds.len() * (3 + 3 * 3));
    for row in pairs {
        let (classifier, donor) = (weights(&row[2]), weights(&row[3]));
        let Cell::Integer(position) = row[4] else { panic!("{row:?}") };
        let mut compared = 0;
        for (name, values) in donor.iter().filter(|(name, _)| !name.starts_with("head.")) {
            let grafted = classifier.get(&format!("backbones.{position}.{name}")).or_else(|| classifier.get(name));
            assert_eq!(grafted, Some(values), "{:?} {:?}: {name}", row[0], row[1]);
            compared += 1;
        }
        assert!(compared > 3, "{:?}: {:?}", row[0], donor.keys());
    }
}
