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
    cinc::Cinc,
    ecg_arrhythmia::EcgArrhythmia,
    code_15::Code15,
    sph::Sph,
    mimic_iv_ecg::MimicIvEcg,
    ludb::Ludb,
    medalcare_xl::MedalcareXl,
    ptb::Ptb,
    fda_drug_studies::FdaDrugStudies,
    #[cfg(test)]
    toy::Toy,
}
