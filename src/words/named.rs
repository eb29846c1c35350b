//! Words that vary: enums that are written as one word each.

/// Declares an enum whose variants are words, each once: `ALL` in this order, `name`, [`Display`](std::fmt::Display)
/// (padded as asked) and [`FromStr`](std::str::FromStr), which says which words there are.
macro_rules! named {
    (
        $(#[$meta:meta])*
        pub enum $kind:ident {
            $($(#[$of:meta])* $variant:ident = $word:literal),+ $(,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $kind {
            $($(#[$of])* $variant),+
        }

        impl $kind {
            /// All of them, in order.
            pub const ALL: [$kind; [$($word),+].len()] = [$($kind::$variant),+];

            /// As it is written.
            pub fn name(self) -> &'static str {
                match self {
                    $($kind::$variant => $word),+
                }
            }
        }

        impl std::fmt::Display for $kind {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.name())
            }
        }

        impl std::str::FromStr for $kind {
            type Err = String;

            fn from_str(word: &str) -> Result<Self, String> {
                let found = Self::ALL.into_iter().find(|known| known.name() == word);
                found.ok_or_else(|| $crate::words::named::unknown(word, &[$($word),+]))
            }
        }
    };
}

pub(crate) use named;

/// What is said of a word that is none of these.
pub(crate) fn unknown(word: &str, known: &[&str]) -> String {
    let (last, others) = known.split_last().unwrap_or((&"", &[]));
    format!("`{word}` is none of {} and {last}", others.join(", "))
}

#[cfg(test)]
mod tests {
    named! {
        /// Of a traffic light.
        pub enum Light {
            /// Stop.
            Red = "red",
            /// Wait.
            Amber = "amber",
            /// Go.
            Green = "green",
        }
    }

    #[test]
    fn words_are_written_and_read() {
        assert_eq!(Light::ALL.map(Light::name), ["red", "amber", "green"]);
        assert_eq!(format!("{:<6}|", Light::Amber), "amber |");
        assert_eq!("green".parse(), Ok(Light::Green));
        assert_eq!("blue".parse::<Light>(), Err("`blue` is none of red, amber and green".to_owned()));
    }
}
