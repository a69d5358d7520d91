//! Spliced and piecewise replies are the bytes of typed ones.

use std::collections::BTreeMap;

use proptest::prelude::*;
use thrift_idl::methods::{GetPartitionsByExprReply, GetPartitionsReply};
use thrift_idl::reply::{JAVA_FRAME_BYTES_MAX, ListReply};
use thrift_idl::splice::{PartitionTemplate, Row};
use thrift_idl::types::{
    FieldSchema, NoSuchObjectException, Partition, PartitionsByExprResult, SerDeInfo, StorageDescriptor,
};
use thrift_idl::{Encoder, FrameTooLarge, MessageKind, Outcome, Protocol, Struct, Wire};

use crate::detect::WIRES;

fn descriptor(columns: usize, full: bool) -> StorageDescriptor {
    let column = |n: usize| FieldSchema {
        name: Some(format!("c{n}")),
        r#type: Some("int".into()),
        comment: None,
    };
    StorageDescriptor {
        cols: full.then(|| (0..columns).map(column).collect()),
        location: Some(String::new()),
        input_format: full.then(|| "in".into()),
        compressed: Some(false),
        num_buckets: Some(-1),
        serde_info: Some(SerDeInfo {
            parameters: Some([].into()),
            ..Default::default()
        }),
        ..Default::default()
    }
}

prop_compose! {
    fn partition()(
        full in any::<bool>(),
        columns in 0_usize..40,
        values in prop::collection::vec(".{0,20}", 0..20),
        times in any::<(i32, i32)>(),
        location in ".{0,300}",
        parameters in prop::collection::btree_map(".{0,9}", ".{0,9}", 0..20),
        write_id in any::<Option<i64>>(),
    ) -> Partition {
        Partition {
            values: Some(values),
            db_name: full.then(|| "sales@etl".into()),
            table_name: Some("orders".into()),
            create_time: Some(times.0),
            last_access_time: Some(times.1),
            sd: Some(StorageDescriptor { location: Some(location), ..descriptor(columns, full) }),
            parameters: Some(parameters),
            cat_name: full.then(|| "hive".into()),
            write_id,
            ..Default::default()
        }
    }
}

fn typed(protocol: Protocol, partition: &Partition) -> Vec<u8> {
    let mut bytes = Vec::new();
    Encoder::new(protocol, &mut bytes).structure(partition);
    bytes
}

fn spliced(template: &PartitionTemplate, partition: &Partition) -> Vec<u8> {
    let mut bytes = Vec::new();
    let location = partition.sd.as_ref().unwrap().location.as_deref().unwrap();
    let middle = (0..=location.len() / 2)
        .rev()
        .find(|at| location.is_char_boundary(*at))
        .unwrap();
    let (base, rest) = location.split_at(middle);
    let row = Row {
        values: partition.values.as_deref().unwrap(),
        create_time: partition.create_time.unwrap(),
        last_access_time: partition.last_access_time.unwrap(),
        location: &[base, rest],
        parameters: partition.parameters.as_ref().unwrap(),
    };
    template.write(&mut bytes, row);
    bytes
}

proptest! {
    #[test]
    fn spliced_is_as_typed(sample in partition(), own in partition()) {
        let own = Partition {
            sd: Some(StorageDescriptor { location: own.sd.and_then(|sd| sd.location), ..sample.sd.clone().unwrap() }),
            values: own.values,
            create_time: own.create_time,
            last_access_time: own.last_access_time,
            parameters: own.parameters,
            ..sample.clone()
        };
        for protocol in [Protocol::Binary, Protocol::Compact] {
            let template = PartitionTemplate::new(protocol, &sample).unwrap();
            prop_assert_eq!(spliced(&template, &own), typed(protocol, &own));
        }
    }

    #[test]
    fn piecewise_is_as_typed(partitions in prop::collection::vec(partition(), 0..20), which in 0..WIRES.len()) {
        let wire = WIRES[which];
        let direct = |list: Vec<Partition>| GetPartitionsReply::success(list);
        let inside = |list: Vec<Partition>| GetPartitionsByExprReply::success(PartitionsByExprResult {
            partitions: Some(list),
            has_unknown_partitions: Some(true),
        });
        check(wire, &partitions, direct, &[0])?;
        check(wire, &partitions, inside, &[0, 1])?;
    }
}

fn check<R: Struct>(
    wire: Wire,
    partitions: &[Partition],
    reply: impl Fn(Vec<Partition>) -> R,
    path: &[i16],
) -> Result<(), TestCaseError> {
    let mut whole = Vec::new();
    let typed_reply = reply(partitions.to_vec());
    wire.write_message(&mut whole, "any", MessageKind::Reply, 9, &typed_reply)
        .unwrap();
    let list = ListReply::new(wire, "any", 9, &reply(vec![]), path, partitions.len()).unwrap();
    let elements: Vec<u8> = partitions
        .iter()
        .flat_map(|it| typed(wire.protocol, it))
        .collect();
    let frame = list.frame(elements.len() as u64).unwrap();
    let frame = frame.as_ref().map_or(&[][..], |frame| &frame[..]);
    prop_assert_eq!([frame, list.head(), &elements, list.tail()].concat(), whole);
    Ok(())
}

#[test]
fn what_cannot_be_cut_is_refused() {
    let sample = Partition {
        sd: Some(descriptor(1, true)),
        ..Default::default()
    };
    let error = PartitionTemplate::new(Protocol::Binary, &sample).unwrap_err();
    assert_eq!(error.to_string(), "partition has no values to be replaced");
    for (reply, path) in [
        (GetPartitionsReply::default(), &[0][..]),
        (GetPartitionsReply::success(vec![sample]), &[0]),
        (GetPartitionsReply::success(vec![]), &[0, 1]),
        (
            GetPartitionsReply::raise(NoSuchObjectException::default().into()).unwrap(),
            &[1],
        ),
        (GetPartitionsReply::success(vec![]), &[]),
    ] {
        assert!(
            ListReply::new(Wire::default(), "any", 1, &reply, path, 2).is_err(),
            "{reply:?} at {path:?}"
        );
    }
}

#[test]
fn frames_end_where_java_clients_stop_reading() {
    let empty = GetPartitionsReply::success(vec![]);
    let framed = ListReply::new(WIRES[1], "any", 1, &empty, &[0], 5).unwrap();
    let around = (framed.head().len() + framed.tail().len()) as u64;
    assert!(framed.frame(JAVA_FRAME_BYTES_MAX - around).is_ok());
    let bytes = JAVA_FRAME_BYTES_MAX + 1;
    assert_eq!(framed.frame(bytes - around), Err(FrameTooLarge { bytes }));
    let unframed = ListReply::new(WIRES[0], "any", 1, &empty, &[0], 5).unwrap();
    assert_eq!(unframed.frame(u64::MAX), Ok(None));
}

#[test]
fn undeclared_exceptions_come_back() {
    let declared = NoSuchObjectException {
        message: Some("gone".into()),
    };
    let reply = GetPartitionsReply::raise(declared.clone().into()).unwrap();
    assert_eq!(reply.into_result(), Err(declared.into()));
    let undeclared = thrift_idl::types::NoSuchTxnException { message: None };
    let back = GetPartitionsReply::raise(undeclared.into()).unwrap_err();
    assert_eq!(
        (back.name(), back.to_string().as_str()),
        ("NoSuchTxnException", "NoSuchTxnException: ")
    );
    assert_eq!(GetPartitionsReply::default().into_result(), Ok(None));
    let parameters: BTreeMap<String, String> = BTreeMap::new();
    let list = vec![Partition {
        parameters: Some(parameters),
        ..Default::default()
    }];
    assert_eq!(
        GetPartitionsReply::success(list.clone()).into_result(),
        Ok(Some(list))
    );
}
