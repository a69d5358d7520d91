//! Round trips, hostile bytes, and the golden files.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;

use proptest::prelude::*;

use super::*;
use crate::arbitrary::Source;
use crate::changes::{
    AddedConstraint, Change, ChangedConstraints, ChangedStatistics, StatisticsOf, StoredPartition,
};
use crate::snapshot::OpenTable;

fn shared(storage: Option<&crate::model::Storage>) -> Shared {
    storage.map_or_else(Shared::default, |storage| Shared {
        template: Some(Arc::clone(&storage.template)),
        columns: storage.columns.clone(),
    })
}

/// Fails unless whatever decodes has exactly the bytes it was decoded from.
fn is_canonical(bytes: &[u8]) {
    macro_rules! check {
        ($($decode:ident $encode:ident),+) => { $(
            if let Ok(value) = $decode(bytes) {
                assert_eq!($encode(&value), bytes, "{value:?}");
            }
        )+ };
    }
    check!(
        decode_database encode_database,
        decode_entry encode_entry,
        decode_function encode_function,
        decode_constraint encode_constraint,
        decode_schema encode_schema,
        decode_schema_version encode_schema_version,
        decode_serde encode_serde,
        decode_type encode_type,
        decode_statistics encode_statistics,
        decode_columns encode_columns,
        decode_template encode_template
    );
    let shared = Shared {
        template: Some(Arc::default()),
        columns: Some(Arc::default()),
    };
    if let Ok(table) = decode_table(bytes, &shared) {
        assert_eq!(encode_table(&table), bytes, "{table:?}");
    }
    for name in ["k=v", "k", ""] {
        if let Ok(partition) = decode_partition(name, bytes, &shared) {
            assert_eq!(encode_partition(&partition), bytes, "{partition:?}");
        }
    }
}

fn all_encodings(source: &mut Source) -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("database", encode_database(&source.database())),
        ("entry", encode_entry(&source.entry())),
        ("table", encode_table(&source.table())),
        ("function", encode_function(&source.function())),
        ("statistics", encode_statistics(&source.statistics())),
        ("columns", encode_columns(&source.columns())),
        ("template", encode_template(&source.template())),
        ("partition", encode_partition(&source.partition())),
        // what is newer draws last, so that the lines of the others stay
        ("constraint", encode_constraint(&source.constraint())),
        ("schema", encode_schema(&source.schema())),
        ("schema_version", encode_schema_version(&source.schema_version())),
        ("serde", encode_serde(&source.registered_serde())),
        ("type", encode_type(&source.registered_type())),
    ]
}

/// As [`all_encodings`], of changes, which events hold.
fn all_changes(source: &mut Source) -> Vec<(&'static str, Vec<u8>)> {
    let names = [
        "change_database",
        "change_table",
        "change_function",
        "change_partitions",
        "change_constraints",
        "change_statistics",
        "change_statistics_of_several",
    ];
    let encoded = changes(source).into_iter().map(|change| encode_change(&change));
    names.into_iter().zip(encoded).collect()
}

/// Fails if bytes are read as more than they can hold: whatever comes of them is written in no more bytes again.
fn is_bounded(bytes: &[u8]) {
    if let Ok(change) = decode_change(bytes) {
        let again = encode_change(&change);
        assert!(again.len() <= bytes.len(), "{change:?}");
        assert_eq!(decode_change(&again), Ok(change));
    }
}

proptest! {
    #[test]
    fn all_types_round_trip(seed: u64) {
        let mut source = Source::new(seed);
        macro_rules! check {
            ($($make:ident $encode:ident $decode:ident),+) => { $(
                let value = source.$make();
                prop_assert_eq!($decode(&$encode(&value)), Ok(value));
            )+ };
        }
        check!(
            database encode_database decode_database,
            entry encode_entry decode_entry,
            function encode_function decode_function,
            constraint encode_constraint decode_constraint,
            schema encode_schema decode_schema,
            schema_version encode_schema_version decode_schema_version,
            registered_serde encode_serde decode_serde,
            registered_type encode_type decode_type,
            statistics encode_statistics decode_statistics,
            columns encode_columns decode_columns,
            template encode_template decode_template
        );
        let table = source.table();
        let read = decode_table(&encode_table(&table), &shared(table.storage.as_ref()));
        prop_assert_eq!(read, Ok(table));
        let partition = source.partition();
        let bytes = encode_partition(&partition);
        let read = decode_partition(&partition.name, &bytes, &shared(partition.storage.as_ref()));
        prop_assert_eq!(read, Ok(partition));
    }

    #[test]
    fn damaged_bytes_are_refused_or_canonical(seed: u64, at: prop::sample::Index, to: u8, cut: bool) {
        for (_, mut bytes) in all_encodings(&mut Source::new(seed)) {
            let at = at.index(bytes.len());
            if cut {
                bytes.truncate(at);
            } else {
                bytes[at] = to;
            }
            is_canonical(&bytes);
        }
    }

    #[test]
    fn any_bytes_are_answered(bytes: Vec<u8>) {
        is_canonical(&bytes);
        is_canonical(&[&[FORMAT][..], &bytes].concat());
    }
}

/// One line for each of eight values, whose meaning is what [`Source`] makes of the line's number. A line that
/// changes is a format that was broken: stored repositories would no longer be read.
#[test]
fn the_first_version_stays_readable() {
    let folder = PathBuf::from("tests/golden/v1");
    let mut files = BTreeMap::<&str, String>::new();
    for seed in 0..8 {
        let all = [
            all_encodings(&mut Source::new(seed)),
            all_changes(&mut Source::new(seed)),
        ];
        for (name, bytes) in all.into_iter().flatten() {
            let text = files.entry(name).or_default();
            bytes.iter().for_each(|byte| write!(text, "{byte:02x}").unwrap());
            text.push('\n');
        }
    }
    for (name, text) in files {
        let file = folder.join(format!("{name}.hex"));
        if !file.exists() {
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(&file, &text).unwrap();
            panic!("{name} had no golden file; it has one now: look at it and add it");
        }
        assert_eq!(std::fs::read_to_string(&file).unwrap(), text, "{name}");
    }
}

#[test]
fn what_is_missing_is_an_error() {
    let mut source = Source::new(1);
    let mut table = source.table();
    table.storage = Some(source.storage());
    let bytes = encode_table(&table);
    assert!(decode_table(&bytes, &Shared::default()).is_err());
    assert!(decode_table(&[2], &Shared::default()).is_err());
    assert!(decode_database(&[FORMAT]).is_err());
}

/// Lists of partitions of which some share what they store and some do not.
fn changes(source: &mut Source) -> Vec<Change> {
    let open = |source: &mut Source| OpenTable {
        database: source.database(),
        table: source.table(),
    };
    let known = |source: &mut Source| StatisticsOf {
        partition: Some(StoredPartition::of(&source.partition())),
        engine: source.text(),
        set: source.statistics().columns,
        removed: vec![source.text()],
    };
    let mut partition = || StoredPartition::of(&source.partition());
    let alike = partition();
    let partitions = vec![partition(), alike.clone(), partition(), alike];
    let altered = (partition(), partition());
    vec![
        Change::Database {
            before: Some(source.database()),
            after: None,
        },
        Change::Table {
            before: Some(open(source)),
            after: Some(open(source)),
        },
        Change::Function {
            database: "d".into(),
            before: None,
            after: Some(source.function()),
        },
        Change::Partitions {
            table: open(source),
            added: partitions.clone(),
            altered: vec![altered],
            dropped: partitions,
        },
        // what is newer draws last, so that the lines of the others stay
        Change::Constraints(ChangedConstraints {
            table: open(source),
            added: vec![AddedConstraint {
                constraint: source.constraint(),
                parent: Some(open(source)),
            }],
            dropped: vec![source.text()],
        }),
        Change::Statistics(ChangedStatistics {
            table: open(source),
            of: vec![known(source)],
        }),
        Change::Statistics(ChangedStatistics {
            table: open(source),
            of: vec![known(source), known(source)],
        }),
    ]
}

proptest! {
    #[test]
    fn changes_come_back_whole_and_never_from_less(seed in any::<u64>(), cut in any::<prop::sample::Index>()) {
        for change in changes(&mut Source::new(seed)) {
            let bytes = encode_change(&change);
            prop_assert_eq!(decode_change(&bytes).unwrap(), change);
            prop_assert!(decode_change(&bytes[..cut.index(bytes.len())]).is_err());
        }
    }
}

proptest! {
    #[test]
    fn damaged_changes_are_refused_or_bounded(
        seed: u64,
        at: prop::sample::Index,
        to in prop::collection::vec(any::<u8>(), 0..12),
        over in 0usize..12,
    ) {
        for (_, mut bytes) in all_changes(&mut Source::new(seed)) {
            let at = at.index(bytes.len());
            let end = bytes.len().min(at + over);
            bytes.splice(at..end, to.iter().copied());
            is_bounded(&bytes);
        }
    }

    #[test]
    fn any_bytes_are_answered_as_changes(kind in 1u8..8, bytes: Vec<u8>) {
        is_bounded(&bytes);
        is_bounded(&[&[FORMAT, kind][..], &bytes].concat());
    }
}

proptest! {
    #[test]
    fn partitions_are_as_alike_as_what_is_stored_of_them(seed: u64, other: u64) {
        let (one, other) = (Source::new(seed).partition(), Source::new(other).partition());
        let stored = StoredPartition::of(&one);
        // the same again has lists and templates of its own
        prop_assert_eq!(&stored, &StoredPartition::of(&Source::new(seed).partition()));
        prop_assert_eq!(stored == StoredPartition::of(&other), one == other);
        prop_assert_eq!(stored.read().unwrap(), one);
    }
}

#[test]
fn a_damaged_partition_is_told_when_it_is_read() {
    let stored = StoredPartition::new("d=1", vec![FORMAT, 0xff].into(), Shared::default());
    let error = stored.read().unwrap_err().to_string();
    assert_eq!(error, "partition d=1 cannot be read: ends early");
}

/// A number that says how much follows is not believed before it is there.
#[test]
fn a_list_that_is_not_there_takes_no_room() {
    let mut bytes = encode_change(&Change::Partitions {
        table: OpenTable {
            database: Database::default(),
            table: Table::default(),
        },
        added: Vec::new(),
        altered: Vec::new(),
        dropped: Vec::new(),
    });
    bytes.truncate(bytes.len() - 3);
    versioning::codec::put_varint(&mut bytes, u64::MAX >> 1);
    assert!(decode_change(&bytes).is_err());
}

#[test]
fn what_partitions_share_is_written_once() {
    let mut source = Source::new(7);
    let partition = source.partition();
    let change = |count| Change::Partitions {
        table: OpenTable {
            database: Database::default(),
            table: Table::default(),
        },
        added: vec![StoredPartition::of(&partition); count],
        altered: Vec::new(),
        dropped: Vec::new(),
    };
    let sizes = [1, 2, 3].map(|count| encode_change(&change(count)).len());
    let each = partition.name.len() + encode_partition(&partition).len();
    assert!(sizes[1] - sizes[0] <= each + 6, "{sizes:?}, {each}");
    assert_eq!(sizes[1] - sizes[0], sizes[2] - sizes[1]);
}
