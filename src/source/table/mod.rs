//! Tables with a row for each record: CSV with a header line, Parquet, Excel, and the comments of WFDB headers.

mod headers;
mod parquet;
mod read;
mod xlsx;
mod zstd;

pub(crate) use read::{Column, Row, Spot, Table, without_zeros};
