//! What was folded, in words.

use super::Found;
use crate::Result;
use crate::error::Error;

/// Most sentences of a kind that are told.
const LISTED: usize = 20;

impl Found {
    /// What was folded, and what was not, in lines.
    pub fn summary(&self) -> String {
        let [new, known] = self.stages;
        let mut text = format!(
            "{} read: {new} of {} new, {known} here already with the same bits; {} new\n",
            counted(self.files, "file"),
            counted(new + known, "stage"),
            counted(self.runs, "run")
        );
        if self.weights > 0 {
            text.push_str(&format!("{} copied\n", counted(self.weights, "checkpoint")));
        }
        if self.without_weights > 0 {
            text.push_str(&format!(
                "{} came without weights: a run that needs them trains the stage again\n",
                counted(self.without_weights, "stage")
            ));
        }
        for name in &self.other_manifests {
            text.push_str(&format!(
                "{name}: runs of another manifest of that name are kept here and not shown: `ecgraft run` of the manifest that is \
                 to count shows what it asks for, and `ecgraft gc --abandoned` would remove the rest\n"
            ));
        }
        text
    }

    /// An error that lists what was not folded, if anything was not.
    ///
    /// # Errors
    /// A user error.
    pub fn into_result(self) -> Result<()> {
        let waiting: usize = self.waiting.values().map(Vec::len).sum();
        if self.refused.is_empty() && waiting == 0 {
            return Ok(());
        }
        let mut lines = listed(&self.refused);
        let waits = self.waiting.iter().map(|(input, stages)| {
            format!("{} was grafted from stage {input}, which is not done here: merge that too", stages.join(", "))
        });
        lines.extend(listed(&waits.collect::<Vec<_>>()));
        let count = self.refused.len() + waiting;
        let what =
            if count == 1 { "one stage or file was".to_owned() } else { format!("{count} stages or files were") };
        Err(Error::user(format!("{what} not folded in; the rest is\n  {}", lines.join("\n  "))))
    }
}

fn listed(sentences: &[String]) -> Vec<String> {
    let mut lines: Vec<String> = sentences.iter().take(LISTED).cloned().collect();
    if sentences.len() > LISTED {
        lines.push(format!("and {} more", sentences.len() - LISTED));
    }
    lines
}

/// `1 file`, `2 files`
fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
