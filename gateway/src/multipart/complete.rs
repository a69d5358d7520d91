//! The completion of an upload: an object of the segments of its parts.

use std::collections::BTreeMap;

use md5::{Digest as _, Md5};
use s3s::dto::{CompleteMultipartUploadInput, CompleteMultipartUploadOutput, CompletedPart, ETag};
use versioning::object::{Object, Segment};

use super::records::{Records, UploadId};
use crate::address::Address;
use crate::conditions::WriteConditions;
use crate::error::{Error, Result};
use crate::gateway::{Gateway, Place, fits};
use crate::segments;
use crate::wire::{hex, unhex};

/// An upload whose parts are found right.
struct Whole {
    place: Place,
    records: Records,
    key: String,
    id: UploadId,
    /// The parts that were uploaded, listed or not.
    numbers: Vec<i32>,
    object: Object,
    conditions: WriteConditions,
}

impl Gateway {
    /// Completes an upload.
    pub(crate) async fn complete_multipart(
        &self,
        input: CompleteMultipartUploadInput,
    ) -> Result<CompleteMultipartUploadOutput> {
        let at = Address::parse(&input.bucket, &input.key)?;
        let id = UploadId::parse(&input.upload_id)?;
        let place = self.place(&at).await?;
        let records = Records::of(&place.repository);
        let template = match records.find(&at.key(), &id).await {
            Ok(template) => template,
            Err(missing) => {
                let done = records.completed(&at.key(), &id).await?;
                return done.map(|etag| reply(&input, etag)).ok_or(missing);
            }
        };
        let uploaded = records.all_parts(&id).await?;
        let numbers = uploaded.iter().map(|(number, _)| *number).collect();
        let listed = input
            .multipart_upload
            .as_ref()
            .and_then(|upload| upload.parts.as_deref());
        let least = self.limits.part_bytes_min;
        let Joined { segments, etag } =
            join(listed.unwrap_or_default(), uploaded.into_iter().collect(), least)?;
        let object = Object {
            segments,
            etag: etag.clone(),
            modified_us: place.now_us(),
            ..template
        };
        check_size(input.mpu_object_size, object.size())?;
        let reply = reply(&input, etag);
        let conditions = WriteConditions {
            if_match: input.if_match,
            if_none_match: input.if_none_match,
        };
        let whole = Whole {
            place,
            records,
            key: at.key(),
            id,
            numbers,
            object,
            conditions,
        };
        whole.finish(reply).await
    }
}

impl Whole {
    /// Finishes at once, unless bytes have to be moved: then the client is kept waiting by blanks.
    async fn finish(self, reply: CompleteMultipartUploadOutput) -> Result<CompleteMultipartUploadOutput> {
        if fits(&self.object) {
            self.write().await?;
            return Ok(reply);
        }
        let written = async move {
            self.write().await?;
            Ok(reply)
        };
        Ok(CompleteMultipartUploadOutput {
            future: Some(Box::pin(written)),
            ..Default::default()
        })
    }

    /// Writes the object, then forgets the upload. A crash in between leaves an upload whose completion can be
    /// repeated: an object of these very segments, which are nobody else's, is its own, whatever the conditions say.
    /// (One of more segments than an entry holds is stored anew each time, and is not known again.)
    async fn write(self) -> Result<()> {
        let etag = self.object.etag.clone();
        let is_done = |present: &Object, object: &Object| {
            (&present.segments, &present.etag) == (&object.segments, &object.etag)
        };
        self.place
            .put_unless(is_done, self.object, self.conditions)
            .await?;
        self.records
            .complete(&self.key, &self.id, &self.numbers, &etag)
            .await
    }
}

fn reply(input: &CompleteMultipartUploadInput, etag: String) -> CompleteMultipartUploadOutput {
    CompleteMultipartUploadOutput {
        bucket: Some(input.bucket.clone()),
        key: Some(input.key.clone()),
        location: Some(format!("/{}/{}", input.bucket, input.key)),
        e_tag: Some(ETag::Strong(etag)),
        ..CompleteMultipartUploadOutput::default()
    }
}

fn check_size(expected: Option<i64>, size: u64) -> Result<()> {
    match expected {
        Some(expected) if u64::try_from(expected) != Ok(size) => Err(Error::Request(format!(
            "the parts have {size} bytes instead of {expected}"
        ))),
        _ => Ok(()),
    }
}

/// What an object becomes of its parts.
#[derive(Debug, PartialEq, Eq)]
struct Joined {
    segments: Vec<Segment>,
    etag: String,
}

/// Joins the listed parts: in ascending order, uploaded, with the etags that they got, and of the least size
/// but for the last.
fn join(listed: &[CompletedPart], mut uploaded: BTreeMap<i32, Object>, least: u64) -> Result<Joined> {
    if listed.is_empty() {
        return Err(Error::Request("no parts are listed".to_owned()));
    }
    let mut out = Vec::new();
    let mut hash = Md5::new();
    let mut before = 0;
    for (index, part) in listed.iter().enumerate() {
        let number = part.part_number.unwrap_or(0);
        if number <= before {
            return Err(Error::PartOrder);
        }
        before = number;
        let found = uploaded.remove(&number).filter(|found| has_etag(found, part));
        let found = found.ok_or(Error::Part { number })?;
        let size = found.size();
        if size < least && index + 1 < listed.len() {
            return Err(Error::PartSize { number, size, least });
        }
        hash.update(unhex(&found.etag).ok_or(Error::Part { number })?);
        segments::append(&mut out, &found.segments);
    }
    Ok(Joined {
        segments: out,
        etag: format!("{}-{}", hex(&hash.finalize()), listed.len()),
    })
}

fn has_etag(found: &Object, listed: &CompletedPart) -> bool {
    listed
        .e_tag
        .as_ref()
        .is_some_and(|etag| etag.value() == found.etag)
}

#[cfg(test)]
mod tests {
    use super::*;
    use versioning::object::DataFile;

    fn part(number: i32, etag: &str) -> CompletedPart {
        CompletedPart {
            part_number: Some(number),
            e_tag: Some(ETag::Strong(etag.to_owned())),
            ..CompletedPart::default()
        }
    }

    fn uploaded() -> BTreeMap<i32, Object> {
        [(1, 10, "aa"), (2, 10, "bb"), (5, 3, "cc")]
            .into_iter()
            .map(|(number, len, etag)| {
                let file = DataFile {
                    epoch: 0,
                    id: [number as u8; 16],
                };
                let segments = vec![Segment { file, offset: 0, len }];
                (
                    number,
                    Object {
                        segments,
                        etag: etag.to_owned(),
                        ..Object::default()
                    },
                )
            })
            .collect()
    }

    #[test]
    fn parts_have_to_be_right() {
        let cases = [
            (vec![(1, "aa"), (2, "bb"), (5, "cc")], "ok"),
            (vec![(1, "aa"), (5, "cc")], "ok"),
            (vec![(5, "cc")], "ok"),
            (vec![(2, "bb"), (1, "aa")], "InvalidPartOrder"),
            (vec![(1, "aa"), (1, "aa")], "InvalidPartOrder"),
            (vec![(0, "aa")], "InvalidPartOrder"),
            (vec![(1, "bb")], "InvalidPart"),
            (vec![(3, "aa")], "InvalidPart"),
            (vec![], "InvalidRequest"),
        ];
        for (listed, expected) in cases {
            let parts: Vec<CompletedPart> = listed.iter().map(|(number, etag)| part(*number, etag)).collect();
            let found = match join(&parts, uploaded(), 10) {
                Ok(_) => "ok".to_owned(),
                Err(error) => error.code().as_str().to_owned(),
            };
            assert_eq!(found, expected, "{listed:?}");
        }
        let small = join(&[part(1, "aa"), part(2, "bb")], uploaded(), 11);
        assert_eq!(small.unwrap_err().code().as_str(), "EntityTooSmall");
    }

    #[test]
    fn the_etag_is_the_hash_of_the_hashes() {
        let joined = join(&[part(1, "aa"), part(5, "cc")], uploaded(), 1).unwrap();
        assert_eq!(joined.segments.len(), 2);
        assert_eq!(joined.etag, format!("{}-2", hex(&Md5::digest([0xaa, 0xcc]))));
    }
}
