//! Partition filters: the little language of `get_partitions_by_filter`, from text to a walk over partitions.
//!
//! A filter is parsed ([`parser`]), bound to the table's partition keys and their types ([`bound`]), and
//! turned into a [`Plan`], which tells a forward walk over partition names what to take and where to skip
//! to. An expression of Hive's is read from its bytes ([`kryo`]) and understood ([`expression`]) as such a
//! filter, as far as that goes. Text ranges only ever widen what has to be looked at; what is taken is decided by typed comparison.

mod ast;
mod bound;
mod error;
mod expression;
mod kryo;
mod lexer;
mod like;
mod parser;
mod plan;
mod ranges;
mod value;

pub use error::FilterError;
pub(crate) use like::sql_like;
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
    if text.is_empty() {
        return Ok(Plan::all(keys));
    }
    Ok(Plan::new(keys, bound::bind(&parse(text)?, keys)?))
}

/// Returns the names that a filter speaks of, each once.
pub(crate) fn names(text: &str) -> Result<Vec<String>, FilterError> {
    let mut names = Vec::new();
    if !text.is_empty() {
        parse(text)?.visit(&mut |leaf| names.extend(leaf.keys().iter().cloned()));
    }
    names.sort_unstable();
    names.dedup();
    Ok(names)
}

fn parse(text: &str) -> Result<ast::Expression<ast::Leaf>, FilterError> {
    if text.len() > FILTER_BYTES_MAX {
        return Err(FilterError::TooLong {
            bytes: text.len(),
            limit: FILTER_BYTES_MAX,
        });
    }
    let expression = parser::parse(text)?;
    if expression.depth() > FILTER_DEPTH_MAX {
        return Err(FilterError::TooDeep {
            what: "and' in 'or",
            limit: FILTER_DEPTH_MAX,
            at: 0,
        });
    }
    Ok(expression)
}

/// What an expression of a client means for the partitions of a table.
#[derive(Debug, Clone)]
pub struct Expressed {
    /// A walk that takes every partition that the expression accepts.
    pub plan: Plan,
    /// Why the walk may take more than those; `None` if it does not.
    pub unknown: Option<String>,
}

/// Plans a walk over the partitions that an expression accepts, as `get_partitions_by_expr` carries it: a
/// Java expression in Kryo's bytes, or a filter as text, which is what Hive's repair of tables sends.
///
/// Bytes that say nothing understandable take all partitions. Total on any bytes.
pub fn plan_expression(bytes: &[u8], keys: &[Key]) -> Expressed {
    let unknown = match by_text(bytes, keys) {
        Ok(known) => return known,
        Err(Some(error)) => error.to_string(),
        Err(None) => match by_tree(bytes, keys) {
            Ok(known) => return known,
            Err(reason) => reason,
        },
    };
    Expressed {
        plan: Plan::all(keys),
        unknown: Some(unknown),
    }
}

/// Reads a filter; `None` as an error says that the bytes are no text.
fn by_text(bytes: &[u8], keys: &[Key]) -> Result<Expressed, Option<FilterError>> {
    let text = std::str::from_utf8(bytes).map_err(|_| None)?;
    if text.contains('\u{1}') {
        return Err(None);
    }
    let expression = parse(text)?;
    let plan = Plan::new(keys, bound::bind(&expression, keys)?);
    let unknown = expression.any(|leaf| matches!(leaf, ast::Leaf::Like { .. }));
    Ok(Expressed {
        plan,
        unknown: unknown.then(|| "what 'like' means depends on the client".to_owned()),
    })
}

fn by_tree(bytes: &[u8], keys: &[Key]) -> Result<Expressed, String> {
    let tree = kryo::read(bytes).map_err(|error| format!("the expression cannot be read: {error}"))?;
    let understood = expression::understand(&tree, keys);
    let filter = understood
        .filter
        .filter(|filter| filter.depth() <= FILTER_DEPTH_MAX)
        .ok_or("the expression is none that partitions can be found by")?;
    let filter = bound::bind(&filter, keys).map_err(|error| error.to_string())?;
    let unknown = "a part of the expression is none that partitions can be found by";
    Ok(Expressed {
        plan: Plan::new(keys, filter),
        unknown: (!understood.exact).then(|| unknown.to_owned()),
    })
}

#[cfg(test)]
mod expression_tests;
#[cfg(test)]
mod tests;
