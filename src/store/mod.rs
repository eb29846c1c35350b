//! The SQLite store: schema, migrations, writing, reading. The only module that speaks SQL.
//!
//! [`Store`] answers questions, and each file here those of one kind. `rows` has the types of what is read, `outcome`
//! those of what is written when a stage ends.

mod claims;
mod composition;
mod connection;
mod curves;
mod digest;
mod evaluation;
mod failure;
mod filesystem;
mod findings;
mod finish;
mod finished;
mod housekeeping;
mod measured;
mod members;
mod merge;
mod metrics;
mod of_plans;
mod open;
mod planned;
mod predictions;
mod proof;
mod query;
mod register;
mod rows;
mod runs;
mod scores;
mod stages;
mod status;
mod validation;
mod views;

pub use crate::outcome::{EpochValue, MeasuredValue, Outcome, Prediction, RegressionScore, Score, SourceScore};
pub use claims::{Claim, Lost};
pub use connection::Store;
pub use curves::{LearningCurves, Series};
pub use evaluation::{Evaluated, EvaluatedMetric};
pub use finish::{Finish, Weights};
pub use housekeeping::{Kept, Removal};
pub use members::{Member, RecordSet, StageSets};
pub use merge::{Content, Folded, Folding, Offered, Other, write_shard};
pub use metrics::Found;
pub use predictions::{Facts, PredictionsOfRun, TestPredictions, TestedRecord};
pub use proof::StoredStage;
pub use query::{Cell, Rows};
pub use rows::{
    ClassScore, CurveValue, EvaluatedRecord, Evaluation, MeasuredRecord, MeasuredSource, MeasuredTarget, MixPartDetail,
    MixTargetDetail, PredictedClass, Run, StageRow, StoredManifest, StoredTrial,
};
pub use runs::{RunDetail, StageDetail, TestClass, TestSet};
pub use stages::{PlannedStage, TrainedStages};
pub use status::StageStatus;
pub use validation::{Validation, ValidationSet};
pub use views::{Column, ColumnKind, Views};
