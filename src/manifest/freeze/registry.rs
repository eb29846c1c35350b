//! From one list of rules the table of a freeze.

/// Declares [`Freeze`](super::Freeze): for each rule its key and the type that is read from it.
macro_rules! freeze_rules {
    ($($(#[$attr:meta])* $key:ident: $Rule:ty,)*) => {
        /// Which blocks hold still in the transfer stage, and for how long: a table `[freezes.NAME]` of a manifest.
        #[derive(Clone, Debug, PartialEq, ::serde::Serialize, ::serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct Freeze {
            $(
                $(#[$attr])*
                #[doc = concat!("The key `", stringify!($key), "`; docs/manifest.md says what it means.")]
                #[serde(skip_serializing_if = "FreezeRule::is_left_out")]
                pub $key: $Rule,
            )*
        }

        impl Freeze {
            /// What each key says.
            fn rules(&self) -> impl Iterator<Item = &dyn FreezeRule> {
                [$($(#[$attr])* (&self.$key as &dyn FreezeRule)),*].into_iter()
            }
        }

        impl $crate::declare::Table for Freeze {
            const DOC: &'static str = "Which blocks hold still in the transfer stage, and for how long.";
            const KEYS: &'static [$crate::declare::Key] = &[
                $($(#[$attr])* $crate::declare::Key { name: stringify!($key), ..<$Rule as FreezeKey>::KEY }),*
            ];
        }

        impl Default for Freeze {
            fn default() -> Self {
                $crate::declare::default_of()
            }
        }
    };
}

pub(super) use freeze_rules;
