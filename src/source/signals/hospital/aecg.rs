//! HL7's annotated ECG, as the FDA takes it.
//!
//! ANSI/HL7 V3 ECG, R1 (2004); Brown and Badilini, "HL7 aECG Implementation Guide" (2005). A series is a recording (`RHYTHM`) or an average
//! beat (`REPRESENTATIVE_BEAT`, also as `derivedSeries`). A `sequenceSet` of it has a sequence for time, whose `increment` is the time
//! between samples, and one for each lead, `MDC_ECG_LEAD_...`, whose values are `origin` + `scale` times each of `digits`.
//!
//! Intervals are annotations of the whole ECG: `MDC_ECG_TIME_PD_PR` and the like, with or without `_GL`; those of single beats and leads are
//! not taken. The age is that which was reported (LOINC 21612-7), else that between birth and recording.

use roxmltree::Node;

use super::Facts;
use super::exam::{Channel, Exam, Waveform, named};
use super::facts::{age, age_between, date, milliseconds, positive};
use super::xml::{below, children, decimal, words};
use crate::source::person::{Said, sex};
use crate::source::signals::channels::Faulty;

/// The root element.
pub(super) const ROOT: &str = "AnnotatedECG";

/// A document of this kind.
pub(super) struct Aecg<'x>(pub Node<'x, 'x>);

impl Exam for Aecg<'_> {
    fn format(&self) -> &'static str {
        "HL7 aECG"
    }

    fn waveforms(&self) -> Faulty<Vec<Waveform<'_>>> {
        let mut waveforms = Vec::new();
        for component in children(self.0, "component") {
            for series in children(component, "series") {
                read_series(series, is_beat(series), &mut waveforms)?;
                for derived in children(series, "derivation").flat_map(|all| children(all, "derivedSeries")) {
                    read_series(derived, true, &mut waveforms)?;
                }
            }
        }
        Ok(waveforms)
    }

    fn facts(&self) -> Facts {
        let mut facts = Facts::default();
        let subject = ["componentOf", "timepointEvent", "componentOf", "subjectAssignment", "subject", "trialSubject"];
        let mut birth = None;
        if let Some(subject) = below(self.0, &subject) {
            let id = below(subject, &["id"]).and_then(|id| id.attribute("extension"));
            let id = id.map(str::trim).filter(|id| !["", "?", "UNK", "NA"].contains(id));
            facts.patient = id.map(str::to_owned);
            let person = below(subject, &["subjectDemographicPerson"]);
            let of_person = |name| person.and_then(|person| below(person, &[name]));
            let gender = of_person("administrativeGenderCode").and_then(|code| code.attribute("code"));
            // HL7's UN is one that is neither, or not told.
            facts.sex = gender.filter(|code| *code != "UN").map_or(Said::Nothing, sex);
            birth = of_person("birthTime").and_then(|time| time.attribute("value")).and_then(date);
        }
        let recorded = below(self.0, &["effectiveTime"]).and_then(|time| {
            let part = ["low", "center"].iter().find_map(|part| below(time, &[*part])).unwrap_or(time);
            part.attribute("value").and_then(date)
        });
        facts.age = reported_age(self.0).unwrap_or_else(|| age_between(birth, recorded));
        annotate(self.0, &mut facts);
        facts
    }
}

fn code<'x>(node: Node<'x, 'x>) -> &'x str {
    below(node, &["code"]).and_then(|code| code.attribute("code")).unwrap_or_default()
}

fn is_beat(series: Node<'_, '_>) -> bool {
    series.children().any(|child| child.attribute("code") == Some("REPRESENTATIVE_BEAT"))
}

fn read_series<'x>(series: Node<'x, 'x>, is_beat: bool, waveforms: &mut Vec<Waveform<'x>>) -> Faulty<()> {
    for set in children(series, "component").flat_map(|component| children(component, "sequenceSet")) {
        let (mut rate, mut channels) = (None, Vec::new());
        for sequence in children(set, "component").flat_map(|component| children(component, "sequence")) {
            let Some(value) = below(sequence, &["value"]) else { continue };
            let code = code(sequence);
            match code.strip_prefix("TIME_") {
                Some(_) => rate = rate.or(rate_of(value)?),
                None => channels.push(channel(code, value)),
            }
        }
        if !channels.is_empty() {
            waveforms.push(Waveform { name: named(is_beat, waveforms), is_beat, rate, channels });
        }
    }
    Ok(())
}

/// Hz; `None` where the time between samples is not told.
fn rate_of(value: Node<'_, '_>) -> Faulty<Option<f64>> {
    let Some(increment) = value.children().find(|child| child.tag_name().name() == "increment") else {
        return Ok(None);
    };
    let written = increment.attribute("value").unwrap_or_default();
    let unit = increment.attribute("unit").unwrap_or("s");
    let per_second = match unit {
        "s" => 1.0,
        "ms" => 1e3,
        "us" | "\u{b5}s" => 1e6,
        _ => return Err(format!("the time between samples is in `{unit}`; s, ms or us was expected")),
    };
    match decimal(written).filter(|step| *step > 0.0) {
        Some(step) => Ok(Some(per_second / step)),
        None => Err(format!("the time between samples is `{written}`, not a number above 0")),
    }
}

fn channel<'x>(code: &str, value: Node<'x, 'x>) -> Channel<'x> {
    let [scale, origin] = ["scale", "origin"].map(|name| below(value, &[name]));
    let number = |node: Option<Node<'x, 'x>>| node?.attribute("value").and_then(decimal);
    let unit = |node: Option<Node<'x, 'x>>| node?.attribute("unit").map(str::to_owned);
    // A lead of a vendor's own vocabulary is called alike.
    let name = code.find("_ECG_LEAD_").map_or(code, |at| &code[at + "_ECG_LEAD_".len()..]);
    Channel {
        name: name.to_owned(),
        unit: unit(scale).or_else(|| unit(origin)),
        step: number(scale),
        offset: offset(number(origin), unit(origin), unit(scale)),
        values: Box::new(move || digits(value)),
    }
}

/// The origin in the unit of the scale.
fn offset(origin: Option<f64>, from: Option<String>, to: Option<String>) -> f64 {
    use crate::ecg::Voltage;
    let origin = origin.unwrap_or(0.0);
    let per_millivolt = |unit: Option<String>| unit.and_then(|unit| Voltage::parse(&unit)).map(Voltage::per_millivolt);
    match (per_millivolt(from), per_millivolt(to)) {
        (Some(from), Some(to)) => origin / from * to,
        _ => origin,
    }
}

fn digits(value: Node<'_, '_>) -> Faulty<Vec<f64>> {
    let digits = value.children().find(|child| child.tag_name().name() == "digits").ok_or("it has no `digits`")?;
    let texts = digits.text().unwrap_or_default().split_ascii_whitespace();
    texts.map(|text| text.parse().map_err(|_| format!("`{text}` among its `digits` is no number"))).collect()
}

/// The age that was reported.
fn reported_age(root: Node<'_, '_>) -> Option<Said<f32>> {
    let observations = root.descendants().filter(|node| node.tag_name().name() == "relatedObservation");
    observations.filter(|node| child_code(*node) == Some("21612-7")).find_map(|observation| {
        let value = observation.children().find(|child| child.tag_name().name() == "value")?;
        Some(age(decimal(value.attribute("value")?)?, value.attribute("unit").unwrap_or("a")))
    })
}

fn child_code<'x>(node: Node<'x, '_>) -> Option<&'x str> {
    node.children().find(|child| child.tag_name().name() == "code")?.attribute("code")
}

/// Intervals and statements.
fn annotate(root: Node<'_, '_>, facts: &mut Facts) {
    let (mut rr, mut lines) = (None, Vec::new());
    for annotation in root.descendants().filter(|node| is_global(*node)) {
        let Some(value) = annotation.children().find(|child| child.tag_name().name() == "value") else { continue };
        let number = value.attribute("value").and_then(decimal);
        let unit = value.attribute("unit").unwrap_or_default();
        let time = || number.and_then(|number| milliseconds(number, unit));
        let code = child_code(annotation).unwrap_or_default();
        match code.strip_suffix("_GL").unwrap_or(code) {
            "MDC_ECG_HEART_RATE" => {
                let per_minute = if ["Hz", "/s", "1/s"].contains(&unit) { 60.0 } else { 1.0 };
                facts.hr = facts.hr.or(positive(number.map(|rate| rate * per_minute)));
            }
            "MDC_ECG_TIME_PD_RR" => rr = rr.or_else(time),
            "MDC_ECG_TIME_PD_PR" => facts.pr = facts.pr.or_else(time),
            "MDC_ECG_TIME_PD_QT" => facts.qt = facts.qt.or_else(time),
            "MDC_ECG_TIME_PD_QRS" => facts.qrs = facts.qrs.or_else(time),
            "MDC_ECG_INTERPRETATION_STATEMENT" | "MDC_ECG_INTERPRETATION_SUMMARY" => lines.push(words(value)),
            _ => {}
        }
    }
    facts.hr = facts.hr.or(rr.map(|rr| 60_000.0 / rr));
    facts.state(lines.into_iter().map(|line| vec![line]));
}

/// Whether a node is an annotation, and of the whole ECG: of no single beat, and of no lead.
fn is_global(node: Node<'_, '_>) -> bool {
    let is_annotation = |node: &Node| node.tag_name().name() == "annotation";
    let is_part = |own: Node| {
        let names_a_lead = |node: Node| {
            let code = node.attribute("code").unwrap_or_default();
            node.tag_name().name() == "code" && code.contains("_ECG_LEAD_")
        };
        let support = own.children().find(|child| child.tag_name().name() == "support");
        child_code(own) == Some("MDC_ECG_BEAT")
            || support.is_some_and(|support| support.descendants().any(names_a_lead))
    };
    is_annotation(&node) && !node.ancestors().filter(is_annotation).any(is_part)
}
