//! Round trips between Apache's codec and ours, over every struct of the IDL.

use proptest::prelude::*;
use thrift::protocol::TMessageType;
use thrift_idl::methods::GetAllDatabasesArgs;
use thrift_idl::types::Table;
use thrift_idl::{
    ApplicationError, Encoder, Framing, Limits, MessageKind, Protocol, Scanner, StructInfo, Wire, decode,
    decode_into,
};

use crate::apache;
use crate::dynamic::{Dyn, Maker, all_structs, fitting};

const PROTOCOLS: [Protocol; 2] = [Protocol::Binary, Protocol::Compact];

/// Apache writes, ours reads and writes, Apache reads: what fits the declaration must be left, exactly.
fn round_trip(info: &StructInfo, value: &Dyn, backwards: bool) {
    for protocol in PROTOCOLS {
        let theirs = apache::encode(protocol, value, backwards);
        let mut typed = (info.make)();
        decode_into(typed.as_mut(), protocol, &theirs, &Limits::default()).unwrap();
        let mut ours = Vec::new();
        Encoder::new(protocol, &mut ours).structure(typed.as_ref());
        let fitting = fitting(value, info);
        assert_eq!(
            apache::decode(protocol, &ours),
            fitting,
            "{} in {protocol:?}",
            info.name
        );
        if protocol == Protocol::Binary && !has_empty(&fitting) {
            assert_eq!(
                ours,
                apache::encode(protocol, &fitting, false),
                "{} in {protocol:?}",
                info.name
            );
        }
    }
}

/// Whether there is an empty container, whose element type is anyone's choice.
fn has_empty(value: &Dyn) -> bool {
    match value {
        Dyn::List(_, values) => values.is_empty() || values.iter().any(has_empty),
        Dyn::Set(_, values) => values.is_empty() || values.iter().any(has_empty),
        Dyn::Map(_, values) => values.is_empty() || values.iter().any(|(k, v)| has_empty(k) || has_empty(v)),
        Dyn::Struct(fields) => fields.values().any(has_empty),
        _ => false,
    }
}

proptest! {
    #[test]
    fn random_structs_survive(
        which in any::<prop::sample::Index>(),
        supply in prop::collection::vec(any::<u8>(), 0..600),
        backwards in any::<bool>(),
    ) {
        let info = *which.get(all_structs());
        let value = Maker { supply: &supply, noise: false, depth_max: 8 }.structure(info, 0);
        prop_assert_eq!(&fitting(&value, info), &value);
        round_trip(info, &value, backwards);
    }

    #[test]
    fn what_does_not_fit_is_skipped(
        which in any::<prop::sample::Index>(),
        supply in prop::collection::vec(any::<u8>(), 0..600),
        backwards in any::<bool>(),
    ) {
        let info = *which.get(all_structs());
        let value = Maker { supply: &supply, noise: true, depth_max: 8 }.structure(info, 0);
        round_trip(info, &value, backwards);
    }
}

#[test]
fn every_struct_survives_with_all_fields_set() {
    let supply: Vec<u8> = (0..1 << 20).map(|n| (n % 127 * 2 + 1) as u8).collect();
    for info in all_structs() {
        let value = Maker {
            supply: &supply,
            noise: false,
            depth_max: 3,
        }
        .structure(info, 0);
        let Dyn::Struct(fields) = &value else {
            panic!("no struct")
        };
        assert_eq!(fields.len(), info.fields.len(), "{} is not filled", info.name);
        round_trip(info, &value, false);
    }
}

#[test]
fn the_short_form_of_a_field_reaches_fifteen_ids() {
    // as Java writes it; Apache's Rust stops one earlier, and both read both
    let name = Some(String::new());
    let near = Table {
        table_name: name.clone(),
        creation_metadata: Some(Default::default()),
        ..Table::default()
    };
    let far = Table {
        table_name: name.clone(),
        cat_name: name,
        ..Table::default()
    };
    for (table, bytes) in [
        (near, &[0x18, 0, 0xfc, 0, 0][..]),
        (far, &[0x18, 0, 0x08, 34, 0, 0]),
    ] {
        let mut ours = Vec::new();
        Encoder::new(Protocol::Compact, &mut ours).structure(&table);
        assert_eq!(ours, bytes);
    }
}

#[test]
fn heads_of_messages_agree() {
    let name = "get_all_databases";
    for (protocol, strict) in [
        (Protocol::Binary, true),
        (Protocol::Binary, false),
        (Protocol::Compact, true),
    ] {
        for seq in [0, 1, 127, 128, -1, i32::MAX, i32::MIN] {
            let theirs = apache::call(protocol, strict, name, seq);
            let wire = Wire::detect(&theirs).unwrap().unwrap();
            assert_eq!(
                wire,
                Wire {
                    protocol,
                    framing: Framing::Unframed,
                    strict
                }
            );
            let message = Scanner::new(wire, Limits::default())
                .scan(&theirs)
                .unwrap()
                .unwrap();
            assert_eq!(
                (message.name.as_str(), message.kind, message.seq),
                (name, MessageKind::Call, seq)
            );
            assert_eq!((message.end, message.fault), (theirs.len(), None));

            let mut ours = Vec::new();
            wire.write_message(&mut ours, name, MessageKind::Call, seq, &GetAllDatabasesArgs {})
                .unwrap();
            assert_eq!(ours, theirs);
            assert_eq!(
                apache::head(protocol, strict, &ours),
                (name.into(), TMessageType::Call, seq)
            );
        }
    }
}

#[test]
fn application_errors_are_read_by_apache() {
    let error = ApplicationError::unknown_method("get_tabl");
    for protocol in PROTOCOLS {
        let mut bytes = Vec::new();
        Encoder::new(protocol, &mut bytes).structure(&error);
        let fields = [
            (1, Dyn::String("Invalid method name: 'get_tabl'".into())),
            (2, Dyn::I32(1)),
        ];
        let expected = Dyn::Struct(fields.into());
        assert_eq!(apache::decode(protocol, &bytes), expected);
        let theirs = apache::encode(protocol, &expected, false);
        assert_eq!(decode::<ApplicationError>(protocol, &theirs).unwrap(), error);
    }
}
