//! Where the tables of a database lie: at paths of which each ref has its own version, or in the shared namespace.
//!
//! An Iceberg client takes the place of a table from its database, and writes there before the server hears of the
//! table; what it writes names files by absolute URIs. So the layout is a property of the database, and a shared one
//! gets a place that is the same for every ref, by its id. Whoever names a shared place for a database gets that one.

use crate::location::{Location, Place};
use crate::model::{Database, Table, TableFormat};
use crate::snapshot::OpenTable;
use crate::{Error, Result};

/// The parameter of a database that says its layout.
pub const LAYOUT: &str = "skep.layout";

/// The setting of a repository that says the layout of databases that say none.
const SETTING: &str = "layout";

/// Where the tables of a database lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Layout {
    /// At paths of which each ref has its own version.
    #[default]
    Ref,
    /// In the write-once namespace that is the same for every ref: for Iceberg tables alone.
    Shared,
}

impl Layout {
    /// Reads `ref` or `shared`, in any case.
    ///
    /// # Errors
    /// [`Error::NotAllowed`] for another word.
    pub fn parse(text: &str) -> Result<Layout> {
        match text.to_ascii_lowercase().as_str() {
            "ref" => Ok(Layout::Ref),
            "shared" => Ok(Layout::Shared),
            _ => Err(Error::NotAllowed {
                operation: "a layout",
                reason: format!("{LAYOUT} is ref or shared, not {text:?}"),
            }),
        }
    }

    /// Returns the word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Layout::Ref => "ref",
            Layout::Shared => "shared",
        }
    }

    /// Reads the settings of a repository.
    ///
    /// # Errors
    /// As [`Layout::parse`].
    pub fn of(settings: &[(String, String)]) -> Result<Layout> {
        let said = settings.iter().rfind(|(key, _)| key == SETTING);
        said.map_or(Ok(Layout::default()), |(_, value)| Layout::parse(value))
    }

    /// Returns the settings of a repository with this in place of what they said of the layout.
    pub fn put_into(self, settings: &[(String, String)]) -> Vec<(String, String)> {
        let others = settings.iter().filter(|(key, _)| key != SETTING).cloned();
        let ours = (SETTING.to_owned(), self.as_str().to_owned());
        others.chain([ours]).collect()
    }
}

/// Gives a database the place that its layout asks for; `default` is that of a database that says none.
///
/// # Errors
/// [`Error::NotAllowed`] for one that is to be shared and to lie outside of the repository.
pub(crate) fn lay_out(database: &mut Database, default: Layout) -> Result<()> {
    let said = said_by(database)?;
    let is_elsewhere = database.location.is_external();
    if said.unwrap_or(default) == Layout::Ref || matches!(database.location, Location::Shared(_)) {
        return Ok(());
    }
    if is_elsewhere && said.is_none() {
        return Ok(());
    }
    if is_elsewhere {
        return Err(Error::NotAllowed {
            operation: "the layout shared",
            reason: format!(
                "database {} would lie outside of the repository: leave its location out, or let the client's \
                 warehouse be a place of the repository",
                database.name
            ),
        });
    }
    let parameters = database.parameters.get_or_insert_default();
    parameters.insert(LAYOUT.to_owned(), Layout::Shared.as_str().to_owned());
    // by the id, so that two databases of one name, on two branches, have places of their own
    database.location = Location::Shared(format!("{}/{}.db", database.id, database.name));
    Ok(())
}

/// Fails for a database that is to leave the shared namespace and still says that it lies there.
pub(crate) fn check_stay(old: &Database, new: &Database) -> Result<()> {
    let is_shared = |database: &Database| matches!(database.location, Location::Shared(_));
    if !is_shared(old) || is_shared(new) || said_by(new)? != Some(Layout::Shared) {
        return Ok(());
    }
    Err(Error::NotAllowed {
        operation: "another location",
        reason: format!("database {} says {LAYOUT}=shared: change that first", old.name),
    })
}

fn said_by(database: &Database) -> Result<Option<Layout>> {
    let said = database.parameters.as_ref().and_then(|found| found.get(LAYOUT));
    said.map(|text| Layout::parse(text)).transpose()
}

/// Fails for a table in the shared namespace that is none of Iceberg's: its files are replaced and removed, which
/// nothing there is.
pub(crate) fn check_layout(open: &OpenTable) -> Result<()> {
    let is_shared = matches!(open.data_place(), Some(Place::Shared(_)));
    if !is_shared || open.kind.is_view() || TableFormat::of(open) == TableFormat::Iceberg {
        return Ok(());
    }
    Err(Error::NotAllowed {
        operation: "a table of another format than Iceberg in the shared namespace",
        reason: format!(
            "{}.{} would lie where files are written once and never change: give it a location on the branch, or \
             create it in a database without {LAYOUT}=shared",
            open.database.name, open.name
        ),
    })
}

/// Fails for a partition in the shared namespace of a table that is none of Iceberg's, as [`check_layout`] does.
pub(crate) fn check_partition_layout(open: &OpenTable, name: &str, place: Option<&Place>) -> Result<()> {
    if !matches!(place, Some(Place::Shared(_))) || TableFormat::of(open) == TableFormat::Iceberg {
        return Ok(());
    }
    Err(Error::NotAllowed {
        operation: "a partition in the shared namespace",
        reason: format!(
            "partition {name} of {}.{} would lie where files are written once and never change: give it a location \
             on the branch",
            open.database.name, open.name
        ),
    })
}

/// Returns whether an Iceberg table has its files at paths of a ref: what its metadata says of them holds on that
/// ref alone.
pub fn is_bound_to_ref(open: &OpenTable) -> bool {
    if TableFormat::of(open) != TableFormat::Iceberg {
        return false;
    }
    match metadata_location(open) {
        Some(location) => matches!(location, Location::Rel(_) | Location::Default),
        None => open.parameter(METADATA_LOCATION).is_none() && matches!(open.place(), Some(Place::Path(_))),
    }
}

/// The parameter that points at the present metadata of an Iceberg table.
pub(crate) const METADATA_LOCATION: &str = "metadata_location";

/// Returns where the metadata of an Iceberg table is, if that is in this repository.
pub(crate) fn metadata_location(table: &Table) -> Option<&Location> {
    table.locations.get(METADATA_LOCATION)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{DatabaseId, Storage};

    fn database(layout: Option<&str>, location: Location) -> Database {
        let said = layout.map(|layout| [(LAYOUT.to_owned(), layout.to_owned())].into());
        Database {
            id: DatabaseId([0xab; 16]),
            name: "sales".into(),
            location,
            parameters: said,
            ..Database::default()
        }
    }

    #[test]
    fn the_layout_decides_where_a_database_lies() {
        let id = "ab".repeat(16);
        let (rel, abroad) = (
            Location::Rel("w/sales.db".into()),
            Location::External("file:/w".into()),
        );
        let shared = Location::Shared(format!("{id}/sales.db"));
        let other = Location::Shared("x/y.db".into());
        let cases = [
            (None, Location::Default, Layout::Ref, Some(Location::Default)),
            (None, rel.clone(), Layout::Ref, Some(rel.clone())),
            (Some("ref"), rel.clone(), Layout::Shared, Some(rel.clone())),
            (
                Some("Shared"),
                Location::Default,
                Layout::Ref,
                Some(shared.clone()),
            ),
            (Some("shared"), rel.clone(), Layout::Ref, Some(shared.clone())),
            (Some("shared"), other.clone(), Layout::Ref, Some(other)),
            (Some("shared"), abroad.clone(), Layout::Ref, None),
            (None, rel, Layout::Shared, Some(shared)),
            (None, abroad.clone(), Layout::Shared, Some(abroad)),
            (Some("else"), Location::Default, Layout::Ref, None),
        ];
        for (said, location, default, expected) in cases {
            let mut database = database(said, location.clone());
            let found = lay_out(&mut database, default).map(|()| database.location);
            assert_eq!(found.ok(), expected, "{said:?} {location:?} {default:?}");
        }
    }

    #[test]
    fn settings_are_read_as_they_were_put() {
        let other = [("k".to_owned(), "v".to_owned())];
        let put = Layout::Shared.put_into(&other);
        assert!(put.contains(&other[0]));
        assert_eq!(Layout::of(&put).unwrap(), Layout::Shared);
        assert_eq!(Layout::Ref.put_into(&put).len(), put.len());
        assert_eq!(Layout::of(&other).unwrap(), Layout::Ref);
    }

    #[test]
    fn iceberg_tables_are_bound_by_where_their_metadata_is() {
        let table = |metadata: Option<Location>, location: Location| {
            let mut table = Table {
                name: "t".into(),
                storage: Some(Storage {
                    location: Some(location),
                    ..Storage::default()
                }),
                ..Table::default()
            };
            table.set_parameter("table_type", "ICEBERG");
            table.locations = metadata
                .map(|place| (METADATA_LOCATION.to_owned(), place))
                .into_iter()
                .collect();
            let database = database(None, Location::Default);
            OpenTable { database, table }
        };
        let (path, shared) = (Location::Rel("m.json".into()), Location::Shared("m.json".into()));
        for (metadata, location, expected) in [
            (Some(path.clone()), Location::Default, true),
            (Some(shared.clone()), Location::Default, false),
            (None, Location::Default, true),
            (None, shared, false),
            (None, Location::External("s3://b/t".into()), false),
        ] {
            let open = table(metadata.clone(), location.clone());
            assert_eq!(is_bound_to_ref(&open), expected, "{metadata:?} {location:?}");
        }
        let mut hive = table(Some(path), Location::Default);
        hive.table.parameters = None;
        hive.table.locations.clear();
        assert!(!is_bound_to_ref(&hive));
    }
}
