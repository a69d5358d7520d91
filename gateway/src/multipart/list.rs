//! Listings of parts and of open uploads.

use s3s::dto::{
    CommonPrefix, EncodingType, ListMultipartUploadsInput, ListMultipartUploadsOutput, ListPartsInput,
    ListPartsOutput, MultipartUpload, Part,
};

use super::records::{After, Open, Records, UploadId};
use crate::address::Address;
use crate::error::{Error, Result};
use crate::gateway::Gateway;
use crate::listing::{Page, Query, Step};
use crate::wire::{etag, timestamp, url_encode};

impl Gateway {
    /// Lists the parts of an upload.
    pub(crate) async fn list_parts(&self, input: ListPartsInput) -> Result<ListPartsOutput> {
        let at = Address::parse(&input.bucket, &input.key)?;
        let id = UploadId::parse(&input.upload_id)?;
        let max = self.page_size(input.max_parts)?;
        let records = Records::of(&self.repository(&at.repository).await?);
        records.find(&at.key(), &id).await?;
        let after = input.part_number_marker.unwrap_or(0).max(0);
        let mut found = records.parts(&id, after, max + 1).await?;
        let truncated = found.len() > max;
        found.truncate(max);
        let next = found.last().map(|(number, _)| *number).filter(|_| truncated);
        let parts = found.iter().map(|(number, part)| Part {
            e_tag: Some(etag(part)),
            last_modified: Some(timestamp(part.modified_us)),
            part_number: Some(*number),
            size: i64::try_from(part.size()).ok(),
            ..Part::default()
        });
        Ok(ListPartsOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            upload_id: Some(input.upload_id),
            max_parts: i32::try_from(max).ok(),
            part_number_marker: Some(after),
            next_part_number_marker: next,
            is_truncated: Some(truncated),
            parts: Some(parts.collect()),
            ..ListPartsOutput::default()
        })
    }

    /// Lists the open uploads of a repository.
    pub(crate) async fn list_uploads(
        &self,
        input: ListMultipartUploadsInput,
    ) -> Result<ListMultipartUploadsOutput> {
        let max = self.page_size(input.max_uploads)?;
        let records = Records::of(&self.repository(&input.bucket).await?);
        let query = Query {
            prefix: input.prefix.clone().unwrap_or_default(),
            delimiter: input.delimiter.clone(),
            after: input
                .key_marker
                .clone()
                .filter(|_| input.upload_id_marker.is_none()),
            max,
        };
        let id = input.upload_id_marker.clone().filter(|id| !id.is_empty());
        let after = After {
            key: input.key_marker.clone().unwrap_or_default(),
            id,
        };
        let page = collect(&records, query, after).await?;
        let write = writing(input.encoding_type.as_ref())?;
        let uploads = page.uploads.iter().map(|open| MultipartUpload {
            initiated: Some(timestamp(open.template.modified_us)),
            key: Some(write(&open.key)),
            upload_id: Some(open.id.as_str().to_owned()),
            ..MultipartUpload::default()
        });
        let groups = page.groups.iter().map(|group| CommonPrefix {
            prefix: Some(write(group)),
        });
        Ok(ListMultipartUploadsOutput {
            bucket: Some(input.bucket),
            prefix: input.prefix.as_deref().map(write),
            delimiter: input.delimiter.as_deref().map(write),
            key_marker: Some(write(input.key_marker.as_deref().unwrap_or_default())),
            upload_id_marker: input.upload_id_marker,
            max_uploads: i32::try_from(max).ok(),
            is_truncated: Some(page.next.is_some()),
            next_key_marker: page.next.as_ref().map(|(key, _)| write(key)),
            next_upload_id_marker: page.next.and_then(|(_, id)| id),
            uploads: Some(uploads.collect()),
            common_prefixes: Some(groups.collect()),
            encoding_type: input.encoding_type,
            ..ListMultipartUploadsOutput::default()
        })
    }
}

fn writing(encoding: Option<&EncodingType>) -> Result<fn(&str) -> String> {
    match encoding.map(EncodingType::as_str) {
        None => Ok(str::to_owned),
        Some(EncodingType::URL) => Ok(url_encode),
        Some(other) => Err(Error::Argument(format!("{other:?} is not an encoding of keys"))),
    }
}

#[derive(Debug, Default)]
struct Uploads {
    uploads: Vec<Open>,
    groups: Vec<String>,
    /// The last key, with the id if it is an upload's, if there is more behind it.
    next: Option<(String, Option<String>)>,
}

/// Fills a page. Open uploads are few, so those below a common prefix are read and left out.
async fn collect(records: &Records, query: Query, mut after: After) -> Result<Uploads> {
    let mut out = Uploads::default();
    if query.max == 0 {
        return Ok(out);
    }
    let prefix = query.prefix.clone();
    let batch = query.max + 1;
    let mut page = Page::new(query);
    let mut last = None;
    loop {
        let found = records.uploads(&prefix, &after, batch).await?;
        let is_end = found.len() < batch;
        for open in found {
            after = After {
                key: open.key.clone(),
                id: Some(open.id.as_str().to_owned()),
            };
            if out
                .groups
                .last()
                .is_some_and(|group| open.key.starts_with(group.as_str()))
            {
                continue;
            }
            match page.offer(&open.key) {
                Step::Take => {
                    last = Some((open.key.clone(), Some(open.id.as_str().to_owned())));
                    out.uploads.push(open);
                }
                Step::Group(group) => {
                    last = Some((group.clone(), None));
                    out.groups.push(group);
                }
                Step::Skip(_) => {}
                Step::Full => {
                    out.next = last;
                    return Ok(out);
                }
            }
        }
        if is_end {
            return Ok(out);
        }
    }
}
