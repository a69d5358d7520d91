//! What differs between client generations, and between nothing and something empty.

use thrift_idl::types::{AddDynamicPartitions, CreationMetadata, LockType, Table};
use thrift_idl::{Encoder, Protocol, Struct, decode, method};

use crate::apache;
use crate::dynamic::Dyn;

const PROTOCOLS: [Protocol; 2] = [Protocol::Binary, Protocol::Compact];

fn text(text: &str) -> Dyn {
    Dyn::String(text.into())
}

fn decoded<T: Struct>(protocol: Protocol, fields: &[(i16, Dyn)]) -> T {
    let value = Dyn::Struct(fields.iter().cloned().collect());
    decode(protocol, &apache::encode(protocol, &value, false)).unwrap()
}

#[test]
fn field_16_of_a_table_is_read_as_a_struct_and_skipped_as_a_string() {
    for protocol in PROTOCOLS {
        let old: Table = decoded(protocol, &[(1, text("t")), (16, text("hive")), (18, Dyn::I32(1))]);
        assert_eq!(
            (old.table_name.as_deref(), old.creation_metadata),
            (Some("t"), None)
        );
        assert_eq!(
            old.owner_type.map(|owner| owner.0),
            Some(1),
            "what follows is read"
        );

        let view = Dyn::Struct([(2, text("db"))].into());
        let new: Table = decoded(protocol, &[(1, text("t")), (16, view)]);
        let db_name = Some("db".to_owned());
        assert_eq!(
            new.creation_metadata,
            Some(CreationMetadata {
                db_name,
                ..Default::default()
            })
        );
    }
}

#[test]
fn fields_of_another_type_are_left_unset() {
    for protocol in PROTOCOLS {
        let names = Dyn::list(vec![text("dt=1")]);
        let old: AddDynamicPartitions = decoded(
            protocol,
            &[(1, Dyn::I64(5)), (2, text("db")), (3, text("t")), (4, names)],
        );
        let expected = AddDynamicPartitions {
            txnid: Some(5),
            dbname: Some("t".into()),
            ..Default::default()
        };
        assert_eq!(old, expected);
    }
}

#[test]
fn skipping_inside_does_not_count_as_nesting() {
    // the keys of a table, a hundred times as a list of numbers, then properly
    let wrong = [15, 0, 8, 8, 0, 0, 0, 1, 0, 0, 0, 9].repeat(100);
    let bytes = [&wrong[..], &[15, 0, 8, 12, 0, 0, 0, 1, 0, 0]].concat();
    let table: Table = decode(Protocol::Binary, &bytes).unwrap();
    assert_eq!(table.partition_keys.map(|keys| keys.len()), Some(1));
}

#[test]
fn unset_and_empty_differ() {
    for protocol in PROTOCOLS {
        let unset = Table::default();
        let empty = Table {
            table_name: Some(String::new()),
            partition_keys: Some(vec![]),
            parameters: Some([].into()),
            retention: Some(0),
            temporary: Some(false),
            ..Table::default()
        };
        for table in [unset, empty] {
            let mut bytes = Vec::new();
            Encoder::new(protocol, &mut bytes).structure(&table);
            assert_eq!(decode::<Table>(protocol, &bytes).unwrap(), table);
        }
    }
}

#[test]
fn numbers_without_a_name_survive() {
    assert_eq!(
        format!("{:?} {:?}", LockType::EXCLUSIVE, LockType(77)),
        "LockType::EXCLUSIVE LockType(77)"
    );
    assert_eq!(LockType(77).name(), None);
}

#[test]
fn methods_are_found_by_name() {
    assert!(method("shutdown").unwrap().oneway);
    let found = method("get_table").unwrap();
    let reply: Vec<_> = found
        .reply
        .fields
        .iter()
        .map(|field| (field.id, field.name))
        .collect();
    assert_eq!(reply, [(0, "success"), (1, "o1"), (2, "o2")]);
    assert!(method("get_tabl").is_none());
}
