//! Tables with a row for each record: CSV with a header line, and Parquet.

mod parquet;
mod read;

pub(super) use read::{Column, Row, Spot, Table, without_zeros};
