//! Partitions: what is said of them; what lies in them is merged as files (versioning.md 5.5).

use std::collections::BTreeMap;
use std::sync::Arc;

use super::columns::{self, Layout, Lists, Renumbered};
use super::conflict::{Choices, ConflictKind, Report, Scope, Subject, Texts};
use super::generic::Three;
use super::params::{self, Data};
use super::storage;
use crate::location::Place;
use crate::model::{Column, ColumnId, Columns, Partition, Storage, TableId};

/// What the rules of a partition look at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Input<'a> {
    pub(crate) versions: Three<&'a Partition>,
    /// Where it lies in each version.
    pub(crate) places: Three<&'a Option<Place>>,
    /// What the default locations of the merged table's partitions start from.
    pub(crate) base: &'a Place,
    pub(crate) layout: Layout,
    /// The columns of the merged table.
    pub(crate) table: &'a [Column],
    pub(crate) data: &'a Data,
}

/// Merges a partition that all three versions have. On conflicts what ours says stays.
pub(crate) fn merge(input: Input<'_>, scope: &Scope, report: &mut Report) -> Partition {
    let versions = input.versions;
    let mut merged = versions.ours.clone();
    let field = |name| (scope, ConflictKind::FieldBoth, Subject::Field(name));
    let other = || Some("other".to_owned());
    merged.created_s = versions.map(|side| &side.created_s).or_greater();
    merged.accessed_s = versions.map(|side| &side.accessed_s).or_greater();
    merged.write_id = versions.map(|side| &side.write_id).or_greater();
    merged.is_stats_compliant = versions.map(|side| &side.is_stats_compliant).or_greater();
    let privileges = versions.map(|side| &side.privileges);
    merged.privileges = privileges.or_conflict(field("privileges"), |_| other(), report);
    let metadata = versions.map(|side| &side.file_metadata);
    merged.file_metadata = metadata.or_conflict(field("file metadata"), |_| other(), report);
    let extra = versions.map(|side| &side.extra);
    merged.extra = extra.or_conflict(field("newer fields"), |_| other(), report);
    let parameters = versions.map(|side| &side.parameters);
    merged.parameters = params::merge(parameters, input.data, &|_| false, scope, report);
    merged.storage = merge_storage(input, scope, report);
    merged
}

fn merge_storage(input: Input<'_>, scope: &Scope, report: &mut Report) -> Option<Storage> {
    let storages = input.versions.map(|side| &side.storage);
    let (Some(base), Some(ours), Some(theirs)) = (storages.base, storages.ours, storages.theirs) else {
        let at = (scope, ConflictKind::StorageBoth, Subject::Field("storage"));
        return storages.or_conflict(at, |side| side.as_ref().map(|_| "set".to_owned()), report);
    };
    let sides = Three::new(base, ours, theirs);
    let mut merged = ours.clone();
    merged.template = storage::merge_template(sides.map(|side| &side.template), scope, report);
    merged.columns = merge_columns(sides, input, scope, report);
    storage::merge_other_places(&mut merged, sides, scope, report);
    let place = storage::merge_place(input.places, scope, report);
    merged.location = place.map(|place| place.relative_to(input.base, &input.versions.ours.name));
    Some(merged)
}

fn merge_columns(
    sides: Three<&Storage>,
    input: Input<'_>,
    scope: &Scope,
    report: &mut Report,
) -> Option<Arc<Columns>> {
    let lists = sides.map(|side| &side.columns);
    let shapes = lists.map(|list| list.as_deref().map(|list| shape_of(&list.0)));
    if let Some(settled) = shapes.as_ref().settled() {
        let side = if *settled == shapes.ours {
            lists.ours
        } else {
            lists.theirs
        };
        return side.clone();
    }
    let mut strangers = BTreeMap::new();
    let columns = lists.map(|list| identified(list.as_deref(), &mut strangers));
    let lists = Lists {
        columns: columns.as_ref().map(Vec::as_slice),
        next: Three::default(),
    };
    let mut merged = columns::merge(lists, input.layout, scope, report).columns;
    for column in &mut merged {
        let is_known = input.table.iter().any(|known| known.id == column.id);
        if !is_known {
            let named = input.table.iter().find(|known| known.name == column.name);
            column.id = named.map(|known| known.id).unwrap_or_default();
        }
    }
    Some(Arc::new(Columns(merged)))
}

/// Returns what a list of columns says, without their ids: those follow from the table.
pub(crate) fn shape_of(columns: &[Column]) -> Vec<Column> {
    let without_id = |column: &Column| Column {
        id: ColumnId::NONE,
        ..column.clone()
    };
    columns.iter().map(without_id).collect()
}

/// Returns columns in which those that the table does not know, and that have no id, are told apart by name.
fn identified(columns: Option<&Columns>, strangers: &mut BTreeMap<String, ColumnId>) -> Vec<Column> {
    let mut columns = columns.map(|columns| columns.0.clone()).unwrap_or_default();
    for column in columns.iter_mut().filter(|column| column.id == ColumnId::NONE) {
        // above the columns of new tables, and below those that were added later
        let next = ColumnId((1 << 30) + u32::try_from(strangers.len()).unwrap_or_default());
        column.id = *strangers.entry(column.name.clone()).or_insert(next);
    }
    columns
}

/// Returns what two partitions of one name agree on, each of which one side added, if they are one: in the same
/// place, with the same columns and format. What they do not agree on counts as added by each.
pub(crate) fn common(
    ours: &Partition,
    theirs: &Partition,
    places: (&Option<Place>, &Option<Place>),
) -> Option<Partition> {
    let shape = |partition: &Partition| {
        let storage = partition.storage.as_ref()?;
        let columns = storage.columns.as_ref().map(|columns| {
            columns
                .0
                .iter()
                .map(|column| {
                    (
                        column.name.clone(),
                        column.type_name.clone(),
                        column.comment.clone(),
                    )
                })
                .collect::<Vec<_>>()
        });
        Some((
            columns,
            storage.template.clone(),
            storage.serde_locations.clone(),
            storage.skew_locations.clone(),
        ))
    };
    let is_same = places.0 == places.1 && ours.values == theirs.values && shape(ours) == shape(theirs);
    is_same.then(|| Partition {
        created_s: None,
        accessed_s: None,
        write_id: None,
        is_stats_compliant: None,
        parameters: None,
        privileges: None,
        file_metadata: None,
        ..ours.clone()
    })
}

/// Reports that each side added a partition of one name, and that they cannot be one.
pub(crate) fn report_add_add(
    table: TableId,
    ours: (&Partition, &Option<Place>),
    theirs: (&Partition, &Option<Place>),
    (scope, report): (&Scope, &mut Report),
) {
    let at = |place: &Option<Place>| match place {
        Some(place) => format!("added at {}", storage::text_of(place)),
        None => "added without a location".to_owned(),
    };
    let (mut a, mut b) = (at(ours.1), at(theirs.1));
    if a == b {
        a = "added".to_owned();
        b = "added with other columns or in another format".to_owned();
    }
    let at = (scope, ConflictKind::AddAdd, Subject::Whole);
    report.decide_whole(at, Texts::new(None, a, b), Choices::ANY, |settled, whose| {
        settled.settle_partition(table, &ours.0.name, whose);
    });
}

/// Gives the columns of theirs the ids that they have after the merge.
pub(crate) fn renew_ids(partition: &mut Partition, renumbered: &Renumbered) {
    let columns = partition
        .storage
        .as_mut()
        .and_then(|storage| storage.columns.as_mut());
    if let Some(columns) = columns
        && columns.0.iter().any(|column| renumbered.contains_key(&column.id))
    {
        columns::renew_ids(&mut Arc::make_mut(columns).0, renumbered);
    }
}

/// Returns a partition without what nobody meant to say.
pub(crate) fn meant(partition: &Partition) -> Partition {
    let parameters = params::meant(partition.parameters.as_ref());
    Partition {
        accessed_s: None,
        parameters: (!parameters.is_empty()).then_some(parameters),
        ..partition.clone()
    }
}
