//! What a classifier can learn from the records of a source, and on which folds: classes that some have and others have not,
//! in each part of the split as far as that can be.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::draft::quoted;
use crate::ecg::{Label, LabelName, Measurement, Sex, superclass};
use crate::source::Record;
use crate::source::plausible::digits;
use crate::statistics::median;

/// Classes that are proposed at most, and labels of which they are chosen.
const CLASSES: usize = 5;
const CHOSEN_FROM: usize = 40;

/// So many records have a class, and so many have not: one to train, to validate and to test.
const FEWEST: usize = 3;

/// Where the usual folds have so many test records with and without each class, they stay.
const ENOUGH: usize = 3;

/// Records of none of the classes are one of their own if they are this share.
const REST: f64 = 0.05;

/// Folds there are.
const FOLDS: usize = 10;

/// What is proposed of `[transfer]`.
#[derive(Clone, Debug, Default)]
pub(super) struct Task {
    /// Its `classes`, and `labels`.
    pub classes: String,
    pub labels: &'static str,
    /// Folds that train, validate and test, where these are not the usual ones.
    pub folds: Option<[Vec<u8>; 3]>,
    /// Labels of too few records to be told from others, where no others are there.
    pub rare: Vec<String>,
    /// Whether epochs are to be chosen by the loss: all validation records have the same classes.
    pub by_loss: bool,
}

/// A class that may be proposed: the manifest's key and value, and which records have it.
struct Class {
    name: String,
    rule: String,
    has: Vec<bool>,
    is_label: bool,
}

impl Class {
    fn count(&self) -> usize {
        self.has.iter().filter(|has| **has).count()
    }

    /// Whether some records have it and others have not.
    fn is_told(&self) -> bool {
        let count = self.count();
        count >= FEWEST && self.has.len() - count >= FEWEST
    }
}

/// What can be learned from `records`; `given` are folds whose names say what they are for.
pub(super) fn choose(records: &[Record], given: Option<&[Vec<u8>; 3]>) -> Task {
    let (mut classes, listed) = classes(records);
    let (folds, by_loss) = loop {
        let mut split = Split::new(records, &classes);
        if let Some([_, validation, test]) = given {
            (split.validation, split.test) = (bits(validation), bits(test));
        } else {
            split.search();
        }
        // What no test record tells is no class, as long as others are.
        let keep: Vec<bool> = (0..classes.len()).map(|class| split.is_told(split.test, class)).collect();
        if !listed && classes.len() > 2 && keep.contains(&false) && keep.iter().filter(|keep| **keep).count() > 1 {
            let mut keep = keep.into_iter();
            classes.retain(|_| keep.next().unwrap_or(true));
            continue;
        }
        break (split.folds(), !(0..classes.len()).any(|class| split.is_told(split.validation, class)));
    };
    let exclusive = classes.len() == 2 && classes[0].has.iter().zip(&classes[1].has).all(|(one, other)| one != other);
    let labels = if exclusive && !listed { "single" } else { "multi" };
    let counts = if classes.iter().any(|class| class.is_label) { Vec::new() } else { self::labels(records) };
    let rare = counts.iter().take(CLASSES).map(|(name, count)| format!("{name} {count}")).collect();
    Task { classes: written(&classes, listed), labels, folds, rare, by_loss: by_loss && !classes.is_empty() }
}

/// As a manifest has them.
fn written(classes: &[Class], listed: bool) -> String {
    if listed {
        let names: Vec<String> = classes.iter().map(|class| quoted(&class.name)).collect();
        return format!("[{}]", names.join(", "));
    }
    let key = |name: &str| {
        let is_bare = !name.is_empty() && name.chars().all(|sign| sign.is_ascii_alphanumeric() || "_-".contains(sign));
        if is_bare { name.to_owned() } else { quoted(name) }
    };
    let all: Vec<String> = classes.iter().map(|class| format!("{} = {}", key(&class.name), class.rule)).collect();
    format!("{{ {} }}", all.join(", "))
}

/// The classes, and whether they are a mere list of labels.
fn classes(records: &[Record]) -> (Vec<Class>, bool) {
    let labels = labels(records);
    let mut told: Vec<Class> = labels.iter().map(|(name, _)| of_label(records, name)).filter(Class::is_told).collect();
    let is_superclass = |class: &Class| superclass::VOCABULARY.names().contains(&class.name.as_str());
    if told.iter().filter(|class| is_superclass(class)).count() > 1 {
        told.retain(is_superclass);
        told.sort_by_key(|class| superclass::VOCABULARY.names().iter().position(|name| *name == class.name));
    }
    // Names of one and the same records are one class: that which is called by a word.
    told.sort_by_key(|class| class.name.starts_with(|sign: char| sign.is_ascii_digit()));
    let mut distinct: Vec<Class> = Vec::new();
    for class in told {
        if distinct.iter().all(|other| other.has != class.has) {
            distinct.push(class);
        }
    }
    distinct.sort_by_key(|class| std::cmp::Reverse(class.count()));
    distinct.truncate(CLASSES);
    let rest = |classes: &[Class], name: &str| {
        let has = (0..records.len()).map(|place| !classes.iter().any(|class| class.has[place])).collect();
        // Two classes of one name there are not.
        let name = if classes.iter().any(|class| class.name == name) { "none of them" } else { name };
        Class { name: name.into(), rule: quoted("*"), has, is_label: false }
    };
    let of_people = if distinct.is_empty() { of_people(records) } else { Vec::new() };
    match distinct.as_slice() {
        [] if labels.is_empty() || !of_people.is_empty() => (of_people, false),
        // Too few of each to tell them apart: the commonest.
        [] => {
            let some = labels.iter().take(CLASSES).map(|(name, _)| of_label(records, name));
            let all: Vec<Class> = some.collect();
            let rest = rest(&all, "other");
            match all.len() {
                1 => (all.into_iter().chain([rest]).collect(), false),
                _ => (all, true),
            }
        }
        classes => {
            let rest = rest(classes, if classes.len() == 1 { "no" } else { "other" });
            let enough = (REST * records.len() as f64).max(FEWEST as f64);
            let is_list = classes.len() > 1 && (rest.count() as f64) < enough;
            if !is_list {
                distinct.push(rest);
            }
            (distinct, is_list)
        }
    }
}

/// Labels by their names, with their counts, the commonest first. A code and what it says are one where nothing else says
/// the same.
pub(super) fn counted(records: &[Record]) -> Vec<(&'static str, usize)> {
    let mut places: BTreeMap<&'static str, Vec<usize>> = BTreeMap::new();
    for (place, record) in records.iter().enumerate() {
        // A name may be a label of several vocabularies.
        let of_record = record.labels.iter().filter(|label| label.vocabulary().name() != "site");
        for name in of_record.map(Label::name).collect::<BTreeSet<_>>() {
            places.entry(name).or_default().push(place);
        }
    }
    let mut labels: Vec<_> = places.into_iter().collect();
    // Of such the word stays.
    let is_number = |name: &str| name.bytes().all(|byte| byte.is_ascii_digit());
    labels.sort_by_key(|(name, of)| (Reverse(of.len()), is_number(name), *name));
    let mut seen: HashSet<Vec<usize>> = HashSet::new();
    labels.retain(|(_, of)| seen.insert(of.clone()));
    labels.into_iter().map(|(name, of)| (name, of.len())).collect()
}

/// The commonest labels that a name alone stands for.
fn labels(records: &[Record]) -> Vec<(&'static str, usize)> {
    let mut all = counted(records);
    all.retain(|(name, _)| !name.contains(['\'', '"', ':']));
    all.truncate(CHOSEN_FROM);
    all
}

fn of_label(records: &[Record], name: &str) -> Class {
    let label = LabelName::parse(name);
    let rule = format!("[{}]", quoted(name));
    let has = records.iter().map(|record| record.is_called(label) == Some(true)).collect();
    Class { name: name.into(), rule, has, is_label: true }
}

/// Classes of records without labels: by sex, by age, or by what is measured, whichever is known.
fn of_people(records: &[Record]) -> Vec<Class> {
    let of = |rules: [(&str, String); 2], has: &dyn Fn(&Record, usize) -> bool| -> Option<Vec<Class>> {
        let one = |(place, (name, rule)): (usize, (&str, String))| {
            let has: Vec<bool> = records.iter().map(|record| has(record, place)).collect();
            Class { name: name.into(), rule: quoted(&rule), has, is_label: false }
        };
        let both: Vec<Class> = rules.into_iter().enumerate().map(one).collect();
        both.iter().all(|class| class.count() >= FEWEST).then_some(both)
    };
    let sexes = [("female", "sex = 'female'".to_owned()), ("male", "sex = 'male'".to_owned())];
    let of_sex = of(sexes, &|record, place| record.sex == Some([Sex::Female, Sex::Male][place]));
    let split = |name: &str, value: &dyn Fn(&Record) -> Option<f32>| {
        let middle = median(records.iter().filter_map(value).map(f64::from))?;
        let middle: f64 = digits(middle).parse().ok()?;
        let rules = [("above", format!("{name} >= {middle}")), ("below", format!("{name} < {middle}"))];
        of(rules, &|record, place| value(record).is_some_and(|value| (f64::from(value) >= middle) == (place == 0)))
    };
    let by_age = || split("age", &|record| record.age);
    let measured = || {
        let all = Measurement::BUILT_IN.into_iter();
        all.filter_map(|measurement| split(measurement.name(), &|record| record.measurement(measurement))).next()
    };
    of_sex.or_else(by_age).or_else(measured).unwrap_or_default()
}

/// Folds as bits.
fn bits(folds: &[u8]) -> u16 {
    folds.iter().fold(0, |bits, fold| bits | 1 << (fold.clamp(&1, &10) - 1))
}

/// Which folds validate and test.
struct Split {
    /// By fold: records that have a class at all, and those that have each.
    all: [usize; FOLDS],
    having: Vec<[usize; FOLDS]>,
    validation: u16,
    test: u16,
}

impl Split {
    fn new(records: &[Record], classes: &[Class]) -> Self {
        let (mut all, mut having) = ([0; FOLDS], vec![[0; FOLDS]; classes.len()]);
        for (place, record) in records.iter().enumerate() {
            let Some(fold) = record.fold.map(usize::from).filter(|fold| (1..=FOLDS).contains(fold)) else { continue };
            let of_record = || classes.iter().map(|class| class.has.get(place) == Some(&true));
            if of_record().any(|has| has) {
                all[fold - 1] += 1;
                having.iter_mut().zip(of_record()).for_each(|(own, has)| own[fold - 1] += usize::from(has));
            }
        }
        Self { all, having, validation: 1 << 8, test: 1 << 9 }
    }

    fn count(&self, of: &[usize; FOLDS], folds: u16) -> usize {
        (0..FOLDS).filter(|fold| folds >> fold & 1 == 1).map(|fold| of[fold]).sum()
    }

    fn train(&self) -> u16 {
        !(self.validation | self.test) & ((1 << FOLDS) - 1)
    }

    /// How many records of `folds` have a class, or have it not, whichever are fewer.
    fn fewer(&self, folds: u16, class: usize) -> usize {
        let has = self.having.get(class).map_or(0, |own| self.count(own, folds));
        has.min(self.count(&self.all, folds) - has)
    }

    fn is_told(&self, folds: u16, class: usize) -> bool {
        self.fewer(folds, class) > 0
    }

    /// Keeps the usual folds where they do; else looks for those that have most classes told in the test, in training and in
    /// the validation, of these the ones with the wanted shares.
    fn search(&mut self) {
        let classes = 0..self.having.len();
        let is_fine = |class| self.fewer(self.test, class) >= ENOUGH && self.is_told(self.validation, class);
        let total: usize = self.all.iter().sum();
        if self.having.is_empty() || total == 0 || classes.clone().all(is_fine) {
            return;
        }
        let wanted = match total {
            0..50 => [0.2, 0.3],
            50..200 => [0.1, 0.2],
            _ => [0.1, 0.1],
        };
        let few = |most: u32| move |folds: &u16| (1..=most).contains(&folds.count_ones());
        let mut best = (self.worth(wanted), self.validation, self.test);
        for test in (1..1 << FOLDS).filter(few(4)) {
            for validation in (1..1 << FOLDS).filter(few(3)).filter(|validation| validation & test == 0) {
                (self.validation, self.test) = (validation, test);
                let worth = self.worth(wanted);
                if worth > best.0 {
                    best = (worth, validation, test);
                }
            }
        }
        (self.validation, self.test) = (best.1, best.2);
    }

    /// What a choice is worth: more is better. That each class can be told counts first, in the test and in training, then in
    /// the validation; then that it has more records than one; then the shares.
    fn worth(&self, wanted: [f64; 2]) -> [i64; 5] {
        let (train, total) = (self.train(), self.all.iter().sum::<usize>() as f64);
        let told = |folds: u16, most: usize| -> i64 {
            (0..self.having.len()).map(|class| self.fewer(folds, class).min(most) as i64).sum()
        };
        let share = |folds: u16, wanted: f64| (self.count(&self.all, folds) as f64 / total - wanted).abs();
        let is_empty = [train, self.validation, self.test].iter().any(|folds| self.count(&self.all, *folds) == 0)
            || self.count(&self.all, train) < 2;
        let off = share(self.validation, wanted[0]) + share(self.test, wanted[1]);
        let nearness = -(off * 1000.0).round() as i64;
        let both = |most: usize| told(self.test, most) + told(train, most);
        [-i64::from(is_empty), both(1), told(self.validation, 1), both(ENOUGH), nearness]
    }

    /// The folds, where they are not the usual ones.
    fn folds(&self) -> Option<[Vec<u8>; 3]> {
        let list = |folds: u16| (1..=FOLDS as u8).filter(|fold| folds >> (fold - 1) & 1 == 1).collect();
        let is_usual = (self.validation, self.test) == (1 << 8, 1 << 9);
        let there = (0..FOLDS).filter(|fold| self.all[*fold] > 0).fold(0, |folds, fold| folds | 1 << fold);
        let all = [self.train() & there, self.validation, self.test];
        (!is_usual && !all.contains(&0)).then(|| all.map(list))
    }
}
