//! True against predicted classes.

use super::chart::panel::Grid;
use super::chart::svg::{Svg, fitted};
use super::{Drawing, Figure, Input, Scope, Section};
use crate::metrics::decision::{THRESHOLD, is_yes, most_probable};
use crate::statistics::confusion_matrix;
use crate::store::PredictionsOfRun;

/// One matrix of all classes where each record has one; one of two by two for each class where it may have several.
pub(super) struct Confusion;

impl Figure for Confusion {
    fn name(&self) -> &'static str {
        "confusion"
    }

    fn about(&self) -> &'static str {
        "True against predicted classes"
    }

    fn scope(&self) -> Scope {
        Scope::Run
    }

    fn section(&self) -> Option<Section> {
        Some(Section::Detail)
    }

    fn draw(&self, input: &Input<'_>) -> Result<Drawing, String> {
        input.of_classes()?;
        let (title, tested) = input.best_run(self.name()).ok_or("no run is done yet")?;
        confusion(title, tested).ok_or_else(|| "no run is done yet".to_owned())
    }
}

/// Size of a cell, px.
const CELL: [f64; 2] = [74.0, 46.0];
/// Matrices of two by two in a line.
const COLUMNS: usize = 4;

/// Counts, a row for each truth and a column for each prediction.
#[derive(Clone, Debug, PartialEq)]
struct Matrix {
    names: [Vec<String>; 2],
    counts: Vec<Vec<usize>>,
}

/// `None` without records.
fn confusion(title: String, tested: &PredictionsOfRun) -> Option<Drawing> {
    if tested.records.is_empty() || tested.classes.is_empty() {
        return None;
    }
    let mut svg = Svg::default();
    let (size, words, rule) = if tested.single_label {
        let (size, words) = of_all_classes(&mut svg, tested);
        (size, words, "The prediction is the class of the highest probability.".to_owned())
    } else {
        let (size, words) = of_each_class(&mut svg, tested);
        (size, words, format!("Predicted is a class whose probability is at least {THRESHOLD}."))
    };
    let records = tested.records.len();
    let note = format!("n = {records} test records; below each count its share of the row. {rule}");
    let [width, height] = size;
    Some(Drawing::new(title, format!("Confusion matrix. {words}"), [width.max(420.0), height + 6.0], svg, &note))
}

/// Draws one matrix: its size, px, and its counts in words.
fn of_all_classes(svg: &mut Svg, tested: &PredictionsOfRun) -> ([f64; 2], String) {
    let matrix = whole(tested);
    let side = tested.classes.len() as f64;
    let (left, top) = (118.0, 56.0);
    svg.group("panel", left, top);
    svg.text("small", "middle", CELL[0] * side / 2.0, -34.0, "predicted class");
    svg.upwards(-100.0, CELL[1] * side / 2.0, "true class");
    draw(svg, &matrix);
    svg.end();
    ([left + CELL[0] * side + 18.0, top + CELL[1] * side + 12.0], said("", &matrix))
}

/// Draws a matrix of two by two for each class: the size of all, px, and their counts in words.
fn of_each_class(svg: &mut Svg, tested: &PredictionsOfRun) -> ([f64; 2], String) {
    let [width, height] = [2.0 * CELL[0], 2.0 * CELL[1]];
    let grid = Grid { columns: COLUMNS, size: [width + 46.0, height - 10.0], count: tested.classes.len() };
    let mut words = Vec::new();
    for (class, name) in tested.classes.iter().enumerate() {
        let (left, top) = grid.origin(class);
        let matrix = one(tested, class);
        svg.group("panel", left + 22.0, top + 12.0);
        svg.text("title", "start", 0.0, -28.0, name);
        draw(svg, &matrix);
        svg.end();
        words.push(said(&format!("{name}: "), &matrix));
    }
    (grid.extent(), words.join(" "))
}

/// Rows and columns are the classes. A record without a class, or with several, counts under its first; without any, nowhere.
fn whole(tested: &PredictionsOfRun) -> Matrix {
    let truth = |labels: &[bool]| labels.iter().position(|label| *label);
    let pairs =
        tested.records.iter().filter_map(|record| Some((truth(&record.labels)?, most_probable(&record.probabilities))));
    let counts = confusion_matrix(tested.classes.len(), pairs);
    Matrix { names: [tested.classes.clone(), tested.classes.clone()], counts }
}

/// Has it, has it not.
fn one(tested: &PredictionsOfRun, class: usize) -> Matrix {
    let pairs = tested.records.iter().map(|record| {
        let predicted = is_yes(record.probabilities[class]);
        (usize::from(!record.labels[class]), usize::from(!predicted))
    });
    let names = |yes: &str, no: &str| vec![yes.to_owned(), no.to_owned()];
    Matrix { names: [names("true", "not true"), names("predicted", "not pred.")], counts: confusion_matrix(2, pairs) }
}

fn draw(svg: &mut Svg, matrix: &Matrix) {
    let [width, height] = CELL;
    for (column, name) in matrix.names[1].iter().enumerate() {
        svg.text("small", "middle", width * (column as f64 + 0.5), -8.0, &fitted(name, width));
    }
    for (row, counts) in matrix.counts.iter().enumerate() {
        let all: usize = counts.iter().sum();
        let top = height * row as f64;
        svg.text("small", "end", -8.0, top + height / 2.0 + 4.0, &fitted(&matrix.names[0][row], 84.0));
        for (column, &count) in counts.iter().enumerate() {
            let share = if all == 0 { 0.0 } else { count as f64 / all as f64 };
            let (left, middle) = (width * column as f64, width * (column as f64 + 0.5));
            svg.push(format_args!(
                "<g class=\"c0\"><rect class=\"cell\" x=\"{left}\" y=\"{top}\" width=\"{width}\" height=\"{height}\" \
                 fill-opacity=\"{:.3}\"/></g>",
                0.5 * share
            ));
            svg.text("title", "middle", middle, top + 20.0, &count.to_string());
            let share = if all == 0 { "—".to_owned() } else { format!("{:.0}%", 100.0 * share) };
            svg.text("small", "middle", middle, top + 36.0, &share);
        }
    }
}

/// The counts in words.
fn said(start: &str, matrix: &Matrix) -> String {
    let cells = matrix.names[0].iter().zip(&matrix.counts).flat_map(|(truth, counts)| {
        matrix.names[1].iter().zip(counts).map(move |(predicted, count)| format!("{truth} and {predicted} {count}"))
    });
    format!("{start}{}.", cells.collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::TestedRecord;

    fn tested(single_label: bool, records: &[([f64; 2], [bool; 2])]) -> PredictionsOfRun {
        let record = |&(probabilities, labels): &([f64; 2], [bool; 2])| TestedRecord {
            id: "r".into(),
            probabilities: probabilities.to_vec(),
            labels: labels.to_vec(),
        };
        let classes = vec!["MI".into(), "CD<".into()];
        PredictionsOfRun { classes, single_label, source: "s".into(), records: records.iter().map(record).collect() }
    }

    const RECORDS: [([f64; 2], [bool; 2]); 5] = [
        ([0.9, 0.1], [true, false]),
        ([0.4, 0.6], [true, false]),
        ([0.5, 0.5], [false, true]),
        ([0.2, 0.3], [false, true]),
        ([0.1, 0.7], [false, true]),
    ];

    /// Counted by hand: of two MI one is called MI, of three CD two; equal probabilities are the first class.
    #[test]
    fn one_class_each_makes_one_matrix() {
        let tested = tested(true, &RECORDS);
        assert_eq!(whole(&tested).counts, [[1, 1], [1, 2]]);
        let svg = confusion("c".into(), &tested).unwrap().svg();
        assert!(svg.contains("CD&lt; and MI 1") && svg.contains(">67%<"), "{svg}");
    }

    /// At 0.5 MI is said of the first and the third record, CD of the second, the third and the last.
    #[test]
    fn several_classes_make_a_matrix_each() {
        let tested = tested(false, &RECORDS);
        // Rows: has it, has it not; columns: said, not said.
        assert_eq!(one(&tested, 0).counts, [[1, 1], [1, 2]]);
        assert_eq!(one(&tested, 1).counts, [[2, 1], [1, 1]]);
        assert_eq!(confusion("c".into(), &tested).unwrap().svg().matches("class=\"cell\"").count(), 8);
        assert!(confusion("c".into(), &PredictionsOfRun::default()).is_none());
    }
}
