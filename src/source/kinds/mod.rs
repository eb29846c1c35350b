//! The kinds of source, one a line, in the order of the manifest's reference page: the module, and the type in it that is a
//! source of the kind; `: recognise` where the module has a function of this name that knows the kind's folder again.

macro_rules! kinds {
    ($($(#[$attribute:meta])* $module:ident::$source:ident $(: $recognise:ident)?,)*) => {
        $(
            $(#[$attribute])*
            pub mod $module;
            $(#[$attribute])*
            pub use $module::$source;
        )*

        /// What each of them is.
        pub(super) const ALL: &[super::SourceKind] = &[$($(#[$attribute])* $source::KIND),*];

        /// How those of them that have a layout of their own know it again.
        pub(super) const LAYOUTS: &[super::recognise::Recognise] = &[$($($module::$recognise,)?)*];
    };
}

kinds! {
    simulator::Simulator,
    deepfake_ecg::DeepfakeEcg: recognise,
    ptb_xl::PtbXl: recognise,
    cinc::Cinc: recognise,
    ecg_arrhythmia::EcgArrhythmia: recognise,
    chapman::Chapman: recognise,
    code_15::Code15: recognise,
    sph::Sph: recognise,
    mimic_iv_ecg::MimicIvEcg: recognise,
    ludb::Ludb: recognise,
    medalcare_xl::MedalcareXl: recognise,
    ptb::Ptb: recognise,
    fda_drug_studies::FdaDrugStudies: recognise,
    hospital::Hospital: recognise,
    table::TableSource,
    #[cfg(test)]
    toy::Toy,
}
