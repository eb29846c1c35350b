//! Variants: a manifest with some of its keys said otherwise, and with its test folds rotated.

use std::borrow::Cow;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Manifest, Transfer};
use crate::declare::Problem;

/// The variant that says nothing otherwise.
pub const BASE: &str = "base";

/// Keys that make a variant or its trials what they are, and so are not its own.
const NOT_OVERRIDDEN: [&str; 6] = ["name", "description", "include", "variants", "trials", "comparisons"];

/// Lays one table over another: tables are joined key by key, unless they are of different kinds; whatever else is
/// replaced.
pub(super) fn overlay<'t>(under: &mut DeTable<'t>, over: &DeTable<'t>) {
    for (key, value) in over {
        lay(under, key, value);
    }
}

fn lay<'t>(under: &mut DeTable<'t>, key: &Spanned<Cow<'t, str>>, value: &Spanned<DeValue<'t>>) {
    if let (Some(DeValue::Table(own)), DeValue::Table(new)) =
        (under.get_mut(key.get_ref().as_ref()).map(Spanned::get_mut), value.get_ref())
        && is_of_same_kind(own, new)
    {
        overlay(own, new);
        return;
    }
    under.remove(key.get_ref().as_ref());
    under.insert(key.clone(), value.clone());
}

/// Whether `new` says nothing of a kind, or the same as `own`.
fn is_of_same_kind(own: &DeTable<'_>, new: &DeTable<'_>) -> bool {
    let kind = |table: &DeTable<'_>| table.get("kind").and_then(|kind| kind.get_ref().as_str().map(str::to_owned));
    kind(new).is_none_or(|new| kind(own).is_some_and(|own| own == new))
}

/// The document as the variant called `name` has it: with the keys under `variants.NAME` in place of its own. A key is
/// written as its way from the top in quotes, `"transfer.optimizer.learning_rate" = 0.01`, or as tables within tables.
pub(super) fn document<'t>(base: &DeTable<'t>, name: &str) -> (DeTable<'t>, Vec<Problem>) {
    let mut document = base.clone();
    let mut problems = Vec::new();
    let table = base.get("variants").and_then(|variants| variants.get_ref().as_table()?.get(name));
    let overrides = table.and_then(|table| table.get_ref().as_table()).into_iter().flatten();
    for (key, value) in overrides {
        let steps: Vec<&str> = key.get_ref().split('.').map(str::trim).collect();
        if let Some(kept) = NOT_OVERRIDDEN.iter().find(|kept| steps[0] == **kept) {
            let message = match *kept {
                "trials" => {
                    "a variant has the trials of the manifest; leave out what is not to run with trials.exclude".into()
                }
                kept => format!("`{kept}` is of the manifest, and not of a variant"),
            };
            problems.push(Problem { span: key.span(), message });
            continue;
        }
        set(&mut document, &steps, key.span(), value);
    }
    (document, problems)
}

/// The document with keys said otherwise: ways from the top, and the texts of values. What is wrong with them is told where
/// `[search]` stands.
pub(super) fn with_settings<'t>(
    base: &DeTable<'t>,
    settings: &'t [(&str, String)],
) -> Result<DeTable<'t>, Vec<Problem>> {
    let mut document = base.clone();
    let table = base.get("search").and_then(|search| search.get_ref().as_table()?.get("over")?.get_ref().as_table());
    for (key, text) in settings {
        let place = table.and_then(|table| table.get_key_value(*key)).map_or(0..0, |(key, _)| key.span());
        let steps: Vec<&str> = key.split('.').map(str::trim).collect();
        let fault = |message: String| vec![Problem { span: place.clone(), message }];
        if steps == ["transfer", "targets"] {
            return Err(fault(
                "errors of other targets are not compared, so that a search varies no `transfer.targets`".into(),
            ));
        }
        if NOT_OVERRIDDEN.contains(&steps[0]) || steps[0] == "search" {
            return Err(fault(format!("`{}` is nothing that a search varies", steps[0])));
        }
        let value = DeValue::parse(text).map_err(|error| fault(error.to_string()))?.into_inner();
        set(&mut document, &steps, place.clone(), &placed(value, &place));
    }
    Ok(document)
}

/// A value as one that stands, with all that is in it, at one place.
fn placed<'t>(value: DeValue<'t>, place: &Range<usize>) -> Spanned<DeValue<'t>> {
    let value = match value {
        DeValue::Array(items) => {
            DeValue::Array(items.into_iter().map(|item| placed(item.into_inner(), place)).collect())
        }
        DeValue::Table(table) => {
            let mut own = DeTable::new();
            for (key, value) in table {
                own.insert(Spanned::new(place.clone(), key.into_inner()), placed(value.into_inner(), place));
            }
            DeValue::Table(own)
        }
        other => other,
    };
    Spanned::new(place.clone(), value)
}

/// Sets what stands at the end of a way, making tables where there are none; a word that is a table in short is one then.
fn set<'t>(table: &mut DeTable<'t>, steps: &[&str], span: Range<usize>, value: &Spanned<DeValue<'t>>) {
    let Some((first, others)) = steps.split_first() else { return };
    let key = Spanned::new(span.clone(), Cow::Owned((*first).to_owned()));
    if others.is_empty() {
        return lay(table, &key, value);
    }
    let kind = table.get(*first).and_then(|found| found.get_ref().as_str().map(str::to_owned));
    if !table.get(*first).is_some_and(|found| found.get_ref().is_table()) {
        let mut made = DeTable::new();
        if let Some(kind) = kind {
            let word = Spanned::new(span.clone(), DeValue::String(Cow::Owned(kind)));
            made.insert(Spanned::new(span.clone(), Cow::Borrowed("kind")), word);
        }
        table.remove(*first);
        table.insert(key, Spanned::new(span.clone(), DeValue::Table(made)));
    }
    if let Some(DeValue::Table(next)) = table.get_mut(*first).map(Spanned::get_mut) {
        set(next, others, span, value);
    }
}

/// The manifest with its folds rotated so that `fold` is tested: the others that it names follow in their circle, so many
/// of those before it validating as do in the manifest, and the rest training.
pub(super) fn rotated(manifest: &Manifest, fold: u8) -> Manifest {
    let mut manifest = manifest.clone();
    let circle = folds(&manifest.transfer);
    let (count, validating) = (circle.len(), manifest.transfer.validation_folds.len());
    let Some(place) = circle.iter().position(|known| *known == fold) else { return manifest };
    let mut before: Vec<u8> = (1..count).map(|back| circle[(place + count - back) % count]).collect();
    let mut training = before.split_off(validating.min(before.len()));
    before.sort_unstable();
    training.sort_unstable();
    let transfer = &mut manifest.transfer;
    (transfer.test_folds, transfer.validation_folds, transfer.train_folds) = (vec![fold], before, training);
    manifest.fold = Some(fold);
    manifest
}

/// All folds that a transfer names, in their order.
pub(super) fn folds(transfer: &Transfer) -> Vec<u8> {
    let mut folds = [&transfer.train_folds[..], &transfer.validation_folds, &transfer.test_folds].concat();
    folds.sort_unstable();
    folds.dedup();
    folds
}
