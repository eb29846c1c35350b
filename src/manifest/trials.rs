//! The lists whose every combination is a trial.

use std::collections::BTreeSet;

use super::keys::{FOLD, FUSIONS, GRAFTS, SEED, SHARE};
use super::{Donor, Freeze, Fusion, Manifest};
use crate::declare::{Names, Type, Value as _, Words, known, list_of, sequence, table};

/// All folds, as a word.
pub(super) const ALL: &str = "all";
const ALL_FOLDS: Words = known("fold", &[(ALL, "every fold that [transfer] names")]);
const FOLDS: Type = list_of(&FOLD, 1);

table! {
    /// Every combination of these lists is a trial.
    pub struct Trials, incomplete {
        /// Mix names. Without any there are only from-scratch trials.
        pub mix: Vec<String> = none in list_of(&Type::Name(Names::Mix), 0), absent "all declared mixes",
            example r#"["synthetic"]"#;
        /// Architecture names.
        pub architecture: Vec<String> = none in list_of(&Type::Name(Names::Architecture), 1),
            absent "all declared architectures", example r#"["inception"]"#;
        /// Which networks are grafted: a target stands for its own network, a list of targets for the one that measures
        /// them all, `classification` for a classifier trained on the mix. Several: their features are joined by `fusion`.
        pub from: Vec<Vec<Donor>> = none in sequence(&GRAFTS, 1, usize::MAX),
            absent "one graft of all `regression.targets` together", example r#"[["qrs"], ["hr", "pr", "qt", "qrs"]]"#;
        /// Freeze names.
        pub freeze: Vec<String> = ["none"] in list_of(&Type::Name(Names::Freeze), 1);
        /// Shares of the transfer training records: by patient, stratified, nested across fractions.
        pub label_fraction: Vec<f64> = [1.0] in list_of(&SHARE, 1);
        /// Variant names; `base` is the manifest as it stands.
        pub variant: Vec<String> = none in list_of(&Type::Name(Names::Variant), 1),
            absent "where variants are declared `base` and all of them", example r#"["base", "lead-ii"]"#;
        /// Folds that are tested in turn, or `all` that the transfer names: then as many of those before each in their circle
        /// validate as do in the manifest, and the rest train. Tables pool the folds; `--by fold` tells them apart.
        pub fold: Vec<u8> = none in Type::WordOrList(&ALL_FOLDS, &FOLDS), absent "the folds of [transfer]",
            example "\"all\"";
        /// Seeds.
        pub seed: Vec<u64> = [0] in list_of(&SEED, 1);
        /// Add the from-scratch baseline for every architecture, fraction and seed.
        pub scratch: bool = true;
        /// Add, for each graft of several networks, a baseline of as many fresh backbones: what size alone gives.
        pub matched_scratch: bool = false;
        /// Add, beside the grafts whose backbones hold still to the end, networks of fresh weights that are frozen so too, and
        /// of which the head alone learns: what the architecture gives without any knowledge. Their batch norms follow the
        /// data, as fresh ones have no statistics that could hold still.
        pub random_probe: bool = true;
        /// Leave out every trial that agrees with all the keys given.
        pub exclude: Vec<Exclude> = [] in sequence(&Exclude::TYPE, 0, usize::MAX);
        /// How the features of several grafted networks are joined; grafts of one network are there once.
        pub fusion: Vec<Fusion> = "concat" in Type::WordOrList(&Fusion::WORDS, &FUSIONS);
    }
}

table! {
    /// Leaves out every trial that agrees with all the keys given.
    pub struct Exclude {
        /// The mix.
        pub mix: Option<String> = none in Type::Name(Names::Mix), absent "any", example "\"synthetic\"";
        /// The architecture.
        pub architecture: Option<String> = none in Type::Name(Names::Architecture), absent "any", example "\"cnn\"";
        /// The grafted networks.
        pub from: Option<Vec<Donor>> = none in GRAFTS, absent "any", example r#"["qrs"]"#;
        /// The fusion of several grafted networks.
        pub fusion: Option<Fusion> = none, absent "any", example "\"concat\"";
        /// The freeze.
        pub freeze: Option<String> = none in Type::Name(Names::Freeze), absent "any", example "\"none\"";
        /// The share of the training records.
        pub label_fraction: Option<f64> = none in SHARE, absent "any", example "1.0";
        /// The variant.
        pub variant: Option<String> = none in Type::Name(Names::Variant), absent "any", example "\"base\"";
        /// The fold that is tested.
        pub fold: Option<u8> = none in FOLD, absent "any", example "10";
        /// The seed.
        pub seed: Option<u64> = none in SEED, absent "any", example "0";
    }
}

impl Exclude {
    /// Whether it leaves out every trial that agrees with the keys of `pattern`, whatever else is true of it.
    pub fn covers(&self, pattern: &Exclude) -> bool {
        fn agrees<T: PartialEq>(own: &Option<T>, other: &Option<T>) -> bool {
            own.is_none() || own == other
        }
        agrees(&self.mix, &pattern.mix)
            && agrees(&self.architecture, &pattern.architecture)
            && agrees(&self.from, &pattern.from)
            && agrees(&self.fusion, &pattern.fusion)
            && agrees(&self.freeze, &pattern.freeze)
            && agrees(&self.label_fraction, &pattern.label_fraction)
            && agrees(&self.variant, &pattern.variant)
            && agrees(&self.fold, &pattern.fold)
            && agrees(&self.seed, &pattern.seed)
    }
}

impl Trials {
    /// Whether one entry of `exclude` leaves out every trial that agrees with the keys of `pattern`.
    pub fn leave_out(&self, pattern: &Exclude) -> bool {
        self.exclude.iter().any(|exclude| exclude.covers(pattern))
    }
}

impl Manifest {
    /// Networks that nothing is grafted into: their numbers of backbones, how these are joined, and the freeze of those that
    /// hold still to the end. From scratch first, then as many backbones as each graft has, then those that hold still.
    pub fn fresh_networks(&self) -> Vec<(usize, Fusion, Option<&str>)> {
        let trials = &self.trials;
        let mut all: Vec<(usize, Fusion, Option<&str>)> = Vec::new();
        if trials.scratch {
            all.push((1, Fusion::Concat, None));
        }
        if trials.mix.is_empty() {
            return all;
        }
        let sizes: BTreeSet<usize> = trials.from.iter().map(Vec::len).collect();
        if trials.matched_scratch {
            let several = sizes.iter().filter(|size| **size > 1);
            all.extend(several.flat_map(|size| trials.fusion.iter().map(move |fusion| (*size, *fusion, None))));
        }
        if trials.random_probe {
            let holds = |name: &&String| self.freezes.get(*name).is_some_and(Freeze::freezes_all);
            for freeze in trials.freeze.iter().filter(holds) {
                for size in &sizes {
                    let fusions = if *size > 1 { &trials.fusion[..] } else { &[Fusion::Concat] };
                    all.extend(fusions.iter().map(|fusion| (*size, *fusion, Some(freeze.as_str()))));
                }
            }
        }
        all
    }
}
