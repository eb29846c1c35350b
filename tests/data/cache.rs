//! Fingerprints and the cache of prepared records.

use std::fs;
use std::path::{Path, PathBuf};

use ecgraft::data::{Dataset, fingerprint, load};
use ecgraft::manifest::{Lead, Normalize, Source};

use super::{Folder, SAMPLE, ptb_xl, sample, signal};

fn same(a: &Dataset, b: &Dataset) -> bool {
    let bits = |dataset: &Dataset| dataset.signals.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
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
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains(&first));
    fs::write(&file, text.replace(&first, "kept")).unwrap();
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
fn simulated_records() {
    let cache = Folder::new();
    let source = |records, seed| Source::Simulator { records, seed };
    let signal = signal(&[Lead::I, Lead::V1], 500.0, 2.0);
    let first = load("s", &source(3, 1), &signal, &cache.0).unwrap();
    assert_eq!((first.records.len(), first.signals.len()), (3, 3 * 2 * 1000));
    assert!(same(&first, &load("s", &source(3, 1), &signal, &cache.0).unwrap()));
    let prints = [(3, 1), (4, 1), (3, 2)].map(|(records, seed)| fingerprint(&source(records, seed), &cache.0).unwrap());
    assert!(prints[0] != prints[1] && prints[0] != prints[2] && prints[1] != prints[2]);
    // Record by record, more records are the same and some more.
    let more = load("s", &source(5, 1), &signal, &cache.0).unwrap();
    assert_eq!((&more.records[..3], &more.signals[..first.signals.len()]), (&first.records[..], &first.signals[..]));
}
