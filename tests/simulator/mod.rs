//! The simulator: what it promises of its records, measured in the signals; and `ecgraft simulate`.

mod boundaries;
mod detailed;
mod spectrum;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use ecgraft::data::load;
use ecgraft::data::signal::prepare;
use ecgraft::ecg::{Lead, Measurement, RawRecord, superclass};
use ecgraft::manifest::Signal;
use ecgraft::source::simulator::{Clean, SAMPLES, clean, simulate};
use ecgraft::source::{DataPath, PtbXl};

const SEED: u64 = 11;

/// Stretches where any lead is not 0, as (first sample, last sample).
fn waves(record: &RawRecord) -> Vec<(usize, usize)> {
    let mut waves: Vec<(usize, usize)> = Vec::new();
    for sample in (0..SAMPLES).filter(|sample| record.signals.iter().any(|signal| signal[*sample] != 0.0)) {
        match waves.last_mut() {
            Some((_, last)) if *last + 1 == sample => *last = sample,
            _ => waves.push((sample, sample)),
        }
    }
    waves
}

/// The beats that are wholly in the record, as their three stretches.
fn whole_beats(clean: &Clean) -> Vec<[(usize, usize); 3]> {
    let waves = waves(&clean.record);
    let end = (SAMPLES - 1) as f64 * 2.0;
    let whole = clean.beats.iter().filter(|beat| beat.p_onset >= 0.0 && beat.t_offset <= end);
    whole
        .map(|beat| {
            let middle = (beat.qrs_onset + beat.qrs_offset) / 4.0;
            let place = waves.iter().position(|(first, last)| (*first..=*last).contains(&(middle as usize))).unwrap();
            [waves[place - 1], waves[place], waves[place + 1]]
        })
        .collect()
}

#[test]
fn intervals_are_those_in_the_signal() {
    for index in 0..300 {
        let clean = clean(SEED, index);
        let (record, _) = simulate(SEED, index);
        let expected = |target| f64::from(record.measurement(target).unwrap());
        let beats = whole_beats(&clean);
        assert!(beats.len() >= 4, "record {index}");
        for [p, qrs, t] in &beats {
            // A stretch starts less than one sample (2 ms) after its onset and ends less than one before its offset.
            let pr = (qrs.0 - p.0) as f64 * 2.0;
            let duration = (qrs.1 + 1 - qrs.0) as f64 * 2.0;
            let qt = (t.1 + 1 - qrs.0) as f64 * 2.0;
            for (target, measured) in [(Measurement::PR, pr), (Measurement::QRS, duration), (Measurement::QT, qt)] {
                let wanted = expected(target);
                assert!((measured - wanted).abs() <= 2.001, "record {index}, {target:?}: {measured}, wanted {wanted}");
            }
        }

        // Heart rate from the QRS complexes that are whole, found without the beats' times: in a wave of the right length.
        let counted: Vec<f64> = clean.beats.iter().filter(|beat| beat.counts()).map(|beat| beat.qrs_onset).collect();
        let waves = waves(&clean.record);
        let starts: Vec<usize> = counted
            .iter()
            .map(|onset| {
                waves.iter().map(|wave| wave.0).min_by_key(|first| first.abs_diff((onset / 2.0) as usize)).unwrap()
            })
            .collect();
        let mean_rr = (starts[starts.len() - 1] - starts[0]) as f64 * 2.0 / (starts.len() - 1) as f64;
        let wanted = 60_000.0 / expected(Measurement::HR);
        assert!((mean_rr - wanted).abs() <= 2.0 / (starts.len() - 1) as f64 + 1e-3, "record {index}");
        let exact = (counted[counted.len() - 1] - counted[0]) / (counted.len() - 1) as f64;
        assert!((exact - 60_000.0 / clean.intervals.hr).abs() < 1e-9, "record {index}");
    }
}

#[test]
fn waves_never_meet() {
    for index in 0..2000 {
        let beats = clean(SEED, index).beats;
        for beat in &beats {
            assert!(beat.p_onset < beat.p_offset && beat.p_offset < beat.qrs_onset, "record {index}");
            assert!(beat.qrs_offset < beat.t_onset && beat.t_onset < beat.t_offset, "record {index}");
        }
        for pair in beats.windows(2) {
            assert!(pair[0].t_offset + 9.99 < pair[1].p_onset, "record {index}");
        }
        // The beats at both ends are there because they are not counted: nothing is missing between.
        assert!(!beats[0].counts() && !beats[beats.len() - 1].counts(), "record {index}");
        assert!(beats[1..beats.len() - 1].iter().all(|beat| beat.counts()), "record {index}");
        assert!(beats[0].p_onset < 0.0 && beats[beats.len() - 1].qrs_offset > 9998.0, "record {index}");
    }
}

#[test]
fn beats_vary_in_time_but_not_in_shape() {
    let mut cvs: Vec<f64> = (0..500)
        .map(|index| {
            let onsets: Vec<f64> =
                clean(SEED, index).beats.iter().filter(|beat| beat.counts()).map(|beat| beat.qrs_onset).collect();
            let rr: Vec<f64> = onsets.windows(2).map(|pair| pair[1] - pair[0]).collect();
            let (mean, sd) = moments(&rr);
            sd / mean
        })
        .collect();
    cvs.sort_by(f64::total_cmp);
    assert!((0.024..0.036).contains(&cvs[250]), "median {}", cvs[250]);
    assert!(cvs[499] < 0.091, "{}", cvs[499]);
}

fn moments(values: &[f64]) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    (mean, (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count).sqrt())
}

fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let ((mean_a, sd_a), (mean_b, sd_b)) = (moments(a), moments(b));
    let products = a.iter().zip(b).map(|(a, b)| (a - mean_a) * (b - mean_b));
    products.sum::<f64>() / (a.len() as f64 * sd_a * sd_b)
}

#[test]
fn intervals_are_distributed_as_documented() {
    let all: Vec<_> = (0..2000).map(|index| clean(SEED, index).intervals).collect();
    let of = |what: fn(&ecgraft::source::simulator::Intervals) -> f64| all.iter().map(what).collect::<Vec<f64>>();
    let (hr, pr, qrs, qt) = (of(|i| i.hr), of(|i| i.pr), of(|i| i.qrs), of(|i| i.qt));
    let qtc = of(|i| i.qt / (60.0 / i.hr).cbrt());
    // Of the mean of 2000 values the standard error is sd / 45; the documented ones in brackets.
    let near = |values: &[f64], mean: [f64; 2], sd: [f64; 2], range: [f64; 2]| {
        let found = moments(values);
        assert!(mean[0] < found.0 && found.0 < mean[1] && sd[0] < found.1 && found.1 < sd[1], "{found:?}");
        assert!(values.iter().all(|value| range[0] <= *value && *value <= range[1]));
    };
    near(&hr, [74.0, 76.0], [14.3, 15.7], [40.0, 140.0]); // 75, 15
    near(&pr, [158.0, 162.0], [22.5, 25.5], [90.0, 280.0]); // 160, sqrt(23.7^2 + 3.9^2) = 24
    near(&qrs, [96.0, 98.5], [13.0, 16.0], [65.0, 150.0]); // 0.94 95 + 0.06 130 = 97.1; 14.4
    near(&qtc, [414.0, 418.5], [22.0, 24.5], [350.0 - 1e-9, 500.0 + 1e-9]); // 416; sqrt(22^2 + 7.2^2) = 23.1
    let wide = qrs.iter().filter(|value| **value > 125.0).count();
    assert!((45..120).contains(&wide), "{wide}"); // 0.06 25/40 2000 = 75, and few of the narrow

    let between = |a: &[f64], b: &[f64], low: f64, high: f64| {
        let found = correlation(a, b);
        assert!(low < found && found < high, "{found}");
    };
    between(&hr, &qt, -0.88, -0.68); // -0.76 in Soliman and Rautaharju 2012
    between(&hr, &pr, -0.24, -0.09); // -0.15
    between(&qrs, &qtc, 0.2, 0.42); // 7.2 / 23.1 = 0.31
    between(&qrs, &hr, -0.07, 0.07);
    between(&qrs, &pr, -0.07, 0.07);
}

#[test]
fn records_depend_on_seed_and_number_only() {
    let bits = |seed, index| {
        let (record, raw) = simulate(seed, index);
        let bits: Vec<u32> = raw.signals.concat().iter().map(|value| value.to_bits()).collect();
        (record.measurements.iter().map(|(_, value)| value.to_bits()).collect::<Vec<_>>(), bits)
    };
    let third = bits(SEED, 3);
    let all: Vec<_> = (0..5).map(|index| bits(SEED, index)).collect();
    assert!(third == all[3]);
    assert!(all[3] != all[4]);
    assert!(third != bits(SEED + 1, 3));

    let (record, raw) = simulate(SEED, 12);
    assert_eq!((record.id.as_str(), record.patient.as_str(), record.fold), ("12", "12", Some(3)));
    assert!(record.labels.is_empty());
    assert_eq!(raw.leads, Lead::ALL);
    assert_eq!(raw.sampling_rate, 500.0);
    assert!(raw.signals.iter().all(|signal| signal.len() == 5000));
}

#[test]
fn limb_leads_obey_einthoven_and_goldberger() {
    for index in 0..50 {
        let (_, raw) = simulate(SEED, index);
        let at = |lead: Lead, sample: usize| f64::from(raw.signals[lead as usize][sample]);
        for sample in 0..SAMPLES {
            let einthoven = at(Lead::I, sample) + at(Lead::III, sample) - at(Lead::II, sample);
            let goldberger = at(Lead::AVR, sample) + at(Lead::AVL, sample) + at(Lead::AVF, sample);
            assert!(einthoven.abs() < 1e-6 && goldberger.abs() < 1e-6, "record {index}, sample {sample}");
            let avr = at(Lead::AVR, sample) + (at(Lead::I, sample) + at(Lead::II, sample)) / 2.0;
            assert!(avr.abs() < 1e-6);
        }
    }
}

#[test]
fn amplitudes_and_noise_are_those_of_an_ecg() {
    let (mut r_peaks, mut noise) = (Vec::new(), Vec::new());
    for index in 0..300 {
        let (clean, noisy) = (clean(SEED, index).record, simulate(SEED, index).1);
        assert!(noisy.signals.iter().flatten().all(|value| value.abs() < 8.0), "record {index}");
        r_peaks.push(f64::from(clean.signals[Lead::V5 as usize].iter().fold(0f32, |high, value| high.max(*value))));
        let difference: Vec<f64> =
            clean.signals[1].iter().zip(&noisy.signals[1]).map(|(a, b)| f64::from(b - a)).collect();
        noise.push(moments(&difference).1);
    }
    let median = |values: &mut Vec<f64>| {
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    // mV; R in V5 is 0.6 to 3.3 in healthy men, mostly 1 to 2.
    let (peak, noise_median) = (median(&mut r_peaks), median(&mut noise));
    assert!((0.9..2.0).contains(&peak), "{peak}");
    assert!((0.02..0.08).contains(&noise_median), "{noise_median}");
    assert!(noise[0] > 0.003 && noise[299] < 0.6, "{} to {}", noise[0], noise[299]);
}

/// A folder of the test's own, which does not exist yet.
fn folder(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("simulate-{name}"));
    let _ = fs::remove_dir_all(&path);
    path
}

fn ecgraft(dir: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ecgraft")).arg("simulate").arg(dir).args(arguments).output().unwrap()
}

#[test]
fn writes_a_data_set() {
    let dir = folder("data-set");
    let output = ecgraft(&dir, &["--records", "12", "--seed", "11"]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(String::from_utf8(output.stdout).unwrap(), format!("12 records written to {}\n", dir.display()));

    let read = |name: &str| fs::read_to_string(dir.join(name)).unwrap();
    let database = read("ptbxl_database.csv");
    let mut rows = csv::Reader::from_reader(database.as_bytes());
    assert_eq!(rows.headers().unwrap().len(), 28);
    let rows: Vec<_> = rows.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 12);
    assert_eq!(&rows[11][0], "12");
    assert_eq!(&rows[11][11], "{'NORM': 100.0, 'SR': 0.0}");
    assert_eq!(&rows[11][25], "2");
    assert_eq!(&rows[11][26], "records100/00000/00012_lr");
    assert_eq!(&rows[11][27], "records500/00000/00012_hr");

    let (record, raw) = simulate(SEED, 11);
    let features = read("features/simulator_features.csv");
    let row: Vec<f64> = features.lines().last().unwrap().split(',').map(|value| value.parse().unwrap()).collect();
    let target = |target| f64::from(record.measurement(target).unwrap());
    let rr = 60_000.0 / target(Measurement::HR);
    let expected = [12.0, rr, target(Measurement::PR), target(Measurement::QRS), target(Measurement::QT)];
    assert!(row.iter().zip(expected).all(|(row, expected)| (row - expected).abs() < 1e-3), "{row:?}");

    for (name, rate, length) in [("records500/00000/00012_hr", 500, 5000), ("records100/00000/00012_lr", 100, 1000)] {
        let header = read(&format!("{name}.hea"));
        let short = name.rsplit('/').next().unwrap();
        let mut lines = header.lines();
        assert_eq!(lines.next().unwrap(), format!("{short} 12 {rate} {length}"));
        let bytes = fs::read(dir.join(format!("{name}.dat"))).unwrap();
        assert_eq!(bytes.len(), 12 * 2 * length);
        let samples: Vec<i16> = bytes.as_chunks::<2>().0.iter().map(|pair| i16::from_le_bytes(*pair)).collect();
        for (place, line) in lines.enumerate() {
            let fields: Vec<&str> = line.split(' ').collect();
            let lead: Vec<i16> = samples.iter().skip(place).step_by(12).copied().collect();
            let sum = lead.iter().map(|sample| i64::from(*sample)).sum::<i64>();
            assert_eq!(fields[0], format!("{short}.dat"));
            assert_eq!(fields[1..5], ["16", "1000.0(0)/mV", "16", "0"]);
            assert_eq!(fields[5].parse::<i16>().unwrap(), lead[0]);
            assert_eq!(fields[6].parse::<i64>().unwrap(), sum.rem_euclid(65536));
            assert_eq!(Lead::parse(fields[8]), Some(Lead::ALL[place]));
            if rate == 500 {
                let close = |(step, value): (&i16, &f32)| (f32::from(*step) / 1000.0 - value).abs() < 0.00051;
                assert!(lead.iter().zip(&raw.signals[place]).all(close), "{line}");
            }
        }
    }
    assert!(read("scp_statements.csv").contains("\nNORM,"));
    assert!(read("README.md").contains("--records 12 --seed 11"));
    fs::remove_dir_all(&dir).unwrap();
}

#[test]
fn what_is_written_is_read_as_ptb_xl() {
    let dir = folder("read");
    assert!(ecgraft(&dir, &["--records", "12", "--seed", "11"]).status.success());
    let path = |path: PathBuf| DataPath { written: path.display().to_string(), resolved: Ok(path) };
    let features = Some(path(dir.join("features/simulator_features.csv")));
    let source = PtbXl { features: features.map(Into::into), ..PtbXl::at(path(dir.clone())) };
    for rate in [500.0, 100.0] {
        let leads = Lead::ALL.to_vec();
        let signal = Signal::recorded(leads, rate, 10.0);
        let read = load("files", &source, &signal, &dir.join("cache")).unwrap();
        assert_eq!((read.records.len(), read.notes.as_slice()), (12, &[][..]));
        for (index, record) in read.records.iter().enumerate() {
            let (made, raw) = simulate(SEED, index);
            assert_eq!((record.id.clone(), record.fold), ((index + 1).to_string(), made.fold));
            assert!(record.has(superclass::NORM));
            for target in Measurement::BUILT_IN {
                let (read, made) = (record.measurement(target).unwrap(), made.measurement(target).unwrap());
                assert!((read - made).abs() < 1e-3, "{}: {read} and {made}", target.name());
            }
            // A step is 1/1000 mV.
            let expected = prepare(&raw, &signal).unwrap();
            assert!(
                read.signal(index).unwrap().iter().zip(&expected).all(|(read, made)| (read - made).abs() < 0.00051)
            );
        }
    }
    fs::remove_dir_all(&dir).unwrap();
}

#[test]
fn folders_are_as_in_ptb_xl_and_more_records_change_none() {
    let (few, many) = (folder("few"), folder("many"));
    assert!(ecgraft(&few, &["--records", "2"]).status.success());
    assert!(ecgraft(&many, &["--records", "1001"]).status.success());
    for name in ["records100/00000/00002_lr.dat", "records500/00000/00002_hr.dat", "records500/00000/00002_hr.hea"] {
        assert!(fs::read(few.join(name)).unwrap() == fs::read(many.join(name)).unwrap(), "{name}");
    }
    for name in ["records100/01000/01000_lr.hea", "records500/01000/01001_hr.dat", "records500/00000/00999_hr.dat"] {
        assert!(many.join(name).exists(), "{name}");
    }
    fs::remove_dir_all(&few).unwrap();
    fs::remove_dir_all(&many).unwrap();
}

#[test]
fn refuses_a_folder_with_something_in_it() {
    let dir = folder("occupied");
    fs::create_dir_all(&dir).unwrap();
    fs::write(dir.join("notes.txt"), "mine").unwrap();
    let output = ecgraft(&dir, &["--records", "2"]);
    assert_eq!(output.status.code(), Some(2));
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(message, format!("error: {} is not empty; name a new folder, nothing was written\n", dir.display()));
    let output = ecgraft(&dir.join("notes.txt"), &["--records", "2"]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(fs::read_dir(&dir).unwrap().count(), 1);
    assert_eq!(ecgraft(&dir, &["--records", "0"]).status.code(), Some(2));
    fs::remove_dir_all(&dir).unwrap();
}
