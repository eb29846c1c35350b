//! `ecgraft architectures`

use crate::tensor::Cpu;
use crate::terminal;
use clap::Args;
use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

use crate::declare::{Default, Key, Kind, Type};
use crate::manifest::{Architecture, Fusion, hint};
use crate::nn::ARCHITECTURES;
use crate::nn::Network;
use crate::{Error, Result};

/// List the kinds of architectures, or explain one: its keys and the names of its blocks
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ecgraft architectures
  ecgraft architectures inception1d

The names of blocks are what `freezes` in a manifest refer to.")]
pub struct Options {
    /// The kind to explain
    #[arg(value_name = "KIND")]
    kind: Option<String>,
}

/// Runs the command.
///
/// # Errors
/// A user error for a kind that is not known or not in this build.
pub fn run(options: Options) -> Result<()> {
    match options.kind {
        None => super::print(&overview()),
        Some(name) => super::print(&explain(find(&name)?)?),
    }
}

fn find(name: &str) -> Result<&'static Kind> {
    let names = || ARCHITECTURES.known.iter().map(|kind| kind.name);
    ARCHITECTURES.find(name).ok_or_else(|| {
        let available: Vec<&str> = names().collect();
        Error::user(if ARCHITECTURES.later.contains(&name) {
            format!("`{name}` is not available in this build; available: {}", available.join(", "))
        } else {
            format!("unknown architecture `{name}`{}", hint(name, names()))
        })
    })
}

/// One row for each kind.
fn overview() -> String {
    let mut table = table(&["kind", "what it is", "keys", "blocks"]);
    for kind in ARCHITECTURES.known {
        let keys: Vec<&str> = kind.keys.iter().map(|key| key.name).collect();
        let blocks = Architecture::at_defaults(kind.name).map(|architecture| blocks(&architecture)).unwrap_or_default();
        table.add_row([kind.name, kind.doc, &keys.join(", "), &blocks]);
    }
    for kind in ARCHITECTURES.later {
        table.add_row([kind, "not in this build", "", ""]);
    }
    format!("{}\n\nKeys of one kind: ecgraft architectures KIND\n", table.trim_fmt())
}

/// The keys of one kind, and its blocks.
fn explain(kind: &Kind) -> Result<String> {
    let mut table = table(&["key", "type", "default", "meaning"]);
    for key in kind.keys {
        table.add_row([key.name, &type_of(&key.of), default_of(key), key.doc]);
    }
    let mut text = format!("{}: {}\n\n{}\n", kind.name, kind.doc, table.trim_fmt());
    if let Some(architecture) = Architecture::at_defaults(kind.name) {
        text.push_str(&parameters(&architecture)?);
    }
    Ok(text)
}

/// Trained values of each block, from the input up, and of the head, for 8 leads, 1,000 samples and 5 classes.
fn parameters(architecture: &Architecture) -> Result<String> {
    let mut random = crate::seed::stream(0, "counted", 0);
    let mut network = Network::new(&Cpu::default(), architecture, (8, 1000), (1, Fusion::Concat), 5, &mut random)?;
    let (total, blocks) = network.parameters();
    let mut table = table(&["block", "parameters"]);
    for (block, count) in blocks {
        table.add_row([block, count.to_string()]);
    }
    table.add_row(["all".to_owned(), total.to_string()]);
    if let Some(column) = table.column_mut(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    Ok(format!("\nAt defaults, for 8 leads, 1,000 samples and 5 classes:\n\n{}\n", table.trim_fmt()))
}

/// `block1`, `block2` ... `block6`
fn blocks(architecture: &Architecture) -> String {
    architecture.blocks().join(", ")
}

fn type_of(of: &Type) -> String {
    match of {
        Type::Integer(range) => format!("whole number, {range}"),
        Type::Number(range) => format!("number, {range}"),
        Type::List { of, .. } => format!("list: {}", type_of(of)),
        Type::Bool => "true or false".into(),
        Type::Word(words) | Type::WordOrList(words, _) | Type::WordOrTable(words, _) => {
            words.known.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(" or ")
        }
        Type::Text(_) | Type::Path | Type::PathOrList(_) | Type::Condition | Type::Name(_) => "text".into(),
        Type::Table(_)
        | Type::Short(_)
        | Type::Kind(_)
        | Type::Named(_)
        | Type::Overrides
        | Type::Choices
        | Type::Classes(_) => "table".into(),
    }
}

fn default_of(key: &Key) -> &'static str {
    match key.default {
        Default::Json(default) => default,
        Default::Absent(absent) | Default::Derived(absent, _) => absent,
        Default::Required => "(required)",
    }
}

fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_content_arrangement(ContentArrangement::Dynamic).set_header(header);
    let columns = terminal::stdout_size().map_or(100, |screen| screen.columns);
    table.set_width(u16::try_from(columns).unwrap_or(u16::MAX));
    table
}
