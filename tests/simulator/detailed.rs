//! The detailed model: what records are called is to be seen in them, by the textbook's rules, on the signal without noise.

use ecgraft::data::simulator::detailed::Condition;
use ecgraft::data::simulator::{Boundaries, Clean, Intervals, Model, Origin};
use ecgraft::data::{Record, load};
use ecgraft::ecg::{LabelName, Lead, Measurement, RawRecord, Sex, superclass};
use ecgraft::manifest::Signal;
use ecgraft::source::{DataPath, PtbXl, Simulator};

use super::{ecgraft as simulate, folder, moments};
use crate::workbench::Workbench;

const SEED: u64 = 31;

/// Records that all have these conditions, measured by what is visible.
fn all(codes: &str) -> Simulator {
    let conditions = [(codes.to_owned(), 1.0)].into();
    Simulator { conditions, boundaries: Boundaries::Visible, ..Simulator::new(100, SEED) }
}

fn cleans(codes: &str) -> Vec<Clean> {
    let simulator = all(codes);
    (0..100).map(|index| simulator.clean(index)).collect()
}

fn lead(clean: &Clean, lead: Lead) -> &[f32] {
    &clean.record.signals[lead as usize]
}

/// The QRS complex of the usual beats that are wholly in the record, in a lead: samples from its onset to its offset.
fn complexes(clean: &Clean, of: Lead) -> impl Iterator<Item = &[f32]> {
    let whole = clean.beats.iter().filter(|beat| beat.counts() && beat.origin != Origin::Ventricular);
    whole.map(move |beat| &lead(clean, of)[(beat.qrs_onset / 2.0).ceil() as usize..=(beat.qrs_offset / 2.0) as usize])
}

/// The first complex in a lead, its largest and lowest value.
fn height(clean: &Clean, of: Lead) -> [f64; 2] {
    let complex = complexes(clean, of).next().unwrap();
    [complex.iter().fold(0f32, |high, value| high.max(*value)), complex.iter().fold(0f32, |low, value| low.min(*value))]
        .map(f64::from)
}

fn share(of: &[Clean], rule: impl Fn(&Clean) -> bool) -> f64 {
    of.iter().filter(|clean| rule(clean)).count() as f64 / of.len() as f64
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Times, s, where the leads together are steepest: found without what is known of the beats.
fn beats_by_slope(clean: &Clean) -> Vec<f64> {
    let slope: Vec<f32> =
        (1..5000).map(|at| clean.record.signals.iter().map(|lead| (lead[at] - lead[at - 1]).abs()).sum()).collect();
    let highest = slope.iter().fold(0f32, |high, value| high.max(*value));
    let mut found: Vec<f64> = Vec::new();
    for (at, _) in slope.iter().enumerate().filter(|(_, value)| **value > 0.4 * highest) {
        let time = at as f64 / 500.0;
        if found.last().is_none_or(|last| time - last > 0.25) {
            found.push(time);
        }
    }
    found
}

/// Coefficient of variation of the RR intervals.
fn irregularity(clean: &Clean) -> f64 {
    let rr: Vec<f64> = beats_by_slope(clean).windows(2).map(|pair| pair[1] - pair[0]).collect();
    let (mean, sd) = moments(&rr);
    sd / mean
}

fn each(of: &[Clean], rule: impl Fn(&Intervals) -> bool) {
    for (index, clean) in of.iter().enumerate() {
        assert!(rule(&clean.intervals), "record {index}: {:?}", clean.intervals);
    }
}

fn fridericia(intervals: &Intervals) -> f64 {
    intervals.qt / (60.0 / intervals.hr).cbrt()
}

#[test]
fn normal_records_are_within_normal_limits() {
    let normal = cleans("NORM");
    each(&normal, |found| {
        let is_normal = (50.0..=100.0).contains(&found.hr) && (110.0..=200.0).contains(&found.pr);
        is_normal && (70.0..=110.001).contains(&found.qrs) && (350.0..=460.001).contains(&fridericia(found))
    });
    assert!(median(normal.iter().map(irregularity).collect()) < 0.06);
}

#[test]
fn fibrillation_is_irregular_and_has_no_pr() {
    let (fibrillating, normal) = (cleans("AFIB"), cleans("NORM"));
    each(&fibrillating, |found| found.pr.is_nan() && found.qrs > 0.0 && found.qt > 0.0);
    let known = all("AFIB").simulate(0).0;
    assert_eq!(known.measurement(Measurement::PR), None);
    assert!(known.measurement(Measurement::QT).is_some());
    let irregular = |of: &[Clean]| median(of.iter().map(irregularity).collect());
    let (found, usual) = (irregular(&fibrillating), irregular(&normal));
    assert!(found > 0.13 && usual < 0.06, "{found} {usual}");

    // Between beats V1 is never still, where in sinus rhythm it is between T and P.
    let still = |clean: &Clean| lead(clean, Lead::V1).iter().filter(|value| value.abs() < 1e-6).count();
    assert!(fibrillating.iter().all(|clean| still(clean) < 50) && normal.iter().all(|clean| still(clean) > 300));
    // Four to nine waves a second: so often V1 crosses 0 upwards, without QRS and T, with some more for harmonics.
    let crossings = |clean: &Clean| {
        let v1 = lead(clean, Lead::V1);
        let quiet = |at: usize| {
            let time = at as f64 * 2.0;
            !clean.beats.iter().any(|beat| (beat.qrs_onset..beat.t_offset).contains(&time))
        };
        let places: Vec<usize> = (1..5000).filter(|at| quiet(*at) && quiet(at - 1)).collect();
        let count = places.iter().filter(|at| v1[**at - 1] < 0.0 && v1[**at] >= 0.0).count();
        count as f64 / (places.len() as f64 / 500.0)
    };
    let rate = median(fibrillating.iter().map(crossings).collect());
    assert!((4.0..=9.0).contains(&rate), "{rate}");
}

#[test]
fn blocks_are_wide_and_late_where_they_should_be() {
    let (right, left, normal) = (cleans("CRBBB"), cleans("CLBBB"), cleans("NORM"));
    each(&right, |found| found.qrs >= 120.0);
    each(&left, |found| found.qrs >= 120.0);
    each(&cleans("IRBBB"), |found| (100.0..120.001).contains(&found.qrs));
    each(&cleans("1AVB"), |found| found.pr > 200.0);
    // R' in V1: the last half of the complex has a peak.
    let late_r = |clean: &Clean| {
        let complex = complexes(clean, Lead::V1).next().unwrap();
        complex[complex.len() / 2..].iter().any(|value| *value > 0.15)
    };
    let found = [&right, &normal].map(|of| share(of, late_r));
    assert!(found[0] > 0.9 && found[1] < 0.2, "{found:?}");
    // A left bundle branch block: upright in V6 without a q, down in V1.
    let is_left = |clean: &Clean| {
        let ([high, low], [r, s]) = (height(clean, Lead::V6), height(clean, Lead::V1));
        high > 5.0 * -low && -s > 3.0 * r
    };
    let found = [&left, &normal].map(|of| share(of, is_left));
    assert!(found[0] > 0.8 && found[1] < 0.7, "{found:?}");
    // T points away from QRS in V6.
    let discordant = |clean: &Clean| {
        let beat = clean.beats.iter().find(|beat| beat.counts()).unwrap();
        lead(clean, Lead::V6)[((beat.t_onset + 0.65 * (beat.t_offset - beat.t_onset)) / 2.0) as usize] < 0.0
    };
    let found = [&left, &normal].map(|of| share(of, discordant));
    assert!(found[0] > 0.9 && found[1] < 0.1, "{found:?}");
    // The axis of a left anterior fascicular block, by the net deflections of I and aVF: -30 to -100 degrees.
    let axis = |clean: &Clean| {
        let net = |of| complexes(clean, of).next().unwrap().iter().map(|value| f64::from(*value)).sum::<f64>();
        (net(Lead::AVF) * 2.0 / 3f64.sqrt()).atan2(net(Lead::I)).to_degrees()
    };
    let is_left_axis = |clean: &Clean| (-100.0..=-30.0).contains(&axis(clean));
    let found = [&cleans("LAFB"), &normal].map(|of| share(of, is_left_axis));
    assert!(found[0] > 0.85 && found[1] < 0.15, "{found:?}");
}

#[test]
fn hypertrophy_has_the_voltage_of_sokolow_and_lyon() {
    let voltage = |clean: &Clean| {
        let r = height(clean, Lead::V5)[0].max(height(clean, Lead::V6)[0]);
        r - height(clean, Lead::V1)[1] >= 3.5
    };
    let found = ["LVH", "NORM"].map(|codes| share(&cleans(codes), voltage));
    assert!(found[0] > 0.5 && found[1] < 0.1, "{found:?}");
    // Of the right: R is larger than S in V1.
    let right = |clean: &Clean| height(clean, Lead::V1)[0] > -height(clean, Lead::V1)[1];
    let found = ["RVH", "NORM"].map(|codes| share(&cleans(codes), right));
    assert!(found[0] > 0.7 && found[1] < 0.1, "{found:?}");
}

#[test]
fn infarctions_have_q_waves_in_their_territory() {
    // A Q wave: the complex starts with 30 ms below 0, at least 0.1 mV deep.
    let q = |clean: &Clean, of: Lead| {
        let complex = complexes(clean, of).next().unwrap();
        let starts = complex.iter().position(|value| value.abs() > 0.02).unwrap_or(0);
        let wave = &complex[starts..(starts + 15).min(complex.len())];
        wave.iter().all(|value| *value < 0.0) && wave.iter().any(|value| *value < -0.1)
    };
    let territories: [(&str, &[Lead]); 4] = [
        ("IMI", &[Lead::II, Lead::III, Lead::AVF]),
        ("ASMI", &[Lead::V1, Lead::V2]),
        ("AMI", &[Lead::V2, Lead::V3]),
        ("LMI", &[Lead::I, Lead::AVL]),
    ];
    for (codes, leads) in territories {
        let has = |clean: &Clean| leads.iter().filter(|lead| q(clean, **lead)).count() >= 2;
        let found = [codes, "NORM"].map(|codes| share(&cleans(codes), has));
        assert!(found[0] > 0.6 && found[0] > found[1] + 0.5, "{codes}: {found:?}");
    }
    // A quarter is acute: ST raised in two neighbouring leads, by 0.1 mV and more 40 ms after the complex.
    let raised = |clean: &Clean| {
        let beat = clean.beats.iter().find(|beat| beat.counts() && beat.qrs_offset < 9900.0).unwrap();
        let at = ((beat.qrs_offset + 40.0) / 2.0) as usize;
        [Lead::II, Lead::III, Lead::AVF].iter().filter(|of| lead(clean, **of)[at] > 0.1).count() >= 2
    };
    let found = ["IMI", "NORM"].map(|codes| share(&cleans(codes), raised));
    assert!((0.12..0.45).contains(&found[0]) && found[1] < 0.05, "{found:?}");
}

#[test]
fn early_beats_are_early_and_wide_if_they_are_ventricular() {
    for (code, origin) in [("PVC", Origin::Ventricular), ("PAC", Origin::Atrial)] {
        for (index, clean) in cleans(code).iter().enumerate() {
            let early: Vec<usize> = (1..clean.beats.len()).filter(|at| clean.beats[*at].origin == origin).collect();
            assert!((1..=3).contains(&early.len()), "{code}, record {index}");
            let rr: Vec<f64> = clean.beats.windows(2).map(|pair| pair[1].qrs_onset - pair[0].qrs_onset).collect();
            let usual = median(rr.clone());
            for at in early {
                assert!(rr[at - 1] < 0.97 * usual, "{code}, record {index}: {rr:?}");
                let beat = &clean.beats[at];
                let lasts = beat.qrs_offset - beat.qrs_onset;
                assert_eq!(lasts > 130.0, origin == Origin::Ventricular, "{code}, record {index}: {lasts}");
                assert_eq!(beat.p_onset.is_nan(), origin == Origin::Ventricular);
            }
        }
    }
    let rates: Vec<f64> = cleans("SBRAD").iter().map(|clean| clean.intervals.hr).collect();
    assert!(rates.iter().all(|rate| *rate < 60.0));
    each(&cleans("STACH"), |found| found.hr > 100.0);
    each(&cleans("LNGQT"), |found| fridericia(found) > 479.0);
}

#[test]
fn t_waves_and_st_segments_are_what_records_are_called() {
    let at = |clean: &Clean, of: Lead, share: f64| {
        let beat = clean.beats.iter().find(|beat| beat.counts() && beat.t_offset < 9998.0).unwrap();
        let from = beat.qrs_offset;
        f64::from(lead(clean, of)[((from + share * (beat.t_offset - from)) / 2.0) as usize])
    };
    let t = |codes: &str| median(cleans(codes).iter().map(|clean| at(clean, Lead::V5, 0.6)).collect());
    let st = |codes: &str| median(cleans(codes).iter().map(|clean| at(clean, Lead::V5, 0.15)).collect());
    let normal = t("NORM");
    assert!(normal > 0.15, "{normal}");
    assert!(t("NDT") < 0.4 * normal && t("INVT") < -0.3 * normal && t("ISC_") < 0.0);
    assert!(st("NORM").abs() < 0.05 && st("STD_") < -0.05 && st("ISC_") < -0.03, "{} {}", st("STD_"), st("ISC_"));
}

#[test]
fn every_condition_makes_records_whose_waves_have_room() {
    let pairs = ["AFIB + PVC", "AFIB + CLBBB", "CRBBB + LAFB", "IMI + 1AVB", "STACH + CLBBB", "LNGQT + PAC + 1AVB"];
    for codes in Condition::ALL.map(Condition::code).into_iter().chain(pairs) {
        let simulator = all(codes);
        for index in 0..60 {
            let clean = simulator.clean(index);
            let known = simulator.simulate(index).0;
            assert!(codes.split(" + ").all(|code| known.is_called(LabelName::parse(code)) == Some(true)), "{codes}");
            for beat in &clean.beats {
                assert!(beat.p_onset.is_nan() || beat.p_offset < beat.qrs_onset, "{codes}, record {index}: {beat:?}");
                assert!(beat.qrs_offset < beat.t_offset, "{codes}, record {index}: {beat:?}");
            }
            for pair in clean.beats.windows(2) {
                let next = if pair[1].p_onset.is_nan() { pair[1].qrs_onset } else { pair[1].p_onset };
                assert!(pair[0].t_offset + 5.0 < next, "{codes}, record {index}: {pair:?}");
            }
            let whole = &clean.beats[1..clean.beats.len() - 1];
            assert!(whole.iter().all(|beat| beat.counts()) && whole.len() > 3, "{codes}, record {index}");
            assert!(
                !clean.beats[0].counts() && !clean.beats[clean.beats.len() - 1].counts(),
                "{codes}, record {index}"
            );
            assert!(clean.record.signals.iter().flatten().all(|value| value.abs() < 8.0), "{codes}, record {index}");
        }
    }
}

#[test]
fn records_are_of_people_with_conditions_in_their_shares() {
    let shares = [("NORM", 0.5), ("AFIB", 0.3), ("CRBBB + LAFB", 0.2)];
    let conditions = shares.map(|(codes, share)| (codes.to_owned(), share)).into();
    let simulator = Simulator { conditions, ..Simulator::new(2000, SEED) };
    let records: Vec<_> = (0..2000).map(|index| simulator.simulate(index).0).collect();
    let count = |name: &str| {
        records.iter().filter(|record| record.is_called(LabelName::parse(name)) == Some(true)).count() as f64
    };
    // Standard errors are at most 0.011.
    for (name, expected) in [("NORM", 0.5), ("AFIB", 0.3), ("CRBBB", 0.2), ("LAFB", 0.2), ("superclass:CD", 0.2)] {
        let found = count(name) / 2000.0;
        assert!((found - expected).abs() < 0.035, "{name}: {found}");
    }
    // Sinus rhythm is what does not fibrillate.
    assert_eq!(count("SR") + count("AFIB"), 2000.0);
    assert!(
        records.iter().all(|record| Some(record.has(superclass::NORM)) == record.is_called(LabelName::parse("NORM")))
    );

    let ages = |name: &str| -> Vec<f64> {
        let of = records.iter().filter(|record| record.is_called(LabelName::parse(name)) == Some(true));
        of.map(|record| f64::from(record.age.unwrap())).collect()
    };
    let (normal, fibrillating) = (moments(&ages("NORM")).0, moments(&ages("AFIB")).0);
    assert!(normal < 52.0 && fibrillating > 69.0, "{normal} {fibrillating}");
    assert!(records.iter().all(|record| record.age.is_some_and(|age| (18.0..=90.0).contains(&age))));
    // QTc of young women is longer than that of young men; their QRS complexes are shorter and their voltages lower.
    let young = Simulator { model: Some(Model::Detailed), boundaries: Boundaries::Visible, ..Simulator::new(1500, 9) };
    let known: Vec<_> = (0..1500).map(|index| young.simulate(index)).filter(|(of, _)| of.age.unwrap() < 45.0).collect();
    let difference = |value: fn(&(Record, RawRecord)) -> f64| {
        let of = |sex: Sex| known.iter().filter(move |(record, _)| record.sex == Some(sex)).map(value);
        moments(&of(Sex::Female).collect::<Vec<f64>>()).0 - moments(&of(Sex::Male).collect::<Vec<f64>>()).0
    };
    let qtc = difference(|(record, _)| {
        let [qt, hr] = [Measurement::QT, Measurement::HR].map(|one| f64::from(record.measurement(one).unwrap()));
        qt / (60.0 / hr).cbrt()
    });
    let qrs = difference(|(record, _)| f64::from(record.measurement(Measurement::QRS).unwrap()));
    let r = difference(|(_, raw)| {
        f64::from(raw.signals[Lead::V5 as usize].iter().fold(0f32, |high, value| high.max(*value)))
    });
    assert!(qtc > 4.0 && qrs < -4.0 && r < -0.05, "{qtc} {qrs} {r}");
}

#[test]
fn what_is_written_is_read_as_ptb_xl_with_its_labels() {
    let dir = folder("labels");
    let shares = ["--condition", "NORM=0.4", "--condition", "AFIB=0.3", "--condition", "CRBBB + LVH=0.3"];
    let arguments = [&["--records", "30", "--seed", "2", "--boundaries", "visible"][..], &shares].concat();
    assert!(simulate(&dir, &arguments).status.success());
    let conditions =
        [("NORM", 0.4), ("AFIB", 0.3), ("CRBBB + LVH", 0.3)].map(|(codes, share)| (codes.to_owned(), share));
    let made = Simulator { boundaries: Boundaries::Visible, conditions: conditions.into(), ..Simulator::new(30, 2) };

    let path = |path: std::path::PathBuf| DataPath { written: path.display().to_string(), resolved: Ok(path) };
    let features = Some(path(dir.join("features/simulator_features.csv")));
    let source = PtbXl { features: features.map(Into::into), ..PtbXl::at(path(dir.clone())) };
    let signal = Signal::recorded(vec![Lead::I], 100.0, 10.0);
    let read = load("files", &source, &signal, &dir.join("cache")).unwrap();
    let mut fibrillating = 0;
    for (index, record) in read.records.iter().enumerate() {
        let (expected, _) = made.simulate(index);
        assert_eq!((&record.labels, record.age, record.sex), (&expected.labels, expected.age, expected.sex));
        for target in Measurement::BUILT_IN {
            match (record.measurement(target), expected.measurement(target)) {
                (Some(read), Some(made)) => assert!((read - made).abs() < 1e-3, "{index}, {}: {read}", target.name()),
                (read, made) => assert_eq!(read, made),
            }
        }
        fibrillating += usize::from(record.measurement(Measurement::PR).is_none());
    }
    assert!(fibrillating > 2);
    let readme = std::fs::read_to_string(dir.join("README.md")).unwrap();
    assert!(readme.contains("--seed 2 --boundaries visible --condition \"AFIB=0.3\""), "{readme}");
    std::fs::remove_dir_all(&dir).unwrap();

    let wrong = simulate(&dir, &["--records", "3", "--condition", "AFIBB=1"]);
    let said = String::from_utf8(wrong.stderr).unwrap();
    assert!(
        wrong.status.code() == Some(2) && said.contains("unknown condition `AFIBB`; did you mean `AFIB`?"),
        "{said}"
    );
    assert!(!dir.exists());
}

#[test]
fn classes_are_simulated_and_learned() {
    let bench = Workbench::new("simulated-classes");
    bench.write(
        "classes.toml",
        r#"name = "classes"
[sources.sim]
kind = "simulator"
records = 120
conditions = { NORM = 0.4, AFIB = 0.3, CLBBB = 0.3 }
[signal]
leads = ["I", "V1"]
sampling_rate = 50
[mixes.sim]
parts = [{ source = "sim", where = "age >= 30 and not CLBBB", folds = [1, 2, 3, 4, 5, 6, 7, 8] }]
[architectures.tiny]
kind = "cnn"
channels = [4, 8]
kernels = [5, 3]
head = 8
[freezes.none]
[regression]
epochs = 1
targets = ["pr"]
[transfer]
source = "sim"
classes = ["NORM", "AFIB", "CLBBB"]
epochs = 1
[trials]
mix = ["sim"]
architecture = ["tiny"]
from = [["pr"]]
freeze = ["none"]
seed = [0]
"#,
    );
    bench.run(&["run", "classes.toml"]).ok();
    assert_eq!(bench.number("SELECT count(*) FROM runs WHERE status = 'done'"), 2.0);
    // PR is learned from those records only that have one.
    let simulator = Simulator {
        conditions: [("NORM", 0.4), ("AFIB", 0.3), ("CLBBB", 0.3)].map(|(code, share)| (code.to_owned(), share)).into(),
        ..Simulator::new(120, 7)
    };
    let offered = (0..120).map(|index| simulator.simulate(index).0).filter(|record| {
        record.has(superclass::NORM)
            && record.age.is_some_and(|age| age >= 30.0)
            && record.fold.is_some_and(|fold| fold <= 8)
    });
    assert_eq!(bench.number("SELECT max(offered) FROM composition"), offered.count() as f64);
}
