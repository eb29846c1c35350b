//! The maps are what PTB-XL, the Challenge and SPH publish.

use std::collections::BTreeSet;

use super::table::rows;
use super::*;
use crate::ecg::LabelSet;

fn names(labels: &LabelSet) -> Vec<String> {
    labels.iter().map(|label| format!("{label:?}")).collect()
}

/// Wagner et al. 2020: 71 statements, 44 diagnostic, 19 of form, 12 of rhythm; 5 superclasses, 23 subclasses.
#[test]
fn statements_are_as_many_as_the_paper_has() {
    let counts = [0, 1, 2].map(|kind| statements_of(kind).len());
    assert_eq!((statements().len(), counts), (71, [44, 19, 12]));
    let classes = |place: usize| -> BTreeSet<Label> {
        statements().values().filter_map(|statement| statement.classes[place]).collect()
    };
    assert_eq!((classes(0).len(), classes(1).len()), (23, 5));
    for (code, statement) in statements() {
        assert_eq!(statement.classes.iter().flatten().count(), if statement.kinds[0] { 2 } else { 0 }, "{code}");
    }
}

#[test]
fn vocabularies_have_the_codes_of_the_files_and_each_once() {
    for (vocabulary, text) in
        [(&SCP, include_str!("scp.csv")), (&SNOMED, include_str!("snomed.csv")), (&AHA, include_str!("aha.csv"))]
    {
        let codes: Vec<&str> = rows(text).into_iter().map(|row| row[0]).collect();
        assert_eq!(vocabulary.names(), codes, "{}", vocabulary.name());
        assert_eq!(codes.iter().collect::<BTreeSet<_>>().len(), codes.len());
    }
    // What a line names is there, and no line says nothing twice.
    for text in [include_str!("snomed.csv"), include_str!("aha.csv")] {
        for row in rows(text) {
            let [.., scp, subclass, superclass, _] = row[..] else { panic!("{row:?}") };
            assert!(scp.split_whitespace().all(|name| SCP.label(name).is_some()), "{row:?}");
            assert!(subclass.is_empty() || SUBCLASS.label(subclass).is_some(), "{row:?}");
            assert!(superclass.is_empty() || superclass::VOCABULARY.label(superclass).is_some(), "{row:?}");
        }
    }
}

#[test]
fn a_record_has_its_codes_and_what_they_say() {
    let mut labels = Labels::of(Codes::Snomed);
    let own = labels.get(["164889003", "164909002", "164889003", "164865005", "164889003"]);
    assert_eq!(
        names(&own),
        [
            "scp:CLBBB",
            "scp:AFIB",
            "snomed:164889003",
            "snomed:164909002",
            "snomed:164865005",
            "subclass:CLBBB",
            "superclass:MI",
            "superclass:CD"
        ]
    );
    // The infarction has a superclass and no statement; a code that nobody knows is a label all the same, and the same one
    // in every source.
    let strange = labels.get(["123456789"]);
    assert_eq!(names(&strange), ["snomed:123456789"]);
    assert_eq!(strange, Labels::of(Codes::Snomed).get(["123456789"]));
    let note = labels.note().unwrap();
    assert!(note.starts_with("2 records have codes") && note.contains("123456789 1x, 164865005 1x"), "{note}");
    assert_eq!(Labels::of(Codes::Snomed).note(), None);
}

#[test]
fn aha_codes_have_modifiers() {
    let mut labels = Labels::of(Codes::Aha);
    assert_eq!(
        names(&labels.get(["60+310", "1"])),
        ["aha:1", "aha:60", "aha:60+310", "scp:NORM", "scp:PVC", "subclass:NORM", "superclass:NORM"]
    );
    assert_eq!(names(&labels.get(["147+367"])), ["aha:147", "aha:147+367", "scp:INVT"]);
    assert_eq!(
        names(&labels.get(["147+226"])),
        ["aha:147", "aha:226", "aha:147+226", "scp:ISC_", "scp:TAB_", "subclass:ISC_", "superclass:STTC"]
    );
    assert_eq!(labels.note(), None);
    labels.get(["120", "22"]);
    assert!(labels.note().unwrap().starts_with("1 records have codes"));
}

#[test]
fn statements_have_their_classes() {
    let labels = Labels::of(Codes::Scp).get(["ASMI", "SR", "TAB_"]);
    assert_eq!(names(&labels), ["scp:ASMI", "scp:TAB_", "scp:SR", "subclass:AMI", "superclass:MI"]);
}
