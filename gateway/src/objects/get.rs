//! Reading an object: all of it, a part, or its description.

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use s3s::dto::{
    GetObjectInput, GetObjectOutput, HeadObjectInput, HeadObjectOutput, Range as Wanted, StreamingBlob,
};
use sync_wrapper::SyncStream;
use versioning::Repository;
use versioning::object::Object;

use super::ranges::Extent;
use crate::address::{Address, check_version};
use crate::conditions::ReadConditions;
use crate::error::{Error, Result};
use crate::gateway::Gateway;
use crate::wire::{Headers, etag, timestamp};

/// What is to be sent.
struct Found {
    repository: Repository,
    object: Object,
    extent: Extent,
}

/// What both kinds of reads ask for.
struct Wish<'a> {
    bucket: &'a str,
    key: &'a str,
    version: Option<&'a str>,
    part: Option<i32>,
    range: Option<&'a Wanted>,
    conditions: ReadConditions,
}

/// Returns the [`Wish`] of a GET or HEAD: the framework has a type of its own for each.
macro_rules! wish_of {
    ($input:ident) => {
        Wish {
            bucket: &$input.bucket,
            key: &$input.key,
            version: $input.version_id.as_deref(),
            part: $input.part_number,
            range: $input.range.as_ref(),
            conditions: ReadConditions {
                if_match: $input.if_match,
                if_none_match: $input.if_none_match,
                if_modified_since: $input.if_modified_since,
                if_unmodified_since: $input.if_unmodified_since,
            },
        }
    };
}

/// Describes a [`Found`] in the answer to a GET or HEAD.
macro_rules! described {
    ($found:ident, $Output:ident) => {{
        let headers = Headers::of(&$found.object);
        $Output {
            accept_ranges: Some("bytes".to_owned()),
            cache_control: headers.cache_control,
            content_disposition: headers.content_disposition,
            content_encoding: headers.content_encoding,
            content_language: headers.content_language,
            content_length: Some(length(&$found.extent)?),
            content_range: $found.extent.content_range,
            content_type: headers.content_type,
            e_tag: Some(etag(&$found.object)),
            last_modified: Some(timestamp($found.object.modified_us)),
            metadata: headers.user,
            ..$Output::default()
        }
    }};
}

impl Gateway {
    /// Streams an object.
    pub(crate) async fn get_object(&self, input: GetObjectInput) -> Result<GetObjectOutput> {
        let found = self.find(wish_of!(input)).await?;
        let body = open(&found).await?;
        Ok(GetObjectOutput {
            body: Some(body),
            ..described!(found, GetObjectOutput)
        })
    }

    /// Describes an object.
    pub(crate) async fn head_object(&self, input: HeadObjectInput) -> Result<HeadObjectOutput> {
        let found = self.find(wish_of!(input)).await?;
        Ok(described!(found, HeadObjectOutput))
    }

    async fn find(&self, wish: Wish<'_>) -> Result<Found> {
        check_version(wish.version)?;
        let (repository, object) = self.object(&Address::parse(wish.bucket, wish.key)?).await?;
        wish.conditions.check(&object)?;
        check_part(wish.part, &object)?;
        let extent = Extent::of(wish.range, object.size())?;
        Ok(Found {
            repository,
            object,
            extent,
        })
    }
}

/// Fails for a part of a multipart object: where the parts began is not kept.
fn check_part(part: Option<i32>, object: &Object) -> Result<()> {
    match part {
        None => Ok(()),
        Some(1) if !object.etag.contains('-') => Ok(()),
        Some(_) => Err(Error::Unsupported("reading an object by part number")),
    }
}

/// Opens the bytes, and waits for the first of them: what cannot be read at all is answered by an error, and
/// not by a reply that breaks off.
async fn open(found: &Found) -> Result<StreamingBlob> {
    if found.extent.len() == 0 {
        return Ok(blob(stream::empty()));
    }
    let mut bytes = found.repository.read(&found.object, found.extent.range.clone());
    let first = bytes.next().await.transpose()?;
    Ok(blob(stream::iter(first.map(Ok)).chain(bytes)))
}

fn blob<S>(bytes: S) -> StreamingBlob
where
    S: stream::Stream<Item = versioning::Result<bytes::Bytes>> + Send + 'static,
{
    let logged = bytes.inspect_err(|error| tracing::error!(%error, "an object could not be read to its end"));
    StreamingBlob::wrap(SyncStream::new(logged))
}

fn length(extent: &Extent) -> Result<i64> {
    let length = extent.len();
    i64::try_from(length).map_err(|_| Error::TooLarge {
        what: "the object",
        limit: i64::MAX as u64,
    })
}
