//! Whether intervals cover the truth as often as they say, and tests err as seldom, over studies made by chance.
//!
//! Of 4,000 studies each: where the true rate is 5 %, the share that is counted has a standard error of 0.34
//! percentage points. Chance is of fixed seeds: the shares are the same at every run. `make error-rates` writes the tables of
//! docs/statistics.md.

use crate::worlds::arms::{Study, WORLD, World};
use crate::worlds::{classes, clusters, share};
use ecgraft::manifest::Labels;

const STUDIES: u64 = 4000;

#[track_caller]
fn within(what: &str, share: f64, (low, high): (f64, f64)) {
    assert!(low <= share && share <= high, "{what}: {share:.2}, not {low} to {high}");
}

const WORLDS: [(&str, World); 4] = [
    ("one seed", World { seeds: 1, seed: 0.0, ..WORLD }),
    ("three seeds", WORLD),
    ("five seeds", World { seeds: 5, ..WORLD }),
    ("ten seeds", World { seeds: 10, ..WORLD }),
];

/// Seeds that differ record by record and nowhere else, and so do arms.
const ALIKE: World = World { seeds: 5, seed: 0.0, arm: 0.0, network: 0.8, ..WORLD };
/// Seeds that differ much in how good they are.
const UNLIKE: World = World { seed: 0.3, network: 0.7, arm: 0.2, ..WORLD };

#[test]
fn tests_of_no_difference_err_in_about_five_per_cent_and_intervals_cover_as_often_as_they_say() {
    for (name, world) in WORLDS {
        let studies = world.studies(STUDIES);
        within(&format!("{name}: false positives"), share(&studies, |study| study.rejects), (3.5, 5.7));
        within(&format!("{name}: differences covered"), share(&studies, |study| study.covers_difference), (94.0, 96.5));
        within(&format!("{name}: means covered"), share(&studies, |study| study.covers_mean), (94.0, 96.5));
    }
}

#[test]
fn a_true_difference_is_covered_too() {
    let studies = World { seeds: 5, separations: [1.5, 1.1], ..WORLD }.studies(STUDIES);
    within("differences covered", share(&studies, |study| study.covers_difference), (94.0, 96.5));
    assert!(share(&studies, |study| study.rejects) > 45.0, "and found where it is large");
}

/// Where seeds differ by what they make of single records and nothing else, the test is on the safe side; where two or
/// three seeds differ much in how good they are, they are too few to know by how much.
#[test]
fn what_the_test_does_not_hold_is_known() {
    let noise = ALIKE.studies(STUDIES);
    within("noise: false positives", share(&noise, |study| study.rejects), (1.0, 4.0));
    within("noise: means covered", share(&noise, |study| study.covers_mean), (94.0, 97.5));
    let rejects = |world: World| share(&world.studies(STUDIES), |study| study.rejects);
    within("two unlike seeds", rejects(World { seeds: 2, ..UNLIKE }), (4.0, 8.0));
    within("three unlike seeds", rejects(UNLIKE), (4.0, 6.5));
    within("five unlike seeds", rejects(World { seeds: 5, ..UNLIKE }), (4.0, 5.7));
}

/// Why records and seeds are both accounted for: tests that know one of them only err as often as this.
#[test]
fn tests_of_seeds_or_records_alone_hold_only_where_the_other_does_not_matter() {
    let alone = ALIKE.studies(STUDIES);
    within("seeds alone", share(&alone, |study| study.seeds_cover_difference), (94.0, 96.0));
    within("DeLong", share(&alone, |study| study.delong_rejects), (4.0, 6.0));
    within("McNemar", share(&alone, |study| study.mcnemar_rejects), (3.5, 6.0));
    let mixed = World { seeds: 5, ..WORLD }.studies(STUDIES);
    assert!(share(&mixed, |study| study.seeds_cover_difference) < 91.0, "the patients are the same for all seeds");
    assert!(share(&mixed, |study| study.delong_rejects) > 10.0, "another training would have come out otherwise");
}

/// Obuchowski's variance is what areas vary by, over studies of patients with several records; DeLong's, which knows of no
/// patients, is not.
#[test]
fn delongs_test_by_patient_knows_that_records_of_one_patient_are_alike() {
    let found = clusters::ratios(2 * STUDIES);
    within("variance of an area", found.area[0], (0.95, 1.05));
    within("variance of a difference", found.difference[0], (0.95, 1.05));
    within("errs", found.errs[0], (4.2, 6.2));
    assert!(found.area[1] < 0.8 && found.errs[1] > 6.5, "by record: {:?}, {:?}", found.area, found.errs);
}

/// Rare classes are in all resamples, and their few patients are the degrees of freedom.
#[test]
fn a_rare_class_among_many_is_measured_as_well_as_its_patients_are_many() {
    let world = classes::World { classes: 23, patients: 300, rarest: 0.01, labels: Labels::Single, mixes: 0.4 };
    let found = world.found(400);
    let [ours, alike] = [found[0], found[1]];
    within("standard error of the rarest", ours[1].standard_error, (0.9, 1.15));
    within("means of the rarest covered", ours[1].covers, (88.0, 100.0));
    within("macro means covered", ours[0].covers, (91.0, 98.0));
    assert!(alike[1].standard_error < 0.85 && alike[1].covers < 80.0, "drawn all alike: {:?}", alike[1]);
}

/// As many as `STUDIES=N` says.
fn wanted() -> u64 {
    std::env::var("STUDIES").ok().and_then(|text| text.parse().ok()).unwrap_or(2 * STUDIES)
}

/// The tables of docs/statistics.md; `make error-rates` prints them.
#[test]
#[ignore = "minutes; make error-rates"]
fn error_rates() {
    let studies = wanted();
    println!("\n{studies} studies each. False positives at 5 %, and means covered, in %.\n");
    println!("| seeds | alike | by record | a little | much | most |\n|---:|---|---|---|---|---|");
    let kinds = [ALIKE, World { seed: 0.0, ..WORLD }, WORLD, UNLIKE, World { seed: 0.6, ..UNLIKE }];
    let cell = |studies: &[Study]| {
        format!("{:.1} ({:.1})", share(studies, |of| of.rejects), share(studies, |of| of.covers_mean))
    };
    for seeds in [1, 2, 3, 5, 10] {
        // One seed is compared with one: that it could have been better is no part of what is asked.
        let kinds = kinds.iter().filter(|kind| seeds > 1 || kind.seed == 0.0);
        let cells: Vec<String> = kinds.map(|kind| cell(&World { seeds, ..*kind }.studies(studies))).collect();
        println!("| {seeds} | {} |", cells.join(" | "));
    }
    println!("\nFive seeds that differ much, of patients with and without the class:\n");
    for patients in [[10, 110], [20, 200], [100, 300], [200, 1000]] {
        let found = World { seeds: 5, patients, ..UNLIKE }.studies(studies / 4);
        println!("{patients:?}: {}", cell(&found));
    }
    let found = clusters::ratios(studies);
    println!(
        "\nPatients with several records, by patient and by record: variance of an AUC {:.2?} of the true one, of a \
              difference {:.2?}, false positives {:.1?} %",
        found.area, found.difference, found.errs
    );
}

/// Fewer studies of more classes: the time goes with the number of scores.
#[test]
#[ignore = "minutes; make error-rates"]
fn error_rates_of_many_classes() {
    println!("\nMany classes: standard error over the true one; means covered and false positives in %.\n");
    for (count, patients, rarest, part) in [(5, 120, 0.04, 8), (23, 300, 0.008, 16), (71, 400, 0.006, 40)] {
        let (studies, kinds) = (wanted() / part, [(Labels::Multi, 0.4), (Labels::Multi, 1.0), (Labels::Single, 0.4)]);
        for (labels, mixes) in kinds {
            let world = classes::World { classes: count, patients, rarest, labels, mixes };
            println!("{studies} of {world:?}");
            for (scheme, found) in classes::SCHEMES.iter().zip(&world.found(studies)) {
                let texts = classes::WHAT.iter().zip(found).map(|(what, of)| {
                    let classes::Found { measured, standard_error, covers, errs } = of;
                    format!("{what} {standard_error:.2} {covers:.1} {errs:.1} (of {measured:.0} %)")
                });
                println!("    {:8} {}", format!("{scheme:?}"), texts.collect::<Vec<_>>().join(" | "));
            }
        }
    }
}
