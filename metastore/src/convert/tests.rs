//! What comes in goes out: random wire values through the catalog's types and their stored bytes.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use catalog::codec::{self, Shared};
use catalog::location::Locator;
use catalog::model::Storage;
use proptest::prelude::*;
use thrift_idl::types::*;
use versioning::{RefExpr, RepositoryName};

use super::*;

fn names() -> Names {
    let repository = RepositoryName::parse("lake").unwrap();
    let reference = RefExpr::parse("etl").unwrap();
    Names {
        catalog: "hive".into(),
        database: "sales@etl".into(),
        locator: Locator::new(repository, &reference, "s3a"),
    }
}

/// Random values (splitmix64). Texts are what the catalog leaves as they are: names in lower case, places
/// spelled as Hadoop does.
struct Random(u64);

impl Random {
    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn opt<T>(&mut self, make: impl FnOnce(&mut Random) -> T) -> Option<T> {
        (!self.bits().is_multiple_of(4)).then(|| make(self))
    }

    fn list<T>(&mut self, mut make: impl FnMut(&mut Random) -> T) -> Vec<T> {
        (0..self.bits() % 4).map(|_| make(self)).collect()
    }

    fn map<K: Ord, V>(&mut self, mut make: impl FnMut(&mut Random) -> (K, V)) -> BTreeMap<K, V> {
        (0..self.bits() % 4).map(|_| make(self)).collect()
    }

    fn text(&mut self) -> String {
        ["", "a", "é_1", "x y", "{\"k\":1}", "%", "orders"][(self.bits() % 7) as usize].into()
    }

    fn name(&mut self) -> String {
        format!("n{}", self.bits() % 5)
    }

    fn int(&mut self) -> i32 {
        self.bits() as i32
    }

    fn flag(&mut self) -> bool {
        self.bits().is_multiple_of(2)
    }

    fn bytes(&mut self) -> Bytes {
        self.list(|r| r.bits() as u8).into()
    }

    fn uri(&mut self) -> String {
        let uris = [
            "s3a://lake/etl/a/b",
            "s3a://lake/_shared/t/1",
            "s3a://other/x",
            "file:/w/x",
            "hdfs://n:1/p",
        ];
        uris[(self.bits() % 5) as usize].into()
    }

    fn texts(&mut self) -> Vec<String> {
        self.list(Random::text)
    }

    fn parameters(&mut self, place: &str) -> BTreeMap<String, String> {
        let mut parameters = self.map(|r| (r.name(), r.text()));
        if self.flag() {
            parameters.insert(place.into(), self.uri());
        }
        parameters
    }

    fn principal(&mut self) -> PrincipalType {
        PrincipalType((self.bits() % 5) as i32)
    }

    fn privileges(&mut self) -> PrincipalPrivilegeSet {
        let grants = |r: &mut Random| {
            r.map(|r| {
                let grant = |r: &mut Random| PrivilegeGrantInfo {
                    privilege: r.opt(Random::text),
                    create_time: r.opt(Random::int),
                    grantor: r.opt(Random::text),
                    grantor_type: r.opt(Random::principal),
                    grant_option: r.opt(Random::flag),
                };
                (r.name(), r.list(grant))
            })
        };
        PrincipalPrivilegeSet {
            user_privileges: self.opt(grants),
            group_privileges: self.opt(grants),
            role_privileges: self.opt(grants),
        }
    }

    fn field(&mut self) -> FieldSchema {
        FieldSchema {
            name: Some(self.name()),
            r#type: Some(self.text()),
            comment: self.opt(Random::text),
        }
    }

    fn serde(&mut self) -> SerDeInfo {
        SerDeInfo {
            name: self.opt(Random::text),
            serialization_lib: self.opt(Random::text),
            parameters: self.opt(|r| r.parameters("path")),
            description: self.opt(Random::text),
            serializer_class: self.opt(Random::text),
            deserializer_class: self.opt(Random::text),
            serde_type: self.opt(|r| SerdeType((r.bits() % 4) as i32)),
        }
    }

    fn storage(&mut self) -> StorageDescriptor {
        StorageDescriptor {
            cols: self.opt(|r| r.list(Random::field)),
            location: self.opt(Random::uri),
            input_format: self.opt(Random::text),
            output_format: self.opt(Random::text),
            compressed: self.opt(Random::flag),
            num_buckets: self.opt(Random::int),
            serde_info: self.opt(Random::serde),
            bucket_cols: self.opt(|r| r.list(Random::name)),
            sort_cols: self.opt(|r| {
                r.list(|r| Order {
                    col: r.opt(Random::name),
                    order: r.opt(Random::int),
                })
            }),
            parameters: self.opt(|r| r.map(|r| (r.name(), r.text()))),
            skewed_info: self.opt(|r| SkewedInfo {
                skewed_col_names: r.opt(|r| r.list(Random::name)),
                skewed_col_values: r.opt(|r| r.list(Random::texts)),
                // an unset map comes back empty, as from the original
                skewed_col_value_location_maps: Some(r.map(|r| (r.texts(), r.uri()))),
            }),
            stored_as_sub_directories: self.opt(Random::flag),
        }
    }

    fn file_metadata(&mut self) -> FileMetadata {
        FileMetadata {
            r#type: self.opt(|r| r.bits() as i8),
            version: self.opt(|r| r.bits() as i8),
            data: self.opt(|r| r.list(Random::bytes)),
        }
    }

    fn creation(&mut self) -> CreationMetadata {
        let source = |r: &mut Random| SourceTable {
            table: Some(Table {
                table_name: Some(r.name()),
                db_name: Some(r.name()),
                ..Table::default()
            }),
            inserted_count: Some(r.bits() as i64),
            updated_count: Some(1),
            deleted_count: Some(2),
        };
        CreationMetadata {
            cat_name: Some(self.text()),
            db_name: Some(self.text()),
            tbl_name: Some(self.text()),
            tables_used: Some(self.texts().into_iter().collect::<BTreeSet<_>>()),
            valid_txn_list: self.opt(Random::text),
            materialization_time: self.opt(|r| r.bits() as i64),
            source_tables: self.opt(|r| r.list(source)),
        }
    }

    fn table(&mut self) -> Table {
        Table {
            table_name: Some(self.name()),
            db_name: Some(names().database),
            owner: self.opt(Random::text),
            create_time: self.opt(Random::int),
            last_access_time: self.opt(Random::int),
            retention: self.opt(Random::int),
            sd: self.opt(Random::storage),
            partition_keys: self.opt(|r| r.list(Random::field)),
            parameters: self.opt(|r| r.parameters("metadata_location")),
            view_original_text: self.opt(Random::text),
            view_expanded_text: self.opt(Random::text),
            table_type: Some(
                ["MANAGED_TABLE", "EXTERNAL_TABLE", "VIRTUAL_VIEW", "NEW"][(self.bits() % 4) as usize].into(),
            ),
            privileges: self.opt(Random::privileges),
            temporary: self.opt(Random::flag),
            rewrite_enabled: self.opt(Random::flag),
            creation_metadata: self.opt(Random::creation),
            cat_name: Some("hive".into()),
            owner_type: self.opt(Random::principal),
            write_id: self.opt(|r| r.bits() as i64),
            is_stats_compliant: self.opt(Random::flag),
            col_stats: None,
            access_type: self.opt(|r| r.bits() as i8),
            required_read_capabilities: self.opt(Random::texts),
            required_write_capabilities: self.opt(Random::texts),
            id: self.opt(|r| r.bits() as i64),
            file_metadata: self.opt(Random::file_metadata),
            dictionary: self.opt(|r| ObjectDictionary {
                values: Some(r.map(|r| (r.name(), r.list(Random::bytes)))),
            }),
            txn_id: self.opt(|r| r.bits() as i64),
        }
    }

    fn partition(&mut self) -> Partition {
        Partition {
            values: Some(self.texts()),
            db_name: Some(names().database),
            table_name: Some("t".into()),
            create_time: self.opt(Random::int),
            last_access_time: self.opt(Random::int),
            sd: self.opt(Random::storage),
            parameters: self.opt(|r| r.map(|r| (r.name(), r.text()))),
            privileges: self.opt(Random::privileges),
            cat_name: Some("hive".into()),
            write_id: self.opt(|r| r.bits() as i64),
            is_stats_compliant: self.opt(Random::flag),
            col_stats: None,
            file_metadata: self.opt(Random::file_metadata),
        }
    }

    fn database(&mut self) -> Database {
        Database {
            name: Some(names().database),
            description: self.opt(Random::text),
            location_uri: Some(self.uri()),
            parameters: self.opt(|r| r.map(|r| (r.name(), r.text()))),
            privileges: self.opt(Random::privileges),
            owner_name: self.opt(Random::text),
            owner_type: self.opt(Random::principal),
            catalog_name: Some("hive".into()),
            create_time: self.opt(Random::int),
            managed_location_uri: self.opt(Random::uri),
            r#type: self.opt(|r| DatabaseType((r.bits() % 4) as i32)),
            connector_name: self.opt(Random::text),
            remote_dbname: self.opt(Random::text),
        }
    }

    fn function(&mut self) -> Function {
        Function {
            function_name: Some(self.name()),
            db_name: Some(names().database),
            class_name: self.opt(Random::text),
            owner_name: self.opt(Random::text),
            owner_type: self.opt(Random::principal),
            create_time: self.opt(Random::int),
            function_type: self.opt(|r| FunctionType((r.bits() % 3) as i32)),
            resource_uris: self.opt(|r| {
                r.list(|r| ResourceUri {
                    resource_type: r.opt(|r| ResourceType((r.bits() % 5) as i32)),
                    uri: r.opt(Random::text),
                })
            }),
            cat_name: Some("hive".into()),
        }
    }

    fn range<T>(&mut self, mut value: impl FnMut(&mut Random) -> T) -> (Option<T>, Option<T>) {
        (self.opt(&mut value), self.opt(value))
    }

    fn statistics(&mut self) -> ColumnStatisticsData {
        let mut data = ColumnStatisticsData::default();
        let (num_nulls, num_dvs) = (Some(self.bits() as i64), Some(self.bits() as i64));
        let (bit_vectors, histogram) = (self.opt(Random::bytes), self.opt(Random::bytes));
        match self.bits() % 8 {
            0 => {
                data.boolean_stats = Some(BooleanColumnStatsData {
                    num_trues: num_dvs,
                    num_falses: Some(3),
                    num_nulls,
                    bit_vectors,
                });
            }
            1 => {
                let (low_value, high_value) = self.range(|r| r.bits() as i64);
                data.long_stats = Some(LongColumnStatsData {
                    low_value,
                    high_value,
                    num_nulls,
                    num_dvs,
                    bit_vectors,
                    histogram,
                });
            }
            2 => {
                let (low_value, high_value) = self.range(|r| r.int().into());
                data.double_stats = Some(DoubleColumnStatsData {
                    low_value,
                    high_value,
                    num_nulls,
                    num_dvs,
                    bit_vectors,
                    histogram,
                });
            }
            3 => {
                let (max_col_len, avg_col_len) = (num_nulls, Some(1.5));
                data.string_stats = Some(StringColumnStatsData {
                    max_col_len,
                    avg_col_len,
                    num_nulls,
                    num_dvs,
                    bit_vectors,
                });
            }
            4 => {
                let (max_col_len, avg_col_len) = (num_dvs, Some(-0.5));
                data.binary_stats = Some(BinaryColumnStatsData {
                    max_col_len,
                    avg_col_len,
                    num_nulls,
                    bit_vectors,
                });
            }
            5 => {
                let decimal = |r: &mut Random| Decimal {
                    unscaled: Some(r.bytes()),
                    scale: Some(r.bits() as i16),
                };
                let (low_value, high_value) = self.range(decimal);
                data.decimal_stats = Some(DecimalColumnStatsData {
                    low_value,
                    high_value,
                    num_nulls,
                    num_dvs,
                    bit_vectors,
                    histogram,
                });
            }
            6 => {
                let date = |r: &mut Random| Date {
                    days_since_epoch: Some(r.bits() as i64),
                };
                let (low_value, high_value) = self.range(date);
                data.date_stats = Some(DateColumnStatsData {
                    low_value,
                    high_value,
                    num_nulls,
                    num_dvs,
                    bit_vectors,
                    histogram,
                });
            }
            _ => {
                let timestamp = |r: &mut Random| Timestamp {
                    seconds_since_epoch: Some(r.bits() as i64),
                };
                let (low_value, high_value) = self.range(timestamp);
                data.timestamp_stats = Some(TimestampColumnStatsData {
                    low_value,
                    high_value,
                    num_nulls,
                    num_dvs,
                    bit_vectors,
                    histogram,
                });
            }
        }
        data
    }
}

fn shared(storage: Option<&Storage>) -> Shared {
    Shared {
        template: storage.map(|storage| storage.template.clone()),
        columns: storage.and_then(|storage| storage.columns.clone()),
    }
}

/// Only such partitions are spliced ([`catalog::PartitionRef::plain_location`]).
#[test]
fn what_the_shape_of_a_partition_adds_stands_in_what_partitions_share() {
    let mut wire = Partition {
        sd: Some(StorageDescriptor::default()),
        ..Partition::default()
    };
    crate::complete::shape_partition(&mut wire);
    let storage = partition_from(wire, &names().locator).unwrap().storage.unwrap();
    let bare = Storage {
        template: storage.template.clone(),
        ..Storage::default()
    };
    assert_eq!(storage, bare);
}

proptest! {
    #[test]
    fn tables_go_out_as_they_came_in(seed: u64) {
        let wire = Random(seed).table();
        let table = table_from(wire.clone(), &names().locator).unwrap();
        let shared = shared(table.storage.as_ref());
        let stored = codec::decode_table(&codec::encode_table(&table), &shared).unwrap();
        prop_assert_eq!(table_to(&stored, &names(), &Place::root()), wire);
    }

    #[test]
    fn partitions_go_out_as_they_came_in(seed: u64) {
        let wire = Random(seed).partition();
        let mut partition = partition_from(wire.clone(), &names().locator).unwrap();
        partition.name = "d=1".into();
        let shared = shared(partition.storage.as_ref());
        let stored = codec::decode_partition("d=1", &codec::encode_partition(&partition), &shared).unwrap();
        prop_assert_eq!(partition_to(&stored, &names(), "t", &Place::root()), wire);
    }

    #[test]
    fn databases_go_out_as_they_came_in(seed: u64) {
        let wire = Random(seed).database();
        let database = database_from(wire.clone(), "sales", &names().locator).unwrap();
        let mut stored = codec::decode_database(&codec::encode_database(&database)).unwrap();
        stored.name = "sales".into();
        prop_assert_eq!(database_to(&stored, &names(), &stored.place()), wire);
    }

    #[test]
    fn functions_go_out_as_they_came_in(seed: u64) {
        let wire = Random(seed).function();
        let function = function_from(wire.clone());
        let mut stored = codec::decode_function(&codec::encode_function(&function)).unwrap();
        stored.name.clone_from(&function.name);
        prop_assert_eq!(function_to(&stored, &names()), wire);
    }

    #[test]
    fn statistics_go_out_as_they_came_in(seed: u64) {
        let data = Random(seed).statistics();
        let wire = ColumnStatisticsObj {
            col_name: Some("a".into()),
            col_type: Some("int".into()),
            stats_data: Some(data),
        };
        let (name, statistics) = statistic_from(wire.clone(), Some(1)).unwrap();
        prop_assert_eq!(statistic_to(&name, &statistics), wire);
    }
}
