//! Which repository, ref and database a name means.
//!
//! The first that applies: the database's suffix (`sales@etl`), the Hive catalog in front of the name
//! (`@lake@etl#sales`) or beside it (`catName`), the listener. The catalog `hive` is what the listener stands
//! for. What goes back carries the names that were asked for, so that clients' caches stay coherent.

use versioning::{RefExpr, RepositoryName};

use crate::catalogs::repository_name;
use crate::context::Listener;
use crate::exception::Failure;

/// The Hive catalog of clients that know of none.
pub(crate) const DEFAULT_CATALOG: &str = "hive";

/// A database as a client names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    /// The Hive catalog.
    pub(crate) catalog: String,
    /// The database with its suffix; `None` if none is named.
    pub(crate) database: Option<String>,
}

/// Where a database is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) repository: RepositoryName,
    /// `None` is the repository's default branch.
    pub(crate) reference: Option<RefExpr>,
    /// The database without its suffix, in lower case; `None` if none is named.
    pub(crate) database: Option<String>,
    /// What the client put behind the database: `@etl`, or nothing.
    pub(crate) suffix: String,
    /// The Hive catalog as it was named.
    pub(crate) catalog: String,
}

impl Asked {
    /// Takes apart what clients put into a database's name: `db`, `@catalog#db`, `@catalog#` for none and
    /// `@catalog#!` for the empty name. A catalog in a field of its own gives way to one in the name.
    pub(crate) fn parse(name: Option<&str>, catalog_field: Option<&str>) -> Asked {
        let field = catalog_field
            .map(str::trim)
            .filter(|name| !name.is_empty())
            .unwrap_or(DEFAULT_CATALOG);
        let prefixed = name.and_then(|name| name.trim().strip_prefix('@')?.split_once('#'));
        let (catalog, database) = match prefixed {
            Some((catalog, "")) => (catalog, None),
            Some((catalog, "!")) => (catalog, Some("")),
            Some((catalog, database)) => (catalog, Some(database)),
            None => (field, name),
        };
        let (name, suffix) = split_suffix(catalog);
        Asked {
            catalog: format!("{}{suffix}", name.to_lowercase()),
            database: database.map(str::to_owned),
        }
    }

    /// Decides where that is.
    pub(crate) fn place(self, listener: &Listener) -> Result<Place, Failure> {
        let (repository, mut reference) = catalog_place(&self.catalog, listener)?;
        let (database, suffix) = match &self.database {
            Some(name) => split_suffix(name.trim()),
            None => ("", ""),
        };
        if !suffix.is_empty() {
            reference = Some(RefExpr::parse(&suffix[1..])?);
        }
        Ok(Place {
            repository,
            reference,
            database: self.database.as_ref().map(|_| database.to_lowercase()),
            suffix: suffix.to_owned(),
            catalog: self.catalog,
        })
    }
}

/// Splits `sales@etl` into `sales` and `@etl`.
fn split_suffix(name: &str) -> (&str, &str) {
    name.find('@').map_or((name, ""), |at| name.split_at(at))
}

fn catalog_place(catalog: &str, listener: &Listener) -> Result<(RepositoryName, Option<RefExpr>), Failure> {
    let (name, suffix) = split_suffix(catalog);
    let own = name == DEFAULT_CATALOG;
    let repository = if own {
        listener.repository.clone()
    } else {
        repository_name(name)?
    };
    let reference = match suffix.strip_prefix('@') {
        Some(text) => Some(RefExpr::parse(text)?),
        None if own || repository == listener.repository => listener.reference.clone(),
        None => None,
    };
    Ok((repository, reference))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listener(reference: Option<&str>) -> Listener {
        Listener {
            repository: RepositoryName::parse("lake").unwrap(),
            reference: reference.map(|text| RefExpr::parse(text).unwrap()),
            scheme: "s3a".into(),
        }
    }

    fn spell(place: &Place) -> String {
        let reference = place.reference.as_ref().map(ToString::to_string);
        let database = place.database.as_deref().unwrap_or("-");
        format!(
            "{} {} {database} {:?} {}",
            place.repository,
            reference.as_deref().unwrap_or("-"),
            place.suffix,
            place.catalog
        )
    }

    #[test]
    fn names_mean_places() {
        for (name, catalog, on, expected) in [
            (Some("Sales"), None, None, r#"lake - sales "" hive"#),
            (Some("sales"), None, Some("etl"), r#"lake etl sales "" hive"#),
            (Some("sales@v1"), None, Some("etl"), r#"lake v1 sales "@v1" hive"#),
            (Some("sales@etl@"), None, None, r#"lake etl@ sales "@etl@" hive"#),
            (
                Some("sales@main~2"),
                None,
                None,
                r#"lake main~2 sales "@main~2" hive"#,
            ),
            (
                Some("@hive#sales"),
                None,
                Some("etl"),
                r#"lake etl sales "" hive"#,
            ),
            (Some("@hive#"), None, None, r#"lake - - "" hive"#),
            (Some("@hive#!"), None, None, r#"lake -  "" hive"#),
            (
                Some("@other#sales"),
                None,
                Some("etl"),
                r#"other - sales "" other"#,
            ),
            (
                Some("@other@dev#sales"),
                None,
                None,
                r#"other dev sales "" other@dev"#,
            ),
            (
                Some("@other@dev#sales@v2"),
                None,
                None,
                r#"other v2 sales "@v2" other@dev"#,
            ),
            (
                Some("@lake#sales"),
                None,
                Some("etl"),
                r#"lake etl sales "" lake"#,
            ),
            (Some("sales"), Some("other"), None, r#"other - sales "" other"#),
            (
                Some("sales"),
                Some("hive@etl"),
                None,
                r#"lake etl sales "" hive@etl"#,
            ),
            (
                Some("@hive#sales"),
                Some("other"),
                None,
                r#"lake - sales "" hive"#,
            ),
            (Some("@HIVE#Sales"), None, None, r#"lake - sales "" hive"#),
            (None, None, None, r#"lake - - "" hive"#),
        ] {
            let place = Asked::parse(name, catalog).place(&listener(on)).unwrap();
            assert_eq!(spell(&place), expected, "{name:?} {catalog:?} {on:?}");
        }
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for name in ["sales@", "sales@a/b", "@n*#sales", "@#sales", "sales@_shared"] {
            assert!(
                Asked::parse(Some(name), None).place(&listener(None)).is_err(),
                "{name}"
            );
        }
    }
}
