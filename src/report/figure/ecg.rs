//! An ECG on ECG paper: 25 mm/s, 10 mm/mV, in true size at 96 px to the inch.

use std::fmt::Write;

use super::chart::svg::Svg;
use super::{Drawing, Figure, Input, Scope, Section, Trace};

/// A record with 12 leads of 10 s as three rows of four leads and lead II below; any other a row a lead. Where waves are
/// too high for 10 mm/mV, or for a printed page, the scale is halved, as ECG machines do; the pulse at the left of each
/// row is 1 mV.
pub(super) struct Ecg;

impl Figure for Ecg {
    fn name(&self) -> &'static str {
        "ecg"
    }

    fn about(&self) -> &'static str {
        "A test record on ECG paper, 25 mm/s and 10 mm/mV, with true and predicted classes"
    }

    fn scope(&self) -> Scope {
        Scope::Record
    }

    fn section(&self) -> Option<Section> {
        Some(Section::Examples)
    }

    fn draw(&self, input: &Input<'_>) -> Result<Drawing, String> {
        let example = input.example.ok_or("no record was tested")?;
        Ok(ecg(example.title.clone(), example.sampling_rate, &example.traces, &example.note))
    }
}

/// px.
const MILLIMETRE: f64 = 96.0 / 25.4;
/// mm/s.
const SPEED: f64 = 25.0;
/// mm/mV, the first at which the waves of a row are not higher than [`HIGHEST`], nor all rows than [`TALLEST`].
const GAINS: [f64; 3] = [10.0, 5.0, 2.5];
/// mm.
const HIGHEST: f64 = 60.0;
/// What a page of A4 on its side has room for below a title and above a note, mm.
const TALLEST: f64 = 170.0;
/// What is drawn of a record at most, s.
const LONGEST: f64 = 10.0;
/// Room left of the traces, for the pulse of 1 mV, and right of them, mm.
const LEFT: f64 = 15.0;
const RIGHT: f64 = 5.0;
/// The usual page: three rows of four leads, 2.5 s each.
const PAGE: [[&str; 4]; 3] = [["I", "aVR", "V1", "V4"], ["II", "aVL", "V2", "V5"], ["III", "aVF", "V3", "V6"]];
/// The lead that is drawn in full below.
const RHYTHM: &str = "II";

/// A piece of a lead in a row.
struct Piece<'a> {
    lead: &'a str,
    /// Where it begins, s.
    start: f64,
    samples: &'a [f32],
}

/// `rate` is in Hz, `note` goes below.
fn ecg(title: String, rate: f64, traces: &[Trace], note: &str) -> Drawing {
    let rows = rows(rate, traces);
    let layouts = GAINS.map(|gain| Layout::at_gain(&rows, gain));
    let last = GAINS.len() - 1;
    let Layout { gain, zeros, height, .. } = layouts.iter().find(|layout| layout.fits()).unwrap_or(&layouts[last]);
    let seconds =
        rows.iter().flatten().map(|piece| piece.start + piece.samples.len() as f64 / rate).fold(0.0, f64::max);
    let width = (LEFT + seconds * SPEED + RIGHT).max(60.0);

    let mut traces = Svg::default();
    for (row, &zero) in rows.iter().zip(zeros) {
        pulse(&mut traces, zero, *gain);
        row.iter().for_each(|piece| draw(&mut traces, piece, rate, zero, *gain));
    }

    let mut svg = Svg::default();
    let [wide, high] = [width * MILLIMETRE, *height * MILLIMETRE];
    svg.push(format_args!("<rect class=\"paper\" width=\"{wide:.1}\" height=\"{high:.1}\"/>"));
    paper(&mut svg, [width, *height]);
    svg.0.push_str(&traces.0);
    let note = format!("{note} 25 mm/s, {gain} mm/mV; the pulse at the left is 1 mV.");
    let leads: Vec<&str> = rows.iter().flatten().map(|piece| piece.lead).collect();
    let description = format!("ECG of one record, n = 1, {seconds:.1} s, leads {}.", leads.join(", "));
    Drawing::new(title, description, [wide, high], svg, &note)
}

/// Where rows lie at a gain.
struct Layout {
    /// mm/mV.
    gain: f64,
    /// Where 0 mV is in each row, mm from the top: on the paper's thick lines.
    zeros: Vec<f64>,
    /// Height of the waves of the highest row, mm.
    highest: f64,
    /// Height of the whole, mm.
    height: f64,
}

impl Layout {
    fn at_gain(rows: &[Vec<Piece<'_>>], gain: f64) -> Layout {
        let (mut zeros, mut highest, mut top) = (Vec::new(), 0.0_f64, 3.0);
        for row in rows {
            let values = || row.iter().flat_map(|piece| piece.samples).copied().map(f64::from);
            let (low, high) = (values().fold(0.0, f64::min) * gain, values().fold(0.0, f64::max) * gain);
            let zero = ((top + high.max(8.0) + 4.0) / 5.0).ceil() * 5.0;
            zeros.push(zero);
            highest = highest.max(high - low);
            top = zero + (-low).max(4.0) + 1.0;
        }
        Layout { gain, zeros, highest, height: (top / 5.0).ceil() * 5.0 + 5.0 }
    }

    fn fits(&self) -> bool {
        self.highest <= HIGHEST && self.height <= TALLEST
    }
}

fn rows<'a>(rate: f64, traces: &'a [Trace]) -> Vec<Vec<Piece<'a>>> {
    let named = |name: &str| traces.iter().find(|trace| trace.lead == name);
    let count = |seconds: f64| (seconds * rate).round() as usize;
    let column = LONGEST / PAGE[0].len() as f64;
    let usual = PAGE.iter().flatten().all(|name| named(name).is_some_and(|of| of.samples.len() >= count(LONGEST)));
    let whole = |trace: &'a Trace| {
        let samples = &trace.samples[..trace.samples.len().min(count(LONGEST))];
        vec![Piece { lead: trace.lead, start: 0.0, samples }]
    };
    if !usual {
        return traces.iter().map(whole).collect();
    }
    let piece = |place: usize, name: &&'static str| {
        let trace = named(name)?;
        let start = column * place as f64;
        let samples = trace.samples.get(count(start)..count(start + column))?;
        Some(Piece { lead: trace.lead, start, samples })
    };
    let mut rows: Vec<Vec<Piece<'_>>> = PAGE
        .iter()
        .map(|names| names.iter().enumerate().filter_map(|(place, name)| piece(place, name)).collect())
        .collect();
    rows.extend(named(RHYTHM).map(whole));
    rows
}

/// Lines of 1 mm and of 5 mm.
fn paper(svg: &mut Svg, [width, height]: [f64; 2]) {
    let lines = |thick: bool| {
        let mut path = String::new();
        let chosen = |length: f64| (0..=length as usize).filter(move |place| (place % 5 == 0) == thick);
        for x in chosen(width) {
            let _ = write!(path, "M{:.1} 0V{:.1}", x as f64 * MILLIMETRE, height * MILLIMETRE);
        }
        for y in chosen(height) {
            let _ = write!(path, "M0 {:.1}H{:.1}", y as f64 * MILLIMETRE, width * MILLIMETRE);
        }
        path
    };
    svg.push(format_args!(
        "<path class=\"millimetre\" d=\"{}\"/><path class=\"five\" d=\"{}\"/>",
        lines(false),
        lines(true)
    ));
}

/// 1 mV for 0.2 s.
fn pulse(svg: &mut Svg, zero: f64, gain: f64) {
    let px = |mm: f64| mm * MILLIMETRE;
    let corners = [(3.0, 0.0), (5.0, 0.0), (5.0, gain), (10.0, gain), (10.0, 0.0), (12.0, 0.0)];
    svg.line("trace", "", corners.into_iter().map(|(x, up)| (px(x), px(zero - up))));
}

fn draw(svg: &mut Svg, piece: &Piece<'_>, rate: f64, zero: f64, gain: f64) {
    let left = LEFT + piece.start * SPEED;
    let px = |mm: f64| mm * MILLIMETRE;
    if piece.start > 0.0 {
        svg.line("trace", "", [(px(left), px(zero - 2.0)), (px(left), px(zero + 2.0))].into_iter());
    }
    let at =
        |(place, value): (usize, &f32)| (px(left + place as f64 / rate * SPEED), px(zero - f64::from(*value) * gain));
    svg.line("trace", "", piece.samples.iter().enumerate().map(at));
    svg.text("lead", "start", px(left + 1.0), px(zero - 8.0), piece.lead);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace(lead: &'static str, samples: Vec<f32>) -> Trace {
        Trace { lead, samples }
    }

    /// 1 mV for the second half of 1 s at 4 Hz: 25 mm wide, 10 mm high.
    #[test]
    fn a_second_is_25_mm_and_a_millivolt_10_mm() {
        let svg = ecg("one".into(), 4.0, &[trace("I", vec![0.0, 0.0, 1.0, 1.0])], "").svg();
        // 0 mV lies at 20 mm (4 mm and 10 mm below the top margin of 3 mm, on the next thick line).
        let at = |mm: f64| format!("{:.1}", mm * 96.0 / 25.4);
        let expected = format!(
            "M{} {zero}L{} {zero}L{} {one}L{} {one}",
            at(15.0),
            at(15.0 + 6.25),
            at(15.0 + 12.5),
            at(15.0 + 18.75),
            zero = at(20.0),
            one = at(10.0)
        );
        assert!(svg.contains(&expected), "{expected}\n{svg}");
        assert!(svg.contains("10 mm/mV"));
    }

    #[test]
    fn twelve_leads_are_a_page_and_large_waves_halve_the_scale() {
        let leads = ["I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6"];
        let all: Vec<Trace> = leads.iter().map(|&lead| trace(lead, vec![0.1; 1000])).collect();
        let svg = ecg("page".into(), 100.0, &all, "").svg();
        assert_eq!(svg.matches("class=\"lead\"").count(), 13, "twelve leads and the rhythm");
        let rows = ecg("rows".into(), 100.0, &all[..2], "").svg();
        assert_eq!(rows.matches("class=\"lead\"").count(), 2);
        let high = ecg("high".into(), 100.0, &[trace("V2", vec![-3.0, 4.0])], "").svg();
        assert!(high.contains("5 mm/mV") && !high.contains("NaN"));
        // Three high rows and the rhythm stay on a page.
        let all: Vec<Trace> = leads.iter().map(|&lead| trace(lead, [-1.5, 2.5].repeat(500))).collect();
        let tall = ecg("tall".into(), 100.0, &all, "");
        assert!(tall.svg().contains("5 mm/mV") && tall.height() / MILLIMETRE < TALLEST + 10.0, "{}", tall.height());
        let none = ecg("none".into(), 100.0, &[], "").svg();
        assert!(!none.contains("NaN") && !none.contains("inf"));
    }
}
