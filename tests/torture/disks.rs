//! Disks that are full.

use std::path::Path;
use std::process::Command;

use super::judge::{Study, count, no_table, run, told};
use crate::chance::Chance;
use crate::workbench::{Workbench, skipped};

/// A file system that is taken away at the end.
pub struct Mounted<'a>(&'a Path);

impl<'a> Mounted<'a> {
    /// Mounts, or says why it cannot.
    pub fn new(at: &'a Path, arguments: &[&str]) -> Result<Self, String> {
        std::fs::create_dir_all(at).unwrap();
        let said = Command::new("mount").args(arguments).arg(at).output().map_err(|error| error.to_string())?;
        if said.status.success() { Ok(Self(at)) } else { Err(String::from_utf8_lossy(&said.stderr).trim().to_owned()) }
    }
}

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0).status();
    }
}

/// A disk of so many KiB as the folder's results.
fn small_disk(results: &Path, size: usize) -> Result<Mounted<'_>, String> {
    Mounted::new(results, &["-t", "tmpfs", "-o", &format!("size={size}k"), "tmpfs"])
}

fn enlarge(results: &Path) {
    assert!(Command::new("mount").args(["-o", "remount,size=256m"]).arg(results).status().unwrap().success());
}

fn kilobytes(folder: &Path) -> usize {
    let said = Command::new("du").arg("-sk").arg(folder).output().unwrap();
    String::from_utf8(said.stdout).unwrap().split_whitespace().next().unwrap().parse().unwrap()
}

#[test]
fn full_disks_lose_nothing_that_was_done() {
    let test = "full_disks_lose_nothing_that_was_done";
    let study = Study::small();
    let whole = study.bench("whole");
    run(&whole, &[]).ended_well();
    let needed = kilobytes(&whole.results());
    let (mut chance, wanted, mut full, mut disks) = (Chance::new("disks"), count(3), 0, 0);
    // Some are large enough after all: what is only kept to be quick is done without.
    while full < wanted && disks < 10 * wanted {
        disks += 1;
        let bench = study.bench("disk");
        let results = bench.results();
        let size = 16 + chance.below(needed / 2);
        let _disk = match small_disk(&results, size) {
            Ok(disk) => disk,
            Err(why) => return skipped(test, &format!("no disk can be mounted here ({why})")),
        };
        let ended = run(&bench, &[]);
        // What the full disk held is read when SQLite has room for what it shares with readers.
        enlarge(&results);
        if !ended.ended_clearly() {
            full += 1;
            let is_begun = results.join("ecgraft.sqlite").metadata().is_ok_and(|of| of.len() > 0);
            let agrees = if is_begun { study.agrees_with(&results) } else { Ok(()) };
            agrees.or_else(no_table).unwrap_or_else(|why| panic!("a disk of {size} KiB: {why}\n{}", ended.said));
        }
        run(&bench, &[]).ended_well();
        study.is_in(&results).unwrap_or_else(|why| panic!("a disk of {size} KiB: {why}\n{}", ended.said));
    }
    told(&format!("{full} full disks: told, and with room all ends bit for bit as untouched"));
}

#[test]
fn a_full_disk_leaves_the_old_report() {
    let test = "a_full_disk_leaves_the_old_report";
    let bench = Study::small().bench("report");
    run(&bench, &[]).ended_well();
    let folder = bench.path.join("disk");
    let _disk = match small_disk(&folder, 64) {
        Ok(disk) => disk,
        Err(why) => return skipped(test, &format!("no disk can be mounted here ({why})")),
    };
    leaves(&bench, &["report", "-o", "disk/old.html"], "old.html", b"<!doctype html>\n<p>old");
    std::fs::write(folder.join("ecgraft-export.txt"), "by hand").unwrap();
    leaves(&bench, &["export", "--csv", "disk"], "predictions.csv", b"old\n");
}

/// That a command which runs out of room leaves what was there, and nothing else.
fn leaves(bench: &Workbench, arguments: &[&str], name: &str, old: &[u8]) {
    let path = bench.path.join("disk").join(name);
    std::fs::write(&path, old).unwrap();
    bench.run(arguments).users_fault(&["disk", "cannot be written"]);
    assert_eq!(std::fs::read(&path).unwrap(), old, "{arguments:?}");
    let left = std::fs::read_dir(path.parent().unwrap()).unwrap();
    let left: Vec<_> =
        left.map(|entry| entry.unwrap().file_name()).filter(|name| name.to_string_lossy().ends_with("tmp")).collect();
    assert!(left.is_empty(), "{left:?}");
}
