//! How many patients a metric rests on.

use std::collections::{HashMap, HashSet};

use super::unmeasurable::{LEAST_PATIENTS, Side, Support};

/// The patients of a test set, class by class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sides {
    patients: usize,
    classes: Vec<Class>,
}

/// Patients on the two sides of a class; one with records on both is on both.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Class {
    name: String,
    with: usize,
    without: usize,
}

/// What a metric is a number of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rests<'a> {
    /// Records, whatever their classes: accuracy, the Brier score.
    Records,
    /// Records with and without a class, or all of those that some records have: AUC, F1, precision.
    Both(Option<&'a str>),
    /// Records with a class, or all of those that some records have: recall.
    With(Option<&'a str>),
    /// Records without a class, or without each of those that some records have: specificity.
    Without(Option<&'a str>),
}

impl Sides {
    /// The patients called `patients`, one name for each record; `truth` is (records, `classes`), record by record.
    ///
    /// ```
    /// use ecgraft::statistics::{Rests, Sides};
    /// let truth = [true, false, true, false, false, true];
    /// let sides = Sides::new(&["a", "a", "b"], &["MI", "NORM"], &truth);
    /// assert_eq!(sides.support(Rests::Both(Some("MI"))).unwrap().to_string(), "1 patient with MI");
    /// assert_eq!(sides.support(Rests::Records).unwrap().to_string(), "2 patients");
    /// ```
    pub fn new<N: AsRef<str>, C: AsRef<str>>(patients: &[N], classes: &[C], truth: &[bool]) -> Self {
        let mut numbers: HashMap<&str, usize> = HashMap::new();
        let mut of_records = Vec::with_capacity(patients.len());
        for name in patients {
            let next = numbers.len();
            of_records.push(*numbers.entry(name.as_ref()).or_insert(next));
        }
        let on = |class: usize, side: bool| {
            let rows = of_records.iter().zip(truth.chunks_exact(classes.len()));
            rows.filter(|(_, has)| has[class] == side).map(|(patient, _)| patient).collect::<HashSet<_>>().len()
        };
        let class = |(place, name): (usize, &C)| Class {
            name: name.as_ref().to_owned(),
            with: on(place, true),
            without: on(place, false),
        };
        Self { patients: numbers.len(), classes: classes.iter().enumerate().map(class).collect() }
    }

    /// Number of patients.
    pub fn patients(&self) -> usize {
        self.patients
    }

    /// The side with the fewest patients of those that a metric rests on, the first of equals; `None` where it rests on
    /// none. A class that no record has, and for an AUC one that all have, is not averaged over; a side of no patients
    /// adds nothing to what an F1 or a precision is made of.
    pub fn support(&self, rests: Rests<'_>) -> Option<Support> {
        let all = || vec![Support { patients: self.patients, side: Side::All }];
        let sides = match rests {
            Rests::Records => all(),
            Rests::Both(class) => self.classes(class).flat_map(|class| [class.positive(), class.negative()]).collect(),
            Rests::With(class) => self.classes(class).map(Class::positive).collect(),
            Rests::Without(class) => self.classes(class).map(Class::negative).collect(),
        };
        sides.into_iter().filter(|side| side.patients > 0).min_by_key(|side| side.patients)
    }

    /// Degrees of freedom of a metric's variance over patients, after Satterthwaite (1946): with n patients on a side, a
    /// side's share of the variance taken to be as 1 / n, they are
    ///
    /// (sum of 1 / n)^2 / (sum of 1 / (n^2 (n - 1))),
    ///
    /// over the sides that the metric rests on. Of one side of n patients that is n - 1; of an AUC with 3 patients who
    /// have the class and 300 who have not 2.04, as what is known of its variance is known of three. Infinite where a
    /// side has one patient, which has no variance: [`Self::support`] says so.
    pub fn degrees(&self, rests: Rests<'_>) -> f64 {
        let sides: Vec<usize> = match rests {
            Rests::Records => vec![self.patients],
            Rests::Both(class) => self.classes(class).flat_map(|class| [class.with, class.without]).collect(),
            Rests::With(class) => self.classes(class).map(|class| class.with).collect(),
            Rests::Without(class) => self.classes(class).map(|class| class.without).collect(),
        };
        let (mut sum, mut squares) = (0.0, 0.0);
        for n in sides.into_iter().filter(|n| *n >= LEAST_PATIENTS).map(|n| n as f64) {
            sum += 1.0 / n;
            squares += 1.0 / (n * n * (n - 1.0));
        }
        if squares > 0.0 { sum * sum / squares } else { f64::INFINITY }
    }

    /// The class of this name, or every class that some record has.
    fn classes<'a>(&'a self, wanted: Option<&'a str>) -> impl Iterator<Item = &'a Class> {
        let meant = move |class: &&Class| wanted.is_none_or(|name| class.name == name);
        self.classes.iter().filter(meant).filter(|class| class.with > 0)
    }
}

impl Class {
    fn positive(&self) -> Support {
        Support { patients: self.with, side: Side::With(self.name.clone()) }
    }

    fn negative(&self) -> Support {
        Support { patients: self.without, side: Side::Without(self.name.clone()) }
    }
}
