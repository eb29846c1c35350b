//! The scripts of jobs.

use std::path::Path;

use super::profile::Profile;
use crate::words::shell::quoted;

/// Seconds before the time limit at which an element is told to save its progress.
pub(super) const WARNING: u64 = 120;

/// What a script needs to know.
#[derive(Clone, Debug)]
pub(super) struct Script<'a> {
    pub profile: &'a Profile,
    /// What jobs are called.
    pub name: &'a str,
    /// This program.
    pub program: &'a Path,
    /// Where it was called.
    pub folder: &'a Path,
    pub results: &'a Path,
    pub manifests: &'a [std::path::PathBuf],
    /// The folder of lists and logs.
    pub place: &'a Path,
}

impl Script<'_> {
    /// The script of a wave, the first being 1, of so many elements.
    pub(super) fn wave(&self, wave: usize, elements: usize) -> String {
        let limit = self.profile.array_limit.map(|limit| format!("%{limit}")).unwrap_or_default();
        let mut text = self.head(&format!("{}-{wave}", self.name), "%A_%a");
        // A short limit leaves no room for the usual warning.
        let warning = self.profile.seconds().ok().flatten().map_or(WARNING, |limit| WARNING.min(limit / 2).max(1));
        text.push_str(&format!(
            "#SBATCH --array=1-{elements}{limit}\n#SBATCH --signal=B:USR1@{warning}\n#SBATCH --requeue\n"
        ));
        text.push_str(&self.asked());
        text.push_str(&self.setup());
        let list = quoted(&self.place.join(list_name(wave)).to_string_lossy());
        let manifests: String =
            self.manifests.iter().map(|path| format!(" --manifest {}", quoted(&path.to_string_lossy()))).collect();
        let device = if self.profile.gpus.is_some() { "cuda" } else { "cpu" };
        text.push_str(&format!(
            "ids=$(sed -n \"${{SLURM_ARRAY_TASK_ID}}p\" {list})\n\
             {cache}{program} run-stage $ids{manifests} --results {results} --device {device} \\\n    \
             --threads \"${{SLURM_CPUS_PER_TASK:-1}}\"{cache_option} &\n{WAIT}",
            program = quoted(&self.program.to_string_lossy()),
            results = quoted(&self.results.to_string_lossy()),
            cache = self.cache(),
            cache_option = if self.is_shared() { "" } else { " --cache \"$cache\"" },
        ));
        text
    }

    /// The script that merges.
    pub(super) fn merge(&self) -> String {
        let mut text = self.head(&format!("{}-merge", self.name), "%j");
        let Profile { partition, account, qos, .. } = self.profile.clone();
        let few = Profile { partition, account, qos, ..Profile::default() };
        text.push_str(&Script { profile: &few, ..self.clone() }.asked());
        text.push_str(&self.setup());
        let (program, results) = (self.program.to_string_lossy(), self.results.to_string_lossy());
        text.push_str(&format!("exec {} merge --results {}\n", quoted(&program), quoted(&results)));
        text
    }

    fn head(&self, name: &str, log: &str) -> String {
        let log = self.place.join("logs").join(format!("{log}.log"));
        format!(
            "#!/bin/bash\n#SBATCH --job-name={name}\n#SBATCH --output={}\n#SBATCH --open-mode=append\n",
            in_directive(&log.to_string_lossy())
        )
    }

    /// What is asked of the cluster.
    fn asked(&self) -> String {
        let profile = self.profile;
        let cpus = profile.cpus.map(|cpus| cpus.to_string());
        let options = [
            ("partition", &profile.partition),
            ("account", &profile.account),
            ("qos", &profile.qos),
            ("gpus", &profile.gpus),
            ("cpus-per-task", &cpus),
            ("mem", &profile.memory),
            ("time", &profile.time),
        ];
        let own = options
            .into_iter()
            .filter_map(|(name, value)| Some(format!("#SBATCH --{name}={}\n", in_directive(value.as_ref()?))));
        own.chain(profile.sbatch.iter().map(|option| format!("#SBATCH {option}\n"))).collect()
    }

    fn setup(&self) -> String {
        let lines: String = self.profile.setup.iter().map(|line| format!("{line}\n")).collect();
        format!("{lines}cd {} || exit 2\n", quoted(&self.folder.to_string_lossy()))
    }

    fn is_shared(&self) -> bool {
        self.profile.cache.as_deref() == Some("shared")
    }

    fn cache(&self) -> String {
        match self.profile.cache.as_deref() {
            Some("shared") => String::new(),
            Some(folder) => format!("cache={}\n", quoted(folder)),
            None => "cache=\"${SLURM_TMPDIR:-${TMPDIR:-/tmp}}/ecgraft-cache-$(id -u)\"\n".to_owned(),
        }
    }
}

/// A value as Slurm reads it in a directive of a script: quoted where it has a blank.
fn in_directive(value: &str) -> String {
    if value.contains(char::is_whitespace) { format!("\"{value}\"") } else { value.to_owned() }
}

/// Where the stages of each element of a wave are listed, a line each.
pub(super) fn list_name(wave: usize) -> String {
    format!("wave-{wave}.txt")
}

/// Waits for the worker. A signal is passed on to it, as Slurm sends it to this shell alone. Where time is short the element
/// is queued again. A request to end comes from who cancels it, and nothing more is to be done, or from Slurm, which queues it
/// again itself once it has ended it: so this waits for that.
const WAIT: &str = r#"worker=$!
again=0; ended=0
trap 'again=1; kill -USR1 "$worker" 2>/dev/null' USR1
trap 'ended=1; kill -USR1 "$worker" 2>/dev/null' TERM
wait "$worker"; code=$?
while kill -0 "$worker" 2>/dev/null; do wait "$worker"; code=$?; done
if [ "$ended" = 1 ]; then sleep 600 & wait $!; fi
if [ "$again" = 1 ] && [ "$code" -gt 128 ]; then
    scontrol requeue "${SLURM_ARRAY_JOB_ID}_${SLURM_ARRAY_TASK_ID}" && sleep 600
fi
exit "$code"
"#;
