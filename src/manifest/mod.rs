//! The manifest language: TOML text in, a typed and checked [`Manifest`] out.
//!
//! One description of the language (every key with type, unit, range, default and meaning) drives the
//! reading, the checks of keys and words, the defaults and the JSON [`schema`].

mod checks;
mod class;
mod comparison_checks;
mod comparisons;
mod condition;
mod diagnostic;
mod document;
mod donor_checks;
mod freeze;
mod glob;
mod graft;
pub(crate) mod keys;
mod last_stage;
mod mixes;
mod name_checks;
mod path;
mod protocol;
mod read;
mod read_classes;
mod reference;
mod schema;
mod search;
mod self_supervised;
mod signal;
mod stage_types;
mod subset;
mod task;
mod training;
mod trial_checks;
mod trials;
mod types;
mod variants;
mod weights;
mod window;

pub use class::{Class, Rule};
pub use comparisons::*;
pub use condition::{Comparison, Condition, ConditionFault, ConditionName, Quantity};
pub use diagnostic::Diagnostic;
pub use freeze::{Freeze, FreezeStep, L2Sp};
pub use glob::glob_matches;
pub use graft::*;
pub use mixes::{Mix, MixPart};
pub use protocol::Protocol;
pub use reference::reference;
pub use schema::schema;
pub use search::{Choices, Search, SearchMethod, written};
pub use self_supervised::{Contrastive, Masked, MaskedLeads, MaskedLoss, Masking, Views};
pub use signal::{Compute, Normalize, Shorter, Signal, Storage};
pub use stage_types::*;
pub use subset::Subset;
pub use task::Task;
pub use training::{Augment, EarlyStopping, GradientClipping, Optimizer, Schedule, StoppingFrom, StoppingMetric};
pub use trials::{Exclude, Trials};
pub use types::*;
pub use variants::BASE;
pub use weights::WeightsFile;
pub use window::{Join, TestWindows, TrainWindow, Window};

pub use crate::nn::{Architecture, BatchNormMode, Fusion};
pub use crate::precision::Precision;

pub(crate) use crate::declare::{choices, hint};

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde_json::Value;
use toml::de::{DeTable, DeValue};
use walkdir::WalkDir;

use document::Text;

use crate::declare::Problem;
use crate::source::Source;
use crate::{Error, Result};

/// Reads the manifests at `paths`: files as they are, folders walked for `*.toml`, in name order.
/// A file that is reached twice is read once.
///
/// # Errors
/// One user error that lists every problem of every manifest, each with file, line, column, the
/// offending text and, for unknown names, the nearest known one. A path that does not exist and a
/// folder without manifests are problems too.
pub fn load(paths: &[PathBuf]) -> Result<Vec<Manifest>> {
    match load_sound(paths) {
        (manifests, None) => Ok(manifests),
        (_, Some(error)) => Err(error),
    }
}

/// As [`load`], but gives the manifests that are sound beside the error that lists the problems of the others.
pub fn load_sound(paths: &[PathBuf]) -> (Vec<Manifest>, Option<Error>) {
    // Each with its place: number of the file (0 for the paths themselves), line, column.
    let mut problems: Vec<((usize, usize, usize), String)> = Vec::new();
    let mut manifests: Vec<Manifest> = Vec::new();
    let (files, faulty_paths) = files(paths);
    problems.extend(faulty_paths.into_iter().map(|message| ((0, 0, 0), message)));
    for (number, file) in (1..).zip(&files) {
        let placed = |diagnostic: Diagnostic| ((number, diagnostic.line, diagnostic.column), diagnostic.to_string());
        match std::fs::read(file).map(String::from_utf8) {
            Err(error) => problems.push(((number, 0, 0), format!("{}: cannot be read: {error}", file.display()))),
            Ok(Err(error)) => {
                let valid = error.utf8_error().valid_up_to();
                let text = String::from_utf8_lossy(error.as_bytes());
                let message = "not UTF-8; save the manifest as UTF-8 text";
                problems.push(placed(Diagnostic::new(file, &text, valid..valid + 1, message)));
            }
            Ok(Ok(text)) => match parse_all(file, &text, &|name| std::env::var(name).ok()) {
                Err(diagnostics) => problems.extend(diagnostics.into_iter().map(placed)),
                Ok(variants) => {
                    let taken = |first: &&Manifest| variants.iter().any(|variant| variant.name == first.name);
                    if let Some(first) = manifests.iter().find(taken) {
                        let message = format!(
                            "the name `{}` is taken by {}; names are unique among manifests run together",
                            first.name,
                            first.path.display()
                        );
                        problems.push(placed(Diagnostic::new(file, &text, name_span(&text), message)));
                    } else {
                        manifests.extend(variants);
                    }
                }
            },
        }
    }
    problems.sort_by_key(|(place, _)| *place);
    let problems: Vec<String> = problems.into_iter().map(|(_, problem)| problem).collect();
    let error = match problems.as_slice() {
        [] => None,
        [problem] => Some(Error::user(problem.as_str())),
        several => {
            Some(Error::user(format!("{} problems in the manifests\n\n{}", several.len(), several.join("\n\n"))))
        }
    };
    (manifests, error)
}

/// The files that `paths` stand for, each once, and what is wrong with the paths.
fn files(paths: &[PathBuf]) -> (Vec<PathBuf>, Vec<String>) {
    let mut problems = Vec::new();
    let mut seen = BTreeSet::new();
    let mut files = Vec::new();
    for path in paths {
        let before = files.len();
        let mut found = 0;
        if path.is_dir() {
            for entry in WalkDir::new(path).follow_links(true).sort_by_file_name() {
                match entry {
                    Ok(entry) if entry.path().extension().is_some_and(|extension| extension == "toml") => {
                        if entry.file_type().is_file() {
                            found += 1;
                            files.push(entry.into_path());
                        }
                    }
                    Ok(_) => {}
                    Err(error) => problems.push(format!("{}: cannot be walked: {error}", path.display())),
                }
            }
            if found == 0 {
                problems.push(format!("{}: no manifests (*.toml) in this folder", path.display()));
            }
        } else if path.exists() {
            files.push(path.clone());
        } else {
            problems.push(format!("{}: no such file or folder", path.display()));
        }
        let new = files.split_off(before);
        files.extend(new.into_iter().filter(|file| seen.insert(file.canonicalize().unwrap_or_else(|_| file.clone()))));
    }
    (files, problems)
}

/// Where the value of `name` stands in a manifest that was parsed.
fn name_span(text: &str) -> std::ops::Range<usize> {
    span_of(text, &["name"])
}

/// Where a value stands in a manifest that was parsed; the last written one on the way to it.
fn span_of(text: &str, place: &[&str]) -> std::ops::Range<usize> {
    DeTable::parse(text).map_or(0..0, |table| span_in(table.get_ref(), place))
}

/// The same in a document.
fn span_in(table: &DeTable<'_>, place: &[&str]) -> std::ops::Range<usize> {
    let Some((first, rest)) = place.split_first() else { return 0..0 };
    let Some(mut value) = table.get(*first) else { return 0..0 };
    for step in rest {
        let next = match value.get_ref() {
            DeValue::Table(table) => table.get(*step),
            DeValue::Array(items) => step.parse::<usize>().ok().and_then(|index| items.get(index)),
            _ => None,
        };
        match next {
            Some(next) => value = next,
            None => break,
        }
    }
    value.span()
}

/// Parses and checks one manifest, as it stands: `path` names it in messages, and relative paths in it start at its
/// folder; `env` gives the values of environment variables. Files that it includes are read; of what stands in its
/// variants, only that they are tables is looked at.
///
/// A variable that is not set is no error here: see [`Manifest::missing_variables`].
///
/// # Errors
/// All its problems, in the order of the text.
///
/// ```
/// use ecgraft::manifest::parse;
/// let text = "name = \"a\"\n[regression]\nepoch = 3\n";
/// let problems = parse("a.toml".as_ref(), text, &|_| None).unwrap_err();
/// let last = problems.last().unwrap();
/// assert_eq!((last.line, last.column), (3, 1));
/// assert_eq!(last.message, "unknown key `epoch` in `regression`; did you mean `epochs`?");
/// ```
pub fn parse(path: &Path, text: &str, env: Env<'_>) -> std::result::Result<Manifest, Vec<Diagnostic>> {
    Parsed::of_text(path, text, env, |parsed| parsed.base())
}

/// Parses and checks one manifest: as [`parse`], in each of the variants and with each of the test folds that its trials
/// name, in their order. Without any it is there once, as it stands.
///
/// # Errors
/// All problems of it and of all its variants, in the order of the text.
pub fn parse_all(path: &Path, text: &str, env: Env<'_>) -> std::result::Result<Vec<Manifest>, Vec<Diagnostic>> {
    Parsed::of_text(path, text, env, |parsed| {
        let base = parsed.base()?;
        let mut variants = BTreeMap::from([(BASE.to_owned(), base.clone())]);
        let mut problems = Vec::new();
        for name in &base.variants {
            match parsed.variant(name) {
                Ok(variant) => drop(variants.insert(name.clone(), variant)),
                Err(own) => problems.extend(own),
            }
        }
        problems.extend(last_stage::of_other_targets(&parsed.document, &base, &variants));
        if !problems.is_empty() {
            return Err(problems);
        }
        let listed: Vec<Manifest> = match base.trials.variant.as_slice() {
            [] => vec![base.clone()],
            names => names.iter().filter_map(|name| variants.remove(name)).collect(),
        };
        Ok(listed.into_iter().flat_map(|manifest| each_fold(manifest, &base.trials.fold)).collect())
    })
}

/// Parses and checks one manifest as it stands, with keys said otherwise: ways from the top, and values. Problems of these
/// are told where `[search]` stands. It is the candidate called `name`: nothing that it trains is tested.
///
/// # Errors
/// As [`parse`].
pub fn parse_candidate(
    (path, text): (&Path, &str),
    env: Env<'_>,
    name: &str,
    settings: &[(String, Value)],
) -> std::result::Result<Manifest, Vec<Diagnostic>> {
    let texts: Vec<(&str, String)> = settings.iter().map(|(key, value)| (&**key, written(value))).collect();
    Parsed::of_text(path, text, env, |parsed| {
        let document = variants::with_settings(&parsed.document, &texts)?;
        let manifest = parsed.manifest(&document)?;
        Ok(Manifest { variant: Some(name.to_owned()), is_candidate: true, ..manifest })
    })
}

/// A manifest with each of these folds tested in turn; as it stands where there are none.
fn each_fold(manifest: Manifest, folds: &[u8]) -> Vec<Manifest> {
    match folds {
        [] => vec![manifest],
        folds => folds.iter().map(|fold| variants::rotated(&manifest, *fold)).collect(),
    }
}

/// The values of environment variables.
pub type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

/// A manifest's text and the document it comes to.
struct Parsed<'t> {
    path: &'t Path,
    text: &'t Text,
    document: DeTable<'t>,
    env: Env<'t>,
}

impl Parsed<'_> {
    /// What `read` gives of a text that is sound as such.
    fn of_text<T>(
        path: &Path,
        text: &str,
        env: Env<'_>,
        read: impl FnOnce(&Parsed<'_>) -> std::result::Result<T, Vec<Problem>>,
    ) -> std::result::Result<T, Vec<Diagnostic>> {
        let (text, missing) = Text::gather(path, text);
        let (document, mut problems) = text.document();
        problems.extend(missing);
        if !problems.is_empty() {
            return Err(text.diagnostics(problems));
        }
        read(&Parsed { path, text: &text, document, env }).map_err(|problems| text.diagnostics(problems))
    }

    /// The manifest as it stands; it is the variant of that name where it has variants.
    fn base(&self) -> std::result::Result<Manifest, Vec<Problem>> {
        let mut manifest = self.manifest(&self.document)?;
        manifest.variant = (!manifest.variants.is_empty()).then(|| BASE.to_owned());
        Ok(manifest)
    }

    /// The variant of this name.
    fn variant(&self, name: &str) -> std::result::Result<Manifest, Vec<Problem>> {
        let (document, problems) = variants::document(&self.document, name);
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Manifest { variant: Some(name.to_owned()), ..self.manifest(&document)? })
    }

    fn manifest(&self, document: &DeTable<'_>) -> std::result::Result<Manifest, Vec<Problem>> {
        let text = &self.text.whole;
        let mut read = read::manifest(self.text, document, self.env);
        protocol::apply(text, &mut read);
        trial_checks::complete(&mut read);
        let mut problems = read.problems;
        match typed(self.path, text, read.json) {
            Ok(manifest) => {
                problems.extend(checks::all(&manifest, &read.places));
                problems.extend(trial_checks::all(&manifest, &read.places));
                problems.extend(comparison_checks::all(&manifest, &read.places));
                if problems.is_empty() { Ok(manifest) } else { Err(problems) }
            }
            Err(error) => {
                if problems.is_empty() {
                    let message = format!("ecgraft misreads this manifest, a fault of ecgraft: {error}");
                    problems.push(Problem { span: 0..0, message });
                }
                Err(problems)
            }
        }
    }
}

fn typed(path: &Path, text: &str, mut json: Value) -> serde_json::Result<Manifest> {
    fn part<T: DeserializeOwned>(json: &mut Value, key: &str) -> serde_json::Result<T> {
        serde_json::from_value(json.get_mut(key).map(Value::take).unwrap_or_default())
    }
    let json = &mut json;
    let mut manifest = Manifest {
        path: path.to_path_buf(),
        text: text.to_string(),
        sha256: crate::seed::sha256_hex(text.as_bytes()),
        name: part(json, "name")?,
        variants: json["variants"].as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect(),
        variant: None,
        fold: None,
        description: part(json, "description")?,
        allow_overlap: part(json, "allow_overlap")?,
        sources: part(json, "sources")?,
        signal: part(json, "signal")?,
        mixes: part(json, "mixes")?,
        architectures: part(json, "architectures")?,
        freezes: part(json, "freezes")?,
        regression: part(json, "regression")?,
        transfer: part(json, "transfer")?,
        classification: part(json, "classification")?,
        masked: part(json, "masked")?,
        contrastive: part(json, "contrastive")?,
        weights: part(json, "weights")?,
        compute: part(json, "compute")?,
        search: part(json, "search")?,
        is_candidate: false,
        trials: part(json, "trials")?,
        comparisons: part(json, "comparisons")?,
    };
    manifest.freezes.entry("none".into()).or_default();
    Ok(manifest)
}

impl Manifest {
    /// The sources that the trials need, each once: the transfer source, then those of the mixes in
    /// the order of the trials.
    pub fn used_sources(&self) -> Vec<String> {
        let mixes = self.trials.mix.iter().filter_map(|name| self.mixes.get(name));
        let parts = mixes.flat_map(|mix| mix.parts.iter().map(|part| &part.source));
        let mut used: Vec<String> = Vec::new();
        let elsewhere = self.regression.evaluate_on.iter().chain(&self.transfer.evaluate_on);
        for source in std::iter::once(&self.transfer.source).chain(parts).chain(elsewhere) {
            if !used.contains(source) {
                used.push(source.clone());
            }
        }
        used
    }

    /// The weights from elsewhere that trials graft, each once, by name.
    pub fn used_weights(&self) -> impl Iterator<Item = (&String, &WeightsFile)> {
        let is_used = |name: &str| {
            let donors = self.trials.from.iter().flatten();
            donors.into_iter().any(|donor| matches!(donor, Donor::Weights(used) if used == name))
        };
        self.weights.iter().filter(move |(name, _)| is_used(name))
    }

    /// What is wrong with the value at one place of the manifest, told with file, line and column: for checks of what only
    /// later rooms know.
    pub fn fault(&self, place: &[&str], message: impl Into<String>) -> Vec<Diagnostic> {
        let (text, _) = Text::gather(&self.path, &self.text);
        let span = span_in(&text.document().0, place);
        text.diagnostics(vec![Problem { span, message: message.into() }])
    }

    /// What its data and people are known by: its name, with the variant and the test fold where it has them.
    pub fn scope(&self) -> String {
        let mut scope = self.name.clone();
        self.variant.iter().for_each(|variant| scope.push_str(&format!(", variant {variant}")));
        scope.push_str(if self.is_candidate { ", not tested" } else { "" });
        self.fold.iter().for_each(|fold| scope.push_str(&format!(", fold {fold}")));
        scope
    }

    /// The names of those classes that are told by voltage.
    pub fn voltage_classes(&self) -> Vec<&'static str> {
        let classes = self.transfer.classes.iter();
        classes.filter(|class| class.is_told_by_voltage()).map(Class::name).collect()
    }

    /// The source that is called so.
    pub fn source(&self, name: &str) -> Option<&dyn Source> {
        self.sources.get(name).map(AsRef::as_ref)
    }

    /// The environment variables in paths of [`Manifest::used_sources`] that are not set, each once.
    pub fn missing_variables(&self) -> Vec<String> {
        let sources = self.used_sources();
        let sources = sources.iter().filter_map(|name| self.sources.get(name));
        let mut missing: Vec<String> = Vec::new();
        let weights = self.used_weights().map(|(_, weights)| &weights.path);
        let paths = sources.flat_map(|source| source.all_paths()).chain(weights);
        for variable in paths.filter_map(|path| path.resolved.as_ref().err()) {
            if !missing.contains(variable) {
                missing.push(variable.clone());
            }
        }
        missing
    }
}
