//! What stages are trained for, by name.

use super::StageKind;
use crate::words::named::named;

named! {
    /// What a stage is trained for: a [`StageKind`] without what goes with it.
    pub enum TaskKind {
        /// To measure.
        Regression = "regression",
        /// To classify the records of a mix, before it is grafted.
        Classification = "classification",
        /// To give what is masked of the records of a mix.
        Masked = "masked",
        /// To tell two views of a record of a mix from those of others.
        Contrastive = "contrastive",
        /// Not trained here: weights from elsewhere.
        Weights = "weights",
        /// To classify the records of the study, grafted or from scratch.
        Transfer = "transfer",
    }
}

impl StageKind {
    /// What it is without its settings.
    pub fn task(&self) -> TaskKind {
        match self {
            StageKind::Regression { .. } => TaskKind::Regression,
            StageKind::Classification { .. } => TaskKind::Classification,
            StageKind::Masked { .. } => TaskKind::Masked,
            StageKind::Contrastive { .. } => TaskKind::Contrastive,
            StageKind::Weights { .. } => TaskKind::Weights,
            StageKind::Transfer { .. } => TaskKind::Transfer,
        }
    }
}
