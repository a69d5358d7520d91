//! What clients repeat of the columns in parameters: it follows the columns, and is merged by their rules (versioning.md
//! 5.3).

use std::collections::BTreeMap;

use super::columns::{self, Layout, Lists, Renumbered};
use super::conflict::{ConflictKind, Report, Scope, Subject};
use super::generic::Three;
use super::{avro, spark};
use crate::model::{Column, ColumnId, Parameters, Table};

const CREATE_VERSION: &str = "spark.sql.create.version";

/// Fields that are no column of the table count from here: above the columns of new tables, and below those that
/// were added later.
const FIRST_STRANGE_ID: u32 = 1 << 30;

/// Merges the parameters that follow from the columns: those are the merged `columns`, in the order of which fields
/// stand, and the ids that columns of theirs got.
pub(crate) fn merge(
    tables: Three<&Table>,
    columns: (&[Column], &Renumbered),
    scope: &Scope,
    report: &mut Report,
) -> Parameters {
    let mut merged = spark::merge(tables, columns, scope, report);
    let value = |key: &str| tables.map(|table| table.parameter(key).map(str::to_owned));
    let version = value(CREATE_VERSION).as_ref().or_greater();
    merged.extend(version.map(|version| (CREATE_VERSION.to_owned(), version)));
    let literals = value(avro::LITERAL);
    let regenerated = match literals.as_ref().settled() {
        Some(_) => None,
        None => avro::regenerate(tables, literals.as_ref(), columns, scope, report),
    };
    let literal = regenerated.or_else(|| {
        let subject = Subject::Parameter(avro::LITERAL.to_owned());
        let at = (scope, ConflictKind::ParamBoth, subject);
        literals.as_ref().text_or_conflict(at, report)
    });
    merged.extend(literal.map(|literal| (avro::LITERAL.to_owned(), literal)));
    merged
}

/// Gives fields the ids of the columns whose names they have, and those that are none an id of their own by name.
#[derive(Debug, Default)]
pub(super) struct Identities(BTreeMap<String, u32>);

impl Identities {
    /// Returns the id of a field in a version of the table, as it is after the merge.
    pub(super) fn of(&mut self, field: &str, table: &Table, renumbered: &Renumbered) -> Option<ColumnId> {
        let name = field.to_lowercase();
        let mut known = table.columns().iter().chain(table.keys());
        if let Some(column) = known.find(|column| column.name == name) {
            return Some(renumbered.get(&column.id).copied().unwrap_or(column.id));
        }
        let next = FIRST_STRANGE_ID + u32::try_from(self.0.len()).ok()?;
        Some(ColumnId(*self.0.entry(field.to_owned()).or_insert(next)))
    }
}

/// Merges fields by the rules of columns, as it was decided of them, in the order of `columns`; `None` if that leaves a
/// conflict, or a field that `is_written` refuses.
pub(super) fn merge_fields(
    lists: Three<&Vec<Column>>,
    order: &[Column],
    is_written: fn(&Column) -> bool,
    scope: &Scope,
    report: &Report,
) -> Option<Vec<Column>> {
    let lists = Lists {
        columns: lists.map(Vec::as_slice),
        next: Three::default(),
    };
    // what was decided of the columns holds of what repeats them
    let mut report = report.alike();
    let mut merged = columns::merge(lists, Layout::ByName, scope, &mut report).columns;
    if report.len() > 0 || !merged.iter().all(is_written) {
        return None;
    }
    // partition keys, which are no columns to Hive, stay behind
    let place = |column: &Column| order.iter().position(|known| known.id == column.id);
    merged.sort_by_key(|column| place(column).unwrap_or(order.len()));
    Some(merged)
}
