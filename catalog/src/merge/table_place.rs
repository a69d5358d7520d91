//! Where a merged table and its partitions lie, and what becomes of data that was written to a place left behind.

use std::collections::BTreeMap;

use super::conflict::{Choices, ConflictKind, Report, Scope, Subject, Texts};
use super::generic::Three;
use super::params::Writers;
use super::report::Pick;
use super::storage;
use super::table::Input;
use crate::layout::check_layout;
use crate::location::{Location, Place};
use crate::model::{Database, DatabaseId, Table, TableFormat, TableKind};
use crate::snapshot::OpenTable;

/// Merges where the table and its partitions lie, and states it by the name that the table has now.
pub(super) fn merge_place(table: &mut Table, input: Input<'_>, scope: &Scope, report: &mut Report) {
    let places = input.versions.map(OpenTable::place);
    let before = report.asked();
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
            Left::Contested => {
                let pick = report_left(places.as_ref(), input, scope, report);
                if let Some(whose) = pick.whose() {
                    place = places.as_ref().take(whose).clone();
                }
            }
        }
    }
    if report.asked() > before && input.versions.ours.is_partitioned() {
        // those that ours has stay where they are, wherever the table goes
        let base = input.versions.ours.partition_base();
        table.partition_base = (Some(&base) != place.as_ref()).then(|| base.into());
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

/// Gives a merged table the name that a version has. It stays where it is.
pub(super) fn rename(table: &mut Table, to: &OpenTable, databases: &BTreeMap<DatabaseId, Database>) {
    let base = |database: DatabaseId, kind: &TableKind| {
        let database = databases.get(&database);
        database.map_or_else(Place::root, |database| database.table_base(kind))
    };
    let (before, after) = (
        base(table.database, &table.kind),
        base(to.table.database, &table.kind),
    );
    if let Some(location) = table
        .storage
        .as_mut()
        .and_then(|storage| storage.location.as_mut())
    {
        let place = location.resolve(&before, &table.name);
        *location = place.relative_to(&after, &to.name);
    }
    (table.database, table.name) = (to.table.database, to.name.clone());
}

/// Reports a merged table that may not lie where it would: one side gave it the place, and the other the format.
/// Returns where it lies instead, if that was decided.
pub(super) fn check(
    merged: &OpenTable,
    sides: Three<&Option<OpenTable>>,
    scope: &Scope,
    report: &mut Report,
) -> Option<Location> {
    let is_refused = |side: &OpenTable| check_layout(side).is_err();
    let known = [sides.ours, sides.theirs].into_iter().flatten();
    if !is_refused(merged) || known.clone().any(is_refused) {
        return None;
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
    let base = merged.database.table_base(&merged.kind);
    let locations = sides.map(|side| {
        let place = side.as_ref()?.place()?;
        let mut there = merged.clone();
        there.table.storage.as_mut()?.location = Some(place.relative_to(&base, &merged.name));
        there.location().cloned().filter(|_| !is_refused(&there))
    });
    let choices = Choices {
        ours: locations.ours.is_some(),
        theirs: locations.theirs.is_some(),
        base: locations.base.is_some(),
        value: None,
    };
    let at = (scope, ConflictKind::LocationBoth, Subject::Field("location"));
    let texts = Texts::new(None, text(sides.ours), text(sides.theirs));
    locations.take(report.decide(at, texts, choices).whose()?)
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

fn report_left(places: Three<&Option<Place>>, input: Input<'_>, scope: &Scope, report: &mut Report) -> Pick {
    let base = places.base.as_ref().map(storage::text_of);
    let did = |side: &Option<Place>| match side {
        Some(place) if Some(place) != places.base.as_ref() => storage::text_of(place),
        _ => "the old one, with new data".to_owned(),
    };
    let texts = Texts::new(base.as_deref(), did(places.ours), did(places.theirs));
    debug_assert!(input.beneath != Writers::Nobody);
    let at = (scope, ConflictKind::LocationBoth, Subject::Field("location"));
    report.decide(at, texts, Choices::ANY)
}
