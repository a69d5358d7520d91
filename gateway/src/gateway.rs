//! What all operations share: finding a repository, a ref, an object, and writing to a branch.

use std::future::Future;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt as _;
use versioning::object::{Object, Segment};
use versioning::repository::RefKind;
use versioning::tree::VALUE_BYTES_MAX;
use versioning::{
    Batch, Error as StoreError, RefExpr, RefName, Repositories, Repository, RepositoryName, Space, View,
};

use crate::address::{Address, Root};
use crate::conditions::WriteConditions;
use crate::error::{Error, Result};
use crate::limits::Limits;

/// The operations, over all repositories.
#[derive(Debug, Clone)]
pub(crate) struct Gateway {
    pub(crate) repositories: Repositories,
    pub(crate) limits: Arc<Limits>,
}

/// A place that can be written.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) repository: Repository,
    pub(crate) home: Home,
    pub(crate) path: String,
}

/// What is written to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Home {
    Branch(RefName),
    /// The shared namespace, where nothing that is there changes or goes.
    Shared,
}

impl Gateway {
    pub(crate) fn new(repositories: Repositories, limits: Limits) -> Gateway {
        Gateway {
            repositories,
            limits: Arc::new(limits),
        }
    }

    /// Returns the repository that is a bucket.
    pub(crate) async fn repository(&self, bucket: &str) -> Result<Repository> {
        let missing = || Error::NoRepository(bucket.to_owned());
        let name = RepositoryName::parse(bucket).map_err(|_| missing())?;
        match self.repositories.get(&name).await {
            Err(StoreError::NotFound { .. }) => Err(missing()),
            other => Ok(other?),
        }
    }

    /// Returns the present state of the ref of an address.
    pub(crate) async fn view(&self, at: &Address) -> Result<(Repository, View)> {
        let repository = self.repository(&at.repository).await?;
        let view = view(&repository, &at.root).await?;
        Ok((repository, view))
    }

    /// Returns the object at an address.
    ///
    /// The ref itself, `{ref}/`, reads as an empty object, like the marker of a folder.
    pub(crate) async fn object(&self, at: &Address) -> Result<(Repository, Object)> {
        let (repository, view) = self.view(at).await?;
        if at.is_root() {
            return Ok((repository, root_marker()));
        }
        match view.object(&at.path).await? {
            Some(object) => Ok((repository, object)),
            None => Err(Error::NoKey(at.key())),
        }
    }

    /// Returns the place of an address if it can be written, before a body is read for nothing.
    pub(crate) async fn place(&self, at: &Address) -> Result<Place> {
        let repository = self.repository(&at.repository).await?;
        let home = match &at.root {
            Root::Ref(reference) => Home::Branch(writable(&repository, reference).await?),
            Root::Shared => {
                repository.check_open().await?;
                Home::Shared
            }
        };
        Ok(Place {
            repository,
            home,
            path: at.path.clone(),
        })
    }
}

/// Returns what stands for the ref itself: an empty object, as old as time.
pub(crate) fn root_marker() -> Object {
    Object {
        etag: "d41d8cd98f00b204e9800998ecf8427e".to_owned(),
        content_type: Some("application/x-directory".to_owned()),
        ..Object::default()
    }
}

/// Returns whether an object fits an entry of its tree.
pub(crate) fn fits(object: &Object) -> bool {
    object.encode().payload.len() <= VALUE_BYTES_MAX
}

/// Stores the bytes of a stretch of an object anew.
pub(crate) async fn copy_bytes(
    from: &Repository,
    object: &Object,
    range: Range<u64>,
    to: &Repository,
) -> Result<Segment> {
    let mut bytes = from.read(object, range);
    let mut upload = to.upload().await?;
    while let Some(piece) = bytes.next().await {
        upload.write(piece?).await?;
    }
    Ok(upload.finish().await?.segment)
}

/// Returns the present state of what the paths of a repository begin with.
pub(crate) async fn view(repository: &Repository, root: &Root) -> Result<View> {
    let found = match root {
        Root::Ref(reference) => repository.view(reference).await,
        Root::Shared => repository.shared_view().await,
    };
    match found {
        Err(StoreError::NotFound { .. }) => Err(Error::NoRef {
            repository: repository.record().name.to_string(),
            reference: root.to_string(),
        }),
        other => Ok(other?),
    }
}

/// Returns the branch that an expression names, unless it is no branch, or none that is written to directly.
async fn writable(repository: &Repository, reference: &RefExpr) -> Result<RefName> {
    if reference.committed || reference.back > 0 || reference.commit.is_some() {
        return Err(Error::ReadOnly {
            reference: reference.to_string(),
        });
    }
    match repository.writable(&reference.name).await {
        Ok(branch) => Ok(branch.name),
        Err(StoreError::NotFound { .. }) => Err(why_no_branch(repository, reference).await?),
        Err(other) => Err(other.into()),
    }
}

/// Fails for an object that would take the place of another in the shared namespace. The same once more is what a
/// client sends that missed the answer; folders are marked by whoever comes along.
pub(crate) fn keep(path: &str, present: &Object, object: &Object) -> Result<()> {
    let said = |object: &Object| (object.content_type.clone(), object.metadata.clone());
    let is_same = present.same_data(object) && (object.size() == 0 || said(present) == said(object));
    match is_same {
        true => Ok(()),
        false => Err(Error::WriteOnce(path.to_owned())),
    }
}

/// Tells a tag or commit, which cannot be written, from what is not there.
async fn why_no_branch(repository: &Repository, at: &RefExpr) -> Result<Error> {
    let reference = at.to_string();
    match repository.resolve(at).await {
        Ok(resolved) if resolved.kind != RefKind::Branch => Ok(Error::ReadOnly { reference }),
        Ok(_) | Err(StoreError::NotFound { .. }) => Ok(Error::NoBranch {
            repository: repository.record().name.to_string(),
            reference,
        }),
        Err(other) => Err(other.into()),
    }
}

impl Place {
    /// Returns the present time.
    pub(crate) fn now_us(&self) -> u64 {
        self.repository.clock().now_us()
    }

    /// Returns what stands here for good, so that no body has to be stored beside it: nothing in the shared namespace
    /// changes or goes.
    ///
    /// # Errors
    /// Those of the conditions, if something does.
    pub(crate) async fn kept(&self, conditions: &WriteConditions) -> Result<Option<Object>> {
        if self.home != Home::Shared || self.path.is_empty() {
            return Ok(None);
        }
        let present = view(&self.repository, &Root::Shared).await;
        let present = present?.object(&self.path).await?;
        if present.is_some() {
            conditions.check(&self.path, present.as_ref())?;
        }
        Ok(present)
    }

    /// Writes an object if the conditions hold, in one step.
    pub(crate) async fn put(&self, object: Object, conditions: WriteConditions) -> Result<()> {
        self.put_unless(|_, _| false, object, conditions).await
    }

    /// As [`Place::put`], but nothing is left to do, and no condition to judge, where `is_done` says of what stands
    /// there (first) that it is the object already.
    pub(crate) async fn put_unless(
        &self,
        is_done: fn(&Object, &Object) -> bool,
        object: Object,
        conditions: WriteConditions,
    ) -> Result<()> {
        let object = Arc::new(self.fitting(object).await?);
        let path: Arc<str> = self.path.as_str().into();
        let is_shared = self.home == Home::Shared;
        let value = object.encode();
        self.write(move |view| {
            let (path, value, conditions) = (path.clone(), value.clone(), conditions.clone());
            let object = object.clone();
            async move {
                let mut batch = Batch::default();
                if is_shared || !conditions.is_empty() {
                    let present = view.object(&path).await?;
                    if present.as_ref().is_some_and(|present| is_done(present, &object)) {
                        return Ok((batch, ()));
                    }
                    conditions.check(&path, present.as_ref())?;
                    if let Some(present) = present.filter(|_| is_shared) {
                        return keep(&path, &present, &object).map(|()| (batch, ()));
                    }
                }
                batch.put(Space::Objects, Bytes::copy_from_slice(path.as_bytes()), value);
                Ok((batch, ()))
            }
        })
        .await
    }

    /// Returns the object so that it fits an entry: its bytes are stored anew, in one piece, if it has more
    /// segments than an entry holds, which is about 700.
    async fn fitting(&self, object: Object) -> Result<Object> {
        if fits(&object) || object.segments.len() < 2 {
            return Ok(object);
        }
        let whole = 0..object.size();
        let segment = copy_bytes(&self.repository, &object, whole, &self.repository).await?;
        Ok(Object {
            segments: vec![segment],
            ..object
        })
    }

    /// Plans and writes a change of the branch.
    pub(crate) async fn write<T, F, P>(&self, plan: P) -> Result<T>
    where
        P: FnMut(View) -> F + Send + 'static,
        F: Future<Output = Result<(Batch, T)>> + Send + 'static,
        T: Send + 'static,
    {
        let Home::Branch(branch) = &self.home else {
            return self.repository.write_shared(plan).await;
        };
        match self.repository.write(branch, plan).await {
            // the branch was there a moment ago
            Err(Error::Store(StoreError::NotFound { what: "branch", name })) => Err(Error::NoBranch {
                repository: self.repository.record().name.to_string(),
                reference: name,
            }),
            Err(Error::Store(StoreError::BranchDeleted { branch })) => Err(Error::NoBranch {
                repository: self.repository.record().name.to_string(),
                reference: branch.to_string(),
            }),
            other => other,
        }
    }
}
