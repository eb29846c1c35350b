//! Where waves start and end, by either definition, read off the signal.

use ecgraft::data::simulator::{Boundaries, Clean, Model};
use ecgraft::ecg::Measurement;
use ecgraft::source::{Simulator, Source};

/// First and last sample between two times, ms, at which any lead is more than 20 microvolt from 0.
fn seen(clean: &Clean, from: f64, to: f64) -> Option<(usize, usize)> {
    let is_seen = |sample: &usize| clean.record.signals.iter().any(|lead| lead[*sample].abs() > 0.02);
    let mut samples = ((from / 2.0).ceil() as usize..=(to / 2.0) as usize).filter(is_seen);
    let first = samples.next()?;
    Some((first, samples.next_back().unwrap_or(first)))
}

fn visible(model: Option<Model>, seed: u64) -> Simulator {
    Simulator { boundaries: Boundaries::Visible, model, ..Simulator::new(1, seed) }
}

#[test]
fn visible_boundaries_are_the_first_and_last_samples_above_20_microvolt() {
    for model in [None, Some(Model::Detailed)] {
        let simulator = visible(model, 12);
        let mut later = 0;
        for index in 0..200 {
            let (clean, record) = (simulator.clean(index), simulator.simulate(index).0);
            let expected = |target| f64::from(record.measurement(target).unwrap());
            for beat in clean.beats.iter().filter(|beat| beat.p_onset >= 0.0 && beat.t_offset <= 9998.0) {
                let wave = |from, to| seen(&clean, from, to).unwrap();
                let p = wave(beat.p_onset, beat.p_offset);
                let qrs = wave(beat.qrs_onset, beat.qrs_offset);
                let t = wave(beat.t_onset, beat.t_offset);
                // A sample comes less than 2 ms after it is first seen, or before it is last seen.
                let pr = (qrs.0 - p.0) as f64 * 2.0;
                assert!((pr - expected(Measurement::PR)).abs() <= 2.001, "{model:?}, record {index}: PR {pr}");
                for (last, target) in [(qrs.1, Measurement::QRS), (t.1, Measurement::QT)] {
                    let least = (last - qrs.0) as f64 * 2.0;
                    let wanted = expected(target);
                    assert!(
                        least - 0.001 <= wanted && wanted < least + 4.001,
                        "{model:?}, record {index}: {least} {wanted}"
                    );
                }
                later += usize::from(qrs.0 as f64 * 2.0 > beat.qrs_onset + 4.0);
            }
        }
        assert!(later > 500, "what is visible is not the support");
    }
}

#[test]
fn the_definition_changes_what_is_known_and_not_the_signal() {
    for model in [None, Some(Model::Detailed)] {
        for index in 0..50 {
            let by_sight = visible(model, 3);
            let by_support = Simulator { boundaries: Boundaries::Support, ..by_sight.clone() };
            let ((seen, one), (supported, other)) = (by_sight.simulate(index), by_support.simulate(index));
            assert!(one.signals == other.signals, "record {index}");
            let of = |target: Measurement| [&seen, &supported].map(|record| record.measurement(target).unwrap());
            for target in [Measurement::QRS, Measurement::QT] {
                let [seen, supported] = of(target);
                assert!(seen < supported, "record {index}, {}: {seen}, {supported}", target.name());
            }
            let [seen, supported] = of(Measurement::HR);
            assert_eq!(seen, supported);
        }
    }
}

#[test]
fn keys_at_their_defaults_leave_settings_data_set_and_fingerprint_as_they_were() {
    let usual = Simulator::new(2000, 7);
    assert_eq!(serde_json::to_value(&usual).unwrap(), serde_json::json!({ "records": 2000, "seed": 7 }));
    assert_eq!((usual.made_from().unwrap().as_str(), usual.data_set().as_str()), ("2000 7 1", "simulator 7"));
    let read: Simulator = serde_json::from_str(r#"{ "records": 2000, "seed": 7 }"#).unwrap();
    assert_eq!(read, usual);

    let changed = [
        Simulator { boundaries: Boundaries::Visible, ..usual.clone() },
        Simulator { model: Some(Model::Detailed), ..usual.clone() },
        Simulator { conditions: [("AFIB".to_owned(), 1.0)].into(), ..usual.clone() },
        Simulator { conditions: [("AFIB".to_owned(), 0.5), ("NORM".to_owned(), 0.5)].into(), ..usual.clone() },
    ];
    let mut all: Vec<String> = changed.iter().map(|one| one.made_from().unwrap()).collect();
    all.extend([usual.made_from().unwrap(), Simulator::new(2000, 8).made_from().unwrap()]);
    for (place, one) in all.iter().enumerate() {
        assert!(!all[..place].contains(one), "{one}");
    }
    // The same signals under another definition are the same people; other hearts are not.
    let data_sets: Vec<String> = changed.iter().map(|one| one.data_set()).collect();
    assert_eq!(data_sets, ["simulator 7", "simulator 7 detailed", "simulator 7 detailed", "simulator 7 detailed"]);
    // The model in words is the model that is there without.
    let simple = Simulator { model: Some(Model::Simple), ..usual.clone() };
    assert_eq!(simple.made_from(), usual.made_from());
    assert!(simple.simulate(4).1.signals == usual.simulate(4).1.signals);
}
