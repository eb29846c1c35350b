//! Power that is lost: the image of a file system, copied at random moments, is what is there when the machine comes back.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use super::disks::Mounted;
use super::judge::{Study, command, count, no_table, run, start, told};
use crate::chance::Chance;
use crate::workbench::{Workbench, skipped};

/// Copies of one run's image.
const OF_A_RUN: usize = 8;
/// For so long after the end power may be lost too.
const AFTER: Duration = Duration::from_secs(3);

fn done(program: &str, arguments: &[&str]) -> Result<(), String> {
    let said = Command::new(program).args(arguments).output().map_err(|error| format!("{program}: {error}"))?;
    if said.status.success() {
        Ok(())
    } else {
        Err(format!("{program}: {}", String::from_utf8_lossy(&said.stderr).trim()))
    }
}

/// A folder for images: in memory where there is any, so that copies take milliseconds.
fn images(bench: &Workbench) -> PathBuf {
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() { memory.join(bench.path.file_name().unwrap()) } else { bench.path.join("images") };
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// Removes the images in the end.
struct Images(PathBuf);

impl Drop for Images {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The image as it is at one moment: what was copied while it changed is copied again.
fn copy(image: &Path, to: &Path) {
    loop {
        let (one, two) = (fs::read(image).unwrap(), fs::read(image).unwrap());
        if one == two {
            return fs::write(to, one).unwrap();
        }
    }
}

/// Runs the study on a file system of its own and copies its image now and then: the copies.
fn copies(
    study: &Study,
    bench: &Workbench,
    images: &Path,
    chance: &mut Chance,
    wanted: usize,
) -> Result<Vec<PathBuf>, String> {
    let image = images.join("image");
    fs::write(&image, vec![0; 24 << 20]).unwrap();
    let name = image.to_str().unwrap();
    done("mkfs.ext4", &["-q", "-F", "-b", "1024", name])?;
    let results = bench.results();
    let _mounted = Mounted::new(&results, &["-o", "loop", name])?;
    // As they come: some at once, some while it is at work, some after its end.
    let mut moments: Vec<Duration> = (0..wanted).map(|_| (study.wall * 2 + AFTER).mul_f64(chance.share())).collect();
    moments.sort();
    let mut running = start(bench, command(bench, &[]), "run");
    let (begun, mut copies) = (Instant::now(), Vec::new());
    for (number, moment) in moments.into_iter().enumerate() {
        std::thread::sleep(moment.saturating_sub(begun.elapsed()));
        let at_work = running.child.try_wait().unwrap().is_none();
        if at_work {
            running.signal("STOP");
        }
        let path = images.join(format!("copy-{number}"));
        copy(&image, &path);
        if at_work {
            running.signal("CONT");
        }
        copies.push(path);
    }
    assert!(running.ended_within(super::judge::PATIENCE));
    Ok(copies)
}

/// What is there when the machine comes back: whether anything was; then it is gone on with.
fn comes_back(study: &Study, copy: &Path) -> Result<(), String> {
    let bench = study.bench("back");
    let results = bench.results();
    let name = copy.to_str().unwrap();
    {
        let _mounted = Mounted::new(&results, &["-o", "loop", name])?;
        if results.join("ecgraft.sqlite").metadata().is_ok_and(|of| of.len() > 0) {
            // A store that is there is whole, and what it says is done is there.
            study.agrees_with(&results).or_else(no_table)?;
        }
        run(&bench, &[]).ended_well();
        study.is_in(&results)?;
    }
    done("e2fsck", &["-fn", name])
}

#[test]
fn lost_power_leaves_nothing_done_without_its_weights() {
    let test = "lost_power_leaves_nothing_done_without_its_weights";
    let (study, mut chance, wanted) = (Study::small(), Chance::new("power"), count(4));
    let (mut lost, mut wrong) = (0, Vec::new());
    while lost < wanted {
        let bench = study.bench("power");
        let images = Images(images(&bench));
        let copies = match copies(study, &bench, &images.0, &mut chance, OF_A_RUN.min(wanted - lost)) {
            Ok(copies) => copies,
            Err(why) => return skipped(test, &format!("no file system can be made and mounted here ({why})")),
        };
        for copy in copies {
            lost += 1;
            wrong.extend(comes_back(study, &copy).err());
        }
    }
    let first = wrong.first().cloned().unwrap_or_default();
    assert!(wrong.is_empty(), "{} of {lost} times power was lost: {first}", wrong.len());
    told(&format!(
        "power lost {lost} times: no stage is done without its weights, and all ends bit for bit as untouched"
    ));
}
