//! Which repository a call means, and which state of it.

use tonic::metadata::MetadataMap;
use versioning::{RefExpr, Repositories, Repository, RepositoryName};

use crate::Fault;

/// The header that names the repository.
pub const REPOSITORY: &str = "x-skep-repository";
/// The header that names the ref.
pub const REF: &str = "x-skep-ref";

/// A repository, and the ref that a name without one means.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) repository: Repository,
    pub(crate) at: RefExpr,
}

impl Place {
    /// Returns the place that the headers of a call name: the repository `default` if they name none, and its default branch.
    ///
    /// # Errors
    /// An invalid header, or a repository that is not there.
    pub(crate) async fn of(
        repositories: &Repositories,
        default: &RepositoryName,
        headers: &MetadataMap,
    ) -> Result<Place, Fault> {
        let name = match header(headers, REPOSITORY)? {
            Some(name) => RepositoryName::parse(name)?,
            None => default.clone(),
        };
        let repository = repositories.get(&name).await?;
        let at = match header(headers, REF)? {
            Some(text) => RefExpr::parse(text)?,
            None => repository.record().default_branch.clone().into(),
        };
        Ok(Place { repository, at })
    }

    /// Returns the place that a ticket names.
    ///
    /// # Errors
    /// As [`Place::of`].
    pub(crate) async fn named(repositories: &Repositories, name: &str, at: &str) -> Result<Place, Fault> {
        let repository = repositories.get(&RepositoryName::parse(name)?).await?;
        let at = RefExpr::parse(at)?;
        Ok(Place { repository, at })
    }

    /// Returns the commit that is the present state. What is staged on a branch is in no commit: then it is the branch.
    ///
    /// # Errors
    /// Those of resolving the ref.
    pub(crate) async fn pinned(&self) -> Result<RefExpr, Fault> {
        let view = self.repository.view(&self.at).await?;
        let head = view.head();
        let is_commit = view.is_settled() && self.repository.commit_object(head).await?.roots == view.roots();
        Ok(if is_commit { head.into() } else { self.at.clone() })
    }
}

fn header<'a>(headers: &'a MetadataMap, name: &'static str) -> Result<Option<&'a str>, Fault> {
    let Some(value) = headers.get(name) else {
        return Ok(None);
    };
    let text = value.to_str();
    text.map(Some)
        .map_err(|_| Fault::invalid(format!("the header {name} is no text of ASCII")))
}
