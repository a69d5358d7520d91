//! Any bytes are an expression of Hive's, or take all partitions and say so.
#![no_main]

use libfuzzer_sys::fuzz_target;
use metastore::filter::{Key, plan_expression};

fuzz_target!(|bytes: &[u8]| {
    let key = |name: &str, kind: &str| Key { name: name.into(), type_name: kind.into() };
    let keys = [key("n", "int"), key("dt", "date"), key("s", "string")];
    let expressed = plan_expression(bytes, &keys);
    let _ = expressed.plan.start();
});
