//! The schema registry: records as wholes. What both sides changed, and not alike, is for a person.

use versioning::Space;
use versioning::merge::Change3;

use super::conflict::{Choices, ConflictKind, Report, Scope, Subject, Texts};
use super::generic::{Three, Whose};
use super::owner::Version;
use super::report::Pick;
use super::walk::Walk;
use crate::Result;
use crate::keys::{MetaKey, RegistryKey};
use crate::model::RegisteredSchema;
use crate::records::Changes;

/// Merges what is registered, and reports versions whose schema the other side dropped.
pub(super) async fn merge(walk: &Walk, changes: &mut Changes<'_>, report: &mut Report) -> Result<()> {
    for change in &walk.registry {
        let versions = Three::new(&change.base, &change.ours, &change.theirs);
        let mut pick = Pick::Open;
        if let Some(whose) = settled(change, report) {
            pick = Pick::Side(whose);
        } else if is_contested(change) {
            let kind = match (&change.base, &change.ours, &change.theirs) {
                (_, None, _) | (_, _, None) => ConflictKind::DropModify,
                (None, ..) => ConflictKind::AddAdd,
                _ => ConflictKind::FieldBoth,
            };
            let did = |is_there: bool, word: &'static str| if is_there { word } else { "dropped" };
            let ours = did(change.ours.is_some(), "changed");
            let theirs = did(change.theirs.is_some(), "changed otherwise");
            let texts = Texts::new(None, ours, theirs);
            let at = (&Scope::default(), kind, subject(change));
            pick = report.decide(at, texts, Choices::ANY);
        }
        let merged = match pick.whose() {
            Some(whose) => versions.take(whose),
            None if change.theirs_changed() && !change.ours_changed() => versions.theirs,
            None => continue,
        };
        if merged == versions.ours {
            continue;
        }
        match merged {
            Some(value) => changes
                .batch()
                .put(Space::Meta, change.key.clone(), value.clone()),
            None => changes.batch().delete(Space::Meta, change.key.clone()),
        }
    }
    check_versions(walk, changes, report).await
}

/// Returns the version that was decided on with the database.
fn settled(change: &Change3, report: &Report) -> Option<Whose> {
    match MetaKey::decode(&change.key)? {
        MetaKey::Registry(RegistryKey::Schema(database, _) | RegistryKey::Version(database, ..)) => {
            report.settled().database(database)
        }
        _ => None,
    }
}

fn is_contested(change: &Change3) -> bool {
    change.ours_changed() && change.theirs_changed() && change.ours != change.theirs
}

/// Reports what was added below something that the other side dropped.
async fn check_versions(walk: &Walk, changes: &mut Changes<'_>, report: &mut Report) -> Result<()> {
    for change in &walk.registry {
        let Some(MetaKey::Registry(key)) = MetaKey::decode(&change.key) else {
            continue;
        };
        if settled(change, report).is_some() {
            continue;
        }
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
        // what hangs below can only go along
        let choices = Choices {
            ours: !in_ours,
            theirs: !in_theirs,
            ..Choices::NONE
        };
        let at = (&Scope::default(), ConflictKind::DropModify, subject(change));
        if report.decide(at, texts, choices).whose().is_some() {
            changes.batch().delete(Space::Meta, change.key.clone());
        }
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
