//! What can be wrong with a filter.

/// What is wrong with a partition filter, and where. Positions are bytes from 0.
///
/// The texts begin as the original's do, because people search for them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// Something else was due at a place of the text.
    #[error("Error parsing partition filter: expected {expected} at position {at}, found {found}")]
    Unexpected {
        /// What could have stood there.
        expected: &'static str,
        /// What stands there.
        found: String,
        /// Where.
        at: usize,
    },
    /// A piece of the text is no word, number, string or operator.
    #[error("Error parsing partition filter: {what} at position {at}")]
    Lexical {
        /// What is wrong.
        what: String,
        /// Where.
        at: usize,
    },
    /// A name is not one of a partition key.
    #[error("Specified key <{0}> is not a partitioning key for the table")]
    UnknownKey(String),
    /// The text is too long.
    #[error("Error parsing partition filter: it has {bytes} bytes, more than {limit}")]
    TooLong {
        /// How long it is.
        bytes: usize,
        /// How long it may be.
        limit: usize,
    },
    /// There is too much of something that is costly.
    #[error("Error parsing partition filter: more than {limit} times '{what}': ask in several calls")]
    TooMany {
        /// What there is too much of.
        what: &'static str,
        /// How often it may stand.
        limit: usize,
    },
    /// Something is nested too deeply.
    #[error("Error parsing partition filter: more than {limit} nested '{what}' at position {at}")]
    TooDeep {
        /// What is nested.
        what: &'static str,
        /// How deep they may be.
        limit: usize,
        /// Where that is.
        at: usize,
    },
}
