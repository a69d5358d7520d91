//! `symlink-manifests`: lists of the files of tables, as Hive's `SymlinkTextInputFormat` and its kin read them.
//!
//! They are written to a branch of their own, `{folder}/{database}/{table}/{partition}/manifest`, and name files at
//! the commit of the event: so they stay right whatever the branch does next.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use catalog::{Locator, OpenTable, Snapshot};
use versioning::object::Object;
use versioning::repository::CommitMessage;
use versioning::{Batch, CommitId, Error, KeyRange, RefExpr, RefName, Space};

use super::{Tables, Told, snapshot};
use crate::action::{Action, Call, Outcome};
use crate::document::{Fields, Wrong};

const FOLDER: &str = "_symlink_format_manifest";

#[derive(Debug)]
struct Manifests {
    tables: Tables,
    branch: RefName,
    scheme: String,
}

pub(crate) fn symlink_manifests(fields: &mut Fields) -> Result<Arc<dyn Action>, Wrong> {
    let tables = Tables::read(fields)?;
    let branch = fields.required_text("branch")?;
    let name =
        RefName::parse(&branch.value).map_err(|error| Wrong::at(branch.referenced, error.to_string()))?;
    Ok(Arc::new(Manifests {
        tables,
        branch: name,
        scheme: fields
            .text("scheme")?
            .map_or_else(|| "s3a".to_owned(), |scheme| scheme.value),
    }))
}

#[async_trait]
impl Action for Manifests {
    async fn run(&self, call: &Call<'_>) -> Outcome {
        call.within(async {
            if call.payload.branch == self.branch.as_str() {
                return Ok(Outcome::passed(
                    "nothing is done for the branch of the manifests itself",
                ));
            }
            let commit = call.commit()?;
            let snapshot = snapshot(call, commit).await?;
            let mut manifests = BTreeMap::new();
            for table in self.tables.open(&snapshot).await? {
                manifests.extend(self.of_table(call, commit, &snapshot, &table).await?);
            }
            let count = manifests.len();
            self.write(call, manifests).await?;
            Ok(Outcome::passed(format!(
                "{count} manifests are on the branch {}",
                self.branch
            )))
        })
        .await
    }
}

impl Manifests {
    /// Returns the manifests of a table by their paths.
    async fn of_table(
        &self,
        call: &Call<'_>,
        commit: CommitId,
        snapshot: &Snapshot,
        table: &OpenTable,
    ) -> Result<BTreeMap<String, String>, String> {
        let locator = Locator::new(
            call.repository.record().name.clone(),
            &RefExpr::from(commit),
            &self.scheme,
        );
        let mut places = Vec::new();
        if table.is_partitioned() {
            let mut partitions = snapshot.partitions(table.id);
            while let Some(partition) = partitions.next().await.told()? {
                if let Some(location) = partition.location().told()? {
                    let place = table.partition_place(partition.name, &location);
                    places.push((format!("{}/", partition.name), place));
                }
            }
        } else {
            places.extend(table.data_place().map(|place| (String::new(), place)));
        }
        let mut manifests = BTreeMap::new();
        for (partition, place) in places {
            let Some(prefix) = place.object_prefix() else {
                continue;
            };
            let mut lines = String::new();
            let mut scan = snapshot
                .view()
                .scan(Space::Objects, KeyRange::prefix(prefix.as_bytes().to_vec()));
            while let Some(entry) = scan.next().await.told()? {
                if catalog::is_data(&entry.key[prefix.len()..]) {
                    let below = String::from_utf8_lossy(&entry.key[prefix.len()..]);
                    lines += &format!("{}/{below}\n", locator.uri(&place).trim_end_matches('/'));
                }
            }
            let path = format!(
                "{FOLDER}/{}/{}/{partition}manifest",
                table.database.name, table.name
            );
            manifests.insert(path, lines);
        }
        Ok(manifests)
    }

    /// Writes manifests in place of those that were there for these tables, and commits them.
    async fn write(&self, call: &Call<'_>, manifests: BTreeMap<String, String>) -> Result<(), String> {
        let mut batch = Batch::default();
        for (path, lines) in manifests {
            let mut object = Object {
                modified_us: call.repository.clock().now_us(),
                ..Object::default()
            };
            if !lines.is_empty() {
                let mut upload = call.repository.upload().await.told()?;
                upload.write(Bytes::from(lines)).await.told()?;
                let stored = upload.finish().await.told()?;
                object.etag = stored.md5.iter().map(|byte| format!("{byte:02x}")).collect();
                object.segments = vec![stored.segment];
            }
            batch.put(Space::Objects, Bytes::from(path), object.encode());
        }
        let plan = move |_| {
            let batch = batch.clone();
            async move { Ok::<_, Error>((batch, ())) }
        };
        call.repository.write(&self.branch, plan).await.told()?;
        let words = CommitMessage {
            author: "skep".into(),
            message: format!(
                "manifests of {}",
                call.payload.commit.as_deref().unwrap_or_default()
            ),
            ..CommitMessage::default()
        };
        match call.repository.commit(&self.branch, words).await {
            Ok(_) | Err(Error::NothingToCommit { .. }) => Ok(()),
            Err(error) => Err(error.to_string()),
        }
    }
}
