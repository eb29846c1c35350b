//! From one list of networks all that differs by kind: the enum of configurations, the keys of the manifest, and who
//! builds, checks and costs what.

/// Declares [`super::Architecture`] and [`super::AnyBlocks`]: for each kind the word of `kind`, its variant, and its configuration with the
/// module that declares it.
macro_rules! architectures {
    ($($(#[$attr:meta])* $word:literal = $Variant:ident($module:ident::$Config:ident),)*) => {
        $($(#[$attr])* pub use $module::$Config;)*

        /// A network architecture with its settings. As JSON it is the table of a manifest with all defaults written,
        /// `kind` among its keys; stage ids are hashed from that.
        #[derive(Clone, Debug, PartialEq, ::serde::Serialize, ::serde::Deserialize)]
        #[serde(deny_unknown_fields, tag = "kind")]
        pub enum Architecture {
            $(
                $(#[$attr])*
                #[doc = concat!("`", $word, "`.")]
                #[serde(rename = $word)]
                $Variant($Config),
            )*
        }

        $(
            $(#[$attr])*
            impl From<$Config> for Architecture {
                fn from(config: $Config) -> Self {
                    Architecture::$Variant(config)
                }
            }
        )*

        /// The kinds of architectures, as manifests know them.
        pub(crate) const ARCHITECTURES: Kinds = Kinds {
            what: "architecture",
            default: None,
            known: &[$(
                $(#[$attr])*
                Kind {
                    name: $word,
                    doc: <$Config as Table>::DOC,
                    keys: <$Config as Table>::KEYS,
                },
            )*],
            later: &[],
        };

        impl Architecture {
            /// The architecture of this kind with all settings at their defaults; `None` for a word that is none.
            pub fn at_defaults(kind: &str) -> Option<Self> {
                match kind {
                    $($(#[$attr])* $word => Some($Config::default().into()),)*
                    _ => None,
                }
            }

            /// The word of `kind`.
            pub fn kind(&self) -> &'static str {
                match self {
                    $($(#[$attr])* Architecture::$Variant(_) => $word,)*
                }
            }

            /// Names of the backbone's blocks from the input up. The head is not among them.
            pub fn blocks(&self) -> Vec<String> {
                match self {
                    $($(#[$attr])* Architecture::$Variant(config) => config.blocks(),)*
                }
            }

            /// What it costs for one record.
            pub fn cost(&self, input: Input) -> Cost {
                match self {
                    $($(#[$attr])* Architecture::$Variant(config) => config.cost(input),)*
                }
            }

            /// Whether a backbone that was trained on signals of one length takes those of another.
            pub fn takes_any_length(&self) -> bool {
                match self {
                    $($(#[$attr])* Architecture::$Variant(config) => config.takes_any_length(),)*
                }
            }

            /// Channels of the backbone's output, before it is pooled over time.
            pub(crate) fn channels(&self) -> usize {
                match self {
                    $($(#[$attr])* Architecture::$Variant(config) => config.channels(),)*
                }
            }

            /// The head.
            pub(crate) fn head(&self) -> HeadConfig {
                match self {
                    $($(#[$attr])* Architecture::$Variant(config) => config.head(),)*
                }
            }

            /// Tells what no range of a single key says; `signal` is `None` where that is faulty itself.
            pub(crate) fn check(&self, faults: &mut Faults<'_>, signal: Option<&Signal>) {
                match self {
                    $($(#[$attr])* Architecture::$Variant(config) => config.check(faults, signal),)*
                }
            }

            /// A fresh backbone's blocks.
            pub(crate) fn build<D: Backend>(&self, input: Input, init: &mut Init<'_, D>) -> Result<AnyBlocks<D>> {
                Ok(match self {
                    $(
                        $(#[$attr])*
                        Architecture::$Variant(config) => AnyBlocks::$Variant(Box::new(config.build(input, init)?)),
                    )*
                })
            }
        }

        /// The blocks of a backbone of some kind.
        #[derive(Clone, Debug)]
        pub(crate) enum AnyBlocks<D: Backend> {
            $($(#[$attr])* $Variant(Box<<$Config as Config>::Blocks<D>>),)*
        }

        impl<D: Backend> Blocks<D> for AnyBlocks<D> {
            fn forward(&mut self, x: &Var<D>, freezes: &[FreezeState], pass: &mut Pass<D>) -> Result<Var<D>> {
                match self {
                    $($(#[$attr])* AnyBlocks::$Variant(blocks) => blocks.forward(x, freezes, pass),)*
                }
            }

            fn visit(&mut self, f: &mut BlockVisitor<'_, D>) {
                match self {
                    $($(#[$attr])* AnyBlocks::$Variant(blocks) => blocks.visit(f),)*
                }
            }
        }
    };
}

pub(super) use architectures;
