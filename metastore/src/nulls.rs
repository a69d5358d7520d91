//! Null arguments, over which the original falls in some methods.
//!
//! Most methods say with an exception what is missing. In those of this list the original up to 3.1 throws what it has no
//! reply for, and ends the connection; its clients, and Hive's own tests of them, await that. The log says what was
//! missing.

/// The methods in which a null argument ends the connection.
const ENDING: &[&str] = &[
    "add_partitions",
    "add_partitions_pspec",
    "alter_function",
    "create_function",
    "drop_function",
    "get_partition_names",
    "get_partition_names_ps",
    "get_partition_values",
    "get_partition_with_auth",
    "get_partitions",
    "get_partitions_by_filter",
    "get_partitions_by_names",
    "get_partitions_ps_with_auth",
    "get_partitions_pspec",
];

/// The methods in which it does so unless the argument is the name of a database or a table.
const ENDING_OVER_THINGS: &[&str] = &[
    "alter_partition",
    "alter_partition_with_environment_context",
    "alter_partitions",
    "alter_partitions_with_environment_context",
    "alter_table",
    "alter_table_with_cascade",
    "alter_table_with_environment_context",
    "rename_partition",
];

pub(crate) const DATABASE_NAME: &str = "Database name";
pub(crate) const TABLE_NAME: &str = "Table name";

/// Returns whether a method ends the connection over an argument that is null.
pub(crate) fn end_connection(method: &str, argument: &str) -> bool {
    let is_in = |list: &[&str]| list.binary_search(&method).is_ok();
    let is_name = [DATABASE_NAME, TABLE_NAME].contains(&argument);
    is_in(ENDING) || !is_name && is_in(ENDING_OVER_THINGS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_are_in_order_and_of_methods() {
        for list in [ENDING, ENDING_OVER_THINGS] {
            assert!(list.is_sorted());
            for name in list {
                assert!(
                    thrift_idl::methods::METHODS
                        .iter()
                        .any(|method| method.name == *name),
                    "{name}"
                );
            }
        }
    }

    #[test]
    fn names_and_things_differ() {
        for (method, argument, expected) in [
            ("get_partitions", TABLE_NAME, true),
            ("get_table", TABLE_NAME, false),
            ("alter_table", TABLE_NAME, false),
            ("alter_table", "New table", true),
        ] {
            assert_eq!(end_connection(method, argument), expected, "{method} {argument}");
        }
    }
}
