//! Preprocessing against SciPy, and what it refuses.

use ecgraft::data::signal::prepare;
use ecgraft::ecg::{Lead, RawRecord};
use ecgraft::manifest::{Normalize, Shorter, Signal};
use safetensors::SafeTensors;

const FIXTURE: &[u8] = include_bytes!("fixtures/signal/signal.safetensors");

fn signal(leads: &[Lead], sampling_rate: f64, duration: f64) -> Signal {
    Signal::recorded(leads.to_vec(), sampling_rate, duration)
}

fn leads(tensors: &SafeTensors, name: &str) -> Vec<Vec<f32>> {
    let tensor = tensors.tensor(name).unwrap();
    let values: Vec<f32> = tensor.data().as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    values.chunks(tensor.shape()[1]).map(<[f32]>::to_vec).collect()
}

#[test]
fn agrees_with_scipy() {
    let tensors = SafeTensors::deserialize(FIXTURE).unwrap();
    let mut cases = 0;
    for name in tensors.names() {
        let Some(case) = name.strip_prefix("out/") else { continue };
        let parts: Vec<&str> = case.split('/').collect();
        let (from, to) = parts[0].split_once('-').unwrap();
        let raw = RawRecord {
            sampling_rate: from.parse().unwrap(),
            leads: vec![Lead::I, Lead::II, Lead::V1],
            signals: leads(&tensors, &format!("in/{from}")),
        };
        let signal = Signal {
            bandpass: parts[1].split_once('-').map(|(low, high)| [low.parse().unwrap(), high.parse().unwrap()]),
            normalize: match parts[2] {
                "z-score" => Normalize::ZScore,
                "min-max" => Normalize::MinMax,
                _ => Normalize::None,
            },
            ..signal(&raw.leads, to.parse().unwrap(), 2.0)
        };
        let expected = leads(&tensors, name).concat();
        let got = prepare(&raw, &signal).unwrap();
        assert_eq!(got.len(), expected.len(), "{name}");
        let peak = expected.iter().fold(0f32, |peak, value| peak.max(value.abs()));
        let worst = got.iter().zip(&expected).map(|(got, expected)| (got - expected).abs()).fold(0f32, f32::max);
        println!("{name}: {worst:e} of {peak}");
        assert!(worst <= 3e-7 * peak.max(1.0), "{name}: {worst:e} off, of {peak}");
        cases += 1;
    }
    assert_eq!(cases, 29);
}

/// Leads I = 1, 2, 3 ... and II = 10, 20, 30 ..., one sample a second.
fn steps() -> RawRecord {
    let ramp = |step: f32| (1..=6).map(|i| i as f32 * step).collect();
    RawRecord { sampling_rate: 1.0, leads: vec![Lead::II, Lead::I], signals: vec![ramp(10.0), ramp(1.0)] }
}

#[test]
fn derives_limb_leads_and_crops() {
    let limbs = [Lead::I, Lead::II, Lead::III, Lead::AVR, Lead::AVL, Lead::AVF];
    let got = prepare(&steps(), &signal(&limbs, 1.0, 2.0)).unwrap();
    assert_eq!(got, [1.0, 2.0, 10.0, 20.0, 9.0, 18.0, -5.5, -11.0, -4.0, -8.0, 9.5, 19.0]);
}

#[test]
fn leads_that_are_there_are_not_derived() {
    let mut raw = steps();
    raw.leads.push(Lead::III);
    raw.signals.push(vec![0.25; 6]);
    assert_eq!(prepare(&raw, &signal(&[Lead::III], 1.0, 2.0)).unwrap(), [0.25, 0.25]);
}

#[test]
fn flat_leads_become_zeros() {
    let raw = RawRecord {
        sampling_rate: 500.0,
        leads: vec![Lead::I, Lead::II],
        signals: vec![vec![0.7; 5000], vec![0.0; 5000]],
    };
    for normalize in [Normalize::ZScore, Normalize::MinMax] {
        for bandpass in [None, Some([0.5, 40.0])] {
            let signal = Signal { normalize, bandpass, ..signal(&[Lead::I, Lead::III, Lead::II], 100.0, 10.0) };
            assert!(prepare(&raw, &signal).unwrap().iter().all(|value| *value == 0.0));
        }
    }
}

#[test]
fn leads_of_a_record_are_scaled_alike() {
    let scaled = |raw: &RawRecord, normalize| {
        let signal = Signal { normalize, shorter: Shorter::Pad, ..signal(&[Lead::I, Lead::II], 1.0, 8.0) };
        prepare(raw, &signal).unwrap()
    };
    // numpy: x = [[1, 2, 3, 4, 5, 6], [10, 20, 30, 40, 50, 60]]; (x - x.mean()) / x.std(). Zeros follow to 8 s.
    #[rustfmt::skip]
    let expected = [
        -0.917846, -0.867553, -0.817260, -0.766967, -0.716674, -0.666381, 0.0, 0.0,
        -0.465209, 0.037720, 0.540649, 1.043578, 1.546507, 2.049436, 0.0, 0.0,
    ];
    let found = scaled(&steps(), Normalize::RecordZScore);
    assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{found:?}");
    let flat = RawRecord { signals: vec![vec![0.7; 6]; 2], ..steps() };
    assert_eq!(scaled(&flat, Normalize::RecordZScore), [0.0; 16]);
    // What is scaled by the training records is left as it was recorded.
    assert_eq!(scaled(&steps(), Normalize::GlobalZScore), scaled(&steps(), Normalize::None));
}

#[test]
fn a_zero_phase_filter_does_not_move_a_wave() {
    let mut wave = vec![0.0; 5000];
    wave[2500] = 1.0;
    let raw = RawRecord { sampling_rate: 500.0, leads: vec![Lead::I], signals: vec![wave] };
    let signal = Signal { bandpass: Some([0.5, 40.0]), ..signal(&[Lead::I], 500.0, 10.0) };
    let got = prepare(&raw, &signal).unwrap();
    let peak = (0..5000).max_by(|a, b| got[*a].total_cmp(&got[*b]));
    assert_eq!(peak, Some(2500));
    assert!((1..200).all(|i| (got[2500 - i] - got[2500 + i]).abs() < 1e-6));
}

#[test]
fn refuses_with_a_reason() {
    let refused = |raw: &RawRecord, signal: &Signal| prepare(raw, signal).unwrap_err();
    let long = |duration| signal(&[Lead::I], 1.0, duration);
    let why = refused(&steps(), &long(10.0));
    assert_eq!(why, "it lasts 6 s (6 samples at 1 Hz), less than the 10 s of `duration`");
    let why = refused(&steps(), &signal(&[Lead::I, Lead::V2], 1.0, 2.0));
    assert_eq!(why, "it has no lead V2; its leads are II, I");

    let mut raw = steps();
    raw.signals[1][3] = f32::NAN;
    assert_eq!(refused(&raw, &long(2.0)), "sample 3 (counted from 0) of lead I is not a number");
    assert!(prepare(&raw, &signal(&[Lead::II], 1.0, 2.0)).is_ok(), "lead I is not used");
    assert!(refused(&raw, &signal(&[Lead::AVF], 1.0, 2.0)).contains("lead I "));
    raw.signals[1][3] = f32::NEG_INFINITY;
    assert!(refused(&raw, &long(2.0)).ends_with("is infinite"));

    let mut raw = steps();
    raw.leads[1] = Lead::V6;
    let why = refused(&raw, &signal(&[Lead::III], 1.0, 2.0));
    assert_eq!(why, "it has no lead III, and it cannot be computed without leads I and II; its leads are II, V6");

    raw.signals[1].pop();
    assert_eq!(refused(&raw, &long(2.0)), "lead V6 has 5 samples but lead II has 6");
    raw.signals.pop();
    assert_eq!(refused(&raw, &long(2.0)), "it has 2 leads but 1 signals");
    raw.leads.pop();
    raw.signals[0].clear();
    assert_eq!(refused(&raw, &long(2.0)), "it has no samples");

    let raw = RawRecord { sampling_rate: 257.12345, ..steps() };
    assert!(refused(&raw, &signal(&[Lead::I], 100.0, 0.01)).contains("257.12345 Hz"));
    for rate in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let raw = RawRecord { sampling_rate: rate, ..steps() };
        assert!(refused(&raw, &long(2.0)).contains("is not above 0"), "{rate}");
    }
    let banded = Signal { bandpass: Some([0.1, 0.4]), ..long(2.0) };
    assert_eq!(refused(&steps(), &banded), "it has only 6 samples; `bandpass` needs 22");
    let banded = Signal { bandpass: Some([0.5, 40.0]), ..long(2.0) };
    assert!(refused(&steps(), &banded).contains("nothing is left above the low edge"));
}
