//! Removing objects: one of them, or many in one step.

use std::collections::BTreeMap;

use bytes::Bytes;
use s3s::dto::{
    Delete, DeleteObjectInput, DeleteObjectOutput, DeleteObjectsInput, DeleteObjectsOutput, DeletedObject,
    ETagCondition, Error as Failure,
};
use versioning::object::Object;
use versioning::{Batch, Space, Value, View};

use crate::address::{Address, check_version};
use crate::conditions::WriteConditions;
use crate::error::{Error, Result};
use crate::gateway::{Gateway, Home, Place};

/// A path to remove, with its condition.
#[derive(Debug, Clone)]
struct Removal {
    path: String,
    conditions: WriteConditions,
}

impl Gateway {
    /// Removes an object. That nothing is there is no error.
    pub(crate) async fn delete_object(&self, input: DeleteObjectInput) -> Result<DeleteObjectOutput> {
        check_version(input.version_id.as_deref())?;
        let at = Address::parse(&input.bucket, &input.key)?;
        let place = self.place(&at).await?;
        let conditions = WriteConditions {
            if_match: input.if_match,
            if_none_match: None,
        };
        let removal = Removal {
            path: at.path,
            conditions,
        };
        let mut failures = remove(&place, vec![removal]).await?;
        match failures.pop() {
            Some((_, error)) => Err(error),
            None => Ok(DeleteObjectOutput::default()),
        }
    }

    /// Removes many objects; those of one branch in one step.
    pub(crate) async fn delete_objects(&self, input: DeleteObjectsInput) -> Result<DeleteObjectsOutput> {
        let Delete { objects, quiet } = input.delete;
        let limit = self.limits.delete_keys_max;
        if objects.is_empty() || objects.len() > limit {
            return Err(Error::Request(format!("a batch has between 1 and {limit} keys")));
        }
        self.repository(&input.bucket).await?;
        let mut outcome = Outcome::default();
        let mut by_root: BTreeMap<String, (Address, Vec<Removal>)> = BTreeMap::new();
        for object in objects {
            let parsed = check_version(object.version_id.as_deref())
                .and_then(|()| Address::parse(&input.bucket, &object.key));
            match parsed {
                Ok(at) => {
                    let if_match = object.e_tag.map(ETagCondition::ETag);
                    let conditions = WriteConditions {
                        if_match,
                        if_none_match: None,
                    };
                    let removal = Removal {
                        path: at.path.clone(),
                        conditions,
                    };
                    by_root
                        .entry(at.root.to_string())
                        .or_insert_with(|| (at, Vec::new()))
                        .1
                        .push(removal);
                }
                Err(error) => outcome.failed(object.key, &error),
            }
        }
        for (root, (at, removals)) in by_root {
            self.remove_all(&root, &at, removals, &mut outcome).await;
        }
        Ok(outcome.finish(quiet.unwrap_or(false)))
    }

    async fn remove_all(&self, root: &str, at: &Address, removals: Vec<Removal>, outcome: &mut Outcome) {
        let keys: Vec<String> = removals
            .iter()
            .map(|one| format!("{root}/{}", one.path))
            .collect();
        let removed = match self.place(at).await {
            Ok(place) => remove(&place, removals).await,
            Err(error) => Err(error),
        };
        match removed {
            Ok(failures) => {
                let mut failures: BTreeMap<usize, Error> = failures.into_iter().collect();
                for (index, key) in keys.into_iter().enumerate() {
                    match failures.remove(&index) {
                        Some(error) => outcome.failed(key, &error),
                        None => outcome.deleted(key),
                    }
                }
            }
            Err(error) => keys.into_iter().for_each(|key| outcome.failed(key, &error)),
        }
    }
}

/// Removes paths in one step; returns which were not removed, and why.
///
/// In the shared namespace nothing goes, and the client is told that it did: it means the files of a table that no
/// longer needs them, of which it cannot know that other refs do.
async fn remove(place: &Place, removals: Vec<Removal>) -> Result<Vec<(usize, Error)>> {
    let is_shared = place.home == Home::Shared;
    place
        .write(move |view| {
            let removals = removals.clone();
            async move {
                let (batch, failures) = plan(&view, &removals).await?;
                let batch = if is_shared { Batch::default() } else { batch };
                Ok((batch, failures))
            }
        })
        .await
}

/// Plans removals. What is not there needs none, so that the deletions of folder markers that S3A sends along
/// with every write leave nothing in the log.
async fn plan(view: &View, removals: &[Removal]) -> Result<(Batch, Vec<(usize, Error)>)> {
    let mut batch = Batch::default();
    let mut failures = Vec::new();
    for (index, removal) in removals.iter().enumerate() {
        let present = view.get(Space::Objects, removal.path.as_bytes()).await?;
        match removal.check(present.as_ref())? {
            Some(error) => failures.push((index, error)),
            None if present.is_some() => {
                batch.delete(Space::Objects, Bytes::copy_from_slice(removal.path.as_bytes()));
            }
            None => {}
        }
    }
    Ok((batch, failures))
}

impl Removal {
    /// Returns why this is not to be removed. Without a condition the value is not looked into, so that a
    /// damaged one can be removed.
    fn check(&self, present: Option<&Value>) -> Result<Option<Error>> {
        if self.conditions.is_empty() {
            return Ok(None);
        }
        let decode = |value: &Value| Object::decode(self.path.as_bytes(), &value.payload);
        let object = present.map(decode).transpose()?;
        Ok(self.conditions.check(&self.path, object.as_ref()).err())
    }
}

/// What became of the keys of a batch.
#[derive(Debug, Default)]
struct Outcome {
    deleted: Vec<DeletedObject>,
    errors: Vec<Failure>,
}

impl Outcome {
    fn deleted(&mut self, key: String) {
        self.deleted.push(DeletedObject {
            key: Some(key),
            ..DeletedObject::default()
        });
    }

    fn failed(&mut self, key: String, error: &Error) {
        self.errors.push(Failure {
            code: Some(error.code().as_str().to_owned()),
            key: Some(key),
            message: Some(error.to_string()),
            version_id: None,
        });
    }

    fn finish(self, quiet: bool) -> DeleteObjectsOutput {
        DeleteObjectsOutput {
            deleted: Some(if quiet { Vec::new() } else { self.deleted }),
            errors: Some(self.errors),
            ..DeleteObjectsOutput::default()
        }
    }
}
