//! Any bytes are decoded as the arguments of any method, or refused; what is decoded is written and read back alike.
#![no_main]

use libfuzzer_sys::fuzz_target;
use thrift_idl::types::{AddPartitionsRequest, Partition, Table};
use thrift_idl::{Encoder, Protocol, Struct, decode};

fuzz_target!(|bytes: &[u8]| {
    let Some((head, bytes)) = bytes.split_first() else { return };
    let protocol = if head & 1 == 0 { Protocol::Binary } else { Protocol::Compact };
    match head >> 1 & 3 {
        0 => there_and_back::<Table>(protocol, bytes),
        1 => there_and_back::<Partition>(protocol, bytes),
        _ => there_and_back::<AddPartitionsRequest>(protocol, bytes),
    }
});

fn there_and_back<T: Struct + PartialEq + std::fmt::Debug>(protocol: Protocol, bytes: &[u8]) {
    let Ok(value) = decode::<T>(protocol, bytes) else { return };
    let mut written = Vec::new();
    Encoder::new(protocol, &mut written).structure(&value);
    let again: T = decode(protocol, &written).expect("what was written can be read");
    let mut twice = Vec::new();
    Encoder::new(protocol, &mut twice).structure(&again);
    assert_eq!(written, twice);
}
