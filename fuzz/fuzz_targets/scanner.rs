//! The end of a message is found in any bytes, and wherever they are cut: in one piece or in two.
#![no_main]

use libfuzzer_sys::fuzz_target;
use thrift_idl::{Limits, Scanner, Wire};

fuzz_target!(|bytes: &[u8]| {
    let Some((cut, bytes)) = bytes.split_first() else { return };
    let Ok(Some(wire)) = Wire::detect(bytes) else { return };
    let whole = Scanner::new(wire, Limits::default()).scan(bytes);
    let mut resumed = Scanner::new(wire, Limits::default());
    let first = resumed.scan(&bytes[..usize::from(*cut).min(bytes.len())]);
    match (&whole, first) {
        // what the first piece decides, the whole does not undo
        (Ok(Some(message)), Ok(Some(early))) => assert_eq!(message.end, early.end),
        (whole, Ok(None)) => {
            let again = resumed.scan(bytes);
            assert_eq!(whole.is_err(), again.is_err());
            if let (Ok(Some(message)), Ok(Some(resumed))) = (whole, again) {
                assert_eq!((&message.name, message.seq, message.end), (&resumed.name, resumed.seq, resumed.end));
                assert!(message.end <= bytes.len() && message.body.end <= message.end);
            }
        }
        _ => {}
    }
});
