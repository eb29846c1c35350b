//! What was or would be submitted to Slurm, and how far it is.

use std::time::Duration;

use super::layout;
use crate::slurm::{Prepared, Standing, Wave};
use crate::words::time::about;

/// The waves of what is submitted.
pub fn waves(waves: &[Wave], columns: Option<usize>) -> String {
    let mut table = layout::table(&["wave", "stages", "elements", "longest", "in all"], &["stages", "elements"], false);
    let mut is_timed = true;
    for (number, wave) in (1..).zip(waves) {
        let time = |seconds: f64| about(Duration::from_secs_f64(seconds.max(0.0)));
        let [longest, all] = match &wave.seconds {
            Some(seconds) => [seconds.iter().copied().fold(0.0, f64::max), seconds.iter().sum()].map(time),
            None => ["?".to_owned(), "?".to_owned()],
        };
        is_timed &= wave.seconds.is_some();
        let counts = [wave.stages(), wave.elements.len()].map(|count| count.to_string());
        table.add_row([number.to_string()].into_iter().chain(counts).chain([longest, all]));
    }
    let mut text = layout::shown(table, columns);
    if !is_timed {
        text.push_str(
            "?: no stage of the kind was ever timed here: elements are of equal work. Train one or two with `ecgraft \
             run-stage`, and they are sized in time.\n",
        );
    }
    text
}

/// The scripts, and the lists they read, as they would be submitted.
pub fn scripts(prepared: &Prepared) -> String {
    let place = prepared.place().display();
    let mut text = String::new();
    for (wave, script) in prepared.scripts.iter().enumerate() {
        let number = wave + 1;
        text.push_str(&format!("# ---- {place}/wave-{number}.sh\n{script}\n"));
        text.push_str(&format!("# ---- {place}/wave-{number}.txt\n{}\n", prepared.list(wave)));
    }
    text + &format!("# ---- {place}/merge.sh\n{}", prepared.merge)
}

/// How far submissions are, in lines.
pub fn standing(all: &[Standing]) -> String {
    let mut text = String::new();
    for Standing { submission, jobs } in all {
        text.push_str(&format!("{}, submitted {}\n", submission.name, crate::words::time::minute(&submission.at)));
        for (number, job) in (1..).zip(jobs) {
            let what = if job.merges { "merge".to_owned() } else { format!("wave {number}") };
            let [stages, done] = job.stages;
            let count = if job.merges { String::new() } else { format!(": {done} of {stages} stages done") };
            let queue: Vec<String> = job.queue.iter().map(|(state, count)| format!("{count} {state}")).collect();
            let queue = if queue.is_empty() { "not in the queue".to_owned() } else { queue.join(", ") };
            text.push_str(&format!("  {what} (job {}){count}; {queue}\n", job.id));
            for element in &job.running {
                let [stages, done] = element.stages;
                text.push_str(&format!("    {:>4} on {}: {done} of {stages}\n", element.number, element.place));
            }
            for element in &job.ended {
                let [stages, done] = element.stages;
                let (number, place) = (element.number, &element.place);
                text.push_str(&format!("    {number:>4} ended with {done} of {stages} done; its log: {place}\n"));
            }
        }
    }
    text
}
