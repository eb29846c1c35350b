//! What manifests plan to compare.

use std::collections::BTreeMap;

use super::Store;
use crate::Result;
use crate::manifest::Comparisons;

/// Planned comparisons as the store has them; nothing where none are planned.
pub(super) fn written(comparisons: &Comparisons) -> Option<String> {
    if comparisons.is_empty() { None } else { serde_json::to_string(comparisons).ok() }
}

impl Store {
    /// What the manifests of these experiments plan to compare, of those that plan any; the last manifest that was run counts.
    /// What is not understood, which a later version may have written, is none.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn planned_comparisons(&self, experiments: &[String]) -> Result<BTreeMap<String, Comparisons>> {
        self.read(|connection| {
            let mut select = connection.prepare(
                "SELECT m.comparisons AS comparisons FROM trial t JOIN manifest m ON m.sha256 = t.manifest_sha256
                 WHERE t.experiment = ?1 AND t.current = 1 ORDER BY t.position LIMIT 1",
            )?;
            let mut found = BTreeMap::new();
            for experiment in experiments {
                let mut rows = select.query([experiment])?;
                let Some(row) = rows.next()? else { continue };
                let text: Option<String> = row.get("comparisons")?;
                let comparisons = text.and_then(|text| serde_json::from_str::<Comparisons>(&text).ok());
                found.extend(comparisons.map(|comparisons| (experiment.clone(), comparisons)));
            }
            Ok(found)
        })
    }
}
