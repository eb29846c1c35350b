//! GE MUSE's XML, as MUSE and MAC carts export it (`restecg.dtd`).
//!
//! GE Healthcare, "MUSE NX Cardiology Information System XML Developer Guide" (2102027-228, 2018). Eight leads are stored, I, II and V1 to
//! V6; each has its samples in base64, whole numbers of `LeadSampleSize` bytes (2), least significant byte first, in steps of
//! `LeadAmplitudeUnitsPerBit` (4.88) of `LeadAmplitudeUnits` (MICROVOLTS). The rate is `SampleBase` times ten to the power of
//! `SampleExponent`. `Waveform` is there twice, as `Rhythm` and as `Median`, the average beat.
//!
//! Measurements and diagnoses are those that were confirmed, else those of the machine (`Original...`). Statements are in pieces:
//! `premature ventricular complexes`, `are no longer`, `present`. A whole line, up to a piece with the flag `ENDSLINE`, is one.

use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, Engine, GeneralPurpose, GeneralPurposeConfig};
use roxmltree::Node;

use super::Facts;
use super::exam::{Channel, Exam, Waveform, named};
use super::facts::{age, age_between, date, positive};
use super::xml::{below, children, decimal, number, word};
use crate::source::person::{Said, sex};
use crate::source::signals::channels::Faulty;

/// The root element.
pub(super) const ROOT: &str = "RestingECG";

/// Some who pass files on leave out the `=` at the end.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A document of MUSE.
pub(super) struct Muse<'x>(pub Node<'x, 'x>);

impl Exam for Muse<'_> {
    fn format(&self) -> &'static str {
        "GE MUSE XML"
    }

    fn waveforms(&self) -> Faulty<Vec<Waveform<'_>>> {
        let mut waveforms = Vec::new();
        for waveform in children(self.0, "Waveform") {
            let is_beat = word(waveform, "WaveformType").is_some_and(|kind| kind.eq_ignore_ascii_case("median"));
            let exponent = number(waveform, "SampleExponent").unwrap_or(0.0);
            let rate = number(waveform, "SampleBase").map(|base| base * 10_f64.powf(exponent));
            let channels = children(waveform, "LeadData").map(channel).collect();
            waveforms.push(Waveform { name: named(is_beat, &waveforms), is_beat, rate, channels });
        }
        Ok(waveforms)
    }

    fn facts(&self) -> Facts {
        let mut facts = Facts::default();
        if let Some(person) = below(self.0, &["PatientDemographics"]) {
            let recorded = below(self.0, &["TestDemographics"]).and_then(|test| word(test, "AcquisitionDate"));
            facts.patient = word(person, "PatientID");
            facts.sex = word(person, "Gender").map_or(Said::Nothing, |text| sex(&text));
            facts.age = match word(person, "PatientAge") {
                Some(text) => {
                    let unit = word(person, "AgeUnits").unwrap_or_default();
                    decimal(&text).map_or(Said::Strange, |number| age(number, &unit))
                }
                None => {
                    let birth = word(person, "DateofBirth");
                    age_between(birth.as_deref().and_then(date), recorded.as_deref().and_then(date))
                }
            };
        }
        let measured = |name: &'static str| {
            let of = |group| number(below(self.0, &[group])?, name);
            positive(of("RestingECGMeasurements").or_else(|| of("OriginalRestingECGMeasurements")))
        };
        facts.hr = measured("VentricularRate");
        facts.pr = measured("PRInterval");
        facts.qt = measured("QTInterval");
        facts.qrs = measured("QRSDuration");
        let lines = |group| below(self.0, &[group]).map(lines).unwrap_or_default();
        facts.state(lines("Diagnosis"));
        if facts.statements.is_empty() {
            facts.state(lines("OriginalDiagnosis"));
        }
        facts
    }
}

fn channel<'x>(lead: Node<'x, 'x>) -> Channel<'x> {
    Channel {
        name: word(lead, "LeadID").unwrap_or_default(),
        unit: word(lead, "LeadAmplitudeUnits"),
        step: number(lead, "LeadAmplitudeUnitsPerBit"),
        offset: 0.0,
        values: Box::new(move || samples(lead)),
    }
}

fn samples<'x>(lead: Node<'x, 'x>) -> Faulty<Vec<f64>> {
    let data = children(lead, "WaveFormData").next().ok_or("there is no `WaveFormData`")?;
    let mut text: Vec<u8> = data.text().unwrap_or_default().bytes().collect();
    text.retain(|byte| !byte.is_ascii_whitespace());
    let bytes = BASE64.decode(text).map_err(|error| format!("`WaveFormData` is no base64: {error}"))?;
    let values: Vec<f64> = match number(lead, "LeadSampleSize").unwrap_or(2.0) {
        1.0 => bytes.iter().map(|byte| f64::from(byte.cast_signed())).collect(),
        2.0 => bytes.as_chunks().0.iter().map(|two| f64::from(i16::from_le_bytes(*two))).collect(),
        4.0 => bytes.as_chunks().0.iter().map(|four| f64::from(i32::from_le_bytes(*four))).collect(),
        size => return Err(format!("its samples have {size} bytes; 1, 2 or 4 were expected")),
    };
    match number(lead, "LeadSampleCountTotal") {
        Some(promised) if promised != values.len() as f64 => Err(format!(
            "`WaveFormData` has {} samples, but `LeadSampleCountTotal` promises {promised}; the file is damaged",
            values.len()
        )),
        _ => Ok(values),
    }
}

/// The lines of a diagnosis: pieces up to one that ends its line.
fn lines<'x>(diagnosis: Node<'x, 'x>) -> Vec<Vec<String>> {
    let mut lines = vec![Vec::new()];
    for statement in children(diagnosis, "DiagnosisStatement") {
        if let Some(line) = lines.last_mut() {
            line.extend(word(statement, "StmtText"));
        }
        if children(statement, "StmtFlag").any(|flag| flag.text().is_some_and(|flag| flag.trim() == "ENDSLINE")) {
            lines.push(Vec::new());
        }
    }
    lines
}
