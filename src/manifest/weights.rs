//! `[weights.NAME]`: weights from elsewhere.

use std::collections::BTreeMap;

use crate::declare::{Names, Type, Value, table};
use crate::source::DataPath;

impl Value for DataPath {
    const TYPE: Type = Type::Path;
}

/// Names of tensors.
const NAMES: Type = Type::Named(&Type::Text(1));

table! {
    /// A file of weights, and what its tensors are called here.
    pub struct WeightsFile, incomplete {
        /// A safetensors file: one of another study's `checkpoints`, or saved by another program. Its numbers may be of
        /// half, single or double precision.
        pub path: DataPath = required, example "\"$HOME/weights/cnn.safetensors\"";
        /// The architecture that it is of: the name of one of [architectures]. Trials with others do not graft it.
        pub architecture: String = required in Type::Name(Names::Architecture), example "\"cnn\"";
        /// What all names of the file begin with that are meant, such as `backbone.` or `module.`; it is taken off.
        pub prefix: String = "" in Type::Text(0);
        /// What tensors are called here, by what they are called in the file without the prefix. A `*` on both sides stands
        /// for the same text. Names that are not here are as they are; those of PyTorch's modules are ours, see `ecgraft
        /// architectures KIND`.
        pub names: BTreeMap<String, String> = {} in NAMES, example r#"{ "layer*.conv1.weight": "blocks.*.conv.weight" }"#;
    }
}

impl WeightsFile {
    /// What a tensor of the file is called here; nothing where its name lacks the prefix.
    ///
    /// # Errors
    /// Where several of `names` stand for it, and say different things.
    pub fn own_name(&self, theirs: &str) -> Result<Option<String>, String> {
        let Some(name) = theirs.strip_prefix(self.prefix.as_str()) else { return Ok(None) };
        if let Some(own) = self.names.get(name) {
            return Ok(Some(own.clone()));
        }
        let mut found: Vec<String> = self.names.iter().filter_map(|(from, to)| renamed(from, to, name)).collect();
        found.sort();
        found.dedup();
        match found.len() {
            0 => Ok(Some(name.to_owned())),
            1 => Ok(found.pop()),
            _ => Err(format!("`{theirs}` would be {}, by several of `names`", found.join(" and "))),
        }
    }

    /// What is wrong with `names`: the name at fault, and why.
    pub(super) fn faults(&self) -> impl Iterator<Item = (&str, String)> {
        let stars = |text: &str| text.matches('*').count();
        self.names.iter().filter(move |(from, to)| stars(from) < stars(to)).map(|(from, to)| {
            (from.as_str(), format!("`{to}` has more `*` than `{from}`, which they stand for the texts of"))
        })
    }
}

/// What `name` becomes by a pair of patterns: each `*` of the second is what the one of the first stood for.
fn renamed(from: &str, to: &str, name: &str) -> Option<String> {
    let texts = matched(from, name)?;
    let mut pieces = to.split('*');
    let mut renamed = pieces.next()?.to_owned();
    for (piece, text) in pieces.zip(texts) {
        renamed.push_str(text);
        renamed.push_str(piece);
    }
    Some(renamed)
}

/// The texts that the `*` of a pattern stand for in `name`, each as short as can be but the last.
fn matched<'n>(pattern: &str, name: &'n str) -> Option<Vec<&'n str>> {
    let (first, rest) = match pattern.split_once('*') {
        None => return (pattern == name).then(Vec::new),
        Some(parts) => parts,
    };
    let name = name.strip_prefix(first)?;
    let ends = name.char_indices().map(|(at, _)| at).chain([name.len()]);
    let mut found = ends.filter_map(|end| {
        let mut texts = vec![&name[..end]];
        texts.extend(matched(rest, &name[end..])?);
        Some(texts)
    });
    found.next()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(prefix: &str, names: &[(&str, &str)]) -> WeightsFile {
        WeightsFile {
            path: DataPath { written: "a".into(), resolved: Ok("a".into()) },
            architecture: "cnn".into(),
            prefix: prefix.into(),
            names: names.iter().map(|(from, to)| (from.to_string(), to.to_string())).collect(),
        }
    }

    #[test]
    fn names_are_mapped_by_prefix_name_and_pattern() {
        let file = file(
            "net.",
            &[("conv1.w", "blocks.0.conv.weight"), ("layer*.*.bn.*", "blocks.*.*.norm.*"), ("*.w", "*.weight")],
        );
        for (theirs, own) in [
            ("net.conv1.w", Some("blocks.0.conv.weight")),
            ("net.conv2.w", Some("conv2.weight")),
            ("net.layer1.0.bn.running_mean", Some("blocks.1.0.norm.running_mean")),
            ("net.head.3.bias", Some("head.3.bias")),
            ("other.conv1.w", None),
        ] {
            assert_eq!(file.own_name(theirs).unwrap().as_deref(), own, "{theirs}");
        }
        let both = file.own_name("net.layer1.0.bn.w").unwrap_err();
        assert!(both.contains("blocks.1.0.norm.w and layer1.0.bn.weight"), "{both}");
    }

    #[test]
    fn more_stars_than_there_are_texts_are_a_fault() {
        let faulty = file("", &[("a.*", "b.*.*"), ("c.*.*", "d.*")]);
        let faults: Vec<_> = faulty.faults().map(|(name, _)| name.to_owned()).collect();
        assert_eq!(faults, ["a.*"]);
    }
}
