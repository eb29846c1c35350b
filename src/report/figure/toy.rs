//! The smallest figure: how long runs took. It is there in tests only, and shows all that a figure takes.

use super::chart::axis::Axis;
use super::chart::panel::{Grid, Panel};
use super::chart::svg::Svg;
use super::{Drawing, Figure, Input, Scope, Section};

/// Size of the panel, px.
const SIZE: [f64; 2] = [300.0, 160.0];

/// A dot for each done run, in the order of the plan.
pub(super) struct Toy;

impl Figure for Toy {
    fn name(&self) -> &'static str {
        "toy"
    }

    fn about(&self) -> &'static str {
        "How long runs took"
    }

    fn scope(&self) -> Scope {
        Scope::Experiment("the times of all runs")
    }

    fn section(&self) -> Option<Section> {
        Some(Section::Differences)
    }

    fn draw(&self, input: &Input<'_>) -> Result<Drawing, String> {
        let times: Vec<f64> = input.results.runs.iter().filter_map(|run| run.wall_s).collect();
        if times.is_empty() {
            return Err("no run is done yet".to_owned());
        }
        // From 0 on, so that half the height is half the time.
        let y = Axis::linear(times.iter().copied().chain([0.0]), SIZE[1]).ok_or("no time is a number")?;
        let x = Axis::epochs(times.len(), SIZE[0]);
        let panel = Panel { x: &x, y: &y, names: ["run", "time (s)"], first: true };
        let grid = Grid { columns: 1, size: SIZE, count: 1 };
        let (left, top) = grid.origin(0);

        let mut svg = Svg::default();
        svg.group("c0", left, top);
        panel.frame(&mut svg, "Done runs", "");
        for (number, time) in (1..).zip(&times) {
            let (x, y) = panel.at(f64::from(number), *time);
            svg.dot("dot", x, y, 3.0);
        }
        svg.end();

        let [width, height] = grid.extent();
        let seconds: Vec<String> = times.iter().map(|time| format!("{time:.1} s")).collect();
        let description = format!("Time by run: {}.", seconds.join(", "));
        let note = format!("A dot is a done run (n = {}).", times.len());
        Ok(Drawing::new(format!("{}: time of runs", input.name), description, [width, height], svg, &note))
    }
}

#[cfg(test)]
mod tests {
    use crate::report::figure::{FIGURES, Subject, plot};
    use crate::store::Store;

    /// One experiment with a run that is done and one that is pending.
    const RUNS: &str = r#"
        INSERT INTO manifest (sha256, name, path, text, first_seen_at)
            VALUES ('0', 'small', 'small.toml', '', '2026-01-01T00:00:00.000Z');
        INSERT INTO stage (stage_id, kind, architecture, seed, settings, data_fingerprint, status, wall_s)
            VALUES ('s0', 'transfer', 'cnn', 0, '{"transfer": {"labels": "single", "classes": ["MI"]}}', 'f', 'done', 80),
                   ('s1', 'transfer', 'cnn', 1, '{"transfer": {"labels": "single", "classes": ["MI"]}}', 'f', 'pending', NULL);
        INSERT INTO trial (run_id, experiment, manifest_sha256, architecture, graft, label_fraction, seed, stage_id, position,
                           current)
            VALUES ('r0', 'small', '0', 'cnn', 'scratch', 1.0, 0, 's0', 0, 1),
                   ('r1', 'small', '0', 'cnn', 'scratch', 1.0, 1, 's1', 1, 1);"#;

    /// Known by its line in the list alone, it is drawn as `ecgraft plot` draws every figure: out of a store.
    #[test]
    fn a_figure_of_one_file_and_one_line_is_drawn_as_all_are() {
        let results = std::env::temp_dir().join(format!("ecgraft-toy-figure-{}", std::process::id()));
        drop(Store::open(&results).unwrap());
        let store = rusqlite::Connection::open(crate::results::ResultsFolder::new(&results).store()).unwrap();
        store.execute_batch(RUNS).unwrap();
        let figure = *FIGURES.iter().find(|figure| figure.name() == "toy").unwrap();
        let drawing = plot(&results, figure, &Subject::default()).unwrap();
        assert_eq!(drawing.title, "small: time of runs");
        assert_eq!(drawing.description, "Time by run: 80.0 s. A dot is a done run (n = 1).");
        assert_eq!(drawing.svg().matches("class=\"dot\"").count(), 1);
        let of_run = plot(&results, figure, &Subject { run: Some("r0"), ..Subject::default() }).unwrap_err();
        assert!(of_run.message.contains("toy has the times of all runs, and none of one run"), "{}", of_run.message);
        let of_record = plot(&results, figure, &Subject { record: Some("1"), ..Subject::default() }).unwrap_err();
        assert!(of_record.message.contains("`ecgraft plot ecg`"), "{}", of_record.message);
        store.execute_batch("UPDATE trial SET experiment = 'other' WHERE run_id = 'r1'").unwrap();
        let several = plot(&results, figure, &Subject::default()).unwrap_err();
        assert!(several.message.contains("a figure is of one experiment"), "{}", several.message);
        std::fs::remove_dir_all(&results).unwrap();
    }
}
