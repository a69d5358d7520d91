//! Databases: field by field.

use super::conflict::{ConflictKind, Report, Scope, Subject};
use super::generic::Three;
use super::params::{self, Data};
use super::storage::text_of;
use crate::location::{Location, Place};
use crate::model::Database;

/// Merges a database that all three versions have, or that both sides created: then `base` is what they agree on.
pub(crate) fn merge(versions: Three<&Database>, scope: &Scope, report: &mut Report) -> Database {
    let mut merged = versions.ours.clone();
    let field = |name| (scope, ConflictKind::FieldBoth, Subject::Field(name));
    merged.description = versions
        .map(|side| &side.description)
        .text_or_conflict(field("description"), report);
    merged.owner = versions
        .map(|side| &side.owner)
        .text_or_conflict(field("owner"), report);
    merged.owner_kind = versions.map(|side| &side.owner_kind).or_greater();
    merged.connector = versions
        .map(|side| &side.connector)
        .text_or_conflict(field("connector"), report);
    merged.remote_name = versions
        .map(|side| &side.remote_name)
        .text_or_conflict(field("remote name"), report);
    merged.kind = versions.map(|side| &side.kind).or_greater();
    merged.created_s = versions.map(|side| &side.created_s).or_greater();
    let parameters = versions.map(|side| &side.parameters);
    merged.parameters = params::merge(parameters, &Data::default(), &|_| false, scope, report);
    let privileges = versions.map(|side| &side.privileges);
    merged.privileges = privileges.or_conflict(field("privileges"), |_| Some("other".to_owned()), report);
    let extra = versions.map(|side| &side.extra);
    merged.extra = extra.or_conflict(field("newer fields"), |_| Some("other".to_owned()), report);
    let at = |name| (scope, ConflictKind::LocationBoth, Subject::Field(name));
    let mut location = versions.map(|side| &side.location);
    if are_both_shared(location.ours, location.theirs) {
        // tables there say their places in full, and new ones may go to either
        location.theirs = location.ours;
    }
    merged.location = location.or_conflict(
        at("location"),
        |location| {
            Some(text_of(
                &location.resolve(&Place::root(), &format!("{}.db", versions.ours.name)),
            ))
        },
        report,
    );
    let managed = versions.map(|side| &side.managed_location);
    merged.managed_location = managed.or_conflict(
        at("managed location"),
        |location| {
            location
                .as_ref()
                .map(|location| text_of(&location.resolve(&Place::root(), "")))
        },
        report,
    );
    merged
}

/// Returns what two databases of one name, which each side created, agree on; the rest counts as added by each.
pub(crate) fn common(ours: &Database, theirs: &Database) -> Option<Database> {
    let is_alike = (ours.location == theirs.location || are_both_shared(&ours.location, &theirs.location))
        && ours.managed_location == theirs.managed_location
        && ours.kind == theirs.kind
        && ours.connector == theirs.connector
        && ours.remote_name == theirs.remote_name;
    is_alike.then(|| Database {
        description: common_text(ours.description.as_ref(), theirs.description.as_ref()),
        owner: common_text(ours.owner.as_ref(), theirs.owner.as_ref()),
        parameters: None,
        privileges: None,
        created_s: None,
        ..ours.clone()
    })
}

fn are_both_shared(ours: &Location, theirs: &Location) -> bool {
    matches!((ours, theirs), (Location::Shared(_), Location::Shared(_)))
}

fn common_text(ours: Option<&String>, theirs: Option<&String>) -> Option<String> {
    ours.filter(|_| ours == theirs).cloned()
}

/// Returns the databases without what nobody meant to say.
pub(crate) fn meant(database: &Database) -> Database {
    let parameters = params::meant(database.parameters.as_ref());
    Database {
        parameters: (!parameters.is_empty()).then_some(parameters),
        ..database.clone()
    }
}
