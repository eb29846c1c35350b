//! A record of the detailed model: drawn, then rendered.

use rand_chacha::ChaCha8Rng;

use super::atria::{early_p_wave, fibrillate, p_wave};
use super::durations::{Durations, qrs};
use super::infarct::Infarct;
use super::repolarisation::Repolarisation;
use super::rhythm::{self, Complexes};
use super::ventricles::Ventricles;
use super::{Condition, Mixture, Person};
use crate::seed::stream;
use crate::source::Record;
use crate::source::kinds::simulator::dipole::{Bell, add_wave};
use crate::source::kinds::simulator::draw::{truncated, uniform};
use crate::source::kinds::simulator::heart::{Beat, Heart, Intervals, Origin};
use crate::source::kinds::simulator::record::with_intervals;
use crate::source::kinds::simulator::rhythm::REST;
use crate::source::kinds::simulator::visible::{Waves, intervals_seen, seen};
use crate::source::kinds::simulator::{Boundaries, SAMPLES};
use crate::source::maps::{Codes, Labels};

/// At least so many ms lie between a P wave and its QRS complex.
const PQ_SEGMENT: f64 = 6.0;

/// How often intervals are drawn that leave no room for all waves, before the heart is let beat more slowly.
const TRIES: usize = 1000;

/// How long waves are from end to end of their support, ms.
#[derive(Clone, Copy, Debug)]
pub(super) struct Supports {
    /// PR is NaN where there are no P waves; HR is the rate that rhythms are made with.
    pub intervals: Intervals,
    /// The P wave.
    p: f64,
    /// From the end of the QRS complex to the start of the T wave; negative where ST is raised or depressed.
    gap: f64,
    /// The QRS complex of an early beat from the ventricles, and its QT.
    early_qrs: f64,
    pub early_qt: f64,
}

/// The waves of a record.
struct Shape {
    p: Vec<Bell>,
    early_p: Vec<Bell>,
    qrs: Vec<Bell>,
    t: Repolarisation,
    early_qrs: Vec<Bell>,
    early_t: Repolarisation,
}

/// A record, drawn.
pub(in super::super) struct Plan {
    person: Person,
    conditions: Vec<Condition>,
    shape: Shape,
    supports: Supports,
    beats: Vec<Beat>,
    /// bpm, as counted.
    hr: f64,
    seed: u64,
    index: u64,
}

impl Plan {
    /// Draws record `index`; RR intervals follow respiration of this frequency, Hz.
    pub fn draw(mixture: &Mixture, respiration: f64, seed: u64, index: u64) -> Self {
        let stream = |purpose: &str| stream(seed, &format!("simulator/detailed/{purpose}"), index);
        let conditions = mixture.at(uniform(&mut stream("conditions"), 0.0, 1.0)).to_vec();
        let person = Person::draw(&conditions, &mut stream("person"));
        let random = &mut stream("intervals");
        let qrs = qrs(&conditions, &person, random);
        let shape = Shape::draw(&conditions, &person, qrs, &mut stream("shape"));
        let supports = supports(&conditions, &person, qrs, &shape, random);
        let complexes = rhythm::draw(&conditions, &supports, respiration, &mut stream("rhythm"));
        let beats = beats(&supports, &complexes);
        let hr = counted(&beats).unwrap_or(supports.intervals.hr);
        Self { person, conditions, shape, supports, beats, hr, seed, index }
    }

    fn intervals(&self, boundaries: Boundaries) -> Intervals {
        match boundaries {
            Boundaries::Support => Intervals { hr: self.hr, ..self.supports.intervals },
            Boundaries::Visible => {
                let origin = if self.fibrillates() { Origin::Fibrillation } else { Origin::Sinus };
                let waves = Waves { p: &self.shape.p, qrs: &self.shape.qrs, t: &self.shape.t.bells };
                intervals_seen(self.hr, &self.supports.beat(0.0, origin), &waves)
            }
        }
    }

    fn fibrillates(&self) -> bool {
        self.conditions.contains(&Condition::Fibrillation)
    }

    /// What is known of it.
    pub fn record(&self, index: usize, boundaries: Boundaries) -> Record {
        let is_rhythm = |condition: &Condition| {
            [Condition::Fibrillation, Condition::Bradycardia, Condition::Tachycardia].contains(condition)
        };
        let sinus = (!self.conditions.iter().any(is_rhythm)).then_some("SR");
        let codes = self.conditions.iter().map(|condition| condition.code()).chain(sinus);
        Record {
            age: Some(self.person.known_age()),
            sex: Some(self.person.sex),
            labels: Labels::of(Codes::Scp).get(codes),
            ..with_intervals(index, &self.intervals(boundaries))
        }
    }

    /// Its heart, before respiration moves it.
    pub fn heart(self, index: usize, boundaries: Boundaries) -> Heart {
        let mut dipole = vec![[0.0; 3]; SAMPLES];
        for beat in &self.beats {
            let Shape { p, early_p, qrs, t, early_qrs, early_t } = &self.shape;
            let (p, qrs, t) = match beat.origin {
                Origin::Sinus => (p.as_slice(), qrs, t),
                Origin::Atrial => (early_p.as_slice(), qrs, t),
                Origin::Fibrillation => ([].as_slice(), qrs, t),
                Origin::Ventricular => ([].as_slice(), early_qrs, early_t),
            };
            add_wave(&mut dipole, p, beat.p_onset, beat.p_offset);
            add_wave(&mut dipole, qrs, beat.qrs_onset, beat.qrs_offset);
            add_wave(&mut dipole, &t.bells, beat.t_onset, beat.t_offset);
        }
        if self.fibrillates() {
            fibrillate(&mut dipole, &mut stream(self.seed, "simulator/detailed/fibrillation", self.index));
        }
        let intervals = self.intervals(boundaries);
        Heart { record: self.record(index, boundaries), intervals, beats: self.beats, dipole }
    }
}

impl Shape {
    fn draw(conditions: &[Condition], person: &Person, qrs: f64, random: &mut ChaCha8Rng) -> Self {
        let infarct = Infarct::draw(conditions, random);
        let ventricles = Ventricles::draw(conditions, person, qrs, infarct.as_ref(), random);
        let t = Repolarisation::draw(conditions, person, &ventricles, infarct.as_ref(), random);
        let early = Ventricles::draw_ectopic(ventricles.size, random);
        let early_t = Repolarisation::draw_ectopic(&early, random);
        let has_p = !conditions.contains(&Condition::Fibrillation);
        let p = if has_p { p_wave(ventricles.axis, random) } else { Vec::new() };
        Self { p, early_p: early_p_wave(random), qrs: ventricles.qrs, t, early_qrs: early.qrs, early_t }
    }
}

/// Draws how long the supports of waves are, of which so much is to be seen as [`Durations`] say.
fn supports(conditions: &[Condition], person: &Person, qrs: f64, shape: &Shape, random: &mut ChaCha8Rng) -> Supports {
    let [p, complex, t] = [&shape.p, &shape.qrs, &shape.t.bells].map(|bells| seen(bells).unwrap_or([0.0, 1.0]));
    let early_qrs = truncated(random, 158.0, 12.0, [135.0, 190.0]);
    let whole_qrs = qrs / (complex[1] - complex[0]);
    let hidden = complex[0] * whole_qrs;
    let mut tries = 0;
    loop {
        let drawn = Durations::draw(conditions, person, qrs, random);
        let gap = shape.t.gap * (drawn.qt - qrs);
        // The end of T is seen at this share of the wave.
        let t_onset = whole_qrs + gap;
        let qt = t_onset + (drawn.qt + hidden - t_onset) / t[1];
        // P is seen some time after it starts, as is QRS.
        let before = drawn.pr - hidden;
        let p_whole = (drawn.p / (p[1] - p[0])).min((before - PQ_SEGMENT) / (1.0 - p[0]));
        let pr = if shape.p.is_empty() { f64::NAN } else { before + p[0] * p_whole };
        let early_qt = qt.max(0.9 * drawn.qt + 60.0);
        let mut intervals = Intervals { hr: drawn.hr, pr, qrs: whole_qrs, qt };
        let needed = room(conditions, &intervals);
        tries += 1;
        if tries == TRIES {
            intervals.hr = intervals.hr.min(60_000.0 / needed);
        }
        if 60_000.0 / intervals.hr >= needed * (1.0 - 1e-12) {
            return Supports { intervals, p: p_whole, gap, early_qrs, early_qt };
        }
    }
}

/// How long an RR interval is at least, ms.
fn room(conditions: &[Condition], intervals: &Intervals) -> f64 {
    let waves = intervals.qt + REST + if intervals.pr.is_nan() { REST } else { intervals.pr };
    // An early beat needs the room of the others in less time.
    if conditions.contains(&Condition::Atrial) { waves / 0.82 } else { waves * 1.02 }
}

impl Supports {
    /// The beat whose QRS complex starts at `onset`, ms.
    fn beat(&self, onset: f64, origin: Origin) -> Beat {
        let Intervals { pr, qrs, qt, .. } = self.intervals;
        let is_early = origin == Origin::Ventricular;
        let (qrs, qt) = if is_early { (self.early_qrs, self.early_qt) } else { (qrs, qt) };
        let gap = if is_early { -0.3 * qrs } else { self.gap };
        let p_onset = if is_early { f64::NAN } else { onset - pr };
        Beat {
            origin,
            p_onset,
            p_offset: p_onset + self.p,
            qrs_onset: onset,
            qrs_offset: onset + qrs,
            t_onset: onset + qrs + gap,
            t_offset: onset + qt,
        }
    }
}

fn beats(supports: &Supports, complexes: &Complexes) -> Vec<Beat> {
    complexes.iter().map(|(onset, origin)| supports.beat(*onset, *origin)).collect()
}

/// The heart rate by the QRS complexes that lie wholly in the record; `None` where it has fewer than two.
fn counted(beats: &[Beat]) -> Option<f64> {
    let onsets: Vec<f64> = beats.iter().filter(|beat| beat.counts()).map(|beat| beat.qrs_onset).collect();
    let (first, last) = (onsets.first()?, onsets.last()?);
    (last > first).then(|| 60_000.0 * (onsets.len() - 1) as f64 / (last - first))
}
