//! Merges of whole histories, by the tables of versioning.md 5.

mod data;
mod fields;
mod tables;

use expect_test::Expect;

use super::history::merged;

/// Merges histories that start from one, and compares what comes out.
pub(super) async fn check(base: &str, ours: &str, theirs: &str, expected: Expect) {
    expected.assert_eq(&Box::pin(merged(base, ours, theirs)).await);
}

/// Without partitions yet.
const ORDERS: &str = "create sales.orders (id int, amt int) by (dt string)";
/// With a partition of one file.
const FILLED: &str = "create sales.orders (id int, amt int) by (dt string)
    add sales.orders dt=1
    put sales.db/orders/dt=1/a one";
/// Without partitions, of one file.
const PLAIN: &str = "create sales.plain (id int)
    put sales.db/plain/a one";
