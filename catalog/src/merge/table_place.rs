//! Where a merged table and its partitions lie, and what becomes of data that was written to a place left behind.

use std::collections::BTreeMap;

use super::conflict::{ConflictKind, Report, Scope, Subject, Texts};
use super::generic::Three;
use super::params::Writers;
use super::storage;
use super::table::Input;
use crate::layout::check_layout;
use crate::location::{Location, Place};
use crate::model::{Database, DatabaseId, Table, TableFormat};
use crate::snapshot::OpenTable;

/// Merges where the table and its partitions lie, and states it by the name that the table has now.
pub(super) fn merge_place(table: &mut Table, input: Input<'_>, scope: &Scope, report: &mut Report) {
    let places = input.versions.map(OpenTable::place);
    let mut place = storage::merge_place(places.as_ref(), scope, report);
    let bases = input.versions.map(|open| &open.partition_base);
    let at = (
        scope,
        ConflictKind::LocationBoth,
        Subject::Field("the folder of partitions"),
    );
    table.partition_base = bases.or_conflict(at, |_| Some("another".to_owned()), report);
    if let Some(left) = left_behind(input, place.as_ref()) {
        match left {
            Left::Stays(old) => place = Some(old),
            Left::Contested => report_left(places.as_ref(), input, scope, report),
        }
    }
    let base = input
        .databases
        .get(&table.database)
        .map(|database| database.table_base(&table.kind));
    let location = place.map(|place| match &base {
        Some(base) => place.relative_to(base, &table.name),
        None => place.into(),
    });
    if let Some(storage) = &mut table.storage {
        storage.location = location;
    }
}

/// Returns a table that is taken as it is. What says that it lies below its database says its place in full if the
/// other side moved the database: the files stay where they were written.
pub(super) fn taken(open: &OpenTable, databases: &BTreeMap<DatabaseId, Database>) -> Table {
    let mut table = open.table.clone();
    if open.location() != Some(&Location::Default) {
        return table;
    }
    if let (Some(place), Some(database)) = (open.place(), databases.get(&table.database)) {
        let location = place.relative_to(&database.table_base(&table.kind), &table.name);
        if let Some(storage) = &mut table.storage {
            storage.location = Some(location);
        }
    }
    table
}

/// Reports a merged table that may not lie where it would: one side gave it the place, and the other the format.
pub(super) fn check(
    merged: &OpenTable,
    sides: Three<&Option<OpenTable>>,
    scope: &Scope,
    report: &mut Report,
) {
    let is_refused = |side: &OpenTable| check_layout(side).is_err();
    let known = [sides.ours, sides.theirs].into_iter().flatten();
    if !is_refused(merged) || known.clone().any(is_refused) {
        return;
    }
    let text = |side: &Option<OpenTable>| {
        let side = side.as_ref();
        let place = side.and_then(OpenTable::data_place);
        let place = place.as_ref().map_or("nowhere".to_owned(), storage::text_of);
        let is_iceberg = side.is_some_and(|side| TableFormat::of(side) == TableFormat::Iceberg);
        let what = if is_iceberg {
            "an Iceberg table"
        } else {
            "no Iceberg table"
        };
        format!("{what} at {place}")
    };
    let (kind, subject) = (ConflictKind::LocationBoth, Subject::Field("location"));
    report.add(
        scope,
        kind,
        subject,
        Texts::new(None, text(sides.ours), text(sides.theirs)),
    );
}

/// What one side wrote to a place that the other moved the table away from.
enum Left {
    /// The table was only renamed while it was empty: it stays where the data is by now.
    Stays(Place),
    Contested,
}

fn left_behind(input: Input<'_>, merged: Option<&Place>) -> Option<Left> {
    let Three { base, ours, theirs } = input.versions;
    let wrote = |one: Writers| input.beneath == one || input.beneath == Writers::Both;
    let is_left = |writer: &OpenTable| {
        writer.place().as_ref() != merged && writer.place() == base.place() && !is_kept_apart(input, writer)
    };
    let (mover, writer, mover_wrote) = if wrote(Writers::Ours) && is_left(ours) {
        (theirs, ours, wrote(Writers::Theirs))
    } else if wrote(Writers::Theirs) && is_left(theirs) {
        (ours, theirs, wrote(Writers::Ours))
    } else {
        return None;
    };
    let default = Some(&Location::Default);
    let is_rename = mover.location() == default && base.location() == default;
    match writer.place().filter(|_| is_rename && !mover_wrote) {
        Some(place) => Some(Left::Stays(place)),
        None => Some(Left::Contested),
    }
}

/// Returns whether the partitions stay in one folder on all sides, wherever the table goes.
fn is_kept_apart(input: Input<'_>, writer: &OpenTable) -> bool {
    let bases = input.versions.map(OpenTable::partition_base);
    writer.is_partitioned() && bases.ours == bases.theirs
}

fn report_left(places: Three<&Option<Place>>, input: Input<'_>, scope: &Scope, report: &mut Report) {
    let base = places.base.as_ref().map(storage::text_of);
    let did = |side: &Option<Place>| match side {
        Some(place) if Some(place) != places.base.as_ref() => storage::text_of(place),
        _ => "the old one, with new data".to_owned(),
    };
    let texts = Texts::new(base.as_deref(), did(places.ours), did(places.theirs));
    debug_assert!(input.beneath != Writers::Nobody);
    report.add(
        scope,
        ConflictKind::LocationBoth,
        Subject::Field("location"),
        texts,
    );
}
