//! Arbitrary values of the model, for property tests here and in the rooms above.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;

use crate::model::*;
use crate::names;

/// A source of arbitrary values. The same seed gives the same values.
#[derive(Debug, Clone)]
pub struct Source(u64);

impl Source {
    /// Returns the source of a seed.
    pub fn new(seed: u64) -> Source {
        Source(seed)
    }

    /// Returns 64 arbitrary bits (splitmix64).
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Returns a number below `n`, which is at least 1.
    pub fn below(&mut self, n: u64) -> u64 {
        self.bits() % n
    }

    fn flag(&mut self) -> bool {
        self.below(2) == 0
    }

    fn opt<T>(&mut self, make: impl FnOnce(&mut Source) -> T) -> Option<T> {
        self.flag().then(|| make(self))
    }

    fn list<T>(&mut self, mut make: impl FnMut(&mut Source) -> T) -> Vec<T> {
        (0..self.below(4)).map(|_| make(self)).collect()
    }

    fn map<K: Ord, V>(&mut self, mut make: impl FnMut(&mut Source) -> (K, V)) -> BTreeMap<K, V> {
        (0..self.below(4)).map(|_| make(self)).collect()
    }

    /// Returns a text that is sometimes empty, sometimes odd, never with a zero byte.
    pub fn text(&mut self) -> String {
        const CHARS: [char; 12] = ['a', 'b', 'Z', '0', '_', '/', '%', '=', ' ', 'é', '\u{1}', '字'];
        (0..self.below(8))
            .map(|_| CHARS[self.below(CHARS.len() as u64) as usize])
            .collect()
    }

    fn bytes(&mut self) -> Bytes {
        self.list(|s| s.bits() as u8).into()
    }

    fn id(&mut self) -> [u8; 16] {
        (u128::from(self.bits()) << 64 | u128::from(self.bits())).to_be_bytes()
    }

    /// Returns a number that is often small or extreme.
    pub fn int(&mut self) -> i64 {
        match self.below(5) {
            0 => 0,
            1 => -1,
            2 => i64::MAX - self.below(2) as i64,
            3 => i64::MIN,
            _ => self.bits() as i64 >> self.below(64),
        }
    }

    fn i32(&mut self) -> i32 {
        self.int() as i32
    }

    fn code(&mut self) -> i32 {
        self.below(6) as i32
    }

    fn parameters(&mut self) -> Parameters {
        self.map(|s| (s.text(), s.text()))
    }

    /// Returns a location.
    pub fn location(&mut self) -> Location {
        match self.below(4) {
            0 => Location::Default,
            1 => Location::Rel(self.text()),
            2 => Location::Shared(self.text()),
            _ => Location::External(format!("s3://elsewhere/{}", self.text())),
        }
    }

    fn locations(&mut self) -> BTreeMap<String, Location> {
        self.map(|s| (s.text(), s.location()))
    }

    fn extra(&mut self) -> Extra {
        let tags: BTreeSet<u64> = self.list(|s| 100 + s.below(9)).into_iter().collect();
        Extra(tags.into_iter().map(|tag| (tag, self.bytes())).collect())
    }

    fn principal(&mut self) -> PrincipalKind {
        PrincipalKind::from_code(self.code())
    }

    fn grants(&mut self) -> Grants {
        self.map(|s| {
            let grant = |s: &mut Source| Grant {
                privilege: s.opt(Source::text),
                created_s: s.opt(Source::i32),
                grantor: s.opt(Source::text),
                grantor_kind: s.opt(Source::principal),
                grant_option: s.opt(Source::flag),
            };
            (s.text(), s.list(grant))
        })
    }

    fn privileges(&mut self) -> Privileges {
        Privileges {
            users: self.opt(Source::grants),
            groups: self.opt(Source::grants),
            roles: self.opt(Source::grants),
        }
    }

    /// Returns a database.
    pub fn database(&mut self) -> Database {
        Database {
            id: DatabaseId(self.id()),
            name: self.text(),
            description: self.opt(Source::text),
            location: self.location(),
            managed_location: self.opt(Source::location),
            parameters: self.opt(Source::parameters),
            privileges: self.opt(Source::privileges),
            owner: self.opt(Source::text),
            owner_kind: self.opt(Source::principal),
            created_s: self.opt(Source::i32),
            kind: self.opt(|s| DatabaseKind::from_code(s.code())),
            connector: self.opt(Source::text),
            remote_name: self.opt(Source::text),
            extra: self.extra(),
        }
    }

    fn kind(&mut self) -> TableKind {
        match self.below(5) {
            0 => TableKind::Managed,
            1 => TableKind::External,
            2 => TableKind::View,
            3 => TableKind::MaterializedView,
            _ => TableKind::parse(&self.text()),
        }
    }

    /// Returns an entry of the list of tables.
    pub fn entry(&mut self) -> TableEntry {
        let format = TableFormat::ALL[self.below(5) as usize];
        let id = TableId(self.id());
        let is_displaced = id.0[0] % 2 == 1;
        TableEntry {
            id,
            kind: self.kind(),
            format,
            is_displaced,
            extra: self.extra(),
        }
    }

    fn column(&mut self) -> Column {
        Column {
            id: ColumnId(self.below(5) as u32),
            name: self.text().to_lowercase(),
            type_name: self.text(),
            comment: self.opt(Source::text),
        }
    }

    /// Returns a column list.
    pub fn columns(&mut self) -> Columns {
        Columns(self.list(Source::column))
    }

    /// Returns a template.
    pub fn template(&mut self) -> Template {
        Template {
            input_format: self.opt(Source::text),
            output_format: self.opt(Source::text),
            compressed: self.opt(Source::flag),
            buckets: self.opt(Source::i32),
            serde: self.opt(Source::serde),
            bucket_columns: self.opt(|s| s.list(Source::text)),
            sort_columns: self.opt(|s| {
                s.list(|s| SortColumn {
                    column: s.opt(Source::text),
                    order: s.opt(Source::i32),
                })
            }),
            parameters: self.opt(Source::parameters),
            skew: self.opt(|s| Skew {
                columns: s.opt(|s| s.list(Source::text)),
                values: s.opt(|s| s.list(|s| s.list(Source::text))),
            }),
            stored_as_sub_directories: self.opt(Source::flag),
        }
    }

    fn serde(&mut self) -> Serde {
        Serde {
            name: self.opt(Source::text),
            library: self.opt(Source::text),
            parameters: self.opt(Source::parameters),
            description: self.opt(Source::text),
            serializer: self.opt(Source::text),
            deserializer: self.opt(Source::text),
            kind: self.opt(|s| SerdeKind::from_code(s.code())),
        }
    }

    /// Returns a storage.
    pub fn storage(&mut self) -> Storage {
        Storage {
            columns: self.opt(|s| Arc::new(s.columns())),
            template: Arc::new(self.template()),
            location: self.opt(Source::location),
            serde_locations: self.locations(),
            skew_locations: self.opt(|s| s.map(|s| (s.list(Source::text), s.location()))),
        }
    }

    /// Returns a table.
    pub fn table(&mut self) -> Table {
        Table {
            id: TableId(self.id()),
            database: DatabaseId(self.id()),
            name: self.text(),
            kind: self.kind(),
            owner: self.opt(Source::text),
            owner_kind: self.opt(Source::principal),
            created_s: self.opt(Source::i32),
            accessed_s: self.opt(Source::i32),
            retention: self.opt(Source::i32),
            storage: self.opt(Source::storage),
            partition_base: self.opt(Source::location),
            next_column_id: self.below(9) as u32,
            partition_keys: self.opt(|s| s.list(Source::column)),
            parameters: self.opt(Source::parameters),
            locations: self.locations(),
            view_original_text: self.opt(Source::text),
            view_expanded_text: self.opt(Source::text),
            privileges: self.opt(Source::privileges),
            rest: if self.flag() {
                TableRest::default()
            } else {
                self.rest()
            },
            extra: self.extra(),
        }
    }

    fn file_metadata(&mut self) -> FileMetadata {
        FileMetadata {
            kind: self.opt(|s| s.int() as i8),
            version: self.opt(|s| s.int() as i8),
            data: self.opt(|s| s.list(Source::bytes)),
        }
    }

    fn rest(&mut self) -> TableRest {
        TableRest {
            temporary: self.opt(Source::flag),
            rewrite_enabled: self.opt(Source::flag),
            creation: self.opt(Source::creation),
            write_id: self.opt(Source::int),
            is_stats_compliant: self.opt(Source::flag),
            access_type: self.opt(|s| s.int() as i8),
            read_capabilities: self.opt(|s| s.list(Source::text)),
            write_capabilities: self.opt(|s| s.list(Source::text)),
            client_id: self.opt(Source::int),
            file_metadata: self.opt(Source::file_metadata),
            dictionary: self.opt(|s| s.map(|s| (s.text(), s.list(Source::bytes)))),
            transaction_id: self.opt(Source::int),
        }
    }

    fn creation(&mut self) -> Creation {
        Creation {
            hive_catalog: self.text(),
            database: self.text(),
            table: self.text(),
            tables_used: self.list(Source::text).into_iter().collect(),
            valid_transactions: self.opt(Source::text),
            materialized_ms: self.opt(Source::int),
            source_tables: self.opt(|s| {
                s.list(|s| SourceTable {
                    database: s.text(),
                    table: s.text(),
                    inserted: s.int(),
                    updated: s.int(),
                    deleted: s.int(),
                })
            }),
        }
    }

    /// Returns a partition with at least one value.
    pub fn partition(&mut self) -> Partition {
        let values: Vec<String> = (0..=self.below(3)).map(|_| self.text()).collect();
        let keys: Vec<String> = (0..values.len()).map(|i| format!("k{i}")).collect();
        Partition {
            name: names::partition_name(&keys, &values).unwrap_or_default(),
            values,
            created_s: self.opt(Source::i32),
            accessed_s: self.opt(Source::i32),
            storage: self.opt(Source::storage),
            parameters: self.opt(Source::parameters),
            privileges: self.opt(Source::privileges),
            write_id: self.opt(Source::int),
            is_stats_compliant: self.opt(Source::flag),
            file_metadata: self.opt(Source::file_metadata),
            extra: self.extra(),
        }
    }

    /// Returns a constraint.
    pub fn constraint(&mut self) -> Constraint {
        Constraint {
            name: self.text(),
            kind: ConstraintKind::ALL[self.below(6) as usize],
            columns: self.list(|s| ColumnId(s.code() as u32)),
            reference: self.opt(|s| Reference {
                table: TableId(s.id()),
                columns: s.list(|s| ColumnId(s.code() as u32)),
                constraint: s.opt(Source::text),
                update_rule: s.opt(Source::i32),
                delete_rule: s.opt(Source::i32),
            }),
            text: self.opt(Source::text),
            is_enabled: self.flag(),
            is_validated: self.flag(),
            is_relied_on: self.flag(),
            extra: self.extra(),
        }
    }

    /// Returns a registered schema.
    pub fn schema(&mut self) -> RegisteredSchema {
        RegisteredSchema {
            name: self.text(),
            kind: self.opt(Source::i32),
            compatibility: self.opt(Source::i32),
            validation: self.opt(Source::i32),
            can_evolve: self.opt(Source::flag),
            group: self.opt(Source::text),
            description: self.opt(Source::text),
            extra: self.extra(),
        }
    }

    /// Returns a version of a schema.
    pub fn schema_version(&mut self) -> SchemaVersion {
        SchemaVersion {
            version: self.i32(),
            created: self.opt(Source::int),
            columns: self.opt(|s| s.columns().0),
            state: self.opt(Source::i32),
            description: self.opt(Source::text),
            text: self.opt(Source::text),
            fingerprint: self.opt(Source::text),
            name: self.opt(Source::text),
            serde: self.opt(Source::serde),
            extra: self.extra(),
        }
    }

    /// Returns a registered type.
    pub fn registered_type(&mut self) -> RegisteredType {
        RegisteredType {
            name: self.text(),
            first: self.opt(Source::text),
            second: self.opt(Source::text),
            fields: self.opt(|s| s.columns().0),
            extra: self.extra(),
        }
    }

    /// Returns a registered serde.
    pub fn registered_serde(&mut self) -> RegisteredSerde {
        RegisteredSerde {
            serde: self.serde(),
            extra: self.extra(),
        }
    }

    /// Returns a function.
    pub fn function(&mut self) -> Function {
        Function {
            name: self.text(),
            class_name: self.opt(Source::text),
            owner: self.opt(Source::text),
            owner_kind: self.opt(Source::principal),
            created_s: self.opt(Source::i32),
            kind: self.opt(|s| FunctionKind::from_code(s.code())),
            resources: self.opt(|s| {
                s.list(|s| Resource {
                    kind: s.opt(|s| ResourceKind::from_code(s.code())),
                    uri: s.opt(Source::text),
                })
            }),
            extra: self.extra(),
        }
    }

    /// Returns column statistics, in the order of their columns.
    pub fn statistics(&mut self) -> TableStatistics {
        let columns: BTreeSet<u32> = self.list(|s| s.below(9) as u32).into_iter().collect();
        let column = |id| ColumnStatistics {
            column: ColumnId(id),
            type_name: self.text(),
            analyzed_s: self.opt(Source::int),
            data: self.statistics_data(),
        };
        TableStatistics {
            columns: columns.into_iter().map(column).collect(),
            is_stats_compliant: self.opt(Source::flag),
            extra: self.extra(),
        }
    }

    fn range<T>(&mut self, mut value: impl FnMut(&mut Source) -> T) -> RangeStatistics<T> {
        RangeStatistics {
            low: self.opt(&mut value),
            high: self.opt(&mut value),
            nulls: self.int(),
            distinct: self.int(),
            bit_vectors: self.opt(Source::bytes),
            histogram: self.opt(Source::bytes),
        }
    }

    fn statistics_data(&mut self) -> StatisticsData {
        match self.below(8) {
            0 => StatisticsData::Boolean(BooleanStatistics {
                trues: self.int(),
                falses: self.int(),
                nulls: self.int(),
                bit_vectors: self.opt(Source::bytes),
            }),
            1 => StatisticsData::Long(self.range(Source::int)),
            2 => StatisticsData::Double(self.range(|s| Real(s.bits()))),
            3 => StatisticsData::Text(TextStatistics {
                longest: self.int(),
                average_len: Real(self.bits()),
                nulls: self.int(),
                distinct: self.int(),
                bit_vectors: self.opt(Source::bytes),
            }),
            4 => StatisticsData::Binary(BinaryStatistics {
                longest: self.int(),
                average_len: Real(self.bits()),
                nulls: self.int(),
                bit_vectors: self.opt(Source::bytes),
            }),
            5 => StatisticsData::Decimal(self.range(|s| DecimalValue {
                unscaled: s.bytes(),
                scale: s.int() as i16,
            })),
            6 => StatisticsData::Date(self.range(Source::int)),
            _ => StatisticsData::Timestamp(self.range(Source::int)),
        }
    }
}
