//! Which objects are working files of jobs: staged like all others, never committed.

/// Returns whether `path` lies in a folder in which an engine keeps a job's files until the job is done
/// (versioning.md 4.1): Hive's `.hive-staging*`, Spark's `.spark-staging*`, Hadoop's `_temporary`, and
/// `__magic` of the S3A committer.
pub fn is_ephemeral(path: &[u8]) -> bool {
    path.split(|byte| *byte == b'/').any(|folder| {
        folder == b"_temporary"
            || folder == b"__magic"
            || folder.starts_with(b".hive-staging")
            || folder.starts_with(b".spark-staging")
    })
}

#[cfg(test)]
mod tests {
    use super::is_ephemeral;

    #[test]
    fn folders_of_jobs_are_told_from_tables() {
        for path in [
            "db/t/_temporary/0/task_1/part-0.parquet",
            "db/t/.hive-staging_hive_2026/-ext-10000/000000_0",
            "db/t/.spark-staging-1/p=1/x.parquet",
            "db/t/__magic/job/x",
            "_temporary/",
        ] {
            assert!(is_ephemeral(path.as_bytes()), "{path}");
        }
        for path in [
            "db/t/part-0.parquet",
            "db/t/_SUCCESS",
            "db/temporary/x",
            "db/t/p=_temporary1/x",
        ] {
            assert!(!is_ephemeral(path.as_bytes()), "{path}");
        }
    }
}
