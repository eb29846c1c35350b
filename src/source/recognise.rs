//! Folders in the layout of a kind of source, known again by what is in them.
//!
//! A kind that can be known again has a function `recognise` of a [`Glimpse`]: names of files and what stands in some of them
//! must both be as the kind's description has them, so that a stranger's folder is claimed by none. All of a set need not be
//! there, nor need the folder be its topmost. Layouts exclude each other: `ecg-arrhythmia` is `cinc` in folders that are called
//! `WFDBRecords`, and the Challenges' copies of PTB and PTB-XL have neither the folders of the one nor the tables of the other.
//! Should two kinds know a folder all the same, the first in the list of kinds has it.

use std::collections::VecDeque;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::SourceKind;
use super::comments::Comments;
use super::files::has_extension;
use super::kinds::LAYOUTS;
use super::table::Table;

/// Folders that are listed, and of one folder those that are entered: not all of 800,000 records are walked through.
const FOLDERS: usize = 64;
const OF_ONE: usize = 6;

/// Folders beside each other that are looked into one by one.
const MANY: usize = 12;

/// Headers that are read, and bytes of one.
const HEADERS: usize = 8;
const LONGEST: u64 = 1 << 16;

/// Folders that hold nothing but a folder, as archives make them, one in another.
const NESTED: usize = 3;

/// What a manifest says of a folder whose layout is a kind's.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Recognised {
    /// The kind.
    pub kind: &'static str,
    /// Its keys, all of them texts: `path` and what else must be said.
    pub keys: Vec<(&'static str, String)>,
}

impl Recognised {
    /// The same, and this key.
    pub fn with(mut self, key: &'static str, value: String) -> Self {
        self.keys.push((key, value));
        self
    }
}

/// What a manifest says of the folder, where its layout is that of a kind.
pub(crate) type Recognise = fn(&Glimpse) -> Option<Recognised>;

/// What a manifest says of the folder `path`, where its layout is that of any kind.
pub(crate) fn recognise(path: &Path) -> Option<Recognised> {
    let mut path = path.to_owned();
    for _ in 0..=NESTED {
        let glimpse = Glimpse::of(&path)?;
        if let Some(found) = LAYOUTS.iter().find_map(|own| own(&glimpse)) {
            return Some(found);
        }
        path = glimpse.only_folder()?;
    }
    None
}

/// Folders in `path` whose layout is that of a kind, with the kind.
pub(crate) fn recognised_in(path: &Path) -> Vec<(String, &'static str)> {
    let folders = Glimpse::of(path).map(|glimpse| glimpse.folders).unwrap_or_default();
    let known = |folder: &PathBuf| Some((stem(folder), recognise(folder)?.kind));
    spread(&folders, MANY).filter_map(known).collect()
}

/// Some of the files in a folder and below, from all over it.
#[derive(Debug)]
pub(crate) struct Glimpse {
    /// The folder.
    pub folder: PathBuf,
    /// Folders in it.
    folders: Vec<PathBuf>,
    files: Vec<PathBuf>,
}

impl Glimpse {
    /// Looks into `folder`; `None` where it is none.
    fn of(folder: &Path) -> Option<Self> {
        let (first, mut files) = listed(folder)?;
        let mut waiting: VecDeque<PathBuf> = spread(&first, OF_ONE).cloned().collect();
        for _ in 1..FOLDERS {
            let Some(next) = waiting.pop_front() else { break };
            let Some((within, own)) = listed(&next) else { continue };
            waiting.extend(spread(&within, OF_ONE).cloned());
            files.extend(own);
        }
        Some(Self { folder: folder.to_owned(), folders: first, files })
    }

    /// The folder in it, where there is nothing else.
    fn only_folder(&self) -> Option<PathBuf> {
        let is_in_it = |file: &PathBuf| file.parent() == Some(&self.folder);
        let [only] = self.folders.as_slice() else { return None };
        (!self.files.iter().any(is_in_it)).then(|| only.clone())
    }

    /// Files that end in `.extension`.
    pub fn of_ending<'a>(&'a self, extension: &'a str) -> impl Iterator<Item = &'a Path> {
        self.files.iter().map(PathBuf::as_path).filter(move |path| has_extension(path, extension))
    }

    /// Whether there are WFDB headers and no signals of other libraries, and of some from all over their paths and comments
    /// are as asked.
    pub(super) fn headers_are(&self, is: impl Fn(&Path, &Comments) -> bool) -> bool {
        let headers: Vec<&Path> = self.of_ending("hea").collect();
        let is_one = |path: &&Path| start(path).is_some_and(|text| is(path, &Comments::parse(&text)));
        let is_alone = ["h5", "hdf5", "npy", "npz"].iter().all(|ending| self.of_ending(ending).next().is_none());
        is_alone && !headers.is_empty() && spread(&headers, HEADERS).all(is_one)
    }

    /// Whether the folder itself has a CSV table called `name` with these columns.
    pub fn has_table(&self, name: &str, columns: &[&str]) -> bool {
        let has_all = |table: Table| columns.iter().all(|column| table.optional_column(column).is_some());
        Table::open(&self.folder.join(name)).is_ok_and(has_all)
    }

    /// That the folder is of `kind`, if it is.
    pub fn of_kind(&self, kind: &SourceKind, is_it: bool) -> Option<Recognised> {
        let path = self.folder.to_string_lossy().into_owned();
        is_it.then(|| Recognised { kind: kind.declaration.name, keys: vec![("path", path)] })
    }
}

/// Folders in `folder`, and files; without those that are hidden.
fn listed(folder: &Path) -> Option<(Vec<PathBuf>, Vec<PathBuf>)> {
    let entries = fs::read_dir(folder).ok()?.flatten();
    let shown = entries.filter(|entry| !entry.file_name().to_string_lossy().starts_with('.'));
    let is_folder = |path: &PathBuf| path.is_dir();
    let (mut folders, mut files): (Vec<PathBuf>, Vec<PathBuf>) = shown.map(|entry| entry.path()).partition(is_folder);
    folders.sort();
    files.sort();
    Some((folders, files))
}

/// The beginning of a file.
fn start(path: &Path) -> Option<String> {
    let mut bytes = Vec::new();
    fs::File::open(path).ok()?.take(LONGEST).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// At most `most` of `items`, the first and the last among them.
fn spread<T>(items: &[T], most: usize) -> impl Iterator<Item = &T> {
    let count = items.len().min(most);
    (0..count).filter_map(move |place| items.get(place * (items.len() - 1) / (count - 1).max(1)))
}

/// Whether `name` is `before` and that many digits after it.
pub(super) fn is_numbered(name: &str, before: &str, digits: usize) -> bool {
    let number = name.strip_prefix(before);
    number.is_some_and(|number| number.len() == digits && number.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The file's name without its ending.
pub(super) fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_of_many_are_from_all_over() {
        let of = |count: usize, most: usize| {
            let items: Vec<usize> = (0..count).collect();
            spread(&items, most).copied().collect::<Vec<_>>()
        };
        assert_eq!(of(0, 3), [0; 0]);
        assert_eq!(of(1, 3), [0]);
        assert_eq!(of(3, 3), [0, 1, 2]);
        assert_eq!(of(101, 3), [0, 50, 100]);
        assert!(is_numbered("JS00001", "JS", 5) && !is_numbered("JS0001", "JS", 5) && !is_numbered("S0001x", "S", 4));
    }
}
