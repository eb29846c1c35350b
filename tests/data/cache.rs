//! Fingerprints and the cache of prepared records.

use std::fs;
use std::path::{Path, PathBuf};

use ecgraft::data::{Dataset, fingerprint, load};
use ecgraft::ecg::Lead;
use ecgraft::manifest::{Normalize, Signal};
use ecgraft::source::Simulator;

use super::{Folder, SAMPLE, ptb_xl, sample, signal};

fn same(a: &Dataset, b: &Dataset) -> bool {
    let bits =
        |dataset: &Dataset| dataset.all_signals().unwrap().iter().map(|value| value.to_bits()).collect::<Vec<_>>();
    (a.leads, a.length, &a.fingerprint, &a.records, &a.notes)
        == (b.leads, b.length, &b.fingerprint, &b.records, &b.notes)
        && bits(a) == bits(b)
}

/// The files of prepared records.
fn kept(cache: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(cache).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(files.iter().all(|file| !file.to_string_lossy().ends_with("tmp")), "{files:?}");
    files.retain(|file| file.extension().is_some_and(|extension| extension == "bin"));
    files
}

#[test]
fn a_second_load_gives_the_same() {
    let cache = Folder::new();
    let signal = signal(&[Lead::II, Lead::V1], 100.0, 10.0);
    let first = load("a", &sample(), &signal, &cache.0).unwrap();
    assert_eq!(first.fingerprint, fingerprint(&sample(), &cache.0).unwrap());
    let [file] = &kept(&cache.0)[..] else { panic!("one file is kept") };
    let written = file.metadata().unwrap().modified().unwrap();
    let second = load("b", &sample(), &signal, &cache.0).unwrap();
    assert!(same(&first, &second));
    assert_eq!((first.source.as_str(), second.source.as_str()), ("a", "b"));
    assert_eq!(file.metadata().unwrap().modified().unwrap(), written);

    // Other settings are other data.
    let mut other = signal.clone();
    other.normalize = Normalize::ZScore;
    load("a", &sample(), &other, &cache.0).unwrap();
    assert_eq!(kept(&cache.0).len(), 2);
}

#[test]
fn a_damaged_file_is_made_anew() {
    let cache = Folder::new();
    let signal = signal(&[Lead::II], 100.0, 10.0);
    let whole = load("a", &sample(), &signal, &cache.0).unwrap();
    let file = kept(&cache.0).remove(0);
    let good = fs::read(&file).unwrap();
    let last = good.len() - 1;
    for damage in [
        |bytes: &mut Vec<u8>, _| bytes.clear(),
        |bytes: &mut Vec<u8>, last| bytes.truncate(last),
        |bytes: &mut Vec<u8>, _| bytes.push(0),
        |bytes: &mut Vec<u8>, last: usize| bytes[last] ^= 1,
        |bytes: &mut Vec<u8>, last| bytes[last / 2] ^= 0x40,
        |bytes: &mut Vec<u8>, _| bytes[0] ^= 1,
        |bytes: &mut Vec<u8>, _| bytes[15] = 0xff,
        |bytes: &mut Vec<u8>, _| bytes[200] ^= 1,
        |bytes: &mut Vec<u8>, _| bytes.truncate(50),
    ] {
        let mut bytes = good.clone();
        damage(&mut bytes, last);
        fs::write(&file, bytes).unwrap();
        assert!(same(&load("a", &sample(), &signal, &cache.0).unwrap(), &whole));
        assert!(fs::read(&file).unwrap() == good);
    }
}

#[test]
fn without_a_cache_folder_records_are_read_all_the_same() {
    let folder = Folder::new();
    folder.write("cache", "a file where the folder should be");
    let signal = signal(&[Lead::II], 100.0, 10.0);
    assert_eq!(load("a", &sample(), &signal, &folder.path("cache")).unwrap().records.len(), 311);
}

/// A copy of the sample, with the files of the first 5 records of its table only.
fn copy() -> Folder {
    let folder = Folder::new();
    let read = |name: &str| fs::read(Path::new(SAMPLE).join(name)).unwrap();
    let table = String::from_utf8(read("ptbxl_database.csv")).unwrap();
    let rows: Vec<&str> = table.lines().take(6).collect();
    folder.write("ptbxl_database.csv", rows.join("\n"));
    folder.write("scp_statements.csv", read("scp_statements.csv"));
    for row in &rows[1..] {
        let name = row.split(',').find(|field| field.starts_with("records100")).unwrap();
        for ending in ["hea", "dat"] {
            let name = format!("{name}.{ending}");
            folder.write(&name, read(&name));
        }
    }
    folder
}

#[test]
fn a_fingerprint_is_of_the_content_and_nothing_else() {
    let (cache, a, b) = (Folder::new(), copy(), copy());
    let print = |folder: &Folder| fingerprint(&ptb_xl(&folder.0, None), &cache.0).unwrap();
    let original = print(&a);
    assert_eq!((original.len(), print(&b)), (64, original.clone()));
    b.write("notes.txt", "not read");
    assert_eq!(print(&b), original);

    let mut bytes = fs::read(b.path("records100/00000/00195_lr.dat")).unwrap();
    bytes[777] ^= 1;
    b.write("records100/00000/00195_lr.dat", &bytes);
    let changed = print(&b);
    assert_ne!(changed, original);
    bytes[777] ^= 1;
    b.write("records100/00000/00195_lr.dat", &bytes);
    assert_eq!(print(&b), original);

    let table = fs::read_to_string(b.path("ptbxl_database.csv")).unwrap();
    b.write("ptbxl_database.csv", table.replace("14472.0", "14473.0"));
    assert_ne!(print(&b), original);
    b.write("ptbxl_database.csv", table);
    b.write("features.csv", "ecg_id\n");
    assert_ne!(fingerprint(&ptb_xl(&b.0, Some(&b.path("features.csv"))), &cache.0).unwrap(), original);
    fs::rename(b.path("records100/00000/00195_lr.dat"), b.path("records100/00000/00196_lr.dat")).unwrap();
    assert_ne!(print(&b), original);
}

#[test]
fn a_second_look_does_not_read_the_files() {
    let cache = Folder::new();
    let first = fingerprint(&sample(), &cache.0).unwrap();
    let file = cache.path("fingerprints.json");
    let mut kept: serde_json::Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    let known = kept["known"].as_object_mut().unwrap().values_mut().next().unwrap();
    assert_eq!(known["fingerprint"], first.as_str());
    known["fingerprint"] = "kept".into();
    // By hand: as good as deleted, and said.
    fs::write(&file, kept.to_string()).unwrap();
    let made_again = ecgraft::data::print(&sample(), &cache.0).unwrap();
    assert_eq!(made_again.fingerprint, first);
    assert!(made_again.told.unwrap().contains("fingerprints.json is not as ecgraft wrote it"));
    let again = ecgraft::data::print(&sample(), &cache.0).unwrap();
    assert_eq!((again.fingerprint, again.told), (first.clone(), None));
    // With a hash that fits it is believed, and no file is read.
    let text = fs::read_to_string(&file).unwrap().replace(&first, "kept");
    let kept: serde_json::Value = serde_json::from_str(&text).unwrap();
    let known = serde_json::to_string(&kept["known"]).unwrap();
    // In the order of its fields.
    let (place, known) = known.split_once(":{").unwrap();
    let fields: serde_json::Value = serde_json::from_str(&format!("{{{}", known.strip_suffix('}').unwrap())).unwrap();
    let known = format!(
        "{place}:{{\"listing\":{},\"fingerprint\":{},\"others\":{}}}}}",
        fields["listing"], fields["fingerprint"], fields["others"]
    );
    let hash = ecgraft::seed::sha256_hex(known.as_bytes());
    fs::write(&file, format!("{{\"sha256\":\"{hash}\",\"known\":{known}}}")).unwrap();
    assert_eq!(fingerprint(&sample(), &cache.0).unwrap(), "kept");
    fs::write(&file, "{ damaged").unwrap();
    assert_eq!(fingerprint(&sample(), &cache.0).unwrap(), first);

    // Files changed a moment ago may change again within the same tick of the clock.
    let new = copy();
    let cache = Folder::new();
    fingerprint(&ptb_xl(&new.0, None), &cache.0).unwrap();
    assert!(!cache.path("fingerprints.json").exists());
}

#[test]
fn a_cache_file_of_other_data_is_made_anew_and_both_are_told() {
    let cache = Folder::new();
    let (one, other) = (signal(&[Lead::II], 100.0, 10.0), signal(&[Lead::V1], 100.0, 10.0));
    let first = load("a", &sample(), &one, &cache.0).unwrap();
    let file = kept(&cache.0).remove(0);
    let second = load("a", &sample(), &other, &cache.0).unwrap();
    let others = kept(&cache.0).into_iter().find(|path| *path != file).unwrap();
    assert!(first.told.is_empty() && second.told.is_empty());
    let good = fs::read(&file).unwrap();
    fs::copy(&others, &file).unwrap();
    let again = load("a", &sample(), &one, &cache.0).unwrap();
    assert!(same(&again, &first));
    assert!(
        again.told[0].ends_with("is of other data than its name says; its records are made again"),
        "{:?}",
        again.told
    );
    assert!(fs::read(&file).unwrap() == good);
    fs::write(&file, &good[..good.len() - 9]).unwrap();
    let again = load("a", &sample(), &one, &cache.0).unwrap();
    assert!(
        same(&again, &first) && again.told[0].contains("is damaged; its records are made again"),
        "{:?}",
        again.told
    );
    assert!(load("a", &sample(), &one, &cache.0).unwrap().told.is_empty());
}

#[test]
fn an_index_of_people_is_kept_and_does_not_believe_another_file() {
    let cache = Folder::new();
    let print = ecgraft::data::print(&sample(), &cache.0).unwrap();
    let index = |signal: &Signal| ecgraft::data::index(&sample(), signal, &print, &cache.0).unwrap();
    let people = || -> Vec<PathBuf> {
        let files = fs::read_dir(&cache.0).unwrap().map(|entry| entry.unwrap().path());
        files.filter(|file| file.extension().is_some_and(|ending| ending == "people")).collect()
    };
    let (one, mut other) = (signal(&[Lead::II], 100.0, 10.0), signal(&[Lead::V1], 100.0, 10.0));
    let (first, told) = index(&one);
    let file = people().remove(0);
    assert!(first.len() == 311 && told.is_none() && first.folds().contains(&10));
    assert_ne!(index(&other).0, first, "of other leads");
    let others = people().into_iter().find(|path| *path != file).unwrap();
    fs::copy(&others, &file).unwrap();
    let (again, told) = index(&one);
    assert!(again == first && told.unwrap().contains("is of other data than its name says"));
    let mut bytes = fs::read(&file).unwrap();
    bytes[200] ^= 1;
    fs::write(&file, bytes).unwrap();
    let (again, told) = index(&one);
    assert!(again == first && told.unwrap().contains("is damaged"));
    assert_eq!(index(&one), (first, None));
    // Filters and normalisation do not change who is who.
    let before = people().len();
    (other.bandpass, other.normalize) = (Some([0.5, 40.0]), Normalize::ZScore);
    index(&other);
    assert_eq!(people().len(), before);
}

/// A copy of the sample with the first record's signal under an ending of its own, and the second outside the folder.
fn elsewhere() -> (Folder, Folder) {
    let (folder, outside) = (copy(), Folder::new());
    let header = fs::read_to_string(folder.path("records100/00000/00195_lr.hea")).unwrap();
    fs::rename(folder.path("records100/00000/00195_lr.dat"), folder.path("records100/00000/00195_lr.mat")).unwrap();
    folder.write("records100/00000/00195_lr.hea", header.replace("_lr.dat", "_lr.mat"));
    for ending in ["hea", "dat"] {
        let name = format!("records100/00000/00223_lr.{ending}");
        outside.write(&format!("00223_lr.{ending}"), fs::read(folder.path(&name)).unwrap());
        fs::remove_file(folder.path(&name)).unwrap();
    }
    let table = fs::read_to_string(folder.path("ptbxl_database.csv")).unwrap();
    let place = outside.path("00223_lr");
    folder.write("ptbxl_database.csv", table.replace("records100/00000/00223_lr", &place.to_string_lossy()));
    (folder, outside)
}

#[test]
fn the_files_that_are_read_are_the_files_that_are_hashed() {
    let (folder, outside) = elsewhere();
    let cache = Folder::new();
    let source = ptb_xl(&folder.0, None);
    let wanted = signal(&[Lead::II], 100.0, 10.0);
    let first = load("a", &source, &wanted, &cache.0).unwrap();
    for file in
        [folder.path("records100/00000/00195_lr.mat"), outside.path("00223_lr.dat"), outside.path("00223_lr.hea")]
    {
        let good = fs::read(&file).unwrap();
        let changed = match file.extension().unwrap() == "hea" {
            true => [good.as_slice(), b"# a comment\n"].concat(),
            // Two samples that are the same in the checksum.
            false => {
                let mut bytes = good.clone();
                let lead = |sample: usize| 2 * (12 * sample + 1);
                (bytes[lead(400)], bytes[lead(401)]) = (bytes[lead(400)] ^ 1, bytes[lead(401)] ^ 1);
                let sum = |bytes: &[u8]| -> i32 { [400, 401].iter().map(|s| i32::from(bytes[lead(*s)])).sum() };
                let difference = sum(&good) - sum(&bytes);
                let at = lead(402);
                let own = i16::from_le_bytes([bytes[at], bytes[at + 1]]) + difference as i16;
                bytes[at..at + 2].copy_from_slice(&own.to_le_bytes());
                bytes
            }
        };
        fs::write(&file, changed).unwrap();
        assert_ne!(fingerprint(&source, &cache.0).unwrap(), first.fingerprint, "{}", file.display());
        let planned = ecgraft::data::load_planned("a", &source, &wanted, &cache.0, &first.fingerprint);
        let name = file.display().to_string();
        super::refused(planned, &["source a: the data changed since planning", &name, "run again"]);
        fs::write(&file, good).unwrap();
        assert_eq!(fingerprint(&source, &cache.0).unwrap(), first.fingerprint);
    }
    // The same bytes at a later time are the same data.
    assert!(ecgraft::data::load_planned("a", &source, &wanted, &cache.0, &first.fingerprint).is_ok());
}

#[test]
fn simulated_records() {
    let cache = Folder::new();
    let source = |records, seed| Simulator::new(records, seed);
    let signal = signal(&[Lead::I, Lead::V1], 500.0, 2.0);
    let first = load("s", &source(3, 1), &signal, &cache.0).unwrap();
    assert_eq!((first.records.len(), first.all_signals().unwrap().len()), (3, 3 * 2 * 1000));
    assert!(same(&first, &load("s", &source(3, 1), &signal, &cache.0).unwrap()));
    let prints = [(3, 1), (4, 1), (3, 2)].map(|(records, seed)| fingerprint(&source(records, seed), &cache.0).unwrap());
    assert!(prints[0] != prints[1] && prints[0] != prints[2] && prints[1] != prints[2]);
    // Record by record, more records are the same and some more.
    let more = load("s", &source(5, 1), &signal, &cache.0).unwrap();
    let (signals, more_signals) = (first.all_signals().unwrap(), more.all_signals().unwrap());
    assert_eq!((&more.records[..3], &more_signals[..signals.len()]), (&first.records[..], &signals[..]));
}
