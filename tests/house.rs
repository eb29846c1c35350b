//! How the house is built: who may use whom, how long files and functions may be, where `unsafe` may be.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

/// The rooms, from the ground up. A room uses those before it, and itself.
const ROOMS: &[&str] = &[
    "error",
    "precision",
    "process",
    "seed",
    "terminal",
    "results",
    "words",
    "stop",
    "durable",
    "output",
    "progress",
    "statistics",
    "ecg",
    "declare",
    "tensor",
    "ops",
    "nn",
    "source",
    "manifest",
    "metrics",
    "plan",
    "data",
    "inspect",
    "outcome",
    "store",
    "train",
    "merge",
    "run",
    "search",
    "slurm",
    "compare",
    "verify",
    "housekeeping",
    "audit",
    "bench",
    "report",
    "crew",
    "serve",
    "cli",
];

/// Lines that a file may have.
const LINES: usize = 500;

/// The source files, below `src`, with what they say.
fn files() -> Vec<(PathBuf, String)> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let entries = WalkDir::new(&source).sort_by_file_name().into_iter().map(|entry| entry.unwrap().into_path());
    let rust = entries.filter(|path| path.extension().is_some_and(|ending| ending == "rs"));
    rust.map(|path| (path.strip_prefix(&source).unwrap().to_owned(), std::fs::read_to_string(&path).unwrap())).collect()
}

/// The room that a file is in.
fn room(path: &Path) -> String {
    let first = path.iter().next().unwrap().to_string_lossy();
    first.trim_end_matches(".rs").to_owned()
}

/// The code of a file, without its tests and without comments.
fn code(text: &str) -> String {
    let (code, _) = text.split_once("#[cfg(test)]\nmod tests {").unwrap_or((text, ""));
    code.lines().filter(|line| !line.trim_start().starts_with("//")).map(|line| format!("{line}\n")).collect()
}

fn is_test(path: &Path) -> bool {
    path.iter().any(|part| part == "tests" || part == "tests.rs")
}

/// The rooms that code names: `crate::ROOM`, and each of `crate::{ROOM, ...}`.
fn named(code: &str) -> Vec<String> {
    let mut rooms = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        let mut push = |text: &str| {
            let name: String = text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            rooms.push(name);
        };
        match rest.strip_prefix('{') {
            None => push(rest),
            Some(list) => {
                let mut depth = 0;
                let mut start = true;
                for (place, letter) in list.char_indices() {
                    match letter {
                        '{' => depth += 1,
                        '}' if depth == 0 => break,
                        '}' => depth -= 1,
                        ',' if depth == 0 => start = true,
                        letter if start && !letter.is_whitespace() => {
                            push(&list[place..]);
                            start = false;
                        }
                        _ => {}
                    }
                }
            }
        }
    }
    rooms
}

#[test]
fn rooms_use_only_those_below_them() {
    let floor: BTreeMap<&str, usize> = ROOMS.iter().enumerate().map(|(floor, room)| (*room, floor)).collect();
    let mut wrong = Vec::new();
    for (path, text) in files().iter().filter(|(path, _)| !is_test(path)) {
        let room = room(path);
        if room == "lib" || room == "main" {
            continue;
        }
        let own = *floor.get(&*room).unwrap_or_else(|| panic!("{room} is on no floor: say where in ROOMS"));
        for other in named(&code(text)) {
            if floor.get(&*other).is_some_and(|other| *other > own) {
                wrong.push(format!("{}: {room} uses {other}, which is above it", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_check_of_rooms_reads_uses() {
    let said = named("use crate::{Error, data::{a, b}, store};\nlet x = crate::run::go(); use crate::seed;");
    assert_eq!(said, ["Error", "data", "store", "run", "seed"]);
}

#[test]
fn no_file_is_longer_than_a_reader_likes() {
    let long: Vec<String> = files()
        .iter()
        .map(|(path, text)| (path, text.lines().count()))
        .filter(|(_, lines)| *lines > LINES)
        .map(|(path, lines)| format!("{}: {lines} lines", path.display()))
        .collect();
    assert!(long.is_empty(), "more than {LINES}: {long:#?}");
}

#[test]
fn modules_are_laid_out_in_one_way() {
    let paths: Vec<PathBuf> = files().into_iter().map(|(path, _)| path).collect();
    let beside = |path: &&PathBuf| {
        let folder = path.with_extension("");
        paths.iter().any(|other| other.parent() == Some(&folder))
    };
    let two: Vec<&PathBuf> = paths.iter().filter(beside).collect();
    assert!(two.is_empty(), "NAME.rs beside NAME/, where NAME/mod.rs belongs: {two:?}");
}

/// The files that may be `unsafe`: each says why it is sound.
const DOORS: &[&str] = &[
    "ops/cpu/simd.rs",
    "ops/cuda/compile.rs",
    "ops/cuda/driver.rs",
    "ops/cuda/emulated.rs",
    "ops/cuda/kernel.rs",
    "tensor/upstream.rs",
];

#[test]
fn unsafe_code_is_behind_its_doors() {
    let opens = |text: &str| text.lines().any(|line| line.starts_with("#![allow(unsafe_code)]"));
    let files = files();
    let open: Vec<String> =
        files.iter().filter(|(_, text)| opens(text)).map(|(path, _)| path.to_string_lossy().into_owned()).collect();
    assert_eq!(open, DOORS);
}
