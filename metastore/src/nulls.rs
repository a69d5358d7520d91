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
    "alter_partition",
    "alter_partition_with_environment_context",
    "alter_partitions",
    "alter_partitions_with_environment_context",
    "alter_table",
    "alter_table_with_cascade",
    "alter_table_with_environment_context",
    "create_function",
    "drop_function",
    "get_part_specs_by_filter",
    "get_partition_names",
    "get_partition_names_ps",
    "get_partition_values",
    "get_partition_with_auth",
    "get_partitions",
    "get_partitions_by_filter",
    "get_partitions_by_names",
    "get_partitions_ps_with_auth",
    "get_partitions_pspec",
    "rename_partition",
];

/// Returns whether a method ends the connection over a null argument.
pub(crate) fn end_connection(method: &str) -> bool {
    ENDING.binary_search(&method).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_in_order_and_of_methods() {
        assert!(ENDING.is_sorted());
        for name in ENDING {
            assert!(
                thrift_idl::methods::METHODS
                    .iter()
                    .any(|method| method.name == *name),
                "{name}"
            );
        }
        assert!(end_connection("get_partitions") && !end_connection("get_table"));
    }
}
