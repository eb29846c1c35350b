//! A study on the GPU as a user runs it: `make test-cuda`, or `make test-cuda-emulated` where there is none.
#![cfg(feature = "cuda")]

mod workbench;

use ecgraft::store::Cell;
use workbench::{Said, Workbench, sample, tiny};

/// The same trials, whose products are not rounded, and one network that knows no batch.
fn study(name: &str, more: &str) -> String {
    let compute = format!("[compute]\nprecision = \"f32\"\n{more}");
    tiny(name, &sample(), "").replace("[trials]", &format!("{compute}\n[trials]"))
}

fn text_of(cell: &Cell) -> String {
    match cell {
        Cell::Text(text) => text.clone(),
        other => panic!("{other:?}"),
    }
}

/// Whether the driver is the emulated one, whose memory can be chosen.
fn emulated() -> bool {
    std::env::var_os("LD_LIBRARY_PATH").is_some_and(|path| path.to_string_lossy().contains("emulator"))
}

#[test]
fn trials_reach_on_the_gpu_what_they_reach_on_the_cpu() {
    let on = |device: &str| {
        let bench = Workbench::new(&format!("gpu-{device}"));
        bench.write("experiments/tiny.toml", &study("tiny", ""));
        bench.run(&["run", "--device", device]).ok();
        let devices = bench.ask("SELECT DISTINCT device FROM stages");
        assert_eq!(devices.len(), 1);
        let device = text_of(&devices[0][0]);
        let number = |row: &Vec<Cell>| match &row[0] {
            Cell::Real(value) => *value,
            other => panic!("{other:?}"),
        };
        let predictions = bench
            .ask("SELECT probability FROM predictions ORDER BY run_id, record_id, class")
            .iter()
            .map(number)
            .collect();
        let aucs = bench.ask("SELECT test_macro_auc FROM runs ORDER BY run_id").iter().map(number).collect();
        (device, predictions, aucs)
    };
    let (name, expected, of_cpu): (_, Vec<f64>, Vec<f64>) = on("cpu");
    assert_eq!(name, "cpu");
    let (name, found, of_gpu) = on("cuda");
    assert!(name.starts_with("cuda:0 ("), "{name}");
    assert_eq!(found.len(), expected.len());
    let worst = found.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    assert!(worst < 1e-3, "probabilities differ by {worst}");
    let worst = of_gpu.iter().zip(&of_cpu).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    assert!(worst < 0.01, "AUCs differ by {worst}");
}

#[test]
fn a_gpu_that_is_not_there_is_told() {
    let bench = Workbench::new("gpu-number");
    bench.write("experiments/tiny.toml", &study("tiny", ""));
    bench.run(&["run", "--device", "cuda:99"]).users_fault(&["--device cuda:99", "cuda:99 is not there", "cuda:0"]);
}

#[test]
fn what_does_not_fit_is_told_with_what_was_found() {
    if !emulated() {
        println!("skipped: a real driver has no faults to order");
        return;
    }
    let bench = Workbench::new("gpu-fault");
    bench.write("experiments/tiny.toml", &study("tiny", ""));
    for (fault, says) in [
        ("no-device", ["no GPU can be used", "CUDA_ERROR_NO_DEVICE", "--device cpu"]),
        ("old-gpu", ["compute capability 7.0", "8.0 or later", "--device cpu"]),
        ("old-driver", ["compiled by NVRTC", "the driver takes CUDA 12.4", "as new as the toolkit"]),
    ] {
        let mut command = bench.command(&["run", "--device", "cuda"]);
        Said::of(&command.env("ECGRAFT_EMULATED_FAULT", fault).output().unwrap()).users_fault(&says);
    }
    // Without a GPU, auto is the CPU.
    let mut command = bench.command(&["run", "--device", "auto"]);
    Said::of(&command.env("ECGRAFT_EMULATED_FAULT", "no-device").output().unwrap()).ok();
    assert_eq!(text_of(&bench.ask("SELECT DISTINCT device FROM stages")[0][0]), "cpu");
}

/// Bytes of a GPU that is too small for both networks of the study below.
const MEMORY: u64 = 2 << 20;

/// Runs a study where the GPU has so many bytes.
fn with_memory(bench: &Workbench, bytes: u64) -> Said {
    let mut command = bench.command(&["run", "--device", "cuda", "--jobs", "1"]);
    Said::of(&command.env("ECGRAFT_EMULATED_MEMORY", bytes.to_string()).output().unwrap())
}

#[test]
fn where_memory_ends_batches_are_worked_on_in_parts_or_the_trial_says_why_not() {
    if !emulated() {
        println!("skipped: a real GPU's memory cannot be chosen");
        return;
    }
    // The cnn has batch norms, and more channels than there is memory for; the transformer's fill it too, unless it
    // sees some records at a time.
    let vit = "[architectures.vit]\nkind = \"vit\"\npatch = 5\ndim = 16\ndepth = 1\nheads = 2\nhead = 8\n";
    let bench = Workbench::new("gpu-memory");
    let text = study("memory", vit)
        .replace("architecture = [\"tiny\"]", "architecture = [\"tiny\", \"vit\"]")
        .replace("channels = [4, 8]", "channels = [64, 64]")
        .replace("epochs = 2", "epochs = 1")
        .replace("freeze = [\"none\", \"probe\"]\nseed = [0, 1]", "freeze = [\"none\"]\nseed = [0]");
    bench.write("experiments/memory.toml", &text);
    let said = with_memory(&bench, MEMORY);
    said.users_fault(&[
        "a batch of 32 records",
        "no memory left",
        "lower batch_size",
        "batch norms",
        "what does not hang on them is done",
    ]);
    let status = |architecture: &str| {
        let rows = bench.ask(&format!("SELECT status FROM runs WHERE architecture = '{architecture}'"));
        rows.iter().map(|row| text_of(&row[0])).collect::<Vec<_>>()
    };
    assert_eq!(status("tiny"), ["failed", "failed"]);
    assert_eq!(status("vit"), ["done", "done"]);
    let notes = bench.ask("SELECT 1 FROM stages WHERE notes LIKE '%worked on in % parts%'");
    assert!(!notes.is_empty(), "the transformer needed all its memory");
}
