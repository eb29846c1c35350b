//! That the sources know what conditions, classes and targets name.

use super::checks::Checks;
use super::*;
use crate::declare::{first, hint, list};
use crate::ecg::LabelName;
use crate::source::{Knowledge, Source, kinds_that};

impl Checks<'_> {
    /// That sources of this kind know what the part's condition asks for; what only a setting of the source decides is told
    /// elsewhere.
    pub(super) fn condition_of_part(&mut self, at: &[&str], part: &MixPart, source: &dyn Source) {
        if let Some(condition) = &part.condition {
            self.names(at, condition.names(), &part.source, source);
        }
    }

    /// That the transfer's source knows what its classes are made of.
    pub(super) fn classes(&mut self) {
        let transfer = &self.manifest.transfer;
        let Some(source) = self.manifest.sources.get(&transfer.source).filter(|source| source.knows().classes()) else {
            return;
        };
        if let Some(condition) = &transfer.condition {
            self.names(&["transfer", "where"], condition.names(), &transfer.source, source.as_ref());
        }
        for (index, class) in transfer.classes.iter().enumerate() {
            let index = index.to_string();
            let in_table = ["transfer", "classes", class.name()];
            let at = [&in_table[..], &["transfer", "classes", &index], &["transfer", "task"]];
            let at = at.into_iter().find(|at| self.places.is_written(at)).unwrap_or(&["transfer", "source"]);
            self.names(at, names_of(class), &transfer.source, source.as_ref());
        }
    }

    /// That the classes of a stage are not both written and those of a task.
    pub(super) fn task(&mut self, stage: &str, task: Task) {
        let both = ["task", "classes"].iter().all(|key| self.places.is_written(&[stage, key]));
        if both && task != Task::Superclass {
            let name = task.name();
            let message = format!("the task `{name}` has its own classes; leave out `classes`, or `task`");
            self.problem(&[stage, "classes"], message);
        }
    }

    /// Whether the transfer's classes are made of what is known of records beside labels: sex, age, measurements.
    pub(super) fn are_classes_without_labels(&self, knows: &Knowledge) -> bool {
        let mut names = self.manifest.transfer.classes.iter().flat_map(names_of).peekable();
        knows.folds && names.peek().is_some() && names.all(|name| knows.has(&written(name)))
    }

    /// That the sources that classifiers are evaluated on know what the classes are made of.
    pub(super) fn classes_elsewhere(&mut self) {
        let Transfer { evaluate_on, classes, .. } = &self.manifest.transfer;
        for (index, name) in evaluate_on.iter().enumerate() {
            let Some(source) = self.manifest.sources.get(name) else { continue };
            let index = index.to_string();
            let at = ["transfer", "evaluate_on", &index];
            if !source.knows().classes() {
                let kinds = list(&kinds_that(Knowledge::classes));
                let kind = source.kind().name();
                let message =
                    format!("`{name}` is of kind `{kind}`, which has no labels; sources of kind {kinds} have");
                self.problem(&at, message);
            } else {
                self.names(&at, classes.iter().flat_map(names_of).collect(), name, source.as_ref());
            }
        }
    }

    /// That the sources that regressions are evaluated on know one of the targets.
    pub(super) fn targets_elsewhere(&mut self) {
        let Regression { evaluate_on, targets, .. } = &self.manifest.regression;
        let targets: Vec<Target> = targets.iter().flat_map(|targets| targets.list()).copied().collect();
        self.know_one_of("regression", evaluate_on, &targets);
    }

    /// That the sources that the networks of a stage are evaluated on know one of their targets.
    pub(super) fn know_one_of(&mut self, stage: &str, evaluate_on: &[String], targets: &[Target]) {
        for (index, name) in evaluate_on.iter().enumerate() {
            let Some(source) = self.manifest.sources.get(name) else { continue };
            let knows = source.knows();
            let is_known = |target: &Target| knows.measurements.contains(target) || knows.age && *target == Target::AGE;
            if targets.iter().any(is_known) || !self.places.is_sound(&["sources", name]) {
                continue;
            }
            let advice = match source.lacks_measurements() {
                Some([key, what]) => format!("; set sources.{name}.{key} to {what}"),
                None => String::new(),
            };
            let names: Vec<&str> = targets.iter().map(|target| target.name()).collect();
            let message = format!("`{name}` knows none of the targets ({}){advice}", names.join(", "));
            self.problem(&[stage, "evaluate_on", &index.to_string()], message);
        }
    }

    /// That the source called `name` knows all of `names`, which are used at a place; the first that it does not know is told.
    pub(super) fn names(&mut self, at: &[&str], names: Vec<ConditionName>, name: &str, source: &dyn Source) {
        // What a setting decides may be known all the same, and what the kind does not know may be known by a setting.
        let (of_kind, own) = (source.kind().knows(), source.knows());
        let lacks = |wanted: &ConditionName| !is_known(&of_kind, *wanted) && !is_known(&own, *wanted);
        let Some(lacking) = names.into_iter().find(lacks) else { return };
        let word = written(lacking);
        // A kind whose labels may be any is no place to send people for one.
        let is_label = matches!(lacking, ConditionName::Label(_));
        let others = kinds_that(|knowledge| is_known(knowledge, lacking) && !(is_label && knowledge.open_labels));
        if others.is_empty() {
            let compared = matches!(lacking, ConditionName::Number(name) if own.has_label(LabelName::parse(name)));
            let message = if compared {
                format!("`{word}` is a label of `{name}`, which is not compared; write `{word}` or `not {word}`")
            } else {
                format!("unknown name `{word}`{}", hint(&word, own.names()))
            };
            let within: Vec<&str> = at.iter().copied().chain([word.as_str()]).collect();
            return self.problem(if self.places.is_written(&within) { &within } else { at }, message);
        }
        let message = format!(
            "`{word}` is known for sources of kind {} only; `{name}` is of kind `{}`, with {}",
            list(&others),
            source.kind().name(),
            first(&of_kind.names())
        );
        self.problem(at, message);
    }

    /// That one of the sources knows what a class is made of; else what the first of them says of it is told.
    pub(super) fn names_of_any(&mut self, at: &[&str], class: &Class, sources: &[&str]) {
        let knows = |name: &&str| {
            let source = self.manifest.sources.get(*name).filter(|source| source.knows().classes());
            source.is_some_and(|source| {
                let (of_kind, own) = (source.kind().knows(), source.knows());
                names_of(class).into_iter().all(|name| is_known(&of_kind, name) || is_known(&own, name))
            })
        };
        let has_classes = |name: &&str| self.manifest.sources.get(*name).is_some_and(|source| source.knows().classes());
        if sources.iter().any(knows) {
            return;
        }
        // A mix of which no source has classes is told elsewhere.
        let manifest = self.manifest;
        let first =
            sources.iter().find(|name| has_classes(name)).and_then(|name| manifest.sources.get_key_value(*name));
        if let Some((name, source)) = first {
            self.names(at, names_of(class), name, source.as_ref());
        }
    }

    /// That some source measures what networks are to learn.
    pub(super) fn targets(&mut self) {
        let manifest = self.manifest;
        let mut known: Vec<Target> = Target::BUILT_IN.to_vec();
        for source in manifest.sources.values() {
            let knows = source.knows();
            known.extend(knows.measurements);
            known.extend(knows.age.then_some(Target::AGE));
        }
        for (index, targets) in manifest.regression.targets.iter().enumerate() {
            let index = index.to_string();
            let Some(target) = targets.list().iter().find(|target| !known.contains(target)) else { continue };
            let names: std::collections::BTreeSet<Target> = known.iter().copied().collect();
            let names: Vec<&str> = names.into_iter().map(Target::name).collect();
            let message = format!("unknown target `{}`{}", target.name(), hint(target.name(), names));
            self.problem(&["regression", "targets", &index], message);
        }
    }
}

fn is_known(knowledge: &Knowledge, name: ConditionName) -> bool {
    match name {
        ConditionName::Number(name) => knowledge.has_number(name),
        ConditionName::Sex => knowledge.sex,
        ConditionName::Label(name) => knowledge.has_label(name),
    }
}

/// What a class asks of a record.
fn names_of(class: &Class) -> Vec<ConditionName> {
    match class.rule() {
        Rule::Label(name) => vec![ConditionName::Label(*name)],
        Rule::Condition(condition) => condition.names(),
        Rule::Rest => Vec::new(),
    }
}

fn written(name: ConditionName) -> String {
    match name {
        ConditionName::Number(name) => name.to_owned(),
        ConditionName::Sex => "sex".to_owned(),
        ConditionName::Label(name) => name.to_string(),
    }
}
