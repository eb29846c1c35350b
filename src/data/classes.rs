//! Which of a classifier's classes a record has.

use super::Record;
use super::condition::evaluate;
use crate::ecg::superclass;
use crate::manifest::{Class, Labels, Rule};

/// Which of `classes` the record has; `None` where it is not known of one of them.
pub fn classes_of(record: &Record, classes: &[Class]) -> Option<Vec<bool>> {
    let mut has = Vec::with_capacity(classes.len());
    let mut rest = None;
    for (place, class) in classes.iter().enumerate() {
        has.push(match class.rule() {
            Rule::Label(name) => record.is_called(*name)?,
            Rule::Condition(condition) => evaluate(condition, record)?,
            Rule::Rest => {
                rest = Some(place);
                false
            }
        });
    }
    if let Some(place) = rest {
        has[place] = !has.contains(&true);
    }
    Some(has)
}

/// Whether the record can train a classifier: it has one of the classes, and only this one where records have one.
pub(super) fn has_classes(record: &Record, classes: &[Class], labels: Labels) -> bool {
    let Some(has) = classes_of(record, classes) else { return false };
    let count = has.iter().filter(|has| **has).count();
    match labels {
        Labels::Multi => count > 0,
        // Of several superclasses one may be none of the classes; labels that are called so may be of another vocabulary.
        Labels::Single => {
            let alone = || record.labels.count(&superclass::VOCABULARY) <= 1;
            count == 1 && (!classes.iter().all(is_superclass) || alone())
        }
    }
}

/// Whether it is one of PTB-XL's superclasses under its own name.
fn is_superclass(class: &Class) -> bool {
    matches!(class.rule(), Rule::Label(name) if name.is_in(&superclass::VOCABULARY)
        && superclass::VOCABULARY.names().contains(&name.name()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ecg::{LabelSet, Vocabulary};

    fn classes(json: &str) -> Vec<Class> {
        serde_json::from_str(json).unwrap()
    }

    fn record(names: &[&str]) -> Record {
        let scp = Vocabulary::interned("scp", &["AFIB", "AFLT", "AMI", "SR"]);
        let subclass = Vocabulary::interned("subclass", &["AMI"]);
        let label = |name: &&str| match name.strip_prefix("subclass:") {
            Some(name) => subclass.label(name).unwrap(),
            None => scp.label(name).or(superclass::VOCABULARY.label(name)).unwrap(),
        };
        Record { labels: names.iter().map(label).collect::<LabelSet>(), ..Record::default() }
    }

    #[test]
    fn a_class_is_a_label_a_condition_or_the_rest() {
        let three = classes(r#"[{"name":"AF","is":"AFIB or AFLT"},"AMI",{"name":"other","is":"*"}]"#);
        for (names, has) in [
            (&["AFLT"][..], [true, false, false]),
            (&["AFIB", "AMI"], [true, true, false]),
            (&["SR"], [false, false, true]),
            (&[], [false, false, true]),
            // The subclass has other records than the statement.
            (&["subclass:AMI"], [false, false, true]),
        ] {
            assert_eq!(classes_of(&record(names), &three), Some(has.to_vec()), "{names:?}");
        }
        let subclass = classes(r#"["subclass:AMI","AFIB"]"#);
        assert_eq!(classes_of(&record(&["subclass:AMI"]), &subclass), Some(vec![true, false]));
        // A flag that is empty.
        let unknown = Record { unknown: record(&["AMI"]).labels, ..record(&["AFIB"]) };
        assert_eq!(classes_of(&unknown, &three), None);
        assert_eq!(classes_of(&unknown, &classes(r#"["AFIB","AFLT"]"#)), Some(vec![true, false]));
        let sex = classes(r#"[{"name":"woman","is":"sex = 'female'"},{"name":"man","is":"*"}]"#);
        assert_eq!(classes_of(&record(&[]), &sex), None);
    }

    #[test]
    fn of_several_superclasses_one_may_be_none_of_the_classes() {
        let two = classes(r#"["NORM","MI"]"#);
        let of_one = |names: &[&str]| has_classes(&record(names), &two, Labels::Single);
        assert!(of_one(&["MI", "SR"]) && !of_one(&["MI", "HYP"]) && !of_one(&["NORM", "MI"]) && !of_one(&["CD"]));
        assert!(has_classes(&record(&["MI", "HYP"]), &two, Labels::Multi));
        let rhythm = classes(r#"["SR",{"name":"AF","is":"AFIB or AFLT"}]"#);
        let of_one = |names: &[&str]| has_classes(&record(names), &rhythm, Labels::Single);
        assert!(of_one(&["SR", "MI", "HYP"]) && of_one(&["AFIB", "AFLT"]) && !of_one(&["SR", "AFIB"]));
    }
}
