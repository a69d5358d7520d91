//! One page of a listing, wherever it looks: among the refs of a repository, or among the paths of a ref.

use versioning::object::Object;
use versioning::{Error as StoreError, KeyRange, Repository, Space, View};

use super::page::{Page, Query, Step, behind};
use crate::address::parse_root;
use crate::error::{Error, Result};
use crate::gateway::{Gateway, root_marker, view};

/// What stands on a page, by whole keys.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    pub(crate) entries: Vec<(String, Object)>,
    pub(crate) groups: Vec<String>,
    /// The last key or common prefix, if there is more behind it.
    pub(crate) next: Option<String>,
}

impl Gateway {
    /// Lists a bucket. Keys and the query are whole here: `{ref}/{path}`.
    pub(crate) async fn list(&self, bucket: &str, query: Query) -> Result<Listing> {
        let repository = self.repository(bucket).await?;
        let Some((reference, prefix)) = query.prefix.split_once('/') else {
            return refs(&repository, query).await;
        };
        let (reference, prefix) = (reference.to_owned(), prefix.to_owned());
        // below a ref that is not there stands nothing, as below any prefix
        let found = match parse_root(bucket, &reference) {
            Ok(root) => view(&repository, &root).await,
            Err(error) => Err(error),
        };
        let view = match found {
            Err(Error::NoRef { .. }) => return Ok(Listing::default()),
            other => other?,
        };
        let Some(query) = within(&reference, prefix, query) else {
            return Ok(Listing::default());
        };
        let from_start = query.prefix.is_empty() && query.after.is_none() && query.max > 0;
        let mut listing = paths(&view, query).await?;
        if from_start && listing.entries.is_empty() && listing.groups.is_empty() {
            // a ref is a folder, be it empty: S3A would take it for missing otherwise
            listing.entries.push((String::new(), root_marker()));
        }
        Ok(listing.below(&reference))
    }
}

impl Listing {
    /// Returns the listing with whole keys.
    fn below(self, reference: &str) -> Listing {
        let whole = |path: String| format!("{reference}/{path}");
        Listing {
            entries: self
                .entries
                .into_iter()
                .map(|(path, object)| (whole(path), object))
                .collect(),
            groups: self.groups.into_iter().map(whole).collect(),
            next: self.next.map(whole),
        }
    }
}

/// Returns the query relative to a ref; `None` if it starts behind all of the ref.
fn within(reference: &str, prefix: String, query: Query) -> Option<Query> {
    let root = format!("{reference}/");
    let after = match query.after {
        None => None,
        Some(after) => match after.strip_prefix(&root) {
            Some(path) => Some(path.to_owned()).filter(|path| !path.is_empty()),
            None if after < root => None,
            None => return None,
        },
    };
    Some(Query {
        prefix,
        after,
        ..query
    })
}

/// Lists paths of a ref.
async fn paths(view: &View, query: Query) -> Result<Listing> {
    let mut listing = Listing::default();
    if query.max == 0 {
        return Ok(listing);
    }
    let mut range = KeyRange::prefix(query.prefix.clone().into_bytes());
    if let Some(after) = &query.after {
        range = range.after(after.clone().into_bytes());
    }
    let mut page = Page::new(query);
    let mut scan = view.scan(Space::Objects, range);
    loop {
        let Some(entry) = scan.next().await? else {
            return Ok(listing);
        };
        let path = text(entry.key)?;
        let skip = match page.offer(path) {
            Step::Take => {
                listing
                    .entries
                    .push((path.to_owned(), Object::decode(entry.key, entry.payload)?));
                continue;
            }
            Step::Group(group) => {
                listing.groups.push(group.clone());
                group
            }
            Step::Skip(group) => group,
            Step::Full => {
                listing.next = page.last();
                return Ok(listing);
            }
        };
        scan.seek(&behind(&skip)).await?;
    }
}

/// Lists the refs of a repository as folders, whatever the delimiter: a listing of all refs with all below them
/// would be as many times the data as there are branches.
async fn refs(repository: &Repository, query: Query) -> Result<Listing> {
    let mut listing = Listing::default();
    if query.max == 0 {
        return Ok(listing);
    }
    let mut folders: Vec<String> = repository
        .branches()
        .await?
        .iter()
        .map(|branch| format!("{}/", branch.name))
        .collect();
    folders.extend(
        repository
            .tags()
            .await?
            .iter()
            .map(|(name, _)| format!("{name}/")),
    );
    folders.sort_unstable();
    let after = query.after.clone().unwrap_or_default();
    let prefix = query.prefix.clone();
    let mut page = Page::new(Query {
        delimiter: Some("/".to_owned()),
        ..query
    });
    for folder in folders
        .into_iter()
        .filter(|folder| folder.starts_with(&prefix) && is_behind(folder, &after))
    {
        match page.offer(&folder) {
            Step::Take | Step::Group(_) => listing.groups.push(folder),
            Step::Skip(_) => {}
            Step::Full => {
                listing.next = page.last();
                break;
            }
        }
    }
    Ok(listing)
}

/// Returns whether a folder, or anything in it, comes behind a key.
fn is_behind(folder: &str, after: &str) -> bool {
    folder > after || after.starts_with(folder)
}

fn text(key: &[u8]) -> Result<&str> {
    std::str::from_utf8(key).map_err(|_| {
        let key = String::from_utf8_lossy(key).into_owned();
        Error::Store(StoreError::Corrupt {
            what: "path",
            key,
            message: "is not UTF-8".to_owned(),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markers_are_relative_to_the_ref() {
        let cases = [
            (None, Some(None)),
            (Some("etl/a"), Some(Some("a"))),
            (Some("etl/"), Some(None)),
            (Some("aaa"), Some(None)),
            (Some("etl"), Some(None)),
            (Some("main/a"), None),
        ];
        for (after, expected) in cases {
            let query = Query {
                after: after.map(str::to_owned),
                ..Query::default()
            };
            let found = within("etl", String::new(), query).map(|query| query.after);
            assert_eq!(found, expected.map(|after| after.map(str::to_owned)), "{after:?}");
        }
    }

    #[test]
    fn refs_continue_within_a_ref() {
        assert!(is_behind("etl/", "") && is_behind("etl/", "etl/x") && is_behind("main/", "etl/x"));
        assert!(!is_behind("etl/", "main/"));
    }
}
