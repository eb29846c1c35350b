//! `$VAR` in paths.

use std::path::Path;

use crate::source::DataPath;

/// What a path in a manifest stands for: `$VAR` and `${VAR}` from `env` (an empty value counts as not
/// set), then `folder`, the manifest's, before a relative path.
///
/// # Errors
/// What is wrong with the text itself: a `$` without a name, a leading `~`.
pub(super) fn resolve(
    written: &str,
    folder: &Path,
    env: &dyn Fn(&str) -> Option<String>,
) -> std::result::Result<DataPath, String> {
    if written.is_empty() {
        return Err("the path is empty".into());
    }
    if written == "~" || written.starts_with("~/") {
        return Err("`~` is not expanded; write `$HOME`".into());
    }
    let mut path = String::new();
    let mut missing = None;
    let mut rest = written;
    while let Some(dollar) = rest.find('$') {
        path.push_str(&rest[..dollar]);
        let (name, after) = variable(&rest[dollar + 1..])
            .ok_or("a `$` is followed by the name of an environment variable: `$DATA` or `${DATA}`")?;
        match env(name).filter(|value| !value.is_empty()) {
            Some(value) => path.push_str(&value),
            None => missing = missing.or_else(|| Some(name.to_string())),
        }
        rest = after;
    }
    path.push_str(rest);
    let resolved = match missing {
        Some(name) => Err(name),
        None => Ok(folder.join(path)),
    };
    Ok(DataPath { written: written.into(), resolved })
}

/// The variable's name after a `$`, and what comes after it.
fn variable(text: &str) -> Option<(&str, &str)> {
    let length = |text: &str| text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
    let (name, after) = match text.strip_prefix('{') {
        Some(text) => {
            let (name, after) = text.split_at(length(text));
            (name, after.strip_prefix('}')?)
        }
        None => text.split_at(length(text)),
    };
    (!name.is_empty() && !name.starts_with(|c: char| c.is_ascii_digit())).then_some((name, after))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    #[test]
    fn variables_and_relative_paths() {
        let env = |name: &str| match name {
            "DATA" => Some("/data".to_string()),
            "SUB" => Some("sub".to_string()),
            "EMPTY" => Some(String::new()),
            _ => None,
        };
        let resolve = |text| resolve(text, Path::new("study"), &env);
        let ok = |text| resolve(text).unwrap().resolved;
        assert_eq!(ok("$DATA/x"), Ok(PathBuf::from("/data/x")));
        assert_eq!(ok("${SUB}s/x"), Ok(PathBuf::from("study/subs/x")));
        assert_eq!(ok("x.csv"), Ok(PathBuf::from("study/x.csv")));
        assert_eq!(ok("$DATA/$GONE/$LOST"), Err("GONE".to_string()));
        assert_eq!(ok("$EMPTY/x"), Err("EMPTY".to_string()));
        for faulty in ["", "~/x", "$", "$/x", "${DATA", "$1"] {
            assert!(resolve(faulty).is_err(), "{faulty}");
        }
    }
}
