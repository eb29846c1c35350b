//! Arithmetic over the columns of a table: `60000 / rr_interval`, ``(`QT (s)` + 0.5) * 1000``.

use crate::Result;

/// Letters that an expression may have: with fewer its depth is small too.
const LONGEST: usize = 1000;

/// How deep parentheses may be.
const DEEPEST: usize = 50;

/// An expression over columns, `C`: their names, or where they are found.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Expression<C> {
    Number(f64),
    Column(C),
    Negative(Box<Self>),
    Both(Operator, Box<Self>, Box<Self>),
}

/// What is done with two values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Operator {
    Plus,
    Minus,
    Times,
    Over,
}

impl Expression<String> {
    /// Reads an expression: numbers, names of columns, `+ - * /` and parentheses. A name begins with a letter or `_` and
    /// has letters, digits, `_` and `.`; any other stands in backquotes.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> std::result::Result<Self, String> {
        if text.len() > LONGEST {
            return Err(format!("it has {} letters; at most {LONGEST} are read", text.len()));
        }
        let mut parser = Parser { rest: text.trim(), depth: 0 };
        let read = parser.sum()?;
        if parser.rest.is_empty() { Ok(read) } else { Err(parser.unexpected("one of + - * /")) }
    }
}

impl<C> Expression<C> {
    /// The same over what `find` gives for each column.
    pub fn resolve<D>(&self, find: &mut dyn FnMut(&C) -> Result<D>) -> Result<Expression<D>> {
        Ok(match self {
            Self::Number(number) => Expression::Number(*number),
            Self::Column(column) => Expression::Column(find(column)?),
            Self::Negative(inner) => Expression::Negative(Box::new(inner.resolve(find)?)),
            Self::Both(operator, left, right) => {
                Expression::Both(*operator, Box::new(left.resolve(find)?), Box::new(right.resolve(find)?))
            }
        })
    }

    /// Its value, `None` where a column has none, or the result is no finite number.
    pub fn value(&self, of: &dyn Fn(&C) -> Result<Option<f64>>) -> Result<Option<f64>> {
        let value = match self {
            Self::Number(number) => Some(*number),
            Self::Column(column) => of(column)?,
            Self::Negative(inner) => inner.value(of)?.map(|value| -value),
            Self::Both(operator, left, right) => {
                let (left, right) = (left.value(of)?, right.value(of)?);
                left.zip(right).map(|(left, right)| match operator {
                    Operator::Plus => left + right,
                    Operator::Minus => left - right,
                    Operator::Times => left * right,
                    Operator::Over => left / right,
                })
            }
        };
        Ok(value.filter(|value| value.is_finite()))
    }
}

struct Parser<'t> {
    rest: &'t str,
    depth: usize,
}

type Parsed = std::result::Result<Expression<String>, String>;

impl<'t> Parser<'t> {
    fn sum(&mut self) -> Parsed {
        let mut left = self.product()?;
        while let Some(operator) = self.operator(&[('+', Operator::Plus), ('-', Operator::Minus)]) {
            left = Expression::Both(operator, Box::new(left), Box::new(self.product()?));
        }
        Ok(left)
    }

    fn product(&mut self) -> Parsed {
        let mut left = self.single()?;
        while let Some(operator) = self.operator(&[('*', Operator::Times), ('/', Operator::Over)]) {
            left = Expression::Both(operator, Box::new(left), Box::new(self.single()?));
        }
        Ok(left)
    }

    fn operator(&mut self, known: &[(char, Operator)]) -> Option<Operator> {
        let (_, operator) = known.iter().find(|(sign, _)| self.rest.starts_with(*sign))?;
        self.skip(1);
        Some(*operator)
    }

    fn single(&mut self) -> Parsed {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(format!("it is more than {DEEPEST} deep"));
        }
        let read = match self.rest.chars().next() {
            Some('-') => {
                self.skip(1);
                Expression::Negative(Box::new(self.single()?))
            }
            Some('(') => {
                self.skip(1);
                let inner = self.sum()?;
                if !self.rest.starts_with(')') {
                    return Err(self.unexpected("a closing parenthesis"));
                }
                self.skip(1);
                inner
            }
            Some('`') => {
                let quoted = self.rest.get(1..).unwrap_or_default();
                let end = quoted.find('`').ok_or("a backquote has no other")?;
                let name = quoted.get(..end).unwrap_or_default().trim().to_owned();
                self.skip(end + 2);
                Expression::Column(name)
            }
            Some(first) if first.is_ascii_digit() || first == '.' => self.number()?,
            Some(first) if first.is_alphabetic() || first == '_' => {
                let is_part = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == '.';
                Expression::Column(self.take(is_part).to_owned())
            }
            _ => return Err(self.unexpected("a column or a number")),
        };
        self.depth -= 1;
        Ok(read)
    }

    fn number(&mut self) -> Parsed {
        let mut before = ' ';
        let text = self.take(|letter: char| {
            let is_exponent_sign = (letter == '-' || letter == '+') && (before == 'e' || before == 'E');
            before = letter;
            letter.is_alphanumeric() || letter == '.' || letter == '_' || is_exponent_sign
        });
        let number = text.parse().ok().filter(|number: &f64| number.is_finite());
        number.map(Expression::Number).ok_or_else(|| {
            format!("`{text}` is not a number; the name of a column that begins with a digit goes into backquotes")
        })
    }

    fn take(&mut self, mut is_part: impl FnMut(char) -> bool) -> &'t str {
        let end = self.rest.find(|letter| !is_part(letter)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest.trim_start();
        taken
    }

    fn skip(&mut self, bytes: usize) {
        self.rest = self.rest.get(bytes..).unwrap_or_default().trim_start();
    }

    fn unexpected(&self, wanted: &str) -> String {
        let found = match self.rest.split_whitespace().next() {
            Some(found) => format!("`{found}`"),
            None => "the end".into(),
        };
        format!("{wanted} was expected at {found}; the name of a column with spaces or signs goes into backquotes")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Option<f64> {
        let columns = |name: &String| {
            Ok(match name.as_str() {
                "rr" => Some(800.0),
                "qrs_onset" => Some(180.0),
                "p.on" => Some(20.0),
                "QT (s)" => Some(0.4),
                _ => None,
            })
        };
        Expression::parse(text).unwrap().value(&columns).unwrap()
    }

    #[test]
    fn signs_bind_as_in_arithmetic() {
        assert_eq!(value("60000 / rr"), Some(75.0));
        assert_eq!(value("qrs_onset - p.on"), Some(160.0));
        assert_eq!(value("1000*`QT (s)`"), Some(400.0));
        assert_eq!(value("2 + 3 * 4 - 6 / 2 / 3"), Some(13.0));
        assert_eq!(value("-(2 - 5) * 1e-1"), Some(0.300_000_000_000_000_04));
        assert_eq!(value("10 - 4 - 3"), Some(3.0));
        assert_eq!((value("rr + missing"), value("rr / (rr - 800)")), (None, None));
    }

    #[test]
    fn faults_are_told() {
        for (text, part) in [
            ("", "a column or a number was expected at the end"),
            ("QRS Duration", "one of + - * / was expected at `Duration`"),
            ("(rr", "a closing parenthesis was expected at the end"),
            ("1dAVb", "`1dAVb` is not a number"),
            ("rr ^ 2", "expected at `^`"),
            ("`rr", "a backquote has no other"),
            ("2 + * 3", "a column or a number was expected at `*`"),
        ] {
            let told = Expression::parse(text).unwrap_err();
            assert!(told.contains(part), "{text}: {told}");
        }
        assert!(Expression::parse(&"(".repeat(900)).unwrap_err().contains("50 deep"));
        assert!(Expression::parse(&"-".repeat(900)).unwrap_err().contains("50 deep"));
        assert!(Expression::parse(&"a+".repeat(900)).unwrap_err().contains("1800 letters"));
    }
}
