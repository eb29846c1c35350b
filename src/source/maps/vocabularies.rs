//! The standard vocabularies, each with the codes of its map.

use crate::ecg::Vocabulary;

/// PTB-XL's SCP-ECG statements, as PTB-XL writes them and in the order of its table.
pub static SCP: Vocabulary = Vocabulary::new("scp", &codes::<71>(include_bytes!("scp.csv")));

/// PTB-XL's diagnostic subclasses, in the order of its table.
pub static SUBCLASS: Vocabulary = Vocabulary::new(
    "subclass",
    &[
        "STTC",
        "NST_",
        "NORM",
        "IMI",
        "AMI",
        "LVH",
        "LAFB/LPFB",
        "ISC_",
        "IRBBB",
        "_AVB",
        "IVCD",
        "ISCA",
        "CRBBB",
        "CLBBB",
        "LAO/LAE",
        "ISCI",
        "LMI",
        "RVH",
        "RAO/RAE",
        "WPW",
        "ILBBB",
        "SEHYP",
        "PMI",
    ],
);

/// SNOMED CT codes of ECG findings: those of the PhysioNet/CinC Challenges 2020 and 2021 and of ecg-arrhythmia.
pub static SNOMED: Vocabulary = Vocabulary::new("snomed", &codes::<143>(include_bytes!("snomed.csv")));

/// Codes of the AHA/ACC/HRS statements, primary and with modifiers.
pub static AHA: Vocabulary = Vocabulary::new("aha", &codes::<85>(include_bytes!("aha.csv")));

/// The first fields of all lines but the first, while the program is compiled; which fails where they are not `N`.
const fn codes<const N: usize>(file: &'static [u8]) -> [&'static str; N] {
    let mut codes = [""; N];
    let mut rest = after(file, b'\n');
    let mut found = 0;
    while !rest.is_empty() {
        codes[found] = before(rest, b',');
        found += 1;
        rest = after(rest, b'\n');
    }
    assert!(found == N, "the map has another number of codes");
    codes
}

/// Where `byte` is in `text`, or its end.
const fn find(text: &[u8], byte: u8) -> usize {
    let mut place = 0;
    while place < text.len() && text[place] != byte {
        place += 1;
    }
    place
}

const fn before(text: &'static [u8], byte: u8) -> &'static str {
    match std::str::from_utf8(text.split_at(find(text, byte)).0) {
        Ok(text) => text,
        Err(_) => panic!("the map is no UTF-8"),
    }
}

const fn after(text: &'static [u8], byte: u8) -> &'static [u8] {
    let place = find(text, byte);
    text.split_at(if place < text.len() { place + 1 } else { place }).1
}
