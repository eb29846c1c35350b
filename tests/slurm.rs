//! A cluster of one machine: Slurm itself, as a package of the system has it, where it may be started.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rusqlite::Connection;

use crate::workbench::{Workbench, sample, skipped, tiny};

/// A controller and two nodes on this machine; they end with the test.
struct Cluster {
    folder: PathBuf,
    config: PathBuf,
}

/// Whether this machine can have one: root, the programs, and munge, which tells them of each other.
fn may_start() -> Result<(), &'static str> {
    let root = Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.starts_with(b"0\n"));
    let there = |program: &str| Path::new("/usr/sbin").join(program).exists();
    match (root, there("slurmctld") && there("slurmd") && there("munged")) {
        (false, _) => Err("only root may start Slurm"),
        (_, false) => Err("there is no Slurm (Debian: slurm-wlm)"),
        _ => Ok(()),
    }
}

fn quiet(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl Cluster {
    fn start(bench: &Workbench) -> Self {
        if !quiet(Command::new("munge").arg("-n")) {
            quiet(Command::new("install").args(["-d", "-o", "munge", "/run/munge"]));
            assert!(quiet(Command::new("runuser").args(["-u", "munge", "--", "munged"])), "munge does not start");
        }
        let folder = bench.path.join("cluster");
        for name in ["state", "spool", "log"] {
            fs::create_dir_all(folder.join(name)).unwrap();
        }
        let host = String::from_utf8(Command::new("hostname").output().unwrap().stdout).unwrap();
        let host = host.trim();
        let [controller, first, second] = [free_port(), free_port(), free_port()];
        let place = folder.display();
        let node = |name: &str, port: u16| {
            format!("NodeName={name} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs=1 RealMemory=1000\n")
        };
        let config = bench.write(
            "cluster/slurm.conf",
            &format!(
                "ClusterName=test\nSlurmctldHost={host}(127.0.0.1)\nSlurmUser=root\nAuthType=auth/munge\n\
                 StateSaveLocation={place}/state\nSlurmdSpoolDir={place}/spool/%n\nSlurmctldPidFile={place}/controller.pid\n\
                 SlurmdPidFile={place}/%n.pid\nSlurmctldLogFile={place}/log/controller.log\n\
                 SlurmdLogFile={place}/log/%n.log\nSlurmctldPort={controller}\nProctrackType=proctrack/linuxproc\n\
                 TaskPlugin=task/none\nSelectType=select/cons_tres\nReturnToService=2\nSlurmctldTimeout=10\n\
                 SlurmdTimeout=5\nMessageTimeout=5\nJobRequeue=1\nKillWait=3\nMaxArraySize=41\n\
                 SchedulerParameters=batch_sched_delay=0,sched_interval=1,bf_interval=1\n{}{}\
                 PartitionName=main Nodes=ALL Default=YES State=UP\n",
                node("n1", first),
                node("n2", second)
            ),
        );
        let cluster = Self { folder, config };
        assert!(quiet(&mut cluster.command("/usr/sbin/slurmctld", &[])));
        cluster.start_node("n1");
        cluster.start_node("n2");
        cluster.until("both nodes are up", || cluster.said("sinfo", &["-h", "-N", "-t", "idle"]).lines().count() >= 2);
        cluster
    }

    fn start_node(&self, name: &str) {
        assert!(quiet(&mut self.command("/usr/sbin/slurmd", &["-N", name])));
    }

    fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(arguments).env("SLURM_CONF", &self.config);
        command
    }

    fn said(&self, program: &str, arguments: &[&str]) -> String {
        String::from_utf8(self.command(program, arguments).output().unwrap().stdout).unwrap()
    }

    fn ecgraft(&self, bench: &Workbench, arguments: &[&str]) -> String {
        let mut command = bench.command(arguments);
        command.env("SLURM_CONF", &self.config).env("TMPDIR", &bench.path);
        crate::workbench::Said::of(&command.output().unwrap()).ok()
    }

    #[track_caller]
    fn until(&self, what: &str, is_so: impl Fn() -> bool) {
        let begun = Instant::now();
        while !is_so() {
            if begun.elapsed() > Duration::from_secs(120) {
                let log = fs::read_to_string(self.folder.join("log/controller.log")).unwrap_or_default();
                let last: Vec<&str> = log.lines().rev().take(30).collect();
                panic!("not within two minutes: {what}\n{}\n{last:#?}", self.said("squeue", &["-a"]));
            }
            self.hurry();
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// Slurm lets what was preempted, or ran on a node that failed, wait for two minutes; the test does not.
    fn hurry(&self) {
        for line in self.said("squeue", &["-h", "-t", "PD", "-r", "-o", "%A %r"]).lines() {
            if let Some((job, "BeginTime")) = line.split_once(' ') {
                quiet(&mut self.command("scontrol", &["update", &format!("JobId={job}"), "StartTime=now"]));
            }
        }
    }

    /// How often the controller's log says so.
    fn logged(&self, what: &str) -> usize {
        fs::read_to_string(self.folder.join("log/controller.log")).unwrap_or_default().matches(what).count()
    }

    fn kill(&self, name: &str) {
        let pid = fs::read_to_string(self.folder.join(format!("{name}.pid"))).unwrap_or_default();
        if !pid.trim().is_empty() {
            quiet(Command::new("kill").args(["-9", pid.trim()]));
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        quiet(&mut self.command("scancel", &["--user=root"]));
        for name in ["n1", "n2", "controller"] {
            self.kill(name);
        }
    }
}

/// So many that a stage takes a few tenths of a second, however this was built.
const EPOCHS: usize = if cfg!(debug_assertions) { 6 } else { 20 };

/// 200 stages: 50 seeds of a regression, two grafts of it, and one from scratch.
fn study() -> String {
    let seeds = (0..50).map(|seed| seed.to_string()).collect::<Vec<_>>().join(", ");
    tiny("s", &sample(), "")
        .replace("seed = [0, 1]", &format!("seed = [{seeds}]"))
        .replace("epochs = 2", &format!("epochs = {EPOCHS}"))
}

fn sums(results: &Path) -> Vec<String> {
    let store = Connection::open(results.join("ecgraft.sqlite")).unwrap();
    let mut select = store
        .prepare("SELECT stage_id || ' ' || weights_sha256 || ' ' || findings_sha256 FROM stage WHERE status = 'done' ORDER BY 1")
        .unwrap();
    select.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

#[test]
fn a_study_on_slurm_outlives_a_node_the_limit_and_two_requeues_and_ends_with_the_bits_of_a_local_run() {
    if let Err(why) = may_start() {
        return skipped("slurm", why);
    }
    let bench = Workbench::new("slurm");
    let cluster = Cluster::start(&bench);
    bench.write("s.toml", &study());
    bench.run(&["run", "s.toml", "--results", "local"]).ok();
    let local = sums(&bench.path.join("local"));
    assert_eq!(local.len(), 200);
    // One seed is done here, so that the time of the others is known.
    bench.write("one/s.toml", &study().replace("seed = [0, 1,", "seed = [0] # ["));
    bench.run(&["run", "one/s.toml"]).ok();
    let submitted = cluster.ecgraft(
        &bench,
        &["slurm", "submit", "s.toml", "--partition", "main", "--cpus", "1", "--time", "10", "--element-time", "0:04"],
    );
    assert!(submitted.contains("submitted as jobs 1, "), "{submitted}");
    assert!(!submitted.contains('?'), "stages were timed: {submitted}");
    let again = bench.command(&["slurm", "submit", "s.toml"]).env("SLURM_CONF", &cluster.config).output().unwrap();
    crate::workbench::Said::of(&again).users_fault(&["job 1 of", "is in the queue and has some of these stages"]);
    let is_running = || !cluster.said("squeue", &["-h", "-t", "R", "-p", "main"]).trim().is_empty();
    // As at the time limit: they save their progress, queue themselves again, and go on.
    let logs = || {
        let submissions = fs::read_dir(bench.results().join("slurm")).unwrap().map(|entry| entry.unwrap().path());
        let files =
            submissions.flat_map(|place| fs::read_dir(place.join("logs")).unwrap().map(|entry| entry.unwrap().path()));
        files.map(|path| fs::read_to_string(path).unwrap_or_default()).collect::<String>()
    };
    while !logs().contains("stopped by SIGUSR1") {
        cluster.until("an element runs", is_running);
        for job in cluster.said("squeue", &["-h", "-t", "R", "-o", "%A"]).lines() {
            // It tries for minutes on end where the job has only just begun.
            quiet(&mut cluster.command("timeout", &["1", "scancel", "--batch", "--signal=USR1", job]));
        }
        std::thread::sleep(Duration::from_millis(500));
    }
    let mut requeued = 0;
    // As Slurm does with what it preempts (PreemptMode=REQUEUE): ended at once, and queued again.
    for times in 1..=2 {
        while requeued < times {
            cluster.until("an element runs", is_running);
            if let Some(job) = cluster.said("squeue", &["-h", "-t", "R", "-o", "%A"]).lines().next() {
                requeued += usize::from(quiet(&mut cluster.command("scontrol", &["requeue", job])));
            }
        }
        std::thread::sleep(Duration::from_millis(500));
    }
    cluster.until("an element runs again", is_running);
    cluster.kill("n2");
    for process in cluster.said("pgrep", &["-f", "slurmstepd: \\[[0-9]*\\."]).lines() {
        quiet(Command::new("kill").args(["-9", process]));
    }
    cluster.until("the node is missed", || cluster.logged("not responding, setting DOWN") >= 1);
    let is_over = || cluster.said("squeue", &["-h"]).trim().is_empty();
    cluster.until("the queue is empty", is_over);
    let told = cluster.ecgraft(&bench, &["slurm", "status"]);
    assert_eq!(told.matches("98 of 98 stages done; not in the queue").count(), 2, "{told}");
    assert_eq!(sums(&bench.results()), local, "{told}");
    let ran = bench.run(&["run", "s.toml"]);
    assert!(!ran.err.contains("done    "), "nothing is left: {}", ran.err);
    assert_eq!(ran.ok(), bench.run(&["compare", "s", "--results", "local"]).ok());
    bench.run(&["verify"]).ok();
}

#[test]
fn scripts_are_printed_anywhere_and_say_what_was_asked_for() {
    let bench = Workbench::new("slurm-dry");
    bench.write("my study/s.toml", &tiny("s", &sample(), ""));
    bench.write(
        "cluster.toml",
        "partition = \"gpu\"\naccount = \"heart\"\ngpus = \"a100:1\"\ntime = \"4:00:00\"\nsetup = [\"module load cuda/12\"]\n\
         sbatch = [\"--constraint=ib\"]\ncache = \"shared\"\n",
    );
    let words = [
        "slurm",
        "submit",
        "my study/s.toml",
        "--profile",
        "cluster.toml",
        "--partition",
        "fast",
        "--array-limit",
        "3",
        "--dry-run",
    ];
    let text = bench.run(&words).ok();
    for line in [
        "#SBATCH --partition=fast\n",
        "#SBATCH --account=heart\n",
        "#SBATCH --gpus=a100:1\n",
        "#SBATCH --time=4:00:00\n",
        "#SBATCH --constraint=ib\n",
        "%3\n",
        "#SBATCH --signal=B:USR1@120\n",
        "#SBATCH --requeue\n",
        "module load cuda/12\n",
        "my study/s.toml'",
        "--device cuda",
        "wave-2.txt",
        " merge --results ",
    ] {
        assert!(text.contains(line), "{line:?} is not in\n{text}");
    }
    assert!(!text.contains("--cache"), "{text}");
    assert!(!bench.results().join("slurm").exists() && !bench.results().join("ecgraft.sqlite").exists());
    // Each script is one that a shell understands.
    for (number, script) in text.split("# ---- ").filter(|part| part.contains("#!/bin/bash")).enumerate() {
        let path = bench.write(&format!("{number}.sh"), script.split_once('\n').unwrap().1);
        assert!(Command::new("bash").arg("-n").arg(path).status().unwrap().success());
    }
    let submit = |more: &[&str]| bench.run(&[&words[..3], more].concat());
    submit(&["--time", "soon", "--dry-run"]).users_fault(&["--time soon", "D-HH:MM:SS"]);
    submit(&["--cpus", "0", "--dry-run"]).users_fault(&["--cpus and --array-limit start at 1"]);
    bench.write("wrong.toml", "partitoin = \"gpu\"\n");
    submit(&["--profile", "wrong.toml"]).users_fault(&["wrong.toml", "partitoin", "line 1"]);
    submit(&["--profile", "none.toml"]).users_fault(&["none.toml", "cannot be read"]);
    let lost = bench.command(&words[..3]).env("PATH", "/nowhere").output().unwrap();
    crate::workbench::Said::of(&lost).users_fault(&["sbatch is not on the PATH", "--dry-run"]);
    bench.run(&["slurm", "status"]).users_fault(&["nothing was submitted from here"]);
    bench.run(&["slurm", "cancel"]).users_fault(&["nothing was submitted from here"]);
    bench.run(&["slurm", "logs", "3f"]).users_fault(&["no stage that was submitted has an id that begins so"]);
}
