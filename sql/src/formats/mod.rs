//! The formats of files: how each is told from the catalog, and how its rows are read.
//!
//! All but Parquet, which DataFusion reads, become rows here by one [`RowSource`], file by file: each file knows
//! by which [`Descriptor`] it was written.

mod avro;
mod csv;
mod delimited;
mod fit;
mod json;
mod lines;
mod nested;
mod orc;
mod parse;
mod source;
mod stored;
mod unpack;

pub(crate) use avro::AvroFile;
pub(crate) use source::RowSource;
pub(crate) use stored::{Stored, stored_as_provider, stored_by_serde};

use datafusion::arrow::datatypes::FieldRef;

/// How the files of a table or of a partition were written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Descriptor {
    /// The columns in files, in lower case, in the order in which text has them.
    pub(crate) columns: Vec<FieldRef>,
    pub(crate) stored: Stored,
}
