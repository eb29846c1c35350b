//! What files do not say, from columns and numbers; tables beside tables; what is odd.

use std::fs;
use std::path::{Path, PathBuf};

use ecgraft::inspect::propose;
use ecgraft::source::{Reading, Request};

use super::{folder, has, manifest, record};

const NAMES: [&str; 12] = ["I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6"];

/// Twelve leads of one heart, mV, with a beat a second: limb leads by Einthoven and Goldberger from I and II.
fn heart(number: usize, rate: usize, seconds: usize) -> Vec<Vec<f64>> {
    let beat = |lead: usize, place: usize| {
        let phase = (place % rate) as f64 / rate as f64;
        let bump = |at: f64, width: f64, height: f64| height * (-((phase - at) / width).powi(2)).exp();
        let tall = 0.8 + 0.1 * ((number * 7 + lead * 3) % 5) as f64;
        bump(0.2, 0.03, 0.1) + bump(0.35, 0.012, tall) + bump(0.6, 0.06, 0.1 + 0.05 * lead as f64 / 12.0)
    };
    let (i, ii) = (|place| beat(0, place), |place| beat(1, place));
    let lead = |lead: usize, place: usize| match lead {
        0 => i(place),
        1 => ii(place),
        2 => ii(place) - i(place),
        3 => -(i(place) + ii(place)) / 2.0,
        4 => i(place) - ii(place) / 2.0,
        5 => ii(place) - i(place) / 2.0,
        chest => beat(chest, place),
    };
    (0..12).map(|number| (0..rate * seconds).map(|place| lead(number, place)).collect()).collect()
}

/// An array of f4 in NumPy's form.
fn npy(path: &Path, shape: &[usize], values: impl Iterator<Item = f64>) {
    let sides: String = shape.iter().map(|side| format!("{side}, ")).collect();
    let mut head = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({sides}), }}");
    while (10 + head.len() + 1) % 64 != 0 {
        head.push(' ');
    }
    head.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((head.len() as u16).to_le_bytes());
    bytes.extend(head.as_bytes());
    values.for_each(|value| bytes.extend((value as f32).to_le_bytes()));
    fs::write(path, bytes).unwrap();
}

/// `records` files, (samples, leads) in microvolt with leads in this order, and a table with `more` columns.
fn files(name: &str, order: [usize; 12], (head, more): (&str, &str)) -> PathBuf {
    let folder = folder(name);
    let mut table = format!("record_id,age,sex{head}\n");
    for number in 0..8 {
        let heart = heart(number, 250, 10);
        let rows = (0..2500).flat_map(|place| order.map(|lead| 1000.0 * heart[lead][place]));
        npy(&folder.join(format!("records/e{number}.npy")), &[2500, 12], rows);
        table.push_str(&format!("e{number},{},{}{more}\n", 40 + number, if number % 2 == 0 { "M" } else { "F" }));
    }
    fs::write(folder.join("records.csv"), table).unwrap();
    folder
}

const USUAL: [usize; 12] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11];

fn order(of: [usize; 12]) -> String {
    let names: Vec<String> = of.iter().map(|lead| format!("\"{}\"", NAMES[*lead])).collect();
    format!(
        "lead_order = [{}] # the limb leads add up in this order, which tells nothing of V1 to V6",
        names.join(", ")
    )
}

#[test]
fn rate_leads_and_unit_of_silent_files() {
    let folder = files("silent", USUAL, ("", ""));
    let proposal = propose(&folder).unwrap();
    let text = proposal.source();
    has(
        &text,
        &[
            "signals = \"records/{record_id}.npy\"",
            "sampling_rate = 250.0 # a guess: 2500 samples are 10 s then; no file says it",
            &order(USUAL),
            "# seen: of 8 records that were read: 250 Hz in 8; 10 s in 8",
        ],
    );
    assert!(text.contains("unit = \"uV\" # a guess: the median peak-to-peak amplitude is "), "{text}");
    // What it proposes reads mV.
    let study = manifest(&proposal.study());
    let source = study.source(study.transfer.source.as_str()).unwrap();
    let listing = source.list(100.0).unwrap();
    let reading = Reading::default();
    let read = source.read(&listing, 3, &Request::all(source.reading().unwrap_or(&reading))).unwrap();
    for (lead, expected) in heart(3, 250, 10).iter().enumerate() {
        assert!(
            read.raw.signals[lead].iter().zip(expected).all(|(own, wanted)| (f64::from(*own) - wanted).abs() < 1e-4)
        );
    }
    fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn columns_say_more_than_numbers() {
    // aVF before aVL, as MIMIC-IV-ECG has them.
    let mimic = [0, 1, 2, 3, 5, 4, 6, 7, 8, 9, 10, 11];
    let folder = files("said", mimic, (",fs,adc_gain", ",500,1000"));
    let text = propose(&folder).unwrap().source();
    let lines = [
        "sampling_rate = 500.0 # as the column fs says",
        "gain = 1000.0 # steps per mV, as the column adc_gain says",
        &order(mimic),
    ];
    has(&text, &lines);
    fs::remove_dir_all(&folder).unwrap();
    // Leads that are nobody's.
    let folder = files("mixed", [6, 1, 8, 0, 4, 5, 2, 7, 3, 9, 10, 11], ("", ""));
    let text = propose(&folder).unwrap().source();
    assert!(text.contains("\"V6\"] # a guess: the usual order"), "{text}");
    has(&text, &["# odd: no file names its leads, and in no usual order the limb leads add up: say `lead_order`"]);
    fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn what_nothing_tells_is_to_be_filled_in() {
    let folder = folder("nobody");
    for number in 0..4 {
        let values = (0..2 * 700).map(|place| 20.0 * f64::from(place % 50 == 25));
        npy(&folder.join(format!("records/{number:03}.npy")), &[2, 700], values);
    }
    fs::write(folder.join("list.csv"), "exam_id,age\n0,50\n1,51\n2,52\n3,300\n").unwrap();
    let text = propose(&folder).unwrap().source();
    has(
        &text,
        &[
            "signals = \"records/{exam_id:03}.npy\"",
            "# sampling_rate = 500.0 # fill in: no file says it; the first has 700 samples",
            "# lead_order = [\"I\", \"II\"] # fill in: no file names its 2 leads",
            "# odd: no file says how many samples there are per second: fill in `sampling_rate`",
            "# odd: 1 ages are 300: all above 89 are, as in PTB-XL, and are taken as 90",
        ],
    );
    assert!(text.contains("cannot be read; record 0: "), "{text}");
    fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn one_file_for_all_and_the_place_in_it() {
    let folder = folder("tensor");
    let values = (0..6).flat_map(|number| {
        let heart = heart(number, 100, 10);
        (0..1000).flat_map(move |place| heart.clone().into_iter().map(move |lead| lead[place])).collect::<Vec<_>>()
    });
    npy(&folder.join("all.npy"), &[6, 1000, 12], values);
    fs::write(folder.join("t.csv"), "study_id,row,sex\na,5,M\nb,4,F\nc,3,M\nd,2,F\ne,1,M\nf,0,F\n").unwrap();
    let text = propose(&folder).unwrap().source();
    let lines = [
        "signals = \"all.npy\" # one file for all",
        "entry = \"row\"",
        "sampling_rate = 100.0 # a guess: 1000 samples are 10 s then; no file says it",
        "# seen: of 6 records that were read: 100 Hz in 6; 10 s in 6",
    ];
    has(&text, &lines);
    assert!(text.contains("unit = \"mV\" # a guess"), "{text}");
    fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn names_in_a_file_that_are_in_another_order_than_the_rows() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    for (rows, same) in [(["0", "1", "2", "3"], true), (["2", "1", "0", "3"], false)] {
        let folder = folder("order");
        fs::copy(fixtures.join("signals/many.hdf5"), folder.join("many.hdf5")).unwrap();
        fs::write(folder.join("t.csv"), format!("exam_id\n{}\n", rows.join("\n"))).unwrap();
        let text = propose(&folder.join("t.csv")).unwrap().source();
        let line = "# the file's `exam_id` has the order of the table's rows";
        assert_eq!(text.contains(line), same, "{text}");
        let odd = "# odd: the file's `exam_id` has another order than the table's rows: signals would be those of other records";
        assert_eq!(text.contains(odd) && text.contains("\nentry = \"?\" # fill in"), !same, "{text}");
        fs::remove_dir_all(&folder).unwrap();
    }
    // Two arrays could be the signals.
    let folder = folder("arrays");
    fs::copy(fixtures.join("inspect/two.npz"), folder.join("two.npz")).unwrap();
    fs::write(folder.join("t.csv"), "exam_id\n0\n1\n2\n3\n").unwrap();
    let text = propose(&folder.join("t.csv")).unwrap().source();
    has(&text, &["array = \"ecg\" # [4, 20, 3]; not beats [4, 8, 3]"]);
    fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn labels_and_measurements_of_a_second_table() {
    let folder = folder("join");
    for number in 0..6 {
        record(&folder, &format!("e{number}"), 10);
    }
    let list: String = (0..6).map(|number| format!("{number},p{},records/e{number}\n", number / 2)).collect();
    fs::write(folder.join("list.csv"), format!("study_id,subject_id,path\n{list}")).unwrap();
    // In another order, and without one of them.
    fs::write(
        folder.join("measured.csv"),
        "study_id,rr_interval,diagnosis\n5,800,SR\n3,900,AF\n1,700,SR\n0,750,AF\n2,850,SR\n",
    )
    .unwrap();
    let text = propose(&folder).unwrap().source();
    let path = folder.canonicalize().unwrap().join("measured.csv");
    has(
        &text,
        &[
            "signals = \"{path}.hea\"",
            &format!("join = {{ path = \"{}\", on = \"study_id\" }}", path.display()),
            "patient = \"subject_id\"",
            "measurements.hr = \"60000 / rr_interval\" # median 800: ms between beats",
            "labels = { column = \"diagnosis\", form = \"single\", vocabulary = \"codes\" }",
            "# seen: 2 labels, such as SR 3, AF 2; 1 records have none",
            &format!("# seen: 1 of 6 records have no row in {}", path.display()),
        ],
    );
    fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn what_is_odd_in_tables_and_signals() {
    let folder = folder("odd");
    for number in 0..6 {
        record(&folder, &format!("e{number}"), 10);
    }
    let rows: String =
        (0..6).map(|number| format!("{},p{},records/e{number},{}\n", number / 2, number / 3, number % 2 + 1)).collect();
    fs::write(folder.join("list.csv"), format!("exam_id,patient_id,path,fold\n{rows}")).unwrap();
    let text = propose(&folder).unwrap().source();
    has(
        &text,
        &[
            "# odd: 3 values of exam_id are in several rows, such as 0: it names no records",
            "# fold = \"fold\" # [\"1\", \"2\"]: without it ten folds are drawn by patient",
            "# odd: \"fold\" has 2 values, where a study needs three: to train, validate and test",
            "# odd: the 2 folds have 1 patient each: what is tested on one of them rests on these alone",
        ],
    );
    // Patients are in several folds.
    record(&folder, "e6", 10);
    let rows = rows.replace(",1\n", ",3\n");
    fs::write(folder.join("list.csv"), format!("exam_id,patient_id,path,fold\n{rows}9,p0,records/e6,1\n")).unwrap();
    let text = propose(&folder).unwrap().source();
    has(&text, &["fold = \"fold\""]);
    assert!(text.contains("# odd: 2 patients have records in several folds: whoever is tested"), "{text}");
    fs::remove_dir_all(&folder).unwrap();

    // One recording under two names.
    let folder = super::folder("copies");
    for name in ["a1", "b1", "c2"] {
        record(&folder, name, 10);
    }
    fs::write(folder.join("list.csv"), "record_id,age\na1,50\nb1,51\nc2,52\n").unwrap();
    let text = propose(&folder).unwrap().source();
    assert!(
        text.contains("# odd: 1 of 3 records that were read have the very signals of another, such as b1 those of a1"),
        "{text}"
    );
    fs::remove_dir_all(&folder).unwrap();

    // Leads that are clipped, flat, and do not add up.
    let folder = files("clipped", USUAL, ("", ""));
    for number in 0..8 {
        let mut heart = heart(number, 250, 10);
        heart[2].iter_mut().for_each(|value| *value *= 3.0);
        heart[7].fill(0.0);
        heart[8].iter_mut().for_each(|value| *value = value.clamp(0.05, 0.2));
        let heart = &heart;
        let rows = (0..2500).flat_map(move |place| heart.iter().map(move |lead| lead[place]));
        npy(&folder.join(format!("records/e{number}.npy")), &[2500, 12], rows);
    }
    let text = propose(&folder).unwrap().source();
    for part in [
        "8 of 8 records that were read have a lead that stays at its highest or lowest value, as if clipped, such as e0",
        "I + III - II is not 0 in 8 of 8 records",
        "have leads that are flat (V2 in 8)",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    fs::remove_dir_all(&folder).unwrap();
}
