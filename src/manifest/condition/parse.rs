//! From a condition's text to what it says.

use std::ops::Range;

use std::fmt;

use super::{Comparison, Condition, ConditionFault, OPERATORS, Quantity, SEX};
use crate::declare;
use crate::ecg::{LabelName, OLDEST, Sex, superclass};

/// Parentheses and `not`s within one another.
const DEPTH: usize = 50;

/// Reads a condition: see [`Condition::parse`].
pub(super) fn condition(text: &str) -> Result<Condition, ConditionFault> {
    let mut parser = Parser { tokens: tokens(text)?.into_iter().peekable(), end: text.len(), depth: 0 };
    let condition = parser.any()?;
    match parser.tokens.next() {
        None => Ok(condition),
        Some(token) => Err(token.unexpected("`and`, `or` or the end")),
    }
}

/// A piece of the text.
#[derive(Clone, Debug)]
struct Token<'t> {
    span: Range<usize>,
    text: &'t str,
    kind: Kind<'t>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind<'t> {
    And,
    Or,
    Not,
    Open,
    Close,
    Operator(Comparison),
    Number(f64),
    /// What begins as a number and is none: `1dAVb`.
    NoNumber,
    /// What is between the quotes.
    Quoted(&'t str),
    Name,
    /// What is before the colon, and what is after it, without quotes.
    Qualified(&'t str, &'t str),
}

impl Token<'_> {
    fn fault(&self, message: impl Into<String>) -> ConditionFault {
        ConditionFault { span: self.span.clone(), message: message.into() }
    }

    fn unexpected(&self, expected: &str) -> ConditionFault {
        self.fault(format!("`{}` is not expected here; expected: {expected}", self.text))
    }
}

/// A piece at the beginning of a text: its length, and what it is or what is wrong with it.
type Piece<'t> = (usize, Result<Kind<'t>, String>);

/// The pieces of `text`, which spaces may part.
fn tokens(text: &str) -> Result<Vec<Token<'_>>, ConditionFault> {
    let mut tokens = Vec::new();
    let mut start = 0;
    while let Some(first) = text[start..].chars().next() {
        let rest = &text[start..];
        if first.is_whitespace() {
            start += first.len_utf8();
            continue;
        }
        let (length, kind) = match first {
            '(' => (1, Ok(Kind::Open)),
            ')' => (1, Ok(Kind::Close)),
            '<' | '>' | '=' | '!' => operator(rest),
            '\'' | '"' => quoted(rest, first),
            '+' | '-' | '.' | '0'..='9' => number(rest),
            _ if first.is_alphabetic() || first == '_' => word(rest),
            _ => meaningless(rest, first),
        };
        let span = start..start + length;
        let kind = kind.map_err(|message| ConditionFault { span: span.clone(), message })?;
        tokens.push(Token { span, text: &rest[..length], kind });
        start += length;
    }
    Ok(tokens)
}

/// How many bytes of `text` are of letters that belong.
fn run(text: &str, belongs: fn(char) -> bool) -> usize {
    text.find(|c| !belongs(c)).unwrap_or(text.len())
}

fn operator(text: &str) -> Piece<'_> {
    let written = &text[..run(text, |c| "<>=!".contains(c))];
    let known = OPERATORS.iter().find(|(sign, _)| *sign == written);
    let kind = known.map(|(_, comparison)| Kind::Operator(*comparison)).ok_or_else(|| {
        let hint = match written {
            "==" => "; write `=`",
            "<>" => "; write `!=`",
            "!" => "; write `not`",
            "=<" => "; write `<=`",
            "=>" => "; write `>=`",
            _ => "",
        };
        let known = OPERATORS.map(|(sign, _)| sign);
        format!("unknown operator `{written}`{hint}; known: {}", declare::list(&known))
    });
    (written.len(), kind)
}

fn quoted(text: &str, quote: char) -> Piece<'_> {
    let inside = &text[1..];
    match inside.find(quote) {
        Some(length) => (length + 2, Ok(Kind::Quoted(&inside[..length]))),
        None => (text.len(), Err(format!("the quote {quote} is not closed"))),
    }
}

fn number(text: &str) -> Piece<'_> {
    // In `1e-3` the sign is part of the number.
    let mut length = 1;
    while let Some(next) = text[length..].chars().next() {
        let sign_of_exponent = "+-".contains(next) && text[..length].ends_with(['e', 'E']);
        if !next.is_alphanumeric() && !"._".contains(next) && !sign_of_exponent {
            break;
        }
        length += next.len_utf8();
    }
    let number = text[..length].parse::<f64>().ok().filter(|number| number.is_finite());
    // A negative zero is none.
    let is_label = text[..length].starts_with(|c: char| c.is_ascii_digit());
    let kind = match number.map(|number| Kind::Number(number + 0.0)) {
        Some(number) => Ok(number),
        None if is_label => Ok(Kind::NoNumber),
        None => Err(no_number(&text[..length])),
    };
    (length, kind)
}

fn no_number(text: &str) -> String {
    format!("`{text}` is not a number")
}

fn word(text: &str) -> Piece<'_> {
    let length = run(text, |c| c.is_alphanumeric() || "_-".contains(c));
    let kind = match &text[..length] {
        "and" => Kind::And,
        "or" => Kind::Or,
        "not" => Kind::Not,
        name => return qualified(text, name),
    };
    (length, Ok(kind))
}

/// A name, or one with a vocabulary before it: `subclass:AMI`, `aha:'60+310'`.
fn qualified<'t>(text: &'t str, name: &'t str) -> Piece<'t> {
    let Some(after) = text[name.len()..].strip_prefix(':') else { return (name.len(), Ok(Kind::Name)) };
    let before = name.len() + 1;
    if let Some(quote) = after.chars().next().filter(|first| "'\"".contains(*first)) {
        let (length, kind) = quoted(after, quote);
        let kind = kind.map(|kind| if let Kind::Quoted(label) = kind { Kind::Qualified(name, label) } else { kind });
        return (before + length, kind);
    }
    let length = run(after, |c| c.is_alphanumeric() || "_-".contains(c));
    if length == 0 {
        return (before, Err(format!("after `{name}:` a label is missing")));
    }
    (before + length, Ok(Kind::Qualified(name, &after[..length])))
}

/// The names in a text with the bytes where they stand.
pub(super) fn places(text: &str) -> Vec<(String, Range<usize>)> {
    let named = |token: Token<'_>| match token.kind {
        Kind::Name | Kind::Number(_) | Kind::NoNumber => Some((token.text.to_owned(), token.span)),
        Kind::Qualified(vocabulary, name) => Some((format!("{vocabulary}:{name}"), token.span)),
        Kind::Quoted(name) => Some((name.to_owned(), token.span)),
        _ => None,
    };
    tokens(text).unwrap_or_default().into_iter().filter_map(named).collect()
}

/// Writes a label so that it is read as the same.
pub(super) fn show_label(label: LabelName, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let name = label.name();
    let one = tokens(name).ok().filter(|tokens| tokens.len() == 1 && tokens[0].text == name);
    let is_plain = one.is_some_and(|tokens| match tokens[0].kind {
        Kind::Name => label.vocabulary().is_some() || !WORDS.contains(&name),
        Kind::Number(_) | Kind::NoNumber => name.chars().all(char::is_alphanumeric),
        _ => false,
    });
    if let Some(vocabulary) = label.vocabulary() {
        write!(f, "{vocabulary}:")?;
    }
    let quote = if name.contains('\'') { '"' } else { '\'' };
    if is_plain { f.write_str(name) } else { write!(f, "{quote}{name}{quote}") }
}

/// Names that are not those of labels where they stand alone.
const WORDS: [&str; 7] = ["hr", "pr", "qt", "qrs", "fold", "age", SEX];

fn meaningless(text: &str, first: char) -> Piece<'_> {
    let (length, hint) = match &text[..run(text, |c| "&|".contains(c))] {
        signs @ ("&" | "&&") => (signs.len(), "; write `and`"),
        signs @ ("|" | "||") => (signs.len(), "; write `or`"),
        _ => (first.len_utf8(), ""),
    };
    (length, Err(format!("`{}` has no meaning in a condition{hint}", &text[..length])))
}

struct Parser<'t> {
    tokens: std::iter::Peekable<std::vec::IntoIter<Token<'t>>>,
    /// Where the text ends.
    end: usize,
    /// Parentheses and `not`s around what is being read.
    depth: usize,
}

impl<'t> Parser<'t> {
    fn next(&mut self, expected: &str) -> Result<Token<'t>, ConditionFault> {
        let missing = || ConditionFault {
            span: self.end..self.end,
            message: format!("the condition ends too early; expected: {expected}"),
        };
        self.tokens.next().ok_or_else(missing)
    }

    /// Whether the next token is `kind`, which is then taken.
    fn takes(&mut self, kind: Kind<'_>) -> bool {
        self.tokens.next_if(|token| token.kind == kind).is_some()
    }

    fn any(&mut self) -> Result<Condition, ConditionFault> {
        self.list(Kind::Or, Self::all, |condition| match condition {
            Condition::Any(list) => Ok(list),
            other => Err(other),
        })
        .map(|list| one_or(list, Condition::Any))
    }

    fn all(&mut self) -> Result<Condition, ConditionFault> {
        self.list(Kind::And, Self::one, |condition| match condition {
            Condition::All(list) => Ok(list),
            other => Err(other),
        })
        .map(|list| one_or(list, Condition::All))
    }

    /// Conditions with `word` between them; a list of the same kind in parentheses among them is part of the list.
    fn list(
        &mut self,
        word: Kind<'_>,
        item: fn(&mut Self) -> Result<Condition, ConditionFault>,
        same: fn(Condition) -> Result<Vec<Condition>, Condition>,
    ) -> Result<Vec<Condition>, ConditionFault> {
        let mut list = Vec::new();
        loop {
            match same(item(self)?) {
                Ok(within) => list.extend(within),
                Err(other) => list.push(other),
            }
            if !self.takes(word) {
                return Ok(list);
            }
        }
    }

    fn one(&mut self) -> Result<Condition, ConditionFault> {
        let token = self.next("a condition such as `hr < 60`")?;
        if self.depth >= DEPTH {
            return Err(token.fault(format!("more than {DEPTH} parentheses and `not`s within one another")));
        }
        self.depth += 1;
        let condition = match token.kind {
            Kind::Not => match self.one()? {
                Condition::Not(condition) => *condition,
                condition => Condition::Not(Box::new(condition)),
            },
            Kind::Open => {
                let condition = self.any()?;
                let close = self.next("`and`, `or` or `)`")?;
                if close.kind != Kind::Close {
                    return Err(close.unexpected("`and`, `or` or `)`"));
                }
                condition
            }
            Kind::Name => self.named(&token)?,
            Kind::Number(_) | Kind::NoNumber if self.is_label(&token) => Condition::Has(LabelName::parse(token.text)),
            Kind::Quoted(name) if !name.trim().is_empty() => Condition::Has(LabelName::parse(name)),
            Kind::Qualified(vocabulary, name) => Condition::Has(LabelName::parse(&format!("{vocabulary}:{name}"))),
            _ => return Err(token.unexpected("a condition such as `hr < 60`")),
        };
        self.depth -= 1;
        Ok(condition)
    }

    /// Whether digits are a label's name, as codes of SNOMED CT are, and no number that is compared.
    fn is_label(&mut self, token: &Token<'_>) -> bool {
        let is_compared = matches!(self.tokens.peek(), Some(Token { kind: Kind::Operator(_), .. }));
        !is_compared && token.text.chars().all(char::is_alphanumeric)
    }

    /// What begins with a name: of a number where it is compared, of a label where it stands alone.
    fn named(&mut self, name: &Token<'_>) -> Result<Condition, ConditionFault> {
        if name.text == SEX {
            return self.sex();
        }
        let is_compared = matches!(self.tokens.peek(), Some(Token { kind: Kind::Operator(_), .. }));
        if !is_compared && !WORDS.contains(&name.text) {
            return Ok(Condition::Has(LabelName::parse(name.text)));
        }
        if superclass::VOCABULARY.label(name.text).is_some()
            && let Some(operator) = self.tokens.next()
        {
            let text = name.text;
            return Err(operator.fault(format!("a class is not compared; write `{text}` or `not {text}`")));
        }
        let of = &Quantity::called(name.text);
        let signs = declare::list(&OPERATORS.map(|(sign, _)| sign));
        let operator = self.next(&signs)?;
        let Kind::Operator(is) = operator.kind else { return Err(operator.unexpected(&signs)) };
        let value = self.next("a number")?;
        let to = match value.kind {
            Kind::Number(to) => to,
            Kind::NoNumber => return Err(value.fault(no_number(value.text))),
            _ => return Err(value.unexpected("a number")),
        };
        if *of == Quantity::Age && (to > OLDEST || to == OLDEST && is == Comparison::More) {
            return Err(value.fault(format!(
                "ages above 89 are not told apart and all known as {OLDEST}; write `age >= {OLDEST}` for them"
            )));
        }
        Ok(Condition::Number { of: *of, is, to })
    }

    fn sex(&mut self) -> Result<Condition, ConditionFault> {
        let operator = self.next("`=` or `!=`")?;
        let is = match operator.kind {
            Kind::Operator(Comparison::Equal) => true,
            Kind::Operator(Comparison::Unequal) => false,
            _ => return Err(operator.unexpected("`=` or `!=`")),
        };
        let value = self.next("'male' or 'female'")?;
        let Kind::Quoted(word) = value.kind else { return Err(value.unexpected("'male' or 'female', in quotes")) };
        match Sex::ALL.into_iter().find(|sex| sex.name() == word) {
            Some(sex) => Ok(Condition::Sex { is, sex }),
            None => {
                let hint = declare::hint(word, Sex::ALL.map(Sex::name));
                Err(value.fault(format!("unknown sex `{word}`{hint}")))
            }
        }
    }
}

/// The only condition, or the list as one.
fn one_or(mut list: Vec<Condition>, several: fn(Vec<Condition>) -> Condition) -> Condition {
    if list.len() == 1 { list.remove(0) } else { several(list) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn and_binds_before_or_and_not_before_and() {
        let one = |class: crate::ecg::Label| Condition::Has(class.into());
        assert_eq!(
            Condition::parse("NORM or not MI and CD"),
            Ok(Condition::Any(vec![
                one(superclass::NORM),
                Condition::All(vec![Condition::Not(Box::new(one(superclass::MI))), one(superclass::CD)])
            ]))
        );
    }

    #[test]
    fn each_fault_is_told_with_its_place() {
        let signs = "`<`, `<=`, `>`, `>=`, `=`, `!=`";
        let cases: &[(&str, Range<usize>, String)] = &[
            ("hr", 2..2, format!("the condition ends too early; expected: {signs}")),
            ("hr 60", 3..5, format!("`60` is not expected here; expected: {signs}")),
            ("subclass: AMI", 0..9, "after `subclass:` a label is missing".into()),
            ("hr == 60", 3..5, format!("unknown operator `==`; write `=`; known: {signs}")),
            ("hr <", 4..4, "the condition ends too early; expected: a number".into()),
            ("hr < 'x'", 5..8, "`'x'` is not expected here; expected: a number".into()),
            ("hr < 60 < 80", 8..9, "`<` is not expected here; expected: `and`, `or` or the end".into()),
            ("60 < hr", 0..2, "`60` is not expected here; expected: a condition such as `hr < 60`".into()),
            ("hr < 6O", 5..7, "`6O` is not a number".into()),
            ("hr < 1e999", 5..10, "`1e999` is not a number".into()),
            ("(hr < 60", 8..8, "the condition ends too early; expected: `and`, `or` or `)`".into()),
            ("(hr < 60 MI", 9..11, "`MI` is not expected here; expected: `and`, `or` or `)`".into()),
            ("MI)", 2..3, "`)` is not expected here; expected: `and`, `or` or the end".into()),
            ("MI and", 6..6, "the condition ends too early; expected: a condition such as `hr < 60`".into()),
            ("MI && CD", 3..5, "`&&` has no meaning in a condition; write `and`".into()),
            ("MI; é", 2..3, "`;` has no meaning in a condition".into()),
            ("MI = 1", 3..4, "a class is not compared; write `MI` or `not MI`".into()),
            ("sex < 'male'", 4..5, "`<` is not expected here; expected: `=` or `!=`".into()),
            ("sex = male", 6..10, "`male` is not expected here; expected: 'male' or 'female', in quotes".into()),
            ("sex = 'femal'", 6..13, "unknown sex `femal`; did you mean `female`?".into()),
            ("sex = 'male", 6..11, "the quote ' is not closed".into()),
            (
                "age < 300",
                6..9,
                "ages above 89 are not told apart and all known as 90; write `age >= 90` for them".into(),
            ),
            (
                "age > 90",
                6..8,
                "ages above 89 are not told apart and all known as 90; write `age >= 90` for them".into(),
            ),
        ];
        for (text, span, message) in cases {
            let fault = Condition::parse(text).unwrap_err();
            assert_eq!((&fault.span, &fault.message), (span, message), "{text}");
        }
        for deep in ["(".repeat(100_000), "not ".repeat(100_000)] {
            assert!(Condition::parse(&deep).unwrap_err().message.contains("more than 50"), "{}", &deep[..4]);
        }
    }
}
