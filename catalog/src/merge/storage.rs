//! Storage: how rows are read, spread and sorted are groups; where data lies is compared by place.

use std::sync::Arc;

use super::columns::Layout;
use super::conflict::{ConflictKind, Report, Scope, Subject};
use super::generic::Three;
use super::params::{self, Data, Writers};
use crate::location::Place;
use crate::model::{Storage, Template};

/// Formats that find columns by name; all others find them by position, also those that are not known.
const BY_NAME: [&str; 4] = ["parquet", "avro", "orc", "json"];

/// Returns how the files of a storage find columns, by the class of its serde. `wrote` says who wrote some.
pub(crate) fn layout(storage: Option<&Storage>, provider: Option<&str>, wrote: Writers) -> Layout {
    let serde = storage.and_then(Storage::serde_library).unwrap_or_default();
    let class = serde.rsplit('.').next().unwrap_or(serde).to_ascii_lowercase();
    let provider = provider.unwrap_or_default().to_ascii_lowercase();
    let is_by_name = |name: &&str| class.starts_with(*name) || provider == **name;
    if BY_NAME.iter().any(is_by_name) {
        Layout::ByName
    } else {
        Layout::ByPosition(wrote)
    }
}

/// Merges what alike storages have in common.
pub(crate) fn merge_template(
    versions: Three<&Arc<Template>>,
    scope: &Scope,
    report: &mut Report,
) -> Arc<Template> {
    if let Some(settled) = versions.settled() {
        return Arc::clone(settled);
    }
    let mut merged = Template::clone(versions.ours);
    let sides = versions.map(AsRef::as_ref);
    merge_format(&mut merged, sides, scope, report);
    merge_buckets(&mut merged, sides, scope, report);
    merge_skew(&mut merged, sides, scope, report);
    let parameters = sides.map(|side: &Template| &side.parameters);
    merged.parameters = params::merge(parameters, &Data::default(), &|_| false, scope, report);
    Arc::new(merged)
}

fn merge_format(merged: &mut Template, sides: Three<&Template>, scope: &Scope, report: &mut Report) {
    let group = sides.map(|side| {
        (
            side.input_format.clone(),
            side.output_format.clone(),
            side.serde.clone(),
            side.compressed,
        )
    });
    let text = |group: &(
        Option<String>,
        Option<String>,
        Option<crate::model::Serde>,
        Option<bool>,
    )| {
        let serde = group.2.as_ref().and_then(|serde| serde.library.clone());
        Some(
            serde
                .or_else(|| group.0.clone())
                .unwrap_or_else(|| "unset".to_owned()),
        )
    };
    let at = (scope, ConflictKind::StorageBoth, Subject::Field("the format"));
    let format = group.as_ref().or_conflict(at, text, report);
    (
        merged.input_format,
        merged.output_format,
        merged.serde,
        merged.compressed,
    ) = format;
}

fn merge_buckets(merged: &mut Template, sides: Three<&Template>, scope: &Scope, report: &mut Report) {
    let group = sides.map(|side| {
        (
            side.buckets,
            side.bucket_columns.clone(),
            side.sort_columns.clone(),
        )
    });
    let at = (scope, ConflictKind::BucketsBoth, Subject::Field("bucketing"));
    let buckets = group.as_ref().or_conflict(
        at,
        |(count, columns, _)| {
            let columns = columns.as_deref().unwrap_or_default().join(", ");
            Some(format!("{} by ({columns})", count.unwrap_or_default()))
        },
        report,
    );
    (merged.buckets, merged.bucket_columns, merged.sort_columns) = buckets;
}

fn merge_skew(merged: &mut Template, sides: Three<&Template>, scope: &Scope, report: &mut Report) {
    let group = sides.map(|side| (side.skew.clone(), side.stored_as_sub_directories));
    let at = (scope, ConflictKind::StorageBoth, Subject::Field("skew"));
    let skew = group.as_ref().or_conflict(
        at,
        |(skew, _)| Some(if skew.is_some() { "set" } else { "unset" }.to_owned()),
        report,
    );
    (merged.skew, merged.stored_as_sub_directories) = skew;
}

/// Merges what a storage says of places beside its location.
pub(crate) fn merge_other_places(
    merged: &mut Storage,
    sides: Three<&Storage>,
    scope: &Scope,
    report: &mut Report,
) {
    let serde = sides.map(|side| &side.serde_locations);
    let at = (
        scope,
        ConflictKind::LocationBoth,
        Subject::Field("the path of the serde"),
    );
    merged.serde_locations = serde.or_conflict(at, |_| Some("another".to_owned()), report);
    let skew = sides.map(|side| &side.skew_locations);
    let at = (
        scope,
        ConflictKind::LocationBoth,
        Subject::Field("the places of skewed values"),
    );
    merged.skew_locations = skew.or_conflict(at, |_| Some("another".to_owned()), report);
}

/// Merges places.
pub(crate) fn merge_place(
    places: Three<&Option<Place>>,
    scope: &Scope,
    report: &mut Report,
) -> Option<Place> {
    let at = (scope, ConflictKind::LocationBoth, Subject::Field("location"));
    places.or_conflict(at, |place| place.as_ref().map(text_of), report)
}

/// Returns a place as people see it.
pub(crate) fn text_of(place: &Place) -> String {
    match place {
        Place::Path(path) => path.clone(),
        Place::Shared(path) => format!("_shared/{path}"),
        Place::External(uri) => uri.clone(),
    }
}
