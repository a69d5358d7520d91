//! Partition filters: the little language of `get_partitions_by_filter`, from text to a walk over partitions.
//!
//! A filter is parsed ([`parser`]), bound to the table's partition keys and their types ([`bound`]), and
//! turned into a [`Plan`], which tells a forward walk over partition names what to take and where to skip
//! to. Text ranges only ever widen what has to be looked at; what is taken is decided by typed comparison.

mod ast;
mod bound;
mod error;
mod lexer;
mod like;
mod parser;
mod plan;
mod ranges;
mod value;

pub use error::FilterError;
pub use plan::{Plan, Step};

/// The longest filter that is read, in bytes. Spark sends one comparison per element of a list of up to
/// 1,000 elements; this is some 50 times that.
pub const FILTER_BYTES_MAX: usize = 1 << 20;

/// The deepest nesting of parentheses: Spark puts one around every `or` of a chain.
pub const FILTER_PARENTHESES_MAX: usize = 500;

/// The deepest nesting of `and` within `or` within `and`; chains of one of them do not nest.
pub const FILTER_DEPTH_MAX: usize = 100;

/// A partition key of the table that a filter is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// The name, in lower case.
    pub name: String,
    /// The type, as Hive spells it.
    pub type_name: String,
}

/// Plans a walk over the partitions of a table with these `keys`; the empty text takes all.
///
/// # Errors
/// [`FilterError`] tells what is wrong with the filter, and where.
pub fn plan(text: &str, keys: &[Key]) -> Result<Plan, FilterError> {
    if text.len() > FILTER_BYTES_MAX {
        return Err(FilterError::TooLong {
            bytes: text.len(),
            limit: FILTER_BYTES_MAX,
        });
    }
    if text.is_empty() {
        return Ok(Plan::all(keys));
    }
    let expression = parser::parse(text)?;
    if expression.depth() > FILTER_DEPTH_MAX {
        return Err(FilterError::TooDeep {
            what: "and' in 'or",
            limit: FILTER_DEPTH_MAX,
            at: 0,
        });
    }
    Ok(Plan::new(keys, bound::bind(&expression, keys)?))
}

#[cfg(test)]
mod tests;
