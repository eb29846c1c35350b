//! The simulator as a source.

use std::collections::BTreeMap;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::detailed::{self, Mixture, Plan};
use super::dipole::{Vector, add_wave};
use super::heart::{Beat, Heart, Intervals};
use super::noise::Respiration;
use super::record::with_intervals;
use super::rhythm::Rhythm;
use super::shape::Shape;
use super::{Boundaries, Model, SAMPLES, VERSION};
use crate::declare::{Key, Kind, Range, Type, is_default};
use crate::ecg::Measurement;
use crate::source::interface::from_json;
use crate::source::maps::OF_SCP;
use crate::source::{Found, Knowledge, Listing, Record, Request, Source, SourceKind};
use crate::{Result, stop};

/// The built-in simulator: HR, PR, QRS and QT are exact by construction.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Simulator {
    /// How many records.
    pub records: usize,
    /// Seed of the records.
    pub seed: u64,
    /// What PR, QRS and QT are measured between.
    #[serde(default, skip_serializing_if = "is_default")]
    pub boundaries: Boundaries,
    /// The model of the heart; `None` for that which `conditions` need.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<Model>,
    /// Shares of the records with these diagnoses: `AFIB`, `CRBBB + LAFB`. Together they are 1, or there is none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub conditions: BTreeMap<String, f64>,
}

const CONDITIONS: Key = Key::new(
    "conditions",
    Type::Named(&Type::Number(Range::above_to(0.0, 1.0))),
    "{}",
    "Shares of the records of the detailed model with these SCP-ECG statements, `{ NORM = 0.6, AFIB = 0.2, \"CRBBB + LAFB\" = 0.2 }`; together they are 1. There are NORM; SBRAD, STACH, AFIB; PVC, PAC; 1AVB, IRBBB, CRBBB, CLBBB, LAFB; IMI, ILMI, ASMI, AMI, ALMI, LMI; LVH, RVH; ISC_, STD_, NDT, INVT, LNGQT. Records have them as labels, with their subclasses and superclasses. Without any all are NORM.",
)
.example("{ \"NORM\": 0.6, \"AFIB\": 0.2, \"CRBBB + LAFB\": 0.2 }");

impl Simulator {
    pub(crate) const KIND: SourceKind = SourceKind {
        declaration: Kind {
            name: "simulator",
            doc: "The built-in simulator: HR, PR, QRS and QT are exact by construction.",
            keys: &[
                Key::new("records", Type::Integer(Range::from_to(1.0, 1e7)), "2000", "How many records."),
                Key::new("seed", Type::Integer(Range::at_least(0.0)), "7", "Seed of the records."),
                Key::new(
                    "boundaries",
                    Type::Word(&Boundaries::WORDS),
                    "\"support\"",
                    "What PR, QRS and QT are measured between: where a wave starts and ends.",
                ),
                Key::optional(
                    "model",
                    Type::Word(&Model::WORDS),
                    "`detailed` with `conditions`, else `simple`",
                    "\"detailed\"",
                    "The model of the heart.",
                ),
                CONDITIONS,
            ],
        },
        // Records have folds, for what is written in PTB-XL's layout; of the simple model they say nothing.
        knows: Knowledge {
            folds: false,
            patients: false,
            age: false,
            sex: false,
            labels: &[],
            open_labels: false,
            measurements: &Measurement::BUILT_IN,
        },
        from_json: from_json::<Self>,
    };

    /// So many records of the simple model with this seed, measured by their support.
    pub fn new(records: usize, seed: u64) -> Self {
        Self { records, seed, boundaries: Boundaries::Support, model: None, conditions: BTreeMap::new() }
    }

    /// The model of the heart.
    pub fn heart_model(&self) -> Model {
        self.model.unwrap_or(if self.conditions.is_empty() { Model::Simple } else { Model::Detailed })
    }

    /// What is known of record `index`.
    fn record(&self, index: usize) -> Record {
        let stream = index as u64;
        match self.heart_model() {
            Model::Simple => {
                let rhythm = Rhythm::draw(Respiration::draw(self.seed, stream).frequency, self.seed, stream);
                let is_support = self.boundaries == Boundaries::Support;
                let shape = (!is_support).then(|| Shape::draw(&rhythm.intervals, self.seed, stream));
                let intervals = shape.map_or(rhythm.intervals, |shape| shape.visible(&rhythm.intervals));
                with_intervals(index, &intervals)
            }
            Model::Detailed => {
                let frequency = Respiration::draw(self.seed, stream).frequency;
                self.plan(stream, frequency).record(index, self.boundaries)
            }
        }
    }

    /// The heart of record `index`.
    pub(super) fn heart(&self, index: usize, respiration: &Respiration) -> Heart {
        let stream = index as u64;
        match self.heart_model() {
            Model::Simple => {
                let (intervals, beats, dipole) = simple(self, stream, respiration);
                Heart { record: with_intervals(index, &intervals), intervals, beats, dipole }
            }
            Model::Detailed => self.plan(stream, respiration.frequency).heart(index, self.boundaries),
        }
    }

    fn plan(&self, stream: u64, respiration: f64) -> Plan {
        Plan::draw(&Mixture::of(&self.conditions), respiration, self.seed, stream)
    }
}

impl Source for Simulator {
    fn kind(&self) -> &'static SourceKind {
        &Self::KIND
    }

    fn knows(&self) -> Knowledge {
        match self.heart_model() {
            Model::Simple => Self::KIND.knows,
            Model::Detailed => Knowledge { folds: true, age: true, sex: true, labels: OF_SCP, ..Self::KIND.knows },
        }
    }

    fn faults(&self) -> Vec<(Vec<String>, String)> {
        let mut faults: Vec<(Vec<String>, String)> = Vec::new();
        if self.model == Some(Model::Simple) && !self.conditions.is_empty() {
            let why = "the simple model has no conditions; write model = \"detailed\", or leave `conditions` out";
            faults.push((vec!["model".into()], why.into()));
        }
        let of_conditions = Mixture::faults(&self.conditions).into_iter();
        faults.extend(
            of_conditions
                .map(|(condition, why)| (["conditions".to_owned()].into_iter().chain(condition).collect(), why)),
        );
        faults
    }

    fn lacks_labels(&self) -> Option<&'static str> {
        (self.heart_model() == Model::Simple).then_some("conditions")
    }

    /// Of simulated records, that of their seed and model.
    fn usual_data_set(&self) -> String {
        match self.heart_model() {
            Model::Simple => format!("simulator {}", self.seed),
            Model::Detailed => format!("simulator {} detailed", self.seed),
        }
    }

    fn made_from(&self) -> Option<String> {
        let mut made_from = format!("{} {} {VERSION}", self.records, self.seed);
        if self.boundaries != Boundaries::Support {
            made_from += &format!(" {}", self.boundaries.name());
        }
        if self.heart_model() == Model::Detailed {
            made_from += &format!(" detailed {} {:?}", detailed::VERSION, self.conditions);
        }
        Some(made_from)
    }

    fn at_most(&self) -> Option<usize> {
        Some(self.records)
    }

    fn list(&self, _sampling_rate: f64) -> Result<Listing> {
        let one = |index| {
            stop::check()?;
            Ok(self.record(index))
        };
        let records = (0..self.records).into_par_iter().map(one).collect::<Result<_>>()?;
        Ok(Listing { records, ..Listing::default() })
    }

    fn read(&self, _listing: &Listing, index: usize, _request: &Request<'_>) -> Result<Found> {
        Ok(Found::made(self.simulate(index).1))
    }
}

/// Intervals, beats and dipole of the simple model, before respiration moves it.
fn simple(simulator: &Simulator, index: u64, respiration: &Respiration) -> (Intervals, Vec<Beat>, Vec<Vector>) {
    let rhythm = Rhythm::draw(respiration.frequency, simulator.seed, index);
    let shape = Shape::draw(&rhythm.intervals, simulator.seed, index);
    let beats: Vec<Beat> = rhythm.onsets.iter().map(|onset| shape.beat(&rhythm.intervals, *onset)).collect();
    let mut dipole = vec![[0.0; 3]; SAMPLES];
    for beat in &beats {
        add_wave(&mut dipole, &shape.p, beat.p_onset, beat.p_offset);
        add_wave(&mut dipole, &shape.qrs, beat.qrs_onset, beat.qrs_offset);
        add_wave(&mut dipole, &shape.t, beat.t_onset, beat.t_offset);
    }
    let intervals = match simulator.boundaries {
        Boundaries::Support => rhythm.intervals,
        Boundaries::Visible => shape.visible(&rhythm.intervals),
    };
    (intervals, beats, dipole)
}

#[cfg(test)]
mod tests {
    use super::super::detailed::Condition;
    use super::*;

    #[test]
    fn the_manifests_reference_lists_all_conditions_in_their_order() {
        let (_, list) = CONDITIONS.doc.split_once("There are ").unwrap();
        let (list, _) = list.split_once('.').unwrap();
        let listed: Vec<&str> = list.split([',', ';']).map(str::trim).collect();
        assert_eq!(listed, Condition::ALL.map(Condition::code));
    }
}
