//! The store as an MLflow tracking database, with manifests, settings and predictions as artifacts.

mod database;
mod entry;
mod write;

pub(super) use write::Mlflow;
