//! A second table that has what the first one lacks: labels, measurements, or whose records they are.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::profile::{Column, KEPT, Profile};
use super::roles;

/// Of the first rows of a table so many are looked for in another.
const TRIED: usize = 500;

/// A second table.
pub(super) struct Joined {
    pub path: PathBuf,
    /// The column of both.
    pub on: String,
    /// Its columns that the first table has not, in the order of the first table's rows.
    pub columns: Vec<Column>,
    /// Other tables that have something too.
    pub others: Vec<String>,
}

/// The table that gives most to that at `place`, if one does.
pub(super) fn find(tables: &[(PathBuf, Profile)], place: usize) -> Option<Joined> {
    let (path, main) = tables.get(place)?;
    let others = tables.iter().filter(|(other, _)| other != path && other.is_file());
    let mut found: Vec<_> = others
        .filter_map(|(path, other)| {
            let key = key(main, other)?;
            let gain = gain(main, other, &key);
            (gain > 0).then_some((gain, path, other, key))
        })
        .collect();
    found.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(b.1)));
    let (_, path, other, on) = found.first()?;
    let others = found[1..].iter().map(|(_, path, ..)| name(path)).collect();
    Some(Joined { path: (*path).clone(), columns: aligned(main, other, on), on: on.clone(), others })
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn column<'p>(profile: &'p Profile, name: &str) -> Option<&'p Column> {
    profile.columns.iter().find(|column| column.name == name)
}

/// The column that says which row of `other` belongs to one of `main`: of one name in both, each value once in `other`.
fn key(main: &Profile, other: &Profile) -> Option<String> {
    let is_key = |column: &&Column| roles::is(column, roles::ID) || roles::is(column, roles::PATIENT);
    let fits = |own: &&Column| {
        let Some(same) = column(other, &own.name) else { return false };
        let tried: Vec<&String> = own.first.iter().filter(|value| !value.is_empty()).take(TRIED).collect();
        let rows: HashMap<&String, ()> = same.first.iter().map(|value| (value, ())).collect();
        let there = tried.iter().filter(|value| rows.contains_key(*value)).count();
        let is_whole = same.first.len() == other.rows;
        same.is_unique() && same.known == other.rows && (2 * there > tried.len() || !is_whole && there > 0)
    };
    // The record's own before the patient's.
    let mut keys: Vec<&Column> = main.columns.iter().filter(is_key).filter(fits).collect();
    keys.sort_by_key(|column| !column.is_unique());
    keys.first().map(|column| column.name.clone())
}

/// How many roles `other` has columns for and `main` has not.
fn gain(main: &Profile, other: &Profile, key: &str) -> usize {
    let has = |profile: &Profile, names: &[&str]| roles::find(profile, names).is_some_and(|column| column.name != key);
    let lists = [roles::PATIENT, roles::AGE, roles::SEX, roles::FOLD, roles::RATE, roles::PR, roles::QT, roles::QRS];
    let roles_gained = lists.iter().filter(|names| has(other, names) && !has(main, names)).count();
    let boundaries = roles::BOUNDARIES.iter();
    let boundaries =
        boundaries.filter(|(_, from, to)| has(other, from) && has(other, to) && !(has(main, from) && has(main, to)));
    let codes: Vec<&str> = roles::CODES.iter().map(|(name, _)| *name).collect();
    let labels = |profile: &Profile| has(profile, &codes) || profile.columns.iter().any(Column::is_flag);
    roles_gained + boundaries.count() + 2 * usize::from(labels(other) && !labels(main))
}

/// The columns of `other` that `main` has not, in the order of the rows of `main`.
fn aligned(main: &Profile, other: &Profile, on: &str) -> Vec<Column> {
    let (Some(own), Some(same)) = (column(main, on), column(other, on)) else { return Vec::new() };
    let rows: HashMap<&String, usize> = same.first.iter().enumerate().map(|(row, value)| (value, row)).collect();
    let order: Vec<Option<usize>> = own.first.iter().take(KEPT).map(|value| rows.get(value).copied()).collect();
    let others = other.columns.iter().filter(|other| column(main, &other.name).is_none());
    let reordered = |other: &Column| {
        let value = |row: &Option<usize>| row.and_then(|row| other.first.get(row)).cloned().unwrap_or_default();
        Column { first: order.iter().map(value).collect(), is_joined: true, ..other.clone() }
    };
    others.map(reordered).collect()
}
