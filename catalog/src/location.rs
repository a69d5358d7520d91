//! Where things lie: stored without a ref, spelled out for the ref that is served.
//!
//! A client sees `s3a://{repository}/{ref}/{path}`; what is stored is the path alone. So a branch costs
//! nothing, a merge has no places to rewrite, and a commit's tables point into that very commit.

use std::collections::BTreeMap;

use versioning::{RefExpr, RepositoryName};

use crate::model::Parameters;
use crate::{Error, Result};

/// Where a database, table or partition lies, independent of any ref.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Location {
    /// In the parent's place, under its own name.
    #[default]
    Default,
    /// At a path of the repository, which every ref has its own version of.
    Rel(String),
    /// At a path of the repository's write-once namespace, which is the same for every ref.
    Shared(String),
    /// Somewhere else: not versioned.
    External(String),
}

/// A place that is spelled out: a [`Location`] that does not depend on a parent.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// A path of the repository.
    Path(String),
    /// A path of the write-once namespace.
    Shared(String),
    /// A URI elsewhere.
    External(String),
}

/// The segment that stands for the write-once namespace where a ref would stand. No ref can have this name.
pub const SHARED_SEGMENT: &str = "_shared";

/// The parameters of a serde that engines keep places in.
pub const SERDE_LOCATION_KEYS: [&str; 2] = ["avro.schema.url", "path"];

/// The parameters of a table that engines keep places in.
pub const TABLE_LOCATION_KEYS: [&str; 3] = [
    "avro.schema.url",
    "metadata_location",
    "previous_metadata_location",
];

impl Location {
    /// Returns the place, given the parent's and the name that [`Location::Default`] has there.
    pub fn resolve(&self, parent: &Place, name: &str) -> Place {
        match self {
            Location::Default => parent.child(name),
            Location::Rel(path) => Place::Path(path.clone()),
            Location::Shared(path) => Place::Shared(path.clone()),
            Location::External(uri) => Place::External(uri.clone()),
        }
    }

    /// Returns whether data there has no versions.
    pub fn is_external(&self) -> bool {
        matches!(self, Location::External(_))
    }
}

impl From<Place> for Location {
    fn from(place: Place) -> Location {
        match place {
            Place::Path(path) => Location::Rel(path),
            Place::Shared(path) => Location::Shared(path),
            Place::External(uri) => Location::External(uri),
        }
    }
}

impl Place {
    /// Returns the root of a repository.
    pub fn root() -> Place {
        Place::Path(String::new())
    }

    /// Returns the place called `name` below this one.
    pub fn child(&self, name: &str) -> Place {
        match self {
            _ if name.is_empty() => self.clone(),
            Place::Path(path) => Place::Path(join(path, name)),
            Place::Shared(path) => Place::Shared(join(path, name)),
            Place::External(uri) => Place::External(join(uri, name)),
        }
    }

    /// Returns the shortest location that means this place below `parent`. One in the shared namespace is always
    /// spelled out: what lies there does not move along with its parent, nor when two parents become one.
    pub fn relative_to(self, parent: &Place, name: &str) -> Location {
        if !matches!(self, Place::Shared(_)) && parent.child(name) == self {
            Location::Default
        } else {
            self.into()
        }
    }

    /// Returns the prefix of the keys of all objects below this place. `None` if they are not objects of this
    /// repository, and for the root, which belongs to nobody.
    pub fn object_prefix(&self) -> Option<String> {
        match self {
            Place::Path(path) => match path.trim_end_matches('/') {
                "" => None,
                path => Some(format!("{path}/")),
            },
            _ => None,
        }
    }
}

/// The value of a parameter that may be a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ParameterValue {
    Text(String),
    /// A place of this repository.
    Place(Place),
}

fn join(parent: &str, name: &str) -> String {
    match parent {
        "" => name.to_owned(),
        parent if parent.ends_with('/') => format!("{parent}{name}"),
        parent => format!("{parent}/{name}"),
    }
}

/// Translates between the URIs of one client and locations: for one repository, one ref, one scheme.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Locator {
    repository: RepositoryName,
    reference: String,
    scheme: String,
}

impl Locator {
    /// Returns the translator for clients that are served `reference`, and write URIs with `scheme` (`s3a`).
    pub fn new(repository: RepositoryName, reference: &RefExpr, scheme: &str) -> Locator {
        Locator {
            repository,
            reference: reference.to_string(),
            scheme: scheme.to_owned(),
        }
    }

    /// Returns the URI of a place.
    pub fn uri(&self, place: &Place) -> String {
        match place {
            Place::Path(path) => self.spell(&self.reference, path),
            Place::Shared(path) => self.spell(SHARED_SEGMENT, path),
            Place::External(uri) => uri.clone(),
        }
    }

    fn spell(&self, segment: &str, path: &str) -> String {
        let Locator {
            repository, scheme, ..
        } = self;
        match path {
            "" => format!("{scheme}://{repository}/{segment}"),
            path => format!("{scheme}://{repository}/{segment}/{path}"),
        }
    }

    /// Returns the place that a client's URI names. Slashes are merged and the last one dropped, as Hadoop does.
    ///
    /// # Errors
    /// [`Error::ForeignLocation`] for a place of another ref of this repository; [`Error::InvalidLocation`]
    /// for one of no ref.
    pub fn place(&self, uri: &str) -> Result<Place> {
        Ok(match self.inside(uri)? {
            Some(Place::Path(path)) => Place::Path(merge_slashes(&path)),
            Some(Place::Shared(path)) => Place::Shared(merge_slashes(&path)),
            Some(Place::External(_)) | None => Place::External(hadoop_uri(uri)),
        })
    }

    /// Takes those of `keys` out of `parameters` whose values are places of this repository.
    ///
    /// # Errors
    /// As [`Locator::place`].
    pub fn take_locations(
        &self,
        parameters: &mut Parameters,
        keys: &[&str],
    ) -> Result<BTreeMap<String, Location>> {
        let mut taken = BTreeMap::new();
        for key in keys {
            let Some(value) = parameters.get(*key) else {
                continue;
            };
            if let Some(place) = self.inside(value)? {
                parameters.remove(*key);
                taken.insert((*key).to_owned(), place.into());
            }
        }
        Ok(taken)
    }

    /// Puts back what [`Locator::take_locations`] took.
    pub fn put_locations(&self, parameters: &mut Parameters, locations: &BTreeMap<String, Location>) {
        for (key, location) in locations {
            let place = location.resolve(&Place::root(), "");
            parameters.insert(key.clone(), self.uri(&place));
        }
    }

    /// Returns what the value of a parameter means.
    ///
    /// # Errors
    /// As [`Locator::place`].
    pub fn parameter(&self, value: &str) -> Result<ParameterValue> {
        let place = self.inside(value)?.map(ParameterValue::Place);
        Ok(place.unwrap_or_else(|| ParameterValue::Text(value.to_owned())))
    }

    /// Returns how a client sees the value of a parameter.
    pub fn spell_parameter(&self, value: &ParameterValue) -> String {
        match value {
            ParameterValue::Text(text) => text.clone(),
            ParameterValue::Place(place) => self.uri(place),
        }
    }

    /// Returns the place of a URI within this repository, its path unchanged; `None` if it is elsewhere.
    fn inside(&self, uri: &str) -> Result<Option<Place>> {
        let Some(rest) = self.strip_bucket(uri) else {
            return Ok(None);
        };
        let (segment, path) = rest.split_once('/').unwrap_or((rest, ""));
        if segment == self.reference {
            Ok(Some(Place::Path(path.to_owned())))
        } else if segment == SHARED_SEGMENT {
            Ok(Some(Place::Shared(path.to_owned())))
        } else if segment.is_empty() {
            let rule = "in this repository it has to be s3a://repository/ref/path";
            Err(Error::InvalidLocation {
                location: uri.to_owned(),
                rule,
            })
        } else {
            Err(Error::ForeignLocation {
                location: uri.to_owned(),
                owner: segment.to_owned(),
                reference: self.reference.clone(),
            })
        }
    }

    /// Returns what follows `s3a://{repository}/`.
    fn strip_bucket<'a>(&self, uri: &'a str) -> Option<&'a str> {
        let rest = strip_s3(uri)?;
        let (bucket, rest) = rest.split_once('/').unwrap_or((rest, ""));
        (bucket == self.repository.as_str()).then_some(rest)
    }
}

/// Returns what follows the scheme in a URI of S3: a bucket, and perhaps a path. All its schemes mean the same.
pub fn strip_s3(uri: &str) -> Option<&str> {
    let (scheme, rest) = uri.split_once("://")?;
    let known = ["s3", "s3a", "s3n"];
    known
        .iter()
        .any(|known| scheme.eq_ignore_ascii_case(known))
        .then_some(rest)
}

fn merge_slashes(path: &str) -> String {
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    segments.join("/")
}

/// Spells a URI as Hadoop's `Path` does (`hive.md` 8.10): `file:///x//y/` is `file:/x/y`.
pub fn hadoop_uri(uri: &str) -> String {
    let (scheme, rest) = match uri.split_once(':') {
        Some((scheme, rest)) if !scheme.contains('/') && !scheme.is_empty() => (Some(scheme), rest),
        _ => (None, uri),
    };
    let (authority, path) = match rest.strip_prefix("//") {
        Some(rest) if scheme.is_some() => rest.split_at(rest.find('/').unwrap_or(rest.len())),
        _ => ("", rest),
    };
    let root = if path.starts_with('/') { "/" } else { "" };
    let path = format!("{root}{}", merge_slashes(path));
    match (scheme, authority) {
        (None, _) => path,
        (Some(scheme), "") => format!("{scheme}:{path}"),
        (Some(scheme), authority) => format!("{scheme}://{authority}{path}"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn locator(reference: &str) -> Locator {
        let repository = RepositoryName::parse("lake").unwrap();
        Locator::new(repository, &RefExpr::parse(reference).unwrap(), "s3a")
    }

    #[test]
    fn uris_of_the_served_ref_become_paths() {
        let path = |text: &str| Place::Path(text.into());
        for (uri, place) in [
            ("s3a://lake/etl/sales.db/t", path("sales.db/t")),
            ("s3://lake/etl//sales.db//t/", path("sales.db/t")),
            ("s3n://lake/etl", path("")),
            (
                "s3a://lake/etl/sales.db/t-__PLACEHOLDER__",
                path("sales.db/t-__PLACEHOLDER__"),
            ),
            ("s3a://lake/etl/t/s=a b%2Fc", path("t/s=a b%2Fc")),
            ("s3a://lake/_shared/t/1", Place::Shared("t/1".into())),
            ("s3a://lakes/etl/t/", Place::External("s3a://lakes/etl/t".into())),
            ("file:///x//y/", Place::External("file:/x/y".into())),
            (
                "hdfs://nn:8020/a//b/",
                Place::External("hdfs://nn:8020/a/b".into()),
            ),
            ("/a//b", Place::External("/a/b".into())),
        ] {
            assert_eq!(locator("etl").place(uri).unwrap(), place, "{uri}");
        }
    }

    #[test]
    fn places_of_other_refs_are_refused() {
        for (uri, owner) in [("s3a://lake/main/t", "main"), ("s3a://lake/main", "main")] {
            match locator("etl").place(uri) {
                Err(Error::ForeignLocation { owner: found, .. }) => assert_eq!(found, owner),
                other => panic!("{uri}: {other:?}"),
            }
        }
        assert!(matches!(
            locator("etl").place("s3a://lake/"),
            Err(Error::InvalidLocation { .. })
        ));
        let mut parameters = Parameters::from([("path".into(), "s3a://lake/main/t".into())]);
        assert!(
            locator("etl")
                .take_locations(&mut parameters, &SERDE_LOCATION_KEYS)
                .is_err()
        );
    }

    #[test]
    fn parameters_move_with_the_ref() {
        let given = Parameters::from([
            ("path".into(), "s3a://lake/etl/t/".into()),
            ("avro.schema.url".into(), "https://schemas/s.avsc".into()),
            ("k".into(), "s3a://lake/etl/t".into()),
        ]);
        let mut stored = given.clone();
        let taken = locator("etl")
            .take_locations(&mut stored, &SERDE_LOCATION_KEYS)
            .unwrap();
        assert_eq!(
            taken,
            BTreeMap::from([("path".into(), Location::Rel("t/".into()))])
        );
        let mut served = stored.clone();
        locator("etl").put_locations(&mut served, &taken);
        assert_eq!(served, given);
        locator("main").put_locations(&mut stored, &taken);
        assert_eq!(stored["path"], "s3a://lake/main/t/");
    }

    #[test]
    fn defaults_follow_the_parent() {
        let database = Place::root().child("sales.db");
        let table = Location::Default.resolve(&database, "t");
        assert_eq!(table, Place::Path("sales.db/t".into()));
        assert_eq!(table.clone().relative_to(&database, "t"), Location::Default);
        assert_eq!(
            table.clone().relative_to(&database, "u"),
            Location::Rel("sales.db/t".into())
        );
        assert_eq!(table.object_prefix().as_deref(), Some("sales.db/t/"));
        let shared = Place::Shared("1/sales.db".into());
        assert_eq!(
            shared.child("t").relative_to(&shared, "t"),
            Location::Shared("1/sales.db/t".into())
        );
        assert_eq!(Place::root().object_prefix(), None);
        let abroad = Place::External("s3://old/wh/".into());
        assert_eq!(abroad.child("t"), Place::External("s3://old/wh/t".into()));
    }

    proptest! {
        #[test]
        fn out_then_in_is_identity(
            path in "([a-z%=. ]{1,8}(/[a-z%=. ]{1,8}){0,3})?",
            reference in "[a-z0-9][a-z0-9._-]{0,8}",
            shared: bool,
        ) {
            let locator = locator(&reference);
            let place = if shared { Place::Shared(path) } else { Place::Path(path) };
            let uri = locator.uri(&place);
            prop_assert_eq!(&locator.place(&uri).unwrap(), &place);
            prop_assert_eq!(locator.uri(&locator.place(&uri).unwrap()), uri);
        }

        #[test]
        fn any_uri_is_answered(uri: String) {
            let _ = locator("etl").place(&uri);
            prop_assert_eq!(hadoop_uri(&hadoop_uri(&uri)), hadoop_uri(&uri));
        }
    }
}
