//! The smallest figure: how many runs of an experiment are done. It shows, in tests only, all that a figure takes.

use super::chart::svg::Svg;
use super::{Drawing, Figure, Input, Scope, Section};

/// A bar as long as the share of the runs that are done.
pub(super) struct Toy;

impl Figure for Toy {
    fn name(&self) -> &'static str {
        "toy"
    }

    fn about(&self) -> &'static str {
        "The share of the runs that are done"
    }

    fn scope(&self) -> Scope {
        Scope::Experiment("how many runs are done")
    }

    fn section(&self) -> Option<Section> {
        Some(Section::Differences)
    }

    fn draw(&self, input: &Input<'_>) -> Result<Drawing, String> {
        let runs = input.results.experiment.runs;
        if runs.planned == 0 {
            return Err("there are no runs".to_owned());
        }
        let mut svg = Svg::default();
        let length = 300.0 * runs.done as f64 / runs.planned as f64;
        svg.line("line", "", [(8.0, 20.0), (8.0 + length, 20.0)].into_iter());
        let said = format!("{} of {} runs are done.", runs.done, runs.planned);
        Ok(Drawing::new(
            format!("{}: runs", input.name),
            said,
            [320.0, 40.0],
            svg,
            "The line at full length is all runs.",
        ))
    }
}

#[cfg(test)]
mod tests {
    use crate::report::figure::{FIGURES, Subject, plot};
    use crate::store::Store;

    /// One experiment with a run that is done and one that is pending.
    const RUNS: &str = "
        INSERT INTO manifest VALUES ('0', 'small', 'small.toml', '', '2026-01-01T00:00:00.000Z');
        INSERT INTO stage (stage_id, kind, architecture, seed, settings, data_fingerprint, status)
            VALUES ('s0', 'transfer', 'cnn', 0, '{}', 'f', 'done'), ('s1', 'transfer', 'cnn', 1, '{}', 'f', 'pending');
        INSERT INTO trial (run_id, experiment, manifest_sha256, architecture, graft, label_fraction, seed, stage_id, position,
                           current)
            VALUES ('r0', 'small', '0', 'cnn', 'scratch', 1.0, 0, 's0', 0, 1),
                   ('r1', 'small', '0', 'cnn', 'scratch', 1.0, 1, 's1', 1, 1);";

    /// Known by its line in the list alone, it is drawn as `ecgraft plot` draws every figure: out of a store.
    #[test]
    fn a_figure_of_one_file_and_one_line_is_drawn_as_all_are() {
        let results = std::env::temp_dir().join(format!("ecgraft-toy-figure-{}", std::process::id()));
        drop(Store::open(&results).unwrap());
        let store = rusqlite::Connection::open(results.join("ecgraft.sqlite")).unwrap();
        store.execute_batch(RUNS).unwrap();
        let figure = *FIGURES.iter().find(|figure| figure.name() == "toy").unwrap();
        let drawing = plot(&results, figure, &Subject::default()).unwrap();
        assert_eq!(drawing.title, "small: runs");
        assert!(drawing.description.starts_with("1 of 2 runs are done."), "{}", drawing.description);
        // Half of 300 px.
        assert!(drawing.svg().contains("M8.0 20.0L158.0 20.0"), "{}", drawing.svg());
        let of_run = plot(&results, figure, &Subject { run: Some("r0"), ..Subject::default() }).unwrap_err();
        assert!(of_run.message.contains("toy has how many runs are done, and none of one run"), "{}", of_run.message);
        let of_record = plot(&results, figure, &Subject { record: Some("1"), ..Subject::default() }).unwrap_err();
        assert!(of_record.message.contains("`ecgraft plot ecg`"), "{}", of_record.message);
        store.execute_batch("UPDATE trial SET experiment = 'other' WHERE run_id = 'r1'").unwrap();
        let several = plot(&results, figure, &Subject::default()).unwrap_err();
        assert!(several.message.contains("a figure is of one experiment"), "{}", several.message);
        std::fs::remove_dir_all(&results).unwrap();
    }
}
