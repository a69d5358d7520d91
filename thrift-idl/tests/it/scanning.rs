//! The end of a message is found at the same place however its bytes come in.

use proptest::prelude::*;
use thrift_idl::{Fault, Limits, Message, MessageKind, Protocol, Scanner, Wire};

use crate::apache;
use crate::detect::{WIRES, call};
use crate::dynamic::{Maker, all_structs};

/// Scans `bytes` as they come in pieces of the given size; returns the message and at how many bytes
/// it was there.
fn scan_in_pieces(wire: Wire, bytes: &[u8], piece: usize) -> (Message, usize) {
    let mut scanner = Scanner::new(wire, Limits::default());
    for size in (0..bytes.len()).step_by(piece).chain([bytes.len()]) {
        if let Some(message) = scanner.scan(&bytes[..size]).unwrap() {
            return (message, size);
        }
    }
    panic!("no message in {} bytes", bytes.len());
}

/// Puts a struct behind the head of a message.
fn message(wire: Wire, body: &[u8]) -> Vec<u8> {
    let mut head = Vec::new();
    wire.write_head(&mut head, "any_method", MessageKind::Call, 3);
    [&head, body].concat()
}

proptest! {
    #[test]
    fn byte_by_byte_is_as_whole(
        which in any::<prop::sample::Index>(),
        supply in prop::collection::vec(any::<u8>(), 0..600),
        compact in any::<bool>(),
    ) {
        let protocol = if compact { Protocol::Compact } else { Protocol::Binary };
        let wire = Wire { protocol, ..Wire::default() };
        let info = *which.get(all_structs());
        let value = Maker { supply: &supply, noise: true, depth_max: 8 }.structure(info, 0);
        let bytes = message(wire, &apache::encode(protocol, &value, false));
        let (whole, _) = scan_in_pieces(wire, &bytes, bytes.len());
        prop_assert_eq!(whole.end, bytes.len());
        let (again, there) = scan_in_pieces(wire, &bytes, 1);
        prop_assert_eq!(there, bytes.len(), "found before its last byte");
        prop_assert_eq!(again, whole);
    }
}

#[test]
fn messages_one_after_the_other_are_parted() {
    for wire in WIRES {
        let one = call(wire);
        let stream = one.repeat(3);
        let mut scanner = Scanner::new(wire, Limits::default());
        let (mut rest, mut found) = (stream.as_slice(), 0);
        while let Some(message) = scanner.scan(rest).unwrap() {
            assert_eq!((message.end, message.seq), (one.len(), 7));
            rest = &rest[message.end..];
            found += 1;
        }
        assert_eq!((found, rest), (3, &[][..]), "{wire:?}");
    }
}

#[test]
fn a_damaged_frame_leaves_the_stream_in_step() {
    for wire in WIRES
        .into_iter()
        .filter(|wire| wire.framing == thrift_idl::Framing::Framed)
    {
        let mut bytes = call(wire);
        let end = bytes.len();
        bytes[end - 1] = 0x0d; // in place of the struct's end: no field begins so
        bytes.extend(call(wire));
        let mut scanner = Scanner::new(wire, Limits::default());
        let damaged = scanner.scan(&bytes).unwrap().unwrap();
        assert_eq!(
            (damaged.name.as_str(), damaged.seq, damaged.end),
            ("get_table", 7, end)
        );
        assert!(damaged.fault.is_some(), "{wire:?}");
        let next = scanner.scan(&bytes[end..]).unwrap().unwrap();
        assert_eq!(next.fault, None);
    }
}

#[test]
fn a_fault_without_frame_still_tells_whose_call_it_was() {
    let wire = Wire::default();
    let bytes = message(wire, &[99, 0, 1]);
    let mut scanner = Scanner::new(wire, Limits::default());
    assert_eq!(scanner.scan(&bytes), Err(Fault::WireType(99)));
    assert_eq!(scanner.pending(), Some(("any_method", 3)));
}

#[test]
fn limits_hold_to_the_last_byte() {
    for wire in WIRES {
        let bytes = call(wire);
        let size = match wire.framing {
            thrift_idl::Framing::Framed => bytes.len() - 4,
            thrift_idl::Framing::Unframed => bytes.len(),
        };
        let scan = |limits: Limits| Scanner::new(wire, limits).scan(&bytes);
        let default = Limits::default();
        let at_limit = [
            Limits {
                message_bytes_max: size,
                ..default
            },
            Limits {
                method_name_bytes_max: 9,
                ..default
            },
            Limits {
                string_bytes_max: 6,
                ..default
            },
        ];
        let above = [
            Limits {
                message_bytes_max: size - 1,
                ..default
            },
            Limits {
                method_name_bytes_max: 8,
                ..default
            },
        ];
        for limits in at_limit {
            assert!(
                matches!(scan(limits), Ok(Some(Message { fault: None, .. }))),
                "{wire:?} {limits:?}"
            );
        }
        for limits in above {
            assert!(
                matches!(scan(limits), Err(Fault::Limit { .. })),
                "{wire:?} {limits:?}"
            );
        }
    }
}
