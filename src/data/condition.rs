//! Whether a record fulfils a condition.

use super::Record;
use crate::manifest::{Condition, Quantity};

/// Whether `record` fulfils `condition`; `None` where that depends on a value that is not known (three-valued logic:
/// Kleene, "Introduction to Metamathematics", 1952, section 64).
pub(super) fn evaluate(condition: &Condition, record: &Record) -> Option<bool> {
    match condition {
        Condition::Any(list) => one_is(true, list, record),
        Condition::All(list) => one_is(false, list, record).map(|one_is_false| !one_is_false),
        Condition::Not(condition) => evaluate(condition, record).map(|fulfilled| !fulfilled),
        Condition::Number { of, is, to } => {
            let value = match of {
                Quantity::Target(target) => record.measurement(*target).map(f64::from),
                Quantity::Fold => record.fold.map(f64::from),
                Quantity::Age => record.age.map(f64::from),
            };
            value.map(|value| is.holds(value, *to))
        }
        Condition::Sex { is, sex } => record.sex.map(|own| (own == *sex) == *is),
        Condition::Has(label) => record.is_called(*label),
    }
}

/// Whether one of `list` is `sought`: known as soon as one is, or all are the other.
fn one_is(sought: bool, list: &[Condition], record: &Record) -> Option<bool> {
    let mut all_known = true;
    for condition in list {
        match evaluate(condition, record) {
            Some(fulfilled) if fulfilled == sought => return Some(true),
            Some(_) => {}
            None => all_known = false,
        }
    }
    all_known.then_some(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ecg::{Measurement, Sex, superclass};

    #[test]
    fn what_is_not_known_is_neither_fulfilled_nor_not() {
        let mut record = Record {
            fold: Some(3),
            age: Some(70.0),
            measurements: [(Measurement::HR, 60.0), (Measurement::QRS, 111.5)].into_iter().collect(),
            labels: [superclass::MI].into_iter().collect(),
            ..Record::default()
        };
        let is = |record: &Record, text: &str| evaluate(&Condition::parse(text).unwrap(), record);
        for (text, expected) in [
            ("hr < 60", Some(false)),
            ("hr <= 60", Some(true)),
            ("hr > 60", Some(false)),
            ("hr >= 60", Some(true)),
            ("hr = 60", Some(true)),
            ("hr != 60", Some(false)),
            ("qrs = 111.5", Some(true)),
            ("fold = 3", Some(true)),
            ("age >= 70 and MI", Some(true)),
            ("NORM", Some(false)),
            ("not NORM", Some(true)),
            ("pr < 200", None),
            ("not pr < 200", None),
            ("pr < 200 or not pr < 200", None),
            ("pr != 200", None),
            ("pr < 200 or MI", Some(true)),
            ("pr < 200 or NORM", None),
            ("pr < 200 and MI", None),
            ("pr < 200 and NORM", Some(false)),
            ("not (pr < 200 and NORM)", Some(true)),
            ("sex = 'male'", None),
            ("sex != 'male'", None),
        ] {
            assert_eq!(is(&record, text), expected, "{text}");
        }
        record.sex = Some(Sex::Female);
        assert_eq!(is(&record, "sex = 'male'"), Some(false));
        assert_eq!(is(&record, "sex != 'male'"), Some(true));
    }
}
