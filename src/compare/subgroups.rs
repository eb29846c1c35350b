//! Arms within parts of the test records: by sex, by age, by site; and class by class.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::Arc;

use super::arms::arms;
use super::{Arm, Key, Selection, TestResults};
use crate::ecg::OLDEST;
use crate::manifest::choices;
use crate::metrics::{NamedMetric, Over};
use crate::store::{Facts, Run, TestPredictions};
use crate::{Error, Result};

/// Years of a group of ages, if nothing else is said.
const YEARS: u32 = 10;

/// What `--by` takes: what arms are known by, or what the test records are parted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// What arms are known by.
    Key(Key),
    /// What test records are parted by.
    Group(Grouping),
}

/// What test records are parted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grouping {
    /// By the sex of whom they are of.
    Sex,
    /// By the age, in groups of so many years from 0 on.
    Age(u32),
    /// By where they were recorded.
    Site,
    /// Not at all, but the metric is of one class after another.
    Class,
}

impl Grouping {
    /// What the command line and the columns for machines call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sex => "sex",
            Self::Age(_) => "age",
            Self::Site => "site",
            Self::Class => "class",
        }
    }

    /// In which part a record is, in the order of the parts; `None` where that is not known.
    fn part(self, facts: &Facts) -> Option<(u32, String)> {
        match self {
            Self::Sex => facts.sex.clone().map(|sex| (0, sex)),
            Self::Site => facts.site.clone().map(|site| (0, site)),
            Self::Age(years) => {
                let first = facts.age.filter(|age| (0.0..1000.0).contains(age))? as u32 / years * years;
                let last = first + years - 1;
                // What stands for all ages above 89 is in it.
                let open = (f64::from(first)..=f64::from(last)).contains(&OLDEST);
                Some((first, if open { format!("{first} or more") } else { format!("{first} to {last}") }))
            }
            Self::Class => None,
        }
    }
}

impl FromStr for Grouping {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text.split_once(':') {
            Some(("age", years)) => match years.parse() {
                Ok(years @ 1..=150) => Ok(Self::Age(years)),
                _ => Err(Error::user(format!("`{text}`: `{years}` is no number of years from 1 to 150"))),
            },
            _ => [Self::Sex, Self::Age(YEARS), Self::Site, Self::Class]
                .into_iter()
                .find(|known| known.name() == text)
                .ok_or_else(|| Error::user(format!("`{text}` is nothing that test records are parted by"))),
        }
    }
}

impl FromStr for By {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        if text.starts_with("age:") {
            return text.parse().map(Self::Group);
        }
        if let Ok(key) = text.parse() {
            return Ok(Self::Key(key));
        }
        text.parse().map(Self::Group).map_err(|_| {
            let parts = ["sex", "age:10", "site", "class"];
            let names = choices(text, Key::ALL.map(Key::name).into_iter().chain(parts));
            Error::user(format!("`{text}` is nothing that runs or test records are put together by{names}"))
        })
    }
}

/// The arms of an experiment on a part of its test records, or of one class.
#[derive(Clone, Debug, PartialEq)]
pub struct Subgroup {
    /// What the records were parted by.
    pub grouping: Grouping,
    /// Which part it is: `female`, `60 to 69`, `MI`.
    pub name: String,
    /// The metric.
    pub metric: NamedMetric,
    /// Number of records.
    pub records: usize,
    /// Number of patients.
    pub patients: usize,
    /// The arms, with this metric alone.
    pub arms: Vec<Arm>,
}

/// A part of the test records, with all that a comparison on it takes.
#[derive(Clone, Debug)]
pub struct Part {
    grouping: Grouping,
    name: String,
    metric: NamedMetric,
    selection: Selection,
}

/// The parts of all test records that are in `results`, for the first metric of `selection`.
///
/// # Errors
/// A user error where nothing is known that would part them, or the metric is of no records.
pub(super) fn parts(
    groupings: &[Grouping],
    selection: &Selection,
    results: Option<&TestResults>,
    resamples: usize,
) -> Result<Vec<Part>> {
    let (Some(results), Some(metric)) = (results, selection.metrics.first()) else { return Ok(Vec::new()) };
    if results.values(metric).is_empty() && !groupings.is_empty() {
        return Err(Error::user(format!(
            "--by {}: {metric} cannot be had of parts of the test records: it is computed from predictions of these, and there \
             are none, or it is not of them",
            groupings[0].name()
        )));
    }
    let resamples = if selection.test_results.resamples > 0 { resamples } else { 0 };
    let mut found = Vec::new();
    for &grouping in groupings {
        let own = match grouping {
            Grouping::Class => by_class(metric, results)?,
            _ => by_facts(grouping, metric, results)?,
        };
        found.extend(own.into_iter().map(|(name, metric, predictions)| {
            let metrics = std::slice::from_ref(&metric);
            let mut test_results = TestResults::at_thresholds(Arc::clone(&results.thresholds), resamples);
            test_results.extend(predictions, metrics);
            let values = BTreeMap::from([(metric.clone(), test_results.values(&metric))]);
            let selection = Selection {
                targets: selection.targets.clone(),
                by: selection.by.clone(),
                metrics: vec![metric.clone()],
                values,
                test: selection.test,
                is_of_part: true,
                baseline: selection.baseline.clone(),
                test_results,
                ..Selection::default()
            };
            Part { grouping, name, metric, selection }
        }));
    }
    Ok(found)
}

/// The name of a part, its metric, and what was predicted of its records.
type Own = (String, NamedMetric, Vec<TestPredictions>);

fn by_class(metric: &NamedMetric, results: &TestResults) -> Result<Vec<Own>> {
    let of_classes = metric.classifier().filter(|of| of.over() != Over::Records);
    let Some(of_classes) = of_classes else {
        return Err(Error::user(format!("--by class: {metric} is not of classes; choose another with --metric")));
    };
    let mut classes: Vec<&String> = Vec::new();
    for class in results.predictions().flat_map(|set| &set.classes) {
        if !classes.contains(&class) {
            classes.push(class);
        }
    }
    let own = |class: &String| {
        let name = of_classes.name().to_owned();
        let with = results.predictions().filter(|set| set.classes.contains(class)).cloned().collect();
        (class.clone(), NamedMetric { split: metric.split, name, of: Some(class.clone()), of_last: false }, with)
    };
    Ok(classes.into_iter().map(own).collect())
}

fn by_facts(grouping: Grouping, metric: &NamedMetric, results: &TestResults) -> Result<Vec<Own>> {
    let part = |facts: Option<&Facts>| facts.and_then(|facts| grouping.part(facts));
    let mut parts: Vec<Option<(u32, String)>> = Vec::new();
    for set in results.predictions() {
        for record in 0..set.records.len() {
            let own = part(set.facts.get(record));
            if !parts.contains(&own) {
                parts.push(own);
            }
        }
    }
    if !parts.iter().any(Option::is_some) {
        return Err(Error::user(format!(
            "--by {name}: the store knows the {name} of none of the test records: their source does not say it, or they were \
             tested before it was kept",
            name = grouping.name()
        )));
    }
    // Whose is not known come last.
    parts.sort_by_key(|part| (part.is_none(), part.clone()));
    let own = |wanted: Option<(u32, String)>| {
        let of_set = |set: &TestPredictions| {
            let keep: Vec<bool> = (0..set.records.len()).map(|at| part(set.facts.get(at)) == wanted).collect();
            set.only(&keep)
        };
        let predictions = results.predictions().filter_map(of_set).collect();
        (wanted.map_or_else(|| "not known".to_owned(), |(_, name)| name), metric.clone(), predictions)
    };
    Ok(parts.into_iter().map(own).collect())
}

impl Part {
    /// The arms of the `meant` runs of one experiment on its records; `None` where none was tested on any.
    pub(super) fn compared(&self, meant: &[&Run], all: &[&Run]) -> Option<Subgroup> {
        let results = &self.selection.test_results;
        let (patients, records, _) = results.patients(meant.iter().map(|run| run.stage_id.as_str()))?;
        Some(Subgroup {
            grouping: self.grouping,
            name: self.name.clone(),
            metric: self.metric.clone(),
            records,
            patients,
            arms: arms(meant, all, &self.selection),
        })
    }
}
