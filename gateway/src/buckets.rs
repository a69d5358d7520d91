//! Buckets: repositories, seen from S3.

use s3s::dto::{
    Bucket, BucketLocationConstraint, GetBucketLocationOutput, HeadBucketInput, HeadBucketOutput,
    ListBucketsOutput, Owner,
};

use crate::error::{Error, Result};
use crate::gateway::Gateway;
use crate::wire::timestamp;

/// The region that is told to who asks; requests signed for any region are taken.
const REGION: &str = "us-east-1";

impl Gateway {
    /// Lists the repositories.
    pub(crate) async fn list_buckets(&self) -> Result<ListBucketsOutput> {
        let buckets = self.repositories.list().await?.into_iter().map(|record| Bucket {
            name: Some(record.name.to_string()),
            creation_date: Some(timestamp(record.created_us)),
            ..Bucket::default()
        });
        Ok(ListBucketsOutput {
            buckets: Some(buckets.collect()),
            owner: Some(owner()),
            ..Default::default()
        })
    }

    /// Tells whether a repository is there.
    pub(crate) async fn head_bucket(&self, input: &HeadBucketInput) -> Result<HeadBucketOutput> {
        self.repository(&input.bucket).await?;
        Ok(HeadBucketOutput {
            bucket_region: Some(REGION.to_owned()),
            ..Default::default()
        })
    }

    /// Returns where a bucket lies: the empty constraint, which stands for `us-east-1`.
    pub(crate) async fn bucket_location(&self, bucket: &str) -> Result<GetBucketLocationOutput> {
        self.repository(bucket).await?;
        let location_constraint = Some(BucketLocationConstraint::from(String::new()));
        Ok(GetBucketLocationOutput { location_constraint })
    }
}

/// Refuses to create a repository: it needs a default branch and rules, of which S3 knows nothing.
pub(crate) fn refuse_create() -> Error {
    Error::Denied("repositories are not created by S3: use `skep repository create` or the REST API")
}

/// Refuses to remove a repository with its history.
pub(crate) fn refuse_delete() -> Error {
    Error::Denied("repositories are not removed by S3: use the REST API")
}

/// Returns the owner of everything.
pub(crate) fn owner() -> Owner {
    Owner {
        display_name: Some("skep".to_owned()),
        id: Some("skep".to_owned()),
    }
}
