//! The macros that declare tables, kinds of tables, and words.

use super::{Key, Type};

/// A table of a manifest: a struct whose fields are its keys. Declared by [`table`].
pub(crate) trait Table {
    /// What it is, in a sentence.
    const DOC: &'static str;
    /// Its keys, in the order of the fields.
    const KEYS: &'static [Key];
}

/// A Rust type that says all of what a key's value is.
pub(crate) trait Value {
    /// What it is.
    const TYPE: Type;
}

impl Value for bool {
    const TYPE: Type = Type::Bool;
}

impl Value for String {
    const TYPE: Type = Type::Text(1);
}

impl<T: Table> Value for T {
    const TYPE: Type = Type::Table(T::KEYS);
}

impl<T: Value> Value for Option<T> {
    const TYPE: Type = T::TYPE;
}

/// Whether a value is at its default: those that came later are left out of the JSON then, so that stages
/// without them keep their ids.
pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// A comment's text, of which each line begins with a space.
pub(crate) const fn text(comment: &'static str) -> &'static str {
    match comment.as_bytes() {
        [b' ', ..] => comment.split_at(1).1,
        _ => comment,
    }
}

/// Declares a table: see the module [`crate::declare`].
macro_rules! table {
    (
        $(#[doc = $doc:expr])*
        $vis:vis struct $Table:ident $(, $incomplete:ident)? {
            $(
                $(#[doc = $key_doc:expr])*
                $key_vis:vis $key:ident: $rust:ty = $default:tt $(in $of:expr)? $(, $option:ident $value:tt)*
                $(=> serde $serde:tt)?;
            )*
        }
    ) => {
        $(#[doc = $doc])*
        #[derive(Clone, Debug, PartialEq, ::serde::Serialize, ::serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        #[allow(rustdoc::broken_intra_doc_links)]
        $vis struct $Table {
            $(
                $(#[doc = $key_doc])*
                #[doc = concat!("\n\nDefault: `", stringify!($default), "`.")]
                $(#[serde $serde])?
                $key_vis $key: $rust,
            )*
        }

        impl $crate::declare::Table for $Table {
            const DOC: &'static str = $crate::declare::text(concat!($($doc),*));
            const KEYS: &'static [$crate::declare::Key] = &[
                $($crate::declare::table!(@key $key, $rust, $default, [$($of)?], concat!($($key_doc),*))
                    $(.$option($value))*,)*
            ];
        }

        $crate::declare::table!(@default $Table $($incomplete)?);
    };
    (@default $Table:ident incomplete) => {};
    (@default $Table:ident) => {
        impl ::std::default::Default for $Table {
            fn default() -> Self {
                $crate::declare::default_of()
            }
        }
    };
    (@key $key:ident, $rust:ty, required, $of:tt, $doc:expr) => {
        $crate::declare::Key::required(
            stringify!($key), $crate::declare::table!(@of $rust, $of), "", $crate::declare::text($doc),
        )
    };
    (@key $key:ident, $rust:ty, none, $of:tt, $doc:expr) => {
        $crate::declare::Key::optional(
            stringify!($key), $crate::declare::table!(@of $rust, $of), "", "", $crate::declare::text($doc),
        )
    };
    (@key $key:ident, $rust:ty, $default:tt, $of:tt, $doc:expr) => {
        $crate::declare::Key::new(
            stringify!($key), $crate::declare::table!(@of $rust, $of), stringify!($default), $crate::declare::text($doc),
        )
    };
    (@of $rust:ty, []) => { <$rust as $crate::declare::Value>::TYPE };
    (@of $rust:ty, [$of:expr]) => { $of };
}

/// Declares the words that a value can be, as an enum: each variant with its word, its comment the word's meaning.
///
/// ```text
/// words! {
///     /// What the running statistics of a frozen block's batch norms do.
///     pub enum BatchNormMode as "batch-norm mode" {
///         /// running statistics of a frozen block hold still, and normalise
///         Frozen = "frozen",
///         /// they follow the new data, though the weights hold still
///         Adapt = "adapt",
///     }
///     later "group"
/// }
/// ```
///
/// `as` is what messages call such a word; words after `later` are known but not in this build. The first is the
/// default of the Rust type.
macro_rules! words {
    (
        $(#[$attr:meta])*
        $vis:vis enum $Words:ident as $what:literal {
            $($(#[doc = $doc:expr])* $Variant:ident = $word:literal,)*
        }
        $(later $($later:literal),*)?
    ) => {
        $(#[$attr])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, ::serde::Serialize, ::serde::Deserialize)]
        $vis enum $Words {
            $(
                $(#[doc = $doc])*
                #[serde(rename = $word)]
                $Variant,
            )*
        }

        impl $Words {
            /// The words.
            pub(crate) const WORDS: $crate::declare::Words = $crate::declare::Words {
                what: $what,
                known: &[$(($word, $crate::declare::text(concat!("", $($doc),*)))),*],
                later: &[$($($later),*)?],
                open: None,
            };
            /// All of them.
            pub const ALL: &'static [$Words] = &[$($Words::$Variant),*];

            /// The word, as manifests and tables have it.
            pub const fn name(self) -> &'static str {
                match self {
                    $($Words::$Variant => $word,)*
                }
            }
        }

        impl $crate::declare::Value for $Words {
            const TYPE: $crate::declare::Type = $crate::declare::Type::Word(&$Words::WORDS);
        }

        impl ::std::default::Default for $Words {
            fn default() -> Self {
                $Words::ALL[0]
            }
        }
    };
}

/// Declares the kinds that a table can be of, as an enum: each variant with the word of `kind`, its keys declared as by
/// [`table`], its comment what it is.
///
/// ```text
/// kinds! {
///     /// Losses.
///     #[serde(deny_unknown_fields, tag = "kind")]
///     pub enum Loss as "loss", default "mae" {
///         /// Mean absolute error.
///         Mae = "mae";
///         /// Huber's.
///         Huber = "huber" {
///             /// Where the line starts.
///             delta: f64 = 1.0 in Type::Number(Range::above(0.0));
///         };
///     }
///     later "quantile"
/// }
/// ```
///
/// `as` is what messages call such a table; kinds after `later` are known but not in this build.
macro_rules! kinds {
    (
        $(#[$attr:meta])*
        $vis:vis enum $Kinds:ident as $what:literal $(, default $default:literal)? {
            $(
                $(#[doc = $doc:expr])*
                $Variant:ident = $word:literal $({
                    $(
                        $(#[doc = $key_doc:expr])*
                        $key:ident: $rust:ty = $key_default:tt $(in $of:expr)? $(, $option:ident $value:tt)*
                        $(=> serde $serde:tt)?;
                    )*
                })?;
            )*
        }
        $(later $($later:literal),*)?
    ) => {
        #[derive(Clone, Debug, PartialEq, ::serde::Serialize, ::serde::Deserialize)]
        $(#[$attr])*
        $vis enum $Kinds {
            $(
                $(#[doc = $doc])*
                #[serde(rename = $word)]
                $Variant $({
                    $(
                        $(#[doc = $key_doc])*
                        #[doc = concat!("\n\nDefault: `", stringify!($key_default), "`.")]
                        $(#[serde $serde])?
                        $key: $rust,
                    )*
                })?,
            )*
        }

        impl $Kinds {
            /// The kinds.
            pub(crate) const KINDS: $crate::declare::Kinds = $crate::declare::Kinds {
                what: $what,
                default: $crate::declare::kinds!(@default $($default)?),
                known: &[$(
                    $crate::declare::Kind {
                        name: $word,
                        doc: $crate::declare::text(concat!($($doc),*)),
                        keys: &[$($(
                            $crate::declare::table!(@key $key, $rust, $key_default, [$($of)?], concat!($($key_doc),*))
                                $(.$option($value))*,
                        )*)?],
                    },
                )*],
                later: &[$($($later),*)?],
            };
        }

        impl $crate::declare::Value for $Kinds {
            const TYPE: $crate::declare::Type = $crate::declare::Type::Kind(&$Kinds::KINDS);
        }
    };
    (@default) => { None };
    (@default $default:literal) => { Some($default) };
}

pub(crate) use {kinds, table, words};
