//! What the path of an HTTP request means: the listener's own repository and ref, or others.

use percent_encoding::percent_decode_str;
use versioning::{RefExpr, RepositoryName};

use crate::context::Listener;

/// A path that means nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum PathError {
    #[error("nothing is served at this path: post to /metastore or /repositories/REPOSITORY/refs/REF")]
    Unknown,
    #[error("the path names {what} that cannot be: {why}")]
    Name { what: &'static str, why: String },
}

/// Returns what calls to `path` mean that name nothing; `None` is what `own` means.
///
/// Hive's client puts `/*` behind the path that it is given.
pub(super) fn meant(path: &str, own: &Listener) -> Result<Option<Listener>, PathError> {
    let path = path.strip_suffix("/*").unwrap_or(path).trim_matches('/');
    let segments: Vec<_> = path
        .split('/')
        .map(|segment| percent_decode_str(segment).decode_utf8_lossy())
        .collect();
    let segments: Vec<&str> = segments.iter().map(AsRef::as_ref).collect();
    let (repository, reference) = match segments[..] {
        [""] | ["metastore"] => return Ok(None),
        ["repositories", repository] => (repository, None),
        ["repositories", repository, "refs", reference] => (repository, Some(reference)),
        _ => return Err(PathError::Unknown),
    };
    let repository = RepositoryName::parse(repository).map_err(|error| no_name("a repository", &error))?;
    let reference = match reference {
        Some(text) => Some(RefExpr::parse(text).map_err(|error| no_name("a ref", &error))?),
        None if repository == own.repository => own.reference.clone(),
        None => None,
    };
    Ok(Some(Listener {
        repository,
        reference,
        scheme: own.scheme.clone(),
    }))
}

fn no_name(what: &'static str, error: &versioning::Error) -> PathError {
    PathError::Name {
        what,
        why: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spell(path: &str) -> String {
        let own = Listener {
            repository: RepositoryName::parse("lake").unwrap(),
            reference: Some(RefExpr::parse("etl").unwrap()),
            scheme: "s3a".into(),
        };
        match meant(path, &own) {
            Ok(None) => "own".into(),
            Ok(Some(Listener {
                repository,
                reference,
                ..
            })) => {
                let reference = reference.map_or_else(|| "-".to_owned(), |at| at.to_string());
                format!("{repository} {reference}")
            }
            Err(PathError::Unknown) => "unknown".into(),
            Err(PathError::Name { what, .. }) => format!("no {what}"),
        }
    }

    #[test]
    fn paths_mean_repositories_and_refs() {
        for (path, expected) in [
            ("/", "own"),
            ("/*", "own"),
            ("/metastore", "own"),
            ("/metastore/", "own"),
            ("/metastore/*", "own"),
            ("/repositories/lake", "lake etl"),
            ("/repositories/other", "other -"),
            ("/repositories/other/refs/v1", "other v1"),
            ("/repositories/other/refs/v1/", "other v1"),
            ("/repositories/other/refs/v1/*", "other v1"),
            ("/repositories/lake/refs/main%7E2", "lake main~2"),
            ("/repositories/lake/refs/main@", "lake main@"),
            ("/repositories/LAKE/refs/main", "no a repository"),
            ("/repositories/lake/refs/a%2Fb", "no a ref"),
            ("/repositories/lake/refs/", "unknown"),
            ("/repositories/lake/refs/a/b", "unknown"),
            ("/repositories", "unknown"),
            ("/api/v1", "unknown"),
        ] {
            assert_eq!(spell(path), expected, "{path}");
        }
    }
}
