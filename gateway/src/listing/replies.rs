//! The two forms in which S3 asks for a listing, and gets it.

use s3s::dto::{
    CommonPrefix, EncodingType, ListObjectsInput, ListObjectsOutput, ListObjectsV2Input, ListObjectsV2Output,
    Object as Listed, ObjectStorageClass,
};
use versioning::object::Object;

use super::list::Listing;
use super::page::Query;
use super::token;
use crate::buckets::owner;
use crate::error::{Error, Result};
use crate::gateway::Gateway;
use crate::wire::{etag, timestamp, url_encode};

/// How keys are written.
#[derive(Debug, Clone, Copy)]
enum Writing {
    Plain,
    Url,
}

impl Writing {
    fn of(encoding: Option<&EncodingType>) -> Result<Writing> {
        match encoding.map(EncodingType::as_str) {
            None => Ok(Writing::Plain),
            Some(EncodingType::URL) => Ok(Writing::Url),
            Some(other) => Err(Error::Argument(format!("{other:?} is not an encoding of keys"))),
        }
    }

    fn write(self, key: &str) -> String {
        match self {
            Writing::Plain => key.to_owned(),
            Writing::Url => url_encode(key),
        }
    }

    fn write_opt(self, key: Option<&String>) -> Option<String> {
        key.map(|key| self.write(key))
    }

    fn groups(self, groups: &[String]) -> Vec<CommonPrefix> {
        groups
            .iter()
            .map(|group| CommonPrefix {
                prefix: Some(self.write(group)),
            })
            .collect()
    }

    fn entries(self, entries: &[(String, Object)], with_owner: bool) -> Vec<Listed> {
        entries
            .iter()
            .map(|(key, object)| Listed {
                e_tag: Some(etag(object)),
                key: Some(self.write(key)),
                last_modified: Some(timestamp(object.modified_us)),
                owner: with_owner.then(owner),
                size: i64::try_from(object.size()).ok(),
                storage_class: Some(ObjectStorageClass::from_static(ObjectStorageClass::STANDARD)),
                ..Listed::default()
            })
            .collect()
    }
}

impl Gateway {
    /// Lists by version 1: pages are continued by the last key.
    pub(crate) async fn list_objects(&self, input: ListObjectsInput) -> Result<ListObjectsOutput> {
        let writing = Writing::of(input.encoding_type.as_ref())?;
        let max = self.page_size(input.max_keys)?;
        let query = Query {
            prefix: input.prefix.clone().unwrap_or_default(),
            delimiter: input.delimiter.clone(),
            after: input.marker.clone().filter(|marker| !marker.is_empty()),
            max,
        };
        let listing = self.list(&input.bucket, query).await?;
        Ok(ListObjectsOutput {
            name: Some(input.bucket),
            prefix: Some(writing.write(input.prefix.as_deref().unwrap_or_default())),
            marker: Some(writing.write(input.marker.as_deref().unwrap_or_default())),
            max_keys: i32::try_from(max).ok(),
            is_truncated: Some(listing.next.is_some()),
            contents: Some(writing.entries(&listing.entries, true)),
            common_prefixes: Some(writing.groups(&listing.groups)),
            delimiter: writing.write_opt(input.delimiter.as_ref()),
            next_marker: writing.write_opt(listing.next.as_ref()),
            encoding_type: input.encoding_type,
            ..ListObjectsOutput::default()
        })
    }

    /// Lists by version 2: pages are continued by a token.
    pub(crate) async fn list_objects_v2(&self, input: ListObjectsV2Input) -> Result<ListObjectsV2Output> {
        let writing = Writing::of(input.encoding_type.as_ref())?;
        let max = self.page_size(input.max_keys)?;
        let after = match &input.continuation_token {
            Some(token) => Some(token::decode(token)?),
            None => input.start_after.clone().filter(|after| !after.is_empty()),
        };
        let query = Query {
            prefix: input.prefix.clone().unwrap_or_default(),
            delimiter: input.delimiter.clone(),
            after,
            max,
        };
        let listing = self.list(&input.bucket, query).await?;
        Ok(ListObjectsV2Output {
            name: Some(input.bucket),
            prefix: Some(writing.write(input.prefix.as_deref().unwrap_or_default())),
            max_keys: i32::try_from(max).ok(),
            key_count: count(&listing),
            continuation_token: input.continuation_token,
            is_truncated: Some(listing.next.is_some()),
            next_continuation_token: listing.next.as_deref().map(token::encode),
            contents: Some(writing.entries(&listing.entries, input.fetch_owner.unwrap_or(false))),
            common_prefixes: Some(writing.groups(&listing.groups)),
            delimiter: writing.write_opt(input.delimiter.as_ref()),
            start_after: writing.write_opt(input.start_after.as_ref()),
            encoding_type: input.encoding_type,
            ..ListObjectsV2Output::default()
        })
    }

    /// Returns how many keys a page may have: what is asked for, up to the limit.
    pub(crate) fn page_size(&self, asked: Option<i32>) -> Result<usize> {
        let limit = self.limits.page_max;
        match asked.map(usize::try_from) {
            None => Ok(limit),
            Some(Ok(asked)) => Ok(asked.min(limit)),
            Some(Err(_)) => Err(Error::Argument("a page cannot have a negative size".to_owned())),
        }
    }
}

fn count(listing: &Listing) -> Option<i32> {
    i32::try_from(listing.entries.len() + listing.groups.len()).ok()
}
