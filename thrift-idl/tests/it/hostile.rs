//! Bytes that mean harm: an error each, in little memory, never a panic.

use proptest::prelude::*;
use thrift_idl::methods::{AddPartitionsArgs, GetTableArgs};
use thrift_idl::types::{Partition, Table};
use thrift_idl::{
    DecodeError, Fault, Limits, MessageKind, Protocol, Scanner, Struct, Wire, decode, decode_into,
    decode_with,
};

use crate::detect::{WIRES, call};
use crate::dynamic::all_structs;

const MIB: f32 = 1024.0 * 1024.0;

fn fault<T: Struct>(protocol: Protocol, bytes: &[u8]) -> Fault {
    decode::<T>(protocol, bytes).map(drop).unwrap_err().fault
}

/// Scans `body` as the struct of a call.
fn scan(protocol: Protocol, body: &[u8], limits: Limits) -> Result<bool, Fault> {
    let wire = Wire {
        protocol,
        ..Wire::default()
    };
    let mut bytes = Vec::new();
    wire.write_head(&mut bytes, "x", MessageKind::Call, 1);
    bytes.extend_from_slice(body);
    Scanner::new(wire, limits)
        .scan(&bytes)
        .map(|message| message.is_some())
}

#[test]
fn claimed_sizes_allocate_nothing() {
    // field 1 of add_partitions: a list of partitions; the claim, and then nothing
    let binary = |size: u32| [&[15, 0, 1, 12][..], &size.to_be_bytes()].concat();
    let compact = [0x19, 0xfc, 0xff, 0xff, 0xff, 0xff, 0x07];
    let before = super::ALLOCATED.peak_usage() as f32;
    for (protocol, bytes, scanned) in [
        (Protocol::Binary, binary(0x7fff_ffff), false),
        (Protocol::Binary, binary(4_000_000), true),
        (Protocol::Compact, compact.to_vec(), false),
    ] {
        assert!(decode::<AddPartitionsArgs>(protocol, &bytes).is_err());
        match scan(protocol, &bytes, Limits::default()) {
            Err(Fault::Limit {
                what: "container", ..
            }) => assert!(!scanned),
            Ok(complete) => assert!(scanned && !complete),
            other => panic!("{other:?}"),
        }
    }
    assert!(
        (super::ALLOCATED.peak_usage() as f32 - before) / MIB < 64.0,
        "memory by claim"
    );
}

#[test]
fn small_elements_do_not_become_large_memory() {
    // 100,000 empty partitions take one byte each on the wire
    let count = 100_000_u32;
    let mut bytes = [&[15, 0, 1, 12][..], &count.to_be_bytes()].concat();
    bytes.resize(bytes.len() + count as usize + 1, 0);
    let limits = Limits {
        decoded_bytes_max: 1000 * size_of::<Partition>(),
        ..Limits::default()
    };
    let error = decode_with::<AddPartitionsArgs>(Protocol::Binary, &bytes, &limits).unwrap_err();
    assert!(
        matches!(
            error.fault,
            Fault::Limit {
                what: "memory of a decoded message",
                ..
            }
        ),
        "{error}"
    );
    assert_eq!(error.path, "add_partitions_args.new_parts");
    let all = decode::<AddPartitionsArgs>(Protocol::Binary, &bytes).unwrap();
    assert_eq!(all.new_parts.map(|parts| parts.len()), Some(count as usize));
}

#[test]
fn strings_and_containers_end_at_the_limit() {
    let text = [11, 0, 1, 0, 0, 0, 3, b'a', b'b', b'c', 0];
    let list = [15, 0, 9, 3, 0, 0, 0, 3, 1, 2, 3, 0];
    let map = [13, 0, 9, 3, 3, 0, 0, 0, 3, 1, 1, 2, 2, 3, 3, 0];
    for (bytes, what) in [(&text[..], "string"), (&list, "container"), (&map, "container")] {
        for (max, fits) in [(3, true), (2, false)] {
            let limits = Limits {
                string_bytes_max: max,
                container_elements_max: max,
                ..Limits::default()
            };
            let decoded =
                decode_with::<GetTableArgs>(Protocol::Binary, bytes, &limits).map_err(|it| it.fault);
            let refused = Fault::Limit {
                what,
                size: 3,
                limit: max as u64,
            };
            assert_eq!(decoded.is_ok(), fits, "{what} of 3 with {max} allowed");
            if !fits {
                assert_eq!(decoded, Err(refused.clone()));
                assert_eq!(scan(Protocol::Binary, bytes, limits), Err(refused));
            }
        }
    }
}

#[test]
fn depth_ends_at_the_limit() {
    // an unknown field of structs inside each other
    let nested = |depth: usize| [[12, 0, 99].repeat(depth), vec![0; depth + 1]].concat();
    let limits = Limits {
        nesting_max: 10,
        ..Limits::default()
    };
    for (depth, fits) in [(9, true), (10, false), (10_000, false)] {
        let decoded = decode_with::<GetTableArgs>(Protocol::Binary, &nested(depth), &limits);
        assert_eq!(decoded.is_ok(), fits, "decoding {depth}");
        let scanned = scan(Protocol::Binary, &nested(depth), limits);
        assert_eq!(scanned.is_ok(), fits, "scanning {depth}");
    }
    let lists = [&[0x99][..], &[0x19; 100_000]].concat();
    assert!(matches!(
        fault::<GetTableArgs>(Protocol::Compact, &lists),
        Fault::Limit { what: "nesting", .. }
    ));
}

#[test]
fn views_of_views_end_at_the_limit() {
    // tables that hold the tables they were made from: known fields, so the decoder itself goes down
    let level = [12, 0, 16, 15, 0, 7, 12, 0, 0, 0, 1, 12, 0, 1];
    for levels in [20, 10_000] {
        let error = decode::<Table>(Protocol::Binary, &level.repeat(levels)).unwrap_err();
        assert!(
            matches!(error.fault, Fault::Limit { what: "nesting", .. }),
            "{error}"
        );
        assert!(
            error
                .path
                .starts_with("Table.creationMetadata.sourceTables.table.creationMetadata."),
            "{error}"
        );
    }
}

#[test]
fn each_kind_of_bad_byte_has_its_fault() {
    let cases: [(&[u8], Fault); 5] = [
        (&[11, 0, 1, 0xff, 0xff, 0xff, 0xff], Fault::NegativeSize(-1)),
        (&[11, 0, 1, 0, 0, 0, 2, 0xc3, 0x28, 0], Fault::Utf8),
        (&[15, 0, 9, 11, 0x80, 0, 0, 0], Fault::NegativeSize(i32::MIN)),
        (&[1, 0, 1], Fault::WireType(1)),
        (&[11, 0, 1, 0, 0, 0, 2, b'a'], Fault::Truncated),
    ];
    for (bytes, wanted) in cases {
        assert_eq!(
            fault::<GetTableArgs>(Protocol::Binary, bytes),
            wanted,
            "{bytes:?}"
        );
    }
    let varint = [0x45, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f];
    assert_eq!(fault::<Partition>(Protocol::Compact, &varint), Fault::Varint);
}

#[test]
fn a_fault_names_its_place() {
    // get_table_args would be too flat: the column of a table's storage descriptor
    let bytes = [
        12, 0, 7, 15, 0, 1, 12, 0, 0, 0, 1, 11, 0, 2, 0, 0, 0, 1, 0xff, 0, 0, 0,
    ];
    let error: DecodeError = decode::<Table>(Protocol::Binary, &bytes).unwrap_err();
    assert_eq!(error.to_string(), "text is not utf-8 in Table.sd.cols.type");
}

#[test]
fn every_cut_is_an_error_and_no_message() {
    for wire in WIRES {
        let bytes = call(wire);
        let mut scanner = Scanner::new(wire, Limits::default());
        let body = scanner.scan(&bytes).unwrap().unwrap().body;
        for end in 0..bytes.len() {
            assert_eq!(
                Scanner::new(wire, Limits::default()).scan(&bytes[..end]),
                Ok(None)
            );
            if body.contains(&end) {
                let cut = &bytes[body.start..end];
                assert_eq!(fault::<GetTableArgs>(wire.protocol, cut), Fault::Truncated);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn garbage_is_survived(
        which in any::<prop::sample::Index>(),
        bytes in prop::collection::vec(prop_oneof![0_u8..16, any::<u8>()], 0..120),
    ) {
        let _ = Wire::detect(&bytes);
        for wire in WIRES {
            let mut scanner = Scanner::new(wire, Limits::default());
            let _ = scanner.scan(&bytes);
            let _ = scan(wire.protocol, &bytes, Limits::default());
        }
        for protocol in [Protocol::Binary, Protocol::Compact] {
            let info = which.get(all_structs());
            let decoded = decode_into((info.make)().as_mut(), protocol, &bytes, &Limits::default());
            // the walk and the decoder must agree on where a struct ends
            if decoded.is_ok() {
                prop_assert_eq!(scan(protocol, &bytes, Limits::default()), Ok(true));
            }
        }
    }
}
