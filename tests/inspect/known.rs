//! Known sets are known again, in excerpts, below folders and in sub folders; strangers are not taken for them.

use std::fs;
use std::path::{Path, PathBuf};

use ecgraft::inspect::propose;

use super::folder;

fn fixtures(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// The kind that is proposed.
fn kind(path: &Path) -> String {
    let text = propose(path).unwrap_or_else(|error| panic!("{}: {error}", path.display())).source();
    let line = text.lines().find_map(|line| line.strip_prefix("kind = ")).unwrap();
    line.trim_matches('"').to_owned()
}

/// Copies the files of a folder.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
        }
    }
}

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

#[test]
fn folders_and_their_sub_folders() {
    for (path, expected) in [
        ("cinc", "cinc"),
        ("cinc/Georgia", "cinc"),
        ("cinc/PTB-XL", "cinc"),
        ("cinc/first-release", "cinc"),
        ("ludb", "ludb"),
        ("ludb/data", "ludb"),
        ("known/chapman", "chapman"),
        ("known/code15", "code-15"),
        ("known/sph", "sph"),
        ("known/medalcare", "medalcare-xl"),
        ("known/medalcare/sinus/train", "medalcare-xl"),
    ] {
        assert_eq!(kind(&fixtures(path)), expected, "{path}");
    }
    assert_eq!(kind(&Path::new(env!("CARGO_MANIFEST_DIR")).join("experiments/data/ptbxl-sample")), "ptb-xl");
    // Only one of the renderings is there, and not the usual one.
    let text = propose(&fixtures("known/medalcare")).unwrap().source();
    assert!(text.contains("rendering = \"raw\""), "{text}");
}

#[test]
fn layouts_that_are_made_up_as_they_are_described() {
    let folder = folder("layouts");
    // One folder in another, as an archive has it.
    let arrhythmia = folder.join("a/ecg-arrhythmia-1.0.0/WFDBRecords/01/010");
    copy(&fixtures("cinc/Chapman-Ningbo"), &arrhythmia);
    assert_eq!(kind(&folder.join("a")), "ecg-arrhythmia");
    assert_eq!(kind(&arrhythmia), "ecg-arrhythmia");

    let mimic = folder.join("mimic");
    fs::create_dir_all(&mimic).unwrap();
    for table in ["record_list.csv", "machine_measurements.csv"] {
        fs::copy(fixtures("table").join(table), mimic.join(table)).unwrap();
    }
    assert_eq!(kind(&mimic), "mimic-iv-ecg");

    let header = "s0010_re 1 1000 4\ns0010_re.dat 16 2000 16 0 0 0 0 i\n# age: 81\n# sex: female\n# ECG date: 01/10/1990\n\
                  # Diagnose:\n# Reason for admission: Myocardial infarction\n";
    write(&folder.join("ptb/patient001/s0010_re.hea"), header);
    assert_eq!(kind(&folder.join("ptb")), "ptb");
    assert_eq!(kind(&folder.join("ptb/patient001")), "ptb");

    let chapman = folder.join("chapman");
    write(&chapman.join("Diagnostics.csv"), "FileName,Rhythm,Beat,PatientAge,Gender\nMUSE_1,SB,NONE,50,MALE\n");
    assert_eq!(kind(&chapman), "table");
    write(&chapman.join("ECGData/MUSE_1.csv"), "I,II\n1,2\n");
    assert_eq!(kind(&chapman), "chapman");

    let clinic = folder.join("clinic");
    fs::create_dir_all(&clinic).unwrap();
    for file in ["muse.xml", "aecg.xml", "explicit.dcm", "second.scp"] {
        fs::copy(fixtures("hospital").join(file), clinic.join(file)).unwrap();
    }
    assert_eq!(kind(&clinic), "hospital");
    write(&clinic.join("page.xml"), "<html></html>");
    assert!(propose(&clinic).is_err());

    let study = folder.join("ecgrdvq");
    write(
        &study.join("SCR-002.Clinical.Data.csv"),
        "RANDID,SEX,AGE,EGREFID,RR,PR,QT,QRS\n1001,F,25,e1,900,150,390,90\n",
    );
    write(&study.join("raw/1001/e1.hea"), "e1 1 1000 4\ne1.dat 16 200/mV 16 0 0 0 0 I\n");
    assert_eq!(kind(&study), "fda-drug-studies");
    fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn strangers_are_strangers() {
    let folder = folder("strangers");
    // The Challenges' records and one of somebody else.
    let mixed = folder.join("mixed");
    copy(&fixtures("cinc/Georgia"), &mixed);
    write(&mixed.join("mine.hea"), "mine 1 500 4\nmine.dat 16 200/mV 16 0 0 0 0 I\n#Age: 5\n#Dx: AF\n");
    assert_eq!(kind(&mixed), "table");
    // Sets beside each other, which are known one by one.
    copy(&fixtures("known/sph"), &folder.join("both/sph"));
    copy(&fixtures("known/sph/records"), &folder.join("both/sph/records"));
    copy(&fixtures("cinc/Georgia"), &folder.join("both/georgia"));
    write(&folder.join("both/list.csv"), "record_id,age\nE00002,50\n");
    let text = propose(&folder.join("both")).unwrap().source();
    let line = "# odd: folders here have kinds of their own: georgia (cinc), sph (sph); inspect each by itself";
    assert!(text.contains("kind = \"table\"") && text.contains(line), "{text}");
    // Comments as the Challenges' under other names.
    let header = fs::read_to_string(fixtures("cinc/Georgia/E00002.hea")).unwrap();
    fs::create_dir_all(folder.join("named")).unwrap();
    fs::copy(fixtures("cinc/Georgia/E00002.mat"), folder.join("named/clinic7.mat")).unwrap();
    write(&folder.join("named/clinic7.hea"), &header.replace("E00002", "clinic7"));
    assert_eq!(kind(&folder.join("named")), "table");
    // Numbered records without marks of waves.
    let numbered = folder.join("numbered");
    let header = fs::read_to_string(fixtures("ludb/data/1.hea")).unwrap();
    write(&numbered.join("1.hea"), &header);
    fs::copy(fixtures("ludb/data/1.dat"), numbered.join("1.dat")).unwrap();
    assert_eq!(kind(&numbered), "table");
    // A table of the name, with other columns.
    let named = folder.join("metadata");
    write(&named.join("metadata.csv"), "ECG_ID,Patient_ID,Age\nA00001,S1,50\n");
    fs::copy(fixtures("known/sph/records/A00001.h5"), named.join("A00001.h5")).unwrap();
    assert_eq!(kind(&named), "table");
    fs::remove_dir_all(&folder).unwrap();
}
