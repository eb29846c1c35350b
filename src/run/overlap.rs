//! Which sources of a manifest have people in common: looked up in the data before anything is planned.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use crate::data::{Index, People};
use crate::manifest::Manifest;
use crate::plan::{Overlap, SharedPeople};

/// The used sources of a manifest, by name, with whose their records are.
pub(super) type Indexes = BTreeMap<String, Arc<Index>>;

/// Who is in several of some sources: the same for all variants and test folds of a manifest that use them.
pub(super) struct Everybody {
    people: People,
    /// The places of two sources in [`Indexes`], the people whom both have, and how many recordings.
    common: Vec<([usize; 2], Vec<u32>, usize)>,
}

impl Everybody {
    pub(super) fn new(indexes: &Indexes) -> Self {
        let all: Vec<&Index> = indexes.values().map(|index| &**index).collect();
        let people = People::new(&all);
        let persons: Vec<HashSet<u32>> = people.persons.iter().map(|of| of.iter().copied().collect()).collect();
        let recordings: Vec<HashSet<u128>> = all.iter().map(|index| index.by_samples().collect()).collect();
        let mut common = Vec::new();
        for b in 0..all.len() {
            for a in 0..b {
                let both: Vec<u32> = persons[a].intersection(&persons[b]).copied().collect();
                if !both.is_empty() {
                    let recordings = recordings[a].intersection(&recordings[b]).count();
                    common.push(([a, b], both, recordings));
                }
            }
        }
        Self { people, common }
    }
}

/// What the sources of `manifest` have in common.
pub(super) fn shared_people(manifest: &Manifest, indexes: &Indexes, everybody: &Everybody) -> SharedPeople {
    let names: Vec<&str> = indexes.keys().map(String::as_str).collect();
    let all: Vec<&Index> = indexes.values().map(|index| &**index).collect();
    let held_out = held_out(manifest, indexes, &everybody.people);
    let data_set = |name: &str| manifest.sources.get(name).map(|source| source.data_set());
    let pair = |([a, b], both, recordings): &([usize; 2], Vec<u32>, usize)| {
        let sources = [names[*a], names[*b]];
        let transfer = sources.contains(&manifest.transfer.source.as_str());
        Overlap {
            sources: sources.map(str::to_owned),
            people: both.len(),
            recordings: *recordings,
            held_out: transfer.then(|| both.iter().filter(|person| held_out.contains(person)).count()),
            data_set: data_set(sources[1]).filter(|own| data_set(sources[0]).as_ref() == Some(own)),
        }
    };
    let pairs: Vec<Overlap> = everybody.common.iter().map(pair).collect();
    let linked_through = links(manifest, &names, &all, &everybody.people, &pairs);
    SharedPeople { pairs, linked_through }
}

/// Everybody the transfer validates or tests on.
fn held_out(manifest: &Manifest, indexes: &Indexes, people: &People) -> HashSet<u32> {
    let transfer = &manifest.transfer;
    let place = indexes.keys().position(|name| *name == transfer.source);
    let own =
        place.and_then(|place| people.persons.get(place)).zip(indexes.get(&transfer.source).map(|index| &**index));
    let is_held_out = |fold: u8| transfer.validation_folds.contains(&fold) || transfer.test_folds.contains(&fold);
    let of = |(persons, index): (&Vec<u32>, &Index)| -> HashSet<u32> {
        persons.iter().zip(index.folds()).filter(|(_, fold)| is_held_out(**fold)).map(|(person, _)| *person).collect()
    };
    own.map(of).unwrap_or_default()
}

/// For each mix that trials use, and the transfer: the other sources without which people there were not known to be one.
fn links(
    manifest: &Manifest,
    names: &[&str],
    all: &[&Index],
    people: &People,
    pairs: &[Overlap],
) -> BTreeMap<Option<String>, Vec<String>> {
    let place = |name: &str| names.iter().position(|own| *own == name);
    let share = |a: usize, b: usize| {
        let sources = [names[a], names[b]];
        pairs.iter().any(|pair| sources.iter().all(|name| pair.sources.iter().any(|own| own == name)))
    };
    let transfer = place(&manifest.transfer.source);
    let mut links = BTreeMap::new();
    for mix in std::iter::once(None).chain(manifest.trials.mix.iter().map(Some)) {
        let parts = mix.and_then(|mix| manifest.mixes.get(mix)).into_iter().flat_map(|mix| &mix.parts);
        let mut own: Vec<usize> = parts.filter_map(|part| place(&part.source)).collect();
        // The transfer's people are kept out of the mix where they are in it.
        let has_transfer = |own: &[usize]| transfer.is_some_and(|transfer| own.iter().any(|own| share(*own, transfer)));
        if mix.is_none() || manifest.allow_overlap.is_none() && has_transfer(&own) {
            own.extend(transfer);
        }
        own.sort_unstable();
        own.dedup();
        let mut near = own.clone();
        while let Some(next) =
            (0..names.len()).find(|next| !near.contains(next) && near.iter().any(|at| share(*at, *next)))
        {
            near.push(next);
        }
        if near.len() == own.len() {
            continue;
        }
        let alone = People::new(&own.iter().map(|place| all[*place]).collect::<Vec<_>>());
        let distinct = |lists: &mut dyn Iterator<Item = &Vec<u32>>| lists.flatten().collect::<HashSet<_>>().len();
        if distinct(&mut alone.persons.iter()) != distinct(&mut own.iter().map(|place| &people.persons[*place])) {
            let others = near.into_iter().skip(own.len()).map(|place| names[place].to_owned()).collect();
            links.insert(mix.cloned(), others);
        }
    }
    links
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Record, Recording};

    fn index(data_set: &str, records: &[(&str, u8, u8)]) -> Arc<Index> {
        let record = |&(patient, samples, fold): &(&str, u8, u8)| Record {
            id: format!("{patient} {samples}"),
            patient: patient.into(),
            fold: Some(fold),
            recording: Some(Recording::new([samples; 32])),
            ..Record::default()
        };
        Arc::new(Index::new(data_set, &records.iter().map(record).collect::<Vec<_>>()))
    }

    fn manifest(more: &str) -> Manifest {
        let text = format!(
            "name = \"m\"\n{more}\n[sources.a]\nkind = \"simulator\"\n[sources.b]\nkind = \"ptb-xl\"\ndata_set = \"b\"\n\
             [sources.c]\nkind = \"ptb-xl\"\nfeatures = \"x\"\n[sources.d]\nkind = \"ptb-xl\"\nfeatures = \"x\"\n\
             [mixes.one]\nparts = [{{ source = \"a\" }}]\n[mixes.two]\nparts = [{{ source = \"c\" }}, {{ source = \"d\" }}]\n\
             [architectures.cnn]\nkind = \"cnn\"\n[transfer]\nsource = \"b\"\n[trials]\nfrom = [[\"hr\"]]\n"
        );
        crate::manifest::parse("m.toml".as_ref(), &text, &|_| Some("x".into())).unwrap()
    }

    #[test]
    fn sources_are_compared_by_patient_and_by_samples() {
        let indexes = Indexes::from([
            ("a".into(), index("simulator 7", &[("1", 3, 1), ("2", 5, 1)])),
            ("b".into(), index("b", &[("1", 7, 9), ("x", 9, 10), ("y", 11, 1)])),
            ("c".into(), index("ptb-xl", &[("p", 9, 1), ("q", 13, 1), ("q", 15, 1)])),
            ("d".into(), index("ptb-xl", &[("q", 17, 1), ("r", 11, 1)])),
        ]);
        let shared = shared_people(&manifest(""), &indexes, &Everybody::new(&indexes));
        let told: Vec<String> = shared.pairs.iter().map(|pair| pair.text(false)).collect();
        assert_eq!(
            told,
            [
                "b and c share 1 person and 1 recording; 1 of them validate or test the classifier, and train nothing that is grafted under it",
                "b and d share 1 person and 1 recording; none of them validates or tests the classifier",
                "c and d share 1 person and 0 recordings (by patient alone, both being of data set ptb-xl: where they are two collections, set `data_set` of one)",
            ]
        );
        assert!(shared.linked_through.is_empty(), "what is shared tells no more of each");
        assert!(shared.pairs[0].text(true).ends_with("and may train what is grafted, as `allow_overlap` says"));
    }

    #[test]
    fn a_source_that_makes_two_people_one_is_named() {
        // c has a recording of x and one of y: in b, which is the transfer's, they are one person only by c.
        let indexes = Indexes::from([
            ("a".into(), index("simulator 7", &[("1", 3, 1)])),
            ("b".into(), index("b", &[("x", 9, 10), ("y", 11, 1)])),
            ("c".into(), index("ptb-xl", &[("p", 9, 1), ("p", 11, 1)])),
            ("d".into(), index("ptb-xl", &[("s", 17, 1)])),
        ]);
        let shared = shared_people(&manifest(""), &indexes, &Everybody::new(&indexes));
        assert_eq!(shared.linked_through, BTreeMap::from([(None, vec!["c".to_owned()])]), "the mix has c already");
        assert_eq!((shared.pairs.len(), shared.pairs[0].people, shared.pairs[0].recordings), (1, 1, 2));
    }
}
