//! Labels of records, by name, out of the vocabulary of their source.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{intern, superclass};

/// The labels that records can have in one respect: names, each with its place.
///
/// A record may have several of them. A vocabulary that is known when the program is written is a `static`; one that is read
/// from data comes from [`Vocabulary::interned`]. Two with one name and the same labels are the same.
///
/// ```
/// use ecgraft::ecg::{Vocabulary, superclass};
/// let rhythm = Vocabulary::interned("rhythm", &["SR", "AFIB"]);
/// assert_eq!(rhythm.label("AFIB").map(|label| label.name()), Some("AFIB"));
/// assert_eq!(superclass::VOCABULARY.label("AFIB"), None);
/// ```
#[derive(Debug, PartialEq, Eq)]
pub struct Vocabulary {
    name: &'static str,
    labels: &'static [&'static str],
}

impl Vocabulary {
    /// The vocabulary called `name` with these labels, each once. For one that is known when the program is written: a
    /// `static`.
    pub const fn new(name: &'static str, labels: &'static [&'static str]) -> Self {
        Self { name, labels }
    }

    /// The vocabulary called `name` with these labels, each once: the one that is built in, or the one that was asked for
    /// before, if there is such a one.
    pub fn interned<T: AsRef<str>>(name: &str, labels: &[T]) -> &'static Vocabulary {
        static KNOWN: Mutex<Vec<&'static Vocabulary>> = Mutex::new(Vec::new());
        let is_it = |known: &Vocabulary| {
            let same = |(own, other): (&&str, &T)| *own == other.as_ref();
            known.name == name && known.labels.len() == labels.len() && known.labels.iter().zip(labels).all(same)
        };
        let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) =
            std::iter::once(&superclass::VOCABULARY).chain(known.iter().copied()).find(|own| is_it(own))
        {
            return known;
        }
        let labels: Vec<&'static str> = labels.iter().map(|label| intern(label.as_ref())).collect();
        let kept: &'static Vocabulary = Box::leak(Box::new(Self::new(intern(name), labels.leak())));
        known.push(kept);
        kept
    }

    /// Whether it is the same as `other`.
    pub fn is(&self, other: &Vocabulary) -> bool {
        std::ptr::eq(self, other) || self == other
    }

    /// What it is called: `superclass`.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The names of its labels, in their order.
    pub fn names(&self) -> &'static [&'static str] {
        self.labels
    }

    /// Its labels, in their order.
    pub fn labels(&'static self) -> impl Iterator<Item = Label> {
        (0..self.labels.len()).map(move |place| Label::new(self, place as u16))
    }

    /// The label with this name, exactly as it is written.
    pub fn label(&'static self, name: &str) -> Option<Label> {
        self.labels.iter().position(|own| *own == name).map(|place| Label::new(self, place as u16))
    }
}

/// One label of a [`Vocabulary`]. In JSON it is its name, and read as one of the vocabulary that is built in.
#[derive(Clone, Copy)]
pub struct Label {
    vocabulary: &'static Vocabulary,
    place: u16,
}

impl Label {
    /// The label in `place` of `vocabulary`, which has as many.
    pub(super) const fn new(vocabulary: &'static Vocabulary, place: u16) -> Self {
        Self { vocabulary, place }
    }

    /// The only label of a vocabulary called `vocabulary`.
    pub fn alone(vocabulary: &str, name: &str) -> Self {
        Self::new(Vocabulary::interned(vocabulary, &[name]), 0)
    }

    /// As its source writes it: `NORM`.
    pub fn name(self) -> &'static str {
        self.vocabulary.labels.get(self.place()).copied().unwrap_or_default()
    }

    /// What it is one of.
    pub fn vocabulary(self) -> &'static Vocabulary {
        self.vocabulary
    }

    /// Its place in the vocabulary, from 0.
    pub fn place(self) -> usize {
        self.place.into()
    }
}

impl PartialEq for Label {
    fn eq(&self, other: &Self) -> bool {
        self.place == other.place && self.vocabulary.is(other.vocabulary)
    }
}

impl Eq for Label {}

impl Hash for Label {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.vocabulary.name, self.place).hash(state);
    }
}

/// By vocabulary, then by place.
impl Ord for Label {
    fn cmp(&self, other: &Self) -> Ordering {
        let [own, others] = [self, other].map(|label| (label.vocabulary.name, label.vocabulary.labels));
        if self.vocabulary.is(other.vocabulary) { Ordering::Equal } else { own.cmp(&others) }
            .then(self.place.cmp(&other.place))
    }
}

impl PartialOrd for Label {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Debug for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.vocabulary.name, self.name())
    }
}

impl Serialize for Label {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Label {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        superclass::VOCABULARY.label(&name).ok_or_else(|| de::Error::custom(format_args!("unknown class `{name}`")))
    }
}

/// What a manifest calls a label: its name, and its vocabulary where that is said: `AFIB`, `subclass:AMI`.
///
/// A name alone is a label of any vocabulary but [`LabelName::QUALIFIED`], whose names mean something else in others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LabelName {
    vocabulary: Option<&'static str>,
    name: &'static str,
}

impl LabelName {
    /// The vocabulary whose labels are always named with it: PTB-XL's subclass `AMI` has other records than its statement
    /// `AMI`.
    pub const QUALIFIED: &'static str = "subclass";

    /// The label written so: `NAME` or `vocabulary:NAME`.
    ///
    /// ```
    /// use ecgraft::ecg::{LabelName, superclass};
    /// assert!(LabelName::parse("MI").is(superclass::MI) && LabelName::parse("superclass:MI").is(superclass::MI));
    /// assert!(!LabelName::parse("scp:MI").is(superclass::MI));
    /// ```
    pub fn parse(text: &str) -> Self {
        match text.split_once(':') {
            Some((vocabulary, name)) if !vocabulary.is_empty() && !name.is_empty() => {
                Self { vocabulary: Some(intern(vocabulary)), name: intern(name) }
            }
            _ => Self { vocabulary: None, name: intern(text) },
        }
    }

    /// How the labels of a `vocabulary` are written, in their order: those of [`LabelName::QUALIFIED`] with it.
    pub fn all_of(vocabulary: &Vocabulary) -> Vec<&'static str> {
        let qualified = |name: &&'static str| intern(&format!("{}:{name}", vocabulary.name));
        match vocabulary.name == Self::QUALIFIED {
            true => vocabulary.labels.iter().map(qualified).collect(),
            false => vocabulary.labels.to_vec(),
        }
    }

    /// Its name, without the vocabulary.
    pub fn name(self) -> &'static str {
        self.name
    }

    /// Its vocabulary, where that is said.
    pub fn vocabulary(self) -> Option<&'static str> {
        self.vocabulary
    }

    /// Whether `label` is called so.
    pub fn is(self, label: Label) -> bool {
        label.name() == self.name && self.is_in(label.vocabulary)
    }

    /// Whether a label of `vocabulary` may be meant.
    pub fn is_in(self, vocabulary: &Vocabulary) -> bool {
        self.vocabulary.map_or(vocabulary.name != Self::QUALIFIED, |own| own == vocabulary.name)
    }
}

/// Its name alone.
impl From<Label> for LabelName {
    fn from(label: Label) -> Self {
        Self { vocabulary: None, name: label.name() }
    }
}

impl fmt::Display for LabelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.vocabulary {
            Some(vocabulary) => write!(f, "{vocabulary}:{}", self.name),
            None => f.write_str(self.name),
        }
    }
}

/// The labels of one record, of whichever vocabularies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabelSet(Vec<Label>);

impl LabelSet {
    /// Adds a label, unless it is there.
    pub fn insert(&mut self, label: Label) {
        if let Err(place) = self.0.binary_search(&label) {
            self.0.insert(place, label);
        }
    }

    /// Whether `label` is one of them.
    pub fn contains(&self, label: Label) -> bool {
        self.0.contains(&label)
    }

    /// Whether one of them is called `name`.
    pub fn has(&self, name: LabelName) -> bool {
        self.0.iter().any(|label| name.is(*label))
    }

    /// Those that are none of `others`.
    pub fn without(&self, others: &LabelSet) -> Self {
        Self(self.iter().filter(|label| !others.contains(*label)).collect())
    }

    /// How many of them are of `vocabulary`.
    pub fn count(&self, vocabulary: &'static Vocabulary) -> usize {
        self.iter().filter(|label| label.vocabulary.is(vocabulary)).count()
    }

    /// They, by vocabulary and place.
    pub fn iter(&self) -> impl Iterator<Item = Label> {
        self.0.iter().copied()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<Label> for LabelSet {
    fn from_iter<I: IntoIterator<Item = Label>>(labels: I) -> Self {
        let mut set = Self::default();
        labels.into_iter().for_each(|label| set.insert(label));
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vocabulary_is_there_once_however_long_it_is() {
        let codes: Vec<String> = (0..300).map(|code| format!("{}", 164_889_003 + code)).collect();
        let snomed = Vocabulary::interned("snomed", &codes);
        assert!(std::ptr::eq(snomed, Vocabulary::interned("snomed", &codes)));
        assert!(!std::ptr::eq(snomed, Vocabulary::interned("snomed", &codes[1..])));
        let five = ["NORM", "MI", "STTC", "CD", "HYP"];
        assert!(std::ptr::eq(Vocabulary::interned("superclass", &five), &superclass::VOCABULARY));
        assert_eq!(snomed.labels().map(Label::name).collect::<Vec<_>>(), codes);
        static WRITTEN: Vocabulary = Vocabulary::new("sex", &["f", "m"]);
        let read = Vocabulary::interned("sex", &["f", "m"]);
        assert_eq!(WRITTEN.label("m"), read.label("m"));
        assert_ne!(WRITTEN.label("m"), Vocabulary::interned("sex", &["m", "f"]).label("f"));
        assert_eq!(snomed.label("164889302").map(Label::place), Some(299));
    }

    #[test]
    fn a_record_has_labels_of_several_vocabularies() {
        let rhythm = Vocabulary::interned("rhythm", &["SR", "NORM"]);
        let normal = rhythm.label("NORM").unwrap();
        let set: LabelSet = [superclass::CD, normal, superclass::NORM, superclass::CD].into_iter().collect();
        assert_eq!((set.count(rhythm), set.count(&superclass::VOCABULARY)), (1, 2));
        assert_eq!(set.iter().collect::<Vec<_>>(), [normal, superclass::NORM, superclass::CD]);
        assert!(set.contains(superclass::NORM) && !set.contains(superclass::MI) && normal != superclass::NORM);
    }

    #[test]
    fn in_json_a_label_is_its_name() {
        assert_eq!(serde_json::to_string(&superclass::ALL).unwrap(), r#"["NORM","MI","STTC","CD","HYP"]"#);
        let read: Vec<Label> = serde_json::from_str(r#"["HYP","MI"]"#).unwrap();
        assert_eq!(read, [superclass::HYP, superclass::MI]);
        assert!(serde_json::from_str::<Label>(r#""norm""#).is_err());
    }
}
