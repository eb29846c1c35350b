//! The kinds of source, one a line, in the order of the manifest's reference page: the module, and the type in it that is a
//! source of the kind.

macro_rules! kinds {
    ($($(#[$attribute:meta])* $module:ident::$source:ident,)*) => {
        $(
            $(#[$attribute])*
            pub mod $module;
            $(#[$attribute])*
            pub use $module::$source;
        )*

        /// What each of them is.
        pub(super) const ALL: &[super::SourceKind] = &[$($(#[$attribute])* $source::KIND),*];
    };
}

kinds! {
    simulator::Simulator,
    deepfake_ecg::DeepfakeEcg,
    ptb_xl::PtbXl,
    table::TableSource,
    #[cfg(test)]
    toy::Toy,
}
