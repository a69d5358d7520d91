//! Any text is a filter or is refused, and a plan takes any names without end or panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use metastore::filter::{Key, Step, plan};

const NAMES: [&str; 4] = [
    "n=1/dt=2026-01-01/s=a",
    "n=10/dt=2026-01-02/s=b%2Fc",
    "n=9/dt=__HIVE_DEFAULT_PARTITION__/s=",
    "n=x/dt=never/s=__HIVE_DEFAULT_PARTITION__",
];

fuzz_target!(|text: &str| {
    let key = |name: &str, kind: &str| Key { name: name.into(), type_name: kind.into() };
    let keys = [key("n", "int"), key("dt", "date"), key("s", "string")];
    let Ok(plan) = plan(text, &keys) else { return };
    for name in NAMES {
        // a skip leads on, never back
        if let Step::Seek(to) = plan.step(name.as_bytes()) {
            assert!(to.as_slice() > name.as_bytes(), "{text:?} seeks back from {name}");
        }
    }
});
