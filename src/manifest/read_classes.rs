//! Reads the classes of a classifier: a list of labels, or a table from names to the records that have them.

use std::ops::Range as Span;

use serde_json::{Value, json};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::class::is_rest;
use super::read::Reader;
use super::{Class, Condition, Rule};
use crate::declare::Type;
use crate::ecg::LabelName;

impl Reader<'_> {
    /// Classes as JSON, in the order in which they are written.
    pub(super) fn classes(&mut self, list: &Type, value: &Spanned<DeValue<'_>>) -> Option<Value> {
        match value.get_ref() {
            DeValue::Table(table) => self.table_of_classes(table, value.span()),
            _ => self.value(list, value),
        }
    }

    fn table_of_classes(&mut self, table: &DeTable<'_>, span: Span<usize>) -> Option<Value> {
        let mut entries: Vec<_> = table.iter().collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        if entries.len() < 2 {
            let message = format!("`{}` needs at least 2 classes, not {}", self.name(), entries.len());
            return self.fault(span, message);
        }
        let mut classes = Vec::new();
        let mut rest = false;
        for (key, value) in entries {
            let name = key.get_ref().to_string();
            if name.trim().is_empty() || name.contains(char::is_control) {
                let message = format!("a name in `{}` is empty or has a control character", self.name());
                self.problem_at(&name, key.span(), message);
                continue;
            }
            let rule = self.inside(&name, value, |reader| reader.rule(value));
            if matches!(rule, Some(Rule::Rest)) && std::mem::replace(&mut rest, true) {
                self.problem_at(
                    &name,
                    value.span(),
                    "only one class can be `*`, the records of none of the others".into(),
                );
            }
            classes.extend(rule.map(|rule| json!(Class::new(&name, rule))));
        }
        (!classes.is_empty()).then_some(Value::Array(classes))
    }

    /// What one class of a table is.
    fn rule(&mut self, value: &Spanned<DeValue<'_>>) -> Option<Rule> {
        match value.get_ref() {
            DeValue::String(text) if is_rest(text) => Some(Rule::Rest),
            DeValue::String(text) => self.condition(text, value.span()).map(Rule::Condition),
            DeValue::Array(labels) => {
                let mut list = Vec::new();
                for label in labels {
                    let DeValue::String(text) = label.get_ref() else {
                        self.problem(label.span(), "labels are texts in quotes");
                        continue;
                    };
                    self.name_at(text, label.span());
                    list.push(Condition::Has(LabelName::parse(text)));
                }
                match list.len() {
                    0 if labels.is_empty() => {
                        self.problem(value.span(), "a class needs at least one label");
                        None
                    }
                    0 => None,
                    1 => list.pop().map(Rule::Condition),
                    _ => Some(Rule::Condition(Condition::Any(list))),
                }
            }
            _ => {
                self.problem(
                    value.span(),
                    "a class is a condition in quotes such as \"AFIB or AFLT\", a list of labels, or \"*\"",
                );
                None
            }
        }
    }
}
