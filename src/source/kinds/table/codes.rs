//! How codes stand in a column: one, several between delimiters, a list, or a dictionary with likelihoods; as JSON or as
//! Python writes them.

use crate::declare::words;

words! {
    /// How the codes of a record stand in its field.
    pub enum Form as "form of codes" {
        /// a list, as JSON or Python writes it: `['SR', 'AFIB']`
        List = "list",
        /// a dictionary from codes to likelihoods, as JSON or Python writes it: `{'NORM': 80.0, 'SR': 0.0}`
        Dictionary = "dictionary",
        /// codes between semicolons
        Semicolon = ";",
        /// codes between commas
        Comma = ",",
        /// codes between bars
        Bar = "|",
        /// codes between spaces
        Space = "space",
        /// one code
        Single = "single",
    }
}

/// A code, with its likelihood where there is one: percent, as PTB-XL has it.
pub(crate) type Code = (String, Option<f64>);

/// What the fields of a column look like, counted to guess its form.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Looks {
    fields: usize,
    lists: usize,
    dictionaries: usize,
    semicolons: usize,
    bars: usize,
    commas: usize,
}

impl Looks {
    /// Looks at one field that is not empty.
    pub fn look(&mut self, field: &str) {
        self.fields += 1;
        self.lists += usize::from(field.starts_with('['));
        self.dictionaries += usize::from(field.starts_with('{'));
        self.semicolons += usize::from(field.contains(';'));
        self.bars += usize::from(field.contains('|'));
        self.commas += usize::from(field.contains(','));
    }

    /// The likely form.
    pub fn guess(&self) -> Form {
        let most = |count: usize| count > 0 && 2 * count > self.fields;
        match self {
            _ if most(self.dictionaries) => Form::Dictionary,
            _ if most(self.lists) => Form::List,
            Looks { semicolons: 1.., .. } => Form::Semicolon,
            Looks { bars: 1.., .. } => Form::Bar,
            Looks { commas: 1.., .. } => Form::Comma,
            _ => Form::Single,
        }
    }
}

impl Form {
    /// The codes of a field; `None` where it is not of this form.
    pub(crate) fn codes(self, field: &str) -> Option<Vec<Code>> {
        let between = |parts: &mut dyn Iterator<Item = &str>| {
            let parts = parts.map(str::trim).filter(|part| !part.is_empty());
            Some(parts.map(|part| (part.to_owned(), None)).collect())
        };
        match self {
            Self::List => Reader { rest: field.trim() }.list(),
            Self::Dictionary => Reader { rest: field.trim() }.dictionary(),
            Self::Semicolon => between(&mut field.split(';')),
            Self::Comma => between(&mut field.split(',')),
            Self::Bar => between(&mut field.split('|')),
            Self::Space => between(&mut field.split_whitespace()),
            Self::Single => between(&mut std::iter::once(field)),
        }
    }

    /// What a field of this form looks like.
    pub(super) fn example(self) -> &'static str {
        match self {
            Self::List => "['SR', 'AFIB']",
            Self::Dictionary => "{'NORM': 80.0, 'SR': 0.0}",
            Self::Semicolon => "SR;AFIB",
            Self::Comma => "SR,AFIB",
            Self::Bar => "SR|AFIB",
            Self::Space => "SR AFIB",
            Self::Single => "SR",
        }
    }
}

/// Reads what JSON and Python write.
struct Reader<'t> {
    rest: &'t str,
}

impl<'t> Reader<'t> {
    fn list(mut self) -> Option<Vec<Code>> {
        self.sign('[')?;
        let mut codes = Vec::new();
        while self.sign(']').is_none() {
            codes.push((self.item(&[',', ']'])?, None));
            if self.sign(',').is_none() && !self.rest.starts_with(']') {
                return None;
            }
        }
        self.rest.is_empty().then_some(codes)
    }

    fn dictionary(mut self) -> Option<Vec<Code>> {
        self.sign('{')?;
        let mut codes = Vec::new();
        while self.sign('}').is_none() {
            let code = self.item(&[':'])?;
            self.sign(':')?;
            let value = self.item(&[',', '}'])?;
            match value.as_str() {
                "True" | "true" | "None" | "null" | "nan" | "NaN" => codes.push((code, None)),
                "False" | "false" => {}
                number => codes.push((code, Some(number.parse().ok()?))),
            }
            if self.sign(',').is_none() && !self.rest.starts_with('}') {
                return None;
            }
        }
        self.rest.is_empty().then_some(codes)
    }

    /// A text in quotes, or what stands bare before one of `ends`.
    fn item(&mut self, ends: &[char]) -> Option<String> {
        let quote = self.rest.chars().next().filter(|quote| "'\"".contains(*quote));
        let Some(quote) = quote else {
            let (item, rest) = self.rest.split_at(self.rest.find(ends)?);
            self.rest = rest;
            let item = item.trim();
            return (!item.is_empty() && !item.contains(['[', '{', '\'', '"'])).then(|| item.to_owned());
        };
        let mut item = String::new();
        let mut letters = self.rest.char_indices().skip(1);
        while let Some((place, letter)) = letters.next() {
            match letter {
                '\\' => item.push(letters.next()?.1),
                letter if letter == quote => {
                    self.rest = self.rest.get(place + 1..)?.trim_start();
                    return (!item.trim().is_empty()).then(|| item.trim().to_owned());
                }
                letter => item.push(letter),
            }
        }
        None
    }

    fn sign(&mut self, sign: char) -> Option<()> {
        self.rest = self.rest.strip_prefix(sign)?.trim_start();
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(form: Form, field: &str) -> Option<Vec<String>> {
        Some(form.codes(field)?.into_iter().map(|(code, _)| code).collect())
    }

    #[test]
    fn lists_and_dictionaries_of_json_and_python() {
        // json.dumps and repr of the same values in Python 3.11.
        for field in ["['SR', \"O'Brien\"]", "[\"SR\", \"O'Brien\"]", "['SR','O\\'Brien',]"] {
            assert_eq!(names(Form::List, field).unwrap(), ["SR", "O'Brien"], "{field}");
        }
        assert_eq!(names(Form::List, "[426783006, 164889003]").unwrap(), ["426783006", "164889003"]);
        assert_eq!(names(Form::List, "[]").unwrap(), [""; 0]);
        let read = Form::Dictionary.codes("{'NORM': 80.0, 'SR': 0.0, 'LVH': None, 'X': False,}").unwrap();
        let expected = [("NORM", Some(80.0)), ("SR", Some(0.0)), ("LVH", None)];
        assert_eq!(read, expected.map(|(code, likelihood)| (code.to_owned(), likelihood)));
        assert_eq!(names(Form::Dictionary, "{\"AF\": true, \"b\": 1e2}").unwrap(), ["AF", "b"]);
        for faulty in ["", "SR", "['SR'", "['SR' 'AF']", "[['SR']]", "['SR'] x", "[,]", "['']"] {
            assert_eq!(names(Form::List, faulty), None, "{faulty}");
        }
        assert_eq!(Form::Dictionary.codes("{}"), Some(Vec::new()));
        let one = |code: &str, likelihood| Some(vec![(code.to_owned(), Some(likelihood))]);
        assert_eq!(Form::Dictionary.codes("{\"ISC_\":50}"), one("ISC_", 50.0));
        assert_eq!(Form::Dictionary.codes("{'LVH': 35.0,}"), one("LVH", 35.0));
        for faulty in [
            "",
            "NORM",
            "{'NORM'}",
            "{'NORM': x}",
            "{'NORM: 1}",
            "{'A': 1}, {}",
            "{'A': 1, }, {}",
            "{'A': 1",
            "{'A': [1]}",
        ] {
            assert_eq!(names(Form::Dictionary, faulty), None, "{faulty}");
        }
        // As the table of PTB-XL without quotes would be.
        assert_eq!(names(Form::Dictionary, "{NORM: 1}").unwrap(), ["NORM"]);
    }

    #[test]
    fn the_form_is_guessed_from_the_column() {
        let guess = |fields: &[&str]| {
            let mut looks = Looks::default();
            fields.iter().for_each(|field| looks.look(field));
            looks.guess()
        };
        assert_eq!(guess(&["22;23", "1", "60+310;147"]), Form::Semicolon);
        assert_eq!(guess(&["426177001,427393009", "426783006"]), Form::Comma);
        assert_eq!(guess(&["{'NORM': 100.0, 'SR': 0.0}"]), Form::Dictionary);
        assert_eq!(guess(&["['SR', 'AF']", "[]"]), Form::List);
        assert_eq!(guess(&["SR", "atrial fibrillation"]), Form::Single);
        assert_eq!(guess(&[]), Form::Single);
        assert_eq!(names(Form::Semicolon, "60+310; 147;").unwrap(), ["60+310", "147"]);
    }
}
