//! The schema registry: records as wholes. What both sides changed, and not alike, is for a person.

use versioning::Space;
use versioning::merge::Change3;

use super::conflict::{ConflictKind, Report, Scope, Subject, Texts};
use super::owner::Version;
use super::walk::Walk;
use crate::Result;
use crate::keys::{MetaKey, RegistryKey};
use crate::model::RegisteredSchema;
use crate::records::Changes;

/// Merges what is registered, and reports versions whose schema the other side dropped.
pub(super) async fn merge(walk: &Walk, changes: &mut Changes<'_>, report: &mut Report) -> Result<()> {
    for change in &walk.registry {
        if is_contested(change) {
            let kind = match (&change.base, &change.ours, &change.theirs) {
                (_, None, _) | (_, _, None) => ConflictKind::DropModify,
                (None, ..) => ConflictKind::AddAdd,
                _ => ConflictKind::FieldBoth,
            };
            let did = |is_there: bool, word: &'static str| if is_there { word } else { "dropped" };
            let ours = did(change.ours.is_some(), "changed");
            let theirs = did(change.theirs.is_some(), "changed otherwise");
            let texts = Texts::new(None, ours, theirs);
            report.add(&Scope::default(), kind, subject(change), texts);
        }
        if !change.theirs_changed() || change.ours_changed() {
            continue;
        }
        match &change.theirs {
            Some(value) => changes
                .batch()
                .put(Space::Meta, change.key.clone(), value.clone()),
            None => changes.batch().delete(Space::Meta, change.key.clone()),
        }
    }
    check_versions(walk, report).await
}

fn is_contested(change: &Change3) -> bool {
    change.ours_changed() && change.theirs_changed() && change.ours != change.theirs
}

/// Reports what was added below something that the other side dropped.
async fn check_versions(walk: &Walk, report: &mut Report) -> Result<()> {
    for change in &walk.registry {
        let Some(MetaKey::Registry(key)) = MetaKey::decode(&change.key) else {
            continue;
        };
        let versions = &walk.versions;
        if !has_parent(&versions.base, key).await? {
            continue;
        }
        let (in_ours, in_theirs) = (
            has_parent(&versions.ours, key).await?,
            has_parent(&versions.theirs, key).await?,
        );
        let left = match key {
            RegistryKey::Version(..) => "left without its schema",
            _ => "left without its database",
        };
        let texts = match (in_ours, in_theirs) {
            (true, false) if change.ours_changed() && change.ours.is_some() => Texts::new(None, "set", left),
            (false, true) if change.theirs_changed() && change.theirs.is_some() => {
                Texts::new(None, left, "set")
            }
            _ => continue,
        };
        report.add(
            &Scope::default(),
            ConflictKind::DropModify,
            subject(change),
            texts,
        );
    }
    Ok(())
}

/// Returns whether the schema of a version is there, or the database of a schema.
async fn has_parent(version: &Version, key: RegistryKey<'_>) -> Result<bool> {
    match key {
        RegistryKey::Schema(database, _) => Ok(version.databases.contains_key(&database)),
        RegistryKey::Version(database, name, _) => {
            let key = MetaKey::Registry(RegistryKey::Schema(database, name)).encode();
            let found = version.snapshot.get::<RegisteredSchema>(&key).await?;
            Ok(found.is_some())
        }
        RegistryKey::Serde(_) | RegistryKey::Type(_) => Ok(true),
    }
}

fn subject(change: &Change3) -> Subject {
    let name = match MetaKey::decode(&change.key) {
        Some(MetaKey::Registry(RegistryKey::Schema(_, name))) => format!("schema {name}"),
        Some(MetaKey::Registry(RegistryKey::Version(_, name, version))) => {
            format!("schema {name} version {version}")
        }
        Some(MetaKey::Registry(RegistryKey::Serde(name))) => format!("serde {name}"),
        Some(MetaKey::Registry(RegistryKey::Type(name))) => format!("type {name}"),
        _ => change.key.escape_ascii().to_string(),
    };
    Subject::Key(name)
}
