//! Several processes on one machine that share a study.

use crate::workbench::{Workbench, sample, tiny};

fn sums(bench: &Workbench, results: &str) -> String {
    let sql = "SELECT stage_id, weights_sha256, findings_sha256 FROM stage ORDER BY 1";
    bench.run(&["query", "--results", results, sql]).ok()
}

#[test]
fn workers_share_a_study_and_end_with_the_bits_of_one() {
    let bench = Workbench::new("crew");
    let study = tiny("s", &sample(), "").replace("seed = [0, 1]", "seed = [0, 1, 2, 3]");
    bench.write("s.toml", &study);
    let one = bench.run(&["run", "s.toml", "--results", "one", "--jobs", "1"]);
    // From scratch first: a table of what is done has something to compare with.
    let done: Vec<&str> = one.err.lines().filter(|line| line.starts_with("done ")).collect();
    assert!(done.len() == 16 && done[..4].iter().all(|line| line.contains("from scratch")), "{done:#?}");
    let several = bench.run(&["run", "s.toml", "--results", "several", "--workers", "3"]);
    assert!(several.err.contains("3 workers; what they say is in several/logs"), "{}", several.err);
    assert!(several.err.contains("of 12 trials"), "{}", several.err);
    assert_eq!(several.ok(), one.ok());
    assert_eq!(sums(&bench, "several"), sums(&bench, "one"));
    let log =
        |number: usize| std::fs::read_to_string(bench.path.join(format!("several/logs/worker-{number}.log"))).unwrap();
    let trained: usize = (1..=3)
        .map(|number| log(number).matches("\ndone ").count() + usize::from(log(number).starts_with("done ")))
        .sum();
    assert_eq!(trained, 16, "each stage by one of them");
    bench.run(&["run", "s.toml", "--results", "new", "--devices", "cpu,cpu"]).ok();
    assert_eq!(sums(&bench, "new"), sums(&bench, "one"));
    bench.run(&["run", "s.toml", "--workers", "0"]).users_fault(&["--workers start at 1"]);
    bench.run(&["run", "s.toml", "--devices", "cpu,abacus"]).users_fault(&["worker 2", "abacus"]);
}

#[cfg(unix)]
#[test]
fn workers_end_in_order_with_the_one_who_started_them() {
    use std::process::{Command, Stdio};
    use std::time::{Duration, Instant};
    let bench = Workbench::new("crew-stopped");
    bench.write("s.toml", &tiny("s", &sample(), "").replace("epochs = 2", "epochs = 100000"));
    for (signal, code) in [("-TERM", Some(143)), ("-KILL", None)] {
        let mut command = bench.command(&["run", "s.toml", "--workers", "2"]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let log = |number: usize| bench.path.join(format!("results/logs/worker-{number}.log"));
        let begun = Instant::now();
        let running = || {
            bench.results().join("ecgraft.sqlite").exists()
                && bench.run(&["status"]).out.contains("2 running")
                && begun.elapsed() > Duration::from_millis(500)
        };
        while !running() {
            assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", std::fs::read_to_string(log(1)));
            std::thread::sleep(Duration::from_millis(100));
        }
        assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
        assert_eq!(child.wait().unwrap().code(), code);
        let ended =
            || (1..=2).all(|number| std::fs::read_to_string(log(number)).unwrap().contains("stopped by SIGTERM"));
        let begun = Instant::now();
        while !ended() {
            assert!(begun.elapsed() < Duration::from_secs(20), "they go on: {:?}", std::fs::read_to_string(log(1)));
            std::thread::sleep(Duration::from_millis(50));
        }
        // Their progress is saved.
        assert!(std::fs::read_dir(bench.path.join("results/progress")).unwrap().count() >= 2);
    }
}
