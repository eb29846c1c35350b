//! What is classified: tasks by name, each with its classes.

use serde_json::{Map, Value, json};

use super::last_stage::measures;
use super::{Class, Labels};
use crate::declare::words;
use crate::ecg::{Label, superclass};
use crate::source::maps::{SCP, SUBCLASS, statements_of};

words! {
    /// Classification tasks: those of PTB-XL's benchmark (Strodthoff et al., IEEE J Biomed Health Inform 25:1519, 2021,
    /// <https://doi.org/10.1109/JBHI.2020.3022989>), by the names that it gives them.
    pub enum Task as "task" {
        /// PTB-XL's five diagnostic superclasses
        Superclass = "superclass",
        /// its 23 diagnostic subclasses
        Subclass = "subclass",
        /// its 44 diagnostic statements
        Diagnostic = "diagnostic",
        /// its 19 statements of form, four of which are diagnostic too
        Form = "form",
        /// its 12 statements of rhythm
        Rhythm = "rhythm",
        /// all its 71 statements
        All = "all",
    }
}

impl Task {
    /// The classes, in the order of PTB-XL's table of statements.
    pub fn classes(self) -> Vec<Class> {
        let labels: Vec<Label> = match self {
            Task::Superclass => return superclass::ALL.into_iter().map(Class::from).collect(),
            Task::Subclass => SUBCLASS.labels().collect(),
            Task::Diagnostic => statements_of(0),
            Task::Form => statements_of(1),
            Task::Rhythm => statements_of(2),
            Task::All => SCP.labels().collect(),
        };
        labels.into_iter().map(Class::of_vocabulary).collect()
    }

    /// How many classes a record has where the manifest does not say it.
    fn labels(self) -> Labels {
        match self {
            Task::Superclass => Labels::Single,
            _ => Labels::Multi,
        }
    }

    fn of(table: &Map<String, Value>) -> Task {
        let written = table.get("task").cloned().and_then(|task| serde_json::from_value(task).ok());
        written.unwrap_or(Task::Superclass)
    }
}

/// The classes of a table's task, as JSON; none where numbers are measured in their place.
pub(super) fn classes_of_task(table: &Map<String, Value>) -> Value {
    if measures(table) {
        return json!([]);
    }
    json!(Task::of(table).classes())
}

/// The labelling of a table's task, as JSON.
pub(super) fn labels_of_task(table: &Map<String, Value>) -> Value {
    json!(Task::of(table).labels())
}
