//! One experiment in one file, which opens anywhere.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use serde_json::json;

use super::{bytes, counted, size, tar};
use crate::durable::{self, Scratch};
use crate::plan::NUMERIC_VERSION;
use crate::results::ResultsFolder;
use crate::store::{Folded, Offered, Other, StageRow, StageStatus, Store, StoredManifest};
use crate::train::checkpoint::Checkpoint;
use crate::{Error, Result, compare, process, run};

/// What the store is called before it is in the archive.
const PACKED: &str = "packed.sqlite";

/// What is in an archive.
#[derive(Clone, Debug, Default)]
pub struct Archived {
    /// The experiment.
    name: String,
    /// Its runs and stages.
    runs: usize,
    stages: usize,
    /// Bytes of the file.
    bytes: u64,
}

/// Writes the experiment called `name` of `results` to the tar file `to`: a folder of results with that experiment alone, its
/// manifest, and what made it. Equal content makes equal bytes.
///
/// # Errors
/// A user error where there is no such experiment, a run of it is not done, weights are not there or not those of their stage,
/// or the file cannot be written.
pub fn archive(results: &ResultsFolder, name: &str, to: &Path) -> Result<Archived> {
    let store = Store::open_read_only(results.path())?;
    may_replace(to)?;
    // The names that there are, where it is none of them.
    let found = compare::experiments(&store, &[name.to_owned()])?;
    if found != [name] {
        return Err(Error::user(format!("{name}: an archive is of one experiment, by its whole name")));
    }
    let rows: Vec<StageRow> = store.stored_stages(Some(&found))?.into_iter().map(|stage| stage.row).collect();
    let stages: BTreeSet<String> = rows.iter().map(|row| row.stage_id.clone()).collect();
    let runs: Vec<_> = store.runs()?.into_iter().filter(|run| run.experiment == name).collect();
    let not_done = runs.iter().filter(|run| run.status != StageStatus::Done).count();
    if not_done > 0 {
        return Err(Error::user(format!(
            "{name}: {} of {} not done; `ecgraft run` ends them, an archive is of what is finished",
            not_done,
            counted(runs.len(), "run") + if runs.len() == 1 { " is" } else { " are" }
        )));
    }
    let manifests: BTreeSet<&String> = runs.iter().map(|run| &run.manifest_sha256).collect();
    let manifests: Vec<StoredManifest> =
        manifests.iter().map(|sha256| store.manifest(sha256)).collect::<Result<_>>()?;
    drop(store);
    let wrong = |error: io::Error| Error::user(format!("{} cannot be written: {error}", to.display()));
    let scratch = Scratch::new().map_err(wrong)?;
    let offered = copy(results, name, &stages, scratch.path())?;
    let packed = std::fs::read(scratch.path().join(PACKED)).map_err(wrong)?;
    for stage in &offered {
        Checkpoint::read(&results.checkpoint(&stage.id))?.is_of(&stage.id, stage.weights_sha256.as_deref())?;
    }
    let folder = &plain_name(name);
    let about = about((name, &rows), &manifests, &packed, &offered);
    let written = durable::write_with(to, |file| {
        tar::file(file, &format!("{folder}/{ABOUT}"), about.as_bytes())?;
        write(file, (results, folder), &manifests, &packed, &offered)
    });
    written.map_err(wrong)?;
    Ok(Archived { name: name.to_owned(), runs: runs.len(), stages: offered.len(), bytes: bytes(to) })
}

/// The first file in an archive, in its folder.
const ABOUT: &str = "archive.json";

/// The name of an experiment as that of a folder or file that stays where it is put, and is short enough for a tar file.
pub fn plain_name(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' };
    let name: String = name.chars().map(plain).take(40).collect();
    let name = name.trim_start_matches('.');
    if name.is_empty() { "archive".to_owned() } else { name.to_owned() }
}

/// That nothing is at `to` but an earlier archive, if anything is.
fn may_replace(to: &Path) -> Result<()> {
    let Ok(metadata) = std::fs::metadata(to) else { return Ok(()) };
    let mut begin = [0; 100];
    let is_archive = metadata.is_file()
        && File::open(to).and_then(|mut file| file.read_exact(&mut begin)).is_ok()
        && String::from_utf8_lossy(&begin).trim_end_matches('\0').ends_with(&format!("/{ABOUT}"));
    if is_archive {
        return Ok(());
    }
    Err(Error::user(format!(
        "{}: what is there is no archive of ecgraft, and is left as it is; give another name, or move it away",
        to.display()
    )))
}

/// Copies the stages of the experiment to a store of their own, in `folder`.
fn copy(results: &ResultsFolder, name: &str, stages: &BTreeSet<String>, folder: &Path) -> Result<Vec<Offered>> {
    let other = Other::store(results.path())?;
    let mut offered: Vec<Offered> = other.offers()?.into_iter().filter(|stage| stages.contains(&stage.id)).collect();
    // Those that others are grafted from come first.
    offered.sort_by_key(|stage| !stage.inputs.is_empty());
    let mut store = Store::open(folder)?;
    store.folding(|folding| {
        for stage in &offered {
            match folding.stage(&other, &other.content(&stage.id)?)? {
                Folded::New | Folded::Known => {}
                Folded::Waits(input) => {
                    return Err(Error::user(format!(
                        "stage {}: it was grafted from {input}, which is not done",
                        stage.id
                    )));
                }
                Folded::Refused(why) => return Err(Error::user(why)),
            }
        }
        Ok(())
    })?;
    // Stages come with the runs of all experiments that share them.
    for other in store.all_experiments()?.iter().filter(|other| *other != name) {
        store.remove(other, process::is_gone)?;
    }
    store.packed(&folder.join(PACKED))?;
    Ok(offered)
}

fn write(
    file: &mut impl Write,
    (results, name): (&ResultsFolder, &str),
    manifests: &[StoredManifest],
    store: &[u8],
    offered: &[Offered],
) -> io::Result<()> {
    let place = |inside: &str| format!("{name}/{inside}");
    tar::file(file, &place("README.txt"), readme(name).as_bytes())?;
    for (number, manifest) in manifests.iter().enumerate() {
        let number = if number == 0 { String::new() } else { format!("-{}", number + 1) };
        tar::file(file, &place(&format!("{name}{number}.toml")), manifest.text.as_bytes())?;
    }
    tar::file(file, &place(ResultsFolder::STORE), store)?;
    for stage in offered {
        let content = std::fs::read(results.checkpoint(&stage.id))?;
        tar::file(file, &place(&ResultsFolder::checkpoint_name(&stage.id)), &content)?;
    }
    tar::end(file)
}

/// Versions and checksums, for who has no ecgraft.
fn about((name, rows): (&str, &[StageRow]), manifests: &[StoredManifest], store: &[u8], offered: &[Offered]) -> String {
    let versions: BTreeSet<&String> = rows.iter().filter_map(|row| row.version.as_ref()).collect();
    let data: BTreeSet<&str> = rows.iter().flat_map(|row| row.data_fingerprint.split('+')).collect();
    let sha256 = |bytes: &[u8]| crate::seed::sha256_hex(bytes);
    let weights: serde_json::Map<String, serde_json::Value> =
        offered.iter().map(|stage| (stage.id.clone(), json!(stage.weights_sha256))).collect();
    let manifests: Vec<_> = manifests
        .iter()
        .map(|manifest| json!({ "path": manifest.path, "sha256": sha256(manifest.text.as_bytes()) }))
        .collect();
    let about = json!({
        "experiment": name,
        "written_by": run::VERSION,
        "trained_by": versions,
        "numeric_version": NUMERIC_VERSION,
        "data_fingerprints": data,
        "manifests": manifests,
        "store_sha256": sha256(store),
        "weights_sha256": weights,
    });
    format!("{about:#}\n")
}

fn readme(name: &str) -> String {
    format!(
        "The experiment {name} of ecgraft, in a folder of results of its own: its manifest as it was run, the store with all that
was found, and the weights of its networks. Data are not in it: archive.json and the store have their fingerprints.

    tar xf ARCHIVE
    ecgraft verify --results {name}         proves all that the store says
    ecgraft compare --results {name}        the comparison
    ecgraft query --results {name} 'SELECT * FROM runs'

`ecgraft merge {name} --results OTHER` folds it into another folder of results. The store is a SQLite file, and the weights are
safetensors: both open without ecgraft.
"
    )
}

impl Archived {
    /// What is in it, in a line.
    pub fn summary(&self, to: &Path) -> String {
        format!(
            "{}: {} and {} with their weights, {}: {}\n",
            self.name,
            counted(self.runs, "run"),
            counted(self.stages, "stage"),
            size(self.bytes),
            to.display()
        )
    }
}
