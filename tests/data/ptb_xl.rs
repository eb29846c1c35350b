//! PTB-XL's layout: the bundled sample, and small folders with one fault each.

use std::fs;

use ecgraft::data::fingerprint;
use ecgraft::ecg::{Label, Lead, Measurement, Sex, superclass};

use super::{Folder, fresh, known, ptb_xl, refused, sample, signal};

/// The table of `experiments/data/ptbxl-sample/README.md`: records, NORM, MI, STTC, CD, HYP, only NORM, only STTC,
/// only CD, all features; by fold, then in all.
const COUNTS: [[usize; 10]; 11] = [
    [24, 5, 5, 10, 9, 4, 5, 5, 5, 24],
    [24, 5, 5, 8, 11, 4, 5, 5, 5, 24],
    [24, 5, 5, 10, 9, 4, 5, 5, 5, 24],
    [24, 5, 5, 8, 11, 4, 5, 5, 5, 24],
    [24, 5, 5, 9, 10, 4, 5, 5, 5, 24],
    [24, 5, 5, 8, 11, 4, 5, 5, 5, 24],
    [25, 5, 6, 8, 12, 4, 5, 5, 5, 25],
    [24, 5, 5, 9, 10, 4, 5, 5, 5, 24],
    [46, 11, 10, 18, 19, 9, 11, 10, 10, 46],
    [72, 17, 16, 33, 25, 16, 17, 16, 10, 68],
    [311, 68, 67, 121, 127, 57, 68, 66, 60, 307],
];

#[test]
fn the_bundled_sample() {
    let leads = [Lead::I, Lead::AVR, Lead::V6];
    let dataset = fresh(&sample(), &signal(&leads, 100.0, 10.0)).unwrap();
    assert_eq!((dataset.source.as_str(), dataset.leads, dataset.length), ("it", 3, 1000));
    assert_eq!(dataset.all_signals().unwrap().len(), 311 * 3 * 1000);
    for (row, expected) in COUNTS.iter().enumerate() {
        let records: Vec<_> =
            dataset.records.iter().filter(|record| row == 10 || record.fold == Some(row as u8 + 1)).collect();
        let mut counts = vec![records.len()];
        counts.extend(superclass::ALL.map(|class| records.iter().filter(|record| record.has(class)).count()));
        let only = |class: Label| {
            records.iter().filter(|r| r.has(class) && r.labels.count(&superclass::VOCABULARY) == 1).count()
        };
        counts.extend([superclass::NORM, superclass::STTC, superclass::CD].map(only));
        counts.push(records.iter().filter(|record| record.measurements.iter().count() == 4).count());
        assert_eq!(counts, expected, "row {row}");
    }
    assert_eq!(dataset.notes, ["PR is missing in 4 of 311 records (no regression on PR from them)"]);

    // Counted in the table.
    let of_sex = |sex| dataset.records.iter().filter(|record| record.sex == Some(sex)).count();
    assert_eq!([of_sex(Sex::Male), of_sex(Sex::Female)], [158, 153]);
    // 195 is 51 years old.
    assert_eq!((dataset.records[0].age, dataset.records[0].sex), (Some(51.0), Some(Sex::Male)));

    // From the tables: 195,14472.0, {'CRBBB', 'SR'}, fold 9, site 0.0; RR 874.0, PR 185.5, QRS 111.5, QT 374.5.
    let first = &dataset.records[0];
    assert_eq!((first.id.as_str(), first.patient.as_str(), first.fold), ("195", "14472", Some(9)));
    let names: Vec<String> = first.labels.iter().map(|label| format!("{label:?}")).collect();
    assert_eq!(names, ["scp:CRBBB", "scp:SR", "site:0", "subclass:CRBBB", "superclass:CD"]);
    assert_eq!(first.measurement(Measurement::HR), Some((60_000.0 / 874.0) as f32));
    assert_eq!(
        [Measurement::PR, Measurement::QT, Measurement::QRS].map(|t| first.measurement(t)),
        [Some(185.5), Some(374.5), Some(111.5)]
    );
    // 223: {'ASMI', 'LVH', 'ISC_', 'SR'}; RR 809.0, PR 217.0, QRS 139.0, QT 400.0.
    let second = &dataset.records[1];
    let is_class = |label: &Label| label.vocabulary().is(&superclass::VOCABULARY);
    let labels: Vec<_> = second.labels.iter().filter(is_class).collect();
    assert_eq!((second.id.as_str(), labels), ("223", vec![superclass::MI, superclass::STTC, superclass::HYP]));
    assert_eq!(
        [Measurement::PR, Measurement::QT, Measurement::QRS].map(|t| second.measurement(t)),
        [Some(217.0), Some(400.0), Some(139.0)]
    );
    // The header of 607 gives the first samples -99 (I), 74 (aVR) and -84 (V6), 1000 units per mV.
    let place = dataset.records.iter().position(|record| record.id == "607").unwrap();
    let of_607 = dataset.signal(place).unwrap();
    assert_eq!([of_607[0], of_607[1000], of_607[2000]], [-0.099, 0.074, -0.084]);
    assert!(dataset.records.iter().all(|record| record.measurements.iter().all(|(_, value)| value > 0.0)));
}

#[test]
fn signals_of_500_hz_that_are_not_there() {
    let expected =
        ["source it: ", "none of the 311 records", "(column filename_hr)", "00195_hr.hea", "311 have 100 Hz signals"];
    refused(fresh(&sample(), &signal(&[Lead::I], 250.0, 10.0)), &expected);
}

const DATABASE: &str = "ptbxl_database.csv";
const STATEMENTS: &str = "scp_statements.csv";

/// Three records of lead I, ten samples each.
fn small() -> Folder {
    let folder = Folder::new();
    folder.write(
        DATABASE,
        "ecg_id,patient_id,scp_codes,strat_fold,filename_lr,filename_hr,report\n\
         1,7.0,\"{'NORM': 100.0, 'SR': 0.0}\",1,records100/1_lr,records500/1_hr,\"of two\nlines\"\n\
         2,7.0,\"{'LVH': 0.0, 'XYZ': 50.0}\",1,records100/2_lr,records500/2_hr,\n\
         3,8.0,{},10,records100/3_lr,records500/3_hr,\n",
    );
    folder.write(STATEMENTS, ",diagnostic,diagnostic_class\nNORM,1.0,NORM\nLVH,1.0,HYP\nSR,,\n");
    folder.write(
        "features.csv",
        "ecg_id,RR_Mean_Global,PR_Int_Global,QRS_Dur_Global,QT_Int_Global\n1,1000,150,90,400\n2.0,NaN,-1,,350.5\n9,1,1,1,1\n",
    );
    for record in 1..=3i16 {
        let samples: Vec<i16> = (0..10).map(|sample| record * 100 + sample).collect();
        let sum: i16 = samples.iter().sum();
        let name = format!("{record}_lr");
        let header = format!("{name} 1 100 10\n{name}.dat 16 1000.0(0)/mV 16 0 {} {sum} 0 I\n", samples[0]);
        folder.write(&format!("records100/{name}.hea"), header);
        folder
            .write(&format!("records100/{name}.dat"), samples.iter().flat_map(|s| s.to_le_bytes()).collect::<Vec<_>>());
    }
    folder
}

/// `small()` with `old` in a file become `new`.
fn edited(file: &str, old: &str, new: &str) -> Folder {
    let folder = small();
    let text = fs::read_to_string(folder.path(file)).unwrap();
    assert!(text.contains(old), "{text}");
    folder.write(file, text.replace(old, new));
    folder
}

fn read(folder: &Folder) -> ecgraft::Result<ecgraft::data::Dataset> {
    fresh(&ptb_xl(&folder.0, Some(&folder.path("features.csv"))), &signal(&[Lead::I], 100.0, 0.1))
}

#[test]
fn a_small_folder() {
    let dataset = read(&small()).unwrap();
    let of = |index: usize| &dataset.records[index];
    assert_eq!(
        [0, 1, 2].map(|i| (&*of(i).id, &*of(i).patient, of(i).fold.unwrap())),
        [("1", "7", 1), ("2", "7", 1), ("3", "8", 10)]
    );
    assert_eq!(known(of(0)), [Some(60.0), Some(150.0), Some(400.0), Some(90.0)]);
    assert_eq!(known(of(1)), [None, None, Some(350.5), None]);
    assert_eq!(known(of(2)), [None; 4]);
    // A likelihood of 0 counts.
    let names = |index: usize| of(index).labels.iter().map(|label| format!("{label:?}")).collect::<Vec<_>>();
    assert_eq!([0, 1, 2].map(|index| of(index).labels.count(&superclass::VOCABULARY)), [1, 1, 0]);
    assert!(of(0).has(superclass::NORM) && of(1).has(superclass::HYP));
    // Statements are labels as they are, and have the subclasses of PTB-XL's table where the folder's has none.
    assert_eq!(names(0), ["scp:NORM", "scp:SR", "subclass:NORM", "superclass:NORM"]);
    assert_eq!(names(1), ["scp:LVH", "subclass:LVH", "superclass:HYP"]);
    assert_eq!(dataset.signal(1).unwrap()[..3], [0.2, 0.201, 0.202]);
    let expected = [
        "1 records have SCP codes that scp_statements.csv does not know; the codes were ignored: XYZ 1x",
        "HR is missing in 2 of 3 records (no regression on HR from them)",
        "PR is missing in 2 of 3 records (no regression on PR from them)",
        "QT is missing in 1 of 3 records (no regression on QT from them)",
        "QRS is missing in 2 of 3 records (no regression on QRS from them)",
    ];
    assert_eq!(dataset.notes, expected);
}

#[test]
fn age_and_sex_where_they_are_known() {
    let folder = small();
    let of = |values: [&str; 3]| {
        let table = fs::read_to_string(small().path(DATABASE)).unwrap();
        let mut table = table.replace("ecg_id,", "ecg_id,age,sex,");
        for (id, value) in (1..).zip(values) {
            table = table.replace(&format!("\n{id},"), &format!("\n{id},{value},"));
        }
        folder.write(DATABASE, table);
        let dataset = read(&folder).unwrap();
        let known: Vec<_> = dataset.records.iter().map(|record| (record.age, record.sex)).collect();
        (known, dataset.notes.into_iter().filter(|note| note.contains("taken as not known")).collect::<Vec<_>>())
    };
    let (male, female) = (Some(Sex::Male), Some(Sex::Female));
    // Ages above 89 are not told apart, however a release writes them.
    assert_eq!(
        of(["89.0,0", "300.0,1", "93,"]),
        (vec![(Some(89.0), male), (Some(90.0), female), (Some(90.0), None)], vec![])
    );
    let (known, notes) = of([",1.0", "-3,2", "old,male"]);
    assert_eq!(known, [(None, female), (None, None), (None, None)]);
    assert_eq!(
        notes,
        [
            "the age is neither 0 to 120 years nor 300 (above 89) in 2 records and taken as not known",
            "the sex is neither 0 (male) nor 1 (female) in 2 records and taken as not known"
        ]
    );
    assert!(read(&small()).unwrap().records.iter().all(|record| record.age.is_none() && record.sex.is_none()));
}

#[test]
fn the_parent_of_the_folder_will_do_if_it_is_clear() {
    let folder = Folder::new();
    for version in ["1.0.2", "1.0.3"] {
        let small = small();
        fs::create_dir_all(folder.path("ptb-xl")).unwrap();
        fs::rename(&small.0, folder.path(&format!("ptb-xl/{version}"))).unwrap();
        if version == "1.0.2" {
            let one = signal(&[Lead::I], 100.0, 0.1);
            assert_eq!(fresh(&ptb_xl(&folder.0, None), &one).unwrap().records.len(), 3);
        }
    }
    refused(fingerprint(&ptb_xl(&folder.0, None), &folder.0), &["several ptbxl_database.csv", "1.0.2", "1.0.3"]);
    let empty = Folder::new();
    refused(fingerprint(&ptb_xl(&empty.0, None), &empty.0), &["there is no ptbxl_database.csv"]);
}

#[test]
fn tables_with_a_fault() {
    for (file, old, new, parts) in [
        (DATABASE, "strat_fold", "fold", &["ptbxl_database.csv", "no column strat_fold", "ecg_id, patient_id"] as &[_]),
        (DATABASE, "scp_codes", "codes", &["no column scp_codes"]),
        (DATABASE, "filename_lr", "filename", &["no column filename_lr"]),
        (
            STATEMENTS,
            "diagnostic_class",
            "class",
            &["scp_statements.csv", "no column diagnostic_class", "diagnostic, class"],
        ),
        (STATEMENTS, "1.0,HYP", "1.0,HYPE", &["scp_statements.csv:3", "diagnostic_class", "`HYPE`"]),
        (STATEMENTS, "SR,,", "SR,yes,", &["scp_statements.csv:4", "column diagnostic", "`yes` is not a number"]),
        ("features.csv", "PR_Int_Global", "PR", &["features.csv", "no column PR_Int_Global", "RR_Mean_Global, PR,"]),
        ("features.csv", "350.5", "35O.5", &["features.csv:3", "column QT_Int_Global", "`35O.5` is not a number"]),
        ("features.csv", "350.5", "inf", &["features.csv:3", "`inf`"]),
        ("features.csv", "9,1,1,1,1", "1,1,1,1,1", &["features.csv:4", "record 1 is there twice"]),
        ("features.csv", "9,1,1,1,1", "9,1,1", &["features.csv:4", "3 fields, the header 5"]),
        (DATABASE, "\n3,", "\n2,", &["ptbxl_database.csv:5", "column ecg_id", "record 2 is there twice"]),
        (DATABASE, "\n3,", "\n,", &["ptbxl_database.csv:5", "column ecg_id", "empty"]),
        (DATABASE, "{},10", "NORM,10", &["ptbxl_database.csv:5", "column scp_codes", "`NORM` is not of the form"]),
        (DATABASE, "{},10", "{},11", &["ptbxl_database.csv:5", "column strat_fold", "`11` is not a fold"]),
        (DATABASE, "{},10", "{},0", &["`0` is not a fold"]),
        (DATABASE, "{},10", "{},", &["`` is not a fold"]),
        (DATABASE, "{},10", "{},2.5", &["`2.5` is not a fold"]),
        (DATABASE, "records100/3_lr", "", &["ptbxl_database.csv:5", "column filename_lr", "empty"]),
        (DATABASE, "records100/3_lr", "records100/4_lr", &["record 3: column filename_lr", "4_lr.hea", "no such file"]),
        ("records100/2_lr.hea", "100 10", "100 11", &["record 2: ", "2_lr.dat", "lead I"]),
    ] {
        refused(read(&edited(file, old, new)), parts);
    }
    let no_rows = small();
    let header = fs::read_to_string(no_rows.path(DATABASE)).unwrap();
    no_rows.write(DATABASE, header.lines().next().unwrap());
    refused(read(&no_rows), &["ptbxl_database.csv", "no records"]);
    let gone = small();
    fs::remove_file(gone.path(STATEMENTS)).unwrap();
    refused(read(&gone), &["scp_statements.csv", "no such file"]);
    let features = small();
    let source = ptb_xl(&features.0, Some(&features.path("records100")));
    refused(fresh(&source, &signal(&[Lead::I], 100.0, 0.1)), &["records100 is a folder"]);
}

#[test]
fn the_first_of_several_faulty_records_is_named() {
    let folder = small();
    for record in [2, 3] {
        fs::remove_file(folder.path(&format!("records100/{record}_lr.dat"))).unwrap();
    }
    refused(read(&folder), &["source it: record 2: ", "2_lr.dat", "no such file", "1 more record "]);
    // A lead that no record has is the preparation's to refuse.
    refused(
        fresh(&ptb_xl(&small().0, None), &signal(&[Lead::V1], 100.0, 0.1)),
        &["record 1: ", "V1", "2 more records"],
    );
}

#[test]
fn a_table_of_many_columns_is_listed_in_part() {
    let folder = small();
    let columns: Vec<_> = (0..100).map(|column| format!("T_Amp_{column}")).collect();
    folder.write("features.csv", format!("ecg_id,{},rr_mean_global\n", columns.join(",")));
    refused(read(&folder), &["no column RR_Mean_Global", "and 82 more"]);
}
